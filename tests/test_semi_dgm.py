"""The semi-supervised deep generative model, against NumPy, finite differences and published sizes."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from variational_by_hand import HINT, X, dense, gaussian, numpy_cross_entropy, ready, sigmoid, step, weights

from kerasnd import checkpoints
from kerasnd.errors import Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import semi_dgm
from kerasnd.methods.semi_dgm import SemiDGM
from kerasnd.methods.vae import VAE, cross_entropy, drawn
from kerasnd.networks import variational


@pytest.mark.parametrize("shape, options, published", [
    ((28, 28, 1), {}, (224_464, 232_186, 133_074)),
    ((28, 28, 1), {"latent_dim": 64, "network": "fmnist_lenet"}, (493_200, 716_194, 326_802)),
    ((32, 32, 3), {}, (3_511_040, 4_033_378, 2_072_322))])
def test_the_image_models_have_the_published_number_of_weights(shape, options, published):
    code = {name: value for name, value in options.items() if name == "latent_dim"}
    built = VAE(shape, **code), SemiDGM(shape, **options), SemiDGM(shape, stack="m1m2", **code)
    assert tuple(map(weights, built)) == published


@pytest.mark.parametrize("features, published", [(274, 129_236), (21, 3_751), (36, 5_206), (9, 2_587), (6, 2_096)])
def test_m2_on_the_odds_tables_has_the_published_number_of_weights(features, published):
    assert weights(SemiDGM((features,))) == published


def test_golden_values_of_the_cross_entropy_and_the_prior():
    logits = np.log(np.array([[.2, .9]]) / (1 - np.array([[.2, .9]]))).astype(np.float32)
    assert float(cross_entropy(tf.constant([[0., 1.]]), logits)[0]) == pytest.approx(0.3285041, abs=1e-6)
    detector = ready(SemiDGM((6,)))
    for weight in detector.trainable_weights:
        weight.assign(tf.zeros_like(weight))
    x = np.full((4, 6), 0.25, np.float32)       # zero weights redraw 1/2 whatever z, and log sigma^2 is softplus(0) = log 2
    z, surplus = drawn(tf.zeros((8, 4)), tf.fill((8, 4), np.log(2).astype(np.float32)), np.tile(detector.noise(4, 4), (2, 1)))
    rest = detector.bounds(tf.constant(x)) - tf.transpose(tf.reshape(surplus, (2, 4))) - 6 * np.log(2)
    np.testing.assert_allclose(rest, 0.6931472, atol=1e-5)


def by_hand(detector, x, hint, alpha):
    """float, the objective in two explicit passes, one for each class."""
    x64, bounds = x.astype(np.float64), []
    code = detector.decoder.input_shape[-1] - 2
    noise = detector.noise(len(x), code).numpy()
    seen = features = x64
    if detector.vae is not None:
        features, spread = gaussian(detector.vae.heads, dense(detector.vae.encoder, x64))
        seen = features + np.exp(spread / 2) * detector.noise(len(x), features.shape[1], stream=1).numpy()
    for outlier in (0, 1):
        y = np.tile([1.0 - outlier, outlier], (len(x), 1))
        mean, spread = gaussian(detector.recognition, np.c_[seen, y])
        z = mean + np.exp(spread / 2) * noise
        surplus = (stats.norm.logpdf(z, mean, np.exp(spread / 2)) - stats.norm.logpdf(z)).sum(1)
        bounds.append(numpy_cross_entropy(x64, sigmoid(dense(detector.decoder, np.c_[z, y]))) + surplus + np.log(2))
    logits = dense(detector.encoder, features) @ np.asarray(detector.classes.kernel, np.float64) + np.asarray(detector.classes.bias)
    q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    known = [bounds[int(h < 0)][i] - alpha * np.log(q[i, int(h < 0)]) for i, h in enumerate(hint) if h]
    unknown = [sum(q[i, y] * (bounds[y][i] + np.log(q[i, y])) for y in (0, 1)) for i, h in enumerate(hint) if not h]
    return (np.mean(known) if known else 0.0) + (np.mean(unknown) if unknown else 0.0)


@pytest.mark.parametrize("stack", ["m2", "m1m2"])
def test_the_loss_is_the_two_pass_enumeration_by_hand(stack):
    detector = ready(SemiDGM((6,), stack=stack, preprocess="none"))
    expected = by_hand(detector, X, HINT, 0.1 * 14 / 10)
    assert step(detector) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("hint", [np.zeros(24), -np.ones(24), np.r_[-1, np.zeros(23)]])
def test_a_batch_without_one_kind_has_no_term_of_it_and_no_nan(hint):
    detector = ready(SemiDGM((6,), preprocess="none", alpha=0.5))
    hint = hint.astype(np.int8)
    expected = by_hand(detector, X, hint, 0.5)
    assert step(detector, hint=hint) == pytest.approx(expected, rel=1e-5)
    assert all(np.isfinite(w).all() for w in detector.get_weights())


def test_the_gradient_agrees_with_finite_differences():
    keras.utils.set_random_seed(3)
    detector = ready(SemiDGM((6,), latent_dim=2, preprocess="none", alpha=0.7))
    start = [np.asarray(w, np.float64) for w in detector.trainable_weights]
    directions = [[np.random.default_rng(seed).normal(size=w.shape) for w in start] for seed in range(4)]
    slopes = []
    for direction in directions:
        ends = []
        for sign in (1, -1):
            for weight, value, along in zip(detector.trainable_weights, start, direction):
                weight.assign(value + sign * 1e-4 * along)
            ends.append(by_hand(detector, X, HINT, 0.7))
        slopes.append((ends[0] - ends[1]) / 2e-4)
    for weight, value in zip(detector.trainable_weights, start):
        weight.assign(value)
    step(detector)
    moved = [value - np.asarray(weight) for value, weight in zip(start, detector.trainable_weights)]
    for direction, slope in zip(directions, slopes):
        assert sum((a * b).sum() for a, b in zip(moved, direction)) == pytest.approx(slope, rel=2e-2, abs=2e-2)


def test_the_score_is_the_log_odds_where_the_probability_ties():
    detector = ready(SemiDGM((6,), preprocess="none"))
    logits = dense(detector.encoder, X.astype(np.float64)) @ np.asarray(detector.classes.kernel, np.float64)
    score = detector.predict(X, verbose=0)
    np.testing.assert_allclose(score, logits[:, 1] - logits[:, 0], rtol=1e-4, atol=1e-5)
    detector.classes.bias.assign([0, 60])
    probability = tf.nn.softmax(detector.logits(tf.constant(X)))[:, 1]
    assert np.ptp(probability) == 0 and len(set(detector.predict(X, verbose=0))) == len(X)


def test_m1_stays_as_it_was_and_is_saved_with_m2(tmp_path):
    vae = VAE((6,))
    vae.compile(keras.optimizers.Adam(1e-2))
    vae.fit(X, epochs=2, batch_size=8, seed=0, verbose=0)
    detector = SemiDGM((6,), stack="m1m2")
    detector.inherit(vae)
    before = vae.get_weights()
    detector.compile(keras.optimizers.Adam(1e-2))
    detector.fit(X, HINT, epochs=3, batch_size=8, seed=0, verbose=0)
    for mine, was in zip(detector.vae.get_weights(), before):
        np.testing.assert_array_equal(mine, was)
    np.testing.assert_array_equal(detector.normalizer.factor, vae.normalizer.factor)
    detector.save(tmp_path / "d.keras")
    loaded = keras.models.load_model(tmp_path / "d.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), detector.predict(X, verbose=0))
    assert weights(loaded) == weights(detector)


@pytest.mark.parametrize("kind", [VAE, SemiDGM])
def test_a_training_that_was_cut_in_two_draws_the_noise_of_one_that_was_not(kind, tmp_path):
    def begun():
        keras.utils.set_random_seed(4)
        detector = kind((6,))
        detector.compile(keras.optimizers.Adam(1e-2))
        return detector
    whole, cut, resumed = begun(), begun(), begun()
    hint = HINT if kind is SemiDGM else None
    whole.fit(Feed(X, hint, 8, seed=3), epochs=4, verbose=0)
    cut.fit(Feed(X, hint, 8, seed=3), epochs=2, verbose=0)
    checkpoints.save(tmp_path / "c.npz", cut, {})
    checkpoints.restore(tmp_path / "c.npz", resumed)
    resumed.fit(Feed(X, hint, 8, seed=3), epochs=4, initial_epoch=2, verbose=0)
    np.testing.assert_array_equal(resumed.predict(X, verbose=0), whole.predict(X, verbose=0))


def test_alpha_is_the_published_ratio_of_the_hints_unless_given():
    hint = np.r_[np.zeros(95), -np.ones(4), 1]
    assert semi_dgm.balance(hint) == pytest.approx(0.1 * (1 - 0.05) / 0.05)
    assert float(ready(SemiDGM((6,))).balance) == pytest.approx(0.1 * (14 / 24) / (10 / 24))
    assert float(ready(SemiDGM((6,), alpha=3.0)).balance) == 3
    with pytest.raises(Misuse, match="alpha.*every example is hinted"):
        semi_dgm.balance(np.r_[-1, 1, 1])


@pytest.mark.parametrize("hint", [None, np.ones(24, np.int8)])
def test_without_a_known_anomaly_it_refuses_in_one_line(hint):
    detector = SemiDGM((6,))
    detector.compile()
    with pytest.raises(Misuse, match="at least one known anomaly") as told:
        detector.fit(X, hint, verbose=0)
    assert "\n" not in str(told.value)


def test_known_anomalies_alone_rank_their_like_above_the_unhinted():
    """The study's data: no normal is hinted, so that nothing but the marginal bound says what is normal."""
    rng = np.random.default_rng(0)
    near, far = rng.normal(0.3, 0.03, (200, 6)), rng.normal(0.7, 0.03, (200, 6))
    x, hint = np.r_[near[:100], far[:20]].astype(np.float32), np.r_[np.zeros(100), -np.ones(20)].astype(np.int8)
    keras.utils.set_random_seed(0)
    detector = SemiDGM((6,), preprocess="none")
    detector.compile(keras.optimizers.Adam(3e-3))
    detector.fit(x, hint, epochs=30, batch_size=20, seed=0, verbose=0)
    score = [detector.predict(each[100:].astype(np.float32), verbose=0) for each in (near, far)]
    assert score[1].min() > score[0].max()


