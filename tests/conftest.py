"""Shared by all tests: quiet TensorFlow, two logical CPU devices, and real data only where it is."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import pytest

DATA = os.environ.get("KERASND_TEST_DATA")
# Not skipped but not collected: a green run without the data does not look like one with it.
collect_ignore = [] if DATA else ["test_real_data.py"]


@pytest.fixture(scope="session")
def devices():
    """Two logical CPU devices, to be had only before TensorFlow's runtime starts."""
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or []) != 2:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return [f"CPU:{i}" for i in range(2)]


@pytest.fixture(autouse=True)
def seeded(request):
    """The same random start for every test that builds a network."""
    if "networks" in request.keywords:
        import keras
        keras.utils.set_random_seed(0)
