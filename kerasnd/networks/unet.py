"""Score networks: a U-Net for images and a residual network for tables, each told the time or the noise level of every example.

    block(h, c)  = shortcut(h) + conv(SiLU(GN(conv(SiLU(GN(h))) + dense(SiLU(e(c))))))
    e(c)         = dense(SiLU(dense(features of c)))

The last product of a block, of an attention and of a network begins near zero, so every block begins as its shortcut and the
network as the zero function.

Source: Ho, Jain and Abbeel (2020), code; Song et al. (2021), code, "ddpm". Differs: one attention, not one after each block, on
the way up; the number of groups always divides the channels.
"""
import math

import keras
from keras import layers

from kerasnd import arguments
from kerasnd.errors import Misuse
from kerasnd.networks.attention import Attention
from kerasnd.networks.conditions import RandomWaves, Sinusoids
from kerasnd.networks.groups import GroupNorm
from kerasnd.networks.layers import DoublingConv2D

TIMES = ("sinusoidal", "fourier")
NEAR_ZERO = 1e-10       # for a scale of zero, which the initialiser does not take
SEEN = 16               # pixels: the longest side of maps whose every place attends to every other, by default
LEAST = 4               # pixels: the shortest side to which maps are halved, by default


def unet(shape, width=32, multipliers=None, blocks=1, attention="auto", dropout=0.1, time="sinusoidal"):
    """A U-Net with residual blocks.

    Args:
        shape: (height, width, channels). Sides that cannot be halved often enough are padded with zeros at the bottom and the
            right, and the output is cut.
        width: int >= 4, even: channels of the first level (the paper's nf).
        multipliers: ints >= 1, the channels of each level over `width`; a level has half the side of the one before. None:
            1, 2, 2, with as many 2s more as bring the longer side to 16 pixels, as far as the shorter one keeps 4.
        blocks: int >= 1, residual blocks of a level on the way down; one more on the way up.
        attention: sides (the longer one, in pixels) of the levels with attention besides the middle, or "auto": the first level
            of at most 16.
        dropout: float in [0, 1).
        time: "sinusoidal", for conditions as large as 999 t, or "fourier", for logarithms of noise levels.

    Returns:
        Keras model [x (n, height, width, channels), condition (n,)] -> float32 (n, height, width, channels).

    Raises:
        Misuse
    """
    arguments.shape("shape", shape)
    if len(shape) != 3:
        raise Misuse(f"`shape` must be (height, width, channels). Received: shape={tuple(shape)}. Tables have `mlp`.")
    _check(width, blocks, dropout, time)
    height, wide, channels = (int(side) for side in shape)
    multipliers = _multipliers(height, wide, multipliers)
    least = 2 ** (len(multipliers) - 1)
    padded = [-side % least for side in (height, wide)]
    sides = [(max(height + padded[0], wide + padded[1])) >> level for level in range(len(multipliers))]
    attended = _attended(sides, attention)

    inputs = layers.Input((height, wide, channels), name="x")
    condition, embedding = _embedded(width, time)
    x = layers.ZeroPadding2D(((0, padded[0]), (0, padded[1])))(inputs) if any(padded) else inputs
    x = _conv(x, width)
    skips = [x]
    for level, multiplier in enumerate(multipliers):
        for _ in range(blocks):
            x = _block(x, embedding, width * multiplier, dropout)
            x = _attention(x) if level in attended else x
            skips.append(x)
        if level < len(multipliers) - 1:
            x = _conv(x, x.shape[-1], strides=2)
            skips.append(x)
    x = _block(x, embedding, x.shape[-1], dropout)
    x = _block(_attention(x), embedding, x.shape[-1], dropout)
    for level, multiplier in reversed(list(enumerate(multipliers))):
        for _ in range(blocks + 1):
            x = _block(layers.Concatenate()([x, skips.pop()]), embedding, width * multiplier, dropout)
        x = _attention(x) if level in attended else x
        x = DoublingConv2D(x.shape[-1], kernel_initializer=initial())(x) if level else x
    x = _conv(GroupNorm()(x), channels, scale=NEAR_ZERO)
    if any(padded):
        x = layers.Cropping2D(((0, padded[0]), (0, padded[1])))(x)
    return keras.Model([inputs, condition], layers.Activation("linear", dtype="float32")(x), name="unet")


