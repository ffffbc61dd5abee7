"""Deep SAD against the published golden values and an independent NumPy computation of network, loss and step."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate

from kerasnd.errors import Misuse
from kerasnd.feeding import Feed
from kerasnd.methods.deep_sad import DeepSAD
from kerasnd.methods.deep_svdd import DeepSVDD

SLOPE, EPSILON = 0.01, 1e-4


@pytest.mark.parametrize("eta, expected, mean", [
    (1.0, [0.5, 2.000001, 1e6, 0.24999994, 3.9999838, 0.001001], 166667.80),
    (2.0, [0.5, 4.000002, 2e6, 0.49999988, 7.9999676, 0.002002], 333335.5)])
def test_losses_are_the_published_golden_values(eta, expected, mean):
    found = DeepSAD((6,), eta=eta).losses(tf.constant([0.5, 2, 0, 4, 0.25, 1e-3]),
                                          tf.constant([0, 1, -1, -1, -1, 1], tf.int8)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.mean() == pytest.approx(mean, rel=1e-6)


def test_the_gradient_is_finite_where_an_anomaly_lies_on_the_centre():
    distance = tf.Variable([0.0, 0.0, 0.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(DeepSAD((6,)).losses(distance, tf.constant([0, 1, -1], tf.int8)))
    np.testing.assert_allclose(tape.gradient(loss, distance), [1, 1, -1e12], rtol=1e-5)


def made(seed=0, **more):
    keras.utils.set_random_seed(seed)
    detector = DeepSAD((7,), **{"eta": 1.5, "weight_decay": 0.01, **more})
    detector.compile(keras.optimizers.Adam(1e-3, epsilon=1e-8))
    return detector


def examples(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 7)).astype(np.float32), rng.permutation(np.repeat([-1, 0, 1], [4, n - 9, 5])).astype(np.int8)


def by_hand(weights, x, hint, center, eta, eps):
    """Loss and gradients of the dense network in training mode, in float64: linear, normalise, leaky ReLU, twice, then linear."""
    first, second, last = (each.astype(np.float64) for each in weights)

    def block(inputs, kernel):
        linear = inputs @ kernel
        mean, deviation = linear.mean(0), np.sqrt(linear.var(0) + EPSILON)
        normal = (linear - mean) / deviation
        return normal, deviation, np.where(normal > 0, normal, SLOPE * normal)

    def back(gradient, inputs, kernel, normal, deviation):
        gradient = gradient * np.where(normal > 0, 1, SLOPE)
        gradient = (gradient - gradient.mean(0) - normal * (gradient * normal).mean(0)) / deviation
        return inputs.T @ gradient, gradient @ kernel.T

    one, two = block(x, first), None
    two = block(one[2], second)
    residual = two[2] @ last - center
    distance = (residual ** 2).sum(1)
    loss = np.where(hint == 0, distance, np.where(hint > 0, eta * (distance + eps), eta / (distance + eps)))
    slope = np.where(hint == 0, 1, np.where(hint > 0, eta, -eta / (distance + eps) ** 2)) / len(x)
    outer = 2 * residual * slope[:, None]
    inner = outer @ last.T
    gradient_second, inner_one = back(inner, one[2], second, *two[:2])
    gradient_first, _ = back(inner_one, x, first, *one[:2])
    return loss.mean(), (gradient_first, gradient_second, two[2].T @ outer)


def test_one_step_is_that_of_the_formulae():
    """Network output, loss, gradient and one step of Adam with the decay inside the gradient, computed by hand."""
    detector, (x, hint) = made(), examples()
    detector.prepare(Feed(x, hint))
    scaled = (x.astype(np.float64) - detector.normalizer.offset.numpy()) * detector.normalizer.factor.numpy()
    center = np.random.default_rng(3).normal(size=detector.center.shape)
    detector.center.assign(center)
    before = [w.numpy() for w in detector.trainable_variables]
    loss, gradients = by_hand(before, scaled, hint, center, 1.5, 1e-6)
    history = detector.fit(x, hint, batch_size=24, epochs=1, verbose=0)
    assert history.history["loss"][0] == pytest.approx(loss, rel=1e-5)
    for old, new, gradient in zip(before, detector.trainable_variables, gradients):
        gradient = gradient + 0.01 * old
        # the first step of Adam: both moments are the gradient's own, corrected
        expected = old - 1e-3 * gradient / (np.abs(gradient) + 1e-8 / np.sqrt(1 - 0.999))
        np.testing.assert_allclose(new.numpy(), expected, atol=1e-5)


def test_the_hand_computation_agrees_with_finite_differences():
    detector, (x, hint) = made(), examples()
    weights = [w.numpy().astype(np.float64) for w in detector.trainable_variables]
    center = np.full(detector.center.shape, 0.3)
    _, gradients = by_hand(weights, x, hint, center, 1.5, 1e-6)
    for place, at in ((0, (2, 3)), (1, (5, 1)), (2, (4, 2))):
        losses = []
        for step in (1e-6, -1e-6):
            moved = [w.copy() for w in weights]
            moved[place][at] += step
            losses.append(by_hand(moved, x, hint, center, 1.5, 1e-6)[0])
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(gradients[place][at], rel=1e-4, abs=1e-7)


def test_the_lenet_scores_as_scipy_computes_it():
    """The MNIST network of 7 272 weights in scoring mode: correlation 5x5, running statistics, leaky ReLU, pooling, dense."""
    keras.utils.set_random_seed(0)
    detector = DeepSAD((28, 28, 1))
    assert sum(int(np.prod(w.shape)) for w in detector.trainable_variables) == 7272
    x = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1)).astype(np.uint8)
    detector.compile()
    detector.prepare(Feed(x))
    states = [w for w in detector.encoder.weights if "moving" in w.path]
    for number, state in enumerate(states):
        state.assign(np.random.default_rng(number).uniform(0.5, 1.5, state.shape))
    kernels = [w.numpy().astype(np.float64) for w in detector.trainable_variables]
    maps = x / 255.0
    for kernel, mean, variance in zip(kernels[:2], states[0::2], states[1::2]):
        maps = np.stack([sum(correlate(np.pad(image[..., i], 2), kernel[..., i, o], mode="valid") for i in range(kernel.shape[2]))
                         for image in maps for o in range(kernel.shape[3])]).reshape(len(maps), kernel.shape[3], *maps.shape[1:3])
        maps = np.moveaxis(maps, 1, -1)
        maps = (maps - mean.numpy()) / np.sqrt(variance.numpy() + EPSILON)
        maps = np.where(maps > 0, maps, SLOPE * maps)
        n, height, width, channels = maps.shape
        maps = maps.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))
    codes = maps.reshape(3, -1) @ kernels[2]
    np.testing.assert_allclose(detector.encode(x), codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(detector.predict(x, verbose=0), ((codes - detector.center.numpy()) ** 2).sum(1), rtol=1e-4)


def test_the_centre_leaves_known_anomalies_out():
    detector, (x, hint) = made(), examples()
    detector.prepare(Feed(x, hint))
    codes = detector.encode(x).numpy()[hint >= 0].mean(0)
    np.testing.assert_allclose(detector.center, np.where(np.abs(codes) < 0.1, np.copysign(0.1, codes), codes), atol=1e-5)


def test_without_labels_it_is_deep_svdd():
    x, _ = examples()
    scores = []
    for kind in (DeepSAD, DeepSVDD):
        keras.utils.set_random_seed(5)
        detector = kind((7,), weight_decay=1e-3)
        detector.compile(keras.optimizers.Adam(1e-2))
        detector.fit(x, epochs=3, batch_size=8, seed=0, verbose=0)
        scores.append(detector.predict(x, verbose=0))
    np.testing.assert_array_equal(*scores)


def test_labels_push_their_anomalies_out():
    rng = np.random.default_rng(0)
    normal, strange = rng.normal(0, 1, (300, 7)), rng.normal(0.7, 1, (300, 7))
    x = np.concatenate([normal[:200], strange[:30]]).astype(np.float32)
    hint = np.repeat([0, -1], [200, 30])
    found = {}
    for name, given in (("with", hint), ("without", 0 * hint)):
        detector = made(eta=1.0, weight_decay=1e-6)
        detector.fit(x, given, epochs=40, batch_size=46, seed=0, verbose=0)
        near, far = (detector.predict(each.astype(np.float32), verbose=0) for each in (normal[200:], strange[30:]))
        found[name] = np.mean(far[:, None] > near[None])
    assert found["with"] > found["without"] + 0.1 and found["with"] > 0.7


@pytest.mark.parametrize("argument", [{"eta": 0}, {"eta": True}, {"eps": -1e-6}, {"eps": float("nan")}, {"eta": "1"}])
def test_arguments_out_of_range_are_refused(argument):
    with pytest.raises(Misuse, match=f"`{next(iter(argument))}` must be a number in"):
        DeepSAD((7,), **argument)
