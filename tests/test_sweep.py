"""A sweep: which cells there are, which wait, what is shared, repeated, recorded; and what a budget leaves of the epochs."""
import contextlib
import csv
import dataclasses
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

from kerasnd import config, training
from kerasnd.cli import benchmark
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import write_json
from kerasnd.sweep import budgeting, execution, planning, ray_tasks, running, shortening, slurm
from kerasnd.sweep.cells import Cell
from kerasnd.sweep.planning import Job
from kerasnd.sweep.state import BEGUN, DONE, FAILED, Sweep


def jobs_of(methods, datasets=("digits",), normals=("3",), seeds=(0,), **more):
    return planning.plan(planning.cells(list(methods), list(datasets), list(normals) if normals else None, list(seeds)), **more)


def made(name, shared="", digest="d"):
    """A job that nobody has to resolve."""
    return Job(Cell(name, "digits", "3", 0, "kde"), digest=digest, shared=shared, cost=1.0)


def finish(sweep, job, auroc=0.9):
    write_json(sweep.run(job.cell) / "metrics.json", {"auroc": auroc})
    sweep.note(job.cell, status=DONE, digest=job.digest, seconds=1.0)


# ---- planning ----------------------------------------------------------------------------------------------------------

def test_cells_are_methods_by_data_sets_by_classes_by_seeds():
    jobs = jobs_of(["kde", "isoforest", "configs/hybrid_ocsvm.py"], ["digits", "breast_cancer"], None, [0, 7])
    assert len(jobs) == 3 * (10 + 1) * 2
    assert len({job.cell.folder for job in jobs}) == len(jobs) == len({job.digest for job in jobs})
    assert {job.cell.normal for job in jobs if job.cell.dataset == "breast_cancer"} == {"0"}
    assert {job.cell.row for job in jobs} == {"kde", "isoforest", "hybrid_ocsvm"}
    costs = [job.cost for job in jobs]
    assert costs == sorted(costs) and jobs[0].cell.method in ("kde", "isoforest")       # those without epochs come first


def test_the_words_of_a_cell_are_those_of_bin_train(tmp_path):
    cell = Cell("ocnn", "digits", "1,3", 2, "ocnn", overrides=(("stages[0].fit.epochs", "4"),),
                flags=(("outliers", "uniform_noise"),))
    assert cell.words(tmp_path, threads=1, data_dir=None) == [
        "--method=ocnn", "--dataset=digits", "--normal=1,3", "--seed=2", "--outliers=uniform_noise", "--threads=1",
        f"--run={tmp_path}", "--config.stages[0].fit.epochs=4"]
    away = dataclasses.replace(cell, row="../../etc", dataset="/data/../cats", normal="..")
    assert all(part not in ("..", ".", "") for part in away.folder.parts) and not away.folder.is_absolute()


def test_first_stages_are_shared_where_they_are_the_same():
    soft = (("stages[1].model.objective", "soft_boundary"),)
    both = planning.cells(["deep_svdd"], ["digits"], ["3"], [0, 1]) + [
        dataclasses.replace(each, row="soft") for each in planning.cells(["deep_svdd"], ["digits"], ["3"], [0], overrides=soft)]
    keys = {(job.cell.row, job.cell.seed): job.shared for job in planning.plan(both)}
    assert keys["deep_svdd", 0] == keys["soft", 0] != keys["deep_svdd", 1]
    longer = planning.cells(["deep_svdd"], ["digits"], ["3"], [0], overrides=(("stages[0].fit.epochs", "7"),))
    assert planning.plan(longer)[0].shared not in keys.values()
    assert [job.shared for job in jobs_of(["kde", "arae"])] == ["", ""]


