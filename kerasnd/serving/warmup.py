"""Requests that TensorFlow Serving answers once when it loads a model, so that the first client does not wait for its tracing."""
import numpy as np
import tensorflow as tf
from absl import logging

FILE = "assets.extra/tf_serving_warmup_requests"
LARGEST = 32        # batch: every larger one finds the same graph


def write(path, name, batches):
    """Writes a TFRecord of PredictionLogs, one a batch of at most `LARGEST`.

    Args:
        path: Path.
        name: str, the model's.
        batches: list of (signature, {input: array}).

    Returns:
        int, the requests written; 0 where the package for them is not installed, which is said.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        logging.info("without warm-up requests, which need tensorflow-serving-api: pip install kerasnd[serving], and export again")
        return 0
    batches = [each for each in batches if len(next(iter(each[1].values()))) <= LARGEST]
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, inputs in batches:
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = name, signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(list(value) if value.dtype == object else np.asarray(value)))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            file.write(log.SerializeToString())
    return len(batches)
