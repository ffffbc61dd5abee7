"""Scores spread over a Ray cluster: workers read, decode and score whole pieces, whose scores come back in the order of the input.

An `ActorPool` rather than Ray Data: it returns results in the order in which they were asked for, is given a piece only where a
worker is free, which bounds memory by the number of workers, and needs nothing but Ray itself (Ray Data wants pandas and pyarrow
too, and keeps order and bounds memory only when told to).
"""
import collections
import itertools
import math
import os
import re

from absl import logging

from kerasnd import cluster
from kerasnd.errors import Misuse
from kerasnd.scoring_worker import Worker, absent, versions

AT_ONCE = 2             # pieces that a worker has: the next one is there when it is done with one
PATIENCE, TOGETHER = 30, 10     # seconds until the user hears that no worker has begun; and in which the others may join the first
RESTARTS = 3            # of a worker whose process or node is lost


class Workers:
    """Processes of a cluster that score pieces of one input; they end when this is gone, or the connection.

    Args:
        ray: module, of `cluster.connect`.
        detector: Path of a .keras file, which is sent to every worker.
        data: kerasnd.data.pieces.Input, whose files every node can read.
        precision: "float32" or "bfloat16".
        device: "auto" (GPUs where the cluster has any), "cpu" or "gpu": one worker for each GPU.
        threads: int, of each worker; 0: without GPUs one, and as many workers as the cluster has cores.

    Attributes:
        rows: {str: int}, how many rows came from a node, by its id.

    Raises:
        Misuse: the cluster has no GPU, or no node with so many cores.
    """

    def __init__(self, ray, detector, data, precision="float32", device="auto", threads=0):
        self._ray, self._data, self._all, self._warned, self.rows = ray, data, [], set(), collections.Counter()
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._count, needs, device, threads = division(nodes, device, threads)
        self._worker = ray.remote(max_restarts=RESTARTS, max_task_retries=RESTARTS, **needs)(Worker)
        size = os.path.getsize(data.path) if os.path.isfile(data.path) else None
        # Goes with every call, by reference: when Ray begins a worker anew, there is nothing but the call.
        self._asked = {"detector": ray.put(detector.read_bytes()), "data": ray.put(data), "size": size, "folder": os.getcwd(),
                       "versions": versions(), "precision": precision, "device": device, "threads": threads}

    def scored(self, start=0):
        """Yields (Piece without its `x`, float32 (k,) scores of what could be read), in the order of the input.

        Args:
            start: int, the first row, a multiple of the input's `rows`.

        Raises:
            BadData: a node cannot read the input, has other versions, or was lost. Misuse, BadData: as the input.
        """
        pool, firsts = self._ray.util.ActorPool([]), itertools.count(start, self._data.rows)
        coming = self._begun(math.ceil((self._data.n - start) / self._data.rows))
        while True:
            with cluster.plainly(self._ray):
                self._join(pool, coming)
                while pool.has_free():
                    pool.submit(lambda place, first: place[1].score.remote(self._asked, first), next(firsts))
                found = pool.get_next()
            if found is None:       # behind the end; so is all that is still on its way
                return
            yield self._taken(**found)

    def _begun(self, pieces):
        """{reference: worker} of workers that are loading, one of which has done so."""
        self._all = [self._worker.remote() for _ in range(min(self._count, max(1, pieces)))]
        coming = {worker.load.remote(self._asked): worker for worker in self._all}
        if not self._ray.wait(list(coming), timeout=PATIENCE)[0]:
            print(f"waiting for the first of {len(coming)} workers: is a core of the cluster free?", flush=True)
            self._ray.wait(list(coming))
        self._ray.wait(list(coming), num_returns=len(coming), timeout=TOGETHER)
        return coming

    def _join(self, pool, coming):
        """Moves the workers that have loaded into the pool."""
        ready = self._ray.wait(list(coming), num_returns=len(coming), timeout=0)[0] if coming else []
        self._ray.get(ready)
        joining = [coming.pop(each) for each in ready]
        for place in itertools.product(range(AT_ONCE), joining):    # to the pool, each of its places is an actor
            pool.push(place)

    def _taken(self, piece, scores, warnings, lacking, node):
        here = [path for path in (self._data.name(piece.first + place) for place in lacking) if os.path.exists(path)]
        if here:
            raise absent(here[0], node[1])
        for text in warnings:
            if (told := re.sub(r"\d+", "", text)) not in self._warned:       # whatever was counted in that piece
                self._warned.add(told)
                logging.warning("%s", text)
        self.rows[node[0]] += piece.n
        return piece, scores


def division(nodes, device="auto", threads=0):
    """How a cluster is divided among workers.

    Args:
        nodes: list of {str: float}, what each node has of "CPU" and "GPU".
        device, threads: as in `Workers`.

    Returns:
        (int, dict, str, int): how many workers, what one needs as options of `ray.remote`, "cpu" or "gpu", threads of each.

    Raises:
        Misuse: there is no room for one.
    """
    by_gpu = device == "gpu" or (device == "auto" and any(node.get("GPU", 0) >= 1 for node in nodes))
    cores = max(1, threads)
    room = [min(int(node.get("CPU", 0)) // cores, int(node.get("GPU", 0)) if by_gpu else math.inf) for node in nodes]
    if not sum(room):
        most = max((int(node.get("CPU", 0)) for node in nodes if node.get("GPU", 0) >= by_gpu), default=0)
        if by_gpu and not most:
            raise Misuse("`device` must be cpu or auto where no node of the cluster has a GPU and a core. Received: device=gpu. "
                         "Use --device=cpu.")
        raise Misuse(f"`threads` must be at most the cores of a node. Received: {cores} in a cluster whose nodes have {most} or "
                     "fewer.")
    return sum(room), {"num_cpus": cores, **({"num_gpus": 1} if by_gpu else {})}, "gpu" if by_gpu else "cpu", (
        threads if by_gpu else cores)
