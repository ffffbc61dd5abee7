"""Anomalies that come from another set, or from none: the test of a detector on what it was never meant for."""
import os

import numpy

from kerasnd.data.pool import Pool, Stream
from kerasnd.errors import Misuse

NOISE = ("uniform_noise", "gaussian_noise")


def with_outliers(pool, outliers, normal, rng, data_dir=None, size=None, label_column=None, skip_unreadable=False):
    """A pool whose anomalies to be judged are another set's.

    The pool's own anomalies get category -1, which no protocol judges. The places of its examples, and so the draws of a
    protocol, stay as they were; the outliers follow behind them.

    Args:
        pool: Pool.
        outliers: str, a data set or a path as for `load_data`, whose test part (or all) is taken; or "uniform_noise" or
            "gaussian_noise", as many as there are normals to be judged, in the range of the data.
        normal: sequence of int, the normal categories of `pool`.
        rng: numpy.random.Generator, draws the noise.
        data_dir, label_column, skip_unreadable: as in `load_data`, for the other set.
        size: None, or (height, width), that of `pool`'s own loading; only where it is given are the other set's images
            resized and their channels made those of `pool`.

    Returns:
        Pool of len(pool.names) + 1 categories, the last named after the outliers; theirs is the official part "test".

    Raises:
        Misuse: the outliers' examples have another shape or type; whatever `load_data` refuses.

    Source: Hendrycks and Gimpel (2017); Liang et al. (2018), ODIN, appendix: noise U[0, 1] and N(0.5, 1) clipped to [0, 1].
    """
    is_normal = numpy.isin(pool.category, list(normal))
    judged = numpy.ones(len(is_normal), bool) if pool.official is None else pool.official == "test"
    paths, skipped = None, ()
    if outliers in NOISE:
        name, x = outliers, _noise(outliers, int((is_normal & judged).sum()), pool.x, is_normal, rng)
    else:
        from kerasnd.data.sources import load_data

        other = load_data(outliers, data_dir=data_dir, size=size, label_column=label_column, skip_unreadable=skip_unreadable)
        taken = numpy.arange(len(other.category)) if other.official is None else numpy.flatnonzero(other.official == "test")
        name = os.path.basename(os.path.normpath(outliers))
        x = other.x.take(taken) if isinstance(other.x, Stream) else other.x[taken]
        x = _alike(x, pool.x, size, outliers)
        paths, skipped = None if other.paths is None else other.paths[taken], other.skipped
    n, m = len(is_normal), x.shape[0]
    category = numpy.where(is_normal, pool.category, -1)
    return Pool(x=_joined(pool.x, x), category=numpy.concatenate([category, numpy.full(m, len(pool.names), numpy.int64)]),
                official=None if pool.official is None else numpy.concatenate([pool.official, numpy.full(m, "test")]),
                names=(*pool.names, name if name not in pool.names else f"{name} (outliers)"),
                paths=_joined_paths(pool.paths, n, paths, m), skipped=pool.skipped + skipped)


def _noise(kind, n, x, is_normal, rng):
    shape = (n, *x.shape[1:])
    unit = rng.random(shape, numpy.float32)
    if kind == "gaussian_noise":
        unit = numpy.clip(0.5 + rng.standard_normal(shape, numpy.float32), 0, 1)
    if x.dtype.kind == "u":
        most = numpy.iinfo(x.dtype).max
        return numpy.minimum(unit * numpy.float32(most + 1.0), most).astype(x.dtype)
    # Features have a range each, pixels one range together.
    low, high = (each(x[is_normal], axis=0 if x.ndim == 2 else None) for each in (numpy.min, numpy.max))
    return (low + (high - low) * unit).astype(x.dtype)


def _alike(x, own, size, outliers):
    shape, wanted = tuple(x.shape[1:]), tuple(own.shape[1:])
    if x.dtype == own.dtype and shape == wanted:
        return x
    convertible = (size is not None and x.dtype == own.dtype == numpy.uint8 and not isinstance(x, Stream)
                   and shape[:-1] == wanted[:-1] and {shape[-1], wanted[-1]} == {1, 3})
    if convertible and wanted[-1] == 3:
        return numpy.repeat(x, 3, axis=-1)
    if convertible:  # ITU-R 601, in Pillow's integers
        return ((x.astype(numpy.uint32) @ numpy.array([[19595], [38470], [7471]], numpy.uint32) + 0x8000) >> 16).astype(numpy.uint8)
    remedy = (" Resize both, grey and colour made alike, by --config.source.size=[h,w]."
              if len(shape) == len(wanted) == 3 and x.dtype == own.dtype and size is None else "")
    raise Misuse(f"`outliers` must be like the data set: {own.dtype} examples of shape {wanted}. Received: "
                 f"{outliers!r}, {x.dtype} examples of shape {shape}.{remedy}")


def _joined(first, second):
    if isinstance(first, Stream) or isinstance(second, Stream):
        return Joined(first, second)
    return numpy.concatenate([first, second])


class Joined(Stream):
    """Two sets of images, each an array or a Stream, one after the other."""

    def __init__(self, first, second):
        super().__init__((first.shape[0] + second.shape[0], *first.shape[1:]), first.dtype)
        import tensorflow as tf

        self._first, self._second = (each if isinstance(each, Stream) else tf.constant(each) for each in (first, second))

    def examples(self, index):
        import tensorflow as tf

        index = tf.cast(index, tf.int64)
        n = self._first.shape[0]
        places = tf.where(index < n)[:, 0], tf.where(index >= n)[:, 0]
        parts = [_examples(x, tf.gather(index, place) - start, place)
                 for x, start, place in ((self._first, 0, places[0]), (self._second, n, places[1]))]
        return parts[0].concatenate(parts[1])


def _examples(x, index, place):
    import tensorflow as tf

    if isinstance(x, Stream):
        return x.examples(index).map(lambda within, image: (place[within], image))
    return tf.data.Dataset.from_tensor_slices((place, index)).map(lambda within, at: (within, x[at]))


def _joined_paths(first, n, second, m):
    if first is None and second is None:
        return None
    return numpy.concatenate([numpy.full(n, "") if first is None else first, numpy.full(m, "") if second is None else second])
