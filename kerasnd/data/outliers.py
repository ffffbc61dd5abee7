"""Anomalies that come from another set, or from none: the test of a detector on what it was never meant for."""
import os

import numpy

from kerasnd.data.arrays import resized
from kerasnd.data.class_major import block, load_npy
from kerasnd.data.pool import Pool, Stream
from kerasnd.errors import Misuse, naming

NOISE = ("uniform_noise", "gaussian_noise")


def with_outliers(pool, outliers, normal, rng, data_dir=None, size=None, label_column=None, skip_unreadable=False, cache_gib=2.0):
    """A pool whose anomalies to be judged are another set's.

    The pool's own anomalies get category -1, which no protocol judges. The places of its examples, and so the draws
    of a protocol, stay as they were; the outliers follow behind them.

    Args:
        pool: Pool.
        outliers: str, a data set or a path as for `load_data`, whose test part (or all) is taken; or "uniform_noise" or
            "gaussian_noise", as many as there are normals to be judged, in the range of the data; or a .npy of images of all
            classes, those near class 0 first, of which the blocks in the places of `normal` are taken.
        normal: sequence of int, the normal categories of `pool`.
        rng: numpy.random.Generator, draws the noise.
        data_dir, skip_unreadable, cache_gib: as in `load_data`, for the other set.
        label_column: as in `load_data`, where the other set is a .csv: its columns go by the names of `pool`'s, all its rows are
            taken, and this column, or another that is its class, may be there and is not looked at.
        size: None, or (height, width), that of `pool`'s own loading; only where it is given are the other set's images
            resized and their channels made those of `pool`.

    Returns:
        Pool of len(pool.names) + 1 categories, the last named after the outliers; theirs is the official part "test".

    Raises:
        Misuse: the outliers' examples have another shape or type; whatever `load_data` refuses.

    Source: Liang, Li and Srikant (2018), ODIN: noise U[0, 1], and N(0.5, 1) clipped to [0, 1]. The order of the .npy is that of
    CIFAR-10-FSDE (Mirzaei et al., 2023). Differs: one whose rows are no multiple of the classes is taken whole.
    """
    is_normal = numpy.isin(pool.category, list(normal))
    judged = numpy.ones(len(is_normal), bool) if pool.official is None else pool.official == "test"
    paths, skipped = None, ()
    if outliers in NOISE:
        name, x = outliers, _noise(outliers, int((is_normal & judged).sum()), pool.x, is_normal, rng)
    elif outliers.lower().endswith(".npy"):
        name, x = os.path.basename(outliers), alike(_class_major(outliers, pool, normal, size), pool.x, size, outliers)
    else:
        column = label_column if outliers.lower().endswith(".csv") else None
        other = another(outliers, pool, data_dir, size, column, skip_unreadable, cache_gib, labelled=False)
        name, x, paths, skipped = other.names[0], other.x, other.paths, other.skipped
    n, m = len(is_normal), x.shape[0]
    category = numpy.where(is_normal, pool.category, -1)
    category = numpy.concatenate([category, numpy.full(m, len(pool.names), numpy.int64)])
    return Pool(x=joined(pool.x, x), category=category,
                official=None if pool.official is None else numpy.concatenate([pool.official, numpy.full(m, "test")]),
                names=(*pool.names, name if name not in pool.names else f"{name} (outliers)"),
                paths=_joined_paths(pool.paths, n, paths, m), skipped=pool.skipped + skipped,
                schema=pool.schema, block_mean=pool.block_mean)


def another(outliers, pool, data_dir=None, size=None, label_column=None, skip_unreadable=False, cache_gib=2.0, labelled=True):
    """The part of another set that is judged: its test part, or all of it where it has no parts.

    Args:
        outliers, pool, data_dir, size, skip_unreadable, cache_gib: as in `with_outliers`; no noise, no .npy.
        label_column: as in `load_data`.
        labelled: bool, its classes are kept; False: all is one class, named after the set.

    Returns:
        Pool without official parts, its examples like those of `pool`.

    Raises:
        Misuse: as `with_outliers`.
    """
    from kerasnd.data.sources import load_data

    with naming("outliers"):
        other = load_data(outliers, data_dir, size, label_column, skip_unreadable, cache_gib, schema=pool.schema, labelled=labelled)
    taken = numpy.flatnonzero(numpy.ones(len(other.category), bool) if other.official is None else other.official == "test")
    x = other.x.take(taken) if isinstance(other.x, Stream) else other.x[taken]
    name = os.path.basename(os.path.normpath(outliers))
    return Pool(x=alike(x, pool.x, size, outliers), category=other.category[taken] if labelled else numpy.zeros(len(taken), int),
                official=None, names=other.names if labelled else (name,), skipped=other.skipped,
                paths=None if other.paths is None else other.paths[taken])


