"""Runs that hold normals out: who these are, what becomes of their scores, and what bin/score makes of them."""
# ruff: noqa: F401, F811
import csv
import json

import keras
import numpy as np
import pytest
from short_runs import numbers, quick, settings

from kerasnd import calibration, config, held_out, judging, runs
from kerasnd.data import protocols
from kerasnd.data.calibration import LEAST, with_calibration
from kerasnd.errors import BadData, Misuse

CATEGORY = np.repeat([0, 1, 2], [300, 200, 100])
OFFICIAL = np.tile(["train", "train", "test"], 200)


def split_of(name, held, seed=0, **options):
    made = protocols.make(name, CATEGORY, OFFICIAL, (0,), np.random.default_rng(seed), **options)
    return made, with_calibration(made, CATEGORY, (0,), held, np.random.default_rng((seed, 4)))


# ---- who is held out -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, options", [
    ("one_vs_rest", {}), ("holdout", {}), ("p1", {}), ("folds", {}), ("contaminated", {"share": 0.2}),
    ("semi_supervised", {"known_outlier": (1,), "ratio_known_outlier": 0.1, "ratio_known_normal": 0.1, "ratio_pollution": 0.1})])
def test_held_out_are_training_normals_that_are_neither_trained_on_nor_judged(name, options):
    whole, split = split_of(name, 0.25, **options)
    normals = int(((CATEGORY[whole.train] == 0) & (whole.hint >= 0)).sum())
    assert len(split.calibration) == int(0.25 * normals + 0.5) and split.calibration.dtype == np.int64
    assert (CATEGORY[split.calibration] == 0).all() and (np.diff(split.calibration) > 0).all()
    assert not set(split.calibration) & ({*split.train} | {*split.test} | {*split.validation})
    assert sorted([*split.train, *split.calibration]) == sorted(whole.train)
    hints = dict(zip(whole.train, whole.hint))
    assert [hints[each] for each in split.train] == split.hint.tolist()
    for field in ("test", "label", "validation", "validation_label"):
        np.testing.assert_array_equal(getattr(split, field), getattr(whole, field))
    assert protocols.fingerprint(split) != protocols.fingerprint(whole)


def test_a_share_of_none_leaves_the_split_as_it_was():
    whole, split = split_of("holdout", 0.0)
    assert split is whole and protocols.fingerprint(split) == "acaa9dbaa608"       # as before there were any


def test_a_smaller_share_holds_out_some_of_the_same_whatever_the_protocol_drew():
    some, more = (split_of("holdout", share)[1].calibration for share in (0.2, 0.5))
    assert set(some) < set(more)
    one, other = (split_of("contaminated", 0.3, share=share)[1].calibration for share in (0.1, 0.3))
    np.testing.assert_array_equal(one, other)
    assert set(split_of("holdout", 0.2, seed=1)[1].calibration) != set(some)


@pytest.mark.parametrize("normals, share, expected", [(200, 0.1, 20), (100, 0.1, LEAST), (57, 0.1, LEAST), (56, 0.1, 6),
                                                      (3, 0.1, 0), (2, 0.9, 1), (1000, 0.5, 500)])
def test_nineteen_are_held_out_where_they_are_at_most_a_third(normals, share, expected):
    split = protocols.Split(np.arange(normals), np.zeros(normals, np.int8), np.array([normals]), np.ones(1, np.int8), "some")
    made = with_calibration(split, np.r_[np.zeros(normals, int), 1], (0,), share, np.random.default_rng(0))
    assert (len(made.calibration), len(made.train)) == (expected, normals - expected)
    assert calibration.least(0.05) == LEAST


def test_hinted_anomalies_are_never_held_out_and_examples_taken_twice_leave_altogether():
    train = np.r_[np.arange(100), np.arange(50)]
    hint = np.r_[np.full(30, -1), np.zeros(120)].astype(np.int8)
    split = protocols.Split(train, hint, np.array([120]), np.ones(1, np.int8), "some")
    made = with_calibration(split, np.zeros(121, int), (0,), 0.9, np.random.default_rng(0))
    assert made.calibration.min() >= 30 and len(made.calibration) == 63
    assert not set(made.calibration) & set(made.train) and (made.hint == -1).sum() == 30


def test_who_judges_whom_he_trains_on_holds_nobody_out():
    split = split_of("legacy_transductive", 0.2)[1]
    assert len(split.calibration) == 0 and "no normal could be held out" in split.told


# ---- configs ---------------------------------------------------------------------------------------------------------

def test_own_data_lend_a_tenth_and_named_sets_nothing(own, tmp_path, monkeypatch):
    def protocol(dataset, *overrides, **more):
        return config.load(method="autoencoder", dataset=str(dataset), normal="0", overrides=overrides, **more)["protocol"]
    (tmp_path / "photos").mkdir()
    assert protocol(own) == {"name": "auto", "calibration_share": 0.1} == protocol(tmp_path / "photos")
    assert protocol(own, ("protocol.name", "holdout")) == {"name": "holdout", "test_share": 0.4, "calibration_share": 0.1}
    assert protocol(own, ("protocol.calibration_share", "0")) == {"name": "auto"} == protocol("digits") == protocol("cardio")
    assert protocol("digits", ("protocol.calibration_share", "0.3")) == {"name": "auto", "calibration_share": 0.3}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert protocol("digits") == {"name": "auto"} != protocol("photos")
    for text, told in (("1", "from 0 and below 1"), ("-0.1", "from 0 and below 1"), ("some", "a float")):
        with pytest.raises(Misuse, match=f"calibration_share.*{told}"):
            protocol(own, ("protocol.calibration_share", text))


