"""The stages of a run, one after the other, resumed where they stopped."""
import inspect
import shutil
import time
import warnings
from pathlib import Path

import keras
from absl import logging

from kerasnd import checkpoints, optimizers, saving
from kerasnd.atomic import whole
from kerasnd.detector import IMPUTING, CollapseWarning
from kerasnd.drawings import Drawings
from kerasnd.errors import Misuse
from kerasnd.feeding import Feed
from kerasnd.fitted import Fitted
from kerasnd.folder import CHECKPOINT, DETECTOR, RunFolder
from kerasnd.methods import METHODS, method
from kerasnd.progress import Progress

BEGINNING = {"stage": 0, "epoch": 0, "seconds": 0.0, "before": [], "told": []}


def train(folder, config, x, hint, strategy, example_shape, log, oracle=None):
    """Trains every stage; the last one's detector becomes the run's.

    Args:
        folder: RunFolder, locked.
        config: dict, resolved.
        x: array or Stream of the training examples.
        hint: int8 (n,).
        strategy: tf.distribute.Strategy.
        example_shape: tuple of int.
        log: RunLog.
        oracle: None, or (x, truth) of the part of the test set that chooses a parameter where a stage asks for it (see
            `asks_oracle`).

    Returns:
        (seconds, told): a list of the seconds of each stage's training, in all attempts, None for one that was taken from another
            run; and a list of str, warnings of collapse.
    """
    path = folder / CHECKPOINT
    progress = checkpoints.progress_of(path) or BEGINNING
    parent = None
    for number, stage in enumerate(config["stages"]):
        saved = stage_file(folder, config["stages"], number)
        if number < progress["stage"]:
            parent = saving.load(saved) if number + 1 == progress["stage"] else None
            continue
        if stage.get("run"):
            parent = borrowed(stage, config)
        else:
            parent, progress = _stage(folder, config, number, parent, x, hint, strategy, example_shape, progress, log, oracle)
        saving.save(parent, saved)
        seconds = None if stage.get("run") else progress["seconds"]
        progress = {**progress, "stage": number + 1, "epoch": 0, "seconds": 0.0, "before": [*progress["before"], seconds]}
        checkpoints.save(path, None, progress)
    with whole(folder / DETECTOR) as temporary:
        shutil.copyfile(stage_file(folder, config["stages"], len(config["stages"]) - 1), temporary)
    return progress["before"], progress["told"]


def stage_file(folder, stages, number):
    """Path of a stage's detector."""
    return folder / f"stages/{number}_{stages[number]['method']}.keras"


def seed_of(config, number):
    """int in 0..2**32 - 1, the seed of a stage: of its weights, its noise and its order of examples."""
    return (config["seed"] * 1000 + number) % 2 ** 32


def _stage(folder, config, number, parent, x, hint, strategy, example_shape, progress, log, oracle):
    """Trains one stage from where it stopped.

    Returns:
        (detector, progress), `progress` with this stage's seconds and warnings.
    """
    stage, seed = config["stages"][number], seed_of(config, number)
    keras.utils.set_random_seed(seed)
    fit = dict(stage.get("fit", {}))
    feed = Feed(x, hint, fit.pop("batch_size", 128), seed=seed)
    epochs = fit.pop("epochs", 1)
    if feed.batch_size < strategy.num_replicas_in_sync:
        raise Misuse(f"a batch must hold an example for each replica. Received: batches of {feed.batch_size} and "
                     f"{strategy.num_replicas_in_sync} replicas. Take fewer --replicas, or a larger "
                     f"--config.stages[{number}].fit.batch_size.")
    with strategy.scope():
        detector = build(config["stages"], number, example_shape)
        if parent is not None:
            detector.inherit(parent)
        if isinstance(detector, Fitted):
            return _solve(detector, stage, number, feed, oracle, progress, log)
        detector.compile(optimizers.make(feed.steps, **stage.get("optimizer", {})))
    if progress["epoch"]:
        detector.ready(feed)
        checkpoints.restore(folder / CHECKPOINT, detector)
    keeper = checkpoints.Checkpoint(folder / CHECKPOINT, progress)
    title = f"stage {number + 1} of {len(config['stages'])}, {stage['method']}"
    log.say(f"{title}: {feed.n} examples, {epochs} epochs of {feed.steps} steps" + (
        f", going on after epoch {progress['epoch']}" if progress["epoch"] else ""))
    callbacks = [keeper, keras.callbacks.TensorBoard(str(folder / "events" / f"{number}_{stage['method']}"), write_graph=False),
                 Drawings(folder / "figures", title), Progress(title, epochs, feed.steps, log)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CollapseWarning)
        detector.fit(feed, epochs=epochs, initial_epoch=progress["epoch"], verbose=0, callbacks=callbacks, **fit)
    progress = dict(keeper.progress)
    return detector, {**progress, "told": progress["told"] + _tell(caught, title)}


def _solve(detector, stage, number, feed, oracle, progress, log):
    """A stage that is one piece of work: nothing of it is kept on a kill. Returns as `_stage`."""
    title = f"stage {number + 1}, {stage['method']}"
    log.say(f"{title}: {feed.n} examples at once")
    began = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        detector.fit(feed, seed=feed.seed, oracle=oracle if asks_oracle(stage) else None)
    progress = {**progress, "seconds": time.monotonic() - began}
    if detector.findings:
        log.say(f"{title}: {detector.findings}")
    return detector, {**progress, "told": progress["told"] + _tell(caught, title)}