def _class_major(path, pool, normal, size):
    """Examples of a .npy of all classes: those in the places of the normal ones, or all where the rows do not divide."""
    path = os.path.expanduser(path)
    if not os.path.isfile(path):
        raise Misuse(f"`outliers` must be a file where it ends in .npy. Received: outliers={path!r}, which does not exist.")
    x = load_npy(path, "outliers")
    if len(x) % len(pool.names) == 0:
        x = numpy.concatenate([block(x, each, len(pool.names)) for each in normal])
    return resized(numpy.asarray(x), size)


def _noise(kind, n, x, is_normal, rng):
    if x.dtype.kind == "u":
        low, high = 0, numpy.iinfo(x.dtype).max
    else:  # features have a range each, pixels one range together
        low, high = (each(x[is_normal], axis=0 if x.ndim == 2 else None) for each in (numpy.nanmin, numpy.nanmax))
    noise = numpy.empty((n, *x.shape[1:]), x.dtype)
    for example in noise:  # one by one, since large images are many
        unit = rng.random(example.shape, numpy.float32)
        if kind == "gaussian_noise":
            unit = numpy.clip(0.5 + rng.standard_normal(example.shape, numpy.float32), 0, 1)
        values = low + (high - low) * unit
        example[...] = numpy.round(values) if x.dtype.kind == "u" else values
    return noise


def alike(x, own, size, source, argument="outliers"):
    """Examples, where they are like another set's, or images that can be made so.

    Args:
        x, own: array or Stream (n, ...), (m, ...).
        size: as in `with_outliers`.
        source: str, where `x` came from; argument: str, the flag that named it; both for messages.

    Returns:
        array or Stream (n, ...), of the shape and type of `own`'s examples.

    Raises:
        Misuse: another shape or type.
    """
    shape, wanted = tuple(x.shape[1:]), tuple(own.shape[1:])
    if x.dtype == own.dtype and shape == wanted:
        return x
    convertible = (size is not None and x.dtype == own.dtype == numpy.uint8 and not isinstance(x, Stream)
                   and shape[:-1] == wanted[:-1] and {shape[-1], wanted[-1]} == {1, 3})
    if convertible and wanted[-1] == 3:
        return numpy.repeat(x, 3, axis=-1)
    if convertible:  # ITU-R 601, in Pillow's integers
        weights = numpy.array([[19595], [38470], [7471]], numpy.uint32)
        return ((x.astype(numpy.uint32) @ weights + 0x8000) >> 16).astype(numpy.uint8)
    remedy = (" Resize both, grey and colour made alike, by --config.source.size=[h,w]."
              if len(shape) == len(wanted) == 3 and x.dtype == own.dtype and size is None else "")
    raise Misuse(f"`{argument}` must be like the data set: {own.dtype} examples of shape {wanted}. Received: "
                 f"{source!r}, {x.dtype} examples of shape {shape}.{remedy}")


def joined(first, second):
    """Two sets of examples, each an array or a Stream, as one of both kinds."""
    if isinstance(first, Stream) or isinstance(second, Stream):
        return Joined(first, second)
    return numpy.concatenate([first, second])


class Joined(Stream):
    """Two sets of images, each an array or a Stream, one after the other."""

    def __init__(self, first, second):
        super().__init__((first.shape[0] + second.shape[0], *first.shape[1:]), first.dtype, in_order=False)
        import tensorflow as tf

        self._parts = [each if isinstance(each, Stream) else tf.constant(each) for each in (first, second)]

    def examples(self, index):
        import tensorflow as tf

        index = tf.cast(index, tf.int64)
        n = self._parts[0].shape[0]
        first, second = tf.where(index < n)[:, 0], tf.where(index >= n)[:, 0]
        return _examples(self._parts[0], tf.gather(index, first), first).concatenate(
            _examples(self._parts[1], tf.gather(index, second) - n, second))


def _examples(x, index, place):
    import tensorflow as tf

    if isinstance(x, Stream):
        return x.examples(index).map(lambda within, image: (place[within], image))
    return tf.data.Dataset.from_tensor_slices((place, index)).map(lambda within, at: (within, x[at]))


def _joined_paths(first, n, second, m):
    if first is None and second is None:
        return None
    return numpy.concatenate([numpy.full(n, "") if first is None else first,
                              numpy.full(m, "") if second is None else second])
