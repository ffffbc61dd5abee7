"""Replays an exported model's golden inputs: flags -> `serving.verifying.verify`."""
import sys

from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Loads an exported model in a process without kerasnd and Keras, and compares what it answers with what it answered in memory.

  bin/verify --model=saved_models/digits/1
"""


def program():
    """Returns the `Flags` of this program."""
    verify = flags.Flags(ABOUT)
    verify.group("What to verify")
    verify.string("model", None, "The folder of one version of a served model.")
    return verify


def verify(values, overrides):
    """Hands the folder to `verifying.verify`, and prints what was compared."""
    if overrides:
        raise Misuse(f"`--config` must be left to bin/train. Received: --config.{overrides[0][0]}.")
    finished.required(values, model="saved_models/NAME/1")
    from kerasnd.serving import verifying
    told = verifying.verify(values["model"].value)[0]
    print(f"{told['model']}: {told['examples']} answers of {len(told['signatures'])} signatures, in {told['batches']} batches, are "
          f"those of the model in memory; the largest deviation is {told['worst']:.2g} of what is allowed")


def main(argv=None):
    """Returns the exit code."""
    return flags.run("verify", program(), verify, argv)


if __name__ == "__main__":
    sys.exit(main())
