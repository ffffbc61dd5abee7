"""A cell of a sweep: one method on one data set with one normal class and one seed. It is what one call of bin/train does."""
import dataclasses
import re
from pathlib import Path

from kerasnd.config_file import split_variant


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run to be.

    Args:
        row: str, the row of the table that it belongs to, and the first part of its folder; "ocnn", "deep_sad, scenario (i)".
        dataset: str, as --dataset.
        normal: str, as --normal; "": the data set's own, as of ODDS tables.
        seed: int >= 0.
        method: str, as --method, or "" where `config` says it.
        config: str, as --config, or "".
        overrides: tuple of (key, text), as --config.KEY=TEXT.
        flags: tuple of (name, text), other flags of bin/train: ("outliers", "uniform_noise").
        shorten: float >= 1, by which its epochs are divided where nothing else is asked for.
    """
    row: str
    dataset: str
    normal: str
    seed: int
    method: str = ""
    config: str = ""
    overrides: tuple = ()
    flags: tuple = ()
    shorten: float = 1.0

    @property
    def folder(self):
        """Path of its run below the sweep's folder; cells of a sweep that are not the same have different ones."""
        return Path(*map(plain, (self.row, Path(self.dataset).stem if self.own else self.dataset, self.normal or "all", self.seed)))

    @property
    def own(self):
        """bool, its data set is a path."""
        return "/" in self.dataset or bool(Path(self.dataset).suffix)

    def words(self, run, **more):
        """list of str, the words of bin/train that run it.

        Args:
            run: path of its run folder.
            **more: other flags, as data_dir and threads; None and "" are left out.
        """
        given = {"method": self.method, "config": self.config, "dataset": self.dataset, "normal": self.normal,
                 "seed": self.seed, **dict(self.flags), **more, "run": run}
        return [*(f"--{name}={text}" for name, text in given.items() if text not in ("", None)),
                *(f"--config.{key}={text}" for key, text in self.overrides)]


def row_of(method, config):
    """str, the row of a sweep from flags: the method, or the config file's name and variant."""
    if not config:
        return method
    name, variant = split_variant(config)
    return " ".join(filter(None, [Path(name).stem, variant]))


def plain(text):
    """A text as the name of one folder, inside its parent, on every file system."""
    return re.sub(r"[^\w.+=-]+", "_", str(text)).strip("_").lstrip(".")[:100] or "_"
