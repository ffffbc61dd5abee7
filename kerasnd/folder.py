"""A run is a folder: written whole or not at all, by one process at a time."""
import contextlib
import json
from pathlib import Path

from kerasnd.atomic import PARTIAL, whole
from kerasnd.errors import BadData, Misuse
from kerasnd.lock import held_folder

FORMAT = 1          # of run folders; a newer one is refused in words
RECORD, METRICS, DETECTOR, SCORES = "config.json", "metrics.json", "detector.keras", "scores.npz"
CALIBRATION = "calibration.npz"     # scores of held-out normals, where the protocol kept any
METRICS_ATTACK, SCORES_ATTACK = "metrics_attack.json", "scores_attack_{}.npz"      # of bin/evaluate --attack
METRICS_SHARES = "metrics_shares.json"                                             # of bin/evaluate --shares
METRICS_NND = "metrics_nnd.json"                                                   # of bin/evaluate --each_class
CHECKPOINT, LOG = "checkpoint.npz", "log.txt"
# Everything else that a run writes: what --overwrite may remove.
WRITTEN = (CALIBRATION, METRICS_ATTACK, METRICS_SHARES, METRICS_NND, SCORES_ATTACK.format("*"), "figures/*.png", "stages/*.keras",
           "events/*/*/events.out.tfevents.*")
# How .csv tables are read where nothing else is said; the records of 0.1.0 do not say it.
TABLES = {"missing": "refuse", "categorical": "onehot"}
AGAIN = "Start the run again with --overwrite."


def as_json(value):
    """str, plain values as indented JSON in ASCII."""
    return json.dumps(value, indent=2) + "\n"


def write_json(path, value):
    """Writes plain values, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(as_json(value))


def read_json(path):
    """Reads a dict back.

    Raises:
        BadData: it is missing or damaged.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError(f"it holds a {type(value).__name__}")
        return value
    except FileNotFoundError as error:
        raise BadData(f"{path} is missing: {Path(path).parent} is not a run folder, or its run did not start.") from error
    except (OSError, ValueError) as error:
        raise BadData(f"{path} cannot be read: {error}. {AGAIN}") from error


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
            Misuse: another process has it, or the path cannot be a folder. BadData: the disk is at fault.
        """
        with held_folder(self.path, "run"):
            for stale in self._files(f".*{PARTIAL}*", f"figures/.*{PARTIAL}*", f"stages/.*{PARTIAL}*"):
                stale.unlink()          # half a file, whose writer was killed
            yield self

    def _files(self, *patterns):
        return [path for pattern in patterns for path in self.path.glob(pattern) if not path.is_dir()]

    def clear(self):
        """Removes what runs write, and nothing else, in an order that leaves a run of the same config however far it comes.

        Without metrics the run is unfinished, without a checkpoint it begins at the start; the record goes last, so that a
        checkpoint is never taken for one of another config.
        """
        for name in (METRICS, CHECKPOINT, SCORES, DETECTOR, LOG):
            (self.path / name).unlink(missing_ok=True)
        for path in self._files(*WRITTEN):
            path.unlink()
            for empty in path.relative_to(self.path).parents[:-1]:
                with contextlib.suppress(OSError):      # a file of another's is in it
                    (self.path / empty).rmdir()
        (self.path / RECORD).unlink(missing_ok=True)

    def refuse_foreign(self):
        """Raises Misuse where config.json is whole but no record of a run: the folder is somebody else's."""
        if self.begun:
            with contextlib.suppress(BadData):
                self.record()

    @property
    def begun(self):
        """bool, a run was started here."""
        return (self.path / RECORD).exists()

    @property
    def learned(self):
        """bool, something would be lost if the run began anew."""
        return bool(self._files(CHECKPOINT, DETECTOR, METRICS, "stages/*.keras"))

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
        form, config = record.get("format", 0), record.get("config")
        if isinstance(form, int) and form > FORMAT:
            raise Misuse(f"`run` must be of format {FORMAT} or older. Received: {self.path} of format {form}, written by kerasnd "
                         f"{(record.get('versions') or {}).get('kerasnd')}. Update kerasnd.")
        missing = {"seed", "source", "normal", "protocol", "stages"} - set(config if isinstance(config, dict) else ())
        if missing or not isinstance(form, int):
            raise Misuse(f"{self.path / RECORD} is no record of a run: it lacks {', '.join(sorted(missing)) or 'a format'}. Choose "
                         "another --run.")
        config["source"] = {**TABLES, **config["source"]}
        return record

    def finished_record(self):
        """As `record`, of a run that came to its end.

        Raises:
            Misuse: it is not finished.
        """
        record = self.record()
        if not self.finished:
            raise Misuse(f"`run` must be finished. Received: {self.path}, which has no {METRICS}. Give its bin/train command "
                         "again: it goes on from its last checkpoint.")
        return record
