"""Trains and judges many runs: flags -> cells -> a table."""
import contextlib
import dataclasses
import functools
import os
import re
import sys
from pathlib import Path

from kerasnd import cluster, process
from kerasnd.cli import finished, flags
from kerasnd.errors import BadData, Misuse

ABOUT = """
Trains and judges every method on every data set, normal class and seed; a cell of the table is one run of bin/train. The same
command again goes on where it was stopped, and never repeats a cell that is done; more methods or seeds may be added.

  bin/benchmark --methods=ocsvm,isoforest,ocnn --datasets=digits --normals=all --seeds=0,1 --to=sweeps/digits
  bin/benchmark --config=configs/tables/deep_svdd.py --data_dir=DIR --to=sweeps/deep_svdd --budget=2h
  bin/benchmark --methods=deep_svdd,configs/deep_svdd.py:paper --datasets=mnist --normals=3,8 --to=sweeps/mnist
"""


def program():
    """Returns the `Flags` of this program."""
    benchmark = flags.Flags(ABOUT)
    benchmark.group("What to run")
    benchmark.string("methods", None, "Methods or config files (FILE.py or FILE.py:VARIANT), with commas between.")
    benchmark.string("datasets", None, "Data sets, as --dataset of bin/train, with commas between.")
    benchmark.string("normals", None, "Normal classes, each a cell, with commas between; with semicolons between where one is of "
                     "several classes: \"1,3;5\". all: every class (default).")
    benchmark.string("seeds", None, "Seeds, with commas between, or 0-4 (default: 0).")
    benchmark.string("config", None, "A published table, configs/tables/NAME.py: its cells, its values beside them. The flags "
                     "above choose from it. --config.KEY=VALUE overrides a value in the config of every cell.")
    benchmark.string("to", None, "The folder of the sweep.")
    benchmark.group("How long")
    benchmark.string("budget", None, "A time, as 30min or 2h: every method is timed for a few epochs, and all schedules are "
                     "divided by one number, so that the sweep fits. It says what it chose.")
    benchmark.number("shorten", "Divides the epochs of every schedule by this number (default: by what the table of "
                     "--config says, else 1).")
    benchmark.count("limit", "At most N training examples and N steps per epoch: a dry run.")
    benchmark.group("On what")
    benchmark.choice("engine", ["local", "ray", "slurm"], "Processes on this machine, tasks on a Ray cluster, or an array for "
                     "Slurm, whose scripts are written and not submitted.")
    benchmark.string("address", None, "Of the Ray cluster; else the one of this machine, or a new one on it.")
    benchmark.count("workers", "Cells at a time; 0: as many as the cores hold.")
    benchmark.count("threads", "Threads of a cell; 0: the cores, divided by the workers.")
    benchmark.choice("device", ["auto", "cpu", "gpu"], "Where a cell computes.")
    benchmark.choice("precision", ["float32", "bfloat16"], "bfloat16 is faster where the processor has it.")
    benchmark.string("data_dir", None, "Where TFDS sets are prepared, and .mat files lie; else TFDS_DATA_DIR.")
    benchmark.switch("only_tables", "Runs nothing, and writes the tables of what is done.")
    benchmark.count("cell", "Of the scripts for Slurm: runs this one of the planned cells, and nothing else.", default=None)
    return benchmark


def benchmark(values, overrides):
    """Plans the cells, runs what is missing, writes the tables."""
    finished.required(values, to="sweeps/NAME")
    from kerasnd.sweep.state import Sweep
    sweep = Sweep(values["to"].value)
    if values["cell"].value is not None:
        return one(sweep, values)
    cluster.check("local" if values["engine"].value == "slurm" else values["engine"].value, values["address"].value)
    budget, factor = how_long(values)
    process.settle(values["device"].value, values["threads"].value)
    data_dir = values["data_dir"].value and os.path.abspath(os.path.expanduser(values["data_dir"].value))
    process.import_tensorflow()
    from kerasnd.sweep import budgeting, planning, running
    cells, table = asked(values, overrides, data_dir)
    plan = functools.partial(planning.plan, cells, data_dir, forgiving=table is not None)
    jobs = plan(1.0 if budget else factor)
    if values["only_tables"].value and (not sweep.begun or budget and budgeting.chosen(sweep, budget) is None):
        raise Misuse(f"`--only_tables` must have a sweep that was begun, with its --budget. Received: {sweep.path}. Leave it out to "
                     "begin.")
    with sweep.locked(), contextlib.ExitStack() as opened:
        budgeting.clear(sweep)
        workers, threads = divided(values)
        more = {"threads": threads, "device": values["device"].value, "data_dir": data_dir}
        chosen, begin = "", None
        if not values["only_tables"].value:
            run, workers, begin = engine(opened, values, sweep, workers, more)
        if budget:
            factor = budgeting.choose(sweep, jobs, budget, workers, begin, **more)
            jobs = plan(factor)
        if budget or any(job.cell.shorten != 1 for job in jobs):
            chosen = budgeting.said(jobs)
            print(chosen, flush=True)
        if values["only_tables"].value:
            for job in jobs:
                sweep.done(job)         # refuses runs of other configs
            return pages(sweep, jobs, table, chosen)
        if values["engine"].value == "slurm":
            from kerasnd.sweep import slurm
            paths = slurm.write(sweep, jobs, command(), **more)
            print("\n".join(["written, to be submitted as their heads say:", *(f"  {path}" for path in paths)]))
            return None
        try:
            running.run(sweep, jobs, run, workers)
        except (KeyboardInterrupt, BadData):
            pages(sweep, jobs, table, chosen)
            raise
        pages(sweep, jobs, table, chosen)
        return refuse_failures(sweep, jobs)


