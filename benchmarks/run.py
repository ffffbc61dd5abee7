"""Runs the benchmarks and prints Markdown: flags -> the benchmarks' `report`."""
import dataclasses
import importlib.util
import shlex
import sys
import time
from pathlib import Path

import attacks
import classics
import gpnd_step
import inference
import jacobians
import latency
import neighbours
import pipeline
import results
import same_step
import scoring_folder
import ssad_fit
import sweep
import training_step
import unet
import vit
import worker
from cases import CASES

from kerasnd.atomic import whole
from kerasnd.cli import flags
from kerasnd.errors import Misuse, suggest

BENCHMARKS = {"same_step": same_step, "training_step": training_step, "pipeline": pipeline, "inference": inference,
              "scoring_folder": scoring_folder, "classics": classics, "gpnd_step": gpnd_step, "ssad_fit": ssad_fit,
              "attacks": attacks, "jacobians": jacobians, "unet": unet, "neighbours": neighbours, "vit": vit, "latency": latency,
              "sweep": sweep}
ROUNDS, QUICK_ROUNDS = 5, 2

ABOUT = """
Times kerasnd on random data, beside PyTorch where it is installed (pip install kerasnd[bench]). Best on a quiet machine.

  make bench
  .venv/bin/python benchmarks/run.py --to=docs/results/speed.md
"""


def program():
    """Returns the `Flags` of this program."""
    bench = flags.Flags(ABOUT)
    bench.group("What to time")
    bench.string("only", ",".join(BENCHMARKS), "Benchmarks, separated by commas.")
    bench.string("cases", ",".join(CASES), "Networks, separated by commas.")
    bench.switch("quick", f"{QUICK_ROUNDS} rounds, and neither torch.compile nor the other setting of jit_compile: does it work?")
    bench.switch("more", "Also jit_compile on every network, bfloat16 in PyTorch, and PyTorch with malloc as it comes.")
    bench.count("rounds", f"Rounds of every variant, in turn; 0: {ROUNDS}.")
    bench.group("On what")
    bench.count("threads", "Threads of one operation, for every library.", 2)
    bench.choice("device", ("cpu", "gpu"), "Where the networks run.")
    bench.group("Where to")
    bench.string("to", None, "A Markdown file to write too.")
    return bench


@dataclasses.dataclass(frozen=True)
class Options:
    """What every benchmark is told.

    Args:
        cases: {name: Case}, the networks.
        rounds: int >= 1.
        threads: int >= 1.
        device: "cpu" or "gpu".
        torch: bool, PyTorch is timed too.
        compilers: bool, torch.compile and the other setting of `jit_compile` are timed too: they take long to start.
        more: bool, what is seldom asked for is timed too.
    """
    cases: dict
    rounds: int
    threads: int
    device: str
    torch: bool
    compilers: bool
    more: bool


def bench(values, overrides):
    """Runs what is asked for, one benchmark after the other, and writes the file at the end."""
    if overrides:
        raise Misuse("`--config` must be left to bin/train. Received: --config." + overrides[0][0])
    chosen, cases = names(values, "only", BENCHMARKS), names(values, "cases", CASES)
    quick = values["quick"].value
    options = Options(cases, rounds=values["rounds"].value or (QUICK_ROUNDS if quick else ROUNDS),
                      threads=values["threads"].value or results.cores(), device=values["device"].value,
                      torch=importlib.util.find_spec("torch") is not None, compilers=not quick,
                      more=values["more"].value)
    began = time.monotonic()
    pieces = []
    for piece in report(chosen, options):
        print(piece + "\n", flush=True)
        pieces.append(piece)
    pieces.append(f"It took {time.monotonic() - began:.0f} s.")
    print(pieces[-1], flush=True)
    if values["to"].value:
        with whole(Path(values["to"].value).expanduser()) as path:
            path.write_text("\n\n".join(pieces) + "\n", encoding="utf-8")


def names(values, flag, known):
    """The part of the dict `known` that a flag's text names, in the order of `known`."""
    given = [name.strip() for name in values[flag].value.split(",")]
    for name in given:
        if name not in known:
            raise Misuse(f"`--{flag}` must be of {', '.join(known)}. Received: --{flag}={name}.{suggest(name, known)}")
    return {name: value for name, value in known.items() if name in given}


def report(chosen, options):
    """Yields Markdown."""
    yield "# Benchmarks"
    yield results.origin(shlex.join(["python", *sys.argv]), options)
    if not options.torch:
        yield "PyTorch is not installed, so its rows are left out: `pip install kerasnd[bench]`."
    for benchmark in chosen.values():
        yield from benchmark.report(options)


def main(argv=None):
    """Returns the exit code."""
    try:
        return flags.run("bench", program(), bench, argv)
    except (worker.Failed, same_step.Different) as error:
        print(f"bench: {error}", file=sys.stderr)
        return flags.FAILED


if __name__ == "__main__":
    sys.exit(main())
