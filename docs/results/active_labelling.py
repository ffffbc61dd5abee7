"""Makes docs/results/active_labelling.md: what labels bring Deep SAD, when a user gives those that `bin/score --suggest` asks for.

    python docs/results/active_labelling.py --data_dir=DIR       # what is not yet in active_labelling.csv, then the page
    python docs/results/active_labelling.py --sets=digits --seeds=0

A training set has hidden anomalies of all other classes, one in ten. Deep SAD is trained without labels; then three times a few
of the examples get a label, the truth, and it is trained anew on all labels so far, from the weights of the same autoencoder.
What gets a label is chosen as `bin/score --suggest` does, by the highest scores alone, or by chance. Judged is the test part,
which nobody asks about. A row of the .csv is one training. The form of the choice was settled on digits, seeds 0 and 1, which
are not among the default ones. About an hour on one core.
"""
import argparse
import csv
from pathlib import Path

import numpy as np

# set: (normal classes, labels a round, epochs of the autoencoder, epochs of Deep SAD, batch size, rates of both, training examples)
SETS = {
    "digits": (range(10), 5, 200, 100, 32, 1e-3, 1e-4, None),
    "digits in fours": ((1, 3, 5, 7, 9), 5, 100, 50, 64, 1e-3, 2e-4, None),
    "mnist": ((1, 3, 8), 20, 30, 30, 128, 1e-3, 1e-4, 1000),
    "cardio": ((0,), 20, 150, 150, 128, 1e-3, 1e-4, None),
}
SHARE = {"cardio": 0.05}        # it has no anomalies for one in ten
TWINS = {"digits in fours": 4}  # so often each training example is there, each time with noise of one grey level, as in bursts
STRATEGIES = {"suggested": "`--suggest`", "top": "highest scores alone", "random": "at random"}
ROUNDS = 3
COLUMNS = ("set", "normal", "seed", "strategy", "round", "labels", "found", "hidden", "trained_on", "auroc")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", help="of mnist as TFDS prepares it, and of cardio.mat")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", default="2,3,4")
    parser.add_argument("--rows", default="docs/results/active_labelling.csv")
    parser.add_argument("--to", default="docs/results/active_labelling.md")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only_page", action="store_true")
    arguments = parser.parse_args()
    if not arguments.only_page:
        from kerasnd import process
        process.settle("cpu", arguments.threads)
        process.import_tensorflow()
        made = {(row["set"], row["normal"], row["seed"]) for row in rows(arguments.rows)}
        for seed in map(int, arguments.seeds.split(",")):
            for name in arguments.sets.split(","):
                for normal in SETS[name][0]:
                    if (name, str(normal), str(seed)) not in made:
                        append(arguments.rows, list(labelled(name, normal, seed, arguments.data_dir)))
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
    print(*(f"{each['strategy']} {each['round']}: {each['auroc']}" for each in found), *found[0].values(), flush=True)


