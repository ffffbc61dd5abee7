"""Negatives made of normal examples in the graph: cheap stand-ins for those that a generator draws.

Every function takes normalised examples float32 (b, ...) and uniform numbers in [0, 1), float32 (b, UNIFORM), and gives examples of
the same shape.
"""
import math

import keras
import tensorflow as tf

UNIFORM = 8                     # numbers that an example's change may need
PATCH = (0.02, 0.15)            # share of the image that is pasted elsewhere
ASPECT = (0.3, 3.3)             # its height by its width, or the reverse
BLUR = (0.5, 2.0)               # deviation in pixels of an image of 32 pixels
SHUFFLED = 0.5                  # share of a table's features that come from another row


def cutpaste(x, uniform):
    """A patch of each image is copied to another place of it.

    Source: Li et al. (2021), CutPaste, its areas and aspects; without colour jitter.
    """
    height, width = x.shape[1:3]
    area = (PATCH[0] + (PATCH[1] - PATCH[0]) * uniform[:, 0]) * height * width
    aspect = tf.exp(math.log(ASPECT[0]) + (math.log(ASPECT[1]) - math.log(ASPECT[0])) * uniform[:, 1])
    tall = tf.clip_by_value(tf.round(tf.sqrt(area * aspect)), 1, max(1, height - 1))
    wide = tf.clip_by_value(tf.round(tf.sqrt(area / aspect)), 1, max(1, width - 1))
    rows, row_inside = _moved(uniform[:, 2], uniform[:, 3], tall, height)
    columns, column_inside = _moved(uniform[:, 4], uniform[:, 5], wide, width)
    moved = tf.gather(tf.gather(x, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)
    inside = row_inside[:, :, None] & column_inside[:, None, :]
    return tf.where(inside[..., None], moved, x)


def _moved(start, jump, length, side):
    """(int32 (b, side), bool (b, side)): where each place of a side takes its values from, and whether it lies in the patch; the
    patch comes to lie elsewhere than it was, where there is room for that."""
    at = tf.range(side, dtype=tf.float32)[None]
    room = side - length                                            # places at which a patch may begin, less one
    to = tf.floor(start * (room + 1))
    source = tf.math.floormod(to + 1 + tf.floor(jump * tf.maximum(room, 1)), room + 1)
    inside = (at >= to[:, None]) & (at < (to + length)[:, None])
    return tf.cast(tf.where(inside, at + (source - to)[:, None], at), tf.int32), inside


def rotation(x, uniform):
    """Each image is turned by 90, 180 or 270 degrees; by 180 where it is not square."""
    half = tf.reverse(x, [1, 2])
    if x.shape[1] != x.shape[2]:
        return half
    quarter = tf.reverse(tf.transpose(x, [0, 2, 1, 3]), [1])
    turned = tf.stack([quarter, half, tf.reverse(quarter, [1, 2])])
    which = tf.cast(uniform[:, 0] * 3, tf.int32)
    return tf.gather_nd(turned, tf.stack([which, tf.range(tf.shape(x)[0])], axis=1))


def blur(x, uniform):
    """Each image is blurred, between a Gaussian of the least and of the largest deviation."""
    least, most = (sigma * min(x.shape[1:3]) / 32 for sigma in BLUR)
    soft, softer = (_gaussian(x, sigma) for sigma in (least, most))
    share = tf.reshape(uniform[:, 0], (-1, 1, 1, 1))
    return soft + share * (softer - soft)


def _gaussian(x, sigma):
    reach = min(max(1, math.ceil(3 * sigma)), min(x.shape[1:3]) - 1)
    padded = tf.pad(x, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "REFLECT") if reach else x
    blurred = keras.ops.image.gaussian_blur(padded, (2 * reach + 1,) * 2, (sigma, sigma))
    return blurred[:, reach:blurred.shape[1] - reach, reach:blurred.shape[2] - reach] if reach else blurred


def shuffle(x, uniform):
    """Half of the features of each row of a table come from another row of the batch, each from its own."""
    n, m = tf.shape(x)[0], x.shape[1]
    # two of the numbers make as many as there are features: a row's fractions of multiples are spread evenly
    step = tf.range(1, m + 1, dtype=tf.float32)[None]
    chosen = tf.math.floormod(uniform[:, :1] + step * (uniform[:, 1:2] + math.sqrt(2)), 1.0) < SHUFFLED
    jump = tf.math.floormod(uniform[:, 2:3] + step * (uniform[:, 3:4] + math.sqrt(3)), 1.0)
    other = tf.math.floormod(tf.range(n)[:, None] + 1 + tf.cast(jump * tf.cast(tf.maximum(n - 1, 1), tf.float32), tf.int32), n)
    column = tf.broadcast_to(tf.range(m)[None], tf.shape(other))
    return tf.where(chosen, tf.gather_nd(x, tf.stack([other, column], axis=-1)), x)


IMAGES = {"cutpaste": cutpaste, "rotation": rotation, "blur": blur}
TABLES = {"shuffle": shuffle}
