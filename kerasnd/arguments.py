"""What a constructor's plain values must be; each refusal is one line that names the argument."""
import math
import numbers

from kerasnd.errors import Misuse, suggest


def number(name, value, *, above=-math.inf, at_least=-math.inf, at_most=math.inf, below=math.inf, remedy=""):
    """Refuses what is no finite number within the bounds.

    Args:
        name: str, the argument.
        value: anything, as given.
        above, at_least, at_most, below: float, the bounds; an open end is left out.
        remedy: str, a sentence for the end of the line.

    Raises:
        Misuse: a bool, a text, NaN, infinity, or a number out of bounds.
    """
    known = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if known and above < value < below and at_least <= value <= at_most:
        return
    interval = (f"{'(' if above >= at_least else '['}{max(above, at_least)}, "
                f"{min(at_most, below)}{')' if below <= at_most else ']'}")
    raise Misuse(f"`{name}` must be a number in {interval}. Received: {name}={value!r}.{remedy and ' '}{remedy}")


def whole(name, value, at_least):
    """Refuses what is no int of at least `at_least`: a bool is none, nor is 3.0, and Keras takes no NumPy integers.

    Raises:
        Misuse
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise Misuse(f"`{name}` must be a whole number of at least {at_least}. Received: {name}={value!r}.")


def switch(name, value):
    """Refuses what is neither True nor False: the text "false" would count as true.

    Raises:
        Misuse
    """
    if not isinstance(value, bool):
        raise Misuse(f"`{name}` must be true or false. Received: {name}={value!r}.")


def choice(name, value, options, remedy=""):
    """Refuses what is not one of the names `options`, and suggests the nearest.

    Raises:
        Misuse
    """
    if not isinstance(value, str) or value not in options:
        raise Misuse(f"`{name}` must be one of {', '.join(options)}. Received: {name}={value}.{suggest(value, options)}"
                     f"{remedy and ' '}{remedy}")


def absent(name, value, why):
    """Refuses what others take and nothing here would heed.

    Args:
        name: str, the argument.
        value: anything, as given; None: it was left out.
        why: str, the reason, part of a sentence.

    Raises:
        Misuse
    """
    if value is not None:
        raise Misuse(f"`{name}` must be left out: {why}. Received: {name}={type(value).__name__}.")


def shape(name, value):
    """Refuses what is no (features,) or (height, width, channels).

    Raises:
        Misuse
    """
    sides = value if isinstance(value, (tuple, list)) else ()
    if len(sides) not in (1, 3) or any(
            isinstance(side, bool) or not isinstance(side, numbers.Integral) or side < 1 for side in sides):
        raise Misuse(f"`{name}` must be (features,) or (height, width, channels), whole numbers of at least 1. Received: "
                     f"{name}={value!r}.")
