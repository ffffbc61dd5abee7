"""The images of TFRecord files to be scored, many of them: as `image_inputs` reads files."""
import struct

import numpy

from kerasnd.data.image_inputs import Images
from kerasnd.data.pieces import stamp
from kerasnd.errors import BadData, Misuse

ENCODED = ("image/encoded", "image")    # where a tf.train.Example has the bytes of an image file; TFDS writes the second


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

    def strings(self, start, stop):
        return list(self._records(range(start, stop)))

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
