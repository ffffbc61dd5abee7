"""The density of an example, by the probability flow: followed from the data to the prior, whose density is known.

    ln p(x) = ln p_1(x_1) + d ln(a_1 / a_0) - integral of sigma^2 tr(ds/dx) d ln k  along dy/dk = -sigma s, y = x / a, k = sigma / a
"""
import math

import tensorflow as tf

from kerasnd import arguments
from kerasnd.diffusion import flow, noise
from kerasnd.errors import Misuse

PROBE = 0       # the stream of the probes


def log_density(sde, score, x, steps=100, seed=0, probes=1, spacing="log_ratio", first=0):
    """The logarithm of the density that a score gives to examples; made for a `tf.function`.

    Args:
        sde: one of `SDES`.
        score: function of float32 (n, ...), (n,) with the gradient of ln p_t at each example, float32 (n, ...); differentiable by
            its first argument.
        x: float32 (n, ...), in the SDE's space.
        steps: int >= 2 or an int tensor (), of Heun's method; each asks the score and its derivative twice.
        seed: int >= 0 or an int tensor ().
        probes: int >= 0, random vectors of signs v for the trace of ds/dx, the mean of v^T (ds/dx) v (Hutchinson's estimator). An
            example keeps its own on the whole way. 0: the exact trace, one unit vector for every value of an example; for tables.
        spacing: str, one of `flow.SPACINGS`.
        first: int >= 0 or an int tensor (), the number of the first of these examples, which decides their probes; None: all have
            the same ones, so that an example's density depends on nobody beside it.

    Returns:
        float32 (n,), in nats. Without bias but for the steps; a diagonal ds/dx needs one probe alone.

    Raises:
        Misuse: a name that does not exist, a number out of its range, a score without a derivative.

    Source: Song et al. (2021). Differs: steps of fixed length; the drift's part of the divergence is exact.
    """
    arguments.choice("spacing", spacing, flow.SPACINGS)
    arguments.whole("probes", probes, at_least=0)
    if not tf.is_tensor(steps):
        arguments.whole("steps", steps, at_least=2)
    vectors, weight = _probes(x, seed, probes, first)

    def slope(y, t):
        s, trace = _score_and_trace(score, sde.mean_factor(t) * y, t, vectors, weight)
        return -sde.deviation(t) * s, tf.square(sde.deviation(t)) * trace

    def time(k):
        share = tf.cast(k, tf.float32) / tf.cast(steps, tf.float32)
        return flow.times(sde, spacing, 1 - share, 1.0, sde.train_from)

    def body(k, y, gathered):
        y, (change,) = flow.heun(sde, slope, y, time(k), time(k + 1))
        return k + 1, y, gathered + change

    first_factor, last_factor = (sde.mean_factor(tf.constant(t)) for t in (sde.train_from, 1.0))
    _, y, gathered = tf.while_loop(lambda k, *_: k < steps, body, (tf.constant(0), x / first_factor, tf.zeros(tf.shape(x)[:1])))
    values = math.prod(x.shape[1:])
    return sde.log_prior(last_factor * y) + values * tf.math.log(last_factor / first_factor) - gathered


def _probes(x, seed, probes, first):
    """(float32 (p, n, ...) or (p, 1, ...), the weight of each)."""
    example = list(x.shape[1:])
    values = math.prod(example)
    if not probes:
        return tf.reshape(tf.eye(values), [values, 1, *example]), 1.0
    drawn = noise.signs([1 if first is None else tf.shape(x)[0], probes, *example], seed, PROBE, 0 if first is None else first)
    return tf.transpose(drawn, [1, 0, *range(2, 2 + len(example))]), 1.0 / probes


def _score_and_trace(score, x, t, vectors, weight):
    """(float32 (n, ...), float32 (n,)): s, and the weighted sum of v^T (ds/dx) v over the vectors v."""
    p, n = vectors.shape[0], tf.shape(x)[0]
    many = tf.tile(x, [p] + [1] * (x.shape.rank - 1))
    turned = tf.reshape(vectors * tf.ones_like(x), tf.shape(many))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(many)
        s = flow.ask(score, many, t)
    pulled = tape.gradient(s, many, output_gradients=turned)
    if pulled is None:
        raise Misuse("`score` must have a derivative for a density. Received: one that has none.")
    trace = tf.reduce_sum(tf.reshape(turned * pulled, (p, n, -1)), axis=(0, 2))
    return s[:n], weight * trace