def _tell(caught, title):
    """Logs the warnings that a stage gave, whichever they are: who catches them has to. Returns the texts of those of collapse."""
    told = []
    for warning in caught:
        collapsed = issubclass(warning.category, CollapseWarning)
        told += [f"{title}: {warning.message}"] * collapsed
        logging.log(logging.ERROR if collapsed else logging.WARNING, "%s: %s", title, warning.message)
    return told


def asks_oracle(stage):
    """bool, a stage chooses its parameters by true labels of the test set, under the name that says so."""
    return stage.get("model", {}).get("selection") == "oracle"


def build(stages, number, example_shape):
    """A stage's detector, untrained.

    Args:
        stages: list of dict, the sections of the config.
        number: int, which of them.
        example_shape: tuple of int.

    Raises:
        Misuse: an argument that the method does not have.
    """
    name, model = stages[number]["method"], dict(stages[number].get("model", {}))
    if number + 1 < len(stages):
        model["preprocess"] = preprocess(stages, number, example_shape)
    kind, model = method(name), {"example_shape": example_shape, **model}
    try:
        inspect.signature(kind).bind(**model)
    except TypeError as error:      # of the names alone: what the constructor itself raises is its own
        raise Misuse(f"`stages[{number}].model` of {name} must be arguments of its class. Received: {sorted(model)} "
                     f"({error}).") from error
    return kind(**model)


def preprocess(stages, number, example_shape):
    """str, a stage's normaliser: its own, where it says "auto" the next stage's (they must see alike), at last its method's."""
    given = [stage.get("model", {}).get("preprocess", "auto") for stage in stages[number:]]
    imputing = IMPUTING * any(kind.startswith(IMPUTING) for kind in given)
    given = [kind.removeprefix(IMPUTING) for kind in given if kind.removeprefix(IMPUTING) != "auto"]
    return imputing + (given or [method(stages[-1]["method"]).default_preprocess(example_shape)])[0]


def imputing(config):
    """The stages of a config, with a `preprocess` that fills in what is missing where the source hands it over."""
    if config["source"].get("missing") != "median":
        return config["stages"]
    stages = [{**stage, "model": dict(stage.get("model", {}))} for stage in config["stages"]]
    for stage in stages:
        kind = stage["model"].get("preprocess", "auto")
        stage["model"]["preprocess"] = IMPUTING + kind.removeprefix(IMPUTING)
    return stages


def refuse_untold(config, **given):
    """Raises Misuse for flags that tell a learner something, {name: value}, where no stage of a config learns from hints."""
    if any(given.values()) and not any(method(stage["method"]).takes_hints for stage in config["stages"]):
        name, value = next(each for each in given.items() if each[1])
        learners = ", ".join(each for each in METHODS if method(each).takes_hints)
        raise Misuse(f"`--{name}` must go with a semi-supervised method: {learners}. Received: --{name}={value} for "
                     f"{config['stages'][-1]['method']}, which takes none. Leave it out.")


def adopted(config, digest=None):
    """The stages of a config, those taken from another run as that run trained them: the record tells what was done.

    Args:
        config: dict, its protocol resolved.
        digest: str, the fingerprint of the split; None: not compared.

    Returns:
        list of dict

    Raises:
        Misuse: as `lender`.
    """
    stages = []
    for stage in config["stages"]:
        if stage.get("run"):
            theirs, number = lender(stage, config, digest)
            stage = {**theirs[number], "run": stage["run"]}
        stages.append(stage)
    return stages


def lender(stage, config, digest=None):
    """Whose stage is taken, in place of training this one.

    Returns:
        (stages, number): the stages of the other run, and which of them it is.

    Raises:
        Misuse: the run is gone or not finished, or not of the same method, data, protocol, normal class and seed: its training
            may have seen what this run is judged on.
    """
    other = RunFolder(Path(stage["run"]).expanduser())
    if not other.begun:
        raise Misuse(f"`stages[].run` must be a finished run. Received: {other.path}, where there is none. Put it back, or "
                     "leave `run` out and give --overwrite: the stage is trained here then.")
    record = other.record()
    if not other.finished:
        raise Misuse(f"`stages[].run` must be a finished run. Received: {other.path}. Run it to its end first.")
    theirs = record["config"]
    if digest and record["protocol"]["hash"] != digest:
        raise Misuse(f"`stages[].run` must be trained on the same split. Received: {other.path} with {record['protocol']['hash']}, "
                     f"here {digest}.")
    for key in ("source", "normal", "protocol", "seed", "limit"):
        if theirs.get(key) != config.get(key):
            raise Misuse(f"`stages[].run` must be trained on the same data. Received: {other.path} with {key}={theirs.get(key)}, "
                         f"here {key}={config.get(key)}.")
    methods = [their["method"] for their in theirs["stages"]]
    if stage["method"] not in methods:
        raise Misuse(f"`stages[].run` must have a stage of {stage['method']}. Received: {other.path} with {', '.join(methods)}.")
    return theirs["stages"], methods.index(stage["method"])


def borrowed(stage, config):
    """The detector of a finished run, in place of training this stage. Raises Misuse as `lender`."""
    stages, number = lender(stage, config)
    path = stage_file(RunFolder(Path(stage["run"]).expanduser()), stages, number)
    logging.info("stage %s taken from %s", stage["method"], path)
    return saving.load(path)
