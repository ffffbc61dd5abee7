"""The quadratic programme of convex SSAD, solved to a stated precision with NumPy and SciPy alone.

    minimise over a   1/2 sum_ij a_i a_j c_i c_j k(x_i, x_j)          c: -1 for known anomalies, +1 for all others
    such that         0 <= a_i <= C_i,   sum_i c_i a_i = 1,   sum over known i of a_i >= kappa

Two loops. The inner one is a primal-dual interior point method on some of the examples: twenty to forty Cholesky factors,
whatever the conditioning of the kernel. The outer one begins with a few hundred examples and adds those whose optimality
conditions the solution violates, until nobody's are: where few examples bear weight, the n x n kernel is never built.
"""
import dataclasses
import functools

import numpy as np
import threadpoolctl
from scipy import linalg

TOLERANCE = 1e-6        # of the violation over all examples
PRECISION = 1e-11       # of the gap in the inner loop, relative to the objective
NOTHING = 1e-9          # weights below that are none, as published
FLOOR = 1e-3            # an objective below that share of the mean k(x, x) counts as that much: it may be zero
FIRST = 200             # examples in the first round
SMALL = 1500            # examples below which one thread is the fastest
ITERATIONS = 80         # of the inner loop, at most


@dataclasses.dataclass(frozen=True)
class Solution:
    """A point of the programme, and how good it is.

    Args:
        alpha: float64 (n,), the weights a; exactly 0 where an example bears none.
        rho: float, the multiplier of `sum c a = 1`: the threshold of the primal problem.
        margin: float >= 0, the multiplier of the last constraint: how far from the threshold known examples
            are pushed, each kind to its side.
        objective: float >= 0.
        gap: float >= 0, how much lower the objective could be at most over the examples of the last round, relative to it.
        violation: float >= 0, over all examples the largest |a - clip(a - g, 0, C)|, g the slope of the Lagrangian relative to
            the objective: 0 just where the optimality conditions hold.
        rounds, iterations: int, of the two loops.
    """
    alpha: np.ndarray
    rho: float
    margin: float
    objective: float
    gap: float
    violation: float
    rounds: int
    iterations: int

    @property
    def exact(self):
        """bool, both gap and violation are within `TOLERANCE`."""
        return max(self.gap, self.violation) <= TOLERANCE


def solve(kernel, hint, bound, kappa):
    """Minimises over all examples.

    Args:
        kernel: function of an int64 (m,) index -> float64 (n, m), those columns of the kernel matrix.
        hint: int (n,) in {-1, 0, +1}.
        bound: float64 (n,) > 0, the C of each example.
        kappa: float >= 0; the last constraint is left out where it is 0 or nothing is known.

    Returns:
        Solution. The caller has seen to it that there is a feasible point.
    """
    sign, known = np.where(hint < 0, -1.0, 1.0), (hint != 0).astype(np.float64)
    rows = np.stack([sign, known])[:2 if kappa and known.any() else 1]
    target = np.array([1.0, kappa])[:len(rows)]
    inside = _first(hint, bound, kappa if len(rows) > 1 else 0.0)
    columns, rounds, iterations = kernel(inside), 0, 0
    while True:
        with threads(len(inside)):
            point = _of_some(inside, columns, sign, rows, target, bound)
        rounds, iterations = rounds + 1, iterations + point.iterations
        weights = point.a[:len(inside)]
        alpha = np.zeros(len(hint))
        alpha[inside] = np.where(weights > NOTHING, weights, 0)
        slope = (sign * (columns @ (sign[inside] * alpha[inside])) - point.multipliers @ rows) / point.scale
        violation = np.abs(alpha - np.clip(alpha - slope, 0, bound))
        outside = np.setdiff1d(np.flatnonzero(violation > TOLERANCE), inside)
        if len(outside) == 0:
            rho, margin = *point.multipliers, *[0.0] * (2 - len(rows))
            return Solution(alpha, float(rho), float(margin), point.objective, point.gap, float(violation.max()), rounds,
                            iterations)
        # Where most are missing, most will bear weight: growing slowly would only cost rounds.
        if 2 * len(outside) < len(hint) - len(inside):
            outside = outside[np.argsort(-violation[outside], kind="stable")[:max(len(inside), FIRST)]]
        columns = np.hstack([columns, kernel(outside)])
        inside = np.concatenate([inside, outside])


def threads(m):
    """Context in which BLAS has one thread where m is small: several would wait for one another at each of thousands of small
    products, on busy cores for minutes."""
    return _blas().limit(limits=1 if m < SMALL else None, user_api="blas")


@functools.cache
def _blas():
    """Found once: finding takes longer than a small factor."""
    return threadpoolctl.ThreadpoolController()


def most_known(hint, bound):
    """float, the largest kappa for which there is a feasible point; minus infinity where there is none at all.

    Known anomalies bear up to N = min(sum of their C, sum of all others' C - 1), known normals up to min(sum of their C, 1 + N).
    """
    negative, unknown, positive = (float(bound[hint == kind].sum()) for kind in (-1, 0, 1))
    if unknown + positive < 1:
        return -np.inf
    negative = min(negative, unknown + positive - 1)
    return negative + min(positive, 1 + negative)


