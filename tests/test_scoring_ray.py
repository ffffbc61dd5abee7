"""The same table by a Ray cluster: two nodes of one core each, on this machine, both of which do work."""
# ruff: noqa: F401, F811
import signal
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import ray
import tensorflow as tf
from ray.cluster_utils import Cluster
from short_runs import arrays
from test_scoring import image_run, photos, rows

import kerasnd
from kerasnd import cluster, growing, runs, saving, scoring, scoring_ray
from kerasnd.data import pieces, unlabelled
from kerasnd.errors import BadData

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def address():
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes.add_node(num_cpus=1)
        nodes.wait_for_nodes()
        yield nodes.address
    finally:
        ray.shutdown()
        nodes.shutdown()


@pytest.fixture
def detector(tmp_path):
    """Of two features."""
    made = kerasnd.Autoencoder(example_shape=(2,))
    made.normalizer.adapt([np.array([[0, 0], [100, 1]], np.float32)])
    saving.save(made, tmp_path / "detector.keras")
    return made


def assert_same(found, expected):
    """Two tables that agree to the letter but for the last digit of a score: more threads may add in another order."""
    found, expected = rows(found), rows(expected)
    scores = [[float(row.pop("score") or "nan") for row in table] for table in (found, expected)]
    assert found == expected
    np.testing.assert_allclose(*scores, rtol=1e-6, atol=1e-6)


# ---- a cluster -------------------------------------------------------------------------------------------------------

def test_two_nodes_score_a_folder_and_what_was_killed_goes_on(image_run, photos, address, tmp_path, monkeypatch, capfd):
    """The seventh of 18 images is broken; 3 of 5 pieces are in the table when it is killed."""
    runs.score(image_run, photos, tmp_path / "local.csv")
    out, passed, add, made, workers = tmp_path / "s.csv", [], growing.GrowingTable.add, [], scoring_ray.Workers

    def killed(self, rows, n, **counts):
        passed.append(n)
        if len(passed) > 4:         # the first is the header
            raise KeyboardInterrupt
        add(self, rows, n, **counts)
    monkeypatch.setattr(scoring_ray, "Workers", lambda *args: made.append(workers(*args)) or made[-1])
    with monkeypatch.context() as patch:
        patch.setattr(growing.GrowingTable, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.score(image_run, photos, out, engine="ray", address=address)
    assert not ray.is_initialized() and not out.exists() and len(list(tmp_path.glob(".s.*.partial.csv"))) == 1
    assert len(made[0].rows) == 2 and sum(made[0].rows.values()) == 16
    capfd.readouterr()
    assert runs.score(image_run, photos, out, engine="ray", address=address) == 17
    assert sum(made[1].rows.values()) == 6 and not ray.is_initialized() and not list(tmp_path.glob(".s.*"))
    told = capfd.readouterr()
    assert "going on behind row 12" in told.out and "of the cluster" in told.out
    assert [line for line in told.err.splitlines() if "no score for" not in line] == []
    assert_same(out, tmp_path / "local.csv")


def archive(folder):
    """(path, options of `unlabelled.load`, rows that cannot be read)."""
    x = np.stack([np.arange(100), np.zeros(100)], axis=1).astype(np.float32)
    x[37, 1] = np.nan
    np.savez_compressed(folder / "x.npz", x=x)
    return folder / "x.npz", {}, [37]


def table(folder):
    """As `archive`; row 99 has a word that is of none of the levels."""
    lines = [f"{i},rest" for i in range(100)]
    lines[37], lines[38], lines[99] = "37", "heavy,rest", "99,stop"
    (folder / "x.csv").write_text("\n".join(["load,phase", *lines, "", ",", ""]))
    columns = [{"name": "load", "kind": "number"}, {"name": "phase", "kind": "words", "levels": ["rest"]}]
    return folder / "x.csv", {"schema": {"label": None, "missing": "refuse", "columns": columns}}, [37, 38]


@pytest.mark.slow
@pytest.mark.parametrize("write", [table, archive])
def test_rows_come_in_the_order_of_the_input(write, address, detector, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pieces, "MOST", 8)
    path, options, unread = write(tmp_path)
    data = unlabelled.load(path, **options)
    with cluster.connect(address) as module:
        workers = scoring_ray.Workers(module, tmp_path / "detector.keras", data)
        with caplog.at_level("WARNING", "absl"):
            found = list(workers.scored(16))
        assert len(workers.rows) == 2
    assert caplog.text.count("words that training had not") == (write is table) and ("'stop'" in caplog.text) is (write is table)
    expected = list(scoring.here(tf.function(detector.score), data)(16))
    assert [(piece.first, piece.n, piece.place.tolist(), piece.failures) for piece, _ in found] == [
        (piece.first, piece.n, piece.place.tolist(), piece.failures) for piece, _ in expected]
    assert [piece.first for piece, _ in found] == list(range(16, 100, 8))
    assert [piece.first + place for piece, _ in found for place in piece.failures] == unread
    for (_, mine), (_, theirs) in zip(found, expected):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6)


