"""One bar for every method: what a detector promises, whoever wrote it."""
import numpy as np
import pytest
import tensorflow as tf
from variants import SHAPES, STEPPED, UNET, VARIANTS, build, each, hints_for, lesson, normals, strangers

from kerasnd.errors import BadData, Misuse
from kerasnd.methods import METHODS


def as_dataset(x, hint):
    return tf.data.Dataset.from_tensor_slices(x if hint is None else (x, hint))


def test_every_method_has_a_variant_here():
    assert {variant.partition(".")[0] for variant in VARIANTS} == set(METHODS)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("variant", each(VARIANTS))
def test_after_fit_strangers_score_above_normals(variant, kind):
    shape = SHAPES[kind]
    detector = build(variant, shape, **UNET if variant == "score_sde" and kind == "images" else {})
    # the hyperplane turns more slowly than errors and distances fall
    detector.fit(*lesson(variant, shape=shape), epochs=80 if variant == "ocnn" else 12, batch_size=16, verbose=0)
    near, far = (detector.predict(x, verbose=0) for x in (normals(40, shape, seed=5), strangers(700, shape)))
    assert near.shape == (40,) and far.shape == (700,)          # more than one batch, the last one not full
    assert near.dtype == far.dtype == np.float32
    assert np.isfinite(near).all() and np.isfinite(far).all()
    assert np.mean(far[:, None] > near[None]) > 0.9             # the AUROC, from its definition


@pytest.mark.parametrize("variant", each(VARIANTS))
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


@pytest.mark.parametrize("variant", each(VARIANTS))
def test_a_hint_changes_what_takes_hints_and_nothing_else(variant):
    x, hint = normals(32), np.r_[np.ones(12), np.zeros(12), -np.ones(8)].astype(np.int8)
    unlike, hinted = build(variant), build(variant)
    unlike.fit(x, np.roll(hint, 5) if hints_for(variant, 32) is not None else None, epochs=2, batch_size=8, seed=0, verbose=0)
    hinted.fit(x, hint, epochs=2, batch_size=8, seed=0, verbose=0)
    assert np.array_equal(unlike.predict(x, verbose=0), hinted.predict(x, verbose=0)) is not unlike.takes_hints


@pytest.mark.parametrize("variant", each(VARIANTS))
def test_the_same_seed_gives_the_same_detector_bit_for_bit(variant):
    scores = []
    for _ in range(2):
        detector = build(variant)
        detector.fit(*lesson(variant), epochs=2, batch_size=16, verbose=0)
        scores.append(detector.predict(strangers(20), verbose=0))
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("variant", each(VARIANTS))
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
