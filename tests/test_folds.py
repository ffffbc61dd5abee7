"""The protocol folds: GPND's sizes, integer arithmetic, what one training must serve, and examples that count several times."""
import fractions
import json

import hypothesis
import numpy
import pytest
from hypothesis import strategies as some
from short_runs import numbers, scored

from kerasnd import config, figures, judging, metrics, report, runs
from kerasnd.data import protocols, sources
from kerasnd.errors import Misuse

QUICK = hypothesis.settings(max_examples=60, deadline=None)
SEEDS = some.integers(0, 2**32 - 1)
MNIST = [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]
IN_A_FOLD = [1380, 1575, 1398, 1428, 1364, 1262, 1375, 1458, 1365, 1391]
TRAINED = [4140, 4725, 4194, 4284, 4092, 3786, 4125, 4374, 4095, 4173]
CLASSES = numpy.random.default_rng(0).permutation(numpy.repeat(numpy.arange(4), (103, 120, 140, 7)))


def folds(category, normal, seed=0, **options):
    return protocols.make("folds", category, None, normal, numpy.random.default_rng(seed), **options)


def categories(*sizes, seed=0):
    return numpy.random.default_rng(seed).permutation(numpy.repeat(numpy.arange(len(sizes)), sizes))


def weighed(label, times):
    """(normals, anomalies) as counted."""
    return tuple(int((times if len(times) else numpy.ones(len(label), int))[label == kind].sum()) for kind in (0, 1))