def data(name, normal, seed, data_dir):
    """(x, whether each is anomalous, x of the test part, its label)."""
    import kerasnd
    from kerasnd.data import protocols
    pool = kerasnd.load_data(name.split()[0], data_dir=data_dir)
    split = protocols.make("contaminated", pool.category, pool.official, (normal,), np.random.default_rng(seed),
                           share=SHARE.get(name, 0.1))
    train, most = split.train, SETS[name][-1]
    if most:
        mixed = np.random.default_rng((seed, 1)).permutation(train)
        hidden = pool.category[mixed] != normal
        train = np.sort(np.concatenate([mixed[hidden][:most // 10], mixed[~hidden][:most - most // 10]]))
    x, hidden = pool.x[train], pool.category[train] != normal
    if name in TWINS:
        x, hidden = np.repeat(x, TWINS[name], axis=0), np.repeat(hidden, TWINS[name])
        noise = np.random.default_rng((seed, 3)).integers(-1, 2, x.shape)
        x = np.clip(x.astype(int) + noise, 0, 16).astype(x.dtype)
    return x, hidden, pool.x[split.test], split.label


def choose(strategy, score, values, n, rng):
    """int (n,), which of the examples without a label get one."""
    from kerasnd import suggesting
    if strategy == "random":
        return rng.permutation(len(score))[:n]
    best = np.argsort(-score, kind="stable")
    if strategy == "top":
        return best[:n]
    best = np.sort(best[:suggesting.POOL * n])
    return best[suggesting.choose(score[best], values[best], n)]


def labelled(name, normal, seed, data_dir):
    """Yields the rows of one training set."""
    import keras

    import kerasnd
    from kerasnd import metrics
    x, anomalous, x_test, label = data(name, normal, seed, data_dir)
    _, n, before, epochs, batch_size, *rates, _ = SETS[name]
    keras.utils.set_random_seed(seed)
    autoencoder = kerasnd.Autoencoder(x.shape[1:], preprocess="unit" if x.ndim == 4 else "minmax")
    autoencoder.compile(keras.optimizers.Adam(rates[0]))
    autoencoder.fit(x, epochs=before, batch_size=batch_size, seed=seed, verbose=0)

    detector = kerasnd.DeepSAD(x.shape[1:])
    detector.compile(optimizer := keras.optimizers.Adam(rates[1]))
    detector.inherit(autoencoder)
    begun = detector.get_weights(), [variable.numpy() for variable in optimizer.variables]

    def trained(hint):
        detector.set_weights(begun[0])      # as a new one, whose graph is there already
        for variable, value in zip(optimizer.variables, begun[1], strict=True):
            variable.assign(value)
        detector.fit(x, hint, epochs=epochs, batch_size=batch_size, seed=seed, verbose=0)
        values = np.concatenate([detector.encode(x[at:at + 512]).numpy() for at in range(0, len(x), 512)])
        return metrics.auroc(label, detector.predict(x_test, verbose=0)), detector.predict(x, verbose=0), values
    nothing = trained(np.zeros(len(x), np.int8))
    for strategy in STRATEGIES:
        (auroc, score, values), hint, rng = nothing, np.zeros(len(x), np.int8), np.random.default_rng((seed, 2))
        for number in range(ROUNDS + 1):
            if number:
                free = np.flatnonzero(hint == 0)
                asked = free[choose(strategy, score[free], values[free], n, rng)]
                hint[asked] = np.where(anomalous[asked], -1, 1)
                auroc, score, values = trained(hint)
            yield {"set": name, "normal": normal, "seed": seed, "strategy": strategy, "round": number, "labels": n * number,
                   "found": int((hint == -1).sum()), "hidden": int(anomalous.sum()), "trained_on": len(x),
                   "auroc": round(float(auroc), 5)}
    keras.backend.clear_session()


def page(found):
    """The Markdown page."""
    import kerasnd

    def curves(name, strategy, key):
        """float (cells, rounds)."""
        cells = {}
        for row in found:
            if (row["set"], row["strategy"]) == (name, strategy):
                cells.setdefault((row["normal"], row["seed"]), []).append(key(row))
        return np.array(list(cells.values()))

    def auroc(row):
        return 100 * float(row["auroc"])
    lines = ["# Active labelling", "",
             f"kerasnd {kerasnd.__version__}. Command: `python docs/results/active_labelling.py --data_dir=DIR`; every training in "
             "active_labelling.csv.", "",
             "Deep SAD on training sets with hidden anomalies (one in ten; cardio one in twenty), none of them known at first. In "
             "each round some",
             "training examples get their true label, and it is trained anew. AUROC of the test part in percent, mean ± standard "
             "deviation over",
             "classes and seeds; in brackets the share of the hidden anomalies that have been found. The schedules are short: "
             "rows compare with one",
             "another, not with papers.", ""]
    for name in [each for each in SETS if any(row["set"] == each for row in found)]:
        first = next(row for row in found if row["set"] == name)
        baseline = curves(name, "random", auroc)
        classes = len({row["normal"] for row in found if row["set"] == name})
        lines += [f"## {name}: {SETS[name][1]} labels a round", "",
                  f"{len(baseline)} training sets ({classes} normal class{'es' * (classes > 1)}), of about {first['trained_on']} "
                  f"examples with {first['hidden']} hidden anomalies.", "",
                  "| labelled are | no labels | round 1 | round 2 | round 3 | ahead of chance in round 3 |",
                  "|---|---|---|---|---|---|"]
        for strategy, told in STRATEGIES.items():
            values = curves(name, strategy, auroc)
            share = curves(name, strategy, lambda row: int(row["found"]) / int(row["hidden"]))
            cells = [f"{mean:.1f}±{deviation:.1f} ({100 * part:.0f} %)" for mean, deviation, part in zip(
                values.mean(axis=0), values.std(axis=0, ddof=1) if len(values) > 1 else values[0] * 0, share.mean(axis=0))]
            ahead = values[:, -1] - baseline[:, -1]
            error = ahead.std(ddof=1) / np.sqrt(len(ahead)) if len(ahead) > 1 else 0
            last = f"{ahead.mean():+.1f}±{error:.1f}, in {(ahead > 0).sum()} of {len(ahead)}" if strategy != "random" else ""
            lines.append(f"| {told} | " + " | ".join(cells) + f" | {last} |")
        lines.append("")
    lines += ["The last column pairs the same training set; ± there is the standard error of the mean.", ""]
    return "\n".join([*lines, *WORDS, ""])


WORDS = (
    "**What it says.** What is suggested is worth a label; of what chance picks one in ten is an anomaly, and a label that says "
    "normal moves Deep",
    "SAD little (with eta = 1 its gradient is that of no label). Where examples differ, diversity brings nothing over the highest "
    "scores alone, and",
    "costs nothing: both rows agree within their errors. Where they come in bursts (`digits in fours`) it gains about twice as "
    "much over chance. On",
    "cardio the schedule leaves Deep SAD unstable, by ten points from seed to seed, and on one set chance was ahead: no claim is "
    "made there.",
    "Labels near a threshold were tried before this form was settled: the 90 % quantile of the scores was as good as chance (digit "
    "3, seed 0), half",
    "near it and half of the highest scores no better than the highest scores (97.3 and 97.2, eight digits, seed 0). With SSAD as "
    "the detector",
    "(three digits, seed 0) the highest scores alone found 25 % of the hidden anomalies in three rounds, this choice 36 %. Seeds "
    "are those in the .csv.",
)


if __name__ == "__main__":
    main()
