"""The contract: a Keras model whose output is the novelty score."""
import inspect
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasnd import feeding
from kerasnd.errors import BadData, Misuse
from kerasnd.networks.normalizer import Normalizer


FORMAT = 1          # of saved detectors; a newer one is refused in words


class CollapseWarning(UserWarning):
    """Training ended with a detector that cannot tell examples apart."""


class Detector(keras.Model):
    """Maps a batch of raw examples to one novelty score each; higher is stranger.

    A subclass is a method: `__init__` takes plain values (or Keras models) and keeps each under its own name, `call` scores,
    `train_step` is the algorithm box of the paper. It may also write `start` (what is fitted before the first step),
    `on_epoch_begin` / `on_epoch_end` (what is fitted between epochs) and `inherit` (what it takes from the stage before).

    Args:
        example_shape: tuple of int, of one raw example: (features,) or (height, width, channels).
        preprocess: str, a kind of `kerasnd.networks.normalizer.Normalizer`, or "auto" (see `default_preprocess`).
    """

    IMAGE_PREPROCESS = "gcn_l1"
    AFTER_COLLAPSE = ("Train for fewer epochs, lower the learning rate, or use an encoder without biases and with unbounded "
                      "activations.")

    @classmethod
    def default_preprocess(cls, example_shape):
        """str, the kind of `Normalizer` that "auto" stands for: each method's own for images, "minmax" for tables."""
        return "minmax" if len(example_shape) == 1 else cls.IMAGE_PREPROCESS

    def __init__(self, example_shape, preprocess):
        super().__init__(autocast=False)    # raw values keep their type: bfloat16 would round them
        kind = self.default_preprocess(example_shape) if preprocess == "auto" else preprocess
        self.normalizer = Normalizer(kind, example_shape, name="normalizer")
        self.prepared = self.add_weight(shape=(), initializer="zeros", trainable=False, name="prepared")
        self.weight_decay = getattr(self, "weight_decay", 0.0)
        self.feed = None
        self._compiled = {}
        self.built = True

    # ---- what a method says of itself -------------------------------------------------------------------------------

    @property
    def players(self):
        """{name: variables} of those who descend on a loss of their own."""
        return {"loss": self.trainable_variables}

    def start(self, feed):
        """Fits what a score needs before the first step (centre, radius); nothing by default."""

    def ready(self, feed):
        """Called by every `fit` before anything else: makes what only training needs (see `resume_variables`)."""

    def on_epoch_begin(self, epoch):
        """Called before each epoch, outside the graph."""

    def on_epoch_end(self, epoch):
        """Called after each epoch, outside the graph, before the callbacks: a checkpoint sees its work."""

    def inherit(self, parent):
        """Starts from the encoder and the preprocessing of an earlier stage.

        Raises:
            Misuse: their networks or their preprocessing differ.
        """
        mine, theirs = self.normalizer, parent.normalizer
        shapes = [[tuple(w.shape) for w in model.encoder.weights] for model in (self, parent)]
        if mine.kind != theirs.kind or shapes[0] != shapes[1]:
            raise Misuse(f"a stage must have the encoder and `preprocess` of the one before. Received: preprocess={mine.kind} after "
                         f"{theirs.kind}, {len(shapes[0])} weights after {len(shapes[1])}. Give both the same `network`, "
                         "`latent_dim` and `preprocess`.")
        self.encoder.set_weights(parent.encoder.get_weights())
        mine.set_weights(theirs.get_weights())
        self._inherited = True

    takes_hints = False     # a method that learns from hints says True; the others never see them
    offset = 0.0            # what `call` subtracts from or adds to every score

    @property
    def resume_variables(self):
        """Variables beyond `variables` and the optimisers' that a resumed training needs, and a score does not."""
        return []

    # ---- Keras' verbs ----------------------------------------------------------------------------------------------

    def compile(self, optimizer="adam", steps_per_execution="auto", jit_compile="auto", **kwargs):
        """Gives every player an optimiser of its own, built at once.

        Args:
            optimizer: anything `keras.optimizers.get` takes, copied for each player, or {player: that}.
            steps_per_execution: int, or "auto": the largest divisor of the steps of an epoch up to 64; 1 on several replicas.
            jit_compile: bool, or "auto": only where there is a GPU (XLA's convolutions are the slower ones on CPU).
            **kwargs: the rest of `keras.Model.compile`, e.g. `run_eagerly`.

        Built at once, since under MirroredStrategy a second optimiser cannot make its variables in a traced step.
        """
        given = optimizer if isinstance(optimizer, dict) else dict.fromkeys(self.players, optimizer)
        if set(given) != set(self.players):
            raise Misuse(f"`optimizer` must be one, or one for each of {sorted(self.players)}. Received: {sorted(given)}.")
        self.player_optimizers, self.meters = {}, {}
        for player, variables in self.players.items():
            own = keras.optimizers.get(given[player])
            own = type(own).from_config(own.get_config())
            own.build(variables)
            self.player_optimizers[player] = own
            self.meters[player] = keras.metrics.Mean(name=player)
        self._steps_per_execution = steps_per_execution
        if jit_compile == "auto":
            jit_compile = bool(tf.config.list_physical_devices("GPU"))
        super().compile(optimizer=next(iter(self.player_optimizers.values())), jit_compile=jit_compile,
                        steps_per_execution=1 if steps_per_execution == "auto" else steps_per_execution, **kwargs)

    def fit(self, x=None, y=None, *, batch_size=128, epochs=1, initial_epoch=0, seed=None, callbacks=None,
            validation_data=None, **kwargs):
        """Learns what is normal.

        Args:
            x: array (n, ...) of raw examples, a tf.data dataset of batches `x` or `(x, hint)`, or a `kerasnd.feeding.Feed`.
            y: int (n,) in {-1, 0, +1}, the hint of each example; None: all unknown. Truth labels have no place here.
            batch_size: int, of the steps where `x` is an array.
            epochs, initial_epoch, callbacks, **kwargs: as in `keras.Model.fit`.
            seed: int, decides the order of an array's examples; None: from `keras.utils.set_random_seed`.
            validation_data: held-out normals, array or dataset: `val_loss` is their mean score.

        Returns:
            keras.callbacks.History

        Raises:
            Misuse: shapes or hints are wrong. FloatingPointError: the loss became NaN or infinite.
        """
        seed = int(keras.random.SeedGenerator().state.numpy()[0]) if seed is None and not isinstance(x, feeding.Feed) else seed
        feed = feeding.feed(x, y, batch_size, seed)
        self.feed = feed = feed if self.takes_hints else feed.blind()
        self.check_shape(feed.example_shape)
        self.ready(feed)
        if not self.prepared.numpy():
            self.prepare(feed)
        if self._steps_per_execution == "auto" and self.distribute_strategy.num_replicas_in_sync == 1:
            # On several replicas the loop over steps ends in "You must feed a value for placeholder tensor" (TensorFlow 2.21).
            steps = max(d for d in range(1, 65) if (feed.steps or 1) % d == 0)
            if steps != self.steps_per_execution:
                self.steps_per_execution = steps
                self.train_function = self.test_function = None     # both have the number built in
        if validation_data is not None and not isinstance(validation_data, tf.data.Dataset):
            held_out = validation_data[0] if isinstance(validation_data, tuple) else validation_data
            validation_data = feeding.Feed(np.asarray(held_out)).once()
        history = super().fit(feed.epochs(initial_epoch), epochs=epochs, initial_epoch=initial_epoch,
                              steps_per_epoch=feed.steps if isinstance(feed, feeding.Feed) else None,
                              callbacks=[_Life()] + list(callbacks or []), validation_data=validation_data, shuffle=False, **kwargs)
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
            Misuse: the shape is not the one the detector was made for. BadData: a value is NaN or infinite.
        """
        if isinstance(x, tf.data.Dataset):
            return self._predict(x, **kwargs)
        x = np.asarray(x)
        self.check_shape(x.shape[1:])
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            place = np.argwhere(~np.isfinite(x))[0].tolist()
            raise BadData(f"examples must be finite. Received: {x[tuple(place)]} in example {place[0]} at {place[1:]}.")
        if len(x) == 0:
            return np.zeros((0,), np.float32)
        return self._predict(x, batch_size=batch_size, **kwargs)

    def _predict(self, x, **kwargs):
        # Keras' predict function has the number of steps built in, and leaves out batches where it changes.
        steps, self.steps_per_execution = self.steps_per_execution, 1
        try:
            return super().predict(x, **kwargs)
        finally:
            self.steps_per_execution = steps

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

    def descend(self, tape, loss, player="loss"):
        """One step of `player`: the only place that touches an optimiser.

        Keras sums over replicas, so the mean needs the division. Weight decay is added to the gradient, as the published
        optimisers do it: Keras' own is decoupled.
        """
        variables = self.players[player]
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        pairs = [(g + self.weight_decay * v if self.weight_decay else g, v)
                 for g, v in zip(tape.gradient(loss, variables), variables) if g is not None]
        if replicas > 1:
            pairs = [(g / replicas, v) for g, v in pairs]
        self.player_optimizers[player].apply_gradients(pairs)
        self.meters[player].update_state(loss)

    def logs(self):
        """{player: mean loss of this epoch so far}."""
        return {player: meter.result() for player, meter in self.meters.items()}

    @property
    def metrics(self):
        return list(getattr(self, "meters", {}).values())

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

    def encode(self, x):
        """float32 (b, latent_dim), the codes of raw examples."""
        return tf.cast(self.encoder(self.normalizer(x), training=False), tf.float32)

    def score(self, x):
        """`call` as a function of raw examples alone."""
        return tf.cast(self(x, training=False), tf.float32)

    def warn_of_collapse(self, feed):
        """Says loudly when the scores, or every unit of the code, are the same for all training examples."""
        scores = self.over(feed, self.score)
        if len(scores) < 2:
            return None
        told = None
        # Without what is subtracted from it: r - y of a collapsed OC-NN is rounding noise around zero.
        if np.ptp(scores) <= 1e-6 * max(np.abs(scores).max(), abs(float(self.offset)), 1e-30):
            told = f"every training example has the score {scores[0]:.6g}"
        elif getattr(self, "encoder", None) is not None:
            codes = self.over(feed, self.encode)
            if (np.ptp(codes, axis=0) <= 1e-6 * np.maximum(np.abs(codes).max(axis=0), 1e-30)).all():
                told = "every training example has the same code"
        if told:
            warnings.warn(f"{type(self).__name__} has COLLAPSED: {told}. Its scores mean nothing. {self.AFTER_COLLAPSE}",
                          CollapseWarning, stacklevel=3)
        return told

    def test_step(self, data):
        """The mean score of held-out normals: what early stopping without labels can watch."""
        meter = next(iter(self.meters.values()))
        meter.update_state(self(_first(data), training=False))
        return {meter.name: meter.result()}

    def predict_step(self, data):
        """Scores a batch as float32; the last one can leave a replica with no example."""
        x = _first(data)
        return tf.cond(tf.shape(x)[0] > 0, lambda: self.score(x), lambda: tf.zeros((0,), tf.float32))

    def get_build_config(self):
        """None: every network is built in the constructor, and Keras' own building would forbid a later `compile`."""
        return None

    # ---- saving ----------------------------------------------------------------------------------------------------

    def get_config(self):
        """The constructor's arguments, read back from their attributes; Keras models serialised."""
        values = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        values = {name: keras.saving.serialize_keras_object(v) if isinstance(v, keras.Model) else v
                  for name, v in values.items()}
        return {**values, "precision": self.precision, "format": FORMAT}

    @property
    def precision(self):
        """str, the dtype policy under which the networks were built."""
        return self.dtype_policy.name

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        newer = config.pop("format", FORMAT)
        if newer > FORMAT:
            raise Misuse(f"a saved detector must be of format {FORMAT} or older. Received: a {cls.__name__} of format {newer}. Update "
                         "kerasnd.")
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(config.pop("precision", before.name))
        try:
            return cls(**{name: keras.saving.deserialize_keras_object(v) if isinstance(v, dict) and "class_name" in v else v
                          for name, v in config.items()})
        finally:
            keras.config.set_dtype_policy(before)

    def get_compile_config(self):
        return {"optimizer": {p: keras.saving.serialize_keras_object(o) for p, o in self.player_optimizers.items()},
                "steps_per_execution": self._steps_per_execution}

    def compile_from_config(self, config):
        self.compile({p: keras.saving.deserialize_keras_object(o) for p, o in config["optimizer"].items()},
                     steps_per_execution=config.get("steps_per_execution", "auto"))


class _Life(keras.callbacks.Callback):
    """Hands the epochs to the method, and stops at a loss that is no number."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.on_epoch_begin(epoch)

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            if not np.isfinite(value):
                raise FloatingPointError(f"`{name}` became {value} in epoch {epoch}. Lower the learning rate or look for extreme "
                                         "values in the data.")
        self.model.on_epoch_end(epoch)


def _first(data):
    return data[0] if isinstance(data, (tuple, list)) else data
