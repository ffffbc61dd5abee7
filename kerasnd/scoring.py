"""A finished run set to work: own, unlabelled data in, a table of scores, p-values and verdicts out."""
import contextlib
import hashlib

import numpy as np
import tensorflow as tf
from absl import logging

from kerasnd import cluster, devices, examples, held_out, saving
from kerasnd.data import unlabelled
from kerasnd.data.pieces import ahead
from kerasnd.errors import BadData, naming
from kerasnd.folder import DETECTOR, RunFolder
from kerasnd.growing import GrowingTable
from kerasnd.progress import Pass
from kerasnd.suggesting import Suggestions
from kerasnd.verdicts import Verdicts

HEADER = ("path", "score", "p_value", "is_novel", "error")
TOLD = 10       # so many rows that could not be read are named in the log; all are in the table


def score(run, input, output, label_column=None, skip_unreadable=False, device="auto", threads=0, alpha=None, calibration=None,
          suggest=None, engine="local", address=None):
    """Scores own, unlabelled data, of any size: a .csv of path, score, p_value, is_novel, error, in the order of the input.

    The input is read piece by piece, while the last piece is scored. A process that was killed leaves what it wrote in a hidden
    file beside `output`; the same call goes on there, and ends in the same table.

    Args:
        run: path of a finished run's folder.
        input: path of an image, a folder of images (searched to any depth), TFRecords of images, .npz, .mat or .csv.
        output: path of the .csv, written whole or not at all; `path` holds a row number where examples have no file of their own.
        label_column: str or None, a column of a .csv that is no feature; None: the training's, where the file has it. The other
            columns are the training's by name, in any order.
        skip_unreadable: bool, leave out what cannot be read; else it has a row without a score, and `error` says why.
        device, threads: as the flags. The precision is the run's.
        alpha: float in (0, 1), share of normals that may be called novel; None: 0.05 where there are held-out normals enough.
        calibration: path of normals that were not trained on, as `input`; None: those that the run held out, if any.
        suggest: int >= 1, so many training examples without a label, among the input, are named in NAME.suggested.csv beside
            `output` as the most worth one (see `suggesting`); None: none.
        engine: "local", or "ray": workers of a Ray cluster read, decode and score, `threads` each (0: one each, on all its cores).
            The table is the same, also where one engine goes on with what the other began; with other `threads` than there the
            last digit of a score may be another.
        address: of the cluster, as `cluster.connect`.

    Returns:
        int, the examples scored.

    Raises:
        Misuse: the run is not finished, the examples do not fit it, or alpha is too small; as `Suggestions`. BadData: nothing can
            be read, or not to the end, or not on every node of the cluster. Misuse, BadData: there is no such cluster.
    """
    cluster.check(engine, address)
    folder = RunFolder(run)
    record = folder.finished_record()
    precision = record["config"].get("precision", "float32")
    # With Ray this process only writes: the GPU that is asked for may be another node's.
    mine = "auto" if (engine, device) == ("ray", "gpu") else device
    devices.prepare("none", device=mine, threads=threads, precision=precision)
    detector = saving.load(folder / DETECTOR)
    compiled = tf.function(detector.score, reduce_retracing=True)
    known = held_out.scores(folder)
    if calibration is not None:
        known = of_normals(detector, record, calibration, label_column, compiled)
    verdicts = Verdicts(known, alpha)
    data = _opened(record, detector, input, "input", label_column)
    suggestions = None if suggest is None else Suggestions(record, data, output, suggest)
    print(verdicts.told, flush=True)
    identity = [_digest(folder / DETECTOR), data.path, data.identity, verdicts.identity, skip_unreadable, label_column, HEADER]
    with GrowingTable(output, HEADER, identity) as table, (
            contextlib.nullcontext(here(compiled, data)) if engine == "local" else
            _on_cluster(address, folder / DETECTOR, data, precision, device, threads)) as passing:
        if table.done["rows"]:
            print(f"going on behind row {table.done['rows']}, where this was interrupted", flush=True)
        fill(table, passing, data, verdicts, skip_unreadable)
        scored, failed = table.done.get("scored", 0), table.done.get("failed", 0)
        if not scored:
            table.discard()
            _refuse_nothing(scored, data, "input")
        # What is suggested depends on the whole table: a process that is killed here goes on here.
        with suggestions.kept(detector, table.partial) if suggestions else contextlib.nullcontext():
            table.finish()
    left = "left out" if skip_unreadable else "without one: their column `error` says why"
    print(f"{scored} scores in {output}" + (f", {failed} {left}" if failed else ""))
    return scored


