"""A finished run as a served model: its detector, a calibration, golden examples from its test part."""
import shlex

import numpy as np
from absl import logging

from kerasnd import arguments, devices, examples, judging, saving, scoring
from kerasnd.calibration import Verdict, check
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import DETECTOR, METRICS, RunFolder, read_json
from kerasnd.held_out import scores as kept
from kerasnd.serving import formats, golden, served

IN_SAMPLE = "normals of the test part: its false-alarm rate there is in-sample"


def export(run, to, alpha=0.05, calibration="", data_dir=None, label_column=None, licence="", white=None, threads=0, command=(),
           format="saved_model"):
    """Writes a run's detector as the next version of a served model; see `served.export`.

    The normals that calibrate it are those of `calibration`; else those that the run held out; else those of its validation part;
    else those of its test part, with a warning.

    Args:
        run: path of a finished run's folder.
        to: path of the model's folder.
        alpha: float in (0, 1), share of normals that may be called novel.
        calibration: path of normals that were not trained on, as `runs.score` takes them; "": none.
        data_dir: path of prepared TFDS sets; None: where the run found them.
        label_column: str or None, of `calibration`, as in `runs.score`.
        licence: str, of the weights, for the model card.
        white: float or None, as in `served.export`.
        threads: as the flag. Exported is on the CPU, in the run's precision.
        command: sequence of str, kept in the model card.
        format: "saved_model"; or "litert" or "onnx", where `to` is a file (see `formats.export`).

    Returns:
        Path of the version's folder, or of the file.

    Raises:
        Misuse: the run is not finished, the normals are too few for `alpha` or do not fit it. BadData: a file is damaged; the
            model on the disk does not answer as the one in memory.
    """
    arguments.number("alpha", alpha, above=0, below=1)
    folder = RunFolder(run)
    record = folder.finished_record()
    config = record["config"]
    devices.prepare("none", device="cpu", threads=threads, precision=config.get("precision", "float32"))
    detector = saving.load(folder / DETECTOR)
    if calibration:
        held_out, told = scoring.of_normals(detector, record, calibration, label_column), f"normals of {calibration}"
    else:
        held_out, told = kept(folder), "normals that the run held out"
    data, why = _data(config, data_dir or record.get("data_dir"), record)
    if held_out is None:
        if data is None:
            raise Misuse(f"`--calibration` must be given where the run's own examples are not to be had. Received: none, and {why}")
        held_out, told = _own(detector, *data)
    check(alpha, len(held_out))
    if told == IN_SAMPLE:
        logging.warning("calibrated on the %s. --calibration=FILE_OR_FOLDER of other normals gives an honest one.", told)
    shown = None
    if data is None:
        logging.warning("golden inputs are noise, since the run's own examples are not to be had: %s", why)
    else:
        shown = _shown(*data, told)
    like = record.get("examples", {})
    verdict = Verdict.of(detector, held_out, alpha)
    if format != "saved_model":
        formats.export(verdict, to, format, examples=shown, dtype=like.get("dtype"))
        print(f"{to}: calibrated on {len(held_out)} {told}; it answers as the model in memory")
        return to
    version = served.export(
        verdict, to, examples=shown, dtype=like.get("dtype"), white=white,
        block_mean=like.get("block_mean", False), calibrated_on=told, licence=licence, about=_about(folder, record, command))
    print(f"{version}: calibrated on {len(held_out)} {told}; replayed from the disk by a process without kerasnd and Keras")
    return version


def _data(config, data_dir, record):
    """((Pool, Split), "") of the run, or (None, why not)."""
    try:
        return examples.split(config, data_dir, record.get("examples", {}).get("schema")), ""
    except (Misuse, BadData, OSError) as error:
        return None, str(error)


def _own(detector, pool, split):
    """(scores, told) of the run's validation part or, where it has none, of its test part."""
    for part, label, told in ((split.validation, split.validation_label, "normals of the validation part"),
                              (split.test, split.label, IN_SAMPLE)):
        normals = part[label == 0]
        if len(normals):
            return judging.scores(detector, examples.take(pool.x, normals), "scoring the normals that calibrate"), told
    raise Misuse("`--calibration` must be given: the run's protocol judges no normals. Received: none.")


def _shown(pool, split, told):
    """array, test examples for the golden inputs, none of which calibrated; None where there are none."""
    at = split.test[split.label == 1] if told == IN_SAMPLE else split.test
    at = at[np.unique(np.linspace(0, len(at) - 1, max(golden.SIZES)).astype(np.int64))] if len(at) else at
    return examples.some(pool.x, at) if len(at) else None


def _about(folder, record, command):
    """dict, what the model card tells of the training."""
    config, like = record["config"], record.get("examples", {})
    found = {"data": {"name": config["source"]["name"], "normal": config["normal"], "outliers": config.get("outliers", ""),
                      "shape": like.get("shape"), "dtype": like.get("dtype")},
             "protocol": record["protocol"], "seed": config["seed"], "stages": [each["method"] for each in config["stages"]],
             "trained_with": record.get("versions", {}), "trained_by": shlex.join(record.get("command", ())),
             "command": shlex.join(command)}
    metrics = read_json(folder / METRICS)
    return {**found, "metrics": {name: value for name, value in metrics.items() if name != "judged"},
            **({"judged_on": metrics["judged"]} if metrics.get("judged") else {})}
