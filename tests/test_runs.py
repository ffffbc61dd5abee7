"""Training a run: what it leaves, what the same folder allows again, and what is refused."""
# ruff: noqa: F401, F811
import dataclasses
import errno
import json
import shutil

import keras
import numpy as np
import pytest
from absl import logging
from short_runs import arrays, numbers, quick, run, scored, settings, state, trained

from kerasnd import checkpoints, judging, metrics, runs, training
from kerasnd.cli import train as train_program
from kerasnd.data import protocols, sources
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.progress import Pass, RunLog

NUMBERS = {"auroc", "auroc_low", "auroc_high", "aupr_in", "aupr_out", "fpr_at_95_tpr", "detection_error", "best_f1",
           "untrained_auroc", "raw_mean_auroc", "n_test", "n_anomalous", "fit_seconds", "stage_seconds", "score_seconds"}


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


def test_a_long_pass_shows_how_far_it_is(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("kerasnd.progress.time.monotonic", lambda: clock[0])
    for terminal, shown in ((False, "  scoring: 300 of 400, 13/s, 8 s left\n"), (True, "300/400")):
        monkeypatch.setattr("sys.stdout.isatty", lambda terminal=terminal: terminal, raising=False)
        seen = Pass("scoring", 400)
        for n in (100, 100):
            clock[0] += 1.5
            seen.add(n)
        assert "/" not in capsys.readouterr().out
        clock[0] += 20
        seen.add(100)
        assert shown in capsys.readouterr().out


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
    first, = judging.untrained_scores(own, x, split.hint, x_test, (8, 8, 1), most=1)
    assert metrics.auroc(split.label, first) == areas[0]
    mean = x.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(judging.distance_to_mean(x, x_test), ((x_test - mean) ** 2).sum(axis=(1, 2, 3)))


def test_a_validation_part_gives_the_threshold_of_f1_inlier(monkeypatch, tmp_path, quick):
    def with_validation(category, official, normal, rng):
        split = protocols.holdout(category, official, normal, rng)
        validation = np.flatnonzero(~np.isin(np.arange(len(category)), np.r_[split.test, split.train[::2]]))
        truth = (category[validation] != 3).astype(np.int8)
        return dataclasses.replace(split, train=split.train[::2], hint=split.hint[::2], validation=validation,
                                   validation_label=truth, name="with_validation")
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
        def loaded(*args, permuted=permuted, **kwargs):
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


def test_a_dry_run_is_limited_and_the_largest_seed_is_a_seed(tmp_path):
    run, own = tmp_path / "run", settings("autoencoder", epochs=1, seed=2 ** 32 - 1)
    runs.train(own, run, limit=40)
    log = (run / "log.txt").read_text()
    assert "40 to train on, 719 to judge" in log and "1 epochs of 1 steps" in log
    assert (run / "figures/reconstructions.png").exists()
    with pytest.raises(Misuse, match=r"limit \(40, now 0\)"):
        runs.train(own, run)


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
    record = json.loads((run / "config.json").read_text())
    del record["examples"]                                              # as runs of 0.1.0's first days are
    (run / "config.json").write_text(json.dumps(record))
    runs.train(own, run)
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
    assert kinds((8, 8, 1), ("autoencoder", "standard"), ("ocnn", "auto")) == ["standard", "gcn_l1"]     # `inherit` refuses it


def test_data_that_changed_under_an_unfinished_run_is_refused(run, monkeypatch):
    (run / "metrics.json").unlink()
    record = json.loads((run / "config.json").read_text())
    record["protocol"]["hash"] = "0" * 12
    (run / "config.json").write_text(json.dumps(record))
    with pytest.raises(Misuse, match="go on with the data that it began with"):
        runs.train(settings(), run)


def test_a_run_that_failed_before_it_learned_makes_room_for_another_config(tmp_path, quick):
    run = tmp_path / "run"
    other = settings("autoencoder", epochs=1)
    other["stages"][0]["method"] = "fitymi"
    other["stages"][0]["model"] = {"pretrained": str(tmp_path / "gone.keras")}
    with pytest.raises(BadData, match="gone.keras"):
        runs.train(other, run)
    assert json.loads((run / "config.json").read_text())["method"] == "fitymi"
    runs.train(settings("autoencoder", epochs=1), run, limit=40)
    assert json.loads((run / "config.json").read_text())["method"] == "autoencoder"
    with pytest.raises(Misuse, match="of the same config"):
        runs.train(settings("autoencoder", epochs=2), run, limit=40)


def test_a_checkpoint_without_its_record_is_not_gone_on_from(tmp_path, quick):
    run = tmp_path / "run"
    run.mkdir()
    (run / "checkpoint.npz").write_bytes(b"of another config")
    runs.train(settings("autoencoder", epochs=1), run, limit=40)
    assert not (run / "checkpoint.npz").exists()


@pytest.mark.parametrize("bytes_", [b"", b"PK", None])
def test_a_damaged_checkpoint_is_told_in_one_line(run, bytes_):
    (run / "metrics.json").unlink()
    checkpoints.save(run / "checkpoint.npz", None, {"stage": 1, "epoch": 1, "seconds": 0.0, "before": [0.0]})
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
