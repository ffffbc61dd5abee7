"""Supervised: a binary classifier of the known anomalies against all other training examples.

Paper:    Ruff et al. (2020), Deep SAD, ICLR, baseline "Supervised".
Cost:     12 epochs on a digit of MNIST half a minute on one busy thread.
Result:   published AUROC with one known anomalous class and 5 % labelled anomalies: MNIST .945, Fashion-MNIST .768, CIFAR-10 .635;
          cardio with 1 % .832. Here, short runs of seed 0: MNIST 2, 0, 8 with the known anomalies 1, 1, 3 .801, .979, .892; cardio,
          mean of five seeds, .920.
Command:  bin/train --method=supervised --dataset=digits --normal=3
          bin/train --config=configs/supervised.py:paper --dataset=mnist --normal=3 --config.protocol.ratio_known_outlier=0.05
"""
import ml_collections

from kerasnd.config_stages import schedule

VARIANTS = ("paper",)
NETWORKS = {"fashion_mnist": "fmnist_lenet"}


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published schedule where `variant` is "paper"."""
    return ml_collections.ConfigDict({"protocol": {"name": "semi_supervised"}, "stages": [{
        "method": "supervised",
        "model": {"network": NETWORKS.get(dataset, "auto"), "latent_dim": None, "preprocess": "auto", "weight_decay": 1e-6},
        **schedule(dataset, published=variant == "paper", bundled=100),
    }]})