@pytest.mark.parametrize("digit", range(10))
def test_the_sizes_are_those_of_the_published_partition(digit):
    category = numpy.repeat(numpy.arange(10), MNIST)
    whole = folds(category, (digit,), balance="none")
    assert (len(whole.train), len(whole.test), len(whole.validation)) == (TRAINED[digit], 13_996, 13_996)
    assert numpy.bincount(category[whole.test]).tolist() == numpy.bincount(category[whole.validation]).tolist() == IN_A_FOLD
    for percent in (10, 20, 30, 40, 50):
        split = folds(category, (digit,), anomaly_share=percent / 100)
        normals, anomalies = IN_A_FOLD[digit], 13_996 - IN_A_FOLD[digit]
        expected = (normals, normals * percent // (100 - percent))
        assert weighed(split.label, split.times) == weighed(split.validation_label, split.validation_times) == expected
        repeated = folds(category, (digit,), anomaly_share=percent / 100, balance="repeat")
        assert repeated.test.tolist() == whole.test.tolist()
        assert repeated.train.tolist() == split.train.tolist() == whole.train.tolist()
        expected = (int(anomalies * (100 - percent) / percent), anomalies)
        assert weighed(repeated.label, repeated.times) == weighed(repeated.validation_label, repeated.validation_times) == expected


@pytest.mark.parametrize("objects, share, expected", [(1, 0.5, (56, 14, 14)), (4, 0.25, (224, 56, 18)), (7, 0.15, (392, 98, 17))])
def test_coil_takes_one_anomaly_of_a_class_at_most(objects, share, expected):
    category = numpy.repeat(numpy.arange(100), 72)
    split = folds(category, tuple(range(objects)), anomaly_share=share, validation_folds=0, per_class=1)
    assert (len(split.train), *weighed(split.label, split.times)) == expected and len(split.validation) == 0
    assert numpy.unique(category[split.test[split.label == 1]], return_counts=True)[1].tolist() == [1] * expected[2]
    several = folds(category, tuple(range(objects)), balance="none", per_class=3)
    for index, label in ((several.test, several.label), (several.validation, several.validation_label)):
        assert numpy.unique(category[index[label == 1]], return_counts=True)[1].tolist() == [3] * (100 - objects)


@QUICK
@hypothesis.given(sizes=some.lists(some.integers(2, 60), min_size=2, max_size=5), seed=SEEDS, data=some.data())
def test_the_folds_are_equal_disjoint_and_leave_out_what_is_over(sizes, seed, data):
    n_folds = data.draw(some.integers(2, 7))
    held = data.draw(some.integers(0, n_folds - 2))
    hypothesis.assume(all(size >= n_folds for size in sizes[:2]))
    category, judged = categories(*sizes, seed=seed % 1000), []
    for fold in range(n_folds):
        split = folds(category, (0,), seed, fold=fold, n_folds=n_folds, validation_folds=held, balance="none")
        size = numpy.array(sizes) // n_folds
        assert numpy.bincount(category[split.test], minlength=len(sizes)).tolist() == size.tolist()
        assert numpy.bincount(category[split.validation], minlength=len(sizes)).tolist() == (held * size).tolist()
        assert len(split.train) == (n_folds - 1 - held) * size[0] and len(split.spare) == (n_folds - 1 - held) * size[1:].sum()
        parts = [split.train, split.validation, split.test, split.spare]
        assert len(set(numpy.concatenate(parts))) == sum(map(len, parts))
        truths = (0, split.validation_label, split.label, 1)
        for index, label in zip(parts, truths):
            assert (numpy.diff(index) > 0).all() and index.dtype == numpy.int64 and ((category[index] > 0) == label).all()
        assert split.label.dtype == split.validation_label.dtype == numpy.int8 and not split.hint.any()
        judged.append(split.test)
    assert len(set(numpy.concatenate(judged))) == n_folds * size.sum()


def test_validation_is_the_first_other_fold():
    tests = [folds(CLASSES, (0,), 3, fold=fold, balance="none").test.tolist() for fold in range(5)]
    for fold in range(5):
        split = folds(CLASSES, (0,), 3, fold=fold, balance="none")
        assert split.validation.tolist() == tests[1 if fold == 0 else 0]
        others = set().union(*(tests[each] for each in range(5) if each not in (fold, 1 if fold == 0 else 0)))
        assert set(split.train) == {each for each in others if CLASSES[each] == 0}


@QUICK
@hypothesis.given(normals=some.integers(2, 80), others=some.integers(2, 80), seed=SEEDS, percent=some.integers(1, 99))
@hypothesis.example(normals=10, others=8, seed=0, percent=50)
def test_the_share_is_met_in_whole_numbers(normals, others, seed, percent):
    category = categories(2 * normals, 2 * others, seed=seed % 1000)
    options = {"n_folds": 2, "validation_folds": 0, "anomaly_share": percent / 100}
    wanted, enough = normals * percent // (100 - percent), others * (100 - percent) // percent
    expected = (normals, wanted) if wanted <= others else (enough, others)
    if 0 in expected:
        with pytest.raises(Misuse, match="at least one normal and one anomaly"):
            folds(category, (0,), seed, **options)
    else:
        split = folds(category, (0,), seed, **options)
        assert weighed(split.label, split.times) == expected and len(split.times) == 0
    split = folds(category, (0,), seed, balance="repeat", **options)
    rarer = fractions.Fraction(others, normals + others) < fractions.Fraction(percent, 100)
    assert weighed(split.label, split.times) == ((normals, wanted) if rarer else (enough, others))
    assert len(split.test) == normals + others
    if len(split.times):
        assert split.times.dtype == numpy.int64 and len(split.times) == len(split.test) and split.times.max() > 1
        for kind in (0, 1):         # cyclically: nobody twice more often than another
            assert numpy.ptp(split.times[split.label == kind]) <= 1 <= split.times[split.label == kind].min()


@QUICK
@hypothesis.given(seed=SEEDS, shares=some.tuples(some.floats(0.05, 0.5), some.floats(0.05, 0.5)), fold=some.integers(0, 4),
                  normal=some.sampled_from([(0,), (1, 2)]), per_class=some.sampled_from([None, 12]))
def test_one_training_serves_every_share_and_balance(seed, shares, normal, fold, per_class):
    category = categories(100, 120, 140, 160)
    small, large = (folds(category, normal, seed, fold=fold, anomaly_share=share, per_class=per_class) for share in sorted(shares))
    for other in (large, *(folds(category, normal, seed, fold=fold, balance=each) for each in ("repeat", "none"))):
        assert small.train.tolist() == other.train.tolist() and small.hint.tolist() == other.hint.tolist()
        assert small.spare.tolist() == other.spare.tolist()
    if per_class is None:
        for index, label in (("test", "label"), ("validation", "validation_label")):
            of = [{kind: set(getattr(each, index)[getattr(each, label) == kind]) for kind in (0, 1)} for each in (small, large)]
            assert of[0][0] == of[1][0] and of[0][1] <= of[1][1]


def test_the_folds_of_a_class_depend_neither_on_who_is_normal_nor_on_what_follows():
    first, second = (folds(CLASSES, (each,), 3, balance="none") for each in (0, 1))
    assert first.test.tolist() == second.test.tolist() and not set(first.train) & set(second.train)
    together = folds(CLASSES, (0, 1), 3, balance="none")
    assert set(together.train) == set(first.train) | set(second.train) and together.test.tolist() == first.test.tolist()
    outliers = numpy.append(numpy.where(CLASSES == 0, 0, -1), [4] * 50)     # as they come from other sets
    hidden = folds(outliers, (0,), 3, balance="none")
    assert hidden.train.tolist() == first.train.tolist() and (hidden.test[hidden.label == 1] >= len(CLASSES)).all()
    assert hidden.test[hidden.label == 0].tolist() == first.test[first.label == 0].tolist() and hidden.label.sum() == 10
    official = numpy.where(numpy.arange(len(CLASSES)) % 2, "train", "test")
    given = protocols.make("folds", CLASSES, official, (0,), numpy.random.default_rng(3), balance="none")
    assert protocols.fingerprint(given) == protocols.fingerprint(first)
    assert protocols.fingerprint(first) != protocols.fingerprint(folds(CLASSES, (0,), 4, balance="none"))


def test_the_anomalies_of_a_share_are_drawn_evenly_from_the_fold():
    category = categories(100, 400, 800)
    count = numpy.sum([numpy.bincount(category[folds(category, (0,), seed).test], minlength=3) for seed in range(200)], axis=0)
    assert count[0] == count[1:].sum() == 4000 and abs(count[1] / 4000 - 1 / 3) < 5 * (2 / 9 / 4000) ** 0.5


def test_counts_are_part_of_the_fingerprint_and_told():
    whole, repeated, more = (folds(CLASSES, (0,), 3, balance=each, anomaly_share=share)
                             for each, share in (("none", 0.5), ("repeat", 0.5), ("repeat", 0.4)))
    assert len({protocols.fingerprint(each) for each in (whole, repeated, more)}) == 3
    assert repeated.told == ("fold 0 of 5; 20 normals and 53 anomalies to choose a threshold; 20 normals counted as 53 and 53 "
                             "anomalies are judged")


@pytest.mark.parametrize("options, told", [
    ({"fold": 5}, "one of the n_folds=5 folds, counted from 0. Received: fold=5"), ({"fold": -1}, "fold=-1"),
    ({"fold": True}, "fold=True"), ({"n_folds": 1}, "n_folds=1"), ({"n_folds": 2}, "validation_folds=1 of n_folds=2"),
    ({"validation_folds": 4}, "validation_folds=4 of"), ({"validation_folds": 0.5}, "validation_folds=0.5"),
    ({"anomaly_share": 0.0}, "anomaly_share=0.0"), ({"anomaly_share": "x"}, "'x'"),
    ({"balance": "subsampel"}, "Did you mean 'subsample'"), ({"balance": None}, "balance=None"), ({"per_class": 0}, "per_class=0"),
    ({"anomaly_share": 0.01}, "that is 0 anomalies to 20 normals, of 53 and 20 in the fold"), ({"folds": 3}, "Did you mean 'fold'"),
    ({"n_folds": 104}, "0 training normals of 103 normals"),
])
def test_mistakes_are_told_in_one_line(options, told):
    with pytest.raises(Misuse) as refusal:
        folds(CLASSES, (0,), **options)
    assert told in str(refusal.value) and "\n" not in str(refusal.value)


# ---- runs -----------------------------------------------------------------------------------------------------------

@pytest.fixture
def drawn(monkeypatch):
    """What was drawn: {figure: its first arguments}."""
    seen = {}
    for name in ("roc", "histogram", "grid"):
        monkeypatch.setattr(figures, name, lambda *args, name=name, **kwargs: seen.setdefault(name, []).append(args))
    return seen


def test_what_counts_several_times_is_scored_and_shown_once(tmp_path, drawn, monkeypatch):
    found = {**config.load(method="isoforest", dataset="digits", normal="3"),
             "protocol": {"name": "folds", **protocols.defaults("folds"), "balance": "repeat", "anomaly_share": 0.2}}
    asked, scores = [], judging.scores
    monkeypatch.setattr(judging, "scores", lambda detector, x, *args: (asked.append(len(x)), scores(detector, x, *args))[1])
    told = runs.train(found, tmp_path / "run")
    pool = sources.load_data("digits")
    split = folds(pool.category, (3,), anomaly_share=0.2, balance="repeat")
    rows = scored(tmp_path / "run")
    n, anomalies = len(split.test), int(split.label.sum())
    assert sorted(rows) == ["index", "label", "score", "times"] and asked[-2:] == [n, len(split.validation)]
    assert rows["index"].tolist() == split.test.tolist() and rows["times"].tolist() == split.times.tolist()
    label, score = (numpy.repeat(rows[name], rows["times"]) for name in ("label", "score"))
    assert (told["n_test"], told["n_anomalous"], told["n_distinct"]) == (5 * anomalies, anomalies, n)
    for name in ("auroc", "aupr_in", "aupr_out", "fpr_at_95_tpr", "detection_error", "best_f1"):
        assert told[name] == getattr(metrics, name)(label, score)
    assert (told["auroc_low"], told["auroc_high"]) == metrics.bootstrap_auroc(rows["label"], rows["score"])
    wide, narrow = told["auroc_high"] - told["auroc_low"], numpy.ptp(metrics.bootstrap_auroc(label, score))
    assert wide > 1.3 * narrow and told["accept_all_f1"] == pytest.approx(2 * 0.8 / 1.8)
    assert told["f1_inlier"] >= 0.8 and "F1 accept all" in (tmp_path / "run/log.txt").read_text()
    assert f"{5 * anomalies} ({n} distinct)" in (tmp_path / "run/log.txt").read_text()
    (roc,), (histogram,), grids = drawn["roc"], drawn["histogram"], drawn["grid"]
    assert len(roc[0]) == 5 * anomalies and len(histogram[0]) == n
    for x, *_ in grids:
        assert len(numpy.unique(x.reshape(len(x), -1), axis=0)) == len(x)
    row, = report.collect(tmp_path / "run")
    assert row["auroc"] == told["auroc"] and row["accept_all_f1"] == told["accept_all_f1"]


def test_a_run_is_judged_at_other_shares_and_balances_and_back(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    found = {**config.load(method="isoforest", dataset="digits", normal="3"),
             "protocol": {"name": "folds", **protocols.defaults("folds")}}
    before, run = runs.train(found, tmp_path / "run"), tmp_path / "run"
    was = scored(run)
    assert "times" not in was and "n_distinct" not in before
    less = runs.evaluate(run, options=[("protocol.anomaly_share", "0.1")])
    assert less["judged"] == {"protocol.anomaly_share": 0.1} and set(scored(run)["index"]) < set(was["index"])
    assert less["accept_all_f1"] > 0.9 > before["accept_all_f1"] == pytest.approx(2 / 3)
    repeated = runs.evaluate(run, options=[("protocol.balance", "repeat"), ("protocol.anomaly_share", "0.1")])
    assert repeated["n_test"] > repeated["n_distinct"] == 355 and scored(run)["times"].max() > 70
    assert repeated["raw_mean_auroc"] == pytest.approx(less["raw_mean_auroc"], abs=0.1)
    one = runs.evaluate(run, options=[("protocol.per_class", "1"), ("protocol.balance", "none")])
    assert one["n_anomalous"] == 9 and json.loads((run / "metrics.json").read_text())["judged"]["protocol.per_class"] == 1
    other = runs.evaluate(run, normal="8", options=[("protocol.balance", "repeat")])
    assert other["n_test"] > other["n_distinct"] and len(scored(run)["times"]) == other["n_distinct"]
    for key, value in (("fold", "2"), ("n_folds", "4"), ("validation_folds", "0")):
        with pytest.raises(Misuse, match=f"`--config.protocol.{key}` must leave the training part as it was"):
            runs.evaluate(run, options=[(f"protocol.{key}", value)])
    swapped = runs.evaluate(run, options=[("protocol.fold", "1")])      # folds 0 and 1 give each other the threshold
    assert not set(scored(run)["index"]) & set(was["index"]) and swapped["n_test"] == before["n_test"]
    assert runs.evaluate(run)["protocol_hash"] == before["protocol_hash"] and "times" not in scored(run)
    assert numbers(run)["f1_inlier"] == before["f1_inlier"]


def test_an_attack_counts_likewise(tmp_path, monkeypatch):
    from short_runs import settings
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    monkeypatch.setattr(judging, "INITIALISATIONS", 1)
    found = settings("autoencoder", epochs=1, protocol={"name": "folds", **protocols.defaults("folds"), "balance": "repeat"})
    clean = runs.train(found, tmp_path / "run")
    told = runs.evaluate(tmp_path / "run", attack="linf", eps=0.0)
    assert told["auroc"] == pytest.approx(clean["auroc"], abs=1e-3) and told["n_test"] == clean["n_test"] > clean["n_distinct"]
    with numpy.load(tmp_path / "run/scores_attack_linf_0.npz") as file:
        assert len(file["times"]) == len(file["attacked_score"]) == clean["n_distinct"]
        label, score = (numpy.repeat(file[name], file["times"]) for name in ("label", "attacked_score"))
    assert told["adversarial_auroc"] == metrics.auroc(label, score)
