"""Makes docs/results/gpnd.md: GPND on one fold of MNIST, its terms apart, beside the published means.

    python docs/results/gpnd.py --data_dir=DIR --train=gpnd_8,vae_8 --epochs=20 --precision=bfloat16    # trains and judges
    python docs/results/gpnd.py --data_dir=DIR --train=gpnd_8 --precision=bfloat16      # goes on to the schedule's 80 epochs
    python docs/results/gpnd.py                                                         # the page, from what has been judged

Every image of the validation and the test fold is scored once; every share of anomalies, by both rules, comes from those scores.
A training that was stopped is resumed from its last state. `--scored=float32` judges what bfloat16 has trained in float32.
"""
import argparse
import csv
import os
from pathlib import Path

import numpy as np

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
# published, at the five shares, means over ten digits and five folds: AUROC, and F1 of the score's parts
AUROC = (".981", ".980", ".980", ".980", ".980")
ABLATION = {"density": (".983", ".971", ".961", ".950", ".939"), "residual": (".981", ".968", ".957", ".944", ".930"),
            "parallel": (".968", ".942", ".919", ".895", ".868"), "latent": (".963", ".932", ".903", ".875", ".843")}
DRAWS = 10          # of anomalies, by the subsample rule
ROWS = Path("docs/results/gpnd.csv")
NAMES = {"gpnd": "GPND", "aae": "without the image critic (P-AAE)", "vae": "VAE, same networks and density (P-VAE)",
         "autoencoder": "autoencoder, same networks"}
NUMBERS = ("f1", "auroc", "fpr_at_95_tpr", "detection_error", "aupr_in", "aupr_out")
RUN = ("run", "epochs", "trained", "scored")
KEEP = 5            # epochs between two saved states


def settings(name, epochs):
    """(dict, the config of a run; dict, of its model), where a name is "gpnd_8": kind and digit."""
    from kerasnd import config
    kind, digit = name.split("_")
    loaded = config.load(file="configs/gpnd.py:paper", dataset="mnist", normal=digit, seed=0,
                         overrides=[("protocol.name", "folds"), ("protocol.balance", "none"),
                                    ("stages[0].fit.epochs", str(epochs))])
    model = dict(loaded["stages"][0]["model"])
    if kind == "aae":
        model["image_critic"] = False
    if kind == "vae":
        model = {"network": "gpnd", "latent_dim": 16, "score_by": "density"}
    if kind == "autoencoder":
        model = {"network": "gpnd", "latent_dim": 16}
    return loaded, model


def train(name, epochs, data_dir, folder, precision, scored):
    """Trains a run, or goes on with it, and judges it."""
    import keras

    from kerasnd import examples, optimizers
    kind = name.split("_")[0]
    loaded, model = settings(name, epochs)
    stage = loaded["stages"][0]
    pool, split = examples.split(loaded, data_dir)
    state, batch_size = folder / f"{name}.keras", stage["fit"]["batch_size"]
    steps = len(split.train) // batch_size
    begin = 0
    if state.exists():
        detector = keras.models.load_model(state)
        kept = "bfloat16" if detector.encoder.layers[1].compute_dtype == "bfloat16" else "float32"
        if kept != precision:
            raise SystemExit(f"{state} is trained in {kept}. Give --precision={kept}, or another --runs.")
        begin = int(detector.optimizer.iterations.numpy()) // steps
    else:
        keras.utils.set_random_seed(0)
        detector = made(kind, pool.example_shape, model, precision)
        rate = stage["optimizer"] if kind in ("gpnd", "aae") else {"learning_rate": 1e-3, "milestones": [29, 59], "factor": 0.25}
        detector.compile(optimizers.make(steps, **rate))

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            print(name, epoch + 1, {key: round(float(value), 4) for key, value in logs.items()}, flush=True)
            if (epoch + 1) % KEEP == 0:
                detector.save(folder / f"{name}.new.keras")
                os.replace(folder / f"{name}.new.keras", state)
    if begin < epochs:
        detector.fit(pool.x[split.train], epochs=epochs, initial_epoch=begin, batch_size=batch_size, seed=0, callbacks=[Keep()],
                     verbose=0)
        detector.save(state)
    if scored != precision:
        twin = made(kind, pool.example_shape, model, scored)
        twin.set_weights(detector.get_weights())
        detector = twin
    write((name, str(max(begin, epochs)), precision, scored), judged(detector, pool, split))


def made(kind, shape, model, precision):
    """A detector with layers of a precision."""
    import keras

    from kerasnd.methods import method
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    return method("gpnd" if kind == "aae" else kind)(shape, **model)


def judged(detector, pool, split):
    """list of dict, a row for each score and share; every example is scored once."""
    from kerasnd import per_share
    held, test = (per_share.scores(detector, pool.x[each], "reconstruction") for each in (split.validation, split.test))
    rows = []
    for score_by in held:
        for share in SHARES:
            for rule in ("subsample", "repeat"):
                found = numbers((split.validation_label, held[score_by]), (split.label, test[score_by]), share, rule)
                rows.append({"score": score_by, "share": share, "rule": rule,
                             **{key: f"{value:.4f}" for key, value in found.items()}})
    return rows


def numbers(held, test, share, rule):
    """dict, the metrics at a share of anomalies; the mean over draws where anomalies are drawn."""
    from kerasnd import metrics
    found = []
    for draw in range(DRAWS if rule == "subsample" else 1):
        rng = np.random.default_rng(draw)
        validation, judged = (at_share(*each, share, rule, rng) for each in (held, test))
        found.append({**metrics.ranked(*judged), "f1": metrics.inlier_f1(validation, judged)["f1_inlier"]})
    return {key: float(np.mean([each[key] for each in found])) for key in NUMBERS}


