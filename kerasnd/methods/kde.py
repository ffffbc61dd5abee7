"""Kernel density: an example is strange where the training examples are thin.

    score(x) = -log 1/n sum_i K(||x - x_i|| / h) / Z_h
    gaussian     K(u) = exp(-u^2 / 2)   Z_h = (2 pi)^(d/2) h^d
    exponential  K(u) = exp(-u)         Z_h = 2 pi^(d/2) Gamma(d) / Gamma(d/2) h^d

h is the bandwidth. The training examples are the solution; the sum is taken in the graph, a part of them at a time, the largest
exponent set aside. (scikit-learn's tree loses what is far in the tail, 42 for a score of 122.5 in one trial; the sum does not.)

Which bandwidths: on data in [0, 1] the published ones, from 1.4 on, are wider than most of the data. AUROC of seed 0, at most 4000
training examples, with the wide and the published grid: satellite .880 and .667, thyroid .982 and .934, shuttle .985 and .972,
satimage-2 .997 and .990, cardio .970 and .981, arrhythmia .775 and .776; MNIST 0, 2, 8 (2000 training examples) .992 .925 .886 and
.993 .924 .884.
"""
import math

import keras
import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.fitted import Fitted
from kerasnd.methods import kernels
from kerasnd.methods.selection import MOST

KERNELS = ("gaussian", "exponential")
PUBLISHED = tuple(2.0 ** (k / 2) for k in range(1, 11))     # 1.4 ... 32; Ruff et al. (2020), Deep SAD
FINER = tuple(2.0 ** (k / 2) for k in range(-12, 1))        # 0.016 ... 1
GRIDS = {"wide": FINER + PUBLISHED, "published": PUBLISHED}
FOLDS = 5
CHUNK = 1024        # training examples at a time, in the graph


@keras.saving.register_keras_serializable(package="kerasnd")
class KDE(Fitted):
    """Scores an example by minus the logarithm of its density.

    Args:
        example_shape: tuple of int, of one raw example; None where `encoder` tells it.
        preprocess: str, a kind of `Normalizer`; "auto": "unit" for images, "minmax" for tables.
        encoder: Keras model from normalised examples to codes, or None: the normalised values themselves are seen.
        kernel: "gaussian" or "exponential". Kernels that end somewhere give the density 0 to all that is farther away, and no
            order among strangers: they are refused.
        bandwidth: float > 0, in units of the values seen; None: that of the largest likelihood in a cross-validation over five
            parts of the training examples, which needs no truth.
        grid: "wide" or "published", the bandwidths to select from: 2^-6 ... 2^5 or 2^0.5 ... 2^5 in steps of half a power.
        max_examples: int >= 1, of more than that many a random part is kept, and said; None: all.

    Source: Parzen (1962); Ruff et al. (2020), Deep SAD, baselines. Differs: narrower bandwidths are tried too, unless `grid` is
    "published"; at most `selection.MOST` examples, drawn at random, take part in the cross-validation, published all.
    """

    def __init__(self, example_shape=None, preprocess="auto", encoder=None, kernel="gaussian", bandwidth=None, grid="wide",
                 max_examples=20_000):
        arguments.choice("kernel", kernel, KERNELS, remedy="The density of kernels that end somewhere is 0 beyond.")
        if bandwidth is not None:
            arguments.number("bandwidth", bandwidth, above=0, remedy="None selects it.")
        arguments.choice("grid", grid, GRIDS)
        super().__init__(example_shape, preprocess, encoder, max_examples)
        self.kernel, self.bandwidth, self.grid = kernel, bandwidth, grid

    @property
    def findings(self):
        if not self.solution:
            return ""
        return f"bandwidth {self.solution['bandwidth'].numpy():.6g}, {self.solution['examples'].shape[0]} examples"

    def solve(self, values, hint, rng, oracle=None):
        bandwidth = self.bandwidth
        if bandwidth is None:
            candidates = GRIDS[self.grid]
            bandwidth = candidates[int(np.argmax(likelihoods(self.kernel, candidates, values, rng)))]
        return {"examples": values.astype(np.float32), "bandwidth": np.float64(bandwidth),
                "log_total": np.float64(math.log(len(values)) + log_normalizer(self.kernel, bandwidth, values.shape[1]))}

    def call(self, x, training=False):
        x, examples, bandwidth = tf.cast(self.values(x), tf.float64), self.solved("examples"), self.solved("bandwidth")
        n, zeros = tf.shape(examples)[0], tf.zeros((tf.shape(x)[0],), tf.float64)

        def add(first, largest, total):
            part = tf.cast(examples[first:first + CHUNK], tf.float64)
            exponent = exponents(self.kernel, kernels.graph_squared_distances(x, part), bandwidth)
            larger = tf.maximum(largest, tf.reduce_max(exponent, axis=1))
            total = total * tf.exp(largest - larger) + tf.reduce_sum(tf.exp(exponent - larger[:, None]), axis=1)
            return first + CHUNK, larger, total
        _, largest, total = tf.while_loop(lambda first, *_: first < n, add, (tf.constant(0), zeros - np.inf, zeros))
        return tf.cast(self.solved("log_total") - largest - tf.math.log(total), tf.float32)

    def warn_of_collapse(self, feed):
        """Says nothing: each training example has its own bump, so that narrow ones score alike, while new examples do not."""
        del feed


def exponents(kernel, squares, bandwidth):
    """log K, of squared distances: float64 arrays or tensors."""
    return squares * (-0.5 / bandwidth ** 2) if kernel == "gaussian" else squares ** 0.5 * (-1 / bandwidth)


def log_normalizer(kernel, bandwidth, d):
    """float, log Z_h."""
    if kernel == "gaussian":
        return d / 2 * math.log(2 * math.pi) + d * math.log(bandwidth)
    sphere = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
    return sphere + math.lgamma(d) + d * math.log(bandwidth)


def likelihoods(kernel, bandwidths, values, rng):
    """float64 (len(bandwidths),), the log density of the examples of each of five parts under the others, summed.

    At most `MOST` examples, drawn at random, are asked. Distances are computed once for all bandwidths.

    Raises:
        Misuse: fewer than two examples.
    """
    if len(values) < 2:
        raise Misuse(f"a selection must have two examples at least. Received: {len(values)}. Give `bandwidth` a value.")
    values = values[rng.permutation(len(values))[:MOST]]
    total = np.zeros(len(bandwidths))
    for part in np.array_split(np.arange(len(values)), min(FOLDS, len(values))):
        others = np.delete(values, part, axis=0)
        squares = kernels.squared_distances(values[part], others)
        for place, bandwidth in enumerate(bandwidths):
            log_total = math.log(len(others)) + log_normalizer(kernel, bandwidth, values.shape[1])
            total[place] += np.sum(logsumexp(exponents(kernel, squares, bandwidth), axis=1) - log_total)
    return total
