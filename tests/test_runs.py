"""Runs: what training leaves, what judging again and scoring own data do with it, and what is refused."""
import csv
import dataclasses
import errno
import importlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from absl import logging
from PIL import Image

from kerasnd import checkpoints, config, judging, metrics, registry, report, runs, training
from kerasnd.cli import train as train_program
from kerasnd.data import protocols, sources, unlabelled
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import METHODS
from kerasnd.progress import RunLog

CHECKOUT = Path(__file__).resolve().parent.parent
NUMBERS = {"auroc", "auroc_low", "auroc_high", "aupr_in", "aupr_out", "fpr_at_95_tpr", "detection_error", "best_f1", "untrained_auroc",
           "raw_mean_auroc", "n_test", "n_anomalous", "fit_seconds", "score_seconds"}


def settings(method="deep_svdd", dataset="digits", normal="3", epochs=2, **changes):
    """A resolved config with few epochs."""
    found = config.load(method=method, dataset=str(dataset), normal=normal)
    for stage in found["stages"]:
        stage["fit"].update(epochs=epochs, batch_size=32)
        stage["optimizer"]["milestones"] = []
    return {**found, **changes}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, to be copied by whoever changes it."""
    run = tmp_path_factory.mktemp("runs") / "svdd"
    runs.train(settings(), run, command=["bin/train", "--method=deep_svdd"])
    return run


@pytest.fixture
def run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """An .npz of noisy stripes with parts; its third class is anomalous."""
    rng, made = np.random.default_rng(0), {}
    for part, n in (("train", 30), ("test", 12)):
        y = np.repeat([0, 1, 2], n)
        stripes = np.sin(np.arange(8)[None, :, None] * (1 + y[:, None, None])) + rng.normal(0, 0.1, (3 * n, 8, 8))
        made.update({f"x_{part}": np.clip(128 + 80 * stripes, 0, 255).astype(np.uint8)[..., None], f"y_{part}": y})
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    np.savez(path, **made)
    return path


@pytest.fixture
def quick(monkeypatch):
    """Leaves out what takes a short run's time: the figures, and four of the five untrained networks."""
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    monkeypatch.setattr(judging, "INITIALISATIONS", 1)


def numbers(run):
    return json.loads((run / "metrics.json").read_text())


def scored(run):
    with np.load(run / "scores.npz") as file:
        return {name: file[name] for name in file.files}


def state(run):
    return {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "log.txt"}


# ---- what training leaves --------------------------------------------------------------------------------------------

def test_a_run_leaves_the_folder_that_is_promised(trained):
    assert {path.name for path in trained.iterdir()} == {"config.json", "detector.keras", "scores.npz", "metrics.json", "figures",
                                                        "events", "stages", "log.txt", ".lock"}
    assert {path.name for path in (trained / "figures").iterdir()} == {"roc.png", "histogram.png", "most_normal.png",
                                                                      "most_anomalous.png"}
    record = json.loads((trained / "config.json").read_text())
    assert set(record["versions"]) == {"kerasnd", "python", "tensorflow", "keras", "numpy"}
    assert record["command"] == ["bin/train", "--method=deep_svdd"] and record["config"]["protocol"]["name"] == "holdout"
    assert record["examples"] == {"shape": [8, 8, 1], "dtype": "float32"}
    judged = numbers(trained)
    assert NUMBERS <= set(judged) and "f1_inlier" not in judged and "judged" not in judged
    assert (judged["protocol"], judged["protocol_hash"]) == (record["protocol"]["name"], record["protocol"]["hash"])


def test_scores_belong_to_the_examples_as_loaded(trained):
    pool, found = sources.load_data("digits"), scored(trained)
    assert [found[name].dtype for name in ("index", "label", "score")] == [np.int64, np.int8, np.float32]
    np.testing.assert_array_equal(found["label"], pool.category[found["index"]] != 3)
    detector = keras.models.load_model(trained / "detector.keras")
    np.testing.assert_array_equal(detector.predict(pool.x[found["index"]], verbose=0), found["score"])
    assert numbers(trained)["auroc"] == metrics.auroc(found["label"], found["score"])


