"""The samplers of `diffusion` with known scores: against the data, and against their own recursions in double precision."""
import functools

import numpy as np
import pytest
import tensorflow as tf
from exact_scores import normal_score

from kerasnd import diffusion
from kerasnd.diffusion import noise
from kerasnd.errors import Misuse

CHAINS = 20_000
KINDS = [(name, sampler) for name in diffusion.SDES for sampler in diffusion.SAMPLERS if (name, sampler) != ("subvp", "ancestral")]


@functools.cache
def graph(name, sampler, spacing):
    """One graph for all sizes, steps and seeds."""
    sde = diffusion.make(name)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((), kind) for kind in (tf.int32,) * 4 + (tf.float32,)])
    def draw(n, steps, seed, first, deviation):
        score = normal_score(sde, deviation=deviation)
        return diffusion.sample(sde, score, (n, 1), steps, sampler, seed, spacing=spacing, first=first)
    return draw


def drawn(name, sampler, steps, n=CHAINS, spacing="published", deviation=0.2, seed=0, first=0):
    """float32 (n, 1), by a score of N(0.5, deviation^2)."""
    return graph(name, sampler, spacing)(n, steps, seed, first, deviation).numpy()


def like_the_data(x):
    """x are draws of N(0.5, 0.2^2)."""
    return x.mean() == pytest.approx(0.5, abs=0.01) and x.std() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("name, sampler", KINDS)
def test_an_exact_score_gives_the_data(name, sampler):
    x = drawn(name, sampler, 40 if sampler == "probability_flow" else 150)
    assert x.shape == (CHAINS, 1) and x.dtype == np.float32 and like_the_data(x)


def published(name, sampler, n, mean=0.5, variance=0.04):
    """(mean, deviation) of the published sampler of N steps: each is linear in x, so both follow a recursion."""
    until = 1e-5 if name == "ve" else 1e-3
    betas, sigmas = np.linspace(0.1 / n, 20 / n, n), np.geomspace(0.01, 50, n)
    m, v = 0.0, 2500.0 if name == "ve" else 1.0
    for k, t in enumerate(np.linspace(1, until, n)):
        i = n - 1 - k
        beta, integral = 0.1 + 19.9 * t, 0.1 * t + 19.9 / 2 * t * t
        sigma = {"vp": np.sqrt(1 - np.exp(-integral)), "subvp": 1 - np.exp(-integral), "ve": 0.01 * 5000 ** t}[name]
        a = 1 if name == "ve" else np.exp(-integral / 2)
        slope, shift = np.array([-1, a * mean]) / (a * a * variance + sigma ** 2)      # s = slope x + shift
        if sampler == "euler_maruyama":
            g2 = {"vp": beta, "subvp": beta * (1 - np.exp(-2 * integral)), "ve": sigma ** 2 * 2 * np.log(5000)}[name]
            keep, gain, added = 1 + (0 if name == "ve" else beta / 2 / n), g2 / n, g2 / n
        elif name == "ve":
            before = sigmas[i - 1] if i else 0
            gain = sigmas[i] ** 2 - before ** 2
            keep, added = 1, gain * (before / sigmas[i]) ** 2 if sampler == "ancestral" else gain
        elif sampler == "reverse_diffusion":
            keep, gain, added = 2 - np.sqrt(1 - betas[i]), betas[i], betas[i]
        else:
            keep, gain, added = 1 / np.sqrt(1 - betas[i]), betas[i] / np.sqrt(1 - betas[i]), betas[i]
        m, v = (keep + gain * slope) * m + gain * shift, (keep + gain * slope) ** 2 * v
        final, v = v, v + added
    return m, np.sqrt(final)


@pytest.mark.parametrize("name, sampler", [("vp", "euler_maruyama"), ("subvp", "euler_maruyama"), ("ve", "euler_maruyama"),
                                           ("vp", "reverse_diffusion"), ("ve", "reverse_diffusion"), ("vp", "ancestral"),
                                           ("ve", "ancestral")])
def test_few_steps_err_as_the_published_recursion_does(name, sampler):
    mean, deviation = published(name, sampler, 25)
    x = drawn(name, sampler, 25)
    assert x.mean() == pytest.approx(mean, abs=5 * deviation / CHAINS ** 0.5)
    assert x.std() == pytest.approx(deviation, rel=4 / (2 * CHAINS) ** 0.5)


@pytest.mark.parametrize("sampler, spacing", [("euler_maruyama", "quadratic"), ("ancestral", "log_ratio"),
                                              ("reverse_diffusion", "uniform")])
def test_other_spacings_give_the_data_too(sampler, spacing):
    assert like_the_data(drawn("vp", sampler, 250, spacing=spacing))


def test_narrow_data_by_few_steps():
    """The last published step goes far beyond zero."""
    far, near = (drawn("vp", "euler_maruyama", 100, 4000, spacing, deviation=0.01) for spacing in ("published", "quadratic"))
    assert abs(near.std() - 0.01) < 0.002 < 0.01 < abs(far.std() - 0.01)


@pytest.mark.parametrize("name, start, sampler, spacing", [
    ("vp", 0.1, "euler_maruyama", "quadratic"), ("vp", 0.1, "ancestral", "published"),
    ("ve", 0.4, "reverse_diffusion", "published"), ("subvp", 0.2, "euler_maruyama", "quadratic"),
    ("vp", 0.1, "probability_flow", "published")])
