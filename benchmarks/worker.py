"""One variant in a process of its own, that stays alive and works only when it is its turn.

So every variant has its own allocator, threads and caches, and rounds can go A B A B, by which a slow minute of the machine
falls on all of them. Run as a program, this file is that process: `worker.py BENCHMARK SPEC` calls `serve` of the benchmark.
"""
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
        answer = json.loads(self.process.stdout.readline() or "{}")
        if not answer or "error" in answer:
            self.log.seek(0)
            raise Failed(answer.get("error") or " ".join(self.log.read().split())[-200:] or "the process ended")
        return answer

    def turn(self, action="go"):
        """dict, what a turn measured (see `Turns.tell`)."""
        self.process.stdin.write(action + "\n")
        self.process.stdin.flush()
        return self.heard()

    def close(self):
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
    workers, told = {}, []
    try:
        for name, spec in specs.items():
            workers[name] = Worker(benchmark, spec)
        for name in specs:
            try:
                workers[name].heard()
            except Failed as error:
                told.append(f"{name} was left out: {error}")
                workers.pop(name).close()
        answers = {name: {action: [] for action in actions} for name in workers}
        for number in range(rounds):
            print(f"  round {number + 1} of {rounds}", end="\r", file=sys.stderr, flush=True)
            for name, worker in workers.items():
                for action in actions:
                    answers[name][action].append(worker.turn(action))
        return answers, told
    finally:
        for worker in workers.values():
            worker.close()


def main(benchmark, spec):
    """The process: the same settings, memory allocator included, whatever library the variant is of."""
    turns = Turns()
    spec = json.loads(spec)
    try:
        from kerasnd import process
        process.settle(spec["device"], spec["threads"])
        importlib.import_module(benchmark).serve(spec, turns)
    except Exception as error:
        turns.say(error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
