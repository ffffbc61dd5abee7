"""A finished run: judged again, on the same and on other data, and set to score own data."""
# ruff: noqa: F401, F811
import csv
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from short_runs import arrays, numbers, quick, run, scored, settings, state, trained

from kerasnd import devices, report, runs
from kerasnd.errors import BadData, Misuse

# ---- judging again ---------------------------------------------------------------------------------------------------

def test_the_same_data_is_judged_the_same(run):
    before, scores = numbers(run), (run / "scores.npz").read_bytes()
    for path in [run / "scores.npz", *run.glob("figures/*")]:
        path.unlink()
    result = runs.evaluate(run)
    assert (run / "scores.npz").read_bytes() == scores and len(list(run.glob("figures/*.png"))) == 4
    assert {**result, "score_seconds": 0} == {**before, "score_seconds": 0} == {**numbers(run), "score_seconds": 0}


def test_another_normal_class_and_other_anomalies_are_judged_and_taken_back(run, quick):
    before, was = numbers(run), scored(run)
    other = runs.evaluate(run, normal="3,8")
    assert other["judged"] == {"normal": "3,8"} and other["protocol_hash"] != before["protocol_hash"]
    assert other["fit_seconds"] == before["fit_seconds"]
    now = scored(run)
    np.testing.assert_array_equal(now["index"], was["index"])       # the same held-out examples: none was trained on
    np.testing.assert_array_equal(now["score"], was["score"])
    assert now["label"].sum() < was["label"].sum()

    noise = runs.evaluate(run, outliers="uniform_noise")
    now = scored(run)
    assert noise["judged"] == {"outliers": "uniform_noise"} and noise["n_test"] - noise["n_anomalous"] == 73
    assert (now["index"][now["label"] == 1] >= 1797).all()
    assert 0 <= noise["untrained_auroc"] <= 1 and noise["raw_mean_auroc"] != before["raw_mean_auroc"]

    back = runs.evaluate(run)
    assert "judged" not in back and back["auroc"] == before["auroc"] and back["protocol_hash"] == before["protocol_hash"]
    assert back["raw_mean_auroc"] == before["raw_mean_auroc"]


def test_a_report_leaves_out_a_run_that_was_last_judged_on_other_data(run, quick):
    runs.evaluate(run, normal="8")
    row, = report.collect(run.parent)
    assert "judged on another test set" in row["problem"]
    runs.evaluate(run)
    assert "problem" not in report.collect(run.parent)[0]


def test_another_data_set_is_judged_on_its_test_part_or_all_of_it(arrays, tmp_path, quick):
    run, whole = tmp_path / "run", tmp_path / "whole.npz"
    runs.train(settings("autoencoder", arrays, "1"), run)
    with np.load(arrays) as file:
        np.savez(whole, x=file["x_test"], y=file["y_test"])
        moved = {name: file[name] for name in file.files}
    mine = scored(run)["score"]
    result = runs.evaluate(run, dataset=str(whole))
    assert (result["protocol"], result["n_test"], result["n_anomalous"]) == ("everything", 36, 24)
    assert result["judged"] == {"dataset": str(whole)} and result["untrained_auroc"] is not None
    np.testing.assert_array_equal(scored(run)["score"], mine)
    np.savez(tmp_path / "parts.npz", **moved)
    arrays_gone = json.loads((run / "config.json").read_text())
    arrays_gone["config"]["source"]["name"] = str(tmp_path / "gone.npz")
    (run / "config.json").write_text(json.dumps(arrays_gone))
    result = runs.evaluate(run, dataset=str(tmp_path / "parts.npz"), normal="2")
    assert (result["protocol"], result["n_test"], result["judged"]["normal"]) == ("test_part", 36, "2")
    assert result["untrained_auroc"] is None and result["raw_mean_auroc"] is None        # fitted on what is gone
    with pytest.raises((Misuse, BadData), match="gone.npz"):
        runs.evaluate(run)
    for name, height, y, told in (("shape", 9, np.array([0, 0, 1, 1]), r"shape \(8, 8, 1\)"),
                                  ("one", 8, np.ones(4, int), "4 normals and 0 anomalies")):
        np.savez(tmp_path / f"{name}.npz", x=np.zeros((4, height, 8, 1), np.uint8), y=y)
        with pytest.raises(Misuse, match=told):
            runs.evaluate(run, dataset=str(tmp_path / f"{name}.npz"), normal="1")