def test_a_start_from_examples_keeps_what_the_noise_leaves_of_them(name, start, sampler, spacing):
    """x -> x_t -> x' is reversible: by steps with noise the correlation of x and x' is the share of x in x_t's variance."""
    sde = diffusion.make(name)
    x = np.random.default_rng(0).normal(0.5, 0.2, (CHAINS, 1)).astype(np.float32)

    @tf.function(autograph=False)
    def draw(x):
        return diffusion.sample(sde, normal_score(sde), x.shape, 100, sampler, spacing=spacing, x=x, start=start)
    near = draw(tf.constant(x)).numpy()
    signal = 0.04 * float(sde.mean_factor(tf.constant(start))) ** 2
    share = signal / (signal + float(sde.deviation(tf.constant(start))) ** 2)
    assert 0.1 < share < 0.9 and like_the_data(near)
    expected = share ** 0.5 if sampler == "probability_flow" else share
    assert np.corrcoef(x[:, 0], near[:, 0])[0, 1] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("sampler", ["euler_maruyama", "ancestral", "predictor_corrector", "probability_flow"])
def test_the_same_seed_gives_the_same_bits(sampler):
    one, same, other = (drawn("vp", sampler, 25, 50, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).min() > 1e-6


@pytest.mark.parametrize("sampler", ["euler_maruyama", "ancestral", "probability_flow"])
def test_an_example_does_not_depend_on_how_many_are_drawn_with_it(sampler):
    whole = drawn("vp", sampler, 25, 50)
    np.testing.assert_allclose(drawn("vp", sampler, 25, 20), whole[:20], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(drawn("vp", sampler, 25, 17, first=33), whole[33:], rtol=1e-5, atol=1e-6)


def test_images_are_drawn_like_flat_values():
    sde = diffusion.make("vp")
    image, flat = (diffusion.sample(sde, normal_score(sde), (3, *example), 22) for example in ((2, 2, 3), (12,)))
    np.testing.assert_allclose(tf.reshape(image, (3, 12)), flat, rtol=1e-5, atol=1e-6)


def test_noise_is_normal_and_independent():
    draws = [noise.normal((20_000, 3), seed, stream).numpy() for seed, stream in ((0, 0), (0, 1), (1, 0), (1, 1))]
    np.testing.assert_allclose(np.cov(np.concatenate(draws, axis=1).T), np.eye(12), atol=0.04)
    np.testing.assert_array_equal(noise.normal((9, 3), 1, 1, first=123), draws[3][123:132])
    assert set(np.unique(noise.signs((50, 2), 0, 0))) == {-1.0, 1.0}


@pytest.mark.parametrize("sampler, spacing, calls", [
    ("euler_maruyama", "published", 10), ("reverse_diffusion", "uniform", 10), ("predictor_corrector", "published", 30),
    ("probability_flow", "published", 19)])
def test_how_often_the_score_is_asked_in_one_graph(sampler, spacing, calls):
    sde, counter, traced = diffusion.make("ve"), tf.Variable(0), []
    exact = normal_score(sde)

    def score(x, t):
        assert t.shape.rank == 1
        counter.assign_add(1)
        return exact(x, t)

    @tf.function(autograph=False)
    def draw(n, steps, seed):
        traced.append(sampler)
        return diffusion.sample(sde, score, (n, 2), steps, sampler, seed, corrector_steps=2, spacing=spacing)
    shapes = [draw(*map(tf.constant, (n, steps, seed))).shape for n, steps, seed in ((3, 10, 0), (3, 10, 1), (5, 20, 0))]
    assert shapes == [(3, 2), (3, 2), (5, 2)] and len(traced) == 1
    counter.assign(0)
    draw(tf.constant(3), tf.constant(10), tf.constant(0))
    assert int(counter) == calls


@pytest.mark.parametrize("name, options, told", [
    ("vp", {"sampler": "euler"}, "`sampler` must be one of euler_maruyama, reverse_diffusion, ancestral, predictor_corrector, "),
    ("vp", {"spacing": "even"}, "`spacing` must be one of published, uniform, quadratic, log_ratio."),
    ("subvp", {"sampler": "ancestral"}, "`sampler` must be another than ancestral for subvp"),
    ("vp", {"steps": 1}, "`steps` must be a whole number of at least 2."),
    ("vp", {"steps": 20, "sampler": "ancestral"}, "`steps` must be above 20"),
    ("vp", {"snr": 0}, "`snr` must be a number in (0, inf)."),
    ("vp", {"corrector_steps": 0}, "`corrector_steps` must be a whole number of at least 1."),
    ("vp", {"start": 0.5}, "`start` must be 1 where nothing is given to begin with."),
    ("vp", {"start": 0.001, "x": tf.zeros((2, 1))}, "`start` must be a number in (0.001, 1].")])
def test_what_is_refused(name, options, told):
    sde = diffusion.make(name)
    with pytest.raises(Misuse) as error:
        diffusion.sample(sde, normal_score(sde), (2, 1), **{"steps": 30, **options})
    assert str(error.value).startswith(told) and "\n" not in str(error.value)
