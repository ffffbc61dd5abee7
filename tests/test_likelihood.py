"""Densities of `diffusion` against SciPy's normal distribution, and the loss that trains a score against its expectation."""
import numpy as np
import pytest
import tensorflow as tf
from exact_scores import correlated_score, normal_score
from scipy import integrate, stats

from kerasnd import diffusion
from kerasnd.errors import Misuse

MEAN = np.array([0.3, -0.2, 0.1])
ROOT = np.array([[0.5, 0, 0], [0.3, 0.4, 0], [-0.2, 0.1, 0.3]])
COVARIANCE = ROOT @ ROOT.T
named = pytest.mark.parametrize("name", diffusion.SDES)


def correlated(n):
    return (MEAN + np.random.default_rng(0).normal(size=(n, 3)) @ ROOT.T).astype(np.float32)


def density(sde, score, x, **options):
    @tf.function(autograph=False)
    def found(x):
        return diffusion.log_density(sde, score, x, **options)
    return found(tf.constant(x)).numpy()


@named
def test_a_correlated_normal_distribution(name):
    """ve perturbs by sigma_min from the start. Mean zero: the prior's is zero, and vp and subvp keep 0.7 % of another at t = 1."""
    sde, x = diffusion.make(name), correlated(200) - MEAN.astype(np.float32)
    covariance = COVARIANCE + (name == "ve") * 1e-4 * np.eye(3)
    found = density(sde, correlated_score(sde, 0 * MEAN, COVARIANCE), x, steps=400, probes=0)
    assert found.dtype == np.float32
    expected = stats.multivariate_normal(cov=covariance).logpdf(x)
    assert found.mean() == pytest.approx(expected.mean(), abs=1e-3)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_images_and_one_probe_for_independent_values():
    """A diagonal Jacobian has v^T J v = tr J for every vector of signs."""
    sde, x = diffusion.make("subvp"), np.random.default_rng(0).normal(0.5, 0.2, (5, 2, 2, 1)).astype(np.float32)
    one, exact = (density(sde, normal_score(sde), x, steps=150, probes=probes, spacing="quadratic") for probes in (1, 0))
    np.testing.assert_allclose(one, exact, atol=1e-4)
    np.testing.assert_allclose(one, stats.norm(0.5, 0.2).logpdf(x).sum((1, 2, 3)), atol=0.04)


def test_probes_have_no_bias_and_a_seed():
    sde, x = diffusion.make("vp"), np.repeat(correlated(1), 4000, axis=0)
    score = correlated_score(sde, MEAN, COVARIANCE)
    exact = density(sde, score, x[:1], steps=50, probes=0)[0]

    @tf.function(autograph=False)
    def probed(x, seed, first):
        return diffusion.log_density(sde, score, x, 50, seed, 2, first=first)
    found, again, other, part = (probed(tf.constant(x[:n]), tf.constant(seed), tf.constant(first)).numpy() for n, seed, first in (
        (4000, 0, 0), (4000, 0, 0), (4000, 1, 0), (500, 0, 1000)))
    assert abs(found.mean() - exact) < 4 * found.std() / 4000 ** 0.5 and found.std() > 0.1
    np.testing.assert_array_equal(found, again)
    assert np.mean(np.abs(found - other) > 1e-3) > 0.5
    np.testing.assert_allclose(part, found[1000:1500], atol=1e-3)


def nodes():
    """(x, z, weight): nine points that integrate squares over x ~ N(0.5, 0.2^2) and z ~ N(0, 1) exactly."""
    node, weight = np.polynomial.hermite_e.hermegauss(3)
    x, z = np.meshgrid(0.5 + 0.2 * node, node)
    x, z = (each.astype(np.float32).reshape(-1, 1) for each in (x, z))
    return x, z, np.outer(weight, weight).ravel() / weight.sum() ** 2


def expected_loss(sde, score, t, **options):
    """float, the loss at one time, over all examples and all noise."""
    x, z, weight = nodes()
    return float(weight @ diffusion.denoising_loss(sde, score, tf.constant(x), tf.fill((9,), t), tf.constant(z), **options).numpy())


