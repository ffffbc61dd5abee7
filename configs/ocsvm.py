"""One-class SVM on the values themselves.

Paper:    Schoelkopf et al. (2001); baseline OC-SVM Raw of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     seconds on tables (shuttle 22 s on a busy thread), minutes a digit of MNIST: eleven solutions, ten of them to choose
          gamma.
Result:   AUROC of seed 0, holdout 60 to 40, published in brackets (best nu, gamma by test labels, another split): cardio .986
          (.985), thyroid .976 (.983), satellite .833 (.951), arrhythmia .740 (.845), satimage-2 .997 (.994), shuttle .987 (.994).
Command:  bin/train --method=ocsvm --dataset=digits --normal=3
          bin/train --method=ocsvm --dataset=cardio --normal=0 --data_dir=DIR
          bin/train --config=configs/ocsvm.py:oracle --dataset=cardio --normal=0 --data_dir=DIR     # gamma chosen by test labels
          bin/train --method=ocsvm --dataset=own.csv --normal=0 --config.stages[0].model.nystroem=500
"""
import ml_collections

VARIANTS = ("paper", "oracle")


def get_config(variant=None):
    """Returns the values. "paper" has the published kernel, nu and gammas (the defaults); "oracle" also chooses gamma as
    published."""
    return ml_collections.ConfigDict({"stages": [{
        "method": "ocsvm",
        "model": {"preprocess": "auto", "kernel": "rbf", "nu": 0.1, "gamma": None,
                  "selection": "oracle" if variant == "oracle" else "holdout", "nystroem": None, "max_examples": 20_000},
    }]})
