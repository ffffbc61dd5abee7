"""Negatives made of normal examples."""
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from kerasnd import negatives


def numbers(n, seed=0):
    return tf.constant(np.random.default_rng(seed).random((n, negatives.UNIFORM)), tf.float32)


def images(n=64, shape=(12, 10, 3), seed=1):
    return np.random.default_rng(seed).random((n, *shape)).astype(np.float32)


@pytest.mark.parametrize("shape", [(12, 10, 3), (28, 28, 1), (8, 8, 1), (2, 2, 1)])
def test_cutpaste_copies_one_patch_of_the_same_image_elsewhere(shape):
    x = images(200, shape)
    made = negatives.cutpaste(tf.constant(x), numbers(200)).numpy()
    assert made.shape == x.shape
    for before, after in zip(x, made):
        changed = (before != after).any(axis=-1)
        assert changed.any()
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        patch = after[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        assert changed[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1].all()         # a rectangle, nothing beside it
        high, wide = patch.shape[:2]
        found = [(i, j) for i in range(shape[0] - high + 1) for j in range(shape[1] - wide + 1)
                 if np.array_equal(before[i:i + high, j:j + wide], patch)]
        assert len(found) == 1 and found[0] != (rows[0], columns[0])


def test_the_area_of_a_patch_is_within_its_bounds():
    x = images(2000, (64, 64, 1))
    area = (negatives.cutpaste(tf.constant(x), numbers(2000)).numpy() != x).mean(axis=(1, 2, 3))
    assert area.min() > negatives.PATCH[0] * 0.8 and area.max() < negatives.PATCH[1] * 1.1
    assert abs(area.mean() - np.mean(negatives.PATCH)) < 0.01


def test_rotation_turns_by_each_angle_a_third_of_the_time():
    x = images(3000, (4, 4, 2))
    made = negatives.rotation(tf.constant(x), numbers(3000)).numpy()
    turns = [np.rot90(x, k, axes=(1, 2)) for k in (1, 2, 3)]
    shares = [np.mean([np.array_equal(*pair) for pair in zip(turn, made)]) for turn in turns]
    assert sum(shares) == pytest.approx(1) and min(shares) > 0.3
    oblong = images(5)
    np.testing.assert_array_equal(negatives.rotation(tf.constant(oblong), numbers(5)), oblong[:, ::-1, ::-1])


def test_blur_is_a_gaussian_filter_between_its_bounds():
    x = images(2, (32, 32, 1))
    for share, sigma in ((0.0, negatives.BLUR[0]), (1.0, negatives.BLUR[1])):
        made = negatives.blur(tf.constant(x), tf.fill((2, negatives.UNIFORM), share)).numpy()
        reach = max(1, int(np.ceil(3 * sigma)))
        expected = ndimage.gaussian_filter(x, (0, sigma, sigma, 0), mode="mirror", radius=(0, reach, reach, 0))
        np.testing.assert_allclose(made, expected, atol=1e-5)


def test_shuffle_takes_half_of_the_features_from_other_rows():
    x = np.arange(40 * 9, dtype=np.float32).reshape(40, 9)
    made = negatives.shuffle(tf.constant(x), numbers(40)).numpy()
    changed = made != x
    assert 0.35 < changed.mean() < 0.65 and changed.any(axis=1).all()
    np.testing.assert_array_equal(made % 9, x % 9)                  # a feature comes from the same feature
    alone = negatives.shuffle(tf.constant(x[:1]), numbers(1))
    np.testing.assert_array_equal(alone, x[:1])


@pytest.mark.parametrize("name", {**negatives.IMAGES, **negatives.TABLES})
def test_an_example_is_changed_alike_in_any_graph_and_batch(name):
    make = {**negatives.IMAGES, **negatives.TABLES}[name]
    x, uniform = images(6) if name in negatives.IMAGES else images(6, (7,)), numbers(6)
    at_once = make(tf.constant(x), uniform)
    np.testing.assert_allclose(tf.function(make)(tf.constant(x), uniform), at_once, atol=1e-6)
    if name in negatives.IMAGES:
        np.testing.assert_allclose(make(tf.constant(x[2:4]), uniform[2:4]), at_once[2:4], atol=1e-6)
