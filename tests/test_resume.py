"""Killed at any moment, and the same command again: the scores of a run that was never interrupted, bit for bit."""
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasnd.checkpoints import progress_of

CHECKOUT = Path(__file__).resolve().parent.parent

# Forks a process for each line of words, with TensorFlow imported and its runtime not yet begun: a second instead of ten. A
# line may open with the name of a file, how manieth writing of it, and "before" or "after" its renaming: there it kills itself.
NURSERY = """
import json, os, signal, sys
from kerasnd import process
process.settle("cpu")
process.import_tensorflow()
from kerasnd import checkpoints, judging, runs
from kerasnd.cli import train
judging.draw, judging.INITIALISATIONS = lambda *args: None, 1      # what takes a short run's time

def die_at(name, times, when):
    replace, count = os.replace, iter(range(times - 1, -1, -1))
    def replaces(partial, path):
        dies = str(path).endswith(name) and next(count) == 0
        if dies and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(partial, path)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
    os.replace = replaces

for line in sys.stdin:
    death, words = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        checkpoints.Checkpoint.due = property(lambda self: 0.0, lambda self, due: None)     # one after every epoch
        if death:
            die_at(*death)
        os._exit(train.main(words))
    status = os.waitpid(child, 0)[1]
    print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)
"""


@pytest.fixture(scope="module")
def nursery():
    """Runs bin/train's words in a new process; returns the exit code."""
    told = open(os.environ.get("KERASND_TEST_LOG", os.devnull), "a")
    process = subprocess.Popen([sys.executable, "-c", NURSERY], cwd=CHECKOUT, text=True, stderr=told,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(words, death=None):
        process.stdin.write(json.dumps([death, words]) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    yield start
    process.stdin.close()
    process.wait()
    process.stdout.close()
    told.close()


def words(run, method="deep_svdd", epochs=4, *more):
    return [f"--method={method}", "--dataset=digits", "--normal=3", f"--run={run}", "--config.stages[0].model.dropout=0.2",
            *(f"--config.stages[{stage}].{setting}" for stage in (0, 1)
              for setting in (f"fit.epochs={epochs}", "fit.batch_size=32", "optimizer.milestones=2")), *more]


def outcome(run):
    """What must be equal: every score, and every number but the seconds."""
    with np.load(run / "scores.npz") as file:
        arrays = {name: file[name].tobytes() for name in file.files}
    numbers = json.loads((run / "metrics.json").read_text())
    return arrays, {name: value for name, value in numbers.items() if "seconds" not in name}


DEATHS = [("config.json", 1, "before"), ("checkpoint.npz", 3, "before"), ("0_autoencoder.keras", 1, "before"),
          ("0_autoencoder.keras", 1, "after"), ("checkpoint.npz", 2, "after"), ("1_deep_svdd.keras", 1, "after"),
          ("scores.npz", 1, "before"), ("scores.npz", 1, "after")]
PROGRESS = [None, (0, 2), (0, 4), (0, 4), (1, 1), (1, 4), (2, 0), (2, 0)]     # stages done, and epochs of the next


def test_a_kill_at_every_border_of_a_run_changes_nothing(nursery, tmp_path):
    """One run that dies again and again, each time a little later."""
    whole, killed, stages = tmp_path / "whole", tmp_path / "killed", []
    assert nursery(words(whole)) == 0
    for death in DEATHS:
        assert nursery(words(killed), death) == -signal.SIGKILL, death
        assert not (killed / "metrics.json").exists()
        progress = progress_of(killed / "checkpoint.npz")
        stages.append(progress and (progress["stage"], progress["epoch"]))
    assert stages == PROGRESS
    assert nursery(words(killed)) == 0
    assert outcome(killed) == outcome(whole)
    assert not list(killed.rglob("*partial*")) and not (killed / "checkpoint.npz").exists()


def test_the_noise_of_an_alternation_and_a_hyperplane_are_gone_on_with(nursery, tmp_path):
    """Stage 0 is an rcae, whose noise array belongs to the training examples; stage 1 an ocnn."""
    config = tmp_path / "robust.py"
    config.write_text("def get_config():\n    return {'stages': [{'method': 'rcae', 'model': {'sparsity': 0.1, "
                      "'epochs_per_round': 1}}, {'method': 'ocnn'}]}")
    whole, killed = ([f"--config={config}", *words(tmp_path / name, "ocnn")] for name in ("whole", "killed"))
    assert nursery(whole) == 0
    assert nursery(killed, ("checkpoint.npz", 2, "after")) == -signal.SIGKILL
    with np.load(tmp_path / "killed/checkpoint.npz") as file:
        noise = file[max(set(file.files) - {"progress"})]
    assert noise.shape == (110, 8, 8, 1) and noise.any()
    assert nursery(killed, ("checkpoint.npz", 5, "before")) == -signal.SIGKILL
    assert nursery(killed) == 0
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")


def test_streamed_images_are_gone_on_with_in_their_order(nursery, tmp_path):
    rng = np.random.default_rng(0)
    for kind, base in (("good", 60), ("bad", 160)):
        (tmp_path / "images" / kind).mkdir(parents=True)
        for i in range(60):
            Image.fromarray((base + rng.integers(0, 60, (8, 8))).astype(np.uint8)).save(tmp_path / f"images/{kind}/{i}.png")
    whole, killed = ([f"--dataset={tmp_path / 'images'}" if word.startswith("--dataset") else word for word in
                      words(tmp_path / name, "deep_svdd", 3, "--config.batches.cache_gib=1e-9", "--normal=good",
                            *(f"--config.stages[{stage}].fit.batch_size=8" for stage in (0, 1)))] for name in ("whole", "killed"))
    assert nursery(whole) == 0
    assert nursery(killed, ("checkpoint.npz", 2, "after")) == -signal.SIGKILL
    assert nursery(killed) == 0
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")


# ---- real processes --------------------------------------------------------------------------------------------------

KILLS = 20
AIMS = ["import", "training", ".checkpoint.", "training", "stages/."]     # five kills a run, then its end


def killed_once(command, run, aim, chance):
    """Starts the program and kills it at a moment of the kind `aim`.

    Returns:
        (bool, bool): it was killed before its end; a file was half written then.
    """
    def epochs():
        return (run / "log.txt").read_text().count(": epoch ") if (run / "log.txt").exists() else 0
    before = epochs()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if aim == "import":
        moment = time.monotonic() + chance.uniform(0, 10)
        while process.poll() is None and time.monotonic() < moment:
            time.sleep(0.01)
    elif aim == "training":
        while process.poll() is None and epochs() == before:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 4))
    else:
        skipped = chance.randrange(3) if "checkpoint" in aim else 0
        there = False
        while process.poll() is None:
            now = any(run.glob(f"{aim}*partial*"))
            skipped -= there and not now
            there = now
            if now and skipped <= 0:
                break
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL, any(run.rglob("*partial*"))


@pytest.mark.slow
def test_twenty_kills_of_bin_train_change_nothing(tmp_path):
    """Some while it starts, some in training, some inside the writing of a checkpoint or of a stage's detector."""
    chance = random.Random(0)
    program = str(CHECKOUT / "bin/train")
    subprocess.run([program, *words(tmp_path / "whole", epochs=150)], check=True, stdout=subprocess.DEVNULL)
    kills, halves, number = 0, 0, 0
    while kills < KILLS:
        number += 1
        run = tmp_path / f"killed{number}"
        command = [program, *words(run, epochs=150)]
        for aim in AIMS:
            was_killed, half = killed_once(command, run, aim, chance)
            kills, halves = kills + was_killed, halves + (was_killed and half)
            print(f"run {number}, aimed at {aim}: {'killed' if was_killed else 'it had ended'}{', a file half written' * half}, "
                  f"{progress_of(run / 'checkpoint.npz')}", flush=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        assert outcome(run) == outcome(tmp_path / "whole")
    assert kills >= KILLS and halves >= 3
