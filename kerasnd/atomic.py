"""A file is written whole or not at all."""
import contextlib
import os
import pathlib

PARTIAL = ".partial"    # stands in the name of a file that is being written


@contextlib.contextmanager
def whole(path):
    """Lends a temporary name beside `path`, which becomes `path` once the block ends without an error.

    Args:
        path: str or Path of the file to write; its folder is made where it is missing.

    Yields:
        Path in the same folder (so that the renaming is atomic), of the same suffix (writers choose the format by
        it), to be written inside the block. Whatever goes wrong, a full disk or a power cut included, `path` is as
        it was or whole.

    Raises:
        OSError: the folder cannot be made, or the file cannot be written.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}{PARTIAL}{path.suffix}")
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())     # the name must not reach the disk before the bytes do
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
