"""Makes docs/results/odds.md: the Deep SAD study on its six ODDS tables, every method on the same splits.

    python docs/results/odds.py --data_dir=DIR                       # all that is not yet in docs/results/odds.csv, then the page
    python docs/results/odds.py --data_dir=DIR --methods=deep_sad --sets=cardio --seeds=0,1

About two hours on 2 cores. A row of the .csv is one training; rows that are there are not made again.
"""
import argparse
import contextlib
import csv
import io
import tempfile
from pathlib import Path

import numpy as np

SETS = ("arrhythmia", "cardio", "satellite", "satimage-2", "shuttle", "thyroid")
# method: (config, labelled anomalies per training example, protocol, seeds)
METHODS = {
    "deep_sad": ("configs/deep_sad.py", 0.01, "semi_supervised", 10),
    "deep_sad, leaking split": ("configs/deep_sad.py", 0.01, "legacy_leaking", 10),
    "deep_sad, rate 1e-4 (:paper)": ("configs/deep_sad.py:paper", 0.01, "semi_supervised", 3),
    "deep_svdd": ("configs/deep_svdd.py", 0.0, "semi_supervised", 10),
    "ocsvm": ("configs/ocsvm.py", 0.0, "semi_supervised", 10),
    "isoforest": ("configs/isoforest.py", 0.0, "semi_supervised", 10),
    "kde": ("configs/kde.py", 0.0, "semi_supervised", 10),
    "ssad": ("configs/ssad.py", 0.01, "semi_supervised", 10),
    "supervised": ("configs/supervised.py", 0.01, "semi_supervised", 10),
    "semi_dgm": ("configs/semi_dgm.py", 0.01, "semi_supervised", 3),
    "hybrid_ocsvm": ("configs/hybrid_ocsvm.py", 0.0, "semi_supervised", 3),
    "hybrid_isoforest": ("configs/hybrid_isoforest.py", 0.0, "semi_supervised", 3),
    "hybrid_kde": ("configs/hybrid_kde.py", 0.0, "semi_supervised", 3),
    "hybrid_ssad": ("configs/hybrid_ssad.py", 0.01, "semi_supervised", 3),
}
# AUROC in percent, mean and deviation of 10 seeds: Ruff et al. (2020), table 6; isolation forest and KDE are not in it.
PUBLISHED = {
    "deep_sad": "75.9±8.7 95.0±1.6 91.5±1.1 99.9±0.1 98.4±0.9 98.6±0.9",
    "deep_svdd": "74.6±9.0 84.8±3.6 79.8±4.1 98.3±1.4 86.3±7.5 72.0±9.7",
    "autoencoder": "74.0±7.5 94.3±2.0 80.0±1.7 99.9±0.0 98.2±1.2 75.2±10.2",
    "ocsvm": "84.5±3.9 98.5±0.3 95.1±0.2 99.4±0.8 99.4±0.9 98.3±0.9",
    "hybrid_ocsvm": "76.7±6.2 82.8±9.3 68.6±4.8 96.7±2.1 94.1±9.5 91.2±4.0",
    "ssad": "86.7±4.0 98.8±0.3 96.2±0.3 99.9±0.1 99.6±0.5 97.9±1.9",
    "hybrid_ssad": "78.3±5.1 86.3±5.8 86.9±2.8 96.8±2.1 97.7±1.0 95.3±3.1",
    "semi_dgm": "50.3±9.8 66.2±14.3 57.4±6.4 99.2±0.6 97.9±0.3 72.7±12.0",
    "supervised": "39.2±9.5 83.2±9.6 87.2±2.1 99.9±0.1 95.1±8.0 97.8±2.6",
}
COLUMNS = ("set", "method", "protocol", "hash", "seed", "auroc", "untrained", "raw_mean", "seconds", "trained_on", "judged", "note")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--methods", default="")
    parser.add_argument("--seeds", default="")
    parser.add_argument("--rows", default="docs/results/odds.csv")
    parser.add_argument("--to", default="docs/results/odds.md")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--only_page", action="store_true")
    arguments = parser.parse_args()
    if not arguments.only_page:
        from kerasnd import process
        process.settle("cpu", arguments.threads)
        process.import_tensorflow()
        for name in arguments.sets.split(","):
            for method in arguments.methods.split(";") if arguments.methods else METHODS:
                for seed in map(int, arguments.seeds.split(",")) if arguments.seeds else range(METHODS[method][3]):
                    if (name, method, str(seed)) not in {(row["set"], row["method"], row["seed"]) for row in rows(arguments.rows)}:
                        append(arguments.rows, judged(name, method, seed, arguments.data_dir))
    Path(arguments.to).write_text(page(rows(arguments.rows)), encoding="utf-8")


