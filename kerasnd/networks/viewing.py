"""What a network that was trained on cropped images sees: resized, cropped, perhaps mirrored, and normalised."""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import Misuse

# Name -> (mean, deviation) of values in [0, 1].
NORMALIZATIONS = {"imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "half": (0.5, 0.5), "none": (0.0, 1.0)}
DRAWS = 3           # numbers that a random view takes: the row, the column, and whether it is mirrored


@keras.saving.register_keras_serializable(package="kerasnd")
class View(keras.layers.Layer):
    """Images (b, height, width, 1 or c) in [0, 1] to float32 views (b, crop, crop, c).

    The shorter side becomes `size`, linearly between the pixels' centres; where that shrinks the image, over as many of its pixels
    as a new one covers. Then a square is cut out. Both at once, and the mirroring too: a row of a view is a weighted sum of the
    image's rows, a column of its columns, so two products of matrices do it for the whole batch.

    Args:
        size: int >= 1, of the shorter side; the image's own leaves it as it is.
        crop: int >= 1, side of the square, at most `size` + 2 `padding`.
        normalization: "imagenet" (mean and deviation of ImageNet's colours), "half" ([0, 1] to [-1, 1]) or "none".
        channels: int >= 1; grey images are repeated that often, others must have that many.
        flip: bool, random views are mirrored, left to right, half of the time.
        padding: int >= 0, zeros around the resized image, so that random crops of small images may move.

    Source: the published code's Resize, RandomCrop and RandomHorizontalFlip. Differs: no rounding to 256 values between the steps.
    """

    def __init__(self, size=256, crop=224, normalization="imagenet", channels=3, flip=True, padding=0, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, "trainable": False, **kwargs})
        arguments.choice("normalization", normalization, NORMALIZATIONS)
        arguments.switch("flip", flip)
        for name, value, least in (("size", size, 1), ("crop", crop, 1), ("channels", channels, 1), ("padding", padding, 0)):
            arguments.whole(name, value, least)
        if crop > size + 2 * padding:
            raise Misuse(f"`crop` must be at most {size + 2 * padding}, the resized side with its padding. Received: crop={crop}.")
        if normalization == "imagenet" and channels != 3:
            raise Misuse(f"`normalization=imagenet` must have 3 channels. Received: channels={channels}. Use half, or channels=3.")
        self.size, self.crop, self.normalization, self.channels = size, crop, normalization, channels
        self.flip, self.padding = flip, padding

    def call(self, x, drawn=None):
        """The views.

        Args:
            x: float (b, height, width, channels) in [0, 1].
            drawn: float32 (b, 3) in [0, 1), uniform random numbers, for random views; None for the one in the middle.
        """
        if x.shape[-1] not in (1, self.channels):
            raise Misuse(f"images must have 1 or {self.channels} channels. Received: {x.shape[-1]}.")
        x = tf.cast(x, tf.float32)
        _, height, width, channels = x.shape
        mirrored = drawn[:, 2] < 0.5 if self.flip and drawn is not None else None
        shorter = min(height, width)
        rows = self._weights(height, shorter, None if drawn is None else drawn[:, 0])
        columns = self._weights(width, shorter, None if drawn is None else drawn[:, 1], mirrored)
        x = tf.reshape(tf.matmul(rows, tf.reshape(x, (-1, height, width * channels))), (-1, self.crop, width, channels))
        x = tf.matmul(columns[:, None], x)
        mean, deviation = (np.asarray(value, np.float32) for value in NORMALIZATIONS[self.normalization])
        if channels < self.channels:
            x = tf.repeat(x, self.channels, axis=-1)
        return (x - mean) / deviation

    def back(self, shares, shape):
        """Shares of the middle view's pixels as shares of the image's that they were made of; their sum stays, but for what lies on
        the padding.

        Args:
            shares: float32 (b, crop, crop).
            shape: (int, int), height and width of the images.

        Returns:
            float32 (b, height, width); 0 where the view does not reach.
        """
        rows, columns = (self._weights(side, min(shape), None) for side in shape)
        return tf.matmul(tf.matmul(rows, shares, transpose_a=True), columns)

    def _weights(self, side, shorter, drawn, mirrored=None):
        """float32 (b or 1, crop, side), of the image's rows (or columns) in the view's.

        Args:
            side, shorter: int, rows of the image, and the length of its shorter side.
            drawn: float32 (b,) in [0, 1), where the view begins; None: in the middle.
            mirrored: bool (b,), or None.
        """
        resized = self.size * side // shorter
        places = resized + 2 * self.padding - self.crop + 1
        if drawn is None:
            first = tf.constant([round((places - 1) / 2)])
        else:
            first = tf.minimum(tf.cast(drawn * places, tf.int32), places - 1)
        taken = tf.tile(tf.range(self.crop)[None], (tf.shape(first)[0], 1))
        if mirrored is not None:
            taken = tf.where(mirrored[:, None], self.crop - 1 - taken, taken)
        taken += first[:, None] - self.padding
        ratio = side / resized
        centre = (tf.cast(taken, tf.float32) + 0.5) * ratio - 0.5
        weights = tf.nn.relu(1 - tf.abs(centre[..., None] - tf.range(side, dtype=tf.float32)) / max(1.0, ratio))
        inside = tf.cast((taken >= 0) & (taken < resized), tf.float32)[..., None]
        return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, -1, keepdims=True)) * inside

    def compute_output_shape(self, x_shape, drawn_shape=None):
        return x_shape[0], self.crop, self.crop, self.channels

    def get_config(self):
        return {**super().get_config(), "size": self.size, "crop": self.crop, "normalization": self.normalization,
                "channels": self.channels, "flip": self.flip, "padding": self.padding}
