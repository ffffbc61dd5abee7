"""Robust convolutional autoencoder: what the network cannot explain goes into a sparse noise matrix, not into its weights.

    minimise over theta, N   ||X - (d(e(X - N)) + N)||^2 + lambda ||N||_1   (+ weight_decay / 2 * ||theta||^2)

    alternation  theta: `epochs_per_round` epochs on X - N -> X - N;  N: soft threshold of the residual at lambda / 2; repeat.
    huber        N eliminated: the minimum over N of each element is Huber's loss of the residual, with its knee at lambda / 2.
    released     the code that was published: N is never fed back, so it is a plain autoencoder.

    score(x) = ||x - d(e(x))||^2, with no N: new examples have none.

lambda -> infinity: N = 0, the plain autoencoder. lambda -> 0: N takes everything, nothing is learnt.
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments, feeding
from kerasnd.errors import Misuse
from kerasnd.methods.autoencoder import Autoencoder, squared_norm

NOISE = ("alternation", "huber", "released")


@keras.saving.register_keras_serializable(package="kerasnd")
class RCAE(Autoencoder):
    """An autoencoder for training data in which anomalies hide.

    Args:
        noise: "alternation", "huber" or "released".
        sparsity: float > 0, lambda, in units of the normalised values ([0, 1] images: 0.1 to 1).
        epochs_per_round: int >= 1, epochs between two fits of N (alternation).
        encode_cleaned: bool, the encoder sees X - N (the code) and not X (the paper's equation 6) in training.
        Others: as in `Autoencoder`.

    Source: Chalapathy, Menon and Chawla (2017), eqs. 6 and 7.
    """

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None, decoder=None,
                 dropout=0.0, weight_decay=0.0, noise="alternation", sparsity=0.5, epochs_per_round=3, encode_cleaned=True):
        arguments.choice("noise", noise, NOISE)
        arguments.number("sparsity", sparsity, above=0, remedy="At 0 the noise takes everything.")
        arguments.whole("epochs_per_round", epochs_per_round, at_least=1)
        arguments.switch("encode_cleaned", encode_cleaned)
        super().__init__(example_shape, network, latent_dim, preprocess, encoder, decoder, dropout, weight_decay)
        self.noise, self.sparsity = noise, sparsity
        self.epochs_per_round, self.encode_cleaned = epochs_per_round, encode_cleaned
        self._noise = None

    def fit(self, x=None, y=None, **kwargs):
        """As `Detector.fit`. With alternation a dataset is read into memory, since N is as large as the data."""
        if self.noise == "alternation" and isinstance(x, tf.data.Dataset):
            batches = list(feeding.feed(x).once())
            kwargs.setdefault("batch_size", len(batches[0][0]))
            x, y = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
        return super().fit(x, y, **kwargs)

    def ready(self, feed):
        if self.noise != "alternation":
            return
        if not isinstance(feed, feeding.Feed) or hasattr(feed.x, "examples"):
            raise Misuse("`noise=alternation` keeps one noise array per example and needs them all. Received: a stream, "
                         "which is not held in memory. Use noise=huber.")
        shape = (feed.n, *feed.example_shape)
        if self._noise is None or tuple(self._noise.shape) != shape:
            # No weight: it belongs to the training examples, and a saved detector scores without it.
            self._noise = tf.Variable(tf.zeros(shape), trainable=False, name="noise")

    @property
    def resume_variables(self):
        return [] if self._noise is None else [self._noise]

    def train_step(self, data):
        x, _, position = data
        x = self.normalizer(x)
        with tf.GradientTape() as tape:
            if self.noise == "alternation":
                clean = x - tf.gather(self._noise, position)
                redrawn = self.redraw(clean if self.encode_cleaned else x, training=True)
                loss = tf.reduce_mean(squared_norm(clean - redrawn))
            elif self.noise == "huber":
                loss = tf.reduce_mean(huber(x - self.redraw(x, training=True), self.sparsity))
            else:
                loss = tf.reduce_mean(squared_norm(x - self.redraw(x, training=True)))
        self.descend(tape, loss)
        return self.logs()

    def on_epoch_end(self, epoch):
        if self.noise == "alternation" and (epoch + 1) % self.epochs_per_round == 0:
            for x, _, position in self.feed.once():
                self._fit_noise(x, position)

    @tf.function(reduce_retracing=True)
    def _fit_noise(self, x, position):
        """N of these examples at its optimum for the present network."""
        x = self.normalizer(x)
        seen = x - tf.gather(self._noise, position) if self.encode_cleaned else x
        self._noise.scatter_update(tf.IndexedSlices(soft_threshold(x - self.redraw(seen), self.sparsity / 2), position))


def soft_threshold(residual, threshold):
    """The minimiser over n of (residual - n)^2 + 2 * threshold * |n|, element by element: sign(b) max(|b| - threshold, 0)."""
    return tf.sign(residual) * tf.nn.relu(tf.abs(residual) - threshold)


def huber(residual, sparsity):
    """float32 (b,), the minimum over n of sum (residual - n)^2 + sparsity * |n|: squares up to sparsity / 2, then linear."""
    size = tf.abs(residual)
    each = tf.where(size <= sparsity / 2, tf.square(residual), sparsity * size - sparsity ** 2 / 4)
    return tf.reduce_sum(each, axis=list(range(1, residual.shape.rank)))
