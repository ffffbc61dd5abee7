"""The variational models' parts in NumPy, and what brings a detector to its first step: for the tests of both."""
import keras
import numpy as np
import tensorflow as tf

from kerasnd.feeding import Feed

RNG = np.random.default_rng(0)
X = RNG.random((24, 6)).astype(np.float32)
HINT = np.r_[np.zeros(14), -np.ones(7), np.ones(3)].astype(np.int8)


def ready(detector, optimizer=None, x=X, hint=HINT):
    """A detector that is about to take its first step."""
    detector.compile(optimizer or keras.optimizers.SGD(1.0))
    if getattr(detector, "vae", None) is not None:
        detector.vae.prepare(Feed(x))
        detector.inherit(detector.vae)
    detector.ready(Feed(x, hint))
    detector.prepare(Feed(x, hint))
    return detector


def step(detector, x=X, hint=HINT):
    """float, the loss of one step."""
    return float(detector.train_step((tf.constant(x), tf.constant(hint), None))["loss"])


def weights(detector):
    return sum(int(np.prod(w.shape)) for w in detector.trainable_weights)


def numpy_cross_entropy(x, p):
    x = np.clip(x, 0, 1)
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(-1)


def dense(model, x):
    """What a stack of dense layers gives, in float64: ReLU between, nothing after the last."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for number, layer in enumerate(layers):
        x = x @ np.asarray(layer.kernel, np.float64) + np.asarray(layer.bias)
        x = np.maximum(x, 0) if number + 1 < len(layers) or model.name == "encoder" else x
    return x


def gaussian(model, x):
    """(mean, log variance) of a Gaussian coder, in float64."""
    *hidden, mean, spread = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer in hidden:
        x = np.maximum(x @ np.asarray(layer.kernel, np.float64) + np.asarray(layer.bias), 0)
    mean, spread = (x @ np.asarray(head.kernel, np.float64) + np.asarray(head.bias) for head in (mean, spread))
    return mean, np.logaddexp(0, spread)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
