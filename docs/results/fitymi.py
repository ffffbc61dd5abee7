"""Makes docs/results/fitymi.md: a backbone that never saw the normal digit, its nearest neighbours, and what negatives add.

    python docs/results/fitymi.py --data_dir=DIR --work=DIR --digits=3 --threads=1     # trains, draws, fine-tunes, judges a digit
    python docs/results/fitymi.py --data_dir=DIR --work=DIR --stopped=3 --threads=1    # generators that were stopped earlier
    python docs/results/fitymi.py                                                      # the page, from the .csv files

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
STOPS = (1, 2, 4)               # epochs after which another generator draws as well
TUNING = 10                     # epochs of the fine-tuning
KINDS = ("score_sde", "cutpaste", "rotation", "blur")
RATES = {"last": 1e-3, "all": 1e-4}     # of Adam; chosen on the digit 3
FIELDS = ("digit", "negatives", "layers", "seed", "nd", "nd_frozen", "nnd", "nnd_class", "nnd_frozen", "unseen", "unseen_frozen",
          "drawn", "drawn_frozen", "odds")
COLUMNS = ("nd", "nnd", "unseen", "drawn")
HEADINGS = ("nine other digits", "the nearest digit", "two unseen digits", "drawn ones")
NAMED = {"score_sde": "drawn by score_sde", "cutpaste": "cutpaste", "rotation": "rotation", "blur": "blur"}
ROWS, SNAPSHOTS, STOPPED = (Path(f"docs/results/fitymi{name}.csv") for name in ("", "_snapshots", "_stopped"))
HEAD = """# FITYMI: what negatives add to a backbone

    python docs/results/fitymi.py --data_dir=DIR --digits=3,5,8 --threads=1       # half an hour a digit on one core
    python docs/results/fitymi.py --data_dir=DIR --digits=3 --layers=all --threads=1
    python docs/results/fitymi.py --data_dir=DIR --stopped=3 --threads=1
    python docs/results/fitymi.py                                                 # this page

MNIST. No ImageNet weights were to be had here: the backbone that stands in for them is a small convolutional network (three
layers, 64 features), trained from scratch to tell seven digits apart, 0, 1, 2, 4, 6, 7, 9 (training accuracy .992). The digits
3, 5 and 8, which it never saw, are normal in turn. A `score_sde` (U-Net, bfloat16, eight epochs of 64 images, a quarter of an
hour of one core) learns the 5400 to 6100 training images of the normal digit and draws 1000 negatives in 50 steps. `fitymi`
then learns to tell normals from these (Adam, ten epochs, batch 64) and scores by the two nearest normals in its features.
Nothing of the test set is used in training; the rates (1e-3 for the last layer, 1e-4 for all) were chosen on the digit 3.

AUROC over the 10 000 test images: the normal digit against all *nine other digits*; against *the nearest digit*, the minimum
over classes; the mean against the *two unseen digits*, which neither the backbone nor the detector ever saw; and against 216
*drawn ones*, other draws of the same generator: near anomalies that look normal. Mean of three seeds (lowest to highest);
*odds* are the log-odds of the two-class head instead of the neighbours, against nine digits.

**In short.** Against the two unseen digits and against drawn images the fine-tuned detector beats the same backbone without
negatives on all three normal digits, in every one of nine runs: .978, .975, .983 against .971, .967, .980, and .75, .81, .70
against .68, .75, .66. Against all nine digits, seven of which the backbone was trained to know, it wins on 5 (.992, .991), is
level on 3 (.992, .991) and loses on 8 (.986, .987). Rotated negatives win by far on 3, where a rotation makes another shape,
and lose on 8, where half a turn makes none: a kind of negative helps where it resembles the anomalies to come. The head's own
odds detect other digits badly with generated negatives (.47 to .78): it learns what is wrong with the generator; the neighbours
keep the backbone's knowledge. When all layers learn, drawn images are found best of all (.87 on 3), and other digits no better than
before."""
TRAINED = """
## The generators

Frechet distance of 256 drawn images to the training images on 64 principal components of the pixels; the nearest ratio falls
towards 0 where training images are copied. Other work shared the two cores: alone, an epoch takes a minute."""
STOPS_HEAD = """
## The stopping window: generators of the digit 3 that were stopped earlier

The last layer learns; the drawn ones are always those of eight epochs, the Frechet distance is that of the 1000 negatives. The
nearer the negatives come, the more they help, in every column: at eight epochs this generator has not passed its window."""
TAIL = """
![True threes, and drawn ones after 1, 2, 4 and 8 epochs](fitymi_drawn.png)

