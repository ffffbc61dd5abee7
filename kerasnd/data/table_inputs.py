"""A .csv to be scored, larger than memory as it may be."""
import itertools

import numpy

from kerasnd.data import columns, csv_table, tables
from kerasnd.data.pieces import Input, Piece, stamp
from kerasnd.errors import BadData, Misuse


class Csv(Input):
    """The rows of a .csv; a row that cannot be read is told of, unless no row of the first piece can.

    Args:
        path: str, UTF-8.
        label_column, schema: as in `tables.load_features`.

    Raises:
        Misuse, BadData: as `tables.load_features`, where its header does not fit or no row of the first piece does.
    """

    def __init__(self, path, label_column=None, schema=None):
        rows = _rows(path)
        self.header = [cell.strip() for cell in next(rows, ((), 0))[0]]
        first = next(rows, None)
        if first is None:
            raise BadData(f"`dataset` must have a header and rows. Received: {path!r} with {1 if self.header else 0} lines.")
        csv_table.refuse_header(self.header, path)
        table = csv_table.Table(path, self.header, [[""] * len(self.header)], [first[1]])
        self.schema, self._told = tables.feature_schema(table, label_column, schema), set()
        super().__init__(path, max(1, _lines(path) - 1), (columns.width(self.schema),), numpy.float32, stamp(path))
        self._refuse_misfit()

    def pieces(self, start=0):
        return self.some(itertools.count(start, self.rows))

    def some(self, firsts):
        rows, at = _rows(self.path), -1        # the header
        for first in firsts:
            cells = list(itertools.islice(rows, first - at, first - at + self.rows))
            if not cells:
                return
            at = first + len(cells)
            yield self._piece(first, cells)

    def _piece(self, first, cells):
        failures = {place: f"{len(row)} values in row {line}, {len(self.header)} in the header"
                    for place, (row, line) in enumerate(cells) if len(row) != len(self.header)}
        place = [each for each in range(len(cells)) if each not in failures]
        try:
            x = self._encoded([cells[each] for each in place])
        except (BadData, Misuse):       # which rows are at fault, each row tells
            x, read = [], []
            for each in place:
                try:
                    x.append(self._encoded([cells[each]]))
                    read.append(each)
                except (BadData, Misuse) as error:
                    failures[each] = str(error)
            place, x = read, numpy.concatenate(x) if x else None
        return Piece(first, len(cells), numpy.array(place, numpy.int64), x, dict(sorted(failures.items())))

    def _encoded(self, cells):
        if not cells:
            return None
        return columns.encode(csv_table.Table(self.path, self.header, *map(list, zip(*cells))), self.schema, self._told)

    def _refuse_misfit(self):
        """Raises what is wrong with the first piece where nothing of it can be read: that is no matter of rows."""
        piece = next(self.pieces())
        if not len(piece.place):
            even = [row for row in itertools.islice(_rows(self.path), 1, 1 + piece.n) if len(row[0]) == len(self.header)]
            if not even:
                raise BadData("`dataset` must have as many values in every row as its header. Received: "
                              f"{piece.failures[0]} of {self.path!r}.")
            self._encoded(even)


def _rows(path):
    """Yields (cells, line) as `csv_table.cells`, without the empty rows that spreadsheets leave below a table."""
    empty = []
    for row, line in csv_table.cells(path):
        if any(cell.strip() for cell in row):
            yield from empty
            yield row, line
            empty = []
        else:
            empty.append((row, line))


def _lines(path):
    """int, the lines of a file."""
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
