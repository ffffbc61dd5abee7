"""Autoencoder (DCAE): the reconstruction error as the score.

Paper:    Chalapathy, Menon, Chawla (2018), arXiv 1802.06360, baseline DCAE; Ruff et al. (2018), ICML, pre-training.
Cost:     digits seconds; `:paper` on MNIST 50 minutes a digit on one busy thread (10 for a fifth of it).
Result:   AUROC: digits .931; MNIST 1 and 8 .9996 and .801 with a fifth of `:paper`; other papers' mean for a plain one is .88.
          The 0.99 of the OC-NN repository was measured on its training images.
Command:  bin/train --method=autoencoder --dataset=digits --normal=3
          bin/train --config=configs/autoencoder.py:paper --dataset=mnist --normal=3
"""
import ml_collections

from kerasnd.config_stages import autoencoder

VARIANTS = ("paper", "deep_sad")
# epochs, batch size and the epoch at which the rate drops, where a data set needs others than 28x28 images do
BUDGETS = {"digits": (300, 32, 200), "breast_cancer": (300, 32, 200), "cifar10": (60, 128, 45)}
# network, epochs and batch size in the OC-NN repository
PUBLISHED = {"mnist": ("mnist_dcae", 150, 32), "cifar10": ("cifar10_dcae", 500, 200)}


def get_config(dataset="", variant=None):
    """Returns the values for a data set, as the paper's code had them where `variant` is "paper", as the Deep SAD study pre-trains
    where it is "deep_sad"."""
    if variant == "deep_sad":
        return ml_collections.ConfigDict({"stages": [autoencoder(dataset, published=True)]})
    epochs, batch_size, drop = BUDGETS.get(dataset, (60, 128, 45))
    optimizer = {"learning_rate": 1e-3, "milestones": [drop]}
    network = "auto"
    if variant == "paper":
        network, epochs, batch_size = PUBLISHED.get(dataset, ("auto", 150, 128))
        optimizer["milestones"] = []
    return ml_collections.ConfigDict({"stages": [{
        "method": "autoencoder",
        "model": {"network": network, "latent_dim": None, "preprocess": "auto", "dropout": 0.0, "weight_decay": 0.0},
        "optimizer": optimizer,
        "fit": {"epochs": epochs, "batch_size": batch_size},
    }]})
