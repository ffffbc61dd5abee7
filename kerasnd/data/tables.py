"""A .csv table: named columns of numbers and words, and one column that is the class."""
import numpy

from kerasnd.data import columns, csv_table
from kerasnd.data.arrays import labels
from kerasnd.data.pool import Pool
from kerasnd.errors import BadData, Misuse, suggest

LABELS = ("label", "y", "class", "target")


def load_csv(path, label_column=None, missing="refuse", categorical="onehot", schema=None):
    """A table with a header, its values divided by commas, semicolons or tabs.

    Args:
        path: str, UTF-8.
        label_column: str or None, the column that is the class; None is that of `schema`, or the only one called label, y,
            class or target.
        missing: "refuse", or "median": a missing number is NaN, which the model fills in, and a missing word is a level.
        categorical: "onehot": each word of a column of words is a feature; or "refuse".
        schema: dict, how a training table was read (see `columns`), or None: this one says it, and `missing` and
            `categorical` hold.

    Returns:
        Pool: x float32 (n, features), the other columns in their order (the training table's); `schema`; no official parts.
        Categories are the sorted values of the label column, as numbers where all are whole numbers.

    Raises:
        Misuse: no header; no such column; other columns than the schema's; words where there must be numbers, or too many.
        BadData: unreadable, ragged or empty; missing values that are refused, or infinite ones.
    """
    columns.check_options(missing=missing, categorical=categorical)
    table = csv_table.read(path)
    label = _label(table, label_column, schema)
    if len(table.header) == 1:
        raise Misuse(f"`dataset` must have columns beside the label. Received: {path!r} with {label!r} alone.")
    if schema is None:
        schema = columns.learn(table, label, missing, categorical)
    else:
        columns.match(table, schema, label)
    x = columns.encode(table, schema)
    words = [cell.strip() for cell in table.columns[label]]
    for row, word in enumerate(words):
        if word.lower() in csv_table.MISSING:
            raise BadData(f"`{label}` must be given for every example. Received: {word!r} in row {table.lines[row]} of "
                          f"{path!r}.")
    try:
        y = labels(numpy.array([float(word) for word in words]), label, path)
    except ValueError:  # words, or fractions, which are then names as well
        y = numpy.array(words)
    found, category = numpy.unique(y, return_inverse=True)
    return Pool(x=x, category=category.astype(numpy.int64), official=None, names=tuple(str(each) for each in found),
                schema=schema)


def load_features(path, label_column=None, schema=None, optional=False):
    """A table whose class, if it has one, is not looked at.

    Args:
        path: str, UTF-8.
        label_column: str or None, a column that is no feature and must be there; None is that of `schema`, or the first one
            called label, y, class or target; it may be absent.
        schema: dict, how the training table was read, or None: all other columns are numbers, in their order.
        optional: bool, `label_column` may be absent too; then it, the schema's label or one called label, y, class or target is
            the class, whichever the table has that is no feature of the schema.

    Returns:
        float32 (n, features)

    Raises:
        Misuse, BadData: as `load_csv`.
    """
    table = csv_table.read(path)
    return columns.encode(table, feature_schema(table, label_column, schema, optional))


def feature_schema(table, label_column=None, schema=None, optional=False):
    """dict, how the features of a table are read, whose class is not looked at. Args, Raises: as `load_features`."""
    if optional:
        label_column = _class_if_any(table, label_column, schema)
    elif label_column is not None:
        _check_column(table, label_column)
    if schema is not None:
        columns.match(table, schema, label_column)
        return schema
    label = label_column or next((name for name in table.header if name.lower() in LABELS), None)
    schema = columns.all_numbers(table, label)
    if not schema["columns"]:
        raise Misuse(f"`dataset` must have columns beside the label. Received: {table.path!r} with {label!r} alone.")
    return schema


def _class_if_any(table, label_column, schema):
    """str or None, the column of a table that is its class."""
    features = [column["name"] for column in schema["columns"]] if schema else []
    likely = [label_column, schema and schema["label"], *(name for name in table.header if name.lower() in LABELS)]
    return next((name for name in likely if name in table.columns and name not in features), None)


def _label(table, label_column, schema):
    if label_column is not None:
        _check_column(table, label_column)
        return label_column
    if schema and schema["label"] in table.columns:
        return schema["label"]
    found = [name for name in table.header if name.lower() in LABELS]
    if len(found) != 1:
        raise Misuse(f"`label_column` must be given where not exactly one column is called {', '.join(LABELS)}. "
                     f"Received: {table.path!r} with {len(found)} such columns among {table.named()}. Give "
                     "--label_column=NAME.")
    return found[0]


def _check_column(table, name):
    if name not in table.columns:
        raise Misuse(f"`label_column` must be a column of {table.path!r} ({table.named()}). Received: "
                     f"label_column={name!r}.{suggest(name, table.header)}")
