"""Conformal p-values: their bound, their ties, and how they travel with a detector."""
import keras
import numpy as np
import pytest
from variants import build, normals, strangers

import kerasnd
from kerasnd import calibration
from kerasnd.errors import BadData, Misuse


@pytest.mark.parametrize("n", [19, 100])
@pytest.mark.parametrize("tied", [False, True])
def test_false_alarms_are_at_most_alpha(n, tied):
    """1000 draws of a calibration set and 50 new normals each."""
    rng, alpha = np.random.default_rng(n), 0.1
    draws = rng.normal(size=(1000, n + 50)) if not tied else rng.integers(0, 4, (1000, n + 50)).astype(float)
    rate = np.array([np.mean(calibration.p_values(each[:n], each[n:]) <= alpha) for each in draws])
    error = rate.std() / np.sqrt(len(rate))
    assert rate.mean() <= alpha + 3 * error
    if not tied:
        assert rate.mean() >= alpha - 3 * error - 1 / (n + 1)


def test_p_values_by_hand_and_in_the_graph():
    held_out, score = np.array([3, 1, 2, 2], np.float32), np.array([0, 1, 1.5, 2, 3, 3.5], np.float32)
    by_hand = [(1 + sum(held_out >= each)) / 5 for each in score]
    np.testing.assert_allclose(calibration.p_values(held_out, score), by_hand)
    verdict = calibration.Verdict.of(build("deep_svdd"), held_out, alpha=0.4)
    found = verdict.judged(np.append(score, [np.nan, np.inf, -np.inf]).astype(np.float32))
    np.testing.assert_allclose(found["p_value"], [*by_hand, 0.2, 0.2, 0.2], rtol=1e-6)
    assert found["is_novel"].numpy().tolist() == [False, False, False, False, True, True, True, True, True]


def test_a_verdict_is_saved_and_changes_its_alpha(tmp_path):
    detector = build("deep_svdd")
    detector.fit(normals(40), batch_size=20, verbose=0)
    verdict = kerasnd.calibrate(detector, normals(30, seed=4), alpha=0.1)
    x = np.concatenate([normals(10, seed=5), strangers(10)])
    found = verdict.predict(x, verbose=0)
    np.testing.assert_array_equal(found["score"], detector.predict(x, verbose=0))
    assert found["is_novel"].dtype == bool and (found["is_novel"] == (found["p_value"] <= np.float32(0.1))).all()
    verdict.save(tmp_path / "verdict.keras")
    loaded = keras.models.load_model(tmp_path / "verdict.keras")
    for name, value in loaded.predict(x, verbose=0).items():
        np.testing.assert_allclose(value, found[name], rtol=1e-6)
    assert loaded.at(0.5).predict(x, verbose=0)["is_novel"].sum() >= found["is_novel"].sum()
    with pytest.raises(Misuse, match="Give 99 or more, or alpha=0.0323"):
        loaded.at(0.01)


@pytest.mark.parametrize("alpha, n", [(0.05, 19), (0.01, 99), (0.1, 9), (0.5, 1), (1 / 3, 2)])
def test_the_least_number_of_normals(alpha, n):
    assert calibration.least(alpha) == n
    assert calibration.p_values(np.zeros(n), [1.0])[0] <= alpha + 1e-12
    calibration.check(alpha, n)
    if n > 1:
        with pytest.raises(Misuse, match=f"Give {n} or more"):
            calibration.check(alpha, n - 1)


def test_what_cannot_be_is_refused():
    with pytest.raises(BadData, match="nan at 1"):
        calibration.p_values([0, np.nan], [1])
    with pytest.raises(Misuse, match="`held_out`"):
        calibration.p_values([], [1])
    for alpha in (0, 1, np.nan, "a"):
        with pytest.raises(Misuse, match="`alpha`"):
            kerasnd.calibrate(build("deep_svdd"), normals(20), alpha=alpha)
