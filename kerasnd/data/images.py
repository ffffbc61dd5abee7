"""A folder of images: which files there are, of which class and part, and their pixels in memory or as a stream."""
import collections
import concurrent.futures
import os

import numpy
from absl import logging

from kerasnd.data import pixels
from kerasnd.data.pool import Pool, Stream, too_large
from kerasnd.errors import BadData, Misuse

JUDGED_FOLDERS = ("test", "validation", "valid", "val")


def load(folder, size=None, skip_unreadable=False, cache_gib=2.0):
    """A folder of class folders, or of `train` and `test` folders of class folders.

    Args:
        folder: str, holds `train/<class>/*` and `test/<class>/*`, or `<class>/*`. Hidden files, files that are no images
            by their suffix, and links that lead out of the folder are left out, and said.
        size: None, or (height, width) to which every image is resized.
        skip_unreadable: bool, leave unreadable files out instead of refusing.
        cache_gib: float, above this many GiB of raw pixels the images stay on disk.

    Returns:
        Pool: the train part, then the test part, each by class, each class by file name. Categories are the sorted class
        names of both parts. Grey images stay grey unless there is a colour one.

    Raises:
        Misuse: no class folders; images of many sizes and no `size`; 16-bit images among others.
        BadData: no images; an empty class folder; unreadable files and not `skip_unreadable`.
    """
    parts = _parts(folder)
    listing = [(part, name, path) for part, root in parts for name, path in _class_files(root, folder)]
    paths = numpy.array([path for _, _, path in listing])
    x, readable, skipped = load_files(paths, folder, size=size, skip_unreadable=skip_unreadable, cache_gib=cache_gib)
    classes = _in_order({name for _, name, _ in listing})
    number = {name: category for category, name in enumerate(classes)}
    category = numpy.array([number[name] for _, name, _ in listing], numpy.int64)
    official = numpy.array([part for part, _, _ in listing]) if len(parts) == 2 else None
    for part, name in dict.fromkeys((part, name) for part, name, _ in listing):
        if not any(readable[place] for place, each in enumerate(listing) if each[:2] == (part, name)):
            raise BadData(f"`dataset` must have a readable image in every class folder. Received: {folder!r} with none "
                          f"in {os.path.join(part, name) if part else name}.")
    return Pool(x=x, category=category[readable], official=None if official is None else official[readable],
                names=tuple(classes), paths=paths[readable], skipped=skipped)


def load_files(paths, folder, size=None, channels=None, skip_unreadable=False, cache_gib=2.0):
    """The pixels of image files.

    Args:
        paths: str (n,).
        folder: str, what to call them in messages.
        size: None, or (height, width) to which every image is resized.
        channels: None, 1 or 3; None is 3 where there is a colour image, else 1.
        skip_unreadable: bool, leave unreadable files out instead of refusing.
        cache_gib: float, above this many GiB of raw pixels the result is a `FileStream`.

    Returns:
        x: uint8 or uint16 array, or FileStream, (m, height, width, channels).
        readable: bool (n,), m of them True.
        skipped: tuple of (path, reason).

    Raises:
        Misuse, BadData: as in `load`.
    """
    headers = _each(pixels.header, paths, "reading headers")
    failures = {place: str(each) for place, each in enumerate(headers) if isinstance(each, pixels.Unreadable)}
    if len(failures) == len(paths):
        raise _unreadable(failures, paths, folder)
    known = [(path, each) for place, (path, each) in enumerate(zip(paths, headers)) if place not in failures]
    bits = _bits(known, folder)
    channels = channels or max(each.channels for _, each in known)
    if channels < max(each.channels for _, each in known):
        path = next(path for path, each in known if each.channels > channels)
        raise Misuse(f"`input` must be grey images, as in training. Received: {path!r}, in colour. Convert it to grey.")
    shape = (len(paths), *(size or _one_size(known, folder)), channels)
    dtype = numpy.dtype(f"uint{bits}")
    streamed = too_large(shape, dtype, cache_gib)
    if streamed:
        _refuse_outside_graph(known, folder, shape, dtype, cache_gib)
    x = None if streamed else numpy.empty(shape, dtype)

    def read(place):
        if place in failures:
            return
        if streamed:  # a broken file is to be found now, not in the middle of training
            pixels.check(paths[place], channels, bits)
        else:
            x[place] = pixels.read(paths[place], channels, bits, size)

    for place, outcome in enumerate(_each(read, range(len(paths)), "checking images" if streamed else "reading images")):
        if isinstance(outcome, pixels.Unreadable):
            failures[place] = str(outcome)
    if len(failures) == len(paths) or (failures and not skip_unreadable):
        raise _unreadable(failures, paths, folder)
    readable = numpy.array([place not in failures for place in range(len(paths))])
    skipped = tuple((str(paths[place]), failures[place]) for place in sorted(failures))
    if streamed:
        logging.info("%s: %d images of %s stay on disk and are read anew on every pass.", folder, readable.sum(), shape[1:])
        return FileStream(paths[readable], shape[1:], dtype, size), readable, skipped
    return x if not failures else x[readable], readable, skipped


