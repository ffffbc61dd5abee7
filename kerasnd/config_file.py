"""Config files: where they are, and how they are run."""
import inspect
import os
import traceback
from pathlib import Path

from kerasnd.errors import Misuse, suggest


def folder():
    """Path of the config files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return package / "configs" if (package / "configs").is_dir() else package.parent / "configs"


def split_variant(file):
    """(file, variant or None) of "FILE.py:VARIANT"."""
    name, colon, variant = str(file).rpartition(":")
    return (name, variant or None) if colon and not os.path.exists(file) else (str(file), None)


def read(method, file, dataset):
    """Runs a config file.

    Args:
        method: str, picks configs/<method>.py where `file` is None.
        file: str, "FILE.py" or "FILE.py:VARIANT", or None.
        dataset: str or None, told to its `get_config`.

    Returns:
        dict, nested, of JSON's types, as the file gives it.

    Raises:
        Misuse: no such method or variant; the file is missing, has no `get_config`, or fails.
    """
    from kerasnd.methods import METHODS
    if method is not None and method not in METHODS:
        raise Misuse(f"`--method` must be one of {', '.join(METHODS)}. Received: --method={method}.{suggest(method, METHODS)}")
    if file is None and method is None:
        raise Misuse(f"`--method` must be given, or --config. Received: neither. Write --method=NAME, one of "
                     f"{', '.join(METHODS)}.")
    given = str(folder() / f"{method}.py") if file is None else file
    name, variant = split_variant(given)
    return run(given, "get_config", f"See {folder() / 'ocnn.py'}.", dataset=dataset or "", variant=variant)


def run(given, function, example="", **asked):
    """Runs a Python file of values.

    Args:
        given: str, "FILE.py" or "FILE.py:VARIANT".
        function: str, whose result is wanted.
        example: str, a sentence that ends the refusal of a file without it.
        **asked: passed to it, as far as it takes them; a `variant` it must take, and its file list in VARIANTS where it has that.

    Returns:
        of JSON's types.

    Raises:
        Misuse: the file is missing, has no such function, or fails.
    """
    name, variant = split_variant(given)
    path = _find(name, given)
    space = {"__name__": f"config_{path.stem}", "__file__": str(path)}
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), space)
        called = space.get(function)
        if not callable(called):
            raise Misuse(f"`--config` must be a Python file with a function {function}. Received: --config={given}, which has "
                         f"none. {example}".strip())
        takes = inspect.signature(called).parameters
        variants = space.get("VARIANTS", ())
        if variant is not None and ("variant" not in takes or (variants and variant not in variants)):
            raise Misuse(f"`--config` must name a variant of {path.name} after the colon "
                         f"({', '.join(variants) or 'it has none'}). Received: --config={given}.{suggest(variant, variants)}")
        return _plain(called(**{key: value for key, value in asked.items() if key in takes}), given)
    except Misuse:
        raise
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
        why = f"{type(error).__name__}: {getattr(error, 'msg', error)}{f' (line {line})' if line else ''}"
        raise Misuse(f"`--config` must be a file that runs. Received: --config={given}: {why}. Correct the file.") from error


def _find(name, given):
    """Path of a config file: as given, or among the shipped ones ("configs/ocnn.py" from any folder)."""
    path = Path(name).expanduser()
    shipped = folder() / path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    for each in (path, shipped):
        if each.is_file():
            return each
        if each.exists():
            raise Misuse(f"`--config` must be a Python file. Received: --config={given}, which is no regular file.")
    inside = "configs/tables" if path.parts[:2] == ("configs", "tables") else "configs"
    known = sorted(f"{inside}/{each.name}" for each in (folder() / inside.removeprefix("configs").lstrip("/")).glob("*.py")
                   if each.stem != "__init__")
    raise Misuse(f"`--config` must be a Python file that exists. Received: --config={given}.{suggest(name, known)} "
                 f"Shipped ones: {', '.join(known)}.")


def _plain(value, given):
    """JSON's types of dict, ConfigDict, list, tuple, str, number, bool and None."""
    if hasattr(value, "items"):
        return {str(key): _plain(each, given) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, given) for each in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise Misuse(f"`--config` must give plain values. Received: {type(value).__name__} {value!r} from --config={given}. "
                 "Use numbers, text, lists and dicts.")
