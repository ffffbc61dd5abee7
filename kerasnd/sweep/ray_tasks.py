"""Cells as tasks of a Ray cluster: each is a process on some node, and its run folder lies where all nodes see it."""
import contextlib
import dataclasses
import pathlib
import socket

from kerasnd import cluster
from kerasnd.errors import BadData
from kerasnd.sweep.execution import execute
from kerasnd.sweep.slurm import job_of
from kerasnd.sweep.state import FAILED, Sweep


@contextlib.contextmanager
def tasks(sweep, address, threads=1, **flags):
    """Lends what runs a cell on a cluster.

    Args:
        sweep: Sweep, locked, on a file system that all nodes share.
        address: str or None, as --address.
        threads: int >= 1, CPUs that a task asks the cluster for.
        **flags: of bin/train.

    Yields:
        (callable, int): (job, lender) -> status, and how many cells the cluster holds at a time.

    Raises:
        Misuse: Ray is not installed, or there is no cluster. BadData: a node does not see the folder.
    """
    with cluster.connect(address) as ray:
        remote = ray.remote(num_cpus=threads, max_retries=0)(_task)

        def run(job, lender):
            try:
                with cluster.plainly(ray):
                    told = ray.get(remote.remote(str(sweep.path), dataclasses.asdict(job), lender and str(lender),
                                                 {**flags, "threads": threads}))
            except BadData as error:        # the node or its worker is lost; the others go on
                sweep.note(job.cell, status=FAILED, error=str(error))
                return FAILED
            if told.startswith("`"):
                raise BadData(told)
            return told
        yield run, max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)


def _task(path, job, lender, flags):
    """str, the status of a cell that ran on this node, or why it cannot see the sweep's folder."""
    if not (pathlib.Path(path) / ".lock").is_file():
        return (f"`--to` must be a folder that all nodes share. Received: {path}, which {socket.gethostname()} does not see. "
                "Choose another --to.")
    return execute(Sweep(path), job_of(job), lender and pathlib.Path(lender), **flags)
