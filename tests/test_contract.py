"""One bar for every method: what a detector promises, whoever wrote it."""
import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasnd.detector import Detector
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import DatasetFeed, Feed
from kerasnd.methods import METHODS, SOLVED, method

SHAPES = {"images": (8, 8, 1), "tables": (6,)}

# Constructor arguments that are not the defaults: one entry a method, variants after a dot.
VARIANTS = {
    "autoencoder": {"latent_dim": 5, "preprocess": "standard", "weight_decay": 1e-3},
    "autoencoder.dropout": {"dropout": 0.3},
    "rcae": {"latent_dim": 5, "sparsity": 0.7, "epochs_per_round": 2, "encode_cleaned": False},
    "rcae.huber": {"noise": "huber", "sparsity": 0.2},
    "rcae.released": {"noise": "released"},
    "arae": {"latent_dim": 5, "attack_steps": 3, "eps": 0.1},
    "arae.union": {"preset": "union", "eps": 0.05, "attack_steps": 3, "carry_attack_gradient": True},
    "deep_sad": {"latent_dim": 5, "eta": 2.0, "eps": 1e-5, "weight_decay": 1e-3},
    "deep_svdd": {"latent_dim": 5, "weight_decay": 1e-3},
    "deep_svdd.soft_boundary": {"objective": "soft_boundary", "nu": 0.2, "warm_up_epochs": 1},
    "ocnn": {"latent_dim": 5, "hidden_units": 7, "activation": "tanh", "nu": 0.2},
    "ocnn.released": {"objective": "released", "hidden_units": 7},
    "vae": {"latent_dim": 5, "weight_decay": 1e-3},
    "vae.negative_elbo": {"score_by": "negative_elbo"},
    "semi_dgm": {"latent_dim": 5, "alpha": 2.0, "weight_decay": 1e-3},
    "semi_dgm.m1m2": {"stack": "m1m2"},
    "supervised": {"latent_dim": 5, "weight_decay": 1e-3},
    "ssad": {"kappa": 0.5, "cost_anomalous": 0.5, "gamma": 0.25, "max_examples": 40},
    "ocsvm": {"nu": 0.2, "max_examples": 30},
    "ocsvm.nystroem": {"nystroem": 20, "gamma": 0.5},
    "isoforest": {"trees": 40, "examples_per_tree": 32},
    "kde": {"kernel": "exponential", "preprocess": "standard"},
    "kde.published": {"grid": "published", "max_examples": 40},
}
# Those that descend in steps: they have an optimiser, epochs and trainable weights; the others are solved for in one piece.
STEPPED = [variant for variant in VARIANTS if variant.partition(".")[0] not in SOLVED]

NEED_HINTS = ("semi_dgm", "supervised")


def build(variant, shape=SHAPES["images"], **more):
    keras.utils.set_random_seed(0)
    detector = settled(method(variant.partition(".")[0])(shape, **VARIANTS[variant], **more))
    detector.compile(keras.optimizers.Adam(3e-3))
    return detector


def settled(detector):
    """The detector; what stands in for the stage before it, where it needs one, as if that had been trained."""
    if getattr(detector, "vae", None) is not None:
        detector.vae.prepare(Feed(normals(shape=detector.example_shape)))
    return detector


def normals(n=48, shape=SHAPES["images"], seed=0):
    """Examples of one pattern with a little noise, raw 0..255."""
    rng = np.random.default_rng(seed)
    pattern = np.linspace(20, 235, int(np.prod(shape))).reshape(shape)
    return np.clip(pattern + rng.normal(0, 8, (n, *shape)), 0, 255).astype(np.uint8 if len(shape) == 3 else np.float32)


def strangers(n=48, shape=SHAPES["images"], seed=1):
    """Uniform noise in the same range."""
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8 if len(shape) == 3 else np.float32)