def test_the_log_tells_what_was_done(trained):
    log = (trained / "log.txt").read_text()
    digest = numbers(trained)["protocol_hash"]
    for told in ("loading digits", f"110 to train on, 719 to judge (646 anomalous), protocol holdout {digest}",
                 "stage 1 of 2, autoencoder: 110 examples, 2 epochs of 3 steps", "stage 2 of 2, deep_svdd: epoch 2/2, loss",
                 "distance to the raw mean", f"run: {trained}"):
        assert told in log
    assert all(line[:4].isdigit() and line[19] == " " for line in log.splitlines())


def test_absl_lines_reach_the_log_while_the_run_lasts(tmp_path):
    with RunLog(tmp_path / "log.txt") as log:
        logging.warning("left out: %s", "a.png")
        log.write("one\ntwo")
    logging.warning("another run's")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line[20:] for line in lines] == ["warning: left out: a.png", "one", "two"]


def test_the_untrained_network_is_five_fresh_ones(trained):
    own = json.loads((trained / "config.json").read_text())["config"]
    pool = sources.load_data("digits")
    split = protocols.make("holdout", pool.category, None, (3,), np.random.default_rng(0))
    x, x_test = pool.x[split.train], pool.x[split.test]
    areas = []
    for number in range(5):
        keras.utils.set_random_seed(500 + number)
        detector = training.build(own["stages"], 1, (8, 8, 1))
        detector.compile()
        detector.prepare(Feed(x))
        areas.append(metrics.auroc(split.label, detector.predict(x_test, verbose=0)))
    assert numbers(trained)["untrained_auroc"] == np.mean(areas) and len(set(areas)) == 5
    mean = x.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(judging.distance_to_mean(x, x_test), ((x_test - mean) ** 2).sum(axis=(1, 2, 3)))


def test_a_validation_part_gives_the_threshold_of_f1_inlier(monkeypatch, tmp_path, quick):
    def with_validation(category, official, normal, rng):
        split = protocols.holdout(category, official, normal, rng)
        validation = np.flatnonzero(~np.isin(np.arange(len(category)), np.r_[split.test, split.train[::2]]))
        return dataclasses.replace(split, train=split.train[::2], hint=split.hint[::2], validation=validation, name="with_validation",
                                   validation_label=(category[validation] != 3).astype(np.int8))
    monkeypatch.setitem(protocols.PROTOCOLS, "with_validation", with_validation)
    result = runs.train(settings(protocol={"name": "with_validation"}), tmp_path / "run")
    pool = sources.load_data("digits")
    split = with_validation(pool.category, None, (3,), np.random.default_rng(0))
    score = keras.models.load_model(tmp_path / "run/detector.keras").predict(pool.x[split.validation], verbose=0)
    threshold = metrics.threshold_f1_inlier(split.validation_label, score)
    found = scored(tmp_path / "run")
    assert result["f1_inlier"] == metrics.f1_at(found["label"], found["score"], threshold, positive="normal") > 0


def test_training_does_not_see_the_truth(arrays, tmp_path, monkeypatch, quick):
    """The labels of the test part, and of everything that is not normal, permuted: the same weights, bit for bit."""
    load, weights, areas = sources.load_data, [], []
    for permuted in (False, True):
        def loaded(*args, **kwargs):
            pool = load(*args, **kwargs)
            category, rng = pool.category.copy(), np.random.default_rng(1)
            for part in (pool.official == "test", (pool.official == "train") & (category != 1)):
                category[part] = rng.permutation(category[part]) if permuted else category[part]
            return dataclasses.replace(pool, category=category)
        monkeypatch.setattr(sources, "load_data", loaded)
        run = tmp_path / str(permuted)
        areas.append(runs.train(settings("ocnn", arrays, "1"), run)["auroc"])
        detector = keras.models.load_model(run / "detector.keras")
        weights.append([np.asarray(weight) for weight in detector.variables])
    assert areas[0] != areas[1]
    assert all((one == two).all() for one, two in zip(*weights))


def test_a_dry_run_is_limited(tmp_path):
    run = tmp_path / "run"
    runs.train(settings("autoencoder", epochs=1), run, limit=40)
    assert "40 to train on, 719 to judge" in (run / "log.txt").read_text() and "1 epochs of 1 steps" in (run / "log.txt").read_text()
    assert (run / "figures/reconstructions.png").exists()
    with pytest.raises(Misuse, match=r"limit \(40, now 0\)"):
        runs.train(settings("autoencoder", epochs=1), run)


