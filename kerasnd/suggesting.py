"""Which unlabelled training examples are most worth a label: a file that --hints reads once somebody has filled it in.

    C        the `POOL` n unlabelled training examples that score highest, s_low the lowest score among them
    first    argmax over C of s
    next     argmax over C of (s - s_low) min_{c chosen} ||z - z_c||^2,  n - 1 times
    z        the code, or the preprocessed example where the method has no encoder

Who scores high is asked about: there is a hidden anomaly, or a false alarm. Of those that are alike few are asked about, since they
would say the same again. What is known is left out, so that from training to training the questions move down to where the detector
is not sure.
"""
import contextlib
import csv
import heapq
import math
import os
import pathlib

import numpy as np
import tensorflow as tf
from absl import logging

from kerasnd import arguments, examples
from kerasnd.atomic import whole
from kerasnd.data import hints
from kerasnd.errors import BadData, Misuse

POOL = 10               # candidates for every suggestion
VALUES = 2**26          # of all candidates together, where that leaves enough of them
NOT = 2                 # stands for no hint: the example does not train
WHY = ("the highest score", "a high score, unlike those above", "known to the run")


def choose(score, values, n):
    """Picks those of all candidates that score high and differ.

    Args:
        score: float (m,), higher = more anomalous, finite.
        values: float (m, d), what tells how much two candidates differ, finite.
        n: int, 1..m, how many to pick.

    Returns:
        int64 (n,), distinct, the most worth first. Of equals the first.

    Source: that the highest scores are asked about: Das et al. (2016), Incorporating Expert Feedback into Active Anomaly Discovery.
    That questions should cover the data, one by one far from those before: Sener and Savarese (2018), core-set selection; for
    anomalies Li et al. (2023), Deep Anomaly Detection under Labeling Budget Constraints. Differs: both at once, as a product, and
    nothing is drawn.
    """
    order = np.argsort(-np.asarray(score, np.float64), kind="stable")
    score, values = np.asarray(score, np.float64)[order], np.asarray(values, np.float64)[order]
    spread = score[0] - score[-1]
    weight = (score - score[-1]) / spread if spread > 0 else np.ones(len(score))
    chosen, near, left = np.zeros(n, np.int64), np.full(len(score), np.inf), np.arange(len(score)) > 0
    for number in range(1, n):
        near = np.minimum(near, np.sum((values - values[chosen[number - 1]]) ** 2, axis=1))
        chosen[number] = np.argmax(np.where(left, weight * near, -1))
        left[chosen[number]] = False
    return order[chosen].astype(np.int64)


