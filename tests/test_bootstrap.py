"""The bootstrap's intervals: their width, exact distribution, seed and speed."""
import time
import tracemalloc

import numpy
import pytest

from kerasnd import bootstrap, metrics


def test_the_bootstrap_interval_has_delongs_width():
    rng = numpy.random.default_rng(1)
    label, score = numpy.repeat([0, 1], [300, 500]), rng.normal(size=800) + numpy.repeat([0, 1.2], [300, 500])
    normal, anomalous = score[:300], score[300:]
    wins = anomalous[:, None] > normal
    deviation = (wins.mean(0).var(ddof=1) / 300 + wins.mean(1).var(ddof=1) / 500) ** 0.5
    low, high = metrics.bootstrap_auroc(label, score, n=4000)
    area = metrics.auroc(label, score)
    assert (high - low) / 2 / 1.96 == pytest.approx(deviation, rel=0.08)
    assert (low + high) / 2 == pytest.approx(area, abs=0.15 * deviation)
    inner = metrics.bootstrap_auroc(label, score, n=4000, level=0.5)
    assert low < inner[0] < area < inner[1] < high
    assert (inner[1] - inner[0]) / 2 / 0.6745 == pytest.approx(deviation, rel=0.08)


def test_resampling_ties_and_few_anomalies_gives_the_exact_distribution():
    """Of two normals none, one or both are drawn below the anomaly, with probability 1/4, 1/2, 1/4."""
    for middle, outer in ((0.4, 0.6), (0.1, 0.99)):
        assert metrics.bootstrap_auroc([0, 0, 1], [0, 2, 1], n=2000, level=middle) == (0.5, 0.5)
        assert metrics.bootstrap_auroc([0, 0, 1], [0, 2, 1], n=2000, level=outer) == (0, 1)
        assert metrics.bootstrap_auroc([0, 0, 1], [1, 2, 1], n=2000, level=middle) == (0.25, 0.25)     # a tie is 1/2
        assert metrics.bootstrap_auroc([0, 0, 1], [1, 2, 1], n=2000, level=outer) == (0, 0.5)


def test_seed_and_piece_size_of_the_bootstrap(monkeypatch):
    rng = numpy.random.default_rng(0)
    label, score = rng.integers(0, 2, 101), rng.integers(0, 50, 101)
    whole = metrics.bootstrap_auroc(label, score, n=57, seed=3)
    assert whole == metrics.bootstrap_auroc(label, score, n=57, seed=3)
    assert whole != metrics.bootstrap_auroc(label, score, n=57, seed=4)
    for cells in (1, 1000, 101 * 8):
        monkeypatch.setattr(bootstrap, "BOOTSTRAP_CELLS", cells)
        assert metrics.bootstrap_auroc(label, score, n=57, seed=3) == whole


def test_the_bootstrap_is_fast_and_small():
    rng = numpy.random.default_rng(0)
    label = (numpy.arange(10000) >= 1000).astype("int8")
    score = (rng.normal(size=10000) + label).astype("float32")
    began = time.process_time()
    metrics.bootstrap_auroc(label, score)
    assert time.process_time() - began < 3                          # 0.3 s on a quiet core
    tracemalloc.start()
    metrics.bootstrap_auroc(label, score, n=600)
    assert tracemalloc.get_traced_memory()[1] < 120e6
    tracemalloc.stop()
