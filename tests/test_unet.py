"""The score networks: published sizes, layers against Keras' own and NumPy, what a condition changes, saving, bfloat16."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerasnd.errors import Misuse
from kerasnd.networks import unet as module
from kerasnd.networks.attention import Attention
from kerasnd.networks.conditions import RandomWaves, Sinusoids
from kerasnd.networks.groups import GroupNorm, fitting_groups
from kerasnd.networks.layers import DoublingConv2D
from kerasnd.networks.unet import mlp, unet

# (width, multipliers, blocks): weights in millions for 32x32x3, attention at 16
SIZES = {(128, (1, 2, 2, 2), 2): "35.22", (96, (1, 2, 2), 2): "14.25", (64, (1, 2, 2, 2), 2): "8.82", (64, (1, 2, 2), 2): "6.34",
         (64, (1, 2, 2), 1): "4.37", (32, (1, 2, 2), 2): "1.59", (32, (1, 2, 2), 1): "1.10"}


def drawn(*shape, seed=0, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1, shape).astype(np.float32)


def perturbed(model, seed=0):
    """The model with weights at random, so that nothing is zero."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(weight.numpy() + rng.normal(0, 0.1, weight.shape))
    return model


def values_and_gradients(function, tensors):
    with tf.GradientTape() as tape:
        tape.watch([tensor for tensor in tensors if isinstance(tensor, tf.Tensor)])
        y = function()
        loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
    return [y, *tape.gradient(loss, tensors)]


@pytest.mark.parametrize("size", SIZES)
def test_a_network_has_the_published_number_of_weights(size, monkeypatch):
    monkeypatch.setattr(module, "initial", lambda scale=1: "zeros")         # millions of random numbers take long
    assert f"{unet((32, 32, 3), *size).count_params() / 1e6:.2f}" == SIZES[size]


@pytest.mark.parametrize("shape, levels", [((8, 8, 1), 2), ((28, 28, 1), 3), ((64, 64, 3), 3), ((9, 13, 3), 2), ((3, 5, 1), 1),
                                           ((128, 100, 1), 4)])
def test_every_shape_has_its_levels_and_keeps_its_shape(shape, levels, monkeypatch):
    monkeypatch.setattr(module, "initial", lambda scale=1: "zeros")
    network = unet(shape, width=8)
    assert network.output_shape == (None, *shape) and network.dtype_policy.name == "float32"
    assert sum(isinstance(layer, DoublingConv2D) for layer in network.layers) == levels - 1


def attended(network):
    return [layer.output.shape[1] for layer in network.layers if isinstance(layer, Attention)]


@pytest.mark.parametrize("shape, attention, sides", [
    ((28, 28, 1), "auto", [14, 7, 14]), ((64, 64, 3), "auto", [16, 16, 16]), ((8, 8, 1), "auto", [8, 4, 8]), ((8, 8, 1), (), [4]),
    ((28, 28, 1), (14, 7), [14, 7, 7, 7, 14])])
def test_attention_is_where_it_is_asked_for(shape, attention, sides, monkeypatch):
    monkeypatch.setattr(module, "initial", lambda scale=1: "zeros")
    assert attended(unet(shape, width=8, attention=attention)) == sides


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(0)
    return unet((12, 10, 2), width=8)


def test_a_new_network_is_nearly_zero_and_a_trained_one_sees_pixels_and_condition(small):
    x, condition = drawn(3, 12, 10, 2), np.array([0.0, 500.0, 999.0], np.float32)
    assert 0 < np.abs(small([x, condition])).max() < 1e-3
    assert np.abs(mlp(5, width=8)([drawn(3, 5), condition])).max() < 1e-3
    for network, x in ((perturbed(small), x), (perturbed(mlp(5, width=8)), drawn(3, 5))):
        y = network([x, condition]).numpy()
        assert y.shape == x.shape and y.dtype == np.float32 and y.std() > 0.01
        assert np.abs(network([x, condition[::-1]]).numpy()[::2] - y[::2]).max() > 1e-3 * y.std()
        np.testing.assert_allclose(network([x[1:2], condition[1:2]]), y[1:2], rtol=1e-3, atol=1e-4)     # an example for itself
        assert np.abs(network([x + 1, condition]) - y).max() > 1e-3


def test_two_conditions_that_bfloat16_cannot_tell_apart_differ_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = perturbed(mlp(3, width=32))
    finally:
        keras.config.set_dtype_policy("float32")
    y = network([np.ones((2, 3), np.float32), np.array([992.0, 993.0], np.float32)])
    assert y.dtype == tf.float32 and np.abs(y[0] - y[1]).max() > 1e-3


@pytest.mark.parametrize("time", ["sinusoidal", "fourier"])
def test_bfloat16_is_close_and_files_keep_the_network(time, tmp_path):
    keras.utils.set_random_seed(1)
    network = perturbed(unet((9, 8, 1), width=8, multipliers=(1, 2), time=time))
    x, condition = drawn(4, 9, 8, 1), drawn(4, seed=1)
    expected = network([x, condition]).numpy()
    network.save(tmp_path / "network.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "network.keras")([x, condition]), expected)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = unet((9, 8, 1), width=8, multipliers=(1, 2), time=time)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(network.get_weights())
    y = half([x, condition])
    assert y.dtype == tf.float32 and np.abs(y - expected).mean() < 0.03 * expected.std()
    assert {weight.dtype for weight in half.weights} == {"float32"}


@pytest.mark.parametrize("shape, groups, silu", [((3, 5, 4, 12), None, True), ((3, 5, 4, 12), 4, False), ((4, 8), 1, True)])
def test_group_normalisation_and_its_gradients_are_keras_own(shape, groups, silu):
    x, shift = tf.constant(drawn(*shape, mean=2.0)), tf.constant(drawn(shape[0], shape[-1], seed=1))
    own, other = GroupNorm(groups, silu), layers.GroupNormalization(groups or 3, epsilon=1e-6)
    scale, offset = drawn(shape[-1], seed=2), drawn(shape[-1], seed=3)
    for layer in (own, other):
        layer.build(shape)
        layer.set_weights([scale, offset])

    def plain():
        y = other(x + tf.reshape(shift, (shape[0], *[1] * (len(shape) - 2), -1)))
        return tf.nn.silu(y) if silu else y
    ours = values_and_gradients(lambda: own([x, shift]), [x, shift, *own.trainable_variables])
    theirs = values_and_gradients(plain, [x, shift, *other.trainable_variables])
    for one, two in zip(ours, theirs):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=2e-4)
    other_way = own(x)
    np.testing.assert_allclose(other_way, own([x, tf.zeros_like(shift)]), rtol=1e-6)


