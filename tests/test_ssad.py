"""Convex SSAD: the programme against independent solvers and published values, gamma, hints, what is refused."""
import hypothesis
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as some
from scipy import optimize
from sklearn.svm import OneClassSVM

import kerasnd
from kerasnd import config, judging, runs
from kerasnd.errors import Misuse
from kerasnd.fitted import SubsampleWarning
from kerasnd.methods import kernels, selection, ssad_dual

X = np.array([(0, 0), (.2, .1), (-.1, .3), (.3, -.2), (.1, -.3), (0, .2), (1.5, 1.2), (1.2, 1.6)])
HINT = np.array([0, 0, 0, 0, 1, 1, -1, -1], np.int8)
NEW = np.array([(0, .1), (.5, .5), (1.4, 1.4), (-3, 2)])

# gamma, kappa, C, alpha, objective, rho, scores of `NEW` by the original classes
GOLDEN = [
    (.5, 1, 1, [0, 0, 0, 0, .5, .5, 0, 0], .469524, .965714, [.00895, .20872, .82374, .96432]),
    (.5, 1, .4, [0, 0, .25439, .14561, .4, .4, .19999, .00001], .645634, 1.119396, [.00826, .28876, 1.13367, 1.11734]),
    (.5, .5, 1, [0, 0, .46119, .03881, .5, 0, 0, 0], .454404, .950680, [.00615, .20815, .81239, .94875]),
    (.5, .5, .4, [0, 0, .38994, .11006, .4, .1, 0, 0], .456127, .952568, [.00476, .19638, .80795, .95070]),
    (.5, 0, 1, [0, 0, .48304, .29843, .21854, 0, 0, 0], .452536, .947003, [.00242, .17608, .79393, .94506]),
    (2, 1, 1, [0, 0, 0, 0, .5, .5, 0, 0], .398630, .870924, [.02494, .51667, .87031, .87092]),
    (2, 1, .4, [0, 0, .23627, .16373, .4, .4, .10045, .09955], .561597, 1.016329, [.01169, .57846, 1.19124, 1.01633]),
    (2, 0, .4, [0, 0, .4, .31528, .27865, .00607, 0, 0], .358160, .804331, [.01815, .45604, .80373, .80433]),
]


def detector(hint=HINT, x=X, **arguments):
    made = kerasnd.SSAD((x.shape[1],), preprocess="none", **arguments)
    made.fit(x.astype(np.float32), hint, seed=0)
    return made


@pytest.mark.parametrize("gamma, kappa, c, alpha, objective, rho, scores", GOLDEN)
def test_published_values(gamma, kappa, c, alpha, objective, rho, scores):
    found = ssad_dual.solve(lambda index: kernels.gram("rbf", gamma, X, X[index]), HINT, np.full(8, float(c)), kappa)
    assert found.exact and found.objective == pytest.approx(objective, abs=1e-6)
    np.testing.assert_allclose(found.alpha, alpha, atol=1e-3)
    made = detector(gamma=gamma, kappa=kappa, cost_unknown=c, cost_normal=c, cost_anomalous=c)
    # Their rho is the largest value of an example whose weight rounding has left above 1e-9: only differences compare.
    np.testing.assert_allclose(made.predict(NEW, verbose=0) - made.offset, np.array(scores) - rho, atol=1e-3)


@some.composite
def programmes(draw):
    """(kernel matrix, hint, C, kappa) that have a feasible point; bounds bind or not, all mixtures of hints."""
    rng = np.random.default_rng(draw(some.integers(0, 2 ** 32 - 1)))
    n, d = draw(some.integers(4, 14)), draw(some.integers(1, 3))
    x = rng.normal(size=(n, d))
    hint = rng.choice(draw(some.sampled_from([(0,), (0, -1), (0, 1), (0, -1, 1), (1, -1)])), n)
    bound = rng.choice(draw(some.sampled_from([(1.0,), (0.3,), (0.3, 1.0, 50.0)])), n)
    kappa = draw(some.sampled_from([0.0, 0.3, 1.0, 1.5]))
    hypothesis.assume(ssad_dual.most_known(hint, 0.98 * bound) > (kappa if hint.any() else 0))
    gamma = draw(some.sampled_from([None, 0.01, 0.5, 4.0]))
    return kernels.gram("linear" if gamma is None else "rbf", gamma, x, x), hint, bound, kappa


