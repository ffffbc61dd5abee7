"""Optimisers as the methods' papers set them."""
import keras
import numpy as np
import pytest

from kerasnd import optimizers
from kerasnd.errors import Misuse


def rate(optimizer, step):
    return float(optimizer._learning_rate(step) if callable(optimizer._learning_rate) else optimizer.learning_rate)


def test_the_rate_grows_evenly_and_then_stays():
    adam = optimizers.make(10, learning_rate=2e-3, warm_up=100)
    np.testing.assert_allclose([rate(adam, step) for step in (0, 25, 50, 100, 101, 10 ** 6)], [0, 5e-4, 1e-3, 2e-3, 2e-3, 2e-3],
                               rtol=1e-5)


def test_the_rate_falls_at_the_milestones():
    adam = optimizers.make(10, learning_rate=1.0, milestones=[2, 5], factor=0.1)
    np.testing.assert_allclose([rate(adam, step) for step in (0, 19, 20, 49, 50)], [1, 1, 0.1, 0.1, 0.01], rtol=1e-6)


@pytest.mark.parametrize("name", optimizers.NAMES)
def test_a_long_gradient_is_made_shorter_as_a_whole(name):
    steps = []
    for clip in (None, 1.0):
        weights = [keras.Variable([0.0, 0.0]), keras.Variable([0.0])]
        optimizer = optimizers.make(1, name=name, learning_rate=1.0, clip_norm=clip, **({"epsilon": 1.0} if name == "adam" else {}))
        optimizer.apply([np.array([3.0, 0.0], np.float32), np.array([4.0], np.float32)], weights)
        steps.append(np.concatenate([weight.numpy() for weight in weights]))
    if name == "sgd":
        np.testing.assert_allclose(steps, [[-3, 0, -4], [-0.6, 0, -0.8]], rtol=1e-6)
    assert (np.abs(steps[1])[[0, 2]] < np.abs(steps[0])[[0, 2]]).all()


def test_warm_up_goes_without_milestones():
    with pytest.raises(Misuse, match="`optimizer.warm_up` must go without milestones"):
        optimizers.make(10, warm_up=5, milestones=[3])
    with pytest.raises(Misuse, match="`optimizer.clip_norm`"):
        optimizers.make(10, clip_norm=0)
