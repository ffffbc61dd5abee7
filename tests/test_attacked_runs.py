"""A run under attack: what its folder keeps of it, and the picture."""
# ruff: noqa: F401, F811
import json

import matplotlib.image
import numpy as np
import pytest
from linear_detector import pixels
from short_runs import arrays, quick, settings

from kerasnd import config as configs
from kerasnd import figures, metrics, runs
from kerasnd.errors import Misuse
from kerasnd.folder import RunFolder
from kerasnd.methods import SOLVED


@pytest.fixture(scope="module")
def small_runs(arrays, tmp_path_factory):
    """{method: a finished run of one epoch}, made when asked for."""
    made, folder = {}, tmp_path_factory.mktemp("attacked")

    def run(method):
        if method not in made:
            config = settings(method, arrays, "1", epochs=1) if method not in SOLVED else solved(method, arrays)
            runs.train(config, folder / method)
            made[method] = folder / method
        return made[method]
    return run


def solved(method, dataset):
    return configs.load(method=method, dataset=str(dataset), normal="1")


@pytest.mark.parametrize("method", ["autoencoder", "arae", "isoforest"])
def test_a_run_is_attacked_and_its_own_scores_and_metrics_stay(method, small_runs, quick, monkeypatch, capsys):
    run = small_runs(method)
    own = {name: (run / name).read_bytes() for name in ("scores.npz", "metrics.json", "detector.keras", "config.json")}
    asked = [("spatial", None)] if method == "isoforest" else [("linf", 0.1)]
    asked += [("linf", 0.02), ("l2", None)] if method == "autoencoder" else []
    results = [runs.evaluate(run, attack=attack, eps=eps) for attack, eps in asked]
    assert {name: (run / name).read_bytes() for name in own} == own
    entries = json.loads((run / "metrics_attack.json").read_text())
    assert list(entries) == [{"spatial": "spatial", "l2": "l2 0.429"}.get(attack, f"linf {eps}") for attack, eps in asked]
    assert list(entries.values()) == results
    with np.load(run / "scores.npz") as file:
        clean = {name: file[name] for name in file.files}
    for name, entry in entries.items():
        with np.load(run / f"scores_attack_{name.replace(' ', '_')}.npz") as file:
            np.testing.assert_array_equal(file["index"], clean["index"])
            np.testing.assert_array_equal(file["label"], clean["label"])
            np.testing.assert_allclose(file["score"], clean["score"], rtol=1e-5, atol=1e-6)
            assert metrics.auroc(file["label"], file["attacked_score"]) == entry["adversarial_auroc"] <= entry["auroc"]
            assert file["change"].max() == np.float32(entry["largest_change"]) and file["change"].dtype == np.float32
        assert entry["auroc"] == pytest.approx(json.loads(own["metrics.json"])["auroc"], abs=1e-3)
        assert entry["protocol_hash"] == json.loads(own["metrics.json"])["protocol_hash"]
    drawn = matplotlib.image.imread(run / "figures/attack.png")
    assert drawn.shape[0] > 500 and len(np.unique(drawn)) > 20
    out = capsys.readouterr().out
    assert "all attacked" in out and f"{results[-1]['adversarial_auroc']:.4f}" in out
    if method == "autoencoder":
        assert {**runs.evaluate(run, attack="linf", eps=0.1), "seconds": 0} == {**results[0], "seconds": 0}


def test_a_forest_is_attacked_by_rotations_alone(small_runs):
    run = small_runs("isoforest")
    with pytest.raises(Misuse, match="must be spatial where a score has no gradient"):
        runs.evaluate(run, attack="linf")


def test_other_data_is_attacked_and_said(small_runs, quick):
    run = small_runs("autoencoder")
    told = runs.evaluate(run, outliers="uniform_noise", attack="linf", eps=0.3)
    assert told["judged"] == {"outliers": "uniform_noise"}
    assert "judged" not in runs.evaluate(run, attack="linf", eps=0.3)


def test_a_failure_or_a_damaged_file_loses_nothing(small_runs, quick, monkeypatch, caplog):
    run = small_runs("deep_svdd")
    runs.evaluate(run, attack="linf", eps=0.05)
    before = (run / "metrics_attack.json").read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(np, "savez", full)
        runs.evaluate(run, attack="linf", eps=0.07)
    assert (run / "metrics_attack.json").read_bytes() == before
    assert not (run / "scores_attack_linf_0.07.npz").exists() and not [path for path in run.rglob("*") if ".partial" in path.name]
    (run / "metrics_attack.json").write_text("{")
    with caplog.at_level("WARNING", "absl"):
        runs.evaluate(run, attack="linf", eps=0.07)
    assert list(json.loads((run / "metrics_attack.json").read_text())) == ["linf 0.07"] and "Written anew" in caplog.text
    RunFolder(run).clear()
    assert not list(run.glob("*attack*"))


def test_the_picture_of_an_attack_refuses_what_does_not_fit(tmp_path):
    x, label, score = pixels(4), np.array([0, 1, 0, 1]), np.arange(4.0)
    for colour in (x, np.repeat(x, 3, axis=-1)):
        figures.attacked(colour, colour * 0.9, label, score, score + 1, tmp_path / "a.png", "linf $0.1")
        figures.attacked(colour[:1], colour[:1], label[:1], score[:1], score[:1], tmp_path / "one.png")
    for wrong in ({"changed": x[:3]}, {"label": label[:2]}, {"after": score[:1]}):
        given = {"x": x, "changed": x, "label": label, "before": score, "after": score, **wrong}
        with pytest.raises(Misuse, match="must be of one shape"):
            figures.attacked(**given, path=tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()
