"""Cells whose processes are forked from one that has imported everything are the cells of a process that imports for itself."""
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from kerasnd.folder import SCORES, read_json
from kerasnd.sweep import execution, nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no cell is forked")
WORDS = ["--method=deep_svdd", "--dataset=digits", "--normal=3", "--threads=1", "--device=cpu",
         "--config.stages[0].fit.epochs=2", "--config.stages[1].fit.epochs=2"]


@pytest.fixture
def ready():
    with nursery.Nursery("cpu", 1) as made:
        yield made


@pytest.fixture
def interruptible():
    """In the background Ctrl-C is ignored, also by what is begun there; here it is not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(each) for each in file.read().split()]


def test_cells_are_bit_equal_to_others_and_print_into_their_own_logs(ready, tmp_path):
    for name, begin in (("forked", ready.start), ("again", ready.start), ("plain", execution.start)):
        assert begin([*WORDS, f"--run={tmp_path / name}"], tmp_path / f"{name}.log") == 0
    forked, again, plain = ((tmp_path / name / SCORES).read_bytes() for name in ("forked", "again", "plain"))
    assert forked == again == plain and len(ready.parents) == 1
    assert (tmp_path / "again.log").read_text().splitlines()[-1] == f"run: {tmp_path / 'again'}"
    commands = [read_json(tmp_path / name / "config.json")["command"] for name in ("forked", "plain")]
    assert [each.replace("/forked", "/plain") for each in commands[0]] == commands[1]
    assert np.load(tmp_path / "forked" / SCORES)["score"].shape == (719,)


def test_a_mistake_has_its_exit_code_and_its_line_and_ends_nothing_else(ready, tmp_path):
    assert ready.start([*WORDS, "--method=nothing", f"--run={tmp_path / 'run'}"], tmp_path / "log") == 2
    assert (tmp_path / "log").read_text().startswith("train: ")
    assert ready.start(["--help"], tmp_path / "log") == 0


@pytest.mark.parametrize("whom, code", [("cell", -signal.SIGKILL), ("nursery", -signal.SIGKILL)])
def test_what_is_killed_is_told_and_the_next_cell_begins(ready, tmp_path, whom, code):
    assert ready.start(["--help"], tmp_path / "log") == 0
    (parent,) = ready.parents
    assert ready.here.parent is parent

    def kill():
        until = time.monotonic() + 60
        while not children(parent.pid) and time.monotonic() < until:
            time.sleep(0.05)
        victim = children(parent.pid)[0]
        os.kill(victim if whom == "cell" else parent.pid, signal.SIGKILL)
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    assert ready.start([*WORDS, f"--run={tmp_path / 'run'}", "--config.stages[1].fit.epochs=20000"], tmp_path / "log") == code
    thread.join()
    assert ready.start(["--help"], tmp_path / "log") == 0
    assert len(ready.parents) == (1 if whom == "cell" else 2)


def test_where_it_must_not_fork_a_cell_imports_for_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(nursery, "FIT", "never")
    with nursery.Nursery("cpu", 1) as ready:
        assert ready.start(["--help"], tmp_path / "log") == 0
        assert ready.here.parent is None and "--method" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM])
def test_stopped_before_it_is_ready_it_begins_no_cell(tmp_path, way, interruptible):
    with nursery.Nursery("cpu", 1) as ready:
        def stop():
            while not ready.parents:
                time.sleep(0.01)
            time.sleep(0.5)
            os.kill(ready.parents[0].pid, way)
        thread = threading.Thread(target=stop)
        thread.start()
        assert ready.start(["--help"], tmp_path / "log") == -way and not (tmp_path / "log").exists()
        thread.join()
        assert ready.start(["--help"], tmp_path / "log") == 0


def test_only_one_thread_a_cell_is_forked(tmp_path):
    for ready in (nursery.Nursery("cpu", 2), nursery.Nursery("cpu", 0)):
        assert ready.start(["--help"], tmp_path / "log") == 0 and ready.parents == []


def test_where_no_process_can_be_forked_a_cell_gets_its_own(monkeypatch, tmp_path):
    stub = tmp_path / "stub.py"
    stub.write_text("import sys\nprint('fit', flush=True)\nsys.stdin.readline()\nprint('unfit', flush=True)\nsys.stdin.readline()\n"
                    "sys.exit(3)\n")
    with nursery.Nursery("cpu", 1) as ready:
        ready.words = [sys.executable, str(stub)]
        for _ in range(2):      # told so, and without a word
            assert ready.start(["--help"], tmp_path / "log") == 0
            assert "--method" in (tmp_path / "log").read_text()


def test_it_ends_with_its_owner(tmp_path):
    with nursery.Nursery("cpu", 1) as ready:
        ready.start(["--help"], tmp_path / "log")
        (parent,) = ready.parents
        assert parent.poll() is None
    assert parent.wait(10) == 0
