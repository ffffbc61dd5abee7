"""ARAE: what it is built of, and that its training holds the code still against attacks."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from short_runs import settings
from sklearn.datasets import load_digits

from kerasnd import attacks, checkpoints, config, judging, runs
from kerasnd.errors import Misuse
from kerasnd.methods import arae
from kerasnd.methods.arae import ARAE
from kerasnd.methods.autoencoder import Autoencoder

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


@pytest.mark.parametrize("images", [57, 230, 403])     # of 1, 4 and 7 objects
def test_an_epoch_of_coil_has_no_fewer_updates_than_published(images):
    stage, = config.load(method="arae", dataset="coil100", normal="1")["stages"]
    assert images // stage["fit"]["batch_size"] >= -(-images // 16)


@pytest.mark.parametrize("arguments,told", [
    ({"carry_attack_gradient": True}, "`carry_attack_gradient` must go with preset=union"),
    ({"preset": "union", "refresh": "epoch", "carry_attack_gradient": True}, "`carry_attack_gradient`.*refresh=epoch"),
    ({"preprocess": "gcn_l1"}, "`preprocess`.*gcn_l1"), ({"preprocess": "standard"}, "`preprocess`.*standard"),
    ({"preset": "onion"}, "`preset`.*Did you mean 'union'"), ({"refresh": "step"}, "`refresh`"),
    ({"attack_steps": 0}, "`attack_steps`"),
    ({"eps": -1}, "`eps`"), ({"eps": None}, "`eps`"), ({"l2_eps": "5"}, "`l2_eps`"), ({"latent_weight": -0.1}, "`latent_weight`"),
    ({"carry_attack_gradient": "yes"}, "`carry_attack_gradient`"), ({"example_shape": 784}, "`example_shape`.*784"),
    ({"example_shape": ()}, "`example_shape`"), ({"example_shape": ("a", "b", 1)}, "`example_shape`"),
    ({"network": "arae_l2"}, "network")])
def test_what_it_cannot_be_is_told_in_one_line(arguments, told):
    with pytest.raises(Misuse, match=told) as refusal:
        ARAE(**{"example_shape": (8, 8, 1), **arguments})
    assert "\n" not in str(refusal.value)


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
