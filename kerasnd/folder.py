"""A run is a folder: written whole or not at all, by one process at a time."""
import contextlib
import json
import shutil
from pathlib import Path

from kerasnd.atomic import PARTIAL, whole
from kerasnd.errors import BadData, Misuse

FORMAT = 1          # of run folders; a newer one is refused in words
RECORD, METRICS, DETECTOR, SCORES = "config.json", "metrics.json", "detector.keras", "scores.npz"


def write_json(path, value):
    """Writes plain values as indented JSON."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path):
    """Reads it back.

    Raises:
        BadData: it is missing or damaged.
    """
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise BadData(f"{path} is missing: {Path(path).parent} is not a run folder, or its run did not start.") from error
    except (OSError, ValueError) as error:
        raise BadData(f"{path} cannot be read: {error}. Start the run again with --overwrite.") from error


class RunFolder:
    """The place of one run.

    Args:
        path: str or path; made if it is not there.
    """

    def __init__(self, path):
        self.path = Path(path)

    def __truediv__(self, name):
        return self.path / name

    @contextlib.contextmanager
    def locked(self):
        """Holds the folder for this process; the system lets go of it when the process ends, however it ends.

        Raises:
            Misuse: another process has it. BadData: it cannot be made.
        """
        import fcntl
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = open(self.path / ".lock", "w")
        except OSError as error:
            raise BadData(f"cannot make the run folder {self.path}: {error.strerror}. Choose another --run.") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Misuse(f"`run` must be free. Received: {self.path}, where another process is training. Wait for it, or "
                             "choose another --run.") from error
            for stale in self.path.rglob(f".*{PARTIAL}*"):     # halves of files whose writer was killed
                stale.unlink()
            yield self

    def clear(self):
        """Removes what runs write, and nothing else."""
        for name in (METRICS, RECORD, DETECTOR, SCORES, "log.txt", "checkpoint.npz"):
            (self.path / name).unlink(missing_ok=True)
        for name in ("figures", "events", "stages"):
            shutil.rmtree(self.path / name, ignore_errors=True)

    @property
    def finished(self):
        """bool, the run ended and everything is in place: the metrics are written last."""
        return (self.path / METRICS).exists()

    def record(self):
        """The content of config.json.

        Raises:
            BadData: missing or damaged. Misuse: of a newer format.
        """
        record = read_json(self.path / RECORD)
        if record.get("format", 0) > FORMAT:
            raise Misuse(f"`run` must be of format {FORMAT} or older. Received: {self.path} of format {record['format']}, written by "
                         f"kerasnd {record.get('versions', {}).get('kerasnd')}. Update kerasnd.")
        return record
