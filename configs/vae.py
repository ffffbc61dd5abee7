"""VAE: a variational autoencoder, scored by the cross-entropy of its reconstruction. Also stage 0 (M1) of semi_dgm's stack=m1m2.

Paper:    Kingma, Welling (2014), ICLR; networks and schedule of Ruff et al. (2020), Deep SAD, ICLR, appendix E.
Cost:     20 epochs on a digit of MNIST half a minute on one busy thread.
Result:   published only as a part of SS-DGM. AUROC after 20 epochs, 5 % known anomalies (digit 1) among what it trains on: MNIST 2
          .805, 0 .854.
Command:  bin/train --method=vae --dataset=digits --normal=3
          bin/train --config=configs/vae.py:paper --dataset=mnist --normal=3
          bin/train --method=vae --dataset=digits --normal=3 --config.stages[0].model.score_by=negative_elbo
"""
import ml_collections

from kerasnd.config_stages import schedule

VARIANTS = ("paper",)
LATENT_DIM = {"fashion_mnist": 64}


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published schedule where `variant` is "paper"."""
    return ml_collections.ConfigDict({"stages": [{
        "method": "vae",
        "model": {"latent_dim": LATENT_DIM.get(dataset), "preprocess": "auto", "score_by": "reconstruction", "weight_decay": 1e-6},
        **schedule(dataset, published=variant == "paper", bundled=300),
    }]})
