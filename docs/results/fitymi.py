"""Makes docs/results/fitymi.md: a backbone that never saw the normal digit, its nearest neighbours, and what negatives add.

    python docs/results/fitymi.py --data_dir=DIR --work=DIR --digits=3 --threads=1     # trains, draws, fine-tunes, judges a digit
    python docs/results/fitymi.py                                                      # the page, from fitymi.csv

The backbone stands in for ImageNet's weights: a small convolutional network, trained from scratch to tell the seven digits apart
that are never normal here. What lies in --work is not made again.
"""
import argparse
import csv
import time
from pathlib import Path

import numpy as np

HELD_OUT = (3, 5, 8)            # the normal digits: the backbone sees none of them
N = 1000                        # negatives that are trained with
NEAR = 216                      # others of the same generator, as a test set of near anomalies
EPOCHS, SNAPSHOT = 8, 4        # of the generator
TUNING = 10                     # epochs of the fine-tuning
KINDS = ("score_sde", "cutpaste", "rotation", "blur")
FIELDS = ("digit", "negatives", "seed", "nd", "nd_frozen", "nnd", "nnd_class", "nnd_frozen", "unseen", "unseen_frozen", "drawn",
          "drawn_frozen", "odds")
ROWS, SNAPSHOTS = Path("docs/results/fitymi.csv"), Path("docs/results/fitymi_snapshots.csv")


def backbone(to, pool):
    """Path of the stand-in, which is trained where it is not there."""
    import keras
    from keras import layers
    if to.exists():
        return to
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float32")
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
    found = model.fit(pool.x[seen] / np.float32(255), label, batch_size=128, epochs=3, verbose=0)
    print("backbone: accuracy", [round(value, 4) for value in found.history["accuracy"]], flush=True)
    keras.Model(inputs, features).save(to)
    return to


def drawn(digit, x, work):
    """(N + NEAR, 28, 28, 1) uint8, of a generator trained on x, at its last epoch."""
    import keras

    from kerasnd import ScoreSDE, optimizers
    to = work / f"drawn_{digit}.npy"
    if to.exists():
        return np.load(to)
    keras.utils.set_random_seed(digit)
    keras.config.set_dtype_policy("mixed_bfloat16")
    begin = time.time()
    generator = ScoreSDE((28, 28, 1), average=0.995, snapshot_every=SNAPSHOT, snapshot_size=256, sampling_steps=50)
    generator.compile(optimizers.make(1, learning_rate=1e-3, warm_up=50, clip_norm=1.0))

    class Told(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            told = {key: round(float(value), 4) for key, value in logs.items()}
            print(digit, "generator", epoch + 1, told, f"{time.time() - begin:.0f} s", flush=True)
            if "frechet_distance" in logs:
                add(SNAPSHOTS, {"digit": digit, "epoch": epoch + 1, "seconds": round(time.time() - begin),
                                **{key: told[key] for key in ("frechet_distance", "nearest_ratio")}})
    generator.fit(x, epochs=EPOCHS, batch_size=64, seed=0, verbose=0, callbacks=[Told()])
    generator.save(work / f"generator_{digit}.keras")
    found = np.clip(np.round(generator.sample(N + NEAR, seed=1)), 0, 255).astype(np.uint8)
    print(digit, "drawn", f"{time.time() - begin:.0f} s", flush=True)
    np.save(to, found)
    keras.config.set_dtype_policy("float32")
    return found


def judged(digit, kind, seed, pool, negatives, near, path, work):
    """dict, a row: a fine-tuning with a kind of negatives, beside the same backbone as it came."""
    import keras

    from kerasnd import FITYMI, optimizers
    from kerasnd.near import against_each
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("float32")
    x = pool.x[(pool.official == "train") & (pool.category == digit)]
    hint = np.zeros(len(x), np.int8)
    if kind == "score_sde":
        x, hint = np.concatenate([x, negatives]), np.concatenate([hint, np.full(len(negatives), -1, np.int8)])
    detector = FITYMI((28, 28, 1), pretrained=str(path), negatives="known" if kind == "score_sde" else kind, flip=False)
    detector.compile(optimizers.make(1, learning_rate=1e-4))
    test = pool.official == "test"
    label, category = (pool.category[test] != digit).astype(np.int8), pool.category[test]
    row = {"digit": digit, "negatives": kind, "seed": seed}

    def numbers(suffix):
        score, far = detector.predict(pool.x[test], verbose=0), detector.predict(near, verbose=0)
        found = against_each(label, score, category, pool.names)
        row.update({"nd" + suffix: found["auroc"], "nnd" + suffix: found["minimum"]})
        unseen = [each["auroc"] for each in found["classes"] if int(each["class"]) in HELD_OUT]
        row["unseen" + suffix] = float(np.mean(unseen))
        own = np.concatenate([score[label == 0], far])
        row["drawn" + suffix] = against_each(np.repeat([0, 1], [len(own) - len(far), len(far)]), own, np.zeros(len(own), int),
                                             ["drawn"])["auroc"]
        return found
    from kerasnd.feeding import Feed
    feed = Feed(x, hint)
    detector.ready(feed)
    detector.prepare(feed)
    numbers("_frozen")
    detector.fit(x, hint, epochs=TUNING, batch_size=64, seed=seed, verbose=0)
    row["nnd_class"] = numbers("")["minimum_class"]
    x = pool.x[test]
    odds = np.concatenate([detector.log_odds(detector.encode(x[at:at + 1000])).numpy() for at in range(0, len(x), 1000)])
    row["odds"] = against_each(label, odds, category, pool.names)["auroc"]
    row = {key: f"{row[key]:.4f}" if isinstance(row[key], float) else row[key] for key in FIELDS}
    print(row, flush=True)
    add(ROWS, row)
    return row


def add(path, row):
    """Appends a row to a table."""
    new = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir")
    parser.add_argument("--work", default="saved_models/fitymi_results")
    parser.add_argument("--digits", default="")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    from kerasnd import load_data, process
    process.settle("auto", arguments.threads)
    process.import_tensorflow()
    work = Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    for digit in map(int, filter(None, arguments.digits.split(","))):
        pool = load_data("mnist", data_dir=arguments.data_dir)
        path = backbone(work / "backbone.keras", pool)
        made = drawn(digit, pool.x[(pool.official == "train") & (pool.category == digit)], work)
        for seed in map(int, arguments.seeds.split(",")):
            for kind in KINDS:
                judged(digit, kind, seed, pool, made[:N], made[N:], path, work)


if __name__ == "__main__":
    main()
