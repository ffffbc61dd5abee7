"""Runs of a few epochs, for the tests of what a run is."""
import json
import shutil

import numpy as np
import pytest

from kerasnd import config, judging, runs


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
