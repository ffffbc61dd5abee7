"""Protocols as arithmetic: what must hold for every labelling, and the counts of the released code."""
import dataclasses

import hypothesis
import numpy
import pytest
from hypothesis import strategies as some

from kerasnd.data import protocols
from kerasnd.errors import Misuse

# No deadline: a busy machine is no failure.
QUICK = hypothesis.settings(max_examples=40, deadline=None)


def given(**strategies):
    return lambda test: QUICK(hypothesis.given(**strategies)(test))


PARTS = numpy.array(["train", "test"])


@some.composite
def labelled(draw, official=True, classes=4):
    """(category, official or None, normal): every class at least four times in each part, so that each protocol can work."""
    category = numpy.repeat(numpy.arange(classes), 8).tolist() + draw(some.lists(some.integers(0, classes - 1), max_size=60))
    more = len(category) - 8 * classes
    part = [0, 1] * (4 * classes) + draw(some.lists(some.integers(0, 1), min_size=more, max_size=more))
    order = draw(some.permutations(range(len(category))))
    normal = draw(some.lists(some.integers(0, classes - 1), min_size=1, max_size=classes - 1, unique=True))
    category = numpy.array(category, numpy.int64)[order]
    return category, PARTS[numpy.array(part)[order]] if official else None, tuple(normal)


SEEDS = some.integers(0, 2**32 - 1)
FAIR = ["one_vs_rest", "holdout", "contaminated"]


def made(name, data, seed=0, **options):
    return protocols.make(name, *data, numpy.random.default_rng(seed), **options)


def is_anomalous(data, index):
    return ~numpy.isin(data[0][index], data[2])


@pytest.mark.parametrize("name", FAIR)
@given(data=labelled(), seed=SEEDS)
def test_nobody_who_trains_is_judged_and_every_judgement_is_true(name, data, seed):
    split = made(name, data, seed)
    assert not set(split.train) & set(split.test)
    for index in (split.train, split.test):
        assert len(set(index)) == len(index) and index.dtype == numpy.int64
        assert (0 <= index).all() and (index < len(data[0])).all() and (numpy.diff(index) > 0).all()
    assert (split.label == is_anomalous(data, split.test)).all() and split.label.dtype == numpy.int8
    assert (split.hint == 0).all() and split.hint.shape == split.train.shape and split.hint.dtype == numpy.int8
    assert split.name == name and len(split.validation) == len(split.validation_label) == 0


@given(data=labelled())
def test_one_vs_rest_is_the_official_parts_and_no_less(data):
    split = made("one_vs_rest", data)
    expected = [i for i in range(len(data[0])) if data[1][i] == "train" and data[0][i] in data[2]]
    assert split.train.tolist() == expected
    assert split.test.tolist() == numpy.flatnonzero(data[1] == "test").tolist()


@given(data=labelled(official=False), seed=SEEDS, share=some.floats(0.1, 0.9))
def test_holdout_judges_the_share_of_every_class_and_trains_on_the_other_normals(data, seed, share):
    category, _, normal = data
    hypothesis.assume(all(round(share * (category == each).sum()) < (category == each).sum() for each in normal))
    split = made("holdout", data, seed, test_share=share)
    for each in range(4):
        n = (category == each).sum()
        judged = (category[split.test] == each).sum()
        assert abs(judged - share * n) <= 0.5 or judged == 1
        assert (category[split.train] == each).sum() == (n - judged if each in normal else 0)


@given(data=labelled(official=False), seed=SEEDS)
def test_the_parts_of_holdout_depend_neither_on_who_is_normal_nor_on_what_follows(data, seed):
    category, _, normal = data
    other = tuple(set(range(4)) - set(normal))
    first, second = made("holdout", data, seed), made("holdout", (category, None, other), seed)
    assert first.test.tolist() == second.test.tolist()
    longer = made("holdout", (numpy.append(category, [9] * 7), None, normal), seed)
    assert longer.train.tolist() == first.train.tolist()
    assert longer.test[longer.test < len(category)].tolist() == first.test.tolist()


