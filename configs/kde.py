"""Kernel density on the values themselves.

Paper:    Parzen (1962); baseline KDE Raw of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     COST_KDE
Result:   RESULT_KDE
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
        "model": {"preprocess": "auto", "kernel": "gaussian", "bandwidth": None, "grid": "published" if variant == "paper" else "wide",
                  "max_examples": 20_000},
    }]})
