"""Densities of one variable, against SciPy's."""
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special, stats

from kerasnd import densities

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("beta", [0.7, 1.0, 2.0, 4.0])
def test_the_fit_is_at_least_as_likely_as_scipys(beta):
    sample = stats.gennorm.rvs(beta, loc=-3, scale=0.2, size=1500, random_state=np.random.default_rng(int(10 * beta)))
    theirs = stats.gennorm.logpdf(sample, *stats.gennorm.fit(sample, 2.0, loc=0, scale=1)).mean()
    fitted = densities.fit_generalised_normal(sample[:, None])[:, 0]
    assert stats.gennorm.logpdf(sample, *fitted).mean() > theirs - 1e-4
    assert fitted == pytest.approx([beta, -3, 0.2], rel=0.4)


def test_its_density_is_scipys():
    parameters = np.array([[1.0, 2.0, 7.0], [0.0, -2.0, 5.0], [1.0, 0.5, 3.0]], np.float32)
    v = RNG.normal(0, 3, (50, 3)).astype(np.float32)
    found = densities.log_generalised_normal(tf.constant(v), tf.constant(parameters)).numpy()
    wanted = stats.gennorm.logpdf(v.astype(np.float64), *parameters.astype(np.float64))
    assert wanted.min() > -np.exp(densities.LARGEST)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_it_is_finite_and_falls_however_far_a_value_is():
    parameters = tf.constant(densities.fit_generalised_normal(RNG.normal(size=(300, 1))), tf.float32)
    found = densities.log_generalised_normal(tf.constant([[0.0], [10.0], [1e3], [1e6], [1e20]]), parameters).numpy()[:, 0]
    assert np.isfinite(found).all() and (np.diff(found) <= 0).all() and (np.diff(found[:4]) < 0).all()


@pytest.mark.parametrize("sample", [np.full((9, 1), 4.0), np.zeros((9, 1)), np.r_[np.zeros(99), 1.0][:, None], np.array([[3.0]])])
def test_a_variable_that_hardly_varies_has_a_density(sample):
    fitted = densities.fit_generalised_normal(sample)
    edges, kept = densities.fit_histogram(sample)
    assert np.isfinite(fitted).all() and fitted[2] > 0 and np.isfinite(kept).all() and edges[0] < edges[1]


def test_a_histogram_is_numpys_and_integrates_to_one():
    sample = RNG.gamma(3.0, size=(5000, 2))
    edges, kept = densities.fit_histogram(sample)
    for each in range(2):
        heights, own = np.histogram(sample[:, each], densities.BINS, density=True)
        np.testing.assert_allclose(np.exp(kept[heights > 0, each]), heights[heights > 0])
        np.testing.assert_allclose(edges[:, each], own[[0, -1]])
        middles = (own[1:] + own[:-1]) / 2
        both = tf.constant(np.repeat(middles[:, None], 2, axis=1), tf.float32)
        found = densities.log_histogram(both, tf.constant(edges, tf.float32), tf.constant(kept, tf.float32)).numpy()[:, each]
        np.testing.assert_allclose(found, kept[:, each], rtol=1e-5)
        assert (np.exp(found) * np.diff(own)).sum() == pytest.approx(1, abs=0.02)


def test_beyond_the_edges_a_histogram_has_its_outermost_bin():
    edges, kept = (tf.constant(each, tf.float32) for each in densities.fit_histogram(RNG.normal(size=(200, 1))))
    v = tf.constant([[-1e9], [1e9], [edges[0, 0].numpy()], [edges[1, 0].numpy()]])
    np.testing.assert_allclose(densities.log_histogram(v, edges, kept).numpy()[:, 0], kept.numpy()[[0, -1, 0, -1], 0])
    far = densities.beyond(v, edges).numpy()
    assert far[2:].tolist() == [[0.0], [0.0]] and (far[:2] > 1e6).all()


@pytest.mark.parametrize("dimension", [1, 2, 3, 7])
def test_the_surface_of_a_sphere(dimension):
    found = densities.log_sphere(dimension, tf.constant([1.5])).numpy()[0]
    known = {1: 2.0, 2: 2 * np.pi * 1.5, 3: 4 * np.pi * 1.5 ** 2}.get(dimension)
    # otherwise from the volume of the ball: its derivative by the radius
    ball = np.pi ** (dimension / 2) / special.gamma(dimension / 2 + 1)
    assert np.exp(found) == pytest.approx(known or dimension * ball * 1.5 ** (dimension - 1), rel=1e-5)


def test_a_radial_density_integrates_to_one_over_the_plane():
    density = lambda r: np.exp(stats.gamma.logpdf(r, 4) - densities.log_sphere(2, tf.constant([r], tf.float64)).numpy()[0])
    total = integrate.quad(lambda r: 2 * np.pi * r * density(r), 1e-9, 60)[0]
    assert total == pytest.approx(1, abs=1e-6)
