"""What is saved of every detector: it scores and trains as the one in memory."""
import keras
import numpy as np
import pytest
from variants import STEPPED, VARIANTS, build, each, lesson, network, strangers, with_own_networks


@pytest.mark.parametrize("variant", each(VARIANTS))
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


@pytest.mark.parametrize("variant", each(VARIANTS))
def test_own_networks_are_used_saved_and_reloaded(variant, tmp_path):
    detector = with_own_networks(variant)
    detector.compile(keras.optimizers.Adam(3e-3))
    detector.fit(*lesson(variant), epochs=2, batch_size=16, verbose=0)
    detector.save(tmp_path / "own.keras")
    loaded = keras.models.load_model(tmp_path / "own.keras")
    assert [layer.name for layer in network(loaded).layers] == [layer.name for layer in network(detector).layers]
    np.testing.assert_allclose(loaded.predict(strangers(9), verbose=0), detector.predict(strangers(9), verbose=0), atol=1e-6)


@pytest.mark.parametrize("variant", each(STEPPED))
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
    assert "bfloat16" in {layer.compute_dtype for layer in network(loaded).layers} and keras.config.dtype_policy().name == "float32"
    np.testing.assert_allclose(loaded.predict(strangers(9), verbose=0), scores, rtol=1e-6)
