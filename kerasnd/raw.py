"""Raw examples as a user gives them in Python; what cannot be learned from or scored is refused in one line."""
import inspect
import warnings

import keras
import numpy as np

from kerasnd import arguments
from kerasnd.errors import BadData, Misuse


def numbers(x):
    """What a user gave as `x`, as an array of numbers.

    Raises:
        Misuse: it cannot be read more than once, or holds other things than numbers.
    """
    if inspect.isgenerator(x) or isinstance(x, keras.utils.PyDataset):
        raise Misuse(f"`x` must be an array or a tf.data dataset. Received: a {type(x).__name__}. Make a dataset of it: "
                     "tf.data.Dataset.from_generator.")
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise Misuse(f"`x` must hold numbers. Received: values of type {x.dtype}. Convert them: x.astype('float32').")
    return x


def finite(x, missing):
    """Refuses what is no number, with its place.

    Args:
        x: array (n, ...).
        missing: bool, NaN stands for a missing value, and is let through.

    Raises:
        BadData
    """
    if x.dtype.kind != "f" or np.isfinite(x).all():
        return
    strange = np.argwhere(np.isinf(x) if missing else ~np.isfinite(x))
    if len(strange):
        place = strange[0].tolist()
        raise BadData(f"examples must be finite. Received: {x[tuple(place)]} in example {place[0]} at {place[1:]}.")


def told(score):
    """float32 (n,), the scores of a dataset, whose values nobody looked at; warns of those that are no numbers."""
    strange = np.flatnonzero(~np.isfinite(score))
    if len(strange):
        warnings.warn(f"{len(strange)} of {len(score)} scores are not finite, the first of example {strange[0]}: "
                      f"{score[strange[0]]}. Look for NaN, infinite or very large values in it.", RuntimeWarning, stacklevel=3)
    return score


def hold_out(x, hint, share):
    """The last examples as held-out normals, as Keras' `validation_split` takes them.

    Args:
        x: array (n, ...).
        hint: int (n,), or None.
        share: float in (0, 1).

    Returns:
        (x, hint, held out): of the last those without known anomalies.

    Raises:
        Misuse: `x` is no array, or one of the two parts would be empty.
    """
    arguments.number("validation_split", share, at_least=0, below=1)
    if any(hasattr(x, name) for name in ("element_spec", "examples", "once")):
        raise Misuse("`validation_split` must come with an array. Received: a dataset. Give `validation_data`.")
    x = numbers(x)
    n = int(len(x) * (1 - share))
    held_out = x[n:] if hint is None else x[n:][np.asarray(hint)[n:] >= 0]
    if not n or not len(held_out):
        raise Misuse(f"`validation_split` must leave examples in both parts. Received: validation_split={share} of {len(x)}.")
    return x[:n], None if hint is None else hint[:n], held_out
