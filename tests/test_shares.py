"""The protocol p1 against the sizes of the ARAE study, integer arithmetic, and what one training must serve."""
import hypothesis
import numpy
import pytest
from hypothesis import strategies as some

from kerasnd.data import protocols
from kerasnd.errors import Misuse

QUICK = hypothesis.settings(max_examples=60, deadline=None)
SEEDS = some.integers(0, 2**32 - 1)
MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]

# Digit: training normals, validation normals, judged normals, judged anomalies at a share of 0.1, 0.2, 0.3, 0.4 and 0.5.
PUBLISHED = {
    0: (4141, 1381, 1381, (153, 345, 591, 920, 1381)), 1: (4726, 1575, 1576, (175, 394, 675, 1050, 1576)),
    2: (4194, 1398, 1398, (155, 349, 599, 932, 1398)), 3: (4284, 1428, 1429, (158, 357, 612, 952, 1429)),
    4: (4094, 1365, 1365, (151, 341, 585, 910, 1365)), 5: (3787, 1263, 1263, (140, 315, 541, 842, 1263)),
    6: (4125, 1375, 1376, (152, 343, 589, 917, 1376)), 7: (4375, 1459, 1459, (162, 364, 625, 972, 1459)),
    8: (4095, 1365, 1365, (151, 341, 585, 910, 1365)), 9: (4174, 1392, 1392, (154, 348, 596, 928, 1392))}


def p1(category, normal, seed=0, **options):
    return protocols.make("p1", category, None, normal, numpy.random.default_rng(seed), **options)


def categories(*sizes, seed=0):
    return numpy.random.default_rng(seed).permutation(numpy.repeat(numpy.arange(len(sizes)), sizes))


def sizes(split):
    return (len(split.train), *(int((each == kind).sum()) for each in (split.validation_label, split.label) for kind in (0, 1)))


@pytest.mark.parametrize("digit", PUBLISHED)
def test_the_sizes_are_those_of_the_published_protocol(digit):
    category = numpy.repeat(numpy.tile(numpy.arange(10), 2), MNIST_TRAIN + MNIST_TEST)
    train, validation, normals, anomalies = PUBLISHED[digit]
    for share, count in zip((0.1, 0.2, 0.3, 0.4, 0.5), anomalies):
        assert sizes(p1(category, (digit,), anomaly_share=share)) == (train, validation, count, normals, count)


@pytest.mark.parametrize("objects, share, expected", [(1, 0.5, (57, 15, 15)), (4, 0.25, (230, 58, 19)), (7, 0.15, (403, 101, 17))])
def test_coil_has_no_validation_part(objects, share, expected):
    split = p1(numpy.repeat(numpy.arange(100), 72), tuple(range(objects)), anomaly_share=share, train_share=0.8,
               validation_share=0.0)
    train, _, _, normals, anomalies = sizes(split)
    assert (train, normals, anomalies) == expected and len(split.validation) == len(split.validation_label) == 0


@QUICK
@hypothesis.given(n=some.integers(5, 60), others=some.integers(4, 200), seed=SEEDS, a=some.integers(1, 99),
                  train=some.integers(1, 98), validation=some.integers(0, 97))
@hypothesis.example(n=100, others=500, seed=0, a=10, train=29, validation=28)        # in float64, 0.29 * 100 < 29
def test_counts_are_whole_numbers_arithmetic_and_the_parts_are_disjoint_and_true(n, others, seed, a, train, validation):
    hypothesis.assume(train + validation < 100)
    category = categories(n, others, seed=seed % 1000)
    first, second = train * n // 100, (train + validation) * n // 100
    held, judged = second - first, n - second
    most = others // 2 if held else others
    wanted = judged * a // (100 - a)
    hypothesis.assume(a == 50 or judged * a % (100 - a))        # a whole number may come out a rounding error lower
    count = min(wanted, most)
    if wanted > most:
        hypothesis.assume(a == 50 or count * (100 - a) % a)
        judged = count * (100 - a) // a
        held = min(held, judged)
    hypothesis.assume(first and judged and count)
    split = p1(category, (0,), seed, anomaly_share=a / 100, train_share=train / 100, validation_share=validation / 100)
    assert sizes(split) == (first, held, count if held else 0, judged, count)
    parts = [split.train, split.validation, split.test, split.spare]
    assert len(set(numpy.concatenate(parts))) == sum(map(len, parts))
    for index, label in ((split.train, 0), (split.validation, split.validation_label), (split.test, split.label), (split.spare, 1)):
        assert (category[index] == label).all() and (numpy.diff(index) > 0).all() and index.dtype == numpy.int64
    assert (split.hint == 0).all() and len(split.hint) == len(split.train) and split.name == "p1"
    assert len(split.spare) == others - count * (1 + bool(held))


