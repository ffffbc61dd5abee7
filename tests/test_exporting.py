"""A detector's score as a graph that needs neither kerasnd nor Keras."""
import keras
import numpy as np
import pytest
import tensorflow as tf
from variants import SHAPES, UNET, build, lesson, normals, strangers


@pytest.mark.parametrize("variant", ["deep_svdd", "gpnd", "fitymi", "score_sde"])
def test_a_detector_that_has_scored_is_exported_with_equal_scores(variant, tmp_path):
    detector, x = build(variant, **UNET if variant == "score_sde" else {}), np.concatenate([normals(5, seed=3), strangers(5)])
    detector.fit(*lesson(variant), epochs=1, batch_size=16, verbose=0)
    score = detector.predict(x, verbose=0)
    if variant == "gpnd":
        detector.terms(x)
    archive = keras.export.ExportArchive()
    archive.track(detector)
    archive.add_endpoint("serving_default", detector.score, input_signature=[tf.TensorSpec((None, *SHAPES["images"]), tf.float32)])
    archive.write_out(str(tmp_path / "1"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "1"))
    np.testing.assert_allclose(served.serving_default(tf.constant(x, tf.float32)), score, rtol=1e-4, atol=1e-5)