def _first(hint, bound, kappa):
    """int64 (m,), examples of every kind of hint, evenly spaced, so many that there are feasible points well inside the bounds."""
    size = min(FIRST, len(hint))
    while True:
        chosen = []
        for kind in (-1, 0, 1):
            members = np.flatnonzero(hint == kind)
            count = min(len(members), max(-(-size * len(members) // len(hint)), size // 5))
            chosen.append(members[np.linspace(0, len(members) - 1, count).astype(np.int64)])
        inside = np.concatenate(chosen)
        if len(inside) == len(hint) or most_known(hint[inside], bound[inside] / 2) >= kappa:
            return inside
        size = min(2 * size, len(hint))


def _of_some(inside, columns, sign, rows, target, bound):
    """Point of the examples `inside`; a last variable tells by how much the known ones' sum exceeds kappa."""
    m, more = len(inside), len(rows) - 1
    matrix = np.zeros((m + more, m + more))
    np.multiply(sign[inside, None] * sign[inside], columns[inside], out=matrix[:m, :m])
    excess = np.array([[0.0], [-1.0]])[:len(rows), :more]
    return interior_point(matrix, np.hstack([rows[:, inside], excess]), target,
                          np.append(bound[inside], [2 * bound[inside].sum()] * more))


@dataclasses.dataclass(frozen=True)
class Point:
    """Where the interior point method ended.

    Args:
        a: float64 (m,), strictly inside the box.
        multipliers: float64 (r,), of the rows.
        objective, gap: as in `Solution`.
        scale: float > 0, what the gap is relative to.
        iterations: int.
    """
    a: np.ndarray
    multipliers: np.ndarray
    objective: float
    gap: float
    scale: float
    iterations: int


def interior_point(matrix, rows, target, bound):
    """Minimises 1/2 a' Q a such that A a = b and 0 <= a <= u.

    Args:
        matrix: float64 (m, m), Q, symmetric and positive semidefinite.
        rows: float64 (r, m), A, of full rank.
        target: float64 (r,), b.
        bound: float64 (m,) > 0, u.

    Returns:
        Point, that of the smallest gap.

    Source: Mehrotra (1992), On the implementation of a primal-dual interior point method, SIAM J. Optimization 2.
    """
    m, best = len(bound), None
    a = np.minimum(bound / 2, (1 + np.abs(target).sum()) / m)
    room, slope = bound - a, matrix @ a
    multipliers = np.linalg.lstsq(rows.T, slope, rcond=None)[0]
    reduced, some = slope - multipliers @ rows, 0.1 * (np.abs(slope).max() or 1.0)
    low, high = reduced.clip(min=0) + some, some * a / room        # multipliers of both bounds
    for iteration in range(1, ITERATIONS + 1):
        objective = float(a @ slope / 2)
        scale = max(objective, FLOOR * matrix.trace() / m) or 1.0
        dual_error, row_error = slope - multipliers @ rows - low + high, rows @ a - target
        products = a @ low + room @ high
        gap = float(products + np.abs(dual_error) @ a + np.abs(row_error) @ np.abs(multipliers)) / scale
        if best is None or gap < best.gap:
            best = Point(a, multipliers, objective, gap, scale, iteration)
        if gap <= PRECISION:
            break
        try:
            newton = _newton(matrix, rows, (a, room, low, high), dual_error, row_error)
            step, of_multipliers = newton(np.zeros(m), np.zeros(m))
            length, ((_, of_a), _, (_, of_low), (_, of_high)) = _longest(step), step
            after = (a + length * of_a) @ (low + length * of_low) + (room - length * of_a) @ (high + length * of_high)
            centre = products / (2 * m) * (after / products) ** 3
            # The second-order terms of a step that had to be cut are of a place that is not reached: whole, they can lead
            # round in circles.
            step, of_multipliers = newton(centre - length ** 2 * of_a * of_low, centre + length ** 2 * of_a * of_high)
        except linalg.LinAlgError:      # as far as float64 goes
            break
        length = _longest(step)
        a, room, low, high = (value + length * change for value, change in step)
        multipliers, slope = multipliers + length * of_multipliers, matrix @ a
    return best


def _newton(matrix, rows, point, dual_error, row_error):
    """Factors once, for two steps: the function from the wanted products a * low and room * high to them.

    It returns (pairs, step of the multipliers), pairs: (value, its step) of a, room, low and high.
    """
    a, room, low, high = point
    factor = _cholesky(matrix, low / a + high / room)
    sides = linalg.cho_solve(factor, rows.T, check_finite=False)
    small = rows @ sides

    def newton(low_products, high_products):
        right = low_products / a - low - high_products / room + high - dual_error
        free = linalg.cho_solve(factor, right, check_finite=False)
        of_multipliers = np.linalg.solve(small, -row_error - rows @ free)
        of_a = free + sides @ of_multipliers
        if not np.isfinite(of_a).all():
            raise linalg.LinAlgError("singular")
        of_low, of_high = (low_products - low * of_a) / a - low, (high_products + high * of_a) / room - high
        return ((a, of_a), (room, -of_a), (low, of_low), (high, of_high)), of_multipliers
    return newton


def _longest(step):
    """float in (0, 1], how far everything positive stays so."""
    return min(1.0, 0.995 / max(1e-300, *(np.max(-change / value) for value, change in step)))


def _cholesky(matrix, diagonal):
    """The factor of matrix + diag(diagonal), with a ridge where rounding has made that indefinite."""
    m = len(matrix)
    for ridge in (0.0, 1e-14, 1e-12, 1e-10):
        filled = np.array(matrix, order="F")
        filled.flat[::m + 1] += diagonal + ridge * matrix.trace()
        try:
            return linalg.cho_factor(filled, lower=True, overwrite_a=True, check_finite=False)
        except linalg.LinAlgError:
            pass
    raise linalg.LinAlgError("indefinite")
