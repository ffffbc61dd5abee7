"""One process at a time: locks that the system lets go of when their process ends, however it ends."""
import contextlib

from kerasnd.errors import BadData, Misuse

LOCK = ".lock"      # a file in each folder that is held


def hold(file, argument, received, at_work="another process"):
    """Holds an open file for this process, until the file is closed.

    Args:
        file: open file.
        argument: str, name of the flag or argument that led here.
        received: Path that the refusal names.
        at_work: str, whoever may hold it.

    Raises:
        Misuse: another process holds it.
    """
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Misuse(f"`{argument}` must be free. Received: {received}, where {at_work} is at work. Wait for it, or choose another "
                     f"--{argument}.") from None


@contextlib.contextmanager
def held_folder(path, argument, at_work="another process"):
    """Holds a folder for this process while the block runs, and makes it where it is missing.

    Args:
        path: Path of the folder.
        argument, at_work: as in `hold`.

    Raises:
        Misuse: another process has it, or the path cannot be a folder. BadData: the disk is at fault.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = open(path / LOCK, "w")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise Misuse(f"`{argument}` must be a folder that can be written. Received: {path} ({error.strerror}). Choose another "
                     f"--{argument}.") from error
    except OSError as error:
        raise BadData(f"cannot make the folder {path}: {error.strerror}. Choose another --{argument}.") from error
    with file:
        hold(file, argument, path, at_work)
        yield
