"""What is refused before any cluster is joined, and how one is divided; nothing of it needs Ray."""
import importlib.util
import socket
import time

import pytest

from kerasnd import cluster, scoring_ray
from kerasnd.cli import score as program
from kerasnd.errors import BadData, Misuse


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_what_needs_no_cluster_is_not_looked_for(installed, monkeypatch):
    monkeypatch.setattr(cluster, "socket", None)
    for engine, address in (("local", None), ("local", ""), ("ray", None), ("ray", "auto"), ("ray", "local")):
        assert cluster.check(engine, address) is None


@pytest.mark.parametrize("engine, address, told", [
    ("roy", None, r"`engine` must be one of local, ray. Received: engine='roy'. Did you mean 'ray'\?"),
    ("local", "head:6379", "`address` must be given with --engine=ray only. Received: --address=head:6379"),
    *(("ray", each, f"`address` must be host:port, ray://host:port, auto or local. Received: '{each}'")
      for each in ("head", "head:", ":6379", "head:port", "http://head:6379", "head:99999999")),
])
def test_misuse_is_told_in_one_line(installed, engine, address, told):
    with pytest.raises(Misuse, match=told):
        cluster.check(engine, address)


def test_without_ray_its_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Misuse, match=r"pip install 'kerasnd\[ray\]'"):
        cluster.check("ray")


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
@pytest.mark.parametrize("by_environment", [False, True])
def test_where_nobody_answers_that_is_told_soon(installed, monkeypatch, form, by_environment):
    address, began = form.format(free_port()), time.monotonic()
    if by_environment:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(BadData, match=f"`address` must be that of a Ray cluster that runs. Received: {address}: Connection ref"):
        cluster.check("ray", None if by_environment else address)
    assert time.monotonic() - began < 2


def test_the_command_tells_it_before_anything_is_loaded(installed, tmp_path, monkeypatch, capsys):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(program.process, "import_tensorflow", None)
    words = [f"--run={tmp_path}", f"--input={tmp_path}", f"--output={tmp_path / 's.csv'}"]
    assert program.main([*words, "--address=head:6379"]) == 2
    assert capsys.readouterr().err == ("score: `address` must be given with --engine=ray only. Received: --address=head:6379 "
                                       "--engine=local. Add --engine=ray, or leave the address out.\n")
    assert program.main([*words, "--engine=ray", f"--address=127.0.0.1:{free_port()}"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


# ---- how a cluster is divided ----------------------------------------------------------------------------------------

EIGHT, THREE, GPU = {"CPU": 8.0}, {"CPU": 3.0, "memory": 1e9}, {"CPU": 4.0, "GPU": 2.0}


@pytest.mark.parametrize("nodes, device, threads, expected", [
    ([EIGHT, THREE], "auto", 0, (11, {"num_cpus": 1}, "cpu", 1)),
    ([EIGHT, THREE, {}], "cpu", 2, (5, {"num_cpus": 2}, "cpu", 2)),
    ([EIGHT, GPU], "cpu", 0, (12, {"num_cpus": 1}, "cpu", 1)),
    ([EIGHT, GPU], "auto", 0, (2, {"num_cpus": 1, "num_gpus": 1}, "gpu", 0)),
    ([EIGHT, GPU, GPU], "gpu", 3, (2, {"num_cpus": 3, "num_gpus": 1}, "gpu", 3)),
])
def test_a_worker_has_a_core_or_a_gpu_of_one_node(nodes, device, threads, expected):
    assert scoring_ray.division(nodes, device, threads) == expected


@pytest.mark.parametrize("nodes, device, threads, told", [
    ([EIGHT, THREE], "cpu", 9, "`threads` must be at most the cores of a node. Received: 9 in a cluster whose nodes have 8"),
    ([EIGHT, GPU], "gpu", 5, "Received: 5 in a cluster whose nodes have 4"),
    ([EIGHT, THREE], "gpu", 0, "`device` must be cpu or auto where no node of the cluster has a GPU"),
    ([{}], "auto", 0, "Received: 1 in a cluster whose nodes have 0"),
])
def test_a_worker_that_fits_nowhere_is_refused(nodes, device, threads, told):
    with pytest.raises(Misuse, match=told):
        scoring_ray.division(nodes, device, threads)
