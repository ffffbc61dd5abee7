"""Jacobians of the networks in `pidhorskyi` by hand: all directions of all examples through transposed convolutions.

An encoder backward and a decoder forward are the same chain. It begins with the constant kernel of the layer beside the code, a
map for every unit; then come, layer by layer, the slopes of the activation, which are those of the one example, and a
convolution that doubles the maps (`doubling`). A normalisation is a factor of each channel and goes into the kernels. Being
constant wherever no slope changes, a Jacobian has no gradient here, by input or weights, but that of a sigmoid at the end.
"""
import dataclasses
import math

import tensorflow as tf
from keras import layers

from kerasnd.networks.doubling import LARGEST, Doubling
from kerasnd.networks.layers import NormalizedActivation
from kerasnd.networks.strided import StridedConv2D, StridedConv2DTranspose

SAME = {layers.Conv2D: StridedConv2D, layers.Conv2DTranspose: StridedConv2DTranspose}
AT_ONCE = 2 ** 27       # bytes of the largest tensor: each part of a batch reads all kernels anew, so that small parts are slower


@dataclasses.dataclass(frozen=True)
class Chain:
    """The layers of a network, as a Jacobian goes through them: from the code to the image.

    Args:
        forward: list of Keras layers, all, in the network's own direction.
        first, last: Keras convolutions, beside the code and beside the image.
        between: list of Keras convolutions.
        activations: list of Keras layers, one before each of `between` and `last`.
        shape: (int, int, int), of the image.
        corner: (int, int), where the image begins in what is doubled to.
        factor: float, of all values.
        backward: bool, the network is an encoder.
        sigmoid: bool, it ends in one.
    """
    forward: list
    first: layers.Layer
    last: layers.Layer
    between: list
    activations: list
    shape: tuple
    corner: tuple = (0, 0)
    factor: float = 1.0
    backward: bool = False
    sigmoid: bool = False


# ---- which networks ------------------------------------------------------------------------------------------------------


def chain(network):
    """`Chain` of a Keras model, or None where it has other layers than those of `pidhorskyi`; of a function always None."""
    forward = _line(network)
    known = _encoder(forward) or _decoder(forward)
    alike = known and len({layer.compute_dtype for layer in (known.first, *known.between, known.last)}) == 1
    return known if alike else None


def _line(model):
    """list of layers where each has the one before as its only input; empty for any other model."""
    given = getattr(model, "layers", None)
    if not given or not isinstance(given[0], layers.InputLayer) or len(model.outputs) != 1:
        return []
    try:
        before = [layer.output for layer in given[:-1]]
        linked = all(layer.input is output for layer, output in zip(given[1:], before)) and model.outputs[0] is given[-1].output
    except (AttributeError, ValueError):        # a layer that is called twice has no one input
        return []
    return given[1:] if linked else []


def _encoder(forward):
    if len(forward) < 4 or not isinstance(forward[-1], layers.Flatten):
        return None
    convolutions, activations, code = forward[:-2:2], forward[1:-2:2], forward[-2]
    if not (_is_plain(code, layers.Conv2D) and code.padding == "valid" and code.kernel_size == tuple(code.input.shape[1:3])
            and _alternate(convolutions, layers.Conv2D, activations)):
        return None
    return Chain(forward, code, convolutions[0], convolutions[:0:-1], activations[::-1], forward[0].input.shape[1:], backward=True)


def _decoder(forward):
    rest, corner, factor, sigmoid = list(forward), (0, 0), 1.0, False
    if rest and isinstance(rest[-1], layers.Activation) and rest[-1].get_config()["activation"] == "sigmoid":
        rest.pop()
        sigmoid = True
    if rest and isinstance(rest[-1], layers.Rescaling) and isinstance(rest[-1].scale, (int, float)):
        factor = float(rest.pop().scale)
    if rest and isinstance(rest[-1], layers.Cropping2D):
        corner = tuple(before for before, _ in rest.pop().cropping)
    if len(rest) < 4 or not isinstance(rest[0], layers.Reshape):
        return None
    code, activations, convolutions = rest[1], rest[2::2], rest[3::2]
    if not (_is_plain(code, layers.Conv2DTranspose) and code.padding == "valid" and tuple(code.input.shape[1:3]) == (1, 1)
            and code.kernel_size == tuple(code.output.shape[1:3])
            and _alternate(convolutions, layers.Conv2DTranspose, activations)):
        return None
    return Chain(forward, code, convolutions[-1], convolutions[:-1], activations, forward[-1].output.shape[1:], corner, factor,
                 sigmoid=sigmoid)


