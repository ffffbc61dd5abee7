"""Are these methods different? Paired comparison over blocks: ranks, Friedman, Nemenyi's critical difference, Wilcoxon with Holm.

A block is a data set with a normal class; its value is the mean over seeds. Seeds of one class are no blocks of their own: they
share the test set and nearly the training set, and to count them as independent is to find differences that are not there.

Source: Demsar (2006), Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7; Holm (1979); Wilcoxon (1945), zero
differences after Pratt (1959).
"""
import dataclasses
import itertools
import math

import numpy
import scipy.stats

from kerasnd.errors import Misuse

ALPHA = 0.05


@dataclasses.dataclass(frozen=True)
class Comparison:
    """k rows over n blocks.

    Attributes:
        names: tuple of k hashables, the rows, best average rank first.
        blocks: tuple of n hashables.
        left_out: int, blocks that not every row has.
        ranks: {name: float in [1, k]}, average ranks, 1 = highest value.
        critical_difference: float, of average ranks (Nemenyi, 5 %); two rows further apart differ. None for n < 2.
        friedman: float or None, p-value of "all rows are equal"; None for fewer than three rows or two blocks.
        pairs: {(name, name): (p, adjusted p)}, Wilcoxon's signed ranks, two-sided; adjusted over all pairs after Holm.
        close: tuple of names, the best row and those that are not distinguishable from it (adjusted p > 0.05).
        decidable: bool, so many blocks can show a difference between so many rows at all.
    """
    names: tuple
    blocks: tuple
    left_out: int
    ranks: dict
    critical_difference: float
    friedman: float
    pairs: dict
    close: tuple
    decidable: bool


def compare(values, alpha=ALPHA):
    """Compares rows over the blocks that all of them have.

    Args:
        values: {name: {block: float}}, higher is better.
        alpha: float in (0, 1).

    Returns:
        Comparison, or None where there are fewer than two rows or no common block.

    Raises:
        Misuse: a value is not finite.
    """
    for name, row in values.items():
        for block, value in row.items():
            if not math.isfinite(value):
                raise Misuse(f"`values` must be finite. Received: {value} for {name} on {block}.")
    blocks = [block for block in next(iter(values.values()), {}) if all(block in row for row in values.values())]
    if len(values) < 2 or not blocks:
        return None
    names = list(values)
    table = numpy.array([[values[name][block] for name in names] for block in blocks])
    n, k = table.shape
    mean = dict(zip(names, ranks(table).mean(axis=0).tolist()))
    both = list(itertools.combinations(range(k), 2))
    raw = [signed_ranks(table[:, a] - table[:, b]) for a, b in both]
    pairs = {(names[a], names[b]): (p, q) for (a, b), p, q in zip(both, raw, holm(raw))}
    order = sorted(names, key=lambda name: (mean[name], -numpy.mean([values[name][block] for block in blocks])))
    best = order[0]
    close = [name for name in order if name == best or pairs.get((best, name), pairs.get((name, best)))[1] > alpha]
    every = set().union(*values.values())
    return Comparison(
        names=tuple(order), blocks=tuple(blocks), left_out=len(every) - n, ranks={name: mean[name] for name in order},
        critical_difference=critical_difference(k, n, alpha) if n > 1 else None,
        friedman=friedman(table) if k > 2 and n > 1 else None, pairs=pairs, close=tuple(close),
        decidable=least_p(n) * len(both) <= alpha)


def ranks(table):
    """float (n, k), of each block's values (n, k): 1 = highest, ties share their mean rank."""
    return scipy.stats.rankdata(-numpy.asarray(table), axis=1)


def friedman(table):
    """float, the p-value of Friedman's test of (n, k) values; 1.0 where all are equal."""
    table = numpy.asarray(table)
    if (table == table[:, :1]).all():
        return 1.0
    return float(scipy.stats.friedmanchisquare(*table.T).pvalue)


def critical_difference(k, n, alpha=ALPHA):
    """float, Nemenyi's: average ranks of k rows over n blocks that are further apart differ at `alpha`."""
    q = scipy.stats.studentized_range.ppf(1 - alpha, k, math.inf) / math.sqrt(2)
    return float(q * math.sqrt(k * (k + 1) / (6 * n)))


def signed_ranks(differences):
    """float, the two-sided p-value of Wilcoxon's test of differences (n,): exact where none is zero and no two are alike, by
    permutations of the signs for few others, else by the normal approximation. 1.0 where all are zero."""
    differences = numpy.asarray(differences, float)
    if not differences.any():
        return 1.0
    sizes = numpy.abs(differences)
    if len(set(sizes.tolist())) == len(sizes) and sizes.all():
        return float(scipy.stats.wilcoxon(differences, method="exact" if len(sizes) <= 50 else "approx").pvalue)
    if len(sizes) <= 13:        # 2^13 signs: ties and zeros are counted out
        return _permuted(differences)
    return float(scipy.stats.wilcoxon(differences, zero_method="pratt", method="approx").pvalue)


def _permuted(differences):
    """float: the share of all signs whose sum of ranks is as far from the middle; zeros have ranks, but no sign (Pratt)."""
    rank = scipy.stats.rankdata(numpy.abs(differences))[differences != 0]
    signs = numpy.array(list(itertools.product((0, 1), repeat=len(rank))))
    sums, middle = signs @ rank, rank.sum() / 2
    seen = rank[differences[differences != 0] > 0].sum()
    return float(numpy.mean(numpy.abs(sums - middle) >= abs(seen - middle) - 1e-9))


def holm(p):
    """list of float, p-values adjusted so that all may be held against one alpha at once."""
    order, adjusted, least = numpy.argsort(p, kind="stable"), [0.0] * len(p), 0.0
    for place, at in enumerate(order):
        least = max(least, min(1.0, (len(p) - place) * p[at]))
        adjusted[at] = least
    return adjusted


def least_p(n):
    """float, the smallest two-sided p-value that n blocks can give: all differences of one sign."""
    return min(1.0, 2.0 ** (1 - n))


def least_blocks(k, alpha=ALPHA):
    """int, the blocks without which no pair of k rows can differ at `alpha` after Holm."""
    return 1 + math.ceil(math.log2(k * (k - 1) / 2 / alpha))
