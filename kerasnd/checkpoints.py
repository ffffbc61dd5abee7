"""Checkpoints of a training: everything that the next step depends on, in one file that is whole or not there."""
import json
import time
import zipfile
import zlib

import keras
import numpy as np

from kerasnd.atomic import whole
from kerasnd.errors import BadData
from kerasnd.folder import AGAIN

DAMAGE = (ValueError, LookupError, OSError, EOFError, zipfile.BadZipFile, zlib.error)


def variables(detector):
    """Every variable that training goes on from: weights, seeds of noise layers, optimisers, what only training needs."""
    if detector is None:
        return []
    kept = list(detector.variables)
    for optimizer in detector.player_optimizers.values():
        kept += optimizer.variables
    return kept + list(detector.resume_variables)


def save(path, detector, progress):
    """Writes the state.

    Args:
        path: of the .npz file.
        detector: compiled; None between stages.
        progress: plain values (stage, epochs done, seconds), read back by `progress_of`.
    """
    values = {f"{i:05d}": np.asarray(variable) for i, variable in enumerate(variables(detector))}
    # bfloat16 is no type of the .npy format
    values = {name: value if value.dtype.kind != "V" else value.astype(np.float32) for name, value in values.items()}
    with whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, progress=np.array(json.dumps(progress)), **values)


def progress_of(path):
    """The `progress` of a checkpoint, or None where there is none.

    Raises:
        BadData: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            progress = json.loads(str(file["progress"]))
        return {"stage": int(progress["stage"]), "epoch": int(progress["epoch"]), "seconds": float(progress["seconds"]),
                "before": list(progress["before"]), "told": list(progress.get("told", []))}
    except (*DAMAGE, TypeError) as error:
        raise BadData(f"{path} cannot be read: {error}. {AGAIN}") from error


def restore(path, detector):
    """Puts the state back into a detector built and compiled in the same way.

    Raises:
        BadData: the file is damaged or of another network.
    """
    kept = variables(detector)
    try:
        with np.load(path, allow_pickle=False) as file:
            values = [file[name] for name in sorted(set(file.files) - {"progress"})]
    except DAMAGE as error:
        raise BadData(f"{path} cannot be read: {error}. {AGAIN}") from error
    if [tuple(v.shape) for v in kept] != [v.shape for v in values]:
        raise BadData(f"{path} is of another network ({len(values)} variables for {len(kept)}). {AGAIN}")
    for variable, value in zip(kept, values):
        variable.assign(value)


class Checkpoint(keras.callbacks.Callback):
    """Saves after epochs, at most a fiftieth of the time.

    Args:
        path: of the .npz file.
        progress: dict, of which `epoch` (epochs done) and `seconds` (of training, over all attempts) are kept up to date.
    """

    def __init__(self, path, progress):
        super().__init__()
        self.path, self.progress = path, dict(progress)
        self.due = 0.0

    def on_train_begin(self, logs=None):
        self.began = time.monotonic() - self.progress["seconds"]

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        self.progress.update(epoch=epoch + 1, seconds=now - self.began)
        if now >= self.due:
            save(self.path, self.model, self.progress)
            self.due = time.monotonic() + 50 * (time.monotonic() - now)
