"""Many cells at a time, on whatever runs one: which is next, which waits for a stage that another one trains, what is told."""
import concurrent.futures
import sys
import time

import tqdm

from kerasnd.sweep.shortening import told
from kerasnd.sweep.state import DONE, FAILED


def run(sweep, jobs, engine, workers):
    """Runs every job that is not done. One that failed before is tried again; one that fails does not end the others.

    Args:
        sweep: Sweep, locked.
        jobs: list of Job, in the order in which they should begin.
        engine: callable (job, lender) -> status, as `execution.execute`; called on `workers` threads.
        workers: int >= 1, cells at a time.

    Returns:
        {status: int}, how many jobs ended so in this call.
    """
    waiting = [job for job in jobs if not sweep.done(job)]
    shared, ended = sweep.lenders(jobs), {}
    board = Board(sweep, jobs, waiting, workers, set(shared))
    busy, running = set(), {}
    with concurrent.futures.ThreadPoolExecutor(workers) as threads:
        try:
            while waiting or running:
                while len(running) < workers:
                    job = next((each for each in waiting if each.shared not in busy), None)
                    if job is None:
                        break
                    waiting.remove(job)
                    lender = shared.get(job.shared)
                    if job.shared and lender is None:
                        busy.add(job.shared)        # it trains the stage: those that share it wait
                    running[threads.submit(engine, job, lender)] = job
                    board.begins(job)
                for future in concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED).done:
                    job, status = running.pop(future), future.result()
                    busy.discard(job.shared)
                    if status == DONE and job.shared:
                        shared.setdefault(job.shared, sweep.run(job.cell).path)
                    ended[status] = ended.get(status, 0) + 1
                    board.ends(job, status)
        except BaseException:
            waiting.clear()
            threads.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            board.close()
    return ended


class Board:
    """What a user sees of a sweep: a bar on a terminal, and a line for every cell that ended.

    Args:
        sweep: Sweep.
        jobs: list of Job, all.
        waiting: list of Job, those that are to be run.
        workers: int.
        lent: set of str, `Job.shared` of first stages that are there.
    """

    def __init__(self, sweep, jobs, waiting, workers, lent=()):
        self.sweep, self.workers, self.left, lent = sweep, workers, {}, set(lent)
        for job in waiting:
            self.left[job.cell] = kind_of(job), job.cost - job.spared * (job.shared in lent)
            lent.add(job.shared)
        self.spent, self.begun, self.failed = {}, {}, 0      # cost and seconds of what ended, by kind
        finished = len(jobs) - len(waiting)
        if finished:
            print(f"{finished} of {len(jobs)} cells are finished already", flush=True)
        self.bar = tqdm.tqdm(total=len(jobs), initial=finished, unit="cell", disable=not sys.stderr.isatty(),
                             bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} cells, {elapsed}{postfix}")

    def begins(self, job):
        self.begun[job.cell] = time.monotonic()
        self._show()

    def ends(self, job, status):
        seconds = time.monotonic() - self.begun.pop(job.cell)
        kind, cost = self.left.pop(job.cell)
        before = self.spent.get(kind, (0.0, 0.0))
        self.spent[kind] = before[0] + cost, before[1] + seconds
        self.failed += status == FAILED
        known, cell = self.sweep.result(job.cell) or {}, job.cell
        what = f"AUROC {known['auroc']:.4f}" if "auroc" in known else known.get("error", "stopped; it goes on next time")
        self.bar.write(f"{cell.row}, {cell.dataset}, normal {cell.normal or '0'}, seed {cell.seed}: {what} ({told(seconds)})"
                       f"{'' if self.bar.disable is False else self._rest()}")
        sys.stdout.flush()
        self.bar.update()
        self._show()

    def _rest(self):
        """str, the time left, as far as what ended tells: cells of its kind where there are any, else all."""
        cost, seconds = (sum(each) for each in zip(*self.spent.values())) if self.spent else (0.0, 0.0)
        if not cost or not self.left:
            return ""
        rates = {kind: each[1] / each[0] for kind, each in self.spent.items() if each[0]}
        left = sum(rates.get(kind, seconds / cost) * each for kind, each in self.left.values())
        return f", about {told(left / self.workers)} left for {len(self.left)} cells"

    def _show(self):
        self.bar.set_postfix_str(f"{len(self.begun)} running, {self.failed} failed{self._rest()}", refresh=True)

    def close(self):
        self.bar.close()


def kind_of(job):
    """What jobs whose costs are wrong by the same factor have in common."""
    return job.cell.dataset, any(job.epochs)
