"""Every method under attack, and what cannot be attacked."""
import numpy as np
import pytest
import tensorflow as tf
from linear_detector import linear, pixels, signs
from test_contract import build, lesson, normals, strangers

import kerasnd
from kerasnd import robustness
from kerasnd.errors import BadData, Misuse
from kerasnd.methods import METHODS


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_attacked_or_says_why_not(name):
    shape = (6,)
    detector = build(name, shape)
    detector.fit(*lesson(name, 32, shape), epochs=1, batch_size=16, verbose=0)
    x, label = np.concatenate([normals(12, shape, seed=7), strangers(12, shape)]), np.repeat([0, 1], 12)
    if name == "isoforest":
        with pytest.raises(Misuse, match="no gradient.*attack=linf for a IsolationForest") as refusal:
            robustness.attack_scores(detector, x, label)
        assert "\n" not in str(refusal.value)
        return
    found = robustness.attack_scores(detector, x, label, eps=0.2, steps=5)
    np.testing.assert_allclose(found.score, detector.predict(x, verbose=0), rtol=2e-4, atol=1e-6)     # other batches round
    gain = signs(label) * (found.attacked_score - found.score)
    assert (gain >= 0).all() and found.change.max() <= 0.2 + 1e-6
    # strangers may lie where a kernel is flat; but what the methods know they see moved
    assert (gain[label == 0] > 0).mean() > 0.7
    told = robustness.numbers(label, found)
    assert told["adversarial_auroc"] <= min(told["adversarial_auroc_normals"], told["adversarial_auroc_anomalies"]) <= told["auroc"]


@pytest.mark.parametrize("name", ["isoforest", "kde", "deep_svdd"])
def test_rotations_need_no_gradient(name):
    detector = build(name)
    detector.fit(normals(), epochs=1, batch_size=16, verbose=0)
    x, label = np.concatenate([normals(6, seed=7), strangers(6)]), np.repeat([0, 1], 6)
    found = robustness.attack_scores(detector, x, label, "spatial")
    np.testing.assert_allclose(found.score, detector.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    assert (signs(label) * (found.attacked_score - found.score) >= 0).all() and (found.change > 0).mean() > 0.7


def test_a_gradient_that_is_no_number_is_none():
    """A norm has no gradient at 0, where TensorFlow gives NaN; elsewhere it is left as it is."""
    x = tf.constant([[0.0, 0.0], [3.0, 4.0]])
    norm = lambda at: tf.sqrt(tf.reduce_sum(robustness._steady(at) ** 2, axis=1))       # noqa: E731
    np.testing.assert_allclose(kerasnd.attacks.input_gradient(norm, x).numpy(), [[0, 0], [0.6, 0.8]], rtol=1e-6)


def test_what_cannot_be_attacked_is_told_in_one_line():
    images, table = linear(pixels()), linear(np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    x, row = pixels(4), np.zeros((4, 4), np.float32)
    forest = build("isoforest")
    forest.fit(normals(), verbose=0)
    label = np.array([0, 1, 0, 1])
    for told, detector, given, more in (
            ("`attack` must be one of linf, l2, spatial", images, x, {"attack": "l3"}),
            ("`eps` must be left out with attack=spatial", images, x, {"attack": "spatial", "eps": 0.1}),
            ("`steps` must be left out", images, x, {"attack": "spatial", "steps": 3}),
            (r"`attack` must be linf or l2 for tables.*\(4,\)", table, row, {"attack": "spatial"}),
            ("`eps` must be a number", images, x, {"eps": -1}), ("`steps` must be", images, x, {"steps": 1.5}),
            ("`keep` must be", images, x, {"keep": -1}), ("`label` must be 0 or 1", images, x, {"label": [0, 1, 2, 0]}),
            ("`label` must be 0 or 1, one for each of 4", images, x, {"label": [0, 1]}),
            ("`x` must hold examples", images, pixels(4, (9, 9, 1)), {}),
            ("`attack` must be spatial.*IsolationForest", forest, normals(4), {"attack": "l2"})):
        with pytest.raises(Misuse, match=told) as refusal:
            robustness.attack_scores(detector, given, **{"label": label, **more})
        assert "\n" not in str(refusal.value)
    row[2, 1] = np.inf
    with pytest.raises(BadData, match="finite.*for example 2"):
        robustness.attack_scores(table, row, label)
