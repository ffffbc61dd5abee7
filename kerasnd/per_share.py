"""A finished run under several shares of anomalies, every example scored once for all of them."""
import time

import numpy as np
import tensorflow as tf

from kerasnd import devices, examples, judging, metrics, rejudging, saving
from kerasnd.atomic import whole
from kerasnd.data import protocols
from kerasnd.errors import Misuse
from kerasnd.feeding import Feed
from kerasnd.folder import DETECTOR, LOG, METRICS_SHARES, RunFolder, as_json
from kerasnd.progress import Pass, RunLog

NUMBERS = (("AUROC", "auroc"), ("F1 inlier", "f1_inlier"), ("F1 accept all", "accept_all_f1"), ("FPR@95TPR", "fpr_at_95_tpr"),
           ("det. error", "detection_error"), ("AUPR-in", "aupr_in"), ("AUPR-out", "aupr_out"))


def evaluate(run, shares, data_dir=None, device="auto", threads=0, options=()):
    """Judges a run at each of several shares of anomalies; writes metrics_shares.json, and prints a table.

    The run's own scores, metrics and figures stay as they are. A detector whose score is a density (gpnd, vae with
    score_by=density) is judged by each part of it too.

    Args:
        run: path of the folder.
        shares: sequence of str, values of the protocol's `anomaly_share` as typed, under each of which the same examples would
            have trained.
        data_dir: path of prepared TFDS sets; None: where the run found them.
        device, threads: as the flags. The precision is the run's.
        options: sequence of (key, text), as typed: other options of the protocol, for every share.

    Returns:
        dict, {share: {score: {number: float}}}.

    Raises:
        Misuse: the run is not finished, or its protocol has no such option or value. BadData: a file is damaged.
        FloatingPointError: a score is NaN or infinite.
    """
    record = RunFolder(run).finished_record()
    config, data_dir = record["config"], data_dir or record.get("data_dir")
    if "anomaly_share" not in config["protocol"]:
        raise Misuse(f"`--shares` must go with a run whose protocol has an anomaly_share: p1, folds. Received: a run under "
                     f"{config['protocol']['name']}. Train one with --config.protocol.name=folds.")
    if len(set(shares)) < len(shares):
        raise Misuse(f"`--shares` must name every share once. Received: --shares={','.join(shares)}. Leave the second one out.")
    asked = [rejudging.exchanged(config, options=[*options, ("protocol.anomaly_share", share)]) for share in shares]
    devices.prepare("none", device=device, threads=threads, precision=config.get("precision", "float32"))
    with RunFolder(run).locked() as folder, RunLog(folder / LOG) as log:
        log.say(f"loading {config['source']['name']}")
        schema = record.get("examples", {}).get("schema")
        pool, normal = examples.load(config, data_dir, schema)
        own = examples.parts(config, pool, normal)
        splits = [rejudging.under_options(config, own, judged, changed, pool, normal) for judged, changed in asked]
        index = np.unique(np.concatenate([part for split in splits for part in (split.test, split.validation)]))
        detector = saving.load(folder / DETECTOR)
        examples.check_fit(record, detector.normalizer.example_shape, pool.example_shape, pool.x.dtype, "dataset")
        log.say(f"{len(index)} to score once, for {len(shares)} shares of anomalies")
        began, name = time.monotonic(), judging.names(config)[0]
        found = scores(detector, examples.take(pool.x, index), name)
        seconds = time.monotonic() - began
        result = {share: {score: numbers(split, index, value) for score, value in found.items()}
                  for share, split in zip(shares, splits)}
        with whole(folder / METRICS_SHARES) as temporary:
            temporary.write_text(as_json(result))
        log.say(table(result))
        log.say(f"{len(index)} examples scored in {seconds:.1f} s")
        log.say(f"run: {folder.path}")
    return result


def scores(detector, x, name):
    """{score: float32 (n,)} of an array or a Stream: the detector's own, by `name`; of a density every part, by its own name."""
    if not getattr(detector, "keeps_density", False):
        return {name: _finite(judging.scores(detector, x), name)}
    seen, compiled = Pass("scoring", len(x)), tf.function(detector.parts_of_score, reduce_retracing=True)
    found = {}
    for batch, _, position in Feed(x, batch_size=256).once():
        for score, value in compiled(batch).items():
            found.setdefault(score, np.full(len(x), np.nan, np.float32))[position.numpy()] = value.numpy()
        seen.add(len(position))
    return {score: _finite(value, score) for score, value in found.items()}


def _finite(score, name):
    strange = np.flatnonzero(~np.isfinite(score))
    if len(strange):
        raise FloatingPointError(f"{len(strange)} of {len(score)} scores ({name}) are not finite, the first that of judged example "
                                 f"{strange[0]}.")
    return score


def numbers(split, index, score):
    """dict, the metrics of a split, of whose examples (among `index`, ascending) the scores are known."""
    def part(which):
        at = np.searchsorted(index, which)
        return score[at]
    judged = metrics.repeated(split.times, split.label, part(split.test))
    result = {**metrics.ranked(*judged), "n_test": len(judged[0]), "n_anomalous": int(judged[0].sum()),
              "protocol_hash": protocols.fingerprint(split)}
    if len(set(split.validation_label.tolist())) == 2:
        held = metrics.repeated(split.validation_times, split.validation_label, part(split.validation))
        result.update(metrics.inlier_f1(held, judged))
    return result


def table(result):
    """str, a row for each share and score."""
    shown = [(head, key) for head, key in NUMBERS if any(key in row for each in result.values() for row in each.values())]
    rows = [("anomalies", "score", *(head for head, _ in shown), "n")]
    rows += [(f"{float(share):.0%}", score, *(f"{row[key]:.4f}" if key in row else "" for _, key in shown), str(row["n_test"]))
             for share, each in result.items() for score, row in each.items()]
    wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, wide)).rstrip() for row in rows)
