"""bin/generate: examples of the run's own type, whole or not at all."""
import json

import numpy as np
import pytest
from variants import SHAPES, build, lesson

from kerasnd import generating, saving
from kerasnd.cli import generate
from kerasnd.data import sources
from kerasnd.folder import DETECTOR


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run's folder, as far as drawing reads it."""
    folder = tmp_path_factory.mktemp("runs") / "gpnd"
    folder.mkdir()
    detector = build("gpnd.gold")
    detector.fit(*lesson("gpnd.gold"), epochs=2, batch_size=16, verbose=0)
    saving.save(detector, folder / DETECTOR)
    (folder / "metrics.json").write_text(json.dumps({"auroc": 0.5}))
    (folder / "config.json").write_text(json.dumps({"format": 1, "method": "gpnd", "config": {
        "seed": 0, "source": {"name": "digits"}, "normal": "3", "protocol": {"name": "holdout"}, "stages": [],
                                                    "precision": "float32"},
                                                    "examples": {"shape": list(SHAPES["images"]), "dtype": "uint8"}}))
    return folder


def test_examples_are_the_detectors_own_and_load_as_outliers(run, tmp_path):
    to = generating.generate(run, 300, tmp_path / "new.npz", seed=3, device="cpu")
    with np.load(to, allow_pickle=False) as file:
        x = file["x"]
    assert x.dtype == np.uint8 and x.shape == (300, *SHAPES["images"]) and len(np.unique(x)) > 20
    wanted = saving.load(run / DETECTOR).sample(300, seed=3)
    np.testing.assert_array_equal(x, np.clip(np.round(wanted), 0, 255))
    np.testing.assert_array_equal(x[:7], np.clip(np.round(saving.load(run / DETECTOR).sample(7, seed=3)), 0, 255))
    assert (tmp_path / "new.png").stat().st_size > 1000
    np.testing.assert_array_equal(sources.load_data(str(to)).x, x)


def test_another_seed_draws_others_and_the_same_seed_the_same(run, tmp_path):
    drawn = [np.load(generating.generate(run, 9, tmp_path / f"{number}.npz", seed=seed, device="cpu"))["x"]
             for number, seed in enumerate((0, 0, 1))]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


@pytest.mark.parametrize("words, told", [
    (["--n=0"], "`--n` must be given"), (["--n=4", "--to=x.csv"], "must name an .npz"), (["--n=-3"], "0 or more"),
    (["--n=4", "--config.seed=1"], "must not be given")])
def test_misuse_is_one_line_and_leaves_nothing(run, tmp_path, capsys, words, told):
    to = [f"--to={tmp_path / 'x.npz'}"] if not any(word.startswith("--to") for word in words) else []
    assert generate.main([f"--run={run}", "--device=cpu", *words, *to]) == 2
    err = capsys.readouterr().err
    assert told in err and err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_method_that_draws_nothing_says_which_do(run, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    for path in run.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "config.json").write_text((run / "config.json").read_text().replace('"gpnd"', '"kde"'))
    assert generate.main([f"--run={other}", "--n=3", f"--to={tmp_path / 'x.npz'}", "--device=cpu"]) == 2
    assert "gpnd, vae" in capsys.readouterr().err and not (tmp_path / "x.npz").exists()
