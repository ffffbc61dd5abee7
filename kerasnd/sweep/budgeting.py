"""How many epochs a budget of time allows: every method is timed on every data set for a few epochs first."""
import dataclasses
import shutil
import time

from kerasnd.errors import BadData
from kerasnd.folder import METRICS, read_json, write_json
from kerasnd.sweep.execution import execute
from kerasnd.sweep.shortening import factor_for
from kerasnd.sweep.state import DONE, Sweep

FILE, PROBES = "budget.json", "probes"
SHORT, LONG = 1, 3          # epochs of the two probes: their difference is free of what happens once


def choose(sweep, jobs, seconds, workers, begin=None, **flags):
    """The factor by which epochs are divided; chosen once, and kept in the sweep's folder.

    Args:
        sweep: Sweep, locked.
        jobs: list of Job, at their full schedules.
        seconds: float, the budget, with the time that the choice takes.
        workers: int, cells at a time.
        begin: how processes begin, see `execution.execute`.
        **flags: of bin/train.

    Returns:
        float >= 1.

    Raises:
        Misuse: the budget is too small. BadData: no method can be timed.
    """
    known = chosen(sweep, seconds)
    if known is not None:
        return known
    began, probes, firsts = time.monotonic(), {}, {}
    for job in jobs:
        if not job.problem:
            firsts.setdefault((job.cell.row, job.cell.dataset), job)
    print(f"timing {len(firsts)} of {len(jobs)} cells for {SHORT} and {LONG} epochs, to choose the epochs", flush=True)
    try:
        for name, job in firsts.items():
            try:
                probes[name] = _timed(sweep, job, begin, flags)
            except BadData as error:        # its cells are run all the same, and say so each
                print(f"{error}", flush=True)
    finally:
        clear(sweep)
    if firsts and not probes:
        raise BadData("no method could be timed, as said above; without --budget the sweep is run, and each cell records why it "
                      "fails.")
    costs, lent = [], set()
    for job in (job for job in jobs if (job.cell.row, job.cell.dataset) in probes and not job.problem):
        fixed, rates = probes[job.cell.row, job.cell.dataset]
        stages = [(rate, epochs) for rate, epochs in zip(rates, job.epochs) if epochs]
        if job.shared in lent:
            stages = stages[1:]
        lent |= {job.shared} - {""}
        costs.append((fixed, stages))
    factor = factor_for(seconds, costs, workers, spent=time.monotonic() - began)
    write_json(sweep.path / FILE, {"budget": seconds, "factor": factor, "seconds_an_epoch": {
        " on ".join(name): rates for name, (_, rates) in probes.items()}})
    return factor


def chosen(sweep, seconds):
    """float, the factor that was chosen for this budget in this folder; None where none was."""
    path = sweep.path / FILE
    known = read_json(path) if path.exists() else {}
    return float(known["factor"]) if known.get("budget") == seconds else None


def clear(sweep):
    """Removes what a timing left, a killed one's too: its runs are no cells."""
    shutil.rmtree(sweep.path / PROBES, ignore_errors=True)


def _timed(sweep, job, begin, flags):
    """(seconds that do not depend on the epochs, [seconds an epoch of each stage])."""
    walls, stages = {}, {}
    for epochs in (SHORT, LONG) if any(job.epochs) else (SHORT,):
        more = tuple((f"stages[{place}].fit.epochs", str(epochs)) for place, had in enumerate(job.epochs) if had)
        probe = dataclasses.replace(job, cell=dataclasses.replace(job.cell, overrides=(*job.cell.overrides, *more)), digest="",
                                    shared="")
        place = Sweep(sweep.path / PROBES / str(epochs))
        if execute(place, probe, begin=begin, **flags) != DONE:
            raise BadData(f"cannot time {job.cell.row} on {job.cell.dataset}: {place.facts(probe.cell).get('error', 'stopped')}")
        walls[epochs] = place.facts(probe.cell)["seconds"]
        stages[epochs] = read_json(place.run(probe.cell) / METRICS)["stage_seconds"]
    if len(walls) == 1:
        return walls[SHORT], [0.0] * len(job.epochs)
    rates = [max(0.0, (b or 0) - (a or 0)) / (LONG - SHORT) for a, b in zip(stages[SHORT], stages[LONG])]
    return walls[SHORT] - sum(rates), rates


def said(jobs):
    """str, what was chosen: the epochs of every method and data set, and by what schedules were divided."""
    shown = {(job.cell.row, job.cell.dataset): job for job in jobs if any(job.epochs)}
    if not shown:
        return "no schedule has epochs"
    factors = {job.cell.shorten for job in shown.values()}
    apart = len(factors) > 1
    lines = [f"  {row} on {dataset}: {' + '.join(str(each) for each in job.epochs if each)} epochs"
             + f", divided by {job.cell.shorten:g}" * apart for (row, dataset), job in shown.items()]
    head = ("schedules are divided as the table says:" if apart else "every schedule is as it is:" if factors <= {1.0} else
            f"every schedule is divided by {factors.pop():g}:")
    return "\n".join([head, *lines])