def of_normals(detector, record, path, label_column=None, compiled=None):
    """Scores of normals that a user names, to calibrate by.

    Args:
        detector: of a run.
        record: dict, of the run.
        path: of normals that were not trained on, as the input of `score`. What cannot be read is named and left out.
        label_column: as in `score`.
        compiled: callable, raw x (k, ...) -> float32 tensor (k,), the scores; None: made of the detector.

    Returns:
        float32 (m,), m >= 1.

    Raises:
        Misuse: they do not fit the run. BadData: none can be read.
    """
    compiled = compiled or tf.function(detector.score, reduce_retracing=True)
    data, scores, failed = _opened(record, detector, path, "calibration", label_column), [], 0
    for piece, found in _shown(here(compiled, data), data, "calibration"):
        scores.append(found)
        failed += len(piece.failures)
        _tell(data, piece, failed)
    _refuse_nothing(sum(map(len, scores)), data, "calibration")
    return np.concatenate(scores)


def here(compiled, data):
    """What scores an input in this process.

    Args:
        compiled: callable, raw x (k, ...) -> float32 tensor (k,), the scores.
        data: kerasnd.data.pieces.Input.

    Returns:
        callable, row -> iterable of (Piece, float32 (k,) scores of what could be read) from that row on.
    """
    return lambda start: ((piece, piece.scores(compiled)) for piece in ahead(data.pieces(start)))


@contextlib.contextmanager
def _on_cluster(address, detector, data, *machine):
    """Yields what scores an input on a Ray cluster, as `here`."""
    from kerasnd import scoring_ray

    with cluster.connect(address) as ray:
        workers = scoring_ray.Workers(ray, detector, data, *machine)
        yield workers.scored
        print(f"read and scored on {len(workers.rows)} node{'s' * (len(workers.rows) != 1)} of the cluster", flush=True)


def fill(table, passing, data, verdicts, skip_unreadable=False):
    """Scores what a table lacks of an input.

    Args:
        table: GrowingTable of `HEADER`, entered.
        passing: callable, as `here` returns.
        data: kerasnd.data.pieces.Input.
        verdicts: Verdicts.
        skip_unreadable: bool, as in `score`.
    """
    for piece, found in _shown(passing, data, "scoring", table.done["rows"]):
        table.add(_rows(data, piece, found, verdicts, skip_unreadable), piece.n, scored=len(found), failed=len(piece.failures))
        _tell(data, piece, table.done["failed"])


def _opened(record, detector, path, argument, label_column):
    shape, config, trained = detector.normalizer.example_shape, record["config"], record.get("examples", {})
    data = unlabelled.load(
        path, like=(shape, np.dtype(trained.get("dtype", "uint8"))), size=config["source"].get("size"),
        channels=shape[-1] if len(shape) == 3 and shape[-1] in (1, 3) else None, label_column=label_column,
        schema=trained.get("schema"), block_mean=trained.get("block_mean", False), argument=argument)
    examples.check_fit(record, shape, data.shape, data.dtype, argument)
    return data


def _shown(passing, data, title, start=0):
    """Yields what `passing` does, with a bar."""
    seen = Pass(title, data.n, start)
    with naming("input" if title == "scoring" else title):
        for piece, found in passing(start):
            yield piece, found
            seen.add(piece.n)


def _rows(data, piece, found, verdicts, skip_unreadable):
    """Yields the rows of a piece, in the order of the input."""
    cells = dict(zip(piece.place.tolist(), zip((f"{each:.9g}" for each in found), *verdicts.columns(found))))
    for place in range(piece.n):
        if place in cells:
            yield data.name(piece.first + place), *cells[place], ""
        elif not skip_unreadable:
            yield data.name(piece.first + place), "", "", "", piece.failures[place]


def _tell(data, piece, failed):
    """Logs the first rows that could not be read, of `failed` so far."""
    before = failed - len(piece.failures)
    for count, (place, reason) in enumerate(piece.failures.items(), before):
        if count < TOLD:
            logging.warning("no score for %s: %s", data.name(piece.first + place), reason)


def _refuse_nothing(scored, data, argument):
    if not scored:
        raise BadData(f"`{argument}` must have an example to score. Received: {data.path}, of which nothing can be read.")


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
