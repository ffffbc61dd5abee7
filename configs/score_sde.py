"""Score-based generator: draws examples like the normal ones; as a detector it scores by its denoising errors.

Paper:    Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole (2021), ICLR, arXiv 2011.13456; near-distribution negatives:
          Mirzaei et al. (2023), ICLR, arXiv 2205.14297.
Cost:     digits 95 s on one busy thread. MNIST, a class of 6000 images of 28x28: a minute an epoch on one core in bfloat16, a
          quarter of an hour for the default's 12 epochs; scoring 10 000 images takes some ten minutes more. `:paper` is for a
          GPU.
Result:   AUROC .995 on digits, normal 3, seed 0 (distance to the raw mean .978).
Command:  bin/train --method=score_sde --dataset=digits --normal=3
          bin/generate --run=saved_models/score_sde/digits/3/0 --n=1000 --to=threes.npz
          bin/train --config=configs/score_sde.py:paper --dataset=cifar10 --normal=3
"""
import ml_collections

from kerasnd import config_stages

VARIANTS = ("paper",)


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published optimisation and a larger network where `variant` is "paper"."""
    return ml_collections.ConfigDict({"stages": [config_stages.generator(dataset, published=variant == "paper")]})
