"""Deep SVDD: pull the codes of normal examples together around a fixed centre.

    one_class      minimise over W      mean_n ||phi(x_n; W) - c||^2                                       + weight_decay / 2 ||W||^2
    soft_boundary  minimise over W, R   R^2 + 1/nu mean_n max(0, ||phi(x_n; W) - c||^2 - R^2)              + weight_decay / 2 ||W||^2
    score(x)     = ||phi(x) - c||^2  (- R^2)

c: mean code of the training examples before the first step, its coordinates kept away from zero. R: 0 for `warm_up_epochs`
epochs, then after each epoch the (1 - nu)-quantile of the distances of the whole training set, which is its optimum for fixed W.
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.detector import Detector
from kerasnd.methods.autoencoder import squared_norm
from kerasnd.networks import coders

OBJECTIVES = ("one_class", "soft_boundary")


@keras.saving.register_keras_serializable(package="kerasnd")
class DeepSVDD(Detector):
    """Scores an example by the squared distance of its code to the centre.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        network: str, "auto" or a name of `kerasnd.networks.coders.NETWORKS`.
        latent_dim: int >= 1, units of the code; None: the network's own.
        preprocess: str, a kind of `Normalizer`; "auto": "gcn_l1" for images, "minmax" for tables.
        encoder: Keras model instead of a built one. Without biases and with unbounded activations, or it can collapse.
        objective: "one_class" or "soft_boundary".
        nu: float in (0, 1], share of training examples that may lie outside (soft_boundary).
        warm_up_epochs: int >= 0, epochs with R = 0 (soft_boundary).
        weight_decay: float >= 0, lambda of the penalty.

    Source: Ruff et al. (2018). Differs: R is fitted once an epoch on the whole training set, not on each batch.
    """

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None,
                 objective="one_class", nu=0.1, warm_up_epochs=10, weight_decay=5e-7):
        arguments.choice("objective", objective, OBJECTIVES)
        check_nu(nu)
        arguments.whole("warm_up_epochs", warm_up_epochs, at_least=0)
        arguments.number("weight_decay", weight_decay, at_least=0)
        shape, encoder, _ = coders.choose(example_shape, network, latent_dim, encoder)
        super().__init__(shape, preprocess)
        self.example_shape, self.network, self.latent_dim, self.preprocess = shape, network, latent_dim, preprocess
        self.encoder, self.objective, self.nu = encoder, objective, nu
        self.warm_up_epochs, self.weight_decay = warm_up_epochs, weight_decay
        self.center = self.add_weight(shape=(encoder.output_shape[-1],), initializer="zeros", trainable=False, name="center")
        self.radius = self.add_weight(shape=(), initializer="zeros", trainable=False, name="radius")

    @property
    def offset(self):
        """R^2, which every score lacks."""
        return self.radius.numpy() ** 2

    def distance(self, x, training=False):
        """float32 (b,), the squared distance of raw examples to the centre."""
        code = tf.cast(self.encoder(self.normalizer(x), training=training), tf.float32)
        return squared_norm(code - self.center)

    def call(self, x, training=False):
        return self.distance(x, training) - self.radius ** 2

    def train_step(self, data):
        with tf.GradientTape() as tape:
            distance = self.distance(data[0], training=True)
            if self.objective == "one_class":
                loss = tf.reduce_mean(distance)
            else:
                square = self.radius ** 2
                loss = square + tf.reduce_mean(tf.nn.relu(distance - square)) / self.nu
        self.descend(tape, loss)
        return self.logs()

    def start(self, feed):
        codes, hint = self.over(feed, self.encode, hints=True)
        # Known anomalies are no part of the normal class (paper, App. C of Deep SAD); the published code counts them in.
        self.center.assign(away_from_zero(codes[hint >= 0].mean(axis=0), 0.1))

    def on_epoch_end(self, epoch):
        if self.objective == "soft_boundary" and epoch + 1 >= self.warm_up_epochs:
            distance = self.over(self.feed, self.distance)
            self.radius.assign(np.sqrt(np.quantile(distance, 1 - self.nu)))


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


def check_nu(nu):
    """Refuses a share of outliers outside (0, 1]."""
    arguments.number("nu", nu, above=0, at_most=1)
