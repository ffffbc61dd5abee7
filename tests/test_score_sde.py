"""The score-based generator as a detector: its averaged weights, its scores and what it draws."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from variants import normals, own_denoiser, strangers

from kerasnd import ScoreSDE
from kerasnd.drawings import Drawings
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import score_sde, snapshots

MEAN, DEVIATION = 0.2, 0.15         # of each value of the data, in the equation's space


class ExactNoise(keras.layers.Layer):
    """The noise in x_t for independent Gaussian data: sigma (x_t - a mean) / (a^2 deviation^2 + sigma^2), of vp."""

    def call(self, inputs):
        x, condition = inputs
        t = condition[:, None] / 999
        b = 0.1 * t + 0.5 * t * t * (20 - 0.1)
        a, sigma = tf.exp(-b / 2), tf.sqrt(-tf.math.expm1(-b))
        return sigma * (x - a * MEAN) / (a * a * DEVIATION ** 2 + sigma * sigma)


def exact(**more):
    """A detector of examples (3,) in [0, 1] that knows its data."""
    inputs = [keras.Input((3,)), keras.Input(())]
    keras.utils.set_random_seed(0)
    return ScoreSDE(denoiser=keras.Model(inputs, ExactNoise()(inputs)), preprocess="minmax", **more)


@pytest.mark.parametrize("sampler, steps, spacing", [("euler_maruyama", 60, "log_ratio"), ("probability_flow", 20, "log_ratio"),
                                                     ("ancestral", 60, "quadratic"), ("euler_maruyama", 1000, "published")])
def test_what_is_drawn_has_the_moments_of_the_data(sampler, steps, spacing):
    drawn = exact(sampler=sampler, sampling_steps=steps, spacing=spacing).sample(6400) * 2 - 1
    assert drawn.shape == (6400, 3)
    assert abs(drawn.mean() - MEAN) < 0.01 and abs(drawn.std() - DEVIATION) < 0.012


def test_the_first_of_a_seed_are_the_same_whatever_their_number():
    detector = exact(sampling_steps=40)
    many = detector.sample(150, seed=3)
    np.testing.assert_array_equal(detector.sample(70, seed=3), many[:70])
    assert not np.array_equal(detector.sample(70, seed=4), many[:70])
    assert len(np.unique(many.round(5), axis=0)) == 150


def test_the_likelihood_is_the_closed_form():
    detector = exact(score_by="likelihood", likelihood_steps=200)
    x = np.random.default_rng(0).uniform(0.3, 0.9, (9, 3)).astype(np.float32)
    expected = -stats.norm(MEAN, DEVIATION).logpdf(2 * x - 1).sum(axis=1)
    np.testing.assert_allclose(detector.predict(x, verbose=0), expected, atol=0.03)
    np.testing.assert_allclose(detector.predict(x[4:6], verbose=0), detector.predict(x, verbose=0)[4:6], rtol=1e-5)


def test_the_denoising_score_is_that_of_its_formula():
    detector = exact(levels=4)
    x = np.random.default_rng(0).uniform(0, 1, (200, 3)).astype(np.float32)
    detector.compile()
    detector.fit_levels(Feed(x))
    errors = np.empty((200, 4))
    for k, t in enumerate(np.linspace(*score_sde.LEVELS, 4)):
        z = tf.random.stateless_normal((1, 3), [k, 0]).numpy()
        b = 0.1 * t + 0.5 * t * t * 19.9
        a, sigma = np.exp(-b / 2), np.sqrt(-np.expm1(-b))
        noisy = a * (2 * x - 1) + sigma * z
        errors[:, k] = np.mean((sigma * (noisy - a * MEAN) / (a * a * DEVIATION ** 2 + sigma * sigma) - z) ** 2, axis=1)
    expected = np.mean((errors - errors.mean(axis=0)) / errors.std(axis=0), axis=1)
    np.testing.assert_allclose(detector.predict(x, verbose=0), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("average", [0.5, 0.999])
def test_the_averaged_weights_follow_the_trained_ones(average):
    keras.utils.set_random_seed(0)
    detector = ScoreSDE((4,), width=8, average=average)
    expected, seen = detector.averaged.get_weights(), []

    class Follow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(1)
            keep = min(average, (1 + len(seen)) / (10 + len(seen)))
            for i, weight in enumerate(detector.network.get_weights()):
                if weight.dtype.kind == "f":
                    expected[i] = keep * expected[i] + (1 - keep) * weight
    detector.compile(keras.optimizers.Adam(1e-2), steps_per_execution=1)
    detector.fit(normals(24, (4,)), epochs=2, batch_size=8, seed=0, callbacks=[Follow()], verbose=0)
    assert len(seen) == 6
    for mean, value in zip(expected, detector.averaged.get_weights()):
        np.testing.assert_allclose(value, mean, rtol=1e-4, atol=1e-6)
    assert not detector.averaged.trainable_variables


@pytest.mark.parametrize("sde, weighting, score_by", [("vp", "likelihood", "denoising"), ("subvp", "sigma", "likelihood"),
                                                      ("ve", "importance", "denoising")])
def test_every_equation_learns_what_is_normal(sde, weighting, score_by, tmp_path):
    keras.utils.set_random_seed(0)
    detector = ScoreSDE((6,), sde=sde, width=32, weighting=weighting, average=0.9, score_by=score_by, likelihood_steps=20,
                        sampling_steps=30)
    detector.compile(keras.optimizers.Adam(3e-3))
    detector.fit(normals(200, (6,)), epochs=30, batch_size=50, seed=0, verbose=0)
    near, far = (detector.predict(x, verbose=0) for x in (normals(60, (6,), seed=5), strangers(60, (6,))))
    assert np.isfinite(far).all() and stats.mannwhitneyu(far, near).statistic / 3600 > 0.9
    middle = normals(200, (6,)).mean(axis=0)
    # what is drawn lies around the data, where noise does not
    assert np.abs(detector.sample(128).mean(axis=0) - middle).mean() < np.abs(127.5 - middle).mean() / 2
    detector.save(tmp_path / "saved.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "saved.keras").predict(strangers(60, (6,)), verbose=0), far,
                               rtol=1e-5, atol=1e-5)


def test_the_network_of_images_learns_is_saved_and_takes_the_same_step_on_two_replicas(mirrored, tmp_path):
    found = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            keras.utils.set_random_seed(0)
            detector = ScoreSDE((8, 8, 1), width=8, multipliers=[1], dropout=0.0, average=0.9)
            detector.compile(keras.optimizers.SGD(0.3))
        before = detector.network.get_weights()
        detector.fit(normals(32), epochs=1, batch_size=32, seed=0, verbose=0)
        found.append(detector.network.get_weights() + detector.averaged.get_weights())
        if len(found) == 1:
            assert max(np.abs(one - start).max() for one, start in zip(found[0], before)) > 2e-3
            detector.save(tmp_path / "saved.keras")
            loaded = keras.models.load_model(tmp_path / "saved.keras")
            far = strangers(9)
            np.testing.assert_allclose(loaded.predict(far, verbose=0), detector.predict(far, verbose=0), rtol=1e-5)
    for one, two in zip(*found):
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-4)


def test_half_of_the_images_are_mirrored():
    detector = ScoreSDE((4, 4, 1), width=8, multipliers=[1], flip=True)
    detector.compile()
    x = np.random.default_rng(0).random((400, 4, 4, 1)).astype(np.float32)
    made = detector.mirrored(tf.constant(x)).numpy()
    mirrored = (made == x[:, :, ::-1]).all(axis=(1, 2, 3))
    assert 0.4 < mirrored.mean() < 0.6 and (made[~mirrored] == x[~mirrored]).all()


def test_snapshots_tell_the_distance_and_end_the_training():
    x = normals(40, (6,))
    keras.utils.set_random_seed(0)
    detector = ScoreSDE((6,), width=8, sampling_steps=4, snapshot_every=2, snapshot_size=20)
    detector.compile(keras.optimizers.Adam(3e-3))
    history = detector.fit(x, epochs=5, batch_size=20, seed=0, verbose=0).history
    assert len(history["frechet_distance"]) == len(history["nearest_ratio"]) == 2 and len(history["loss"]) == 5
    easy = ScoreSDE((6,), width=8, sampling_steps=4, snapshot_every=1, snapshot_size=20, target_distance=1e9)
    easy.compile()
    assert len(easy.fit(x, epochs=5, batch_size=20, verbose=0).history["loss"]) == 1
    assert "loss" not in easy.fit(x, epochs=5, initial_epoch=1, batch_size=20, verbose=0).history
    missing = ScoreSDE((6,), width=8, snapshot_every=1, features="nothing.keras")
    missing.compile()
    with pytest.raises(BadData, match="nothing.keras', which is missing"):
        missing.fit(x, verbose=0)


def test_every_snapshot_of_images_has_its_picture(tmp_path):
    detector = ScoreSDE(denoiser=own_denoiser(), sampling_steps=3, snapshot_every=2, snapshot_size=8)
    detector.compile()
    detector.fit(normals(20), epochs=5, batch_size=20, verbose=0, callbacks=[Drawings(tmp_path, "threes")])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["drawn_0002.png", "drawn_0004.png"]
    table = ScoreSDE((6,), width=8, sampling_steps=3, snapshot_every=1, snapshot_size=8)
    table.compile()
    table.fit(normals(20, (6,)), epochs=1, batch_size=20, verbose=0, callbacks=[Drawings(tmp_path / "table", "threes")])
    assert not (tmp_path / "table").exists()


def test_a_copy_of_the_training_set_has_no_distance_and_noise_has_much():
    shown = normals(300).astype(np.float32) / 255
    watched = snapshots.Watched(shown, None)
    copied, others, noise = (watched.compared(drawn) for drawn in (
        shown, normals(300, seed=9).astype(np.float32) / 255, strangers(300).astype(np.float32) / 255))
    assert copied["frechet_distance"] == pytest.approx(0, abs=1e-6) and copied["nearest_ratio"] == 0
    assert copied["frechet_distance"] < others["frechet_distance"] < noise["frechet_distance"]
    assert 0.8 < others["nearest_ratio"] < 1.3 < noise["nearest_ratio"]


@pytest.mark.parametrize("arguments, told", [
    ({"sde": "vpp"}, "Did you mean 'vp'"), ({"sampling_steps": 1}, "`steps`"), ({"levels": 0}, "`levels`"),
    ({"average": 1.0}, "`average`"),
    ({"sde": "subvp", "sampler": "ancestral"}, "ancestral"), ({"preprocess": "standard"}, "leads into \\[0, 1\\]"),
    ({"target_distance": 3.0}, "snapshot_every"), ({"width": 7}, "even"), ({"spacing": "even"}, "`spacing`"),
    ({"example_shape": (4,), "flip": True}, "`flip`"), ({"example_shape": (4,), "multipliers": [1, 2]}, "`multipliers`"),
    ({"features": "inception"}, "`features`")])
def test_what_cannot_be_is_refused_in_one_line(arguments, told):
    with pytest.raises(Misuse, match=told) as refusal:
        ScoreSDE(**{"example_shape": (8, 8, 1), **arguments})
    assert "\n" not in str(refusal.value)


def test_a_network_of_ones_own_must_map_examples_and_conditions():
    inputs = keras.Input((3,))
    with pytest.raises(Misuse, match="`denoiser` must be built from two inputs"):
        ScoreSDE(denoiser=keras.Model(inputs, inputs * 2))
    with pytest.raises(Misuse, match="`denoiser` must map"):
        ScoreSDE(denoiser=keras.Model([inputs, keras.Input((2,))], inputs * 2))
