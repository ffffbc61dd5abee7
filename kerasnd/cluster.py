"""A Ray cluster, joined for a while: what goes wrong with it is told in one line, and soon."""
import contextlib
import importlib.util
import logging
import os
import socket
import urllib.parse

from kerasnd import process
from kerasnd.errors import BadData, Misuse, suggest

ENGINES = ("local", "ray")
SOON = 5            # seconds, in which a cluster that is there answers
# Nothing is reported to anybody, and no warning of what Ray will do otherwise one day.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_USAGE_STATS_PROMPT_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def check(engine, address=None):
    """Refuses what cannot be, before time is spent on anything else.

    Args:
        engine: "local" or "ray".
        address: as in `connect`; only for "ray".

    Raises:
        Misuse: there is no such engine, an address is given to the local one, or it is none; Ray is not installed.
        BadData: nobody answers at the address.
    """
    if engine not in ENGINES:
        raise Misuse(f"`engine` must be one of {', '.join(ENGINES)}. Received: engine={engine!r}.{suggest(engine, ENGINES)}")
    if engine != "ray":
        if address:
            raise Misuse(f"`address` must be given with --engine=ray only. Received: --address={address} --engine={engine}. Add "
                         "--engine=ray, or leave the address out.")
        return
    if importlib.util.find_spec("ray") is None:
        raise Misuse("`engine` must be local where Ray is not installed. Received: --engine=ray. pip install 'kerasnd[ray]' brings "
                     "it, on every node of the cluster.")
    where = _where(address)
    if where not in ("auto", "local"):
        _refuse_silent(where)


def _where(address):
    return address or os.environ.get("RAY_ADDRESS") or "local"


def _refuse_silent(address):
    try:
        parts = urllib.parse.urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.scheme not in ("", "ray"):
        raise Misuse(f"`address` must be host:port, ray://host:port, auto or local. Received: {address!r}. Where a cluster was "
                     "started, `ray start` printed its host:port.")
    try:
        socket.create_connection((host, port), timeout=SOON).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from None
    if os.environ.get("RAY_USE_TLS", "0") == "0":
        _refuse_another_protocol(address, f"{host}:{port}")


def _refuse_another_protocol(address, target):
    """Ray itself would wait for a quarter of an hour and longer."""
    import grpc

    with grpc.insecure_channel(target) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=SOON)
        except grpc.FutureTimeoutError:
            raise _unreachable(address, "what answers there is no Ray cluster") from None


def _unreachable(address, reason):
    return BadData(f"`address` must be that of a Ray cluster that runs. Received: {address}: {reason.rstrip('.')}. Start one by "
                   "`ray start --head`, or leave the address out to use the cores of this machine.")


@contextlib.contextmanager
def connect(address=None):
    """Joins a Ray cluster while the block lasts.

    Args:
        address: "host:port" of a cluster of which this machine is a node, "ray://host:port" of another one, "auto" for the one that
            runs on this machine, "local" for one of this machine's cores alone, which ends with the block. None: what RAY_ADDRESS
            says, else "local".

    Yields:
        The module ray, connected. A process that was connected already stays so, whatever `address` says.

    Raises:
        Misuse, BadData: as `check`; BadData: no Ray cluster is there, or it is of another version.
    """
    check("ray", address)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.util

    if ray.is_initialized():
        yield ray
        return
    where = _where(address)
    options = {"include_dashboard": False} if where == "local" else {}
    try:
        ray.init(address=where, logging_level=logging.ERROR, log_to_driver=False, **options)
    except Exception as error:      # of gRPC, of Ray, of the system: whatever it is, there is no cluster
        ray.shutdown()
        raise _unreachable(where, _first_line(error)) from error
    try:
        yield ray
    finally:
        with process.muffled():     # of tasks that were on their way when the block was left
            ray.shutdown()


def node():
    """(str, str): id and name of the node on which this process works."""
    import ray

    return ray.get_runtime_context().get_node_id(), f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"


def fetched(*references):
    """list, what another process has put into the cluster, in a task that has got the references."""
    import ray

    return ray.get(list(references))


@contextlib.contextmanager
def plainly(ray):
    """Raises what was raised on another node as if it were here, and tells in one line what befell a node itself.

    Args:
        ray: module, of `connect`.

    Raises:
        BadData: a worker could not start, or was lost. Else what the remote code raised.
    """
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        raise error.cause from (None if isinstance(error.cause, (Misuse, BadData)) else error)
    except ray.exceptions.RayError as error:
        raise BadData(f"the Ray cluster must keep its workers. Received: {type(error).__name__}, {_last_line(error)}. Give the "
                      "same command again where that was by chance.") from error


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _last_line(error):
    return (str(error).strip().splitlines() or ["without a reason"])[-1].strip().rstrip(".")[:300]