def hints_for(variant, n):
    """int8 (n,) where a method learns nothing without hints: every fourth a known anomaly, and two known normals. Else None."""
    if variant.partition(".")[0] not in NEED_HINTS:
        return None
    return np.where(np.arange(n) % 4 == 0, -1, np.where(np.arange(n) < 3, 1, 0)).astype(np.int8)


def lesson(variant, n=48, shape=SHAPES["images"]):
    """(x, hint): normals, and strangers in the places that are hinted as anomalous."""
    x, hint = normals(n, shape), hints_for(variant, n)
    if hint is not None:
        x[hint < 0] = strangers(n, shape, seed=2)[hint < 0]
    return x, hint


def as_dataset(x, hint):
    return tf.data.Dataset.from_tensor_slices(x if hint is None else (x, hint))


def test_every_method_has_a_variant_here():
    assert {variant.partition(".")[0] for variant in VARIANTS} == set(METHODS)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_after_fit_strangers_score_above_normals(variant, kind):
    shape = SHAPES[kind]
    detector = build(variant, shape)
    # the hyperplane turns more slowly than errors and distances fall
    detector.fit(*lesson(variant, shape=shape), epochs=80 if variant == "ocnn" else 12, batch_size=16, verbose=0)
    near, far = (detector.predict(x, verbose=0) for x in (normals(40, shape, seed=5), strangers(700, shape)))
    assert near.shape == (40,) and far.shape == (700,)          # more than one batch, the last one not full
    assert near.dtype == far.dtype == np.float32
    assert np.isfinite(near).all() and np.isfinite(far).all()
    assert np.mean(far[:, None] > near[None]) > 0.9             # the AUROC, from its definition


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_saved_detector_scores_and_trains_as_the_one_in_memory(variant, tmp_path):
    (x, hint), far = lesson(variant), strangers(20)
    detector = build(variant)
    detector.fit(x, hint, epochs=2, batch_size=16, seed=1, verbose=0)
    detector.save(tmp_path / "detector.keras")
    loaded = keras.models.load_model(tmp_path / "detector.keras")
    assert type(loaded) is type(detector)
    for name, value in VARIANTS[variant].items():
        assert getattr(loaded, name) == value
    np.testing.assert_allclose(loaded.predict(far, verbose=0), detector.predict(far, verbose=0), rtol=1e-6, atol=1e-6)
    for player, optimizer in detector.player_optimizers.items():     # none of those that are solved for
        assert int(optimizer.iterations) == int(loaded.player_optimizers[player].iterations) == 6
    if VARIANTS[variant].get("dropout") or getattr(detector, "noise", "") == "alternation":
        return      # masks and the noise array belong to the training, not to the saved detector
    for one in (detector, loaded):
        one.fit(x, hint, epochs=1, batch_size=16, seed=2, verbose=0)
    np.testing.assert_allclose(loaded.predict(far, verbose=0), detector.predict(far, verbose=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_arrays_and_datasets_are_the_same_data(variant):
    x, hint = lesson(variant, 32)
    by_array, by_dataset = build(variant), build(variant)
    by_array.fit(x, hint, epochs=2, batch_size=32, seed=0, verbose=0)         # one batch: no order
    by_dataset.fit(as_dataset(x, hint).batch(32), epochs=2, seed=0, verbose=0)
    if variant in STEPPED:
        assert int(by_dataset.optimizer.iterations) == 2
    if VARIANTS[variant].get("dropout") or hasattr(by_array, "noise_seed"):
        return      # one mask an example, and the order of examples within the batch differs
    np.testing.assert_allclose(by_dataset.predict(x, verbose=0), by_array.predict(x, verbose=0), rtol=1e-3, atol=1e-4)
    in_batches = tf.data.Dataset.from_tensor_slices(x).batch(5)
    np.testing.assert_allclose(by_array.predict(in_batches, verbose=0), by_array.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_hint_changes_what_takes_hints_and_nothing_else(variant):
    x, hint = normals(32), np.r_[np.ones(12), np.zeros(12), -np.ones(8)].astype(np.int8)
    unlike, hinted = build(variant), build(variant)
    unlike.fit(x, np.roll(hint, 5) if hints_for(variant, 32) is not None else None, epochs=2, batch_size=8, seed=0, verbose=0)
    hinted.fit(x, hint, epochs=2, batch_size=8, seed=0, verbose=0)
    assert np.array_equal(unlike.predict(x, verbose=0), hinted.predict(x, verbose=0)) is not unlike.takes_hints


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_seed_gives_the_same_detector_bit_for_bit(variant):
    scores = []
    for _ in range(2):
        detector = build(variant)
        detector.fit(*lesson(variant), epochs=2, batch_size=16, verbose=0)
        scores.append(detector.predict(strangers(20), verbose=0))
    np.testing.assert_array_equal(*scores)


def own_networks(shape=SHAPES["images"], normalised=False):
    inputs = keras.Input(shape)
    x = keras.layers.Dense(12, use_bias=False, activation="elu")(keras.layers.Flatten()(inputs))
    x = keras.layers.BatchNormalization(synchronized=True)(x) if normalised else x
    encoder = keras.Model(inputs, keras.layers.Dense(4, use_bias=False)(x))
    code = keras.Input((4,))
    decoder = keras.Model(code, keras.layers.Reshape(shape)(keras.layers.Dense(int(np.prod(shape)))(code)))
    return encoder, decoder


def with_own_networks(variant, normalised=False):
    keras.utils.set_random_seed(0)
    encoder, decoder = own_networks(normalised=normalised)
    kind = method(variant.partition(".")[0])
    arguments = {key: value for key, value in VARIANTS[variant].items() if key != "latent_dim"}
    if variant.startswith(("autoencoder", "rcae", "arae", "vae")):
        arguments["decoder"] = decoder
    if variant == "semi_dgm.m1m2":      # its own networks are those of the stage before
        return settled(kind(vae=method("vae")(encoder=encoder, decoder=decoder), **arguments))
    return kind(encoder=encoder, **arguments)


@pytest.mark.parametrize("variant", VARIANTS)
def test_own_networks_are_used_saved_and_reloaded(variant, tmp_path):
    detector = with_own_networks(variant)
    detector.compile(keras.optimizers.Adam(3e-3))
    detector.fit(*lesson(variant), epochs=2, batch_size=16, verbose=0)
    detector.save(tmp_path / "own.keras")
    loaded = keras.models.load_model(tmp_path / "own.keras")
    assert [layer.name for layer in loaded.encoder.layers] == [layer.name for layer in detector.encoder.layers]
    np.testing.assert_allclose(loaded.predict(strangers(9), verbose=0), detector.predict(strangers(9), verbose=0), atol=1e-6)


def rate(detector, variant):
    """float, of SGD: distances to a centre are small and reconstruction errors large, but that of one pixel behind sigmoids small."""
    if "arae" in variant:
        return 3.0 if detector.encoder.name == "encoder" else 0.1       # ours, or the test's
    return 1e-2 if hasattr(detector, "decoder") or "released" in variant else 0.3


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("variant", [v for v in STEPPED if "dropout" not in VARIANTS[v]])
def test_two_replicas_take_the_step_of_one(variant, normalised, mirrored):
    """Plain SGD: Adam would hide a doubled gradient."""
    results = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            detector = with_own_networks(variant, normalised)
            detector.compile(keras.optimizers.SGD(rate(detector, variant)))
        detector.fit(*lesson(variant, 32), epochs=2, batch_size=32, seed=0, verbose=0)
        results.append([np.asarray(w) for w in detector.trainable_variables])
    before = with_own_networks(variant, normalised).trainable_variables
    assert any(np.abs(one - np.asarray(start)).max() > 1e-4 for one, start in zip(results[0], before))
    for one, two in zip(*results):
        np.testing.assert_allclose(two, one, atol=1e-3 if normalised else 1e-5)


@pytest.mark.parametrize("variant", STEPPED)
def test_built_in_networks_take_the_same_step_on_two_replicas(variant, mirrored):
    if "dropout" in VARIANTS[variant]:
        pytest.skip("each replica draws its own masks")
    results = []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        with strategy.scope():
            detector = build(variant)
            before = [np.asarray(w) for w in detector.variables]
            detector.compile(keras.optimizers.SGD(rate(detector, variant)))
        detector.fit(*lesson(variant, 32), epochs=1, batch_size=32, seed=0, verbose=0)
        results.append([np.asarray(w) for w in detector.variables])
    moved = max(np.abs(one - start).max() for one, start, w in zip(results[0], before, detector.variables) if w.trainable)
    assert moved > 2e-3                             # a doubled or missing step would stand out
    for one, two in zip(*results):
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-3)


def test_a_batch_smaller_than_the_replicas_is_left_out_of_their_steps(mirrored):
    x = normals(9)
    with mirrored.scope():
        detector = with_own_networks("autoencoder")
        detector.compile(keras.optimizers.SGD(1e-2))
    history = detector.fit(tf.data.Dataset.from_tensor_slices(x).batch(4), epochs=2, verbose=0)     # of 4, 4 and 1
    assert detector.optimizer.iterations.value.values[0].numpy() == 4 and np.isfinite(history.history["loss"]).all()
    feed = DatasetFeed(tf.data.Dataset.from_tensor_slices(x).batch(4))
    assert feed.steps == 3 and len(list(feed.epochs(replicas=2))) == feed.steps == 2
    with pytest.raises(ValueError, match="only smaller ones"):
        DatasetFeed(tf.data.Dataset.from_tensor_slices(x).batch(1)).epochs(replicas=2)


def test_validation_data_gives_the_mean_score_of_held_out_normals():
    detector, held_out = build("deep_svdd"), normals(30, seed=9)
    history = detector.fit(normals(), epochs=2, batch_size=16, verbose=0, validation_data=held_out)
    np.testing.assert_allclose(history.history["val_loss"][-1], detector.predict(held_out, verbose=0).mean(), rtol=1e-4)


def test_the_logged_loss_is_the_mean_over_the_epoch():
    detector = with_own_networks("deep_svdd")
    detector.compile(keras.optimizers.SGD(0.0))     # nothing moves: the mean over the batches is that over all examples
    history = detector.fit(normals(), epochs=1, batch_size=16, verbose=0)
    assert history.history["loss"][0] == pytest.approx(detector.predict(normals(), verbose=0).mean(), rel=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_bad_input_is_told_in_one_line(variant):
    detector = build(variant)
    detector.fit(*lesson(variant), epochs=1, batch_size=16, verbose=0)
    with pytest.raises(Misuse, match=r"shape \(8, 8, 1\).*\(9, 8, 1\)"):
        detector.predict(np.zeros((3, 9, 8, 1)), verbose=0)
    with pytest.raises(Misuse, match="channel axis"):
        detector.predict(np.zeros((3, 8, 8)), verbose=0)
    broken = np.zeros((3, 8, 8, 1), np.float32)
    broken[1, 2, 3, 0] = np.nan
    with pytest.raises(BadData, match=r"example 1 at \[2, 3, 0\]"):
        detector.predict(broken, verbose=0)
    assert detector.predict(np.zeros((0, 8, 8, 1)), verbose=0).shape == (0,)


def test_nan_in_training_data_is_named_with_its_place():
    x = normals(20, (6,)).astype(np.float32)
    x[7, 3] = np.inf
    with pytest.raises(BadData, match=r"inf in example 7 at \[3\]"):
        build("autoencoder", (6,)).fit(x, verbose=0)


def test_raw_uint8_and_float_examples_score_alike():
    detector = build("deep_svdd")
    detector.fit(normals(), epochs=1, batch_size=16, verbose=0)
    x = strangers(9)
    np.testing.assert_allclose(detector.predict(x, verbose=0), detector.predict(x.astype(np.float32), verbose=0), rtol=1e-6)


@pytest.mark.parametrize("variant", STEPPED)
def test_bfloat16_trains_and_reloads_as_bfloat16(variant, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        detector = build(variant)
        detector.fit(*lesson(variant), epochs=1, batch_size=16, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    scores = detector.predict(strangers(9), verbose=0)
    assert scores.dtype == np.float32
    detector.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert loaded.encoder.layers[1].compute_dtype == "bfloat16" and keras.config.dtype_policy().name == "float32"
    np.testing.assert_allclose(loaded.predict(strangers(9), verbose=0), scores, rtol=1e-6)


def test_a_collapsed_detector_says_so_loudly():
    """The documented negative example: with a bias the constant solution is free (Ruff et al. 2018, Prop. 1)."""
    inputs = keras.Input((6,))
    collapsed = keras.Model(inputs, keras.layers.Dense(3, kernel_initializer="zeros", use_bias=True)(inputs))
    detector = method("deep_svdd")(encoder=collapsed, preprocess="minmax")
    detector.compile(keras.optimizers.SGD(1e-3))
    with pytest.warns(UserWarning, match="COLLAPSED"):
        detector.fit(normals(20, (6,)), epochs=1, verbose=0)


def test_a_healthy_detector_does_not_cry_wolf(recwarn):
    detector = build("deep_svdd")
    detector.fit(normals(), epochs=1, batch_size=16, verbose=0)
    assert not [w for w in recwarn if "COLLAPSED" in str(w.message)]


def test_a_loss_that_is_no_number_stops_the_training():
    detector = build("autoencoder")
    detector.compile(keras.optimizers.SGD(1e30))
    with pytest.raises(FloatingPointError, match="epoch"):
        detector.fit(normals(), epochs=5, batch_size=16, verbose=0)


def test_stages_must_fit():
    parent = method("autoencoder")((8, 8, 1), preprocess="unit")
    with pytest.raises(Misuse, match="preprocess=gcn_l1 after unit"):
        method("deep_svdd")((8, 8, 1)).inherit(parent)
    child = method("deep_svdd")((8, 8, 1), preprocess="unit")
    child.inherit(parent)
    for mine, theirs in zip(child.encoder.get_weights(), parent.encoder.get_weights()):
        np.testing.assert_array_equal(mine, theirs)


def test_scores_that_differ_by_rounding_only_are_a_collapse_too():
    detector = method("ocnn")((6,))
    detector.compile(keras.optimizers.SGD(1e-9))
    detector.prepare(Feed(normals(20, (6,))))
    detector.hidden.kernel.assign(detector.hidden.kernel * 1e-8)
    detector.fit_threshold(Feed(normals(20, (6,))))
    with pytest.warns(UserWarning, match="COLLAPSED"):
        detector.warn_of_collapse(Feed(normals(20, (6,))))


def test_hints_out_of_range_are_refused_and_every_detector_is_a_keras_model():
    with pytest.raises(ValueError, match="-1"):
        build("autoencoder").fit(normals(), np.arange(48), verbose=0)
    assert all(issubclass(method(name), Detector) and issubclass(method(name), keras.Model) for name in METHODS)


def test_a_feed_decides_its_order_by_seed_and_epoch_alone():
    x = np.arange(10, dtype=np.float32)[:, None]
    def order(feed, first, epochs):
        return [batch[2].numpy().tolist() for batch in feed.epochs(first).take(epochs * feed.steps)]
    whole = order(Feed(x, batch_size=3, seed=4), 0, 4)
    assert order(Feed(x, batch_size=3, seed=4), 2, 2) == whole[6:]           # resumed at epoch 2
    assert order(Feed(x, batch_size=3, seed=5), 0, 4) != whole
    assert all(len(set(sum(whole[3 * e:3 * e + 3], []))) == 9 for e in range(4))     # no example twice in an epoch
    assert len({str(whole[3 * e]) for e in range(4)}) > 1                       # another order each epoch
