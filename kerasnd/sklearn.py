"""Detectors as scikit-learn's outlier estimators: for pipelines, searches and whatever else calls `fit(X)` and `predict(X)`.

    score_samples(x)     = -score(x)                        scikit-learn's sign: higher = more normal
    decision_function(x) = score_samples(x) - offset
    predict(x)           = 1 where decision_function(x) >= 0, else -1
    offset               = the `contamination`-quantile of score_samples of the training examples; with "auto" minus Tukey's fence
                           of their scores, Q3 + 1.5 (Q3 - Q1), which needs no share of anomalies to be known
"""
import numpy as np
from sklearn.base import OutlierMixin

from kerasnd.learner import Learner, threshold


class NoveltyEstimator(OutlierMixin, Learner):
    """A detector as one of scikit-learn's outlier estimators, like `sklearn.ensemble.IsolationForest`.

    X is a table (n, features) or images (n, height, width, channels), raw; `y` is ignored: truth never reaches a learner.
    One stage alone is trained: `bin/train` and its configs have the pre-training that some methods' papers begin with.

    Args:
        detector, arguments, contamination, epochs, batch_size, learning_rate, random_state, verbose: as in `learner.Learner`.

    Attributes:
        offset_: float, what `decision_function` subtracts.
        detector_, n_features_in_, feature_names_in_: as in `kerasnd.learner.Learner`.
    """

    def fit(self, X, y=None):
        """Learns what is normal, and where it ends.

        Args:
            X: array (n, ...), n >= 2, of raw training examples, all or most of them normal.
            y: ignored.

        Returns:
            self

        Raises:
            Misuse (a ValueError): a parameter, a shape or a value that is not finite. BadData: every value is the same.
        """
        self.offset_ = -threshold(self._learn(X), self.contamination)
        return self

    def score_samples(self, X):
        """float64 (n,), minus the detector's score: higher = more NORMAL. Raises as `decision_function`."""
        return -self._novelty(X)

    def decision_function(self, X):
        """float64 (n,), higher = more NORMAL, below 0: an outlier.

        Raises:
            NotFittedError: before `fit`. Misuse (a ValueError): another shape than that of `fit`, or a value that is not finite.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """int64 (n,), 1: inlier, -1: outlier. Raises as `decision_function`."""
        return np.where(self.decision_function(X) < 0, -1, 1)
