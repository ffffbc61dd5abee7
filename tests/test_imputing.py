"""What is missing in a table is filled in by the model, by medians of the training normals, and nowhere else."""
# ruff: noqa: F401, F811
import csv
import json

import keras
import numpy as np
import pytest
from short_runs import numbers, quick, scored, settings

from kerasnd import judging, runs, training
from kerasnd.data import sources
from kerasnd.errors import BadData, Misuse
from kerasnd.methods.autoencoder import Autoencoder
from kerasnd.methods.deep_svdd import DeepSVDD
from kerasnd.networks.normalizer import Normalizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32) * [1, 10, 0.1] + [0, 5, 1]
HOLES = np.where(RNG.random(X.shape) < 0.3, np.nan, X).astype(np.float32)


@pytest.mark.parametrize("scaling", ["none", "unit", "minmax", "standard"])
def test_filling_in_beforehand_by_nan_median_gives_the_same(scaling):
    filled = np.where(np.isnan(HOLES), np.nanmedian(HOLES, axis=0), HOLES)
    inside, outside = Normalizer("median+" + scaling, (3,)), Normalizer(scaling, (3,))
    inside.adapt([HOLES[:15], HOLES[15:]])
    outside.adapt([filled])
    np.testing.assert_allclose(inside(HOLES), outside(filled), rtol=1e-6, atol=1e-6)
    assert len(outside.weights) == 2                    # a saved detector that fills nothing in is what it was


def test_medians_are_of_those_not_known_anomalous():
    hint = np.where(np.arange(40) < 10, -1, 0)
    detector = DeepSVDD(example_shape=(3,), preprocess="median+auto")
    detector.compile()
    detector.takes_hints = True
    detector.fit(HOLES, hint, epochs=1, verbose=0)
    np.testing.assert_array_equal(detector.normalizer.fill.numpy(), np.nanmedian(HOLES[10:], axis=0))


def test_nan_is_scored_where_it_is_filled_in_and_refused_elsewhere(tmp_path):
    detector = Autoencoder(example_shape=(3,), preprocess="median+minmax")
    detector.compile()
    detector.fit(HOLES, epochs=1, verbose=0)
    scores = detector.predict(HOLES, verbose=0)
    filled = np.where(np.isnan(HOLES), np.nanmedian(HOLES, axis=0), HOLES)
    np.testing.assert_allclose(scores, detector.predict(filled, verbose=0), rtol=1e-6)
    assert np.isfinite(scores).all()
    detector.save(tmp_path / "d.keras")
    again = keras.models.load_model(tmp_path / "d.keras")
    np.testing.assert_array_equal(again.predict(HOLES, verbose=0), scores)
    assert again.get_config()["preprocess"] == "median+minmax" and again.normalizer.get_config()["kind"] == "median+minmax"
    with pytest.raises(BadData, match=r"inf in example 1 at \[2\]"):
        detector.predict(np.float32([[0, 0, np.nan], [0, 0, np.inf]]), verbose=0)
    plain = Autoencoder(example_shape=(3,))
    plain.compile()
    with pytest.raises(BadData, match="nan in example"):
        plain.fit(HOLES, epochs=1, verbose=0)
    plain.fit(X, epochs=1, verbose=0)
    with pytest.raises(BadData, match="nan in example"):
        plain.predict(HOLES, verbose=0)
    with pytest.raises(Misuse, match="preprocess.*before"):
        detector.inherit(plain)


def test_what_cannot_be_filled_in_is_refused():
    with pytest.raises(BadData, match="NaN in feature 1, counted from 0"):
        Normalizer("median+minmax", (3,)).adapt([np.float32([[1, np.nan, 2], [2, np.nan, 3]])])
    with pytest.raises(Misuse, match="tables alone"):
        Normalizer("median+unit", (8, 8, 1))
    with pytest.raises(Misuse, match="Did you mean 'minmax'"):
        Normalizer("median+minmix", (3,))


def test_all_stages_fill_in_where_the_source_leaves_holes():
    config = settings()
    config["stages"][1]["model"]["preprocess"] = "standard"
    assert training.imputing(config) == config["stages"]
    config["source"]["missing"] = "median"
    config["stages"] = training.imputing(config)
    assert training.imputing(config) == config["stages"]
    kinds = [training.build(config["stages"], number, (6,)).normalizer.kind for number in range(2)]
    assert kinds == ["median+standard"] * 2
    config["stages"][1]["model"]["preprocess"] = "median+auto"
    assert training.preprocess(config["stages"], 0, (6,)) == "median+minmax"


def test_the_distance_to_the_mean_leaves_out_what_is_missing():
    distance = judging.distance_to_mean(HOLES[:20], HOLES[20:])
    mean = np.nanmean(HOLES[:20].astype(np.float64), axis=0)
    np.testing.assert_allclose(distance, np.nansum((HOLES[20:].astype(np.float64) - mean) ** 2, axis=1))


# ---- a run -----------------------------------------------------------------------------------------------------------

