"""Paired comparison of methods: against published tables, SciPy, hand-made ranks, and the error rate that it promises."""
import itertools
import math

import numpy as np
import pytest
import scipy.stats

from kerasnd import comparison
from kerasnd.errors import Misuse


def over(table):
    """{name: {block: value}} of rows."""
    return {f"m{i}": {f"b{j}": value for j, value in enumerate(row)} for i, row in enumerate(np.asarray(table).T.tolist())}


def test_critical_differences_are_those_of_the_published_table():
    published = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)        # Demsar (2006), table 5, q at 0.05
    for k, q in enumerate(published, 2):
        n = 10
        assert comparison.critical_difference(k, n) == pytest.approx(q * math.sqrt(k * (k + 1) / (6 * n)), rel=5e-4)


def test_ranks_and_friedman_by_hand():
    table = [[0.9, 0.8, 0.7], [0.9, 0.9, 0.1], [0.2, 0.3, 0.4], [0.5, 0.4, 0.3]]
    assert comparison.ranks(table).tolist() == [[1, 2, 3], [1.5, 1.5, 3], [3, 2, 1], [1, 2, 3]]
    found = comparison.compare(over(table))
    assert found.ranks == {"m0": 1.625, "m1": 1.875, "m2": 2.5} and found.names == ("m0", "m1", "m2")
    assert found.friedman == pytest.approx(scipy.stats.friedmanchisquare(*np.array(table).T).pvalue)
    assert found.critical_difference == pytest.approx(comparison.critical_difference(3, 4))


def test_signed_ranks_are_exact_where_they_can_be():
    rng = np.random.default_rng(0)
    for n in (5, 10, 30):
        difference = rng.normal(0.3, 1, n)
        assert comparison.signed_ranks(difference) == pytest.approx(scipy.stats.wilcoxon(difference, method="exact").pvalue)
    assert comparison.signed_ranks(np.arange(1, 7)) == pytest.approx(2 / 2 ** 6) == comparison.least_p(6)
    assert comparison.signed_ranks(np.zeros(5)) == 1.0
    ties = np.array([0.1, 0.1, -0.1, 0.2, 0.0, 0.3])        # ranks 3 3 3 5 (1) 6: by hand over 2^5 signs
    ranks = (3, 3, 3, 5, 6)
    sums = [sum(r for r, sign in zip(ranks, signs) if sign) for signs in itertools.product((0, 1), repeat=5)]
    assert comparison.signed_ranks(ties) == pytest.approx(np.mean([abs(each - 10) >= 7 for each in sums]))
    many = np.concatenate([np.repeat(0.5, 12), np.repeat(-0.25, 9)])
    assert comparison.signed_ranks(many) == pytest.approx(scipy.stats.wilcoxon(many, method="approx", zero_method="pratt").pvalue)


def test_holm_by_hand():
    assert comparison.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert comparison.holm([0.5, 0.9]) == [1.0, 1.0] and comparison.holm([]) == []


def test_a_better_row_is_told_from_a_worse_but_not_from_its_equal():
    rng = np.random.default_rng(1)
    base = rng.uniform(0.6, 0.9, 12)
    table = np.stack([base, base + rng.normal(0, 1e-3, 12), base - 0.1 + rng.normal(0, 1e-3, 12)], axis=1)
    found = comparison.compare(over(table))
    assert set(found.close) == {"m0", "m1"} and found.decidable
    shuffled = comparison.compare(dict(sorted(over(table[::-1]).items(), reverse=True)))
    assert shuffled.ranks == found.ranks and set(shuffled.close) == set(found.close)
    assert {frozenset(pair): each for pair, each in shuffled.pairs.items()} == {
        frozenset(pair): pytest.approx(each) for pair, each in found.pairs.items()}


def test_too_few_blocks_say_so():
    found = comparison.compare(over(np.tile([0.9, 0.8, 0.7, 0.6, 0.5], (6, 1)) + np.arange(6)[:, None] * 0.01))
    assert not found.decidable and len(found.close) == 5        # 10 pairs x 2 / 2^6 is more than .05
    assert comparison.least_blocks(5) == 9 and comparison.least_p(9) * 10 <= 0.05 < comparison.least_p(8) * 10
    assert comparison.compare({"a": {"x": 0.5}, "b": {"y": 0.6}}) is None and comparison.compare({"a": {"x": 0.5}}) is None


def test_only_common_blocks_count_and_what_is_not_finite_is_refused():
    found = comparison.compare({"a": {1: 0.9, 2: 0.8, 3: 0.7}, "b": {1: 0.8, 2: 0.7}})
    assert found.blocks == (1, 2) and found.left_out == 1
    with pytest.raises(Misuse, match="must be finite. Received: nan for b on 2"):
        comparison.compare({"a": {1: 0.9, 2: 0.8}, "b": {1: 0.8, 2: math.nan}})


def test_equal_methods_are_called_different_no_oftener_than_promised():
    rng, draws, wrong = np.random.default_rng(2), 400, 0
    for _ in range(draws):
        table = rng.normal(0, 1, (10, 1)) + rng.normal(0, 0.1, (10, 4))
        wrong += any(q <= 0.05 for _, q in comparison.compare(over(table)).pairs.values())
    assert wrong / draws <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)
