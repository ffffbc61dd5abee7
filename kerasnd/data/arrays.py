"""Arrays that a user saved, .npz and .mat, and what every array must be to become a `Pool`."""
import os
import zipfile

import numpy

from kerasnd.data.pool import Pool
from kerasnd.errors import BadData, Misuse

NPZ_WHOLE = (("x", "y"), ("X", "y"))      # the second as ADBench saves its sets
NPZ_PARTS = (("x_train", "y_train"), ("x_test", "y_test"))


def load_npz(path):
    """A .npz of `x`, `y` (or `X`, `y`), or of `x_train`, `y_train`, `x_test`, `y_test`; never unpickled.

    Args:
        path: str.

    Returns:
        Pool, see `assemble`; with official parts where there are four arrays.

    Raises:
        Misuse: other keys; a shape or a dtype that is no set of examples.
        BadData: unreadable, truncated; holds Python objects; NaN or infinite.
    """
    arrays = read_npz(path)
    if all(key in arrays for pair in NPZ_PARTS for key in pair):
        return assemble(path, [(arrays[x], arrays[y], x, y) for x, y in NPZ_PARTS])
    for x, y in NPZ_WHOLE:
        if x in arrays and y in arrays:
            return assemble(path, [(arrays[x], arrays[y], x, y)])
    raise Misuse(f"`dataset` must hold x and y, or x_train, y_train, x_test and y_test. Received: {path!r} with "
                 f"{', '.join(sorted(arrays)) or 'nothing'}. Save it by numpy.savez(file, x=..., y=...).")


def read_npz(path, keys=("x", "X", "y", "x_train", "y_train", "x_test", "y_test")):
    """{key: array} of those `keys` that a .npz holds, and {key: None} of its others, which are not read."""
    try:
        archive = numpy.load(path, allow_pickle=False)
        if isinstance(archive, numpy.ndarray):
            raise BadData(f"`dataset` must be a .npz archive. Received: {path!r}, a single array. Save it by "
                          "numpy.savez.")
        with archive:
            return {key: _member(archive, key, path) if key in keys else None for key in archive.files}
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise BadData(f"`dataset` must be a .npz archive. Received: {path!r}, which is no archive, or a pickle, "
                          "which is never opened since it can run any program. Save it by numpy.savez.") from None
        raise BadData(unreadable(path, error)) from None
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadData(unreadable(path, error)) from None


def _member(archive, key, path):
    try:
        return archive[key]
    except ValueError as error:
        if "Object arrays" in str(error):
            raise BadData(f"`{key}` must be numbers. Received: Python objects in {path!r}, which only pickle could "
                          "read; it is never used since it can run any program. Save numbers, names as str.") from None
        raise BadData(unreadable(path, error, key)) from None
    except Exception as error:  # zlib, zipfile and struct each have their own for a damaged member
        raise BadData(unreadable(path, error, key)) from None


def unreadable(path, error, key=None):
    """str, the message for a file, or an array in it, that cannot be read."""
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    place = f"{path!r}, {key}" if key else f"{path!r}"
    return f"`dataset` must be a readable {os.path.splitext(path)[1]}. Received: {place}: {reason}."


def load_mat(path):
    """A MATLAB file of `X` (n, features) and `y`, v4 to v7.2 through SciPy, v7.3 through h5py.

    Args:
        path: str.

    Returns:
        Pool, see `assemble`; no official parts.

    Raises:
        Misuse: other variables; v7.3 and no h5py; a shape or a dtype that is no set of examples.
        BadData: unreadable, truncated; NaN or infinite.
    """
    arrays = read_mat(path)
    if arrays.get("X") is None or arrays.get("y") is None:
        raise Misuse(f"`dataset` must hold the arrays X and y. Received: {path!r} with "
                     f"{', '.join(sorted(arrays)) or 'nothing'}. Save it by save('file.mat', 'X', 'y').")
    return assemble(path, [(arrays["X"], arrays["y"], "X", "y")])


def read_mat(path):
    """{name: array} of X and y where a .mat file holds them, and {name: None} of its other variables."""
    import scipy.io
    import scipy.sparse

    try:
        with open(path, "rb") as file:
            hdf5 = file.read(128).startswith(b"MATLAB 7.3")
        if hdf5:
            return _read_hdf5(path)
        names = [name for name, _, _ in scipy.io.whosmat(path)]
        found = scipy.io.loadmat(path, variable_names=["X", "y"])
    except Misuse:
        raise
    except Exception as error:  # SciPy and HDF5 fail in many ways on damaged files
        raise BadData(unreadable(path, error)) from None
    arrays = {name: found.get(name) for name in names}
    return {name: each.toarray() if scipy.sparse.issparse(each) else each for name, each in arrays.items()}


def _read_hdf5(path):
    try:
        import h5py
    except ImportError:
        raise Misuse(f"`dataset` must be a .mat of version 7 or older where h5py is missing. Received: {path!r}, of "
                     "version 7.3, which is HDF5. Install it by pip install kerasnd[hdf5].") from None
    with h5py.File(path, "r") as file:
        # MATLAB writes columns first: HDF5 shows every array transposed.
        return {name: file[name][()].T if name in ("X", "y") and isinstance(file[name], h5py.Dataset) else None
                for name in file if not name.startswith("#")}


