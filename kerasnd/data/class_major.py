"""One array of images of all classes, those of class 0 first, as generated examples are published."""
import os

import numpy

from kerasnd.data.arrays import examples
from kerasnd.errors import BadData, Misuse


def load_npy(path, argument):
    """A .npy of examples, left on the disk until asked for.

    Args:
        path: str.
        argument: str, the flag that named it, for messages.

    Returns:
        array (n, ...) as a Pool holds it; uint8 images (n, height, width, channels) are mapped, not read.

    Raises:
        Misuse: a shape or a dtype that is no set of examples. BadData: unreadable, truncated, Python objects, NaN.
    """
    try:
        x = numpy.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        reason = "Python objects, which are never unpickled" if "object" in str(error).lower() else str(error).splitlines()[0]
        raise BadData(f"`{argument}` must be a readable .npy of numbers. Received: {path!r}: {reason}.") from None
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadData(f"`{argument}` must be a readable .npy. Received: {path!r}: {reason}.") from None
    if not isinstance(x, numpy.ndarray):
        raise Misuse(f"`{argument}` must be a single array where it ends in .npy. Received: {path!r}, an archive. Call it .npz.")
    return examples(x, os.path.basename(path), path)


def block(x, number, classes):
    """The rows of a class: of `classes` blocks of one length the one of `number`. len(x) is a multiple of `classes`."""
    rows = len(x) // classes
    return x[number * rows:(number + 1) * rows]
