"""Bilinear resizing with antialiasing, in a TensorFlow graph and pixel for pixel as Pillow does it, width first; or block means."""
import numpy
import tensorflow as tf

# Pillow keeps its weights for 8-bit images as integers with this many binary places.
PLACES = 22


def resize(image, height, width, block_mean=False):
    """Resizes one image, or a batch of images of one size.

    Args:
        image: uint8, uint16 or float32 tensor (..., h, w, c); h and w may be known only when the graph runs.
        height, width: int >= 1.
        block_mean: bool, where h and w are whole multiples of height and width: the mean of each block, rounded to even
            where it is half-way.

    Returns:
        tensor (..., height, width, c) of the same dtype, as Pillow's bilinear `resize` of the width and then of the
        height has it: for uint8 exactly, for the others (through Pillow's mode F) to its float32 rounding.

    Source: Pillow, src/libImaging/Resample.c; the block mean is OpenCV's INTER_AREA for whole factors.
    """
    if block_mean and image.shape[-3:-1].is_fully_defined():        # else a graph would be built for both, and one cannot be
        whole = image.shape[-3] % height == 0 and image.shape[-2] % width == 0
        return _block_mean(image, height, width) if whole else resize(image, height, width)
    if block_mean:
        return tf.cond(tf.reduce_all(tf.shape(image)[-3:-1] % [height, width] == 0), lambda: _block_mean(image, height, width),
                       lambda: resize(image, height, width))
    eight_bit = image.dtype == tf.uint8
    x = tf.cast(image, tf.float64)
    # Sums of integers below 2^53 are exact in float64 in any order, so that both passes round as Pillow's do.
    x = _rounded(tf.einsum("ow,...hwc->...hoc", _weights(tf.shape(x)[-2], width, eight_bit), x), eight_bit)
    x = _rounded(tf.einsum("oh,...hwc->...owc", _weights(tf.shape(x)[-3], height, eight_bit), x), eight_bit)
    if image.dtype == tf.uint16:
        x = tf.clip_by_value(tf.round(x), 0, 65535)
    return tf.ensure_shape(tf.cast(x, image.dtype), (*image.shape[:-3], height, width, image.shape[-1]))


def _block_mean(image, height, width):
    *more, high, wide, channels = tf.unstack(tf.shape(image))
    blocks = tf.reshape(tf.cast(image, tf.float64), [*more, height, high // height, width, wide // width, channels])
    mean = tf.reduce_mean(blocks, axis=(-4, -2))
    mean = tf.round(mean) if image.dtype.is_integer else mean
    return tf.ensure_shape(tf.cast(mean, image.dtype), (*image.shape[:-3], height, width, image.shape[-1]))


def resize_all(images, height, width, batch=64):
    """`resize` of an array (n, h, w, c), a few images at a time."""
    return numpy.concatenate([resize(tf.constant(images[first:first + batch]), height, width).numpy()
                              for first in range(0, len(images), batch)])


def _rounded(x, eight_bit):
    if not eight_bit:
        return tf.cast(tf.cast(x, tf.float32), tf.float64)
    return tf.clip_by_value(tf.floor((x + 2.0 ** (PLACES - 1)) / 2.0**PLACES), 0, 255)


def _weights(before, after, eight_bit):
    """float64 (after, before): each row a triangle about its centre that sums to one, or to 2^22 where eight_bit."""
    before = tf.cast(before, tf.float64)
    scale = before / after
    support = tf.maximum(scale, 1.0)
    center = (tf.range(after, dtype=tf.float64)[:, None] + 0.5) * scale
    first = tf.floor(tf.maximum(center - support + 0.5, 0.0))
    beyond = tf.floor(tf.minimum(center + support + 0.5, before))
    place = tf.range(before)[None]
    # Multiplied by the inverse, as Pillow does: a quotient would differ in the last bit.
    weight = tf.maximum(1.0 - tf.abs((place - center + 0.5) * (1.0 / support)), 0.0)
    weight = tf.where((place >= first) & (place < beyond), weight, 0.0)
    weight = weight * (1.0 / tf.reduce_sum(weight, axis=1, keepdims=True))
    return tf.floor(weight * 2.0**PLACES + 0.5) if eight_bit else weight
