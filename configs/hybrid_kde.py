"""Kernel density on the codes of an autoencoder, which is stage 0.

Paper:    baseline KDE Hybrid of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     that of the autoencoder, on digits minutes on a busy thread, and five fits more on untrained codes for the table.
Result:   AUROC of digit 3 of digits .964, on untrained codes .981: the training does not help there.
          Published mean of ten digits of MNIST .878.
Command:  bin/train --config=configs/hybrid_kde.py --dataset=digits --normal=3
          bin/train --config=configs/hybrid_kde.py --dataset=digits --normal=3 --config.stages[0].run=RUN
          RUN is a finished run with an autoencoder trained on the same split, to save its training.
"""
import ml_collections

from kerasnd.config_stages import autoencoder

VARIANTS = ("paper",)


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published schedule and bandwidths where `variant` is "paper"."""
    return ml_collections.ConfigDict({"stages": [autoencoder(dataset, published=variant is not None), {
        "method": "kde",
        "model": {"preprocess": "auto", "kernel": "gaussian", "bandwidth": None,
                  "grid": "published" if variant == "paper" else "wide", "max_examples": 20_000},
    }]})