def test_group_normalisation_of_a_flat_map_is_its_offset():
    layer = GroupNorm(silu=False)
    y = layer(np.full((2, 4, 4, 8), 0.7, np.float32))
    assert np.abs(y).max() < 0.2        # rounding over the root of epsilon


@pytest.mark.parametrize("channels, groups", [(32, 8), (64, 16), (128, 32), (96, 24), (144, 24), (4, 1), (2, 1), (7, 1), (20, 5)])
def test_groups_always_divide_the_channels(channels, groups):
    assert fitting_groups(channels) == groups


@pytest.mark.parametrize("height, width", [(5, 4), (1, 2)])
def test_doubling_equals_upsampling_then_convolution(height, width):
    x = tf.constant(drawn(3, height, width, 2))
    own, plain = DoublingConv2D(3), layers.Conv2D(3, 3, padding="same")
    own.build(x.shape)
    own.bias.assign([0.1, -0.2, 0.3])
    plain.build((None, 2 * height, 2 * width, 2))
    plain.set_weights(own.get_weights())
    ours = values_and_gradients(lambda: own(x), [x, *own.trainable_variables])
    theirs = values_and_gradients(lambda: plain(layers.UpSampling2D()(x)), [x, *plain.trainable_variables])
    assert ours[0].shape == own.compute_output_shape(x.shape)
    for one, two in zip(ours, theirs):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_halving_pads_at_the_bottom_and_the_right():
    x, kernel = drawn(1, 4, 4, 1), drawn(3, 3, 1, 1, seed=1)
    layer = layers.Conv2D(1, 3, 2, "same")
    layer.build(x.shape)
    layer.set_weights([kernel, np.zeros(1)])
    padded = np.pad(x[0, :, :, 0], ((0, 1), (0, 1)))
    expected = [[np.sum(padded[i:i + 3, j:j + 3] * kernel[:, :, 0, 0]) for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_allclose(layer(x)[0, :, :, 0], expected, rtol=1e-5)


def test_attention_is_the_formula():
    x = drawn(2, 3, 2, 4)
    layer = Attention(final_initializer="glorot_uniform")
    layer.build(x.shape)
    perturbed(layer)
    w = {weight.name: weight.numpy().astype(np.float64) for weight in layer.weights}
    rows = x.reshape(2, 6, 4)
    query, key, value = (rows @ w[name] + w[f"{name}_bias"] for name in ("query", "key", "value"))
    weight = np.exp(query @ key.transpose(0, 2, 1) / 2)
    seen = weight / weight.sum(-1, keepdims=True) @ value
    np.testing.assert_allclose(layer(x), (seen @ w["final"] + w["final_bias"]).reshape(x.shape), rtol=1e-4, atol=1e-5)
    assert np.abs(w["query"] - w["key"]).max() > 0.1        # no two of the kernels begin alike


def test_features_of_a_time_are_the_formulas():
    time = np.array([0.0, 1.0, 998.7])
    angles = time[:, None] * np.array([1.0, 1e-4 ** (1 / 3), 1e-4 ** (2 / 3), 1e-4])
    np.testing.assert_allclose(Sinusoids(8)(time.astype(np.float32)), np.hstack([np.sin(angles), np.cos(angles)]), atol=1e-4)
    layer = RandomWaves(2000)
    y = layer(time[:2].astype(np.float32)).numpy()
    angles = 2 * np.pi * layer.frequency.numpy()
    np.testing.assert_allclose(y[1], np.hstack([np.sin(angles), np.cos(angles)]), atol=1e-4)
    assert 15 < layer.frequency.numpy().std() < 17 and not layer.trainable_weights


@pytest.mark.parametrize("build, told", [
    (lambda: unet((8,)), "height, width, channels"), (lambda: unet((8, 8, 1), width=5), "even"),
    (lambda: unet((8, 8, 1), width=2), "at least 4"), (lambda: unet((8, 8, 1), multipliers=(1, 2, 2, 2, 2)), "5 levels for 8x8"),
    (lambda: unet((8, 8, 1), multipliers=3), r"\[1, 2, 2\]"), (lambda: unet((28, 28, 1), attention=(16,)), "28, 14, 7"),
    (lambda: unet((8, 8, 1), dropout=1.0), "dropout"), (lambda: unet((8, 8, 1), time="fourrier"), "Did you mean 'fourier'"),
    (lambda: mlp(0), "features"), (lambda: mlp(3, blocks=0), "blocks"),
    (lambda: GroupNorm(3).build((None, 8)), "groups=3 of 8")])
def test_a_mistake_is_told_in_one_line(build, told):
    with pytest.raises(Misuse, match=told) as refusal:
        build()
    assert "\n" not in str(refusal.value)
