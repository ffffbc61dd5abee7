"""The sentinel of collapse: a detector that cannot tell its training examples apart."""
import numpy as np


class CollapseWarning(UserWarning):
    """Training ended with a detector that cannot tell examples apart."""


def found(detector, feed):
    """What is the same for all training examples.

    Args:
        detector: Detector, trained.
        feed: a feed of its training examples.

    Returns:
        str, that the scores, or every unit of the code, are; None where they differ, or where there is one example.
    """
    scores = detector.over(feed, detector.score)
    if len(scores) < 2:
        return None
    # Without what is subtracted from it: r - y of a collapsed OC-NN is rounding noise around zero.
    if np.ptp(scores) <= 1e-6 * max(np.abs(scores).max(), abs(float(detector.offset)), 1e-30):
        return f"every training example has the score {scores[0]:.6g}"
    if getattr(detector, "encoder", None) is not None:
        codes = detector.over(feed, detector.encode)
        if (np.ptp(codes, axis=0) <= 1e-6 * np.maximum(np.abs(codes).max(axis=0), 1e-30)).all():
            return "every training example has the same code"
    return None
