"""A table's columns as numbers: what each was in training is kept, so that every later table is read by it.

The schema is plain values, fit for JSON:

    {"label": "fault", "missing": "refuse", "columns": [{"name": "load", "kind": "number"},
                                                        {"name": "phase", "kind": "words", "levels": ["ramp", "rest"]}]}

A number is one feature, NaN where it is missing (the model fills it in); words are one feature for each level, in which a
missing cell is the level "".
"""
import collections

import numpy
from absl import logging

from kerasnd.data.csv_table import MISSING_WORDS, looks_like_number
from kerasnd.errors import BadData, Misuse, suggest

MOST_LEVELS = 50
HANDLING = {"missing": ("refuse", "median"), "categorical": ("onehot", "refuse")}


def check_options(**options):
    """Raises Misuse for a value of `missing` or `categorical` that does not exist."""
    for name, value in options.items():
        if value not in HANDLING[name]:
            raise Misuse(f"`{name}` must be one of {', '.join(HANDLING[name])}. Received: {name}={value!r}."
                         f"{suggest(value, HANDLING[name])} Give --config.source.{name}={HANDLING[name][0]}.")


def learn(table, label, missing="refuse", categorical="onehot"):
    """What the columns of a training table are.

    Args:
        table: Table.
        label: str or None, the column that is no feature.
        missing: "refuse", or "median": numbers stay NaN, and words have a level for it where one is missing.
        categorical: "onehot", or "refuse": columns of words are refused.

    Returns:
        dict, the schema. Levels are the sorted distinct words of the whole table.

    Raises:
        Misuse: a column mixes numbers and words, has more than `MOST_LEVELS` words, or is of words and they are refused.
        BadData: a column is empty and `missing` is "median".
    """
    columns = []
    for name in table.header:
        if name == label:
            continue
        values = table.numbers(name)
        if values is None:
            columns.append({"name": name, "kind": "words", "levels": _levels(table, name, missing, categorical)})
            continue
        if missing == "median" and numpy.isnan(values).all():
            raise BadData(f"`{name}` must have a value somewhere. Received: column {name!r} of {table.path!r}, empty in all "
                          f"{len(table)} rows. Leave the column out.")
        columns.append({"name": name, "kind": "number"})
    return {"label": label, "missing": missing, "columns": columns}


def all_numbers(table, label):
    """dict, the schema of a table whose columns but the label must be numbers, and are all given."""
    return {"label": label, "missing": "refuse",
            "columns": [{"name": name, "kind": "number"} for name in table.header if name != label]}


def _levels(table, name, missing, categorical):
    count = collections.Counter(cell.strip() for cell in table.columns[name])
    absent = [word for word in count if _is_missing(word)]
    words = sorted(set(count) - set(absent))
    numbers = sum(count[word] for word in words if looks_like_number(word))
    first = next(row for row, cell in enumerate(table.columns[name])
                 if not _is_missing(cell.strip()) and not _is_float(cell))
    if_class = f"leave the column out, or, if it is the class, give --label_column={name}."
    if 2 * numbers >= sum(count[word] for word in words):
        raise Misuse(f"`{name}` must be a column of numbers, or one of words. Received: {table.place(first, name)}, whose "
                     f"other cells are mostly numbers. Correct such cells (decimal points, no units), {if_class}")
    if categorical == "refuse":
        raise Misuse(f"`{name}` must be a column of numbers where categorical=refuse. Received: {table.place(first, name)}. "
                     f"Take --config.source.categorical=onehot, {if_class}")
    if len(words) > MOST_LEVELS:
        raise Misuse(f"`{name}` must have at most {MOST_LEVELS} different words, of which each becomes a feature. Received: "
                     f"{len(words)}, the first {table.place(first, name)}. Encode them as numbers, {if_class}")
    return [""] * bool(absent and missing == "median") + words


def match(table, schema, label=None):
    """Refuses a table that has not the columns of the training table, in whatever order.

    Args:
        table: Table.
        schema: dict, of `learn`.
        label: str or None, another column that is no feature.

    Raises:
        Misuse: a column lacks, or there is one more than the label.
    """
    expected = [column["name"] for column in schema["columns"]]
    lacking = [name for name in expected if name not in table.columns]
    more = [name for name in table.header if name not in expected and name not in (schema["label"], label)]
    if lacking:
        raise Misuse(f"`{lacking[0]}` must be a column, as in training. Received: {table.path!r} ({table.named()}) without "
                     f"{', '.join(map(repr, lacking[:12]))}.{suggest(lacking[0], more)} Name the columns as in training.")
    if more:
        raise Misuse(f"`{more[0]}` must be a column of the training table. Received: {table.path!r} with "
                     f"{', '.join(map(repr, more[:12]))}, which it had not. Leave out what is no feature, or, if it is the "
                     f"class, give --label_column={more[0]}.")


