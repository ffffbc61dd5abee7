"""TFDS image classification sets by name: read where they are prepared, else downloaded."""
import concurrent.futures
import os

import numpy
from absl import logging

from kerasnd.data.pool import Pool, Stream
from kerasnd.data.resizing import resize
from kerasnd.errors import BadData, Misuse, suggest

# The image is known by its type, the class by the first of these names that is there.
CLASS_FEATURES = ("label", "object_id")


def load(name, data_dir=None, size=None, label_column=None, cache_gib=2.0):
    """A TFDS image classification set.

    Args:
        name: str, the TFDS name, with "/config" and ":version" where wanted.
        data_dir: str or None, where it is, or will be, prepared; None is TFDS_DATA_DIR or TFDS's own default.
        size: None, or (height, width) to which every image is resized.
        label_column: None, or the feature that is the class; None is `label`, else `object_id`, else the only class label.
        cache_gib: float, above this many GiB of raw pixels the images stay on disk.

    Returns:
        Pool: the train part, then the test part (or, where there is none, the validation part), in storage order; with
        one part only, no official parts.

    Raises:
        Misuse: no such set; not an image classification set; images of many sizes and no `size`.
        BadData: not prepared and not to be downloaded.
    """
    builder = _prepared(name, data_dir)
    image, target = _features(builder, name, label_column)
    height, width, channels = _shape(builder, name, image, size)
    parts = _parts(builder, name)
    n = [builder.info.splits[part].num_examples for part in parts]
    shape, dtype = (sum(n), height, width, channels), numpy.dtype(builder.info.features[image].np_dtype)
    official = numpy.repeat(["train", "test"], n) if len(parts) == 2 else None
    reading = [_read(builder, part, image, target) for part in parts]
    if numpy.prod(shape, dtype=float) * dtype.itemsize > cache_gib * 2**30:
        logging.info("%s: %d images of %s stay on disk and are read anew in every epoch.", name, shape[0], shape[1:])
        x, value = TFDSStream(shape, dtype, reading, builder.info.features[image], size), _labels(reading)
    else:
        x, value = _cached(shape, dtype, reading, builder.info.features[image], size)
    if not dtype.kind == "u":
        raise Misuse(f"`name` must be a set of uint8 or uint16 images. Received: {name!r}, of {dtype} images.")
    category, names = _categories(value, builder.info.features[target])
    return Pool(x=x, category=category, official=official, names=names)
