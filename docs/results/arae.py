"""Makes docs/results/arae.md: ARAE on MNIST, epoch by epoch, beside the authors' own figures.

    python docs/results/arae.py --data_dir=DIR --train=union_leak_8,union_8     # trains; resumes where it was stopped
    python docs/results/arae.py --data_dir=DIR --attack                         # attacks all that is trained on one digit
    python docs/results/arae.py --data_dir=DIR                                  # the page, from what has been trained and attacked

One thread a training (--threads) and two trainings side by side are faster than two threads a training. On one thread: linf 4
seconds an epoch, union 50, the autoencoders one or two.
"""
import argparse
from pathlib import Path

import numpy as np
from arae_runs import CURVES, SHARES, attack_all, attacked_rows, curve, settings_of, train

# The authors' stored arrays and logs: p1 of linf by share, AUROC and F1 with the normals as the positive class
STORED = {8: ((".9238", ".9311", ".9328", ".9221", ".9303"), (".9513", ".9358", ".9127", ".8788", ".8614")),
          2: ((".9385", ".9494", ".9517", ".9462", ".9454"), (".9734", ".9546", ".9334", ".9088", ".8774"))}
# of union, one normal digit: mean of ten digits, the worst of them and which, after an epoch
LOGGED = {1: (".8265", ".6896", 2), 5: (".9034", ".8047", 8), 10: (".9339", ".8590", 8), 20: (".9488", ".8499", 8),
          50: (".9660", ".9106", 8), 100: (".9690", ".9116", 8)}
REDRAWN = {"union_8": "ARAE, union", "union_leak_8": "ARAE, union, leak", "linf_p1_8": "ARAE, linf",
           "plain_arae_union_8": "autoencoder, same network", "denoising_arae_union_8": "denoising, same network"}


def draw_curves():
    """The learning curves: of union beside the authors' means over ten digits, of linf with their stored values as lines."""
    import matplotlib
    from matplotlib import pyplot
    matplotlib.use("Agg")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    colors = {8: "#0072b2", 2: "#d55e00", 5: "#009e73"}
    for digit, color in colors.items():
        for leak, style in (("leak_", "-"), ("", ":")):
            found = curve(f"union_{leak}{digit}")
            if found is not None:
                left.plot(found["epoch"], found["auroc"], style, color=color, linewidth=1.4,
                          label=f"{digit}{', leak' * bool(leak)}")
    left.plot(list(LOGGED), [float(mean) for mean, _, _ in LOGGED.values()], "ks", markersize=5,
              label="authors, mean of ten digits")
    left.plot(list(LOGGED), [float(worst) for _, worst, _ in LOGGED.values()], "kv", markersize=5, label="authors, worst digit")
    left.set(title="union, one_vs_rest", xlabel="epoch", ylabel="AUROC")
    for digit, stored in STORED.items():
        found = curve(f"linf_p1_{digit}")
        if found is None:
            continue
        right.plot(found["epoch"], found["auroc_0.5"], color=colors[digit], linewidth=0.8, label=f"{digit}, AUROC at 0.5")
        right.plot(found["epoch"], found["f1_0.5"], color=colors[digit], linewidth=0.8, alpha=0.45, label=f"{digit}, F1 at 0.5")
        right.axhline(float(stored[0][-1]), color=colors[digit], linestyle="--", linewidth=1.2)
        right.axhline(float(stored[1][-1]), color=colors[digit], linestyle="--", linewidth=1.2, alpha=0.45)
    right.set(title="linf, p1; dashed: the authors' after 1600 epochs", xlabel="epoch")
    for axes in (left, right):
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=8)
    figure.savefig(CURVES.parent / "arae_curves.png", dpi=110)


def redraw(data_dir, folder):
    """The figure of the paper: what those who know eights alone make of other digits."""
    import keras
    import matplotlib
    from matplotlib import pyplot

    from kerasnd import examples
    names = [name for name in REDRAWN if (folder / f"{name}.keras").exists()]
    pool, split = examples.split(settings_of(names[0]), data_dir)
    digits = (8, 1, 1, 1, 0, 3, 4, 7, 9)
    places = [split.test[pool.category[split.test] == digit][number] for number, digit in enumerate(digits)]
    rows = {"input": pool.x[places] / 255.0}
    for name in names:
        rows[REDRAWN[name]] = np.asarray(keras.models.load_model(folder / f"{name}.keras").reconstruct(pool.x[places])) / 255.0
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(len(rows), len(digits), figsize=(9, 1.02 * len(rows)), squeeze=False)
    for line, (title, images) in zip(axes, rows.items()):
        for place, (axis, image) in enumerate(zip(line, images)):
            axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            if place == 0:
                axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
    figure.tight_layout(pad=0.3)
    figure.savefig(CURVES.parent / "arae_redrawn.png", dpi=110)


