"""The columns p_value and is_novel of a table of scores, as far as held-out normals allow."""
import hashlib

import numpy as np

from kerasnd import calibration

ALPHA = 0.05
NONE = ("p_value and is_novel stay empty: the run holds no normals out. Train with --config.protocol.calibration_share=0.1, or "
        "give --calibration=FILE_OR_FOLDER of normals that were not trained on.")


class Verdicts:
    """Maps scores to text.

    Args:
        held_out: float32 (m,), scores of normals that were not trained on, or None: both columns stay empty.
        alpha: float in (0, 1), or None: `ALPHA`, and is_novel stays empty where there are too few normals for that.

    Attributes:
        told: str, what was done, in one line.
        identity: value of JSON's types, equal where the same scores get the same text.

    Raises:
        Misuse: an `alpha` that was asked for is not in (0, 1), or too small for so few normals.
    """

    def __init__(self, held_out, alpha=None):
        self.held_out, self.alpha, self.told, self.identity = held_out, alpha or ALPHA, NONE, None
        if alpha is not None:
            calibration.check(alpha, 0 if held_out is None else len(held_out))
        if held_out is None:
            return
        n = len(held_out)
        self.told = f"p-values by {n} held-out normals, novel where at most alpha={self.alpha:g}"
        if n < calibration.least(self.alpha):
            self.told = (f"is_novel stays empty: alpha={self.alpha:g} needs {calibration.least(self.alpha)} held-out normals. "
                         f"Received: {n}. Give more by --calibration=FILE_OR_FOLDER, or --alpha={np.ceil(1e4 / (n + 1)) / 1e4:g}.")
            self.alpha = None
        self.identity = [self.alpha, hashlib.sha256(np.sort(held_out).tobytes()).hexdigest()]

    def columns(self, score):
        """(list of str, list of str): p_value and is_novel ("True", "False") of scores float32 (n,).

        A score that is not finite gets the lowest p-value: what cannot be scored is not called normal.
        """
        if self.held_out is None:
            return [""] * len(score), [""] * len(score)
        p_value = calibration.p_values(self.held_out, np.where(np.isfinite(score), score, np.inf))
        return ([f"{each:.9g}" for each in p_value],
                [""] * len(score) if self.alpha is None else [str(bool(each)) for each in p_value <= self.alpha])
