"""New examples from a finished run, in a file that any run can take as its outliers."""
import zipfile
from pathlib import Path

import numpy as np

from kerasnd import devices, figures, saving
from kerasnd.atomic import whole
from kerasnd.errors import Misuse
from kerasnd.folder import DETECTOR, RunFolder
from kerasnd.methods import METHODS, method
from kerasnd.progress import Pass

SHOWN = 64          # images in the picture beside the file


def generate(run, n, to, seed=0, device="auto", threads=0):
    """Writes examples drawn from noise as `x` of an .npz file, all of class 0 in its `y`; beside it a picture of the first images.

    Args:
        run: path of a finished run's folder, of a method that draws (gpnd, vae).
        n: int >= 1, how many; the first ones of a seed are the same whatever n.
        to: path of the .npz, written whole or not at all; values have the type and range that the run was trained on.
        seed: int >= 0.
        device, threads: as the flags. The precision is the run's.

    Returns:
        Path of the .npz.

    Raises:
        Misuse: the run is not finished, or of a method that draws nothing; a number out of its range.
    """
    folder, to = RunFolder(run), Path(to)
    record = folder.finished_record()
    if not hasattr(method(record["method"]), "samples"):
        draw = ", ".join(name for name in METHODS if hasattr(method(name), "samples"))
        raise Misuse(f"`--run` must be of a method that draws examples: {draw}. Received: {folder.path} of "
                     f"{record['method']}. Train one of them.")
    devices.prepare("none", device=device, threads=threads, precision=record["config"].get("precision", "float32"))
    detector = saving.load(folder / DETECTOR)
    dtype, shape = np.dtype(record.get("examples", {}).get("dtype", "float32")), detector.normalizer.example_shape
    seen, first = Pass("drawing", n), []
    with whole(to) as temporary:
        # Batch by batch into the archive: a million images need not lie in memory.
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            with archive.open("x.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False,
                                                            "shape": (n, *shape)})
                for batch in detector.samples(n, seed):
                    batch = typed(batch, dtype)
                    file.write(batch.tobytes())
                    first += list(batch[:SHOWN - len(first)])
                    seen.add(len(batch))
            with archive.open("y.npy", "w") as file:
                np.lib.format.write_array(file, np.zeros(n, np.int8))
    told = f"{n} examples in {to}"
    if len(shape) == 3:
        picture = to.with_suffix(".png")
        figures.samples(np.stack(first), picture, f"drawn from noise by {record['method']}, seed {seed}")
        told += f", the first {len(first)} in {picture}"
    print(told)
    return to


def typed(x, dtype):
    """Values of a type, whole numbers rounded and within its range."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        x = np.clip(np.round(x), limits.min, limits.max)
    return np.ascontiguousarray(x, dtype)