def _alternate(convolutions, kind, activations):
    return len(convolutions) == len(activations) and all(_slope(layer) is not None for layer in activations) and all(
        _is_plain(layer, kind) and layer.kernel_size == (4, 4) and layer.padding == "same" and tuple(layer.strides) == (2, 2)
        and getattr(layer, "output_padding", None) is None for layer in convolutions)


def _is_plain(layer, kind):
    return (type(layer) in (kind, SAME[kind]) and layer.get_config()["activation"] == "linear"
            and layer.data_format == "channels_last" and getattr(layer, "groups", 1) == 1
            and tuple(layer.dilation_rate) == (1, 1) and layer.compute_dtype in LARGEST)


def _slope(layer):
    """float >= 0, of an activation below zero; None of another layer."""
    if type(layer) is layers.LeakyReLU or (type(layer) is NormalizedActivation and not layer.pool):
        return float(layer.negative_slope)
    return None


# ---- their Jacobians -----------------------------------------------------------------------------------------------------


def jacobian(known, x):
    """What a network makes of its input, and how that changes with it.

    Args:
        known: Chain.
        x: float32 (b, ...).

    Returns:
        (float32 (b, ...), float32 (b, n, values)): the output; the derivatives of the n units of an encoder by the values of an
        image, or by the n units of a decoder of the values of an image.
    """
    positive, y = [], x
    for layer in known.forward:
        y = layer(y, training=False) if isinstance(layer, NormalizedActivation) else layer(y)
        if layer in known.activations:
            positive.append(y > 0)
    y = tf.cast(y, tf.float32)
    changes = tf.stop_gradient(_directions(known, positive[::-1] if known.backward else positive))
    if known.sigmoid:
        changes *= tf.reshape(y * (1 - y), (-1, 1, math.prod(known.shape)))
    return y, changes


def _directions(known, positive):
    """float32 (b, n, values), from bool (b, height, width, channels) of every activation: what is above zero."""
    start, *kernels, end = _kernels(known)
    height, width, _, units = start.shape
    dtype = tf.as_dtype(known.first.compute_dtype)
    sizes = [(height << level, width << level) for level in range(len(positive))]
    doublings = [Doubling(*size, dtype.name, sorted_maps=level == 0) for level, size in enumerate(sizes[:-1])]
    values = [doubling.values(kernel) for doubling, kernel in zip(doublings, kernels)]
    start = tf.cast(tf.transpose(start, (0, 1, 3, 2)), dtype)[:, :, :, None]        # (height, width, n, 1, channels)
    end = tf.cast(tf.transpose(end, (3, 2, 0, 1)), dtype)                           # (channels, filters, 4, 4)
    widest = max([4 * each.products * kernel.shape[2] for each, kernel in zip(doublings, kernels)] + [math.prod(start.shape[:3])])
    b = tf.shape(positive[0])[0]
    parts = -(-b // max(1, AT_ONCE // (widest * units * dtype.size)))
    at_once = -(-b // tf.maximum(parts, 1))         # parts of one size

    def part(begin):
        x = start
        for level, (size, layer) in enumerate(zip(sizes, known.activations)):
            x *= _slopes(positive[level][begin:begin + at_once], _slope(layer), size, dtype, sorted_maps=level == 0)
            x = tf.reshape(x, (*size, -1, x.shape[-1]))
            if level < len(doublings):
                x = doublings[level](x, values[level])
                x = tf.reshape(x, (*sizes[level + 1], units, -1, x.shape[-1]))
        taps = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), tf.reshape(end, (end.shape[0], -1)))
        taps = _sorted(tf.cast(taps, tf.float32), sizes[-1], units, not doublings)
        return _image(tf.reshape(taps, (-1, *sizes[-1], *end.shape[1:])), known)
    values_of_image = math.prod(known.shape)
    images = tf.TensorArray(tf.float32, parts, infer_shape=False, element_shape=(None, values_of_image))
    images = tf.while_loop(lambda i, _: i < parts, lambda i, images: (i + 1, images.write(i, part(i * at_once))), (0, images),
                           parallel_iterations=1)[1]
    return known.factor * tf.reshape(images.concat(), (-1, units, values_of_image))