def encode(table, schema, told=None):
    """A table as features, in the order of the schema.

    Args:
        table: Table that has the schema's columns, in any order.
        schema: dict, of `learn`.
        told: set of the (column, word) of which was warned already, to be added to; None: of none.

    Returns:
        float32 (n, features), NaN where a number is missing and the schema's `missing` is "median".

    Raises:
        Misuse: a number's column holds words.
        BadData: missing values that are refused, or infinite ones, each with the first place and the count.
    """
    x = numpy.zeros((len(table), width(schema)), numpy.float32)
    missing, infinite, unknown, at, told = {}, {}, [], 0, set() if told is None else told
    for column in schema["columns"]:
        name = column["name"]
        if column["kind"] == "number":
            values = _numbers(table, name)
            with numpy.errstate(over="ignore"):
                x[:, at] = values
            missing[name], infinite[name] = numpy.isnan(values), numpy.isinf(x[:, at])
            at += 1
            continue
        place = {word: i for i, word in enumerate(column["levels"])}
        words = ["" if _is_missing(cell) else cell for cell in map(str.strip, table.columns[name])]
        code = numpy.array([place.get(word, -1) for word in words])
        known = numpy.flatnonzero(code >= 0)
        x[known, at + code[known]] = 1
        missing[name] = numpy.array([not word for word in words])
        if len(known) < len(words):
            count = collections.Counter(word for word, where in zip(words, code.tolist()) if where < 0)
            unknown += [(name, word, n) for word, n in count.most_common() if (name, word) not in told]
        at += len(column["levels"])
    _refuse(table, infinite, "must be finite in float32", "infinite values", "Correct them or leave out their rows.")
    if schema["missing"] == "refuse":
        _refuse(table, missing, "must be given for every example", "missing values",
                "Fill them, leave out their rows, or train with --config.source.missing=median.")
    if unknown:
        logging.warning("%s: words that training had not count as none of its levels, and may score as strange: %s",
                        table.path, ", ".join(f"{name!r}: {word!r} ({n})" for name, word, n in unknown[:12])
                        + (", ..." if len(unknown) > 12 else ""))
        told.update((name, word) for name, word, _ in unknown)
    return x


def width(schema):
    """int, the features that a schema makes."""
    return sum(_features(column) for column in schema["columns"])


def refuse_unfillable(schema, x):
    """Raises BadData where a number is missing in every training normal, so that it has no median.

    Args:
        schema: dict, of `learn`, or None.
        x: float32 (n, features), the training normals.
    """
    at = 0
    for column in schema["columns"] if schema and schema["missing"] == "median" and len(x) else ():
        if column["kind"] == "number" and numpy.isnan(x[:, at]).all():
            raise BadData(f"`{column['name']}` must have a value among the training normals, whose median fills what is "
                          f"missing. Received: none in {len(x)} examples. Leave the column out.")
        at += _features(column)


def _features(column):
    return 1 if column["kind"] == "number" else len(column["levels"])


def _numbers(table, name):
    values = table.numbers(name)
    if values is not None:
        return values
    for row, cell in enumerate(table.columns[name]):
        if not _is_float(cell) and not _is_missing(cell.strip()):
            break
    raise Misuse(f"`{name}` must be a column of numbers, as in training. Received: {table.place(row, name)}. Correct it, "
                 f"or, if it is the class, give --label_column={name}.")


def _refuse(table, found, expectation, what, remedy):
    """Raises BadData for the first place, row by row, of {column: bool (n,)}."""
    found = {name: numpy.flatnonzero(wrong) for name, wrong in found.items() if wrong.any()}
    if not found:
        return
    first = min(found, key=lambda name: found[name][0])         # of equal rows the first column
    counts = ", ".join(f"{len(rows)} in {name!r}" for name, rows in list(found.items())[:6])
    raise BadData(f"`{first}` {expectation}. Received: {table.place(found[first][0], first)}, the first of "
                  f"{sum(map(len, found.values()))} {what} ({counts}{', ...' if len(found) > 6 else ''}). {remedy}")


def _is_missing(word):
    return word.lower() in MISSING_WORDS


def _is_float(cell):
    try:
        return float(cell) is not None
    except ValueError:
        return False
