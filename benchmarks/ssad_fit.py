"""Seconds of SSAD's fit under one gamma, its kernel included: a wide kernel, where few examples bear weight, and a narrow one."""
import time

import results

SIZES = (500, 1000, 2000, 5000)
FEATURES, SHARE_KNOWN = 36, 0.01
KERNELS = {"wide": 0.1, "narrow": 4.0}


def report(options):
    """Yields Markdown, a row for each number of examples. Quick: those below two thousand."""
    import threadpoolctl
    with threadpoolctl.threadpool_limits(options.threads):
        rows = [row(n) for n in SIZES if options.compilers or n < 2000]
    yield f"## Fit of SSAD, {FEATURES} features, {SHARE_KNOWN:.0%} known anomalies"
    heads = (f"{name} kernel (gamma {gamma}): s, support vectors, violation" for name, gamma in KERNELS.items())
    yield results.table(("examples", *heads), rows)


def row(n):
    """The cells of a size: n examples, then the seconds of each kernel with what was found."""
    import numpy as np

    from kerasnd.methods import kernels, ssad_dual
    rng = np.random.default_rng(0)
    x, hint = rng.random((n, FEATURES)), np.where(rng.permutation(n) < SHARE_KNOWN * n, -1, 0)
    x[hint < 0] = rng.random((int((hint < 0).sum()), FEATURES)) ** 3
    cells = [str(n)]
    for gamma in KERNELS.values():
        began = time.perf_counter()
        found = ssad_dual.solve(lambda index: kernels.gram("rbf", gamma, x, x[index]), hint, np.ones(n), 1.0)
        cells.append(f"{time.perf_counter() - began:.1f}, {np.count_nonzero(found.alpha)}, {found.violation:.0e}")
    return cells
