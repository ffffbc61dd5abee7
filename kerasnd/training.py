"""The stages of a run, one after the other, resumed where they stopped."""
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from kerasnd import checkpoints, optimizers
from kerasnd.detector import CollapseWarning
from kerasnd.errors import Misuse
from kerasnd.feeding import Feed
from kerasnd.folder import RunFolder
from kerasnd.methods import method
from kerasnd.progress import Progress

CHECKPOINT = "checkpoint.npz"


def train(folder, config, x, hint, strategy, example_shape):
    """Trains every stage.

    Args:
        folder: RunFolder, locked.
        config: dict, resolved.
        x: array or Stream of the training examples.
        hint: int8 (n,).
        strategy: tf.distribute.Strategy.
        example_shape: tuple of int.

    Returns:
        (detector, seconds, told): the last stage's detector, the seconds of all trainings, and a list of str, warnings of collapse.
    """
    path = folder / CHECKPOINT
    progress = checkpoints.progress_of(path) or {"stage": 0, "epoch": 0, "seconds": 0.0, "before": 0.0}
    parent, before, told = None, progress["before"], []
    for number, stage in enumerate(config["stages"]):
        saved = folder / f"stages/{number}_{stage['method']}.keras"
        if number < progress["stage"]:
            parent = keras.models.load_model(saved)
            continue
        if stage.get("run"):
            parent = borrowed(stage, config)
        else:
            resume = number == progress["stage"] and progress["epoch"] > 0
            at = progress if resume else {"stage": number, "epoch": 0, "seconds": 0.0, "before": before}
            parent, seconds = _stage(folder, config, number, parent, x, hint, strategy, example_shape, at, resume, told)
            before += seconds
        save(parent, saved)
        checkpoints.save(path, None, {"stage": number + 1, "epoch": 0, "seconds": 0.0, "before": before})
    return parent, before, told


def _stage(folder, config, number, parent, x, hint, strategy, example_shape, at, resume, told):
    """Trains one stage; returns its detector and the seconds it took in all attempts."""
    stage = config["stages"][number]
    keras.utils.set_random_seed(config["seed"] * 1000 + number)
    fit = dict(stage["fit"])
    feed = Feed(x, hint, fit.pop("batch_size", 128), seed=config["seed"] * 1000 + number)
    epochs = fit.pop("epochs", 1)
    with strategy.scope():
        detector = build(stage, example_shape)
        if parent is not None:
            detector.inherit(parent)
        detector.compile(optimizers.make(feed.steps, **stage.get("optimizer", {})))
    keeper = checkpoints.Checkpoint(folder / CHECKPOINT, at, resume)
    title = f"stage {number + 1} of {len(config['stages'])}, {stage['method']}"
    logging.info("%s: %d examples, %d epochs of %d steps, from epoch %d", title, feed.n, epochs, feed.steps, at["epoch"])
    board = keras.callbacks.TensorBoard(str(folder / "events" / f"{number}_{stage['method']}"), write_graph=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CollapseWarning)
        detector.fit(feed, epochs=epochs, initial_epoch=at["epoch"], verbose=0,
                     callbacks=[keeper, board, Progress(title, epochs, feed.steps, folder / "log.txt")], **fit)
    for warning in caught:
        if issubclass(warning.category, CollapseWarning):
            told.append(f"{title}: {warning.message}")
            logging.error("%s: %s", title, warning.message)
    return detector, keeper.progress["seconds"]


def build(stage, example_shape):
    """A stage's detector, untrained.

    Raises:
        Misuse: an argument that the method does not have.
    """
    model = dict(stage.get("model", {}))
    try:
        return method(stage["method"])(**{"example_shape": example_shape, **model})
    except TypeError as error:
        raise Misuse(f"`stages[].model` of {stage['method']} must be arguments of its class. Received: {sorted(model)} ({error}).") from error


def borrowed(stage, config):
    """The detector of a finished run, in place of training this stage.

    Raises:
        Misuse: the run is not finished, or not of the same method, data, protocol, normal class and seed: its training may have
            seen what this run is judged on.
    """
    other = RunFolder(Path(stage["run"]).expanduser())
    record = other.record()
    if not other.finished:
        raise Misuse(f"`stages[].run` must be a finished run. Received: {other.path}. Run it to its end first.")
    theirs = record["config"]
    for key in ("source", "normal", "protocol", "seed", "limit"):
        if theirs.get(key) != config.get(key):
            raise Misuse(f"`stages[].run` must be trained on the same data. Received: {other.path} with {key}={theirs.get(key)}, here "
                         f"{key}={config.get(key)}.")
    methods = [their["method"] for their in theirs["stages"]]
    if stage["method"] not in methods:
        raise Misuse(f"`stages[].run` must have a stage of {stage['method']}. Received: {other.path} with {', '.join(methods)}.")
    path = other / f"stages/{methods.index(stage['method'])}_{stage['method']}.keras"
    logging.info("stage %s taken from %s", stage["method"], path)
    return keras.models.load_model(path)


def save(detector, path):
    """Writes a .keras file, whole or not at all."""
    from kerasnd.atomic import whole
    with whole(path) as temporary:
        detector.save(temporary)


def untrained_scores(config, x, hint, x_test, example_shape, times=5):
    """Scores of the last stage's network as initialised: what the data and the architecture give without learning.

    Returns:
        list of float32 (n_test,), one for each initialisation.
    """
    results = []
    for time in range(times):
        keras.utils.set_random_seed(config["seed"] * 1000 + 500 + time)
        detector = build(config["stages"][-1], example_shape)
        detector.compile()
        feed = Feed(x, hint)
        detector.ready(feed)
        detector.prepare(feed)
        results.append(predict(detector, x_test))
    return results


def predict(detector, x):
    """float32 (n,), the scores of an array or a Stream, in its order."""
    if not hasattr(x, "examples"):
        return np.asarray(detector.predict(x, verbose=0), np.float32)
    scores = np.full(len(x), np.nan, np.float32)
    compiled = tf.function(detector.score, reduce_retracing=True)
    for batch, _, position in Feed(x, batch_size=256).once():
        scores[position.numpy()] = compiled(batch).numpy()
    return scores
