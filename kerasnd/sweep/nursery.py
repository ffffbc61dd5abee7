"""Processes that begin with everything imported: one that has imported and computed nothing forks for each cell.

A small cell spends a third of its time and more on imports. On Linux a process with a single thread may be forked, and TensorFlow's runtime
begins only with the first computation, in the child: what a cell computes is the same to the last bit. Where there is a GPU, more
than one thread for a cell, or another system, every cell gets a process that imports for itself.
"""
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading

from kerasnd import process
from kerasnd.sweep import execution

PROGRAM = "kerasnd.cli.train"
IMPORTED = (PROGRAM, "kerasnd.runs", "matplotlib.backends.backend_agg", "ml_collections", "sklearn.datasets", "sklearn.metrics",
            "sklearn.preprocessing", "tensorboard.summary", "tensorflow.summary")
FIT, UNFIT = "fit", "unfit"


class Nursery:
    """Starts processes of cells, on as many threads as one likes; each of them keeps a forking process.

    Args:
        device, threads: as --device and --threads of bin/train, of all cells.
    """

    def __init__(self, device="auto", threads=0):
        self.forks = sys.platform == "linux" and threads == 1       # libraries of linear algebra start more on import
        if self.forks and device != "cpu":
            import tensorflow as tf
            self.forks = not tf.config.list_physical_devices("GPU")
        self.words = [sys.executable, "-m", __name__, device, str(threads)]
        self.here, self.parents = threading.local(), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for parent in self.parents:
            with contextlib.suppress(OSError):
                parent.stdin.close()        # it ends, unless a cell is at work

    def start(self, words, log):
        """Runs bin/train to its end; as `execution.start`."""
        try:
            parent = self._parent()
        except InterruptedError as stopped:
            return int(stopped.args[0])
        if parent is None:
            return execution.start(words, log)
        open(log, "w").close()
        try:
            parent.stdin.write(json.dumps({"words": words, "log": str(log)}) + "\n")
            parent.stdin.flush()
            answer = parent.stdout.readline().strip()
        except (OSError, ValueError):
            answer = ""
        if answer and answer != UNFIT:
            return int(answer)
        if not answer:
            del self.here.parent
            code = parent.wait()
            if code < 0:        # it was ended from outside, and its cell with it
                return code
        return execution.start(words, log)      # there is no memory for another process like it, perhaps

    def _parent(self):
        """Popen of this thread's forking process, None where there can be none.

        Raises:
            InterruptedError: it was stopped from outside before it was ready, by Ctrl-C perhaps: no cell must begin.
        """
        if not hasattr(self.here, "parent"):
            made = None
            if self.forks:
                made = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, **execution.surroundings())
                self.parents.append(made)
                if made.stdout.readline().strip() != FIT:
                    made.stdin.close()
                    code = made.wait()
                    if code in execution.STOPPED:
                        raise InterruptedError(code)
                    made = None
            self.here.parent = made
        return self.here.parent


def main(device, threads):
    """The forking process; returns the exit code of a cell in a child, 0 in the process itself."""
    process.settle(device, int(threads))
    process.import_tensorflow()
    for name in IMPORTED:
        importlib.import_module(name)
    fit = len(os.listdir("/proc/self/task")) == 1
    with open(os.dup(0), encoding="utf-8") as requests, open(os.dup(1), "w", encoding="utf-8") as answers:
        print(FIT if fit else UNFIT, file=answers, flush=True)
        interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)      # Ctrl-C is for the cells
        here = os.getpid()
        for line in requests if fit else ():
            request = json.loads(line)
            try:
                child = os.fork()
            except OSError:
                print(UNFIT, file=answers, flush=True)
                continue
            if not child:
                break
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=answers, flush=True)
        else:
            return 0
    signal.signal(signal.SIGINT, interrupted)
    execution.die_with(here)
    _become(request["log"])
    program = sys.modules[PROGRAM]
    sys.argv = [program.__file__, *request["words"]]
    return program.main(request["words"])


def _become(log):
    """Standard input is empty, what is printed goes into a file."""
    nothing, printed = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for source, target in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(printed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
