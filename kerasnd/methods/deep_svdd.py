"""Deep SVDD: pull the codes of normal examples together around a fixed centre.

    one_class      minimise over W      mean_n ||phi(x_n; W) - c||^2                                    + weight_decay / 2 ||W||^2
    soft_boundary  minimise over W, R   R^2 + 1/nu mean_n max(0, ||phi(x_n; W) - c||^2 - R^2)           + weight_decay / 2 ||W||^2
    score(x)     = ||phi(x) - c||^2  (- R^2)

c: mean code of the training examples before the first step, its coordinates kept away from zero. R: 0 for `warm_up_epochs`
epochs, then after each epoch the (1 - nu)-quantile of the distances of the whole training set, which is its optimum for fixed W.
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.methods.hypersphere import Hypersphere

OBJECTIVES = ("one_class", "soft_boundary")


@keras.saving.register_keras_serializable(package="kerasnd")
class DeepSVDD(Hypersphere):
    """Scores an example by the squared distance of its code to the centre.

    Args:
        example_shape, network, latent_dim, encoder, weight_decay: as in `Hypersphere`.
        preprocess: str, a kind of `Normalizer`; "auto": "gcn_l1" for images, "minmax" for tables.
        objective: "one_class" or "soft_boundary".
        nu: float in (0, 1], share of training examples that may lie outside (soft_boundary).
        warm_up_epochs: int >= 0, epochs with R = 0 (soft_boundary).

    Source: Ruff et al. (2018). Differs: R is fitted once an epoch on the whole training set, not on each batch.
    """

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None,
                 objective="one_class", nu=0.1, warm_up_epochs=10, weight_decay=5e-7):
        arguments.choice("objective", objective, OBJECTIVES)
        check_nu(nu)
        arguments.whole("warm_up_epochs", warm_up_epochs, at_least=0)
        super().__init__(example_shape, network, latent_dim, preprocess, encoder, weight_decay)
        self.objective, self.nu, self.warm_up_epochs = objective, nu, warm_up_epochs
        self.radius = self.add_weight(shape=(), initializer="zeros", trainable=False, name="radius")

    @property
    def offset(self):
        """R^2, which every score lacks."""
        return self.radius.numpy() ** 2

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

    def on_epoch_end(self, epoch):
        if self.objective == "soft_boundary" and epoch + 1 >= self.warm_up_epochs:
            distance = self.over(self.feed, self.distance)
            self.radius.assign(np.sqrt(np.quantile(distance, 1 - self.nu)))


def check_nu(nu):
    """Refuses a share of outliers outside (0, 1]."""
    arguments.number("nu", nu, above=0, at_most=1)
