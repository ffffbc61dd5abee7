"""Image files to be scored, many of them, decoded in a TensorFlow graph on all cores."""
import concurrent.futures
import copy
import hashlib
import itertools
import json
import os

import numpy

from kerasnd.data import pixels
from kerasnd.data.pieces import Input, Piece, on_grid, stamp
from kerasnd.errors import BadData, Misuse


class Images(Input):
    """Encoded images of which each is decoded by itself: what TensorFlow cannot decode is tried with Pillow, then told.

    Args:
        path: str.
        sources: iterable of str or bytes, the images as `pixels.header` takes them, for what they are like.
        n, identity: as in `Input`.
        like: (shape, dtype) of the examples that are wanted, or None.
        size, channels, block_mean: as in `unlabelled.load`.

    Raises:
        Misuse: all are in colour, and one channel is wanted. BadData: none can be read.
    """

    def __init__(self, path, sources, n, identity, like=None, size=None, channels=None, block_mean=False):
        header, self.channels = _typical(path, sources, like, size, channels)
        self.bits, self.size, self.block_mean = header.bits, size, block_mean
        shape = (*(size or (header.height, header.width)), self.channels)
        super().__init__(path, n, shape, f"uint{self.bits}", identity)

    def found(self, start):
        """tf.data.Dataset of (row int64, string) from a row on: what `encoded` makes the bytes of."""
        raise NotImplementedError

    def strings(self, start, stop):
        """list of str or bytes, the strings of `found`, of a few rows."""
        raise NotImplementedError

    def encoded(self, string):
        """string tensor, the bytes of an image file."""
        raise NotImplementedError

    def again(self, rows):
        """list of str or bytes, some images as `pixels.read` takes them; int (m,), ascending, within one piece."""
        raise NotImplementedError

    def pieces(self, start=0):
        batches = self._batches(self.found(start)).prefetch(4)
        return self._completed(_in_order(batches), start, self.n)

    def some(self, firsts):
        import tensorflow as tf

        asked, decoded, held = [], tf.function(self._decoded), []
        end = tf.data.Dataset.from_tensors((tf.zeros((0,), tf.int64), tf.zeros((0, *self.shape), self.dtype)))

        def sought():
            for first in itertools.takewhile(lambda first: first < self.n, firsts):
                asked.append(first)
                yield first, self.strings(first, min(first + self.rows, self.n))

        def one(first, strings):
            return self._batches(tf.data.Dataset.from_tensor_slices(strings).enumerate(first), decoded).concatenate(end)

        # One pipeline for all pieces, since to begin one takes as long as to decode many an image.
        like = tf.TensorSpec((), tf.int64), tf.TensorSpec((None,), tf.string)
        for batch in _in_order(tf.data.Dataset.from_generator(sought, output_signature=like).flat_map(one), early=False):
            if len(batch[0]):
                held.append(batch)
                continue
            first = asked.pop()
            yield from self._completed(held, first, min(first + self.rows, self.n))
            held = []

    def _batches(self, found, decoded=None):
        # Not AUTOTUNE: it counts the cores, and where reading waits for the disk or the model has its turn some of them idle.
        rows = found.map(decoded or self._decoded, num_parallel_calls=max(4, 2 * (os.cpu_count() or 1)))
        return rows.ignore_errors().batch(self.rows)

    def _decoded(self, row, string):        # all in one step: each hands over from thread to thread
        import tensorflow as tf

        image = pixels.decode_checked(self.encoded(string), self.channels, self.bits, self.size, self.block_mean)
        return row, tf.ensure_shape(image, self.shape)

    def _completed(self, batches, start, stop):
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            for first, n, place, x in on_grid(batches, start, stop, self.rows):
                missing = numpy.setdiff1d(numpy.arange(n), place)
                if not len(missing):
                    yield Piece(first, n, place, x, {})
                    continue
                found = dict(zip(missing.tolist(), threads.map(self._by_pillow, self.again(first + missing))))
                yield _completed(first, n, place, x, found, self.shape, self.dtype)

    def _by_pillow(self, source):
        """The pixels, or the reason why there are none, as str."""
        try:
            header = pixels.header(source)
            if header.channels > self.channels:
                return "in colour, where the detector's images are grey"
            if header.bits != self.bits:
                return f"of {header.bits} bits, where others have {self.bits}"
            image = pixels.read(source, self.channels, self.bits, self.size, self.block_mean)
        except pixels.Unreadable as failure:
            return str(failure)
        if image.shape != self.shape:
            return (f"{image.shape[0]}x{image.shape[1]}, where others are {self.shape[0]}x{self.shape[1]}: train with "
                    "--config.source.size=[h,w] to have images of any size resized")
        return image


