"""Conformal calibration: scores become p-values whose false alarms are bounded, whatever the detector and the data.

    p(x)      = (1 + #{held-out normals i: s_i >= s(x)}) / (n + 1)
    is_novel  = p(x) <= alpha

For a normal x that is exchangeable with the n held-out normals, P(is_novel) <= alpha: no distribution is assumed, ties are safe.
The bound is over the draw of both; for one calibration set the rate varies about it, the less the more examples it has.

Source: Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World; Laxhammar and Falkman (2010) for novelty.
"""
import math

import keras
import numpy as np
import tensorflow as tf

from kerasnd import arguments
from kerasnd.errors import BadData, Misuse


def p_values(held_out, score):
    """float64 (n,) in (0, 1], of scores; NumPy alone.

    Args:
        held_out: float (m,), m >= 1, finite: scores of normals that were not trained on; any order.
        score: float (n,), finite.

    Raises:
        Misuse: there is no held-out score, or one is not finite.
    """
    held_out = _ascending(held_out)
    below = np.searchsorted(held_out, np.asarray(score, held_out.dtype), side="left")
    return (1 + len(held_out) - below) / (len(held_out) + 1)


def least(alpha):
    """int, the held-out normals without which no p-value is at most `alpha`."""
    return max(1, math.ceil(1 / alpha - 1 - 1e-9))


def check(alpha, n):
    """Raises Misuse where `alpha` is not in (0, 1), or so small that n held-out normals can never raise an alarm."""
    arguments.number("alpha", alpha, above=0, below=1)
    if n < least(alpha):
        raise Misuse(f"`alpha` must be at least 1 / (n + 1) of n held-out normals. Received: alpha={alpha} and {n} normals. Give "
                     f"{least(alpha)} or more, or alpha={math.ceil(1e4 / (n + 1)) / 1e4:g}.")


def _ascending(held_out):
    """float32 (m,), sorted; scores are float32, and a rounded threshold would turn ties into alarms."""
    held_out = np.asarray(held_out, np.float32)
    if held_out.ndim != 1 or not len(held_out):
        raise Misuse(f"`held_out` must be one or more scores (m,). Received: an array of shape {held_out.shape}. Score normals "
                     "that were not trained on.")
    if not np.isfinite(held_out).all():
        at = int(np.flatnonzero(~np.isfinite(held_out))[0])
        raise BadData(f"scores of held-out normals must be finite. Received: {held_out[at]} at {at}.")
    return np.sort(held_out)


def calibrate(detector, x, alpha=0.05, batch_size=512):
    """A detector whose scores come with p-values and verdicts.

    Args:
        detector: a fitted `kerasnd.Detector`.
        x: array (n, ...) of raw normals that were not trained on, or a tf.data dataset of batches.
        alpha: float in (0, 1), share of normals that may be called novel; see `Verdict.at`.
        batch_size: int, of the passes over x.

    Returns:
        Verdict

    Raises:
        Misuse: `alpha` is too small for so few normals, or they do not fit the detector. BadData: a score is not finite.
    """
    arguments.number("alpha", alpha, above=0, below=1)
    return Verdict.of(detector, detector.predict(x, verbose=0) if isinstance(x, tf.data.Dataset)
                      else detector.predict(x, batch_size=batch_size, verbose=0), alpha)


@keras.saving.register_keras_serializable(package="kerasnd")
class Verdict(keras.Model):
    """Maps raw examples to {"score", "p_value", "is_novel"}.

    Args:
        detector: a `kerasnd.Detector`.
        alpha: float in (0, 1), share of normals that may be called novel.

    Made by `calibrate`, which fills `held_out`: float32 (m,), the ascending scores of held-out normals. `.keras` keeps all of it.
    """

    def __init__(self, detector, alpha=0.05):
        super().__init__(autocast=False)
        arguments.number("alpha", alpha, above=0, below=1)
        self.detector, self.alpha = detector, alpha
        self.held_out = tf.Variable(tf.zeros((0,)), shape=(None,), trainable=False, name="held_out")
        self.built = True

    @classmethod
    def of(cls, detector, held_out, alpha=0.05):
        """A Verdict of a detector and the scores of held-out normals, float (m,). Raises as `calibrate`."""
        held_out = _ascending(held_out)
        check(alpha, len(held_out))
        verdict = cls(detector, alpha)
        verdict.held_out.assign(held_out)
        return verdict

    def at(self, alpha):
        """A Verdict of the same detector and calibration at another `alpha`. Raises Misuse where it is too small."""
        return Verdict.of(self.detector, self.held_out.numpy(), alpha)

    def call(self, x, training=False):
        return self.judged(self.detector.score(x))

    def judged(self, score, alpha=None):
        """dict of float32 (n,) "score" and "p_value" and bool (n,) "is_novel".

        Args:
            score: float32 (n,). One that is not finite gets the lowest p-value: what cannot be scored is not called normal.
            alpha: float32 (n,) or None: the model's own.
        """
        p_value = self.p_value(score)
        return {"score": score, "p_value": p_value, "is_novel": p_value <= (self.alpha if alpha is None else alpha)}

    def p_value(self, score):
        """float32 (n,) in (0, 1], of scores float32 (n,), in the graph."""
        held_out = self.held_out.value() if hasattr(self.held_out, "value") else self.held_out
        n = tf.shape(held_out)[0]
        below = tf.searchsorted(held_out, tf.where(tf.math.is_finite(score), score, np.float32(np.inf)), side="left")
        return tf.cast(1 + n - below, tf.float32) / tf.cast(n + 1, tf.float32)

    def predict(self, x, batch_size=512, **kwargs):
        """dict of arrays (n,), as `call`; x as in `Detector.predict`."""
        score = self.detector.predict(x, **({} if isinstance(x, tf.data.Dataset) else {"batch_size": batch_size}), **kwargs)
        return {name: value.numpy() for name, value in self.judged(tf.constant(score)).items()}

    def export(self, filepath, *args, **kwargs):
        """Refused: `kerasnd.export` names the signatures, replays the model from the disk and writes its card."""
        raise Misuse(f"a Verdict must be exported by `kerasnd.export(verdict, folder)`. Received: Verdict.export({str(filepath)!r}).")

    def get_config(self):
        return {"detector": keras.saving.serialize_keras_object(self.detector), "alpha": self.alpha}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["detector"]), config["alpha"])

    def save_own_variables(self, store):
        store["held_out"] = self.held_out.numpy()

    def load_own_variables(self, store):
        self.held_out.assign(np.asarray(store["held_out"]))
