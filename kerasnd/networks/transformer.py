"""Layers of a vision transformer, whose weights are those of Google's checkpoints and whose passes over memory are few.

    block:  x = x + A(N1(x)),  x = x + M(N2(x))         N standardises each token, then scales and shifts; variance + 1e-6
            A = softmax(q k' / sqrt(w / heads)) v, projected; q, k, v = x W + b in one product
            M = gelu(x W1 + b1) W2 + b2, gelu(h) = h P(h), P the normal distribution function

On a CPU in bfloat16 the products take little, and what lies between them much: so the standardising and the gradient of gelu are
written out, a mask of the dropout takes a byte a value, and the last block computes what the class token needs and nothing else.
"""
import math

import keras
import tensorflow as tf

EPSILON = 1e-6


def normalized(x, scale, shift, dtype):
    """Each row of x with mean 0 and variance 1, scaled and shifted.

    Args:
        x: (..., units).
        scale, shift: float32 (units,).
        dtype: of the result; the work is done in float32.
    """
    rows = tf.cast(x, tf.float32)
    rows -= tf.reduce_mean(rows, -1, keepdims=True)
    rows *= tf.math.rsqrt(tf.reduce_mean(rows * rows, -1, keepdims=True) + EPSILON)
    return tf.cast(rows * tf.convert_to_tensor(scale) + tf.convert_to_tensor(shift), dtype)


@tf.custom_gradient
def gelu(h):
    """h P(h), computed in float32; keeps h alone for its gradient, P(h) + h p(h), and reads it once."""
    def distribution(h):
        return 0.5 + 0.5 * tf.math.erf(h * math.sqrt(0.5))

    def gradient(change):
        wide = tf.cast(h, tf.float32)
        slope = distribution(wide) + wide * tf.exp(wide * wide * -0.5) * (1 / math.sqrt(2 * math.pi))
        return tf.cast(tf.cast(change, tf.float32) * slope, h.dtype)
    wide = tf.cast(h, tf.float32)
    return tf.cast(wide * distribution(wide), h.dtype), gradient


