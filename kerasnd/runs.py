"""A run: data, protocol, stages and judging, meeting in one folder."""
import platform

import keras
import numpy as np
import tensorflow as tf
from absl import logging

import kerasnd
from kerasnd import config as configs
from kerasnd import devices, examples, held_out, judging, rejudging, saving, training, under_attack
from kerasnd.data import protocols, sources
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import CHECKPOINT, DETECTOR, FORMAT, LOG, METRICS, RECORD, RunFolder, read_json, write_json
from kerasnd.progress import RunLog
from kerasnd.scoring import score

__all__ = ["evaluate", "score", "train", "versions"]


def train(config, run, *, overwrite=False, distribute="auto", replicas=0, device="auto", threads=0, precision="float32", limit=0,
          outliers="", hints="", negatives="", data_dir=None, command=()):
    """Trains a detector, judges it, and leaves a run folder.

    Args:
        config: dict, resolved (see `kerasnd.config.load`).
        run: path of the folder.
        overwrite: bool, start anew whatever is there.
        distribute, replicas, device, threads, precision, limit, outliers, hints, negatives, data_dir: as the flags of these names.
        command: sequence of str, kept in the record.

    Returns:
        dict, the metrics; `fit_seconds` is the sum of `stage_seconds`, without stages that were taken from another run (None
        there).

    Raises:
        Misuse: the request cannot be met. BadData: the data or the disk is at fault.
    """
    training.refuse_untold(config, hints=hints, negatives=negatives)
    strategy = devices.prepare(distribute, replicas, device, threads, precision)
    config = {**config, "protocol": dict(config["protocol"]), "precision": precision, "limit": int(limit or 0),
              "outliers": outliers or "", **examples.known(hints, negatives), "stages": training.imputing(config)}
    with RunFolder(run).locked() as folder:
        loaded = None
        if overwrite:
            # What can be refused is refused before anything is lost.
            folder.refuse_foreign()
            loaded = examples.split(config, data_dir)
            for number in range(len(config["stages"])):
                training.build(config["stages"], number, loaded[0].example_shape)
            folder.clear()
        begun = folder.record() if folder.begun else None
        if begun and not folder.learned:
            begun = None        # it failed before it learned anything: on a wrong file, say, that is now another
        if begun:
            _refuse_other(folder, begun, config)
            if folder.finished:
                print(f"{folder.path} is finished: nothing was done. --overwrite trains it anew, bin/evaluate judges it again.")
                return read_json(folder / METRICS)
        else:
            (folder / CHECKPOINT).unlink(missing_ok=True)      # it is of a run whose record was taken away
        with RunLog(folder / LOG) as log:
            return _train(folder, begun, config, strategy, data_dir, command, log, loaded)


def _train(folder, begun, config, strategy, data_dir, command, log, loaded=None):
    """Trains and judges in a folder where no other config's run was begun."""
    if begun:
        log.say(f"{folder.path} is unfinished: going on from its last checkpoint")
    log.say(f"loading {config['source']['name']}")
    pool, split = loaded or examples.split(config, data_dir)
    digest, like = protocols.fingerprint(split), examples.described(pool)
    config = {**config, "protocol": _whole_protocol(config["protocol"], split.name)}
    config["stages"] = training.adopted(config, digest)
    if not begun:
        write_json(folder / RECORD, {
            "format": FORMAT, "method": config["stages"][-1]["method"], "config": config, "data_dir": data_dir,
            "protocol": {"name": split.name, "hash": digest, "told": split.told, **held_out.told(split)}, "versions": versions(),
            "command": list(command), "examples": like})
    elif (begun["protocol"]["hash"], begun.get("examples", like)) != (digest, like):
        raise Misuse(f"`run` must go on with the data that it began with. Received: {folder.path}, whose split was "
                     f"{begun['protocol']['hash']} and is now {digest}, or whose columns were others. Give it the old data, or "
                     "--overwrite.")
    elif begun.get("versions") != versions():
        logging.warning("begun with %s, going on with %s: not bit for bit the same", begun.get("versions"), versions())
    log.say(f"{len(split.train)} to train on, {len(split.test)} to judge ({int(split.label.sum())} anomalous), protocol "
            f"{split.name} {digest}{split.told and ': '}{split.told}")
    x, hint, told = examples.training_part(config, pool, split)
    if told:
        log.say(told)
    x_test = examples.take(pool.x, split.test)
    oracle = judging.oracle_part(config, x_test, split.label)
    seconds, told = training.train(folder, config, x, hint, strategy, pool.example_shape, log, oracle)
    more = {"fit_seconds": sum(filter(None, seconds)), "stage_seconds": seconds, "collapsed": told, **held_out.told(split),
            **judging.baselines(config, x, hint, x_test, split.label, pool.example_shape, split.times)}
    # Judged is what lies on the disk, so that a run that was killed from here on scores the same once it is resumed.
    detector = saving.load(folder / DETECTOR)
    held_out.keep(folder, detector, pool, split)
    result = judging.judge(folder, detector, pool, split, *judging.names(config), more, log)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return result


def _refuse_other(folder, record, config):
    """Raises Misuse where a run was begun with another config; an "auto" is the same as what it stands for."""
    theirs, name = record["config"], record["config"]["protocol"]["name"]
    theirs, mine = ({**each, "protocol": _whole_protocol(each["protocol"], name)} for each in (theirs, config))
    mine["stages"] = training.adopted(mine)
    shape = record.get("examples", {}).get("shape", (0, 0, 0))
    different = configs.differences(*({**each, "stages": _resolved(each["stages"], shape)} for each in (theirs, mine)))
    if different:
        raise Misuse(f"`run` must be new, or of the same config. Received: {folder.path}, made with other values of "
                     f"{', '.join(different[:6])}. Choose another --run, or --overwrite to lose it.")


