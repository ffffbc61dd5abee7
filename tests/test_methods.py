"""Each method's mathematics, against closed forms, NumPy and finite differences."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize

from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.methods.autoencoder import Autoencoder, squared_norm
from kerasnd.methods.deep_svdd import DeepSVDD
from kerasnd.methods.hypersphere import away_from_zero
from kerasnd.methods.ocnn import OCNN
from kerasnd.methods.rcae import RCAE, huber, soft_threshold
from kerasnd.networks.normalizer import Normalizer
from kerasnd.optimizers import make

X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)


def fitted(detector, epochs=3, x=X, rate=3e-3, **more):
    detector.compile(keras.optimizers.Adam(rate))
    detector.fit(x, epochs=epochs, batch_size=16, seed=0, verbose=0, **more)
    return detector


def linear(features=6, units=3):
    """An encoder without anything but a matrix, so that everything is known in closed form."""
    inputs = keras.Input((features,))
    return keras.Model(inputs, keras.layers.Dense(units, use_bias=False)(inputs))


# ---- preprocessing --------------------------------------------------------------------------------------------------

def test_global_contrast_normalisation_and_the_training_extremes():
    x = np.random.default_rng(1).integers(0, 256, (20, 5, 4, 2)).astype(np.uint8)
    for kind, order in (("gcn_l1", lambda r: np.abs(r).mean()), ("gcn_l2", lambda r: np.sqrt((r ** 2).mean()))):
        normalizer = Normalizer(kind, x.shape[1:])
        normalizer.adapt([x[:7], x[7:]])
        centred = x - x.mean((1, 2, 3), keepdims=True)
        by_hand = np.stack([image / order(image) for image in centred])
        by_hand = (by_hand - by_hand.min()) / np.ptp(by_hand)
        np.testing.assert_allclose(normalizer(x), by_hand, atol=1e-6)
        assert (normalizer(x).numpy().min(), normalizer(x).numpy().max()) == (0, pytest.approx(1))


def test_a_flat_image_stays_finite():
    normalizer = Normalizer("gcn_l1", (4, 4, 1))
    normalizer.adapt([np.random.default_rng(0).integers(0, 256, (9, 4, 4, 1)).astype(np.uint8)])
    assert np.isfinite(normalizer(np.full((2, 4, 4, 1), 7, np.uint8)).numpy()).all()


def test_unit_takes_the_range_of_the_type_and_of_floats_the_extremes():
    small = Normalizer("unit", (2, 2, 1))
    small.adapt([np.full((3, 2, 2, 1), 51, np.uint8)])
    np.testing.assert_allclose(small(np.full((1, 2, 2, 1), 51, np.uint8)), 0.2, rtol=1e-6)
    deep = Normalizer("unit", (2, 2, 1))
    deep.adapt([np.full((3, 2, 2, 1), 51, np.uint16)])
    np.testing.assert_allclose(deep(np.full((1, 2, 2, 1), 65535, np.uint16)), 1, rtol=1e-6)
    floats = Normalizer("unit", (2,))
    floats.adapt([np.array([[0., 4.], [16., 2.]])])
    np.testing.assert_allclose(floats(np.array([[8., 16.]])), [[0.5, 1]])


def test_features_are_scaled_each_on_its_own_and_constants_become_zero():
    x = np.c_[np.arange(5.), np.full(5, 3.), [2., 4, 6, 8, 10]].astype(np.float32)
    for kind, expected in (("minmax", (x - x.min(0)) / np.where(np.ptp(x, axis=0) > 0, np.ptp(x, axis=0), 1)),
                           ("standard", (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1))):
        normalizer = Normalizer(kind, (3,))
        normalizer.adapt([x[:2], x[2:]])
        np.testing.assert_allclose(normalizer(x), expected, atol=1e-6)
    with pytest.raises(BadData, match="differ"):
        Normalizer("minmax", (3,)).adapt([np.ones((4, 3), np.float32)])
    with pytest.raises(Misuse, match="gcn_l1"):
        Normalizer("gcn_1", (3,))


def test_known_anomalies_do_not_shape_the_preprocessing():
    hint = np.r_[np.zeros(59), -1].astype(np.int8)
    x = X.copy()
    x[-1] = 1e4
    detector = Autoencoder((6,))
    detector.prepare(Feed(x, hint))
    np.testing.assert_allclose(detector.normalizer.offset, x[:-1].min(0), rtol=1e-6)


# ---- Deep SVDD ------------------------------------------------------------------------------------------------------

def test_the_centre_is_the_mean_code_kept_away_from_zero():
    np.testing.assert_allclose(away_from_zero(np.array([.05, -.05, 0, .1, -.2, -.0999]), .1), [.1, -.1, 0, .1, -.2, -.1])
    detector = DeepSVDD(encoder=linear(), preprocess="none")
    detector.prepare(Feed(X))
    codes = X @ detector.encoder.get_weights()[0]
    np.testing.assert_allclose(detector.center, away_from_zero(codes.mean(0), 0.1), atol=1e-5)


def test_scores_are_squared_distances_to_the_centre():
    detector = fitted(DeepSVDD(encoder=linear(), preprocess="none"))
    codes = X @ detector.encoder.get_weights()[0]
    np.testing.assert_allclose(detector.predict(X, verbose=0), ((codes - np.asarray(detector.center)) ** 2).sum(1), rtol=1e-4)


def test_the_radius_is_zero_in_the_warm_up_and_then_the_quantile_of_the_whole_training_set():
    detector = DeepSVDD(encoder=linear(), preprocess="none", objective="soft_boundary", nu=0.2, warm_up_epochs=3)
    fitted(detector, epochs=2)
    assert float(detector.radius) == 0
    detector.fit(X, epochs=3, initial_epoch=2, batch_size=16, seed=0, verbose=0)
    distance = detector.predict(X, verbose=0) + float(detector.radius) ** 2
    assert float(detector.radius) ** 2 == pytest.approx(np.quantile(distance, 0.8), rel=1e-4)
    assert np.mean(detector.predict(X, verbose=0) > 0) == pytest.approx(0.2, abs=1 / 60)


@pytest.mark.parametrize("objective", ["one_class", "soft_boundary"])
def test_a_step_of_deep_svdd_follows_the_published_gradient(objective):
    """One step of plain descent on a linear encoder, by hand: loss, and lambda * W added to its gradient."""
    decay, rate, radius = 0.3, 1e-2, 0.5
    detector = DeepSVDD(encoder=linear(), preprocess="none", objective=objective, nu=0.25, weight_decay=decay)
    detector.compile(keras.optimizers.SGD(rate))
    detector.prepare(Feed(X))
    detector.radius.assign(radius)
    weights, center = detector.encoder.get_weights()[0], np.asarray(detector.center)
    residual = X @ weights - center
    distance = (residual ** 2).sum(1)
    outside = np.ones(60) if objective == "one_class" else (distance > radius ** 2) / 0.25
    gradient = 2 * X.T @ (residual * outside[:, None]) / 60 + decay * weights
    expected = distance.mean() if objective == "one_class" else radius ** 2 + np.maximum(distance - radius ** 2, 0).mean() / 0.25
    logs = detector.train_step((tf.constant(X), None, None))
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(detector.encoder.get_weights()[0], weights - rate * gradient, atol=1e-5)


def test_without_a_bias_training_does_not_collapse_the_code():
    x = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1)).astype(np.uint8)
    detector = fitted(DeepSVDD((8, 8, 1)), epochs=20, x=x)
    codes = detector.over(Feed(x), detector.encode)
    assert codes.std(0).max() > 1e-4


# ---- OC-NN ----------------------------------------------------------------------------------------------------------

def test_r_is_the_nu_quantile_of_the_margins_of_the_whole_training_set():
    detector = fitted(OCNN((6,), nu=0.3))
    margin = detector.over(Feed(X), detector.margin)
    assert float(detector.threshold) == pytest.approx(np.quantile(margin, 0.3), rel=1e-5)
    np.testing.assert_allclose(detector.predict(X, verbose=0), float(detector.threshold) - margin, atol=1e-6)
    assert np.mean(margin < float(detector.threshold)) == pytest.approx(0.3, abs=1 / 60)


def test_the_nu_quantile_minimises_the_objective_in_r():
    margin, nu = np.random.default_rng(3).normal(size=501), 0.1
    best = optimize.minimize_scalar(lambda r: np.maximum(r - margin, 0).mean() / nu - r, bounds=(-3, 3), method="bounded").x
    assert np.quantile(margin, nu) == pytest.approx(best, abs=1e-2)


def test_the_gradient_of_oc_nn_agrees_with_finite_differences():
    detector = OCNN(encoder=linear(), preprocess="none", hidden_units=4, nu=0.3, activation="tanh")
    detector.compile(keras.optimizers.SGD(1.0))
    detector.prepare(Feed(X))
    kernel, w = np.asarray(detector.hidden.kernel, np.float64), np.asarray(detector.normal_vector, np.float64)
    codes = unit_codes(detector)
    r = float(detector.threshold)

    def objective(flat):
        v, w = flat[:12].reshape(3, 4), flat[12:]
        margin = np.tanh(codes @ v) @ w
        return 0.5 * (w ** 2).sum() + 0.5 * (v ** 2).sum() + np.maximum(0, r - margin).mean() / 0.3 - r
    start = np.r_[kernel.ravel(), w]
    logs = detector.train_step((tf.constant(X), None, None))
    assert float(logs["loss"]) == pytest.approx(objective(start), rel=1e-5)
    moved = start - np.r_[np.asarray(detector.hidden.kernel).ravel(), np.asarray(detector.normal_vector)]
    np.testing.assert_allclose(moved, optimize.approx_fprime(start, objective, 1e-6), atol=2e-3)


def unit_codes(detector):
    """float64 (n, latent_dim), what V sees of X under the paper's objective."""
    codes = X.astype(np.float64) @ detector.encoder.get_weights()[0]
    return codes / np.sqrt((codes ** 2).mean(1, keepdims=True) + 1e-6)


