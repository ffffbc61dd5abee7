"""Stages and schedules that several config files share."""
from kerasnd.data.bundled import BUNDLED
from kerasnd.data.sources import is_table

# epochs, batch size and the epoch at which the rate drops, where a data set needs others than 28x28 images do
BUDGETS = {"digits": (200, 32, 150), "breast_cancer": (200, 32, 150), "cifar10": (40, 128, 30)}
NETWORKS = {"fashion_mnist": "fmnist_lenet"}
# epochs, batch size and the epochs between two snapshots of a generator, where a data set needs others
GENERATORS = {"digits": (300, 32, 100), "breast_cancer": (100, 32, 0), "mnist": (12, 64, 4), "fashion_mnist": (12, 64, 4)}
COLOUR = ("cifar10", "cifar100")        # whose images may be mirrored


def autoencoder(dataset, published):
    """The autoencoder before a hybrid.

    Args:
        dataset: str, its name.
        published: bool, at the schedule of the Deep SAD study's code.

    Returns:
        dict, a stage.
    """
    epochs, batch_size, drop = BUDGETS.get(dataset, (50, 128, 37))
    rate, drops, decay = 1e-3, [drop], 5e-7
    if published:
        epochs, batch_size, rate, drops, decay = 150, 128, 1e-4, [], 5e-4
    elif is_table(dataset) and dataset not in BUDGETS:      # its epochs have few steps: as in configs/deep_sad.py
        epochs, drops, decay = 150, [], 1e-6
    return {
        "method": "autoencoder",
        "model": {"network": NETWORKS.get(dataset, "auto"), "latent_dim": None, "preprocess": "auto", "weight_decay": decay},
        "optimizer": {"learning_rate": rate, "milestones": drops},
        "fit": {"epochs": epochs, "batch_size": batch_size},
    }


def schedule(dataset, published, bundled):
    """How long the baselines of the Deep SAD study that descend train (vae, semi_dgm, supervised).

    Args:
        dataset: str, its name.
        published: bool, at the schedule of the paper.
        bundled: int, epochs on the two small sets that come with scikit-learn.

    Returns:
        dict, the sections `optimizer` and `fit` of a stage.
    """
    epochs, batch_size = (bundled, 32) if dataset in BUNDLED else (50, 128)
    rate, drop = 1e-3, epochs * 3 // 4
    if published:
        epochs, batch_size, rate, drop = 150, 200, 1e-4, 50
    elif is_table(dataset) and dataset not in BUNDLED:      # its epochs have few steps: as in configs/deep_sad.py
        epochs, drop = 150, 50
    return {"optimizer": {"learning_rate": rate, "milestones": [drop]}, "fit": {"epochs": epochs, "batch_size": batch_size}}


def generator(dataset, published):
    """A score-based generator.

    Args:
        dataset: str, its name.
        published: bool, with the published optimisation and 1000 steps of its sampler; the network is one that a GPU likes.

    Returns:
        dict, a stage.
    """
    epochs, batch_size, snapshots = GENERATORS.get(dataset, (30, 64, 5))
    width, blocks, rate, warm_up, average, steps = None, 1, 1e-3, 50, 0.995, 100
    if published:
        epochs, batch_size, snapshots = 2000, 128, 50
        width, blocks, rate, warm_up, average, steps = 64, 2, 2e-4, 5000, None, 1000
    return {
        "method": "score_sde",
        "model": {"sde": "vp", "width": width, "multipliers": None, "blocks": blocks, "dropout": 0.1, "weighting": "sigma",
                  "average": average, "flip": dataset in COLOUR, "sampler": None, "sampling_steps": steps,
                  "spacing": "published" if published else None, "score_by": "denoising", "levels": 8,
                  "likelihood_steps": 50, "snapshot_every": snapshots, "snapshot_size": 256, "features": "pixels",
                  "target_distance": None, "preprocess": "auto"},
        "optimizer": {"learning_rate": rate, "milestones": [], "warm_up": warm_up, "clip_norm": 1.0},
        "fit": {"epochs": epochs, "batch_size": batch_size},
    }