def _in_order(batches, early=True):
    """Yields the elements of a dataset as arrays; with `early` false none is begun before it is asked for."""
    import tensorflow as tf

    options = tf.data.Options()
    options.deterministic = True
    if not early:
        options.autotune.enabled = False
        options.experimental_optimization.inject_prefetch = False
    return batches.with_options(options).as_numpy_iterator()


def _completed(first, n, place, x, found, shape, dtype):
    failures = {row: each for row, each in found.items() if isinstance(each, str)}
    read = {row: each for row, each in found.items() if row not in failures}
    whole = numpy.zeros((n, *shape), dtype)
    if len(place):
        whole[place] = x
    for row, image in read.items():
        whole[row] = image
    place = numpy.setdiff1d(numpy.arange(n), list(failures))
    return Piece(first, n, place, whole[place], failures)


def _typical(path, sources, like, size, channels):
    """(Header, channels): the first image that is as wanted; where none is, the first that can be read."""
    first, broken, colour = None, [], None
    like = like if like and len(like[0]) == 3 and like[1].kind == "u" else None
    for source in sources:
        try:
            header = pixels.header(source)
        except pixels.Unreadable as failure:
            broken.append(f"{source if isinstance(source, str) else 'a record'} ({failure})")
            continue
        if channels and header.channels > channels:
            colour = colour or source
            continue
        first = first or header
        if like is None or (header.bits == 8 * like[1].itemsize and (size or (header.height, header.width) == tuple(like[0][:2]))):
            first = header
            break
    if first is None and colour is not None:
        named = colour if isinstance(colour, str) else path
        raise Misuse(f"`dataset` must be grey images, as in training. Received: {named!r}, in colour. Convert it to grey.")
    if first is None:
        raise BadData(f"`dataset` must hold readable images. Received: {path!r} with {len(broken)} unreadable of {len(broken)}: "
                      f"{', '.join(broken[:3])}{', ...' if len(broken) > 3 else ''}. None is left.")
    return first, channels or first.channels


class Files(Images):
    """Image files.

    Args:
        path: str, what was given.
        paths: list of str.
        **options: as in `Images`.
    """

    def __init__(self, path, paths, **options):
        digest = hashlib.sha256()
        for each in paths:
            try:
                digest.update(json.dumps([each, stamp(each)]).encode())
            except OSError:         # it will have a row that says so
                digest.update(json.dumps([each, None]).encode())
        super().__init__(path, paths, len(paths), digest.hexdigest(), **options)
        self.paths = paths

    def found(self, start):
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices(tf.constant(self.paths[start:], tf.string)).enumerate(start)

    def strings(self, start, stop):
        return self.paths[start:stop]

    def encoded(self, string):
        import tensorflow as tf

        return tf.io.read_file(string)

    def again(self, rows):
        return [self.paths[row] for row in rows]

    def only(self, rows):
        few = copy.copy(self)       # no other file is opened
        few.paths, few.n = self.again(rows), len(rows)
        return ((rows[piece.first + piece.place], piece.x) for piece in few.pieces() if len(piece.place))
