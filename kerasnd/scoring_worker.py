"""A process on some node of a cluster that scores pieces of an input. Nothing but plain Python is imported before its devices and
threads are settled."""
import collections
import contextlib
import dataclasses
import logging
import os
import tempfile
from pathlib import Path

from absl import logging as absl_logging

from kerasnd import cluster, process
from kerasnd.errors import BadData


class Worker:
    """An actor. Its constructor takes nothing, and every call brings what is needed, since Ray may have begun it anew.

    `asked` is a dict of what the asking process has: references of the `detector`, a .keras file as bytes, and of the `data`, a
    kerasnd.data.pieces.Input; the input's `size`, None where it is no file; the `folder` it works in; its `versions`; `precision`,
    `device` and `threads` as in `Workers`.
    """

    def __init__(self):
        self._data, self._compiled, self._pieces, self._node = None, None, None, cluster.node()
        self._wanted, self._last = collections.deque(), -1

    def load(self, asked):
        """Makes ready, once. Raises BadData: the input is not there, or the node has other versions."""
        if self._compiled is not None:
            return
        node = self._node[1]
        content, self._data = cluster.fetched(asked["detector"], asked["data"])
        self._refuse_absent(asked["folder"], asked["size"])
        process.settle(asked["device"], asked["threads"])
        try:
            process.import_tensorflow()
            found = versions()
        except ImportError as error:
            raise BadData(f"`address` must be of a cluster on whose nodes kerasnd is installed. Received: {error}, on node {node}. "
                          "pip install 'kerasnd[ray]' there.") from None
        if found != asked["versions"]:
            raise BadData(f"`address` must be of a cluster whose nodes have what is here, {_listed(asked['versions'])}. Received: "
                          f"{_listed(found)} on node {node}. Install the same there.")
        import tensorflow as tf

        from kerasnd import devices, saving

        devices.prepare("none", device=asked["device"], threads=asked["threads"], precision=asked["precision"])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "detector.keras"
            path.write_bytes(content)
            detector = saving.load(path)
        self._compiled = tf.function(detector.score, reduce_retracing=True)

    def _refuse_absent(self, folder, size):
        with contextlib.suppress(OSError):
            os.chdir(folder)        # what messages and tables call a path is as it was typed
        path = self._data.path
        if not os.access(path, os.R_OK):
            raise absent(path, self._node[1])
        if size is not None and os.path.getsize(path) != size:
            raise BadData(f"`dataset` must be the same file on every node of the cluster. Received: {os.path.abspath(path)}, which "
                          f"has {os.path.getsize(path)} bytes on node {self._node[1]} and {size} here.")

    def score(self, asked, first):
        """dict, what `Workers` takes of a piece; None: `first` is behind the last row."""
        self.load(asked)
        with _heard() as warnings:
            try:
                piece = self._piece(first)
            except OSError as error:
                raise absent(error.filename or self._data.path, self._node[1]) from None
        if piece is None:
            return None
        lacking = [place for place in piece.failures if self._data.paths and not os.path.exists(self._data.paths[first + place])]
        return {"piece": dataclasses.replace(piece, x=None), "scores": piece.scores(self._compiled), "warnings": warnings,
                "lacking": lacking, "node": self._node}

    def _piece(self, first):
        if self._pieces is None or first <= self._last:
            self._pieces = self._data.some(iter(self._wanted.popleft, None))
        self._last = first
        self._wanted.append(first)
        return next(self._pieces, None)


class _Heard(logging.Handler):
    """Keeps what absl would log, for the process that asked."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@contextlib.contextmanager
def _heard():
    """Yields the list of the warnings that are logged in the block."""
    handler, logger = _Heard(), absl_logging.get_absl_logger()
    logger.addHandler(handler)
    try:
        yield handler.texts
    finally:
        logger.removeHandler(handler)


def versions():
    """{name: version} of what scores depend on, in this process."""
    import keras
    import tensorflow as tf

    import kerasnd

    return {"kerasnd": kerasnd.__version__, "tensorflow": tf.__version__, "keras": keras.__version__}


def _listed(found):
    return ", ".join(f"{name} {version}" for name, version in found.items())


def absent(path, node):
    """BadData, that a node has not what it was to read."""
    return BadData(f"`dataset` must be readable on every node of the cluster. Received: {os.path.abspath(path)}, which node {node} "
                   "cannot read. Put it on a file system that all nodes share, under the same path.")
