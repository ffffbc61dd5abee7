"""How far the chance of the test sample moves a metric. NumPy only."""
import numpy

from kerasnd.errors import Misuse
from kerasnd.score_table import groups

BOOTSTRAP_CELLS = 1 << 21       # examples drawn at a time: about 70 MB; more only for a larger test set


def bootstrap_auroc(label, score, n=1000, seed=0, level=0.95):
    """A percentile interval of the AUROC, resampling normals and anomalies each among themselves.

    Args:
        label, score: as for `auroc`.
        n: int >= 1, the number of resamples.
        seed: int >= 0. Same seed and same examples, in any order: same interval.
        level: float in (0, 1), the share of resamples inside.

    Returns:
        (low, high): floats in [0, 1]. It tells the chance of the test sample, not that of training.

    Source: Efron's percentile bootstrap, stratified. 10 000 examples x 1000 resamples take 0.3 s.
    """
    if isinstance(n, bool) or not isinstance(n, (int, numpy.integer)) or n < 1:
        raise Misuse(f"`n` must be an integer >= 1. Received: n={n!r}. 1000 is usual.")
    if not 0 < level < 1:
        raise Misuse(f"`level` must be in (0, 1). Received: level={level!r}. 0.95 is usual.")
    values, normal, anomalous = groups(label, score)
    n_normal, n_anomalous, k = int(normal.sum()), int(anomalous.sum()), len(values)
    group_of_normal, group_of_anomaly = (numpy.repeat(numpy.arange(k), side) for side in (normal, anomalous))
    draw_normal, draw_anomaly = numpy.random.default_rng(seed).spawn(2)     # two: so at_once moves no draw
    areas, at_once = numpy.empty(n), max(1, BOOTSTRAP_CELLS // len(label))
    for start in range(0, n, at_once):
        rows = min(at_once, n - start)
        drawn = group_of_normal[draw_normal.integers(n_normal, size=(rows, n_normal))]
        drawn += k * numpy.arange(rows)[:, None]
        count = numpy.bincount(drawn.ravel(), minlength=rows * k).reshape(rows, k)
        twice_below = 2 * numpy.cumsum(count, axis=1) - count           # of every group, as in `auroc`
        drawn = group_of_anomaly[draw_anomaly.integers(n_anomalous, size=(rows, n_anomalous))]
        areas[start:start + rows] = numpy.take_along_axis(twice_below, drawn, axis=1).sum(axis=1)
    areas /= 2 * n_normal * n_anomalous
    low, high = numpy.quantile(areas, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
