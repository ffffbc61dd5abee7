"""Precision, recall and F1 of two shifted uniforms in closed form, and the metrics against GPND's grid of thresholds."""
import math

import numpy
import pytest

from kerasnd import metrics

N = 4000


def uniforms(distance, each=1, offset=0.5):
    """(label, score): N normals evenly on [0, 1], `each` times as many anomalies on [distance, 1 + distance]."""
    normal, anomalous = (numpy.arange(N) + offset) / N, (numpy.arange(each * N) + offset) / (each * N) + distance
    return numpy.repeat([0, 1], [N, each * N]), numpy.concatenate([normal, anomalous])


@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("distance", [0.1, 0.4, 0.9])
def test_the_areas_below_precision_of_two_shifted_uniforms(distance, each):
    """At a recall r > d of the anomalies k r of k and r - d of 1 are claimed: their precision is k r / (k r + r - d), 1 before."""
    def area(k, d):
        return d + k / (k + 1) * (1 - d + d / (k + 1) * math.log((k + 1 - d) / (k * d)))
    label, score = uniforms(distance, each)
    assert metrics.aupr_out(label, score) == pytest.approx(area(each, distance), abs=1e-3)
    assert metrics.aupr_in(label, score) == pytest.approx(area(1 / each, distance), abs=1e-3)


@pytest.mark.parametrize("each, distance", [(1, 0.4), (2, 0.4), (3, 0.2), (3, 0.4), (3, 0.9), (5, 0.5)])
def test_the_inlier_f1_of_two_shifted_uniforms(each, distance):
    """F1 = 2 t / (1 + t + k (t - d)) of accepting up to d < t < 1 grows where k d < 1: best at 1, else at d."""
    at, best = (1, 2 / (2 + each * (1 - distance))) if each * distance < 1 else (distance, 2 * distance / (1 + distance))
    validation, test = uniforms(distance, each, 0.25), uniforms(distance, each, 0.75)
    assert metrics.threshold_f1_inlier(*validation) == pytest.approx(at, abs=1e-3)
    found = metrics.inlier_f1(validation, test)
    assert found["f1_inlier"] == pytest.approx(best, abs=1e-3)
    assert found["accept_all_f1"] == pytest.approx(2 / (2 + each), abs=1e-12) and found["accept_all_f1"] < found["f1_inlier"]


@pytest.mark.parametrize("percent, published", [(10, 0.947), (20, 0.889), (30, 0.824), (40, 0.75), (50, 0.667)])
def test_accepting_everything(percent, published):
    label = numpy.repeat([0, 1], [100 - percent, percent])
    score = numpy.random.default_rng(percent).normal(size=100)
    assert metrics.accept_all_f1(label) == pytest.approx(published, abs=5e-4)
    assert metrics.accept_all_f1(label) == metrics.f1_at(label, score, numpy.inf, positive="normal")
    best = metrics.f1_at(label, score, metrics.threshold_f1_inlier(label, score), positive="normal")
    assert metrics.accept_all_f1(label) <= best       # of any right search, on the data that it searched
    numbers = metrics.inlier_f1((label, score), (label[10:], score[10:]))
    assert list(numbers) == ["f1_inlier", "accept_all_f1"] and set(map(type, numbers.values())) == {float}
    assert numbers["accept_all_f1"] == metrics.accept_all_f1(label[10:])


def on_the_grid(label, score, step=0.2):
    """GPND's numbers: normality -score, accepted where it is at least a threshold of a grid, one threshold after another."""
    normal, anomalous = -score[label == 0], -score[label == 1]
    grid = numpy.arange(-score.max() - 1, -score.min() + 1, step)
    true = numpy.array([(normal >= t).mean() for t in grid])
    false = numpy.array([(anomalous >= t).mean() for t in grid])
    n, m = len(normal), len(anomalous)

    def area(recall, precision):        # recalls from 1 downwards, the precision of the lower one, and the rest as a rectangle
        return float(numpy.sum((recall[:-1] - recall[1:]) * precision[1:]) + recall[-1] * precision[-1])
    with numpy.errstate(invalid="ignore"):
        of_normals = numpy.nan_to_num(true * n / (true * n + false * m), nan=1)
        lost, found = (1 - true)[::-1], (1 - false)[::-1]
        of_anomalies = numpy.nan_to_num(found * m / (found * m + lost * n), nan=1)
    return {"fpr_at_95_tpr": false[numpy.argmin(numpy.abs(true - 0.95))], "detection_error": ((1 - true + false) / 2).min(),
            "aupr_in": area(true, of_normals), "aupr_out": area(found, of_anomalies)}


@pytest.mark.parametrize("seed, share, lift", [(0, 0.1, 60), (1, 0.3, 60), (2, 0.5, 30), (3, 0.5, 120)])
def test_the_metrics_are_those_of_the_original_grid_within_its_step(seed, share, lift):
    """Log-densities spread over some hundred units, as GPND's are: a step of 0.2 is a thousandth of that."""
    rng = numpy.random.default_rng(seed)
    label = (numpy.arange(6000) < share * 6000).astype("int8")
    score = rng.normal(-300, 40, 6000) + lift * label
    found, published = metrics.summary(label, score), on_the_grid(label, score)
    assert {name: found[name] for name in published} == pytest.approx(published, abs=3e-3)
    assert found["detection_error"] <= published["detection_error"]         # the grid is some of the thresholds


def test_where_no_two_scores_share_a_step_the_grid_tells_the_exact_error():
    rng = numpy.random.default_rng(0)
    label, score = rng.integers(0, 2, 400), rng.permutation(1000)[:400].astype(float)
    assert metrics.detection_error(label, score) == pytest.approx(on_the_grid(label, score)["detection_error"], abs=1e-12)
