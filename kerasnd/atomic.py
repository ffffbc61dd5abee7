"""A file is written whole or not at all."""
import contextlib
import os
import pathlib


@contextlib.contextmanager
def replacing(path):
    """Lends a temporary name beside `path`, which becomes `path` once the block ends without an error.

    Args:
        path: str or Path of the file to write; its folder is made where it is missing.

    Yields:
        Path in the same folder (so that the renaming is atomic) to be written inside the block. Whatever goes
        wrong, a full disk included, `path` is as it was, and the temporary file is gone.

    Raises:
        OSError: the folder cannot be made, or the file cannot be written.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
