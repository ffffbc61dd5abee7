"""One cell, run to its end in a process of its own: the same on this machine, on a Ray cluster and under Slurm."""
import ctypes
import functools
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

from kerasnd.errors import BadData, Misuse
from kerasnd.sweep import origin
from kerasnd.sweep.state import BEGUN, DONE, FAILED

PROGRAM = [sys.executable, "-m", "kerasnd.cli.train"]
PACKAGE = pathlib.Path(__file__).resolve().parents[2]       # of the program that runs: not of another checkout's
STOPPED = (-signal.SIGINT, -signal.SIGTERM, 130)     # from outside: it goes on next time


def execute(sweep, job, lender=None, begin=None, **flags):
    """Runs a cell, and notes what became of it.

    Args:
        sweep: Sweep.
        job: planning.Job.
        lender: Path of a finished run that has the first stage, or None: it is trained here.
        begin: as `start`, another way to run the process.
        **flags: more flags of bin/train, as threads, device and data_dir.

    Returns:
        str, the status: DONE, FAILED, or BEGUN where the process was stopped from outside.
    """
    cell = job.cell
    try:
        if job.problem:
            raise BadData(job.problem)
        lent = _lent(sweep, job, lender)
    except (BadData, Misuse) as error:
        sweep.note(cell, status=FAILED, error=str(error), digest=None)
        return FAILED
    words = cell.words(sweep.run(cell).path, **flags)
    if lent:
        words.append(f"--config.stages[0].run={lent}")
    sweep.note(cell, status=BEGUN, digest=job.digest, error=None, command=shlex.join(["bin/train", *words]),
               commit=origin.commit())
    began, before = time.monotonic(), sweep.facts(cell).get("seconds", 0.0)
    log = sweep.log(cell)
    code = (begin or start)(words, log)
    seconds = round(before + time.monotonic() - began, 2)      # of all attempts
    if code == 0 and sweep.run(cell).finished:
        sweep.note(cell, status=DONE, seconds=seconds, threads=flags.get("threads"), error=None, shared=job.shared or None,
                   folder=str(cell.folder))
        return DONE
    if code in STOPPED:
        sweep.note(cell, seconds=seconds)
        return BEGUN
    sweep.note(cell, status=FAILED, seconds=seconds, error=_last(log, code))
    return FAILED


def start(words, log):
    """Runs bin/train to its end, in a new process.

    Args:
        words: list of str.
        log: Path of the file for what it prints.

    Returns:
        int, its exit code, minus the signal that ended it.
    """
    with open(log, "w", encoding="utf-8") as output:
        return subprocess.run([*PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False,
                              **surroundings()).returncode


def surroundings():
    """dict for subprocess: this checkout's code, and an end with this process."""
    return {"preexec_fn": functools.partial(die_with, os.getpid()), "env": {**os.environ, "PYTHONPATH": _path()}}


def _lent(sweep, job, lender):
    """Path of the run whose first stage is taken, or None; a run that was begun goes on as it began."""
    run = sweep.run(job.cell)
    if run.begun and run.learned:
        return run.record()["config"]["stages"][0].get("run") or None
    return lender if lender != run.path else None


def _last(log, code):
    """str, why a process failed: the last line that it printed."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    told = lines[-1].removeprefix("train: ") if lines else "it printed nothing"
    return told if 0 < code < 3 else f"ended with {code}: {told}"


def _path():
    return os.pathsep.join(filter(None, [str(PACKAGE), os.environ.get("PYTHONPATH")]))


def die_with(parent):
    """On Linux, ends the process when the one that started it ends, however it ends."""
    if sys.platform == "linux":
        death = 1
        ctypes.CDLL(None).prctl(death, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