# ---- the same folder again -------------------------------------------------------------------------------------------

def test_a_finished_run_is_not_repeated_unless_asked(run, capsys, monkeypatch):
    before = state(run)
    result = runs.train(settings(), run)
    assert "is finished: nothing was done" in capsys.readouterr().out and state(run) == before and result == numbers(run)
    monkeypatch.setattr(training, "train", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        runs.train(settings(), run, overwrite=True)
    assert not (run / "metrics.json").exists() and (run / "config.json").exists()


@pytest.mark.parametrize("change, told", [
    ({"seed": 1}, r"seed \(0, now 1\)"),
    ({"normal": "4"}, 'normal \\("3", now "4"\\)'),
    ({"epochs": 3}, r"stages\[0\].fit.epochs \(2, now 3\)"),
    ({"protocol": {"name": "holdout", "test_share": 0.3}}, "protocol.test_share"),
])
def test_a_run_of_another_config_is_refused_naming_what_differs(run, change, told):
    before = state(run)
    with pytest.raises(Misuse, match=told) as refusal:
        runs.train(settings(**change), run)
    assert "\n" not in str(refusal.value) and state(run) == before
    with pytest.raises(Misuse, match="precision"):
        runs.train(settings(), run, precision="bfloat16")
    keras.config.set_dtype_policy("float32")


def test_an_auto_is_the_same_config_as_what_it_stands_for(run, capsys):
    own = settings()
    for stage in own["stages"]:
        stage["model"]["preprocess"] = "gcn_l1"
    runs.train(own, run)
    assert "nothing was done" in capsys.readouterr().out
    own["stages"][0]["model"]["preprocess"] = own["stages"][1]["model"]["preprocess"] = "unit"
    with pytest.raises(Misuse, match="preprocess"):
        runs.train(own, run)


def test_a_stage_normalises_as_the_next_one_does():
    def kinds(shape, *given):
        stages = [{"method": method, "model": {"preprocess": kind} if kind else {}} for method, kind in given]
        return [training.build(stages, number, shape).normalizer.kind for number in range(len(stages))]
    for kind in ("auto", ""):
        assert kinds((8, 8, 1), ("autoencoder", kind), ("deep_svdd", kind)) == ["gcn_l1"] * 2
        assert kinds((6,), ("autoencoder", kind), ("ocnn", kind)) == ["minmax"] * 2
        assert kinds((8, 8, 1), ("autoencoder", kind), ("ocnn", "unit")) == ["unit"] * 2
        assert kinds((8, 8, 1), ("autoencoder", kind)) == kinds((8, 8, 1), ("rcae", kind)) == ["unit"]
    assert kinds((8, 8, 1), ("autoencoder", "standard"), ("ocnn", "auto")) == ["standard", "gcn_l1"]     # and is refused by inherit


def test_data_that_changed_under_an_unfinished_run_is_refused(run, monkeypatch):
    (run / "metrics.json").unlink()
    record = json.loads((run / "config.json").read_text())
    record["protocol"]["hash"] = "0" * 12
    (run / "config.json").write_text(json.dumps(record))
    with pytest.raises(Misuse, match="go on with the data that it began with"):
        runs.train(settings(), run)


def test_a_checkpoint_without_its_record_is_not_gone_on_from(tmp_path, quick):
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoint.npz").write_bytes(b"of another config")
    runs.train(settings("autoencoder", epochs=1), run, limit=40)
    assert not (run / "checkpoint.npz").exists()


@pytest.mark.parametrize("bytes_", [b"", b"PK", None])
def test_a_damaged_checkpoint_is_told_in_one_line(run, bytes_):
    (run / "metrics.json").unlink()
    checkpoints.save(run / "checkpoint.npz", None, {"stage": 1, "epoch": 1, "seconds": 0.0, "before": 0.0})
    if bytes_ is None:          # whole, but of no network
        with pytest.raises(BadData, match="of another network.*--overwrite"):
            runs.train(settings(), run)
        return
    (run / "checkpoint.npz").write_bytes(bytes_)
    with pytest.raises(BadData, match="checkpoint.npz cannot be read.*--overwrite") as refusal:
        runs.train(settings(), run)
    assert "\n" not in str(refusal.value)


def test_hints_and_replicas_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(Misuse, match="--hints.*semi-supervised.*deep_svdd"):
        runs.train(settings(), tmp_path / "run", hints="known.csv")
    assert not (tmp_path / "run").exists()
    strategy = type("Strategy", (), {"num_replicas_in_sync": 2})()
    own = settings("autoencoder")
    own["stages"][0]["fit"]["batch_size"] = 1
    with RunLog(tmp_path / "log.txt") as log, pytest.raises(Misuse, match="an example for each replica.*2 replicas"):
        training.train(runs.RunFolder(tmp_path), own, np.zeros((4, 8, 8, 1)), np.zeros(4, np.int8), strategy, (8, 8, 1), log)


@pytest.mark.parametrize("of_scores", [False, True])
def test_a_full_disk_fails_in_one_line_and_the_same_command_goes_on(tmp_path, of_scores, monkeypatch, capsys, quick):
    words = ["--method=autoencoder", "--dataset=digits", "--normal=3", f"--run={tmp_path / 'run'}", "--limit=40",
             "--config.stages[0].fit.epochs=2"]
    monkeypatch.setattr(train_program.process, "settle", lambda *args: None)
    savez, calls = np.savez, []

    def full(file, **values):
        calls.append(file.name)
        if of_scores and "score" not in values or len(calls) == 1:
            return savez(file, **values)
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as disk:
        disk.setattr(np, "savez", full)
        assert train_program.main(words) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith("train:")] == [
        "train: the disk is full (No space left on device). Make room and give the same command again."]
    assert not list((tmp_path / "run").rglob("*partial*")) and not (tmp_path / "run/metrics.json").exists()
    checkpoints.progress_of(tmp_path / "run/checkpoint.npz")        # the one before, whole
    assert train_program.main(words) == 0 and (tmp_path / "run/metrics.json").exists()


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
    for name, change, told in (("shape", {"x": np.zeros((4, 9, 8, 1), np.uint8), "y": np.array([0, 0, 1, 1])}, r"shape \(8, 8, 1\)"),
                               ("one", {"x": np.zeros((4, 8, 8, 1), np.uint8), "y": np.ones(4, int)}, "normals and")):
        np.savez(tmp_path / f"{name}.npz", **change)
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
    assert list(rows[0]) == ["path", "score", "p_value", "is_novel"] and {(row["p_value"], row["is_novel"]) for row in rows} == {("", "")}
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