@pytest.mark.parametrize("official", [True, False])
@given(data=some.data(), seed=SEEDS, share=some.floats(0, 0.3))
def test_contaminated_hides_the_share_within_one_and_judges_as_the_clean_protocol(official, data, seed, share):
    data = data.draw(labelled(official))
    clean = made("auto", data, seed)
    try:
        split = made("contaminated", data, seed, share=share)
    except Misuse as refusal:
        available = (is_anomalous(data, slice(None)) & (data[1] == "train")).sum() if official else len(data[0])
        assert "Lower --config.protocol.share" in str(refusal) and share * len(clean.train) / (1 - share) > 1
        assert not official or round(share * len(clean.train) / (1 - share)) > available
        return
    hidden = is_anomalous(data, split.train)
    assert abs(hidden.sum() - share * len(split.train)) <= 1
    assert split.train[~hidden].tolist() == clean.train.tolist()
    assert split.test.tolist() == clean.test.tolist() and split.label.tolist() == clean.label.tolist()


@pytest.mark.parametrize("name", FAIR)
@given(data=labelled(), seed=SEEDS, shuffled=some.randoms(use_true_random=False))
def test_the_order_of_the_examples_changes_no_count(name, data, seed, shuffled):
    order = list(range(len(data[0])))
    shuffled.shuffle(order)
    split, moved = made(name, data, seed), made(name, (data[0][order], data[1][order], data[2]), seed)
    for kind in ("train", "test"):
        here, there = data[0][getattr(split, kind)], data[0][order][getattr(moved, kind)]
        normals = numpy.isin(here, data[2]), numpy.isin(there, data[2])
        # Hidden anomalies are drawn over all other classes, so that only their number is fixed.
        assert sorted(here[normals[0]]) == sorted(there[normals[1]]) and len(here) == len(there)


@given(data=labelled(), shuffled=some.randoms(use_true_random=False))
def test_one_vs_rest_follows_every_example_through_a_permutation(data, shuffled):
    order = list(range(len(data[0])))
    shuffled.shuffle(order)
    split, moved = made("one_vs_rest", data), made("one_vs_rest", (data[0][order], data[1][order], data[2]))
    assert set(numpy.array(order)[moved.train]) == set(split.train)
    assert set(numpy.array(order)[moved.test]) == set(split.test)


@pytest.mark.parametrize("name", FAIR)
@given(data=labelled(), seed=SEEDS, renamed=some.permutations(range(4)))
def test_the_numbers_of_the_classes_do_not_matter(name, data, seed, renamed):
    renamed = numpy.array(renamed)
    split = made(name, data, seed)
    other = made(name, (renamed[data[0]], data[1], tuple(renamed[list(data[2])])), seed)
    assert protocols.fingerprint(split) == protocols.fingerprint(other)


@pytest.mark.parametrize("name", [*FAIR, "legacy_transductive"])
def test_the_seed_decides_all(name):
    category = numpy.tile(numpy.arange(5), 400)
    data = category, numpy.repeat(PARTS, 1000), (1, 2)
    prints = [protocols.fingerprint(made(name, data, seed)) for seed in (0, 0, 1)]
    assert prints[0] == prints[1]
    assert (prints[0] == prints[2]) == (name == "one_vs_rest")


@given(data=labelled(), seed=SEEDS)
def test_a_fingerprint_sees_every_change(data, seed):
    split = made("contaminated", data, seed)
    changed = [dataclasses.replace(split, name="holdout"),
               dataclasses.replace(split, train=split.train[:-1], hint=split.hint[:-1]),
               dataclasses.replace(split, train=split.train[::-1].copy()), dataclasses.replace(split, hint=split.hint - 1),
               dataclasses.replace(split, label=1 - split.label), dataclasses.replace(split, test=split.test + 1),
               dataclasses.replace(split, validation=split.test, validation_label=split.label),
               dataclasses.replace(split, train=split.test, test=split.train, hint=split.label, label=split.hint)]
    prints = {protocols.fingerprint(each) for each in [split, *changed]}
    assert len(prints) == 1 + len(changed) and all(len(each) == 12 and int(each, 16) >= 0 for each in prints)


