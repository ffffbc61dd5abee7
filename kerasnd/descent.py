"""Descent: who takes steps on which loss, with which optimiser."""
import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import Misuse


class Descent:
    """The part of a `Detector` that takes steps."""

    @property
    def players(self):
        """{name: variables} of those who descend on a loss of their own."""
        return {"loss": self.trainable_variables}

    def compile(self, optimizer="adam", steps_per_execution="auto", jit_compile="auto", **kwargs):
        """Gives every player an optimiser of its own, built at once.

        Args:
            optimizer: anything `keras.optimizers.get` takes, copied for each player, or {player: that}.
            steps_per_execution: int, or "auto": the largest divisor of the steps of an epoch up to 64; 1 on several replicas.
            jit_compile: bool, or "auto": only where there is a GPU (XLA's convolutions are the slower ones on CPU).
            **kwargs: the rest of `keras.Model.compile`, e.g. `run_eagerly`; `loss` and `metrics` are the method's own.

        Raises:
            Misuse: a player without an optimiser, a loss or metrics.

        Built at once, since under MirroredStrategy a second optimiser cannot make its variables in a traced step.
        """
        for name in ("loss", "loss_weights", "metrics", "weighted_metrics"):
            arguments.absent(name, kwargs.get(name), "a method has its own loss, and no truth is there to measure by")
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

    def check_compiled(self):
        """Raises Misuse where there is no optimiser yet."""
        if not hasattr(self, "player_optimizers"):
            raise Misuse(f"a {type(self).__name__} must be compiled before `fit`. Received: one that is not. Call "
                         "`compile(keras.optimizers.Adam(1e-4))` first.")

    @staticmethod
    def refuse_weights(given):
        """Raises Misuse where `fit` was given weights, which no method heeds; `given`: dict of its other arguments."""
        for name in ("sample_weight", "class_weight"):
            arguments.absent(name, given.get(name), "every example counts alike")

    def choose_steps(self, steps, replicas):
        """Sets `steps_per_execution` where it is "auto", for an epoch of so many steps (None: unknown)."""
        if self._steps_per_execution == "auto" and replicas == 1:
            # On several replicas the loop over steps ends in "You must feed a value for placeholder tensor" (TensorFlow 2.21).
            chosen = max(d for d in range(1, 65) if (steps or 1) % d == 0)
            if chosen != self.steps_per_execution:
                self.steps_per_execution = chosen
                self.train_function = self.test_function = None     # both have the number built in

    def get_compile_config(self):
        if not hasattr(self, "player_optimizers"):
            return None         # a detector inside another one, or never compiled
        return {"optimizer": {p: keras.saving.serialize_keras_object(o) for p, o in self.player_optimizers.items()},
                "steps_per_execution": self._steps_per_execution}

    def compile_from_config(self, config):
        self.compile({p: keras.saving.deserialize_keras_object(o) for p, o in config["optimizer"].items()},
                     steps_per_execution=config.get("steps_per_execution", "auto"))

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

    def test_step(self, data):
        """The mean score of held-out normals: what early stopping without labels can watch."""
        meter = next(iter(self.meters.values()))
        meter.update_state(self(data[0] if isinstance(data, (tuple, list)) else data, training=False))
        return {meter.name: meter.result()}

    def logs(self):
        """{player: mean loss of this epoch so far}."""
        return {player: meter.result() for player, meter in self.meters.items()}

    @property
    def metrics(self):
        return list(getattr(self, "meters", {}).values())


class Life(keras.callbacks.Callback):
    """Hands the epochs to the method, and stops at a loss that is no number."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.on_epoch_begin(epoch)

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            if not np.isfinite(value):
                raise FloatingPointError(f"`{name}` became {value} in epoch {epoch}. Lower the learning rate or look for extreme "
                                         "values in the data.")
        told = self.model.on_epoch_end(epoch)
        if told and logs is not None:
            logs.update(told)       # the callbacks that follow see it too: history, TensorBoard, the log
