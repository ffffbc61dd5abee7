"""What constructors are given: a value out of range is one line that names it, never a traceback or a silent oddity."""
import math

import numpy as np
import pytest

from kerasnd import arguments, optimizers, training
from kerasnd.errors import Misuse
from kerasnd.methods import method
from kerasnd.networks import coders

WRONG = [
    *((name, {"weight_decay": value}) for name in ("autoencoder", "rcae", "deep_svdd", "ocnn", "vae", "semi_dgm", "supervised")
      for value in (-1e-6, math.nan, math.inf, "1e-3", None, True)),
    *((name, {"latent_dim": value}) for name in ("autoencoder", "deep_svdd", "ocnn", "vae", "semi_dgm")
      for value in (True, 0, 2.5, "8")),
    *(("autoencoder", {"dropout": value}) for value in (-0.1, 1.0, math.nan, "0.1", True)),
    *(("rcae", {"sparsity": value}) for value in (0, -1.0, math.inf, "1", True)),
    *(("rcae", {"epochs_per_round": value}) for value in (0, 1.5, math.nan, "3", True)),
    *(("rcae", {"encode_cleaned": value}) for value in ("false", 0, None)),
    *(("deep_svdd", {"warm_up_epochs": value}) for value in (-1, 0.5, "10", True)),
    *((name, {"nu": value}) for name in ("deep_svdd", "ocnn") for value in (0, 1.01, math.nan, "0.1", True)),
    *(("ocnn", {"hidden_units": value}) for value in (0, 3.0, "32", True)),
    *((name, {"network": value}) for name in ("autoencoder", "deep_svdd") for value in ("dens", 3, ["dense"])),
    *((name, {"preprocess": value}) for name in ("rcae", "ocnn") for value in ("unitt", None, ["unit"])),
    *(("semi_dgm", {"alpha": value}) for value in (-1.0, math.nan, "auto", True)),
    *((name, {"preprocess": "standard"}) for name in ("vae", "semi_dgm")),
    ("semi_dgm", {"stack": "m3"}), ("vae", {"score_by": "elbo"}),
    ("rcae", {"noise": "hubert"}), ("deep_svdd", {"objective": "soft"}), ("ocnn", {"activation": ["tanh"]}),
]


@pytest.mark.parametrize("name, given", WRONG, ids=lambda part: part if isinstance(part, str) else str(part))
def test_a_value_out_of_range_is_refused_in_one_line_that_names_it(name, given):
    (argument, value), = given.items()
    with pytest.raises(Misuse, match=f"^`{argument}` must be .* Received: .*{argument}=") as refusal:
        method(name)((6,), **given)
    assert "\n" not in str(refusal.value) and str(value) in str(refusal.value)


@pytest.mark.parametrize("shape", [(0,), (6.0,), 6, (8, 8), (8, 8, True), "886"])
def test_an_example_shape_that_is_none_is_refused(shape):
    with pytest.raises(Misuse, match="`example_shape` must be"):
        method("autoencoder")(shape)


def test_what_is_at_the_edge_of_its_range_is_taken():
    detector = method("rcae")([np.int64(6)], latent_dim=1, dropout=0, weight_decay=np.float32(0), epochs_per_round=1)
    assert detector.encoder.output_shape == (None, 1)
    assert method("deep_svdd")((6,), nu=1, warm_up_epochs=0).nu == 1


def test_the_bounds_are_told_as_an_interval():
    for bounds, told in (({"above": 0, "at_most": 1}, "(0, 1]"), ({"at_least": 0, "below": 1}, "[0, 1)"),
                         ({"at_least": 0}, "[0, inf)")):
        with pytest.raises(Misuse) as refusal:
            arguments.number("nu", 7 if len(bounds) == 2 else -7, **bounds)
        assert f"a number in {told}. Received: nu=" in str(refusal.value)


@pytest.mark.parametrize("given", [{"name": "adm"}, {"learning_rate": math.nan}, {"learning_rate": True}, {"factor": 0},
                                   {"epsilon": -1}, {"momentum": 1.0}, {"milestones": [0]}, {"milestones": [2.5]}])
def test_an_optimiser_out_of_range_is_refused(given):
    with pytest.raises(Misuse, match=f"`optimizer.{next(iter(given))}` must be"):
        optimizers.make(10, **given)


def test_a_stage_is_refused_for_its_names_and_a_bug_in_a_constructor_stays_one(monkeypatch):
    stages = [{"method": "autoencoder", "model": {"latent_dims": 3}}]
    with pytest.raises(Misuse, match=r"stages\[0\]\.model.*latent_dims"):
        training.build(stages, 0, (6,))

    def broken(*args):
        raise TypeError("a bug")
    monkeypatch.setattr(coders, "choose", broken)
    with pytest.raises(TypeError, match="a bug"):
        training.build([{"method": "autoencoder", "model": {"latent_dim": 3}}], 0, (6,))
