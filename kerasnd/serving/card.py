"""What travels beside a served model for people: the model card, and the digests of all files."""
import datetime
import inspect
import json
import sys

import keras
import numpy as np
import tensorflow as tf

import kerasnd
from kerasnd.serving import replay

CARD, TEXT = f"{replay.EXTRA}/model_card.json", f"{replay.EXTRA}/model_card.md"


def about(verdict, described, how, calibrated_on="", licence="", more=None):
    """dict of plain values, the model card.

    Args:
        verdict: kerasnd.Verdict.
        described: what `signatures.described` gives.
        how: signatures.Pixels.
        calibrated_on: str, where the held-out normals are from.
        licence: str, of the weights; "": told as far as it is known.
        more: dict or None: data, protocol, metrics, command and whatever else is known of the training.
    """
    detector, n = verdict.detector, int(verdict.held_out.shape[0] or len(verdict.held_out.numpy()))
    shape = detector.normalizer.example_shape
    return {
        **of_detector(detector, licence),
        "calibration": {"n": n, "alpha": float(verdict.alpha), "from": calibrated_on or "normals given to kerasnd.calibrate",
                        "least_p_value": 1 / (n + 1)},
        **({"images": {"bits": how.bits, "white": how.white, "block_mean": how.block_mean}} if len(shape) == 3 else {}),
        "signatures": described,
        "exported": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {"kerasnd": kerasnd.__version__, "python": sys.version.split()[0], "tensorflow": tf.__version__,
                     "keras": keras.__version__, "numpy": np.__version__},
        **(more or {})}


def of_detector(detector, licence=""):
    """dict of plain values, the card's part that the detector itself tells. Args: as in `about`."""
    return {
        "method": type(detector).__name__,
        "arguments": arguments(detector),
        "example_shape": list(detector.normalizer.example_shape),
        "preprocess": detector.normalizer.kind,
        "precision": detector.precision,
        "parameters": int(sum(np.prod(each.shape) for each in detector.weights)),
        "licence_of_weights": licence or unknown_licence(detector)}


def arguments(detector):
    """{name: plain value}, of the constructor; networks of one's own by their class."""
    def plain(value):
        if isinstance(value, (list, tuple)):
            return [plain(each) for each in value]
        return value if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__
    return {name: plain(getattr(detector, name, None)) for name in inspect.signature(type(detector)).parameters}


def unknown_licence(detector):
    """str, what can be said of the weights' licence where the user does not tell it."""
    source = getattr(detector, "pretrained", "")
    return f"unknown: pretrained weights of {source}" if source else "not stated; trained from scratch on the data below"


def write(folder, card):
    """Writes the card as JSON and as Markdown into a version's folder."""
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (folder / TEXT).write_text(as_text(card), encoding="utf-8")


def as_text(card):
    """str, the card in Markdown."""
    calibration, lines = card["calibration"], [f"# {card['method']}", ""]
    for title, key in (("Data", "data"), ("Protocol", "protocol"), ("Licence of the weights", "licence_of_weights"),
                       ("Command", "command"), ("Exported", "exported")):
        if card.get(key):
            lines.append(f"* **{title}**: {_words(card[key])}")
    lines += [f"* **Calibration**: {calibration['n']} held-out normals, {calibration['from']}; alpha {calibration['alpha']:g}: at "
              f"most that share of normals like these is called novel", f"* **Examples**: {card['example_shape']}, preprocessed by "
              f"`{card['preprocess']}` inside the model", f"* **Versions**: {_words(card['versions'])}", ""]
    if card.get("metrics"):
        lines += ["| metric | value |", "|---|---|"]
        lines += [f"| {name} | {value:.4g} |" if isinstance(value, float) else f"| {name} | {value} |"
                  for name, value in card["metrics"].items() if isinstance(value, (int, float, str))] + [""]
    lines += ["| signature | inputs | outputs |", "|---|---|---|"]
    for name, sides in card["signatures"].items():
        told = ["; ".join(f"`{each}` {spec['dtype']} {tuple('n' if side is None else side for side in spec['shape'])}"
                          for each, spec in sides[side].items()) for side in ("inputs", "outputs")]
        lines.append(f"| `{name}` | {told[0]} | {told[1]} |".replace("'", ""))
    return "\n".join(lines) + "\n"


def _words(value):
    return ", ".join(f"{key} {each}" for key, each in value.items() if each) if isinstance(value, dict) else str(value)


def write_manifest(folder):
    """Writes the SHA-256 of every file of a version's folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): replay.sha256(path) for path in files}
    (folder / replay.MANIFEST).write_text(json.dumps({"sha256": digests}, indent=2) + "\n", encoding="utf-8")
