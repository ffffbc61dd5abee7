"""Warm-up requests, as TensorFlow Serving reads them. Collected where tensorflow-serving-api is installed."""
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from kerasnd.serving import warmup


def test_requests_are_read_back_as_they_were(tmp_path):
    x, encoded = np.ones((2, 3), np.float32), np.array([b"ab\0", b"c"], object)
    batches = [("serving_default", {"x": x}), ("image_bytes", {"image_bytes": encoded}),
               ("serving_default", {"x": np.ones((33, 3))})]
    assert warmup.write(tmp_path / "requests", "digits", batches) == 2       # no large batch
    requests = [prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
                for record in tf.data.TFRecordDataset(str(tmp_path / "requests"))]
    assert [each.model_spec.name for each in requests] == ["digits"] * 2
    assert [each.model_spec.signature_name for each in requests] == ["serving_default", "image_bytes"]
    np.testing.assert_array_equal(tf.make_ndarray(requests[0].inputs["x"]), x)
    assert tf.make_ndarray(requests[1].inputs["image_bytes"]).tolist() == encoded.tolist()
