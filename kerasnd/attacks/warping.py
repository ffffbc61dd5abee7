"""The worst rotation and shift, found by trying all of a grid.

A changed image takes its value at (x, y) from (x', y') of the image, both in pixels from the centre, bilinear between pixels and 0
outside, w and h being the distances of the outermost pixels:

    x' = cos(r) x - sin(r) y + t_x w,   y' = sin(r) x + cos(r) y + t_y h

A shift t of 4/28 thus moves 28 pixels by 27 * 4/28 = 3.857, to the left or upwards.
"""
import math

import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import Misuse

VALUES = 2 ** 21    # of changed images at a time, unless a batch has more


def grid(degrees=30.0, angles=31, shift=4 / 28, shifts=3):
    """Every rotation of the grid with every shift to the side and upwards.

    Args:
        degrees: float in [0, 180], the largest rotation to either side.
        angles: int >= 1, how many, evenly spaced; one is no rotation.
        shift: float in [0, 1], the largest shift in each direction, a share of the side.
        shifts: int >= 1, how many in each direction, evenly spaced; one is no shift.

    Returns:
        float32 (angles * shifts^2, 3): rotation in radians, t_x, t_y.

    Raises:
        Misuse: an argument is out of range, or an even number, which leaves the identity out.

    Source: Salehi et al. (2021), ARAE: 31 * 3 * 3 = 279.
    """
    arguments.number("degrees", degrees, at_least=0, at_most=180)
    arguments.number("shift", shift, at_least=0, at_most=1)
    for name, count in (("angles", angles), ("shifts", shifts)):
        arguments.whole(name, count, at_least=1)
        if count % 2 == 0:
            raise Misuse(f"`{name}` must be odd, so that the image itself is among its changes. Received: {name}={count}.")

    def spaced(most, count):
        return np.linspace(-most, most, count) if count > 1 else np.zeros(1)
    turns, moves = spaced(math.radians(degrees), angles), spaced(shift, shifts)
    return np.stack([each.ravel() for each in np.meshgrid(turns, moves, moves, indexing="ij")], axis=1).astype(np.float32)


def spatial(objective, x, transforms=None):
    """Takes for every image the rotation and shift by which the objective is highest.

    Args:
        objective: function of k * b changed images, ordered as k times x, with values (k * b,), to be raised; it needs no gradient.
        x: float32 (b, height, width, channels) in [0, 1].
        transforms: float32 (m, 3), of `grid`; None: the 279 of ARAE.

    Returns:
        float32 (b, height, width, channels) in [0, 1].

    Raises:
        Misuse: the examples are no images.

    Source: Engstrom et al. (2019); Salehi et al. (2021), ARAE.
    """
    if len(x.shape) != 4:
        raise Misuse(f"`attack` spatial must be of images. Received: examples of shape {tuple(x.shape[1:])}. Take linf or l2.")
    transforms = grid() if transforms is None else transforms
    m, b = len(transforms), tf.shape(x)[0]
    at_once = _at_once(m, x)
    transforms = tf.constant(transforms)

    def better(first, best, chosen):
        # XLA must see its size, which [first:first + at_once] does not tell.
        these = tf.slice(transforms, (first, 0), (at_once, 3))
        value = tf.reshape(tf.cast(objective(warp(x, these)), tf.float32), (at_once, b))
        here = tf.reduce_max(value, axis=0)
        place = first + tf.argmax(value, axis=0, output_type=tf.int32)
        return first + at_once, tf.maximum(best, here), tf.where(here > best, place, chosen)
    start = (0, tf.fill([b], -np.inf), tf.zeros([b], tf.int32))
    chosen = tf.while_loop(lambda first, *_: first < m, better, start)[2]
    return tf.stop_gradient(_each_by_its_own(x, tf.gather(transforms, chosen)))


def warp(x, transforms):
    """Every image by every transform.

    Args:
        x: float32 (b, height, width, channels).
        transforms: float32 (k, 3), rotation in radians, t_x, t_y.

    Returns:
        float32 (k * b, height, width, channels), all images by the first transform, then all by the second, ...
    """
    height, width, channels = x.shape[1:]
    b, k, pixels = tf.shape(x)[0], tf.shape(transforms)[0], height * width
    # Pixels first: the taps of one transform are whole rows then, which all images and channels share.
    rows = tf.reshape(tf.transpose(tf.reshape(x, (b, pixels, channels)), (1, 0, 2)), (pixels, b * channels))
    warped = tf.zeros((k * pixels, b * channels))
    for place, weight in _taps(transforms, height, width):
        warped += tf.gather(rows, tf.reshape(place, (-1,))) * tf.reshape(weight, (-1, 1))
    warped = tf.transpose(tf.reshape(warped, (k, pixels, b, channels)), (0, 2, 1, 3))
    return tf.reshape(warped, (k * b, height, width, channels))


def _each_by_its_own(x, transforms):
    """float32 (b, height, width, channels), every image by the transform in its row of (b, 3)."""
    height, width, channels = x.shape[1:]
    flat = tf.reshape(x, (tf.shape(x)[0], height * width, channels))
    warped = tf.zeros_like(flat)
    for place, weight in _taps(transforms, height, width):
        warped += tf.gather(flat, place, batch_dims=1) * weight[..., None]
    return tf.clip_by_value(tf.reshape(warped, tf.shape(x)), 0, 1)


def _taps(transforms, height, width):
    """The four pixels between which each value lies: list of (place int32 (k, pixels), weight float32 (k, pixels))."""
    center = ((width - 1) / 2, (height - 1) / 2)
    across = tf.constant(np.tile(np.arange(width) - center[0], height), tf.float32)
    down = tf.constant(np.repeat(np.arange(height) - center[1], width), tf.float32)
    turn, right, low = (transforms[:, i:i + 1] for i in range(3))
    to_x = tf.cos(turn) * across - tf.sin(turn) * down + right * (width - 1) + center[0]
    to_y = tf.sin(turn) * across + tf.cos(turn) * down + low * (height - 1) + center[1]
    left, top = tf.floor(to_x), tf.floor(to_y)
    taps = []
    for x, share_x in ((left, left + 1 - to_x), (left + 1, to_x - left)):
        for y, share_y in ((top, top + 1 - to_y), (top + 1, to_y - top)):
            is_inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
            place = tf.clip_by_value(y, 0, height - 1) * width + tf.clip_by_value(x, 0, width - 1)
            taps.append((tf.cast(place, tf.int32), tf.where(is_inside, share_x * share_y, 0)))
    return taps


def _at_once(m, x):
    """The largest divisor of m transforms whose changed images stay within `VALUES` values, 1 where a batch alone is beyond them.

    int; or an int32 tensor, where the size of the batch is not known beforehand.
    """
    divisors = [k for k in range(1, m + 1) if m % k == 0]
    image = math.prod(x.shape[1:])
    if x.shape[0] is not None:
        return max(k for k in divisors if k == 1 or k * x.shape[0] * image <= VALUES)
    taken = tf.constant(divisors, tf.int64) * tf.cast(tf.shape(x)[0], tf.int64) * image
    return tf.reduce_max(tf.where(taken <= VALUES, divisors, 1))
