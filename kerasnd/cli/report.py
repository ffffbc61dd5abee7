"""Gathers many runs into one table: flags -> `report.write`."""
import sys
from pathlib import Path

from kerasnd import process
from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Gathers every finished run below a folder into a table, mean +- standard deviation over classes and seeds; as .html also a page with
a section for every run: curves, extreme images, where their scores come from, false alarms beside their nearest neighbours.

  bin/report --runs=saved_models --to=results.md
  bin/report --runs=saved_models --to=results.html
"""


def program():
    """Returns the `Flags` of this program."""
    report = flags.Flags(ABOUT)
    report.group("What to report")
    report.string("runs", None, "A folder that holds run folders, at any depth.")
    report.string("to", None, "The file to write: .md, .csv, or .html for one page that needs no network.")
    report.group("Of the .html")
    report.count("evidence", "Models that are asked for images, maps and neighbours: of each row and class the first seed, at most "
                 "so many. 0 asks none.", default=24)
    report.string("data_dir", None, "Prepared TFDS data sets (default: where each run found them).")
    return report


def report(values, overrides):
    """Hands the folder and the file to `report.write`, which needs no TensorFlow, or to `reporting.write`, which asks models."""
    finished.no_overrides(overrides)
    finished.required(values, runs="saved_models", to="results.md")
    runs = Path(values["runs"].value).expanduser()
    if not runs.is_dir():
        raise Misuse(f"`--runs` must be a folder that exists. Received: --runs={runs}. Check the path.")
    to = Path(values["to"].value).expanduser()
    if to.suffix.lower() == ".html":
        if values["evidence"].value:
            process.settle()
            process.import_tensorflow()
        from kerasnd import reporting
        reporting.write(runs, to, values["evidence"].value, values["data_dir"].value, ["bin/report", *sys.argv[1:]])
        return
    if to.suffix.lower() not in (".md", ".csv"):
        raise Misuse(f"`--to` must end in .md, .csv or .html. Received: --to={to}. It chooses the format.")
    from kerasnd.report import write
    write(runs, to)


def main(argv=None):
    """Returns the exit code."""
    return flags.run("report", program(), report, argv)


if __name__ == "__main__":
    sys.exit(main())