@pytest.mark.parametrize("dataset, shape", [("digits", (8, 8, 1)), ("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3)),
                                            ("cardio", (21,))])
def test_what_is_shared_is_normalised_as_training_does_it(dataset, shape):
    seen = {}
    for name in ("ocnn", "deep_svdd", "deep_sad", "configs/hybrid_ocsvm.py", "configs/hybrid_kde.py", "autoencoder",
                 "configs/deep_svdd.py:paper"):
        cell = Cell(name, dataset, "0", 0, *planning.named(name))
        settings = config.load(method=cell.method or None, file=cell.config or None, dataset=dataset, normal="0", seed=0)
        stages = settings["stages"]
        truth = json.dumps([{**stages[0], "model": {**stages[0]["model"], "preprocess": training.preprocess(stages, 0, shape)}},
                            settings["protocol"]], sort_keys=True)
        seen.setdefault(planning._shared(settings, cell), set()).add(truth)
    assert all(len(truths) == 1 for truths in seen.values())
    assert len(set.union(*seen.values())) == len(seen)


def test_two_configs_of_one_name_and_unknown_methods_are_refused():
    cells = planning.cells(["kde"], ["digits"], ["3"], [0])
    with pytest.raises(Misuse, match="twice, with different configs"):
        planning.plan(cells + [dataclasses.replace(cells[0], overrides=(("stages[0].model.kernel", "exponential"),))])
    with pytest.raises(Misuse, match="Did you mean 'isoforest'"):
        planning.cells(["isoforst"], ["digits"], ["3"], [0])
    missing = Cell("kde", "cardio", "0", 0, "kde")
    with pytest.raises(Misuse, match="cardio.mat"):
        planning.plan([missing])
    job, = planning.plan([missing], forgiving=True)
    assert "cardio.mat" in job.problem


# ---- epochs ------------------------------------------------------------------------------------------------------------

def test_shorter_schedules_keep_their_shape():
    full, = jobs_of(["configs/deep_svdd.py:paper"])
    short, = jobs_of(["configs/deep_svdd.py:paper"], factor=5)
    assert full.epochs == (150, 150) and short.epochs == (30, 30) and short.digest != full.digest
    given = dict(short.cell.overrides)
    assert given["stages[0].optimizer.milestones"] == "[10]" and given["stages[1].model.warm_up_epochs"] == "2"
    assert jobs_of(["kde"], factor=5)[0].cell.overrides == ()


def test_the_factor_fills_the_budget_and_no_more():
    costs = [(10.0, [(2.0, 100), (1.0, 50)])] * 4 + [(5.0, [])]
    for budget in (200, 400, 460):
        factor = shortening.factor_for(budget, costs, workers=2)
        spent = [(45 + 4 * sum(each * shortening.divided(epochs, by) for each, epochs in costs[0][1])) / 2
                 for by in (factor, factor - 0.03)]
        assert spent[0] <= budget < spent[1] + 4 * 3
    assert shortening.factor_for(523, costs, workers=2) == 1.0         # 45 + 4 * 250, halved
    with pytest.raises(Misuse, match="must leave time for one epoch of everything"):
        shortening.factor_for(20, costs, workers=2)


def test_times_are_read_and_told():
    assert [shortening.seconds_of(text) for text in ("90s", "30min", "1.5h", "2d")] == [90, 1800, 5400, 172800]
    assert [shortening.told(each) for each in (12, 1800, 12000)] == ["12 s", "30 min", "3 h 20 min"]
    for text in ("", "30", "min", "0h", "-3h", "3 weeks"):
        with pytest.raises(Misuse, match="^`--budget` must be a time"):
            shortening.seconds_of(text)


# ---- running -----------------------------------------------------------------------------------------------------------

def test_the_time_left_goes_by_cells_of_the_same_kind_and_spares_what_is_lent(tmp_path, monkeypatch):
    def job(name, cost, epochs, shared="", spared=0.0):
        return planning.Job(Cell(name, "digits", "3", 0, "kde"), cost=cost, epochs=epochs, shared=shared, spared=spared)
    classic, other, deep, lender, borrower = (job("a", 10.0, (0,)), job("b", 10.0, (0,)), job("c", 50.0, (9, 9)),
                                              job("d", 40.0, (9, 9), "ae", 20.0), job("e", 40.0, (9, 9), "ae", 20.0))
    now = [0.0]
    monkeypatch.setattr(running.time, "monotonic", lambda: now[0])
    board = running.Board(Sweep(tmp_path), [], [classic, other, deep, lender, borrower], workers=2)
    for each, seconds, left in ((classic, 20, (2 * 10 + 2 * (50 + 40 + 20)) / 2), (deep, 25, (2 * 10 + 0.5 * (40 + 20)) / 2)):
        board.begins(each)
        now[0] += seconds
        board.ends(each, DONE)
        assert board._rest().startswith(f", about {shortening.told(left)} left for ")
    board.close()


class Engine:
    """Stands in for the processes: remembers who ran beside whom, and with whose first stage."""

    def __init__(self, sweep, fails=()):
        self.sweep, self.fails, self.lock = sweep, set(fails), threading.Lock()
        self.now, self.most, self.ran, self.beside = set(), 0, {}, []

    def __call__(self, job, lender):
        with self.lock:
            self.beside += [{job.cell.row, other} for other in self.now]
            self.now.add(job.cell.row)
            self.most = max(self.most, len(self.now))
            self.ran[job.cell.row] = lender and lender.parts[-4]
        time.sleep(0.02)
        failed = job.cell.row in self.fails
        if failed:
            self.sweep.note(job.cell, status=FAILED, error="it broke", digest=job.digest)
        else:
            finish(self.sweep, job)
        with self.lock:
            self.now.remove(job.cell.row)
        return FAILED if failed else DONE


def test_cells_that_share_a_stage_wait_for_it_and_nothing_is_done_twice(tmp_path):
    sweep, engine = Sweep(tmp_path), None
    jobs = [made("a", "one"), made("b", "one"), made("c", "one"), made("d"), made("e", "two"), made("f", "two")]
    engine = Engine(sweep)
    assert running.run(sweep, jobs, engine, workers=2) == {DONE: 6}
    assert engine.most == 2 and {"a", "b"} not in engine.beside and {"e", "f"} not in engine.beside
    assert engine.ran == {"a": None, "b": "a", "c": "a", "d": None, "e": None, "f": "e"}
    again = Engine(sweep)
    assert running.run(sweep, [*jobs, made("g", "two")], again, workers=2) == {DONE: 1} and again.ran == {"g": "e"}


def test_what_an_earlier_command_trained_is_lent_too(tmp_path):
    sweep, job = Sweep(tmp_path), made("a", shared="s")
    write_json(sweep.run(job.cell) / "metrics.json", {"auroc": 0.9})
    assert sweep.lenders([made("b", shared="s")]) == {}
    assert execution.execute(sweep, job, begin=lambda words, log: 0) == DONE
    assert sweep.lenders([made("b", shared="s")]) == {"s": sweep.run(job.cell).path}
    (sweep.run(job.cell) / "metrics.json").unlink()         # begun again, it lends nothing
    assert sweep.lenders([made("b", shared="s")]) == {}


def test_a_cell_that_fails_ends_neither_the_others_nor_those_that_waited(tmp_path):
    sweep, jobs = Sweep(tmp_path), [made("a", "one"), made("b", "one"), made("c")]
    engine = Engine(sweep, fails="a")
    assert running.run(sweep, jobs, engine, workers=2) == {DONE: 2, FAILED: 1}
    assert engine.ran["b"] is None and sweep.result(jobs[0].cell) == {"error": "it broke"}
    again = Engine(sweep)
    assert running.run(sweep, jobs, again, workers=2) == {DONE: 1} and again.ran == {"a": "b"}
    assert sweep.result(jobs[0].cell)["auroc"] == 0.9


def test_a_run_of_another_config_is_not_taken_for_the_cell(tmp_path):
    sweep = Sweep(tmp_path)
    finish(sweep, made("a"))
    with pytest.raises(Misuse, match="^`--to` must be new, or of the same configs"):
        running.run(sweep, [made("a", digest="other")], Engine(sweep), workers=1)


def test_one_sweep_at_a_time(tmp_path):
    with Sweep(tmp_path).locked(), pytest.raises(Misuse, match="where another sweep is at work"), Sweep(tmp_path).locked():
        pass


def test_slurm_gets_an_array_in_two_waves_whose_plan_is_the_same_jobs(tmp_path):
    sweep, jobs = Sweep(tmp_path), jobs_of(["deep_svdd", "kde"], normals="12", seeds=[0])
    soft = [dataclasses.replace(job, cell=dataclasses.replace(job.cell, row="soft")) for job in jobs if job.shared]
    jobs += soft
    first, later = slurm.write(sweep, jobs, ["bin/benchmark", "--engine=slurm", "--to=x"], threads=2, data_dir=None)
    assert "#SBATCH --array=0-3\n" in first.read_text() and "#SBATCH --array=4-5\n" in later.read_text()
    assert f"--dependency=afterany:$first {later}" in first.read_text()
    assert "\n#   bin/benchmark --to=x --only_tables\n" in first.read_text()
    words = ["bin/benchmark", "--engine", "slurm", "--methods=a b", "--to=x"]
    assert slurm._without_engine(words) == ["bin/benchmark", "--methods=a b", "--to=x"]
    for script in (first, later):
        assert subprocess.run(["bash", "-n", script], capture_output=True).returncode == 0
    for number, job in enumerate(jobs):
        assert slurm.task(sweep, number)[0] == job and slurm.task(sweep, number)[2] == {"threads": 2, "data_dir": None}
    with pytest.raises(Misuse, match="--cell"):
        slurm.task(sweep, len(jobs))


# ---- the program -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, told", [
    (["--methods=kde", "--datasets=digits"], "`--to` must be given"),
    (["--datasets=digits", "--to=X"], "`--methods` must be given"),
    (["--methods=kde,,ocsvm", "--datasets=digits", "--to=X"], "no place between two commas"),
    (["--methods=kde", "--datasets=digits", "--seeds=4-1", "--to=X"], "`--seeds` must be whole numbers, or 0-4"),
    (["--methods=kde", "--datasets=digits", "--budget=30", "--to=X"], "`--budget` must be a time"),
    (["--methods=kde", "--datasets=digits", "--budget=3h", "--shorten=2", "--to=X"], "must be given without --shorten"),
    (["--methods=kde", "--datasets=digits", "--shorten=0.5", "--to=X"], "`--shorten` must be 1 or more"),
    (["--methods=kde", "--datasets=digits", "--only_tables", "--to=X"], "`--only_tables` must have a sweep that was begun"),
    (["--methods=kde", "--datasets=digits", "--address=auto", "--to=X"], "with --engine=ray only"),
    (["--methods=kde", "--datasets=digit", "--to=X"], "digit"),
    (["--methods=isoforest,kde", "--datasets=digits", "--to=X", "--config.stages[0].model.trees=20"], "trees"),
])
def test_mistakes_are_one_line_and_cost_nothing(words, told, tmp_path, capsys):
    assert benchmark.main([word.replace("X", str(tmp_path / "x")) for word in words]) in (1, 2)
    shown = capsys.readouterr().err.strip().splitlines()
    assert shown[-1].startswith("benchmark: ") and told in shown[-1] and not (tmp_path / "x").exists()


