"""Group normalisation in few passes over the maps, with SiLU and a shift per example in the same ones.

The sums of x and x^2 of each example and channel give the statistics, and the normalisation is one product and one sum,
z = x A + B with A and B of each example and channel; a shift that is added to x before only changes B. Its gradient, by hand, is
again of that form: dx = dz A + x D + E.
"""
import keras
import tensorflow as tf

from kerasnd.errors import Misuse


@keras.saving.register_keras_serializable(package="kerasnd")
class GroupNorm(keras.layers.Layer):
    """Group normalisation with scale and offset, then SiLU if asked for.

    Takes maps (b, ..., channels), or a list of them and a shift (b, channels) that is added to every place first. Statistics are
    float32 in every precision; each example has its own, so replicas change nothing.

    Args:
        groups: int >= 1, into which the channels are cut; None: `fitting_groups` of them.
        silu: bool, z sigmoid(z) follows.
        epsilon: float > 0, added to the variance.
    """

    def __init__(self, groups=None, silu=True, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.groups, self.silu, self.epsilon = groups, silu, epsilon

    def build(self, input_shape):
        channels = maps_of(input_shape)[-1]
        self.parts = self.groups or fitting_groups(channels)
        if channels % self.parts:
            raise Misuse(f"`groups` must divide the channels. Received: groups={self.parts} of {channels} channels.")
        float32 = {"shape": (channels,), "dtype": "float32", "autocast": False}
        self.scale = self.add_weight(initializer="ones", name="scale", **float32)
        self.offset = self.add_weight(initializer="zeros", name="offset", **float32)

    def call(self, inputs):
        x, shift = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        places = 1
        for side in x.shape[1:-1]:
            places *= side
        shape = tf.shape(x)
        rows = tf.reshape(x, (-1, places, x.shape[-1]))
        if shift is None:
            shift = tf.zeros((shape[0], x.shape[-1]))
        y = normalized(rows, tf.cast(shift, tf.float32), self.scale.value, self.offset.value, self.parts, self.epsilon, self.silu)
        return tf.ensure_shape(tf.reshape(y, shape), x.shape)

    def compute_output_shape(self, input_shape):
        return maps_of(input_shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "silu": self.silu, "epsilon": self.epsilon}


def maps_of(shapes):
    """The maps' shape, of theirs alone or of that and the shift's."""
    return shapes[0] if isinstance(shapes[0], (list, tuple)) else shapes


def fitting_groups(channels):
    """int, the largest divisor of `channels` that is at most min(channels / 4, 32), at least 1.

    Differs: published as min(channels / 4, 32) itself, which need not divide maps laid side by side.
    """
    return next(groups for groups in range(max(1, min(channels // 4, 32)), 0, -1) if channels % groups == 0)


def normalized(x, shift, scale, offset, groups, epsilon, silu):
    """The normalised rows.

    Args:
        x: float (b, n, channels).
        shift: float32 (b, channels), added to x.
        scale, offset: float32 (channels,).
        groups: int, divides the channels.
        epsilon: float > 0.
        silu: bool.

    Returns:
        (b, n, channels), of the type of x. Differentiable once, in all four tensors.
    """
    _, n, channels = x.shape
    size = n * channels // groups       # values of a group

    def over_groups(sums):
        """float32 (b, channels), of a group's sum over `size`, at each of its channels."""
        sums = tf.reduce_sum(tf.reshape(sums, (-1, groups, channels // groups)), -1, keepdims=True) / size
        return tf.reshape(tf.broadcast_to(sums, (tf.shape(x)[0], groups, channels // groups)), (-1, channels))

    @tf.custom_gradient
    def function(x, shift, scale, offset):
        wide = tf.cast(x, tf.float32)
        plain = tf.reduce_sum(wide, 1)
        squares = tf.reduce_sum(tf.square(wide), 1) + shift * (2 * plain + n * shift)
        mean = over_groups(plain + n * shift)
        rate = tf.math.rsqrt(tf.maximum(over_groups(squares) - tf.square(mean), 0) + epsilon)
        factor = scale * rate
        added = offset + (shift - mean) * factor
        z = wide * factor[:, None] + added[:, None]

        def gradient(change):
            change, wide = tf.cast(change, tf.float32), tf.cast(x, tf.float32)
            if silu:
                z = wide * factor[:, None] + added[:, None]         # again, rather than kept: memory for a pass
                gate = tf.sigmoid(z)
                change = change * (gate * (1 + z * (1 - gate)))
            by_offset = tf.reduce_sum(change, 1)
            by_scale = rate * (tf.reduce_sum(change * wide, 1) + (shift - mean) * by_offset)
            slope = -tf.square(rate) * over_groups(scale * by_scale)
            level = slope * (shift - mean) - rate * over_groups(scale * by_offset)
            back = change * factor[:, None] + wide * slope[:, None] + level[:, None]
            by_shift = factor * by_offset + slope * plain + n * level
            return tf.cast(back, x.dtype), by_shift, tf.reduce_sum(by_scale, 0), tf.reduce_sum(by_offset, 0)
        return tf.cast(z * tf.sigmoid(z) if silu else z, x.dtype), gradient
    return function(x, shift, scale, offset)
