"""Every method on MNIST and CIFAR-10, each class against the rest: the table of the README.

Paper:    those of the configs named below. No paper has this table; published means of the same protocol stand beside it.
Cost:     by estimate eight hours of one core on which an epoch of MNIST's 6 000 images takes a LeNet .6 s, GPND and ARAE included.
Needs:    MNIST and CIFAR-10, prepared or to be downloaded.
Command:  bin/benchmark --config=configs/tables/all_methods.py --to=sweeps/all_methods
          bin/benchmark --config=configs/tables/all_methods.py --datasets=cifar10 --precision=bfloat16 --to=DIR   # .7 of the time
          bin/benchmark --config=configs/tables/all_methods.py --shorten=1 --seeds=0-4 --to=sweeps/whole    # as published
          python docs/results/table.py --from=sweeps/all_methods      # into docs/results/table.md and the README
"""
from kerasnd.config_tables import CIFAR10, class_of

SOFT, KNOWN = {"stages[1].model.objective": "soft_boundary"}, {"protocol.name": "semi_supervised",
                                                              "protocol.ratio_known_outlier": "0.05"}
STUDY, OWN = "Ruff et al. (2020), Deep SAD, table 3", "Ruff et al. (2018), Deep SVDD, table 1"
# Published schedules are divided by these, to fit a few hours of two cores.
LENET, WIDE, LONG = {"MNIST": 5, "CIFAR-10": 15}, {"MNIST": 10, "CIFAR-10": 15}, {"MNIST": 10}
RATE = {"MNIST": 1, "CIFAR-10": 15}     # ocnn's is so low that a fifth of its epochs teaches it nothing
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
    "deep_svdd soft": ("deep_svdd.py:paper", SOFT, LENET, (), ""),
    "ocnn": ("ocnn.py:paper", {}, RATE, (), ""),
    "deep_sad .05": ("deep_sad.py:paper", KNOWN, LENET, (96.7, 77.9), f"{STUDY}, mean over the known classes"),
    "rcae": ("rcae.py:paper", {}, WIDE, (), ""),
    "arae": ("arae.py:paper", {}, LONG, (97.5,), "Salehi et al. (2021), table 4"),
    "gpnd": ("gpnd.py:paper", {}, LONG, (), ""),
}
MNIST = [str(digit) for digit in range(10)]


def get_table():
    """Returns the values."""
    return {
        "title": "Every method, one class against the rest", "source": "published means: see the marks", "metric": "auroc",
        "scale": 100, "seeds": [0],
        "columns": [{"name": f"{group} {normal}", "group": group, "dataset": dataset, "normals": [class_of(normal)],
                     "overrides": {"protocol.name": "one_vs_rest"}}
                    for group, dataset, names in (("MNIST", "mnist", MNIST), ("CIFAR-10", "cifar10", CIFAR10)) for normal in names],
        "rows": [{"name": name, "config": f"configs/{config}", "overrides": overrides, "shorten": shorten, "certainty": source,
                  "published": dict(zip(("MNIST mean", "CIFAR-10 mean"), published)),
                  **({} if "CIFAR-10" in shorten or not shorten else {"columns": [f"MNIST {normal}" for normal in MNIST]})}
                 for name, (config, overrides, shorten, published, source) in ROWS.items()],
        "notes": ["Our schedules are divided as said above; deep_sad knows labelled anomalies of one class that the seed draws."],
    }
