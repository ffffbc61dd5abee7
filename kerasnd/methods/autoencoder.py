"""Autoencoder (DCAE): what it cannot redraw is strange.

    minimise over theta   mean_n ||x_n - d(e(x_n))||^2  (+ weight_decay / 2 * ||theta||^2, through the gradient)
    score(x)            = ||x - d(e(x))||^2

x is the normalised example, e and d the encoder and decoder. With `dropout` the encoder sees a masked x (denoising).
"""
import keras
import tensorflow as tf

from kerasnd import arguments
from kerasnd.detector import Detector
from kerasnd.errors import Misuse
from kerasnd.networks import coders


@keras.saving.register_keras_serializable(package="kerasnd")
class Autoencoder(Detector):
    """Scores an example by its squared reconstruction error.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        network: str, "auto" or a name of `kerasnd.networks.coders.NETWORKS`.
        latent_dim: int >= 1, units of the code; None: the network's own.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder, decoder: Keras models instead of built ones; they see and give normalised examples.
        dropout: float in [0, 1), share of the input values masked in training.
        weight_decay: float >= 0, lambda of the penalty lambda / 2 * ||theta||^2.

    Source: Chalapathy et al. (2018), DCAE; Ruff et al. (2018), pre-training.
    """

    IMAGE_PREPROCESS = "unit"

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None, decoder=None,
                 dropout=0.0, weight_decay=0.0):
        shape, encoder, decoder = coders.choose(example_shape, network, latent_dim, encoder, decoder)
        if decoder is None:
            raise Misuse("`decoder` must be given with an own `encoder`. Received: None. It maps codes back to examples.")
        arguments.number("dropout", dropout, at_least=0, below=1)
        arguments.number("weight_decay", weight_decay, at_least=0)
        super().__init__(shape, preprocess)
        self.example_shape, self.network, self.latent_dim, self.preprocess = shape, network, latent_dim, preprocess
        self.encoder, self.decoder = encoder, decoder
        self.dropout, self.weight_decay = dropout, weight_decay
        self.mask = keras.layers.Dropout(dropout, name="mask") if dropout else None

    def redraw(self, x, training=False):
        """float32 (b, ...), the reconstruction of normalised examples."""
        seen = self.mask(x, training=training) if self.mask is not None else x
        return tf.cast(self.decoder(self.encoder(seen, training=training), training=training), tf.float32)

    def reconstruct(self, x):
        """float32 (b, ...), the reconstruction of raw examples, in the raw range where the preprocessing can be undone."""
        return self.normalizer.undone(self.redraw(self.normalizer(x)))

    def call(self, x, training=False):
        x = self.normalizer(x)
        return squared_norm(x - self.redraw(x, training))

    def train_step(self, data):
        x = self.normalizer(data[0])
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(squared_norm(x - self.redraw(x, training=True)))
        self.descend(tape, loss)
        return self.logs()

    def inherit(self, parent):
        """Starts from the encoder, decoder and preprocessing of an earlier autoencoder."""
        super().inherit(parent)
        self.decoder.set_weights(parent.decoder.get_weights())


def squared_norm(residual):
    """float32 (b,), the squared Euclidean norm of each example of (b, ...)."""
    return tf.reduce_sum(tf.square(residual), axis=list(range(1, residual.shape.rank)))
