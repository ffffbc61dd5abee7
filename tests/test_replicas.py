"""Two replicas take the step of one, in every method that descends in steps."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from variants import STEPPED, VARIANTS, build, each, lesson, normals, with_own_networks

from kerasnd.feeding import DatasetFeed


def rate(detector, variant):
    """float, of SGD, that moves weights by a hundredth or so: distances to a centre are small and reconstruction errors large, but
    that of one pixel behind sigmoids small."""
    if "arae" in variant:
        return 3.0 if detector.encoder.name == "encoder" else 0.1       # ours, or the test's
    return 1e-2 if hasattr(detector, "decoder") or "released" in variant else 0.3


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("variant", each(v for v in STEPPED if not VARIANTS[v].get("dropout")))
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


@pytest.mark.parametrize("variant", each(STEPPED))
def test_built_in_networks_take_the_same_step_on_two_replicas(variant, mirrored):
    if VARIANTS[variant].get("dropout"):
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