def test_a_node_that_cannot_read_the_input_is_named(address, detector, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 2)))
    data = unlabelled.load(tmp_path / "x.npz")
    (tmp_path / "x.npz").rename(tmp_path / "away.npz")
    with cluster.connect(address) as module:
        workers = scoring_ray.Workers(module, tmp_path / "detector.keras", data)
        with pytest.raises(BadData, match=rf"every node of the cluster. Received: {tmp_path}/x.npz, which node .+ cannot read"):
            next(workers.scored())


# ---- no cluster ------------------------------------------------------------------------------------------------------

def test_what_answers_and_is_no_cluster_is_told_of_soon(monkeypatch):
    """Ray alone would wait for it."""
    monkeypatch.setattr(cluster, "SOON", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, began = "127.0.0.1:{}".format(server.getsockname()[1]), time.monotonic()
        with pytest.raises(BadData, match=f"Received: {address}: what answers there is no Ray cluster"):
            with cluster.connect(address):
                pass
    assert time.monotonic() - began < 5 and not ray.is_initialized()


# ---- slow ------------------------------------------------------------------------------------------------------------

@pytest.mark.slow
def test_a_command_that_was_shot_goes_on_and_says_little(image_run, arrays, address, tmp_path):
    """As a user has it: bin/score, kill -9, bin/score; every process of it is gone in between."""
    with np.load(arrays) as file:
        x = np.tile(file["x_test"], (4000, 1, 1, 1))
    np.savez(tmp_path / "x.npz", x=x)
    words = [ROOT / "bin/score", f"--run={image_run}", f"--input={tmp_path / 'x.npz'}"]
    ray_too = [*words, f"--output={tmp_path / 'ray.csv'}", "--engine=ray", f"--address={address}"]
    process = subprocess.Popen(ray_too, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (half := list(tmp_path.glob(".ray.*.partial.csv"))) or half[0].stat().st_size < 2**20:
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([*words, f"--output={tmp_path / 'local.csv'}"], check=True, capture_output=True)
    again = subprocess.run(ray_too, check=True, capture_output=True, text=True)
    assert "going on behind row" in again.stdout and again.stderr == ""
    assert_same(tmp_path / "ray.csv", tmp_path / "local.csv")


@pytest.mark.slow
def test_a_worker_that_dies_is_begun_anew(address, detector, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "MOST", 8)
    path, _, unread = archive(tmp_path)
    data = unlabelled.load(path)
    with cluster.connect(address) as module:
        workers = scoring_ray.Workers(module, tmp_path / "detector.keras", data)
        coming = workers.scored()
        found = [next(coming)]
        for worker in workers._all:
            module.kill(worker, no_restart=False)
        found += coming
    expected = list(scoring.here(tf.function(detector.score), data)(0))
    firsts = [[(piece.first, list(piece.failures)) for piece, _ in each] for each in (found, expected)]
    assert firsts[0] == firsts[1]
    np.testing.assert_allclose(np.concatenate([each for _, each in found]), np.concatenate([each for _, each in expected]),
                               rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_without_an_address_the_cores_of_this_machine_are_used(image_run, photos, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    runs.score(image_run, photos, tmp_path / "local.csv")
    runs.score(image_run, photos, tmp_path / "s.csv", engine="ray")
    assert_same(tmp_path / "s.csv", tmp_path / "local.csv")
    assert not ray.is_initialized()
