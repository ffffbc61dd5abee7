"""A TensorFlow Serving answers as the file on the disk does. Collected where KERASND_TF_SERVING=host:port[/model] names one.

    KERASND_TF_SERVING=localhost:8501/threes KERASND_TF_SERVING_MODEL=saved_models/threes/1 pytest tests/test_tf_serving.py

host:port is that of REST; the folder is that of the version that is served.
"""
import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasnd.serving import replay

SERVER, _, MODEL = os.environ["KERASND_TF_SERVING"].partition("/")
FOLDER = Path(os.environ.get("KERASND_TF_SERVING_MODEL", f"saved_models/{MODEL}/1"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "serving"))
rest_client = importlib.import_module("rest_client")


@pytest.fixture(scope="module")
def cases():
    with np.load(FOLDER / replay.GOLDEN, allow_pickle=False) as file:
        return list(replay.cases({name: file[name] for name in file.files}))


def close(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(np.asarray(found[name], value.dtype), value, rtol=1e-4, atol=1e-5 * np.abs(value).max())


def asked(signature, cases):
    return [(inputs, outputs) for name, inputs, outputs in cases if name == signature]


def test_rows_and_columns_are_answered_alike(cases):
    for inputs, expected in asked("serving_default", cases):
        if np.isnan(inputs["x"]).any():
            continue        # JSON has no NaN
        close(rest_client.by_columns(SERVER, MODEL, inputs["x"].tolist()), expected)
        rows = rest_client.by_rows(SERVER, MODEL, inputs["x"].tolist())
        close({name: [row[name] for row in rows] for name in rows[0]}, expected)


def test_each_example_is_judged_at_its_own_alpha(cases):
    for inputs, expected in asked("with_alpha", cases):
        close(rest_client.at_alphas(SERVER, MODEL, inputs["x"].tolist(), inputs["alpha"].tolist()), expected)


def test_image_files_are_answered(cases):
    for inputs, expected in asked("image_bytes", cases):
        rows = rest_client.of_files(SERVER, MODEL, list(inputs["image_bytes"]))
        close({name: [row[name] for row in rows] for name in rows[0]}, expected)


def test_a_wrong_request_is_told_in_the_servers_words():
    with pytest.raises(RuntimeError, match="."):
        rest_client.ask(SERVER, MODEL, {"signature_name": "nowhere", "instances": [{"x": [0.0]}]})
