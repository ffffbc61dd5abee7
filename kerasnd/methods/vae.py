"""Variational autoencoder (M1 of semi-supervised learning with deep generative models): what is unlikely to be redrawn is strange.

    q(z|x)  = N(mu(x), sigma(x)^2),  log sigma^2 = softplus(head); with network=gpnd the head itself
    p(z)    = N(0, I)                p(x|z) = Bernoulli(d(z))
    minimise  mean_n [ BCE(x_n, d(z_n)) + log q(z_n|x_n) - log p(z_n) ],  z_n = mu(x_n) + sigma(x_n) e_n,  e_n ~ N(0, I)
    BCE(x, p) = - sum_i x_i log p_i + (1 - x_i) log(1 - p_i)             (+ weight_decay / 2 * ||theta||^2, through the gradient)

    score(x)  reconstruction     BCE(x, d(mu(x)))
              negative_elbo      BCE(x, d(mu(x))) + KL(q(z|x) || p(z)), the divergence in closed form
              density            that of GPND, on these networks: see `tangent_density`

x is the normalised example, clipped into [0, 1] where its likelihood is taken.
"""
import math

import keras
import tensorflow as tf

from kerasnd import arguments, jacobians
from kerasnd.detector import Detector
from kerasnd.errors import Misuse
from kerasnd.methods.autoencoder import Autoencoder
from kerasnd.methods.chance import Chance
from kerasnd.methods.sampling import Sampling
from kerasnd.methods.tangent_density import SCORES as PARTS
from kerasnd.methods.tangent_density import TangentDensity, share_of
from kerasnd.networks import coders, given, pidhorskyi, variational

SCORES = ("reconstruction", "negative_elbo", "density")
NETWORKS = ("auto", "gpnd")
POWER = 0.2         # of the density: that of GPND's newest code


class Noisy(Chance, Detector):
    """A detector of examples in [0, 1] whose steps draw Gaussian noise."""

    IMAGE_PREPROCESS = "unit"

    def __init__(self, example_shape, preprocess):
        super().__init__(example_shape, preprocess)
        if self.normalizer.scaling == "standard":
            raise Misuse("`preprocess` must be one that leads into [0, 1], where the likelihood is defined. Received: "
                         f"preprocess={preprocess}. Use auto, unit or minmax.")
        self.seed_noise()

    def noise(self, n, units, stream=0):
        """float32 (n, units), standard normal, of this step; n the examples of this replica's part of the batch."""
        return self.chance((n, units), stream)


@keras.saving.register_keras_serializable(package="kerasnd")
class VAE(Sampling, TangentDensity, Noisy):
    """Scores an example by how badly a variational autoencoder redraws it, or by how improbable it is.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` tells it.
        latent_dim: int >= 1, units of z; None: the published one, or one that fits the shape (see `variational.sizes`).
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model from normalised examples to features (n, any), on which the heads of mu and log sigma^2 stand.
        decoder: Keras model from z to LOGITS of normalised examples, to be given with an own `encoder`.
        score_by: "reconstruction", "negative_elbo" or "density".
        weight_decay: float >= 0, lambda of the penalty, biases included.
        network: "auto": dense, as published; "gpnd": the convolutions of the VAE that GPND was compared with, for images.

    Source: Kingma and Welling (2014); Kingma et al. (2014), M1; networks of the Deep SAD study's code; with network=gpnd and
    score_by=density the P-VAE of Pidhorskyi, Almohsen and Doretto (2018). Differs: the score is a function of the example, the
    published one of M1 drew z.
    """

    def __init__(self, example_shape=None, latent_dim=None, preprocess="auto", encoder=None, decoder=None,
                 score_by="reconstruction", weight_decay=0.0, network="auto"):
        arguments.choice("score_by", score_by, SCORES)
        arguments.number("weight_decay", weight_decay, at_least=0)
        arguments.choice("network", network, NETWORKS)
        shape, code, encoder, decoder = _networks(example_shape, latent_dim, encoder, decoder, network)
        super().__init__(shape, preprocess)
        self.example_shape, self.latent_dim, self.preprocess, self.network = shape, latent_dim, preprocess, network
        self.encoder, self.decoder, self.score_by, self.weight_decay = encoder, decoder, score_by, weight_decay
        spread = "linear" if network == "gpnd" else "softplus"
        self.heads = variational.gaussian(encoder.output_shape[-1], (), code, "heads", spread)
        if score_by == "density":
            self.keep_density(code, PARTS["density"], "encoder", share_of(POWER, shape), "generalised_normal", "clamp")

    def posterior(self, x, training=False):
        """(float32 (b, latent_dim), float32 (b, latent_dim)): mean and log variance of q(z|x) of normalised examples."""
        return self.heads(self.encoder(x, training=training), training=training)

    def code(self, x, training=False):
        """float32 (b, latent_dim), the mean of z of normalised examples."""
        return self.posterior(x, training)[0]

    def redraw_code(self, code):
        """float32 (b, ...) in [0, 1], normalised examples from z."""
        return tf.sigmoid(tf.cast(self.decoder(code, training=False), tf.float32))

    def redrawn_and_change(self, code):
        return jacobians.of_decoder(self.decoder, code, sigmoid=True)

    def redraw(self, x):
        """float32 (b, ...) in [0, 1], normalised examples from the mean of their z."""
        return self.redraw_code(self.code(x))

    reconstruct = Autoencoder.reconstruct      # of raw examples, by `redraw`

    def encode(self, x):
        """float32 (b, latent_dim), mu of raw examples."""
        return self.code(self.normalizer(x))

    def coder(self):
        """Keras model from normalised examples to mu."""
        inputs = keras.Input(self.example_shape)
        return keras.Model(inputs, self.heads(self.encoder(inputs))[0], name="mean_coder")

    def start(self, feed):
        self.finish(feed)       # of the untrained networks, so that they score

    def finish(self, feed):
        if self.score_by == "density":
            self.fit_density(feed)

    def call(self, x, training=False):
        if self.score_by == "density":
            return self.density_score(x)
        x = self.normalizer(x)
        mean, log_variance = self.posterior(x, training)
        score = cross_entropy(x, self.decoder(mean, training=training))
        return score + divergence(mean, log_variance) if self.score_by == "negative_elbo" else score

    def train_step(self, data):
        x = self.normalizer(data[0])
        with tf.GradientTape() as tape:
            mean, log_variance = self.posterior(x, training=True)
            z, surplus = drawn(mean, log_variance, self.noise(tf.shape(x)[0], mean.shape[1]))
            loss = tf.reduce_mean(cross_entropy(x, self.decoder(z, training=True)) + surplus)
        self.descend(tape, loss)
        return self.logs()

    def inherit(self, parent):
        """Takes all networks and the preprocessing of an earlier VAE.

        Raises:
            Misuse: it is no VAE, or its networks or its preprocessing differ.
        """
        kinds = self.normalizer.kind, parent.normalizer.kind
        if not isinstance(parent, VAE) or kinds[0] != kinds[1] or _sizes(self) != _sizes(parent):
            mine, theirs = (sum(map(math.prod, _sizes(each))) for each in (self, parent))
            raise Misuse(f"a VAE must come after one like it. Received: {kinds[0]} with {mine} weights after "
                         f"{type(parent).__name__}, {kinds[1]} with {theirs}. Give both the same `latent_dim` and `preprocess`.")
        self.set_weights(parent.get_weights())
        self._inherited = True


