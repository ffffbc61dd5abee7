"""The variational autoencoder and the terms of its bound, against NumPy, SciPy and closed forms."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from variational_by_hand import RNG, X, dense, gaussian, numpy_cross_entropy, ready, sigmoid, step

from kerasnd.methods.vae import VAE, cross_entropy, divergence, drawn
from kerasnd.networks import variational


def test_weights_begin_as_glorots_normal_ones_those_of_the_lenet_too():
    encoder = variational.lenet("mnist_lenet", (28, 28, 1))
    kernels = [layer.kernel for layer in encoder.layers if isinstance(layer, keras.layers.Dense)]
    kernels += [layer.kernel for layer in variational.mlp((784,), (128, 64)).layers[1:]]
    for kernel in map(np.asarray, kernels):
        assert kernel.std() == pytest.approx(np.sqrt(2 / sum(kernel.shape)), rel=0.05)
        assert abs(stats.kurtosis(kernel.ravel())) < 0.8        # a uniform draw's is -1.2


def test_the_cross_entropy_is_finite_at_certainty_and_sees_values_outside_as_the_nearest_inside():
    sure = cross_entropy(tf.constant([[0., 1., 1.]]), tf.constant([[-200., 200., -200.]]))
    assert float(sure[0]) == pytest.approx(200)
    outside, logits = cross_entropy(tf.constant([[-3., 7.]]), [[.5, .5]]), cross_entropy(tf.constant([[0., 1.]]), [[.5, .5]])
    assert float(outside[0]) == pytest.approx(float(logits[0]))


def test_the_drawn_divergence_is_the_difference_of_log_densities_and_in_the_mean_the_closed_form():
    mean, spread, noise = RNG.normal(size=(5, 3)), RNG.random((5, 3)), RNG.normal(size=(5, 3))
    z, surplus = drawn(*map(tf.constant, (mean, spread, noise)))
    by_hand = mean + np.exp(spread / 2) * noise
    np.testing.assert_allclose(z, by_hand)
    np.testing.assert_allclose(surplus, (stats.norm.logpdf(by_hand, mean, np.exp(spread / 2)) - stats.norm.logpdf(by_hand)).sum(1))
    many = drawn(*(np.repeat(each[:1], 200_000, 0) for each in (mean, spread)), RNG.normal(size=(200_000, 3)))[1]
    assert np.mean(many) == pytest.approx(float(divergence(mean, spread)[0]), abs=0.02)


def test_the_variance_is_never_below_one_as_published():
    _, log_variance = variational.gaussian(6, (8,), 4, "q")(100 * RNG.normal(size=(50, 6)))
    assert log_variance.numpy().min() >= 0


def test_the_loss_of_a_vae_step_is_the_bound_by_hand_with_the_noise_of_that_step():
    detector = ready(VAE((6,), preprocess="none"))
    mean, spread = gaussian(detector.heads, dense(detector.encoder, X.astype(np.float64)))
    noise = detector.noise(len(X), 4).numpy()
    z = mean + np.exp(spread / 2) * noise
    surplus = (stats.norm.logpdf(z, mean, np.exp(spread / 2)) - stats.norm.logpdf(z)).sum(1)
    expected = (numpy_cross_entropy(X, sigmoid(dense(detector.decoder, z))) + surplus).mean()
    assert step(detector) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("score_by", ["reconstruction", "negative_elbo"])
def test_the_score_of_a_vae_needs_no_chance(score_by):
    detector = ready(VAE((6,), preprocess="none", score_by=score_by))
    mean, spread = gaussian(detector.heads, dense(detector.encoder, X.astype(np.float64)))
    expected = numpy_cross_entropy(X, sigmoid(dense(detector.decoder, mean)))
    if score_by == "negative_elbo":
        expected += 0.5 * (mean ** 2 + np.exp(spread) - spread - 1).sum(1)
    np.testing.assert_allclose(detector.predict(X, verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(detector.reconstruct(tf.constant(X)), sigmoid(dense(detector.decoder, mean)), rtol=1e-4)
    np.testing.assert_allclose(detector.encode(tf.constant(X)), mean, rtol=1e-4, atol=1e-6)


def test_the_noise_is_normal_and_of_its_seed_step_and_stream_alone():
    keras.utils.set_random_seed(1)
    detector = ready(VAE((6,)))
    first = detector.noise(4000, 4).numpy()
    assert stats.kstest(first.ravel(), "norm").pvalue > 0.01
    np.testing.assert_array_equal(first, detector.noise(4000, 4))
    other = [detector.noise(4000, 4, stream=1)]
    step(detector)
    other.append(detector.noise(4000, 4))
    keras.utils.set_random_seed(2)
    other.append(ready(VAE((6,))).noise(4000, 4))
    for each in other:
        assert abs(np.corrcoef(first.ravel(), each.numpy().ravel())[0, 1]) < 0.05