def least_loss(sde, t):
    """float, in closed form: what of the noise no score can tell from the data."""
    a, sigma = float(sde.mean_factor(tf.constant(t))), float(sde.deviation(tf.constant(t)))
    return a * a * 0.04 / (a * a * 0.04 + sigma ** 2)


@named
@pytest.mark.parametrize("t", [0.01, 0.2, 0.6])
def test_the_exact_score_has_the_least_loss(name, t):
    sde = diffusion.make(name)
    score = normal_score(sde)
    least = expected_loss(sde, score, t)
    assert least == pytest.approx(least_loss(sde, t), rel=1e-3)
    for wrong in (lambda x, t: 1.05 * score(x, t), lambda x, t: 0.95 * score(x, t), lambda x, t: score(x + 0.05, t)):
        assert expected_loss(sde, wrong, t) > least
    g_squared = float(sde.diffusion(tf.constant(t))) ** 2 / float(sde.deviation(tf.constant(t))) ** 2
    assert expected_loss(sde, score, t, weighting="likelihood") == pytest.approx(g_squared * least, rel=1e-4)


def test_for_ve_weightings_differ_by_a_factor():
    sde = diffusion.make("ve")
    x, z, t = tf.ones((4, 2, 2)), tf.ones((4, 2, 2)) / 3, tf.constant([1e-5, 0.1, 0.5, 1.0])
    losses = [diffusion.denoising_loss(sde, lambda x, t: -x, x, t, z, weighting) for weighting in diffusion.WEIGHTINGS]
    np.testing.assert_allclose(losses[1] / losses[0], 17.0344, rtol=1e-4)
    np.testing.assert_allclose(losses[2] / losses[0], 17.0344, rtol=1e-4)


@named
def test_importance_has_the_mean_of_likelihood(name):
    sde = diffusion.make(name)
    u = tf.constant((np.arange(4000) + 0.5) / 4000, tf.float32)
    at = diffusion.training_times(sde, u, "importance").numpy()
    found = float(sde.importance_weight) * np.mean([least_loss(sde, t) for t in at[::8]])

    def likelihood(log_t):
        t = tf.constant(np.exp(log_t), tf.float32)
        return float(sde.rate(t)) * least_loss(sde, np.exp(log_t)) * np.exp(log_t)
    assert found == pytest.approx(integrate.quad(likelihood, np.log(1e-5), 0, epsrel=1e-4)[0], rel=0.005)


def test_times_and_reductions():
    sde, rng = diffusion.make("vp"), np.random.default_rng(0)
    times = diffusion.training_times(sde, tf.constant([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(times, [1e-5, 0.500005, 1], rtol=1e-5)
    x, z = (tf.constant(rng.normal(size=(3, 2, 4)), tf.float32) for _ in range(2))
    mean, half = (diffusion.denoising_loss(sde, normal_score(sde), x, times, z, reduce_mean=way) for way in (True, False))
    assert mean.shape == (3,)
    np.testing.assert_allclose(half, 4 * mean, rtol=1e-6)


@pytest.mark.parametrize("call, told", [
    (lambda sde: diffusion.log_density(sde, normal_score(sde), tf.zeros((2, 3)), probes=-1), "`probes` must be a whole number"),
    (lambda sde: diffusion.log_density(sde, normal_score(sde), tf.zeros((2, 3)), steps=1), "`steps` must be a whole number"),
    (lambda sde: diffusion.log_density(sde, normal_score(sde), tf.zeros((2, 3)), spacing="log"), "`spacing` must be one of"),
    (lambda sde: diffusion.log_density(sde, lambda x, t: tf.zeros((2, 3)), tf.zeros((2, 3))), "`score` must have a derivative"),
    (lambda sde: diffusion.training_times(sde, tf.zeros(2), "g"), "`weighting` must be one of sigma, likelihood, importance.")])
def test_what_is_refused(call, told):
    with pytest.raises(Misuse) as error:
        call(diffusion.make("vp"))
    assert str(error.value).startswith(told) and "\n" not in str(error.value)
