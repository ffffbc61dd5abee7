"""How far drawn examples are from true ones: the Frechet distance of two Gaussians, and nearest neighbours against copying.

    FD = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^1/2 S2 S1^1/2)^1/2

NumPy and SciPy alone; features come in as arrays. On features of another network than the published one, FD compares runs with one
another and with no published figure. With fewer examples than features the covariance is singular and FD is too large: compare
samples of one size.

Source: Dowson and Landau (1982); Heusel et al. (2017).
"""
import dataclasses

import numpy as np
from scipy import linalg

from kerasnd import arguments
from kerasnd.errors import BadData, Misuse

CHUNK = 2 ** 24         # values held at once as float64: 128 MiB
BLOCK = 2048            # examples of a block, at most
WIDEST = 4096           # values of an example for which a covariance is made


@dataclasses.dataclass(frozen=True)
class Moments:
    """Of a sample.

    Args:
        n: int >= 2.
        mean: float64 (k,).
        covariance: float64 (k, k), over n - 1.
    """
    n: int
    mean: np.ndarray
    covariance: np.ndarray


def moments(features):
    """Mean and covariance in one pass, with memory of one batch and a k x k matrix.

    Args:
        features: float (n, k), or an iterable of such batches.

    Returns:
        Moments

    Raises:
        Misuse: batches of another shape; fewer than two examples.
        BadData: NaN or infinity.

    Source: Chan, Golub and LeVeque (1983), which joins the moments of two parts.
    """
    n, mean, scatter = 0, 0.0, 0.0
    for batch in [features] if isinstance(features, np.ndarray) else features:
        batch = _finite("features", batch)
        if n and batch.shape[1] != mean.size:
            raise Misuse(f"`features` must have as many columns in every batch. Received: {mean.size}, then {batch.shape[1]}.")
        if not len(batch):
            continue
        total = n + len(batch)
        middle = batch.mean(0)
        apart = middle - mean
        centered = batch - middle
        scatter = scatter + centered.T @ centered + np.outer(apart, apart) * (n * len(batch) / total)
        n, mean = total, mean + apart * (len(batch) / total)
    if n < 2:
        raise Misuse(f"`features` must be of at least 2 examples. Received: {n}. One has no covariance.")
    return Moments(n, mean, scatter / (n - 1))


def distance(first, second):
    """The Frechet distance, squared as published.

    Args:
        first, second: Moments of as many features.

    Returns:
        float >= 0; 0 for equal moments. Singular covariances are no exception.

    Raises:
        Misuse: not as many features.
    """
    if first.mean.shape != second.mean.shape:
        raise Misuse(f"`second` must have the features of `first`. Received: {second.mean.size} and {first.mean.size}.")
    apart = np.sum(np.square(first.mean - second.mean))
    # tr (S1^1/2 S2 S1^1/2)^1/2 is the sum of the singular values of S1^1/2 S2^1/2: no root of a difference of near numbers
    common = linalg.svdvals(_root(first.covariance).T @ _root(second.covariance)).sum()
    spread = np.trace(first.covariance) + np.trace(second.covariance)
    return float(max(0.0, apart + spread - 2 * common))


def _root(covariance):
    """float64 (k, k), R with R R^T = `covariance`; what rounding made negative counts as zero."""
    values, vectors = linalg.eigh((covariance + covariance.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0))


