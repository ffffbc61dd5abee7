"""Convolutions of 4x4 that halve or double maps, with a gradient of the kernel that is quick in bfloat16 on a CPU.

TensorFlow's own gradient of a kernel takes two to five times as long as the convolution there, no less than in float32. As products
of matrices it takes once to twice as long: a kernel of 4x4 taps sees blocks of 2x2 values in four places, so the maps are reordered
into blocks once, and each place is one product. Same weights and names as Keras' layers.
"""
import keras
import tensorflow as tf
from keras import layers

FEWEST = 32         # channels, for products to be the quicker


@keras.saving.register_keras_serializable(package="kerasnd")
class StridedConv2D(layers.Conv2D):
    """Keras' Conv2D; quicker in training where it halves maps by 4x4 taps in bfloat16."""

    def convolution_op(self, inputs, kernel):
        if not quick(self, inputs):
            return super().convolution_op(inputs, kernel)
        return halved(inputs, tf.convert_to_tensor(kernel))


@keras.saving.register_keras_serializable(package="kerasnd")
class StridedConv2DTranspose(layers.Conv2DTranspose):
    """Keras' Conv2DTranspose; quicker in training where it doubles maps by 4x4 taps in bfloat16."""

    def call(self, inputs):
        if not quick(self, inputs):
            return super().call(inputs)
        maps = doubled(inputs, tf.convert_to_tensor(self.kernel))
        return self.activation(tf.nn.bias_add(maps, tf.convert_to_tensor(self.bias)) if self.use_bias else maps)


def quick(layer, inputs):
    """bool, whether a layer is one that this module has for the device and the type of its inputs."""
    plain = (layer.data_format == "channels_last" and getattr(layer, "groups", 1) == 1 and tuple(layer.dilation_rate) == (1, 1)
             and getattr(layer, "output_padding", None) is None)
    return (plain and layer.kernel_size == (4, 4) and tuple(layer.strides) == (2, 2) and layer.padding == "same"
            and inputs.dtype == tf.bfloat16 and min(layer.filters, inputs.shape[-1]) >= FEWEST
            and not tf.config.list_physical_devices("GPU"))


@tf.custom_gradient
def halved(maps, kernel):
    """(b, ceil(height / 2), ceil(width / 2), filters), from maps (b, height, width, channels), kernel (4, 4, channels, filters)."""
    def gradient(change):
        return tf.nn.conv2d_transpose(change, kernel, tf.shape(maps), 2), kernel_gradient(maps, change)
    return tf.nn.conv2d(maps, kernel, 2, "SAME"), gradient


@tf.custom_gradient
def doubled(maps, kernel):
    """(b, 2 height, 2 width, filters), from maps (b, height, width, channels), kernel (4, 4, filters, channels)."""
    def gradient(change):
        return tf.nn.conv2d(change, kernel, 2, "SAME"), kernel_gradient(change, maps)
    _, height, width, _ = maps.shape
    whole = tf.nn.conv2d_transpose(maps, kernel, (tf.shape(maps)[0], 2 * height, 2 * width, kernel.shape[2]), 2)
    return tf.ensure_shape(whole, (maps.shape[0], 2 * height, 2 * width, kernel.shape[2])), gradient


def kernel_gradient(large, small):
    """The gradient of a kernel between maps.

    Args:
        large: (b, height, width, channels), given to a convolution that halves, or the gradient of what one doubled.
        small: (b, ceil(height / 2), ceil(width / 2), filters), the gradient of what it halved, or given to one that doubles.

    Returns:
        (4, 4, channels, filters).
    """
    (_, height, width, channels), (_, rows, columns, filters) = large.shape, small.shape
    edges = ((0, 0), (1, 2 * rows + 1 - height), (1, 2 * columns + 1 - width), (0, 0))
    blocks = tf.reshape(tf.pad(large, edges), (-1, rows + 1, 2, columns + 1, 2, channels))
    blocks = tf.transpose(blocks, (0, 1, 3, 2, 4, 5))
    small = tf.reshape(small, (-1, filters))

    def taps(row, column):      # two rows of taps by two columns
        seen = tf.reshape(blocks[:, row:row + rows, column:column + columns], (-1, 4 * channels))
        return tf.reshape(tf.matmul(seen, small, transpose_a=True), (2, 2, channels, filters))
    return tf.concat([tf.concat([taps(row, 0), taps(row, 1)], 1) for row in (0, 1)], 0)
