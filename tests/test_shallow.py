"""The classics score in the graph what scikit-learn scores outside it, and choose their parameters without truth."""
import warnings
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn import ensemble, model_selection, neighbors, svm
from sklearn.metrics import roc_auc_score

import kerasnd
from kerasnd import config, judging, runs, training
from kerasnd.errors import BadData, Misuse
from kerasnd.fitted import SubsampleWarning
from kerasnd.methods import isoforest, kde, kernels, ocsvm, selection
from short_runs import numbers, quick, scored  # noqa: F401 (a fixture)

SHAPES = {"images": (8, 8, 1), "tables": (5,)}


def clouds(shape, n=150, seed=0, width=1.0):
    """Two clouds of normals, in values of no special range."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(0, 2, (2, *shape))
    return (centers[rng.integers(2, size=n)] + rng.normal(0, width, (n, *shape))).astype(np.float32)


def rows(x):
    return x.reshape(len(x), -1).astype(np.float64)


def fitted(estimator, x, seed=0, **arguments):
    detector = kerasnd.Shallow(estimator, x.shape[1:], preprocess="none", **arguments)
    detector.fit(x, seed=seed)
    return detector


# ---- the same numbers as scikit-learn's ------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kernel", kernels.KERNELS)
def test_the_one_class_svm_scores_as_scikit_learn_does(kernel, shape):
    x, new = clouds(shape), clouds(shape, 700, seed=1, width=3)
    detector = fitted("ocsvm", x, kernel=kernel, gamma=0.05, nu=0.3)
    machine = svm.OneClassSVM(kernel=kernel, gamma=0.05, nu=0.3, coef0=0, degree=3).fit(rows(x))
    wanted = -machine.decision_function(rows(new))
    np.testing.assert_allclose(detector.predict(new, verbose=0), wanted, rtol=1e-5, atol=1e-5)


def test_far_from_the_origin_the_distances_keep_their_digits():
    x = clouds((5,)) + 1000
    wanted = -svm.OneClassSVM(gamma=0.3, nu=0.1).fit(rows(x)).decision_function(rows(x))
    np.testing.assert_allclose(fitted("ocsvm", x, gamma=0.3).predict(x, verbose=0), wanted, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("examples_per_tree, n", [(64, 150), (256, 300), (256, 40)])
def test_the_isolation_forest_scores_as_scikit_learn_does(shape, examples_per_tree, n):
    x, new = clouds(shape, n), clouds(shape, 300, seed=1, width=3)
    detector = fitted("isoforest", x, seed=5, examples_per_tree=examples_per_tree, trees=30)
    seed = int(np.random.default_rng(5).integers(2 ** 31))
    forest = ensemble.IsolationForest(n_estimators=30, max_samples=min(n, examples_per_tree), random_state=seed).fit(rows(x))
    for each in (x, new):
        np.testing.assert_allclose(detector.predict(each, verbose=0), -forest.decision_function(rows(each)), atol=1e-6)


def test_a_value_on_a_threshold_goes_the_way_it_goes_in_scikit_learn():
    """Thresholds are float64 there: among neighbouring float32 values the rounding of one decides."""
    x = np.float32(1) + np.arange(40, dtype=np.float32)[:, None] * np.finfo(np.float32).eps
    detector = fitted("isoforest", x, trees=50)
    forest = ensemble.IsolationForest(n_estimators=50, max_samples=40, random_state=int(np.random.default_rng(0).integers(2 ** 31)))
    np.testing.assert_allclose(detector.predict(x, verbose=0), -forest.fit(rows(x)).decision_function(rows(x)), atol=1e-6)


def test_the_mean_path_of_small_trees_is_the_closed_form():
    harmonic = [np.sum(1 / np.arange(1, n)) for n in (3, 10, 1000)]
    wanted = [2 * (h - (n - 1) / n) for h, n in zip(harmonic, (3, 10, 1000))]
    # the logarithm stands for the harmonic number, as published
    np.testing.assert_allclose(isoforest.average_path(np.array([3, 10, 1000])), wanted, atol=0.6)
    np.testing.assert_allclose(isoforest.average_path(np.array([1, 2, 1000])), [0, 1, wanted[2]], atol=1e-2)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kernel", kde.KERNELS)
def test_the_density_is_scikit_learns_near_by_and_scipys_everywhere(kernel, shape):
    x, new, h = clouds(shape, 1100), clouds(shape, 300, seed=1, width=2), 1 + 1.5 * (len(shape) == 3)      # more than a chunk
    score = fitted("kde", x, kernel=kernel, bandwidth=h).predict(new, verbose=0)
    wanted = -neighbors.KernelDensity(kernel=kernel, bandwidth=h).fit(rows(x)).score_samples(rows(new))
    distance, d = cdist(rows(new), rows(x)), int(np.prod(shape))
    exponent = -0.5 * (distance / h) ** 2 if kernel == "gaussian" else -distance / h
    exact = np.log(len(x)) + kde.log_normalizer(kernel, h, d) - logsumexp(exponent, axis=1)
    np.testing.assert_allclose(score, exact, rtol=1e-5)
    # in the far tail scikit-learn's tree loses what is below the rounding of its bounds
    near = -logsumexp(exponent, axis=1) < 12
    assert near.sum() > 10
    np.testing.assert_allclose(score[near], wanted[near], rtol=1e-5)


def test_a_density_far_out_is_finite_and_still_ordered():
    score = fitted("kde", clouds((5,)), bandwidth=0.1).predict(np.float32([[1e3] * 5, [1e4] * 5, [1e6] * 5]), verbose=0)
    assert np.isfinite(score).all() and (np.diff(score) > 0).all()


# ---- what is chosen, and by what -------------------------------------------------------------------------------------

def test_the_bandwidth_is_that_of_scikit_learns_cross_validation():
    x = clouds((5,), 103)
    chosen = fitted("kde", x).solution["bandwidth"].numpy()
    shuffled = rows(x)[np.random.default_rng(0).permutation(len(x))]
    search = model_selection.GridSearchCV(neighbors.KernelDensity(), {"bandwidth": kde.GRIDS["wide"][6:]}, cv=5).fit(shuffled)
    assert chosen == search.best_params_["bandwidth"]
    mine = kde.likelihoods("gaussian", [chosen, 8.0], rows(x), np.random.default_rng(0)) / 5
    places = [search.cv_results_["param_bandwidth"].tolist().index(h) for h in (chosen, 8.0)]
    np.testing.assert_allclose(mine, search.cv_results_["mean_test_score"][places], rtol=1e-6)
    assert fitted("kde", x, grid="published").solution["bandwidth"].numpy() >= 2 ** 0.5 - 1e-12


def test_gamma_is_chosen_by_training_examples_alone_and_by_the_truth_where_the_name_says_so():
    x, strangers = clouds((5,), 80), clouds((5,), 80, seed=3, width=4)
    judged, truth = np.concatenate([x, strangers]), np.repeat([0, 1], 80).astype(np.int8)

    def gamma(told, **arguments):
        detector = kerasnd.Shallow("ocsvm", (5,), preprocess="none", **arguments)
        detector.fit(x, seed=0, oracle=told)
        return float(detector.solution["gamma"].numpy())
    assert gamma((judged, truth)) == gamma((judged, 1 - truth)) == gamma(None)
    by_oracle = gamma((judged, truth), selection="oracle")
    worth = [roc_auc_score(truth, -svm.OneClassSVM(gamma=each, nu=0.1).fit(rows(x)).decision_function(rows(judged)))
             for each in kernels.GAMMAS]
    assert by_oracle == kernels.GAMMAS[int(np.argmax(worth))]           # the first best
    assert gamma((judged, 1 - truth), selection="oracle") != by_oracle
    with pytest.raises(Misuse, match="oracle"):
        gamma(None, selection="oracle")


def test_held_out_examples_are_no_part_of_the_fit_and_artificial_ones_keep_their_values():
    values = np.arange(100.0)[:, None] * [1, 10]
    known, held_out = selection.hold_out(values, np.random.default_rng(0))
    assert len(known) == 80 and len(held_out) == 20 and not set(known[:, 0]) & set(held_out[:, 0])
    strange = selection.permuted(held_out, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(strange, axis=0), np.sort(held_out, axis=0))
    assert np.mean(strange[:, 1] == 10 * strange[:, 0]) < 0.3           # no longer of one example


# ---- large and odd sets ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("estimator, count", [("ocsvm", None), ("kde", 50)])
def test_a_subsample_is_taken_and_said(estimator, count):
    with pytest.warns(SubsampleWarning, match="50 of 150"):
        detector = fitted(estimator, clouds((5,)), max_examples=50)
    assert count is None or detector.solution["examples"].shape[0] == count
    with warnings.catch_warnings():
        warnings.simplefilter("error", SubsampleWarning)
        fitted(estimator, clouds((5,)), max_examples=150)
        fitted("isoforest", clouds((5,)))
        fitted("ocsvm", clouds((5,)), max_examples=50, nystroem=20)     # whose point is that it takes all


def test_with_nystroem_landmarks_stand_for_the_support_vectors_and_the_order_stays():
    x, new = clouds((5,), 600), clouds((5,), 300, seed=1, width=3)
    exact, near = fitted("ocsvm", x, gamma=0.05), fitted("ocsvm", x, gamma=0.05, nystroem=150)
    assert near.solution["vectors"].shape == (150, 5) and near.findings.endswith("150 landmarks")
    assert np.corrcoef(*(each.predict(new, verbose=0).argsort().argsort() for each in (exact, near)))[0, 1] > 0.95
    with pytest.raises(Misuse, match="nystroem.*linear"):
        kerasnd.OCSVM((5,), kernel="linear", nystroem=10)


@pytest.mark.parametrize("estimator", ["ocsvm", "isoforest", "kde"])
def test_odd_sets_are_scored_or_refused_in_words(estimator):
    x = clouds((5,))
    x[:, 2] = 7                                             # a constant feature
    detector = kerasnd.Shallow(estimator, (5,))
    detector.fit(x, seed=0)
    differs = x[:20].copy()
    differs[:, 2] += 5
    assert np.isfinite(detector.predict(differs, verbose=0)).all()
    if estimator != "isoforest":                            # which cannot cut along it
        assert (detector.predict(differs, verbose=0) > detector.predict(x[:20], verbose=0)).all()
    broken = clouds((5,))
    broken[3, 1] = np.nan
    with pytest.raises(BadData, match=r"nan in example 3 at \[1\]"):
        kerasnd.Shallow(estimator, (5,)).fit(broken)
    with pytest.raises(Misuse, match="fitted before it scores"):
        kerasnd.Shallow(estimator, (5,)).predict(x, verbose=0)


def test_one_example_is_a_set_where_nothing_is_selected():
    one = np.ones((1, 5), np.float32)
    for estimator, arguments in (("ocsvm", {"gamma": 0.5}), ("kde", {"bandwidth": 0.5}), ("isoforest", {})):
        assert np.isfinite(fitted(estimator, one, **arguments).predict(clouds((5,)), verbose=0)).all()
    for estimator in ("ocsvm", "kde"):
        with pytest.raises(Misuse, match="two examples"):
            fitted(estimator, one)


@pytest.mark.parametrize("arguments, told", [
    ({"estimator": "oc_svm"}, "Did you mean 'ocsvm'"), ({"estimator": "ocsvm", "kernel": "rfb"}, "Did you mean 'rbf'"),
    ({"estimator": "ocsvm", "gamma": 0}, "gamma=0.*None selects"), ({"estimator": "ocsvm", "selection": "test"}, "holdout, oracle"),
    ({"estimator": "ocsvm", "nu": 1}, "nu=1"), ({"estimator": "ocsvm", "nu": "a"}, "nu='a'"),
    ({"estimator": "ocsvm", "max_examples": 0}, "max_examples=0"),
    ({"estimator": "kde", "kernel": "tophat"}, "0 beyond"), ({"estimator": "kde", "bandwidth": -1}, "bandwidth=-1"),
    ({"estimator": "kde", "grid": "wider"}, "Did you mean 'wide'"),
    ({"estimator": "isoforest", "examples_per_tree": 1}, "at least 2"),
    ({"estimator": "isoforest", "trees": 2.5}, "trees=2.5")])
def test_a_misuse_is_told_in_one_line(arguments, told):
    with pytest.raises(Misuse, match=told):
        kerasnd.Shallow(example_shape=(5,), **arguments)


# ---- on disk, and as runs -------------------------------------------------------------------------------

@pytest.mark.parametrize("estimator", ["ocsvm", "isoforest", "kde"])
def test_the_file_holds_plain_arrays_and_no_pickle(estimator, tmp_path):
    x = clouds((5,))
    fitted(estimator, x).save(tmp_path / "d.keras")
    with zipfile.ZipFile(tmp_path / "d.keras") as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "h5"}
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert not any(word in content for word in (b"joblib", b"sklearn", b"\x80\x04\x95", b"\x80\x05\x95"))
    assert isinstance(keras.models.load_model(tmp_path / "d.keras"), type(kerasnd.Shallow(estimator, (5,))))


@pytest.mark.parametrize("estimator", ["ocsvm", "isoforest", "kde"])
def test_the_score_is_one_graph_of_tensorflows_own(estimator):
    detector = fitted(estimator, clouds((5,)))
    graph = tf.function(detector.score).get_concrete_function(tf.TensorSpec((None, 5), tf.float32)).graph
    assert not {"PyFunc", "EagerPyFunc", "PyFuncStateless"} & {node.op for node in graph.as_graph_def().node}


@pytest.mark.usefixtures("quick")
def test_runs_of_classics_and_hybrids_end_with_a_table(tmp_path, capsys):
    settings = config.load(method="ocsvm", dataset="breast_cancer", normal="1")
    runs.train(settings, tmp_path / "plain")
    assert numbers(tmp_path / "plain")["untrained_auroc"] is None and "its untrained network" not in capsys.readouterr().out
    again = scored(tmp_path / "plain")["score"]
    runs.evaluate(tmp_path / "plain")
    np.testing.assert_array_equal(again, scored(tmp_path / "plain")["score"])
    hybrid = config.load(file="configs/hybrid_ocsvm.py:oracle", dataset="breast_cancer", normal="1")
    hybrid["stages"][0]["fit"]["epochs"] = 1
    runs.train(hybrid, tmp_path / "hybrid")
    assert 0 <= numbers(tmp_path / "hybrid")["untrained_auroc"] <= 1


def test_the_oracles_part_is_a_tenth_of_the_test_set_with_the_classes_in_their_shares():
    x, truth = np.arange(300.0)[:, None], np.repeat([0, 1], (200, 100)).astype(np.int8)
    asked = {"seed": 0, "stages": [{"method": "ocsvm", "model": {"selection": "oracle"}}]}
    part, told = judging.oracle_part(asked, x, truth)
    assert np.bincount(told).tolist() == [20, 10] and ((part[:, 0] >= 200) == told).all()
    assert judging.oracle_part({**asked, "stages": [{"method": "kde", "model": {}}]}, x, truth) is None
    assert not training.asks_oracle({"method": "ocsvm", "model": {"selection": "holdout"}})


def test_the_kernel_of_all_pairs_at_once_finds_the_same_hyperplane(monkeypatch):
    x = np.random.default_rng(0).random((300, ocsvm.WIDE)).astype("float32")
    found = []
    for whole in (ocsvm.WHOLE, 0):
        monkeypatch.setattr(ocsvm, "WHOLE", whole)
        detector = kerasnd.OCSVM((ocsvm.WIDE,))
        detector.compile()
        detector.fit(x, verbose=0, seed=0)
        assert detector.at_once(x) == bool(whole) and not detector.at_once(x[:, 1:])
        found.append((*(detector.solution[name].numpy() for name in ("gamma", "vectors")), detector.predict(x[:50], verbose=0)))
    assert found[0][0] == found[1][0] and np.array_equal(found[0][1], found[1][1])
    assert np.allclose(found[0][2], found[1][2], atol=1e-9)
