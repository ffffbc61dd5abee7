"""Random numbers that depend on the seed, the draw and the example's number alone: not on how many are drawn at once.

Philox is a function of a key and a counter. Here the key is the seed and the counter is (place, stream): a stream for every draw of
a run, a place for every four values. So examples 256 to 511 can be drawn without the first 256, to the same bits.
"""
import math

import tensorflow as tf

PHILOX = tf.random.Algorithm.PHILOX.value
GROUP = 4       # values from one place


def normal(shape, seed, stream, first=0):
    """Standard normal numbers.

    Args:
        shape: (n, ...): n an int or an int tensor (), the others int.
        seed: int >= 0, or an int tensor ().
        stream: int >= 0 or an int tensor (), tells the draws of a run apart.
        first: int >= 0 or an int tensor (), the number of the first of these examples.

    Returns:
        float32 of that shape.
    """
    n, *example = shape
    values = math.prod(example)
    n, first = tf.cast(n, tf.int64), tf.cast(first, tf.int64) * values
    key = tf.reshape(tf.cast(seed, tf.uint64), (1,))
    counter = tf.cast(tf.stack([first // GROUP, tf.cast(stream, tf.int64)]), tf.uint64)
    drawn = tf.raw_ops.StatelessRandomNormalV2(shape=tf.reshape(n * values + GROUP, (1,)), key=key, counter=counter, alg=PHILOX)
    skipped = first % GROUP
    return tf.reshape(drawn[skipped:skipped + n * values], tf.stack([n, *example]))


def signs(shape, seed, stream, first=0):
    """float32 (n, ...), -1 or 1 with equal chances; arguments as in `normal`."""
    return tf.where(normal(shape, seed, stream, first) < 0, -1.0, 1.0)
