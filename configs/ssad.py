"""Kernel SSAD on the values themselves: the one-class SVM, told of some anomalies and some normals.

Paper:    Goernitz, Kloft, Rieck, Brefeld (2013), Toward Supervised Anomaly Detection, JAIR 46; baseline SSAD Raw of Ruff et al.
          (2020), Deep SAD, arXiv 1906.02694.
Cost:     cardio 7 s on one thread, ten gammas tried; 5000 examples and one gamma 0.2 s where few bear weight, 9 s where all do
          (benchmarks, two threads).
Result:   AUROC on the six ODDS tables in docs/results/odds.md.
Command:  bin/train --method=ssad --dataset=cardio --normal=0 --data_dir=DIR
          bin/train --config=configs/ssad.py:oracle --dataset=cardio --normal=0 --data_dir=DIR     # gamma chosen by test labels
          bin/train --method=ssad --dataset=mnist --normal=2 --config.protocol.known_outlier=1
          bin/train --method=ssad --dataset=own.csv --normal=0 --hints=labels.csv --config.stages[0].model.gamma=0.5
"""
import ml_collections

VARIANTS = ("paper", "oracle")


def get_config(variant=None):
    """Returns the values: kernel, kappa, C and gammas are the published ones. "paper" and "oracle" take all examples, however
    long that takes; "oracle" also chooses gamma as published."""
    return ml_collections.ConfigDict({"protocol": {"name": "semi_supervised"}, "stages": [{
        "method": "ssad",
        "model": {"preprocess": "auto", "kernel": "rbf", "gamma": None, "kappa": 1.0, "cost_unknown": 1.0, "cost_normal": 1.0,
                  "cost_anomalous": 1.0, "selection": "oracle" if variant == "oracle" else "holdout",
                  "max_examples": None if variant else 5000},
    }]})