class FileStream(Stream):
    """Image files, decoded in a TensorFlow graph in the order that is asked for."""

    def __init__(self, paths, example_shape, dtype, size):
        super().__init__((len(paths), *example_shape), dtype)
        import tensorflow as tf

        # One tensor for all passes: built where a dataset is traced, it would become part of each of their graphs.
        self._paths, self._size = tf.constant([str(path) for path in paths]), size

    def examples(self, index):
        import tensorflow as tf

        def read(place, path):
            image = pixels.decode(tf.io.read_file(path), self.shape[-1], 8 * self.dtype.itemsize, self._size)
            return place, tf.ensure_shape(image, self.shape[1:])

        order = tf.data.Dataset.from_tensor_slices(tf.gather(self._paths, index)).enumerate()
        return order.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def is_image(name):
    """bool, a file of this name is taken for an image."""
    return name.lower().endswith(pixels.SUFFIXES) and not name.startswith(".")


def _parts(folder):
    """[("train", path), ("test", path)], or [("", folder)] where there are no official parts."""
    if _has_folders(os.path.join(folder, "train"), folder):
        for name in JUDGED_FOLDERS:
            if _has_folders(os.path.join(folder, name), folder):
                return [("train", os.path.join(folder, "train")), ("test", os.path.join(folder, name))]
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
        logging.warning("%s: left out what is no image: %s.", path, ", ".join(f"{n} {kind}" for kind, n in ignored.most_common(5)))


def _in_order(names):
    """Sorted; as numbers where all are."""
    names = sorted(names)
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names


def _each(function, items, doing):
    """[function(item) or the Unreadable that it raised], on a few threads; a progress bar after two seconds."""
    from tqdm import tqdm

    def attempt(item):
        try:
            return function(item)
        except pixels.Unreadable as failure:
            return failure

    with concurrent.futures.ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as threads:
        return list(tqdm(threads.map(attempt, items), total=len(items), desc=doing, unit="file", delay=2, leave=False, disable=None))


def _unreadable(failures, paths, folder):
    named = ", ".join(f"{paths[place]} ({failures[place]})" for place in sorted(failures)[:3])
    remedy = "None is left." if len(failures) == len(paths) else "Repair or remove them, or leave them out by --skip_unreadable."
    return BadData(f"`dataset` must hold readable images. Received: {folder!r} with {len(failures)} unreadable of "
                   f"{len(paths)}: {named}{', ...' if len(failures) > 3 else ''}. {remedy}")


def _bits(known, folder):
    deep = [path for path, each in known if each.bits == 16]
    if deep and len(deep) < len(known):
        other = next(path for path, each in known if each.bits == 8)
        raise Misuse(f"`dataset` must hold images of one depth. Received: {folder!r} with {len(deep)} 16-bit grey "
                     f"images ({deep[0]}) and {len(known) - len(deep)} 8-bit ones ({other}). Convert them to one "
                     "depth.")
    return 16 if deep else 8


def _one_size(known, folder):
    sizes = collections.Counter((each.height, each.width) for _, each in known).most_common()
    if len(sizes) == 1:
        return sizes[0][0]
    example = {(each.height, each.width): path for path, each in known}
    listed = ", ".join(f"{height}x{width} ({n} images, {example[height, width]})" for (height, width), n in sizes[:4])
    height, width = sizes[0][0]
    raise Misuse(f"`size` must be given where images differ in size. Received: {folder!r} with {len(sizes)} sizes, "
                 f"height x width: {listed}{', ...' if len(sizes) > 4 else ''}. Resize them by "
                 f"--config.source.size=[{height},{width}].")


def _refuse_outside_graph(known, folder, shape, dtype, cache_gib):
    outside = [path for path, each in known if not each.in_graph]
    if outside:
        gib = numpy.prod(shape, dtype=float) * dtype.itemsize / 2**30
        raise Misuse("`cache_gib` must hold the set, or its images be PNG, JPEG or colour BMP, which can be streamed. "
                     f"Received: cache_gib={cache_gib} and {folder!r} of {gib:.1f} GiB with {len(outside)} others "
                     f"({outside[0]}). Convert those to PNG, or raise --config.source.cache_gib.")
