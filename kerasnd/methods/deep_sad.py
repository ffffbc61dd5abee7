"""Deep SAD: pull the codes of unlabelled and normal examples to a fixed centre, push those of labelled anomalies away.

    minimise over W   mean_n l_n + weight_decay / 2 ||W||^2,  d_n = ||phi(x_n; W) - c||^2
        l_n = d_n                     unlabelled
        l_n = eta (d_n + eps)         labelled normal
        l_n = eta / (d_n + eps)       labelled anomalous
    score(x)        = ||phi(x) - c||^2

Without labels it is Deep SVDD's one-class objective.
"""
import keras
import tensorflow as tf

from kerasnd import arguments
from kerasnd.methods.hypersphere import Hypersphere


@keras.saving.register_keras_serializable(package="kerasnd")
class DeepSAD(Hypersphere):
    """Scores an example by the squared distance of its code to the centre.

    Args:
        example_shape, network, latent_dim, encoder, weight_decay: as in `Hypersphere`.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        eta: float > 0, weight of a labelled example beside an unlabelled one.
        eps: float > 0, keeps 1 / (d + eps) finite; its reciprocal is the largest loss of one anomaly.

    Source: Ruff et al. (2020). Differs: the centre leaves labelled anomalies out, as the paper has it and its code does not. After
    an autoencoder the preprocessing is that stage's, which is blind to hints: fitted on the labelled anomalies too, as published
    (see `Normalizer` for how far).
    """

    IMAGE_PREPROCESS = "unit"
    takes_hints = True

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None, eta=1.0, eps=1e-6,
                 weight_decay=5e-7):
        arguments.number("eta", eta, above=0)
        arguments.number("eps", eps, above=0)
        super().__init__(example_shape, network, latent_dim, preprocess, encoder, weight_decay)
        self.eta, self.eps = eta, eps

    def losses(self, distance, hint):
        """float32 (b,), the loss of each example.

        Args:
            distance: float32 (b,) >= 0, d.
            hint: int8 (b,) in {-1, 0, +1}.
        """
        # Three branches, each finite with a finite gradient, in the place of a power.
        known = self.eta * tf.where(hint > 0, distance + self.eps, 1 / (distance + self.eps))
        return tf.where(hint == 0, distance, known)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.losses(self.distance(data[0], training=True), data[1]))
        self.descend(tape, loss)
        return self.logs()
