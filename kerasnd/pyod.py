"""Detectors with the verbs of PyOD, without PyOD: for code that was written for its detectors.

    decision_function(x) = score(x)                         higher = more ANOMALOUS, as everywhere in kerasnd
    threshold            = the (1 - contamination)-quantile of the training scores
    predict(x)           = 1 where score(x) > threshold, else 0
    p(anomalous | x)     = clip((score(x) - min) / (max - min), 0, 1)                "linear"
                         = max(0, erf((score(x) - mean) / (deviation sqrt 2)))       "unify"

min, max, mean and deviation are those of the training scores.

Source: Zhao, Nasrullah and Li (2019), PyOD; Kriegel et al. (2011), Interpreting and unifying outlier scores.
"""
import numpy as np
from scipy.special import erf

from kerasnd import arguments as checks
from kerasnd.learner import Learner, threshold

TO_PROBABILITY = ("linear", "unify")


class PyODDetector(Learner):
    """A detector as one of PyOD's.

    X is a table (n, features) or images (n, height, width, channels), raw; `y` is ignored everywhere.

    Args:
        contamination: float in (0, 0.5], share of the training examples called anomalous; or "auto", which PyOD does not have:
            Tukey's fence of their scores is the threshold (see `kerasnd.learner.threshold`).
        detector, arguments, epochs, batch_size, learning_rate, random_state, verbose: as in `kerasnd.learner.Learner`.

    Attributes:
        decision_scores_: float64 (n,), of the training examples, higher = more ANOMALOUS.
        threshold_: float.
        labels_: int64 (n,), 1 where a training example is called anomalous, else 0: found, not given.
        detector_, n_features_in_, feature_names_in_: as in `kerasnd.learner.Learner`.
    """

    def __init__(self, detector=None, *, arguments=None, contamination=0.1, epochs=100, batch_size=128, learning_rate=1e-3,
                 random_state=None, verbose=0):
        super().__init__(detector, arguments=arguments, contamination=contamination, epochs=epochs, batch_size=batch_size,
                         learning_rate=learning_rate, random_state=random_state, verbose=verbose)

    def fit(self, X, y=None):
        """Learns what is normal, and where it ends. Arguments and errors as in `kerasnd.sklearn.NoveltyEstimator.fit`."""
        self.decision_scores_ = self._learn(X)
        self.threshold_ = threshold(self.decision_scores_, self.contamination)
        self.labels_ = (self.decision_scores_ > self.threshold_).astype(int)
        return self

    def fit_predict(self, X, y=None):
        """int64 (n,), `labels_` after `fit`."""
        return self.fit(X).labels_

    def decision_function(self, X):
        """float64 (n,), higher = more ANOMALOUS.

        Raises:
            NotFittedError: before `fit`. Misuse (a ValueError): another shape than that of `fit`, or a value that is not finite.
        """
        return self._novelty(X)

    def predict(self, X):
        """int64 (n,), 1: anomalous, 0: normal. Raises as `decision_function`."""
        return (self._novelty(X) > self.threshold_).astype(int)

    def predict_proba(self, X, method="linear"):
        """float64 (n, 2), the probabilities of normal and anomalous; they are rescaled scores, and calibrated by no data.

        Args:
            X: array (n, ...), raw examples.
            method: "linear" or "unify", see the module.

        Raises:
            Misuse: another method, or as `decision_function`.
        """
        checks.choice("method", method, TO_PROBABILITY)
        scores, known = self._novelty(X), self.decision_scores_
        if method == "linear":
            anomalous = np.clip((scores - known.min()) / (np.ptp(known) or 1.0), 0, 1)
        else:
            anomalous = np.maximum(erf((scores - known.mean()) / ((known.std() or 1.0) * np.sqrt(2))), 0)
        return np.stack([1 - anomalous, anomalous], axis=1)
