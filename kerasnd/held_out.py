"""What a run keeps of its held-out normals: their scores, by which any later score becomes a p-value."""
import numpy as np

from kerasnd import examples, judging
from kerasnd.atomic import whole
from kerasnd.errors import BadData
from kerasnd.folder import CALIBRATION


def keep(folder, detector, pool, split):
    """Scores the calibration part of a split and writes calibration.npz: index int64 (c,), score float32 (c,), higher = stranger.

    Args:
        folder: RunFolder, locked.
        detector: as it was read back from the disk.
        pool, split: of the run; without a calibration part no file is left.

    Raises:
        FloatingPointError: a score is NaN or infinite.
    """
    if not len(split.calibration):
        (folder / CALIBRATION).unlink(missing_ok=True)
        return
    score = judging.scores(detector, examples.take(pool.x, split.calibration), "scoring the calibration part")
    strange = np.flatnonzero(~np.isfinite(score))
    if len(strange):
        raise FloatingPointError(f"{len(strange)} of {len(score)} scores of held-out normals are not finite, the first that of "
                                 f"example {split.calibration[strange[0]]}. The detector is kept in {folder.path}.")
    with whole(folder / CALIBRATION) as temporary, open(temporary, "wb") as file:
        np.savez(file, index=split.calibration.astype(np.int64), score=score)


def told(split):
    """{"n_calibration": c} for record and metrics, {} where nothing is held out."""
    return {"n_calibration": len(split.calibration)} if len(split.calibration) else {}


def scores(folder):
    """float32 (c,), the scores of a run's held-out normals, None where it has none. Raises BadData: the file is damaged."""
    path = folder / CALIBRATION
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return file["score"].astype(np.float32)
    except Exception as error:      # zipfile, zlib and NumPy each have their own for half a file
        raise BadData(f"{path} cannot be read: {error}. Write it anew by bin/evaluate --run={folder.path}.") from error
