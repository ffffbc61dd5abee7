"""The semi-supervised protocol: the published counts, disjoint draws, and every ratio that cannot be met."""
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from kerasnd import examples
from kerasnd.data import protocols, semi_supervised
from kerasnd.errors import Misuse

MNIST = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)


def pool(sizes=(60, 40, 30), tests=10):
    category = numpy.concatenate([numpy.repeat(numpy.arange(len(sizes)), sizes), numpy.repeat(numpy.arange(len(sizes)), tests)])
    official = numpy.repeat(["train", "test"], [sum(sizes), tests * len(sizes)])
    return category, official


def made(category, official, name="semi_supervised", normal=(0,), seed=0, **options):
    return protocols.make(name, category, official, normal, numpy.random.default_rng(seed), **options)


@pytest.mark.parametrize("n, known, polluted, hidden, labelled", [
    (5923, 0.0, 0.0, 0, 0), (5923, 0.01, 0.0, 0, 59), (5923, 0.05, 0.0, 0, 311), (5923, 0.1, 0.0, 0, 658),
    (5923, 0.2, 0.0, 0, 1480),
    (5923, 0.01, 0.1, 658, 66), (5923, 0.05, 0.1, 658, 346), (5923, 0.05, 0.2, 1480, 389), (6000, 0.05, 0.0, 0, 315),
    (6000, 0.05, 0.1, 666, 350), (5000, 0.05, 0.0, 0, 263), (5000, 0.05, 0.1, 555, 292), (5000, 0.2, 0.0, 0, 1250)])
def test_counts_are_the_published_ones(n, known, polluted, hidden, labelled):
    assert semi_supervised.counts(n, 0.0, known, polluted) == (0, hidden, labelled)


@settings(max_examples=60, deadline=None)
@given(n=some.integers(50, 9000), a=some.floats(0, 0.4), e=some.floats(0, 0.4), p=some.floats(0, 0.4))
def test_counts_solve_the_four_equations(n, a, e, p):
    """Against a numerical solution of the linear system, each rounded down."""
    system = numpy.array([[1, 1, 0, 0], [1 - a, -a, -a, -a], [-e, -e, -e, 1 - e], [0, -p, 1 - p, 0]])      # a, b, d, e
    exact = numpy.linalg.solve(system, [n, 0, 0, 0])
    if exact[0] > n:
        with pytest.raises(Misuse, match="ratio_known_normal"):
            semi_supervised.counts(n, a, e, p)
        return
    found = numpy.array(semi_supervised.counts(n, a, e, p))
    assert (found <= exact[[0, 2, 3]] + 1e-6).all() and (found > exact[[0, 2, 3]] - 1 - 1e-6).all()


def test_all_normals_may_be_labelled_whatever_the_rounding():
    for n, share in ((90, 0.1), (90, 0.2), (90, 0.45), (5923, 0.3)):
        assert semi_supervised.counts(n, share, 1 - share, 0.0)[:2] == (n, 0)


def test_hints_mark_the_labelled_and_nobody_else():
    category, official = pool()
    split = made(category, official, known_outlier=1, ratio_known_normal=0.1, ratio_known_outlier=0.2, ratio_pollution=0.1)
    a, d, e = semi_supervised.counts(60, 0.1, 0.2, 0.1)
    assert [int((split.hint == kind).sum()) for kind in (1, 0, -1)] == [a, 60 - a + d, e]
    assert (category[split.train[split.hint == 1]] == 0).all() and (category[split.train[split.hint == -1]] == 1).all()
    hidden = split.train[(split.hint == 0) & (category[split.train] != 0)]
    assert len(hidden) == d and len(set(split.train)) == len(split.train)
    assert (numpy.diff(split.train) > 0).all() and (official[split.train] == "train").all()
    assert (official[split.test] == "test").all()
    assert len(split.test) == 30 and (split.label == (category[split.test] != 0)).all()
    assert f"{a} labelled normals, {e} labelled anomalies of class 1" in split.told


def test_labelled_and_hidden_are_disjoint_unless_asked_for():
    category, official = pool((300, 60))
    options = {"ratio_known_outlier": 0.08, "ratio_pollution": 0.08}
    split = made(category, official, **options)
    assert len(set(split.train)) == len(split.train)
    twice = made(category, official, overlap=True, **options)
    index, times = numpy.unique(twice.train, return_counts=True)
    assert times.max() == 2
    for each in index[times == 2]:
        assert (twice.hint[twice.train == each] == -1).all()       # as in the published code


