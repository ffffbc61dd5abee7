"""The LeNets of Deep SVDD in Keras' own layers: what kerasnd's networks would be without layers of their own."""
import keras
from cases import EPSILON, MOMENTUM, SLOPE
from keras import layers


def encoder(lenet):
    """Keras model from images to codes."""
    inputs = x = layers.Input(lenet.shape)
    for count in lenet.filters:
        x = layers.MaxPooling2D()(_activated(_convolved(x, count)))
    return keras.Model(inputs, layers.Dense(lenet.latent_dim, use_bias=False)(layers.Flatten()(x)), name="encoder")


def decoder(lenet):
    """Keras model from codes to images."""
    inputs = layers.Input((lenet.latent_dim,))
    x = layers.LeakyReLU(SLOPE)(layers.Reshape(lenet.start)(inputs))
    if lenet.first:
        x = _activated(_convolved(x, lenet.first))
    for count, crop in zip(lenet.up, lenet.crops):
        x = _activated(_up(x, count, crop))
    x = _up(x, lenet.shape[-1], lenet.crops[-1])
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32")(x), name="decoder")


def _convolved(x, filters):
    return layers.Conv2D(filters, 5, padding="same", use_bias=False)(x)


def _activated(x):
    x = layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, center=False, scale=False)(x)
    return layers.LeakyReLU(SLOPE)(x)


def _up(x, filters, crop):
    x = _convolved(layers.UpSampling2D()(x), filters)
    return layers.Cropping2D(crop)(x) if crop else x
