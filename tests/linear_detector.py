"""A detector whose worst change is known, and examples for it: for the tests of what an attack leaves."""
import numpy as np
import tensorflow as tf

from kerasnd.detector import Detector

SHAPE = (4, 5, 1)


class Linear(Detector):
    """score(x) = <slope, normalised x>, whose worst change is known."""

    IMAGE_PREPROCESS = "unit"

    def __init__(self, shape=SHAPE, preprocess="auto", slope=None):
        super().__init__(shape, preprocess)
        self.slope = np.random.default_rng(0).normal(size=shape).astype(np.float32) if slope is None else slope
        self.traced = 0

    def call(self, x, training=False):
        self.traced += 1
        x = self.normalizer(x)
        return tf.reduce_sum(x * self.slope, axis=list(range(1, x.shape.rank)))


def linear(x, **more):
    detector = Linear(tuple(x.shape[1:]), **more)
    detector.normalizer.adapt([x])
    return detector


def pixels(n=30, shape=SHAPE, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def truth(n=30):
    return (np.arange(n) % 3 == 0).astype(int)


def signs(label):
    return np.where(label == 1, -1.0, 1.0)
