"""Training under attacks: an epoch of ARAE's linf, a batch of its union, and the rotations and shifts beside their encoder passes.

The rate beside each is what the matrix products of its passes would take of the machine's rate for one large product.
"""
import statistics
import time

import results

EXAMPLES, BATCH, UNION_BATCH = 6000, 256, 128
PIXELS, WIDTHS = 784, (512, 256, 128)
SEARCH, PASSES = f"rotations and shifts, 279 of {UNION_BATCH} images", "their encoder passes alone"
PRODUCT = "one product, 2048 x 2048"
ENCODER = 2 * sum(a * b for a, b in zip((PIXELS, *WIDTHS), WIDTHS))     # operations of one example's pass


def report(options):
    """Yields Markdown: a row for each piece of work, timed in turn."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    works = {**training(), **search()}
    seconds = {name: [] for name in works}
    for _ in range(options.rounds + 1):         # the first is thrown away: it traces
        for name, (work, _) in works.items():
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    yield f"## Attacks: dense networks of 28x28 pixels, {options.threads} threads"
    yield from tables({name: each[1:] for name, each in seconds.items()}, {name: count for name, (_, count) in works.items()})


def tables(seconds, counts):
    """Yields Markdown. Medians, of ratios too: the rounds' own, as a slow minute of the machine is in both.

    Args:
        seconds: {work: list of float, one a round}.
        counts: {work: int, operations of its products}.
    """
    def ratio(one, other):
        return statistics.median(a / b for a, b in zip(seconds[one], seconds[other]))
    yield results.table(("work", "seconds", "slowest to fastest", "GFLOP", "GFLOP/s", "share of the product's rate"), [
        (name, f"{statistics.median(each):.3g}", f"{max(each):.3g} to {min(each):.3g}", f"{counts[name] / 1e9:.3g}",
         f"{counts[name] / statistics.median(each) / 1e9:.0f}", f"{counts[name] / counts[PRODUCT] * ratio(PRODUCT, name):.2f}")
        for name, each in seconds.items()])
    yield f"Rotations and shifts take {ratio(SEARCH, PASSES):.2f} times their encoder passes."


def training():
    """{work: (function, operations of its products)} of an epoch of linf and a batch of union."""
    import keras
    import numpy as np

    import kerasnd
    x = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 28, 28, 1)).astype(np.uint8)
    works = {}
    for preset, n, batch in (("linf", EXAMPLES, BATCH), ("union", UNION_BATCH, UNION_BATCH)):
        keras.utils.set_random_seed(0)
        detector = kerasnd.ARAE((28, 28, 1), preset=preset)
        detector.compile(keras.optimizers.Adam(1e-3))
        # An attack's step is a pass forwards and one back to the pixels; a training step's back pass has two products a
        # layer (the first layer's second, to the pixels, is counted and not made: 1 to 2 percent of all).
        attack = 40 * 2 if preset == "linf" else (40 + 100) * 2 + 279
        copies = 1 if preset == "linf" else 3
        count = n // batch * batch * ENCODER * (1 + attack + copies * (3 + 3) + 3)
        feed = kerasnd.feeding.Feed(x[:n], None, batch, 0)
        label = f"linf, an epoch of {EXAMPLES} images" if preset == "linf" else f"union, a batch of {UNION_BATCH}"
        works[label] = (lambda detector=detector, feed=feed: detector.fit(feed, epochs=1, verbose=0), count)
    return works


def search():
    """{work: (function, operations)}: the spatial attack, its passes alone, and one product."""
    import tensorflow as tf

    from kerasnd import attacks
    from kerasnd.networks import coders
    encoder, _ = coders.build("arae_union", (28, 28, 1))
    x = tf.random.stateless_uniform((UNION_BATCH, 28, 28, 1), (0, 0))
    many = tf.random.stateless_uniform((9 * UNION_BATCH, 28, 28, 1), (0, 1))
    square = tf.random.stateless_normal((2048, 2048), (0, 2))
    changes = len(attacks.grid())

    @tf.function
    def worst(x):
        return attacks.spatial(attacks.code_distance(lambda x: encoder(x, training=False), x), x)

    @tf.function
    def passes(x):
        def one(i, total):
            return i + 1, total + tf.reduce_sum(encoder(x + tf.cast(i, tf.float32), training=False))
        return tf.while_loop(lambda i, _: i < changes // 9, one, (0, 0.0))[1]
    product = tf.function(lambda a: tf.reduce_sum(a @ a))
    count = changes * UNION_BATCH * ENCODER
    return {SEARCH: (lambda: worst(x).numpy(), count),
            PASSES: (lambda: passes(many).numpy(), count),
            PRODUCT: (lambda: product(square).numpy(), 2 * 2048 ** 3)}
