"""Every method on MNIST and CIFAR-10, each class against the rest: the table of the README.

Paper:    those of the configs named below. No paper has this table; published means of the same protocol stand beside it.
Cost:     twelve hours of one core on which an epoch of MNIST's 6 000 images takes a LeNet .6 s; five of them GPND and ARAE.
Needs:    MNIST and CIFAR-10, prepared or to be downloaded.
Command:  bin/benchmark --config=configs/tables/all_methods.py --to=sweeps/all_methods
          bin/benchmark --config=configs/tables/all_methods.py --datasets=cifar10 --precision=bfloat16 --to=DIR   # .7 of the time
          bin/benchmark --config=configs/tables/all_methods.py --shorten=1 --seeds=0-4 --to=sweeps/whole    # as published
          python docs/results/table.py --from=sweeps/all_methods      # into docs/results/table.md and the README
"""
from kerasnd.config_tables import CIFAR10, class_of

SOFT = {"stages[1].model.objective": "soft_boundary"}
# gpnd's rate falls early: with a tenth of its schedule, 8 epochs, the digit 8 had .706, its untrained network .866.
LATER = {"stages[0].optimizer.milestones": "[60,72]"}
# What the columns of a group ask of each method. One that knows labels is of another protocol, and has columns of its own.
TOLD, ALONE = ", 5 % known", {"protocol.name": "one_vs_rest"}
KNOWN = {"protocol.name": "semi_supervised", "protocol.ratio_known_outlier": "0.05"}
STUDY = "Ruff et al. (2020), Deep SAD, table 3"
OWN = "Ruff et al. (2018), Deep SVDD, table 1, verified through the tables of two later papers"
# Published schedules are divided by these, to fit a few hours of two cores.
LENET, WIDE, LONG = {"MNIST": 1, "CIFAR-10": 15}, {"MNIST": 10, "CIFAR-10": 15}, {"MNIST": 10}
# row: config, overrides, divided by, published means of ten classes on MNIST and CIFAR-10 where the protocol is the same, source.
# ocnn's and rcae's were measured on training images and are in ocnn.py.
ROWS = {
    "isoforest": ("isoforest.py:paper", {}, {}, (85.4, 60.0), STUDY),
    "kde": ("kde.py:paper", {}, {}, (95.0, 59.9), STUDY),
    "ocsvm": ("ocsvm.py:paper", {}, {}, (96.0, 62.0), f"{STUDY}, gamma by test labels"),
    "autoencoder": ("autoencoder.py:deep_sad", {}, LENET, (92.9, 56.2), STUDY),
    "hybrid_isoforest": ("hybrid_isoforest.py:paper", {}, LENET, (90.5, 59.9), STUDY),
    "hybrid_kde": ("hybrid_kde.py:paper", {}, LENET, (87.8, 56.1), STUDY),
    "hybrid_ocsvm": ("hybrid_ocsvm.py:paper", {}, LENET, (96.3, 63.8), f"{STUDY}, gamma by test labels"),
    "deep_svdd": ("deep_svdd.py:paper", {}, LENET, (94.8, 64.8), OWN),
    "deep_svdd soft": ("deep_svdd.py:paper", SOFT, LENET, (93.5, 63.3), "Ruff et al. (2018), table 1, from memory, not verified"),
    "ocnn": ("ocnn.py:paper", {}, LENET, (), ""),
    "deep_sad .05": ("deep_sad.py:paper", {}, LENET, (96.7, 77.9), f"{STUDY}, mean over the known classes"),
    "rcae": ("rcae.py:paper", {}, WIDE, (), ""),
    "arae": ("arae.py:paper", {}, LONG, (97.5,), "Salehi et al. (2021), table 4, from memory, not verified against the paper"),
    "gpnd": ("gpnd.py:paper", LATER, {"MNIST": 4}, (), ""),
}
NAMES = {"MNIST": [str(digit) for digit in range(10)], "CIFAR-10": CIFAR10}
DATASETS = {"MNIST": "mnist", "CIFAR-10": "cifar10"}


def get_table():
    """Returns the values."""
    return {
        "title": "Every method, one class against the rest", "source": "published means: see the marks", "metric": "auroc",
        "scale": 100, "seeds": [0],
        "columns": [{"name": f"{group}{told} {normal}", "group": f"{group}{told}", "dataset": DATASETS[group],
                     "normals": [class_of(normal)], "overrides": KNOWN if told else ALONE}
                    for told in ("", TOLD) for group in NAMES for normal in NAMES[group]],
        "rows": [row_of(name, *values) for name, values in ROWS.items()],
        "notes": ["Our schedules are divided as said above; gpnd's rate falls later than the published one; deep_sad knows labelled "
                  "anomalies of one class that the seed draws."],
    }


def row_of(name, config, overrides, shorten, published, source):
    """dict, a row in the columns of its protocol, and of the sets for which its schedule was fitted."""
    told = TOLD if name.startswith("deep_sad") else ""
    groups = [group for group in NAMES if group in shorten or not shorten]
    return {"name": name, "config": f"configs/{config}", "overrides": overrides, "certainty": source,
            "columns": [f"{group}{told} {normal}" for group in groups for normal in NAMES[group]],
            "shorten": {f"{group}{told}": factor for group, factor in shorten.items()},
            "published": {f"{group}{told} mean": value for group, value in zip(NAMES, published)}}
