"""Networks of GPND: convolutions 4x4 that halve or double, batch normalisation with scale and offset, codes without one.

Decoders end in logits: redrawn values are their sigmoid, and the stable cross-entropy is a function of them. Critics end in
one logit. Weights begin as N(0, 0.02^2), biases at zero.

Source: Pidhorskyi, Almohsen and Doretto (2018), code (the paper's figure 3 names other widths, which do not fit its own sizes);
32x32 pixels there. Other sizes are halved as often as leaves 4 to 7 pixels on the shorter side, with the same widths.
"""
import math

import keras
from keras import layers

from kerasnd.errors import Misuse
from kerasnd.networks.layers import NormalizedActivation
from kerasnd.networks.strided import StridedConv2D, StridedConv2DTranspose

SLOPE = 0.2         # leaky ReLU of encoders and critics; decoders have ReLU
EPSILON = 1e-5      # of the normalisation


def gpnd(example_shape, latent_dim):
    """2 757 008 + 1 642 369 weights for 32x32x1 and a code of 16; the decoder ends in a sigmoid."""
    logits = decoder(latent_dim or code_size(example_shape), example_shape)
    redrawn = layers.Activation("sigmoid", dtype="float32")(logits.output)
    return encoder(example_shape, latent_dim), keras.Model(logits.input, redrawn, name="decoder")


def code_size(example_shape):
    """int, units of the code where nobody names them: 16 for grey images, as published for MNIST, 32 for colour."""
    return 16 if example_shape[-1] == 1 else 32


def encoder(example_shape, latent_dim=None, momentum=0.9):
    """Keras model (n, height, width, channels) -> codes (n, latent_dim); the momentum is that of its moving statistics."""
    inputs, x = _halved(example_shape, (128, 256, 512), SLOPE, momentum)
    return keras.Model(inputs, _flat_conv(x, latent_dim or code_size(example_shape)), name="encoder")


def image_critic(example_shape):
    """Keras model (n, height, width, channels) -> logits (n, 1): D_x."""
    inputs, x = _halved(example_shape, (64, 256, 512), SLOPE)
    return keras.Model(inputs, _flat_conv(x, 1), name="image_critic")


def features(example_shape):
    """Keras model (n, height, width, channels) -> (n, values): the encoder of a VAE of the same size, before its heads."""
    inputs, x = _halved(example_shape, (64, 256, 512), 0)
    return keras.Model(inputs, layers.Flatten()(x), name="encoder")


def code_critic(latent_dim):
    """Keras model (n, latent_dim) -> logits (n, 1): D_z."""
    return _dense_critic((latent_dim,), (128, 128), "code_critic")


def table_critic(example_shape, hidden):
    """Keras model (n, features) -> logits (n, 1): D_x of tables."""
    return _dense_critic(example_shape, hidden, "image_critic")


def decoder(latent_dim, example_shape):
    """Keras model (n, latent_dim) -> logits (n, height, width, channels)."""
    height, width, channels = example_shape
    halvings = _halvings(example_shape)
    start = (math.ceil(height / 2 ** halvings), math.ceil(width / 2 ** halvings))
    inputs = layers.Input((latent_dim,))
    x = layers.Conv2DTranspose(256, start, kernel_initializer=_initial())(layers.Reshape((1, 1, latent_dim))(inputs))
    x = _normalized(x, 0)
    for filters in [256] * (halvings - 2) + [128] * (halvings > 1):
        x = _normalized(StridedConv2DTranspose(filters, 4, 2, "same", kernel_initializer=_initial())(x), 0)
    x = StridedConv2DTranspose(channels, 4, 2, "same", kernel_initializer=_initial())(x)
    spare = x.shape[1] - height, x.shape[2] - width
    if any(spare):
        x = layers.Cropping2D([(cut // 2, cut - cut // 2) for cut in spare])(x)
    # published as tanh / 2 + 1 / 2 of these values, which is the sigmoid of twice them
    return keras.Model(inputs, layers.Rescaling(2.0)(x), name="decoder")


def _halvings(example_shape):
    height, width, _ = example_shape
    if min(height, width) < 8:
        raise Misuse(f"`network=gpnd` must have images of at least 8x8 pixels. Received: {height}x{width}. Resize them with "
                     "--config.source.size=[32,32], or pass your own `encoder` and `decoder`.")
    return int(math.log2(min(height, width) / 4))


def _halved(example_shape, widths, slope, momentum=0.9):
    """(inputs, tensor): the first convolution is not normalised; beyond the widths the last one is repeated."""
    inputs = x = layers.Input(example_shape)
    for level in range(_halvings(example_shape)):
        x = StridedConv2D(widths[min(level, len(widths) - 1)], 4, 2, "same", kernel_initializer=_initial())(x)
        x = _normalized(x, slope, momentum) if level else layers.LeakyReLU(slope)(x)
    return inputs, x


def _flat_conv(x, units):
    """A convolution over all that is left: (n, units)."""
    return layers.Flatten()(layers.Conv2D(units, x.shape[1:3], kernel_initializer=_initial())(x))


def _dense_critic(example_shape, hidden, name):
    inputs = x = layers.Input(example_shape)
    for units in hidden:
        x = layers.LeakyReLU(SLOPE)(layers.Dense(units, kernel_initializer=_initial())(x))
    return keras.Model(inputs, layers.Dense(1, kernel_initializer=_initial())(x), name=name)


def _normalized(x, slope, momentum=0.9):
    return NormalizedActivation(negative_slope=slope, epsilon=EPSILON, momentum=momentum, affine=True)(x)


def _initial():
    return keras.initializers.RandomNormal(stddev=0.02)
