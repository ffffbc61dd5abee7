"""The nearest neighbours of examples in a bank of features, exact, inside the graph, in bounded memory.

Who is near is found by one matrix product, |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, piece by piece; how near, by the differences
themselves. So a duplicate has distance 0 wherever the features lie, and gradients need no pass through the search.
"""
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import Misuse

METRICS = ("squared_euclidean", "cosine")
BLOCK = 64          # columns of a product whose maximum is taken first: a search of maxima is much shorter than one of all
_FAR = 3e38         # what fills a block up is never near


def score(features, bank, k=2, metric="squared_euclidean", chunk=2048):
    """The sum of the distances to the k nearest neighbours; it has gradients by `features`.

    Args:
        features: float (b, d).
        bank: float (n, d), n >= k; a tf.Variable of shape (None, d) too. A row that stands in it twice counts twice.
        k: int >= 1.
        metric: "squared_euclidean"; or "cosine", 1 - cos in [0, 2], where a vector of zeros has distance 1 from every other.
        chunk: int >= 1, rows of the bank, and half as many of the features, at a time: chunk^2 / 2 products are held.

    Returns:
        float32 (b,), at least 0. Neighbours that the products cannot tell apart (1e-6 of the squared distances from the bank's
        mean) stand for each other.

    Raises:
        Misuse: k, metric or chunk are not as above. Where n is known only when the graph runs, tf.errors.InvalidArgumentError:
            n < k.

    Source: k = 2 and squared distances, Mirzaei et al. (2023), code.
    """
    arguments.whole("k", k, 1)
    arguments.whole("chunk", chunk, 1)
    arguments.choice("metric", metric, METRICS)
    features, bank = (tf.cast(tf.convert_to_tensor(each), tf.float32) for each in (features, bank))
    n = bank.shape[0]
    if n is not None and n < k:
        raise Misuse(f"`k` must be at most the {n} examples of the bank. Received: k={k}. Lower it, or give more examples.")
    with tf.control_dependencies([] if n is not None else [tf.debugging.assert_greater_equal(
            tf.shape(bank)[0], k, f"`k` must be at most the examples of the bank. Received: k={k}.")]):
        bank = tf.identity(bank)
    place = nearest(features, bank, k, metric, chunk)
    total = tf.zeros(tf.shape(features)[:1])
    for rank in range(k):
        total += _distance(features, tf.gather(bank, place[:, rank]), metric)
    return total


def nearest(features, bank, k=2, metric="squared_euclidean", chunk=2048):
    """The places of the k nearest neighbours.

    Args:
        features, bank, k, metric, chunk: as in `score`, checked.

    Returns:
        int32 (b, k) in 0..n-1, the nearest first; distinct where all is finite.
    """
    features, bank = tf.stop_gradient(features), tf.stop_gradient(bank)
    if metric == "cosine":
        features = _unit(features)
    b, n = tf.shape(features)[0], tf.shape(bank)[0]
    # Cut into even parts, so that little is computed for nothing: the last part is filled up with zeros.
    parts = tf.maximum(1, -(-b // max(1, chunk // 2)))
    rows = -(-b // parts)
    # The mean is taken from both: far from the origin the products would swallow the distances. Any point near will do.
    center = tf.reduce_mean(bank, axis=0, keepdims=True)
    center = _unit(center) if metric == "cosine" else center
    features = tf.reshape(tf.pad(features, [[0, parts * rows - b], [0, 0]]), (parts, rows, features.shape[1]))
    wide = max(BLOCK, k)

    def further(start, near, place):
        known = _known(bank[start:start + chunk], center, metric, wide)

        def part(given):
            value, at = _largest(given[0] - center, *known, k, wide)
            value, best = tf.math.top_k(tf.concat([given[1], value], 1), k)
            return value, tf.gather(tf.concat([given[2], at + start], 1), best, batch_dims=1)
        near, place = tf.map_fn(part, (features, near, place), fn_output_signature=(tf.float32, tf.int32),
                                parallel_iterations=1)
        return start + chunk, near, place

    shape = tf.stack([parts, rows, k])
    begin = (0, tf.fill(shape, -tf.float32.max), tf.zeros(shape, tf.int32))
    _, _, place = tf.while_loop(lambda start, *_: start < n, further, begin, parallel_iterations=1)
    # What is not finite compares with nothing, and may have got a place behind the end.
    return tf.clip_by_value(tf.reshape(place, (-1, k))[:b], 0, n - 1)


def _known(bank, center, metric, wide):
    """(rows float32 (c, d), less (c,)): a part of the bank as the products need it, c a multiple of `wide`.

    x.row - less is greatest where the distance is smallest.
    """
    rows = (_unit(bank) if metric == "cosine" else bank) - center
    less = tf.reduce_sum(rows * rows, axis=1) / 2
    if metric == "cosine":      # of unit vectors 1 - cos is |a - b|^2 / 2; one of zeros is as far as a right angle
        less += tf.where(_is_zero(bank), 0.5, 0.0)
    more = -tf.shape(rows)[0] % wide
    return tf.pad(rows, [[0, more], [0, 0]]), tf.pad(less, [[0, more]], constant_values=_FAR)


def _largest(x, rows, less, k, wide):
    """(value float32 (b, k), column int32 (b, k)) of the k largest of x rows^T - less, in falling order.

    The k largest values of a row lie in the k blocks whose maxima are the largest, or others as large do.
    """
    value = tf.nn.bias_add(tf.matmul(x, rows, transpose_b=True), -less)
    value = tf.reshape(value, (tf.shape(x)[0], -1, wide))
    _, block = tf.math.top_k(tf.reduce_max(value, axis=2), tf.minimum(k, tf.shape(value)[1]))
    value = tf.gather(value, block, batch_dims=1)
    value, at = tf.math.top_k(tf.reshape(value, (tf.shape(x)[0], tf.shape(block)[1] * wide)), k)
    return value, tf.gather(block, at // wide, batch_dims=1) * wide + at % wide


def _distance(features, others, metric):
    """float32 (b,), of each example to the other in its place."""
    if metric == "squared_euclidean":
        return tf.reduce_sum(tf.math.squared_difference(features, others), axis=1)
    apart = tf.reduce_sum(tf.math.squared_difference(_unit(features), _unit(others)), axis=1) / 2
    return apart + sum(tf.where(_is_zero(each), 0.5, 0.0) for each in (features, others))


def _unit(x):
    return tf.math.divide_no_nan(x, tf.norm(x, axis=1, keepdims=True))


def _is_zero(x):
    return tf.reduce_all(x == 0, axis=1)