def test_damaged_metrics_are_written_anew(run, quick):
    before = numbers(run)
    (run / "metrics.json").write_text("{")
    with pytest.raises(BadData, match="metrics.json cannot be read"):
        runs.train(settings(), run)
    after = runs.evaluate(run)
    assert after["fit_seconds"] is None and after["auroc"] == before["auroc"]


def test_what_cannot_be_judged_is_told_in_one_line(run, tmp_path):
    detector = (run / "detector.keras").read_bytes()
    for content in (b"", detector[:len(detector) // 2], b"no zip at all"):
        (run / "detector.keras").write_bytes(content)
        for use in (runs.evaluate, lambda run: runs.score(run, run, tmp_path / "s.csv")):
            with pytest.raises(BadData, match="detector.keras cannot be read.*--overwrite") as refusal:
                use(run)
            assert "\n" not in str(refusal.value)
    (run / "detector.keras").unlink()
    with pytest.raises(BadData, match="detector.keras is missing"):
        runs.evaluate(run)
    (run / "metrics.json").unlink()
    with pytest.raises(Misuse, match="must be finished"):
        runs.evaluate(run)
    with pytest.raises(BadData, match="is not a run folder"):
        runs.evaluate(tmp_path)
    assert not (tmp_path / ".lock").exists()


def test_a_detector_of_a_newer_format_is_refused_in_words(run):
    with zipfile.ZipFile(run / "detector.keras") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    saved = json.loads(parts["config.json"])
    saved["config"]["format"] += 1
    saved["config"]["of_the_future"] = True
    parts["config.json"] = json.dumps(saved).encode()
    with zipfile.ZipFile(run / "detector.keras", "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    for load in (runs.evaluate, lambda run: keras.models.load_model(run / "detector.keras")):
        with pytest.raises(Misuse, match="format 1 or older.*DeepSVDD of format 2.*Update kerasnd"):
            load(run)


@pytest.mark.parametrize("use", [lambda run, out, **more: runs.evaluate(run, **more),
                                 lambda run, out, **more: runs.score(run, run, out, **more)],
                         ids=["evaluate", "score"])
def test_the_machine_is_settled_as_for_training_and_the_precision_is_the_runs(run, tmp_path, monkeypatch, use):
    record = json.loads((run / "config.json").read_text())
    record["config"]["precision"] = "bfloat16"
    (run / "config.json").write_text(json.dumps(record))
    with pytest.raises(Misuse, match="--device=gpu"):
        use(run, tmp_path / "s.csv", device="gpu")
    settled = []
    monkeypatch.setattr(devices, "prepare", lambda distribute, **given: settled.append(given))
    (run / "detector.keras").unlink()
    with pytest.raises(BadData, match="detector.keras"):
        use(run, tmp_path / "s.csv", device="cpu", threads=2)
    assert settled == [{"device": "cpu", "threads": 2, "precision": "bfloat16"}]


# ---- scoring own data ------------------------------------------------------------------------------------------------

def table_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def image_run(arrays, tmp_path_factory):
    run = tmp_path_factory.mktemp("images") / "run"
    runs.train(settings("autoencoder", arrays, "1"), run)
    return run


def test_own_arrays_and_images_are_scored_as_the_detector_scores_them(image_run, arrays, tmp_path, capsys):
    with np.load(arrays) as file:
        x = file["x_test"]
    expected = keras.models.load_model(image_run / "detector.keras").predict(x, verbose=0)
    np.savez(tmp_path / "x.npz", x=x)
    (tmp_path / "in/deeper").mkdir(parents=True)
    for i, image in enumerate(x):
        Image.fromarray(image[..., 0]).save(tmp_path / "in" / ("deeper" if i % 2 else "") / f"{i:02d}.png")
    before = state(image_run)

    assert runs.score(image_run, tmp_path / "x.npz", tmp_path / "x.csv") == len(x)
    rows = table_of(tmp_path / "x.csv")
    assert list(rows[0]) == ["path", "score", "p_value", "is_novel", "error"]
    # Three of 30 normals are held out: p-values are possible, verdicts at 0.05 are not.
    assert {row["p_value"] for row in rows} <= {"0.25", "0.5", "0.75", "1"} and {row["is_novel"] for row in rows} == {""}
    assert [row["path"] for row in rows] == [str(i) for i in range(len(x))]
    np.testing.assert_array_equal(np.float32([row["score"] for row in rows]), expected)

    runs.score(image_run, tmp_path / "in", tmp_path / "in.csv")
    rows = table_of(tmp_path / "in.csv")
    assert len(rows) == len(x)
    for row in rows:
        np.testing.assert_allclose(float(row["score"]), expected[int(Path(row["path"]).stem)], rtol=1e-5)
    runs.score(image_run, tmp_path / "in/04.png", tmp_path / "one.csv")
    np.testing.assert_allclose(float(table_of(tmp_path / "one.csv")[0]["score"]), expected[4], rtol=1e-5)
    assert state(image_run) == before and "36 scores in" in capsys.readouterr().out


def test_own_data_that_does_not_fit_is_refused_and_nothing_is_written(image_run, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "in/good.png")
    (tmp_path / "in/broken.png").write_bytes(b"\x89PNG half")
    out = tmp_path / "out.csv"
    out.write_text("old")
    np.savez(tmp_path / "wide.npz", x=np.zeros((3, 9, 8, 1), np.uint8))
    with pytest.raises(Misuse, match=r"`input`.*\(8, 8, 1\).*\(9, 8, 1\).*source.size"):
        runs.score(image_run, tmp_path / "wide.npz", out)
    assert out.read_text() == "old"
    assert runs.score(image_run, tmp_path / "in", out, skip_unreadable=True) == 1
    (tmp_path / "in/good.png").unlink()
    for skip in (True, False):
        with pytest.raises(BadData, match="`input` must hold readable images.*broken.png"):
            runs.score(image_run, tmp_path / "in", out, skip_unreadable=skip)
    assert len(table_of(out)) == 1 and not list(tmp_path.glob(".*"))


def test_a_table_is_scored_without_its_label_column(tmp_path, quick):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) + 5 * (np.arange(60)[:, None] >= 40)
    lines = [f"{a},{b},{c},{'odd' if i >= 40 else 'good'}" for i, (a, b, c) in enumerate(x.tolist())]
    (tmp_path / "train.csv").write_text("\n".join(["a,b,c,state", *lines]) + "\n")
    own = settings("autoencoder", tmp_path / "train.csv", "good")
    own["source"]["label_column"] = "state"
    runs.train(own, tmp_path / "run")
    runs.score(tmp_path / "run", tmp_path / "train.csv", tmp_path / "with.csv")
    (tmp_path / "bare.csv").write_text("\n".join(["a,b,c", *(line.rpartition(",")[0] for line in lines)]) + "\n")
    runs.score(tmp_path / "run", tmp_path / "bare.csv", tmp_path / "without.csv")
    assert (tmp_path / "with.csv").read_text() == (tmp_path / "without.csv").read_text()
    assert len(table_of(tmp_path / "with.csv")) == 60


def test_values_of_another_type_are_warned_of(image_run, arrays, tmp_path, caplog):
    with np.load(arrays) as file:
        np.savez(tmp_path / "unit.npz", x=file["x_test"] / np.float32(255))
    with caplog.at_level("WARNING", "absl"):
        runs.score(image_run, tmp_path / "unit.npz", tmp_path / "out.csv")
    assert "trained on uint8 values and given float32" in caplog.text


def test_a_run_with_labels_is_judged_on_anomalies_of_which_none_can_be_labelled(arrays, tmp_path, quick):
    own = settings("deep_sad", arrays, "1", epochs=1)
    own["protocol"].update(known_outlier=[2], ratio_known_outlier=0.1)
    before = runs.train(own, tmp_path / "run")
    was = scored(tmp_path / "run")
    noise = runs.evaluate(tmp_path / "run", outliers="uniform_noise")
    assert noise["judged"] == {"outliers": "uniform_noise"} and noise["n_test"] == 24
    normal = np.flatnonzero(scored(tmp_path / "run")["label"] == 0)
    np.testing.assert_array_equal(scored(tmp_path / "run")["score"][normal], was["score"][was["label"] == 0])
    assert runs.evaluate(tmp_path / "run", normal="2")["judged"] == {"normal": "2"}       # labelled an anomaly in training
    assert runs.evaluate(tmp_path / "run")["protocol_hash"] == before["protocol_hash"]
