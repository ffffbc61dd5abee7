"""A published table with ours beside it, in Markdown."""
import hashlib
import statistics

import numpy

from kerasnd.atomic import whole
from kerasnd.folder import SCORES
from kerasnd.sweep import origin
from kerasnd.sweep.tables import MEAN

FILE = "table.md"
NOTE = ("Ours: mean over the classes and seeds of a column ± the sample standard deviation over its runs, with the number of runs "
        "where it is not all of them. Mean: over the columns, where all are there. Difference: ours minus published.")


def write(sweep, jobs, table, command, chosen=""):
    """Writes table.md into a sweep's folder.

    Args:
        sweep: Sweep.
        jobs: list of Job, of the table's cells or some of them.
        table: Table.
        command: list of str.
        chosen: str, what was said of the epochs.

    Returns:
        Path.
    """
    results = {}
    for job in jobs:
        found = sweep.result(job.cell)
        if found and "auroc" in found:
            run = sweep.run(job.cell)
            found = {**found, "split": f"{run.record()['protocol']['name']}, examples {judged(run / SCORES)}"}
        if found:
            results[key_of(job.cell)] = found
    path = sweep.path / FILE
    seeds = sorted({job.cell.seed for job in jobs})
    with whole(path) as partial:
        head = origin.markdown(command, "of each cell in cells.csv") + (f"\n\n```\n{chosen}\n```" if chosen else "")
        partial.write_text(markdown(table, results, seeds, head), encoding="utf-8")
    return path


def judged(path):
    """str, a hash of which examples a scores.npz judges, and of their labels: equal where methods were asked the same."""
    with numpy.load(path, allow_pickle=False) as file:
        order = numpy.argsort(file["index"], kind="stable")
        columns = [file[name][order].astype("<i8").tobytes() for name in ("index", "label", "times") if name in file]
    return hashlib.sha256(b"|".join(columns)).hexdigest()[:12]


def key_of(cell):
    """What a cell is, whatever its epochs were divided by."""
    return (cell.row, cell.dataset, cell.normal, cell.seed)


def markdown(table, results, seeds, head=""):
    """str, Markdown: for each row ours, what was published, and the difference.

    Args:
        table: Table.
        results: {(row, data set, normal, seed): dict, metrics with "split", or {"error": text}}, of cells that were run.
        seeds: list of int, whose cells make a column.
        head: str, where it comes from.
    """
    text = [f"# {table.title}", "", f"Source: {table.source}. Metric: {table.metric}" + (
        f", times {table.scale:g}." if table.scale != 1 else "."), "", head, ""]
    marks, failed, foreign = [], [], []
    for group, columns in table.groups().items():
        names = [column["name"] for column in columns] + ([group + MEAN] if len(columns) > 1 else [])
        splits = _splits(table, columns, results, seeds)
        heads = [name.removeprefix(group).strip() or name for name in names]
        text += ["", f"## {group}", "", "| | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(names)]
        for row in table.rows:
            found = [_ours(table, row, column, results, seeds, splits, failed, foreign) for column in columns]
            ours, reasons = [value for value, _ in found], [reason for _, reason in found]
            theirs = [table.published(row, name) for name in names]
            if len(names) > len(columns):
                ours.append(_over(ours, theirs, columns))
                reasons.append("")
                theirs[-1] = theirs[-1] or _whole(theirs[:-1])
            runs = any(table.entries(row, column, seeds) for column in columns)
            if runs:
                text.append(f"| **{row['name']}** | " + " | ".join(
                    _mean(each, reason) for each, reason in zip(ours, reasons)) + " |")
            mark = _mark(row.get("certainty", ""), marks)
            if any(theirs):
                text.append(f"| {row['name']}, published{mark} | " + " | ".join(
                    _value(each, table.scale) for each in theirs) + " |")
            if runs and any(a and b for a, b in zip(ours, theirs)):
                digits = 1 if table.scale >= 10 else 3
                text.append("| difference | " + " | ".join(
                    f"{a[0] - b.mean:+.{digits}f}" if a and b else "" for a, b in zip(ours, theirs)) + " |")
    text += ["", NOTE, *(f"{number}: {mark}." for number, mark in enumerate(marks, 1)), *table.notes]
    text += ["", *(f"- failed: {each}" for each in dict.fromkeys(failed)), *(f"- {each}" for each in dict.fromkeys(foreign))]
    return "\n".join(text).rstrip() + "\n"


def _splits(table, columns, results, seeds):
    """{(data set, normal, seed, column): split of the first row that was run}: others must have the same."""
    found = {}
    for column in columns:
        for row in table.rows:
            for cell in table.entries(row, column, seeds):
                result = results.get(key_of(cell), {})
                if "split" in result:
                    found.setdefault((column["name"], cell.normal, cell.seed), result["split"])
    return found


def _ours(table, row, column, results, seeds, splits, failed, foreign):
    """((mean, deviation or None, runs, wanted) in the table's scale, or None, and then str, why there is none)."""
    cells = table.entries(row, column, seeds)
    values, reason = [], "not run" if cells else ""
    for cell in cells:
        result = results.get(key_of(cell))
        if result is None:
            continue
        if "error" in result:
            failed.append(f"{cell.folder}: {' '.join(result['error'].split())}")
            reason = "failed"
            continue
        expected = splits.get((column["name"], cell.normal, cell.seed), result["split"])
        if result["split"] != expected:
            foreign.append(f"{cell.folder} is left out: it was judged by {result['split']}, others of its column by {expected}.")
            reason = "left out"
        elif result.get(table.metric) is not None:
            values.append(table.scale * result[table.metric])
    if not values:
        return None, reason
    return (statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None, len(values), len(cells)), ""


def _over(ours, theirs, columns):
    """The mean over columns, where all are there and whole."""
    if len(ours) == len(columns) and all(each and each[2] == each[3] for each in ours):
        means = [each[0] for each in ours]
        return statistics.mean(means), None, 1, 1
    return None


def _whole(theirs):
    """Published mean of columns that are all there."""
    if all(theirs):
        return type(theirs[0])(statistics.mean(each.mean for each in theirs), None, theirs[0].certainty)
    return None


def _mean(each, nothing):
    if not each:
        return nothing
    mean, deviation, n, wanted = each
    return (f"{mean:.1f}" if mean >= 10 else f"{mean:.3f}") + (f" ± {deviation:.1f}" if deviation is not None and mean >= 10 else
                                                               f" ± {deviation:.3f}" if deviation is not None else "") + (
        "" if n == wanted else f" ({n} of {wanted})")


def _value(each, scale):
    if each is None:
        return ""
    digits = 1 if scale >= 10 else 3
    return f"{each.mean:.{digits}f}" + ("" if each.deviation is None else f" ± {each.deviation:.{digits}f}")


def _mark(certainty, marks):
    if not certainty:
        return ""
    if certainty not in marks:
        marks.append(certainty)
    return f" [{marks.index(certainty) + 1}]"
