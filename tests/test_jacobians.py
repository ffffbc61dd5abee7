"""Jacobians: the generic ones against differences and example by example, those by hand against the generic ones, volumes."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerasnd import jacobians
from kerasnd.networks import doubling, pidhorskyi, tangents

RNG = np.random.default_rng


def shaken(model, seed=0):
    """Gives a model normalisations that do something."""
    rng = RNG(seed)
    for weight in model.weights:
        if weight.name in ("moving_variance", "scale"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif weight.name in ("moving_mean", "offset", "bias"):
            weight.assign(rng.normal(0, 0.3, weight.shape))
    return model


@pytest.fixture
def bfloat16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


def pair(shape, units):
    """(network, input) of an encoder, and of a decoder with a sigmoid."""
    keras.utils.set_random_seed(0)
    encoder, decoder = pidhorskyi.gpnd(shape, units)
    x, z = RNG(1).random((3, *shape), np.float32), RNG(2).normal(size=(3, units)).astype(np.float32)
    return (shaken(encoder), tf.constant(x)), (shaken(decoder), tf.constant(z))


def generic(network, x):
    """What any network gets: a function shows no layers."""
    way = jacobians.of_decoder if x.shape.rank == 2 else jacobians.of_encoder

    def function(x):
        return network(x, training=False)
    return tf.function(way)(function, x)


def by_hand(network, x):
    assert tangents.chain(network)
    way = jacobians.of_decoder if x.shape.rank == 2 else jacobians.of_encoder
    return tf.function(lambda x: way(network, x), input_signature=[tf.TensorSpec((None, *x.shape[1:]))])(x)


def apart(one, other):
    """float, the root mean square of the differences, by that of the values."""
    return np.sqrt(np.mean((one - other) ** 2) / np.mean(np.asarray(other) ** 2))


# ---- of any network ------------------------------------------------------------------------------------------------------


def smooth(x):
    """(b, 2, 3) -> (b, 4): in closed form, so that NumPy can do it in float64."""
    weights = RNG(3).normal(size=(6, 4))
    if isinstance(x, np.ndarray):
        return np.tanh(x.reshape(-1, 6) @ weights) ** 2
    return tf.tanh(tf.reshape(x, (-1, 6)) @ tf.constant(weights, tf.float32)) ** 2


def test_generic_jacobians_are_the_limits_of_differences():
    x = RNG(0).normal(size=(5, 2, 3))
    steps = 1e-5 * np.eye(6).reshape(6, 1, 2, 3)
    wanted = np.stack([(smooth(x + step) - smooth(x - step)) / 2e-5 for step in steps], axis=2)
    value, change = jacobians.of_encoder(smooth, tf.constant(x, tf.float32))
    np.testing.assert_allclose(value, smooth(x), atol=1e-6)
    np.testing.assert_allclose(change, wanted, atol=3e-6)
    value, change = jacobians.of_decoder(lambda z: smooth(tf.reshape(z, (-1, 2, 3))), tf.constant(x.reshape(5, 6), tf.float32))
    np.testing.assert_allclose(value, smooth(x), atol=1e-6)
    np.testing.assert_allclose(change, wanted.transpose(0, 2, 1), atol=3e-6)


def test_generic_jacobians_are_those_of_one_example_after_the_other():
    for network, x in pair((9, 13, 3), 3):
        _, change = generic(network, x)
        for i in range(len(x)):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = network(x[i:i + 1])
            alone = tape.jacobian(value, x).numpy()[0]      # a decoder: (height, width, channels, b, n)
            alone = alone[:, i].reshape(3, -1) if x.shape.rank == 4 else alone[..., i, :].reshape(-1, 3).T
            np.testing.assert_allclose(change[i], alone, atol=1e-6 * np.abs(alone).max())


# ---- by hand -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, error", [("float32", 3e-5), ("bfloat16", 0.02)])
@pytest.mark.parametrize("size", [(1, 3), (4, 4), (5, 6), (7, 8), (9, 16)])
def test_a_doubling_is_the_transposed_convolution(size, dtype, error):
    maps, kernel = RNG(0).normal(size=(3, *size, 20)).astype(np.float32), RNG(1).normal(size=(4, 4, 10, 20)).astype(np.float32)
    wanted = tf.nn.conv2d_transpose(maps, kernel, (3, 2 * size[0], 2 * size[1], 10), 2).numpy().transpose(1, 2, 0, 3)
    for sorted_maps in (True, False):
        known = doubling.Doubling(*size, dtype, sorted_maps)
        given = maps.transpose(1, 2, 0, 3)
        given = given if sorted_maps else given[np.ix_(*map(doubling.order, size))]
        doubled = np.empty_like(wanted)
        found = known(tf.cast(given, dtype), known.values(kernel))
        doubled[np.ix_(*(doubling.order(2 * each) for each in size))] = tf.cast(found, tf.float32)
        assert apart(doubled, wanted) < error


@pytest.mark.parametrize("shape, units", [((8, 8, 1), 2), ((28, 28, 1), 3), ((9, 13, 3), 2), ((30, 18, 2), 1)])
def test_by_hand_they_are_the_generic_ones(shape, units):
    for network, x in pair(shape, units):
        for one, other in zip(by_hand(network, x), generic(network, x)):
            assert one.shape == other.shape and apart(one, other) < 5e-5
    decoder = shaken(pidhorskyi.decoder(units, shape))
    for one, other in zip(jacobians.of_decoder(decoder, x, sigmoid=True), generic(lambda z, training: tf.sigmoid(decoder(z)), x)):
        assert apart(one, other) < 5e-5


def test_by_hand_in_bfloat16_they_err_as_the_generic_ones(bfloat16):
    for network, x in pair((32, 32, 3), 2):
        keras.config.set_dtype_policy("float32")
        exact = keras.models.clone_model(network, clone_function=lambda layer: layer.__class__.from_config(
            {**layer.get_config(), "dtype": "float32"}))
        exact.set_weights(network.get_weights())
        wanted = generic(exact, x)[1]
        usual = apart(generic(network, x)[1], wanted)
        assert 1e-3 < usual < 0.1 and apart(by_hand(network, x)[1], wanted) < 1.2 * usual + 0.01
        keras.config.set_dtype_policy("mixed_bfloat16")


def test_parts_of_a_batch_are_the_batch(monkeypatch):
    for network, x in pair((8, 8, 1), 2):
        x = tf.concat([x, x[::-1], x[:1]], 0)
        whole = by_hand(network, x)[1]
        monkeypatch.setattr(tangents, "AT_ONCE", 2 * 2 * 4 * 4 * 256 * 4)
        np.testing.assert_allclose(by_hand(network, x)[1], whole, rtol=1e-4, atol=1e-7)


def test_weights_are_read_anew_and_one_graph_serves_all_batches(tmp_path):
    (network, x), _ = pair((8, 8, 1), 2)
    traced = tf.function(lambda x: jacobians.of_encoder(network, x), input_signature=[tf.TensorSpec((None, 8, 8, 1))])
    before = traced(x)[1]
    for weight in network.weights:
        weight.assign(weight * 1.5)
    np.testing.assert_allclose(traced(x[:2])[1], generic(network, x[:2])[1], rtol=1e-3, atol=1e-6)
    assert apart(traced(x)[1], before) > 0.1 and traced.experimental_get_tracing_count() == 1
    kept = tf.Module()
    kept.network, kept.jacobian = network, traced
    tf.saved_model.save(kept, str(tmp_path))
    served = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(served.jacobian(x)[1], traced(x)[1], atol=1e-7)


def test_gradients_are_those_of_the_generic_ones():
    (encoder, x), (decoder, z) = pair((9, 13, 3), 3)

    def gradient(network, z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            redrawn, change = jacobians.of_decoder(network, z)
            loss = tf.reduce_sum(jacobians.log_volume(change)) + tf.reduce_sum(redrawn ** 2)
        return tape.gradient(loss, z)
    found = gradient(decoder, z)
    assert np.all(np.isfinite(found)) and np.any(found != 0)
    np.testing.assert_allclose(found, gradient(lambda z: decoder(z), z), rtol=1e-3, atol=1e-5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        code, change = jacobians.of_encoder(encoder, x)
        loss = tf.reduce_sum(jacobians.log_volume(change)) + tf.reduce_sum(code ** 2)
    found = tape.gradient(loss, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(encoder(x) ** 2)
    np.testing.assert_allclose(found, tape.gradient(loss, x), rtol=1e-5, atol=1e-8)


def test_other_networks_go_the_generic_way():
    encoder, decoder = pidhorskyi.gpnd((8, 8, 1), 2)
    code = layers.Dense(2)(encoder.output)
    strange = [keras.Model(encoder.input, code), keras.Model(encoder.input, [encoder.output, code]), lambda x: encoder(x),
               keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)]), pidhorskyi.code_critic(2),
               pidhorskyi.features((8, 8, 1)), keras.Model(encoder.input, decoder(encoder.output))]
    image, shared = layers.Input((8, 8, 1)), layers.LeakyReLU()
    for halved in (shared(layers.Conv2D(3, 4, 2, "same")(shared(image))),
                   layers.LeakyReLU()(layers.Conv2D(3, 4, 2, "same", activation="relu")(image))):
        strange.append(keras.Model(image, layers.Flatten()(layers.Conv2D(2, 4)(halved))))
    assert not any(map(tangents.chain, strange))
    for network in strange[:1]:
        x = tf.ones((2, 8, 8, 1))
        np.testing.assert_allclose(jacobians.of_encoder(network, x)[1], generic(network, x)[1])
    assert tangents.chain(keras.models.clone_model(encoder)) and tangents.chain(pidhorskyi.image_critic((8, 8, 1)))


# ---- volumes -------------------------------------------------------------------------------------------------------------


def test_a_volume_is_the_product_of_the_singular_values():
    matrices = RNG(0).normal(size=(20, 4, 30)) * np.logspace(-2, 1, 4)[:, None]
    wanted = np.log(np.linalg.svd(matrices, compute_uv=False)).sum(1)
    np.testing.assert_allclose(jacobians.log_volume(tf.constant(matrices, tf.float32)), wanted, atol=1e-4)


def test_a_volume_of_less_than_full_rank_is_finite_and_small():
    matrices = RNG(0).normal(size=(4, 30)).astype(np.float32) * np.ones((3, 1, 1), np.float32)
    matrices[1, 3], matrices[2] = matrices[1, 0] + matrices[1, 1], 0
    full, flat, nothing = jacobians.log_volume(tf.constant(matrices)).numpy()
    assert np.all(np.isfinite([full, flat, nothing])) and nothing < flat - 50 < full - 50
    singular = np.linalg.svd(matrices[1].astype(np.float64), compute_uv=False)
    # what is missing counts as the floor, or as what float32 left of it
    floor = np.log(np.sqrt(jacobians.FLOOR * np.mean(singular ** 2)))
    assert flat < np.log(singular[:3]).sum() + np.log(1e-6) and flat > np.log(singular[:3]).sum() + floor - 1
