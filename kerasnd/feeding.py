"""What a learner reads: examples in an order that only (seed, epoch) decide.

Keras' own shuffling draws from a generator whose state is lost with the process. Here the order of epoch `e` is a function of
(seed, e), so that a run that was killed and resumed sees what an uninterrupted one sees.
"""
import math

import numpy as np
import tensorflow as tf

from kerasnd import arguments, raw

BUFFER_BYTES = 256 * 2 ** 20    # at most this much of a stream is held to mix it
PASS_VALUES = 2 ** 24           # at most so many values are in one batch of a pass over everything


class Feed:
    """Training examples, to be read once in order or for ever in shuffled epochs.

    Every element is a batch `(x, hint, position)`: x raw (b, ...), hint int8 (b,) in {-1, 0, +1}, position int64 (b,) in 0..n-1,
    the place of each example in `x` as given.
    """

    def __init__(self, x, hint=None, batch_size=128, seed=0, buffer=10_000):
        """Keeps the examples where they are.

        Args:
            x: array (n, ...), or a stream with `shape`, `dtype` and `examples(index)` (see `kerasnd.data.pool.Stream`).
            hint: int (n,) in {-1, 0, +1}: unknown, known normal (+1), known anomalous (-1). None: all unknown.
            batch_size: int >= 1; a set smaller than that is one batch.
            seed: int, decides every order together with the epoch.
            buffer: int, examples mixed at a time where a stream is read in storage order.

        Raises:
            ValueError: there is no example, the hints are not one each, or no batch can be of that size.
        """
        arguments.number("batch_size", batch_size, at_least=1)
        self.n = len(x) if hasattr(x, "__len__") else x.shape[0]
        if self.n == 0:
            raise ValueError("`x` must have at least one example. Received: an empty array.")
        hint = np.zeros(self.n, np.int8) if hint is None else np.asarray(hint, np.int8)
        if hint.shape != (self.n,):
            raise ValueError(f"`hint` must have one value per example. Received: {self.n} examples, hint of shape {hint.shape}.")
        if not np.isin(hint, (-1, 0, 1)).all():
            raise ValueError(f"`hint` must be -1 (anomalous), 0 (unknown) or +1 (normal). Received: "
                             f"{sorted(set(hint.tolist()))[:9]}.")
        self.x, self.hint, self.seed, self.buffer = x, hint, int(seed), buffer
        self.batch_size = min(int(batch_size), self.n)
        self.steps = self.n // self.batch_size
        self.example_shape = tuple(x.shape[1:])
        # Held as tensors, once: every dataset made here captures the same memory.
        self._hint = tf.constant(hint)
        self._x = None if hasattr(x, "examples") else tf.constant(x)
        self._once = {}

    def blind(self):
        """The same examples, every hint unknown."""
        if not self.hint.any():
            return self
        return Feed(self.x, None, self.batch_size, self.seed, self.buffer)

    def part(self, index):
        """Some of the examples: int (m,), distinct, their places."""
        x = self.x.take(index) if hasattr(self.x, "examples") else self.x[index]
        return Feed(x, self.hint[index], self.batch_size, self.seed, self.buffer)

    def _take(self, position):
        return tf.gather(self._x, position), tf.gather(self._hint, position), position

    def epochs(self, first=0, replicas=1):
        """The training order, from epoch `first` on, without end: `steps` full batches an epoch.

        Args:
            first: int, the epoch to begin with.
            replicas: int; every batch is full, whatever their number.

        Returns:
            tf.data.Dataset of batches; the remainder of an epoch is dropped, since the last batch could leave a replica with
            no example, and another order takes its place in the next epoch.
        """
        del replicas
        epochs = tf.data.Dataset.range(first, np.iinfo(np.int32).max)
        batches = epochs.flat_map(self._epoch) if self._x is not None else epochs.flat_map(self._streamed_epoch)
        return _unsharded(batches.prefetch(4))      # AUTOTUNE would let the buffer grow with the length of the training

    def _epoch(self, epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(self.n, dtype=tf.int64), seed=tf.stack([tf.constant(self.seed, tf.int64), epoch]))
        order = tf.reshape(order[:self.steps * self.batch_size], (self.steps, self.batch_size))
        return tf.data.Dataset.from_tensor_slices(order).map(self._take)

    def _streamed_epoch(self, epoch):
        mixed = tf.random.experimental.stateless_shuffle(
            tf.range(self.n, dtype=tf.int64), seed=tf.stack([tf.constant(self.seed, tf.int64), epoch]))
        examples = self.x.examples(mixed).map(lambda place, x: (tf.gather(mixed, place), x))
        if not self.x.in_order:
            # Storage order cannot be chosen, so it is mixed in a window of bounded size.
            window = max(1, min(self.buffer, BUFFER_BYTES // max(1, math.prod(self.example_shape))))
            # TensorFlow mixes a seed with that of the graph which is being traced, and cannot where that is 0:
            # `set_random_seed(0)`.
            tf.compat.v1.set_random_seed(1)
            examples = examples.shuffle(window, seed=self.seed * 1_000_003 + epoch)
        return examples.take(self.steps * self.batch_size).batch(self.batch_size, drop_remainder=True).map(
            lambda place, x: (x, tf.gather(self._hint, place), place))

    def once(self, batch_size=None):
        """Every example once, the last batch as large as it comes; in order where `x` is an array."""
        size = batch_size or max(self.batch_size, min(512, PASS_VALUES // math.prod(self.example_shape)))
        if size not in self._once:      # made once: its functions would be traced anew on every pass
            self._once[size] = self._pass(size)
        return self._once[size]

    def _pass(self, size):
        if self._x is None:
            batches = self.x.examples(tf.range(self.n, dtype=tf.int64)).batch(size).map(
                lambda place, x: (x, tf.gather(self._hint, place), place))
        else:
            batches = tf.data.Dataset.range(self.n).batch(size).map(self._take)
        return _unsharded(batches.prefetch(2))


class DatasetFeed:
    """The same face for a user's own tf.data dataset of batches `x` or `(x, hint)`, whose order is the user's."""

    def __init__(self, dataset, hints=True):
        spec = dataset.element_spec
        if isinstance(spec, tuple) and len(spec) == 1:
            dataset, spec = dataset.map(lambda x: x), spec[0]
        self.dataset, self.hints = dataset, hints
        if isinstance(spec, dict):
            raise ValueError(f"`x` must be a dataset of batches `x` or `(x, hint)`. Received: dicts of {sorted(spec)}.")
        if isinstance(spec, tuple) and len(spec) != 2:
            raise ValueError(f"`x` must be a dataset of batches `x` or `(x, hint)`. Received: tuples of {len(spec)}.")
        cardinality = int(dataset.cardinality())
        if cardinality == tf.data.INFINITE_CARDINALITY:
            raise ValueError("`x` must be a dataset that ends (centres and quantiles are taken over all of it). "
                             "Received: an infinite one. Remove `.repeat()`: `epochs` repeats it.")
        self.example_shape = tuple((spec[0] if isinstance(spec, tuple) else spec).shape[1:])
        self.steps = cardinality if cardinality > 0 else None

    def blind(self):
        """The same examples, every hint unknown."""
        return DatasetFeed(self.dataset, hints=False)

    def _whole(self):
        """Batches as `(x, hint, position)`."""
        def complete(start, batch):
            x, hint = batch if isinstance(batch, tuple) else (batch, None)
            n = tf.shape(x, tf.int64)[0]
            if hint is None or not self.hints:
                return start + n, (x, tf.zeros((n,), tf.int8), start + tf.range(n))
            known = tf.debugging.assert_less_equal(tf.abs(tf.cast(hint, tf.int32)), 1, "`hint` must be -1, 0 or +1.")
            with tf.control_dependencies([known]):
                hint = tf.cast(hint, tf.int8)
            return start + n, (x, hint, start + tf.range(n))
        return self.dataset.scan(tf.constant(0, tf.int64), complete)

    def epochs(self, first=0, replicas=1):
        """One epoch in the user's order, without the batches that hold fewer examples than there are `replicas`.

        Such a batch would leave a replica without an example, whose mean loss is NaN. The others are counted, in a pass over the
        data: at the end of a dataset of unknown length the optimisers would count one step more than were taken.

        Raises:
            ValueError: no batch is left.
        """
        del first  # the order is the user's
        if replicas == 1:
            return self._whole()
        filled = self._whole().filter(lambda x, hint, position: tf.shape(x)[0] >= replicas)
        self.steps = int(filled.reduce(tf.constant(0, tf.int64), lambda count, *batch: count + 1))
        if self.steps == 0:
            raise ValueError(f"`x` must have batches of an example for each of the {replicas} replicas. Received: only smaller "
                             "ones. Batch it in larger ones.")
        return filled.apply(tf.data.experimental.assert_cardinality(self.steps))

    def once(self, batch_size=None):
        del batch_size
        return self._whole()


def feed(x, hint=None, batch_size=128, seed=0):
    """An array, a stream, a dataset or a ready feed, as a feed."""
    if isinstance(x, (Feed, DatasetFeed)):
        return x
    if isinstance(x, tf.data.Dataset):
        if hint is not None:
            raise ValueError("`hint` travels inside the dataset, as `(x, hint)`. Received: both a dataset and `hint`.")
        return DatasetFeed(x)
    return Feed(x if hasattr(x, "examples") else raw.numbers(x), hint, batch_size, seed)


def hints(feed):
    """int8 (n,), the hint of every example of a feed, in its order."""
    return feed.hint if isinstance(feed, Feed) else np.concatenate([hint.numpy() for _, hint, _ in feed.once()])


def _unsharded(dataset):
    """One process reads everything: sharding would copy the captured data into a graph that may not exceed 2 GB."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.deterministic = True
    return dataset.with_options(options)
