"""Own data in pieces: a few hundred rows at a time, in the order of the input, so that memory does not grow with their number."""
import concurrent.futures
import dataclasses
import math
import os

import numpy

VALUES = 2**24      # at most so many values are in one piece
MOST = 512          # and at most so many examples


@dataclasses.dataclass(frozen=True)
class Piece:
    """Rows first .. first + n - 1 of an input.

    Attributes:
        first: int, the number of its first row, counted from 0; a multiple of the input's `rows`.
        n: int, its rows.
        place: int64 (k,), ascending, which of 0..n-1 could be read.
        x: array (k, ...), raw.
        failures: {one of 0..n-1: str}, why the others could not.
    """

    first: int
    n: int
    place: numpy.ndarray
    x: numpy.ndarray
    failures: dict

    def scores(self, compiled):
        """float32 (k,) of what could be read; `compiled` is a callable, raw x (k, ...) -> float32 (k,)."""
        return numpy.asarray(compiled(self.x)) if len(self.place) else numpy.zeros(0, numpy.float32)


class Input:
    """Own, unlabelled data.

    Attributes:
        path: str.
        n: int, its rows; of a .csv about so many.
        shape: tuple of int, of an example.
        dtype: numpy.dtype.
        rows: int, of a piece: a function of the shape, so that whoever begins anew in the middle gets the same pieces.
        identity: value of JSON's types; equal where the files are the same.
        paths: list of n str, or None where rows have no file of their own.
    """

    paths = None

    def __init__(self, path, n, shape, dtype, identity):
        self.path, self.n, self.shape, self.dtype, self.identity = path, n, tuple(shape), numpy.dtype(dtype), identity
        self.rows = max(1, min(MOST, VALUES // max(1, math.prod(self.shape))))

    def pieces(self, start=0):
        """Yields every `Piece` from row `start` on, a multiple of `rows`. Raises BadData: the input cannot be read further."""
        raise NotImplementedError

    def some(self, firsts):
        """Yields the `Piece` of each first row that an iterable names, and ends behind the last row of the input.

        The next one is asked for only when its piece is: whoever shares an input with others names what falls to them meanwhile.

        Args:
            firsts: iterable of int, ascending multiples of `rows`; what lies between is passed over, as cheaply as the input can.

        Raises:
            BadData: the input cannot be read further.
        """
        raise NotImplementedError

    def only(self, rows):
        """Yields (row int64 (k,), x (k, ...)), k > 0, of those of `rows` that can be read.

        Args:
            rows: int64 (m,), ascending, m >= 1.
        """
        for piece in self.some(numpy.unique(rows // self.rows * self.rows).tolist()):
            row = piece.first + piece.place
            wanted = numpy.isin(row, rows)
            if wanted.any():
                yield row[wanted], piece.x[wanted]

    def name(self, row):
        """str or int, how a table calls a row."""
        return row if self.paths is None else self.paths[row]


def ahead(items):
    """Yields the items of an iterator, whose next one is made on a thread while the last one is worked on."""
    items, end = iter(items), object()
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item


def on_grid(batches, start, n, rows):
    """Yields (first, m, place int64 (k,), x (k, ...)) for every `rows` of the rows start..n-1, k <= m.

    Args:
        batches: iterable of (row int64 (b,), x (b, ...)), rows ascending; some are missing.
        start, n, rows: int; `start` is a multiple of `rows`.
    """
    batches, waiting, over = iter(batches), [], False
    for first in range(start, n, rows):
        last = min(first + rows, n)
        while not over and not (waiting and waiting[-1][0][-1] >= last - 1):
            batch = next(batches, None)
            over = batch is None
            if not over and len(batch[0]):
                waiting.append(batch)
        inside = [(row[row < last] - first, x[row < last]) for row, x in waiting if row[0] < last]
        waiting = [(row[row >= last], x[row >= last]) for row, x in waiting if row[-1] >= last]
        place, x = ((each[0] if len(each) == 1 else numpy.concatenate(each)) for each in zip(*inside)) if inside else (
            numpy.zeros(0, numpy.int64), None)
        yield first, last - first, place, x


def stamp(path):
    """[size, time] of a file, by which a changed one is known. Raises OSError."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]
