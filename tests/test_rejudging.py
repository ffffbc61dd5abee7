"""A finished run under other shares of anomalies, and normals that the seed draws."""
# ruff: noqa: F401, F811
import json

import keras
import numpy as np
import pytest
from short_runs import arrays, numbers, scored

from kerasnd import config, examples, judging, metrics, runs
from kerasnd.data import protocols, sources
from kerasnd.data.pool import Pool
from kerasnd.errors import Misuse

P1 = {"name": "p1", **protocols.defaults("p1")}


@pytest.fixture
def quick(monkeypatch):
    """Leaves out what is not asked about here: the figures, and the baselines."""
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    monkeypatch.setattr(judging, "baselines", lambda *args: {"untrained_auroc": 0.5, "raw_mean_auroc": 0.5})


def settings(normal="3", protocol=P1, **changes):
    """A run of a method that is solved for at once."""
    return {**config.load(method="isoforest", dataset="digits", normal=normal), "protocol": protocol, **changes}


def share(text):
    return [("protocol.anomaly_share", text)]


# ---- one training serves every share --------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("p1") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "INITIALISATIONS", 1)
        runs.train(settings(), run)
    return run


def test_a_p1_run_has_its_f1_with_the_threshold_of_the_validation_part(finished):
    pool = sources.load_data("digits")
    split = protocols.p1(pool.category, None, (3,), np.random.default_rng(0))
    score = keras.models.load_model(finished / "detector.keras").predict(pool.x, verbose=0)
    label, value = split.validation_label, score[split.validation]
    best, at = -1, None
    for threshold in sorted(value):                 # ascending, strictly better: the lowest of equally good verdicts
        claimed = value <= threshold
        found = 2 * (claimed & (label == 0)).sum() / (claimed.sum() + (label == 0).sum())
        best, at = (found, threshold) if found > best else (best, at)
    above = value[value > at].min() if (value > at).any() else at
    claimed = score[split.test] <= (np.float64(at) + np.float64(above)) / 2
    expected = 2 * (claimed & (split.label == 0)).sum() / (claimed.sum() + (split.label == 0).sum())
    told = numbers(finished)
    assert told["f1_inlier"] == pytest.approx(float(expected), abs=1e-12) and told["protocol"] == "p1"
    table, = [line for line in (finished / "log.txt").read_text().splitlines() if "best F1 (oracle)" in line]
    assert "F1 inlier" in table and f"{told['f1_inlier']:.4f}" in (finished / "log.txt").read_text()


def test_one_training_is_judged_at_other_shares_and_back(finished, quick):
    before, was = numbers(finished), scored(finished)
    weights = (finished / "detector.keras").read_bytes()
    less = runs.evaluate(finished, options=share("0.1"))
    now = scored(finished)
    assert less["judged"] == {"protocol.anomaly_share": 0.1} and less["n_anomalous"] == (less["n_test"] - less["n_anomalous"]) // 9
    assert less["protocol_hash"] != before["protocol_hash"] and less["fit_seconds"] == before["fit_seconds"]
    place = {index: i for i, index in enumerate(was["index"])}
    at = [place[index] for index in now["index"]]   # all are among those of the larger share
    np.testing.assert_array_equal(now["score"], was["score"][at])
    np.testing.assert_array_equal(now["label"], was["label"][at])
    assert set(was["index"][was["label"] == 0]) == set(now["index"][now["label"] == 0])
    assert "f1_inlier" in less and less["auroc"] == metrics.auroc(now["label"], now["score"])
    assert runs.evaluate(finished, options=share("0.1")) | {"score_seconds": 0} == less | {"score_seconds": 0}
    back = runs.evaluate(finished)
    assert back["protocol_hash"] == before["protocol_hash"] and "judged" not in back and back["f1_inlier"] == before["f1_inlier"]
    assert (finished / "detector.keras").read_bytes() == weights


@pytest.mark.parametrize("options, told", [
    ([("protocol.train_share", "0.5")],
     "must leave the training part as it was. Received: train_share=0.5, by which 0 others would "),
    ([("protocol.train_share", "0.7"), ("protocol.validation_share", "0.1")],
     "Received: train_share=0.7, validation_share=0.1, by"),
    ([("protocol.name", "holdout")], "must be an option of the run's protocol p1"),
    ([("seed", "1")], "must be an option of the run's"),
    ([("stages[0].fit.epochs", "1")], "must be an option of the run's"),
    ([("protocol.anomaly_shar", "0.1")], "Did you mean 'anomaly_share'"),
    (share("half"), "must be a float"), (share("1.5"), "anomaly_share=1.5"),
])
def test_what_would_have_trained_otherwise_or_is_no_option_is_refused(finished, options, told, quick):
    before = numbers(finished)
    with pytest.raises(Misuse) as refusal:
        runs.evaluate(finished, options=options)
    assert told in str(refusal.value) and "\n" not in str(refusal.value) and numbers(finished) == before


