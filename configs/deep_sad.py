"""Deep SAD: as Deep SVDD, and a few labelled anomalies are pushed away from the centre. Stage 0 is its autoencoder.

Paper:    Ruff et al. (2020), Deep Semi-Supervised Anomaly Detection, ICLR, arXiv 1906.02694.
Cost:     tables seconds; `:paper` on MNIST 5 to 9 minutes a digit on one busy thread.
Result:   AUROC: MNIST 2 .898 without labels, .923 with 1 % of ones (docs/results/deep_sad.md); six tables in docs/results/odds.md.
Command:  bin/train --method=deep_sad --dataset=digits --normal=3
          bin/train --config=configs/deep_sad.py:paper --dataset=mnist --normal=2 --config.protocol.known_outlier=1 \\
            --config.protocol.ratio_known_outlier=0.05
          `:paper` has the schedule of the published code; `:scratch` leaves the autoencoder out, whose weights the published
          code copied to no effect.
"""
import ml_collections

from kerasnd.data.sources import is_table

VARIANTS = ("paper", "scratch")
# autoencoder's epochs, method's epochs and batch size, where a data set needs others than 28x28 images do
BUDGETS = {"digits": (200, 100, 32), "breast_cancer": (200, 100, 32), "cifar10": (40, 50, 128)}
# the rate of an independent re-run of the published code, where it is not the 1e-4 of paper and code
RATES = {"fashion_mnist": 1e-3}


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published schedule where `variant` says so."""
    pretraining, epochs, batch_size = BUDGETS.get(dataset, (50, 50, 128))
    drops, decay, rates = ([pretraining * 3 // 4], [epochs * 3 // 4]), 5e-7, (1e-3, 1e-4)
    if variant in VARIANTS:
        pretraining, epochs, batch_size, drops, decay = 150, 150, 128, ([], [50]), 5e-4
        rates = (RATES.get(dataset, 1e-4),) * 2
    elif is_table(dataset) and dataset not in BUDGETS:
        # A table's epochs have few steps: the published epochs at the published code's default rate and decay, 1e-3 and 1e-6.
        pretraining, epochs, drops, decay, rates = 150, 150, ([], [50]), 1e-6, (1e-3, 1e-3)
    # "auto": the type's range for images, each feature's range for tables
    network = {"network": "fmnist_lenet" if dataset == "fashion_mnist" else "auto", "latent_dim": None, "preprocess": "auto"}
    stages = [{
        "method": "autoencoder",
        "model": {**network, "weight_decay": decay},
        "optimizer": {"learning_rate": rates[0], "milestones": drops[0]},
        "fit": {"epochs": pretraining, "batch_size": batch_size},
    }, {
        "method": "deep_sad",
        "model": {**network, "eta": 1.0, "eps": 1e-6, "weight_decay": 5e-7},
        "optimizer": {"learning_rate": rates[1], "milestones": drops[1]},
        "fit": {"epochs": epochs, "batch_size": batch_size},
    }]
    return ml_collections.ConfigDict({"protocol": {"name": "semi_supervised"}, "stages": stages[variant == "scratch":]})