def test_the_released_objective_is_a_soft_boundary_in_each_coordinate():
    detector = OCNN(encoder=linear(), preprocess="none", objective="released", hidden_units=4, nu=0.2)
    detector.compile(keras.optimizers.SGD(0.0))
    detector.prepare(Feed(X))
    features = X @ detector.encoder.get_weights()[0] @ np.asarray(detector.hidden.kernel)
    center = away_from_zero(features.mean(0), 0.1)
    np.testing.assert_allclose(detector.center, center, atol=1e-4)
    expected = (0.01 + np.maximum((features - center) ** 2 - 0.01, 0).sum(1).mean()) / 0.2
    assert float(detector.train_step((tf.constant(X), None, None))["loss"]) == pytest.approx(expected, rel=1e-4)


def test_an_unbounded_activation_is_refused_and_why():
    with pytest.raises(Misuse, match="no minimum"):
        OCNN((6,), activation="relu")


# ---- RCAE -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("residual", [-2.0, -0.3, 0.0, 0.1, 0.9])
def test_soft_threshold_and_huber_are_the_minimiser_and_the_minimum(residual):
    sparsity = 0.5
    best = optimize.minimize_scalar(lambda n: (residual - n) ** 2 + sparsity * abs(n), bounds=(-3, 3), method="bounded",
                                    options={"xatol": 1e-9})
    assert float(soft_threshold(tf.constant(residual), sparsity / 2)) == pytest.approx(best.x, abs=1e-6)
    assert float(huber(tf.constant([[residual]]), sparsity)[0]) == pytest.approx(best.fun, abs=1e-6)


