"""HTML from plain values. All text is escaped here and nowhere else, so that none gets around it.

A `Markup` is text that already is HTML; everything else counts as words of a user's (a class name, a path, a command).
"""
import html
import re

# What HTML does not allow as a character, whatever it is escaped to; half of a surrogate pair is a file name's undecodable byte.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_EMPTY = ("img", "br", "meta", "col")


class Markup(str):
    """HTML that stands as it is."""


def text(value):
    """Markup of a plain value, escaped for elements and quoted attributes alike."""
    return value if isinstance(value, Markup) else Markup(html.escape(_FORBIDDEN.sub("\ufffd", str(value)), quote=True))


def join(*parts):
    """Markup, parts one behind the other; lists among them are opened, None is left out."""
    opened = (join(*part) if isinstance(part, (list, tuple)) else text(part) for part in parts if part is not None)
    return Markup("".join(opened))


def tag(name, /, *parts, **attributes):
    """Markup of an element.

    Args:
        name: str.
        *parts: as in `join`, the content.
        **attributes: plain values, "_" for "-" and a "_" behind reserved words (`class_`); None is left out, True is a bare word.
    """
    told = "".join(f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
                   for key, value in attributes.items() if value is not None and value is not False)
    return Markup(f"<{name}{told}>" if name in _EMPTY else f"<{name}{told}>{join(*parts)}</{name}>")


def table(head, rows, words, caption, silent=False):
    """Markup of a table in a box that scrolls sideways where it is too wide.

    Args:
        head: sequence of plain values.
        rows: sequence of sequences as long as `head`.
        words: int, so many columns at the left are words; the others are numbers, set flush right.
        caption: plain value, what it is a table of.
        silent: bool, the caption is only for those who do not see the page.
    """
    kind = ["w" if place < words else "n" for place in range(len(head))]
    lines = [tag("tr", [tag("th", cell, class_=each, scope="row") if not place else tag("td", cell, class_=each)
                        for place, (cell, each) in enumerate(zip(row, kind))]) for row in rows]
    above = None if silent else tag("p", caption, class_="note caption")
    return join(above, tag("div", tag("table", tag("thead", tag("tr", [
        tag("th", cell, class_=each, scope="col") for cell, each in zip(head, kind)])), tag("tbody", lines), aria_label=caption),
        class_="wide", tabindex="0"))


def pairs(values):
    """Markup of a list of names and values.

    Args:
        values: sequence of (name, plain value); those that are None or "" are left out.
    """
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in values if value not in (None, "")])


def folded(summary, *parts, **attributes):
    """Markup of what is folded away under a line."""
    return tag("details", tag("summary", summary), *parts, **attributes)


def number(value, digits=4):
    """str of a number in few characters, with a true minus sign; "–" for None, "missing" for NaN."""
    if value is None or value != value:
        return "–" if value is None else "missing"
    return f"{value:.{digits}g}".replace("-", "−") if isinstance(value, float) else str(value)
