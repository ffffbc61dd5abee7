"""A name, as typed by the user, becomes a `Pool`."""
import os

import numpy

from kerasnd.data.bundled import BUNDLED
from kerasnd.data.pool import RANDOM, Pool, Stream, normal_classes
from kerasnd.errors import Misuse, suggest

__all__ = ["RANDOM", "Pool", "Stream", "load_data", "normal_classes"]

FILES = (".npz", ".mat", ".csv")
KNOWN_NORMAL_FIRST = (("0", "1"), ("benign", "malignant"))     # tables of these two classes need no --normal

# Outlier Detection DataSets, each a NAME.mat (Rayana, 2016). They are not downloaded, only named where one is missing.
ODDS = ("annthyroid", "arrhythmia", "breastw", "cardio", "cover", "ecoli", "glass", "heart", "http", "ionosphere",
        "letter", "lympho", "mammography", "musk", "optdigits", "pendigits", "pima", "satellite", "satimage-2",
        "seismic", "shuttle", "smtp", "speech", "thyroid", "vertebral", "vowels", "wbc", "wine")


def load_data(name, data_dir=None, size=None, label_column=None, skip_unreadable=False, cache_gib=2.0,
              missing="refuse", categorical="onehot", schema=None, labelled=True):
    """Loads a data set.

    Args:
        name: str. "digits" or "breast_cancer"; a path to a folder of images, .npz, .mat or .csv; the name of a .mat in
            `data_dir`; else a TFDS name. A folder that is called as a TFDS set is read as ./NAME.
        data_dir: str or None, where TFDS sets are, or will be, prepared, and where .mat sets lie.
        size: None, or (height, width) to which every image is resized.
        label_column: str or None, the column (.csv) or feature (TFDS) that is the class.
        skip_unreadable: bool, leave unreadable images of a folder out instead of refusing.
        cache_gib: float > 0, image sets of more GiB of raw pixels stay on disk, as a `Stream`.
        missing: "refuse", or for .csv tables "median": what is missing is NaN, to be filled in by the model.
        categorical: "onehot", or for .csv tables "refuse": columns of words are refused.
        schema: dict or None, how the table that was trained on was read; a .csv is then read likewise.
        labelled: bool; False: a .csv need not have a class, none that it has is looked at, and all of it is one category.

    Returns:
        Pool, the train part before the test part.

    Raises:
        Misuse: no such set; an option that does not fit it; shapes or types that are no set of examples.
        BadData: unreadable, truncated, empty; NaN or infinite; neither prepared nor to be downloaded.
    """
    size = _checked_size(size)
    if not isinstance(cache_gib, (int, float)) or isinstance(cache_gib, bool) or not cache_gib > 0:
        raise Misuse(f"`cache_gib` must be a number above 0. Received: cache_gib={cache_gib!r}.")
    if not isinstance(name, (str, os.PathLike)) or not str(name):
        raise Misuse(f"`dataset` must be the name of a data set or a path. Received: dataset={name!r}.")
    name = os.path.expanduser(os.fspath(name))
    data_dir = os.path.expanduser(os.fspath(data_dir)) if data_dir else None
    if name in BUNDLED:
        _refuse_table_options(name, missing, categorical)
        return _resized(BUNDLED[name](), size, name)
    kind, path = _kind(name, data_dir)
    if label_column is not None and kind not in ("csv", "tfds"):
        raise Misuse(f"`label_column` is for .csv tables and TFDS sets. Received: label_column={label_column!r} for "
                     f"{name!r}.")
    if kind != "csv":
        _refuse_table_options(name, missing, categorical)
    if kind == "folder":
        from kerasnd.data import images

        return images.load(path, size=size, skip_unreadable=skip_unreadable, cache_gib=cache_gib)
    if kind == "csv":
        from kerasnd.data import tables

        if labelled:
            return _resized(tables.load_csv(path, label_column, missing, categorical, schema), size, name)
        x = tables.load_features(path, label_column, schema, optional=True)
        return _resized(Pool(x=x, category=numpy.zeros(len(x), numpy.int64), official=None, names=("unknown",)), size, name)
    if kind in ("npz", "mat"):
        from kerasnd.data import arrays

        return _resized(getattr(arrays, f"load_{kind}")(path), size, name)
    from kerasnd.data import tfds_images

    return tfds_images.load(name, data_dir, size, label_column, cache_gib, others=(*BUNDLED, *ODDS))


def refuse_unknown(name, data_dir=None):
    """Raises Misuse for a name or a path behind which there is no data set, before anything of it is read.

    Args:
        name, data_dir: as in `load_data`.
    """
    if name not in BUNDLED:
        _kind(os.path.expanduser(name), os.path.expanduser(data_dir) if data_dir else None)


