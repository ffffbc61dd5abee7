"""A sweep of many small cells through `bin/benchmark`, beside one cell alone through `bin/train` on one thread and on two."""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import results

METHOD, DATASET, SEEDS = "deep_svdd", "digits", 2       # with ten classes: 20 cells
CELLS = 10 * SEEDS
WANTED = (1.05, 1.15)       # at most: of N cells on all cores, and of N / cores cells on one thread, whichever is quicker


def report(options):
    """Yields Markdown."""
    threads = results.cores()
    actions = {"one cell, 1 thread": lambda folder: train(folder, 1),
               f"one cell, {threads} threads": lambda folder: train(folder, threads),
               f"sweep of {CELLS} cells": sweep, "the same again, where all are done": sweep}
    seconds = {name: [] for name in actions}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for name, action in actions.items():
                place = pathlib.Path(folder, str(number))
                seconds[name].append(timed(action, place))
    one, both, whole, _ = (statistics.median(each) for each in seconds.values())
    yield "## A sweep"
    yield (f"{METHOD} on {DATASET} at its default config, {CELLS} cells, a process each. At most {WANTED[0]} times {CELLS} cells "
           f"on {threads} threads or {WANTED[1]} times {CELLS // threads} cells on one thread is wanted, whichever is quicker.")
    yield results.table(("", "seconds", "in its rounds"), [
        (name, f"{statistics.median(each):.1f}", ", ".join(f"{second:.1f}" for second in each)) for name, each in seconds.items()])
    yield (f"The sweep takes {whole / (CELLS * both):.2f} times {CELLS} cells on {threads} threads, "
           f"{whole / (CELLS / threads * one):.2f} times {CELLS // threads} cells on one thread.")


def train(folder, threads):
    """One cell by itself, in a folder of its own."""
    run("kerasnd.cli.train", f"--method={METHOD}", f"--dataset={DATASET}", "--normal=3", f"--threads={threads}",
        f"--run={folder / f'alone{threads}'}")


def sweep(folder):
    """All cells."""
    run("kerasnd.cli.benchmark", f"--methods={METHOD}", f"--datasets={DATASET}", "--normals=all",
        f"--seeds=0-{SEEDS - 1}", f"--to={folder / 'sweep'}")


def run(program, *words):
    """Runs a program of this checkout to its end."""
    path = os.pathsep.join(filter(None, [str(pathlib.Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH")]))
    subprocess.run([sys.executable, "-m", program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env={**os.environ, "PYTHONPATH": path})


def timed(action, folder):
    """float, seconds."""
    began = time.perf_counter()
    action(folder)
    return time.perf_counter() - began