Not run here: ImageNet weights, CIFAR-10, CIFAR-100's classes as near anomalies, the published schedule on a GPU.
`configs/fitymi.py:paper` was run for one epoch of five steps at batch 2 with random ViT-B/16 weights in Google's layout, on
crops of 300 x 320 photos: 2.9 GiB at most."""


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


def with_layers(path, layers):
    """Path of the same network, of which all layers are to learn, or the last alone: a .keras file keeps what trains."""
    import keras
    if layers == "all":
        return path
    to = path.with_name("backbone_last.keras")
    if not to.exists():
        model = keras.models.load_model(path, compile=False)
        for layer in model.layers[:-1]:
            layer.trainable = False
        model.save(to)
    return to


def drawn(digit, x, work, stops=(EPOCHS,)):
    """dict of epoch: (N + NEAR, 28, 28, 1) uint8, of a generator trained on x, as it was after these epochs."""
    import keras

    from kerasnd import ScoreSDE, optimizers
    files = {stop: work / f"drawn_{digit}_{stop}.npy" for stop in stops}
    if all(file.exists() for file in files.values()):
        return {stop: np.load(file) for stop, file in files.items()}
    keras.utils.set_random_seed(digit)
    keras.config.set_dtype_policy("mixed_bfloat16")
    begin = time.time()
    generator = ScoreSDE((28, 28, 1), average=0.995, snapshot_every=SNAPSHOT if stops == (EPOCHS,) else 0, snapshot_size=256,
                         sampling_steps=50)
    generator.compile(optimizers.make(1, learning_rate=1e-3, warm_up=50, clip_norm=1.0))

    class Told(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            told = {key: round(float(value), 4) for key, value in logs.items()}
            print(digit, "generator", epoch + 1, told, f"{time.time() - begin:.0f} s", flush=True)
            if "frechet_distance" in logs:
                add(SNAPSHOTS, {"digit": digit, "epoch": epoch + 1, "seconds": round(time.time() - begin),
                                **{key: told[key] for key in ("frechet_distance", "nearest_ratio")}})
            if epoch + 1 in files:
                found = np.clip(np.round(generator.sample(N + NEAR, seed=1)), 0, 255).astype(np.uint8)
                print(digit, "drawn", f"{time.time() - begin:.0f} s", flush=True)
                np.save(files[epoch + 1], found)
    generator.fit(x, epochs=max(stops), batch_size=64, seed=0, verbose=0, callbacks=[Told()])
    generator.save(work / f"generator_{digit}_{max(stops)}.keras")
    keras.config.set_dtype_policy("float32")
    return {stop: np.load(file) for stop, file in files.items()}


def judged(digit, kind, layers, seed, pool, negatives, near, path):
    """dict, a row: a fine-tuning with a kind of negatives, beside the same backbone as it came."""
    import keras

    from kerasnd import FITYMI, optimizers
    from kerasnd.near import against_each
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("float32")
    x = pool.x[(pool.official == "train") & (pool.category == digit)]
    hint = np.zeros(len(x), np.int8)
    if known := kind.startswith("score_sde"):
        x, hint = np.concatenate([x, negatives]), np.concatenate([hint, np.full(len(negatives), -1, np.int8)])
    detector = FITYMI((28, 28, 1), pretrained=str(with_layers(path, layers)), negatives="known" if known else kind, flip=False)
    detector.compile(optimizers.make(1, learning_rate=RATES[layers]))
    test = pool.official == "test"
    label, category = (pool.category[test] != digit).astype(np.int8), pool.category[test]
    row = {"digit": digit, "negatives": kind, "layers": layers, "seed": seed}

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


def stopped(digit, pool, near, path, work):
    """What generators are worth that were stopped earlier: their distance, and what is learned from them."""
    from kerasnd.methods.snapshots import Watched
    x = pool.x[(pool.official == "train") & (pool.category == digit)]
    watched = Watched(x / np.float32(255), None)
    for stop, made in {**drawn(digit, x, work, STOPS), **drawn(digit, x, work)}.items():
        found = watched.compared(made[:N] / np.float32(255))
        add(STOPPED, {"digit": digit, "epoch": stop, **{key: f"{value:.4f}" for key, value in found.items()}})
        if stop != EPOCHS:
            for seed in (0, 1, 2):
                judged(digit, f"score_sde@{stop}", "last", seed, pool, made[:N], near, path)
    picture(x, {**drawn(digit, x, work, STOPS), **drawn(digit, x, work)})


def picture(x, made):
    """Rows of what was drawn after each number of epochs, under a row of true images."""
    from kerasnd.figures import canvas
    figure = canvas.empty(7, 0.62 * (len(made) + 1))
    figure.subplots_adjust(left=0.11, right=0.99, top=0.99, bottom=0.01, hspace=0.1)
    axes = figure.add_subplot()
    rows = [x[:12], *(each[:12] for each in made.values())]
    axes.imshow(np.concatenate([np.concatenate(list(row[..., 0]), axis=1) for row in rows]), cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([14 + 28 * i for i in range(len(rows))], ["true", *(f"epoch {epoch}" for epoch in made)], fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    canvas.save(figure, "docs/results/fitymi_drawn.png")


def page():
    """str, docs/results/fitymi.md."""
    with open(ROWS, newline="") as file:
        rows = list(csv.DictReader(file))
    with open(SNAPSHOTS, newline="") as file:
        snapshots = list(csv.DictReader(file))
    with open(STOPPED, newline="") as file:
        stops = list(csv.DictReader(file))
    lines = [HEAD]
    for layers, digit in sorted({(row["layers"], row["digit"]) for row in rows}, key=lambda each: (each[0] == "all", each[1])):
        own = [row for row in rows if (row["layers"], row["digit"]) == (layers, digit)]
        learning = "the last layer learns" if layers == "last" else "all layers learn"
        lines += ["", f"### Normal {digit}, {learning}", "", table_row(("negatives", *HEADINGS, "odds")),
                  table_row(["---"] + ["---:"] * 5),
                  table_row(["none: the backbone as it came", *(f"{float(own[0][key + '_frozen']):.4f}" for key in COLUMNS), ""])]
        lines += [table_row([NAMED[kind], *(spread(own, kind, key) for key in (*COLUMNS, "odds"))]) for kind in KINDS]
    lines += [TRAINED, "", table_row(("normal", "epochs", "seconds", "Frechet distance", "nearest ratio")),
              table_row(["---:"] * 5), *(table_row(row.values()) for row in snapshots)]
    lines += [STOPS_HEAD, "", table_row(("epochs", "Frechet distance", "nearest ratio", *HEADINGS)), table_row(["---:"] * 7)]
    for stop in stops:
        kind = "score_sde" if int(stop["epoch"]) == EPOCHS else f"score_sde@{stop['epoch']}"
        own = [row for row in rows if (row["digit"], row["layers"]) == (stop["digit"], "last")]
        lines.append(table_row([stop["epoch"], stop["frechet_distance"], stop["nearest_ratio"],
                                *(spread(own, kind, key) for key in COLUMNS)]))
    return "\n".join([*lines, TAIL, ""])


def spread(rows, kind, key):
    """str, mean, lowest and highest over the seeds."""
    found = [float(row[key]) for row in rows if row["negatives"] == kind]
    return f"{np.mean(found):.4f} ({min(found):.4f} to {max(found):.4f})" if found else ""


def table_row(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir")
    parser.add_argument("--work", default="saved_models/fitymi_results")
    parser.add_argument("--digits", default="")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--layers", choices=("last", "all"), default="last", help="which learn in the fine-tuning")
    parser.add_argument("--stopped", type=int, default=None, help="a digit, whose generator is stopped earlier too")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    from kerasnd import load_data, process
    process.settle("auto", arguments.threads)
    process.import_tensorflow()
    work = Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    if not arguments.digits and arguments.stopped is None:
        Path("docs/results/fitymi.md").write_text(page(), encoding="utf-8")
        return
    pool = load_data("mnist", data_dir=arguments.data_dir)
    path = backbone(work / "backbone.keras", pool)
    if arguments.stopped is not None:
        digit = arguments.stopped
        near = drawn(digit, pool.x[(pool.official == "train") & (pool.category == digit)], work)[EPOCHS][N:]
        stopped(digit, pool, near, path, work)
    for digit in map(int, filter(None, arguments.digits.split(","))):
        made = drawn(digit, pool.x[(pool.official == "train") & (pool.category == digit)], work)[EPOCHS]
        for seed in map(int, arguments.seeds.split(",")):
            for kind in KINDS:
                judged(digit, kind, arguments.layers, seed, pool, made[:N], made[N:], path)


if __name__ == "__main__":
    main()