PATIENT = hypothesis.settings(deadline=None, max_examples=40, derandomize=True,
                              suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much])


@PATIENT
@hypothesis.given(programmes())
def test_the_weights_are_feasible_and_meet_the_optimality_conditions(programme):
    matrix, hint, bound, kappa = programme
    found = ssad_dual.solve(lambda index: matrix[:, index], hint, bound, kappa)
    assert found.exact
    sign, known = np.where(hint < 0, -1, 1), hint != 0
    assert (found.alpha >= 0).all() and (found.alpha <= bound + 1e-9).all() and found.margin > -1e-9
    assert sign @ found.alpha == pytest.approx(1, abs=1e-7)
    if known.any() and kappa:
        excess = found.alpha[known].sum() - kappa
        assert excess > -1e-7 and excess * found.margin < 1e-6 * max(1, found.objective)
    # f = <w, phi(x)>: those without weight lie on their side, those at their bound on the other, the others on the margin.
    value = matrix @ (sign * found.alpha)
    inside = sign * (value - found.rho) - found.margin * known
    unit = max(found.objective, 1e-3)
    assert (inside[found.alpha < 1e-6] > -1e-4 * unit).all() and (inside[found.alpha > bound - 1e-6] < 1e-4 * unit).all()
    assert (np.abs(inside[(found.alpha > 1e-4) & (found.alpha < bound - 1e-4)]) < 1e-4 * unit).all()


@pytest.mark.parametrize("kinds", [(0,), (0, -1), (0, 1), (0, -1, 1)])
@pytest.mark.parametrize("c, kappa", [(1.0, 1.0), (0.2, 0.5), (1.0, 0.0)])
def test_another_solver_finds_the_same(kinds, c, kappa):
    rng = np.random.default_rng(3)
    x, hint = rng.normal(size=(15, 2)), np.resize(np.repeat(kinds, 2), 15)
    matrix, bound, sign, known = kernels.gram("rbf", 0.7, x, x), np.full(15, c), np.where(hint < 0, -1.0, 1.0), (hint != 0) * 1.0
    found = ssad_dual.solve(lambda index: matrix[:, index], hint, bound, kappa)
    q = sign[:, None] * matrix * sign
    limits = [optimize.LinearConstraint(sign, 1, 1)] + ([optimize.LinearConstraint(known, kappa, np.inf)] if hint.any() else [])
    theirs = optimize.minimize(lambda a: a @ q @ a / 2, bound / 2, jac=lambda a: q @ a, method="SLSQP", bounds=[(0, c)] * 15,
                               constraints=limits, options={"ftol": 1e-15, "maxiter": 1000})
    assert theirs.success and found.objective == pytest.approx(theirs.fun, abs=1e-7)
    np.testing.assert_allclose(matrix @ (sign * found.alpha), matrix @ (sign * theirs.x), atol=1e-4)


def test_without_hints_it_is_the_one_class_svm_with_a_hard_margin():
    x, new = np.random.default_rng(0).normal(size=(300, 3)), np.random.default_rng(1).normal(size=(50, 3))
    theirs = OneClassSVM(nu=1 / 300, gamma=0.3, tol=1e-9).fit(x)
    for cost in (1.0, 1e6):
        made = detector(np.zeros(300), x, gamma=0.3, cost_unknown=cost)
        np.testing.assert_allclose(made.predict(new, verbose=0), -theirs.decision_function(new), atol=1e-3)


