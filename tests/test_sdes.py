"""The SDEs of `diffusion` against printed values, integrals in double precision, and one another."""
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from kerasnd import diffusion
from kerasnd.errors import Misuse

TIMES = (0.001, 0.01, 0.1, 0.5, 1.0)
# (a, sigma, g) at TIMES.
TABLE = {"vp": ((.999945, .999003, .946722, .281183, .00657159), (.0104854, .0446432, .322053, .959654, .999978),
                (.346266, .546809, 1.44568, 3.17017, 4.47214)),
         "subvp": ((.999945, .999003, .946722, .281183, .00657159), (.000109944, .00199301, .103718, .920936, .999957),
                   (.0051345, .0345056, .641138, 3.16025, 4.47214)),
         "ve": ((1, 1, 1, 1, 1), (.0100855, .010889, .0234367, .707107, 50), (.0416258, .0449421, .0967298, 2.91842, 206.364))}
OTHERS = {"vp": {"beta_min": 0.3, "beta_max": 7.0}, "subvp": {"beta_min": 0.3, "beta_max": 7.0},
          "ve": {"sigma_min": 0.05, "sigma_max": 4.0}}
named = pytest.mark.parametrize("name", diffusion.SDES)
both = pytest.mark.parametrize("sde", [diffusion.make(name, **options) for name in diffusion.SDES
                                       for options in ({}, OTHERS[name])], ids=lambda sde: type(sde).__name__)


def times(*values):
    return tf.constant(values, tf.float32)


@named
def test_printed_values(name):
    sde = diffusion.make(name)
    for got, expected in zip((sde.mean_factor, sde.deviation, sde.diffusion), TABLE[name]):
        np.testing.assert_allclose(got(times(*TIMES)), expected, rtol=2e-5)


