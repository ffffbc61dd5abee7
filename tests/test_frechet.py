"""The Frechet distance against closed forms and SciPy's matrix root; principal components and neighbours against scikit-learn."""
import numpy as np
import pytest
from scipy import linalg
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from kerasnd import frechet
from kerasnd.errors import BadData, Misuse
from kerasnd.frechet import Moments, PixelFeatures, distance, moments, nearest


def gaussian(mean, covariance):
    return Moments(10, np.asarray(mean, float), np.asarray(covariance, float))


def positive(k, rng, rank=None):
    root = rng.normal(size=(k, rank or k))
    return root @ root.T


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_equal_gaussians_are_at_distance_zero(rng):
    for rank in (30, 4):
        one = gaussian(rng.normal(size=30), positive(30, rng, rank))
        assert 0 <= distance(one, one) < 1e-9 * np.trace(one.covariance)


def test_a_shift_costs_its_square(rng):
    covariance, shift = positive(5, rng), rng.normal(size=5)
    assert distance(gaussian(np.zeros(5), covariance), gaussian(shift, covariance)) == pytest.approx(shift @ shift)


def test_covariances_that_commute_have_a_closed_form(rng):
    turn = linalg.qr(rng.normal(size=(6, 6)))[0]
    one, two = rng.uniform(0, 4, 6), rng.uniform(0, 4, 6)
    one[:2] = 0         # singular
    for basis in (np.eye(6), turn):
        first, second = (gaussian(np.zeros(6), basis @ np.diag(values) @ basis.T) for values in (one, two))
        assert distance(first, second) == pytest.approx(np.sum((np.sqrt(one) - np.sqrt(two)) ** 2))
    assert distance(gaussian([3], [[4]]), gaussian([0], [[1]])) == pytest.approx(10)


@pytest.mark.parametrize("seed", range(4))
def test_random_covariances_agree_with_the_matrix_root(seed):
    rng = np.random.default_rng(seed)
    first, second = (gaussian(rng.normal(size=12), positive(12, rng)) for _ in range(2))
    root = linalg.sqrtm(first.covariance @ second.covariance).real
    expected = np.sum((first.mean - second.mean) ** 2) + np.trace(first.covariance + second.covariance - 2 * root)
    assert distance(first, second) == pytest.approx(expected) == pytest.approx(distance(second, first))


def test_moments_of_batches_are_those_of_the_whole(rng):
    x = rng.normal(1e4, 1, (101, 7))
    at_once, streamed = moments(x), moments(part for part in (x[:40], x[40:41], x[:0], x[41:]))
    for one in (at_once, streamed):
        assert one.n == 101
        np.testing.assert_allclose(one.mean, x.mean(0), rtol=1e-12)
        np.testing.assert_allclose(one.covariance, np.cov(x.T), atol=1e-9)
    assert moments(x.astype(np.float32)).covariance.dtype == np.float64


@pytest.mark.parametrize("n, sides", [(60, (4, 3, 2)), (20, (8, 5))])
def test_pixel_features_are_the_principal_components(rng, n, sides, monkeypatch):
    x = rng.integers(0, 256, (n, *sides)).astype(np.uint8)
    for block in (2048, 16):        # by the covariance of values, or by products of examples; in one block, or in several
        monkeypatch.setattr(frechet, "BLOCK", block)
        features = PixelFeatures(x, 8)
        expected = PCA(8, svd_solver="full").fit(x.reshape(n, -1).astype(float))
        assert np.all(features.axes[np.abs(features.axes).argmax(0), np.arange(8)] > 0)
        np.testing.assert_allclose(np.abs(features(x)), np.abs(expected.transform(x.reshape(n, -1))), atol=1e-6)
    assert PixelFeatures(x[:5], 8)(x).shape == (n, 4)       # five points span four dimensions
    monkeypatch.setattr(frechet, "WIDEST", 10)              # wide examples: 16 of them at most, evenly spaced
    np.testing.assert_array_equal(PixelFeatures(x, 3).axes, PixelFeatures(x[::-(-n // 16)], 3).axes)
    flat = PixelFeatures(np.ones((5, 3)))
    assert flat(np.ones((2, 3))).shape == (2, 0)


@pytest.mark.parametrize("block", [2048, 7])
def test_nearest_examples_are_scikit_learns(rng, block, monkeypatch):
    monkeypatch.setattr(frechet, "BLOCK", block)
    training, samples = rng.normal(size=(50, 3, 2)), rng.normal(size=(20, 3, 2))
    found = nearest(samples, training)
    neighbours = NearestNeighbors().fit(training.reshape(50, -1))
    apart, index = neighbours.kneighbors(samples.reshape(20, -1), 1)
    np.testing.assert_array_equal(found.index, index[:, 0])
    np.testing.assert_allclose(found.distance, apart[:, 0])
    np.testing.assert_allclose(found.usual, neighbours.kneighbors(n_neighbors=1)[0][:, 0])
    held_out = rng.normal(size=(9, 3, 2))
    np.testing.assert_allclose(nearest(samples, training, held_out).usual,
                               neighbours.kneighbors(held_out.reshape(9, -1), 1)[0][:, 0])


def test_copies_are_told_and_new_examples_are_not(rng):
    training = rng.integers(0, 256, (40, 5, 5)).astype(np.uint8)
    new = rng.integers(0, 256, (30, 5, 5)).astype(np.uint8)
    assert nearest(new, training).share_copied == 0
    found = nearest(np.concatenate([training[10:20], new]), training)
    assert found.share_copied == 0.25 and np.all(found.distance[:10] == 0)
    np.testing.assert_array_equal(found.index[:10], np.arange(10, 20))
    assert nearest(new[:0], training).share_copied == 0


@pytest.mark.parametrize("call, error, told", [
    (lambda: moments(np.ones((1, 3))), Misuse, "at least 2"),
    (lambda: moments([np.ones((2, 3)), np.ones((2, 4))]), Misuse, "3, then 4"),
    (lambda: moments(np.ones(3)), Misuse, "shape"),
    (lambda: moments(np.array([[0, 1], [2, np.nan]])), BadData, "nan in example 1, column 1"),
    (lambda: distance(gaussian([0], [[1]]), gaussian([0, 0], np.eye(2))), Misuse, "2 and 1"),
    (lambda: nearest(np.ones((3, 2)), np.ones((4, 3))), Misuse, "3 values"),
    (lambda: nearest(np.ones((3, 2)), np.ones((1, 2))), Misuse, "at least 2"),
    (lambda: PixelFeatures(np.ones((3, 2)), 0), Misuse, "components"),
    (lambda: PixelFeatures(np.ones((3, 2)))(np.ones((3, 4))), Misuse, "2 values")])
def test_a_mistake_is_told_in_one_line(call, error, told):
    with pytest.raises(error, match=told) as refusal:
        call()
    assert "\n" not in str(refusal.value)