class PixelFeatures:
    """The first principal components of raw values, fitted on training examples: the features where no network is given.

    Args:
        training: numbers (n, ...), n >= 2; of examples with more than 4096 values, 2048 evenly spaced ones are looked at.
        components: int >= 1; at most as many as the data has dimensions are kept.

    Attributes:
        mean: float64 (values,).
        axes: float64 (values, k), orthonormal; of each, the largest coordinate is positive, so that equal data gives equal signs.

    Raises:
        Misuse: fewer than two examples.
        BadData: NaN or infinity.
    """

    def __init__(self, training, components=64):
        arguments.whole("components", components, 1)
        rows = _rows("training", training)
        n, values = rows.shape
        if n < 2:
            raise Misuse(f"`training` must be of at least 2 examples. Received: {n}.")
        if values > WIDEST:
            rows = rows[::-(-n // BLOCK)]
        kept = min(components, values, len(rows))
        if values <= max(len(rows), BLOCK):
            found = moments(_blocks("training", rows))
            self.mean = found.mean
            sizes, axes = linalg.eigh(found.covariance, subset_by_index=(values - kept, values - 1))
        else:       # fewer examples than values: the products of examples have the same eigenvalues
            rows = np.concatenate(list(_blocks("training", rows)))
            self.mean = rows.mean(0)
            rows -= self.mean
            sizes, sides = linalg.eigh(rows @ rows.T, subset_by_index=(len(rows) - kept, len(rows) - 1))
            axes = rows.T @ (sides / np.sqrt(np.maximum(sizes, 1e-300)))
        axes = axes[:, sizes > 1e-10 * max(sizes[-1], 1e-300)][:, ::-1]
        largest = np.abs(axes).argmax(0)
        self.axes = axes * np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)

    def __call__(self, x):
        """float64 (n, k), the coordinates of examples (n, ...)."""
        rows = _rows("x", x)
        if rows.shape[1] != self.mean.size:
            raise Misuse(f"`x` must have {self.mean.size} values an example, as `training`. Received: {rows.shape[1]}.")
        parts = [(block - self.mean) @ self.axes for block in _blocks("x", rows)]
        return np.concatenate(parts) if parts else np.empty((0, self.axes.shape[1]))


@dataclasses.dataclass(frozen=True)
class Nearest:
    """What tells copies of training examples.

    Args:
        index: int64 (n,), each sample's nearest training example.
        distance: float64 (n,), Euclidean, to it.
        usual: float64, the same distances of examples that cannot be copies: the held-out ones, or each training example to its
            nearest other.
        share_copied: float in [0, 1], samples nearer than a twentieth of the usual distances' median.
    """
    index: np.ndarray
    distance: np.ndarray
    usual: np.ndarray
    share_copied: float


def nearest(samples, training, held_out=None):
    """Each sample's nearest training example, beside the distances that are usual.

    Args:
        samples: numbers (n, ...), or their features.
        training: numbers (m, ...), m >= 2.
        held_out: numbers (any, ...) of the training's distribution, not trained on, or None.

    Returns:
        Nearest

    Raises:
        Misuse: not as many values an example; too few.
        BadData: NaN or infinity.
    """
    samples, training = _rows("samples", samples), _rows("training", training)
    if len(training) < 2:
        raise Misuse(f"`training` must be of at least 2 examples. Received: {len(training)}.")
    index, apart = _to_nearest("samples", samples, training)
    if held_out is None:
        usual = _to_nearest("training", training, training, others=True)[1]
    else:
        usual = _to_nearest("held_out", _rows("held_out", held_out), training)[1]
    copied = apart < np.median(usual) / 20 if usual.size else apart < 0
    return Nearest(index, apart, usual, float(np.mean(copied)) if apart.size else 0.0)


def _to_nearest(name, rows, training, others=False):
    """(index, distance) of each row's nearest training row; `others`: rows are the training's, and none is its own."""
    if rows.shape[1] != training.shape[1]:
        raise Misuse(f"`{name}` must have {training.shape[1]} values an example, as `training`. Received: {rows.shape[1]}.")
    index, apart, start = [], [], 0
    for part in _blocks(name, rows):
        chosen, least, first = np.zeros(len(part), np.int64), np.full(len(part), np.inf), 0
        for known in _blocks("training", training):
            squares = np.sum(np.square(known), 1) - 2 * (part @ known.T)
            if others and first == start:       # the blocks of both are cut alike
                np.fill_diagonal(squares, np.inf)
            nearer = squares.argmin(1)
            value = squares[np.arange(len(part)), nearer]
            chosen, least = np.where(value < least, first + nearer, chosen), np.minimum(value, least)
            first += len(known)
        index.append(chosen)
        # by difference: the expanded square has lost the digits of small distances, and a copy's is zero
        apart.append(np.linalg.norm(part - training[chosen], axis=1))
        start += len(part)
    return (np.concatenate(index), np.concatenate(apart)) if index else (np.empty(0, np.int64), np.empty(0))


def _rows(name, x):
    """(n, values), of the type of x."""
    x = np.asarray(x)
    if x.ndim < 2:
        raise Misuse(f"`{name}` must be of shape (n, ...). Received: shape {x.shape}.")
    return x.reshape(len(x), int(np.prod(x.shape[1:])))


def _blocks(name, rows):
    """Yields float64 blocks of few enough rows."""
    step = max(1, min(BLOCK, CHUNK // max(1, rows.shape[1])))
    for start in range(0, len(rows), step):
        yield _finite(name, rows[start:start + step], start)


def _finite(name, x, start=0):
    """float64 (n, k)."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise Misuse(f"`{name}` must be of shape (n, k). Received: shape {x.shape}.")
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise BadData(f"`{name}` must be finite. Received: {x[row, column]} in example {start + row}, column {column}.")
    return x
