"""What the programs that work on a finished run share."""
from pathlib import Path

from kerasnd.errors import Misuse


def machine_flags(program):
    """Adds the flags that say on what to compute."""
    program.group("The machine")
    program.choice("device", ["auto", "cpu", "gpu"], "Where to compute.")
    program.count("threads", "Threads of one operation; 0 leaves the choice to TensorFlow.")


def required(values, **examples):
    """Raises Misuse for the first flag of `examples` ({name: what one writes}) that was not given."""
    for name, example in examples.items():
        if not values[name].value:
            raise Misuse(f"`--{name}` must be given. Received: none. Write --{name}={example}.")


def existing_run(values):
    """Path of --run. Raises Misuse where it is missing or no run was begun there."""
    required(values, run="saved_models/METHOD/DATASET/NORMAL/SEED")
    run = Path(values["run"].value).expanduser()
    if not (run / "config.json").is_file():
        raise Misuse(f"`--run` must be the folder of a run, with a config.json. Received: --run={run}. "
                     "bin/train makes one and prints its path.")
    return run


def no_overrides(overrides):
    """Raises Misuse for a --config.KEY given to a program that reads the run's own config."""
    if overrides:
        raise Misuse(f"`--config.{overrides[0][0]}` must not be given here: the run's own config holds. "
                     "Train another run with bin/train to change it.")


def protocol_options(overrides):
    """The overrides, where all are options of the run's protocol. Raises Misuse for any other."""
    no_overrides([each for each in overrides if not each[0].startswith("protocol.") or each[0] == "protocol.name"])
    return overrides
