"""Replays the golden inputs of exported models, in a process that has TensorFlow and NumPy, and neither kerasnd nor Keras.

    python -I kerasnd/serving/replay.py saved_models/NAME/1 ...

Stands alone: it may be copied beside a served model. Prints a line of JSON for each folder; exits 1 where one is wrong.
"""
import hashlib
import json
import os
import sys
from pathlib import Path

EXTRA = "assets.extra"      # what TensorFlow Serving leaves alone beside its own files
GOLDEN, MANIFEST = f"{EXTRA}/golden.npz", f"{EXTRA}/manifest.json"
RELATIVE, FLOOR = 1e-5, 1e-6    # of a score, and of the median score's size; reconstructions: of the largest value's size
ABSENT = ("kerasnd", "keras", "tf_keras", "keras_hub")


class Wrong(Exception):
    """A model is not what was exported; the text is one line."""


def sha256(path):
    """str, the digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_files(folder):
    """Raises Wrong where a file of the manifest is missing or has changed."""
    try:
        files = json.loads((folder / MANIFEST).read_text())["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise Wrong(f"{MANIFEST} is missing or damaged ({type(error).__name__})") from error
    for name, digest in files.items():
        if not (folder / name).is_file():
            raise Wrong(f"{name} is missing")
        if sha256(folder / name) != digest:
            raise Wrong(f"{name} has changed since it was exported")


def p_values(held_out, score):
    """float64 (n,), of finite scores, by the ascending ones of held-out normals."""
    return (1 + len(held_out) - held_out.searchsorted(score, side="left")) / (len(held_out) + 1)


def cases(golden):
    """Yields (signature, {input: array}, {output: array}) of a golden file's arrays."""
    import numpy as np
    for number in range(int(golden["cases"])):
        name, inputs, outputs = str(golden[f"{number}/signature"]), {}, {}
        for key in golden:
            words = key.split("/")
            if words[:2] == [str(number), "in"]:
                inputs[words[2]] = golden[key]
            elif words[:2] == [str(number), "out"]:
                outputs[words[2]] = golden[key]
        if "image_bytes" in inputs:     # kept as one row of bytes: an array of objects would need pickle
            ends = np.cumsum(golden[f"{number}/lengths"])
            row = inputs["image_bytes"].tobytes()
            inputs["image_bytes"] = np.array([row[end - n:end] for n, end in zip(golden[f"{number}/lengths"], ends)], object)
        yield name, inputs, outputs


def judged(golden, name, inputs, found, expected):
    """float, the largest deviation of the scores of one batch, of what they may deviate.

    Raises:
        Wrong: an output is not what was expected.
    """
    import numpy as np
    if set(found) != set(expected):
        raise Wrong(f"{name} answers {', '.join(sorted(found))} where {', '.join(sorted(expected))} were exported")
    for output, value in expected.items():
        if found[output].shape != value.shape or found[output].dtype != value.dtype:
            raise Wrong(f"{name} answers `{output}` as {found[output].dtype} {found[output].shape} where it was {value.dtype} "
                        f"{value.shape}")
    if "reconstruction" in expected:
        was = expected["reconstruction"].astype(np.float64)
        off = np.abs(found["reconstruction"] - was) / (RELATIVE * max(np.abs(was).max(initial=0), 1e-30))
        if not off.max(initial=0) <= 1:
            raise Wrong(f"{name} of {len(was)} examples answers other values, {off.max() * RELATIVE:.2g} of the largest off")
        return float(off.max(initial=0))
    score, was = found["score"].astype(np.float64), expected["score"].astype(np.float64)
    may = RELATIVE * np.abs(was) + FLOOR * float(golden["scale"])
    off = np.abs(score - was) / may
    if not (off <= 1).all():
        at = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        raise Wrong(f"{name} scores example {at} of {len(was)} {score[at]:.7g} where it was {was[at]:.7g}")
    # A score that moves by its rounding may pass a held-out one, and a p-value with it; by no more than that.
    held_out, p_value = golden["held_out"], found["p_value"]
    least, most = (p_values(held_out.astype(np.float64), was + sign * may) for sign in (1, -1))
    strange = (p_value < least - 1e-6) | (p_value > most + 1e-6)
    if strange.any():
        at = int(np.argmax(strange))
        raise Wrong(f"{name} gives example {at} of {len(was)} the p-value {p_value[at]:.7g} where it was "
                    f"{expected['p_value'][at]:.7g}")
    alpha = inputs.get("alpha", golden["alpha"]).astype(np.float32)
    flipped = (found["is_novel"] != (p_value <= alpha)) | ((found["is_novel"] != expected["is_novel"])
                                                           & (p_value == expected["p_value"]))
    if flipped.any():
        at = int(np.argmax(flipped))
        raise Wrong(f"{name} calls example {at} of {len(was)} {'novel' if found['is_novel'][at] else 'normal'} at p-value "
                    f"{p_value[at]:.7g}, which it was not")
    return float(off.max(initial=0))


def check(folder):
    """Loads a model from the disk and replays its golden inputs.

    Args:
        folder: Path, of one version.

    Returns:
        dict: signatures, batches, examples, worst (largest deviation of a score or value, of what is allowed).

    Raises:
        Wrong: a file is missing or has changed, the model cannot be loaded, an answer differs.
    """
    import numpy as np
    import tensorflow as tf
    check_files(folder)
    try:
        with np.load(folder / GOLDEN, allow_pickle=False) as file:
            golden = {name: file[name] for name in file.files}
        batches = list(cases(golden))
    except Exception as error:      # whatever zip and NumPy say of half a file
        raise Wrong(f"{GOLDEN} cannot be read ({type(error).__name__})") from error
    try:
        model = tf.saved_model.load(str(folder))
    except Exception as error:
        raise Wrong(f"TensorFlow cannot load it: {' '.join(str(error).split())[:200]}") from error
    worst = examples = 0
    for name, inputs, expected in batches:
        if name not in model.signatures:
            raise Wrong(f"the signature {name} is missing")
        try:
            found = model.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        except Exception as error:
            raise Wrong(f"{name} fails: {' '.join(str(error).split())[:200]}") from error
        worst = max(worst, judged(golden, name, inputs, {key: value.numpy() for key, value in found.items()}, expected))
        examples += len(next(iter(expected.values())))
    loaded = [name for name in ABSENT if sys.modules.get(name) is not None]
    if loaded and __name__ == "__main__":
        raise Wrong(f"it made TensorFlow import {loaded[0]}")
    return {"signatures": sorted({name for name, _, _ in batches}), "batches": len(batches), "examples": examples, "worst": worst}


def main(folders):
    """Returns the exit code."""
    # An import of these now fails as where they are not installed.
    sys.modules.update(dict.fromkeys(ABSENT))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""     # as exports are made
    code = 0
    for folder in folders:
        try:
            told = check(Path(folder))
        except Wrong as error:
            code, told = 1, {"wrong": str(error)}
        print(json.dumps({"model": folder, **told}), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
