"""Densities of one variable: fitted once in NumPy, evaluated in the graph, in logarithms throughout.

    generalised normal   p(v) = beta / (2 s Gamma(1 / beta)) exp(-|(v - mu) / s|^beta)
    histogram            p(v) = share of the sample in v's bin / width of a bin

Every function works on k variables at once.
"""
import math

import numpy as np
import tensorflow as tf
from scipy import optimize, special

BINS = 30
SHAPES = (0.2, 10.0)        # beta: far more peaked than Laplace's density (1), nearly uniform
LARGEST = 60.0              # exponents beyond are cut: e^60 is still finite in float32
CLIFF = math.log(1e-308)    # the published log density of what was never seen


def fit_generalised_normal(sample):
    """The maximum-likelihood shape, location and scale of each variable.

    Args:
        sample: float (m, k), finite.

    Returns:
        float64 (3, k): beta in `SHAPES`, mu, s > 0. A variable that hardly varies has a small s, not zero.

    Source: SciPy's `gennorm`, whose `fit` maximises the same likelihood over three numbers; here the scale, known in closed
    form where the other two are, is taken out and the gradient given.
    """
    return np.stack([_fit_one(each) for each in np.asarray(sample, np.float64).T], axis=1)


def _fit_one(values):
    middle = np.median(values)
    unit = np.mean(np.abs(values - middle))
    least = 1e-6 * max(1.0, abs(middle))
    if unit < least:
        return np.array([2.0, middle, least])
    values = (values - middle) / unit

    def cost(at):
        beta, location = math.exp(at[0]), at[1]
        distance = np.maximum(np.abs(values - location), 1e-12)
        power = distance ** beta
        mean = power.mean()
        log_scale = (math.log(beta) + math.log(mean)) / beta
        by_beta = (1 / beta + np.mean(power * np.log(distance)) / mean) / beta - log_scale / beta
        by_beta -= 1 / beta + (special.digamma(1 / beta) + 1) / beta ** 2
        by_location = -np.mean(np.sign(values - location) * power / distance) / mean
        value = log_scale + special.gammaln(1 / beta) + 1 / beta - math.log(beta)
        return value, np.array([beta * by_beta, by_location])
    tried = [optimize.minimize(cost, (math.log(beta), 0.0), jac=True, method="L-BFGS-B",
                               bounds=[np.log(SHAPES), (values.min(), values.max())]) for beta in (1.0, 2.0, 6.0)]
    log_beta, location = min(tried, key=lambda each: each.fun).x
    beta = math.exp(log_beta)
    scale = (beta * np.mean(np.abs(values - location) ** beta)) ** (1 / beta)
    return np.array([beta, middle + unit * location, max(unit * scale, least)])


def log_generalised_normal(v, parameters):
    """float32 (b, k), ln p of values (b, k) by the parameters float32 (3, k); finite however far v is."""
    beta, location, scale = tf.unstack(parameters)
    distance = tf.math.log(tf.maximum(tf.abs(v - location) / scale, 1e-30))
    return tf.math.log(beta / (2 * scale)) - tf.math.lgamma(1 / beta) - tf.exp(tf.minimum(beta * distance, LARGEST))


def fit_histogram(sample, bins=BINS):
    """Equal bins from the least to the largest value of each variable.

    Args:
        sample: float (m, k), finite.
        bins: int >= 1.

    Returns:
        (edges, log_density): float64 (2, k), the first edge and the last; float64 (bins, k). An empty bin counts as half an
        example, so that its density is a number; Differs: published as 1e-308, a gap between bins that have some.
    """
    sample = np.asarray(sample, np.float64)
    low, high = sample.min(axis=0), sample.max(axis=0)
    least = 1e-6 * np.maximum(1.0, np.abs(low))
    low, high = np.where(high - low < least, low - least, low), np.where(high - low < least, high + least, high)
    counts = np.stack([np.histogram(each, bins, (a, b))[0] for each, a, b in zip(sample.T, low, high)], axis=1)
    return np.stack([low, high]), np.log(np.maximum(counts, 0.5) / (len(sample) * (high - low) / bins))


def log_histogram(v, edges, log_density):
    """float32 (b, k), ln p of values (b, k) within the edges; beyond them that of the nearest bin."""
    bins, low, high = log_density.shape[0], edges[0], edges[1]
    at = tf.clip_by_value((v - low) / (high - low) * bins, 0.0, bins - 1.0)
    return tf.transpose(tf.gather(tf.transpose(log_density), tf.transpose(tf.cast(at, tf.int32)), batch_dims=1))


def beyond(v, edges):
    """float32 (b, k) >= 0, how far values lie outside the edges, in widths between them."""
    low, high = edges[0], edges[1]
    return (tf.nn.relu(low - v) + tf.nn.relu(v - high)) / (high - low)


def log_sphere(dimension, radius):
    """float32 (b,), ln of the surface of a sphere of `radius` (b,) in `dimension` d > 0, real: 2 pi^(d/2) r^(d-1) / Gamma(d/2)."""
    return math.log(2) + dimension / 2 * math.log(math.pi) - math.lgamma(dimension / 2) + (dimension - 1) * tf.math.log(radius)
