"""Metrics against scikit-learn, closed forms, and the definitions counted out over all thresholds."""
import fractions
import json
import subprocess
import sys

import hypothesis
import numpy
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import strategies as some

from kerasnd import metrics
from kerasnd.errors import Misuse

TINY = [numpy.nextafter(1.0, numpy.inf), 1.0, numpy.nextafter(1.0, 0), 5e-324, 0.0, -0.0, -5e-324, 1e300, -1e300]
PATIENT = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
VALUES = some.one_of(
    some.integers(-3, 3).map(float),                                  # heavy ties
    some.sampled_from(TINY),                                          # infinitesimal gaps
    some.floats(-1e6, 1e6, allow_nan=False),
)


@some.composite
def judged(draw):
    """(label, score) with both classes, often with one anomaly or one normal only."""
    score = numpy.array(draw(some.lists(VALUES, min_size=2, max_size=40)))
    n_anomalous = draw(some.one_of(some.just(1), some.just(len(score) - 1), some.integers(1, len(score) - 1)))
    label = numpy.zeros(len(score), "int8")
    label[draw(some.permutations(range(len(score))))[:n_anomalous]] = 1
    return label, score


def thresholds(score):
    """Every threshold that gives another verdict, accept nothing included."""
    return [-numpy.inf, *numpy.unique(score)]


def counted(label, score, t):
    """(normals accepted, normals, anomalies accepted, anomalies) at `score <= t`, one example at a time."""
    accepted = [bool(s <= t) for s in score]
    return (sum(a and not y for a, y in zip(accepted, label)), sum(not y for y in label),
            sum(a and bool(y) for a, y in zip(accepted, label)), sum(bool(y) for y in label))


def f1(true_positive, n_claimed, n_positive):
    return fractions.Fraction(2 * true_positive, n_claimed + n_positive) if true_positive else 0


@PATIENT
@hypothesis.given(judged())
def test_areas_agree_with_scikit_learn(case):
    label, score = case
    assert metrics.auroc(label, score) == pytest.approx(sklearn.metrics.roc_auc_score(label, score), abs=1e-12)
    assert metrics.aupr_out(label, score) == pytest.approx(
        sklearn.metrics.average_precision_score(label, score), abs=1e-12)
    assert metrics.aupr_in(label, score) == pytest.approx(
        sklearn.metrics.average_precision_score(1 - label, -score), abs=1e-12)


@PATIENT
@hypothesis.given(judged(), some.sampled_from([0.0, 1.0, -1.5, numpy.inf, -numpy.inf]))
def test_f1_agrees_with_scikit_learn(case, threshold):
    label, score = case
    verdict = (score > threshold).astype(int)
    for positive, side in (("anomaly", 1), ("normal", 0)):
        expected = sklearn.metrics.f1_score(label, verdict, pos_label=side, zero_division=0)
        assert metrics.f1_at(label, score, threshold, positive=positive) == pytest.approx(expected, abs=1e-12)


@PATIENT
@hypothesis.given(judged())
def test_the_roc_curve_passes_through_scikit_learns_points(case):
    label, score = case
    rejected, found = metrics.roc_curve(label, score)
    expected = sklearn.metrics.roc_curve(label, score, drop_intermediate=False)
    numpy.testing.assert_allclose([rejected, found], expected[:2], atol=1e-12)
    assert sklearn.metrics.auc(rejected, found) == pytest.approx(metrics.auroc(label, score), abs=1e-12)


@PATIENT
@hypothesis.given(judged())
def test_the_definitions_counted_out_over_all_thresholds(case):
    label, score = case
    points = [counted(label, score, t) for t in thresholds(score)]
    error = min(fractions.Fraction(n - a, n) / 2 + fractions.Fraction(b, m) / 2 for a, n, b, m in points)
    passed = min(fractions.Fraction(b, m) for a, n, b, m in points if 100 * a >= 95 * n)
    best = max(f1(m - b, len(label) - a - b, m) for a, n, b, m in points)
    inlier = max(f1(a, a + b, n) for a, n, b, m in points)
    assert metrics.detection_error(label, score) == pytest.approx(float(error), abs=1e-15)
    assert metrics.fpr_at_95_tpr(label, score) == float(passed)
    assert metrics.best_f1(label, score) == pytest.approx(float(best), abs=1e-15)
    threshold = metrics.threshold_f1_inlier(label, score)
    assert metrics.f1_at(label, score, threshold, positive="normal") == pytest.approx(float(inlier), abs=1e-15)