def _kernels(known):
    """list of float32 kernels (.., .., filters, channels) as they double maps, the factors of the normalisations in them."""
    kernels = [tf.cast(tf.convert_to_tensor(layer.kernel), tf.float32) for layer in (known.first, *known.between, known.last)]
    factors = [_factor(layer) for layer in known.activations]
    if known.backward:      # a normalisation is met after its activation
        return [kernels[0], *(kernel * factor for kernel, factor in zip(kernels[1:], factors))]
    return [*(kernel * factor[:, None] for kernel, factor in zip(kernels, factors)), kernels[-1]]


def _factor(layer):
    """float32 (channels,), of a normalisation; ones where there is none."""
    if not isinstance(layer, NormalizedActivation):
        return tf.ones((layer.output.shape[-1],))
    factor = tf.math.rsqrt(layer.moving_variance.value + layer.epsilon)
    return factor * layer.scale.value if layer.affine else factor


def _slopes(positive, slope, size, dtype, sorted_maps):
    """(height, width, 1, b, channels), 1 or the slope, and zero beyond the map; rows and columns natural or as doubled."""
    slopes = tf.where(positive, tf.ones((), dtype), tf.cast(slope, dtype))
    _, height, width, channels = slopes.shape
    slopes = tf.pad(slopes, ((0, 0), (0, size[0] - height), (0, size[1] - width), (0, 0)))
    if sorted_maps:
        return tf.transpose(slopes, (1, 2, 0, 3))[:, :, None]
    slopes = tf.reshape(slopes, (-1, size[0] // 2, 2, size[1] // 2, 2, channels))
    return tf.reshape(tf.transpose(slopes, (2, 1, 4, 3, 0, 5)), (*size, 1, -1, channels))


def _sorted(maps, size, units, sorted_maps):
    """(b, n, height, width, values), natural, from (height * width * n * b, values)."""
    if sorted_maps:
        return tf.transpose(tf.reshape(maps, (*size, units, -1, maps.shape[-1])), (3, 2, 0, 1, 4))
    maps = tf.reshape(maps, (2, size[0] // 2, 2, size[1] // 2, units, -1, maps.shape[-1]))
    return tf.transpose(maps, (5, 4, 1, 0, 3, 2, 6))


def _image(taps, known):
    """float32 (m, values), from the 16 products (m, height, width, filters, 4, 4) at every place of the last maps."""
    rows = _interleaved(tf.unstack(taps, axis=4), axis=1)
    image = _interleaved(tf.unstack(rows, axis=4), axis=2)
    image = tf.slice(image, (0, *known.corner, 0), (-1, *known.shape))
    return tf.reshape(image, (-1, math.prod(known.shape)))


def _interleaved(taps, axis):
    """Doubles an axis: 2i takes tap 1 of i and tap 3 of i - 1, 2i + 1 takes tap 2 of i and tap 0 of i + 1."""
    shape = taps[0].shape.as_list()
    shape[0] = -1
    whole = (slice(None),) * axis
    nothing = tf.zeros_like(taps[0][(*whole, slice(1))])
    before = tf.concat([nothing, taps[3][(*whole, slice(-1))]], axis)
    after = tf.concat([taps[0][(*whole, slice(1, None))], nothing], axis)
    shape[axis] *= 2
    return tf.reshape(tf.stack([taps[1] + before, taps[2] + after], axis + 1), shape)
