"""Detectors as ONNX files. Collected where tf2onnx and onnxruntime are installed."""
import numpy as np
import pytest
from test_serving import fitted, verdict_of
from variants import normals, strangers

from kerasnd.serving import formats


@pytest.mark.parametrize("variant", ["deep_svdd", "kde", "isoforest"])
def test_a_file_answers_as_the_model_in_memory(variant, tmp_path):
    verdict, to = verdict_of(fitted(variant)), tmp_path / "model.onnx"
    assert formats.export(verdict, to, "onnx", sizes=(1, 4)) == to
    x = np.concatenate([normals(3, seed=9), strangers(3)])
    found, expected = formats.onnx_answers(to)(x.astype(np.float32)), verdict.predict(x, verbose=0)
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4)
    np.testing.assert_array_equal(found["is_novel"], expected["is_novel"])