def _sizes(model):
    return [tuple(w.shape) for w in model.weights]


def _networks(example_shape, latent_dim, encoder, decoder, network):
    """(shape, units of z, encoder, decoder): the user's networks where given, else built ones."""
    if (encoder is None) != (decoder is None):
        alone = "a decoder" if encoder is None else "an encoder"
        raise Misuse(f"`encoder` and `decoder` must be given together. Received: {alone} alone.")
    if encoder is None:
        shape = given.shape_of(example_shape)
        if network == "gpnd":
            if len(shape) != 3:
                raise Misuse(f"`network=gpnd` must have images. Received: examples of shape {shape}. Use network=auto.")
            coders.check_latent_dim(latent_dim)
            code = latent_dim or pidhorskyi.code_size(shape)
            return shape, code, pidhorskyi.features(shape), pidhorskyi.decoder(code, shape)
        hidden, code = variational.sizes(shape, latent_dim)
        return shape, code, variational.mlp(shape, hidden), variational.bernoulli(code, hidden, shape)
    shape = given.shape_of(example_shape, encoder)
    given.model("decoder", decoder)
    code = decoder.input_shape[-1]
    if tuple(decoder.output_shape[1:]) != shape or latent_dim not in (None, code):
        raise Misuse(f"`decoder` must map codes ({latent_dim or code},) to logits {shape}. Received: "
                     f"{tuple(decoder.input_shape[1:])} to {tuple(decoder.output_shape[1:])}.")
    return shape, code, encoder, decoder


def cross_entropy(x, logits):
    """float32 (b,), BCE of normalised examples (b, ...), clipped into [0, 1], and the logits of what was redrawn.

    Differs: by the logits, so that it is finite everywhere; published as log(p + 1e-8) of the sigmoid's p.
    """
    each = tf.nn.sigmoid_cross_entropy_with_logits(tf.clip_by_value(x, 0.0, 1.0), tf.cast(logits, tf.float32))
    return tf.reduce_sum(each, axis=list(range(1, each.shape.rank)))


def drawn(mean, log_variance, noise):
    """z from q, and log q(z|x) - log p(z) at that z.

    Args:
        mean, log_variance, noise: float32 (b, latent_dim).

    Returns:
        (float32 (b, latent_dim), float32 (b,)); the constants of both densities are the same.
    """
    z = mean + tf.exp(log_variance / 2) * noise
    return z, tf.reduce_sum(z ** 2 - noise ** 2 - log_variance, axis=1) / 2


def divergence(mean, log_variance):
    """float32 (b,), KL(N(mean, exp(log_variance)) || N(0, I)): the mean of `drawn`'s second value over the noise."""
    return tf.reduce_sum(mean ** 2 + tf.exp(log_variance) - log_variance - 1, axis=1) / 2
