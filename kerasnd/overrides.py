"""`--config.KEY=TEXT`: finds the value that KEY names and reads TEXT as that value's type."""
import json
import math
import re

from kerasnd.errors import Misuse, suggest

_KEY = re.compile(r"[A-Za-z_]\w*(\[[^\[\]]*\])*(\.[A-Za-z_]\w*(\[[^\[\]]*\])*)*")
_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[([^\[\]]*)\]")


def steps(key):
    """The way to a value.

    Args:
        key: str, as in "stages[0].fit.epochs".

    Returns:
        list of str (keys of a dict) and int (places in a list).

    Raises:
        Misuse: `key` is not of that form.
    """
    if not _KEY.fullmatch(key):
        raise Misuse(f"`--config.KEY` must read like --config.stages[0].fit.epochs=20. Received: KEY={key!r}.")
    way = []
    for name, place in _STEP.findall(key):
        if not name and not re.fullmatch(r"-?\d{1,9}", place):
            raise Misuse(f"`--config.{key}` must count with 0, 1, ... in its brackets. Received: [{place}].")
        way.append(name or int(place))
    return way


def override(config, key, text, more=None):
    """Sets one value of a config, in place.

    Args:
        config: nested dict and list of plain values.
        key: str, which value.
        text: str, as typed; read as the type of the value that it replaces.
        more: callable (list of steps to a dict) -> {key: default value} that may be added there, or None.

    Raises:
        Misuse: no such key or place, a whole section, or a text of another type.
    """
    *way, last = steps(key)
    section = config
    for depth, step in enumerate(way):
        section = _inside(section, [*way[:depth], step], key)
    if isinstance(section, dict) and isinstance(last, str) and last not in section:
        addable = more(way) if more else {}
        if last not in addable:
            _refuse_key(key, way, last, section, addable)
        section[last] = read(key, addable[last], text)
        return
    old = _inside(section, [*way, last], key)
    if isinstance(old, dict) or (isinstance(old, list) and any(isinstance(each, dict) for each in old)):
        inner = "stages[0].method" if last == "stages" else f"{key}.{next(iter(old), 'KEY')}"
        raise Misuse(f"`--config.{key}` must name one value, not a section. Received: {key}={text}. "
                     f"Set the values in it one by one, as in --config.{inner}=...")
    section[last] = read(key, old, text)


def leaves(value, name=""):
    """{key: value} of everything in a config that is no section, each under the key by which an override names it."""
    if isinstance(value, dict):
        parts = [(f"{name}.{key}".lstrip("."), each) for key, each in value.items()]
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        parts = [(f"{name}[{place}]", each) for place, each in enumerate(value)]
    else:
        return {name: value}
    return {key: leaf for part, each in parts for key, leaf in leaves(each, part).items()}


def _inside(section, way, key):
    """The value one step further in."""
    step = way[-1]
    if isinstance(step, int):
        if not isinstance(section, list):
            raise Misuse(f"`--config.{key}` must index a list. Received: [{step}] on {_spell(way[:-1])}, which is no list. "
                         "Leave the brackets out.")
        if not 0 <= step < len(section):
            name = _spell(way[:-1])
            raise Misuse(f"`--config.{key}` must name one of the {len(section)} {name}, counted from 0. Received: [{step}].")
        return section[step]
    if isinstance(section, list):
        raise Misuse(f"`--config.{key}` must say which of the {len(section)} {_spell(way[:-1])} is meant, counted from 0. "
                     f"Received: {key}. Write {_spell(way[:-1])}[0].{step}.")
    if not isinstance(section, dict):
        raise Misuse(f"`--config.{key}` must end at {_spell(way[:-1])}, which is a value, not a section. Received: {key}.")
    if step not in section:
        _refuse_key(key, way[:-1], step, section, {})
    return section[step]


def _refuse_key(key, way, step, section, addable):
    where = _spell(way) if way else "the config"
    options = [*section, *(each for each in addable if each not in section)]
    raise Misuse(f"`--config.{key}` must be a key of the config. Received: '{step}' in {where}.{suggest(step, options)} "
                 f"Keys there: {', '.join(map(str, options)) or 'none'}."
                 + " Name a protocol too: --config.protocol.name=holdout." * (way == ["protocol"] and section["name"] == "auto"))


def _spell(way):
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way)
    return text.removeprefix(".")


def read(key, old, text):
    """Reads a text as the type of the value that it replaces.

    Args:
        key: str, for the message.
        old: bool, int, float, str, None, or list of these.
        text: str. A list reads "[8,8]" or "8,8"; what replaces None reads as JSON, else as text.

    Returns:
        The value: of the type of `old`; float takes an int too.

    Raises:
        Misuse: `text` is no such value.
    """
    if isinstance(old, str):
        return text
    if old is None:
        return _json(text, otherwise=text)
    if isinstance(old, bool):
        if text.lower() not in ("true", "false"):
            _refuse_type(key, "true or false", text, old)
        return text.lower() == "true"
    if isinstance(old, (list, tuple)):
        return _list(key, old, text)
    number = _json(text.strip(), otherwise=None)
    if isinstance(old, int):
        if type(number) is not int:
            _refuse_type(key, "an int", text, old)
        return number
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        _refuse_type(key, "a float", text, old)
    return number


def _list(key, old, text):
    inner = text.strip()
    if inner[:1] in ("[", "(") and inner[-1:] in ("]", ")"):
        inner = inner[1:-1]
    values = _json(f"[{inner.strip().rstrip(',')}]", otherwise=None)
    if values is None:
        values = [_json(each.strip(), otherwise=each.strip()) for each in inner.split(",")]
    kinds = {type(each) for each in old}
    if kinds <= {int, float} and kinds:
        kind = float if float in kinds else int
        if not all(type(each) is int or (kind is float and type(each) is float) for each in values):
            _refuse_type(key, f"a list of {kind.__name__}", text, old)
        return [kind(each) for each in values]
    if len(kinds) == 1 and not all(type(each) in kinds for each in values):
        _refuse_type(key, f"a list of {kinds.pop().__name__}", text, old)
    return values


def _json(text, otherwise):
    def finite(number):
        if not math.isfinite(float(number)):
            raise ValueError(number)        # NaN and Infinity are no JSON, and could not be compared later
        return float(number)
    try:
        return json.loads(text, parse_constant=finite, parse_float=finite)
    except ValueError:
        return otherwise


def _refuse_type(key, expected, text, old):
    raise Misuse(f"`--config.{key}` must be {expected}, like the value that it replaces ({json.dumps(old)}). "
                 f"Received: {text!r}.")
