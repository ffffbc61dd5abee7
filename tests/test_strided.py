"""The quick convolutions of GPND's networks against TensorFlow's own, gradients too, and where they give way to Keras'."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerasnd.networks import pidhorskyi, strided


def drawn(*shape, seed=0):
    """bfloat16, so that both ways round the same values."""
    return tf.cast(np.random.default_rng(seed).normal(size=shape).astype(np.float32), tf.bfloat16)


@pytest.mark.parametrize("height, width", [(8, 8), (6, 10), (7, 5), (2, 2), (15, 8)])
def test_halving_and_its_gradients_are_those_of_the_plain_convolution(height, width):
    x, kernel = drawn(3, height, width, 5), drawn(4, 4, 5, 6, seed=1)
    compare(strided.halved, lambda x, kernel: tf.nn.conv2d(x, kernel, 2, "SAME"), x, kernel)


@pytest.mark.parametrize("height, width", [(4, 4), (3, 5), (1, 2)])
def test_doubling_and_its_gradients_are_those_of_the_plain_convolution(height, width):
    x, kernel = drawn(3, height, width, 5), drawn(4, 4, 6, 5, seed=1)
    compare(strided.doubled, lambda x, kernel: tf.nn.conv2d_transpose(x, kernel, (3, 2 * height, 2 * width, 6), 2), x, kernel)


def compare(quick, plain, x, kernel):
    """To the digits of float32: the same sums, of the same values, in another order."""
    x, kernel = (tf.cast(each, tf.float32) for each in (x, kernel))
    both = []
    for function in (quick, plain):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
            loss = tf.reduce_sum(tf.sin(tf.range(tf.size(y), dtype=tf.float32)) * tf.reshape(y, (-1,)))
        both.append([y, *tape.gradient(loss, [x, kernel])])
    for own, other in zip(*both):
        assert own.shape == other.shape
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-4)


@pytest.fixture
def bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def test_in_bfloat16_gpnds_layers_take_the_quick_way_and_learn_the_same(bfloat16, monkeypatch):
    keras.utils.set_random_seed(0)
    encoder, decoder = pidhorskyi.encoder((16, 16, 1)), pidhorskyi.decoder(16, (16, 16, 1))
    x = np.random.default_rng(2).random((4, 16, 16, 1)).astype(np.float32)
    calls = {"halved": 0, "doubled": 0}

    def counted(name, function):
        def call(*arguments):
            calls[name] += 1
            return function(*arguments)
        return call

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.cast(decoder(encoder(x)), tf.float32) - x))
        return tape.gradient(loss, encoder.trainable_variables + decoder.trainable_variables)
    for name in calls:
        monkeypatch.setattr(strided, name, counted(name, getattr(strided, name)))
    own = gradients()
    assert calls == {"halved": 1, "doubled": 1}       # not where one side has a single channel
    monkeypatch.setattr(strided, "quick", lambda *_: False)
    for quick, plain in zip(own, gradients()):
        norm = float(tf.norm(plain))
        assert float(tf.norm(quick - plain)) <= 0.02 * norm + 1e-7
    assert calls == {"halved": 1, "doubled": 1}


@pytest.mark.parametrize("ours, kind", [(strided.StridedConv2D, layers.Conv2D),
                                        (strided.StridedConv2DTranspose, layers.Conv2DTranspose)])
def test_the_layers_are_keras_own_in_all_else(ours, kind):
    x = np.random.default_rng(3).random((2, 8, 6, 32)).astype(np.float32)
    for arguments in ({"kernel_size": 4, "strides": 2, "padding": "same"}, {"kernel_size": 4, "strides": 2, "padding": "valid"},
                      {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"},
                      {"kernel_size": 4, "strides": 2, "padding": "same", "use_bias": False, "activation": "relu"}):
        for dtype in ("float32", "bfloat16"):
            own, other = (each(32, **arguments, dtype=dtype) for each in (ours, kind))
            for layer in (own, other):
                layer.build(x.shape)
            other.set_weights(own.get_weights())
            given, wanted = own(x), other(x)
            assert given.dtype == wanted.dtype
            np.testing.assert_allclose(tf.cast(given, tf.float32), tf.cast(wanted, tf.float32), rtol=0.02, atol=0.02)
            again = keras.layers.deserialize(keras.layers.serialize(own))
            assert type(again) is ours and again.get_config() == own.get_config()