@pytest.mark.parametrize("gamma", [0.05, 30.0])
def test_a_growing_part_gives_what_all_examples_at_once_give(gamma, monkeypatch):
    rng = np.random.default_rng(0)
    x, hint = rng.normal(size=(400, 3)), np.where(np.arange(400) % 20 == 0, -1, 0)
    x[hint < 0] += 2
    asked = []

    def columns(index):
        asked.append(len(index))
        return kernels.gram("rbf", gamma, x, x[index])
    monkeypatch.setattr(ssad_dual, "FIRST", 40)
    some_at_first = ssad_dual.solve(columns, hint, np.ones(400), 1.0)
    assert some_at_first.exact and some_at_first.rounds == len(asked) > 1
    assert (sum(asked) < 200) is (gamma == 0.05)        # few bear weight; under a narrow kernel nearly all do
    monkeypatch.setattr(ssad_dual, "FIRST", 400)
    at_once = ssad_dual.solve(columns, hint, np.ones(400), 1.0)
    assert at_once.rounds == 1 and some_at_first.objective == pytest.approx(at_once.objective, rel=1e-6)
    np.testing.assert_allclose(some_at_first.alpha, at_once.alpha, atol=1e-5)


def test_each_cost_bounds_its_own_kind_and_kappa_is_used():
    hint = np.array([0, 0, 0, 0, 1, 1, -1, -1], np.int8)
    weights = {}
    for arguments in ({}, {"cost_normal": 0.3}, {"cost_anomalous": 0.2, "kappa": 1.3}, {"kappa": 0.2}):
        made = detector(hint, gamma=0.5, **arguments)
        place = [int(np.argmin(np.abs(X - v).sum(axis=1))) for v in made.solution["vectors"].numpy()]
        alpha = np.zeros(8)
        alpha[place] = np.abs(made.solution["weights"].numpy())
        weights[tuple(arguments)] = alpha
    assert weights[()][4:6] == pytest.approx([.5, .5], abs=1e-4)
    assert weights[("cost_normal",)][4:6].max() <= 0.3 + 1e-6
    both = weights[("cost_anomalous", "kappa")]
    assert both[6:].max() <= 0.2 + 1e-6 and both[4:].sum() >= 1.3 - 1e-6
    assert weights[("kappa",)][4:].sum() < 0.6


@pytest.mark.parametrize("hint, arguments, told", [
    (np.zeros(8), {"cost_unknown": 0.1}, r"at least 1 .* C sums to 0.8 over unknown"),
    (np.r_[np.zeros(6), -1, -1], {"cost_anomalous": 0.4}, r"= 0.8, .* kappa=1;"),
    (np.r_[np.zeros(6), 1, 1], {"kappa": 1.5}, r"= 1, .* kappa=1.5"),
    (np.r_[np.zeros(6), -1, -1], {"cost_unknown": 0.2}, r"= 0.2, .* kappa=1")])
def test_what_no_weights_can_satisfy_is_refused_with_the_arithmetic(hint, arguments, told):
    with pytest.raises(Misuse, match=told):
        detector(hint, gamma=0.5, **arguments)


@pytest.mark.parametrize("arguments, told", [
    ({"kernel": "poly"}, "rbf, linear"), ({"gamma": -1}, "gamma=-1"), ({"kappa": -0.1}, "kappa=-0.1"),
    ({"selection": "test"}, "holdout"),
    ({"cost_unknown": 0}, "cost_unknown=0"), ({"cost_normal": True}, "cost_normal=True"), ({"max_examples": 0}, "max_examples=0")])
def test_arguments_out_of_range_are_refused(arguments, told):
    with pytest.raises(Misuse, match=told):
        kerasnd.SSAD((2,), **arguments)


