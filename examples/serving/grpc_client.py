"""Asks a served detector by gRPC: tensors go as they are, without base64 and decimal numbers.

    pip install kerasnd[serving]
    python grpc_client.py --model=threes photo.png another.jpg
"""
import argparse
import sys

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def ask(server, model, signature, **inputs):
    """Posts one request.

    Args:
        server: str, "localhost:8500".
        model: str.
        signature: str.
        **inputs: arrays, or lists of bytes.

    Returns:
        {output: array (n,)}
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    return {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="localhost:8500")
    parser.add_argument("--model", required=True)
    parser.add_argument("files", nargs="+")
    given = parser.parse_args()
    contents = []
    for path in given.files:
        with open(path, "rb") as file:
            contents.append(file.read())
    told = ask(given.server, given.model, "image_bytes", image_bytes=contents)
    for path, score, p_value, novel in zip(given.files, told["score"], told["p_value"], told["is_novel"]):
        print(f"{path}: score {score:.5g}, p-value {p_value:.4f}, {'novel' if novel else 'normal'}")


if __name__ == "__main__":
    sys.exit(main())
