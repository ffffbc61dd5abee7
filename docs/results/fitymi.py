"""Makes docs/results/fitymi.md: a backbone that never saw the normal class, its nearest neighbours, and what negatives add.

    python docs/results/fitymi.py --data_dir=DIR --work=DIR --digits=3,5,8 --epochs=14      # trains, draws, fine-tunes, judges
    python docs/results/fitymi.py                                                          # the page, from fitymi.csv

The backbone stands in for ImageNet's weights: a small convolutional network, trained from scratch to tell the seven digits apart
that are never normal here. What is finished in --work is not done again.
"""
import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

HELD_OUT = (3, 5, 8)            # the normal digits: the backbone sees none of them
N = 1000                        # negatives a class
KINDS = ("none", "score_sde", "cutpaste", "rotation", "blur")
ROWS = Path("docs/results/fitymi.csv")


def backbone(to, data_dir):
    """Trains the stand-in, and keeps its features."""
    import keras
    from keras import layers

    from kerasnd import load_data
    if to.exists():
        return
    keras.utils.set_random_seed(0)
    pool = load_data("mnist", data_dir=data_dir)
    seen = (pool.official == "train") & ~np.isin(pool.category, HELD_OUT)
    classes = [digit for digit in range(10) if digit not in HELD_OUT]
    inputs = x = keras.Input((28, 28, 1))
    for width in (32, 64, 128):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", kernel_initializer="he_uniform")(x)
        x = layers.MaxPooling2D()(x)
    features = layers.Dense(64, name="features")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(len(classes))(layers.ReLU()(features)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    label = np.searchsorted(classes, pool.category[seen])
    found = model.fit(pool.x[seen] / np.float32(255), label, batch_size=128, epochs=3, verbose=2)
    print("accuracy", found.history["accuracy"])
    keras.Model(inputs, features).save(to)


def command(program, *arguments):
    """Runs one of the programs, as a user does."""
    print(program, *arguments, flush=True)
    subprocess.run([f"bin/{program}", *map(str, arguments)], check=True)


def digit_rows(digit, epochs, work, data_dir, seeds):
    """list of dict, a row for each kind of negatives and seed."""
    generator, negatives = work / f"sde_{digit}", work / f"negatives_{digit}.npz"
    command("train", "--method=score_sde", "--dataset=mnist", f"--normal={digit}", f"--data_dir={data_dir}", f"--run={generator}",
            f"--config.stages[0].fit.epochs={epochs}")
    for seed, to in ((0, negatives), (1, work / f"near_{digit}.npz")):
        if not to.exists():
            command("generate", f"--run={generator}", f"--n={N}", f"--to={to}", f"--seed={seed}")
    rows = []
    for seed in seeds:
        for kind in KINDS[1:]:
            run = work / f"fitymi_{digit}_{kind}_{seed}"
            given = [f"--negatives={negatives}"] if kind == "score_sde" else [f"--config.stages[0].model.negatives={kind}"]
            command("train", "--method=fitymi", "--dataset=mnist", f"--normal={digit}", f"--data_dir={data_dir}", f"--run={run}",
                    f"--seed={seed}", f"--config.stages[0].model.pretrained={work / 'backbone.keras'}", *given)
            rows += judged(digit, kind, seed, run, work, data_dir)
    return rows
