"""One step of ARAE is that of NumPy, under either preset."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from attacks_by_hand import l2_by_hand, linf_by_hand

from kerasnd import attacks
from kerasnd.methods import arae
from kerasnd.methods.arae import ARAE

SHAPE, UNITS = (6, 6, 1), 5


def networks(code="sigmoid"):
    """Dense, one layer each, with weights that differ from unit to unit."""
    keras.utils.set_random_seed(3)
    wide = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.5), "bias_initializer": "random_normal"}
    inputs = keras.Input(SHAPE)
    encoder = keras.Model(inputs, keras.layers.Dense(UNITS, activation=code, **wide)(keras.layers.Flatten()(inputs)))
    inputs = keras.Input((UNITS,))
    decoder = keras.Model(inputs, keras.layers.Reshape(SHAPE)(keras.layers.Dense(36, **wide)(inputs)))
    return encoder, decoder


def ready(x, rate=0.0, **arguments):
    """An ARAE at the beginning of its first epoch."""
    encoder, decoder = networks()
    detector = ARAE(encoder=encoder, decoder=decoder, **arguments)
    detector.compile(keras.optimizers.SGD(rate))
    detector.ready(None)
    detector.normalizer.adapt([x])
    detector.on_epoch_begin(0)
    return detector


def by_hand(weights):
    """(codes, gradient of the mean squared distance to the codes of x) in NumPy, of the sigmoid encoder."""
    w, b = (np.asarray(each, np.float64) for each in weights)

    def codes(x):
        return 1 / (1 + np.exp(-(x.reshape(len(x), -1) @ w + b)))

    def gradient(x, changed):
        found = codes(changed)
        return ((2 * (found - codes(x)) / UNITS * found * (1 - found)) @ w.T).reshape(x.shape)
    return codes, gradient


def redrawn(detector, code):
    w, b = (np.asarray(each, np.float64) for each in detector.decoder.weights)
    return (code @ w + b).reshape(-1, *SHAPE)


def images(n=8):
    return np.random.default_rng(0).integers(0, 256, (n, *SHAPE)).astype(np.uint8)


def one_step(detector, raw):
    """float, the loss of one step in a graph."""
    detector.meters["loss"].reset_state()
    return float(tf.function(detector.train_step)((tf.constant(raw),))["loss"])


def test_a_step_of_linf_is_that_of_numpy_and_attacks_the_encoder_of_the_epochs_beginning():
    raw, eps = images(), 0.3
    detector = ready(raw, eps=eps, attack_steps=6)
    x = raw / 255.0
    old = by_hand(detector.encoder.get_weights())
    rng = np.random.default_rng(1)
    detector.encoder.set_weights([w + rng.normal(0, 0.3, w.shape) for w in detector.encoder.get_weights()])
    new = by_hand(detector.encoder.get_weights())

    start = x + eps * detector.uniform(tf.constant(x, tf.float32), 0).numpy().astype(np.float64)
    moved, by_new = (linf_by_hand(lambda at, each=each: each[1](x, at), x, eps, 6, 2.5 * eps / 6, start, True)
                     for each in (old, new))
    assert np.abs(moved - by_new).max() > eps                   # the two encoders are attacked differently
    (found,), _ = detector.changed(tf.constant(x, tf.float32))
    np.testing.assert_allclose(found.numpy(), moved, atol=1e-5)
    np.testing.assert_allclose(detector.victim(tf.constant(x, tf.float32)).numpy(), old[0](x), atol=1e-6)

    codes = new[0]
    expected = np.square(redrawn(detector, codes(moved)) - x).mean() + 0.1 * np.square(codes(moved) - codes(x)).mean()
    assert one_step(detector, raw) == pytest.approx(expected, rel=1e-5)
    detector.optimizer.iterations.assign(0)                     # the same draw
    detector.on_epoch_begin(1)
    (found,), _ = detector.changed(tf.constant(x, tf.float32))
    np.testing.assert_allclose(found.numpy(), by_new, atol=1e-5)


def test_a_step_of_union_is_that_of_numpy_with_and_without_the_carried_gradient(monkeypatch):
    monkeypatch.setattr(arae, "L2_STEPS", 4)
    raw, eps, rate = images(), 0.1, 0.5
    x = raw / 255.0
    small, results = tf.constant(x, tf.float32), {}
    for carried in (False, True):
        detector = ready(raw, rate, preset="union", eps=eps, attack_steps=5, l2_eps=1.2, carry_attack_gradient=carried)
        begun = [np.asarray(w, np.float64) for w in detector.trainable_variables]
        codes, gradient = by_hand(detector.encoder.get_weights())
        from_l2, from_linf = (detector.uniform(small, stream).numpy().astype(np.float64) for stream in (0, 1))
        expected = [l2_by_hand(lambda at: gradient(x, at), x, 1.2, 4, 1.2 / 50, x + from_l2 / 2),
                    linf_by_hand(lambda at: gradient(x, at), x, eps, 5, 2 * eps / 5, x + eps * from_linf, False)]
        found, last = detector.changed(small)
        for one, two in zip(found, expected):
            np.testing.assert_allclose(one.numpy(), two, atol=1e-5)
        made = attacks.warp(small, tf.constant(attacks.grid())).numpy().reshape(279, *x.shape)
        farthest = np.argmax([np.square(codes(each) - codes(x)).mean(axis=1) for each in made], axis=0)
        expected.append(made[farthest, np.arange(len(x))])
        np.testing.assert_allclose(found[2].numpy(), expected[2], atol=1e-5)

        loss = np.mean([np.square(redrawn(detector, codes(each)) - x).mean() for each in expected])
        loss += 0.2 * np.mean([np.square(codes(each) - codes(x)).mean() for each in expected])
        if carried:
            fourth = linf_by_hand(lambda at: gradient(x, at), x, eps, 4, 2 * eps / 5, x + eps * from_linf, False)
            np.testing.assert_allclose(last.numpy(), fourth, atol=1e-5)
            loss += np.square(codes(fourth) - codes(x)).mean()
            with tf.GradientTape() as tape:
                extra = tf.reduce_mean(tf.square(detector.encoder(last) - detector.encoder(small)))
            extra = [np.zeros(w.shape) if g is None else g.numpy()
                     for g, w in zip(tape.gradient(extra, detector.trainable_variables), detector.trainable_variables)]
        assert one_step(detector, raw) == pytest.approx(loss, rel=1e-5)
        results[carried] = [np.asarray(w) - start for w, start in zip(detector.trainable_variables, begun)]
    assert max(np.abs(each).max() for each in extra) > 1e-3
    for plain, carried, each in zip(results[False], results[True], extra):
        np.testing.assert_allclose(carried - plain, -rate * each, atol=1e-6)


def test_an_eps_of_zero_is_a_plain_autoencoder():
    raw = images()
    detector = ready(raw, eps=0.0, attack_steps=2)
    x = tf.constant(raw / 255.0, tf.float32)
    np.testing.assert_array_equal(detector.changed(x)[0][0].numpy(), x.numpy())
    assert one_step(detector, raw) == pytest.approx(float(tf.reduce_mean(tf.square(detector.redraw(x) - x))), rel=1e-5)


@pytest.mark.parametrize("arguments", [{"eps": 0.0}, {"l2_eps": 0.0}])
def test_an_attack_of_union_without_room_leaves_the_image(arguments):
    raw = images()
    detector = ready(raw, preset="union", attack_steps=2, **arguments)
    x = tf.constant(raw / 255.0, tf.float32)
    found, _ = detector.changed(x)
    for name, changed in zip(detector.attacks, found):
        still = name == "l2" or (name == "linf" and "eps" in arguments)
        assert np.array_equal(changed.numpy(), x.numpy()) == still, name


def test_the_attacked_encoder_may_hold_layers_that_draw():
    raw = images()
    _, decoder = networks()
    inputs = keras.Input(SHAPE)
    code = keras.layers.Dense(UNITS, activation="sigmoid")(keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs)))
    detector = ARAE(encoder=keras.Model(inputs, code), decoder=decoder, attack_steps=2)
    detector.compile(keras.optimizers.SGD(0.0))
    detector.ready(None)
    detector.on_epoch_begin(0)
    x = tf.constant(raw / 255.0, tf.float32)
    np.testing.assert_allclose(detector.victim(x).numpy(), by_hand(detector.encoder.get_weights()[:2])[0](x.numpy()), atol=1e-6)
    assert np.isfinite(one_step(detector, raw))


def test_every_step_draws_anew():
    raw = images()
    detector = ready(raw, 0.1, eps=0.2, attack_steps=2)
    x, draws = tf.constant(raw / 255.0, tf.float32), []
    for _ in range(3):
        draws.append(detector.uniform(x, 0).numpy())
        detector.train_step((tf.constant(raw),))
    assert all(np.abs(one - two).max() > 0.1 for i, one in enumerate(draws) for two in draws[:i])
    assert -1 <= min(map(np.min, draws)) < -0.9 and 0.9 < max(map(np.max, draws)) <= 1


@pytest.mark.parametrize("preset", ["linf", "union"])
def test_epochs_and_a_smaller_last_batch_trace_nothing_anew(preset, monkeypatch):
    detector = ready(images(), preset=preset, eps=0.2, attack_steps=2)
    traces, step = [], ARAE.train_step
    monkeypatch.setattr(ARAE, "train_step", lambda self, data: (traces.append(1), step(self, data))[1])
    batches = tf.data.Dataset.from_tensor_slices(images()).batch(len(images()) - 1)
    detector.fit(batches, epochs=1, verbose=0)
    first = len(traces)
    detector.fit(batches, epochs=3, verbose=0)
    assert first >= 1 and len(traces) == first
