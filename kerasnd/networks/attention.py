"""Attention of every place of a map to every other, as two products of matrices."""
import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="kerasnd")
class Attention(keras.layers.Layer):
    """softmax(q k^T / sqrt(channels)) v of queries, keys and values that are linear in the maps, then linear once more.

    One head; maps (b, height, width, channels) keep their shape. The softmax is float32.

    Args:
        kernel_initializer: of queries, keys and values.
        final_initializer: of the last product.
    """

    def __init__(self, kernel_initializer="glorot_uniform", final_initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.final_initializer = keras.initializers.get(final_initializer)

    def build(self, input_shape):
        channels = input_shape[-1]
        for name in ("query", "key", "value", "final"):
            initializer = self.final_initializer if name == "final" else self.kernel_initializer
            # a copy: the same initializer twice would draw the same numbers
            copy = initializer.__class__.from_config(initializer.get_config())
            setattr(self, name, self.add_weight(shape=(channels, channels), initializer=copy, name=name))
            setattr(self, f"{name}_bias", self.add_weight(shape=(channels,), initializer="zeros", name=f"{name}_bias"))

    def call(self, x):
        _, height, width, channels = x.shape
        rows = tf.reshape(x, (-1, channels))
        # queries, keys and values in one product
        kernel = tf.concat([tf.convert_to_tensor(self.query), tf.convert_to_tensor(self.key), tf.convert_to_tensor(self.value)], 1)
        bias = tf.concat([tf.convert_to_tensor(self.query_bias), tf.convert_to_tensor(self.key_bias),
                          tf.convert_to_tensor(self.value_bias)], 0)
        three = tf.reshape(tf.nn.bias_add(tf.matmul(rows, kernel), bias), (-1, height * width, 3 * channels))
        query, key, value = tf.split(three, 3, 2)
        query = query * tf.cast(channels ** -0.5, x.dtype)
        weight = tf.nn.softmax(tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32))
        seen = tf.reshape(tf.matmul(tf.cast(weight, x.dtype), value), (-1, channels))
        seen = tf.nn.bias_add(tf.matmul(seen, tf.convert_to_tensor(self.final)), tf.convert_to_tensor(self.final_bias))
        return tf.reshape(seen, (-1, height, width, channels))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
                "final_initializer": keras.initializers.serialize(self.final_initializer)}
