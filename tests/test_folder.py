"""A run folder: whole files or none, one process at a time, nothing removed that is another's."""
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasnd import folder as folders
from kerasnd.atomic import whole
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import CHECKPOINT, DETECTOR, LOG, METRICS, RECORD, SCORES, RunFolder, read_json, write_json

RECORDED = {"format": 1, "config": {"seed": 0, "source": {}, "normal": "3", "protocol": {}, "stages": []}}
EVENTS = "events/0_ocnn/train/events.out.tfevents.1.v2"
OURS = (RECORD, METRICS, DETECTOR, SCORES, CHECKPOINT, LOG, "figures/roc.png", "stages/0_ocnn.keras", EVENTS)


@pytest.fixture
def run(tmp_path):
    """A folder with everything that a run writes."""
    for name in OURS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    write_json(tmp_path / RECORD, RECORDED)
    return RunFolder(tmp_path)


# ---- files are whole or not there ------------------------------------------------------------------------------------

def test_a_file_appears_only_once_it_is_written(tmp_path):
    with whole(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("half")
        assert not (tmp_path / "new" / "a.txt").exists() and temporary.suffix == ".txt"
    assert os.listdir(tmp_path / "new") == ["a.txt"]


def test_a_writer_that_fails_leaves_the_file_as_it_was(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB, where this process may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("making a file system needs root")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_leaves_the_file_as_it_was(small_disk):
    with whole(small_disk / "a.npz") as temporary, open(temporary, "wb") as file:
        np.savez(file, x=np.arange(10))
    before = (small_disk / "a.npz").read_bytes()
    with pytest.raises(OSError) as full, whole(small_disk / "a.npz") as temporary, open(temporary, "wb") as file:
        np.savez(file, x=np.zeros(10**6))
    assert full.value.errno == errno.ENOSPC
    assert os.listdir(small_disk) == ["a.npz"] and (small_disk / "a.npz").read_bytes() == before


# ---- one process at a time -------------------------------------------------------------------------------------------

def test_a_folder_belongs_to_one_process_until_that_ends(tmp_path):
    holds = ("import sys, time; from kerasnd.folder import RunFolder\n"
             "with RunFolder(sys.argv[1]).locked(): print('held', flush=True); time.sleep(60)")
    other = subprocess.Popen([sys.executable, "-c", holds, tmp_path], stdout=subprocess.PIPE, text=True,
                             cwd=Path(__file__).resolve().parent.parent)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Misuse, match="must be free.*another process"), RunFolder(tmp_path).locked():
            pass
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        other.stdout.close()
    with RunFolder(tmp_path).locked() as held:      # no stale lock stays behind
        assert held.path == tmp_path


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Misuse, match="must be a folder"), RunFolder(path).locked():
            pass


def test_halves_of_files_are_swept_away_and_nothing_else(run):
    halves = [run / ".checkpoint.12.partial.npz", run / "figures/.roc.12.partial.png", run / "stages/.0_ocnn.12.partial.keras"]
    kept = [run / "own.partial.txt", run / "deep" / "er" / ".x.1.partial.txt"]
    for path in halves + kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with run.locked():
        assert not any(path.exists() for path in halves) and all(path.exists() for path in kept)
        assert all((run / name).exists() for name in OURS)


# ---- overwriting -----------------------------------------------------------------------------------------------------

def test_clearing_removes_what_runs_write_and_nothing_else(run):
    own = [run / "notes.txt", run / "figures/own.pdf", run / "stages/readme.md", run / "events/own.txt"]
    for path in own:
        path.touch()
    run.clear()
    assert sorted(path for path in run.path.rglob("*") if path.is_file()) == sorted(own)
    for path in own:
        path.unlink()
    run.clear()         # of nothing
    assert not run.begun and not run.finished


@pytest.mark.parametrize("deaths", range(len(OURS)))
def test_a_kill_while_clearing_leaves_no_checkpoint_of_an_unknown_config(run, deaths, monkeypatch):
    unlink, count = Path.unlink, iter(range(100))

    def dies(path, *args, **kwargs):
        if next(count) == deaths:
            raise KeyboardInterrupt
        unlink(path, *args, **kwargs)
    monkeypatch.setattr(Path, "unlink", dies)
    with pytest.raises(KeyboardInterrupt):
        run.clear()
    assert run.begun                                            # the record goes last
    assert deaths == 0 or not run.finished                      # and the metrics first
    assert deaths <= 1 or not (run / CHECKPOINT).exists()


# ---- what is read back -----------------------------------------------------------------------------------------------

def test_a_record_is_read_back(run):
    source = {"missing": "refuse", "categorical": "onehot", **RECORDED["config"]["source"]}     # what older records leave out
    assert run.begun and run.finished
    assert run.record() == run.finished_record() == {**RECORDED, "config": {**RECORDED["config"], "source": source}}


@pytest.mark.parametrize("text, kind, told", [
    ("", BadData, "config.json cannot be read"),
    ('{"format": 1', BadData, "config.json cannot be read"),
    ("[1]", BadData, "holds a list"),
    ("{}", Misuse, "lacks normal, protocol, seed, source, stages.*Choose another --run"),     # somebody else's config.json
    ('{"format": 1, "config": 3}', Misuse, "lacks normal"),
    ('{"format": "x", "config": {}}', Misuse, "no record"),
    (json.dumps({**RECORDED, "format": 2, "versions": {"kerasnd": "9.9"}}), Misuse, "format 1 or older.*format 2.*9.9"),
    ('{"format": 7}', Misuse, "Update kerasnd"),
])
def test_a_record_that_cannot_be_used_is_told_in_one_line(run, text, kind, told):
    (run / RECORD).write_text(text)
    with pytest.raises(kind, match=told) as refusal:
        run.record()
    assert "\n" not in str(refusal.value) and str(run.path) in str(refusal.value)


def test_a_folder_with_a_config_of_somebody_elses_is_not_to_be_cleared(run):
    for damaged in ("", "{", "[]"):
        (run / RECORD).write_text(damaged)
        run.refuse_foreign()                                    # it may be cleared
    (run / RECORD).write_text('{"architectures": []}')
    with pytest.raises(Misuse, match="no record of a run"):
        run.refuse_foreign()
    (run / RECORD).unlink()
    run.refuse_foreign()


def test_bytes_that_are_no_text_are_told_in_one_line(run):
    (run / METRICS).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadData, match="metrics.json cannot be read"):
        read_json(run / METRICS)


def test_a_folder_without_a_run_and_an_unfinished_run_are_told_apart(run):
    (run / METRICS).unlink()
    with pytest.raises(Misuse, match="must be finished.*goes on from its last checkpoint"):
        run.finished_record()
    (run / RECORD).unlink()
    with pytest.raises(BadData, match="is not a run folder"):
        run.finished_record()


def test_json_is_plain_ascii_and_ends_its_last_line(tmp_path):
    write_json(tmp_path / "a.json", {"normal": "gut"})
    assert (tmp_path / "a.json").read_text() == '{\n  "normal": "gut"\n}\n'
    assert folders.as_json({"normal": "Käfer"}).isascii()