def called(*words, **more):
    return subprocess.run([sys.executable, "-m", "kerasnd.cli.benchmark", *words], capture_output=True, text=True, timeout=600,
                          **more)


def test_a_sweep_of_real_cells(tmp_path):
    words = ["--methods=kde,isoforest", "--datasets=digits", "--normals=3", f"--to={tmp_path}"]
    ended = called(*words)
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stdout.splitlines() if "AUROC" in line]
    assert len(lines) == 2 and all("normal 3, seed 0: AUROC 0.9" in line for line in lines)
    cells = (tmp_path / "cells.md").read_text()
    assert "2 of 2 cells are done" in cells and "bin/benchmark --methods=kde,isoforest" in cells
    assert "isoforest" in (tmp_path / "report.md").read_text()
    with open(tmp_path / "cells.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        metrics = json.loads((tmp_path / row["row"] / "digits/3/0/metrics.json").read_text())
        assert float(row["auroc"]) == pytest.approx(metrics["auroc"], abs=1e-5) and row["protocol_hash"] and row["commit"]
        assert 0 < float(row["seconds"]) and row["status"] == "done"
    (tmp_path / "report.md").unlink()
    assert called(*words, "--only_tables").returncode == 0 and "isoforest" in (tmp_path / "report.md").read_text()
    refused = called(*words, "--only_tables", "--limit=50")
    assert refused.returncode == 2 and "must be new, or of the same configs" in refused.stderr
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/digits/3/0/metrics.json")}
    (tmp_path / "kde/digits/3/0/metrics.json").unlink()
    (tmp_path / "kde/digits/3/0/config.json").write_text("{")       # somebody damaged it: said, and the other stays
    ended = called(*words)
    assert ended.returncode == 1 and "1 of 2 cells are finished already" in ended.stdout
    last = ended.stderr.splitlines()[-1]
    assert "1 of 2 cells failed; the first, kde/digits/3/0: " in last and "config.json cannot be read" in last
    path = tmp_path / "isoforest/digits/3/0/metrics.json"
    assert path.stat().st_mtime_ns == before[path]


@pytest.mark.slow
def test_a_shared_stage_changes_no_score(tmp_path):
    fewer = ["--config.stages[0].fit.epochs=3", "--config.stages[1].fit.epochs=2"]
    ended = called("--methods=deep_svdd,ocnn", "--datasets=digits", "--normals=3", f"--to={tmp_path}", "--workers=2", *fewer)
    assert ended.returncode == 0, ended.stderr
    own = subprocess.run([sys.executable, "-m", "kerasnd.cli.train", "--method=ocnn", "--dataset=digits", "--normal=3",
                          "--threads=1", f"--run={tmp_path}/own", *fewer], capture_output=True, timeout=600)
    assert own.returncode == 0
    records = [json.loads((tmp_path / f"{name}/digits/3/0/config.json").read_text()) for name in ("deep_svdd", "ocnn")]
    with np.load(tmp_path / "own/scores.npz") as a, np.load(tmp_path / "ocnn/digits/3/0/scores.npz") as b:
        assert (a["score"] == b["score"]).all()
    assert [bool(each["config"]["stages"][0].get("run")) for each in records].count(True) <= 1


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on(tmp_path):
    words = ["--methods=isoforest,deep_svdd", "--datasets=digits", "--normals=3", f"--to={tmp_path}", "--workers=1"]
    process = subprocess.Popen([sys.executable, "-m", "kerasnd.cli.benchmark", *words], stdout=subprocess.DEVNULL)
    log = tmp_path / "deep_svdd/digits/3/0/log.txt"
    for _ in range(600):
        if log.exists() and "epoch 5/" in log.read_text():
            break
        time.sleep(0.2)
    process.kill()
    process.wait()
    time.sleep(1)
    left = subprocess.run(["pgrep", "-f", f"kerasnd.cli.train.*{tmp_path}"], capture_output=True, text=True).stdout
    assert not left.split()                             # none goes on behind its back
    ended = called(*words)
    assert ended.returncode == 0 and "1 of 2 cells are finished already" in ended.stdout
    assert "going on" in log.read_text() and "2 of 2 cells are done" in (tmp_path / "cells.md").read_text()


def test_a_budget_chooses_epochs_by_what_each_method_takes(tmp_path, monkeypatch):
    """Each stage has seconds that come once and seconds an epoch: from two probes both are known."""
    once, rates = {"deep_svdd": 8.0, "kde": 6.0}, (0.5, 0.25)
    asked = []

    def pretend(sweep, job, lender=None, **flags):
        epochs = planning.resolved(job.cell).epochs
        asked.append((job.cell.row, epochs))
        stages = [2.0 + rate * each for rate, each in zip(rates, epochs)] if any(epochs) else [1.0]
        write_json(sweep.run(job.cell) / "metrics.json", {"stage_seconds": stages})
        sweep.note(job.cell, status=DONE, seconds=once[job.cell.row] + (sum(stages) if any(epochs) else 0))
        return DONE
    monkeypatch.setattr(budgeting, "execute", pretend)
    sweep, jobs = Sweep(tmp_path), jobs_of(["deep_svdd", "kde"], normals="38")
    deep = next(job for job in jobs if job.cell.row == "deep_svdd")
    factor = budgeting.choose(sweep, jobs, 100.0, workers=1, threads=1)
    assert asked == [("kde", (0,)), ("deep_svdd", (1, 1)), ("deep_svdd", (3, 3))]
    shortened = [shortening.divided(each, factor) for each in deep.epochs]
    spent = 2 * (6 + 8 + 4 + sum(rate * each for rate, each in zip(rates, shortened)))
    assert factor > 1 and 90 < spent <= 100
    assert budgeting.choose(sweep, jobs, 100.0, workers=1) == factor and len(asked) == 3        # chosen once
    assert not (tmp_path / "probes").exists()
    assert f"deep_svdd on digits: {shortened[0]} + {shortened[1]} epochs" in budgeting.said(
        jobs_of(["deep_svdd", "kde"], normals="38", factor=factor))


def test_what_cannot_be_timed_is_left_to_fail_by_itself(tmp_path, monkeypatch, capsys):
    def pretend(sweep, job, lender=None, **flags):
        write_json(sweep.run(job.cell) / "metrics.json", {"stage_seconds": [1.0] * len(job.epochs)})
        broken = job.cell.row in broken_rows
        sweep.note(job.cell, status=FAILED if broken else DONE, seconds=1.0, **({"error": "no memory"} if broken else {}))
        return FAILED if broken else DONE
    monkeypatch.setattr(budgeting, "execute", pretend)
    (tmp_path / "probes/1/kde").mkdir(parents=True)         # of a timing that was killed
    sweep, jobs, broken_rows = Sweep(tmp_path), jobs_of(["deep_svdd", "kde"]), ["kde"]
    assert budgeting.choose(sweep, jobs, 100.0, workers=1) == 1.0
    assert "cannot time kde on digits: no memory" in capsys.readouterr().out and not (tmp_path / "probes").exists()
    broken_rows.append("deep_svdd")
    with pytest.raises(BadData, match="no method could be timed"):
        budgeting.choose(sweep, jobs, 200.0, workers=1)
    assert not (tmp_path / "probes").exists()


def test_all_classes_of_own_data_are_found_by_how_it_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("x,state\n" + "".join(f"{n},{'ok' if n % 3 else 'bad'}\n" for n in range(30)))
    cells = planning.cells(["kde"], [str(tmp_path / "a.csv")], None, [0], overrides=[("source.label_column", "state")])
    assert {cell.normal for cell in cells} == {"ok", "bad"}
    (tmp_path / "b").mkdir()
    (tmp_path / "b/a.csv").write_text((tmp_path / "a.csv").read_text())
    both = [dataclasses.replace(cell, dataset=str(path)) for cell in cells for path in (tmp_path / "a.csv", tmp_path / "b/a.csv")]
    with pytest.raises(Misuse, match="^`--datasets` must have file names that differ"):
        planning.plan(both)


def test_a_lost_worker_of_ray_is_a_failed_cell_and_not_the_end(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")

    class Lost:
        exceptions = ray.exceptions

        def remote(self, *_, **__):
            return lambda task: types.SimpleNamespace(remote=lambda *_: None)

        def get(self, _):
            raise ray.exceptions.WorkerCrashedError()

        def cluster_resources(self):
            return {"CPU": 2.0}
    monkeypatch.setattr(ray_tasks.cluster, "connect", lambda address: contextlib.nullcontext(Lost()))
    sweep, jobs = Sweep(tmp_path), jobs_of(["kde"], normals="38")
    with ray_tasks.tasks(sweep, None) as (run, places):
        assert places == 2 and running.run(sweep, jobs, run, places) == {FAILED: 2}
    assert all("must keep its workers" in sweep.result(job.cell)["error"] for job in jobs)


@pytest.mark.slow
def test_slurms_tasks_run_cells(tmp_path):
    words = ["--methods=kde", "--datasets=digits", "--normals=3", f"--to={tmp_path}"]
    written = called(*words, "--engine=slurm")
    script = tmp_path / "sweep.sbatch"
    assert written.returncode == 0 and str(script) in written.stdout
    ended = subprocess.run(["bash", script], env={**os.environ, "SLURM_ARRAY_TASK_ID": "0"}, capture_output=True, text=True,
                           timeout=300)
    assert ended.returncode == 0 and "kde/digits/3/0: AUROC 0.9" in ended.stdout, ended.stderr
    assert called(*words, "--only_tables").returncode == 0 and "1 of 1 cells are done" in (tmp_path / "cells.md").read_text()


def test_a_process_that_was_stopped_is_no_failure(tmp_path, monkeypatch):
    sweep, job = Sweep(tmp_path), made("a")
    for code, expected in ((-15, BEGUN), (3, FAILED)):
        monkeypatch.setattr(execution, "PROGRAM", ["bash", "-c", "echo train: it broke; " + ("kill $$" if code < 0 else "exit 3")])
        assert execution.execute(sweep, job) == expected
    assert sweep.result(job.cell) == {"error": "ended with 3: it broke"}
    assert execution.execute(sweep, dataclasses.replace(job, problem="no data")) == FAILED
    assert sweep.result(job.cell) == {"error": "no data"}
    assert len(list(itertools.chain(tmp_path.rglob("*.log")))) == 1


@pytest.mark.slow
def test_tasks_of_a_ray_cluster_give_what_processes_give(tmp_path):
    words = ["--methods=kde,isoforest", "--datasets=digits", "--normals=3"]
    ended = called(*words, f"--to={tmp_path}/ray", "--engine=ray", "--threads=1")
    assert ended.returncode == 0, ended.stderr
    assert called(*words, f"--to={tmp_path}/local", "--threads=1").returncode == 0
    for name in ("kde", "isoforest"):
        with np.load(tmp_path / f"ray/{name}/digits/3/0/scores.npz") as a, np.load(
                tmp_path / f"local/{name}/digits/3/0/scores.npz") as b:
            assert (a["score"] == b["score"]).all()


def test_an_undone_plan_is_told(tmp_path):
    with pytest.raises(BadData):
        slurm.task(Sweep(tmp_path), 0)
