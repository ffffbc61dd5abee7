"""Semi-supervised deep generative model (SS-DGM): a variational autoencoder that also infers "normal" or "outlier".

Paper:    Kingma, Mohamed, Rezende, Welling (2014), NeurIPS, as a detector in Ruff et al. (2020), Deep SAD, ICLR.
Cost:     20 epochs on a digit of MNIST half a minute on one busy thread.
Result:   published AUROC, the better of M2 and M1 + M2, with one known anomalous class and 5 % labelled anomalies: MNIST .922,
          Fashion-MNIST .714, CIFAR-10 .508; cardio with 1 % .662. Here, short runs of seed 0: MNIST 2, 0, 8 with
          the known anomalies 1, 1, 3 .812, .935, .840; cardio, mean of five seeds, .947.
Command:  bin/train --method=semi_dgm --dataset=digits --normal=3
          bin/train --config=configs/semi_dgm.py:paper --dataset=mnist --normal=3 --config.protocol.ratio_known_outlier=0.05
          bin/train --config=configs/semi_dgm.py:m1m2 --dataset=digits --normal=3
"""
import ml_collections

from kerasnd.config_stages import schedule

VARIANTS = ("paper", "m1m2", "m1m2_paper")
NETWORKS = {"fashion_mnist": ("fmnist_lenet", 64)}


def get_config(dataset="", variant=None):
    """Returns the values for a data set: M2, or M1 and M2 on its code; the published schedule where `variant` says paper."""
    network, latent_dim = NETWORKS.get(dataset, ("auto", None))
    shared = {"latent_dim": latent_dim, "preprocess": "auto", "weight_decay": 1e-6}
    stacked = variant in ("m1m2", "m1m2_paper")

    def stage(method, **model):
        return {"method": method, "model": {**shared, **model},
                **schedule(dataset, published=variant in ("paper", "m1m2_paper"), bundled=200)}
    own = {"stack": "m1m2", "network": "auto"} if stacked else {"stack": "m2", "network": network}
    return ml_collections.ConfigDict({
        "protocol": {"name": "semi_supervised"},
        "stages": [stage("vae")] * stacked + [stage("semi_dgm", alpha=None, **own)]})
