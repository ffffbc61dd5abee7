"""Own data as a whole, for the tests of how it is read."""
import types

import numpy

from kerasnd.data import unlabelled
from kerasnd.errors import BadData


def load_unlabelled(path, **options):
    """All of an input, of which every row must be readable."""
    data = unlabelled.load(path, **options)
    pieces = list(data.pieces())
    for piece in pieces:
        for reason in piece.failures.values():
            raise BadData(reason)
    return types.SimpleNamespace(x=numpy.concatenate([piece.x for piece in pieces]), paths=data.paths, example_shape=data.shape)