def test_a_validation_part_alone_may_be_another(finished, quick):
    result = runs.evaluate(finished, options=[("protocol.validation_share", "0.1")])
    assert result["judged"] == {"protocol.validation_share": 0.1} and 0 < result["f1_inlier"] <= 1
    runs.evaluate(finished)


def test_nobody_who_trained_is_judged_under_other_normals(finished, quick):
    pool = sources.load_data("digits")
    trained = protocols.p1(pool.category, None, (3,), np.random.default_rng(0)).train
    others = protocols.p1(pool.category, None, (8,), np.random.default_rng(0))
    assert np.isin(others.test, trained).any()      # else it shows nothing
    result = runs.evaluate(finished, normal="8", options=share("0.2"))
    assert not np.isin(scored(finished)["index"], trained).any()
    assert result["judged"] == {"normal": "8", "protocol.anomaly_share": 0.2}
    with pytest.raises(Misuse, match="must leave the training part as it was"):
        runs.evaluate(finished, normal="8", options=[("protocol.train_share", "0.5")])
    runs.evaluate(finished)


def test_another_data_set_takes_no_protocol(finished, arrays):
    with pytest.raises(Misuse, match="Leave one of the two out"):
        runs.evaluate(finished, dataset=str(arrays), options=share("0.1"))
    with pytest.raises(Misuse, match="dataset='digist'. Did you mean 'digits'"):
        runs.evaluate(finished, dataset="digist", options=share("0.1"))


# ---- normals that are drawn -----------------------------------------------------------------------------------------

def test_the_seed_draws_as_many_normals_as_asked_evenly():
    pool = Pool(x=np.zeros((10, 1), np.float32), category=np.arange(10) % 6, official=None, names=tuple("abcdefgh"))
    drawn = [sources.normal_classes(pool, "random:2", rng=np.random.default_rng((seed, 3))) for seed in range(600)]
    assert all(len(set(each)) == 2 and each == tuple(sorted(each)) for each in drawn)
    count = np.bincount(np.ravel(drawn), minlength=8)
    assert count[6:].tolist() == [0, 0] and abs(count[:6] - 200).max() < 60     # only classes with examples; 5 standard deviations
    assert sources.normal_classes(pool, "random:2", rng=np.random.default_rng((7, 3))) == drawn[7]


@pytest.mark.parametrize("normal",
                         ["random:0", "random:6", "random:", "random:-1", "random:two", "random:1,2", "random:1.0", "random:²"])
def test_a_draw_of_no_class_or_of_all_is_refused(normal):
    pool = Pool(x=np.zeros((6, 1), np.float32), category=np.arange(6), official=None, names=tuple("abcdef"))
    with pytest.raises(Misuse, match="must draw from 1 to 5 of the 6 classes"):
        sources.normal_classes(pool, normal, rng=np.random.default_rng(0))


def test_named_normals_are_split_as_drawn_ones_and_the_draw_is_told(tmp_path, quick):
    found = settings(normal="random:3")
    pool, split = examples.split(found)
    names = split.told.removeprefix("drawn as normal: ").partition(";")[0].split(", ")
    assert len(set(names)) == 3
    named = examples.split({**found, "normal": ",".join(names)})[1]
    assert protocols.fingerprint(named) == protocols.fingerprint(split)
    assert examples.split({**found, "seed": 1})[1].told != split.told
    runs.train(found, tmp_path / "run")
    record = json.loads((tmp_path / "run/config.json").read_text())
    assert record["protocol"]["told"] == split.told and record["config"]["normal"] == "random:3"
    assert split.told in (tmp_path / "run/log.txt").read_text()
    np.savez(tmp_path / "other.npz", x=pool.x, y=pool.category)
    with pytest.raises(Misuse, match="`--normal` must be given"):
        runs.evaluate(tmp_path / "run", dataset=str(tmp_path / "other.npz"))
    assert runs.evaluate(tmp_path / "run", dataset=str(tmp_path / "other.npz"), normal=",".join(names))["n_test"] == 1797


def test_several_normals_are_one_kind():
    assert config.load(method="autoencoder", dataset="digits", normal="0, 1,2")["normal"] == "0,1,2"
    for name in ("p1", "holdout"):
        pool, split = examples.split(settings(normal="0,1,2", protocol={"name": name, **protocols.defaults(name)}))
        assert set(pool.category[split.train]) == {0, 1, 2} and set(pool.category[split.test]) == set(range(10))
        assert (split.label == (pool.category[split.test] > 2)).all()
