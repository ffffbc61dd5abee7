"""Where a score comes from: shares of single values of an example, in units of what the networks see.

    z  the preprocessed example, d(e(z)) its reconstruction where there is one
    residual  (z - d(e(z)))^2         of one value: all shares of an example add up to an autoencoder's score
    attention of the class token of a transformer to each pixel, through all blocks: what the score's features are made of, not
              whether it raises them
    gradient  z * d score / d z       of one value: they add up to the score where it is linear in z, as the first order of it
                                      does elsewhere

Source: residual maps, Ruff et al. (2021), A unifying review of deep and shallow anomaly detection; gradient x input, Shrikumar
et al. (2016); attention rollout, Abnar and Zuidema (2020).
"""
import contextlib

import numpy as np
import tensorflow as tf

from kerasnd.errors import Misuse

KINDS = ("residual", "gradient", "attention")


def kind_of(detector):
    """"residual" for detectors that reconstruct what they see, "attention" for transformers, else "gradient"."""
    if hasattr(detector, "redraw"):
        return KINDS[0]
    return KINDS[2] if getattr(detector, "attends", False) else KINDS[1]


def shares(detector, z, kind):
    """The share of every value.

    Args:
        detector: Detector.
        z: float32 (b, ...), preprocessed examples.
        kind: of `KINDS`.

    Returns:
        float32 (b, ...) as z, of attention (b, height, width, 1); higher = makes the example stranger, or is attended to more; at
        least 0 for residuals and attention.

    Raises:
        Misuse: the score has no gradient (a forest is flat everywhere).
    """
    z = tf.convert_to_tensor(z, tf.float32)
    if kind == KINDS[2]:
        return detector.attention(z).numpy()[..., None]
    return np.square(z - detector.redraw(z)) if kind == KINDS[0] else (z * gradient(detector, z)).numpy()


def gradient(detector, z):
    """float32 (b, ...), the gradient of each score by the preprocessed example z. Raises: as `shares`."""
    with preprocessed(detector), tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(z)
        score = detector.score(z)
    found = tape.gradient(score, z)
    if found is None:
        raise Misuse(f"`detector` must have a score with a gradient. Received: {type(detector).__name__}, whose score is flat "
                     "almost everywhere. Its nearest neighbours tell more.")
    return found


@contextlib.contextmanager
def preprocessed(detector):
    """While it lasts, the detector scores examples that are preprocessed already."""
    kept, detector._compiled = detector._compiled, {}       # functions that were traced with the preprocessing inside
    detector.normalizer.call = lambda z: z
    try:
        yield detector
    finally:
        del detector.normalizer.call
        detector._compiled = kept
