"""Kernel SSAD on the codes of an autoencoder, which is stage 0.

Paper:    baseline SSAD Hybrid of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     that of the autoencoder: then seconds; `:paper` on MNIST some minutes a digit.
Result:   AUROC on the ODDS tables in docs/results/odds.md.
Command:  bin/train --config=configs/hybrid_ssad.py --dataset=digits --normal=3
          bin/train --config=configs/hybrid_ssad.py --dataset=digits --normal=3 --config.stages[0].run=RUN
          bin/train --config=configs/hybrid_ssad.py --dataset=digits --normal=3 --config.stages[1].model.kernel=linear
          RUN is a finished run with an autoencoder trained on the same split, to save its training.
"""
import ml_collections

from kerasnd.data.sources import is_table

VARIANTS = ("paper", "oracle")
# epochs, batch size and the epoch at which the rate drops, where a data set needs others than 28x28 images do
BUDGETS = {"digits": (200, 32, 150), "breast_cancer": (200, 32, 150), "cifar10": (40, 128, 30)}
NETWORKS = {"fashion_mnist": "fmnist_lenet"}


def get_config(dataset="", variant=None):
    """Returns the values for a data set. "paper" has the published schedule and takes all examples; "oracle" also chooses gamma by
    test labels, as published."""
    epochs, batch_size, drop = BUDGETS.get(dataset, (50, 128, 37))
    optimizer, decay = {"learning_rate": 1e-3, "milestones": [drop]}, 5e-7
    if is_table(dataset) and dataset not in BUDGETS:       # its epochs have few steps: as in configs/deep_sad.py
        epochs, optimizer["milestones"], decay = 150, [], 1e-6
    if variant is not None:
        epochs, batch_size, optimizer, decay = 150, 128, {"learning_rate": 1e-4, "milestones": []}, 5e-4
    return ml_collections.ConfigDict({"protocol": {"name": "semi_supervised"}, "stages": [{
        "method": "autoencoder",
        "model": {"network": NETWORKS.get(dataset, "auto"), "latent_dim": None, "preprocess": "auto", "weight_decay": decay},
        "optimizer": optimizer,
        "fit": {"epochs": epochs, "batch_size": batch_size},
    }, {
        "method": "ssad",
        "model": {"preprocess": "auto", "kernel": "rbf", "gamma": None, "kappa": 1.0, "cost_unknown": 1.0, "cost_normal": 1.0,
                  "cost_anomalous": 1.0, "selection": "oracle" if variant == "oracle" else "holdout",
                  "max_examples": None if variant else 5000},
    }]})