def written(path, order=("a", "colour", "b", "state"), rows=range(80)):
    """A table whose anomalies have another colour and larger numbers; every seventh `a` and ninth colour is missing."""
    rng = np.random.default_rng(1)
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(order)
        for i in range(80):
            odd = i >= 60
            row = {"a": f"{rng.normal(9 * odd):.4f}" if i % 7 else "", "b": f"{rng.normal(9 * odd):.4f}",
                   "colour": "" if i % 9 == 4 else ("rot" if odd else "grün, hell" if i % 2 else "blau"),
                   "state": "bad" if odd else "good"}
            if i in rows:
                out.writerow([row[name] for name in order])
    return path


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    own = settings("autoencoder", written(folder / "train.csv"), "good")
    own["source"].update(label_column="state", missing="median")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "draw", lambda *args: None)
        patch.setattr(judging, "INITIALISATIONS", 1)
        runs.train(own, folder / "run")
    return folder


def table_of(path):
    with open(path, newline="") as file:
        return np.float32([row["score"] for row in csv.DictReader(file)])


def test_a_table_with_holes_is_trained_judged_and_scored_by_name(table_run, tmp_path, caplog):
    run, judged = table_run / "run", scored(table_run / "run")
    record = json.loads((run / "config.json").read_text())
    assert [column["name"] for column in record["examples"]["schema"]["columns"]] == ["a", "colour", "b"]
    assert record["examples"]["shape"] == [6] and record["config"]["stages"][0]["model"]["preprocess"] == "median+auto"
    pool = sources.load_data(str(table_run / "train.csv"), label_column="state", missing="median")
    detector = keras.models.load_model(run / "detector.keras")
    with np.load(run / "calibration.npz") as held:
        train = np.setdiff1d(np.flatnonzero(pool.category == 1), [*judged["index"], *held["index"]])
    fill = detector.normalizer.fill.numpy()
    assert fill[0] == np.nanmedian(pool.x[train, 0]) != np.nanmedian(pool.x[pool.category == 1, 0])     # none from the test rows

    expected = detector.predict(pool.x, verbose=0)
    np.testing.assert_array_equal(expected[judged["index"]], judged["score"])
    assert numbers(run)["raw_mean_auroc"] is not None
    runs.score(run, table_run / "train.csv", tmp_path / "same.csv")
    runs.score(run, written(tmp_path / "bare.csv", ("b", "colour", "a")), tmp_path / "moved.csv")
    np.testing.assert_array_equal(table_of(tmp_path / "same.csv"), expected)
    np.testing.assert_array_equal(table_of(tmp_path / "moved.csv"), expected)
    # A later table without red and without holes would be read otherwise, were it not for the schema.
    runs.score(run, written(tmp_path / "few.csv", rows=(1, 2, 3)), tmp_path / "few_scores.csv")
    np.testing.assert_allclose(table_of(tmp_path / "few_scores.csv"), expected[1:4], rtol=1e-5)
    assert "words that training had not" not in caplog.text
    with pytest.raises(Misuse, match="`a` must be a column, as in training"):
        runs.score(run, written(tmp_path / "less.csv", ("b", "colour")), tmp_path / "no.csv")
    assert not (tmp_path / "no.csv").exists()


def test_another_table_is_judged_by_the_schema_of_the_run(table_run, tmp_path, quick):
    before = numbers(table_run / "run")
    other = written(tmp_path / "other.csv", ("state", "b", "a", "colour"), rows=range(40, 70))
    result = runs.evaluate(table_run / "run", dataset=str(other), label_column="state")
    assert (result["n_test"], result["n_anomalous"]) == (30, 10)
    pool = sources.load_data(str(table_run / "train.csv"), label_column="state", missing="median")
    expected = keras.models.load_model(table_run / "run/detector.keras").predict(pool.x[40:70], verbose=0)
    np.testing.assert_allclose(scored(table_run / "run")["score"], expected, rtol=1e-5)
    assert runs.evaluate(table_run / "run")["auroc"] == before["auroc"]


def test_a_column_without_a_value_among_the_training_normals_is_named(tmp_path):
    rows = "".join(f"{i},{i if i >= 20 else ''},{'bad' if i >= 20 else 'good'}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("a,late,state\n" + rows)
    own = settings("autoencoder", tmp_path / "t.csv", "good")
    own["source"].update(label_column="state", missing="median")
    with pytest.raises(BadData, match="`late` must have a value among the training normals"):
        runs.train(own, tmp_path / "run")


def test_a_batch_of_known_anomalies_alone_has_no_part_in_the_statistics():
    for kind in ("minmax", "median+minmax", "standard"):
        with_none, without = Normalizer(kind, (3,)), Normalizer(kind, (3,))
        with_none.adapt([X[:0], X[:20], X[:0], X[20:], X[:0]])
        without.adapt([X[:20], X[20:]])
        for mine, theirs in zip(with_none.weights, without.weights):
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