@pytest.mark.parametrize("noise, sparsity", [("alternation", 100.0), ("huber", 100.0), ("released", 0.5)])
def test_with_a_large_lambda_rcae_is_the_plain_autoencoder_bit_for_bit(noise, sparsity):
    scores = []
    for build in (lambda: Autoencoder((6,)), lambda: RCAE((6,), noise=noise, sparsity=sparsity, epochs_per_round=2)):
        keras.utils.set_random_seed(0)
        scores.append(fitted(build(), epochs=6).predict(X, verbose=0))
    np.testing.assert_array_equal(*scores)


def test_the_noise_is_the_thresholded_residual_of_each_training_example():
    detector = fitted(RCAE((6,), sparsity=0.2, epochs_per_round=2), epochs=2)
    x = np.asarray(detector.normalizer(X))
    residual = x - np.asarray(detector.redraw(tf.constant(x)))       # N was 0 until now
    np.testing.assert_allclose(detector.resume_variables[0], np.sign(residual) * np.maximum(np.abs(residual) - 0.1, 0), atol=1e-6)


def test_what_hides_in_training_ends_in_the_noise():
    x = np.tile(np.linspace(0, 1, 6, dtype=np.float32), (80, 1))
    x += np.random.default_rng(0).normal(0, .01, (80, 6)).astype(np.float32)
    x[:4] = x[:4, ::-1]
    noise = np.abs(fitted(RCAE((6,), sparsity=0.3, preprocess="none"), epochs=30, x=x).resume_variables[0]).sum(1)
    assert noise[:4].min() > 5 * noise[4:].max()


# ---- autoencoder, optimisers ----------------------------------------------------------------------------------------

def test_the_score_is_the_squared_reconstruction_error():
    detector = fitted(Autoencoder((8, 8, 1), preprocess="unit"),
                      x=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8))
    x = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    redrawn = np.asarray(detector.reconstruct(tf.constant(x)))
    np.testing.assert_allclose(detector.predict(x, verbose=0), (((x - redrawn) / 255) ** 2).sum((1, 2, 3)), rtol=1e-3)
    np.testing.assert_allclose(squared_norm(tf.constant([[3., 4.]])), [25])


def test_masking_happens_in_training_only():
    detector = fitted(Autoencoder((6,), dropout=0.5))
    np.testing.assert_array_equal(detector.predict(X, verbose=0), detector.predict(X, verbose=0))
    with pytest.raises(Misuse, match="dropout"):
        Autoencoder((6,), dropout=1.0)


def test_the_rate_drops_at_the_first_step_of_the_milestone():
    optimizer = make(steps=3, learning_rate=1.0, milestones=[2, 4])
    rates = [float(optimizer._learning_rate(step)) for step in range(15)]
    np.testing.assert_allclose(rates, [1] * 6 + [0.1] * 6 + [0.01] * 3, rtol=1e-6)


@pytest.mark.parametrize("arguments, told", [
    ({"objective": "hard"}, "one_class"), ({"nu": 0.0}, r"\(0, 1\]"), ({"nu": 1.5}, r"\(0, 1\]")])
def test_arguments_out_of_range_are_refused(arguments, told):
    with pytest.raises(Misuse, match=told):
        DeepSVDD((6,), **arguments)
