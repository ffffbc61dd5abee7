"""Networks: published sizes, and our faster layers against the plain ones that they replace."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerasnd.errors import Misuse
from kerasnd.methods import METHODS, method
from kerasnd.networks import coders
from kerasnd.networks.layers import NormalizedActivation, UpsampledConv2D

# (example_shape, trainable weights of the encoder, of encoder and decoder). LeNets and tables: the published numbers.
PARAMETERS = {
    "mnist_lenet": ((28, 28, 1), 7_272, 8_472),
    "fmnist_lenet": ((28, 28, 1), 222_096, 249_888),
    "cifar10_lenet": ((32, 32, 3), 520_544, 804_544),
    # 75*16 + 400*32 + 2048*64 + 64*32; and 32*64 + 25*(4*32 + 32*16 + 16*3)
    "gtsrb_lenet": ((32, 32, 3), 147_120, 166_368),
    # sums of (inputs * units + bias) and of two weights a unit of normalisation, by hand from the published layer lists
    "mnist_dcae": ((28, 28, 1), 6_114_056, 6_288_017),
    "cifar10_dcae": ((32, 32, 3), 124_560, 185_507),
    "gtsrb_dcae": ((32, 32, 3), 99_696, 136_067),
    "mnist_ocnn": ((28, 28, 1), 2_528, 5_048),
    "cifar10_ocnn": ((32, 32, 3), 105_344, 219_910),
    "arae_linf": ((28, 28, 1), 566_144, 1_132_944),
    "arae_union": ((28, 28, 1), 566_144, 1_132_944),
    "arae_conv": ((32, 32, 3), 427_872, 857_539),
    # 16 * (1*128 + 128*256 + 256*512 + 512*16) + biases + two a normalised unit; 16 * (16*256 + 256*256 + 256*128 + 128) likewise
    "gpnd": ((32, 32, 1), 2_757_008, 4_399_377),
    "dense": ((36,), 1_792, 3_584),
    "conv": ((28, 28, 1), 63_376, 108_720),
}


def trainable(*models):
    return sum(int(np.prod(w.shape)) for model in models for w in model.trainable_weights)


def test_every_network_is_in_the_table_of_parameter_counts():
    assert set(PARAMETERS) == set(coders.NETWORKS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_network_has_the_published_number_of_weights(name):
    shape, encoder_weights, both = PARAMETERS[name]
    encoder, decoder = coders.build(name, shape)
    assert (trainable(encoder), trainable(encoder, decoder)) == (encoder_weights, both)


@pytest.mark.parametrize("features, weights", [(274, 45_312), (21, 1_312), (36, 1_792), (9, 928), (6, 768)])
def test_the_dense_network_is_the_published_one_on_the_odds_tables(features, weights):
    encoder, decoder = coders.build("dense", (features,))
    assert (trainable(encoder), trainable(encoder, decoder)) == (weights, 2 * weights)


@pytest.mark.parametrize("shape",
                         [(8, 8, 1), (9, 13, 3), (28, 28, 1), (32, 32, 3), (30, 50, 1), (64, 64, 3), (100, 75, 1), (256, 256, 3)])
def test_auto_builds_a_pair_for_every_image_shape(shape):
    encoder, decoder = coders.build("auto", shape)
    x = np.random.default_rng(0).random((2, *shape), np.float32)
    redrawn = decoder(encoder(x))
    assert redrawn.shape == x.shape and 0 <= redrawn.numpy().min() and redrawn.numpy().max() <= 1
    assert 16 <= encoder.output_shape[-1] <= 128


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name.endswith("lenet") or name in ("conv", "dense")])
def test_the_lenets_have_no_bias_and_no_affine_normalisation(name):
    """A bias could carry the constant solution (Ruff et al. 2018, Prop. 1)."""
    encoder, _ = coders.build(name, PARAMETERS[name][0])
    assert {w.name for w in encoder.trainable_weights} == {"kernel"}
    assert np.ptp(encoder(np.zeros((1, *PARAMETERS[name][0]), np.float32)).numpy()) == 0


def plain_activation(pool):
    """What NormalizedActivation replaces, in its published order: normalise, leaky ReLU, pool."""
    inputs = keras.Input((8, 6, 3))
    x = layers.BatchNormalization(center=False, scale=False, epsilon=1e-4, momentum=0.9)(inputs)
    x = layers.LeakyReLU(0.01)(x)
    return keras.Model(inputs, layers.MaxPooling2D()(x) if pool else x)


@pytest.mark.parametrize("pool", [False, True])
def test_normalized_activation_equals_the_plain_layers(pool):
    x = tf.constant(np.random.default_rng(0).normal(1, 2, (16, 8, 6, 3)).astype(np.float32))
    weight = np.random.default_rng(1).normal(size=(16, 4, 3, 3) if pool else (16, 8, 6, 3)).astype(np.float32)
    ours, plain = NormalizedActivation(pool), plain_activation(pool)
    for training in (True, False):      # with the batch's statistics, then with the moving ones of that step
        results = []
        for layer in (ours, plain):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=training)
                loss = tf.reduce_sum(y * weight)
            results.append((y.numpy(), tape.gradient(loss, x).numpy()))
        for one, two in zip(*results):
            # the moving variance is the unbiased one, Keras' the biased one: n / (n - 1) of 768 values
            np.testing.assert_allclose(one, two, atol=2e-5 if training else 1e-2)
    np.testing.assert_allclose(ours.moving_mean, 0.1 * x.numpy().mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(ours.moving_variance, 0.9 + 0.1 * x.numpy().var((0, 1, 2), ddof=1), rtol=1e-5)


def test_normalized_activation_of_codes():
    x = np.random.default_rng(0).normal(1, 2, (32, 5)).astype(np.float32)
    y = NormalizedActivation(negative_slope=1)(x, training=True)
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-4), atol=1e-5)


@pytest.mark.parametrize("crop, use_bias", [(0, False), (1, True)])
def test_upsampled_convolution_equals_upsampling_then_convolution(crop, use_bias):
    x = tf.constant(np.random.default_rng(0).normal(size=(3, 5, 4, 2)).astype(np.float32))
    ours = UpsampledConv2D(3, crop, use_bias=use_bias)
    ours.build(x.shape)
    plain = layers.Conv2D(3, 5, padding="same", use_bias=use_bias)
    plain.build((None, 10, 8, 2))
    if use_bias:
        ours.bias.assign([0.1, -0.2, 0.3])
    plain.set_weights(ours.get_weights())

    def both(layer, x):
        if layer is ours:
            return ours(x)
        y = plain(layers.UpSampling2D()(x))
        return y[:, crop:-crop, crop:-crop] if crop else y
    results = []
    for layer in (ours, plain):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = both(layer, x)
            loss = tf.reduce_sum(tf.sin(y))
        results.append([y.numpy()] + [g.numpy() for g in tape.gradient(loss, [x, *layer.trainable_weights])])
    assert results[0][0].shape == (3, *ours.compute_output_shape((3, 5, 4, 2))[1:])
    for one, two in zip(*results):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("arguments, told", [
    ({"network": "mnist_lent", "example_shape": (28, 28, 1)}, "mnist_lenet"),
    ({"network": "mnist_lenet", "example_shape": (32, 32, 3)}, r"\(28, 28, 1\)"),
    ({"network": "dense", "example_shape": (8, 8, 1)}, "does not fit"),
    ({"network": "conv", "example_shape": (4, 4, 1)}, "at least 8x8"),
    ({"network": "auto", "example_shape": (8, 8, 1), "latent_dim": 0}, "at least 1"),
])
def test_a_network_that_does_not_fit_is_refused(arguments, told):
    with pytest.raises(Misuse, match=told):
        coders.build(**arguments)


def test_own_networks_must_fit_each_other():
    inputs = keras.Input((6,))
    encoder = keras.Model(inputs, layers.Dense(3)(inputs))
    code = keras.Input((4,))
    with pytest.raises(Misuse, match=r"codes \(3,\)"):
        coders.choose(None, "auto", None, encoder, keras.Model(code, layers.Dense(6)(code)))
    with pytest.raises(Misuse, match="not built"):
        coders.choose(None, "auto", None, keras.Sequential([layers.Dense(3)]))
    with pytest.raises(Misuse, match="example_shape"):
        coders.choose(None, "auto", None)
    with pytest.raises(Misuse, match="encoder"):
        coders.choose((6,), "auto", None, None, encoder)


def _flat():
    inputs = keras.Input((6,))
    return keras.Model(inputs, layers.Dense(3)(inputs))


@pytest.mark.parametrize("arguments, told", [
    (dict, "^`example_shape` must be given where no `encoder` is. Received: None. For example"),
    (lambda: {"example_shape": (6, 6)}, r"^`example_shape` must be \(features,\) or .*example_shape=\(6, 6\)"),
    (lambda: {"encoder": keras.Sequential([layers.Dense(3)])}, "^`encoder` must be built .*not built. Start it with keras.Input"),
    (lambda: {"encoder": _flat(), "example_shape": (5,)}, r"^`example_shape` must be the encoder's input shape \(6,\).*Leave it")])
@pytest.mark.parametrize("name", [name for name in METHODS if name != "score_sde"])        # it has a denoiser, no encoder
def test_every_method_refuses_the_same_encoders_and_shapes_in_the_same_words(name, arguments, told):
    arguments = arguments()
    if "encoder" in arguments and name in ("autoencoder", "rcae", "gpnd", "vae"):      # they refuse an encoder alone
        code = keras.Input((3,))
        arguments["decoder"] = keras.Model(code, layers.Dense(6)(code))
    with pytest.raises(Misuse, match=told) as refusal:
        method(name)(**arguments)
    assert "\n" not in str(refusal.value)
