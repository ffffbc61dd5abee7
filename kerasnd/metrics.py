"""Judging: (label, score) -> numbers. Exact and tie-aware; NumPy only.

label: 0 or 1 (n,), 1 = anomalous. score: (n,), higher = more anomalous, compared as float64.

Every number is a function of one table: the distinct scores v_0 < v_1 < ... and how many normals and how many
anomalies hold each. Examples of equal score share every verdict, so their order changes no number.

A verdict at threshold t: `score <= t` accepts (normal), `score > t` rejects (anomalous). Only the thresholds
-infinity (accept nothing) and v_0, v_1, ... give different verdicts; "over all thresholds" means over these.
"""
import numpy

from kerasnd.bootstrap import bootstrap_auroc
from kerasnd.errors import Misuse
from kerasnd.score_table import checked, groups, repeated


def auroc(label, score):
    """Area under the ROC curve: P(anomaly scores above normal) + P(they tie) / 2.

    Args:
        label: 0 or 1 (n,), 1 = anomalous; both must occur.
        score: finite real (n,), higher = more anomalous.

    Returns:
        float in [0, 1].

    Raises:
        Misuse: shapes, labels or scores are not as above. All functions of this file raise it alike.

    Source: the Mann-Whitney statistic with mid-ranks, counted in integers.
    """
    _, normal, anomalous = groups(label, score)
    twice_wins = anomalous @ (2 * numpy.cumsum(normal) - normal)
    return float(twice_wins / (2 * int(normal.sum()) * int(anomalous.sum())))


def roc_curve(label, score):
    """The exact ROC curve, from rejecting nothing to rejecting everything.

    Returns:
        rejected: float64 (k + 1,) ascending from 0 to 1, share of the normals with score > t (false alarms).
        found: float64 (k + 1,) ascending from 0 to 1, share of the anomalies with score > t.
    """
    _, normal, anomalous = groups(label, score)
    rejected, found = (numpy.append(0, numpy.cumsum(side[::-1])) / side.sum() for side in (normal, anomalous))
    return rejected, found


def _average_precision(positive, negative):
    """sum over thresholds of (recall_i - recall_(i-1)) * precision_i; groups come most positive first."""
    true, claimed = numpy.cumsum(positive), numpy.cumsum(positive + negative)
    return float(numpy.sum(positive * (true / claimed)) / true[-1])


def aupr_out(label, score):
    """Average precision with the anomaly as the positive class, float in (0, 1].

    Source: scikit-learn's `average_precision_score(label, score)`: a step sum, no interpolation.
    """
    _, normal, anomalous = groups(label, score)
    return _average_precision(anomalous[::-1], normal[::-1])


def aupr_in(label, score):
    """Average precision with the normal as the positive class and the score negated, float in (0, 1].

    Source: scikit-learn's `average_precision_score(1 - label, -score)`.
    """
    _, normal, anomalous = groups(label, score)
    return _average_precision(normal, anomalous)


def fpr_at_95_tpr(label, score):
    """The share of anomalies accepted where at least 95 % of the normals are accepted.

    The threshold t is the smallest observed score with #{normals: score <= t} >= 0.95 #{normals}; what ties
    with t is accepted, nothing is interpolated. Counted in integers, so that 19 of 20 normals are 95 %.

    Returns:
        float in [0, 1], #{anomalies: score <= t} / #{anomalies}; 0 is best.

    Source: the GPND paper, table 5.
    Differs: its code takes the point of a grid of step 0.2 whose share is nearest to 95 %, below or above;
    here the curve is exact and the share is never below.
    """
    _, normal, anomalous = groups(label, score)
    at = int(numpy.argmax(20 * numpy.cumsum(normal) >= 19 * normal.sum()))
    return float(anomalous[:at + 1].sum() / anomalous.sum())


def detection_error(label, score):
    """min over all thresholds of (P(normal is rejected) + P(anomaly is accepted)) / 2: equal priors.

    Returns:
        float in [0, 0.5]: 0 = separable, 0.5 = no threshold is better than one constant verdict.

    Source: the GPND code.
    Differs: no grid of thresholds. (Its paper says "at TPR 95 %", but prints the minimum, as computed here.)
    """
    _, normal, anomalous = groups(label, score)
    n_normal, n_anomalous = int(normal.sum()), int(anomalous.sum())
    wrong = (n_normal - numpy.cumsum(normal)) * n_anomalous + numpy.cumsum(anomalous) * n_normal
    # Accepting everything, the last entry, costs 1/2; so does accepting nothing, which is not listed.
    return float(wrong.min() / (2 * n_normal * n_anomalous))


