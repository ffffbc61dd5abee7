"""A finished run under several shares of anomalies, every example scored once."""
import json

import numpy as np
import pytest
from variants import build, normals, strangers

from kerasnd import config, judging, metrics, per_share, runs
from kerasnd.data import protocols
from kerasnd.errors import Misuse

KEYS = ("auroc", "aupr_in", "aupr_out", "fpr_at_95_tpr", "detection_error", "f1_inlier", "accept_all_f1", "n_test", "n_anomalous",
        "protocol_hash")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = tmp_path_factory.mktemp("folds") / "run"
    settings = config.load(method="isoforest", dataset="digits", normal="3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "INITIALISATIONS", 1)
        patch.setattr(judging, "draw", lambda *args: None)
        runs.train({**settings, "protocol": {"name": "folds", **protocols.defaults("folds")}}, run)
    return run


@pytest.mark.parametrize("options", [(), [("protocol.balance", "repeat")]], ids=["subsample", "repeat"])
def test_every_share_has_the_numbers_of_its_own_judging(finished, options, monkeypatch):
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    monkeypatch.setattr(judging, "baselines", lambda *args: {"untrained_auroc": 0.5, "raw_mean_auroc": 0.5})
    shares, own = ("0.1", "0.25", "0.5"), (finished / "metrics.json").read_bytes()
    scored, score = [], judging.scores

    def counting(detector, x, *rest):
        scored.append(len(x))
        return score(detector, x, *rest)
    monkeypatch.setattr(judging, "scores", counting)
    found = per_share.evaluate(finished, shares, options=options)
    assert len(scored) == 1 and (finished / "metrics.json").read_bytes() == own
    assert json.loads((finished / "metrics_shares.json").read_text()) == found
    one_by_one = {share: runs.evaluate(finished, options=[*options, ("protocol.anomaly_share", share)]) for share in shares}
    assert sum(scored[1:]) > scored[0]
    for share in shares:
        assert {key: found[share]["isoforest"][key] for key in KEYS} == {key: one_by_one[share][key] for key in KEYS}
    runs.evaluate(finished)


def test_the_table_names_shares_and_scores(finished, capsys):
    found = per_share.evaluate(finished, ["0.1", "0.5"])
    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("anomalies"))
    assert lines[at].split()[:3] == ["anomalies", "score", "AUROC"] and lines[at + 1].split()[:2] == ["10%", "isoforest"]
    assert f"{found['0.5']['isoforest']['f1_inlier']:.4f}" in lines[at + 2]


@pytest.mark.parametrize("shares, told", [(["0.1", "0.1"], "must name every share once"), (["half"], "must be a float"),
                                          (["1.5"], "anomaly_share=1.5"), ([""], "must be a float")])
def test_a_share_that_is_none_is_refused(finished, shares, told):
    with pytest.raises(Misuse) as refusal:
        per_share.evaluate(finished, shares)
    assert told in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_protocol_without_a_share_is_refused(finished, monkeypatch):
    settings = config.load(method="isoforest", dataset="digits", normal="3")
    monkeypatch.setattr(per_share.RunFolder, "finished_record", lambda folder: {"config": settings})
    with pytest.raises(Misuse, match="p1, folds. Received: a run under auto"):
        per_share.evaluate(finished, ["0.1"])


def test_a_density_is_judged_by_its_parts_too():
    gpnd, x = build("gpnd"), np.concatenate([normals(20), strangers(20)])
    gpnd.fit(x[:20], batch_size=10, seed=0, verbose=0)
    found, terms = per_share.scores(gpnd, x, "gpnd"), gpnd.terms(x)
    assert list(found) == ["density", "parallel", "latent", "residual"]
    np.testing.assert_allclose(found["density"], gpnd.predict(x, verbose=0), rtol=1e-4)
    np.testing.assert_allclose(found["parallel"], terms["tangent"] + terms["jacobian"], rtol=1e-4)
    np.testing.assert_array_equal(found["latent"], terms["tangent"])
    by_elbo = build("vae.negative_elbo")
    by_elbo.fit(x[:20], batch_size=10, seed=0, verbose=0)
    assert list(per_share.scores(by_elbo, x, "vae")) == ["vae"]


def test_a_score_that_is_no_number_is_named():
    with pytest.raises(FloatingPointError, match="1 of 3 scores .vae. are not finite, the first that of judged example 1"):
        per_share._finite(np.array([0, np.nan, 1]), "vae")


def test_numbers_look_scores_up_by_index():
    split = protocols.p1(np.tile([0, 1], 30), None, (0,), np.random.default_rng(0))
    score = np.random.default_rng(1).normal(size=60).astype(np.float32)
    index = np.unique(np.concatenate([split.test, split.validation, [0, 59]]))
    assert per_share.numbers(split, index, score[index])["auroc"] == metrics.auroc(split.label, score[split.test])
