"""Features of one number per example, a time or a noise level, for networks that must know it."""
import math

import keras
import numpy as np
import tensorflow as tf

DEVIATION = 16.0        # of the random frequencies


@keras.saving.register_keras_serializable(package="kerasnd")
class Sinusoids(keras.layers.Layer):
    """(n,) -> float32 (n, units): sines, then cosines, at units / 2 frequencies that fall geometrically from 1 to 1e-4.

    Args:
        units: int >= 4, even.

    Source: Ho et al. (2020), code.
    """

    def __init__(self, units, **kwargs):
        # a time of 999 needs more digits than bfloat16 has
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.units = units

    def call(self, condition):
        half = self.units // 2
        frequency = np.exp(-math.log(1e4) * np.arange(half) / (half - 1)).astype(np.float32)
        return waves(tf.cast(condition, tf.float32)[:, None] * frequency)

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.units

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="kerasnd")
class RandomWaves(keras.layers.Layer):
    """(n,) -> float32 (n, units): [sin, cos](2 pi w c) at random frequencies w ~ N(0, 16^2), a weight that is not trained.

    Args:
        units: int >= 2, even.

    Source: Song et al. (2021), code; the condition c is the logarithm of the noise level there.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.units = units

    def build(self, input_shape):
        self.frequency = self.add_weight(shape=(self.units // 2,), initializer=keras.initializers.RandomNormal(stddev=DEVIATION),
                                         trainable=False, name="frequency")

    def call(self, condition):
        return waves(2 * math.pi * tf.cast(condition, tf.float32)[:, None] * self.frequency.value)

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.units

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def waves(angle):
    """Sines, then cosines, of angles (n, k): (n, 2 k)."""
    return tf.concat([tf.sin(angle), tf.cos(angle)], 1)
