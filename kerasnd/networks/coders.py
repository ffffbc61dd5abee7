"""Encoders and decoders: the published pairs by name, and a size-aware pair for any other shape.

Every function takes `(example_shape, latent_dim)` and returns `(encoder, decoder)`, two Keras models; the encoder maps
normalised examples (n, ...) to codes (n, latent_dim), the decoder maps them back into [0, 1].

The LeNets have no bias and no affine normalisation (a bias could carry the constant solution, Ruff et al. 2018, Prop. 1);
the networks of the OC-NN code base have both, as published.
"""
import math

import keras
from keras import layers

from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.networks import chalapathy, given, pidhorskyi, salehi
from kerasnd.networks.layers import NormalizedActivation, UpsampledConv2D

SLOPE = 0.01        # leaky ReLU of the LeNets: Keras' default is 0.3
EPSILON = 1e-4      # of their normalisation: Keras' default is 1e-3


def build(network, example_shape, latent_dim=None):
    """Builds a pair of networks by name.

    Args:
        network: str, "auto" or a key of `NETWORKS`.
        example_shape: tuple of int, (features,) or (height, width, channels).
        latent_dim: int >= 1, or None: the published one (or one that fits the shape).

    Returns:
        (encoder, decoder), Keras models.

    Raises:
        Misuse: unknown name, or a network that does not fit the shape.
    """
    arguments.choice("network", network, ("auto", *NETWORKS))
    example_shape = given.shape_of(example_shape)
    if network == "auto":
        network = {(28, 28, 1): "mnist_lenet", (32, 32, 3): "cifar10_lenet"}.get(
            example_shape, "dense" if len(example_shape) == 1 else "conv")
    function, shape = NETWORKS[network]
    if shape is not None and shape != example_shape:
        raise Misuse(f"`network={network}` is made for examples of shape {shape}. Received: example_shape={example_shape}. "
                     "Use network=auto.")
    if len(example_shape) not in RANKS.get(network, (3,)):
        raise Misuse(f"`network={network}` does not fit examples of shape {example_shape}. Use network=auto, or pass your own "
                     "`encoder`.")
    check_latent_dim(latent_dim)
    return function(example_shape, latent_dim)


def check_latent_dim(latent_dim):
    """Refuses a size of the code that is neither None nor a whole number of at least 1."""
    if latent_dim is not None:
        arguments.whole("latent_dim", latent_dim, at_least=1)


def choose(example_shape, network, latent_dim, encoder=None, decoder=None):
    """The user's networks where given, else built ones.

    Args:
        example_shape: tuple of int, or None where `encoder` tells it.
        network, latent_dim: as in `build`.
        encoder: Keras model from normalised examples to codes (n, latent_dim), or None.
        decoder: Keras model from codes to normalised examples, or None.

    Returns:
        (example_shape, encoder, decoder); the decoder is None where an own encoder came without one.

    Raises:
        Misuse: no shape, a network without fixed shapes, or networks that do not fit each other.
    """
    if encoder is None and decoder is not None:
        raise Misuse("`decoder` needs its `encoder`. Received: a decoder alone. Pass both.")
    shape = given.shape_of(example_shape, encoder)
    if encoder is None:
        return (shape, *build(network, shape, latent_dim))
    if decoder is not None:
        given.model("decoder", decoder)
    if decoder is not None and (tuple(decoder.input_shape[1:]), tuple(decoder.output_shape[1:])) != (
            tuple(encoder.output_shape[1:]), shape):
        raise Misuse(f"`decoder` must map codes {tuple(encoder.output_shape[1:])} to examples {shape}. Received: "
                     f"{tuple(decoder.input_shape[1:])} to {tuple(decoder.output_shape[1:])}.")
    return shape, encoder, decoder


def _initial(mode="fan_in"):
    """Uniform in +-1/sqrt(fan), the default of the framework that the published figures were made with."""
    return keras.initializers.VarianceScaling(1 / 3, mode, "uniform")


def _conv(x, filters):
    """Convolution 5x5, normalisation, leaky ReLU, pooling."""
    x = layers.Conv2D(filters, 5, padding="same", use_bias=False, kernel_initializer=_initial())(x)
    return NormalizedActivation(True, SLOPE, EPSILON)(x)


def _dense(x, units):
    return layers.Dense(units, use_bias=False, kernel_initializer=_initial())(x)


def _activate(x):
    return NormalizedActivation(False, SLOPE, EPSILON)(x)


def _up(x, filters, crop=0):
    """Up-sampling and convolution 5x5; the initial fan is the output's, as in a transposed convolution."""
    return UpsampledConv2D(filters, crop, kernel_initializer=_initial("fan_out"))(x)


def _probability(x):
    """Sigmoid, in float32 whatever the compute type."""
    return layers.Activation("sigmoid", dtype="float32")(x)


