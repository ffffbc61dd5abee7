"""The benchmarks start, refuse mistakes in one line, and count right. What they measure is for a quiet machine."""
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


def started(*words):
    return subprocess.run([sys.executable, FOLDER / "run.py", *words], capture_output=True, text=True, timeout=60)


@pytest.fixture
def results(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("results")


def test_help_lists_the_benchmarks_and_imports_nothing_heavy():
    shown = started("--help")
    assert shown.returncode == 0 and shown.stderr == ""
    assert "--only" in shown.stdout and "same_step,training_step,pipeline,inference" in " ".join(shown.stdout.split())
    heavy = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, timeout=60).stdout.split()
    assert "training_step" in loaded and not {"numpy", "tensorflow", "keras", "torch"} & set(loaded)


@pytest.mark.parametrize("words, told", [("--only=training", "Did you mean 'training_step'"), ("--cases=mnist", "mnist-encoder")])
def test_a_misuse_is_one_line_and_exit_code_two(words, told):
    shown = started(words)
    assert shown.returncode == 2 and shown.stdout == ""
    assert shown.stderr.startswith("bench: ") and shown.stderr.count("\n") == 1 and told in shown.stderr


def test_a_race_is_measured_against_the_fastest_float32_rival_round_by_round(results):
    def rounds(*seconds):
        return [{"seconds": second, "worked": 0.5, "memory": 100.0} for second in seconds]
    table = results.race({"own": rounds(0.1, 0.2, 0.1), "rival": rounds(1, 1, 1), "rival, compiled": rounds(0.2, 0.4, 0.5),
                         "rival, bfloat16": rounds(0.01, 0.01, 0.01)}, "steps/s", "step", "own", "rival")
    heads, _, own, rival, compiled, half = (row.split("|")[1:-1] for row in table.splitlines())
    assert heads[3].strip() == "times rival, compiled"      # medians 1 and 0.4
    assert [cell.strip() for cell in own[:4]] == ["**own**", "10.0", "5.00 to 10.0", "2.00"]       # ratios 2, 2 and 5
    assert [row[3].strip() for row in (rival, compiled, half)] == ["0.40", "1.00", "40.00"]


def test_attacks_are_told_by_medians_and_by_the_rounds_own_ratios(results):
    attacks = importlib.import_module("attacks")
    seconds = {attacks.SEARCH: [1.0, 4.0, 9.0], attacks.PASSES: [0.5, 1.0, 4.5], attacks.PRODUCT: [0.2, 0.4, 1.8]}
    counts = {attacks.SEARCH: 20e9, attacks.PASSES: 20e9, attacks.PRODUCT: 40e9}
    table, ratio = attacks.tables(seconds, counts)
    search, passes, product = ([cell.strip() for cell in row.split("|")[2:-1]] for row in table.splitlines()[2:])
    assert search == ["4", "9 to 1", "20", "5", "0.10"]         # half the work in 5, 10 and 5 times the time
    assert passes[-2:] == ["20", "0.20"] and product[-2:] == ["100", "1.00"]
    assert ratio.startswith("Rotations and shifts take 2.00 times")     # 2, 4 and 2; of the medians it would be 4


def test_latencies_are_medians_over_the_rounds(results):
    latency = importlib.import_module("latency")

    def rounds(*p50):
        same = {"load": 0.5, "memory": 300.0, "requests": 200}
        return {str(size): [{"p50": each * size, "p95": 2 * each * size, **same} for each in p50] for size in (1, 32)}
    rows = latency.table({latency.COMPILED: rounds(1e-3, 2e-3, 9e-3), latency.SERVED: rounds(3e-3, 4e-3, 9e-3)}).splitlines()[2:]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert cells[0] == [latency.COMPILED, "1", "2.00", "4.00", "1.00", "+0.00", "0.50", "300", "200"]
    assert cells[1][2:6] == ["4.00", "8.00", "2.00", "+2.00"] and cells[3][1:3] == ["32", "128.00"]      # ratios 3, 2 and 1
