"""Normals against one class of anomalies after another: numbers against scikit-learn, and runs judged so."""
# ruff: noqa: F401, F811
import json

import numpy as np
import pytest
from short_runs import arrays, quick, scored, settings, state
from sklearn.metrics import roc_auc_score

from kerasnd import near, runs
from kerasnd.cli import evaluate
from kerasnd.errors import BadData, Misuse
from kerasnd.per_class import evaluate as per_class


def judged(n=400, classes=7, seed=0):
    """(label, score, category, names), scores with ties."""
    rng = np.random.default_rng(seed)
    category, label = rng.integers(0, classes, n), (np.arange(n) >= 100).astype(np.int8)
    return label, np.round(rng.normal(size=n) + 0.3 * category * label, 1), category, [f"c{i}" for i in range(classes)]


def test_each_class_is_judged_as_if_it_were_alone():
    label, score, category, names = judged()
    found = near.against_each(label, score, category, names)
    areas = {}
    for i, name in enumerate(names):
        at = (label == 0) | (category == i)
        areas[name] = roc_auc_score(label[at], score[at])
    assert [row["class"] for row in found["classes"]] == sorted(names, key=areas.get)
    for row in found["classes"]:
        assert row["auroc"] == pytest.approx(areas[row["class"]], abs=1e-12)
        assert row["n"] == ((category == names.index(row["class"])) & (label == 1)).sum()
    values = list(areas.values())
    assert found["minimum"] == pytest.approx(min(values)) and areas[found["minimum_class"]] == pytest.approx(min(values))
    assert found["mean"] == pytest.approx(np.mean(values)) and found["percentile_5"] == pytest.approx(np.quantile(values, 0.05))
    assert found["auroc"] == pytest.approx(roc_auc_score(label, score))
    assert (found["n_classes"], found["n_normal"], found["n_anomalous"]) == (7, 100, 300)


def test_what_counts_several_times_does():
    label, score, category, names = judged(60)
    label = (np.arange(60) >= 20).astype(int)
    times = np.random.default_rng(1).integers(1, 4, 60)
    assert near.against_each(label, score, category, names, times) == near.against_each(
        *(np.repeat(each, times) for each in (label, score, category)), names)


def test_a_class_without_anomalies_is_left_out_and_equal_ones_keep_their_order():
    found = near.against_each([0, 0, 1, 1, 1], [1, 2, 3, 3, 3], [0, 1, 3, 1, 3], "abcd")
    assert [row["class"] for row in found["classes"]] == ["b", "d"] and [row["n"] for row in found["classes"]] == [1, 2]
    with pytest.raises(Misuse, match="`category` must have one value per example"):
        near.against_each([0, 1], [0., 1.], [0], "a")
    with pytest.raises(Misuse):
        near.against_each([1, 1], [0., 1.], [0, 0], "a")


def test_the_table_has_the_nearest_class_first():
    label, score, category, names = judged()
    result = near.against_each(label, score, category, names)
    head, first, *_, last = near.table("ocnn", result).splitlines()
    assert head.split() == ["ocnn", "AUROC", "n"] and first.split()[:2] == [result["minimum_class"], f"{result['minimum']:.4f}"]
    assert last.startswith(f"minimum {result['minimum']:.4f} ({result['minimum_class']}), 5th percentile") and "of 7 cl" in last


# ---- a run -----------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def finished(arrays, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        from kerasnd import judging
        patch.setattr(judging, "draw", lambda *args: None)
        patch.setattr(judging, "INITIALISATIONS", 1)
        run = tmp_path_factory.mktemp("runs") / "run"
        runs.train(settings("autoencoder", arrays, "1", epochs=1), run)
    return run


def test_the_other_classes_of_the_runs_own_set(finished, arrays, capsys):
    before, was = state(finished), scored(finished)
    found = per_class(finished)
    with np.load(arrays) as file:
        category = np.concatenate([file["y_train"], file["y_test"]])[was["index"]]
    for row in found["classes"]:
        at = (was["label"] == 0) | (category == int(row["class"]))
        assert row["auroc"] == pytest.approx(roc_auc_score(was["label"][at], was["score"][at])) and row["n"] == 12
    assert sorted(row["class"] for row in found["classes"]) == ["0", "2"] and found["n_normal"] == 12
    assert found["auroc"] == json.loads((finished / "metrics.json").read_text())["auroc"]
    assert json.loads((finished / "metrics_nnd.json").read_text()) == {str(arrays): found}
    (finished / "metrics_nnd.json").unlink()
    assert state(finished) == before and "against each class of" in capsys.readouterr().out


def test_each_class_of_another_set_by_the_command(finished, arrays, tmp_path, capsys):
    rng, before = np.random.default_rng(0), state(finished)
    x = {part: rng.integers(0, high, (20, 8, 8, 1), np.uint8) for part, high in (("train", 256), ("test", 200))}
    np.savez(tmp_path / "far.npz", x_train=x["train"], y_train=np.arange(20) % 4, x_test=x["test"],
             y_test=np.repeat(["bee", "ant", "cow", "dog"], 5))
    other = str(tmp_path / "far.npz")
    assert evaluate.main([f"--run={finished}", f"--outliers={other}", "--each_class", "--device=cpu"]) == 0
    told = capsys.readouterr().out
    found = json.loads((finished / "metrics_nnd.json").read_text())[other]
    assert sorted(row["class"] for row in found["classes"]) == ["ant", "bee", "cow", "dog"] and found["n_anomalous"] == 20
    from kerasnd import saving
    detector, was = saving.load(finished / "detector.keras"), scored(finished)
    normals, y = was["score"][was["label"] == 0], np.repeat(["bee", "ant", "cow", "dog"], 5)
    score = detector.predict(x["test"], verbose=0)
    for row in found["classes"]:
        part = score[y == row["class"]]
        assert row["auroc"] == pytest.approx(roc_auc_score(np.repeat([0, 1], [12, 5]), np.concatenate([normals, part])))
    assert f"minimum {found['minimum']:.4f} ({found['minimum_class']})" in told
    per_class(finished)                 # beside it, not in its place
    assert sorted(json.loads((finished / "metrics_nnd.json").read_text())) == sorted([other, str(arrays)])
    (finished / "metrics_nnd.json").unlink()
    assert state(finished) == before


@pytest.mark.parametrize("words, told", [
    (["--normal=2"], "--each_class.*Received: --normal"), (["--shares=0.1"], "Received: --shares"),
    (["--attack=linf"], "Received: --attack"), (["--config.protocol.name=p1"], "must not be given here"),
    (["--outliers=uniform_noise"], "must be a set with classes"), (["--outliers=x.npy"], "must be a set with classes"),
    (["--label_column=fine"], "must go with --outliers")])
def test_what_cannot_be_judged_so_is_told_in_one_line(finished, words, told, capsys):
    import re
    assert evaluate.main([f"--run={finished}", "--each_class", "--device=cpu", *words]) == 2
    err = capsys.readouterr().err
    assert re.search(told, err) and err.count("\n") == 1 and not (finished / "metrics_nnd.json").exists()
