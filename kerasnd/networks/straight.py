"""Jacobians of the networks in `pidhorskyi`, by hand: all directions of all examples through transposed convolutions.

An encoder backward and a decoder forward are the same chain. It begins with the constant kernel of the layer beside the code, one
map for every unit; then, layer by layer, the slopes of the activation, which are those of the one example, and a convolution 4x4
that doubles the maps (`doubling`). Normalisation is a factor of every channel, and goes into the kernels. The derivatives by
the input of what is found here are zero almost everywhere, and those by the weights are not followed.
"""
import dataclasses
import math

import tensorflow as tf
from keras import layers

from kerasnd.networks.doubling import LARGEST, Doubling, order
from kerasnd.networks.layers import NormalizedActivation

AT_ONCE = 2 ** 25       # bytes of the largest tensor, about: what a processor's last cache holds


@dataclasses.dataclass(frozen=True)
class Chain:
    """Layers of a network that this file knows.

    Args:
        forward: list of Keras layers, from the input to codes, or from codes to logits or values.
        ends: tuple of the layer beside the code and the layer beside the image.
        convolutions: list of Keras layers, those between, from the code to the image.
        activations: list of Keras layers, from the code to the image; one before each of the convolutions and the last end.
        shape: (int, int, int), of the image.
        backward: bool, of an encoder.
        corner: (int, int), where the image begins in what is doubled to.
        factor: float, of all values.
        sigmoid: bool, the values are a sigmoid's.
    """
    forward: list
    ends: tuple
    convolutions: list
    activations: list
    shape: tuple
    backward: bool
    corner: tuple = (0, 0)
    factor: float = 1.0
    sigmoid: bool = False


def chain(model):
    """`Chain` of a Keras model, or None where it is of another kind."""
    forward = _line(model)
    if not forward or len({layer.compute_dtype for layer in forward if _is_convolution(layer)}) != 1:
        return None
    return _encoder(forward) or _decoder(forward)


def _line(model):
    """list of the layers of a functional model in which each has the one before as its only input, or None."""
    if not getattr(model, "layers", None) or not isinstance(model.layers[0], layers.InputLayer):
        return None
    try:
        ends = [(layer.input, layer.output) for layer in model.layers[1:]]
        linked = [model.layers[0].output, *(after for _, after in ends)]
        if all(before is given for before, (given, _) in zip(linked, ends)) and model.outputs == [linked[-1]]:
            return model.layers[1:]
    except (AttributeError, ValueError):        # a layer that is called more than once has no one input
        pass
    return None


def _encoder(forward):
    *halving, last, flat = forward if len(forward) >= 4 else [None] * 4
    convolutions, activations = halving[::2], halving[1::2]
    if (isinstance(flat, layers.Flatten) and _is_plain(last, layers.Conv2D) and last.kernel_size == tuple(last.input.shape[1:3])
            and last.padding == "valid" and all(_is_halving(layer, layers.Conv2D) for layer in convolutions)
            and len(convolutions) == len(activations) and all(_slope(layer) is not None for layer in activations)):
        return Chain(forward, (last, convolutions[0]), convolutions[:0:-1], activations[::-1], convolutions[0].input.shape[1:], True)
    return None


def _decoder(forward):
    rest, corner, factor, sigmoid = list(forward), (0, 0), 1.0, False
    if isinstance(rest[-1], layers.Activation) and rest[-1].get_config()["activation"] == "sigmoid":
        rest.pop()
        sigmoid = True
    if rest and isinstance(rest[-1], layers.Rescaling) and isinstance(rest[-1].scale, (int, float)):
        factor = float(rest.pop().scale)
    if rest and isinstance(rest[-1], layers.Cropping2D):
        corner = tuple(before for before, _ in rest.pop().cropping)
    if len(rest) < 4 or not isinstance(rest[0], layers.Reshape) or len(rest) % 2:
        return None
    _, first, *rest, last = rest
    activations, convolutions = rest[::2], [*rest[1::2], last]
    if (_is_plain(first, layers.Conv2DTranspose) and tuple(first.input.shape[1:3]) == (1, 1) and first.padding == "valid"
            and first.kernel_size == tuple(first.output.shape[1:3])
            and all(_is_halving(layer, layers.Conv2DTranspose) for layer in convolutions)
            and all(_slope(layer) is not None for layer in activations)):
        return Chain(forward, (first, last), convolutions[:-1], activations, forward[-1].output.shape[1:], False, corner, factor, sigmoid)
    return None