@QUICK
@hypothesis.given(seed=SEEDS, shares=some.tuples(some.floats(0.05, 0.5), some.floats(0.05, 0.5)),
                  normal=some.sampled_from([(0,), (1, 3)]))
def test_one_training_serves_every_share(seed, shares, normal):
    category = categories(100, 120, 140, 160)
    small, large = (p1(category, normal, seed, anomaly_share=share) for share in sorted(shares))
    assert small.train.tolist() == large.train.tolist() and small.hint.tolist() == large.hint.tolist()
    for index, label in (("test", "label"), ("validation", "validation_label")):
        of = [{kind: set(getattr(each, index)[getattr(each, label) == kind]) for kind in (0, 1)} for each in (small, large)]
        assert of[0][0] == of[1][0] and of[0][1] <= of[1][1]


def test_the_training_part_depends_neither_on_the_order_of_parts_nor_on_what_follows_behind():
    category = categories(50, 60, 70)
    short, long = p1(category, (1,), 3), p1(numpy.append(category, [3] * 40), (1,), 3)
    assert short.train.tolist() == long.train.tolist()
    hidden = p1(numpy.append(numpy.where(category == 1, 1, -1), [3] * 40), (1,), 3)        # as other sets' outliers come
    assert short.train.tolist() == hidden.train.tolist() and (hidden.test[hidden.label == 1] >= len(category)).all()
    official = numpy.where(numpy.arange(len(category)) % 2, "train", "test")
    given = protocols.make("p1", category, official, (1,), numpy.random.default_rng(3))
    assert protocols.fingerprint(given) == protocols.fingerprint(short) != protocols.fingerprint(p1(category, (1,), 4))


def test_where_anomalies_are_few_half_are_judged_and_the_share_is_kept():
    split = p1(categories(100, 10), (0,), anomaly_share=0.4)
    assert sizes(split) == (60, 7, 5, 7, 5) and "13 anomalies would have been judged" in split.told
    assert sizes(p1(categories(100, 10), (0,), anomaly_share=0.4, validation_share=0.0)) == (60, 0, 0, 15, 10)


@pytest.mark.parametrize("category, options, told", [
    (categories(50, 50), {"anomaly_share": 0.0}, "anomaly_share=0.0"),
    (categories(50, 50), {"anomaly_share": 1}, "anomaly_share=1"),
    (categories(50, 50), {"anomaly_share": 10.0}, "anomaly_share=10.0"), (categories(50, 50), {"anomaly_share": "half"}, "'half'"),
    (categories(50, 50), {"train_share": 0.0}, "train_share=0.0"),
    (categories(50, 50), {"validation_share": -0.1}, "validation_share=-0.1"),
    (categories(50, 50), {"train_share": 0.9, "validation_share": 0.1}, "together 1. Lower one."),
    (categories(50, 50), {"anomaly_share": 0.05}, "0 anomalies to 10 normals, of 50 anomalies and 50 normals"),
    (categories(50, 2), {"anomaly_share": 0.9}, "1 anomalies to 0 normals, of 2 anomalies and 50 normals"),
    (categories(50, 1), {}, "0 anomalies to 0 normals"), (categories(1, 50), {}, "0 training normals of 1 normals"),
    (categories(50), {}, "must leave anomalies to judge"),
    (categories(50, 50), {"anomaly_shre": 0.1}, "Did you mean 'anomaly_share'?"),
])
def test_mistakes_are_told_in_one_line(category, options, told):
    with pytest.raises(Misuse) as refusal:
        p1(category, (0,), **options)
    assert told in str(refusal.value) and "\n" not in str(refusal.value)
