"""Shared by all tests: quiet TensorFlow, two logical CPU devices, and real data only where it is."""
import importlib.util
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import pytest
import tensorflow as tf

DATA = os.environ.get("KERASND_TEST_DATA")
# Not skipped but not collected: a green run without the data does not look like one with it.
collect_ignore = [] if DATA else ["test_real_data.py"]
collect_ignore += [] if os.environ.get("KERASND_TF_SERVING") else ["test_tf_serving.py"]
# Those that need an extra package, likewise.
collect_ignore += [] if importlib.util.find_spec("tensorflow_serving") else ["test_warmup.py"]
collect_ignore += [] if importlib.util.find_spec("ai_edge_litert") else ["test_litert.py"]
collect_ignore += [] if importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime") else ["test_onnx.py"]
collect_ignore += [] if importlib.util.find_spec("ray") else ["test_scoring_ray.py"]


# Two logical CPU devices, for MirroredStrategy: to be had only before TensorFlow's runtime starts.
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(scope="session")
def mirrored():
    """One strategy over both: a second one in the same process would number its collectives anew, and they would collide."""
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(2)])
