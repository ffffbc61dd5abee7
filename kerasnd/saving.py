"""Detectors on disk: written whole, read back, or refused in one line."""
import keras

from kerasnd.atomic import whole
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import AGAIN


def save(detector, path):
    """Writes a .keras file, whole or not at all."""
    with whole(path) as temporary:
        detector.save(temporary)


def load(path):
    """Reads it back.

    Args:
        path: Path of a .keras file that `save` wrote.

    Returns:
        Detector, compiled.

    Raises:
        BadData: it is missing or damaged. Misuse: it is of a newer format.
    """
    if not path.is_file():
        raise BadData(f"{path} is missing. {AGAIN}")
    try:
        return keras.models.load_model(path)
    except (Misuse, MemoryError):
        raise
    except Exception as error:      # whatever zip, JSON, HDF5 and Keras say of half a file
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadData(f"{path} cannot be read: {told[:200]}. {AGAIN}") from error