def mlp(features, width=128, blocks=3, dropout=0.1, time="sinusoidal"):
    """The same for tables: dense layers for convolutions, normalisation over all units of an example.

    Args:
        features: int >= 1.
        width: int >= 4, even: units of every layer.
        blocks: int >= 1.
        dropout: float in [0, 1).
        time: as in `unet`.

    Returns:
        Keras model [x (n, features), condition (n,)] -> float32 (n, features).

    Raises:
        Misuse
    """
    arguments.whole("features", features, 1)
    _check(width, blocks, dropout, time)
    inputs = layers.Input((features,), name="x")
    condition, embedding = _embedded(width, time)
    x = _dense(inputs, width)
    for _ in range(blocks):
        y = _dense(GroupNorm(groups=1)(x), width)
        y = GroupNorm(groups=1)([y, _dense(embedding, width)])
        x = layers.Add()([x, _dense(_dropped(y, dropout), width, NEAR_ZERO)])
    x = _dense(GroupNorm(groups=1)(x), features, NEAR_ZERO)
    return keras.Model([inputs, condition], layers.Activation("linear", dtype="float32")(x), name="mlp")


def initial(scale=1.0):
    """Uniform, of variance `scale` over the mean of both fans."""
    return keras.initializers.VarianceScaling(scale, "fan_avg", "uniform")


def _check(width, blocks, dropout, time):
    arguments.whole("width", width, 4)
    if width % 2:
        raise Misuse(f"`width` must be even. Received: width={width}. Half of the features of the time are sines, half cosines.")
    arguments.whole("blocks", blocks, 1)
    arguments.number("dropout", dropout, at_least=0, below=1)
    arguments.choice("time", time, TIMES)


def _multipliers(height, width, given):
    """tuple of int."""
    if given is None:
        wanted = max(3, 1 + math.ceil(math.log2(max(height, width) / SEEN)))
        levels = min(wanted, 1 + max(0, math.floor(math.log2(min(height, width) / LEAST))))
        return (1,) + (2,) * (levels - 1)
    if not isinstance(given, (list, tuple)) or not given:
        raise Misuse(f"`multipliers` must be a list of whole numbers, one a level. Received: multipliers={given!r}. For example "
                     "[1, 2, 2].")
    for multiplier in given:
        arguments.whole("multipliers", multiplier, 1)
    if 2 ** (len(given) - 1) > min(height, width):
        raise Misuse(f"`multipliers` must not halve the shorter side below one pixel. Received: {len(given)} levels for "
                     f"{height}x{width}. Leave some out.")
    return tuple(given)


def _attended(sides, attention):
    """set of int, levels; of sides in pixels, one a level."""
    if attention == "auto":
        return set([level for level, side in enumerate(sides) if side <= SEEN][:1])
    if not isinstance(attention, (list, tuple)) or not set(attention) <= set(sides):
        raise Misuse(f"`attention` must be a list of {', '.join(map(str, sides))}, the levels' sides, or auto. Received: "
                     f"attention={attention!r}.")
    return {level for level, side in enumerate(sides) if side in attention}


def _embedded(width, time):
    """(the input of conditions, SiLU of their embedding): every block begins with that SiLU, so it is taken once."""
    condition = layers.Input((), name="condition", dtype="float32")
    features = Sinusoids(width)(condition) if time == "sinusoidal" else RandomWaves(2 * width)(condition)
    embedding = layers.Activation("silu")(_dense(features, 4 * width))
    return condition, layers.Activation("silu")(_dense(embedding, 4 * width))


def _block(x, embedding, channels, dropout):
    """A residual block."""
    y = _conv(GroupNorm()(x), channels)
    y = GroupNorm()([y, _dense(embedding, channels)])
    y = _conv(_dropped(y, dropout), channels, scale=NEAR_ZERO)
    return layers.Add()([y, x if x.shape[-1] == channels else _conv(x, channels, size=1, scale=0.1)])


def _attention(x):
    seen = Attention(kernel_initializer=initial(0.1), final_initializer=initial(NEAR_ZERO))(GroupNorm(silu=False)(x))
    return layers.Add()([x, seen])


def _dropped(x, dropout):
    return layers.Dropout(dropout)(x) if dropout else x


def _conv(x, channels, size=3, strides=1, scale=1.0):
    return layers.Conv2D(channels, size, strides, "same", kernel_initializer=initial(scale))(x)


def _dense(x, units, scale=1.0):
    return layers.Dense(units, kernel_initializer=initial(scale))(x)