def _lenet(example_shape, latent_dim, filters, hidden, start, first, up, crops):
    """A Deep SVDD LeNet: convolutions with pooling, dense code, mirrored decoder.

    Args:
        filters: of the encoder's convolutions.
        hidden: units of a dense layer before the code, 0 for none.
        start: (height, width, channels) in which the decoder begins.
        first: filters of a convolution at that size, 0 for none.
        up: filters of the up-sampling convolutions before the last one.
        crops: pixels cut from each side after each of them and after the last one.
    """
    inputs = x = layers.Input(example_shape)
    for count in filters:
        x = _conv(x, count)
    x = layers.Flatten()(x)
    if hidden:
        x = _activate(_dense(x, hidden))
    encoder = keras.Model(inputs, _dense(x, latent_dim), name="encoder")

    inputs = x = layers.Input((latent_dim,))
    if latent_dim != math.prod(start):
        x = NormalizedActivation(False, 1, EPSILON)(_dense(x, math.prod(start)))
    x = layers.LeakyReLU(SLOPE)(layers.Reshape(start)(x))
    if first:
        x = layers.Conv2D(first, 5, padding="same", use_bias=False, kernel_initializer=_initial("fan_out"))(x)
        x = _activate(x)
    for count, crop in zip(up, crops):
        x = _activate(_up(x, count, crop))
    x = _up(x, example_shape[-1], crops[-1])
    spare = [x.shape[axis] - example_shape[axis - 1] for axis in (1, 2)]
    if any(spare):
        x = layers.Cropping2D([(cut // 2, cut - cut // 2) for cut in spare])(x)
    return encoder, keras.Model(inputs, _probability(x), name="decoder")


def mnist_lenet(example_shape, latent_dim):
    """7 272 + 1 200 weights. Source: Ruff et al. (2018), MNIST."""
    return _lenet(example_shape, latent_dim or 32, (8, 4), 0, (4, 4, 2), 0, (4, 8), (0, 1, 0))


def fmnist_lenet(example_shape, latent_dim):
    """222 096 + 27 792 weights. Source: Ruff et al. (2020), code (dense 128 and 64; the paper says 64 and 32)."""
    return _lenet(example_shape, latent_dim or 64, (16, 32), 128, (4, 4, 8), 0, (32, 16), (0, 1, 0))


def cifar10_lenet(example_shape, latent_dim):
    """520 544 + 284 000 weights. Source: Ruff et al. (2018), CIFAR-10.

    Differs: their autoencoder normalises the code once more before the decoder; that layer has no weights and is left out.
    """
    return _lenet(example_shape, latent_dim or 128, (32, 64, 128), 0, (4, 4, 8), 128, (64, 32), (0, 0, 0))


def gtsrb_lenet(example_shape, latent_dim):
    """Convolutions 16 and 32, dense 64 and 32. Source: Ruff et al. (2018), GTSRB; the decoder is our mirror of the encoder."""
    return _lenet(example_shape, latent_dim or 32, (16, 32), 64, (4, 4, 4), 0, (32, 16), (0, 0, 0))


def conv(example_shape, latent_dim):
    """A LeNet for any image from 8x8 on: halved until 4 to 7 pixels are left on the shorter side, filters doubled, 16 to 128."""
    height, width, _ = example_shape
    if min(height, width) < 8:
        raise Misuse(f"`network=conv` needs images of at least 8x8 pixels. Received: {height}x{width}. Resize them with "
                     "--config.source.size=[8,8], or pass your own `encoder`.")
    halvings = int(math.log2(min(height, width) / 4))
    filters = [min(16 * 2 ** level, 128) for level in range(halvings)]
    start = (math.ceil(height / 2 ** halvings), math.ceil(width / 2 ** halvings), 8)
    up = tuple(reversed(filters[1:]))
    return _lenet(example_shape, latent_dim or fitting_dim(example_shape), filters, 0, start, 0 if halvings == 1 else filters[-1],
                  up, (0,) * halvings)


def dense(example_shape, latent_dim):
    """Dense blocks for tables: 128, 64 and a code of 32 from 100 features on, else 32, 16 and at most 8.

    Source: Ruff et al. (2020), the MLPs of the ODDS tables.
    """
    features = example_shape[0]
    hidden, code = table_sizes(features)
    code = latent_dim or code
    inputs = x = layers.Input(example_shape)
    for units in hidden:
        x = _activate(_dense(x, units))
    encoder = keras.Model(inputs, _dense(x, code), name="encoder")
    inputs = x = layers.Input((code,))
    for units in reversed(hidden):
        x = _activate(_dense(x, units))
    return encoder, keras.Model(inputs, _probability(_dense(x, features)), name="decoder")


def table_sizes(features):
    """((int, int), int): hidden units and code of the networks for tables."""
    return ((128, 64), 32) if features >= 100 else ((32, 16), 8 if features >= 9 else max(2, features * 2 // 3))


def fitting_dim(example_shape):
    """A power of two near the root of the number of values, 16 to 128."""
    return min(128, max(16, 2 ** round(math.log2(math.prod(example_shape)) / 2)))


# name: (function, the one shape it is made for or None)
NETWORKS = {
    "conv": (conv, None),
    "dense": (dense, None),
    "mnist_lenet": (mnist_lenet, (28, 28, 1)),
    "fmnist_lenet": (fmnist_lenet, (28, 28, 1)),
    "cifar10_lenet": (cifar10_lenet, (32, 32, 3)),
    "gtsrb_lenet": (gtsrb_lenet, (32, 32, 3)),
    "mnist_dcae": (chalapathy.mnist_dcae, (28, 28, 1)),
    "cifar10_dcae": (chalapathy.cifar10_dcae, (32, 32, 3)),
    "gtsrb_dcae": (chalapathy.gtsrb_dcae, (32, 32, 3)),
    "arae_linf": (salehi.arae_linf, None),
    "arae_union": (salehi.arae_union, None),
    "arae_conv": (salehi.arae_conv, None),
    "gpnd": (pidhorskyi.gpnd, None),
    "mnist_ocnn": (chalapathy.mnist_ocnn, (28, 28, 1)),
    "cifar10_ocnn": (chalapathy.cifar10_ocnn, (32, 32, 3)),
}
RANKS = {"dense": (1,), "arae_linf": (1, 3), "arae_union": (1, 3)}     # axes of an example; of all others 3