def _whole_protocol(section, name):
    """dict, a protocol's section with "auto" resolved and its defaults spelt out, so that equal splits have equal configs."""
    given = {key: value for key, value in section.items() if key != "name"}
    name = name if section["name"] == "auto" else section["name"]
    return {"name": name, **protocols.defaults(name), **given}


def _resolved(stages, shape):
    return [{**stage, "model": {**stage.get("model", {}), "preprocess": training.preprocess(stages, number, shape)}}
            for number, stage in enumerate(stages)]


def evaluate(run, dataset=None, normal=None, outliers="", data_dir=None, label_column=None, skip_unreadable=False, device="auto",
             threads=0, options=(), attack=None, eps=None):
    """Scores a finished run again, and rewrites its scores, metrics and figures; with `attack`, tells what of its AUROC is left.

    The same data gives what training gave. Another `normal` or `outliers` is judged under the run's own protocol, another
    `dataset` on its official test part, or on all of it where it has none; metrics.json then has `judged`, and a
    `protocol_hash` that is not the run's. `evaluate(run)` puts everything back, the scores of held-out normals included.

    Args:
        run: path of the folder.
        dataset: str, name or path; None: the run's own.
        normal: str, as --normal; None: the run's own.
        outliers: str, as --outliers; "": the run's own where `dataset` is.
        data_dir: path of prepared TFDS sets; None: where the run found them.
        label_column: str or None; skip_unreadable: bool; device: str; threads: int; as the flags. The precision is the run's.
        options: sequence of (key, text), as typed: options of the run's protocol under which the same examples would have
            trained, ("protocol.anomaly_share", "0.1").
        attack, eps: as in `robustness.attack_scores`; metrics, scores and figures stay, the attack's are written beside them.

    Returns:
        dict, the metrics (or those of the attack); baselines are None where the training data is no longer there.

    Raises:
        Misuse: the run is not finished, or the data or the options do not fit it. BadData: a file is damaged.
    """
    record = RunFolder(run).finished_record()
    config, data_dir = record["config"], data_dir or record.get("data_dir")
    devices.prepare("none", device=device, threads=threads, precision=config.get("precision", "float32"))
    if dataset:
        sources.refuse_unknown(dataset, data_dir)       # before what else may not fit it
    judged, changed = rejudging.exchanged(config, dataset, normal, outliers, label_column, skip_unreadable, options)
    with RunFolder(run).locked() as folder, RunLog(folder / LOG) as log:
        log.say(f"loading {judged['source']['name']}")
        (pool, split), own = rejudging.load(config, judged, changed, data_dir, record.get("examples", {}).get("schema"))
        digest = protocols.fingerprint(split)
        log.say(f"{len(split.test)} to judge ({int(split.label.sum())} anomalous), protocol {split.name} {digest}"
                f"{split.told and ': '}{split.told}")
        detector = saving.load(folder / DETECTOR)
        examples.check_fit(record, detector.normalizer.example_shape, pool.example_shape, pool.x.dtype, "dataset")
        if attack:
            return under_attack.judge(folder, detector, pool, split, *judging.names(judged), attack, eps, config["seed"],
                                      changed, log)
        if not changed:
            held_out.keep(folder, detector, pool, split)
        more = _known(folder, record, digest, changed)
        if "untrained_auroc" not in more:
            more.update(_baselines(config, (pool, split), own, data_dir))
        return judging.judge(folder, detector, pool, split, *judging.names(judged), more, log)


def _known(folder, record, digest, changed):
    """What the last judging left that holds for this one too."""
    try:
        old = read_json(folder / METRICS)
    except BadData as error:
        logging.warning("%s Written anew without the seconds of the training.", str(error).partition(". ")[0] + ".")
        old = {}
    more = {"fit_seconds": old.get("fit_seconds"), "stage_seconds": old.get("stage_seconds"), "collapsed": old.get("collapsed", [])}
    more.update({name: record["protocol"][name] for name in ("n_calibration",) if name in record["protocol"]})
    if changed:
        more["judged"] = changed
    same = old.get("judged", {}) == changed and old.get("protocol_hash", record["protocol"]["hash"]) == digest
    if same and old.get("raw_mean_auroc") is not None:
        more.update({name: old[name] for name in ("untrained_auroc", "raw_mean_auroc")})
    return more


def _baselines(config, judged, own, data_dir):
    """The baselines on other data: they are fitted on the training examples of the run's own."""
    try:
        pool, split = own or examples.split(config, data_dir)
        x, hint, _ = examples.training_part(config, pool, split)
    except (Misuse, BadData, OSError) as error:
        logging.warning("no baselines, since the training data is not there: %s", error)
        return {"untrained_auroc": None, "raw_mean_auroc": None}
    x_test = examples.take(judged[0].x, judged[1].test)
    return judging.baselines(config, x, hint, x_test, judged[1].label, pool.example_shape, judged[1].times)


def versions():
    """{name: version} of what a result depends on."""
    return {"kerasnd": kerasnd.__version__, "python": platform.python_version(), "tensorflow": tf.__version__,
            "keras": keras.__version__, "numpy": np.__version__}
