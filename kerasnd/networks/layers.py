"""Layers that the published networks need and Keras does not have, or has slower.

All are exact rewritings: same weights, same function as the plain layers in their docstrings, fewer bytes moved.
"""
import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasnd.errors import Misuse


@keras.saving.register_keras_serializable(package="kerasnd")
class NormalizedActivation(keras.layers.Layer):
    """Batch normalisation, leaky ReLU and, if asked for, 2x2 max pooling.

    Normalisation and leaky ReLU rise monotonically, so pooling comes first where it can: the same numbers from a quarter of
    the elements. On one replica the normalisation is TensorFlow's fused operation; on several the statistics are those of
    the whole batch.

    Args:
        pool: bool, pool 2x2 (images only).
        negative_slope: float in [0, 1], of the leaky ReLU; 1 for none.
        epsilon: float > 0, added to the variance.
        momentum: float in [0, 1), of the moving statistics; the moving variance is the unbiased one.
        affine: bool, a scale and an offset are trained after the normalisation; without `pool`, since a negative scale falls.
    """

    def __init__(self, pool=False, negative_slope=0.01, epsilon=1e-4, momentum=0.9, affine=False, **kwargs):
        super().__init__(**kwargs)
        if pool and affine:
            raise Misuse("`affine` must be false where `pool` is true. Received: both true. Pool in a layer of its own.")
        self.pool, self.negative_slope, self.epsilon, self.momentum = pool, negative_slope, epsilon, momentum
        self.affine = affine

    def build(self, input_shape):
        shape = (input_shape[-1],)
        # Statistics of whole batches: bfloat16 is too coarse.
        float32 = {"trainable": False, "dtype": "float32", "autocast": False}
        self.moving_mean = self.add_weight(shape=shape, initializer="zeros", name="moving_mean", **float32)
        self.moving_variance = self.add_weight(shape=shape, initializer="ones", name="moving_variance", **float32)
        if self.affine:
            float32["trainable"] = True
            self.scale = self.add_weight(shape=shape, initializer="ones", name="scale", **float32)
            self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset", **float32)

    def call(self, x, training=False):
        ones = tf.ones((x.shape[-1],))
        scale, offset = (self.scale.value, self.offset.value) if self.affine else (ones, 0 * ones)
        if not training:
            x = self._normalized(x, self.moving_mean.value, self.moving_variance.value, scale, offset)
        elif tf.distribute.get_strategy().num_replicas_in_sync > 1:
            mean, variance = ops.moments(tf.cast(x, tf.float32), axes=list(range(x.shape.rank - 1)), synchronized=True)
            n = tf.cast(tf.size(x) // x.shape[-1] * tf.distribute.get_strategy().num_replicas_in_sync, tf.float32)
            self._move(mean, variance * n / (n - 1))
            x = self._normalized(x, mean, variance, scale, offset)
        else:
            image = x if x.shape.rank == 4 else x[:, None, None]
            if x.shape[-1] % 16:
                image = tf.cast(image, tf.float32)      # oneDNN's bfloat16 operation is 20 times slower on so few channels
            image, mean, variance = tf.compat.v1.nn.fused_batch_norm(image, scale, offset, epsilon=self.epsilon, is_training=True)
            self._move(mean, variance)
            image = tf.cast(image, x.dtype)
            x = self._pooled(image if x.shape.rank == 4 else image[:, 0, 0])
        return tf.nn.leaky_relu(x, self.negative_slope) if self.negative_slope < 1 else x

    def _normalized(self, x, mean, variance, scale, offset):
        factor = scale * tf.math.rsqrt(variance + self.epsilon)
        return self._pooled(x) * tf.cast(factor, x.dtype) + tf.cast(offset - mean * factor, x.dtype)

    def _pooled(self, x):
        return tf.nn.max_pool2d(x, 2, 2, "VALID") if self.pool else x

    def _move(self, mean, variance):
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving.value + (1 - self.momentum) * batch)

    def compute_output_shape(self, input_shape):
        if not self.pool:
            return input_shape
        n, h, w, c = input_shape
        return n, h // 2, w // 2, c

    def get_config(self):
        return {**super().get_config(), "pool": self.pool, "negative_slope": self.negative_slope, "epsilon": self.epsilon,
                "momentum": self.momentum, "affine": self.affine}


