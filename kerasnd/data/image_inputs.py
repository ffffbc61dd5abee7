"""Images to be scored, many of them: files, or the records of TFRecord files, decoded in a TensorFlow graph on all cores."""
import concurrent.futures
import copy
import hashlib
import json
import struct

import numpy

from kerasnd.data import pixels
from kerasnd.data.pieces import Input, Piece, on_grid, stamp
from kerasnd.errors import BadData, Misuse

ENCODED = ("image/encoded", "image")    # where a tf.train.Example has the bytes of an image file; TFDS writes the second


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

    def encoded(self, string):
        """string tensor, the bytes of an image file."""
        raise NotImplementedError

    def again(self, rows):
        """list of str or bytes, some images as `pixels.read` takes them; int (m,), ascending, within one piece."""
        raise NotImplementedError

    def pieces(self, start=0):
        import tensorflow as tf

        def decoded(row, string):       # all in one step: each hands over from thread to thread
            image = pixels.decode_checked(self.encoded(string), self.channels, self.bits, self.size, self.block_mean)
            return row, tf.ensure_shape(image, self.shape)

        options = tf.data.Options()
        options.deterministic = True
        rows = self.found(start).map(decoded, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
        batches = rows.batch(self.rows).prefetch(2).with_options(options).as_numpy_iterator()
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            for first, n, place, x in on_grid(batches, start, self.n, self.rows):
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

    def encoded(self, string):
        import tensorflow as tf

        return tf.io.read_file(string)

    def again(self, rows):
        return [self.paths[row] for row in rows]

    def some(self, rows):
        few = copy.copy(self)       # no other file is opened
        few.paths, few.n = self.again(rows), len(rows)
        return ((rows[piece.first + piece.place], piece.x) for piece in few.pieces() if len(piece.place))


class Records(Images):
    """Images of plain TFRecord files: every record is a tf.train.Example with the bytes of an image file in `image/encoded`, or
    in `image`, as TFDS writes them. Other features are not looked at.

    Args:
        path: str, what was given.
        files: list of str, in the order in which they count.
        **options: as in `Images`.
    """

    def __init__(self, path, files, **options):
        self.files, self.every = files, 64
        found = [_offsets(file, self.every) for file in files]
        self._offset = [each for each, _ in found]
        self._first = numpy.concatenate([[0], numpy.cumsum([n for _, n in found])])
        if not self._first[-1]:
            raise BadData(f"`dataset` must hold records. Received: {path!r} without any.")
        self._key = self._which(path)
        n = int(self._first[-1])
        super().__init__(path, self._some(range(n)), n, [[file, *stamp(file)] for file in files], **options)

    def _which(self, path):
        import tensorflow as tf

        features = tf.train.Example.FromString(next(self._records(range(1)))).features.feature
        key = next((key for key in ENCODED if features[key].bytes_list.value), None) if features else None
        if key is None:
            raise Misuse(f"`dataset` must hold tf.train.Examples with the bytes of an image file in {' or '.join(ENCODED)}. "
                         f"Received: {path!r} with {', '.join(sorted(k for k in features if k not in ENCODED)) or 'nothing'}.")
        return key

    def found(self, start):
        import tensorflow as tf

        def one(file, first):
            records = tf.data.TFRecordDataset(file, buffer_size=2**20).enumerate(first)
            return records.filter(lambda row, _: row >= start)

        after = int(numpy.searchsorted(self._first, start, side="right")) - 1
        files = tf.data.Dataset.from_tensor_slices((tf.constant(self.files[after:], tf.string), self._first[after:-1]))
        return files.interleave(one, cycle_length=1)

    def encoded(self, string):
        import tensorflow as tf

        return tf.io.parse_single_example(string, {self._key: tf.io.FixedLenFeature((), tf.string)})[self._key]

    def again(self, rows):
        return list(self._some(rows))

    def _some(self, rows):
        import tensorflow as tf

        for record in self._records(rows):
            try:
                value = tf.train.Example.FromString(record).features.feature[self._key].bytes_list.value
            except Exception:           # protobuf's DecodeError: the record is damaged
                value = ()
            yield value[0] if value else b""

    def _records(self, rows):
        """Yields the bytes of some records, whose rows ascend."""
        for row in rows:
            place = int(numpy.searchsorted(self._first, row, side="right")) - 1
            within = int(row - self._first[place])
            with open(self.files[place], "rb") as file:
                file.seek(self._offset[place][within // self.every])
                for _ in range(within % self.every):
                    length, = struct.unpack("<Q", file.read(12)[:8])
                    file.seek(length + 4, 1)
                length, = struct.unpack("<Q", file.read(12)[:8])
                yield file.read(length)


def _offsets(path, every):
    """(list of int, n): where every so-many-th record of a TFRecord file begins, and how many records it has."""
    size, at, n, offsets = stamp(path)[0], 0, 0, []
    with open(path, "rb") as file:
        while at < size:
            if n % every == 0:
                offsets.append(at)
            head = file.read(12)        # length, its checksum; behind the data a checksum of four bytes
            after = at + 16 + (struct.unpack("<Q", head[:8])[0] if len(head) == 12 else size)
            if after > size:
                raise BadData(f"`dataset` must be an uncompressed TFRecord file that is whole. Received: {path!r}, which after {n} "
                              f"records, at byte {at} of {size}, goes on otherwise.")
            at, n = after, n + 1
            file.seek(at)
    return offsets, n
