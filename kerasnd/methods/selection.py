"""Which width of a kernel, when nobody tells what is anomalous.

    holdout   a fifth of the training examples is held out; the rest is fitted with each candidate; the one is taken that best tells the
              held-out examples from artificial anomalies: the same examples with each feature permuted by itself, so that every value
              is a usual one and only their company is strange. AUROC, the first best.
    oracle    AUROC on a part of the test set with its true labels, as published: "a deliberate unfair advantage". It goes by
              no other name.

What decided for permuted features is in `kerasnd.methods.ocsvm`.

Source: Ruff et al. (2020), Deep SAD, section 4.1 (oracle); Shi and Horvath (2006), Unsupervised learning with random forest predictors
(permuted features).
"""
import numpy as np
from sklearn.metrics import roc_auc_score

from kerasnd.errors import Misuse

SELECTIONS = ("holdout", "oracle")
HELD_OUT = 0.2
MOST = 5000         # examples that choose; the chosen candidate is then fitted on all


def choose(selection, candidates, fitted, values, rng, oracle=None):
    """The candidate that tells best what is normal.

    Args:
        selection: "holdout" or "oracle".
        candidates: sequence of float.
        fitted: callable (candidate, values float64 (n, d)) -> callable (values (m, d)) -> scores (m,), higher = more anomalous.
        values: float64 (n, d), of the training examples.
        rng: numpy.random.Generator.
        oracle: (values float64 (m, d), truth int8 (m,), 1 = anomalous); None where it is not asked for.

    Returns:
        float, of `candidates`; the first of several that are best.

    Raises:
        Misuse: the oracle is asked for and not given; too few training examples to hold some out.
    """
    if selection == "oracle":
        if oracle is None:
            raise Misuse("`selection=oracle` needs a labelled part of the test set. Received: none. Give `fit` an "
                         "oracle=(x, label), or take selection=holdout.")
        judged, is_anomalous = oracle
        known = values
    else:
        known, held_out = hold_out(values, rng)
        judged = np.concatenate([held_out, permuted(held_out, rng)])
        is_anomalous = np.repeat([0, 1], len(held_out))
    best, chosen = -1.0, None
    for candidate in candidates:
        found = roc_auc_score(is_anomalous, fitted(candidate, known)(judged))
        if found > best:
            best, chosen = found, candidate
    return chosen


def hold_out(values, rng):
    """(known, held out): arrays (n, d) and (m, d), at most `MOST` in all, drawn at random; at least one of each.

    Raises:
        Misuse: there is one example alone.
    """
    if len(values) < 2:
        raise Misuse(f"a selection must have two examples at least. Received: {len(values)}. Give the parameter its value.")
    order = rng.permutation(len(values))[:MOST]
    count = max(1, round(HELD_OUT * len(order)))
    return values[np.sort(order[count:])], values[np.sort(order[:count])]


def permuted(values, rng):
    """float64 (n, d), each feature's values in another order of their own."""
    return rng.permuted(values, axis=0)
