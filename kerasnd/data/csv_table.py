"""The cells of a .csv as text, by column; what is a number and what is missing."""
import csv
import math
import re

import numpy

from kerasnd.errors import BadData, Misuse

MISSING = ("", "nan", "na", "n/a", "null", "none", "?", "-")
# In a column of words these two may well be words.
MISSING_WORDS = tuple(word for word in MISSING if word not in ("none", "-"))


class Table:
    """The cells of a .csv.

    Attributes:
        path: str, the file.
        header: list of str, distinct.
        columns: {name: tuple of n str}.
        lines: list of n int, the line of the file, counted from 1, on which each row ends.
    """

    def __init__(self, path, header, rows, lines):
        self.path, self.header, self.lines = path, header, lines
        self.columns = dict(zip(header, zip(*rows)))
        self._numbers = {}

    def __len__(self):
        return len(self.lines)

    def numbers(self, name):
        """float64 (n,), a column with NaN for what is missing; None where a cell is neither missing nor a number."""
        if name not in self._numbers:
            self._numbers[name] = None
            for read in (float, _number):       # the first is the fast one
                try:
                    self._numbers[name] = numpy.fromiter(map(read, self.columns[name]), numpy.float64, len(self))
                    break
                except ValueError:
                    continue
        return self._numbers[name]

    def place(self, row, name):
        """str, a cell as a message names it."""
        return f"{self.columns[name][row].strip()!r} in row {self.lines[row]}, column {name!r} of {self.path!r}"

    def named(self, most=12):
        """str, the column names as a message lists them."""
        return ", ".join(self.header[:most]) + (", ..." if len(self.header) > most else "")


def read(path):
    """A table with a header, its values divided by commas, semicolons or tabs.

    Args:
        path: str, UTF-8.

    Returns:
        Table

    Raises:
        Misuse: no header, or a name in it twice. BadData: unreadable, ragged, or without rows.
    """
    header, rows, lines = None, [], []
    for row, line in cells(path):
        if header is None:
            header = [cell.strip() for cell in row]
            continue
        if len(row) != len(header):
            raise BadData("`dataset` must have as many values in every row as its header. Received: "
                          f"{len(row)} in row {line} of {path!r}, {len(header)} in the header.")
        rows.append(row)
        lines.append(line)
    while rows and not any(cell.strip() for cell in rows[-1]):     # what spreadsheets leave below a table
        rows.pop()
        lines.pop()
    if not rows:
        raise BadData(f"`dataset` must have a header and rows. Received: {path!r} with {0 if header is None else 1} "
                      "lines.")
    refuse_header(header, path)
    return Table(path, header, rows, lines)


def cells(path, argument="dataset"):
    """Yields (list of str, line counted from 1) of every line that is not blank. Raises BadData: unreadable."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = re.sub(r'"[^"]*"', "", file.readline())
            file.seek(0)
            reader = csv.reader(_text(file), delimiter=max(",;\t", key=first.count), strict=True)
            for row in reader:
                if len(row) > 1 or (row and row[0].strip()):
                    yield row, reader.line_num
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"`{argument}` must be a readable .csv in UTF-8. Received: {path!r}: {error}.") from None


def _text(file):
    for line in file:
        if "\0" in line:
            raise csv.Error("it holds NUL bytes, as no text does")
        yield line


def looks_like_number(word):
    """bool, a finite number, with a decimal point or a decimal comma."""
    try:
        return math.isfinite(float(word.replace(",", ".")))
    except ValueError:
        return False


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        if cell.strip().lower() in MISSING:
            return math.nan
        raise


def refuse_header(header, path):
    """Raises Misuse where a first line is no column names, or one stands there twice."""
    if all(looks_like_number(cell) for cell in header):
        raise Misuse(f"`dataset` must begin with a line of column names. Received: {path!r}, whose first line is "
                     "numbers. Add one.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or "" in header:
        raise Misuse(f"`dataset` must have distinct column names. Received: {path!r} with {(twice or [''])[0]!r} "
                     f"{'twice' if twice else 'as a name'}. Rename it.")
