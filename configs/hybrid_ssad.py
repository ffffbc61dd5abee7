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

from kerasnd.config_stages import autoencoder

VARIANTS = ("paper", "oracle")


def get_config(dataset="", variant=None):
    """Returns the values for a data set. "paper" has the published schedule and takes all examples; "oracle" also chooses gamma by
    test labels, as published."""
    first = autoencoder(dataset, published=variant is not None)
    return ml_collections.ConfigDict({"protocol": {"name": "semi_supervised"}, "stages": [first, {
        "method": "ssad",
        "model": {"preprocess": "auto", "kernel": "rbf", "gamma": None, "kappa": 1.0, "cost_unknown": 1.0, "cost_normal": 1.0,
                  "cost_anomalous": 1.0, "selection": "oracle" if variant == "oracle" else "holdout",
                  "max_examples": None if variant else 5000},
    }]})
