"""One variant in a process of its own, that stays alive and works only when it is its turn.

So every variant has its own allocator, threads and caches, and rounds can go A B A B, by which a slow minute of the machine
falls on all of them. Run as a program, this file is that process: `worker.py BENCHMARK SPEC` calls `serve` of the benchmark.
"""
import contextlib
import functools
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    """A variant that cannot be run here; the text says why."""


class Worker:
    """The parent's side.

    Args:
        benchmark: str, the module whose `serve(spec, turns)` the process calls.
        spec: dict for it, with "device" and "threads".
    """

    def __init__(self, benchmark, spec):
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen([sys.executable, __file__, benchmark, json.dumps(spec)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)

    def heard(self):
        """dict, the process's next answer.

        Raises:
            Failed: it ended, or said why it cannot go on.
        """
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.log.seek(0)
            raise Failed(f"its process ended with {code}: {' '.join(self.log.read().split())[-200:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def turn(self, action="go"):
        """dict, what a turn measured (see `Turns.tell`)."""
        with contextlib.suppress(BrokenPipeError):      # it has ended: `heard` tells why
            self.process.stdin.write(action + "\n")
            self.process.stdin.flush()
        return self.heard()

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


class Turns:
    """The process's side: waits for its turn and tells what it measured."""

    def __init__(self):
        self.answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)       # whatever a library prints is no answer

    def wait(self):
        """str, the action asked for; the process ends where the parent has gone."""
        action = sys.stdin.readline().strip()
        if not action:
            os._exit(0)
        self.began, self.worked = time.perf_counter(), time.process_time()
        return action

    def tell(self, amount=1, **values):
        """Answers with the seconds since `wait`.

        Args:
            amount: int, steps or images done: seconds and processor seconds are told for one.
            **values: more to tell.
        """
        seconds, worked = time.perf_counter() - self.began, time.process_time() - self.worked
        self.say(seconds=seconds / amount, worked=worked / amount, **values)

    def say(self, **values):
        """Answers, with the largest memory that the process has had, in MiB."""
        unit = 2 ** 20 if sys.platform == "darwin" else 2 ** 10
        values["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        self.answers.write(json.dumps(values) + "\n")
        self.answers.flush()


def measure(benchmark, specs, rounds, actions=("go",)):
    """Times variants in turn.

    Args:
        benchmark: str, the module that serves.
        specs: {name: dict}.
        rounds: int >= 1.
        actions: strs, what each variant does in a round.

    Returns:
        ({name: {action: list of answers, one a round}}, [str, why a variant was left out]).
    """
    workers, answers, told = {}, {}, []

    def hear(name, listen):
        """The answer, or None from a variant that is left out from now on."""
        try:
            return listen()
        except Failed as error:
            told.append(f"{name} was left out: {error}")
            answers.pop(name, None)
            workers.pop(name).close()
    try:
        for name, spec in specs.items():
            workers[name] = Worker(benchmark, spec)
        for name, worker in list(workers.items()):
            if hear(name, worker.heard):
                answers[name] = {action: [] for action in actions}
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for name, worker in list(workers.items()):
                for action in actions:
                    answer = hear(name, functools.partial(worker.turn, action))
                    if answer is None:
                        break
                    answers[name][action].append(answer)
        return answers, told
    finally:
        progress("")
        for worker in workers.values():
            worker.close()


def progress(text):
    """Shows on a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main(benchmark, spec):
    """The process. kerasnd's settings, of the memory allocator too, hold for every library, unless `spec["settled"]` is False."""
    turns = Turns()
    spec = json.loads(spec)
    try:
        if spec.get("settled", True):
            from kerasnd import process
            process.settle(spec["device"], spec["threads"])
        importlib.import_module(benchmark).serve(spec, turns)
    except Exception as error:
        turns.say(error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
