"""Rotations and shifts: warps as SciPy makes them, and the worst of a grid as brute force finds it."""
import math

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from attacks_by_hand import examples, small_network

from kerasnd import attacks
from kerasnd.attacks import warping
from kerasnd.errors import Misuse


def test_the_grid_is_that_of_arae():
    grid = attacks.grid()
    assert grid.shape == (31 * 3 * 3, 3) and grid.dtype == np.float32 and len(np.unique(grid, axis=0)) == 279
    np.testing.assert_allclose(grid.max(axis=0), [math.pi / 6, 4 / 28, 4 / 28], rtol=1e-6)
    np.testing.assert_allclose(grid.min(axis=0), [-math.pi / 6, -4 / 28, -4 / 28], rtol=1e-6)
    assert (grid == 0).all(axis=1).sum() == 1                       # the identity, and once
    np.testing.assert_allclose(np.diff(np.unique(grid[:, 0])), math.radians(2), rtol=1e-4)
    np.testing.assert_allclose(np.unique(grid[:, 1]), [-4 / 28, 0, 4 / 28])
    np.testing.assert_array_equal(attacks.grid(angles=1, shifts=1), [[0, 0, 0]])
    for wrong in ({"angles": 2}, {"shifts": 4}, {"degrees": 181}, {"shift": -0.1}, {"angles": 0}):
        with pytest.raises(Misuse, match=f"`{next(iter(wrong))}`"):
            attacks.grid(**wrong)


def spot(y, x, side=28):
    image = np.zeros((1, side, side, 1), np.float32)
    image[0, y, x] = 1
    return tf.constant(image)


def centroid(image):
    """(x, y) of the light."""
    image = image.numpy()[0, ..., 0].astype(np.float64)
    down, across = np.indices(image.shape)
    return [(image * way).sum() / image.sum() for way in (across, down)]


def test_a_spot_moves_where_the_published_code_moves_it():
    assert centroid(attacks.warp(spot(14, 14), tf.constant([[0, 4 / 28, 0]])))[0] == pytest.approx(14 - 27 * 4 / 28, abs=1e-3)
    assert centroid(attacks.warp(spot(14, 14), tf.constant([[0, 4 / 28, 0]])))[0] == pytest.approx(10.143, abs=1e-3)
    assert centroid(attacks.warp(spot(14, 14), tf.constant([[0, 0, -4 / 28]])))[1] == pytest.approx(14 + 27 * 4 / 28, abs=1e-3)
    turned = centroid(attacks.warp(spot(14, 20), tf.constant([[math.pi / 6, 0.0, 0.0]])))
    assert turned == pytest.approx([19.33, 10.71], abs=0.01)


@pytest.mark.parametrize("shape", [(28, 28, 1), (12, 17, 3), (9, 6, 1), (1, 5, 2)])
def test_a_warp_is_that_of_scipy(shape):
    x = examples(3, shape=shape)
    transforms = attacks.grid()[[0, 7, 139, 150, 200, 278]]
    found = attacks.warp(tf.constant(x), tf.constant(transforms)).numpy().reshape(len(transforms), *x.shape)
    h, w, _ = shape
    center = np.array([(h - 1) / 2, (w - 1) / 2])
    for k, (turn, right, low) in enumerate(transforms.astype(np.float64)):
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])        # of (row, column)
        offset = center - matrix @ center + [low * (h - 1), right * (w - 1)]
        # Beyond the border: a value of the border blends with 0 there, as in an image with one more row and column of zeros.
        padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
        for i in range(len(x)):
            for c in range(shape[-1]):
                image = padded[i, ..., c].astype(np.float64)
                expected = scipy.ndimage.affine_transform(image, matrix, offset + 2 - matrix @ [2, 2], order=1, mode="constant")
                np.testing.assert_allclose(found[k, i, ..., c], expected[2:-2, 2:-2], atol=2e-5)


