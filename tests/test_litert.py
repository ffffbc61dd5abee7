"""Detectors as LiteRT files. Collected where ai-edge-litert is installed."""
import numpy as np
import pytest
from test_serving import fitted, verdict_of
from variants import normals, strangers

from kerasnd.errors import Misuse
from kerasnd.serving import formats


@pytest.mark.parametrize("variant", ["deep_svdd", "autoencoder"])
def test_a_file_answers_as_the_model_in_memory(variant, tmp_path):
    verdict, to = verdict_of(fitted(variant)), tmp_path / "model.tflite"
    assert formats.export(verdict, to, "litert", sizes=(1, 4)) == to
    x = np.concatenate([normals(3, seed=9), strangers(3)])
    found, expected = formats.litert_answers(to)(x.astype(np.float32)), verdict.predict(x, verbose=0)
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4)
    np.testing.assert_array_equal(found["is_novel"], expected["is_novel"])


def test_an_operation_that_is_lacking_is_named(tmp_path):
    with pytest.raises(Misuse, match="score of KDE needs.*format=litert, which lacks the operation .*Log"):
        formats.export(verdict_of(fitted("kde")), tmp_path / "model.tflite", "litert", sizes=(1, 4))
    assert not list(tmp_path.iterdir())