@PATIENT
@hypothesis.given(judged(), some.randoms())
def test_order_and_monotone_maps_change_nothing_and_reversal_mirrors(case, random):
    label, score = case
    order = random.sample(range(len(label)), len(label))
    ranks = numpy.unique(score, return_inverse=True)[1] ** 3 - 7
    for measure in (metrics.auroc, metrics.aupr_in, metrics.aupr_out, metrics.fpr_at_95_tpr, metrics.detection_error,
                    metrics.best_f1):
        assert measure(label[order], score[order]) == measure(label, score) == measure(label, ranks)
    assert metrics.bootstrap_auroc(label[order], score[order], n=20) == metrics.bootstrap_auroc(label, score, n=20)
    assert metrics.auroc(label, score) + metrics.auroc(label, -score) == pytest.approx(1, abs=1e-12)
    assert metrics.aupr_in(label, score) == pytest.approx(metrics.aupr_out(1 - label, -score), abs=1e-12)


@pytest.mark.parametrize("shift", [0, 1, 60, 399, 400])
def test_two_shifted_uniforms(shift):
    """Normals at 0..n-1, anomalies at shift..shift+n-1: areas of triangles, exact even with the ties."""
    n, d = 400, shift / 400
    label, score = numpy.repeat([0, 1], n), numpy.concatenate([numpy.arange(n), numpy.arange(n) + shift])
    assert metrics.auroc(label, score) == pytest.approx(1 - (1 - d) ** 2 / 2, abs=1e-15)
    assert metrics.fpr_at_95_tpr(label, score) == pytest.approx(max(0.95 - d, 0), abs=1e-15)
    assert metrics.detection_error(label, score) == pytest.approx((1 - d) / 2, abs=1e-15)


@pytest.mark.parametrize("distance", [0.5, 1.0, 2.5])
def test_two_shifted_gaussians(distance):
    n, phi = 4000, scipy.stats.norm
    grid = phi.ppf((numpy.arange(n) + 0.5) / n)
    label, score = numpy.repeat([0, 1], n), numpy.concatenate([grid, grid + distance]).astype("float32")
    assert metrics.auroc(label, score) == pytest.approx(phi.cdf(distance / 2 ** 0.5), abs=1e-3)
    assert metrics.detection_error(label, score) == pytest.approx(phi.cdf(-distance / 2), abs=1e-3)
    assert metrics.fpr_at_95_tpr(label, score) == pytest.approx(phi.cdf(phi.ppf(0.95) - distance), abs=1e-3)


def test_perfect_reversed_and_constant_scores():
    label = numpy.array([0] * 30 + [1] * 10)
    worst = {"auroc": 0, "fpr_at_95_tpr": 1, "detection_error": 0.5, "best_f1": 0.4}
    best = {"auroc": 1, "fpr_at_95_tpr": 0, "detection_error": 0, "best_f1": 1, "aupr_in": 1, "aupr_out": 1}
    flat = {"auroc": 0.5, "fpr_at_95_tpr": 1, "detection_error": 0.5, "best_f1": 0.4, "aupr_in": 0.75, "aupr_out": 0.25}
    for expected, score in ((best, label), (worst, -label), (flat, 0 * label)):
        result = metrics.summary(label, score)
        assert {name: result[name] for name in expected} == pytest.approx(expected, abs=1e-15)
        if expected is not worst:
            assert (result["auroc_low"], result["auroc_high"]) == (expected["auroc"], expected["auroc"])


