"""Scores a user's own, unlabelled data with a finished run: flags -> `runs.score`."""
import sys
from pathlib import Path

from kerasnd import process
from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Scores unlabelled data with a finished run and writes a .csv: the path or index of each example, and its score.

  bin/score --run=saved_models/ocnn/photos/good/0 --input=new_photos/ --output=scores.csv
"""


def program():
    """Returns the `Flags` of this program."""
    score = flags.Flags(ABOUT)
    score.group("What to score")
    score.string("run", None, "The run folder.")
    score.string("input", None, "An image, a folder of images, .npz, .mat or .csv.")
    score.string("output", None, "The .csv to write.")
    score.string("label_column", None, "A column of a .csv input that is no feature.")
    score.switch("skip_unreadable", "Leave broken images out, and say which, instead of stopping.")
    finished.machine_flags(score)
    return score


def score(values, overrides):
    """Hands the run, the input and the output to `runs.score`."""
    finished.no_overrides(overrides)
    run = finished.existing_run(values)
    finished.required(values, input="FILE_OR_FOLDER", output="scores.csv")
    source, output = (Path(values[name].value).expanduser() for name in ("input", "output"))
    if not source.exists():
        raise Misuse(f"`--input` must be a file or a folder that exists. Received: --input={source}. Check the path.")
    if output.suffix != ".csv" or output.is_dir():
        raise Misuse(f"`--output` must name a .csv file. Received: --output={output}. Write --output=scores.csv.")
    process.settle(values["device"].value, values["threads"].value)
    process.import_tensorflow()
    from kerasnd import runs
    runs.score(run, source, output,
               **{name: values[name].value for name in ("label_column", "skip_unreadable", "device", "threads")})


def main(argv=None):
    """Returns the exit code."""
    return flags.run("score", program(), score, argv)


if __name__ == "__main__":
    sys.exit(main())