@keras.saving.register_keras_serializable(package="kerasnd")
class UpsampledConv2D(keras.layers.Layer):
    """Nearest up-sampling by 2 and a 5x5 convolution (stride 1, same), as one 3x3 convolution with 4 phases.

    An up-sampled pixel repeats, so of the 25 taps only 9 see different values: the kernel's rows and columns are summed by
    phase, the convolution runs at the low resolution, and the phases are interleaved. 9 products for 25.

    Args:
        filters: int >= 1.
        crop: int >= 0, pixels cut from each side of the result (the originals' padding 3 is a crop of 1).
    """

    # Row t of phase p sums the taps k that fall on low-resolution offset t - 1: floor((p + k - 2) / 2) = t - 1.
    PHASES = np.array([[[np.floor((p + k - 2) / 2) == t - 1 for k in range(5)] for t in range(3)] for p in range(2)], np.float32)

    def __init__(self, filters, crop=0, use_bias=False, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.filters, self.crop, self.use_bias = filters, crop, use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(5, 5, input_shape[-1], self.filters), initializer=self.kernel_initializer,
                                      name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias") if self.use_bias else None

    def call(self, x):
        kernel = tf.convert_to_tensor(self.kernel)
        channels = kernel.shape[2]
        phases = tf.constant(np.einsum("ptk,qul->tupqkl", self.PHASES, self.PHASES).reshape(36, 25), kernel.dtype)
        kernel = tf.reshape(tf.matmul(phases, tf.reshape(kernel, (25, channels * self.filters))), (3, 3, 4, channels, self.filters))
        kernel = tf.reshape(tf.transpose(kernel, (0, 1, 3, 2, 4)), (3, 3, channels, 4 * self.filters))
        y = tf.nn.conv2d(x, kernel, 1, "SAME")
        if self.use_bias:
            y = tf.nn.bias_add(y, tf.tile(tf.convert_to_tensor(self.bias), [4]))
        # depth_to_space and a slice by indices, in operations whose gradients are the faster ones
        _, height, width, _ = x.shape
        y = tf.transpose(tf.reshape(y, (-1, height, width, 2, 2 * self.filters)), (0, 1, 3, 2, 4))
        y = tf.reshape(y, (-1, 2 * height, 2 * width, self.filters))
        if self.crop:
            y = tf.slice(y, (0, self.crop, self.crop, 0), (-1, 2 * (height - self.crop), 2 * (width - self.crop), -1))
        return y

    def compute_output_shape(self, input_shape):
        n, h, w, _ = input_shape
        return n, 2 * (h - self.crop), 2 * (w - self.crop), self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "crop": self.crop, "use_bias": self.use_bias,
                "kernel_initializer": keras.initializers.serialize(self.kernel_initializer)}


@keras.saving.register_keras_serializable(package="kerasnd")
class DoublingConv2D(keras.layers.Layer):
    """Nearest up-sampling by 2 and a 3x3 convolution (stride 1, same), as one 2x2 convolution with 4 phases.

    The 2x2 pixels around a corner of the up-sampled map see the same 2x2 pixels of the low-resolution map: the kernel's rows and
    columns are summed by phase, the convolution gives all four, and the phases are interleaved. 4 products for 9.

    Args:
        filters: int >= 1.
    """

    # Phase p after a corner: row t sums the taps k that fall on the pixel before (0) or after (1) the corner.
    PHASES = np.array([[[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]], np.float32)

    def __init__(self, filters, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(3, 3, input_shape[-1], self.filters), initializer=self.kernel_initializer,
                                      name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, x):
        kernel = tf.convert_to_tensor(self.kernel)
        _, height, width, channels = x.shape
        phases = tf.constant(np.einsum("ptk,qul->tupqkl", self.PHASES, self.PHASES).reshape(16, 9), kernel.dtype)
        kernel = tf.reshape(tf.matmul(phases, tf.reshape(kernel, (9, channels * self.filters))), (2, 2, 4, channels, self.filters))
        kernel = tf.reshape(tf.transpose(kernel, (0, 1, 3, 2, 4)), (2, 2, channels, 4 * self.filters))
        # padded apart: with explicit padding TensorFlow leaves oneDNN, hundred times slower in bfloat16
        y = tf.nn.conv2d(tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), kernel, 1, "VALID")
        y = tf.nn.bias_add(y, tf.tile(tf.convert_to_tensor(self.bias), [4]))
        y = tf.transpose(tf.reshape(y, (-1, height + 1, width + 1, 2, 2 * self.filters)), (0, 1, 3, 2, 4))
        y = tf.reshape(y, (-1, 2 * height + 2, 2 * width + 2, self.filters))
        return tf.slice(y, (0, 1, 1, 0), (-1, 2 * height, 2 * width, -1))

    def compute_output_shape(self, input_shape):
        n, height, width, _ = input_shape
        return n, 2 * height, 2 * width, self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters,
                "kernel_initializer": keras.initializers.serialize(self.kernel_initializer)}
