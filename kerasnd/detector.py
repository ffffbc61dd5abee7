"""The contract: a Keras model whose output is the novelty score."""
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasnd import collapse, feeding, raw
from kerasnd.collapse import CollapseWarning
from kerasnd.descent import Descent, Life
from kerasnd.errors import Misuse
from kerasnd.networks.normalizer import IMPUTING, Normalizer
from kerasnd.saved_form import FORMAT, SavedForm

__all__ = ["FORMAT", "CollapseWarning", "Detector"]


class Detector(Descent, SavedForm, keras.Model):
    """Maps a batch of raw examples to one novelty score each; higher is stranger.

    A subclass is a method: `__init__` takes plain values (or Keras models) and keeps each under its own name, `call` scores,
    `train_step` is the algorithm box of the paper. It may also write `start` and `finish` (what is fitted before the first step and
    after the last), `on_epoch_begin` / `on_epoch_end` (what is fitted between epochs), `inherit` (what it takes from the stage
    before) and `players` (who descends on a loss of their own, see `Descent`).

    Args:
        example_shape: tuple of int, of one raw example: (features,) or (height, width, channels).
        preprocess: str, a kind of `kerasnd.networks.normalizer.Normalizer`, or "auto" (see `default_preprocess`); "median+auto":
            the same where missing values (NaN) of tables are filled in.
    """

    IMAGE_PREPROCESS = "gcn_l1"
    AFTER_COLLAPSE = ("Train for fewer epochs, lower the learning rate, or use an encoder without biases and with unbounded "
                      "activations.")

    @classmethod
    def default_preprocess(cls, example_shape):
        """str, the kind of `Normalizer` that "auto" stands for: each method's own for images, "minmax" for tables."""
        return "minmax" if len(example_shape) == 1 else cls.IMAGE_PREPROCESS

    def __init__(self, example_shape, preprocess):
        if keras.config.dtype_policy().compute_dtype == "float64":
            raise Misuse("`keras.config.dtype_policy()` must be float32 or a mixed one. Received: float64.")
        super().__init__(autocast=False)    # raw values keep their type: bfloat16 would round them
        imputing, kind = IMPUTING * str(preprocess).startswith(IMPUTING), str(preprocess).removeprefix(IMPUTING)
        kind = self.default_preprocess(example_shape) if kind == "auto" else kind
        self.normalizer = Normalizer(imputing + kind, example_shape, name="normalizer")
        self.prepared = self.add_weight(shape=(), initializer="zeros", trainable=False, name="prepared")
        self.weight_decay = getattr(self, "weight_decay", 0.0)
        self.feed = None
        self._compiled = {}
        self.built = True

    # ---- what a method says of itself -------------------------------------------------------------------------------

    def start(self, feed):
        """Fits what a score needs before the first step (centre, radius); nothing by default."""

    def ready(self, feed):
        """Called by every `fit` before anything else: makes what only training needs (see `resume_variables`)."""

    def finish(self, feed):
        """Fits what a score needs after the last step; nothing by default."""

    def on_epoch_begin(self, epoch):
        """Called before each epoch, outside the graph."""

    def on_epoch_end(self, epoch):
        """Called after each epoch, outside the graph, before the callbacks: a checkpoint sees its work.

        Returns: dict of float, what the logs of the epoch are to hold too, or None.
        """

    def inherit(self, parent):
        """Starts from the encoder and the preprocessing of an earlier stage.

        Raises:
            Misuse: their networks or their preprocessing differ.
        """
        mine, theirs = self.normalizer, parent.normalizer
        shapes = [[tuple(w.shape) for w in model.encoder.weights] for model in (self, parent)]
        if mine.kind != theirs.kind or shapes[0] != shapes[1]:
            raise Misuse(f"a stage must have the encoder and `preprocess` of the one before. Received: preprocess={mine.kind} "
                         f"after {theirs.kind}, {len(shapes[0])} weights after {len(shapes[1])}. Give both the same `network`, "
                         "`latent_dim` and `preprocess`.")
        self.encoder.set_weights(parent.encoder.get_weights())
        mine.set_weights(theirs.get_weights())
        self._inherited = True

    takes_hints = False     # a method that learns from hints says True; the others never see them
    starts_alike = False    # the network's first weights are a file's, not chance's
    offset = 0.0            # what `call` subtracts from or adds to every score

    @property
    def resume_variables(self):
        """Variables beyond `variables` and the optimisers' that a resumed training needs, and a score does not."""
        return []

    # ---- Keras' verbs ----------------------------------------------------------------------------------------------

    def fit(self, x=None, y=None, *, batch_size=128, epochs=1, initial_epoch=0, seed=None, callbacks=None,
            validation_data=None, validation_split=0.0, **kwargs):
        """Learns what is normal.

        Args:
            x: array (n, ...) of raw examples, a tf.data dataset of batches `x` or `(x, hint)`, or a `kerasnd.feeding.Feed`.
            y: int (n,) in {-1, 0, +1}, the hint of each example; None: all unknown. Truth labels have no place here.
            batch_size: int, of the steps where `x` is an array.
            epochs, initial_epoch, callbacks, **kwargs: as in `keras.Model.fit`.
            seed: int, decides the order of an array's examples; None: from `keras.utils.set_random_seed`.
            validation_data: held-out normals, array or dataset: `val_loss` is their mean score.
            validation_split: float in [0, 1), the share of an array's last examples that is `validation_data`.

        Returns:
            keras.callbacks.History

        Raises:
            Misuse: shapes or hints are wrong, `compile` was not called. FloatingPointError: the loss became NaN or infinite.
        """
        self.refuse_weights(kwargs)
        self.check_compiled()
        if validation_split and validation_data is None:
            x, y, validation_data = raw.hold_out(x, y, validation_split)
        seed = int(keras.random.SeedGenerator().state.numpy()[0]) if seed is None and not isinstance(x, feeding.Feed) else seed
        feed = feeding.feed(x, y, batch_size, seed)
        self.feed = feed = feed if self.takes_hints else feed.blind()
        self.check_shape(feed.example_shape)
        self.ready(feed)
        if not self.prepared.numpy():
            self.prepare(feed)
        replicas = self.distribute_strategy.num_replicas_in_sync
        self.choose_steps(feed.steps, replicas)
        if validation_data is not None and not isinstance(validation_data, tf.data.Dataset):
            held_out = validation_data[0] if isinstance(validation_data, tuple) else validation_data
            validation_data = feeding.Feed(self.raw(held_out)).once()
        history = super().fit(feed.epochs(initial_epoch, replicas), epochs=epochs, initial_epoch=initial_epoch,
                              steps_per_epoch=feed.steps if isinstance(feed, feeding.Feed) else None,
                              callbacks=[Life()] + list(callbacks or []), validation_data=validation_data, shuffle=False, **kwargs)
        self.finish(feed)
        self.warn_of_collapse(feed)
        self.feed = None
        return history

    def prepare(self, feed):
        """Fits the preprocessing (unless inherited) and what `start` fits, once in a detector's life."""
        if not getattr(self, "_inherited", False):
            self.normalizer.adapt(tf.boolean_mask(x, hint >= 0) for x, hint, _ in feed.once())
        self.start(feed)
        self.prepared.assign(1)

    def predict(self, x, batch_size=512, **kwargs):
        """Scores raw examples.

        Args:
            x: array (n, ...) of raw examples, or a tf.data dataset of batches.
            batch_size: int, of the passes where `x` is an array.
            **kwargs: as in `keras.Model.predict`.

        Returns:
            float32 (n,), higher = more anomalous.

        Raises:
            Misuse: the shape is not the one the detector was made for. BadData: a value is infinite, or NaN where `preprocess`
                fills none in; those of a dataset have scores of NaN, and a RuntimeWarning.
        """
        if isinstance(x, tf.data.Dataset):
            return raw.told(self._predict(x, **kwargs))
        x = self.raw(x)
        return self._predict(x, batch_size=batch_size, **kwargs) if len(x) else np.zeros((0,), np.float32)

    def _predict(self, x, **kwargs):
        # Keras' predict function has the number of steps built in, and leaves out batches where it changes.
        steps, self.steps_per_execution = self.steps_per_execution, 1
        try:
            return super().predict(x, **kwargs)
        finally:
            self.steps_per_execution = steps

    def raw(self, x):
        """Array of raw examples; Raises as `predict`."""
        x = raw.numbers(x)
        self.check_shape(x.shape[1:])
        raw.finite(x, self.normalizer.imputes)
        return x

    def check_shape(self, shape):
        """Refuses examples of another shape than the detector's."""
        expected = self.normalizer.example_shape
        if tuple(shape) != expected:
            hint = " Add a channel axis: x[..., None]." if tuple(shape) + (1,) == expected else ""
            raise Misuse(f"`x` must hold examples of shape {expected}. Received: examples of shape {tuple(shape)}.{hint}")

    def add_weight(self, *args, **kwargs):
        """As Keras' own, but float32 wherever it is read: centres and thresholds do not bear rounding to bfloat16."""
        return super().add_weight(*args, **{"dtype": "float32", "autocast": False, **kwargs})

    # ---- inside ----------------------------------------------------------------------------------------------------

    def over(self, feed, function, hints=False):
        """Applies a function to every training example.

        Args:
            feed: a feed.
            function: compiled once by name; raw x (b, ...) -> tensor (b, ...).
            hints: also return the hints.

        Returns:
            array (n, ...), in the feed's order; with `hints` also int8 (n,).
        """
        compiled = self._compiled.setdefault(function.__name__, tf.function(function, reduce_retracing=True))
        results = [(compiled(x), hint) for x, hint, _ in feed.once()]
        values = np.concatenate([np.asarray(value) for value, _ in results])
        return (values, np.concatenate([hint for _, hint in results])) if hints else values

    def coder(self):
        """Keras model from normalised examples to what `encode` gives, for a stage that works on codes; None: there is none."""
        return getattr(self, "encoder", None)

    def encode(self, x):
        """float32 (b, latent_dim), the codes of raw examples."""
        return tf.cast(self.encoder(self.normalizer(x), training=False), tf.float32)

    def score(self, x):
        """`call` as a function of raw examples alone; NaN for one with a value that is no number.

        A network may lose a NaN on the way (a contrast of NaN is 0, a maximum leaves it out), or fail for the whole batch.
        """
        if not x.dtype.is_floating:
            return tf.cast(self(x, training=False), tf.float32)
        known = tf.math.is_finite(x) | tf.math.is_nan(x) if self.normalizer.imputes else tf.math.is_finite(x)
        known = tf.reduce_all(known, list(range(1, x.shape.rank)), keepdims=True)
        score = tf.cast(self(tf.where(known, x, 0), training=False), tf.float32)
        return tf.where(tf.reshape(known, tf.shape(score)), score, np.float32(np.nan))

    def warn_of_collapse(self, feed):
        """Says loudly when the scores, or every unit of the code, are the same for all training examples.

        Returns:
            str or None, what is the same.
        """
        told = collapse.found(self, feed)
        if told:
            warnings.warn(f"{type(self).__name__} has COLLAPSED: {told}. Its scores mean nothing. {self.AFTER_COLLAPSE}",
                          CollapseWarning, stacklevel=3)
        return told

    def predict_step(self, data):
        """Scores a batch as float32; the last one can leave a replica with no example."""
        x = data[0] if isinstance(data, (tuple, list)) else data
        return tf.cond(tf.shape(x)[0] > 0, lambda: self.score(x), lambda: tf.zeros((0,), tf.float32))
