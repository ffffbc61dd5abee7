"""Supervised classifier: known anomalies against all other training examples.

    minimise over W   - mean_n [ t_n log p(x_n) + (1 - t_n) log(1 - p(x_n)) ]      p(x) = sigmoid(<w, phi(x)> + b)
    score(x)        = <w, phi(x)> + b                                             (+ weight_decay / 2 ||W||^2, through the gradient)

t_n = 1 where hint is -1; unhinted examples and known normals have t_n = 0, so that an anomaly hidden there is taught as normal.
It knows only the anomalies that it was shown: what a detector of novelty is to beat.
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments, feeding
from kerasnd.detector import Detector
from kerasnd.errors import Misuse
from kerasnd.networks import coders


@keras.saving.register_keras_serializable(package="kerasnd")
class Supervised(Detector):
    """Scores an example by a binary classifier's logit.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        network: str, "auto" or a name of `kerasnd.networks.coders.NETWORKS`.
        latent_dim: int >= 1, units of the features; None: the network's own.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model instead of a built one.
        weight_decay: float >= 0, lambda of the penalty, the bias included.

    Source: Ruff et al. (2020), the baseline "Supervised"; its code was not published.
    """

    takes_hints = True
    IMAGE_PREPROCESS = "unit"

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None, weight_decay=0.0):
        arguments.number("weight_decay", weight_decay, at_least=0)
        shape, encoder, _ = coders.choose(example_shape, network, latent_dim, encoder)
        super().__init__(shape, preprocess)
        self.example_shape, self.network, self.latent_dim, self.preprocess = shape, network, latent_dim, preprocess
        self.encoder, self.weight_decay = encoder, weight_decay
        self.head = keras.layers.Dense(1, name="head", dtype="float32")
        self.head.build(encoder.output_shape)

    def ready(self, feed):
        needs_outliers(feeding.hints(feed))

    def call(self, x, training=False):
        return self.head(self.encoder(self.normalizer(x), training=training))[:, 0]

    def train_step(self, data):
        x, hint, _ = data
        with tf.GradientTape() as tape:
            each = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(hint < 0, tf.float32), self(x, training=True))
            loss = tf.reduce_mean(each)
        self.descend(tape, loss)
        return self.logs()


def needs_outliers(hint):
    """Raises Misuse where no example is hinted as anomalous: a classifier would learn nothing."""
    if not np.any(hint < 0):
        raise Misuse("`hint` must mark at least one known anomaly (-1), or a classifier has nothing to learn. Received: "
                     f"{len(hint)} hints, {np.count_nonzero(hint > 0)} of them +1, none -1. Give some (a protocol with labelled "
                     "anomalies, or --hints), or take a method without hints (vae, deep_svdd).")
