"""Exports a finished run for TensorFlow Serving: flags -> `exporting.export`."""
import sys
from pathlib import Path

from kerasnd import process
from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Writes a finished run as the next version of a served model, and replays it from the disk before it says that it is done.

  bin/export --run=saved_models/ocnn/digits/3/0 --to=saved_models/digits
  bin/export --run=saved_models/ocnn/photos/good/0 --to=saved_models/photos --calibration=more_good_photos/ --alpha=0.01

Its answers are score, p_value and is_novel: at most the share alpha of normals like those that calibrated it is called novel. They
must not have been trained on: those of --calibration; else what the run held out, its validation part, or its test part.
"""


def program():
    """Returns the `Flags` of this program."""
    export = flags.Flags(ABOUT)
    export.group("What to export")
    export.string("run", None, "The run folder.")
    export.string("to", None, "The model's folder; the version goes to the next number in it. For the other formats a "
                  "file, .tflite or .onnx.")
    export.group("Its verdicts")
    export.number("alpha", "Share of normals that may be called novel (default: 0.05).")
    export.string("calibration", "", "Normals that were not trained on: a folder of images, .npz, .mat or .csv.")
    export.string("label_column", None, "A column of a .csv of --calibration that is no feature.")
    export.group("More")
    export.choice("format", ["saved_model", "litert", "onnx"], "litert, onnx: one file, where the method's operations allow.")
    export.string("data_dir", None, "Where TFDS sets are prepared; else where the run found them.")
    export.string("licence", "", "Of the weights, for the model card.")
    export.number("white", "The raw value of a white pixel in images that are sent as files, where floats were trained on "
                           "(default: the largest training value).")
    export.count("threads", "Threads of one operation; 0 leaves the choice to TensorFlow.")
    return export


def export(values, overrides):
    """Hands the run, the folder and the calibration to `exporting.export`."""
    finished.no_overrides(overrides)
    run = finished.existing_run(values)
    finished.required(values, to="saved_models/NAME")
    to, calibration = (Path(values[name].value or "").expanduser() for name in ("to", "calibration"))
    if values["calibration"].value and not calibration.exists():
        raise Misuse(f"`--calibration` must be a file or a folder that exists. Received: --calibration={calibration}. Check the "
                     "path.")
    if to.resolve() == run.resolve():
        raise Misuse(f"`--to` must be another folder than the run's. Received: --to={to}. Write --to=saved_models/NAME.")
    process.settle("cpu", values["threads"].value)
    process.import_tensorflow()
    from kerasnd import exporting
    exporting.export(run, to, alpha=0.05 if values["alpha"].value is None else values["alpha"].value,
                     calibration=str(calibration) if values["calibration"].value else "", command=sys.argv,
                     **{name: values[name].value for name in ("data_dir", "label_column", "licence", "white", "threads",
                                                              "format")})


def main(argv=None):
    """Returns the exit code."""
    return flags.run("export", program(), export, argv)


if __name__ == "__main__":
    sys.exit(main())
