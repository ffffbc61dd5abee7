"""What a sweep leaves to read: a page of its cells, the tables of bin/report, and of a published table both beside each other."""
import csv
import hashlib

from absl import logging

from kerasnd import report
from kerasnd.atomic import whole
from kerasnd.errors import BadData, Misuse
from kerasnd.sweep import origin
from kerasnd.sweep.shortening import told

CELLS, ROWS, TABLES = "cells.md", "cells.csv", ("report.md", "report.csv")
HEADS = ("row", "dataset", "normal", "seed", "status", "auroc", "auroc_low", "auroc_high", "untrained_auroc", "raw_mean_auroc",
         "seconds", "threads", "epochs", "shorten", "protocol", "protocol_hash", "config", "commit", "error")


def write(sweep, jobs, command, chosen=""):
    """Writes the pages of a sweep as it stands.

    Args:
        sweep: Sweep.
        jobs: list of Job.
        command: list of str.
        chosen: str, what was said of the epochs.

    Returns:
        list of Path.
    """
    head = origin.markdown(command, hashlib.sha256("".join(sorted(job.digest for job in jobs)).encode()).hexdigest()[:16])
    results = {job.cell: sweep.result(job.cell) for job in jobs}
    paths = [sweep.path / CELLS, sweep.path / ROWS]
    with whole(paths[0]) as partial:
        partial.write_text(page(sweep, jobs, results, head, chosen), encoding="utf-8")
    with whole(paths[1]) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, HEADS)
        rows.writeheader()
        rows.writerows(values(sweep, job, results[job.cell]) for job in in_order(jobs))
    if any("auroc" in (each or {}) for each in results.values()):
        for name in TABLES:
            try:
                report.write(sweep.path, sweep.path / name)
                paths.append(sweep.path / name)
            except (BadData, Misuse) as error:      # runs that a table must not mix: the cells are there all the same
                logging.warning("no %s: %s", name, error)
    return paths


def in_order(jobs):
    """list of Job, sorted by row, data set, class and seed, as people sort."""
    return sorted(jobs, key=lambda job: [report.natural(str(part)) for part in job.cell.folder.parts])


def values(sweep, job, result):
    """dict of `HEADS`, text or numbers: a cell for programs.

    Args:
        sweep: Sweep.
        job: Job.
        result: as `Sweep.result`.
    """
    cell, known, result = job.cell, sweep.facts(job.cell), result or {}
    numbers = {name: f"{result[name]:.5f}" for name in HEADS[5:10] if result.get(name) is not None}
    protocol = sweep.run(cell).record()["protocol"] if numbers else {}
    return {"row": cell.row, "dataset": cell.dataset, "normal": cell.normal or "0", "seed": cell.seed,
            "status": "done" if numbers else "failed" if "error" in result else "not run", **numbers,
            "seconds": known.get("seconds", ""), "threads": known.get("threads", ""), "epochs": "+".join(map(str, job.epochs)),
            "shorten": f"{cell.shorten:g}" if any(job.epochs) else "",
            "protocol": protocol.get("name", ""), "protocol_hash": protocol.get("hash", ""), "config": job.digest,
            "commit": known.get("commit", ""), "error": " ".join(result.get("error", "").split())}


def page(sweep, jobs, results, head, chosen=""):
    """str, Markdown: how many cells are done, and each with its AUROC, its seconds and its config."""
    done = [job for job in jobs if "auroc" in (results[job.cell] or {})]
    failed = [job for job in jobs if "error" in (results[job.cell] or {})]
    spent = sum(results[job.cell]["wall_seconds"] or 0 for job in done)
    lines = ["# Cells", "", head, "", f"{len(done)} of {len(jobs)} cells are done, in {told(spent)} of processes together; "
             f"{len(failed)} failed, {len(jobs) - len(done) - len(failed)} were not run.", ""]
    lines += ["Seconds are of the wall; those of the first cell of each process that cells fork from hold its imports.", ""]
    if chosen:
        lines += ["```", chosen, "```", ""]
    lines += ["| row | data set | normal | seed | AUROC | interval | seconds | protocol | config |",
              "|---|---|---|---|---:|---|---:|---|---|"]
    for job in in_order(jobs):
        cell, known = job.cell, results[job.cell]
        start = f"| {cell.row} | {cell.dataset} | {cell.normal or '0'} | {cell.seed} |"
        if known is None:
            lines.append(f"{start} not run | | | | {job.digest} |")
        elif "error" in known:
            lines.append(f"{start} failed | | | | {job.digest} |")
        else:
            seconds = f"{known['wall_seconds']:.0f}" if known["wall_seconds"] else ""
            protocol = sweep.run(cell).record()["protocol"]
            lines.append(f"{start} {known['auroc']:.4f} | {known['auroc_low']:.4f} to {known['auroc_high']:.4f} | {seconds} | "
                         f"{protocol['name']} {protocol['hash']} | {job.digest} |")
    if failed:
        lines += ["", "Failed:", ""]
        lines += [f"- {job.cell.folder}: {' '.join(results[job.cell]['error'].split())}" for job in failed]
    return "\n".join(lines) + "\n"