def ring(n=80, seed=0):
    """Points on a circle, told as unknown, and a few known anomalies in the middle: only a narrow kernel keeps them apart."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(0, 0.05, (n, 2))
    return np.concatenate([around, rng.normal(0, 0.1, (6, 2))]), np.r_[np.zeros(n), -np.ones(6)].astype(np.int8)


def test_gamma_is_selected_without_truth_or_by_the_oracle():
    x, hint = ring()
    made = detector(hint, x)
    gamma = float(made.solution["gamma"].numpy())
    assert gamma >= 1 and gamma in kernels.GAMMAS
    inner, outer = made.predict(np.zeros((1, 2), np.float32), verbose=0), made.predict(x[:80], verbose=0)
    assert inner > outer.max()
    assert float(detector(np.zeros(86), x).solution["gamma"].numpy()) in kernels.GAMMAS      # nothing is known
    with pytest.raises(Misuse, match="oracle"):
        detector(hint, x, selection="oracle")
    chosen = kerasnd.SSAD((2,), preprocess="none", selection="oracle")
    truth = (hint < 0).astype(np.int8)
    chosen.fit(x.astype(np.float32), hint, seed=0, oracle=(x.astype(np.float32), truth))
    assert float(chosen.solution["gamma"].numpy()) in kernels.GAMMAS


def test_known_anomalies_are_held_out_once_each_and_never_fitted_then():
    hint = np.r_[np.zeros(40), np.ones(10), -np.ones(7)].astype(np.int8)
    found = list(selection.folds(hint, np.random.default_rng(0), most=50))
    assert len(found) == 5 and sorted(np.concatenate([strange for *_, strange in found])) == list(range(50, 57))
    for known, normal, strange in found:
        assert not set(known) & (set(normal) | set(strange)) and (hint[normal] >= 0).all()
        assert len(known) + len(normal) + len(strange) == 50
    (known, normal, strange), = selection.folds(np.r_[np.zeros(10), -1], np.random.default_rng(0), most=50)
    assert 10 in known and len(normal) == 2 and len(strange) == 0          # one anomaly is needed where it is
    (_, _, strange), = selection.folds(np.r_[np.zeros(900), -np.ones(100)], np.random.default_rng(0), most=1000)
    assert len(strange) == 20


def test_a_part_of_a_large_set_has_all_that_is_known():
    rng = np.random.default_rng(0)
    x, hint = rng.normal(size=(300, 2)), np.where(np.arange(300) % 30 == 0, -1, 0)
    made = kerasnd.SSAD((2,), preprocess="none", gamma=1.0, max_examples=50)
    chosen = made.subsample(hint, rng)
    assert len(chosen) == 50 and set(np.flatnonzero(hint)) <= set(chosen) and (np.diff(chosen) > 0).all()
    assert np.bincount(hint[made.subsample(np.where(np.arange(300) % 3 == 0, 1, -1), rng)] + 1).sum() == 50
    with pytest.warns(SubsampleWarning, match="50 of 300"):
        made.fit(x.astype(np.float32), hint, seed=0)


def test_only_what_bears_weight_is_kept_and_the_score_is_one_graph():
    x, hint = ring()
    made = detector(hint, x, gamma=2.0)
    assert 3 < made.solution["weights"].shape[0] < 60
    graph = tf.function(made.score, input_signature=[tf.TensorSpec((None, 2), tf.float32)]).get_concrete_function()
    assert not [op for op in graph.graph.get_operations() if "PyFunc" in op.type]
    np.testing.assert_allclose(graph(tf.constant(x[:7], tf.float32)), made.predict(x[:7], verbose=0), atol=1e-6)


def test_a_hybrid_works_on_the_codes_of_the_stage_before():
    x, hint = ring()
    inputs = keras.Input((2,))
    encoder = keras.Model(inputs, keras.layers.Dense(3, activation="tanh")(inputs))
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    parent = kerasnd.Autoencoder(encoder=encoder, decoder=decoder, preprocess="none")
    codes = parent.encode(x.astype(np.float32)).numpy()
    hybrid = kerasnd.SSAD((2,), preprocess="none", kernel="linear")
    hybrid.inherit(parent)
    hybrid.fit(x.astype(np.float32), hint, seed=0)
    assert hybrid.solution["vectors"].shape[1] == 3
    plain = kerasnd.SSAD((3,), preprocess="none", kernel="linear")
    plain.fit(codes, hint, seed=0)
    np.testing.assert_allclose(hybrid.predict(x, verbose=0), plain.predict(codes, verbose=0), atol=1e-5)


def test_a_run_says_that_the_weights_are_not_exact(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(ssad_dual, "TOLERANCE", 0.0)
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    own = config.load(method="ssad", dataset="digits", normal="3", overrides=[("stages[0].model.gamma", "0.1")])
    with caplog.at_level("WARNING", "absl"):
        assert runs.train(own, tmp_path / "run")["collapsed"] == []
    assert "stage 1, ssad: SSAD's weights are exact to" in caplog.text
