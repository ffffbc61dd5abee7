"""One-class SVM on the values themselves.

Paper:    Schoelkopf et al. (2001); baseline OC-SVM Raw of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     COST_OCSVM
Result:   RESULT_OCSVM
Command:  bin/train --method=ocsvm --dataset=digits --normal=3
          bin/train --method=ocsvm --dataset=cardio --normal=0 --data_dir=DIR
          bin/train --config=configs/ocsvm.py:oracle --dataset=cardio --normal=0 --data_dir=DIR     # gamma chosen by test labels
          bin/train --method=ocsvm --dataset=own.csv --normal=0 --config.stages[0].model.nystroem=500
"""
import ml_collections

VARIANTS = ("paper", "oracle")


def get_config(variant=None):
    """Returns the values. "paper" has the published kernel, nu and gammas (the defaults); "oracle" also the published choice of gamma."""
    return ml_collections.ConfigDict({"stages": [{
        "method": "ocsvm",
        "model": {"preprocess": "auto", "kernel": "rbf", "nu": 0.1, "gamma": None,
                  "selection": "oracle" if variant == "oracle" else "holdout", "nystroem": None, "max_examples": 20_000},
    }]})
