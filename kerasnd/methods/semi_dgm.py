"""Semi-supervised deep generative model (M2, and M1 + M2): a variational autoencoder with the class as a second hidden variable.

    y: normal or outlier, p(y) = 1/2    z ~ N(0, I)    p(x|y,z) = Bernoulli(d(z, y))
    q(z|x,y) = N(mu(x, y), sigma(x, y)^2), log sigma^2 = softplus(head)               q(y|x): the classifier

    L(x, y) = BCE(x, d(z, y)) + log q(z|x,y) - log p(z) + log 2                 z: one draw from q(z|x,y)
    U(x)    = sum_y q(y|x) L(x, y) - H(q(y|x))                                  both classes enumerated
    minimise  mean over hinted examples of [ L(x, y) - alpha log q(y|x) ]  +  mean over unhinted examples of U(x)
                                                                        (+ weight_decay / 2 * ||theta||^2, through the gradient)
    score(x) = log q(outlier|x) - log q(normal|x)

    m2     the recognition network and the classifier see x.
    m1m2   they see the code of a VAE (M1) that was trained in the stage before and stays as it is: the recognition network a draw
           of it, the classifier its mean. The decoder redraws x itself.

Hint -1 says outlier, +1 normal, 0 leaves y open. Where only outliers are hinted (the study's data), nothing says "normal" but U: an
unhinted example's q(y|x) tends to the class under which it is redrawn better, or to 1/2 where the decoder does not use y.
"""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments, feeding
from kerasnd.errors import Misuse
from kerasnd.methods.supervised import needs_outliers
from kerasnd.methods.vae import VAE, Noisy, cross_entropy, drawn
from kerasnd.networks import given, variational
from kerasnd.networks.normalizer import IMPUTING

STACKS = ("m2", "m1m2")


@keras.saving.register_keras_serializable(package="kerasnd")
class SemiDGM(Noisy):
    """Scores an example by the log-odds that it is an outlier.

    Args:
        example_shape: tuple of int, (features,) or (height, width, channels); None where `encoder` or `vae` tells it.
        network: str, the classifier's: "auto" (a LeNet for images, the published MLP for tables), or a name of
            `kerasnd.networks.coders.NETWORKS`; m1m2 has its own, "auto".
        latent_dim: int >= 1, units of z (of both in m1m2); None: the published one, or one that fits the shape.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model instead of the classifier's: from normalised examples (m2) or M1's codes (m1m2) to features (n, any).
        vae: `VAE` in place of a built M1 (m1m2), frozen from here on; None: one like the `vae` stage before it.
        stack: "m2" or "m1m2".
        alpha: float >= 0, weight of the classifier's term; None: the published one, 0.1 * unhinted / hinted training examples.
        weight_decay: float >= 0, lambda of the penalty, biases included.

    Source: Kingma et al. (2014); Ruff et al. (2020), SS-DGM, and its code. Differs: the score is not the probability
    q(outlier|x) but its log-odds, the same order without ties where the softmax saturates; one pass of the classifier for all
    examples of a batch, published as one for hinted and one for unhinted ones with normalisations of their own; a batch with a
    single hinted example learns from it, and one without any of a kind has no term of that kind, where the published one is NaN;
    in m1m2 the decoder's last layer begins as Glorot's normal like all others, published uniform in +-1/sqrt(fan_in).
    """

    takes_hints = True

    def __init__(self, example_shape=None, network="auto", latent_dim=None, preprocess="auto", encoder=None, vae=None, stack="m2",
                 alpha=None, weight_decay=0.0):
        arguments.choice("stack", stack, STACKS)
        if alpha is not None:
            arguments.number("alpha", alpha, at_least=0)
        arguments.number("weight_decay", weight_decay, at_least=0)
        if stack == "m2":
            if vae is not None:
                raise Misuse("`vae` must come with stack=m1m2. Received: a VAE with stack=m2.")
            shape, encoder = _classifier(example_shape, network, encoder)
            hidden, code = variational.sizes(shape, latent_dim)
            features, kind = int(np.prod(shape)), preprocess
        else:
            if network != "auto":
                raise Misuse(f"`network` must be auto with stack=m1m2, whose classifier sees codes. Received: network={network}.")
            vae = VAE(example_shape, latent_dim, preprocess) if vae is None else vae
            shape, features, kind = vae.example_shape, vae.decoder.input_shape[-1], vae.normalizer.kind
            if tuple(example_shape or shape) != shape or latent_dim not in (None, features) or not _alike(preprocess, kind):
                raise Misuse(f"`vae` must be of this shape, `latent_dim` and `preprocess`. Received: {shape}, {features} and "
                             f"{kind}, here {example_shape}, {latent_dim} and {preprocess}.")
            vae.trainable = False
            hidden, code = variational.sizes(shape, features)
            _, encoder = _classifier((features,), "auto", encoder, hidden[:1])
        super().__init__(shape, kind)
        self.example_shape, self.network, self.latent_dim, self.preprocess = shape, network, latent_dim, preprocess
        self.encoder, self.vae, self.stack, self.alpha, self.weight_decay = encoder, vae, stack, alpha, weight_decay
        self.classes = variational.dense(2, name="classes", dtype="float32")
        self.classes.build(encoder.output_shape)
        self.recognition = variational.gaussian(features + 2, hidden, code, "recognition")
        self.decoder = variational.bernoulli(code + 2, hidden, shape)
        self.balance = self.add_weight(shape=(), initializer="zeros", trainable=False, name="alpha")

    # ---- what it learns from ---------------------------------------------------------------------------------------

    def fit(self, x=None, y=None, **kwargs):
        """As `Detector.fit`; `y` or the dataset must hint at least one outlier."""
        if self.vae is not None and not getattr(self, "_inherited", False):
            if not self.vae.prepared.numpy():
                raise Misuse("`stack=m1m2` must come after a trained VAE. Received: none. Put a stage of method vae before it, or "
                             "pass your own as `vae`.")
            self.inherit(self.vae)
        return super().fit(x, y, **kwargs)

    def ready(self, feed):
        hint = feeding.hints(feed)
        needs_outliers(hint)
        self.balance.assign(balance(hint) if self.alpha is None else self.alpha)

    def inherit(self, parent):
        """m2: starts the classifier from an earlier stage's encoder; m1m2: M1 is the VAE before. Takes the preprocessing."""
        if self.vae is None:
            return super().inherit(parent)
        self.vae.inherit(parent)
        self.normalizer.set_weights(parent.normalizer.get_weights())
        self._inherited = True

    # ---- what it computes ------------------------------------------------------------------------------------------

    def logits(self, x, training=False):
        """float32 (b, 2), the classifier's logits of normal and outlier for normalised examples."""
        seen = x if self.vae is None else self.vae.posterior(x)[0]
        return self.classes(self.encoder(seen, training=training))

    def bounds(self, x):
        """float32 (b, 2), L(x, normal) and L(x, outlier) of normalised examples, at one draw of z each."""
        n = tf.shape(x)[0]
        if self.vae is None:
            seen = tf.reshape(x, (n, int(np.prod(self.example_shape))))
        else:
            code = self.vae.posterior(x)
            seen, _ = drawn(*code, self.noise(n, code[0].shape[1], stream=1))
        y = tf.repeat(tf.eye(2), n, axis=0)
        mean, log_variance = self.recognition(tf.concat([tf.tile(seen, (2, 1)), y], axis=1), training=True)
        # Differs: one draw of noise for both classes, published as one for each. The same bounds in the mean, but their difference,
        # which the classifier learns from, is not drowned: with two draws MNIST's 8 ended as "outlier" with everything else.
        z, surplus = drawn(mean, log_variance, tf.tile(self.noise(n, mean.shape[1]), (2, 1)))
        redrawn = self.decoder(tf.concat([z, y], axis=1), training=True)
        both = tf.concat([x, x], axis=0)
        return tf.transpose(tf.reshape(cross_entropy(both, redrawn) + surplus + np.log(2), (2, n)))

    def call(self, x, training=False):
        logits = self.logits(self.normalizer(x), training)
        return logits[:, 1] - logits[:, 0]

    def encode(self, x):
        """float32 (b, any), the classifier's features of raw examples."""
        x = self.normalizer(x)
        seen = x if self.vae is None else self.vae.posterior(x)[0]
        return tf.cast(self.encoder(seen, training=False), tf.float32)

    def coder(self):
        """Keras model from normalised examples to the classifier's features."""
        if self.vae is None:
            return self.encoder
        inputs = keras.Input(self.example_shape)
        return keras.Model(inputs, self.encoder(self.vae.coder()(inputs)), name="feature_coder")

    def train_step(self, data):
        x, hint, _ = data
        x, known = self.normalizer(x), hint != 0
        with tf.GradientTape() as tape:
            bound, log_q = self.bounds(x), tf.nn.log_softmax(self.logits(x, training=True))
            joint = tf.where((hint < 0)[:, None], [[0.0, 1.0]], [[1.0, 0.0]]) * (bound - self.balance.value * log_q)
            marginal = tf.exp(log_q) * (bound + log_q)
            loss = mean_where(known, tf.reduce_sum(joint, axis=1)) + mean_where(~known, tf.reduce_sum(marginal, axis=1))
        self.descend(tape, loss)
        return self.logs()


