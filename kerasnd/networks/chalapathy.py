"""The networks of the OC-NN and RCAE code base, as published: biases and affine normalisation included.

Source: Chalapathy, Menon and Chawla (2017, 2018), code.
"""
import keras
from keras import layers

from kerasnd.networks.layers import UpsampledConv2D


def _settled(x):
    """ReLU, then batch normalisation with Keras' defaults, in the published order."""
    return layers.BatchNormalization(synchronized=True)(layers.ReLU()(x))


def mnist_dcae(example_shape, latent_dim):
    """Convolutions 20 and 50, dense 2450, code 32, mirrored."""
    latent_dim = latent_dim or 32
    inputs = x = layers.Input(example_shape)
    for filters in (20, 50):
        x = layers.MaxPooling2D()(_settled(layers.Conv2D(filters, 5, padding="same")(x)))
    x = _settled(layers.Dense(2450)(layers.Flatten()(x)))
    encoder = keras.Model(inputs, _settled(layers.Dense(latent_dim)(x)), name="encoder")

    inputs = layers.Input((latent_dim,))
    x = layers.Reshape((7, 7, 50))(_settled(layers.Dense(2450)(inputs)))
    x = _settled(layers.Conv2D(50, 5, padding="same")(x))
    x = _settled(UpsampledConv2D(20, use_bias=True)(x))
    x = UpsampledConv2D(example_shape[-1], use_bias=True)(x)
    return encoder, keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name="decoder")


def cifar10_dcae(example_shape, latent_dim):
    """Convolutions 64, 32 and 16 (3x3), dense 256, code 128, mirrored."""
    latent_dim = latent_dim or 128
    inputs = x = layers.Input(example_shape)
    for filters in (64, 32, 16):
        x = layers.MaxPooling2D()(_settled(layers.Conv2D(filters, 3, padding="same")(x)))
    x = _settled(layers.Dense(256)(layers.Flatten()(x)))
    encoder = keras.Model(inputs, _settled(layers.Dense(latent_dim)(x)), name="encoder")

    inputs = layers.Input((latent_dim,))
    x = layers.Reshape((4, 4, 16))(_settled(layers.Dense(256)(inputs)))
    for filters in (16, 32, 64):
        x = layers.UpSampling2D()(_settled(layers.Conv2D(filters, 3, padding="same")(x)))
    x = layers.Conv2D(example_shape[-1], 3, padding="same")(x)
    return encoder, keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name="decoder")


def gtsrb_dcae(example_shape, latent_dim):
    """`cifar10_dcae` with a code of 32."""
    return cifar10_dcae(example_shape, latent_dim or 32)


def _leaky(x):
    return layers.LeakyReLU(0.1)(layers.BatchNormalization(synchronized=True)(x))


def _plain(x, filters, padding="same"):
    return layers.Conv2D(filters, 3, padding=padding, use_bias=False)(x)


def _ocnn(example_shape, latent_dim, filters, mirrored, last):
    """The encoder whose flattened feature map is the code, or feeds a dense code where `latent_dim` is given."""
    inputs = x = layers.Input(example_shape)
    for count in filters:
        x = layers.MaxPooling2D(padding="same")(_leaky(_plain(x, count)))
    start = x.shape[1:]
    x = layers.Flatten()(x)
    if latent_dim:
        x = layers.Dense(latent_dim, use_bias=False)(x)
    encoder = keras.Model(inputs, x, name="encoder")

    inputs = x = layers.Input((x.shape[-1],))
    if latent_dim:
        x = layers.Dense(start[0] * start[1] * start[2], use_bias=False)(x)
    x = layers.Reshape(start)(x)
    for count, padding in mirrored:
        x = layers.UpSampling2D()(_leaky(_plain(x, count, padding)))
    x = last(_plain(x, example_shape[-1]))
    return encoder, keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name="decoder")


def mnist_ocnn(example_shape, latent_dim):
    """Convolutions 16, 8, 8, 8 (3x3) to 2x2x8 = 32 features. The dictionary start of the first layer is left out."""
    mirrored = ((4, "same"), (8, "same"), (8, "same"), (16, "valid"))
    return _ocnn(example_shape, latent_dim, (16, 8, 8, 8), mirrored, lambda x: x)


def cifar10_ocnn(example_shape, latent_dim):
    """Convolutions 128, 64, 32, 32 (3x3) to 2x2x32 = 128 features; also GTSRB's."""
    mirrored = ((32, "same"), (32, "same"), (64, "same"), (128, "same"))
    return _ocnn(example_shape, latent_dim, (128, 64, 32, 32), mirrored,
                 lambda x: layers.BatchNormalization(synchronized=True)(x))
