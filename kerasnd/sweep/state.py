"""The folder of a sweep: a run folder for each cell, and beside them what is known of each cell.

    <row>/<dataset>/<normal>/<seed>/    run folders, as bin/train leaves them
    cells/<name>.json                   status, seconds, error, command of a cell
    cells/<name>.log                    what its process printed
"""
import contextlib
import datetime
import pathlib

from kerasnd.errors import Misuse
from kerasnd.folder import METRICS, RunFolder, read_json, write_json
from kerasnd.lock import held_folder

DONE, FAILED, BEGUN = "done", "failed", "begun"


class Sweep:
    """The folder.

    Args:
        path: str or Path; made when something is written.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path).expanduser().absolute()

    @contextlib.contextmanager
    def locked(self):
        """Holds the folder for this process.

        Raises:
            Misuse: another process has it, or the path cannot be a folder. BadData: the disk is at fault.
        """
        with held_folder(self.path, "to", "another sweep"):
            yield self

    @property
    def begun(self):
        """bool, a cell was."""
        return (self.path / "cells").is_dir()

    def run(self, cell):
        """RunFolder of a cell."""
        return RunFolder(self.path / cell.folder)

    def log(self, cell):
        """Path of what the cell's process prints."""
        return self._file(cell, "log")

    def facts(self, cell):
        """dict, what is known of a cell; {} where it was never begun."""
        path = self._file(cell, "json")
        return read_json(path) if path.exists() else {}

    def note(self, cell, **facts):
        """Adds to what is known of a cell; None takes a fact away."""
        known = {**self.facts(cell), **facts, "at": f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}"}
        write_json(self._file(cell, "json"), {name: value for name, value in known.items() if value is not None})

    def done(self, job):
        """bool, a job is finished.

        Raises:
            Misuse: its folder holds a run of another config.
        """
        known, run = self.facts(job.cell), self.run(job.cell)
        if known.get("digest", job.digest) != job.digest and job.digest and run.learned:
            raise Misuse(f"`--to` must be new, or of the same configs. Received: {run.path}, which was trained with others: other "
                         "epochs, another --budget or other overrides. Choose another --to, or remove that folder.")
        return run.finished

    def lenders(self, jobs):
        """{Job.shared: Path of a finished run whose first stage it is}, of these jobs and of what earlier commands ran here."""
        earlier = {}
        for path in sorted((self.path / "cells").glob("*.json")):
            known = read_json(path)
            if known.get("status") == DONE and known.get("shared") and RunFolder(self.path / known["folder"]).finished:
                earlier.setdefault(known["shared"], self.path / known["folder"])
        return {**earlier, **{job.shared: self.run(job.cell).path for job in reversed(jobs) if job.shared and self.done(job)}}

    def result(self, cell):
        """dict, the metrics of a cell that is done, {"error": text} of one that failed, None of one that was not run."""
        run, known = self.run(cell), self.facts(cell)
        if run.finished:
            return {**read_json(run / METRICS), "wall_seconds": known.get("seconds")}
        return {"error": known["error"]} if known.get("status") == FAILED else None

    def _file(self, cell, suffix):
        return self.path / "cells" / ("__".join(cell.folder.parts) + f".{suffix}")
