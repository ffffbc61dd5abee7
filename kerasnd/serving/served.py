"""Calibrated detectors for TensorFlow Serving: exported, replayed from the disk by another process, and only then there."""
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasnd import calibration
from kerasnd.calibration import Verdict
from kerasnd.detector import Detector
from kerasnd.errors import Misuse
from kerasnd.serving import card, golden, replay, signatures, verifying, versions, warmup


def export(model, to, alpha=None, *, examples=None, dtype=None, white=None, block_mean=False, calibrated_on="", licence="",
           about=None, sizes=golden.SIZES):
    """Writes a calibrated detector as the next version of a served model, and replays it from the disk before it counts.

    Args:
        model: kerasnd.Verdict, of `kerasnd.calibrate`.
        to: path of the model's folder; the version goes to `to/<n + 1>`.
        alpha: float in (0, 1), in place of the Verdict's own; None: its own.
        examples: array (n, ...) of raw examples, for the golden inputs; none that calibrated. None: noise over the training range.
        dtype: str, of the raw values that it was trained on, "uint8", "uint16" or "float32"; None: that of `examples`, else uint8.
        white: float, the raw value of a pixel of 255 in a file's image where it was trained on floats; None: the largest training
            value where the preprocessing knows it, else 255.
        block_mean: bool, how files' images are resized, see `kerasnd.data.resizing.resize`.
        calibrated_on: str, where the held-out normals are from, for the model card.
        licence: str, of the weights, for the model card.
        about: dict, more for the model card: data, protocol, metrics, command.
        sizes: ints, of the golden batches.

    Returns:
        Path of the version's folder. It loads with `tf.saved_model.load` where neither kerasnd nor Keras is installed.

    Raises:
        Misuse: a detector without calibration; alpha too small for it; a score outside the graph. BadData: the disk is at fault, or
            the model on it does not answer as the one in memory. Then nothing is left.
    """
    with versions.next_version(to) as (folder, made):
        write(model, folder, alpha, examples=examples, dtype=dtype, white=white, block_mean=block_mean, calibrated_on=calibrated_on,
              licence=licence, about=about, sizes=sizes, name=Path(to).name)
        verifying.verify(folder)
    return made[0]


def write(model, folder, alpha=None, *, examples=None, dtype=None, white=None, block_mean=False, calibrated_on="", licence="",
          about=None, sizes=golden.SIZES, name="model"):
    """Fills an empty folder as `export` does, without the replay; `name` is the model's. Args, Raises: as there."""
    verdict = plain(calibrated(model, alpha))
    how = pixels(verdict.detector.normalizer, dtype or getattr(examples, "dtype", "uint8"), white, block_mean)
    concrete = signatures.traced(signatures.functions(verdict, how))
    signatures.save(concrete, folder)
    (folder / replay.EXTRA).mkdir(exist_ok=True)
    batches = golden.inputs(verdict.detector, examples, concrete, how, sizes)
    golden.write(folder / replay.GOLDEN, verdict, batches, how)
    card.write(folder, card.about(verdict, signatures.described(concrete), how, calibrated_on, licence, about))
    warmup.write(folder / warmup.FILE, name, batches)
    card.write_manifest(folder)


def calibrated(model, alpha=None):
    """The Verdict that is meant. Raises Misuse where there is none, or its alpha is too small for its calibration."""
    if isinstance(model, Detector):
        raise Misuse(f"`model` must be calibrated before it is served. Received: a {type(model).__name__}. Call "
                     "kerasnd.calibrate(detector, x_held_out_normal) and export what it returns.")
    if not isinstance(model, Verdict):
        raise Misuse(f"`model` must be what kerasnd.calibrate returns. Received: a {type(model).__name__}.")
    n = len(model.held_out.numpy())
    calibration.check(model.alpha if alpha is None else alpha, n)
    return model if alpha is None else model.at(alpha)


def plain(verdict):
    """The same Verdict, on this machine's processor alone: a copy of one that has replicas or may use a GPU.

    What a GPU computes differs in the last bits, and the process that replays must not need the memory that this one holds.
    """
    strategy = verdict.detector.distribute_strategy
    if strategy.num_replicas_in_sync == 1 and not tf.config.list_logical_devices("GPU"):
        return verdict
    with tempfile.TemporaryDirectory() as folder, tf.device("CPU:0"):
        verdict.save(Path(folder) / "verdict.keras")
        return keras.models.load_model(Path(folder) / "verdict.keras")


def pixels(normalizer, dtype, white=None, block_mean=False):
    """signatures.Pixels for a detector of raw values of a type; see `export`."""
    dtype = np.dtype(dtype)
    if dtype == np.uint16 or dtype == np.uint8:
        return signatures.Pixels(16 if dtype == np.uint16 else 8, white, block_mean)
    if white is None and normalizer.scaling in ("unit", "minmax"):
        factor = normalizer.factor.numpy()
        white = float(np.max(normalizer.offset.numpy() + 1 / np.where(factor, factor, 1)))
    return signatures.Pixels(8, white, block_mean)
