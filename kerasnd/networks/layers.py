"""Layers that the published networks need and Keras does not have, or has slower.

Both are exact rewritings: same weights, same function as the plain layers in their docstrings, fewer bytes moved.
"""
import keras
import numpy as np
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="kerasnd")
class NormalizedPool(keras.layers.Layer):
    """Batch normalisation without scale or offset, leaky ReLU, 2x2 max pooling: computed pool first.

    Normalisation and leaky ReLU rise monotonically, so pooling before them gives the same numbers on a quarter of the
    elements. The statistics are those of the unpooled input.

    Args:
        negative_slope: float in [0, 1), of the leaky ReLU.
        epsilon: float > 0, added to the variance.
        momentum: float in [0, 1), of the moving statistics.
    """

    def __init__(self, negative_slope=0.01, epsilon=1e-4, momentum=0.9, **kwargs):
        super().__init__(**kwargs)
        self.negative_slope, self.epsilon, self.momentum = negative_slope, epsilon, momentum

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.moving_mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(shape=shape, initializer="ones", trainable=False, name="moving_variance")

    def call(self, x, training=False):
        if training:
            mean, variance = ops.moments(ops.cast(x, "float32"), axes=(0, 1, 2), synchronized=True)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * ops.cast(batch, moving.dtype))
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        factor = ops.rsqrt(ops.cast(variance, "float32") + self.epsilon)
        x = ops.max_pool(x, 2)
        x = x * ops.cast(factor, x.dtype) - ops.cast(ops.cast(mean, "float32") * factor, x.dtype)
        return ops.leaky_relu(x, self.negative_slope)

    def compute_output_shape(self, input_shape):
        n, h, w, c = input_shape
        return n, h // 2, w // 2, c

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope, "epsilon": self.epsilon,
                "momentum": self.momentum}


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
        phases = tf.constant(self.PHASES, kernel.dtype)
        kernel = tf.einsum("ptk,qul,klio->tuipqo", phases, phases, kernel)
        kernel = tf.reshape(kernel, (3, 3, kernel.shape[2], 4 * self.filters))
        y = tf.nn.conv2d(x, kernel, 1, "SAME")
        if self.use_bias:
            y = tf.nn.bias_add(y, tf.tile(tf.convert_to_tensor(self.bias), [4]))
        y = tf.nn.depth_to_space(y, 2)
        return y[:, self.crop:-self.crop, self.crop:-self.crop] if self.crop else y

    def compute_output_shape(self, input_shape):
        n, h, w, _ = input_shape
        return n, 2 * (h - self.crop), 2 * (w - self.crop), self.filters

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "crop": self.crop, "use_bias": self.use_bias,
                "kernel_initializer": keras.initializers.serialize(self.kernel_initializer)}
