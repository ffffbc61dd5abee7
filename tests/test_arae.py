"""ARAE: one step is that of NumPy, under either preset, and the code is held still against attacks."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from attacks_by_hand import l2_by_hand, linf_by_hand
from short_runs import settings
from sklearn.datasets import load_digits

from kerasnd import attacks, checkpoints, config, judging, runs
from kerasnd.errors import Misuse
from kerasnd.methods import arae
from kerasnd.methods.arae import ARAE
from kerasnd.methods.autoencoder import Autoencoder

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


# ---- what it is built of ---------------------------------------------------------------------------------------------

def test_the_published_networks_have_the_published_sizes():
    for shape, given, expected in (((28, 28, 1), {}, 1_132_944), ((28, 28, 1), {"preset": "union"}, 1_132_944),
                                   ((32, 32, 3), {"network": "arae_linf"}, 3_478_144)):
        detector = ARAE(shape, **given)
        assert detector.encoder.count_params() + detector.decoder.count_params() == expected
        assert detector.encoder.output_shape == (None, 128) and detector.decoder.output_shape == (None, *shape)


@pytest.mark.parametrize("preset,activations", [("linf", ["sigmoid"] * 6), ("union", ["relu"] * 5 + ["linear"])])
def test_each_preset_has_its_activations(preset, activations):
    detector, found = ARAE((8, 8, 1), preset=preset), []
    for model in (detector.encoder, detector.decoder):
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dense):
                found.append(layer.activation.__name__)
                assert isinstance(layer.kernel_initializer, keras.initializers.GlorotNormal)
                assert not np.asarray(layer.bias).any()
            elif isinstance(layer, keras.layers.Activation):
                found[-1] = layer.activation.__name__           # the last one is apart, in float32
    assert found == activations


@pytest.mark.parametrize("shape,preset,expected", [
    ((28, 28, 1), "linf", "arae_linf"), ((32, 32, 1), "union", "arae_union"), ((6,), "linf", "arae_linf"),
    ((33, 20, 1), "linf", "arae_conv"), ((32, 32, 3), "linf", "arae_conv"), ((8, 8, 2), "union", "arae_conv")])
def test_auto_is_dense_for_small_grey_images_and_tables_alone(shape, preset, expected):
    assert arae.choose_network(preset, "auto", shape) == expected
    assert arae.choose_network(preset, "dense", shape) == "dense"
    convolutional = any(isinstance(layer, keras.layers.Conv2D) for layer in ARAE(shape, preset=preset).encoder.layers)
    assert convolutional == (expected == "arae_conv")


@pytest.mark.parametrize("shape", [(32, 32, 3), (33, 20, 1), (3, 5, 2), (64, 48, 3)])
def test_the_convolutional_network_redraws_any_shape(shape):
    detector = ARAE(shape, network="arae_conv", latent_dim=9)
    x = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    assert detector.redraw(tf.constant(x)).shape == x.shape and detector.encode(tf.constant(x)).shape == (2, 9)


def test_the_presets_are_the_published_ones():
    linf, union, table = ARAE((28, 28, 1)), ARAE((28, 28, 1), preset="union"), ARAE((6,), preset="union")
    assert (linf.attacks, linf.gamma, linf.by_batch) == (["linf"], 0.1, False)
    assert (union.attacks, union.gamma, union.by_batch) == (["l2", "linf", "spatial"], 0.2, True)
    assert table.attacks == ["l2", "linf"]                      # a table cannot be turned
    assert union.l2_bound == pytest.approx(5)
    assert ARAE((32, 32, 3), preset="union").l2_bound == pytest.approx(5 * (3072 / 784) ** 0.5)
    assert ARAE((6,), l2_eps=0.7).l2_bound == 0.7


@pytest.mark.parametrize("variant,dataset,expected", [
    ("paper", "mnist", (1600, 256, 0.2, 40, 1e-7)), ("paper", "fashion_mnist", (8000, 256, 0.05, 40, 1e-7)),
    ("paper", "coil100", (1000, 16, 0.05, 20, 1e-7)), ("union_paper", "mnist", (500, 128, 0.2, 40, 1e-8))])
def test_the_published_schedules_are_in_the_configs(variant, dataset, expected):
    stage, = config.load(file=f"configs/arae.py:{variant}", dataset=dataset, normal="1")["stages"]
    given = {**stage["fit"], **stage["model"], **stage["optimizer"]}
    assert tuple(given[key] for key in ("epochs", "batch_size", "eps", "attack_steps", "epsilon")) == expected
    assert (given["name"], given["learning_rate"], given["milestones"]) == ("adam", 1e-3, [])


@pytest.mark.parametrize("arguments,told", [
    ({"carry_attack_gradient": True}, "`carry_attack_gradient` must go with preset=union"),
    ({"preset": "union", "refresh": "epoch", "carry_attack_gradient": True}, "`carry_attack_gradient`.*refresh=epoch"),
    ({"preprocess": "gcn_l1"}, "`preprocess`.*gcn_l1"), ({"preprocess": "standard"}, "`preprocess`.*standard"),
    ({"preset": "onion"}, "`preset`.*Did you mean 'union'"), ({"refresh": "step"}, "`refresh`"), ({"attack_steps": 0}, "`attack_steps`"),
    ({"eps": -1}, "`eps`"), ({"eps": None}, "`eps`"), ({"l2_eps": "5"}, "`l2_eps`"), ({"latent_weight": -0.1}, "`latent_weight`"),
    ({"carry_attack_gradient": "yes"}, "`carry_attack_gradient`"), ({"example_shape": 784}, "`example_shape`.*784"),
    ({"example_shape": ()}, "`example_shape`"), ({"example_shape": ("a", "b", 1)}, "`example_shape`"), ({"network": "arae_l2"}, "network")])
def test_what_it_cannot_be_is_told_in_one_line(arguments, told):
    with pytest.raises(Misuse, match=told) as refusal:
        ARAE(**{"example_shape": (8, 8, 1), **arguments})
    assert "\n" not in str(refusal.value)


# ---- its step, against NumPy -----------------------------------------------------------------------------------------

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


# ---- a training ------------------------------------------------------------------------------------------------------

def test_a_training_that_was_stopped_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    monkeypatch.setattr(judging, "INITIALISATIONS", 1)
    monkeypatch.setattr(checkpoints.Checkpoint, "due", property(lambda self: 0.0, lambda self, due: None), raising=False)
    config = settings("arae", epochs=3)
    config["stages"][0]["model"].update(attack_steps=2, latent_dim=6)
    runs.train(config, tmp_path / "whole")
    begin = ARAE.on_epoch_begin

    def stopped(self, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        begin(self, epoch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ARAE, "on_epoch_begin", stopped)
        runs.train(config, tmp_path / "stopped")
    assert not (tmp_path / "stopped/metrics.json").exists()
    runs.train(config, tmp_path / "stopped")
    one, two = (np.load(tmp_path / name / "scores.npz")["score"] for name in ("whole", "stopped"))
    np.testing.assert_array_equal(one, two)


def test_attacks_move_its_code_less_than_that_of_a_plain_autoencoder():
    digits, kind = load_digits(return_X_y=True)
    x = digits.reshape(-1, 8, 8, 1)[kind == 3].astype(np.float32)
    moved = {}
    for made in (ARAE, Autoencoder):
        keras.utils.set_random_seed(0)
        more = {"eps": 0.1, "attack_steps": 5} if made is ARAE else {}
        detector = made((8, 8, 1), network="arae_union", latent_dim=16, **more)       # its sigmoids take longer
        detector.compile(keras.optimizers.Adam(1e-3))
        detector.fit(x, epochs=20, batch_size=32, seed=0, verbose=0)
        seen = detector.normalizer(tf.constant(x))
        objective = attacks.code_distance(lambda at, e=detector.encoder: e(at, training=False), seen)
        changed = tf.function(attacks.linf)(objective, seen, 0.1, 10)
        spread = tf.reduce_mean(tf.math.reduce_variance(detector.encoder(seen), axis=0))
        moved[made] = float(tf.reduce_mean(objective(changed))), float(tf.reduce_mean(objective(changed)) / spread)
    assert moved[ARAE][0] < 0.5 * moved[Autoencoder][0], moved
    assert moved[ARAE][1] < 0.7 * moved[Autoencoder][1], moved      # not by a smaller code alone
