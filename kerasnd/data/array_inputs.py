"""Arrays to be scored, piece by piece: a .npz of any size, or an array that is in memory."""
import itertools
import math
import os
import zipfile

import numpy

from kerasnd.data import arrays
from kerasnd.data.pieces import Input, Piece, stamp
from kerasnd.errors import BadData, Misuse


class Arrays(Input):
    """Rows of one array.

    Args:
        path, identity: as in `Input`.
        shape, dtype: of the array as it was saved.
        key: str, its name.
        size: None, or (height, width) to which images are resized.
    """

    def __init__(self, path, shape, dtype, key, identity, size=None):
        # One row tells what all become; none is for a message.
        one = arrays.resized(arrays.shaped(numpy.zeros((min(1, shape[0] if shape else 0), *shape[1:]), dtype), key, path), size)
        self.key, self.size, self.saved, self.saved_dtype = key, size, tuple(shape), numpy.dtype(dtype)
        super().__init__(path, shape[0], one.shape[1:], one.dtype, identity)

    def read(self, firsts):
        """Yields (first, array of its `rows` rows, the last of fewer) for every row of an iterable, until one is behind the end."""
        raise NotImplementedError

    def pieces(self, start=0):
        return self.some(range(start, self.n, self.rows))

    def some(self, firsts):
        for first, x in self.read(firsts):
            x = arrays.shaped(x, self.key, self.path)
            place, failures = numpy.arange(len(x)), {}
            if x.dtype.kind == "f":
                strange = numpy.flatnonzero(~numpy.isfinite(x).reshape(len(x), -1).all(axis=1))
                failures = {int(row): self._told(first + row, x[row]) for row in strange}
                place = numpy.setdiff1d(place, strange)
            yield Piece(first, len(x), place, arrays.resized(x if not failures else x[place], self.size), failures)

    def _told(self, row, example):
        at = numpy.argwhere(~numpy.isfinite(example))[0]
        return f"{self.key}{[int(row), *at.tolist()]} is {example[tuple(at)]}, not finite in float32"


class InMemory(Arrays):
    """An array that is in memory. Args: x, array (n, ...); the others as in `Arrays`."""

    def __init__(self, path, x, key, identity, size=None):
        super().__init__(path, x.shape, x.dtype, key, identity, size)
        self._x = x

    def read(self, firsts):
        for first in itertools.takewhile(lambda first: first < self.n, firsts):
            yield first, self._x[first:first + self.rows]


class Npz(Arrays):
    """An array in a .npz, stored or deflated, of which a piece at a time is read.

    Args:
        path: str.
        key: str, the array.
        header: (shape, dtype, where in the member the values begin).
        size: as in `Arrays`.
    """

    def __init__(self, path, key, header, size=None):
        shape, dtype, self._begin = header
        super().__init__(path, shape, dtype, key, stamp(path), size)

    def read(self, firsts):
        row = math.prod(self.saved[1:]) * self.saved_dtype.itemsize
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.key}.npy") as file:
                for first in itertools.takewhile(lambda first: first < self.n, firsts):
                    file.seek(self._begin + first * row)
                    n = min(self.rows, self.n - first)
                    content = file.read(n * row)
                    if len(content) < n * row:
                        raise EOFError(f"it ends within row {first + len(content) // max(1, row)} of {self.n}")
                    yield first, numpy.frombuffer(content, self.saved_dtype).reshape(n, *self.saved[1:])
        except Exception as error:      # zlib, zipfile and struct each have their own for a damaged member
            raise BadData(arrays.unreadable(self.path, error, self.key)) from None


def npz(path, size=None):
    """Input of `x`, or `X`, of a .npz; else of `x_train` and, behind it, `x_test`. Raises Misuse, BadData: as `arrays.read_npz`;
    there is no such array."""
    found = arrays.read_npz(path, ())
    if not {"x", "X"} & set(found) and {"x_train", "x_test"} <= set(found):
        found = arrays.read_npz(path, ("x_train", "x_test"))
        x = [arrays.shaped(found[key], key, path) for key in ("x_train", "x_test")]
        if x[0].shape[1:] != x[1].shape[1:] or x[0].dtype != x[1].dtype:
            raise Misuse(f"`x_test` must be like `x_train`. Received: {path!r} with {x[1].dtype} examples of shape "
                         f"{x[1].shape[1:]} behind {x[0].dtype} ones of shape {x[0].shape[1:]}.")
        return InMemory(path, numpy.concatenate(x), "x_train and x_test", stamp(path), size)
    key = "X" if "X" in found and "x" not in found else "x"
    if key not in found:
        raise Misuse(f"`dataset` must hold the array {key}. Received: {path!r} with {', '.join(sorted(found)) or 'nothing'}.")
    header = _header(path, key)
    # What is not plain rows, one behind the other, is read by NumPy, in one piece.
    return Npz(path, key, header, size) if header else InMemory(path, arrays.read_npz(path, (key,))[key], key, stamp(path), size)


def _header(path, key):
    """(shape, dtype, begin) of plain rows in a member of an archive; None where it is something else."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            read = {(1, 0): numpy.lib.format.read_array_header_1_0, (2, 0): numpy.lib.format.read_array_header_2_0}.get(
                numpy.lib.format.read_magic(file))
            shape, by_column, dtype = read(file) if read else ((), True, None)
            plain = len(shape) > 1 and (not by_column or shape[0] < 2) and dtype.kind in "buif" and 0 not in shape
            return (shape, dtype, file.tell()) if plain else None
    except Exception:       # `read_npz` has the words for it
        return None


def mat(path, size=None):
    """Input of `X` of a .mat. Raises Misuse, BadData: as `arrays.read_mat`; there is no such array."""
    found = arrays.read_mat(path)
    if found.get("X") is None:
        raise Misuse(f"`dataset` must hold the array X. Received: {path!r} with {', '.join(sorted(found)) or 'nothing'}.")
    return InMemory(os.fspath(path), found["X"], "X", stamp(path), size)
