"""A network that tells normals from near negatives, and the neighbours in its features."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.neighbors import NearestNeighbors
from variants import build, normals, own_denoiser, strangers

from kerasnd import FITYMI, VAE, ScoreSDE, attribution
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import fitymi


def small(**more):
    keras.utils.set_random_seed(0)
    detector = FITYMI(**{"example_shape": (8, 8, 1), **more})
    detector.compile(keras.optimizers.SGD(0.05))
    return detector


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_score_is_the_sum_of_the_squared_distances_to_the_nearest_normals(k):
    x, judged = normals(40), np.concatenate([normals(5, seed=3), strangers(5)])
    detector = small(neighbours=k)
    detector.fit(x, batch_size=20, epochs=2, seed=0, verbose=0)
    bank, seen = (detector.encode(each).numpy().astype(np.float64) for each in (x, judged))
    np.testing.assert_allclose(detector.bank.numpy(), bank, rtol=1e-4, atol=1e-5)
    distance, _ = NearestNeighbors(n_neighbors=k).fit(bank).kneighbors(seen)
    np.testing.assert_allclose(detector.predict(judged, verbose=0), np.square(distance).sum(axis=1), rtol=1e-3, atol=1e-5)


def test_known_anomalies_are_the_negatives_and_no_part_of_the_bank():
    x, hint = np.concatenate([normals(30), strangers(10)]), np.repeat([0, -1], [30, 10]).astype(np.int8)
    detector = small()
    detector.compile(keras.optimizers.Adam(1e-2))
    detector.fit(x, hint, batch_size=20, epochs=40, seed=0, verbose=0)
    assert len(detector.bank.numpy()) == 30 and detector._source == "known"
    odds = detector.log_odds(detector.encode(x)).numpy()
    assert odds[:30].max() < odds[30:].min()


def test_without_known_ones_normals_are_changed():
    detector = small(example_shape=(6,))
    detector.fit(normals(20, (6,)), batch_size=10, verbose=0)
    assert detector._source == "shuffle"
    detector = small(negatives="rotation")
    detector.fit(normals(20), batch_size=10, verbose=0)
    x, negative = detector.with_negatives(tf.constant(np.random.default_rng(0).random((5, 8, 8, 1)), tf.float32))
    assert x.shape == (10, 8, 8, 1) and negative.numpy().tolist() == [False] * 5 + [True] * 5
    for before, after in zip(x[:5].numpy(), x[5:].numpy()):
        assert any(np.array_equal(np.rot90(before, turn), after) for turn in (1, 2, 3))
    with pytest.raises(Misuse, match="`negatives=known` needs examples that are hinted"):
        small(negatives="known").fit(normals(20), batch_size=10, verbose=0)


@pytest.mark.parametrize("kind", [VAE, ScoreSDE])
def test_the_stage_before_draws_one_negative_for_each_normal(kind):
    keras.utils.set_random_seed(0)
    generator = kind((8, 8, 1), **({"denoiser": own_denoiser(), "sampling_steps": 3} if kind is ScoreSDE else {}))
    generator.compile()
    generator.fit(normals(20), batch_size=10, verbose=0)
    detector = small()
    detector.inherit(generator)
    expected = generator.normalizer(generator.sample(20)).numpy()

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            np.testing.assert_array_equal(detector._drawn.numpy(), expected)
            x, _ = detector.with_negatives(tf.zeros((7, 8, 8, 1)))
            assert all((each == expected).all(axis=(1, 2, 3)).any() for each in x[7:].numpy())
            assert any(each is detector._drawn for each in detector.resume_variables)
    detector.fit(normals(20), batch_size=10, epochs=2, seed=0, verbose=0, callbacks=[Look()])
    assert detector._drawn is None and all("generator" not in each.path for each in detector.weights)
    assert sum(np.prod(each.shape) for each in detector.weights) < 1.2 * sum(np.prod(each.shape) for each in small().weights)
    with pytest.raises(Misuse, match="must be a generator: score_sde, gpnd, vae. Received: Autoencoder"):
        small().inherit(build("autoencoder"))
    with pytest.raises(Misuse, match=r"must draw examples of shape \(12, 12, 1\)"):
        small(example_shape=(12, 12, 1)).inherit(generator)


def test_a_frozen_block_keeps_its_weights_and_a_correction_alone_learns():
    def changed(detector):
        before = {weight.path: weight.numpy() for weight in detector.backbone_network.weights}
        detector.fit(normals(20), batch_size=10, epochs=1, seed=0, verbose=0)
        return {path for weight in detector.backbone_network.weights for path in [weight.path]
                if not np.array_equal(before[path], weight.numpy())}
    free = changed(small(backbone="vit_small_images"))
    frozen = changed(small(backbone="vit_small_images", freeze_blocks=2, freeze_embeddings=True))
    corrected = changed(small(backbone="vit_small_images", lora_rank=2))
    assert frozen and frozen < free and not any("block_0" in path or "embedding" in path for path in frozen)
    assert corrected and all("lora" in path for path in corrected)


def test_a_network_from_a_file_sees_the_images_and_travels_along(tmp_path):
    inputs = keras.Input((8, 8, 1))
    given = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(inputs)))
    given.save(tmp_path / "network.keras")
    detector = small(pretrained=str(tmp_path / "network.keras"), flip=False)
    assert detector.starts_alike
    x = normals(20)
    detector.ready(Feed(x))
    detector.prepare(Feed(x))
    np.testing.assert_allclose(detector.encode(x), given(x / np.float32(255)), rtol=1e-4, atol=1e-5)
    detector.fit(x, batch_size=10, epochs=1, seed=0, verbose=0)
    assert not np.allclose(detector.encode(x), given(x / np.float32(255)), rtol=1e-4, atol=1e-5)
    detector.save(tmp_path / "detector.keras")
    (tmp_path / "network.keras").unlink()
    loaded = keras.models.load_model(tmp_path / "detector.keras")
    np.testing.assert_allclose(loaded.predict(strangers(4), verbose=0), detector.predict(strangers(4), verbose=0), rtol=1e-5)
    with pytest.raises(BadData, match="missing"):
        small(pretrained=str(tmp_path / "network.keras"))
    keras.Model(inputs, inputs * 2).save(tmp_path / "wrong.keras")
    with pytest.raises(Misuse, match=r"must map images \(n, any, any, any\) to features"):
        small(pretrained=str(tmp_path / "wrong.keras"))


def test_before_the_first_step_the_score_is_that_of_the_first_features():
    frozen, tuned = small(), small()
    tuned.fit(normals(20), batch_size=10, epochs=1, seed=0, verbose=0)
    feed = Feed(normals(20))
    frozen.ready(feed)
    frozen.prepare(feed)
    assert len(frozen.bank.numpy()) == 20
    assert not np.array_equal(*(detector.predict(strangers(4), verbose=0) for detector in (frozen, tuned)))
    assert not frozen.starts_alike


def test_softmax_scores_by_the_odds_of_a_negative():
    detector = small(score_by="softmax")
    detector.fit(normals(20), batch_size=10, epochs=2, seed=0, verbose=0)
    x = np.concatenate([normals(4), strangers(4)])
    logits = detector.head(detector.encode(x)).numpy()
    probability = np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1)
    score = detector.predict(x, verbose=0)
    np.testing.assert_allclose(1 / (1 + np.exp(-score)), probability, rtol=1e-4)


@pytest.mark.parametrize("arguments, told", [
    ({"backbone": "vit_b15"}, "Did you mean 'vit_b16'"), ({"neighbours": 0}, "`neighbours`"),
    ({"negatives": "cutpast"}, "`negatives`"), ({"negatives": "shuffle"}, "`negatives`"),
    ({"score_by": "knn"}, "`score_by`"), ({"metric": "l2"}, "`metric`"),
    ({"lora_rank": 2}, "`lora_rank`"), ({"freeze_blocks": 1}, "`freeze_blocks`"), ({"normalization": "mean"}, "`normalization`"),
    ({"preprocess": "standard"}, "leads into \\[0, 1\\]"),
    ({"backbone": "vit_small_images", "freeze_blocks": 99}, "`freeze_blocks`"),
    ({"example_shape": (4,), "backbone": "vit_b16"}, "`backbone`"), ({"pretrained": "weights.npz"}, "`pretrained`")])
def test_what_cannot_be_is_refused_in_one_line(arguments, told):
    with pytest.raises(Misuse, match=told) as refusal:
        small(**arguments)
    assert "\n" not in str(refusal.value)


def test_more_neighbours_than_normals_are_refused():
    with pytest.raises(Misuse, match="`neighbours` must be at most the number of normal examples"):
        small(neighbours=30).fit(normals(20), batch_size=10, verbose=0)


def test_every_kind_of_change_has_a_name():
    assert set(fitymi.CHANGED) == {"cutpaste", "rotation", "blur", "shuffle"}


def test_its_coder_is_a_network_that_gives_what_encode_gives():
    x = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.uint8)
    detector = FITYMI((8, 8, 1))
    detector.normalizer.adapt([x])
    assert np.allclose(detector.coder()(detector.normalizer(x)), detector.encode(x), atol=1e-6)


def test_a_transformer_tells_what_it_attends_to():
    x = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1)).astype(np.uint8)
    detector = FITYMI((28, 28, 1), backbone="vit_small_images")
    detector.normalizer.adapt([x])
    assert attribution.kind_of(detector) == "attention" and attribution.kind_of(small()) == "gradient"
    share = attribution.shares(detector, detector.normalizer(x), "attention")
    assert share.shape == (2, 28, 28, 1) and (share >= 0).all() and (share.sum((1, 2, 3)) < 1).all()
    patch = share.reshape(2, 7, 4, 7, 4)
    assert np.allclose(patch, patch.mean((2, 4), keepdims=True), rtol=1e-4)      # no view between: a patch's pixels are alike
