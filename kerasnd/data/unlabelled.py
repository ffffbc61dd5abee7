"""A user's own data without classes, to be scored: an image, a folder of them, .npz, .mat or .csv."""
import os

import numpy

from kerasnd.data.pool import Pool
from kerasnd.errors import BadData, Misuse, naming

KINDS = "an image, a folder of images, .npz, .mat or .csv"


def load_unlabelled(path, size=None, channels=None, label_column=None, skip_unreadable=False, cache_gib=2.0,
                    schema=None, block_mean=False):
    """Examples alone; whatever classes the file has are not looked at.

    Args:
        path: str, one image file; a folder, searched to any depth; .npz with `x` (or `X`); .mat with `X`; .csv.
        size: None, or (height, width) to which every image is resized, as in training.
        channels: None, 1 or 3, what images are to have, as in training.
        label_column: str or None, a column of a .csv that is no feature; None leaves out the label of the training table, or
            one called label, y, class or target.
        skip_unreadable: bool, leave unreadable images out instead of refusing.
        cache_gib: float, above this many GiB of raw pixels image files are streamed.
        schema: dict or None, how a .csv that was trained on was read (see `columns`): columns go by their names.
        block_mean: bool, how image files are resized, as in training.

    Returns:
        Pool of the one category "unknown"; `paths` for image files, else None.

    Raises:
        Misuse, BadData: as the sources.
    """
    path = os.path.expanduser(os.fspath(path))
    with naming("input"):
        x, paths, skipped = _examples(path, size, channels, label_column, skip_unreadable, cache_gib, schema, block_mean)
    return Pool(x=x, category=numpy.zeros(x.shape[0], numpy.int64), official=None, names=("unknown",), paths=paths,
                skipped=skipped)


def _examples(path, size, channels, label_column, skip_unreadable, cache_gib, schema, block_mean):
    """(x, paths or None, skipped)."""
    suffix = os.path.splitext(path)[1].lower()
    if os.path.isdir(path) or suffix not in (".npz", ".mat", ".csv"):
        from kerasnd.data import image_files, images

        paths = numpy.array(_image_files(path, images.is_image))
        x, readable, skipped = image_files.load_files(paths, path, size, channels, skip_unreadable, cache_gib, block_mean)
        return x, paths[readable], skipped
    if suffix == ".csv":
        from kerasnd.data import tables

        return tables.load_features(path, label_column, schema), None, ()
    from kerasnd.data import arrays

    found = arrays.read_npz(path, ("x", "X")) if suffix == ".npz" else arrays.read_mat(path)
    key = "X" if suffix == ".mat" or ("X" in found and "x" not in found) else "x"
    if found.get(key) is None:
        raise Misuse(f"`input` must hold the array {key}. Received: {path!r} with "
                     f"{', '.join(sorted(found)) or 'nothing'}.")
    return arrays.resized(arrays.examples(found[key], key, path), size), None, ()


def _image_files(path, is_image):
    if not os.path.isdir(path):
        if not is_image(os.path.basename(path)):
            raise Misuse(f"`input` must be {KINDS}. Received: {path!r}.")
        return [path]
    found = []
    for folder, folders, files in os.walk(path):  # links to folders are not followed
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(folder, name) for name in sorted(files) if is_image(name)]
    if not found:
        raise BadData(f"`input` must be a folder with images. Received: {path!r} without any.")
    return found