def best_by_brute_force(x, transforms, value):
    """The changed images, of all changes made by `warp` (against SciPy above) the one with the highest value, image by image."""
    made = attacks.warp(tf.constant(x), tf.constant(transforms)).numpy().reshape(len(transforms), *x.shape)
    values = np.stack([value(each) for each in made])
    return made[values.argmax(axis=0), np.arange(len(x))], values.max(axis=0)


@pytest.mark.parametrize("shape", [(8, 8, 1), (6, 9, 3)])
def test_every_image_gets_the_change_that_raises_the_objective_most(shape):
    x = examples(5, shape=shape)
    encode, codes, _ = small_network(shape=shape)
    transforms = attacks.grid(angles=5)
    found = attacks.spatial(attacks.code_distance(encode, tf.constant(x)), tf.constant(x), transforms).numpy()
    value = lambda at: np.square(codes(at) - codes(x)).mean(axis=1)     # noqa: E731
    expected, highest = best_by_brute_force(x, transforms, value)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(value(found), highest, rtol=1e-4)
    assert len({each.tobytes() for each in found - x}) == 5 and value(found).min() > 0
    assert found.min() >= 0 and found.max() <= 1


def test_where_nothing_raises_the_objective_the_image_stays_as_it_is():
    x = examples(4, shape=(8, 8, 1))
    nearest = lambda at: -tf.reduce_sum(tf.square(tf.reshape(at, (-1, 4, 8, 8, 1)) - x), axis=[2, 3, 4])    # noqa: E731
    found = attacks.spatial(lambda at: tf.reshape(nearest(at), (-1,)), tf.constant(x)).numpy()
    np.testing.assert_allclose(found, x, atol=1e-6)


def test_how_many_changes_are_tried_at_a_time_changes_nothing(monkeypatch):
    x = tf.constant(examples(4, shape=(8, 8, 1)))
    objective = attacks.code_distance(small_network(shape=(8, 8, 1))[0], x)
    results, sizes = [], []
    for values in (1, 31 * 4 * 64, 2 ** 21):
        monkeypatch.setattr(warping, "VALUES", values)
        sizes.append(warping._at_once(279, x))
        results.append(tf.function(attacks.spatial)(objective, x).numpy())
        np.testing.assert_array_equal(results[-1], results[0])
    assert sizes == [1, 31, 279]


def test_batches_whose_size_is_not_known_beforehand_stay_within_the_bound(monkeypatch):
    monkeypatch.setattr(warping, "VALUES", 9 * 128 * 36)
    encode, most = small_network(shape=(6, 6, 1))[0], tf.Variable(0)

    def seen(changed):
        most.assign(tf.maximum(most, tf.size(changed)))
        return encode(changed)

    def worst(x):
        return attacks.spatial(attacks.code_distance(seen, x), x, attacks.grid(angles=3))
    any_size = tf.function(worst, input_signature=[tf.TensorSpec((None, 6, 6, 1))])
    for size, at_once in ((300, 3), (4, 27), (128, 9), (1200, 1)):      # 1200 images are beyond it by themselves
        x = tf.constant(examples(size, shape=(6, 6, 1)))
        most.assign(0)
        found = any_size(x).numpy()
        assert most.numpy() == at_once * size * 36
        assert warping._at_once(27, x) == at_once
        np.testing.assert_allclose(found, worst(x).numpy(), atol=1e-6)


def test_xla_finds_the_same_changes(monkeypatch):
    x = tf.constant(examples(4, shape=(6, 6, 1)))
    monkeypatch.setattr(warping, "VALUES", 1)                       # one at a time, so that it goes round the loop
    encode = small_network(shape=(6, 6, 1))[0]

    def worst(x):
        return attacks.spatial(attacks.code_distance(encode, x), x, attacks.grid(angles=3))
    for signature in (None, [tf.TensorSpec((None, 6, 6, 1))]):
        compiled = tf.function(worst, signature, jit_compile=True)
        np.testing.assert_allclose(compiled(x).numpy(), worst(x).numpy(), atol=1e-6)
