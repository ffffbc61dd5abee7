"""Generated examples near the normal class, which join the training as known anomalies."""
import os

import numpy

from kerasnd.data import arrays
from kerasnd.data.class_major import block, load_npy
from kerasnd.data.outliers import alike
from kerasnd.errors import BadData, Misuse, naming

SUFFIXES = (".npz", ".npy")
ANOTHER_RANGE = 16      # times: values of one set so much wider than those of another are in another unit


def load(path, names, normal, counts, own, size=None):
    """Examples that were generated for the normal classes.

    Args:
        path: str. A .npz of `x` (as bin/generate writes it) or `images`, and where it has examples of several classes `y`, one
            number or name each: the normal class that it was generated for; a `y` of one value alone says nothing, since
            bin/generate does not know the class. `class_id`, one value or one each, says the same and is always taken at its word.
            Or a .npy of as many rows for every class of the data set, class 0 first.
        names: sequence of str, of the classes of the data set.
        normal: sequence of int, the normal ones.
        counts: sequence of int, for each of `normal` how many at most: the first ones of its block are taken.
        own: array (m, ...), examples of the data set, of whose shape, type and range they must be.
        size: as in `outliers.with_outliers`.

    Returns:
        array (n, ...) like `own`, those for the first of `normal` first.

    Raises:
        Misuse: other keys, another shape, type or range; rows that do not divide by the classes; none for a normal class.
        BadData: unreadable, truncated; NaN or infinite.

    Source: Mirzaei et al. (2023), code: as many negatives as there are normals.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise Misuse(f"`negatives` must be an .npz or an .npy. Received: {path!r}. Write one by bin/generate.")
    with naming("negatives"):
        parts = _by_place(path, names, normal) if suffix == ".npy" else _by_class(path, names, normal)
    for each, part in zip(normal, parts):
        if not len(part):
            raise Misuse(f"`negatives` must hold examples that were generated for the normal class. Received: {path!r} with none "
                         f"for {names[each]}.")
    x = numpy.concatenate([part[:count] for part, count in zip(parts, counts)])
    if size is not None:
        x = arrays.resized(x, size)
    x = alike(x, own, size, path, "negatives")
    _refuse_another_range(x, own, path)
    return x


def _by_place(path, names, normal):
    """A list of arrays, one for each normal class: the blocks of a class-major file."""
    x = load_npy(path, "negatives")
    if len(x) % len(names):
        raise Misuse(f"`negatives` must have as many rows for each of the {len(names)} classes of the data set where it is an "
                     f".npy. Received: {path!r} of {len(x)} rows, {len(x) % len(names)} too many. Save those of one class as x of "
                     "an .npz.")
    return [block(x, each, len(names)) for each in normal]


def _by_class(path, names, normal):
    """A list of arrays, one for each normal class: those rows that were generated for it."""
    found = arrays.read_npz(path, ("x", "images", "y", "class_id"))
    key = next((key for key in ("x", "images") if found.get(key) is not None), None)
    if key is None:
        raise Misuse("`negatives` must hold the array x, or images. Received: "
                     f"{path!r} with {', '.join(sorted(found)) or 'nothing'}.")
    x = arrays.examples(found[key], key, path)
    column = "class_id" if "class_id" in found else "y"
    value = found.get(column)
    if value is not None:
        value = arrays.labels(numpy.atleast_1d(value), column, path)
        value = numpy.repeat(value, len(x)) if len(value) == 1 and column == "class_id" else value
        if len(value) != len(x):
            raise BadData(f"`{column}` must have one value per example. Received: {len(x)} examples and {len(value)} values in "
                          f"{path!r}.")
    if value is None or (column == "y" and len(set(value.tolist())) == 1):
        if len(normal) > 1:
            raise Misuse(f"`negatives` must say for which of several normal classes each was generated. Received: {path!r} without "
                         "class_id. Save class_id, one number each.")
        return [x]
    # As with --normal, a number is looked up among the names first.
    value = value.astype(str)
    wanted = names if set(value.tolist()) <= set(names) else list(map(str, range(len(names))))
    return [x[value == wanted[each]] for each in normal]


def _refuse_another_range(x, own, path):
    """Raises Misuse for images in another unit: 0 to 1 where the data set has 0 to 255, or the reverse."""
    if own.ndim != 4 or not len(own):
        return
    low, high, own_low, own_high = (float(limit) for values in (x, own) for limit in (values.min(), values.max()))
    narrow, wide = sorted((high - low, own_high - own_low))
    if narrow > 0 and wide >= ANOTHER_RANGE * narrow:
        raise Misuse(f"`negatives` must have the range of the data set, whose values are from {own_low:g} to {own_high:g}. "
                     f"Received: {path!r}, values from {low:g} to {high:g}. Save them in the same unit.")
