"""What the methods around a fixed centre share: the encoder, the squared distance of a code, and the rule for the centre.

    d(x) = ||phi(x; W) - c||^2,  c: mean code before the first step, its coordinates kept away from zero
"""
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.detector import Detector
from kerasnd.methods.autoencoder import squared_norm
from kerasnd.networks import coders

FLOOR = 0.1     # of a centre's coordinates, in units of the code


class Hypersphere(Detector):
    """A detector whose score is the squared distance of a code to a fixed centre.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        network: str, "auto" or a name of `kerasnd.networks.coders.NETWORKS`.
        latent_dim: int >= 1, units of the code; None: the network's own.
        preprocess: str, a kind of `Normalizer`, or "auto".
        encoder: Keras model instead of a built one. Without biases and with unbounded activations, or it can collapse.
        weight_decay: float >= 0, lambda of the penalty lambda / 2 ||W||^2.
    """

    def __init__(self, example_shape, network, latent_dim, preprocess, encoder, weight_decay):
        arguments.number("weight_decay", weight_decay, at_least=0)
        shape, encoder, _ = coders.choose(example_shape, network, latent_dim, encoder)
        super().__init__(shape, preprocess)
        self.example_shape, self.network, self.latent_dim, self.preprocess = shape, network, latent_dim, preprocess
        self.encoder, self.weight_decay = encoder, weight_decay
        self.center = self.add_weight(shape=(encoder.output_shape[-1],), initializer="zeros", trainable=False, name="center")

    def distance(self, x, training=False):
        """float32 (b,), the squared distance of raw examples to the centre."""
        code = tf.cast(self.encoder(self.normalizer(x), training=training), tf.float32)
        return squared_norm(code - self.center)

    def call(self, x, training=False):
        return self.distance(x, training)

    def start(self, feed):
        codes, hint = self.over(feed, self.encode, hints=True)
        # Known anomalies are no part of the normal class (paper, App. C of Deep SAD); the published code counts them in.
        self.center.assign(away_from_zero(codes[hint >= 0].mean(axis=0), FLOOR))


def away_from_zero(center, floor):
    """Moves coordinates nearer to zero than `floor` out to it, keeping their side.

    Args:
        center: float (latent_dim,).
        floor: float > 0, in units of the code.

    Returns:
        float (latent_dim,), every |coordinate| >= floor, except that an exact zero stays: its unit is dead.

    Source: Ruff et al. (2018), code; a unit at zero is matched by zero weights.
    """
    return np.where((np.abs(center) < floor) & (center != 0), np.copysign(floor, center), center)
