"""Many runs as one HTML file: the table, a section for every run, and for some the evidence, which needs their models and data."""
import shlex

import numpy as np
from absl import logging

from kerasnd import evidence, metrics, overrides, page, report, report_comparison
from kerasnd.atomic import whole
from kerasnd.folder import METRICS, SCORES, RunFolder, read_json
from kerasnd.progress import Pass

EVIDENCE = 24       # runs whose models are asked, where nothing else is said


def write(folder, to, evidence_of=EVIDENCE, data_dir=None, command=()):
    """Writes the page, whole or not at all.

    Args:
        folder: str or Path that holds run folders at any depth.
        to: str or Path of the .html.
        evidence_of: int >= 0, so many runs at most are loaded, with their data, for images, maps, neighbours and latency: the first
            seed of every row of the table and every normal class, in the table's order.
        data_dir: path of prepared TFDS sets; None: where each run found them.
        command: sequence of str, shown in the page.

    Returns:
        tuple of str, the remarks, as `report.write`.

    Raises:
        Misuse, BadData: as `report.gathered`. OSError: `to` cannot be written.
    """
    rows, remarks = report.gathered(folder)
    rows = ordered(rows)
    asked, kept, seen, runs = set(chosen(rows, evidence_of)), {}, Pass("gathering the evidence", min(evidence_of, len(rows))), []
    for place, row in enumerate(rows):
        run = _read(row)
        if place in asked:
            run["evidence"] = _evidence(row, data_dir, kept)
            seen.add(1)
        else:
            run["without"] = ("Of this run only the scores are shown: models are asked for the first seed of a class, of at most "
                              f"{evidence_of} runs (--evidence).")
        runs.append(run)
    summary = report.table(rows)
    compared, told = report_comparison.comparisons(summary)
    remarks += told
    extra = [("Comparison", page.comparisons(compared))] if compared else []
    text = page.document(summary, remarks, runs, "Novelty detection: results", shlex.join(command), extra)
    with whole(to) as partial:
        partial.write_text(text, "utf-8")
    print(f"{to}: {len(runs)} runs, {len(text.encode()) / 1e6:.2f} MB")
    return remarks


def ordered(rows):
    """The rows of runs in the order of the table's, then by class and seed."""
    return sorted(rows, key=lambda row: [*(report.natural(row[name]) for name in report.ROW), sorted(row["settings"].items()),
                                         report.natural(row["normal"]), row["seed"]])


def chosen(rows, most):
    """list of int, places of the runs whose models are asked: first seeds, at most so many, those of the first classes before others.

    Args:
        rows: list of dict, as from `ordered`.
        most: int.
    """
    first, classes = {}, {}
    for place, row in enumerate(rows):
        family = str([row[name] for name in (*report.ROW, "settings")])
        if (family, row["normal"]) not in first:
            first[family, row["normal"]] = (classes.setdefault(family, 0), place)
            classes[family] += 1
    return sorted(place for _, place in sorted(first.values())[:most])


def _read(row):
    folder = RunFolder(row["run"])
    record = folder.record()
    with np.load(folder / SCORES, allow_pickle=False) as file:
        label, score = file["label"], file["score"]
        if "times" in file:
            label, score = metrics.repeated(file["times"], label, score)
    return {"row": row, "record": record, "metrics": read_json(folder / METRICS), "label": label, "score": score, "evidence": None,
            "config": list(overrides.leaves(record["config"]).items())}


def _evidence(row, data_dir, kept):
    try:
        return evidence.gather(row["run"], data_dir, kept)
    except Exception as error:      # one run, of whatever age and of networks of whoever's, must not end the report
        logging.warning("%s: no evidence, %s: %s", row["run"], type(error).__name__, error)
        return {"problem": f"Its evidence could not be gathered: {type(error).__name__}."}