def assemble(source, parts):
    """Arrays as they were saved, as a Pool.

    Args:
        source: str, what to call them in messages.
        parts: one or two tuples (x, y, name of x, name of y), the train part, then the test part. x is (n, features),
            (n, height, width) or (n, height, width, channels); y is (n,) or (n, 1), whole numbers or names.

    Returns:
        Pool: uint8 and uint16 images as they are, all else float32; (n, height, width) gains a channel. Categories are
        the sorted values of y; with two parts, official parts.

    Raises:
        Misuse, BadData: as in `load_npz`.
    """
    xs, ys = [], []
    for x, y, x_name, y_name in parts:
        x, y = examples(x, x_name, source), labels(y, y_name, source)
        if len(x) != len(y):
            raise Misuse(f"`{y_name}` must have one value per example. Received: {len(x)} examples in {x_name} and "
                         f"{len(y)} values in {y_name} of {source!r}.")
        xs.append(x)
        ys.append(y)
    if len(parts) == 2 and (xs[0].shape[1:] != xs[1].shape[1:] or xs[0].dtype != xs[1].dtype):
        raise Misuse(f"`{parts[1][2]}` must be like `{parts[0][2]}`. Received: {xs[0].dtype} examples of shape "
                     f"{xs[0].shape[1:]} and {xs[1].dtype} ones of shape {xs[1].shape[1:]} in {source!r}.")
    if len(parts) == 2 and ys[0].dtype.kind != ys[1].dtype.kind:
        ys = [y.astype(str) for y in ys]
    found, category = numpy.unique(numpy.concatenate(ys), return_inverse=True)
    official = numpy.repeat(["train", "test"], [len(y) for y in ys]) if len(parts) == 2 else None
    return Pool(x=xs[0] if len(xs) == 1 else numpy.concatenate(xs), category=category.astype(numpy.int64).reshape(-1),
                official=official, names=tuple(str(each) for each in found))


def examples(x, name, source):
    """x as a Pool holds it: (n, features) float32, or images (n, h, w, c). Raises Misuse and BadData as `load_npz`."""
    x = shaped(x, name, source)
    if x.dtype == numpy.float32:
        refuse_not_finite(x, name, source)
    return x


def shaped(x, name, source):
    """As `examples`, but values that are not finite are let through."""
    if x.dtype.kind not in "buif":
        raise Misuse(f"`{name}` must be real numbers. Received: {x.dtype} in {source!r}.")
    if x.ndim not in (2, 3, 4):
        raise Misuse(f"`{name}` must be (n, features), (n, height, width) or (n, height, width, channels). Received: "
                     f"shape {x.shape} in {source!r}.")
    if 0 in x.shape:
        raise BadData(f"`{name}` must have examples. Received: shape {x.shape} in {source!r}.")
    if x.ndim == 4 and x.shape[1] in (1, 3) and x.shape[2] == x.shape[3] > 4:
        raise Misuse(f"`{name}` must have its channels last. Received: shape {x.shape} in {source!r}. Save "
                     "x.transpose(0, 2, 3, 1).")
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim == 4 and x.dtype in (numpy.uint8, numpy.uint16):
        return x
    with numpy.errstate(over="ignore"):
        return x.astype(numpy.float32, copy=False)


def resized(x, size):
    """Images as an array (n, h, w, c), resized to `size` where that is given and another."""
    if size is None or x.ndim != 4 or x.shape[1:3] == tuple(size):
        return x
    from kerasnd.data.resizing import resize_all

    return resize_all(x, *size)


def labels(y, name, source):
    """y as int64 (n,) or str (n,). Raises Misuse and BadData as `load_npz`."""
    if y.ndim == 2 and 1 in y.shape:
        y = y.reshape(-1)
    if y.ndim != 1 or y.dtype.kind not in "buifUS":
        raise Misuse(f"`{name}` must be one whole number or one name per example. Received: {y.dtype} of shape "
                     f"{y.shape} in {source!r}.")
    if y.dtype.kind == "S":
        return numpy.char.decode(y, "utf-8")
    if y.dtype.kind == "U":
        return y
    if y.dtype.kind == "f":
        refuse_not_finite(y, name, source)
        if (y != numpy.round(y)).any():
            first = int(numpy.flatnonzero(y != numpy.round(y))[0])
            raise Misuse(f"`{name}` must be whole numbers or names. Received: {y[first]} at {first} in {source!r}.")
    return y.astype(numpy.int64)


def refuse_not_finite(x, name, source):
    """Raises BadData, with the first place and the count, where x holds NaN or infinite values."""
    rows = 1 + (1 << 22) // max(1, int(numpy.prod(x.shape[1:])))
    first, count = None, 0
    for start in range(0, len(x), rows):  # in pieces, since a mask of a large array is large
        wrong = numpy.argwhere(~numpy.isfinite(x[start:start + rows]))
        if len(wrong) and first is None:
            first = [int(place) for place in wrong[0]]
            first[0] += start
        count += len(wrong)
    if count:
        raise BadData(f"`{name}` must be finite in float32. Received: {count} NaN or infinite values in {source!r}, "
                      f"the first, {x[tuple(first)]}, at {name}{first}, counted from 0. Replace them or leave out "
                      "their rows.")
