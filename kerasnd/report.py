"""Many run folders -> one table. Reads config.json, metrics.json and scores.npz of each, never a model.

A row of the table is a data set, a protocol with its options, a method with its variant, and whatever else of
the configs differs between such runs, as other epochs or another lambda. Only runs that differ in nothing but
normal class and seed are averaged. A run that is unfinished, damaged, or there twice is named and left out; one
whose network collapsed is counted and named.
"""
import json
import os
import pathlib
import re
import zipfile
import zlib

import numpy
from absl import logging

from kerasnd import metrics, overrides, report_comparison, report_text
from kerasnd.atomic import whole
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import DETECTOR, METRICS, RECORD, SCORES, RunFolder, read_json
from kerasnd.report_text import JUDGED, ROW, natural

MARKS = {RECORD, METRICS, SCORES, DETECTOR, "log.txt"}      # any of these makes a folder a run folder
USUAL = {"limit": "0", "outliers": "", "hints": "", "negatives": "", "precision": "float32"}     # anything else is always named


def _texts(section):
    """A nested config as {"stages[0].fit.epochs": "20", ...}."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in overrides.leaves(section).items()}


def _described(record):
    """What was run, from the content of a config.json; KeyError and its kin where that lacks something."""
    config, last = record["config"], len(record["config"]["stages"]) - 1
    options = ", ".join(f"{k}={v}" for k, v in sorted(_texts(config["protocol"]).items()) if k != "name")
    told_apart = re.compile(r"seed|normal|(hints|negatives)_sha256|source\.(name|data_dir)|batches\..*|protocol\..*"
                            rf"|stages\[\d+\]\.run|stages\[{last}\]\.(method|model\.objective)")
    return {
        "method": record.get("method") or config["stages"][last]["method"],
        "variant": config["stages"][last].get("model", {}).get("objective") or "",
        "dataset": config["source"]["name"],
        "protocol": record["protocol"]["name"] + (f" ({options})" if options else ""),
        "normal": str(config["normal"]),
        "seed": config["seed"],
        "hash": str(record["protocol"]["hash"]),
        "settings": {name: "given" if name in ("hints", "negatives") and text else text for name, text in _texts(config).items()
                     if not told_apart.fullmatch(name)},
    }


def _judged(numbers, protocol, scores):
    """What came out, from the content of metrics.json, held against config.json's protocol and scores.npz."""
    under = numbers.get("protocol", protocol)
    if isinstance(under, str):
        under = {"name": under, "hash": numbers.get("protocol_hash", protocol.get("hash"))}
    for part, value in under.items():
        if value != protocol.get(part, value):
            raise BadData("it was judged on another test set than its config names: protocol "
                          f"{part} {value}, not {protocol[part]}")
    found = {name: numbers[name] for name in JUDGED if name == "auroc" or numbers.get(name) is not None}
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise BadData(f"{METRICS} has {name}={value}, which is no number in [0, 1]")
    with numpy.load(scores, allow_pickle=False) as archive:
        label, score = archive["label"], archive["score"]
        if "times" in archive:
            if int(archive["times"].sum()) != numbers["n_test"]:        # before a damaged one makes a billion rows
                raise BadData(f"{METRICS} has n_test={numbers['n_test']}, but {SCORES} counts {archive['times'].sum()}")
            label, score = metrics.repeated(archive["times"], label, score)
    truth = {"n_test": len(label), "n_anomalous": int(numpy.sum(label)), "auroc": metrics.auroc(label, score)}
    for name, value in truth.items():
        if abs(numbers[name] - value) > 1e-6:
            raise BadData(f"{METRICS} has {name}={numbers[name]}, but {SCORES} gives {value}")
    interval = [numbers.get(name) for name in ("auroc_low", "auroc_high")]
    return {**found, "interval": interval if None not in interval else None,
            "collapsed": "; ".join(numbers.get("collapsed") or [])}


def _read(place):
    """One run folder as a dict, see `collect`; BadData where it is unfinished or damaged."""
    run = RunFolder(place)
    for name in (RECORD, METRICS, SCORES):
        if not (run / name).is_file():
            raise BadData(f"it is unfinished, without a {name}")
    try:
        record, name = run.record(), RECORD
        row = _described(record)
        name = METRICS + " or " + SCORES
        return {"run": place, **row, **_judged(read_json(run / METRICS), record["protocol"], run / SCORES)}
    except BadData:
        raise
    except Misuse as error:         # of a newer format, or scores that are no scores
        raise BadData(str(error)) from error
    except (LookupError, TypeError, AttributeError, ValueError, OSError, EOFError, zipfile.BadZipFile,
            zlib.error) as error:
        raise BadData(f"its {name} is damaged: {type(error).__name__} {error}") from error


def collect(folder):
    """Reads every run folder below a folder.

    Args:
        folder: str or Path. A run folder is known by any file of `MARKS`; what lies below it belongs to it.

    Returns:
        list of dict, one per run folder, in the order of their paths: run, method, variant ("" = none),
        dataset, protocol (name and options), hash (of its split), normal, seed, settings ({path in the config: text}),
        interval ([low, high] of its AUROC, or None), collapsed (text, "" = it did not), and those of `JUDGED` that the
        run has, floats in [0, 1]. Of a folder that
        cannot be used: run and problem, a text.

    Raises:
        Misuse: `folder` is not a folder.
    """
    if not pathlib.Path(folder).is_dir():
        raise Misuse(f"`folder` must be a folder. Received: folder={str(folder)!r}. Check the path.")
    rows, first = [], {}
    for place, below, files in os.walk(folder):
        below.sort(key=natural)
        if not MARKS.intersection(files):
            continue
        below.clear()
        try:
            row = _read(place)
            same = first.setdefault(json.dumps([row[k] for k in (*ROW, "settings", "normal", "seed")]), place)
            if same != place:
                raise BadData(f"its config, normal class and seed are those of {same}, which counts already")
        except BadData as error:
            row = {"run": place, "problem": str(error).rstrip(".")}
        rows.append(row)
    return rows


