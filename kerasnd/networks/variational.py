"""Networks of the variational methods: dense, with biases and ReLU, as in the code of the Deep SAD study.

Weights begin as Glorot's normal ones, biases at zero. The Gaussian's log variance is softplus of its head, so that no deviation
is below 1; a decoder ends in logits, since the stable cross-entropy is a function of them.
"""
import math

import keras
from keras import layers

from kerasnd.networks import coders


def sizes(example_shape, latent_dim=None):
    """How large the networks are.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels).
        latent_dim: int >= 1, or None: the published one for 28x28 grey (32) and 32x32 colour images (128) and for the ODDS tables,
            else one that fits the shape.

    Returns:
        ((int, int), int): hidden units, from the data towards the code, and units of the code.

    Raises:
        Misuse: `latent_dim` is no whole number of at least 1.
    """
    coders.check_latent_dim(latent_dim)
    if len(example_shape) == 1:
        hidden, code = coders.table_sizes(example_shape[0])
        return hidden, latent_dim or code
    code = latent_dim or (128 if tuple(example_shape) == (32, 32, 3) else coders.fitting_dim(example_shape))
    return (4 * code, 2 * code), code


def dense(units, activation=None, **kwargs):
    """A dense layer with the published initial weights."""
    return layers.Dense(units, activation=activation, kernel_initializer="glorot_normal", **kwargs)


def mlp(example_shape, hidden, name="encoder"):
    """Keras model (n, *example_shape) -> (n, hidden[-1])."""
    inputs = x = layers.Input(example_shape)
    x = layers.Flatten()(x) if len(example_shape) > 1 else x
    for units in hidden:
        x = dense(units, "relu")(x)
    return keras.Model(inputs, x, name=name)


def coder(example_shape, hidden, latent_dim):
    """Keras model (n, *example_shape) -> codes (n, latent_dim)."""
    features = mlp(example_shape, hidden)
    return keras.Model(features.input, dense(latent_dim, name="code")(features.output), name="encoder")


def gaussian(features, hidden, latent_dim, name, activation="softplus"):
    """Keras model (n, features) -> mean and log variance, float32 (n, latent_dim) each; `activation` is the latter's."""
    inputs = x = layers.Input((features,))
    for units in hidden:
        x = dense(units, "relu")(x)
    # in float32 whatever the compute type: the variance is its exponential
    mean = dense(latent_dim, name="mean", dtype="float32")(x)
    log_variance = dense(latent_dim, activation, name="log_variance", dtype="float32")(x)
    return keras.Model(inputs, [mean, log_variance], name=name)


def bernoulli(features, hidden, example_shape, name="decoder"):
    """Keras model (n, features) -> logits (n, *example_shape); `hidden` is given from the data towards the code."""
    inputs = x = layers.Input((features,))
    for units in reversed(hidden):
        x = dense(units, "relu")(x)
    x = dense(math.prod(example_shape))(x)
    return keras.Model(inputs, layers.Reshape(example_shape)(x) if len(example_shape) > 1 else x, name=name)


def lenet(network, example_shape):
    """The encoder of `coders`, its dense layers with the initial weights of this file; convolutions keep theirs."""
    encoder, _ = coders.build(network, example_shape)
    for layer in encoder.layers:
        if isinstance(layer, layers.Dense):
            layer.kernel.assign(keras.initializers.GlorotNormal()(layer.kernel.shape))
    return encoder
