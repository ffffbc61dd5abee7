"""The runs of docs/results/arae.py: which they are, their training epoch by epoch, and their scores under attack."""
import csv
import os
from pathlib import Path

import numpy as np

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
CURVES = Path("docs/results/arae_curves")
ATTACKS = (("linf", 0.05), ("linf", 0.1), ("linf", 0.2), ("l2", 1.5), ("spatial", None))
KEEP = 10       # epochs between two saved states


def plan():
    """{name: (variant of the config, overrides of the model, digit, protocol, epochs)}."""
    leak = {"carry_attack_gradient": True}
    runs = {}
    for digit, leaking, default in ((8, 52, 52), (2, 22, 102), (5, 22, 22)):
        runs[f"union_leak_{digit}"] = ("union_paper", leak, digit, "one_vs_rest", leaking)
        runs[f"union_{digit}"] = ("union_paper", {}, digit, "one_vs_rest", default)
    for digit in (8, 2):
        runs[f"linf_p1_{digit}"] = ("paper", {}, digit, "p1", 1600)
    for digit in (2, 8):
        runs[f"linf_{digit}"] = ("paper", {}, digit, "one_vs_rest", 100)
        for network in ("arae_linf", "arae_union"):
            for kind in ("plain", "denoising"):
                runs[f"{kind}_{network}_{digit}"] = (kind, {"network": network}, digit, "one_vs_rest", 100)
    return runs


def settings_of(name):
    """dict, the config of a run."""
    from kerasnd import config
    variant, _, digit, protocol, _ = plan()[name]
    file = "configs/autoencoder.py" if variant in ("plain", "denoising") else f"configs/arae.py:{variant}"
    return config.load(file=file, dataset="mnist", normal=str(digit), seed=0, overrides=[("protocol.name", protocol)])


def train(name, data_dir, folder):
    """Trains one run, or goes on with it, and writes a row an epoch."""
    import keras

    from kerasnd import examples, optimizers
    from kerasnd.methods import method
    variant, more, _, protocol, epochs = plan()[name]
    settings = settings_of(name)
    stage = settings["stages"][0]
    pool, split = examples.split(settings, data_dir)
    if variant == "denoising":
        more = {**more, "dropout": 0.3}
    state, rows = folder / f"{name}.keras", CURVES / f"{name}.csv"
    begin = 0
    if state.exists():
        detector = keras.models.load_model(state)
        begin = int(detector.optimizer.iterations.numpy()) // (len(split.train) // batch_size(variant, stage))
        kept = rows.read_text().splitlines()[:begin + 1]
        rows.write_text("\n".join(kept) + "\n")
    else:
        keras.utils.set_random_seed(0)
        detector = method(stage["method"])(pool.example_shape, **{**stage["model"], **more})
        detector.compile(optimizers.make(1, **stage["optimizer"]) if stage["method"] == "arae" else keras.optimizers.Adam(1e-3))
    judge = Judge(settings, data_dir, pool, split, protocol)

    class Curve(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            row = {"epoch": epoch + 1, "loss": f"{float(logs['loss']):.6f}", **judge.row(detector)}
            with open(rows, "a" if epoch else "w", newline="") as file:
                writer = csv.DictWriter(file, row)
                if epoch == 0:
                    writer.writeheader()
                writer.writerow(row)
            print(name, row, flush=True)
            if (epoch + 1) % KEEP == 0 or epoch + 1 == epochs:
                detector.save(folder / f"{name}.new.keras")
                os.replace(folder / f"{name}.new.keras", state)
    if begin < epochs:
        detector.fit(pool.x[split.train], epochs=epochs, initial_epoch=begin, batch_size=batch_size(variant, stage), seed=0,
                     callbacks=[Curve()], verbose=0)


def batch_size(variant, stage):
    """int, of a run: the autoencoders have that of linf, or they would take more steps than it."""
    return 256 if variant in ("plain", "denoising") else stage["fit"]["batch_size"]


class Judge:
    """Scores the test part after an epoch; nothing is chosen by it."""

    def __init__(self, settings, data_dir, pool, split, protocol):
        from kerasnd import examples
        self.pool, self.splits = pool, {0.5: split}
        if protocol == "p1":
            for share in SHARES:
                changed = {**settings, "protocol": {**settings["protocol"], "anomaly_share": share}}
                self.splits[share] = examples.split(changed, data_dir)[1]
                assert np.array_equal(self.splits[share].train, split.train)
        self.protocol = protocol
        self.places = np.unique(np.concatenate([part for each in self.splits.values() for part in (each.test, each.validation)]))

    def row(self, detector):
        from kerasnd import metrics
        found = np.zeros(len(self.pool.category), np.float32)
        found[self.places] = detector.predict(self.pool.x[self.places], verbose=0)
        normal = self.splits[0.5].test[self.splits[0.5].label == 0]
        row = {"test_normal_mse": f"{found[normal].mean() / np.prod(self.pool.example_shape):.6f}"}
        if self.protocol != "p1":
            split = self.splits[0.5]
            return {**row, "auroc": f"{metrics.auroc(split.label, found[split.test]):.5f}"}
        for share, split in self.splits.items():
            threshold = metrics.threshold_f1_inlier(split.validation_label, found[split.validation])
            row[f"auroc_{share}"] = f"{metrics.auroc(split.label, found[split.test]):.5f}"
            row[f"f1_{share}"] = f"{metrics.f1_at(split.label, found[split.test], threshold, positive='normal'):.5f}"
        return row


def attack_all(data_dir, folder):
    """Writes the AUROC under attack of every trained run: 500 normals and 500 others of its test part; what is there is kept."""
    import keras

    import kerasnd
    from kerasnd import examples, metrics, robustness
    found = attacked_rows()
    done = {(row["run"], row["epochs"]) for row in found}
    for name, (_, _, digit, _, _) in plan().items():
        if not (folder / f"{name}.keras").exists():
            continue
        detector = keras.models.load_model(folder / f"{name}.keras")
        pool, split = examples.split(settings_of(name), data_dir)
        variant = plan()[name][0]
        size = batch_size(variant, settings_of(name)["stages"][0])
        epochs = str(int(detector.optimizer.iterations.numpy()) // (len(split.train) // size))
        if (name, epochs) in done:
            continue
        found = [row for row in found if row["run"] != name]
        rng = np.random.default_rng(0)
        chosen = np.concatenate([rng.permutation(np.flatnonzero(split.label == kind))[:500] for kind in (0, 1)])
        x, label = pool.x[split.test[chosen]], split.label[chosen]
        for attack, eps in ATTACKS:
            attacked = kerasnd.attack_scores(detector, x, label, attack, eps=eps)
            found.append({"run": name, "digit": digit, "epochs": epochs, "attack": attacked.name,
                          "auroc": f"{metrics.auroc(label, attacked.score):.4f}",
                          "adversarial_auroc": f"{robustness.numbers(label, attacked)['adversarial_auroc']:.4f}"})
            print(found[-1], flush=True)
        order = list(plan())
        found.sort(key=lambda row: order.index(row["run"]))
        with open(CURVES / "attacked.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, found[0])
            writer.writeheader()
            writer.writerows(found)


def attacked_rows():
    """list of dict, what attacked.csv says; empty where there is none."""
    path = CURVES / "attacked.csv"
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def curve(name):
    """{column: float array}, an epoch a row; None where nothing is trained yet."""
    path = CURVES / f"{name}.csv"
    if not path.exists():
        return None
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