def rows(path):
    """list of {column: text}."""
    if not Path(path).exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path, found):
    fresh = not Path(path).exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        writer.writerows(found)


def judged(name, method, seed, data_dir):
    """Trains every stage of a config as `bin/train` does, in a folder that is thrown away, and judges it without figures.

    Returns:
        list of rows: the method's, and for deep_svdd its autoencoder's as well.
    """
    import keras
    import tensorflow as tf

    from kerasnd import config, examples, judging, metrics, saving, training
    from kerasnd.data import protocols
    from kerasnd.folder import RunFolder
    from kerasnd.methods import SOLVED
    from kerasnd.progress import RunLog
    file, ratio, protocol, _ = METHODS[method]
    settings = config.load(file=file, dataset=name, normal="0", seed=seed, overrides=[
        ("protocol.name", protocol), ("protocol.ratio_known_outlier", str(ratio))])
    pool, split = examples.split(settings, data_dir)
    x, x_test, stages = pool.x[split.train], pool.x[split.test], settings["stages"]

    def auroc(score):
        return round(float(metrics.auroc(split.label, score)), 5)
    common = {"set": name, "protocol": protocol, "hash": protocols.fingerprint(split), "seed": seed,
              "raw_mean": auroc(judging.distance_to_mean(x[split.hint >= 0], x_test)), "trained_on": len(x), "judged": len(x_test)}
    found = []
    with tempfile.TemporaryDirectory() as place:
        folder, log = RunFolder(place), RunLog(Path(place) / "log.txt")
        with contextlib.redirect_stdout(io.StringIO()), log:
            seconds, _ = training.train(folder, settings, x, split.hint, tf.distribute.get_strategy(), pool.example_shape, log)
        note = "; ".join(line.rpartition(": ")[2] for line in log.path.read_text().splitlines() if "on a random part of" in line)
        for number in range(0 if method == "deep_svdd" else len(stages) - 1, len(stages)):
            untrained, row = "", method if number + 1 == len(stages) else "autoencoder"
            if stages[number]["method"] not in SOLVED:
                upto = {**settings, "stages": stages[:number + 1]}
                untrained = auroc(judging.untrained_scores(upto, x, split.hint, x_test, pool.example_shape, most=1)[0])
            detector = saving.load(training.stage_file(folder, stages, number))
            found.append({**common, "method": row, "auroc": auroc(detector.predict(x_test, verbose=0)), "untrained": untrained,
                          "seconds": round(sum(seconds[:number + 1]), 1), "note": note})
            print(name, row, "seed", seed, found[-1]["auroc"], "untrained", untrained, found[-1]["seconds"], "s", flush=True)
    keras.backend.clear_session()
    return found


def helped(found):
    """str, where a classic is better on an autoencoder's code, by the mean of the seeds that both have."""
    values = {(row["method"], row["set"], row["seed"]): 100 * float(row["auroc"]) for row in found}
    gains = []
    for classic in ("ocsvm", "isoforest", "kde", "ssad"):
        for name in SETS:
            seeds = [seed for method, of, seed in values if (method, of) == (f"hybrid_{classic}", name)
                     and (classic, name, seed) in values]
            if seeds:
                gains.append(np.mean([values[f"hybrid_{classic}", name, seed] - values[classic, name, seed] for seed in seeds]))
    return (f"An autoencoder's code helps the classics in {sum(gain > 0 for gain in gains)} of {len(gains)} cases, by "
            f"{max(gains):.1f} points at most (the seeds that both have).")


