"""Kernel density on the codes of an autoencoder, which is stage 0.

Paper:    baseline KDE Hybrid of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     that of the autoencoder, on digits minutes on a busy thread, and five fits more on untrained codes for the table.
Result:   not measured here yet. Published mean of ten digits of MNIST .878.
Command:  bin/train --config=configs/hybrid_kde.py --dataset=digits --normal=3
          bin/train --config=configs/hybrid_kde.py --dataset=digits --normal=3 --config.stages[0].run=RUN
          RUN is a finished run with an autoencoder trained on the same split, to save its training.
"""
import ml_collections

from kerasnd.data.sources import is_table

VARIANTS = ("paper",)
# epochs, batch size and the epoch at which the rate drops, where a data set needs others than 28x28 images do
BUDGETS = {"digits": (200, 32, 150), "breast_cancer": (200, 32, 150), "cifar10": (40, 128, 30)}
NETWORKS = {"fashion_mnist": "fmnist_lenet"}


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published schedule and bandwidths where `variant` is "paper"."""
    epochs, batch_size, drop = BUDGETS.get(dataset, (50, 128, 37))
    optimizer, decay = {"learning_rate": 1e-3, "milestones": [drop]}, 5e-7
    if is_table(dataset) and dataset not in BUDGETS:       # its epochs have few steps: as in configs/deep_sad.py
        epochs, optimizer["milestones"], decay = 150, [], 1e-6
    if variant is not None:
        epochs, batch_size, optimizer, decay = 150, 128, {"learning_rate": 1e-4, "milestones": []}, 5e-4
    return ml_collections.ConfigDict({"stages": [{
        "method": "autoencoder",
        "model": {"network": NETWORKS.get(dataset, "auto"), "latent_dim": None, "preprocess": "auto", "weight_decay": decay},
        "optimizer": optimizer,
        "fit": {"epochs": epochs, "batch_size": batch_size},
    }, {
        "method": "kde",
        "model": {"preprocess": "auto", "kernel": "gaussian", "bandwidth": None, "grid": "published" if variant == "paper" else "wide",
                  "max_examples": 20_000},
    }]})