def how_long(values):
    """(seconds of --budget or None, --shorten or None). Raises Misuse."""
    from kerasnd.sweep import shortening
    budget, factor = values["budget"].value, values["shorten"].value
    if budget and factor is not None:
        raise Misuse("`--budget` must be given without --shorten, which it chooses. Received: both. Leave one out.")
    if factor is not None and not factor >= 1:
        raise Misuse(f"`--shorten` must be 1 or more. Received: --shorten={factor:g}.")
    return shortening.seconds_of(budget) if budget else None, factor


def command():
    """list of str, the words of this call."""
    return ["bin/benchmark", *sys.argv[1:]]


def asked(values, overrides, data_dir):
    """(list of Cell, Table or None): what the flags ask for."""
    from kerasnd.sweep import planning
    methods, datasets, normals, seeds = (words(values, name) for name in ("methods", "datasets", "normals", "seeds"))
    if seeds is not None:
        seeds = [seed for text in seeds for seed in span(text)]
    more = [(name, str(values[name].value)) for name, usual in (("limit", 0), ("precision", "float32"))
            if values[name].value != usual]
    if values["config"].value:
        from kerasnd.sweep import tables
        table = tables.read(values["config"].value)
        cells = table.cells(seeds=seeds, normals=normals, datasets=datasets, methods=methods)
        cells = [dataclasses.replace(cell, overrides=(*cell.overrides, *overrides), flags=(*cell.flags, *more)) for cell in cells]
        return cells, table
    finished.required(values, methods="ocsvm,isoforest", datasets="digits")
    return planning.cells(methods, datasets, normals, [0] if seeds is None else seeds, data_dir, overrides, more), None


def words(values, name):
    """list of str of a flag's text, or None where it was not given, or says "all"."""
    text = values[name].value
    if text is None or text.strip() == "all":
        return None
    parts = [part.strip().strip(",") for part in text.split(";" if ";" in text else ",")]
    if not all(parts):
        raise Misuse(f"`--{name}` must be names with commas between. Received: --{name}={text}. Leave no place between two commas.")
    return parts


def span(text):
    """range of int, of "3" or "0-4"."""
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not found or found[2] and int(found[2]) < int(found[1]):
        raise Misuse(f"`--seeds` must be whole numbers, or 0-4. Received: --seeds={text}.")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def divided(values):
    """(workers, threads of each): what was asked for, or one worker a core with one thread.

    Small networks, of which most of a table is, gain little from a second thread, and two processes side by side lose little.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers, threads = values["workers"].value, values["threads"].value
    if not workers:
        workers = max(1, cores // threads) if threads else cores
        if values["device"].value == "gpu":
            workers = 1
    return workers, threads or max(1, cores // workers)


def engine(opened, values, sweep, workers, more):
    """(callable (job, lender) -> status, cells at a time, how a process begins on this machine), until `opened` is closed."""
    if values["engine"].value == "slurm":
        return None, workers, None
    if values["engine"].value == "ray":
        from kerasnd.sweep import ray_tasks
        threads = values["threads"].value or 1
        run, places = opened.enter_context(ray_tasks.tasks(sweep, values["address"].value, **{**more, "threads": threads}))
        return run, values["workers"].value or places, None
    from kerasnd.sweep import execution, nursery
    begin = opened.enter_context(nursery.Nursery(more["device"], more["threads"])).start
    return functools.partial(execution.execute, sweep, begin=begin, **more), workers, begin


def pages(sweep, jobs, table, chosen):
    """Writes what there is to read of a sweep as it stands, and says where."""
    from kerasnd.sweep import writing
    paths = writing.write(sweep, jobs, command(), chosen)
    if table is not None:
        from kerasnd.sweep import beside
        paths.append(beside.write(sweep, jobs, table, command(), chosen))
    print("\n".join(["", *(str(path) for path in paths)]), flush=True)


def refuse_failures(sweep, jobs):
    """Raises BadData where a cell failed."""
    failed = [job for job in jobs if "error" in (sweep.result(job.cell) or {})]
    if failed:
        raise BadData(f"{len(failed)} of {len(jobs)} cells failed; the first, {failed[0].cell.folder}: "
                      f"{sweep.result(failed[0].cell)['error']} The same command tries them again.")


def one(sweep, values):
    """Runs one planned cell; raises BadData where it fails, for Slurm to see."""
    from kerasnd.sweep import execution, slurm
    job, lender, more = slurm.task(sweep, values["cell"].value)
    if sweep.done(job):
        print(f"{job.cell.folder} is done")
        return
    more = {**more, "threads": values["threads"].value or more["threads"]}
    status = execution.execute(sweep, job, lender, **more)
    if status != "done":
        raise BadData(f"cell {values['cell'].value}, {job.cell.folder}: {sweep.facts(job.cell).get('error', 'it was stopped')}")
    print(f"{job.cell.folder}: AUROC {sweep.result(job.cell)['auroc']:.4f}")


def main(argv=None):
    """Returns the exit code."""
    return flags.run("benchmark", program(), benchmark, argv,
                     on_interrupt="The same command again goes on; cells that are done stay.")


if __name__ == "__main__":
    sys.exit(main())
