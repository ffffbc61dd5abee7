"""bin/export and bin/verify: which normals calibrate a run, what its card tells, and TensorFlow's own reader of what is written."""
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from short_runs import run, trained  # noqa: F401 (fixtures)

from kerasnd import calibration, examples, exporting
from kerasnd.cli import export, verify
from kerasnd.data import sources
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import CALIBRATION, RunFolder
from kerasnd.serving import served


@pytest.fixture
def exported(monkeypatch):
    """Stands in for what writes the model, and keeps what it is handed."""
    handed = {}

    def keep(model, to, **more):
        handed.update(more, model=model, to=to)
        return Path(to) / "1"
    monkeypatch.setattr(served, "export", keep)
    return handed


def threes():
    pool = sources.load_data("digits")
    return pool.x[pool.category == 3]


def test_without_other_normals_those_of_the_test_part_calibrate_and_it_is_said(run, exported, tmp_path, caplog):  # noqa: F811
    with caplog.at_level(logging.WARNING, logger="absl"):
        exporting.export(run, tmp_path / "served", alpha=0.1)
    told = "normals of the test part: its false-alarm rate there is in-sample"
    assert exported["calibrated_on"] == told and f"calibrated on the {told}" in caplog.text
    with np.load(run / "scores.npz") as file:
        normal = np.sort(file["score"][file["label"] == 0])
    np.testing.assert_allclose(exported["model"].held_out.numpy(), normal, rtol=1e-5)
    pool, split = examples.split(RunFolder(run).record()["config"])
    calibrating = {each.tobytes() for each in pool.x[split.test[split.label == 0]]}
    assert len(exported["examples"]) > 100 and not calibrating & {each.tobytes() for each in exported["examples"]}
    assert exported["dtype"] == "float32" and exported["block_mean"] is False
    card = exported["about"]
    assert card["data"]["name"] == "digits" and card["protocol"]["name"] == "holdout"
    assert card["metrics"]["auroc"] == json.loads((run / "metrics.json").read_text())["auroc"]


def test_the_normals_that_are_given_come_first_then_those_that_the_run_held_out(run, exported, tmp_path, caplog):  # noqa: F811
    np.savez(run / CALIBRATION, score=np.arange(30, dtype=np.float32))
    exporting.export(run, tmp_path / "served")
    np.testing.assert_array_equal(exported["model"].held_out.numpy(), np.arange(30))
    assert exported["calibrated_on"] == "normals that the run held out" and "in-sample" not in caplog.text
    np.savez(tmp_path / "more.npz", x=threes()[:50])
    exporting.export(run, tmp_path / "served", calibration=str(tmp_path / "more.npz"), alpha=0.02)
    expected = np.sort(exported["model"].detector.predict(threes()[:50], verbose=0))
    np.testing.assert_allclose(exported["model"].held_out.numpy(), expected, rtol=1e-6)
    assert exported["calibrated_on"] == f"normals of {tmp_path / 'more.npz'}"
    with pytest.raises(Misuse, match=f"Give {calibration.least(0.01)} or more"):
        exporting.export(run, tmp_path / "served", calibration=str(tmp_path / "more.npz"), alpha=0.01)
    (run / CALIBRATION).write_bytes(b"no zip")
    with pytest.raises(BadData, match="calibration.npz cannot be read"):
        exporting.export(run, tmp_path / "served")
    np.savez(tmp_path / "more.npz", x=np.zeros((50, 9, 9, 1), np.float32))
    with pytest.raises(Misuse, match=r"`calibration` must hold examples of the detector's shape \(8, 8, 1\)"):
        exporting.export(run, tmp_path / "served", calibration=str(tmp_path / "more.npz"))


def test_where_the_data_is_gone_golden_inputs_are_noise(run, exported, tmp_path, caplog, monkeypatch):  # noqa: F811
    def gone(*args):
        raise BadData("mnist is gone")
    monkeypatch.setattr(examples, "split", gone)
    with pytest.raises(Misuse, match="`--calibration` must be given .* mnist is gone"):
        exporting.export(run, tmp_path / "served")
    np.savez(run / CALIBRATION, score=np.arange(30, dtype=np.float32))
    exporting.export(run, tmp_path / "served")
    assert exported["examples"] is None and "golden inputs are noise" in caplog.text


def test_from_the_command_line_to_tensorflows_own_reader(run, tmp_path, capsys):  # noqa: F811
    to = tmp_path / "served"
    assert export.main([f"--run={run}", f"--to={to}", "--alpha=0.1", "--licence=CC0"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{to / '1'}: calibrated on 73 normals of the test part") and "Traceback" not in err
    assert json.loads((to / "1/assets.extra/model_card.json").read_text())["licence_of_weights"] == "CC0"
    assert verify.main([f"--model={to / '1'}"]) == 0
    assert "answers of 4 signatures, in 6 batches, are those of the model in memory" in capsys.readouterr().out
    shown = read_by_tensorflow("show", f"--dir={to / '1'}", "--tag_set=serve", "--signature_def=image_bytes")
    assert "inputs['image_bytes'] tensor_info:" in shown and "outputs['p_value'] tensor_info:" in shown
    np.save(tmp_path / "x.npy", threes()[:3])
    ran = read_by_tensorflow("run", f"--dir={to / '1'}", "--tag_set=serve", "--signature_def=serving_default",
                             f"--inputs=x={tmp_path / 'x.npy'}", f"--outdir={tmp_path}")
    assert "Result for output key p_value" in ran and np.load(tmp_path / "score.npy").shape == (3,)
    spoilt = to / "1/variables/variables.data-00000-of-00001"
    spoilt.write_bytes(spoilt.read_bytes()[::-1])
    assert verify.main([f"--model={to / '1'}"]) == 1
    err = capsys.readouterr().err
    assert err == (f"verify: {to / '1'} is not what was exported: variables/variables.data-00000-of-00001 has changed since it was "
                   "exported. Export it again.\n")


def read_by_tensorflow(*words):
    """What saved_model_cli prints."""
    program = shutil.which("saved_model_cli", path=str(Path(sys.executable).parent))
    ended = subprocess.run([program, *words], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-1000:]
    return ended.stdout
