"""What a sweep leaves to read: a page of its cells, the tables of bin/report, and of a published table both beside each other."""
import hashlib

from absl import logging

from kerasnd import report
from kerasnd.atomic import whole
from kerasnd.errors import BadData, Misuse
from kerasnd.sweep import origin
from kerasnd.sweep.shortening import told

CELLS, TABLES = "cells.md", ("report.md", "report.csv")


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
    paths = [sweep.path / CELLS]
    with whole(paths[0]) as partial:
        partial.write_text(page(sweep, jobs, results, head, chosen), encoding="utf-8")
    if any("auroc" in (each or {}) for each in results.values()):
        for name in TABLES:
            try:
                report.write(sweep.path, sweep.path / name)
                paths.append(sweep.path / name)
            except (BadData, Misuse) as error:      # runs that a table must not mix: the cells are there all the same
                logging.warning("no %s: %s", name, error)
    return paths


def page(sweep, jobs, results, head, chosen=""):
    """str, Markdown: how many cells are done, and each with its AUROC, its seconds and its config."""
    done = [job for job in jobs if "auroc" in (results[job.cell] or {})]
    failed = [job for job in jobs if "error" in (results[job.cell] or {})]
    spent = sum(results[job.cell]["wall_seconds"] or 0 for job in done)
    lines = ["# Cells", "", head, "", f"{len(done)} of {len(jobs)} cells are done, in {told(spent)} of processes together; "
             f"{len(failed)} failed, {len(jobs) - len(done) - len(failed)} were not run.", ""]
    if chosen:
        lines += ["```", chosen, "```", ""]
    lines += ["| row | data set | normal | seed | AUROC | interval | seconds | protocol | config |",
              "|---|---|---|---|---:|---|---:|---|---|"]
    for job in sorted(jobs, key=lambda job: [report.natural(str(part)) for part in job.cell.folder.parts]):
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
