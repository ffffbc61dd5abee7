"""A sweep under Slurm: a script for sbatch, whose array has one task a cell."""
import dataclasses
import re
import shlex
import sys

from kerasnd.atomic import whole
from kerasnd.errors import Misuse
from kerasnd.folder import read_json, write_json
from kerasnd.sweep.cells import Cell
from kerasnd.sweep.planning import Job

PLAN, SCRIPT = "plan.json", "sweep.sbatch"
HEAD = """#!/bin/bash
# {n} cells of a sweep, one an array task. Written by:
#   {command}
# Submit it in the folder where that was called:
#   {submit}
# The folder {to} must be on a file system that all nodes share. Cells that are done end at once, so that what failed or was
# stopped is submitted again by the same lines. Then make the tables on any node:
#   {again}
#SBATCH --job-name=kerasnd
#SBATCH --array={array}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={threads}
#SBATCH --mem=4G
#SBATCH --time=1-00:00:00
#SBATCH --output={to}/cells/slurm-%a.log
# Add here what your cluster wants: --partition, --account, --gres=gpu:1, and another --mem or --time.
set -eu
{task}
"""


def write(sweep, jobs, command, threads=1, **flags):
    """Writes the plan and two scripts: cells that train what others share, and the others, which wait for them.

    Args:
        sweep: Sweep.
        jobs: list of Job.
        command: list of str, the words by which bin/benchmark was called.
        threads: int, of a task.
        **flags: of bin/train, for each task.

    Returns:
        list of Path, one script or two.
    """
    first, seen = [], sweep.lenders(jobs)
    later = []
    for number, job in enumerate(jobs):
        if sweep.done(job):
            continue
        (later if job.shared and job.shared in seen else first).append(number)
        if job.shared:
            seen.setdefault(job.shared, number)
    write_json(sweep.path / PLAN, {"jobs": [dataclasses.asdict(job) for job in jobs], "flags": flags, "threads": threads})
    groups = [group for group in (first, later) if group]
    paths = [sweep.path / (SCRIPT if not place else f"then_{SCRIPT}") for place in range(len(groups))]
    if not groups:
        raise Misuse(f"`--engine=slurm` must have cells to run. Received: {sweep.path}, where all are done. Make the tables "
                     "by --only_tables, without --engine.")
    (sweep.path / "cells").mkdir(parents=True, exist_ok=True)
    submit = [f"sbatch {shlex.quote(str(path))}" for path in paths]
    if len(paths) == 2:
        submit = [f"first=$(sbatch --parsable {shlex.quote(str(paths[0]))})",
                  f"sbatch --dependency=afterany:$first {shlex.quote(str(paths[1]))}"]
    task = shlex.join([sys.executable, "-m", "kerasnd.cli.benchmark", f"--to={sweep.path}", f"--threads={threads}"])
    for path, group in zip(paths, groups):
        with whole(path) as partial:
            partial.write_text(HEAD.format(
                n=len(group), command=shlex.join(command), submit="\n#   ".join(submit), to=sweep.path, array=_ranges(group),
                threads=threads, again=shlex.join([*_without_engine(command), "--only_tables"]),
                task=f'exec {task} --cell="$SLURM_ARRAY_TASK_ID"'), encoding="utf-8")
    return paths


def _without_engine(command):
    """list of str, the words without --engine=slurm, or --engine slurm."""
    return shlex.split(re.sub(r"(^| )--?engine[= ]slurm\b", "", shlex.join(command)))


def _ranges(numbers):
    """str, "0-3,7" of [0, 1, 2, 3, 7]."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def task(sweep, number):
    """(Job, lender or None, flags) of an array task.

    Raises:
        Misuse: there is no such cell. BadData: the plan is missing or damaged.
    """
    kept = read_json(sweep.path / PLAN)
    jobs = [job_of(each) for each in kept["jobs"]]
    if not 0 <= number < len(jobs):
        raise Misuse(f"`--cell` must be 0 to {len(jobs) - 1}. Received: --cell={number}.")
    job = jobs[number]
    return job, sweep.lenders(jobs).get(job.shared), {**kept["flags"], "threads": kept["threads"]}


def job_of(values):
    """Job of what `dataclasses.asdict` made of one, and JSON of that."""
    cell = values["cell"]
    cell = Cell(**{**cell, **{name: tuple(map(tuple, cell[name])) for name in ("overrides", "flags")}})
    return Job(**{**values, "cell": cell, "epochs": tuple(values["epochs"])})
