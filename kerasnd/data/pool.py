"""What a source hands over: examples and their categories, which know no anomaly."""
import dataclasses

import numpy

from kerasnd.errors import Misuse, suggest


RANDOM = "random:"      # and a number: as many normal classes, drawn
ALL = "all"             # every class is normal, and anomalies come from elsewhere


@dataclasses.dataclass(frozen=True)
class Pool:
    """All examples of a source in the order in which they were loaded: its train part, then its test part.

    Attributes:
        x: array (n, ...), raw values: uint8 or uint16 (n, height, width, channels) for images, else float32;
            or a `Stream` of the same shape where the images would not fit in memory.
        category: int64 (n,) in 0..k-1; -1 only where outliers took the place of an anomaly (`outliers.py`).
        official: None, or str (n,) of "train" and "test".
        names: tuple of k str, the name of each category.
        paths: None, or str (n,), where each example came from.
        skipped: tuple of (path, reason), the unreadable files that were left out.
        schema: None, or of a .csv table how its columns became features (see `columns`); its x may hold NaN where values
            are missing and are to be filled in by the model.
    """

    x: object
    category: numpy.ndarray
    official: numpy.ndarray | None
    names: tuple
    paths: numpy.ndarray | None = None
    skipped: tuple = ()
    schema: dict | None = None
    block_mean: bool = False

    @property
    def example_shape(self):
        """tuple of int, the shape of one example."""
        return tuple(int(side) for side in self.x.shape[1:])

    @property
    def is_image(self):
        """bool, an example has a height, a width and channels."""
        return len(self.example_shape) == 3


class Stream:
    """Images that are read anew on every pass, so that memory does not grow with their number.

    Attributes:
        shape: tuple (n, height, width, channels).
        dtype: numpy.dtype of the pixels.
        in_order: bool, `examples(index)` come in the order of `index`, so that mixing `index` mixes them.
    """

    def __init__(self, shape, dtype, in_order):
        self.shape = tuple(int(side) for side in shape)
        self.dtype = numpy.dtype(dtype)
        self.in_order = in_order

    def __len__(self):
        return self.shape[0]

    def take(self, index):
        """The examples of `index` alone, int64 (m,), as a Stream of m examples in that order."""
        return Taken(self, index)

    def examples(self, index):
        """Reads the examples of `index`, in an order that is always the same but need not be that of `index`.

        Args:
            index: int64 (m,), distinct positions in 0..n-1.

        Returns:
            tf.data.Dataset of (position, x), one example each: position int64 scalar, the place of the example
            within `index`; x of this stream's dtype, (height, width, channels). Pure TensorFlow operations.
        """
        raise NotImplementedError


class Taken(Stream):
    """Some examples of another stream, counted anew."""

    def __init__(self, whole, index):
        super().__init__((len(index), *whole.shape[1:]), whole.dtype, whole.in_order)
        import tensorflow as tf

        self._whole, self._index = whole, tf.constant(index, tf.int64)

    def examples(self, index):
        import tensorflow as tf

        return self._whole.examples(tf.gather(self._index, index))


def too_large(shape, dtype, cache_gib):
    """bool, an array of `shape` and `dtype` takes more than `cache_gib` GiB."""
    return float(numpy.prod(shape, dtype=numpy.float64)) * numpy.dtype(dtype).itemsize > cache_gib * 2**30


def normal_classes(pool, normal, argument="normal", rng=None):
    """Which categories count as normal.

    Args:
        pool: Pool.
        normal: str, int, or a sequence of them: class names or numbers, in a str separated by commas. A number is
            looked up among the names first, then taken for a category. With `rng` also "random:4": four of the classes that
            have examples, all but one at most; and "all": every class that has examples, where none is called so.
        argument: str, what named them, for messages.
        rng: numpy.random.Generator for the draw, or None.

    Returns:
        tuple of int, ascending and distinct, in 0..k-1.

    Raises:
        Misuse: a class does not exist or has no example; a draw is of no class, or of all.
    """
    if rng is not None and isinstance(normal, str) and normal.startswith(RANDOM):
        return _drawn(pool, normal, argument, rng)
    if rng is not None and isinstance(normal, str) and normal == ALL and ALL not in pool.names:
        return tuple(int(each) for each in numpy.unique(pool.category[pool.category >= 0]))
    if isinstance(normal, str) and normal not in pool.names:
        words = [word.strip() for word in normal.split(",")]
    elif isinstance(normal, (list, tuple, set, frozenset, numpy.ndarray)):
        words = [str(word) for word in normal]
    else:
        words = [str(normal)]
    words = [word for word in words if word]
    if not words:
        raise Misuse(f"`{argument}` must name at least one class. Received: {argument}={normal!r}. {_existing(pool.names)}")
    chosen = sorted({_category(pool.names, word, argument) for word in words})
    count = numpy.bincount(pool.category[pool.category >= 0], minlength=len(pool.names))
    for category in chosen:
        if count[category] == 0:
            raise Misuse(f"`{argument}` must be classes with examples. Received: {argument}={pool.names[category]!r}, which "
                         f"has 0 of {len(pool.category)} examples.")
    return tuple(chosen)


def _drawn(pool, normal, argument, rng):
    there = numpy.unique(pool.category[pool.category >= 0])
    count = normal.removeprefix(RANDOM).strip()
    if not (count.isascii() and count.isdecimal() and 1 <= int(count) < len(there)):
        raise Misuse(f"`{argument}` must draw from 1 to {len(there) - 1} of the {len(there)} classes, one being left to be "
                     f"anomalous. Received: {argument}={normal!r}. Write --{argument}={RANDOM}1.")
    return tuple(sorted(int(each) for each in rng.permutation(there)[:int(count)]))


def _category(names, word, argument):
    if word in names:
        return names.index(word)
    if word.isdecimal() and int(word) < len(names):
        return int(word)
    raise Misuse(f"`{argument}` must be a class of the data set. Received: {argument}={word!r}."
                 f"{suggest(word, names)} {_existing(names)}")


def _existing(names, most=12):
    listed = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"Its {len(names)} classes: {listed}."
