"""From raw values to what the networks eat: the model's own first layer, so that raw data is scored alike everywhere."""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import BadData, Misuse

IMPUTING = "median+"        # before a kind: missing values are filled in first
KINDS = ("none", "unit", "gcn_l1", "gcn_l2", "minmax", "standard")


@keras.saving.register_keras_serializable(package="kerasnd")
class Normalizer(keras.layers.Layer):
    """Maps raw examples to float32 by statistics of the training normals, which are weights.

    Args:
        kind: one of
            "none": values as they are;
            "unit": the type's range (uint8: 0..255, uint16: 0..65535), for floats the training extremes, to [0, 1];
            "gcn_l1", "gcn_l2": per-image global contrast normalisation (mean 0, mean absolute value 1 or root mean square 1),
                then the training extremes to [0, 1]; test values may leave it (Ruff et al. 2018);
            "minmax": each feature's training extremes to [0, 1];
            "standard": each feature to mean 0 and deviation 1.
            "median+" before a kind fills in what is missing (NaN) by the feature's training median, for tables.
        example_shape: tuple of int.

    Differs: the code of the Deep SAD study scales tables by a standard and then a min-max scaler, which together are "minmax", but
    fits them on all examples that may train, anomalies that do not train included; here only what trains is looked at, and (see
    `Detector.prepare`) of that no known anomaly, unless the method or the stage before is blind to hints.
    """

    def __init__(self, kind, example_shape, **kwargs):
        super().__init__(dtype="float32", autocast=False, trainable=False, **kwargs)
        self.kind, self.example_shape = kind, tuple(example_shape)
        self.imputes, self.scaling = kind.startswith(IMPUTING), kind.removeprefix(IMPUTING)
        arguments.choice("preprocess", self.scaling, KINDS, remedy="Or auto.")
        if self.imputes and len(self.example_shape) != 1:
            raise Misuse(f"`preprocess` must begin with {IMPUTING} for tables alone. Received: {kind} for examples of shape "
                         f"{self.example_shape}. Leave {IMPUTING} out.")
        shape = self.example_shape if self.scaling in ("minmax", "standard") else ()
        # x -> (x - offset) * factor, after the contrast normalisation where there is one.
        self.offset = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="offset")
        self.factor = self.add_weight(shape=shape, initializer="ones", trainable=False, name="factor")
        if self.imputes:
            self.fill = self.add_weight(shape=self.example_shape, initializer="zeros", trainable=False, name="fill")
        self.built = True

    def contrast(self, x):
        """float32, filled in, with each image's mean and scale removed where the kind says so; a flat image becomes zeros."""
        x = tf.cast(x, tf.float32)
        if self.imputes:
            x = tf.where(tf.math.is_nan(x), self.fill, x)
        if not self.scaling.startswith("gcn"):
            return x
        axes = list(range(1, x.shape.rank))
        x = x - tf.reduce_mean(x, axes, keepdims=True)
        size = tf.reduce_mean(tf.abs(x), axes, keepdims=True) if self.scaling == "gcn_l1" else tf.sqrt(
            tf.reduce_mean(tf.square(x), axes, keepdims=True))
        return tf.math.divide_no_nan(x, tf.where(size > 1e-6, size, 0.0))

    def call(self, x):
        return (self.contrast(x) - self.offset) * self.factor

    def undone(self, x):
        """float32 (b, ...), raw values of normalised ones; each image's own contrast, where that was removed, stays so."""
        if self.scaling.startswith("gcn"):
            return x
        return tf.math.divide_no_nan(x, self.factor.value) + self.offset.value

    def compute_output_shape(self, input_shape):
        return input_shape

    def adapt(self, batches):
        """Takes the statistics, in one pass.

        Args:
            batches: iterable of raw arrays or tensors (b, ...), training normals; b is 0 where all were known
                anomalies.

        Raises:
            BadData: a value is infinite, or NaN where none is filled in; a feature has no value to take the median of; (for
                extremes) every value is the same.
        """
        if self.imputes:
            batches = [np.asarray(batch, np.float32) for batch in batches]
            self._fit_fill(batches)
        low = high = None
        n, total, squares = 0, 0.0, 0.0
        for batch in batches:
            batch = tf.convert_to_tensor(batch)
            if len(batch) == 0:
                continue
            if n == 0 and self.scaling == "unit" and batch.dtype.is_integer and batch.dtype in (tf.uint8, tf.uint16):
                return self._set(0.0, 1 / batch.dtype.max)
            x = self.contrast(batch).numpy()
            if not np.isfinite(x).all():
                place = np.argwhere(~np.isfinite(x))[0].tolist()
                raise BadData(f"training examples must be finite. Received: {x[tuple(place)]} in example {n + place[0]} at "
                              f"{place[1:]}. Remove or impute it.")
            axis = 0 if len(self.offset.shape) else None
            low = x.min(axis) if low is None else np.minimum(low, x.min(axis))
            high = x.max(axis) if high is None else np.maximum(high, x.max(axis))
            if self.scaling == "standard":
                total, squares = total + x.sum(0, np.float64), squares + np.square(x, dtype=np.float64).sum(0)
            n += len(x)
        if n == 0:
            raise Misuse("training needs at least one example that is not hinted as anomalous. Received: none.")
        if self.scaling == "standard":
            mean = total / n
            deviation = np.sqrt(np.maximum(squares / n - mean ** 2, 0))
            # A feature that is constant in training keeps its unit: an example in which it differs must be seen to differ.
            return self._set(mean, 1 / np.where(deviation > 0, deviation, 1))
        if self.scaling != "none":
            span = np.asarray(high, np.float64) - low
            if not (span > 0).any():
                raise BadData(f"training examples must differ. Received: {n} examples with the constant value {np.ravel(low)[0]}.")
            return self._set(low, 1 / np.where(span > 0, span, 1))

    def _fit_fill(self, batches):
        if not batches:
            return
        x = np.concatenate(batches)
        empty = np.flatnonzero(np.isnan(x).all(axis=0)) if len(x) else ()
        if len(empty):
            raise BadData(f"training examples must have a value in every feature. Received: {len(x)} examples, all of them NaN in "
                          f"feature {empty[0]}, counted from 0. Leave the feature out.")
        if len(x):
            self.fill.assign(np.nanmedian(x, axis=0))

    def _set(self, offset, factor):
        self.offset.assign(np.broadcast_to(np.asarray(offset, np.float32), tuple(self.offset.shape)))
        self.factor.assign(np.broadcast_to(np.asarray(factor, np.float32), tuple(self.factor.shape)))

    def get_config(self):
        return {"name": self.name, "kind": self.kind, "example_shape": list(self.example_shape)}
