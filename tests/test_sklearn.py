"""The views of scikit-learn and PyOD: their own checks, their formulas by hand, and what each refuses."""
import copy
import io
import pickle
import random

import joblib
import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

import kerasnd
from kerasnd.calibration import p_values
from kerasnd.errors import Misuse
from kerasnd.pyod import PyODDetector
from kerasnd.sklearn import NoveltyEstimator

RNG = np.random.default_rng(0)
TRAIN, NEAR, FAR = RNG.normal(size=(120, 4)), RNG.normal(size=(40, 4)), RNG.normal(8, 1, (40, 4))
SMALL = {"arguments": {"latent_dim": 2}, "epochs": 3, "random_state": 0}
SOLVED = {"detector": "kde", "arguments": {"bandwidth": 0.2}, "random_state": 0}     # no steps: for what any detector shows


@pytest.fixture
def eager():
    """Without graphs: the checks train some eighty detectors for an epoch, and tracing is nine tenths of that."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def fitted():
    return NoveltyEstimator(**SMALL).fit(TRAIN)


@pytest.fixture(scope="module")
def template():
    keras.utils.set_random_seed(0)
    detector = kerasnd.DeepSVDD((4,), latent_dim=3, nu=0.2)
    detector.compile(keras.optimizers.SGD(0.01))
    return detector


def classes_in(content):
    """"module.name" of everything that unpickling imports."""
    found = []

    class Watching(pickle.Unpickler):
        def find_class(self, module, name):
            found.append(f"{module}.{name}")
            return super().find_class(module, name)

    Watching(io.BytesIO(content)).load()
    return found


def told_of(detector):
    """What makes a detector, beside the names that Keras numbers."""
    config = {key: value for key, value in detector.get_config().items() if key != "encoder"}
    return {**config, "example_shape": tuple(config["example_shape"]), "shapes": [tuple(w.shape) for w in detector.weights]}


@pytest.mark.filterwarnings("ignore")
def test_it_passes_every_check_of_scikit_learn(eager):
    check_estimator(NoveltyEstimator(epochs=1, arguments={"latent_dim": 1}), on_skip=None)


def test_higher_is_more_normal_and_strangers_are_outliers(fitted):
    np.testing.assert_array_equal(fitted.score_samples(NEAR), -fitted.detector_.predict(NEAR, verbose=0).astype(np.float64))
    np.testing.assert_array_equal(fitted.decision_function(FAR), fitted.score_samples(FAR) - fitted.offset_)
    assert np.mean(fitted.score_samples(NEAR)[:, None] > fitted.score_samples(FAR)[None]) > 0.95
    assert (fitted.predict(FAR) == -1).all() and np.mean(fitted.predict(NEAR) == 1) > 0.8
    np.testing.assert_array_equal(fitted.predict(TRAIN), np.where(fitted.decision_function(TRAIN) < 0, -1, 1))


def test_the_default_detector_is_made_for_the_data():
    estimator = NoveltyEstimator(epochs=1, random_state=0).fit(TRAIN)
    assert isinstance(estimator.detector_, kerasnd.Autoencoder)
    assert estimator.detector_.example_shape == (4,) and estimator.n_features_in_ == 4


@pytest.mark.parametrize("contamination, outliers", [(0.1, 12), (0.5, 60), ("auto", None)])
def test_the_offset_is_a_quantile_of_the_training_scores(contamination, outliers):
    estimator = NoveltyEstimator(**SOLVED, contamination=contamination).fit(TRAIN)
    scores = estimator.score_samples(TRAIN)
    if outliers is None:
        quartiles = np.percentile(scores, [25, 75])
        np.testing.assert_allclose(estimator.offset_, quartiles[0] - 1.5 * (quartiles[1] - quartiles[0]), rtol=1e-12)
    else:
        assert estimator.offset_ == np.percentile(scores, 100 * contamination)
        assert np.sum(estimator.predict(TRAIN) == -1) == outliers
    np.testing.assert_array_equal(clone(estimator).fit_predict(TRAIN), estimator.predict(TRAIN))


def test_a_pickle_scores_alike_and_holds_no_object_of_keras(fitted, template):
    content = pickle.dumps(fitted)
    assert {name.partition(".")[0] for name in classes_in(content)} <= {"kerasnd", "numpy", "sklearn"}
    file = io.BytesIO()
    joblib.dump(fitted, file)
    file.seek(0)
    for again in (pickle.loads(content), joblib.load(file), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(again.score_samples(NEAR), fitted.score_samples(NEAR))
        assert again.offset_ == fitted.offset_ and again.get_params() == fitted.get_params()
    given = pickle.loads(pickle.dumps(NoveltyEstimator(template))).detector
    assert told_of(given) == told_of(template) and given.get_compile_config() == template.get_compile_config()


def test_a_clone_has_the_parameters_and_nothing_learned(fitted):
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    for verb in (copied.predict, clone(PyODDetector(**SOLVED)).predict_proba):
        with pytest.raises(NotFittedError):
            verb(NEAR)


def test_a_given_detector_is_a_template(template):
    before = [w.copy() for w in template.get_weights()]
    estimator = NoveltyEstimator(template, learning_rate=None, epochs=1, random_state=0).fit(TRAIN)
    assert estimator.detector_ is not template and not template.prepared.numpy()
    for mine, now in zip(before, template.get_weights()):
        np.testing.assert_array_equal(mine, now)
    assert told_of(estimator.detector_) == told_of(template)
    assert isinstance(estimator.detector_.optimizer, keras.optimizers.SGD)          # the template's own
    assert told_of(clone(estimator).detector) == told_of(template)
    adam = NoveltyEstimator(clone(estimator).detector, learning_rate=1e-3, epochs=1, random_state=0).fit(TRAIN)
    assert isinstance(adam.detector_.optimizer, keras.optimizers.Adam)


def test_in_a_pipeline_it_sees_what_the_scaler_gives():
    values = TRAIN * [1, 10, 100, 1000] + 5
    pipeline = make_pipeline(StandardScaler(), NoveltyEstimator(**SOLVED)).fit(values)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    alone = NoveltyEstimator(**SOLVED).fit(scaled)
    np.testing.assert_allclose(pipeline.decision_function(values), alone.decision_function(scaled), rtol=1e-4, atol=1e-4)
    assert (pipeline.predict(values + 1e5) == -1).all()


def test_a_search_finds_the_better_detector():
    x, y = np.concatenate([TRAIN, FAR]), np.r_[np.ones(120), -np.ones(40)]
    order = np.random.default_rng(1).permutation(len(x))
    folds = [(order[y[order] > 0][:80], np.setdiff1d(order, order[y[order] > 0][:80]))]      # trained on normals alone
    grid = {"arguments": [{"bandwidth": 1e-6}, {"bandwidth": 0.2}], "epochs": np.array([1])}     # epochs: a NumPy number
    search = GridSearchCV(NoveltyEstimator("kde", random_state=0), grid, scoring="roc_auc", cv=folds, refit=False).fit(x, y)
    model = NoveltyEstimator(**SOLVED).fit(x[folds[0][0]])
    told = roc_auc_score(y[folds[0][1]], model.decision_function(x[folds[0][1]]))
    assert search.cv_results_["mean_test_score"][1] == pytest.approx(told)
    assert told > 0.99


def test_the_same_seed_gives_the_same_bits_and_truth_changes_nothing(fitted):
    states = random.getstate(), np.random.get_state()[1].copy()
    y = np.where(np.arange(len(TRAIN)) % 2, 1, -1)
    again = NoveltyEstimator(**{**SMALL, "epochs": np.int64(3)}).fit(TRAIN, y)
    np.testing.assert_array_equal(again.score_samples(NEAR), fitted.score_samples(NEAR))
    assert again.offset_ == fitted.offset_
    assert random.getstate() == states[0]                       # nobody else's chance is touched
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    other = NoveltyEstimator(**{**SMALL, "random_state": np.random.RandomState(1)}).fit(TRAIN)
    assert not np.array_equal(other.score_samples(NEAR), fitted.score_samples(NEAR))


def test_a_score_does_not_depend_on_who_stands_beside(fitted):
    whole = fitted.score_samples(TRAIN)
    order = np.random.default_rng(2).permutation(len(TRAIN))[:77]
    np.testing.assert_array_equal(fitted.score_samples(TRAIN[order]), whole[order])
    np.testing.assert_array_equal(np.concatenate([fitted.score_samples(TRAIN[i:i + 1]) for i in (0, 50, 119)]), whole[[0, 50, 119]])


def test_images_are_learned_as_images():
    rng = np.random.default_rng(3)
    x = np.clip(np.linspace(20, 235, 64).reshape(8, 8, 1) + rng.normal(0, 8, (40, 8, 8, 1)), 0, 255).astype(np.uint8)
    estimator = NoveltyEstimator("deep_svdd", arguments={"latent_dim": 4}, epochs=2, batch_size=16, random_state=0).fit(x)
    assert estimator.n_features_in_ == 64 and estimator.detector_.example_shape == (8, 8, 1)
    assert estimator.detector_.normalizer.kind == "gcn_l1"
    np.testing.assert_array_equal(estimator.score_samples(x), -estimator.detector_.predict(x, verbose=0))
    assert (estimator.predict(rng.integers(0, 256, (10, 8, 8, 1)).astype(np.uint8)) == -1).all()
    for wrong, told in ((x[:, :7], r"shape \(8, 8, 1\).*\(7, 8, 1\)"), (x[..., 0], "channel axis"), (x[:, :, 0, 0], "8 features")):
        with pytest.raises(ValueError, match=told):
            estimator.predict(wrong)


def test_missing_values_are_filled_in_on_request_alone():
    holes = TRAIN.copy()
    holes[3, 2] = np.nan
    estimator = NoveltyEstimator("kde", arguments={"bandwidth": 0.2, "preprocess": "median+auto"})
    assert get_tags(estimator).input_tags.allow_nan and not get_tags(NoveltyEstimator("kde")).input_tags.allow_nan
    filled = np.where(np.isnan(holes), np.nanmedian(holes, axis=0), holes)
    np.testing.assert_allclose(estimator.fit(holes).score_samples(holes), estimator.score_samples(filled), rtol=1e-6)
    holes[5, 1] = np.inf
    with pytest.raises(Misuse, match=r"inf in example 5 at \[1\]"):
        estimator.fit(holes)


def test_p_values_come_from_held_out_normals():
    estimator = NoveltyEstimator(**SOLVED).fit(TRAIN)
    told = kerasnd.calibrate(estimator.detector_, NEAR, alpha=0.1).predict(FAR, verbose=0)
    np.testing.assert_allclose(told["p_value"], p_values(-estimator.score_samples(NEAR), -estimator.score_samples(FAR)), rtol=1e-6)
    assert told["is_novel"].all()


def test_pyods_formulas():
    detector, same = PyODDetector(**SOLVED), NoveltyEstimator(**SOLVED).fit(TRAIN)
    labels = detector.fit_predict(TRAIN)
    scores = detector.decision_scores_
    np.testing.assert_array_equal(scores, -same.score_samples(TRAIN))              # one learner, two signs
    np.testing.assert_allclose(detector.threshold_, np.percentile(scores, 90), rtol=1e-12)
    np.testing.assert_array_equal(labels, scores > detector.threshold_)
    np.testing.assert_array_equal(detector.predict(TRAIN), detector.labels_)
    assert labels.sum() == 12 and detector.predict(FAR).all()
    np.testing.assert_array_equal(detector.decision_function(TRAIN), scores)

    seen = np.concatenate([NEAR, FAR])
    asked = detector.decision_function(seen)
    linear = MinMaxScaler(clip=True).fit(scores[:, None]).transform(asked[:, None])[:, 0]
    unified = np.clip(2 * scipy.stats.norm.cdf(asked, scores.mean(), scores.std()) - 1, 0, 1)      # erf by another name
    for method, expected in (("linear", linear), ("unify", unified)):
        told = detector.predict_proba(seen, method=method)
        assert told.shape == (80, 2)
        np.testing.assert_allclose(told[:, 1], expected, atol=1e-12)
        np.testing.assert_allclose(told.sum(axis=1), 1, rtol=1e-15)
    assert (linear == 1).any() and (linear < 1).any() and 0 < np.mean(unified == 0) < 1
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.predict_proba(seen), detector.predict_proba(seen))
    with pytest.raises(Misuse, match="`method` must be one of linear, unify.*Did you mean 'unify'"):
        detector.predict_proba(seen, method="unified")


@pytest.mark.parametrize("given, told", [
    ({"detector": "deep_svd"}, "`method` must be one of.*Did you mean 'deep_svdd'"),
    ({"detector": 3}, "`detector` must be a method's name"),
    ({"detector": "kde", "arguments": {"bandwith": 1}}, "`arguments` must be those of KDE.*bandwith"),
    ({"detector": "kde", "arguments": {"bandwidth": -1}}, "`bandwidth` must be"),
    ({"arguments": [1]}, "`arguments` must be a dict"),
    ({"contamination": 0.6}, r"`contamination` must be a number in \(0, 0.5\]"),
    ({"contamination": "some"}, "`contamination` must be"),
    ({"epochs": 0}, "`epochs` must be a whole number"),
    ({"batch_size": 2.5}, "`batch_size` must be a whole number"),
    ({"learning_rate": 0}, "`learning_rate` must be a number"),
    ({"learning_rate": None}, "`learning_rate` must be.*compiled"),
    ({"verbose": 7}, "`verbose` must be 0, 1 or 2"),
    ({"detector": "supervised"}, "hints"),
])
def test_a_bad_parameter_is_told_in_one_line(given, told):
    with pytest.raises(Misuse, match=told) as error:
        NoveltyEstimator(**given).fit(TRAIN)
    assert "\n" not in str(error.value)


def test_arguments_do_not_go_with_a_detector_nor_data_of_another_shape(template):
    with pytest.raises(Misuse, match="`arguments` must be a dict, and go with a method's name"):
        NoveltyEstimator(template, arguments={"nu": 0.1}).fit(TRAIN)
    with pytest.raises(Misuse, match=r"shape \(4,\)"):
        NoveltyEstimator(template).fit(TRAIN[:, :3])


@pytest.mark.parametrize("x, told", [
    (np.where(np.arange(480).reshape(120, 4) == 22, np.nan, TRAIN), r"nan in example 5 at \[2\]"),
    (TRAIN[0], "Expected 2D array"), (TRAIN[:1], "1 sample"), (TRAIN[:, :0], "0 feature"),
    (np.full((3, 4), "a"), "could not convert"), (np.zeros((9, 8, 8)), "example_shape"), ([[1.0, 2.0], [3.0]], "inhomogeneous"),
])
def test_bad_data_is_told_in_one_line(x, told):
    with pytest.raises(ValueError, match=told) as error:
        NoveltyEstimator(**SOLVED).fit(x)
    assert "\n" not in str(error.value)
