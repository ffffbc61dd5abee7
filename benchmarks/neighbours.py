"""Nearest neighbours of one batch in a bank: the whole search beside its one matrix product alone, and beside scikit-learn.

Exact search is a product and the choice of the smallest; so the product's time, its result thrown away, is what cannot be beaten by
much. The plain way holds all distances at once and takes `tf.math.top_k` of them.
"""
import statistics
import time

import results

BANKS, UNITS, BATCH = (5000, 50000), 768, 512


def report(options):
    """Yields Markdown: a table for each bank, medians of interleaved rounds and of the rounds' own ratios."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    for n in BANKS:
        works, rounds = searches(n, options.threads), []
        for _ in range(options.rounds + 1):         # the first is thrown away: it traces
            rounds.append({})
            for name, work in works.items():
                began = time.perf_counter()
                work()
                rounds[-1][name] = time.perf_counter() - began
        yield f"## Nearest neighbours: {BATCH} examples in a bank of {n}, {UNITS} features, {options.threads} threads"
        product, *_ = works
        yield results.table(("work", "ms a batch", "times the product"), [
            (name, f"{1e3 * statistics.median(each[name] for each in rounds[1:]):.1f}",
             f"{statistics.median(each[name] / each[product] for each in rounds[1:]):.2f}") for name in works])


def searches(n, threads):
    """{work: function without arguments}: the product first."""
    import tensorflow as tf
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    from kerasnd import neighbours
    bank, x = tf.random.stateless_normal((n, UNITS), (0, 0)), tf.random.stateless_normal((BATCH, UNITS), (0, 1))
    works = {"the product alone": compiled(lambda x, bank: tf.matmul(x, bank, transpose_b=True), x, bank)}
    for k, metric in ((1, "squared_euclidean"), (2, "squared_euclidean"), (5, "squared_euclidean"), (2, "cosine")):
        works[f"kerasnd, k = {k}, {metric}"] = compiled(
            lambda x, bank, k=k, metric=metric: neighbours.score(x, bank, k, metric), x, bank)
    works["all distances and top_k, k = 2"] = compiled(plain, x, bank)
    rival, values = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(bank.numpy()), x.numpy()

    def scikit_learn():
        with threadpool_limits(threads):
            rival.kneighbors(values)
    works["scikit-learn, brute, k = 2"] = scikit_learn
    return works


def plain(x, bank):
    """The two smallest of all distances."""
    import tensorflow as tf
    distance = (tf.reduce_sum(x * x, 1)[:, None] + tf.reduce_sum(bank * bank, 1) - 2 * tf.matmul(x, bank, transpose_b=True))
    return -tf.reduce_sum(tf.math.top_k(-distance, 2).values, 1)


def compiled(way, *given):
    """A function without arguments that does the work."""
    import tensorflow as tf
    way = tf.function(way, autograph=False)

    def work():
        result = way(*given)
        result[:1].numpy()      # it is done, and not all of it is copied
    return work