def test_a_lower_ratio_takes_part_of_what_a_higher_one_takes():
    category, official = pool((300, 80, 80))
    def labelled(ratio):
        split = made(category, official, known_outlier=[1, 2], ratio_known_outlier=ratio)
        return set(split.train[split.hint == -1].tolist())
    assert labelled(0.05) < labelled(0.1) < labelled(0.2)


def test_drawn_classes_are_as_many_as_asked_for_and_change_with_the_seed():
    category, official = pool((60, 40, 40, 40, 40))
    drawn = []
    for seed in range(8):
        split = made(category, official, seed=seed, n_known_outliers=2, ratio_known_outlier=0.3)
        drawn.append(tuple(sorted(set(category[split.train[split.hint == -1]].tolist()))))
    assert {len(each) for each in drawn} == {2} and len(set(drawn)) > 2


def test_tables_without_official_parts_are_halved_class_by_class():
    category = numpy.repeat([0, 1], [1655, 176])                   # cardio
    split = made(category, None, ratio_known_outlier=0.01)
    assert len(split.test) == 662 + 70 and split.label.sum() == 70
    assert (split.hint == -1).sum() == int(0.01 * 993 / 0.99)
    assert not set(split.train) & set(split.test)


def test_the_leaking_split_judges_what_it_trained_on():
    category = numpy.repeat([0, 1], [1655, 176])
    split = made(category, None, "legacy_leaking", ratio_known_outlier=0.01)
    share = numpy.isin(split.test[split.label == 0], split.train).mean()
    assert 0.5 < share < 0.7                                       # 400 of 662 in a simulation of the published code


@pytest.mark.parametrize("options, told", [
    ({"known_outlier": 0}, "known_outlier=0, which is normal"),
    ({"known_outlier": 7}, "known_outlier=7, which has none of"),
    ({"n_known_outliers": 0}, "ratio_known_outlier=0.01, that is 0 labelled anomalies"),
    ({"n_known_outliers": 3}, "from 0 to 2"),
    ({"known_outlier": 1, "ratio_known_outlier": 0.5},
     "that is 60 anomalies of the known classes .1., and the training part has 40"),
    ({"ratio_pollution": 0.6, "ratio_known_outlier": 0.0},
     "that is 90 anomalies of any class that are not labelled, and the training part has 70"),
    ({"ratio_known_normal": 0.9, "ratio_known_outlier": 0.2},
     "ratio_known_normal=0.9 of 75 training examples is 68, and there are 60"),
    ({"ratio_known_outlier": 1.0}, "ratio_known_outlier"), ({"ratio_pollution": -0.1}, "ratio_pollution"),
    ({"overlap": 1}, "overlap=1")])
def test_what_cannot_be_met_is_refused_with_the_arithmetic(options, told):
    category, official = pool()
    with pytest.raises(Misuse, match=told):
        made(category, official, **options)


def test_a_ratio_that_labels_nobody_is_told(caplog):
    with caplog.at_level("WARNING", "absl"):
        assert not made(*pool(), ratio_known_outlier=0.1).hint.all() and not caplog.text
        assert not made(*pool(), ratio_known_outlier=0.01).hint.any()
    assert "0.01 of 60 training examples is less than one" in caplog.text


def test_no_labels_is_one_class_learning():
    category, official = pool()
    split = made(category, official, ratio_known_outlier=0.0, n_known_outliers=0)
    plain = made(category, official, "one_vs_rest")
    assert (split.train == plain.train).all() and not split.hint.any() and (split.test == plain.test).all()


def test_a_dry_run_keeps_some_of_each_kind_of_hint():
    hint = numpy.repeat([0, -1, 1], [500, 6, 3]).astype(numpy.int8)
    parts = examples.Split(numpy.arange(509), hint, numpy.arange(509, 519), numpy.zeros(10, numpy.int8), "semi_supervised")
    for limit in (3, 40, 300):
        some = examples._limited(parts, limit)
        assert len(some.train) == limit and set(some.hint.tolist()) == {-1, 0, 1}
        assert (hint[some.train] == some.hint).all()
