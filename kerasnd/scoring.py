"""A finished run set to work: own, unlabelled data in, a table of scores, p-values and verdicts out."""
import csv

from kerasnd import devices, examples, held_out, judging, saving
from kerasnd.atomic import whole
from kerasnd.data import unlabelled
from kerasnd.errors import BadData
from kerasnd.folder import DETECTOR, RunFolder
from kerasnd.verdicts import Verdicts


def score(run, input, output, label_column=None, skip_unreadable=False, device="auto", threads=0, alpha=None, calibration=None):
    """Scores own, unlabelled data: a .csv of path, score, p_value, is_novel.

    Args:
        run: path of a finished run's folder.
        input: path of an image, a folder of images (searched to any depth), .npz, .mat or .csv.
        output: path of the .csv, written whole or not at all; `path` holds a row number where examples have no file of their own.
        label_column: str or None, a column of a .csv that is no feature; None: the training's, where the file has it. The other
            columns are the training's by name, in any order.
        skip_unreadable: bool, leave broken images out instead of refusing.
        device, threads: as the flags. The precision is the run's.
        alpha: float in (0, 1), share of normals that may be called novel; None: 0.05 where there are held-out normals enough.
        calibration: path of normals that were not trained on, as `input`; None: those that the run held out, if any.

    Returns:
        int, the examples scored.

    Raises:
        Misuse: the run is not finished, the examples do not fit it, or alpha is too small. BadData: a file is damaged, or there is
            no example.
    """
    folder = RunFolder(run)
    record = folder.finished_record()
    devices.prepare("none", device=device, threads=threads, precision=record["config"].get("precision", "float32"))
    detector = saving.load(folder / DETECTOR)

    def load(path, argument):
        pool = _load(record, detector, path, argument, label_column, skip_unreadable)
        return pool, judging.scores(detector, pool.x)
    known = held_out.scores(folder) if calibration is None else load(calibration, "calibration")[1]
    verdicts = Verdicts(known, alpha)
    pool, found = load(input, "input")
    print(verdicts.told)
    with whole(output) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "score", "p_value", "is_novel"))
        names = range(len(found)) if pool.paths is None else pool.paths
        rows.writerows(zip(names, (f"{each:.9g}" for each in found), *verdicts.columns(found)))
    print(f"{len(found)} scores in {output}" + (f", {len(pool.skipped)} files left out" if pool.skipped else ""))
    return len(found)


def _load(record, detector, path, argument, label_column, skip_unreadable):
    shape, config = detector.normalizer.example_shape, record["config"]
    pool = unlabelled.load_unlabelled(
        path, size=config["source"].get("size"), channels=shape[-1] if len(shape) == 3 and shape[-1] in (1, 3) else None,
        label_column=label_column, skip_unreadable=skip_unreadable, schema=record.get("examples", {}).get("schema"),
        block_mean=record.get("examples", {}).get("block_mean", False), **config.get("batches", {}))
    examples.tell_skipped(pool)
    if not len(pool.category):
        raise BadData(f"`{argument}` must have an example to score. Received: {path}, of which {len(pool.skipped)} were left out.")
    examples.check_fit(record, shape, pool, argument)
    return pool