def _alike(preprocess, kind):
    """bool, what was asked for, "auto" and "median+auto" included, can be the normaliser of this kind."""
    return preprocess in ("auto", kind) or (preprocess == IMPUTING + "auto" and kind.startswith(IMPUTING))


def _classifier(example_shape, network, encoder, hidden=None):
    """(shape, Keras model to features) of the classifier."""
    shape = given.shape_of(example_shape, encoder)
    if encoder is not None:
        return shape, encoder
    if len(shape) == 1 and network == "auto":
        return shape, variational.mlp(shape, hidden or variational.sizes(shape)[0][:1])
    return shape, variational.lenet(network, shape)


def mean_where(chosen, values):
    """The mean of some of the whole batch's values, 0 where none is chosen.

    Args:
        chosen: bool (b,), of this replica's part of the batch.
        values: float32 (b,), finite.

    Returns:
        float32 (), whose mean over the replicas is that mean: `Detector.descend` and the meters average over replicas.
    """
    context = tf.distribute.get_replica_context()
    chosen = tf.cast(chosen, tf.float32)
    count = tf.reduce_sum(chosen)
    if context.num_replicas_in_sync > 1:
        count = context.all_reduce(tf.distribute.ReduceOp.SUM, count) / context.num_replicas_in_sync
    return tf.math.divide_no_nan(tf.reduce_sum(chosen * values), count)


def balance(hint):
    """float, 0.1 * unhinted / hinted, the published weight of the classifier's term.

    Raises:
        Misuse: every example is hinted, so that it is 0 and the classifier would not learn.
    """
    if np.all(hint != 0):
        raise Misuse(f"`alpha` must be given where every example is hinted. Received: alpha=None and {len(hint)} hints, for which "
                     "it is 0. Pass alpha=0.1, or leave hints out (0).")
    return 0.1 * np.mean(hint == 0) / np.mean(hint != 0)