@pytest.mark.parametrize("n", [*range(1, 130), 1000, 6742, 10020])
def test_95_percent_of_the_normals_is_counted_without_rounding(n):
    """Normals 1..n and an anomaly at each half: the threshold must be the ceil(0.95 n)-th normal."""
    needed = -(-19 * n // 20)
    label, score = numpy.repeat([0, 1], n), numpy.concatenate([numpy.arange(1, n + 1), numpy.arange(1, n + 1) - 0.5])
    assert metrics.fpr_at_95_tpr(label, score) == needed / n


def test_anomalies_that_tie_with_the_threshold_are_accepted():
    label = numpy.array([0] * 20 + [1] * 4)
    score = numpy.array([*range(20), 18, 18, 17, 19.0])             # the 19th of 20 normals scores 18
    assert metrics.fpr_at_95_tpr(label, score) == 0.75


@pytest.mark.parametrize("low", [numpy.float32(1), numpy.float64(1), numpy.nextafter(1, 2), numpy.float64(0),
                                 numpy.float32(1e-45), numpy.nextafter(-1, 2)])
def test_neighbouring_floats_are_told_apart(low):
    high = numpy.nextafter(low, numpy.inf, dtype=low.dtype)
    label, score = numpy.array([0, 0, 1]), numpy.array([low, low, high])
    assert metrics.auroc(label, score) == metrics.best_f1(label, score) == 1
    threshold = metrics.threshold_f1_inlier(label, score)
    assert float(low) <= threshold < float(high) and type(threshold) is float
    for positive in ("anomaly", "normal"):
        assert metrics.f1_at(label, score, threshold, positive=positive) == 1
    if low.dtype == "float32":
        assert threshold == (float(low) + float(high)) / 2


def test_the_inlier_threshold_lies_half_way_between_scores_and_does_not_overflow():
    assert metrics.threshold_f1_inlier([0, 0, 1, 1], [1, 2, 5, 6]) == 3.5
    assert metrics.threshold_f1_inlier([0, 1], [1.5e308, 1.7e308]) == pytest.approx(1.6e308)
    assert metrics.threshold_f1_inlier([1, 0], [1, 2]) == 2                     # accepting everything is best
    assert metrics.threshold_f1_inlier([0, 1, 1, 0], [1, 2, 3, 4]) == 1.5       # of equal maxima (2/3) the lowest


def test_the_summary_holds_the_names_of_metrics_json_as_plain_numbers():
    label, score = numpy.array([0, 1, 0, 1, 1], "int8"), numpy.arange(5, dtype="float32")
    result = metrics.summary(label, score)
    assert list(result) == ["auroc", "auroc_low", "auroc_high", "aupr_in", "aupr_out", "fpr_at_95_tpr",
                            "detection_error", "best_f1", "n_test", "n_anomalous"]
    assert {name: type(value) for name, value in result.items()} == {
        name: int if name.startswith("n_") else float for name in result}
    assert json.loads(json.dumps(result)) == result and (result["n_test"], result["n_anomalous"]) == (5, 3)
    assert result["auroc"] == 5 / 6


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64", "bfloat16"])
def test_every_real_dtype_of_scores_is_ranked_alike(dtype):
    import ml_dtypes
    score = numpy.array([1, 0, 1, 0]).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    assert metrics.auroc(numpy.array([True, False, False, True]), score) == 0.5
    assert metrics.aupr_in([1, 0, 0, 1], score) == 0.5              # negating unsigned integers would wrap around


@pytest.mark.parametrize("label, score, told", [
    ([0, 1], [0.0, 1.0, 2.0], r"one length. Received: shapes \(2,\) and \(3,\)"),
    ([[0], [1]], [[0.0], [1.0]], "one-dimensional"),
    ([0, 1, 1, 0], [0.0, 1.0, numpy.nan, numpy.inf], "2 of 4 values are not, the first at index 2: nan"),
    ([0, 1, 1, 0], [0.0, 1.0, 5.0, -numpy.inf], "1 of 4 values are not, the first at index 3: -inf"),
    ([0, 1, -1], [0.0, 1.0, 2.0], r"label\[2\]=-1"),
    ([0, 1, 0.5], [0.0, 1.0, 2.0], r"label\[2\]=0.5"),
    ([0, 1, numpy.nan], [0.0, 1.0, 2.0], r"label\[2\]=nan"),
    ([0, 0, 0], [0.0, 1.0, 2.0], "3 normals, 0 anomalies"),
    ([1, 1], [0.0, 1.0], "0 normals, 2 anomalies"),
    ([], [], "0 normals, 0 anomalies"),
    ([0, 1], ["a", "b"], "`score` must be real numbers"),
    (["0", "1"], [0, 1], "`label` must be real numbers"),
    ([0, 1], [1j, 2j], "`score` must be real numbers"),
])
def test_what_cannot_be_judged_is_refused_in_one_line(label, score, told):
    for measure in (metrics.auroc, metrics.aupr_in, metrics.aupr_out, metrics.fpr_at_95_tpr, metrics.detection_error,
                    metrics.best_f1, metrics.threshold_f1_inlier, metrics.bootstrap_auroc, metrics.roc_curve,
                    metrics.summary):
        with pytest.raises(Misuse, match=told) as caught:
            measure(label, score)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call, told", [
    (lambda: metrics.f1_at([0, 1], [0, 1], 0.5, positive="inlier"), "positive='inlier'"),
    (lambda: metrics.f1_at([0, 1], [0, 1], numpy.nan), "threshold=nan"),
    (lambda: metrics.f1_at([0, 1], [0, 1], [0.5]), r"threshold=\[0.5\]"),
    (lambda: metrics.f1_at([0, 1], [0, 1], "0.5"), "threshold='0.5'"),
    (lambda: metrics.bootstrap_auroc([0, 1], [0, 1], n=0), "n=0"),
    (lambda: metrics.bootstrap_auroc([0, 1], [0, 1], n=1.5), "n=1.5"),
    (lambda: metrics.bootstrap_auroc([0, 1], [0, 1], level=1), "level=1"),
])
def test_other_arguments_out_of_range_are_refused_in_one_line(call, told):
    with pytest.raises(Misuse, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_f1_at_judges_one_class_alone():
    assert metrics.f1_at([0, 0, 0], [1, 2, 3], 2.5, positive="normal") == 0.8
    assert metrics.f1_at([0, 0, 0], [1, 2, 3], 2.5) == 0 == metrics.f1_at([0], [1], 2.5)


def test_judging_needs_numpy_only():
    program = ("import sys, kerasnd.metrics\n"
               "print([n for n in ('keras', 'tensorflow', 'sklearn', 'scipy', 'matplotlib') if n in sys.modules])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
