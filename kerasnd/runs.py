"""A run: data, protocol, stages and judging, meeting in one folder."""
import platform
import time

import keras
import numpy as np
import tensorflow as tf
from absl import logging

import kerasnd
from kerasnd import devices, figures, metrics, training
from kerasnd.data import protocols, sources
from kerasnd.errors import Misuse
from kerasnd.folder import DETECTOR, FORMAT, METRICS, RECORD, SCORES, RunFolder, read_json, write_json
from kerasnd.atomic import whole


def train(config, run, *, overwrite=False, distribute="auto", replicas=0, device="auto", threads=0, precision="float32", limit=0,
          outliers="", hints="", data_dir=None, command=()):
    """Trains a detector, judges it, and leaves a run folder.

    Args:
        config: dict, resolved (see `kerasnd.config.load`).
        run: path of the folder.
        overwrite: bool, start anew whatever is there.
        distribute, replicas, device, threads, precision, limit, outliers, hints, data_dir: as the flags of the same names.
        command: sequence of str, kept in the record.

    Returns:
        dict, the metrics.

    Raises:
        Misuse: the request cannot be met. BadData: the data or the disk is at fault.
    """
    strategy = devices.prepare(distribute, replicas, device, threads, precision)
    config = {**config, "precision": precision, "limit": int(limit or 0), "outliers": outliers or "", "hints": hints or ""}
    with RunFolder(run).locked() as folder:
        if overwrite:
            folder.clear()
        if (folder / RECORD).exists():
            _refuse_other(folder, config)
            if folder.finished:
                print(f"{folder.path} is finished: nothing was done. --overwrite trains it anew.")
                return read_json(folder / METRICS)
            print(f"{folder.path} is unfinished: going on from its last checkpoint.")
        print(f"loading {config['source']['name']}", flush=True)
        pool, split = data(config, data_dir)
        config["protocol"]["name"] = split.name
        write_json(folder / RECORD, {
            "format": FORMAT, "method": config["stages"][-1]["method"], "config": config, "data_dir": data_dir,
            "protocol": {"name": split.name, "hash": protocols.fingerprint(split)}, "versions": versions(), "command": list(command)})
        x, x_test = take(pool.x, split.train), take(pool.x, split.test)
        print(f"{len(split.train)} to train on, {len(split.test)} to judge ({int(split.label.sum())} anomalous), protocol {split.name}",
              flush=True)
        detector, seconds, told = training.train(folder, config, x, split.hint, strategy, pool.example_shape)
        training.save(detector, folder / DETECTOR)
        more = {"fit_seconds": seconds, "collapsed": told,
                "untrained_auroc": _untrained(config, x, split, x_test, pool.example_shape),
                "raw_mean_auroc": metrics.auroc(split.label, distance_to_mean(x, x_test))}
        result = judge(folder, config, detector, pool, split, x_test, more)
        (folder / training.CHECKPOINT).unlink(missing_ok=True)
    return result


def _refuse_other(folder, config):
    from kerasnd import config as configs
    record = folder.record()
    theirs = record["config"]
    mine = {**config, "protocol": dict(config["protocol"])}
    if mine["protocol"]["name"] == "auto":
        mine["protocol"]["name"] = theirs["protocol"]["name"]
    different = configs.differences(theirs, mine)
    if different:
        raise Misuse(f"`run` must be new, or of the same config. Received: {folder.path}, made with other values of "
                     f"{', '.join(different[:6])}. Choose another --run, or --overwrite to lose it.")


def data(config, data_dir=None):
    """The pool and the split of a config.

    Returns:
        (Pool, Split), with the limit and the outliers of another set applied.
    """
    source = dict(config["source"])
    pool = sources.load_data(source.pop("name"), data_dir=data_dir, **source, **config.get("batches", {}))
    normal = sources.normal_classes(pool, config["normal"])
    if config.get("outliers"):
        from kerasnd.data import outliers as other_outliers
        pool = other_outliers.with_outliers(pool, config["outliers"], normal, np.random.default_rng((config["seed"], 1)),
                                            data_dir=data_dir, size=source.get("size"))
    protocol = dict(config["protocol"])
    split = protocols.make(protocol.pop("name"), pool.category, pool.official, normal, np.random.default_rng(config["seed"]), **protocol)
    if config.get("limit"):
        split = limited(split, config["limit"])
    for path, reason in pool.skipped:
        logging.warning("left out: %s (%s)", path, reason)
    return pool, split


def limited(split, limit):
    """A split with at most `limit` training examples, spread evenly over the given ones."""
    import dataclasses
    if len(split.train) <= limit:
        return split
    at = np.linspace(0, len(split.train) - 1, limit).astype(np.int64)
    return dataclasses.replace(split, train=split.train[at], hint=split.hint[at])