def _is_convolution(layer):
    return isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose))


def _is_plain(layer, kind):
    return (type(layer) is kind and layer.activation.__name__ == "linear" and layer.data_format == "channels_last"
            and getattr(layer, "groups", 1) == 1 and tuple(layer.dilation_rate) == (1, 1) and layer.compute_dtype in LARGEST)


def _is_halving(layer, kind):
    return (_is_plain(layer, kind) and layer.kernel_size == (4, 4) and tuple(layer.strides) == (2, 2) and layer.padding == "same"
            and getattr(layer, "output_padding", None) is None)


def _slope(layer):
    """float >= 0, of an activation below zero; None of another layer."""
    if type(layer) is layers.LeakyReLU or (type(layer) is NormalizedActivation and not layer.pool):
        return float(layer.negative_slope)
    return None


def jacobian(known, x):
    """What a network makes of examples, and how that changes with them.

    Args:
        known: Chain.
        x: float32 (b, ...).

    Returns:
        (float32 (b, ...), float32 (b, n, values)): the network's output, and the derivatives by the units of the code for a
        decoder, of the units of the code for an encoder, n either way.
    """
    active, y = [], x
    for layer in known.forward:
        y = layer(y, training=False) if isinstance(layer, NormalizedActivation) else layer(y)
        if layer in known.activations:
            active.append(y > 0)
    y = tf.cast(y, tf.float32)
    if known.backward:
        active.reverse()
    directions = tf.stop_gradient(_directions(known, active))
    if known.sigmoid:
        directions *= tf.reshape(y * (1 - y), (-1, 1, directions.shape[-1]))
    return y, directions


def _directions(known, active):
    """float32 (b, n, values), from bool (b, height, width, channels) of every activation: which are above zero."""
    first, last = known.ends
    dtype = first.compute_dtype
    start, *kernels, end = _kernels(known)
    height, width, channels, units = start.shape
    start = tf.cast(tf.transpose(start, (0, 1, 3, 2)), dtype)[:, :, :, None]        # (height, width, n, 1, channels)
    sizes = [(height << level, width << level) for level in range(len(active))]
    doublings = [Doubling(*size, dtype, level == 0) for level, size in enumerate(sizes[:-1])]
    values = [doubling.values(kernel) for doubling, kernel in zip(doublings, kernels)]
    filters = end.shape[2]
    end = tf.reshape(tf.transpose(end, (3, 2, 0, 1)), (end.shape[3], filters * 16))
    end = tf.cast(end, dtype)
    slopes = [_slope(layer) for layer in known.activations]
    b = tf.shape(active[0])[0]
    largest = max([4 * doubling.products * kernel.shape[2] for doubling, kernel in zip(doublings, kernels)]
                  + [4 * math.prod(sizes[-1]) * end.shape[0]])
    at_once = max(1, AT_ONCE // (largest * units))

    def part(i):
        x = start
        for level, (above, slope) in enumerate(zip(active, slopes)):
            x *= _laid_out(above[i:i + at_once], slope, sizes[level], dtype, level == 0)
            x = tf.reshape(x, (*sizes[level], -1, x.shape[-1]))
            if level < len(doublings):
                x = doublings[level](x, values[level])
                x = tf.reshape(x, (*sizes[level + 1], units, -1, x.shape[-1]))
        x = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), end)
        return _image(tf.cast(tf.reshape(x, (*sizes[-1], units, -1, filters, 4, 4)), tf.float32), len(doublings) > 0, known)
    total = (b + at_once - 1) // at_once
    parts = tf.TensorArray(tf.float32, total, infer_shape=False)
    parts = tf.while_loop(lambda number, _: number < total,
                          lambda number, parts: (number + 1, parts.write(number, part(number * at_once))),
                          (0, parts), parallel_iterations=1)[1]
    return known.factor * tf.ensure_shape(parts.concat(), (None, units, math.prod(known.shape)))


