"""A finished run's normals against each class of anomalies in turn, every example scored once for all of them."""
import time

import numpy as np
from absl import logging

from kerasnd import devices, examples, judging, near, saving
from kerasnd.atomic import whole
from kerasnd.data import outliers as others
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import DETECTOR, LOG, METRICS_NND, RunFolder, as_json, read_json
from kerasnd.progress import RunLog


def evaluate(run, outliers="", data_dir=None, label_column=None, skip_unreadable=False, device="auto", threads=0):
    """Judges a run by each class of anomalies; writes metrics_nnd.json, and prints a table.

    The normals are those that the run's own protocol judges. The anomalies are those too, or all of another set's test part. The
    run's own scores, metrics and figures stay as they are.

    Args:
        run: path of the folder.
        outliers: str, a data set or a path with classes; "": the run's own outliers, or the other classes of its own set.
        data_dir: path of prepared TFDS sets; None: where the run found them.
        label_column: str or None, what tells the classes of the outliers (.csv, TFDS): "coarse_label" of cifar100.
        skip_unreadable: bool; device: str; threads: int; as the flags. The precision is the run's.

    Returns:
        dict, what `near.against_each` gives, which stands in metrics_nnd.json under the name of the set of the anomalies.

    Raises:
        Misuse: the run is not finished; outliers that have no classes, or do not fit it. BadData: a file is damaged.
        FloatingPointError: a score is NaN or infinite.
    """
    record = RunFolder(run).finished_record()
    config, data_dir = record["config"], data_dir or record.get("data_dir")
    outliers = outliers or config.get("outliers", "")
    if outliers in others.NOISE or outliers.lower().endswith(".npy"):
        raise Misuse("`--outliers` must be a set with classes where each is judged. Received: "
                     f"--outliers={outliers}. Name another, or leave --each_class out.")
    if label_column and not outliers:
        raise Misuse(f"`--label_column` must go with --outliers, whose classes it tells. Received: --label_column={label_column}. "
                     "Leave it out.")
    devices.prepare("none", device=device, threads=threads, precision=config.get("precision", "float32"))
    name = outliers or config["source"]["name"]
    with RunFolder(run).locked() as folder, RunLog(folder / LOG) as log:
        log.say(f"loading {config['source']['name']}")
        pool, normal = examples.load(config, data_dir, record.get("examples", {}).get("schema"))
        split = examples.parts(examples.untold(config), pool, normal)      # as judged; no file of hints is needed for that
        other = _other(config, pool, outliers, data_dir, label_column, skip_unreadable) if outliers else None
        detector, judged = saving.load(folder / DETECTOR), split.test[split.label == 0] if outliers else split.test
        examples.check_fit(record, detector.normalizer.example_shape, pool.example_shape, pool.x.dtype, "dataset")
        log.say(f"{len(judged) + (len(other.category) if outliers else 0)} to score once, for each class of {name}")
        began = time.monotonic()
        score, label = _scores(detector, examples.take(pool.x, judged)), split.label[np.isin(split.test, judged)]
        times = split.times[np.isin(split.test, judged)] if len(split.times) else np.ones(len(judged), np.int64)
        category, names = pool.category[judged], pool.names
        if outliers:
            m, names = len(other.category), other.names
            score, category = np.concatenate([score, _scores(detector, other.x)]), np.concatenate([0 * category, other.category])
            label, times = np.append(label, np.ones(m, np.int8)), np.append(times, np.ones(m, np.int64))
        seconds = time.monotonic() - began
        result = {**near.against_each(label, score, category, names, times), "protocol": record["protocol"]["name"],
                  "protocol_hash": record["protocol"]["hash"]}
        entries = {**_earlier(folder), name: result}
        with whole(folder / METRICS_NND) as temporary:
            temporary.write_text(as_json(entries))
        log.say(near.table(f"{judging.names(config)[0]}, against each class of {name}", result))
        log.say(f"{len(score)} examples scored in {seconds:.1f} s")
        log.say(f"run: {folder.path}")
    return result


def _other(config, pool, outliers, data_dir, label_column, skip_unreadable):
    """Pool of another set's part to be judged, with its classes."""
    source = config["source"]
    found = others.another(outliers, pool, data_dir, source.get("size"), label_column,
                           bool(skip_unreadable or source.get("skip_unreadable")), **config.get("batches", {}))
    examples.tell_skipped(found)
    return found


def _scores(detector, x):
    """float32 (n,). Raises FloatingPointError where one is not finite."""
    score = judging.scores(detector, x)
    strange = np.flatnonzero(~np.isfinite(score))
    if len(strange):
        raise FloatingPointError(f"{len(strange)} of {len(score)} scores are not finite, the first that of judged example "
                                 f"{strange[0]}.")
    return score


def _earlier(folder):
    """dict, the entries of other sets."""
    if not (folder / METRICS_NND).exists():
        return {}
    try:
        return read_json(folder / METRICS_NND)
    except BadData as error:
        logging.warning("%s Written anew with this set alone.", str(error).partition(". ")[0] + ".")
        return {}