def take(x, index):
    """The examples of `index`, of an array or of a Stream."""
    return x.take(index) if hasattr(x, "examples") else x[index]


def distance_to_mean(x, x_test):
    """float64 (n_test,), the squared distance of raw test examples to the mean training example: the simplest detector."""
    from kerasnd.feeding import Feed
    total, n = 0.0, 0
    for batch, _, _ in Feed(x, batch_size=512).once():
        batch = batch.numpy().astype(np.float64)
        total, n = total + batch.sum(axis=0), n + len(batch)
    distance = np.empty(len(x_test))
    for batch, _, position in Feed(x_test, batch_size=512).once():
        batch = batch.numpy().astype(np.float64)
        distance[position.numpy()] = np.square(batch - total / n).reshape(len(batch), -1).sum(axis=1)
    return distance


def _untrained(config, x, split, x_test, example_shape):
    scores = training.untrained_scores(config, x, split.hint, x_test, example_shape)
    return float(np.mean([metrics.auroc(split.label, score) for score in scores]))


def judge(folder, config, detector, pool, split, x_test, more):
    """Scores the test part, writes scores, figures and last the metrics, prints the table.

    Args:
        more: dict, what is known beside the scores (seconds, baselines).

    Returns:
        dict, the metrics.
    """
    began = time.monotonic()
    score = training.predict(detector, x_test)
    seconds = time.monotonic() - began
    if not np.isfinite(score).all():
        raise FloatingPointError(f"{int((~np.isfinite(score)).sum())} of {len(score)} scores are not finite, the first at test example "
                                 f"{int(np.flatnonzero(~np.isfinite(score))[0])}. The detector is kept in {folder.path}.")
    with whole(folder / SCORES) as temporary, open(temporary, "wb") as file:
        np.savez(file, index=split.test.astype(np.int64), label=split.label.astype(np.int8), score=score)
    result = {**metrics.summary(split.label, score), **more, "score_seconds": seconds, "protocol": split.name}
    draw(folder, detector, pool, split, x_test, score, f"{config['stages'][-1]['method']}, {config['source']['name']}, normal: "
         f"{config['normal']}")
    write_json(folder / METRICS, result)
    print(table(config["stages"][-1]["method"], result))
    print(f"run: {folder.path}")
    return result


def draw(folder, detector, pool, split, x_test, score, title):
    """Writes the figures."""
    to = folder / "figures"
    figures.roc(split.label, score, to / "roc.png", title)
    figures.histogram(split.label, score, to / "histogram.png", title)
    if not pool.is_image:
        return
    for most in ("normal", "anomalous"):
        at = figures.extremes(score, most)
        names = [pool.names[pool.category[i]] for i in split.test[at]]
        figures.grid(examples(x_test, at), split.label[at], score[at], to / f"most_{most}.png", f"most {most}: {title}", names)
    if hasattr(detector, "reconstruct"):
        at = np.concatenate([np.flatnonzero(split.label == kind)[:10] for kind in (0, 1)])
        x = examples(x_test, at)
        figures.reconstructions(x, np.asarray(detector.reconstruct(tf.constant(x))), split.label[at], to / "reconstructions.png", title)


def examples(x, index):
    """array (m, ...), some examples of an array or of a Stream, in the order of `index`."""
    if not hasattr(x, "examples"):
        return x[index]
    found = np.empty((len(index), *x.shape[1:]), x.dtype)
    for position, value in x.examples(tf.constant(index, tf.int64)):
        found[int(position)] = value.numpy()
    return found


def table(method, result):
    """str, the closing table of a run."""
    head = ("", "AUROC", "95 % interval", "AUPR-in", "AUPR-out", "FPR@95TPR", "det. error", "best F1 (oracle)", "n", "seconds")
    rows = [(method, f"{result['auroc']:.4f}", f"{result['auroc_low']:.4f} to {result['auroc_high']:.4f}", f"{result['aupr_in']:.4f}",
             f"{result['aupr_out']:.4f}", f"{result['fpr_at_95_tpr']:.4f}", f"{result['detection_error']:.4f}",
             f"{result['best_f1']:.4f}", str(result["n_test"]), f"{result['fit_seconds']:.1f} + {result['score_seconds']:.1f}"),
            ("its untrained network", f"{result['untrained_auroc']:.4f}", *[""] * 8),
            ("distance to the raw mean", f"{result['raw_mean_auroc']:.4f}", *[""] * 8)]
    wide = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, wide)).rstrip() for row in [head, *rows])


def versions():
    """{name: version} of what a result depends on."""
    return {"kerasnd": kerasnd.__version__, "python": platform.python_version(), "tensorflow": tf.__version__,
            "keras": keras.__version__, "numpy": np.__version__}
