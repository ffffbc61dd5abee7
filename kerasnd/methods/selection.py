"""Which width of a kernel, when nobody tells what is anomalous.

    holdout   a fifth of the training examples is held out; the rest is fitted with each candidate; the one is taken that best tells
              the held-out examples from artificial anomalies: the same examples with each feature permuted by itself, so that every
              value is a usual one and only their company is strange. AUROC, the first best.
              Where two or more anomalies are known by hints (`choose_by_hints`), each in turn is held out too, and the mean of both
              AUROCs decides: against the permuted examples, and against the known anomalies that the fit has not seen.
    oracle    AUROC on a part of the test set with its true labels, as published: "a deliberate unfair advantage". It goes by
              no other name.

What decided for permuted features is in `kerasnd.methods.ocsvm`.

Source: Ruff et al. (2020), Deep SAD, section 4.1 (oracle); Shi and Horvath (2006), Unsupervised learning with random forest
predictors (permuted features).
"""
import numpy as np
from sklearn.metrics import roc_auc_score

from kerasnd.errors import Misuse

SELECTIONS = ("holdout", "oracle")
HELD_OUT = 0.2
FOLDS = 5
ENOUGH = 20         # held-out known anomalies
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
        judged, is_anomalous = given(oracle)
        known = values
    else:
        known, held_out = hold_out(values, rng)
        judged = np.concatenate([held_out, permuted(held_out, rng)])
        is_anomalous = np.repeat([0, 1], len(held_out))
    return first_best(candidates, lambda candidate: roc_auc_score(is_anomalous, fitted(candidate, known)(judged)))


def choose_by_hints(selection, candidates, fitted, values, hint, rng, oracle=None, most=MOST):
    """As `choose`, where hints tell some of the anomalies.

    Args:
        selection, candidates, rng, oracle: as in `choose`.
        fitted: callable (candidate, index int64 (m,) of training examples) -> callable (values (k, d)) -> scores (k,).
        values: float64 (n, d).
        hint: int8 (n,).
        most: int, so many examples choose.

    Returns:
        float, of `candidates`; the first of several that are best.

    Raises:
        Misuse: as `choose`.
    """
    if selection == "oracle":
        judged, is_anomalous = given(oracle)
        everybody = np.arange(len(values))
        return first_best(candidates, lambda candidate: roc_auc_score(is_anomalous, fitted(candidate, everybody)(judged)))
    trials = []
    for known, normals, anomalies in folds(hint, rng, most):
        judged = [values[normals], permuted(values[normals], rng), values[anomalies]]
        trials.append((known, np.concatenate(judged), np.cumsum([len(each) for each in judged])[:2]))

    def worth(candidate):
        found = []
        for known, judged, ends in trials:
            normal, *strange = np.split(fitted(candidate, known)(judged), ends)
            found.append(np.mean([auroc(normal, each) for each in strange if len(each)]))
        return np.mean(found)
    return first_best(candidates, worth)


def folds(hint, rng, most):
    """Yields (those who are fitted, held-out normals and unknowns, held-out known anomalies), indices of training examples.

    At most `most` take part, every kind of hint in its share but known anomalies all, if they are no more than half. Each known
    anomaly is held out once, in up to five parts, if there are few; from `ENOUGH` on a part suffices.
    """
    anomalies, others = rng.permutation(np.flatnonzero(hint < 0)), rng.permutation(np.flatnonzero(hint >= 0))
    if len(others) < 2:
        raise Misuse(f"a selection must have two examples at least that are no known anomalies. Received: {len(others)}. Give the "
                     "parameter its value.")
    anomalies = anomalies[:most // 2]
    others = others[:most - len(anomalies)]
    parts = min(FOLDS, len(anomalies)) if len(anomalies) > 1 else 1
    held_out = max(1, round(HELD_OUT * len(others)))
    for part in range(min(parts, -(-ENOUGH * parts // max(1, len(anomalies))))):
        strange = anomalies[part::parts] if parts > 1 else anomalies[:0]
        normal = np.roll(others, -part * held_out)[:held_out]
        yield np.setdiff1d(np.concatenate([anomalies, others]), np.concatenate([strange, normal])), normal, strange


def auroc(normal, strange):
    """float, the share of pairs in which the strange one has the higher score."""
    return roc_auc_score(np.repeat([0, 1], [len(normal), len(strange)]), np.concatenate([normal, strange]))


def first_best(candidates, worth):
    """The candidate of the largest worth, the first of several."""
    found = [worth(candidate) for candidate in candidates]
    return candidates[int(np.argmax(found))]


def given(oracle):
    """The oracle. Raises Misuse where there is none."""
    if oracle is None:
        raise Misuse("`selection=oracle` needs a labelled part of the test set. Received: none. Give `fit` an "
                     "oracle=(x, label), or take selection=holdout.")
    return oracle


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
