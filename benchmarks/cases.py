"""The four networks that are timed, and the data they are timed on. Light: nothing heavy is imported before it is used."""
import dataclasses

BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 1e-4, 5e-7     # Ruff et al. (2018)
SLOPE, EPSILON, MOMENTUM = 0.01, 1e-4, 0.9              # leaky ReLU; batch normalisation without scale and offset


@dataclasses.dataclass(frozen=True)
class LeNet:
    """The numbers of a Deep SVDD LeNet, for all its implementations (5x5 kernels, no biases).

    Args:
        shape: (height, width, channels) of an image.
        filters: of the encoder's convolutions, each followed by 2x2 pooling.
        latent_dim: units of the code.
        start: (height, width, channels) in which the decoder begins.
        first: filters of a convolution at that size, 0 for none.
        up: filters of the up-sampling convolutions before the last one.
        crops: pixels cut from each side after each of them and after the last one.
    """
    shape: tuple
    filters: tuple
    latent_dim: int
    start: tuple
    first: int
    up: tuple
    crops: tuple


@dataclasses.dataclass(frozen=True)
class Case:
    """One network in training.

    Args:
        title: str, for people.
        method: "autoencoder" or "deep_svdd" (one_class).
        lenet: LeNet.
        weights: int, trained parameters: every implementation must have as many.
        steps: int, of an epoch here.
    """
    title: str
    method: str
    lenet: LeNet
    weights: int
    steps: int


MNIST = LeNet((28, 28, 1), (8, 4), 32, (4, 4, 2), 0, (4, 8), (0, 1, 0))
CIFAR10 = LeNet((32, 32, 3), (32, 64, 128), 128, (4, 4, 8), 128, (64, 32), (0, 0, 0))

# 46 steps are one digit of MNIST. A class of CIFAR-10 has 39: an epoch is shorter here, so that a round takes about a second.
CASES = {
    "mnist-encoder": Case("MNIST shapes, Deep SVDD one-class", "deep_svdd", MNIST, 7_272, 46),
    "mnist-autoencoder": Case("MNIST shapes, autoencoder", "autoencoder", MNIST, 8_472, 46),
    "cifar10-encoder": Case("CIFAR-10 shapes, Deep SVDD one-class", "deep_svdd", CIFAR10, 520_544, 8),
    "cifar10-autoencoder": Case("CIFAR-10 shapes, autoencoder", "autoencoder", CIFAR10, 804_544, 4),
}


def images(case, n):
    """uint8 (n, height, width, channels), random: the speed does not depend on the values."""
    import numpy as np
    return np.random.default_rng(0).integers(0, 256, (n, *case.lenet.shape), np.uint8)


def detector(case, plain=False, labelled=False):
    """The detector of a case, compiled anew by whoever times it.

    Args:
        case: Case.
        plain: bool, its networks made of Keras' own layers.
        labelled: bool, Deep SAD in the place of Deep SVDD.
    """
    import keras
    import numpy as np

    from kerasnd.methods.autoencoder import Autoencoder
    from kerasnd.methods.deep_sad import DeepSAD
    from kerasnd.methods.deep_svdd import DeepSVDD
    keras.utils.set_random_seed(0)
    networks = {}
    if plain:
        import plain_lenets
        networks["encoder"] = plain_lenets.encoder(case.lenet)
        if case.method == "autoencoder":
            networks["decoder"] = plain_lenets.decoder(case.lenet)
    method = Autoencoder if case.method == "autoencoder" else DeepSAD if labelled else DeepSVDD
    made = method(case.lenet.shape, preprocess="gcn_l1", weight_decay=WEIGHT_DECAY, **networks)
    same_count(case, sum(int(np.prod(weight.shape)) for weight in made.trainable_weights))
    return made


def hints(n):
    """int8 (n,): 1 example in 20 is a known anomaly."""
    import numpy as np
    return np.where(np.arange(n) % 20, 0, -1).astype(np.int8)


def adam(case):
    """Adam as kerasnd's runs have it."""
    from kerasnd import optimizers
    return optimizers.make(case.steps, learning_rate=LEARNING_RATE)


def same_count(case, weights):
    """Refuses to time another network than the case's."""
    if weights != case.weights:
        raise AssertionError(f"{case.title} must have {case.weights} trained parameters. Received: {weights}.")