# ---- runs ------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A table of 120 normals, of which 72 are for training, and 30 anomalies."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("own") / "table.npz"
    np.savez(path, x=rng.normal(size=(150, 4)) + 4 * (np.arange(150)[:, None] >= 120), y=np.arange(150) >= 120)
    return path


@pytest.fixture(scope="module")
def calibrated(own, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "run"
    runs.train(settings("autoencoder", own, "0", epochs=1), run)
    return run


def kept(run):
    with np.load(run / "calibration.npz") as file:
        return {name: file[name] for name in file.files}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_keeps_the_scores_of_its_held_out_normals(calibrated, own):
    found, record = kept(calibrated), json.loads((calibrated / "config.json").read_text())
    assert (found["index"].dtype, found["score"].dtype) == (np.int64, np.float32) and len(found["index"]) == LEAST
    assert record["protocol"]["n_calibration"] == numbers(calibrated)["n_calibration"] == LEAST
    assert record["config"]["protocol"]["calibration_share"] == 0.1
    log = (calibrated / "log.txt").read_text()
    assert "53 to train on" in log and "19 normals are held out for calibration" in log
    with np.load(own) as file:
        x = file["x"].astype(np.float32)
    np.testing.assert_array_equal(
        keras.models.load_model(calibrated / "detector.keras").predict(x[found["index"]], verbose=0), found["score"])
    with np.load(calibrated / "scores.npz") as file:
        assert not set(file["index"]) & set(found["index"])


def test_evaluate_puts_the_scores_back_and_judges_nobody_who_was_held_out(calibrated, monkeypatch, quick):
    before = (calibrated / "calibration.npz").read_bytes()
    (calibrated / "calibration.npz").unlink()
    assert runs.evaluate(calibrated)["n_calibration"] == LEAST and (calibrated / "calibration.npz").read_bytes() == before
    with pytest.raises(Misuse, match="leave the training part as it was"):
        runs.evaluate(calibrated, options=[("protocol.calibration_share", "0.5")])
    assert (calibrated / "calibration.npz").read_bytes() == before


@pytest.mark.parametrize("name", ["keep", "judge"])
def test_a_run_that_was_killed_around_the_calibration_ends_as_if_it_had_not(own, calibrated, tmp_path, name, monkeypatch, quick):
    run, place = tmp_path / "run", {"keep": held_out, "judge": judging}[name]

    def killed(*args):
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(place, name, killed)
        with pytest.raises(KeyboardInterrupt):
            runs.train(settings("autoencoder", own, "0", epochs=1), run)
    assert (run / "calibration.npz").exists() is (name == "judge") and not (run / "metrics.json").exists()
    runs.train(settings("autoencoder", own, "0", epochs=1), run)
    assert (run / "metrics.json").exists()
    for part in ("index", "score"):
        np.testing.assert_array_equal(kept(run)[part], kept(calibrated)[part])
    (run / "notes.txt").write_text("mine")
    own_share = settings("autoencoder", own, "0", epochs=1, protocol={"name": "holdout"})
    with pytest.raises(Misuse, match="protocol.calibration_share"):
        runs.train(own_share, run)
    runs.train(own_share, run, overwrite=True)
    assert not (run / "calibration.npz").exists() and "n_calibration" not in numbers(run) and (run / "notes.txt").exists()


# ---- verdicts --------------------------------------------------------------------------------------------------------

def test_a_table_of_scores_has_the_p_values_and_verdicts_of_the_held_out_normals(calibrated, own, tmp_path, capsys):
    out = tmp_path / "scores.csv"
    runs.score(calibrated, own, out)
    assert "19 held-out normals" in capsys.readouterr().out
    found = rows(out)
    score = np.float32([row["score"] for row in found])
    expected = calibration.p_values(kept(calibrated)["score"], score)
    np.testing.assert_allclose([float(row["p_value"]) for row in found], expected, rtol=1e-8)
    assert [row["is_novel"] for row in found] == [str(each) for each in (expected <= 0.05).tolist()]
    novel = np.array([row["is_novel"] == "True" for row in found])
    assert novel[120:].mean() > 0.9 > novel[:120].mean() + 0.6
    runs.score(calibrated, own, out, alpha=0.5)
    assert [row["is_novel"] for row in rows(out)] == [str(each) for each in (expected <= 0.5).tolist()]
    with pytest.raises(Misuse, match="alpha.*19 normals.*Give 99 or more"):
        runs.score(calibrated, own, out, alpha=0.01)
    (calibrated / "calibration.npz").rename(tmp_path / "away.npz")
    with pytest.raises(Misuse, match="0 normals"):
        runs.score(calibrated, own, out, alpha=0.05)
    runs.score(calibrated, own, out)
    assert {(row["p_value"], row["is_novel"]) for row in rows(out)} == {("", "")}
    assert "calibration_share=0.1, or give --calibration=" in capsys.readouterr().out
    with np.load(own) as file:
        np.savez(tmp_path / "held.npz", x=file["x"][:40])
    runs.score(calibrated, own, out, calibration=tmp_path / "held.npz")
    np.testing.assert_allclose([float(row["p_value"]) for row in rows(out)], calibration.p_values(score[:40], score), rtol=1e-8)
    np.savez(tmp_path / "few.npz", x=np.zeros((9, 4)))
    runs.score(calibrated, own, out, calibration=tmp_path / "few.npz")
    assert {row["is_novel"] for row in rows(out)} == {""} and "needs 19 held-out normals. Received: 9" in capsys.readouterr().out
    (calibrated / "calibration.npz").write_bytes(b"half")
    with pytest.raises(BadData, match="calibration.npz cannot be read.*bin/evaluate"):
        runs.score(calibrated, own, out)
    (tmp_path / "away.npz").rename(calibrated / "calibration.npz")
