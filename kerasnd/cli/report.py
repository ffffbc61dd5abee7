"""Gathers many runs into one table: flags -> `report.write`."""
import sys
from pathlib import Path

from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Gathers every finished run below a folder into a table, mean +- standard deviation over classes and seeds.

  bin/report --runs=saved_models --to=results.md
"""


def program():
    """Returns the `Flags` of this program."""
    report = flags.Flags(ABOUT)
    report.group("What to report")
    report.string("runs", None, "A folder that holds run folders, at any depth.")
    report.string("to", None, "The table to write: .md or .csv.")
    return report


def report(values, overrides):
    """Hands the folder and the file to `report.write`, which needs no TensorFlow."""
    finished.no_overrides(overrides)
    finished.required(values, runs="saved_models", to="results.md")
    runs = Path(values["runs"].value).expanduser()
    if not runs.is_dir():
        raise Misuse(f"`--runs` must be a folder that exists. Received: --runs={runs}. Check the path.")
    from kerasnd.report import write
    write(runs, Path(values["to"].value).expanduser())


def main(argv=None):
    """Returns the exit code."""
    return flags.run("report", program(), report, argv)


if __name__ == "__main__":
    sys.exit(main())
