"""Jacobians of networks, example by example, inside the graph; and the volume that they span.

An encoder has few outputs and a decoder few inputs, so both are had from as many passes as the code has units: backward through
an encoder, forward through a decoder. The passes of all units run as one batch. GPND's own networks have theirs by hand
(`networks.tangents`), twice as fast; any other network has them by automatic differentiation.
"""
import math

import keras
import tensorflow as tf

from kerasnd.networks import tangents

FLOOR = 1e-14       # of the eigenvalues of J J^T, relative to their mean: what float32 cannot tell from zero


def of_encoder(network, x):
    """The codes of examples, and how they change with them.

    Args:
        network: Keras model, or a function (b, ...) -> (b, n), each example by itself.
        x: float32 (b, ...).

    Returns:
        (float32 (b, n), float32 (b, n, values)): codes, and their derivatives by every value of the example.
    """
    known = _by_hand(network)
    if known:
        return tangents.jacobian(known, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        code = _output(network, x)
    return code, _flat(tape.batch_jacobian(code, x))


def of_decoder(network, z, sigmoid=False):
    """What codes are redrawn as, and how that changes with them.

    Args:
        network: Keras model, or a function (b, n) -> (b, ...), each code by itself.
        z: float32 (b, n).
        sigmoid: bool, what is redrawn is the sigmoid of the network's output.

    Returns:
        (float32 (b, ...), float32 (b, n, values)): redrawn examples, and the derivatives of every value by the units of the code.
    """
    known = _by_hand(network)
    redrawn, change = tangents.jacobian(known, z) if known else _forward(network, z)
    if sigmoid:
        redrawn = tf.sigmoid(redrawn)
        change *= tf.reshape(redrawn * (1 - redrawn), (-1, 1, change.shape[-1]))
    return redrawn, change


def _forward(network, z):
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(z)
            redrawn = _output(network, z)
        # The gradient of <redrawn, along> by z is J along, so linear in `along`: its own Jacobian is J whatever `along` is, and
        # one backward pass through that backward pass is a forward pass.
        along = tf.zeros_like(redrawn)
        outer.watch(along)
        pulled = inner.gradient(redrawn, z, output_gradients=along)
    return redrawn, _flat(outer.batch_jacobian(pulled, along))


def log_volume(jacobian):
    """The logarithm of the product of the singular values.

    Args:
        jacobian: float32 (b, n, m), n <= m.

    Returns:
        float32 (b,), log det(J J^T) / 2, by Cholesky in float64; finite where J has not its full rank, too.
    """
    jacobian = tf.cast(jacobian, tf.float64)
    gram = tf.matmul(jacobian, jacobian, transpose_b=True)
    floor = FLOOR * tf.reduce_mean(tf.linalg.diag_part(gram), axis=-1) + 1e-60
    gram = tf.linalg.set_diag(gram, tf.linalg.diag_part(gram) + floor[:, None])
    return tf.cast(tf.reduce_sum(tf.math.log(tf.linalg.diag_part(tf.linalg.cholesky(gram))), axis=-1), tf.float32)


def _by_hand(network):
    """`tangents.Chain` or None. On a GPU convolutions are fast, and products there have too few digits for those by hand."""
    return None if tf.config.list_physical_devices("GPU") else tangents.chain(network)


def _output(network, x):
    return tf.cast(network(x, training=False) if isinstance(network, keras.Model) else network(x), tf.float32)


def _flat(jacobian):
    b, n, *shape = jacobian.shape
    return tf.cast(tf.reshape(jacobian, (-1 if b is None else b, n, math.prod(shape))), tf.float32)