def at_share(label, score, share, rule, rng):
    """(label, score) of the examples that make up a share of anomalies, by the protocol's own rule; the anomalies are drawn."""
    from kerasnd.data import folds
    from kerasnd.metrics import repeated
    normals, anomalies = np.flatnonzero(label == 0), rng.permutation(np.flatnonzero(label == 1))
    at, times = folds.at_share(normals, anomalies, share, rule)
    return repeated(times, label[at], score[at])


def write(run, rows):
    """Puts the rows of a run into the table, in the place of older ones."""
    kept = [row for row in read() if tuple(row[key] for key in RUN) != run]
    kept += [{**dict(zip(RUN, run)), **row} for row in rows]
    kept.sort(key=lambda row: (list(NAMES).index(row["run"].split("_")[0]), row["run"], int(row["epochs"]), row["scored"]))
    with open(ROWS, "w", newline="") as file:
        writer = csv.DictWriter(file, kept[0])
        writer.writeheader()
        writer.writerows(kept)


def read():
    """list of dict, the table; empty where there is none."""
    if not ROWS.exists():
        return []
    with open(ROWS, newline="") as file:
        return list(csv.DictReader(file))


def page():
    """The Markdown page."""
    import kerasnd
    rows = read()
    accept = " ".join(f"{2 * (1 - share) / (2 - share):.3f}" for share in SHARES)
    lines = ["# GPND on MNIST", "",
             f"kerasnd {kerasnd.__version__}. Command: `python docs/results/gpnd.py --data_dir=DIR --train=gpnd_8`; all in "
             "gpnd.csv.",
             "", "Protocol `folds`, fold 0, seed 0. F1 has the normals as the positive class and its threshold from the",
             f"validation fold; accepting everything gives {accept} at 10, 20, 30, 40 and 50 percent of anomalies.",
             f"Anomalies are drawn {DRAWS} times (`subsample`). Published: means over ten digits and five folds.", ""]
    for measure, published in (("f1", ABLATION), ("auroc", {"density": AUROC})):
        lines += [f"## {measure.upper()}", "", "| run | epochs | score | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |",
                  "|---|---|---|" + "---|" * len(SHARES)]
        for run in dict.fromkeys(tuple(row[key] for key in RUN) for row in rows):
            own = [row for row in rows if tuple(row[key] for key in RUN) == run and row["rule"] == "subsample"]
            for score_by in dict.fromkeys(row["score"] for row in own):
                cells = " | ".join(row[measure].lstrip("0") for row in own if row["score"] == score_by)
                lines.append(f"| {told(*run)} | {run[1]} | {score_by} | {cells} |")
        for score_by, each in published.items():
            lines.append(f"| published, mean | 80 | {score_by} | " + " | ".join(each) + " |")
        lines.append("")
    lines.append(READ)
    return "\n".join(lines)


READ = """## What it shows

- Ordering: the residual alone is as good as the full score (within .001 of AUROC), both far above p(z) alone. The
  paper's "full > residual" does not show on these digits. p(z) gets better with the schedule: on 8 from .73 after 20 epochs to .88
  after 80.
- The Jacobian's term, at the sign of the formula, takes a little from the score: on 8 after 80 epochs (700 normals, 700 anomalies
  of the test fold) AUROC .9505 with it, .9546 without, .9584 at the reversed sign of the authors' newest code; by the decoder's
  Jacobian .9507, .9546, .9583. The encoder stretches anomalies more than normals. The formula's sign stays: the other was seen to
  be better on test labels alone.
- Pixels are not independent, so that the residual outweighs the code: ten times ln p(z) beside the residual would have .9675 there.
- On 5, 20 epochs: GPND .947, the VAE of the same networks .957, their plain autoencoder .942, without the image critic .927.
- Short schedules need a late drop of the rate. MNIST's 8 under `one_vs_rest`: after 8 epochs with drops at 3 and 6 (a tenth of the
  published ones) .706, below its untrained network (.866); after 20 with drops at 15 and 18, the default since then, .929
  ([table.md](table.md)).
- Untrained networks of the same kind, with the densities fitted, on 700 normals and 700 anomalies of the test fold (two seeds):
  .866 and .830 on 8, .760 and .756 on 5; the distance to the raw mean .800 and .728.
- Scored in float32 or in bfloat16 the AUROC is the same to .0004, that of the full score to .0001.
- The trained detector of 8, saved and loaded, and exported as a graph, scores 256 test images alike to the last bit, in both types.
"""


def told(run, epochs, trained, scored):
    """str, a run for readers."""
    kind, digit = run.split("_")
    half = "" if trained == scored == "float32" else f", {trained}" if trained == scored else f", {trained}, scored in {scored}"
    return f"{NAMES[kind]}, {digit}{half}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir")
    parser.add_argument("--train", default="")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--scored", choices=("float32", "bfloat16"), default=None)
    parser.add_argument("--runs", default="saved_models/gpnd_results")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    from kerasnd import process
    process.settle("auto", arguments.threads)
    process.import_tensorflow()
    folder = Path(arguments.runs)
    folder.mkdir(parents=True, exist_ok=True)
    for name in filter(None, arguments.train.split(",")):
        train(name, arguments.epochs, arguments.data_dir, folder, arguments.precision, arguments.scored or arguments.precision)
    Path("docs/results/gpnd.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
