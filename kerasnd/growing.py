"""A file that grows by whole batches, and survives a kill: the same command again goes on behind the last one."""
import csv
import glob
import hashlib
import json
import os
import pathlib

from kerasnd.errors import Misuse
from kerasnd.lock import hold


class GrowingTable:
    """A .csv that becomes `path` once it is whole; until then it grows in a hidden file beside it.

    Beside the hidden file a journal tells how many of its bytes hold whole batches, and of how many rows of the input. What lies
    behind these bytes was being written when the process was killed, and is cut off.

    Args:
        path: Path of the .csv; its folder is made where it is missing.
        header: sequence of str.
        identity: value of JSON's types, of all that the content depends on: half a table of another identity is thrown away.

    Attributes:
        done: dict, {"rows": of the input so far, ...}, as of the last batch; it may be counted in.

    Raises:
        Misuse: another process writes it.
    """

    def __init__(self, path, header, identity):
        self.path, self.header = pathlib.Path(path), header
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        self.partial = self.path.with_name(f".{self.path.stem}.{digest}.partial.csv")
        self.journal = self.partial.with_suffix(".json")
        self.done = {"rows": 0, "bytes": 0}

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.partial, "a", newline="", encoding="utf-8")
        try:
            hold(self._file, "output", self.path)
        except Misuse:
            self._file.close()
            raise
        for stale in self.path.parent.glob(f".{glob.escape(self.path.stem)}.????????????????.partial.*"):
            if stale not in (self.partial, self.journal):
                stale.unlink(missing_ok=True)
        self._go_on()
        self._rows = csv.writer(self._file)
        if not self.done["bytes"]:
            self.add([self.header], 0)
        return self

    def _go_on(self):
        try:
            done = json.loads(self.journal.read_text())
            if not 0 < done["bytes"] <= os.path.getsize(self.partial):
                raise ValueError("more was counted than reached the disk")
            self.done = done
        except (OSError, ValueError, KeyError, TypeError):
            pass                # none, or half of one: from the start
        os.truncate(self.partial, self.done["bytes"])

    def add(self, rows, n, **counts):
        """Writes a batch, which stands for `n` rows of the input, and adds `counts` to what is `done`."""
        self._rows.writerows(rows)
        self._file.flush()
        self.done.update({"rows": self.done["rows"] + n, "bytes": os.path.getsize(self.partial)},
                         **{name: self.done.get(name, 0) + count for name, count in counts.items()})
        fresh = self.journal.with_suffix(".new")
        fresh.write_text(json.dumps(self.done))
        os.replace(fresh, self.journal)

    def finish(self):
        """Makes the file what it was to be."""
        os.fsync(self._file.fileno())
        os.replace(self.partial, self.path)
        self.journal.unlink(missing_ok=True)

    def discard(self):
        """Leaves nothing."""
        for path in (self.partial, self.journal):
            path.unlink(missing_ok=True)

    def __exit__(self, *raised):
        self._file.close()
        if not self.done["rows"]:
            self.discard()
