"""The networks of ARAE, as published, and one for colour images.

No convolution, no normalisation and no dropout in the published ones; weights Glorot normal, biases 0.

Source: Salehi et al. (2021), code.
"""
import math

import keras
from keras import layers

WIDTHS = (512, 256)
CODE = 128


def arae_linf(example_shape, latent_dim):
    """Dense 512, 256 and a code of 128, mirrored; sigmoids everywhere. 28x28 pixels: 1 132 944 weights, 32x32x3: 3 478 144."""
    return _dense(example_shape, latent_dim, "sigmoid", "sigmoid")


def arae_union(example_shape, latent_dim):
    """As `arae_linf`, with ReLUs everywhere but at the end, which is linear."""
    return _dense(example_shape, latent_dim, "relu", "linear")


def arae_conv(example_shape, latent_dim):
    """Convolutions 4x4 of stride 2, filters doubled from 32 to 256, a code of 128, mirrored.

    They go down to 4 to 7 pixels on the shorter side, half of it for images below 8. Ours: the published network for colour
    images is not known. ReLUs, a sigmoid for the code, which bounds what an attack can reach, and one at the end; no
    normalisation, whose statistics would be those of attacked and other images together.
    """
    height, width, channels = example_shape
    halvings = max(1, int(math.log2(min(height, width) / 4))) if min(height, width) >= 4 else 0
    filters = [min(32 * 2 ** level, 256) for level in range(halvings)]
    inputs = x = layers.Input(example_shape)
    for count in filters:
        x = layers.Conv2D(count, 4, 2, padding="same", activation="relu")(x)
    start = x.shape[1:]
    code = layers.Dense(latent_dim or CODE, activation="sigmoid")(layers.Flatten()(x))
    encoder = keras.Model(inputs, code, name="encoder")
    inputs = layers.Input((latent_dim or CODE,))
    x = layers.Reshape(start)(layers.Dense(math.prod(start), activation="relu")(inputs))
    for count in reversed(filters[:-1]):
        x = layers.Conv2DTranspose(count, 4, 2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(channels, 4, 2 if halvings else 1, padding="same")(x)
    spare = [x.shape[axis] - example_shape[axis - 1] for axis in (1, 2)]
    if any(spare):
        x = layers.Cropping2D([(cut // 2, cut - cut // 2) for cut in spare])(x)
    return encoder, keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name="decoder")


def _dense(example_shape, latent_dim, activation, last):
    def settled(x, units, activation):
        return layers.Dense(units, activation=activation, kernel_initializer="glorot_normal")(x)
    inputs = layers.Input(example_shape)
    x = layers.Flatten()(inputs) if len(example_shape) > 1 else inputs
    for units in (*WIDTHS, latent_dim or CODE):
        x = settled(x, units, activation)
    encoder = keras.Model(inputs, x, name="encoder")
    inputs = x = layers.Input((latent_dim or CODE,))
    for units in reversed(WIDTHS):
        x = settled(x, units, activation)
    x = layers.Activation(last, dtype="float32")(settled(x, math.prod(example_shape), None))
    return encoder, keras.Model(inputs, layers.Reshape(example_shape)(x), name="decoder")
