"""A name, as typed by the user, becomes a `Pool`."""
import os

from kerasnd.data.bundled import BUNDLED
from kerasnd.data.pool import Pool, Stream, normal_classes
from kerasnd.errors import Misuse, suggest

__all__ = ["Pool", "Stream", "load_data", "normal_classes"]


def load_data(name, data_dir=None, size=None, label_column=None, skip_unreadable=False, cache_gib=2.0):
    if name in BUNDLED:
        return BUNDLED[name]()
    from kerasnd.data import tfds_images
    return tfds_images.load(name, data_dir=data_dir, size=size, label_column=label_column, cache_gib=cache_gib)
