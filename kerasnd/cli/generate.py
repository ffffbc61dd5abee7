"""Draws new examples with a finished run: flags -> `generating.generate`."""
import sys
from pathlib import Path

from kerasnd import process
from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Draws new examples from noise with a finished gpnd or vae run, and writes them as `x` of an .npz file (`y`: 0).

  bin/generate --run=saved_models/gpnd/mnist/8/0 --n=5000 --to=eights.npz

The file can be judged against: bin/evaluate --run=DIR --outliers=eights.npz
"""


def program():
    """Returns the `Flags` of this program."""
    generate = flags.Flags(ABOUT)
    generate.group("What to draw")
    generate.string("run", None, "The run folder.")
    generate.count("n", "How many examples.")
    generate.string("to", None, "The .npz to write.")
    generate.count("seed", "Of the noise; the first examples of a seed are the same whatever --n.")
    finished.machine_flags(generate)
    return generate


def generate(values, overrides):
    """Hands the run, the number and the file to `generating.generate`."""
    finished.no_overrides(overrides)
    run = finished.existing_run(values)
    finished.required(values, n="5000", to="negatives.npz")
    to = Path(values["to"].value).expanduser()
    if to.suffix != ".npz" or to.is_dir():
        raise Misuse(f"`--to` must name an .npz file. Received: --to={to}. Write --to=negatives.npz.")
    process.settle(values["device"].value, values["threads"].value)
    process.import_tensorflow()
    from kerasnd import generating
    generating.generate(run, values["n"].value, to, **{name: values[name].value for name in ("seed", "device", "threads")})


def main(argv=None):
    """Returns the exit code."""
    return flags.run("generate", program(), generate, argv)


if __name__ == "__main__":
    sys.exit(main())
