"""Scores a user's own, unlabelled data with a finished run: flags -> `runs.score`."""
import sys
from pathlib import Path

from kerasnd import cluster, process
from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Scores unlabelled data with a finished run and writes a .csv: the path or index of each example, its score, and, by the scores
of normals that the run held out, its p-value and whether it is novel: no more than a share alpha of normals will be called so.

  bin/score --run=saved_models/ocnn/photos/good/0 --input=new_photos/ --output=scores.csv
  bin/score --run=saved_models/ocnn/mnist/3/0 --input=new.npz --calibration=known_threes.npz --alpha=0.01 --output=scores.csv
  bin/score --run=saved_models/deep_sad/photos/good/0 --input=photos/ --output=scores.csv --suggest=20

bin/train holds out a tenth of the training normals of your own data; for other sets, say --config.protocol.calibration_share=0.1.
"""


def program():
    """Returns the `Flags` of this program."""
    score = flags.Flags(ABOUT)
    score.group("What to score")
    score.string("run", None, "The run folder.")
    score.string("input", None, "An image, a folder of images, TFRecords of images (image/encoded, or as TFDS writes them), .npz, "
                 ".mat or .csv, of any size.")
    score.string("output", None, "The .csv to write. What was interrupted goes on when the same command is given again.")
    score.number("alpha", "The share of normals that may be called novel (default: 0.05).")
    score.string("calibration", None, "Normals that were not trained on, in any form of --input: they take the place of those that "
                 "the run held out.")
    score.count("suggest", "So many training examples without a label that are most worth one, in NAME.suggested.csv beside the "
                "output: fill in its column hint and give it to bin/train --hints. --input is then the training data, or a part "
                "of its folder.", default=None, at_least=1)
    score.string("label_column", None, "A column of a .csv input that is no feature.")
    score.switch("skip_unreadable", "Leave out what cannot be read; else it has a row without a score, and the reason.")
    finished.machine_flags(score)
    score.choice("engine", list(cluster.ENGINES), "ray: read and score on the nodes of a Ray cluster (pip install 'kerasnd[ray]'), "
                 "of which all can read --input under its path; --threads is then that of each worker, one by default.")
    score.string("address", None, "The Ray cluster: host:port, ray://host:port, auto, or local for this machine alone (default: "
                 "RAY_ADDRESS, or local).")
    return score


def score(values, overrides):
    """Hands the run, the input and the output to `runs.score`."""
    finished.no_overrides(overrides)
    run = finished.existing_run(values)
    finished.required(values, input="FILE_OR_FOLDER", output="scores.csv")
    source, output = (Path(values[name].value).expanduser() for name in ("input", "output"))
    held_out = Path(values["calibration"].value).expanduser() if values["calibration"].value else None
    for name, path in (("input", source), ("calibration", held_out)):
        if path is not None and not path.exists():
            raise Misuse(f"`--{name}` must be a file or a folder that exists. Received: --{name}={path}. Check the path.")
    if output.suffix != ".csv" or output.is_dir():
        raise Misuse(f"`--output` must name a .csv file. Received: --output={output}. Write --output=scores.csv.")
    cluster.check(values["engine"].value, values["address"].value)
    process.settle(values["device"].value, values["threads"].value)
    process.import_tensorflow()
    from kerasnd import runs
    same = ("alpha", "label_column", "skip_unreadable", "device", "threads", "suggest", "engine", "address")
    runs.score(run, source, output, calibration=held_out, **{name: values[name].value for name in same})


def main(argv=None):
    """Returns the exit code."""
    return flags.run("score", program(), score, argv, on_interrupt="The same command again goes on behind the last row.")


if __name__ == "__main__":
    sys.exit(main())
