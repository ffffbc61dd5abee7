"""GPND's Jacobians of a batch: by hand, by automatic differentiation, and as the original has them, in ms an image.

The original goes back through the encoder once for every unit of the code, gradients of all weights included, and then takes the
singular values and vectors of one image after the other. The plain loops take one image at a time, as its readers first write it.
The one convolution is the rate that the network's widest layer reaches.
"""
import statistics
import time

import results

SHAPE, BATCH, UNITS = (32, 32, 1), 64, (16, 32)
LOOPED = 8          # images of the plain loops, which take long


def report(options):
    """Yields Markdown: a table for each size of the code, medians of interleaved rounds and of the rounds' own ratios."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    for units in UNITS:
        works = {**jacobians(units), **loops(units)}
        if options.torch:
            works["encoder as in the original, PyTorch"] = in_torch(units)
        images = {name: LOOPED if name.startswith("one image") else BATCH for name in works}
        rounds = []
        for _ in range(options.rounds + 1):         # the first is thrown away: it traces
            rounds.append({})
            for name, work in works.items():
                began = time.perf_counter()
                work()
                rounds[-1][name] = (time.perf_counter() - began) / images[name]
        yield f"## Jacobians: {SHAPE[0]}x{SHAPE[1]} pixels, code of {units}, {BATCH} images, {options.threads} threads"
        own, *_, last = works
        yield results.table(("work", "ms an image", "times as fast as the last", "as the first"), [
            (name, f"{1e3 * statistics.median(each[name] for each in rounds[1:]):.2f}",
             *(f"{statistics.median(each[other] / each[name] for each in rounds[1:]):.2f}" for other in (last, own)))
            for name in works])


def jacobians(units):
    """{work: function}: encoder and decoder by hand and generic in both precisions, the volumes, and one convolution."""
    import keras
    import tensorflow as tf

    from kerasnd import jacobians
    from kerasnd.networks import pidhorskyi
    x, z = tf.random.stateless_uniform((BATCH, *SHAPE), (0, 0)), tf.random.stateless_normal((BATCH, units), (0, 1))
    works, before = {}, keras.config.dtype_policy()
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        encoder, decoder = pidhorskyi.encoder(SHAPE, units), pidhorskyi.decoder(units, SHAPE)
        for name, way, network, given in (("encoder", jacobians.of_encoder, encoder, x),
                                          ("decoder", jacobians.of_decoder, decoder, z)):
            precision = "" if policy == "float32" else ", bfloat16"
            works[f"{name} by hand{precision}"] = timed(way, network, given)
            works[f"{name} by differentiation{precision}"] = timed(way, plain(network), given)
    keras.config.set_dtype_policy(before)
    change = tf.random.stateless_normal((BATCH, units, SHAPE[0] * SHAPE[1]), (0, 2))
    maps, kernel = tf.random.stateless_normal((BATCH, 8, 8, 256), (0, 3)), tf.random.stateless_normal((4, 4, 128, 256), (0, 4))
    volume = tf.function(jacobians.log_volume)
    double = tf.function(lambda maps: tf.nn.conv2d_transpose(maps, kernel, (BATCH, 16, 16, 128), 2))
    works["logarithms of the volumes"] = lambda: volume(change).numpy()
    works["one convolution 256 to 128, 8x8 to 16x16, of one unit"] = lambda: double(maps).numpy()
    return works


def timed(way, network, given):
    """A function without arguments that does the work."""
    import tensorflow as tf

    @tf.function(autograph=False)
    def compiled(given):
        return way(network, given)[1]
    return lambda: compiled(given).numpy()


def plain(network):
    """The network as a function, which shows no layers."""
    return lambda given: network(given, training=False)


def loops(units):
    """{work: function}: the encoder's Jacobian and singular values of one image after the other, eagerly and compiled."""
    import tensorflow as tf

    from kerasnd.networks import pidhorskyi
    encoder, x = pidhorskyi.encoder(SHAPE, units), tf.random.stateless_uniform((LOOPED, 1, *SHAPE), (0, 0))

    def jacobian(image):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(image)
            each = tf.unstack(encoder(image, training=False)[0])
        return tf.stack([tf.reshape(tape.gradient(unit, image), (-1,)) for unit in each])

    def work(jacobian):
        for image in x:
            tf.reduce_sum(tf.math.log(tf.linalg.svd(jacobian(image), compute_uv=False))).numpy()
    compiled = tf.function(jacobian)
    return {"one image at a time, eager": lambda: work(jacobian), "one image at a time, compiled": lambda: work(compiled)}


def in_torch(units):
    """The original's way in its own library."""
    import numpy as np
    import torch
    from torch import nn
    encoder, widths = [], (SHAPE[-1], 128, 256, 512)
    for level, (narrow, wide) in enumerate(zip(widths, widths[1:])):
        encoder += [nn.Conv2d(narrow, wide, 4, 2, 1), *([nn.BatchNorm2d(wide)] if level else []), nn.LeakyReLU(0.2)]
    encoder = nn.Sequential(*encoder, nn.Conv2d(512, units, 4), nn.Flatten()).eval()
    x = torch.rand(BATCH, SHAPE[-1], *SHAPE[:2], requires_grad=True)

    def work():
        code, rows = encoder(x), []
        for unit in range(units):
            along = torch.zeros_like(code)
            along[:, unit] = 1
            x.grad = None
            code.backward(along, retain_graph=True)
            rows.append(x.grad.flatten(1).numpy())
        for one in np.stack(rows, 1):
            np.linalg.svd(one, full_matrices=False)
    return work
