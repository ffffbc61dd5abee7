"""One-class SVM on the codes of an autoencoder, which is stage 0.

Paper:    baseline OC-SVM Hybrid of Ruff et al. (2020), Deep SAD, arXiv 1906.02694.
Cost:     that of the autoencoder, on digits minutes on a busy thread, and five fits more on untrained codes for the table.
Result:   AUROC of digit 3 of digits .964, on untrained codes .917; linear kernel .865. Published
          mean of ten digits of MNIST .963 (gamma by test labels).
Command:  bin/train --config=configs/hybrid_ocsvm.py --dataset=digits --normal=3
          bin/train --config=configs/hybrid_ocsvm.py --dataset=digits --normal=3 --config.stages[0].run=RUN
          bin/train --config=configs/hybrid_ocsvm.py --dataset=digits --normal=3 --config.stages[1].model.kernel=linear
          RUN is a finished run with an autoencoder trained on the same split, to save its training.
"""
import ml_collections

from kerasnd.config_stages import autoencoder

VARIANTS = ("paper", "oracle")


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published schedule where `variant` is "paper"; "oracle" also chooses
    gamma by test labels, as published."""
    return ml_collections.ConfigDict({"stages": [autoencoder(dataset, published=variant is not None), {
        "method": "ocsvm",
        "model": {"preprocess": "auto", "kernel": "rbf", "nu": 0.1, "gamma": None,
                  "selection": "oracle" if variant == "oracle" else "holdout", "nystroem": None, "max_examples": 20_000},
    }]})
