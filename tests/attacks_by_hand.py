"""The attacks in plain NumPy, and a small network whose gradient is known: for the tests of attacks and of ARAE."""
import math

import numpy as np
import tensorflow as tf

SHAPE = (5, 4, 1)
WIDE = (-1, 1, 1, 1)


def small_network(seed=0, shape=SHAPE, units=7):
    """(encode, NumPy's encode, NumPy's gradient of g @ encode): codes of tanh units."""
    rng = np.random.default_rng(seed)
    w, b = rng.normal(0, 0.5, (math.prod(shape), units)), rng.normal(0, 0.3, units)

    def encode(x):
        return tf.tanh(tf.reshape(x, (-1, w.shape[0])) @ tf.constant(w, tf.float32) + tf.constant(b, tf.float32))

    def codes(x):
        return np.tanh(x.reshape(len(x), -1) @ w + b)

    def back(x, g):
        return ((g * (1 - codes(x) ** 2)) @ w.T).reshape(x.shape)
    return encode, codes, back


def examples(n=6, seed=1, shape=SHAPE):
    return np.random.default_rng(seed).random((n, *shape)).astype(np.float32)


def distance_gradient(codes, back, x, changed):
    """Of the mean squared distance to the codes of x, by hand."""
    apart = codes(changed) - codes(x)
    return back(changed, 2 * apart / apart.shape[1])


def length(change):
    return np.sqrt(np.square(change, dtype=np.float64).sum(axis=(1, 2, 3)))


def linf_by_hand(gradient, x, eps, steps, size, start, keep_overshoot):
    change = np.clip(start - x, -eps, eps)
    if not keep_overshoot:
        change = np.clip(x + change, 0, 1) - x
    for _ in range(steps):
        change = np.clip(change + size * np.sign(gradient(np.clip(x + change, 0, 1))), -eps, eps)
        if not keep_overshoot:
            change = np.clip(x + change, 0, 1) - x
    return np.clip(x + change, 0, 1)


def l2_by_hand(gradient, x, eps, steps, size, start):
    def inside(changed):
        far = length(changed - x).reshape(WIDE)
        return np.clip(x + (changed - x) * np.minimum(1, eps / far), 0, 1)
    changed = inside(start)
    for _ in range(steps):
        g = gradient(changed)
        changed = inside(changed + size * g / length(g).reshape(WIDE))
    return changed