@pytest.mark.parametrize("name", FAIR)
@given(data=labelled(), seed=SEEDS)
def test_examples_of_category_minus_one_are_never_judged_and_only_hidden(name, data, seed):
    category, official, normal = data
    left = numpy.where(category == next(each for each in range(4) if each not in normal), -1, category)
    hypothesis.assume((left >= 0).all() or len(normal) < 3)
    split = made(name, (left, official, normal), seed)
    assert (left[split.test] >= 0).all()
    assert name == "contaminated" or (left[split.train] >= 0).all()


MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize("digit, total", list(enumerate([5975, 6821, 6056, 6181, 5909, 5464, 5948, 6311, 5908, 6026])))
def test_legacy_mnist_pools_have_the_sizes_of_the_released_logs(digit, total):
    category = numpy.repeat(numpy.tile(numpy.arange(10), 2), MNIST_TRAIN + MNIST_TEST)
    official = numpy.repeat(PARTS, [60_000, 10_000])
    split = made("legacy_transductive", (category, official, (digit,)))
    assert len(split.train) == total and split.train.tolist() == split.test.tolist()
    anomalies = int(split.label.sum())
    assert anomalies == (total - anomalies) // 100
    assert split.label.tolist() == [0] * (total - anomalies) + [1] * anomalies        # normals, then anomalies
    normals = split.test[:-anomalies]
    assert (category[normals] == digit).all() and (category[split.test[-anomalies:]] != digit).all()
    assert (official[normals] == "test").sum() == MNIST_TEST[digit]
    assert (official[normals] == "train").sum() == MNIST_TRAIN[digit] - MNIST_TRAIN[digit] // 6   # a sixth is never used
    polluting = -(-MNIST_TRAIN[digit] // 99)
    assert (official[split.test[-anomalies:]] == "train").sum() == polluting - polluting // 6


def test_legacy_digit_zero_is_5916_normals_and_59_anomalies():
    category = numpy.repeat(numpy.tile(numpy.arange(10), 2), MNIST_TRAIN + MNIST_TEST)
    split = made("legacy_transductive", (category, numpy.repeat(PARTS, [60_000, 10_000]), (0,)))
    assert numpy.bincount(split.label).tolist() == [5916, 59]


@pytest.mark.parametrize("official", [numpy.repeat(PARTS, [50_000, 10_000]), None])
def test_legacy_cifar10_is_a_whole_class_and_500_anomalies_of_both_parts(official):
    category = numpy.tile(numpy.arange(10), 6000)
    split = made("legacy_transductive", (category, official, (3,)), variant="cifar10")
    assert split.train.tolist() == split.test.tolist()
    assert split.test[:6000].tolist() == numpy.flatnonzero(category == 3).tolist()
    assert split.label.tolist() == [0] * 6000 + [1] * 500 and len(set(split.test)) == 6500
    assert (split.test[6000:] >= 50_000).any() and (split.test[6000:] < 50_000).any()


CATEGORY = numpy.repeat([0, 1, 2], 10)
OFFICIAL = numpy.tile(PARTS, 15)


@pytest.mark.parametrize("name, data, options, told", [
    ("one_vs_rets", (CATEGORY, OFFICIAL, (0,)), {}, "Did you mean 'one_vs_rest'?"),
    ("one_vs_rest", (CATEGORY, None, (0,)), {}, "holdout"),
    ("one_vs_rest", (CATEGORY, OFFICIAL[:7], (0,)), {}, "30 examples, official of shape (7,)"),
    ("one_vs_rest", (CATEGORY, OFFICIAL, (0,)), {"test_share": 0.1}, "protocol one_vs_rest, which has none"),
    ("holdout", (CATEGORY, OFFICIAL, (0,)), {"tset_share": 0.1}, "Did you mean 'test_share'?"),
    ("holdout", (CATEGORY, OFFICIAL, (0,)), {"test_share": 1.0}, "test_share=1.0"),
    ("holdout", (CATEGORY, OFFICIAL, (0,)), {"test_share": "a"}, "test_share='a'"),
    ("holdout", (CATEGORY, OFFICIAL, (0,)), {"test_share": True}, "test_share=True"),
    ("holdout", (CATEGORY, OFFICIAL, (0,)), {"test_share": float("nan")}, "test_share=nan"),
    ("holdout", (CATEGORY, OFFICIAL, (0,)), {"test_share": 0.99}, "0 training normals of 10 normals"),
    ("holdout", (CATEGORY, OFFICIAL, (0, 1, 2)), {}, "0 anomalies among 12 test examples; 3 of 3 classes are normal"),
    ("one_vs_rest", (CATEGORY, OFFICIAL, (7,)), {}, "0 training normals of 0 normals among 30"),
    ("one_vs_rest", (CATEGORY, numpy.repeat(["train", "test"], [10, 20]), (0,)), {}, "0 normals among 20 test examples"),
    ("contaminated", (CATEGORY, OFFICIAL, (0,)), {"share": 0.8}, "20 anomalies to 5 normals, and the training part has 10"),
    ("contaminated", (CATEGORY, OFFICIAL, (0,)), {"share": -0.1}, "share=-0.1"),
    ("legacy_transductive", (CATEGORY, OFFICIAL, (0,)), {"variant": "cifra10"}, "Did you mean 'cifar10'?"),
    ("legacy_transductive", (CATEGORY, OFFICIAL, (0,)), {"variant": "cifar10"}, "500 anomalies beside its 10 normals"),
    ("legacy_transductive", (CATEGORY, None, (0,)), {}, "official train and test parts"),
])
def test_mistakes_are_told_in_one_line_with_their_arithmetic(name, data, options, told):
    with pytest.raises(Misuse) as refusal:
        made(name, data, **options)
    assert told in str(refusal.value) and "\n" not in str(refusal.value) and "Received: " in str(refusal.value)


def test_auto_takes_the_official_parts_where_there_are_any():
    assert made("auto", (CATEGORY, OFFICIAL, (0,))).name == "one_vs_rest"
    assert made("auto", (CATEGORY, None, (0,))).name == "holdout"


def test_defaults_are_those_of_the_signature():
    assert protocols.defaults("auto") == protocols.defaults("one_vs_rest") == {}
    assert protocols.defaults("contaminated") == {"share": 0.05, "test_share": 0.4}
    assert protocols.defaults("legacy_transductive") == {"variant": "mnist"}
    with pytest.raises(Misuse, match="Did you mean 'holdout'"):
        protocols.defaults("holdouts")


@pytest.mark.parametrize("name", protocols.PROTOCOLS)
def test_one_class_and_a_seed_stand_for_a_sequence_and_a_generator(name):
    rng = numpy.random.default_rng(4)
    category, official = numpy.repeat(numpy.arange(4), 700), numpy.tile(PARTS, 1400)
    one = protocols.make(name, category, official, 2, 7)
    other = protocols.make(name, category, official, (2,), numpy.random.default_rng(7))
    assert protocols.fingerprint(one) == protocols.fingerprint(other)
    for wrong in ("2", ("2",), (2.5,), (None,)):
        with pytest.raises(Misuse, match="`normal` must be whole numbers, the classes' places"):
            protocols.PROTOCOLS[name](category, official, wrong, rng)
