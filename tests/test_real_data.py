"""Real sets, where KERASND_TEST_DATA names a folder with tfds/ and odds/ (conftest.py leaves this file out elsewhere)."""
import os
from pathlib import Path

import numpy
import pytest
import tensorflow as tf

from kerasnd.data import protocols
from kerasnd.data.outliers import with_outliers
from kerasnd.data.sources import load_data, normal_classes

ROOT = Path(os.environ["KERASND_TEST_DATA"])
TFDS, ODDS = str(ROOT / "tfds"), str(ROOT / "odds")


@pytest.fixture(scope="module")
def mnist():
    return load_data("mnist", data_dir=TFDS)


def test_mnist_has_its_published_counts_and_mean(mnist):
    assert mnist.x.shape == (70_000, 28, 28, 1) and mnist.x.dtype == numpy.uint8 and mnist.names == tuple("0123456789")
    assert (mnist.official[:60_000] == "train").all() and (mnist.official[60_000:] == "test").all()
    assert numpy.bincount(mnist.category[60_000:]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.x[:60_000].mean() / 255 == pytest.approx(0.1307, abs=5e-5)


def test_one_vs_rest_is_ruffs_protocol(mnist):
    split = protocols.make("auto", mnist.category, mnist.official, (3,), numpy.random.default_rng(0))
    assert split.name == "one_vs_rest"
    assert (len(split.train), len(split.test), (split.label == 0).sum()) == (6131, 10_000, 1010)


@pytest.mark.parametrize("digit, train", [(0, 4140), (1, 4725), (5, 3786), (9, 4173)])
def test_folds_is_gpnds_protocol(mnist, digit, train):
    split = protocols.make("folds", mnist.category, mnist.official, (digit,), numpy.random.default_rng(0), balance="none")
    assert (len(split.train), len(split.validation), len(split.test)) == (train, 13_996, 13_996)
    each = [1380, 1575, 1398, 1428, 1364, 1262, 1375, 1458, 1365, 1391]
    assert numpy.bincount(mnist.category[split.test]).tolist() == numpy.bincount(mnist.category[split.validation]).tolist() == each
    halves = protocols.make("folds", mnist.category, mnist.official, (digit,), numpy.random.default_rng(0))
    assert numpy.bincount(halves.label).tolist() == numpy.bincount(halves.validation_label).tolist() == [each[digit]] * 2
    assert (halves.train == split.train).all() and set(mnist.official[split.train]) == {"train", "test"}


def test_all_of_cifar10_trains_and_is_judged_beside_noise():
    cifar = load_data("cifar10", data_dir=TFDS)
    normal = normal_classes(cifar, "all", rng=numpy.random.default_rng(0))
    mixed = with_outliers(cifar, "gaussian_noise", normal, numpy.random.default_rng(0))
    split = protocols.make("auto", mixed.category, mixed.official, normal, numpy.random.default_rng(0))
    assert (len(split.train), numpy.bincount(split.label).tolist()) == (50_000, [10_000, 10_000])


def test_a_stream_of_mnist_has_the_pixels_of_the_array(mnist):
    stream = load_data("mnist", data_dir=TFDS, cache_gib=1e-3)
    assert (stream.category == mnist.category).all()
    index = numpy.random.default_rng(0).permutation(70_000)[:500]
    found = dict(stream.x.examples(tf.constant(index)).as_numpy_iterator())
    numpy.testing.assert_array_equal(numpy.stack([found[place] for place in range(500)]), mnist.x[index])


def test_cifar10_has_its_published_means():
    cifar = load_data("cifar10", data_dir=TFDS)
    assert cifar.x.shape == (60_000, 32, 32, 3) and numpy.bincount(cifar.category).tolist() == [6000] * 10
    numpy.testing.assert_allclose(cifar.x[:50_000].mean((0, 1, 2)) / 255, [0.49139968, 0.48215841, 0.44653091], atol=1e-8)


def test_resized_cifar10_serves_as_outliers_of_mnist(mnist):
    small = load_data("mnist", data_dir=TFDS, size=(32, 32), cache_gib=1e-3)
    mixed = with_outliers(small, "cifar10", (3,), numpy.random.default_rng(0), data_dir=TFDS, size=(32, 32))
    split = protocols.make("auto", mixed.category, mixed.official, (3,), numpy.random.default_rng(0))
    assert mixed.x.shape == (80_000, 32, 32, 1) and numpy.bincount(split.label).tolist() == [1010, 10_000]


@pytest.mark.parametrize("name, shape, anomalies", [
    ("arrhythmia", (452, 274), 66), ("cardio", (1831, 21), 176), ("satellite", (6435, 36), 2036), ("satimage-2", (5803, 36), 71),
    ("shuttle", (49_097, 9), 3511), ("thyroid", (3772, 6), 93)])
def test_odds_sets_have_their_published_counts(name, shape, anomalies):
    pool = load_data(name, data_dir=ODDS)
    assert pool.x.shape == shape and pool.x.dtype == numpy.float32 and numpy.isfinite(pool.x).all()
    assert pool.names == ("0", "1") and (pool.category == 1).sum() == anomalies and pool.official is None
