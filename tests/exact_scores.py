"""Scores that are known: of a normal distribution, perturbed by an SDE of `diffusion`."""
import numpy as np
import tensorflow as tf


def normal_score(sde, mean=0.5, deviation=0.2):
    """Of independent values, each N(mean, deviation^2); examples of any shape."""
    def score(x, t):
        t = tf.reshape(t, [-1] + [1] * (x.shape.rank - 1))
        a, sigma = sde.mean_factor(t), sde.deviation(t)
        return (a * mean - x) / (tf.square(a * deviation) + tf.square(sigma))
    return score


def correlated_score(sde, mean, covariance):
    """Of N(mean, covariance); examples (b, d)."""
    variance, axes = np.linalg.eigh(covariance)
    mean, variance, axes = (tf.constant(each, tf.float32) for each in (mean, variance, axes))

    def score(x, t):
        a, sigma = sde.mean_factor(t)[:, None], sde.deviation(t)[:, None]
        return (((a * mean - x) @ axes) / (tf.square(a) * variance + tf.square(sigma))) @ tf.transpose(axes)
    return score
