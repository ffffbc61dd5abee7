"""A user's own labels file: what the learner may know of some examples."""
import dataclasses
import hashlib
import os

import numpy
from absl import logging

from kerasnd.data import csv_table
from kerasnd.errors import BadData, Misuse

VALUES = {"-1": -1, "0": 0, "+1": 1, "1": 1, "-1.0": -1, "0.0": 0, "1.0": 1}
USE = "-1 (known anomalous), 0 (unknown) or +1 (known normal)"


def digest(path, argument="hints", kind="a .csv"):
    """str, 64 hexadecimal digits of the SHA-256 of a file. Raises Misuse: there is none. BadData: unreadable.

    Args:
        path: str; argument: str, the flag that named it; kind: str, what it should be; both for messages.
    """
    if not os.path.isfile(path):
        raise Misuse(f"`{argument}` must be {kind} that exists. Received: --{argument}={path}. Check the path.")
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadData(f"`{argument}` must be readable. Received: {path}: {error.strerror}.") from None


def load(path, pool, split, folder=""):
    """A split whose training examples have the hints of a file, and no others.

    The file is all that is known: hints that the protocol drew from the true classes are taken back, and the anomalies among
    them leave the training. A hint on an example that is judged is not used: the learner would be told what it is asked. A known
    anomaly that the protocol left out of training joins it, behind the others. What was done is in `told`, what was not is logged.

    Args:
        path: str, a .csv of the columns "path" or "index", and "hint": -1 known anomalous, 0 or nothing unknown, +1 known normal;
            others are not looked at. An index counts the examples as the source loads them, from 0. Without a header line it has
            two columns, the first `path` where the pool has paths and not all are whole numbers.
        pool: Pool.
        split: Split of the pool.
        folder: str, where relative paths may begin; else in the working folder.

    Returns:
        Split

    Raises:
        Misuse: the columns are others; no such example; a hint is no hint; two hints for an example.
        BadData: unreadable or empty.
    """
    place, hint = read(path, pool, folder)
    split = _taken_back(split)
    where = numpy.full(len(pool.category), -1, numpy.int64)
    where[split.train] = numpy.arange(len(split.train))
    role = numpy.full(len(pool.category), "outside", "U10")      # of a split's own names, the later ones win
    for name in ("spare", "train", "validation", "test"):
        role[getattr(split, name)] = name
    used = role[place] == "train"
    joining = (role[place] == "spare") & (hint == -1)
    hints = split.hint.copy()
    hints[where[place[used]]] = hint[used]
    joined = numpy.sort(place[joining])
    _warn(path, role[place], hint, joining)
    return dataclasses.replace(
        split, train=numpy.concatenate([split.train, joined]), spare=numpy.setdiff1d(split.spare, joined),
        hint=numpy.concatenate([hints, numpy.full(len(joined), -1, numpy.int8)]),
        told=f"{(hints == 1).sum()} known normals, {(hints == -1).sum() + len(joined)} known anomalies, of which {len(joined)} "
             "joined")


def _taken_back(split):
    """The split without its own hints; what it labelled anomalous is spare."""
    labelled = split.hint == -1
    spare = numpy.union1d(split.spare, numpy.setdiff1d(split.train[labelled], split.test))
    return dataclasses.replace(split, train=split.train[~labelled], spare=spare,
                               hint=numpy.zeros(int((~labelled).sum()), numpy.int8))


def _warn(path, role, hint, joining):
    """Says which hints are not used."""
    used = hint[(role == "train") | joining]
    judged = int(numpy.isin(role, ("test", "validation")).sum())
    left = int((~numpy.isin(role, ("test", "validation", "train")) & ~joining).sum())
    if judged:
        logging.warning("hints of %s that are not used, since their examples are judged: %d", path, judged)
    if left:
        logging.warning("hints of %s that are not used, since their examples are of no normal class and not hinted -1, or take "
                        "no part in this protocol: %d", path, left)
    if not numpy.count_nonzero(used):
        logging.warning("nothing is known of any training example: no hint of %s reached one", path)


def read(path, pool, folder=""):
    """(place, hint): int64 (m,), distinct places in the pool, and int8 (m,). Args, Raises: as `load`."""
    rows = list(csv_table.cells(path, "hints"))
    kind, columns = _columns(path, rows, pool)
    rows = rows if kind[1] else rows[1:]
    if not rows:
        raise BadData(f"`hints` must have a row. Received: {path!r} without any.")
    at = _places(pool, folder) if kind[0] == "path" else None
    found, told = {}, {}
    for cells, line in rows:
        if len(cells) <= max(columns):
            raise BadData(f"`hints` must have a {kind[0]} and a hint in every row. Received: {len(cells)} values in row {line} of "
                          f"{path!r}.")
        name, word = (cells[column].strip() for column in columns)
        word = word or "0" * (not kind[1])
        if word not in VALUES:
            raise Misuse(f"`hint` must be {USE}. Received: {word!r} in row {line} of {path!r}.")
        place = _index(name, len(pool.category)) if at is None else at.get(
            os.path.normpath(name), at.get(os.path.abspath(name)) if name else None)
        if place is None:
            expected = f"an index from 0 to {len(pool.category) - 1}" if at is None else "the path of an example"
            raise Misuse(f"`{kind[0]}` must be {expected}. Received: {name!r} in row {line} of {path!r}."
                         + (" Write it as in the data folder, relative to it or absolute." if at is not None else ""))
        if found.setdefault(place, VALUES[word]) != VALUES[word]:
            raise Misuse(f"`hint` must be one for each example. Received: {word} for {name!r} in row {line} of {path!r}, after "
                         f"{found[place]:+d} in row {told[place]}.")
        told.setdefault(place, line)
    return numpy.array(list(found), numpy.int64), numpy.array(list(found.values()), numpy.int8)


def _columns(path, rows, pool):
    """(("path" or "index", bool: the first line is data), (column of it, column of the hint))."""
    first = [cell.strip() for cell in rows[0][0]] if rows else []
    names = [cell.lower() for cell in first]
    by = [name for name in ("path", "index") if name in names]
    if "hint" in names and by:
        if len(by) > 1 or len(set(names)) < len(names):
            raise Misuse(f"`hints` must have one column path or index, and one column hint. Received: {path!r} with "
                         f"{', '.join(first)}.")
        kind, columns, data = by[0], (names.index(by[0]), names.index("hint")), False
    elif len(first) == 2 and first[1] in VALUES:
        all_numbers = all(_index(cells[0].strip(), numpy.inf) is not None for cells, _ in rows)
        kind, columns, data = "index" if pool.paths is None or all_numbers else "path", (0, 1), True
    else:
        raise Misuse(f"`hints` must begin with a line path,hint or index,hint, or with data of these two. Received: {path!r}, "
                     f"whose first line is {','.join(first)!r}.")
    if kind == "path" and pool.paths is None:
        raise Misuse(f"`hints` must name examples by index where the data has no files of its own. Received: {path!r} with "
                     "paths. Write index,hint.")
    return (kind, data), columns


def _places(pool, folder):
    """{path: place}, each example by its path as loaded, made absolute, and relative to the data folder."""
    paths = [(place, os.path.normpath(str(each))) for place, each in enumerate(pool.paths) if each]
    at = {each: place for place, each in paths}
    for place, each in paths:
        at.setdefault(os.path.abspath(each), place)
        if folder:
            at.setdefault(os.path.relpath(each, folder), place)
    return at


def _index(word, n):
    return int(word) if word.isascii() and word.isdecimal() and int(word) < n else None