def f1_at(label, score, threshold, positive="anomaly"):
    """F1 of the verdict `score > threshold` = anomalous, at a threshold chosen elsewhere.

    Args:
        label, score: as for `auroc`, but one class alone will do.
        threshold: float, +-infinity allowed.
        positive: "anomaly" or "normal": whose precision and recall are meant.

    Returns:
        float in [0, 1], 2 TP / (2 TP + FP + FN); 0 where nothing is both positive and found.
    """
    if positive not in ("anomaly", "normal"):
        raise Misuse(f'`positive` must be "anomaly" or "normal". Received: positive={positive!r}. '
                     "Choose whose precision and recall are meant.")
    if numpy.ndim(threshold) or numpy.asarray(threshold).dtype.kind not in "biuf" or numpy.isnan(threshold):
        raise Misuse(f"`threshold` must be one number. Received: threshold={threshold!r}. "
                     "`threshold_f1_inlier` chooses one on a validation part.")
    label, score = checked(label, score, both=False)
    rejects = score > numpy.float64(threshold)      # both float64, lest a midpoint be rounded onto a score
    true, claimed = (label == 1, rejects) if positive == "anomaly" else (label == 0, ~rejects)
    size = int(true.sum() + claimed.sum())
    return float(2 * (true & claimed).sum() / size) if size else 0.0


def best_f1(label, score):
    """The largest F1 over all thresholds with the anomaly as the positive class, float in (0, 1].

    An oracle: it looks at the labels it is judged by, and so bounds what a threshold chosen before can reach.
    """
    _, normal, anomalous = groups(label, score)
    found, claimed = numpy.cumsum(anomalous[::-1]), numpy.cumsum((normal + anomalous)[::-1])
    return float(numpy.max(2 * found / (claimed + found[-1])))


def threshold_f1_inlier(label, score):
    """The threshold of the best F1 with the normal as the positive class: to be chosen on a validation part.

    The `f1_inlier` of a run is `f1_at(test_label, test_score, this threshold, positive="normal")`.

    Returns:
        float, half-way between two neighbouring scores, or the largest score where accepting everything is
        best; the lowest of equally good ones. `f1_at` there, on the same data, is the maximum.

    Source: the GPND paper, the threshold gamma.
    Differs: an exact search over the sorted scores, where its code bisects.
    """
    values, normal, anomalous = groups(label, score)
    accepted, claimed = numpy.cumsum(normal), numpy.cumsum(normal + anomalous)
    at = int(numpy.argmax(2 * accepted / (claimed + accepted[-1])))
    if at == len(values) - 1:
        return float(values[-1])
    middle = values[at] / 2 + values[at + 1] / 2        # halved first: the sum of large scores may overflow
    return float(middle) if values[at] <= middle < values[at + 1] else float(values[at])


def accept_all_f1(label):
    """F1 with the normal as the positive class of accepting every example: below it no threshold is worth its name.

    Args:
        label: 0 or 1 (n,), 1 = anomalous; both must occur.

    Returns:
        float in (0, 1), 2 (1 - p) / (2 - p) where p is the share of anomalies: .947 at a tenth, .667 at a half.
    """
    return f1_at(*checked(label, numpy.zeros(len(label))), 0, positive="normal")


def inlier_f1(validation, test):
    """F1 with the normal as the positive class at the threshold of another part, and what accepting everything would give.

    Args:
        validation, test: (label, score) each, as for `auroc`.

    Returns:
        dict of float: f1_inlier, accept_all_f1, both of the test part.
    """
    return {"f1_inlier": f1_at(*test, threshold_f1_inlier(*validation), positive="normal"), "accept_all_f1": accept_all_f1(test[0])}


def ranked(label, score):
    """dict of float: auroc, aupr_in, aupr_out, fpr_at_95_tpr, detection_error."""
    return {"auroc": auroc(label, score), "aupr_in": aupr_in(label, score), "aupr_out": aupr_out(label, score),
            "fpr_at_95_tpr": fpr_at_95_tpr(label, score), "detection_error": detection_error(label, score)}


def summary(label, score, times=None):
    """All numbers that need no validation part, under the names of metrics.json.

    Args:
        label, score: as for `auroc`.
        times: int (n,), how often each example counts; None or empty: once each.

    Returns:
        dict of float: auroc, auroc_low, auroc_high (95 % bootstrap of the distinct examples: a repeated one would make it
        falsely narrow), aupr_in, aupr_out, fpr_at_95_tpr, detection_error, best_f1; and of int: n_test, n_anomalous, both as
        counted, and n_distinct where that is less than n_test.
    """
    low, high = bootstrap_auroc(label, score)
    distinct = len(label)
    label, score = repeated(times, label, score)
    numbers = ranked(label, score)
    return {
        "auroc": numbers["auroc"], "auroc_low": low, "auroc_high": high, **numbers, "best_f1": best_f1(label, score),
        "n_test": len(label), "n_anomalous": int(numpy.sum(label)),
        **({"n_distinct": distinct} if distinct < len(label) else {}),
    }
