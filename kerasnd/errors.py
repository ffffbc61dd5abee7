"""The two ways in which a user's request can fail, each told in one line."""
import contextlib
import difflib


class Misuse(ValueError):
    """What was asked for cannot be done: a flag, a config value, a class, a name, a shape. Exit code 2."""


class BadData(RuntimeError):
    """The data or the disk is at fault: unreadable, truncated, empty, NaN, full. Exit code 1."""


def suggest(word, options):
    """The remedy for a misspelt name.

    Args:
        word: str, as typed.
        options: iterable of str, the names that exist.

    Returns:
        str, " Did you mean 'x'?" for the nearest name, or "" where none is near.
    """
    near = difflib.get_close_matches(str(word), [str(option) for option in options], n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


@contextlib.contextmanager
def naming(argument):
    """Lets a source's refusals speak of the argument that named the data here, where they would say `dataset`.

    Args:
        argument: str, "input" or "outliers".
    """
    try:
        yield
    except (Misuse, BadData) as error:
        told = str(error).replace("`dataset`", f"`{argument}`", 1).replace("Received: dataset=", f"Received: {argument}=", 1)
        raise type(error)(told) from error