class Suggestions:
    """What a run asks its user about, among the rows of an input.

    Args:
        record: dict, of a finished run.
        data: kerasnd.data.pieces.Input, to be scored: the run's training data, or a part of its folder of images.
        output: path of the table of scores; the suggestions stand beside it, NAME.suggested.csv.
        n: int >= 1, how many.

    Attributes:
        path: Path of the file.

    Raises:
        Misuse: the file is there already; `data` is not what the run trains on, or has fewer unlabelled examples than `n`; the
            run's own hints are gone or have changed. Misuse, BadData: as `examples.split`, of the training data.
    """

    def __init__(self, record, data, output, n):
        arguments.whole("suggest", n, at_least=1)
        output = pathlib.Path(output)
        self.data, self.n, self.path = data, n, output.with_name(f"{output.stem}.suggested.csv")
        if self.path.exists():
            raise Misuse(f"`output` must leave {self.path.name} free for the suggestions. Received: {self.path}, which is there "
                         "and may hold labels. Move it away, or choose another --output.")
        source = os.path.expanduser(record["config"]["source"]["name"])
        self._paths, self._hint = _training(record)
        self._place = _places(data, self._paths, len(self._hint), source)
        found = self._hint[self._place[self._place >= 0]]
        if n > (found == 0).sum():
            raise Misuse(f"`suggest` must be at most the number of training examples without a label. Received: suggest={n}, and "
                         f"{(found == 0).sum()} of them in {data.path} beside {(abs(found) == 1).sum()} with one. Ask for fewer, "
                         f"or give all that the run trains on: --input={source}.")

    @contextlib.contextmanager
    def kept(self, detector, table):
        """Writes the file, which is there for good once the block ends without an error.

        Args:
            detector: of the run.
            table: path of the table of scores of all the input.

        Raises:
            BadData: no training example without a label has a finite score.
        """
        row, score, known = self._candidates(table, math.prod(detector.normalizer.example_shape))
        row, score, values = _valued(detector, self.data, row, score)
        chosen = choose(score, values, min(self.n, len(row)))
        with whole(self.path) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                out = csv.writer(file)
                out.writerow(("index" if self._paths is None else "path", "hint", "score", "why"))
                for number, each in enumerate(chosen):
                    out.writerow((self._name(self._place[row[each]]), 0, f"{score[each]:.9g}", WHY[number > 0]))
                for place in np.flatnonzero(abs(self._hint) == 1):
                    out.writerow((self._name(place), f"{self._hint[place]:+d}", known.get(int(place), ""), WHY[2]))
            yield
        if len(chosen) < self.n:
            logging.warning("only %d suggestions: no more training examples without a label could be scored", len(chosen))
        print(f"{len(chosen)} suggestions in {self.path}: write -1 (anomalous) or +1 (normal) into its column hint, then train "
              f"with --hints={self.path}", flush=True)

    def _name(self, place):
        return int(place) if self._paths is None else self._paths[place]

    def _candidates(self, table, size):
        """(row int64 (m,), score float64 (m,), {place: str, the score of a known example})."""
        rows = None if self.data.paths is None else {path: row for row, path in enumerate(self.data.paths)}
        known = {}

        def unlabelled(file):
            for name, word in ((line[0], line[1]) for line in file if line[1]):
                row = int(name) if rows is None else rows[name]
                place = int(self._place[row]) if row < len(self._place) else -1
                if place < 0:
                    continue
                if self._hint[place]:
                    known[place] = word
                elif math.isfinite(float(word)):
                    yield float(word), -row
        with open(table, newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            next(lines)
            best = heapq.nlargest(max(self.n, min(POOL * self.n, VALUES // size)), unlabelled(lines))
        return -np.array([row for _, row in best], np.int64), np.array([score for score, _ in best]), known


def _training(record):
    """(str (n,) or None, int8 (n,)): the paths of a run's pool; what is known of each example, `NOT` where it does not train."""
    config = {**record["config"], "limit": 0}
    pool, split = examples.split(config, record.get("data_dir"), record.get("examples", {}).get("schema"))
    hint = np.full(len(pool.category), NOT, np.int8)
    hint[split.train] = 0
    place, told = split.train, split.hint
    if config.get("hints"):         # also what cannot be used: no label of the user's is to be lost
        place, told = hints.read(config["hints"], pool, config["source"]["name"])
    hint[place[told != 0]] = told[told != 0]        # behind the others: with `overlap` one may train twice
    own = pool.paths is not None and pool.paths[split.train].all()      # not those of outliers that joined
    return pool.paths if own else None, hint


def _places(data, paths, n, source):
    """int64 (rows,), the place in the run's pool of each row of an input, -1 where it has none.

    Raises:
        Misuse: the input is other data.
    """
    if paths is not None and data.paths is not None:
        at = {os.path.abspath(path): place for place, path in enumerate(paths) if path}
        place = np.array([at.get(os.path.abspath(path), -1) for path in data.paths], np.int64)
        if (place >= 0).any():
            return place
    elif paths is None and data.paths is None and os.path.isfile(source) and os.path.samefile(source, data.path):
        return np.arange(n)
    remedy = (f"Put new examples into the training data first, and give --input={source}." if os.path.exists(source) else
              "Train on a file or a folder, and give that as --input.")
    raise Misuse("`suggest` must find examples of the training data in the input, since hints name those. Received: --input="
                 f"{data.path}, trained on {source}. {remedy}")


def _valued(detector, data, row, score):
    """(row, score, float32 (m, d)) of the candidates, in the order of their rows, with what tells how much two of them differ.
    Raises BadData: there is none."""
    order = np.argsort(row)
    row, score = row[order], score[order]

    @tf.function(reduce_retracing=True)
    def values(x):
        found = detector.normalizer(x) if detector.coder() is None else detector.encode(x)
        return tf.reshape(tf.cast(found, tf.float32), (tf.shape(x)[0], -1))
    found = [(rows, values(tf.constant(x)).numpy()) for rows, x in data.only(row)] if len(row) else []
    if not found:
        raise BadData("`input` must have a training example without a label and with a finite score. Received: "
                      f"{data.path} without any.")
    read = np.searchsorted(row, np.concatenate([rows for rows, _ in found]))
    return row[read], score[read], np.concatenate([each for _, each in found])
