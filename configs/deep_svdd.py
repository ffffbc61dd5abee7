"""Deep SVDD: codes of normal examples pulled together around a fixed centre. Stage 0 is its autoencoder.

Paper:    Ruff et al. (2018), Deep One-Class Classification, ICML.
Cost:     `:paper` 5 to 9 minutes a digit of MNIST on one busy thread; a fifth of it 20 minutes on CIFAR-10 in bfloat16.
Result:   AUROC of `:paper`, mean of ten digits of MNIST: .943 with seed 0, published .948 (docs/results/mnist.md). CIFAR-10:
          cats .578 with a fifth of the schedule, published .591 (docs/results/cifar10.md).
Command:  bin/train --method=deep_svdd --dataset=digits --normal=3
          bin/train --config=configs/deep_svdd.py:paper --dataset=mnist --normal=3
          bin/train --method=deep_svdd --dataset=digits --normal=3 --config.stages[1].model.objective=soft_boundary
"""
import ml_collections

from kerasnd.data.sources import is_table

VARIANTS = ("paper",)
# autoencoder's epochs, method's epochs and batch size, where a data set needs others than 28x28 images do
BUDGETS = {"digits": (200, 100, 32), "breast_cancer": (200, 100, 32), "cifar10": (40, 50, 128)}
# autoencoder's epochs, the one at which its rate drops, and its weight decay
PUBLISHED = {"mnist": (150, 50, 5e-4), "cifar10": (350, 250, 5e-7)}


def get_config(dataset="", variant=None):
    """Returns the values for a data set, the published schedule where `variant` is "paper"."""
    pretraining, epochs, batch_size = BUDGETS.get(dataset, (50, 50, 128))
    drop, decay, rate = pretraining * 3 // 4, 5e-7, 1e-3
    own_rate, own_drop = 1e-4, epochs * 3 // 4
    if variant is None and is_table(dataset) and dataset not in BUDGETS:
        # A table's epochs have few steps: longer, and faster, as in configs/deep_sad.py.
        pretraining, epochs, drop, decay, own_rate, own_drop = 150, 150, None, 1e-6, 1e-3, 50
    if variant == "paper":
        own_drop = 50
        (pretraining, drop, decay), epochs, batch_size, rate = PUBLISHED.get(dataset, (150, 50, 5e-7)), 150, 200, 1e-4
    # "auto": contrast for images, each feature's range for tables, and the autoencoder's as the stage after it has it.
    network = {"network": "auto", "latent_dim": None, "preprocess": "auto"}
    return ml_collections.ConfigDict({"stages": [{
        "method": "autoencoder",
        "model": {**network, "weight_decay": decay},
        "optimizer": {"learning_rate": rate, "milestones": [drop] if drop else []},
        "fit": {"epochs": pretraining, "batch_size": batch_size},
    }, {
        "method": "deep_svdd",
        "model": {**network, "objective": "one_class", "nu": 0.1, "warm_up_epochs": 10, "weight_decay": 5e-7},
        "optimizer": {"learning_rate": own_rate, "milestones": [own_drop]},
        "fit": {"epochs": epochs, "batch_size": batch_size},
    }]})