def test_streamed_images_are_scored_as_those_in_memory(image_run, arrays, tmp_path, monkeypatch):
    with np.load(arrays) as file:
        for i, image in enumerate(file["x_test"]):
            Image.fromarray(image[..., 0]).save(tmp_path / f"{i:02d}.png")
    runs.score(image_run, tmp_path, tmp_path / "memory.csv")
    load = unlabelled.load_unlabelled
    monkeypatch.setattr(unlabelled, "load_unlabelled", lambda path, **more: load(path, **{**more, "cache_gib": 1e-9}))
    runs.score(image_run, tmp_path, tmp_path / "stream.csv")
    for one, two in zip(table_of(tmp_path / "memory.csv"), table_of(tmp_path / "stream.csv")):
        assert one["path"] == two["path"]
        np.testing.assert_allclose(float(one["score"]), float(two["score"]), rtol=1e-5)


def test_own_data_that_does_not_fit_is_refused_and_nothing_is_written(image_run, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "in/good.png")
    (tmp_path / "in/broken.png").write_bytes(b"\x89PNG half")
    out = tmp_path / "out.csv"
    out.write_text("old")
    with pytest.raises(BadData, match="broken.png"):
        runs.score(image_run, tmp_path / "in", out)
    np.savez(tmp_path / "wide.npz", x=np.zeros((3, 9, 8, 1), np.uint8))
    with pytest.raises(Misuse, match=r"`input`.*\(8, 8, 1\).*\(9, 8, 1\).*source.size"):
        runs.score(image_run, tmp_path / "wide.npz", out)
    assert out.read_text() == "old"
    assert runs.score(image_run, tmp_path / "in", out, skip_unreadable=True) == 1
    (tmp_path / "in/good.png").unlink()
    with pytest.raises(BadData):
        runs.score(image_run, tmp_path / "in", out, skip_unreadable=True)
    assert len(table_of(out)) == 1


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
    assert (tmp_path / "with.csv").read_text() == (tmp_path / "without.csv").read_text() and len(table_of(tmp_path / "with.csv")) == 60


