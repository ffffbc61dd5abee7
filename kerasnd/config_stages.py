"""Stages and schedules that several config files share."""
from kerasnd.data.bundled import BUNDLED
from kerasnd.data.sources import is_table

# epochs, batch size and the epoch at which the rate drops, where a data set needs others than 28x28 images do
BUDGETS = {"digits": (200, 32, 150), "breast_cancer": (200, 32, 150), "cifar10": (40, 128, 30)}
NETWORKS = {"fashion_mnist": "fmnist_lenet"}


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