@pytest.mark.parametrize("arguments, told", [
    ({"preprocess": "standard"}, r"\[0, 1\]"), ({"stack": "m1m2", "network": "dense"}, "must be auto with stack=m1m2")])
def test_arguments_that_cannot_be_met_are_refused(arguments, told):
    with pytest.raises(Misuse, match=told):
        SemiDGM((6,), **arguments)


def test_stages_that_do_not_fit_are_refused():
    with pytest.raises(Misuse, match="stack=m2"):
        SemiDGM((6,), vae=VAE((6,)))
    with pytest.raises(Misuse, match="`latent_dim`"):
        SemiDGM((6,), stack="m1m2", vae=VAE((6,)), latent_dim=9)
    with pytest.raises(Misuse, match="one like it"):
        SemiDGM((6,), stack="m1m2").inherit(VAE((6,), latent_dim=3))
    detector = SemiDGM((6,), stack="m1m2")
    detector.compile()
    with pytest.raises(Misuse, match="after a trained VAE"):
        detector.fit(X, HINT, verbose=0)
    with pytest.raises(Misuse, match="given together"):
        VAE(encoder=variational.mlp((6,), (3,)))
    with pytest.raises(Misuse, match="logits"):
        VAE(encoder=variational.mlp((6,), (3,)), decoder=variational.bernoulli(2, (3,), (5,)))


def test_m1m2_fills_in_what_is_missing():
    for preprocess in ("median+auto", "median+unit"):
        detector = SemiDGM((6,), stack="m1m2", preprocess=preprocess)
        assert detector.normalizer.kind == detector.vae.normalizer.kind == "median+" + preprocess[7:].replace("auto", "minmax")
    with pytest.raises(Misuse, match="median.auto"):
        SemiDGM((6,), stack="m1m2", vae=VAE((6,)), preprocess="median+auto")
