"""COIL-100 and sets that are called like it: one object after another on a turntable, obj1 to obj100.

Object k is category k - 1, whichever of them are there and wherever they come from; `--normal=obj3` names the same class as
`--normal=2`. Its images are made smaller by the mean of whole blocks, as in the studies that use it, where that is possible.

Source: Nene, Nayar and Murase (1996); the resizing is that of ARAE's prepare.py l.22-26, OpenCV's INTER_AREA.
"""
import re

import numpy

TFDS_NAME, OBJECT = "coil100", "object_id"
_FILE = re.compile(r"obj([1-9]\d{0,2})__(\d{1,3})\.\w+", re.IGNORECASE)
_OBJECT = re.compile(r"obj([1-9]\d{0,2})")


def placed(name):
    """(object, angle) of a file name like obj12__345.png, int >= 1 and degrees; None for any other."""
    found = _FILE.fullmatch(name)
    return found and (int(found[1]), int(found[2]))


def names(count):
    """list of str, the classes of `count` objects."""
    return [f"obj{number}" for number in range(1, count + 1)]


def categories(values):
    """(category, names) of object names as bytes (n,), b"obj12"; None where one is called otherwise."""
    found = [_OBJECT.fullmatch(value.decode("utf-8", "replace")) for value in values]
    if not all(found):
        return None
    category = numpy.array([int(each[1]) - 1 for each in found], numpy.int64)
    return category, tuple(names(int(category.max()) + 1))
