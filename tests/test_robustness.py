"""Under attack: known scores of a linear detector, and what is told of them."""
import numpy as np
import pytest
import tensorflow as tf
from linear_detector import SHAPE, linear, pixels, signs, truth

import kerasnd
from kerasnd import metrics, robustness
from kerasnd.data.pool import Stream

# ---- closed forms ----------------------------------------------------------------------------------------------------

def test_linf_moves_every_value_to_the_end_of_its_range():
    x, label = pixels(), truth()
    detector = linear(x)
    found = robustness.attack_scores(detector, x, label, eps=0.15, keep=100)
    unit = x / 255.0
    worst = np.clip(unit + 0.15 * signs(label).reshape(-1, 1, 1, 1) * np.sign(detector.slope), 0, 1)
    np.testing.assert_allclose(found.score, (unit * detector.slope).sum(axis=(1, 2, 3)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.attacked_score, (worst * detector.slope).sum(axis=(1, 2, 3)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.change, np.abs(worst - unit).max(axis=(1, 2, 3)), atol=1e-5)
    assert (found.name, found.eps, found.steps) == ("linf 0.15", 0.15, 40)
    # what is kept: the normals and then the anomalies, those whose score was changed most first
    harm = np.abs(found.attacked_score - found.score)
    expected = np.concatenate([np.flatnonzero(label == kind)[np.argsort(-harm[label == kind], kind="stable")] for kind in (0, 1)])
    np.testing.assert_array_equal(found.index, expected)
    np.testing.assert_allclose(found.examples, 255 * worst[expected], atol=1e-3)
    few = robustness.attack_scores(detector, x, label, eps=0.15, keep=2)
    at = np.r_[expected[:2], expected[20:22]]
    np.testing.assert_array_equal(few.index, at)
    np.testing.assert_array_equal(few.examples, found.examples[np.r_[0, 1, 20, 21]])


def test_l2_moves_along_the_slope():
    x, label = np.random.default_rng(2).uniform(0.4, 0.6, (12, *SHAPE)).astype(np.float32), truth(12)
    x[0, 0, 0], x[0, 0, 1] = 0, 1                       # the range
    detector = linear(x)
    found = robustness.attack_scores(detector, x, label, "l2", eps=0.2)
    gain = signs(label) * (found.attacked_score - found.score)
    length = 0.2 * np.linalg.norm(detector.slope)
    assert (gain[1:] > 0.97 * length).all() and (gain <= length + 1e-4).all()
    np.testing.assert_allclose(found.change, 0.2, atol=1e-4)


def test_a_value_beyond_the_trained_range_comes_back_and_goes_no_farther():
    trained = np.random.default_rng(3).uniform(-2, 6, (40, 5)).astype(np.float32)
    detector = linear(trained, slope=np.float32([1, 1, 1, -1, 1]))
    low, high = trained.min(axis=0), trained.max(axis=0)
    x = np.stack([(low + high) / 2] * 2)
    x[:, 0], x[:, 1] = high[0] + 3, low[1] - 3
    for label, expected in ((0, [0, 0.1, 0.1, -0.1, 0.1]), (1, [-0.1, 0, -0.1, 0.1, -0.1])):
        found = robustness.attack_scores(detector, x[:1], np.array([label]), eps=0.1, keep=1)
        np.testing.assert_allclose((found.examples[0] - x[0]) / (high - low), expected, atol=1e-4)


@pytest.mark.parametrize("attack", ["linf", "l2"])
def test_what_is_missing_or_constant_stays_as_it_is(attack):
    trained = np.random.default_rng(4).normal(size=(40, 4)).astype(np.float32)
    trained[:, 2] = 7                                   # constant
    detector = linear(trained, preprocess="median+standard")
    x = trained[:6].copy()
    x[0, 0], x[1, 1], x[2, :] = np.nan, np.nan, [np.nan, np.nan, 7, np.nan]
    found = robustness.attack_scores(detector, x, truth(6), attack, eps=0.2, keep=6)
    back = np.empty_like(x)
    back[found.index] = found.examples
    np.testing.assert_array_equal(np.isnan(back), np.isnan(x))
    np.testing.assert_array_equal(back[:, 2], 7)
    span = np.nanmax(x, axis=0) - np.nanmin(x, axis=0)
    move = np.abs(np.nan_to_num(back - x)[:, [0, 1, 3]] / span[[0, 1, 3]])
    assert move.max() <= 0.2 + 1e-5 and found.change[2] == 0 and (found.change[[0, 1, 3, 4, 5]] > 0.19).all()
    assert np.isfinite(found.attacked_score).all() and found.attacked_score[2] == found.score[2]


def test_the_space_is_the_types_range_the_trained_one_or_the_judged_ones():
    image, table = pixels(), np.random.default_rng(5).normal(size=(30, 4)).astype(np.float32)
    half = (image / 510).astype(np.float32)             # judged values reach only half as far as trained ones
    for detector, x, low, span in (
            (linear(image), image, 0, 255), (linear(image), image.astype(np.uint16), 0, 65535),
            (linear((image / 255).astype(np.float32)), half, image.min() / 255, np.ptp(image) / 255),
            (linear(image, preprocess="gcn_l1"), half, half.min(), half.max() - half.min()),
            (linear(table), table[:9], table.min(axis=0), np.ptp(table, axis=0)),
            (linear(table, preprocess="none"), table[:9], table[:9].min(axis=0), np.ptp(table[:9], axis=0))):
        found = robustness.space(detector, x)
        np.testing.assert_allclose(found[0], np.broadcast_to(low, np.shape(found[0])), atol=1e-6)
        np.testing.assert_allclose(found[1], np.broadcast_to(span, np.shape(found[1])), rtol=1e-5)


def test_no_eps_changes_nothing_to_the_last_bit():
    for x, attack in ((pixels(), "linf"), (pixels(), "l2"), (pixels().astype(np.float64) / 7, "linf")):
        detector = linear(pixels() if x.dtype == np.uint8 else x[:20].astype(np.float32))
        found = robustness.attack_scores(detector, x, truth(), attack, eps=0.0, keep=99)
        np.testing.assert_array_equal(found.attacked_score, found.score)
        np.testing.assert_array_equal(found.examples, x[found.index].astype(np.float32))
        np.testing.assert_allclose(found.score, detector.predict(x, verbose=0), rtol=1e-6, atol=1e-5)
        told = robustness.numbers(truth(), found)
        assert told["adversarial_auroc"] == told["adversarial_auroc_normals"] == told["auroc"] and told["share_unharmed"] == 1


def test_spatial_takes_the_worst_of_all_rotations_and_shifts():
    x, label = pixels(6, (8, 8, 1)), truth(6)
    detector = linear(x)
    found = robustness.attack_scores(detector, x, label, "spatial", keep=9)
    made = kerasnd.attacks.warp(tf.constant(x, tf.float32), tf.constant(kerasnd.attacks.grid())).numpy().reshape(279, *x.shape)
    every = (np.clip(made, 0, 255) / 255 * detector.slope).sum(axis=(2, 3, 4)) * signs(label)
    np.testing.assert_allclose(found.attacked_score, every.max(axis=0) * signs(label), rtol=1e-4, atol=1e-4)
    assert found.name == "spatial" and found.eps is None and found.examples.min() >= -1e-3 and found.examples.max() <= 255.001


# ---- what is told of it ----------------------------------------------------------------------------------------------

def test_the_numbers_are_those_of_the_scores():
    label = np.array([0, 0, 0, 1, 1])
    before, after = np.float32([0, 1, 2, 3, 1.5]), np.float32([4, 1, 2, 0.5, 1.5])
    found = robustness.Attacked("linf 0.1", 0.1, 40, before, after, np.float32([0.1, 0, 0, 0.05, 0]), None, None)
    told = robustness.numbers(label, found)
    assert told["auroc"] == metrics.auroc(label, before) == pytest.approx(5 / 6)
    assert told["adversarial_auroc"] == pytest.approx(2 / 6 - 1 / 6)
    assert told["adversarial_auroc_normals"] == metrics.auroc(label, [4, 1, 2, 3, 1.5]) == pytest.approx(3 / 6)
    assert told["adversarial_auroc_anomalies"] == metrics.auroc(label, [0, 1, 2, 0.5, 1.5]) == pytest.approx(3 / 6)
    assert told["auroc_low"] <= told["auroc"] <= told["auroc_high"] and told["share_unharmed"] == pytest.approx(0.6)
    assert (told["largest_change"], told["mean_change"]) == (pytest.approx(0.1), pytest.approx(0.03))
    assert (told["attack"], told["eps"], told["steps"], told["n_test"], told["n_anomalous"]) == ("linf", 0.1, 40, 5, 2)


def test_the_defaults_grow_with_the_example():
    assert robustness.default_eps("linf", (28, 28, 1)) == 0.1 and robustness.default_eps("linf", (6,)) == 0.05
    assert robustness.default_eps("l2", (28, 28, 1)) == 1.5 and robustness.default_eps("l2", (56, 56, 1)) == 3.0
    assert robustness.default_eps("spatial", (28, 28, 1)) is None


def test_one_seed_gives_the_same_bits_and_batches_of_any_size_are_traced_once(monkeypatch):
    x, label = pixels(2 * robustness.BATCH + 7), truth(2 * robustness.BATCH + 7)
    detector, one = linear(x), linear(x[:3])
    found = [robustness.attack_scores(detector, x, label, eps=0.1, steps=0, seed=seed) for seed in (4, 4, 5)]
    np.testing.assert_array_equal(found[0].attacked_score, found[1].attacked_score)
    assert (found[0].attacked_score != found[2].attacked_score).mean() > 0.3
    detector.traced = 0
    robustness.attack_scores(detector, x, label, steps=3)
    robustness.attack_scores(one, x[:3], label[:3], steps=3)
    assert detector.traced == one.traced


class Backwards(Stream):
    """Examples that are read last to first."""

    def __init__(self, x):
        super().__init__(x.shape, x.dtype, in_order=False)
        self.x = tf.constant(x)

    def examples(self, index):
        places = tf.range(tf.size(index, tf.int64), dtype=tf.int64)[::-1]
        return tf.data.Dataset.from_tensor_slices(places).map(lambda place: (place, tf.gather(self.x, tf.gather(index, place))))


def test_a_stream_is_attacked_as_an_array():
    x, label = pixels(150), truth(150)
    array, stream = (robustness.attack_scores(linear(x), each, label, eps=0.1, keep=3) for each in (x, Backwards(x)))
    for name in ("score", "attacked_score"):
        np.testing.assert_allclose(getattr(stream, name), getattr(array, name), rtol=1e-4, atol=1e-3)
    harm = np.abs(array.attacked_score - array.score)
    np.testing.assert_allclose(harm[stream.index], harm[array.index], rtol=1e-4)        # of equally harmed ones either will do
    worst = x[stream.index] / 255 + 0.1 * (signs(label)[stream.index].reshape(-1, 1, 1, 1) * np.sign(linear(x).slope))
    np.testing.assert_allclose(stream.examples, 255 * np.clip(worst, 0, 1), atol=1e-2)
