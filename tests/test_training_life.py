"""The life of a training, from the feed to the warning of a collapse, where one method stands for all."""
import keras
import numpy as np
import pytest
from variants import build, normals, strangers, with_own_networks

from kerasnd.detector import Detector
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import METHODS, method


def test_validation_data_gives_the_mean_score_of_held_out_normals():
    detector, held_out = build("deep_svdd"), normals(30, seed=9)
    history = detector.fit(normals(), epochs=2, batch_size=16, verbose=0, validation_data=held_out)
    np.testing.assert_allclose(history.history["val_loss"][-1], detector.predict(held_out, verbose=0).mean(), rtol=1e-4)


def test_the_logged_loss_is_the_mean_over_the_epoch():
    detector = with_own_networks("deep_svdd")
    detector.compile(keras.optimizers.SGD(0.0))     # nothing moves: the mean over the batches is that over all examples
    history = detector.fit(normals(), epochs=1, batch_size=16, verbose=0)
    assert history.history["loss"][0] == pytest.approx(detector.predict(normals(), verbose=0).mean(), rel=1e-5)


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
