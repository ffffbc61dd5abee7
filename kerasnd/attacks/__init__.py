"""Attacks: changes of an example, too small to change what it shows, that raise an objective as far as they can.

    linf     every value moved by at most eps                    Madry et al. (2018), projected gradient descent
    l2       the whole example moved by at most eps, Euclidean   likewise
    spatial  the worst of all rotations and shifts of a grid     Engstrom et al. (2019)

All take examples with values in [0, 1] and give examples with values in [0, 1]; an objective maps examples (b, ...) to one number
each, (b,), and the weights behind it stay as they are. All are made of TensorFlow's own operations alone, so that they run inside a
`tf.function`, on every replica, in a training step; and all draw from `seed` alone.
"""
import tensorflow as tf

from kerasnd.attacks.pgd import input_gradient, l2, linf
from kerasnd.attacks.warping import grid, spatial, warp

ATTACKS = {"linf": linf, "l2": l2, "spatial": spatial}

__all__ = ["ATTACKS", "code_distance", "grid", "input_gradient", "l2", "linf", "spatial", "warp"]


def code_distance(encode, x):
    """The objective of ARAE: how far the code of a changed example lies from that of the example itself.

    Args:
        encode: function of examples (b, ...) with codes (b, latent_dim).
        x: float32 (b, ...), the examples before the attack.

    Returns:
        function of k * b changed examples, k whole, ordered as k times x: their mean squared distance to the codes of x, (k * b,).
    """
    codes = tf.stop_gradient(tf.cast(encode(x), tf.float32))

    def distance(changed):
        found = tf.cast(encode(changed), tf.float32)
        apart = tf.reshape(found, tf.concat([[-1], tf.shape(codes)], 0)) - codes
        return tf.reshape(tf.reduce_mean(tf.square(apart), axis=-1), (-1,))
    return distance
