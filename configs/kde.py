"""Kernel density on the values themselves.

Paper:    Parzen (1962); baseline KDE Raw of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     seconds on tables (shuttle 33 s on a busy thread), about a minute a digit of MNIST.
Result:   AUROC of seed 0, holdout 60 to 40: cardio .970, thyroid .982, satellite .880, arrhythmia .775, satimage-2 .997,
          shuttle .992. MNIST 0: .993; the published mean of ten digits is .950.
          `:paper` selects of the published bandwidths, of which the smallest is 1.4: wider than tables in [0, 1] are.
Command:  bin/train --method=kde --dataset=digits --normal=3
          bin/train --method=kde --dataset=cardio --normal=0 --data_dir=DIR
          bin/train --config=configs/kde.py:paper --dataset=mnist --normal=3
"""
import ml_collections

VARIANTS = ("paper",)


def get_config(variant=None):
    """Returns the values, with the published bandwidths where `variant` is "paper"."""
    return ml_collections.ConfigDict({"stages": [{
        "method": "kde",
        "model": {"preprocess": "auto", "kernel": "gaussian", "bandwidth": None,
                  "grid": "published" if variant == "paper" else "wide", "max_examples": 20_000},
    }]})
