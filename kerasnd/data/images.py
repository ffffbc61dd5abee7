"""A folder of images: which files there are, of which class and of which part."""
import collections
import os

import numpy
from absl import logging

from kerasnd.data import coil, pixels
from kerasnd.data.image_files import load_files
from kerasnd.data.pool import Pool
from kerasnd.errors import BadData, Misuse

JUDGED_FOLDERS = ("test", "validation", "valid", "val")


def load(folder, size=None, skip_unreadable=False, cache_gib=2.0):
    """A folder of class folders, or of `train` and `test` folders of class folders, or of images that are called as COIL-100's.

    Args:
        folder: str, holds `train/<class>/*` and `test/<class>/*`, or `<class>/*`; or nothing but obj12__345.png and its like, or
            one folder of these (see `coil`). Hidden files, files that are no
            images by their suffix, and links that lead out of the folder are left out, and said.
        size: None, or (height, width) to which every image is resized.
        skip_unreadable: bool, leave unreadable files out instead of refusing.
        cache_gib: float, above this many GiB of raw pixels the images stay on disk.

    Returns:
        Pool: the train part, then the test part, each by class, each class by file name. Categories are the sorted
        class names of both parts. Grey images stay grey unless there is a colour one.

    Raises:
        Misuse: no class folders; images of many sizes and no `size`; 16-bit images among others.
        BadData: no images; an empty class folder; unreadable files and not `skip_unreadable`.
    """
    objects = _objects(folder)
    parts = [("", folder)] if objects else _parts(folder)
    listing = objects or [(part, name, path) for part, root in parts for name, path in _class_files(root, folder)]
    paths = numpy.array([path for _, _, path in listing])
    x, readable, skipped = load_files(paths, folder, size=size, skip_unreadable=skip_unreadable, cache_gib=cache_gib,
                                      block_mean=bool(objects))
    classes = coil.names(int(listing[-1][1][3:])) if objects else _in_order({name for _, name, _ in listing})
    number = {name: category for category, name in enumerate(classes)}
    category = numpy.array([number[name] for _, name, _ in listing], numpy.int64)
    official = numpy.array([part for part, _, _ in listing]) if len(parts) == 2 else None
    for part, name in dict.fromkeys((part, name) for part, name, _ in listing):
        if not any(readable[place] for place, each in enumerate(listing) if each[:2] == (part, name)):
            raise BadData(f"`dataset` must have a readable image in every class folder. Received: {folder!r} with none "
                          f"in {os.path.join(part, name) if part else name}.")
    return Pool(x=x, category=category[readable], official=None if official is None else official[readable],
                names=tuple(classes), paths=paths[readable], skipped=skipped, block_mean=bool(objects))


def is_image(name):
    """bool, a file of this name is taken for an image."""
    return name.lower().endswith(pixels.SUFFIXES) and not name.startswith(".")


def _objects(folder):
    """[("", class, path)] by object and angle where the images are called as COIL-100's, else None."""
    entries = _entries(folder, folder)
    inner = [name for name in entries if name != "__MACOSX" and os.path.isdir(os.path.join(folder, name))]
    place = os.path.join(folder, inner[0]) if len(inner) == 1 and not any(map(is_image, entries)) else folder
    entries = entries if place == folder else _entries(place, folder)
    images = [name for name in entries if is_image(name)]
    # Class folders beside the images, or a name of another kind, and it is no such set.
    if not images or not all(map(coil.placed, images)) or any(os.path.isdir(os.path.join(place, name)) for name in entries):
        return None
    if len(images) < len(entries):
        logging.warning("%s: %d files that are no images were left out.", place, len(entries) - len(images))
    found = sorted((*coil.placed(name), name) for name in images)
    return [("", f"obj{number}", os.path.join(place, name)) for number, _, name in found]


def _parts(folder):
    """[("train", path), ("test", path)], or [("", path)] where there are no official parts."""
    train = os.path.join(folder, "train")
    judged = [os.path.join(folder, name) for name in JUDGED_FOLDERS if os.path.isdir(os.path.join(folder, name))]
    judged = judged[0] if judged else None
    with_classes = [each for each in (train, judged) if each and _has_folders(each, folder)]
    if judged and os.path.isdir(train) and len(with_classes) < 2:
        raise Misuse(f"`dataset` must have class folders in train and test. Received: {folder!r}, where "
                     f"{judged if train in with_classes else train} has none. "
                     "Put the images of each class into a folder.")
    if train in with_classes:
        return [("train", train), ("test", judged)] if judged else [("", train)]
    return [("", folder)]


def _entries(path, root):
    """Sorted names of what lies in `path` and, links followed, in `root`; hidden ones left out."""
    inside = os.path.realpath(root) + os.sep
    try:
        names = sorted(name for name in os.listdir(path) if not name.startswith("."))
    except OSError as error:
        raise BadData(f"`dataset` must be a folder that can be read. Received: {path!r}: {error.strerror}.") from None
    kept = [name for name in names if os.path.realpath(os.path.join(path, name)).startswith(inside)]
    if len(kept) < len(names):
        logging.warning("%s: %d links that lead out of %s were left out.", path, len(names) - len(kept), root)
    return kept


def _has_folders(path, root):
    if not os.path.isdir(path) or not (os.path.realpath(path) + os.sep).startswith(os.path.realpath(root) + os.sep):
        return False
    return any(os.path.isdir(os.path.join(path, name)) for name in _entries(path, root))


def _class_files(path, root):
    """Yields (class, file path) of every image in every class folder of `path`."""
    entries = _entries(path, root)
    classes = _in_order(name for name in entries if os.path.isdir(os.path.join(path, name)))
    loose = sum(is_image(name) for name in entries if name not in classes)
    if not classes:
        raise Misuse("`dataset` must be a folder of class folders, <class>/*, or of train/<class>/* and "
                     f"test/<class>/*. Received: {path!r}, with no folder and {loose} images. Put the images of each "
                     "class into a folder.")
    if loose:
        logging.warning("%s: %d images that lie outside of its class folders were left out.", path, loose)
    ignored = collections.Counter()
    for name in classes:
        inside = _entries(os.path.join(path, name), root)
        files = [os.path.join(path, name, each) for each in inside]
        images = [each for each in files if is_image(os.path.basename(each)) and not os.path.isdir(each)]
        if not images:
            raise BadData(f"`dataset` must have images in every class folder. Received: {os.path.join(path, name)!r}, "
                          f"with {len(inside)} entries and no image ({' '.join(pixels.SUFFIXES)}).")
        ignored.update("folders" if os.path.isdir(each) else os.path.splitext(each)[1] or "no suffix"
                       for each in set(files) - set(images))
        yield from ((name, each) for each in images)
    if ignored:
        listed = ", ".join(f"{n} {kind}" for kind, n in ignored.most_common(5))
        logging.warning("%s: left out what is no image: %s.", path, listed)


def _in_order(names):
    """Sorted; as numbers where all are."""
    names = sorted(names)
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names