def dropped(x, rate, seed):
    """Dropout by one random byte a value.

    Args:
        x: (n, ..., width).
        rate: float in [0, 1), share of the values that become 0. Differs: rounded to 1/256, so 0.1 is 0.1016; the others grow by as
            much as makes the mean exact.
        seed: two integers; the same seed, the same mask.
    """
    lost, width = min(round(256 * rate), 255), x.shape[-1]
    shape, words = tf.shape(x), -(-width // 4)
    bits = tf.random.stateless_uniform(tf.concat([shape[:-1], [words]], 0), seed, None, None, tf.uint32)
    bits = tf.reshape(tf.bitcast(bits, tf.uint8), tf.concat([shape[:-1], [4 * words]], 0))
    kept = tf.cast((bits[..., :width] if width % 4 else bits) >= lost, x.dtype)
    return x * kept * (256 / (256 - lost))


class _Drops(keras.layers.Layer):
    """A layer with dropout; its seed is decided by `keras.utils.set_random_seed`, and checkpoints keep it."""

    def __init__(self, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dropout = dropout
        self.seeds = keras.random.SeedGenerator() if dropout else None

    def drop(self, x, training):
        return dropped(x, self.dropout, self.seeds.next()) if training and self.dropout else x


@keras.saving.register_keras_serializable(package="kerasnd")
class Tokens(_Drops):
    """Images (b, height, width, channels) to tokens (b, 1 + patches, units): a learnt one, then each patch, plus learnt positions.

    Args:
        patch: int >= 1, side of a patch; divides height and width.
        units: int >= 1.
        dropout: float in [0, 1).
    """

    def __init__(self, patch, units, dropout=0.0, **kwargs):
        super().__init__(dropout, **kwargs)
        self.patch, self.units = patch, units

    def build(self, input_shape):
        _, height, width, channels = input_shape
        self.grid = height // self.patch, width // self.patch
        self.kernel = self.add_weight(shape=(self.patch, self.patch, channels, self.units), initializer="lecun_normal",
                                      name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.token = self.add_weight(shape=(1, 1, self.units), initializer="zeros", name="class_token")
        self.positions = self.add_weight(shape=(1, 1 + math.prod(self.grid), self.units), name="positions",
                                         initializer=keras.initializers.RandomNormal(stddev=0.02))

    def call(self, x, training=False):
        (rows, columns), side, channels = self.grid, self.patch, x.shape[-1]
        # A patch lies within its own strides: the convolution is one product of matrices.
        x = tf.transpose(tf.reshape(x, (-1, rows, side, columns, side, channels)), (0, 1, 3, 2, 4, 5))
        x = tf.matmul(tf.reshape(x, (-1, side * side * channels)), tf.reshape(self.kernel, (-1, self.units)))
        x = tf.reshape(tf.nn.bias_add(x, tf.convert_to_tensor(self.bias)), (-1, rows * columns, self.units))
        token = tf.repeat(tf.convert_to_tensor(self.token), tf.shape(x)[0], axis=0)
        return self.drop(tf.concat([token, x], axis=1) + tf.convert_to_tensor(self.positions), training)

    def compute_output_shape(self, input_shape):
        return input_shape[0], 1 + (input_shape[1] // self.patch) * (input_shape[2] // self.patch), self.units

    def get_config(self):
        return {**super().get_config(), "patch": self.patch, "units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="kerasnd")
class Block(_Drops):
    """A transformer's block, tokens (b, n, units) to tokens.

    Args:
        heads: int >= 1, divides the units.
        hidden: int >= 1, units of the two dense layers' middle.
        dropout: float in [0, 1), after the first and the second dense layer; attention has none.
        class_only: bool, gives the class token (b, 1, units) alone: the same numbers, most of the block's work left out.
        lora_rank: int >= 0. Above 0 the block's weights stay as they are, and the kernels of q and v gain a product of two thin
            matrices that train, the second zero at first (Hu et al. 2022).
    """

    def __init__(self, heads, hidden, dropout=0.0, class_only=False, lora_rank=0, **kwargs):
        super().__init__(dropout, **kwargs)
        self.heads, self.hidden, self.class_only, self.lora_rank = heads, hidden, class_only, lora_rank

    def build(self, input_shape):
        units = input_shape[-1]

        def weight(name, shape, initializer="zeros", trainable=not self.lora_rank, autocast=True):
            return self.add_weight(shape=shape, initializer=initializer, trainable=trainable, autocast=autocast, name=name)

        def normalization(place):
            return weight(f"scale_{place}", (units,), "ones", autocast=False), weight(f"shift_{place}", (units,), autocast=False)
        # lecun_uniform of a square matrix is Glorot's; of three side by side, Glorot's of each
        self.scale_1, self.shift_1 = normalization(1)
        self.qkv_kernel = weight("qkv_kernel", (units, 3 * units), "lecun_uniform", autocast=False)
        self.qkv_bias = weight("qkv_bias", (3 * units,))
        self.out_kernel, self.out_bias = weight("out_kernel", (units, units), "lecun_uniform"), weight("out_bias", (units,))
        self.scale_2, self.shift_2 = normalization(2)
        small = keras.initializers.RandomNormal(stddev=1e-6)
        self.kernel_1 = weight("kernel_1", (units, self.hidden), "glorot_uniform")
        self.bias_1 = weight("bias_1", (self.hidden,), small)
        self.kernel_2 = weight("kernel_2", (self.hidden, units), "glorot_uniform")
        self.bias_2 = weight("bias_2", (units,), small)
        if self.lora_rank:
            self.down = [weight(f"lora_{name}_down", (units, self.lora_rank), "he_uniform", True, False) for name in "qv"]
            self.up = [weight(f"lora_{name}_up", (self.lora_rank, units), "zeros", True, False) for name in "qv"]

    def call(self, x, training=False):
        _, n, units = x.shape
        rows = tf.reshape(x, (-1, units))
        attended = self._attended(normalized(rows, self.scale_1, self.shift_1, x.dtype), n, units)
        rows = x[:, 0] if self.class_only else rows
        rows += dense(attended, self.out_kernel, self.out_bias)
        h = dense(normalized(rows, self.scale_2, self.shift_2, x.dtype), self.kernel_1, self.bias_1)
        # Without training TensorFlow makes one operation of product, bias and its own gelu.
        h = self.drop(gelu(h), training) if training else tf.nn.gelu(h)
        rows += self.drop(dense(h, self.kernel_2, self.bias_2), training)
        return tf.reshape(rows, (-1, 1 if self.class_only else n, units))

    def _attended(self, rows, n, units):
        """(b n, units), or (b, units) with `class_only`, from the normalised tokens (b n, units)."""
        weights, v = self._looked(rows, n, units)
        return tf.reshape(tf.transpose(tf.matmul(weights, v), (0, 2, 1, 3)), (-1, units))

    def attention(self, x):
        """How much each token takes of each, in every head: (b, heads, n, n), or (b, heads, 1, n) with `class_only`; rows add up
        to 1. Of tokens x (b, n, units)."""
        _, n, units = x.shape
        return self._looked(normalized(tf.reshape(x, (-1, units)), self.scale_1, self.shift_1, x.dtype), n, units)[0]

    def _looked(self, rows, n, units):
        """(attention as above, values (b, heads, n, units / heads))."""
        each = units // self.heads
        kernel, bias = self._kernel(units), tf.convert_to_tensor(self.qkv_bias)

        def parts(rows, count):
            return tf.unstack(tf.transpose(tf.reshape(rows, (-1, n, count, self.heads, each)), (2, 0, 3, 1, 4)))
        if self.class_only:
            q = dense(tf.reshape(rows, (-1, n, units))[:, 0], kernel[:, :units], bias[:units])
            q = tf.reshape(q, (-1, self.heads, 1, each))
            k, v = parts(dense(rows, kernel[:, units:], bias[units:]), 2)
        else:
            q, k, v = parts(dense(rows, kernel, bias), 3)
        return tf.nn.softmax(tf.matmul(q * each ** -0.5, k, transpose_b=True)), v

    def _kernel(self, units):
        """(units, 3 units), that of q, k and v side by side, with what was added to q and v."""
        kernel = tf.convert_to_tensor(self.qkv_kernel)
        if self.lora_rank:      # in float32: bfloat16 would round what is small beside the kernel away
            q, v = (tf.matmul(tf.convert_to_tensor(down), tf.convert_to_tensor(up)) for down, up in zip(self.down, self.up))
            kernel += tf.concat([q, tf.zeros_like(q), v], axis=1)
        return tf.cast(kernel, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, input_shape[2]) if self.class_only else tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "hidden": self.hidden, "dropout": self.dropout,
                "class_only": self.class_only, "lora_rank": self.lora_rank}


@keras.saving.register_keras_serializable(package="kerasnd")
class ClassFeature(keras.layers.Layer):
    """The class token (b, n, units), the first, normalised: float32 (b, units) whatever the precision."""

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})

    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones", name="scale")
        self.shift = self.add_weight(shape=input_shape[-1:], initializer="zeros", name="shift")

    def call(self, x):
        return normalized(x[:, 0], self.scale, self.shift, tf.float32)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]


def dense(rows, kernel, bias):
    """(n, outputs), from rows (n, inputs)."""
    return tf.nn.bias_add(tf.matmul(rows, tf.convert_to_tensor(kernel)), tf.convert_to_tensor(bias))