@both
def test_marginals_solve_the_sde(sde):
    """da/dt = r a and d(sigma^2)/dt = 2 r sigma^2 + g^2, integrated in double precision from drift and diffusion alone."""
    def slope(t, state):
        t = times(t)
        rate, g = float(sde.drift_rate(t)[0]), float(sde.diffusion(t)[0])
        return [rate * state[0], 2 * rate * state[1] + g * g]
    begin = [1.0, float(sde.deviation(times(0.0))[0]) ** 2]
    ends = (0.05, 0.4, 1.0)
    solved = integrate.solve_ivp(slope, (0, 1), begin, t_eval=ends, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(sde.mean_factor(times(*ends)), solved.y[0], rtol=2e-5)
    np.testing.assert_allclose(sde.deviation(times(*ends)), np.sqrt(solved.y[1]), rtol=2e-5)


@pytest.mark.parametrize("name", ["vp", "subvp"])
def test_digits_near_zero(name):
    t = np.geomspace(1e-5, 1e-2, 50).astype(np.float32)
    integral = 0.1 * t.astype(np.float64) + 19.9 / 2 * t.astype(np.float64) ** 2
    expected = -np.expm1(-integral)
    sde = diffusion.make(name)
    np.testing.assert_allclose(sde.deviation(tf.constant(t)), np.sqrt(expected) if name == "vp" else expected, rtol=1e-6)
    beta = 0.1 + 19.9 * t.astype(np.float64)
    g = np.sqrt(beta) if name == "vp" else np.sqrt(-beta * np.expm1(-2 * integral))
    np.testing.assert_allclose(sde.diffusion(tf.constant(t)), g, rtol=1e-6)


@both
def test_the_ratio_falls_at_the_rate_of_the_likelihood_weighting(sde):
    t = tf.constant(np.geomspace(1e-4, 1, 40), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(t)
        log_ratio = sde.log_ratio(t)
    np.testing.assert_allclose(log_ratio, 2 * np.log(sde.mean_factor(t) / sde.deviation(t)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tape.gradient(log_ratio, t), -sde.rate(t), rtol=1e-4)
    np.testing.assert_allclose(sde.time_of(log_ratio), t, rtol=2e-5, atol=2e-7)


def test_the_weight_of_ve_is_constant():
    np.testing.assert_allclose(diffusion.make("ve").rate(times(*TIMES)), 17.0344, rtol=1e-4)


@both
def test_importance_times_have_their_distribution(sde):
    """Up to the time of u lies the share u of the integral of g^2 / sigma^2."""
    def density(log_t):
        t = times(np.exp(log_t))
        return float(sde.rate(t)[0]) * np.exp(log_t)
    u = np.linspace(0, 1, 6)
    at = sde.importance_times(tf.constant(u, tf.float32)).numpy()
    shares = [integrate.quad(density, *np.log(pair), epsabs=1e-4, epsrel=1e-4)[0] for pair in zip(at, at[1:])]
    assert at[0] == pytest.approx(1e-5, abs=5e-8) and at[-1] == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(np.cumsum(shares) / float(sde.importance_weight), u[1:], atol=1e-4)


def test_the_printed_importance_weight():
    assert float(diffusion.make("vp").importance_weight) == pytest.approx(23.864, abs=1e-3)


@both
def test_a_step_between_two_times_joins_their_marginals(sde):
    early, late = times(1e-3, 0.1, 0.5, 0.99), times(2e-3, 0.3, 0.9, 1.0)
    step = sde.between(early, late)
    np.testing.assert_allclose(step.factor * sde.mean_factor(early), sde.mean_factor(late), rtol=1e-5)
    variance = tf.square(step.factor * sde.deviation(early)) + tf.square(step.spread)
    np.testing.assert_allclose(variance, tf.square(sde.deviation(late)), rtol=1e-5)
    data = sde.to_data(late)
    np.testing.assert_allclose([data.factor, data.spread], [sde.mean_factor(late), sde.deviation(late)])


@named
def test_published_steps(name):
    """The arrays of the published classes: betas or sigmas of N steps."""
    n, sde = 50, diffusion.make(name)
    steps = [sde.discrete(i, n) for i in range(n)]
    times_, lengths, factors, spreads, backs = np.transpose([[float(each) for each in step] for step in steps])
    np.testing.assert_allclose(times_[::-1], np.linspace(1, sde.sample_until, n), rtol=1e-5)
    np.testing.assert_allclose(lengths, 1 / n, rtol=1e-6)
    betas = np.linspace(0.1 / n, 20 / n, n)
    if name == "vp":
        np.testing.assert_allclose(factors, np.sqrt(1 - betas), rtol=1e-5)
        np.testing.assert_allclose(spreads, np.sqrt(betas), rtol=1e-5)
        np.testing.assert_allclose(backs, np.sqrt(betas), rtol=1e-5)
    if name == "ve":
        sigmas = np.geomspace(0.01, 50, n)
        before = np.append(0, sigmas[:-1])
        np.testing.assert_allclose(spreads, np.sqrt(sigmas ** 2 - before ** 2), rtol=1e-5)
        np.testing.assert_allclose(backs, np.sqrt(before ** 2 * (sigmas ** 2 - before ** 2)) / sigmas, rtol=1e-5)
        np.testing.assert_allclose(factors, 1)
    if name == "subvp":
        np.testing.assert_allclose(factors, 1 - (0.1 + 19.9 * times_) / n / 2, rtol=1e-5)
        np.testing.assert_allclose(spreads, sde.diffusion(times(*times_)) / np.sqrt(n), rtol=1e-5)


@named
def test_examples_of_any_rank(name):
    sde, rng = diffusion.make(name), np.random.default_rng(0)
    x, z = rng.normal(size=(2, 3, 2, 4, 1)).astype(np.float32)
    t = times(0.1, 0.5, 0.9)
    flat = sde.perturbed(tf.reshape(x, (3, 8)), t, tf.reshape(z, (3, 8)))
    np.testing.assert_array_equal(tf.reshape(sde.perturbed(tf.constant(x), t, tf.constant(z)), (3, 8)), flat)
    for i in range(3):
        expected = float(sde.mean_factor(t)[i]) * x[i] + float(sde.deviation(t)[i]) * z[i]
        np.testing.assert_allclose(tf.reshape(flat[i], (2, 4, 1)), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(sde.drift(tf.constant(x), t)[i], float(sde.drift_rate(t)[i]) * x[i], rtol=1e-5)
    prior = stats.norm(scale=sde.prior_deviation).logpdf(x).sum((1, 2, 3))
    np.testing.assert_allclose(sde.log_prior(tf.constant(x)), prior, rtol=1e-5)


@pytest.mark.parametrize("call, told", [
    (lambda: diffusion.make("sub_vp"), "`sde` must be one of vp, subvp, ve. Received: sde=sub_vp. Did you mean 'subvp'?"),
    (lambda: diffusion.make("vp", sigma_min=0.1), "`sigma_min` must be one of beta_min, beta_max for vp."),
    (lambda: diffusion.make("vp", beta_min=0), "`beta_min` must be a number in (0, inf)."),
    (lambda: diffusion.make("subvp", beta_min=3, beta_max=2), "`beta_max` must be a number in [3, inf)."),
    (lambda: diffusion.make("ve", sigma_max=0.01), "`sigma_max` must be a number in (0.01, inf)."),
    (lambda: diffusion.make("vp").discrete(0, 20), "`steps` must be above 20")])
def test_what_is_refused(call, told):
    with pytest.raises(Misuse) as error:
        call()
    assert str(error.value).startswith(told) and "\n" not in str(error.value)