def _averages(rows):
    """{metric: (mean, sample standard deviation or None for one run, number of runs with it)}."""
    values = {name: [row[name] for row in rows if name in row] for name in JUDGED}
    return {name: (float(numpy.mean(v)), float(numpy.std(v, ddof=1)) if len(v) > 1 else None, len(v))
            for name, v in values.items() if v}


def table(rows):
    """Averages the runs that differ in nothing but normal class and seed.

    Args:
        rows: list of dict from `collect`; those with a problem are passed over.

    Returns:
        list of dict, sorted: dataset, protocol, method, variant, settings (text: what of the config differs
        from other rows of these four), n_runs, all ({metric: (mean, sample standard deviation or None, number
        of runs with it)}), classes ({normal class: (number of runs, the same over its seeds)}), seeds (standard deviation
        over seeds of the AUROC's mean over classes, or None where a seed lacks a class or is the only one), cells
        ({(normal class, seed): (AUROC, hash of the split, [low, high] or None)}) and hash (of all of its splits).
    """
    families, result = {}, []
    for row in rows:
        if "problem" not in row:
            families.setdefault(tuple(row[name] for name in ROW), []).append(row)
    for family, members in families.items():
        texts = {name: {row["settings"].get(name, USUAL.get(name)) for row in members}
                 for name in sorted({name for row in members for name in row["settings"]}, key=natural)}
        names = [name for name, some in texts.items() if len(some) > 1 or some != {USUAL.get(name, *some)}]
        groups = {}
        for row in members:
            settings = ", ".join(f"{name}={row['settings'].get(name, '(none)')}" for name in names)
            groups.setdefault(settings, []).append(row)
        for settings, group in groups.items():
            normals = sorted({row["normal"] for row in group}, key=natural)
            parts = {normal: [row for row in group if row["normal"] == normal] for normal in normals}
            classes = {normal: (len(part), _averages(part)) for normal, part in parts.items()}
            result.append({**dict(zip(ROW, family)), "settings": settings, "n_runs": len(group),
                           "all": _averages(group), "classes": classes, **_cells(group)})
    return sorted(result, key=lambda row: [natural(row[name]) for name in (*ROW, "settings")])


def gathered(folder):
    """The runs below a folder that can be used, and what is to be said of the others.

    Args:
        folder: str or Path.

    Returns:
        (rows, remarks): list of dict as from `collect`, none of them with a problem; tuple of str, a sentence for each run folder
        that was left out, and for each run that collapsed. They are logged as warnings, too.

    Raises:
        Misuse: `folder` is no folder or holds no run. BadData: there are run folders, but none can be used.
    """
    rows = collect(folder)
    if not rows:
        raise Misuse(f"`folder` must hold run folders. Received: folder={str(folder)!r}. Train first.")
    left_out = tuple(f"{row['run']}: left out, {row['problem']}." for row in rows if "problem" in row)
    if len(left_out) == len(rows):
        raise BadData(f"No run below {str(folder)!r} can be used. The first of {len(rows)} is {left_out[0]}")
    remarks = left_out + tuple(f"{row['run']}: counted, but {row['collapsed'].rstrip('.')}." for row in rows
                               if row.get("collapsed"))
    for line in remarks:
        logging.warning("%s", line)
    return [row for row in rows if "problem" not in row], remarks


def _cells(group):
    cells = {(row["normal"], row["seed"]): (row["auroc"], row["hash"], row["interval"]) for row in group}
    by_seed = {}
    for (normal, seed), (auroc, *_) in cells.items():
        by_seed.setdefault(seed, {})[normal] = auroc
    whole = len({frozenset(each) for each in by_seed.values()}) == 1 and len(by_seed) > 1
    means = [numpy.mean(list(each.values())) for each in by_seed.values()]
    return {"cells": cells, "seeds": float(numpy.std(means, ddof=1)) if whole else None, "hash": report_text.split_of(cells)}


def write(folder, to):
    """Writes the table of all runs below a folder, whole or not at all.

    Args:
        folder: str or Path.
        to: str or Path ending in .md (averages, AUROC by class, remarks) or .csv (for programs).

    Returns:
        tuple of str, the remarks: a sentence for each run folder that was left out, and for each run that
        collapsed. They are logged as warnings, too.

    Raises:
        Misuse: `folder` is no folder or holds no run, or `to` has another suffix.
        BadData: there are run folders, but none can be used.
        OSError: `to` cannot be written.
    """
    suffix = pathlib.Path(to).suffix.lower()
    if suffix not in (".md", ".csv"):
        raise Misuse(f"`to` must end in .md or .csv. Received: to={str(to)!r}. It chooses the format; bin/report writes .html too.")
    rows, remarks = gathered(folder)
    summary = table(rows)
    compared, told = report_comparison.comparisons(summary)
    for line in told:
        logging.warning("%s", line)
    remarks += told
    with whole(to) as partial:
        text = (report_text.comma_separated(summary) if suffix == ".csv" else
                report_text.markdown(summary, remarks, report_comparison.text(compared)))
        partial.write_text(text, "utf-8")
    return remarks
