"""Many image files as one array, or as a stream where they are too many."""
import collections
import concurrent.futures
import os

import numpy
from absl import logging

from kerasnd.data import pixels
from kerasnd.data.pool import Stream, too_large
from kerasnd.errors import BadData, Misuse


def load_files(paths, folder, size=None, channels=None, skip_unreadable=False, cache_gib=2.0, block_mean=False):
    """The pixels of image files.

    Args:
        paths: str (n,).
        folder: str, what to call them in messages.
        size: None, or (height, width) to which every image is resized.
        channels: None, 1 or 3; None is 3 where there is a colour image, else 1.
        skip_unreadable: bool, leave unreadable files out instead of refusing.
        cache_gib: float, above this many GiB of raw pixels the result is a `FileStream`.
        block_mean: bool, how images are resized, see `resizing.resize`.

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
            x[place] = pixels.read(paths[place], channels, bits, size, block_mean)

    doing = "checking images" if streamed else "reading images"
    for place, outcome in enumerate(_each(read, range(len(paths)), doing)):
        if isinstance(outcome, pixels.Unreadable):
            failures[place] = str(outcome)
    if len(failures) == len(paths) or (failures and not skip_unreadable):
        raise _unreadable(failures, paths, folder)
    readable = numpy.array([place not in failures for place in range(len(paths))])
    skipped = tuple((str(paths[place]), failures[place]) for place in sorted(failures))
    if streamed:
        logging.info("%s: %d images of %s stay on disk and are read anew on every pass.", folder, readable.sum(),
                     shape[1:])
        return FileStream(paths[readable], shape[1:], dtype, size, block_mean), readable, skipped
    return x if not failures else x[readable], readable, skipped


class FileStream(Stream):
    """Image files, decoded in a TensorFlow graph in the order that is asked for."""

    def __init__(self, paths, example_shape, dtype, size, block_mean=False):
        super().__init__((len(paths), *example_shape), dtype, in_order=True)
        import tensorflow as tf

        # One tensor for all passes: built where a dataset is traced, it would become part of each of their graphs.
        self._paths, self._size, self._block_mean = tf.constant([str(path) for path in paths]), size, block_mean

    def examples(self, index):
        import tensorflow as tf

        def read(place, path):
            image = pixels.decode(tf.io.read_file(path), self.shape[-1], 8 * self.dtype.itemsize, self._size, self._block_mean)
            return place, tf.ensure_shape(image, self.shape[1:])

        order = tf.data.Dataset.from_tensor_slices(tf.gather(self._paths, index)).enumerate()
        return order.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _each(function, items, doing):
    """[function(item) or the Unreadable that it raised], on a few threads; a progress bar after two seconds."""
    from tqdm import tqdm

    def attempt(item):
        try:
            return function(item)
        except pixels.Unreadable as failure:
            return failure

    with concurrent.futures.ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1))) as threads:
        outcomes = threads.map(attempt, items)
        return list(tqdm(outcomes, doing, len(items), unit="file", delay=2, leave=False, disable=None))


def _unreadable(failures, paths, folder):
    named = ", ".join(f"{paths[place]} ({failures[place]})" for place in sorted(failures)[:3])
    remedy = "Repair or remove them, or leave them out by --skip_unreadable."
    remedy = "None is left." if len(failures) == len(paths) else remedy
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
