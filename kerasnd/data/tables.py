"""A .csv table: named columns, numbers, and one column that is the class."""
import csv
import math

import numpy

from kerasnd.data.arrays import labels
from kerasnd.data.pool import Pool
from kerasnd.errors import BadData, Misuse, suggest

LABELS = ("label", "y", "class", "target")
MISSING = ("", "nan", "na", "n/a", "null", "none", "?", "-")


def load_csv(path, label_column=None):
    """A table with a header, its values divided by commas, semicolons or tabs.

    Args:
        path: str, UTF-8.
        label_column: str or None, the column that is the class; None is the only one called label, y, class or target.

    Returns:
        Pool: x float32 (n, features), the other columns in their order; no official parts. Categories are the sorted
        values of the label column, as numbers where all are whole numbers.

    Raises:
        Misuse: no header; no such column; a column of words.
        BadData: unreadable, ragged or empty; missing, NaN or infinite values.
    """
    header, rows, lines = read_rows(path)
    place = _label_place(header, label_column, path)
    if len(header) == 1:
        raise Misuse(f"`dataset` must have columns beside the label. Received: {path!r} with {header[0]!r} alone.")
    x = numbers(header, rows, lines, place, path)
    words = [row[place].strip() for row in rows]
    for word, line in zip(words, lines):
        if word.lower() in MISSING:
            raise BadData(f"`{header[place]}` must be given for every example. Received: {word!r} in row {line} of "
                          f"{path!r}.")
    try:
        y = labels(numpy.array([float(word) for word in words]), header[place], path)
    except ValueError:  # words, or fractions, which are then names as well
        y = numpy.array(words)
    found, category = numpy.unique(y, return_inverse=True)
    return Pool(x=x, category=category.astype(numpy.int64), official=None, names=tuple(str(each) for each in found))


def read_rows(path):
    """The cells of a table.

    Returns:
        header: list of str.
        rows: list of lists of str, as long as the header.
        lines: list of int, the line of the file, counted from 1, on which each row ends.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
            header, rows, lines = None, [], []
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if header is None:
                    header = [cell.strip() for cell in row]
                    continue
                if len(row) != len(header):
                    raise BadData("`dataset` must have as many values in every row as its header. Received: "
                                  f"{len(row)} in row {reader.line_num} of {path!r}, {len(header)} in the header.")
                rows.append(row)
                lines.append(reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"`dataset` must be a readable .csv in UTF-8. Received: {path!r}: {error}.") from None
    if not rows:
        raise BadData(f"`dataset` must have a header and rows. Received: {path!r} with {0 if header is None else 1} "
                      "lines.")
    _refuse_header(header, path)
    return header, rows, lines


def numbers(header, rows, lines, left_out, path):
    """float32 (n, features), every column but `left_out` (an int, or None). Raises Misuse and BadData as `load_csv`."""
    columns = [column for column in range(len(header)) if column != left_out]
    try:
        x = numpy.array([[float(row[column]) for column in columns] for row in rows])
    except ValueError:
        raise _not_a_number(header, rows, lines, columns, path) from None
    with numpy.errstate(over="ignore"):
        x = x.astype(numpy.float32)
    wrong = numpy.argwhere(~numpy.isfinite(x))
    if len(wrong):
        row, column = wrong[0]
        raise BadData(f"`{header[columns[column]]}` must be finite in float32. Received: "
                      f"{rows[row][columns[column]].strip()!r} in row {lines[row]}, column {header[columns[column]]!r} "
                      f"of {path!r}, the first of {len(wrong)} NaN or infinite values.")
    return x


def _not_a_number(header, rows, lines, columns, path):
    missing = [(row, column) for row in range(len(rows)) for column in columns
               if rows[row][column].strip().lower() in MISSING]
    for row, cells in enumerate(rows):
        for column in columns:
            word = cells[column].strip()
            if word.lower() in MISSING:
                continue
            try:
                float(word)
            except ValueError:
                return Misuse(f"`{header[column]}` must be a column of numbers. Received: {word!r} in row "
                              f"{lines[row]}, column {header[column]!r} of {path!r}. Encode it as numbers, leave it "
                              f"out, or, if it is the class, give --label_column={header[column]}.")
    row, column = missing[0]
    return BadData(f"`{header[column]}` must be given for every example. Received: {rows[row][column].strip()!r} in "
                   f"row {lines[row]}, column {header[column]!r} of {path!r}, the first of {len(missing)} missing "
                   "values. Fill them or leave out their rows.")


def _refuse_header(header, path):
    if all(_is_number(cell) for cell in header):
        raise Misuse(f"`dataset` must begin with a line of column names. Received: {path!r}, whose first line is "
                     "numbers. Add one.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice or "" in header:
        raise Misuse(f"`dataset` must have distinct column names. Received: {path!r} with {(twice or [''])[0]!r} "
                     f"{'twice' if twice else 'as a name'}. Rename it.")


def _label_place(header, label_column, path):
    if label_column is not None:
        if label_column not in header:
            raise Misuse(f"`label_column` must be a column of {path!r} "
                         f"({', '.join(header[:12])}{', ...' if len(header) > 12 else ''}). Received: "
                         f"label_column={label_column!r}.{suggest(label_column, header)}")
        return header.index(label_column)
    found = [place for place, name in enumerate(header) if name.lower() in LABELS]
    if len(found) != 1:
        raise Misuse(f"`label_column` must be given where not exactly one column is called {', '.join(LABELS)}. "
                     f"Received: {path!r} with {len(found)} such columns among "
                     f"{', '.join(header[:12])}{', ...' if len(header) > 12 else ''}. Give --label_column=NAME.")
    return found[0]


def _is_number(cell):
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
