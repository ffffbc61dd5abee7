"""The numbered folders that TensorFlow Serving looks at: each appears whole or not at all."""
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from kerasnd.atomic import PARTIAL
from kerasnd.errors import BadData, Misuse


def numbers(to):
    """list of int, ascending, the versions in a model's folder."""
    return sorted(int(path.name) for path in Path(to).glob("[0-9]*") if path.name.isdecimal())


@contextlib.contextmanager
def next_version(to):
    """Lends a hidden folder in `to`, which becomes the next version once the block ends without an error.

    Args:
        to: path of the model's folder; made where it is missing.

    Yields:
        (Path, list): an empty folder, to be filled inside the block; and a list, empty, which holds the Path of the version
        afterwards. Whatever goes wrong, no number appears; TensorFlow Serving looks at no folder whose name is not a number.

    Raises:
        Misuse: `to` is a version itself, or cannot be a folder. BadData: the disk is at fault.
    """
    to, made = Path(to).expanduser(), []
    if to.name.isdecimal():
        raise Misuse(f"`to` must be a model's folder, in which versions are numbered. Received: {to}. Write {to.parent}.")
    there = to.exists()
    try:
        to.mkdir(parents=True, exist_ok=True)
        _sweep(to)
        partial = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}-{os.getpid()}-", dir=to))
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise Misuse(f"`to` must be a folder that can be written. Received: {to} ({error.strerror}). Choose another.") from error
    except OSError as error:
        raise BadData(f"cannot make a folder in {to}: {error.strerror}.") from error
    try:
        partial.chmod(0o755)        # a server may run as another user
        yield partial, made
        _to_disk(partial)
        while not made:
            version = to / str(max([0, *numbers(to)]) + 1)
            try:
                os.rename(partial, version)
                made.append(version)
            except OSError:
                if not version.exists():        # else another export was faster: the number after it
                    raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if not there:
            with contextlib.suppress(OSError):      # not empty: a version is in it
                to.rmdir()


def _sweep(to):
    """Removes what exports have left behind that were killed."""
    for path in to.glob(f"{PARTIAL}-*-*"):
        pid = path.name.split("-")[1]
        try:
            os.kill(int(pid), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(path, ignore_errors=True)
        except OSError:     # alive, and another user's
            pass


def _to_disk(folder):
    """The names must not reach the disk before the bytes do."""
    for path in [*folder.rglob("*"), folder]:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
