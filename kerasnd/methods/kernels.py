"""Kernels of support vector methods, twice: on NumPy arrays where a problem is solved, in the graph where examples are scored.

    rbf     k(x, y) = exp(-gamma ||x - y||^2)
    linear  k(x, y) = <x, y>
    poly    k(x, y) = (gamma <x, y>)^3

Both work in float64: a score is a sum of up to thousands of kernel values less a threshold of nearly the same size.
"""
import numpy as np
import tensorflow as tf

from kerasnd import arguments

KERNELS = ("rbf", "linear", "poly")
DEGREE = 3                                          # of poly, with no constant term: scikit-learn's defaults, as published
GAMMAS = tuple(2.0 ** k for k in range(-7, 3))      # Ruff et al. (2020), Deep SAD, appendix E


def check_kernel(kernel, gamma, known=KERNELS):
    """Refuses an unknown kernel, and a gamma that is neither None nor positive."""
    arguments.choice("kernel", kernel, known)
    if gamma is not None:
        arguments.number("gamma", gamma, above=0, remedy="None selects it.")


def squared_distances(x, y):
    """float64 (n, m), ||x_i - y_j||^2 of arrays (n, d) and (m, d), never below 0."""
    center = y.mean(axis=0)                         # near the origin the squares are small, and so is what they lose
    x, y = x - center, y - center
    squares = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)[None] - 2 * (x @ y.T)
    return np.maximum(squares, 0, out=squares)


class Distances:
    """Remembers the `squared_distances` of the same two arrays."""

    def __init__(self):
        self.known = {}

    def __call__(self, x, y):
        key = id(x), id(y)
        if key not in self.known:
            self.known[key] = x, y, squared_distances(x, y)        # the arrays too: so no other one gets their id
        return self.known[key][2]


def gram(kernel, gamma, x, y):
    """float64 (n, m), k(x_i, y_j) of float64 arrays (n, d) and (m, d)."""
    if kernel == "rbf":
        return np.exp(-gamma * squared_distances(x, y))
    return x @ y.T if kernel == "linear" else (gamma * (x @ y.T)) ** DEGREE


def graph_squared_distances(x, y):
    """As `squared_distances`, of float64 tensors."""
    center = tf.reduce_mean(y, axis=0)
    x, y = x - center, y - center
    cross = tf.matmul(x, y, transpose_b=True)
    return tf.nn.relu(tf.reduce_sum(x * x, axis=1)[:, None] + tf.reduce_sum(y * y, axis=1)[None] - 2 * cross)


def weighted_sum(kernel, gamma, x, vectors, weights):
    """sum_i weights_i k(x, vectors_i), inside the graph.

    Args:
        kernel: str, of `KERNELS`.
        gamma: float64 scalar.
        x: float32 (b, d); vectors: float32 or float64 (m, d); weights: float64 (m,).

    Returns:
        float64 (b,).
    """
    x, vectors = tf.cast(x, tf.float64), tf.cast(vectors, tf.float64)
    if kernel == "linear":
        return tf.linalg.matvec(x, tf.linalg.matvec(vectors, weights, transpose_a=True))
    if kernel == "rbf":
        return tf.linalg.matvec(tf.exp(-gamma * graph_squared_distances(x, vectors)), weights)
    return tf.linalg.matvec((gamma * tf.matmul(x, vectors, transpose_b=True)) ** DEGREE, weights)