def is_own(name):
    """bool, the name is a path to a user's own data: a folder or a file that is there, and no set that is known by this name."""
    path = os.path.expanduser(name)
    if os.path.isfile(path):
        return os.path.splitext(path)[1].lower() in FILES
    return name not in BUNDLED and os.path.isdir(path) and _kind(path, None)[0] == "folder"


def is_table(name):
    """bool, a name that tells of a table before anything is read: `configs/` choose by it how long to train."""
    return name in (*ODDS, "breast_cancer") or os.path.splitext(name)[1].lower() in (".csv", ".mat")


def default_normal(name, data_dir=None, **options):
    """The normal class of a table that says by the names of its classes which it is.

    Args:
        name, data_dir, **options: as in `load_data`.

    Returns:
        str, "0" for a table of the classes 0 and 1, or benign and malignant (breast_cancer); "" for all else.

    Raises:
        Misuse, BadData: as `load_data`, of a table; nothing else is read.
    """
    if name not in BUNDLED and _kind(os.path.expanduser(name), data_dir)[0] not in ("csv", "npz", "mat"):
        return ""
    pool = load_data(name, data_dir, **options)
    return "0" if pool.names in KNOWN_NORMAL_FIRST and not pool.is_image else ""


def _kind(name, data_dir):
    """("folder", path), ("npz", path), ("mat", path), ("csv", path) or ("tfds", None)."""
    suffix = os.path.splitext(name)[1].lower()
    is_plain = os.sep not in name and "/" not in name
    if suffix in FILES or (os.path.isfile(name) and (suffix or not is_plain)):
        return _file(name, suffix)
    if os.path.isdir(name) and not (is_plain and _is_tfds(name)):
        return "folder", name
    if data_dir and is_plain and not os.path.isdir(os.path.join(data_dir, name)):
        mat = os.path.join(data_dir, f"{name}.mat")
        if os.path.isfile(mat):
            return "mat", mat
    if name in ODDS:
        raise Misuse(f"`data_dir` must hold {name}.mat for the ODDS set {name}. Received: data_dir={data_dir!r}. "
                     "Download the file from the ODDS library and give --data_dir.")
    if not is_plain and not _is_tfds(name.split("/")[0]):
        raise Misuse(f"`dataset` must be a path that exists. Received: dataset={name!r}.{_neighbour(name)}")
    if not _is_tfds(name.split("/")[0]):
        from kerasnd.data import tfds_prepared

        tfds_prepared.find(name, data_dir, others=(*BUNDLED, *ODDS))    # somebody's own prepared set, or refused here
    return "tfds", None


def _refuse_table_options(name, missing, categorical):
    for option, value, usual in (("missing", missing, "refuse"), ("categorical", categorical, "onehot")):
        if value != usual:
            raise Misuse(f"`{option}` is for .csv tables. Received: {option}={value!r} for {name!r}. Leave it out.")


def _file(name, suffix):
    if not os.path.isfile(name):
        problem = "is a folder" if os.path.isdir(name) else "does not exist"
        raise Misuse(f"`dataset` must be a file where it ends in {suffix}. Received: dataset={name!r}, which "
                     f"{problem}.{_neighbour(name)}")
    if suffix not in FILES:
        raise Misuse(f"`dataset` must be a folder of images, .npz, .mat or .csv. Received: dataset={name!r}, a file of "
                     "another kind.")
    if os.path.getsize(name) == 0:
        from kerasnd.errors import BadData

        raise BadData(f"`dataset` must be a readable {suffix}. Received: {name!r}, an empty file.")
    return suffix[1:], name


def _is_tfds(name):
    import tensorflow_datasets as tfds

    return name.split(":")[0] in tfds.list_builders(with_community_datasets=False)


def _neighbour(path):
    folder, last = os.path.split(os.path.normpath(path))
    try:
        return suggest(last, os.listdir(folder or "."))
    except OSError:
        return ""


def _checked_size(size):
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, (list, tuple)) else ()
    if len(sides) != 2 or any(isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in sides):
        raise Misuse(f"`size` must be [height, width] in pixels. Received: size={size!r}. Give "
                     "--config.source.size=[h,w].")
    return sides


def _resized(pool, size, name):
    if size is None:
        return pool
    if not pool.is_image:
        raise Misuse(f"`size` is for images. Received: size={list(size)} for {name!r}, examples of shape "
                     f"{pool.example_shape}.")
    import dataclasses

    from kerasnd.data.arrays import resized

    return dataclasses.replace(pool, x=resized(pool.x, size))