def page(found):
    """The Markdown page."""
    import kerasnd

    def cell(method, name, key="auroc"):
        values = [100 * float(row[key]) for row in found if row["method"] == method and row["set"] == name and row[key]]
        return f"{np.mean(values):.1f}±{np.std(values, ddof=1) if len(values) > 1 else 0:.1f}" if values else ""
    there = [method for method in (*METHODS, "autoencoder") if any(row["method"] == method for row in found)]
    lines = ["# The six ODDS tables of the Deep SAD study", "",
             f"kerasnd {kerasnd.__version__}. Command: `python docs/results/odds.py --data_dir=DIR`; every training in odds.csv.",
             "",
             "AUROC in percent, mean and standard deviation over seeds (10; 3 for semi_dgm and the hybrids). Protocol "
             "`semi_supervised`",
             "unless the row says otherwise: 60 percent of each class may train, 40 percent are judged; scaling fitted on the "
             "training part;",
             "1 percent labelled anomalies (gamma_l = 0.01) for deep_sad, ssad, supervised and semi_dgm, none for the others. "
             "Published:",
             "Ruff et al. (2020), table 6, made by code whose tables leak (see `legacy_leaking`) and whose OC-SVM and SSAD "
             "choose gamma on test data.", "",
             "| method | " + " | ".join(SETS) + " | mean |", "|---|" + "---|" * (len(SETS) + 1)]
    for method in there:
        cells = [cell(method, name) for name in SETS]
        means = [float(each.split("±")[0]) for each in cells if each]
        lines.append(f"| **{method}** | " + " | ".join(cells) + f" | {np.mean(means):.1f} |" if len(means) == len(SETS)
                     else f"| **{method}** | " + " | ".join(cells) + " | |")
        if method in PUBLISHED:
            values = PUBLISHED[method].split()
            lines.append("| published | " + " | ".join(values) + f" | {np.mean([float(v.split('±')[0]) for v in values]):.1f} |")
        untrained = [cell(method, name, "untrained") for name in SETS]
        if any(untrained):
            lines.append("| untrained network | " + " | ".join(untrained) + " | |")
    cells = [cell("deep_svdd", name, "raw_mean") or cell("deep_sad", name, "raw_mean") for name in SETS]
    lines.append("| distance to the raw mean | " + " | ".join(cells) + " | |")
    count = {(method, name): sum(row["method"] == method and row["set"] == name for row in found) for method in there
             for name in SETS}
    fewer = [f"{method} on {name} ({n})" for (method, name), n in count.items() if 0 < n < METHODS.get(method, ("", "", "", 10))[3]]
    lines += ["", "The tables' schedule in `configs/` (150 epochs at 1e-3, the published code's default rate, in the place of "
                  "the paper's 1e-4) was",
              "compared with the paper's on other splits (seeds 100 and 101) of the same sets: Deep SAD .98 and .90 on cardio, "
              ".996 and .993 on",
              "thyroid, .81 and .72 on arrhythmia, .91 and .89 on satellite."]
    lines += ["", "The leaking split (`legacy_leaking`: judged partly on what it trained on, as in the published code) adds 2.5 "
                  "points to Deep SAD's mean, nearly",
              "all of them on the small arrhythmia. On the clean split Deep SAD is ahead of its published mean all the same: by "
              "the faster rate, see its row",
              "`:paper`. " + helped(found), "",
              "Why OC-SVM and SSAD stay behind their published rows, by OC-SVM on seeds 0 and 1 (`bin/train "
              "--config=configs/ocsvm.py:oracle --dataset=arrhythmia",
              "--config.protocol.name=legacy_leaking --config.protocol.ratio_known_outlier=0 --seed=0 --data_dir=DIR`, and so "
              "on). Arrhythmia: gamma by test labels",
              "alone 77.1 77.0, the leaking split alone 88.9 90.5, both 90.8 86.7: it is the split. Satellite: 83.3 83.8, 82.6 "
              "82.4, 82.6 82.4: neither",
              "explains the published 95.1, and what does is not known."]
    lines += ["", "Fewer seeds so far: " + ", ".join(fewer) + ". Empty: not run yet."] * bool(fewer)
    notes = sorted({f"{row['method']} on {row['set']}: {row['note']}" for row in found if row["note"]})
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


if __name__ == "__main__":
    main()