def around(found, epoch, key="auroc"):
    """str, the mean over up to five epochs around one; "" where they are not there."""
    if found is None or len(found["epoch"]) < epoch:
        return ""
    return f"{found[key][max(0, epoch - 3):epoch + 2].mean():.4f}"


def page():
    """The Markdown page."""
    import kerasnd
    lines = ["# ARAE on MNIST", "",
             f"kerasnd {kerasnd.__version__}. Command: `python docs/results/arae.py --data_dir=DIR --train=NAME`, names in the "
             "script; every epoch in arae_curves/.", "",
             "Seed 0. AUROC of the test part after the named epoch, mean of the five epochs around it (single epochs of the "
             "authors' own logs",
             "scatter by .03). Nothing is chosen by it. Empty: not run yet.", "", "## Union, one normal digit (`one_vs_rest`)", "",
             "With the leak (`carry_attack_gradient`) and without. Authors: with the leak, all ten digits, one training each.", "",
             "| epoch | " + " | ".join(f"{digit} leak | {digit}" for digit in (2, 5, 8))
             + " | authors: mean of ten digits | authors: worst digit |",
             "|---|" + "---|" * 8]
    for epoch, (mean, worst, which) in LOGGED.items():
        cells = [around(curve(f"union_{leak}{digit}"), epoch) for digit in (2, 5, 8) for leak in ("leak_", "")]
        lines.append(f"| {epoch} | " + " | ".join(cells) + f" | {mean} | {worst} ({which}) |")
    lines += ["", "## L-inf, p1", "",
              "One training serves every share of anomalies; F1 with the normals as the positive class, threshold from the "
              "validation part.", "",
              "![Learning curves](arae_curves.png)", ""]
    for digit in STORED:
        found = curve(f"linf_p1_{digit}")
        if found is None:
            continue
        epochs = [epoch for epoch in (50, 100, 200, 400, 800, 1600) if len(found["epoch"]) >= epoch] or [len(found["epoch"])]
        lines += [f"Digit {digit}: AUROC and F1 by share", "", "| epoch | " + " | ".join(map(str, SHARES)) + " |",
                  "|---|" + "---|" * len(SHARES)]
        for epoch in epochs:
            cells = [f"{around(found, epoch, f'auroc_{share}')} {around(found, epoch, f'f1_{share}')}" for share in SHARES]
            lines.append(f"| {epoch} | " + " | ".join(cells) + " |")
        lines += ["| authors, 1600 | " + " | ".join(" ".join(pair) for pair in zip(*STORED[digit])) + " |", ""]
    rows = attacked_rows()
    if rows:
        kinds = list(dict.fromkeys(row["attack"] for row in rows))
        lines += ["## Under attack", "",
                  "AUROC of 500 normals and 500 others of the run's own test part, as they are and with all of them attacked",
                  "(`bin/evaluate --attack`). `linf_p1` are judged on p1's fifth, all others on the official test part. `plain`",
                  "and `denoising` are autoencoders with ARAE's networks (batches of 256, rate 1e-3; denoising: 30 % of the input",
                  "values masked in training).", "",
                  "| run | epochs | as they are | " + " | ".join(kinds) + " |", "|---|---|---|" + "---|" * len(kinds)]
        for name in dict.fromkeys(row["run"] for row in rows):
            own = {row["attack"]: row for row in rows if row["run"] == name}
            lines.append(f"| {name} | {own[kinds[0]]['epochs']} | {own[kinds[0]]['auroc']} | "
                         + " | ".join(own[kind]["adversarial_auroc"] for kind in kinds) + " |")
        lines += ["", "![Digits, and what those who have learnt eights redraw](arae_redrawn.png)", ""]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--train", default="")
    parser.add_argument("--runs", default="saved_models/arae_results")
    parser.add_argument("--attack", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    from kerasnd import process
    process.settle("cpu", arguments.threads)
    process.import_tensorflow()
    folder = Path(arguments.runs)
    folder.mkdir(parents=True, exist_ok=True)
    CURVES.mkdir(parents=True, exist_ok=True)
    for name in filter(None, arguments.train.split(",")):
        train(name, arguments.data_dir, folder)
    if arguments.attack:
        attack_all(arguments.data_dir, folder)
        redraw(arguments.data_dir, folder)
    if not arguments.train:
        draw_curves()
        Path("docs/results/arae.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