def _kernels(known):
    """list of float32 kernels (.., .., filters, channels), the normalisations' factors in them."""
    first, last = known.ends
    kernels = [tf.cast(tf.convert_to_tensor(layer.kernel), tf.float32) for layer in (first, *known.convolutions, last)]
    factors = [_factor(layer) for layer in known.activations]
    if known.backward:      # of what goes into a kernel: its channels; the end at the code has them as its filters
        return [kernels[0], *(kernel * factor for kernel, factor in zip(kernels[1:], factors))]
    return [*(kernel * factor[:, None] for kernel, factor in zip(kernels, factors)), kernels[-1]]


def _factor(layer):
    """float32 (channels,), of a normalisation; ones where there is none."""
    if type(layer) is not NormalizedActivation:
        return tf.ones((layer.output.shape[-1],))
    factor = tf.math.rsqrt(layer.moving_variance.value + layer.epsilon)
    return factor * layer.scale.value if layer.affine else factor


def _laid_out(above, slope, size, dtype, natural):
    """(height, width, 1, b, channels), 1 or the slope, zero beyond the map; in the order of a doubled map, or the natural one."""
    slopes = tf.where(above, tf.ones((), dtype), tf.cast(slope, dtype))
    _, height, width, channels = slopes.shape
    slopes = tf.pad(slopes, ((0, 0), (0, size[0] - height), (0, size[1] - width), (0, 0)))
    if natural:
        return tf.transpose(slopes, (1, 2, 0, 3))[:, :, None]
    slopes = tf.reshape(slopes, (-1, size[0] // 2, 2, size[1] // 2, 2, channels))
    return tf.reshape(tf.transpose(slopes, (2, 1, 4, 3, 0, 5)), (*size, 1, -1, channels))


def _image(taps, doubled, known):
    """float32 (b, n, values), from the 16 products (height, width, n, b, filters, 4, 4) of every place of the last maps."""
    height, width, units, _, filters, _, _ = taps.shape
    if doubled:
        taps = tf.reshape(taps, (2, height // 2, 2, width // 2, units, -1, 16 * filters))
        taps = tf.transpose(taps, (5, 4, 1, 0, 3, 2, 6))
    else:
        taps = tf.transpose(tf.reshape(taps, (height, width, units, -1, 16 * filters)), (3, 2, 0, 1, 4))
    taps = tf.reshape(taps, (-1, height, width, filters, 4, 4))
    rows = _interleaved(taps[..., 0, :], taps[..., 1, :], taps[..., 2, :], taps[..., 3, :], 1)
    image = _interleaved(rows[..., 0], rows[..., 1], rows[..., 2], rows[..., 3], 2)
    image = tf.slice(image, (0, *known.corner, 0), (-1, *known.shape))
    return tf.reshape(image, (-1, units, math.prod(known.shape)))


def _interleaved(zero, one, two, three, axis):
    """Doubles an axis: 2i takes tap 1 of i and tap 3 of i - 1, 2i + 1 takes tap 2 of i and tap 0 of i + 1."""
    size, rank = one.shape[axis], one.shape.rank
    before, after = [[0, 0] for _ in range(rank)], [[0, 0] for _ in range(rank)]
    before[axis][0] = after[axis][1] = 1
    from_before = tf.gather(tf.pad(three, before), tf.range(size), axis=axis)
    from_after = tf.gather(tf.pad(zero, after), tf.range(1, size + 1), axis=axis)
    both = tf.stack([one + from_before, two + from_after], axis=axis + 1)
    shape = [-1 if i == 0 else s for i, s in enumerate(one.shape)]
    shape[axis] *= 2
    return tf.reshape(both, shape)