def test_values_of_another_type_are_warned_of(image_run, arrays, tmp_path, caplog):
    with np.load(arrays) as file:
        np.savez(tmp_path / "unit.npz", x=file["x_test"] / np.float32(255))
    with caplog.at_level("WARNING", "absl"):
        runs.score(image_run, tmp_path / "unit.npz", tmp_path / "out.csv")
    assert "trained on uint8 values and given float32" in caplog.text


# ---- a bare import, and the machine ----------------------------------------------------------------------------------

ORDERS = ["import keras, kerasnd", "import kerasnd, tensorflow, keras",
          "from kerasnd import RCAE; import keras"]


@pytest.mark.parametrize("imports", ORDERS)
def test_a_detector_loads_after_a_bare_import_in_a_fresh_process(run, imports):
    loads = (f"{imports}\nimport sys, numpy\n"
             "x = numpy.load(sys.argv[1])['x']\n"
             "assert 'kerasnd.methods.deep_svdd' not in sys.modules\n"
             "detector = keras.models.load_model(sys.argv[2])\n"
             "print(type(detector).__name__, detector(x).numpy().tobytes().hex())")
    x = sources.load_data("digits").x[scored(run)["index"][:5]]
    np.savez(run / "x.npz", x=x)
    done = subprocess.run([sys.executable, "-c", loads, run / "x.npz", run / "detector.keras"], capture_output=True, text=True,
                          cwd=CHECKOUT, env={**os.environ, "KERAS_BACKEND": "tensorflow"})
    assert done.returncode == 0, done.stderr
    name, score = done.stdout.split()
    assert name == "DeepSVDD"
    np.testing.assert_allclose(np.frombuffer(bytes.fromhex(score), np.float32), scored(run)["score"][:5], rtol=1e-5)


def test_a_bare_import_costs_nothing():
    done = subprocess.run([sys.executable, "-c", "import sys, kerasnd; print(*sys.modules)"], capture_output=True, text=True, cwd=CHECKOUT)
    assert not {"keras", "tensorflow", "numpy"} & set(done.stdout.split()) and "kerasnd" in done.stdout.split()


def test_every_registered_class_has_its_stand_in():
    known = {name.partition(">")[2] for name in keras.saving.get_custom_objects() if name.startswith("kerasnd>")}
    places = {place.rpartition(".")[2] for place in (*METHODS.values(), *registry.LAYERS)}
    assert known == places
    for place in registry.LAYERS:
        module, _, name = place.rpartition(".")
        assert keras.saving.get_registered_name(getattr(importlib.import_module(module), name)) == f"kerasnd>{name}"


MACHINES = [["--distribute=mirrored", "--replicas=2", "--device=cpu", "--threads=1"], ["--precision=bfloat16"]]


@pytest.mark.parametrize("flags", MACHINES)
def test_the_machine_flags_work_from_end_to_end(flags, trained, tmp_path):
    """After a few steps two replicas, one thread and bfloat16 all come near the float32 run of one."""
    words = ["--method=deep_svdd", "--dataset=digits", "--normal=3", f"--run={tmp_path / 'run'}", *flags]
    for number in (0, 1):
        words += [f"--config.stages[{number}].fit.epochs=2", f"--config.stages[{number}].fit.batch_size=32",
                  f"--config.stages[{number}].optimizer.milestones=[]"]
    done = subprocess.run([CHECKOUT / "bin/train", *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    mine, plain = scored(tmp_path / "run"), scored(trained)
    np.testing.assert_array_equal(mine["index"], plain["index"])
    bfloat16 = flags == MACHINES[1]
    assert np.corrcoef(mine["score"], plain["score"])[0, 1] > (0.98 if bfloat16 else 0.999)
    record = json.loads((tmp_path / "run/config.json").read_text())
    assert record["config"]["precision"] == ("bfloat16" if bfloat16 else "float32")
