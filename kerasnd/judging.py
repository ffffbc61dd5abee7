"""What a detector is worth: scores, numbers, pictures, and the two detectors that every one must beat."""
import time

import keras
import numpy as np
import tensorflow as tf

from kerasnd import figures, metrics, training
from kerasnd.atomic import whole
from kerasnd.data import protocols
from kerasnd.data.splits import judged_rows
from kerasnd.examples import some, take
from kerasnd.feeding import Feed
from kerasnd.folder import METRICS, SCORES, as_json
from kerasnd.methods import SOLVED
from kerasnd.progress import Pass

INITIALISATIONS = 5     # of the untrained network


def judge(folder, detector, pool, split, method, data, more, log):
    """Scores the test part, writes figures, then scores and metrics, prints the table.

    Args:
        folder: RunFolder, locked.
        detector: trained.
        pool: Pool.
        split: Split of the pool; where its validation part has both classes, that gives the threshold of `f1_inlier`. What is
            to count several times is scored once, stands once in scores.npz, beside its `times`, and is shown once.
        method, data: str, what was trained and what it is judged on, for table and figures.
        more: dict, what is known beside the scores (seconds, baselines).
        log: RunLog.

    Returns:
        dict, the metrics.

    Raises:
        FloatingPointError: a score is NaN or infinite.
    """
    x = take(pool.x, split.test)
    began = time.monotonic()
    score = scores(detector, x)
    seconds = time.monotonic() - began
    strange = np.flatnonzero(~np.isfinite(score))
    if len(strange):
        raise FloatingPointError(f"{len(strange)} of {len(score)} scores are not finite, the first that of example "
                                 f"{split.test[strange[0]]}. The detector is kept in {folder.path}.")
    result = {**metrics.summary(split.label, score, split.times), **more, "score_seconds": seconds,
              "protocol": split.name, "protocol_hash": protocols.fingerprint(split)}
    if len(set(split.validation_label.tolist())) == 2:
        held = scores(detector, take(pool.x, split.validation))
        result.update(metrics.inlier_f1(metrics.repeated(split.validation_times, split.validation_label, held),
                                        metrics.repeated(split.times, split.label, score)))
    draw(folder / "figures", detector, pool, split, x, score, f"{method}, {data}")
    # Both are written before either takes its name, the metrics last: a full disk leaves those of one judging. A kill between the
    # two renamings can leave new scores beside old metrics, which `report` refuses and bin/evaluate puts right.
    with whole(folder / METRICS) as last, whole(folder / SCORES) as temporary:
        with open(temporary, "wb") as file:
            np.savez(file, **judged_rows(split), score=score)
        last.write_text(as_json(result))
    log.say(table(method, result))
    log.say(f"run: {folder.path}")
    return result


def scores(detector, x, title="scoring"):
    """float32 (n,), the scores of an array or a Stream, in its order."""
    seen = Pass(title, len(x))
    if not hasattr(x, "examples"):
        count = keras.callbacks.LambdaCallback()
        count.on_predict_batch_end = lambda batch, logs=None: seen.add(len(logs["outputs"]))
        return np.asarray(detector.predict(x, verbose=0, callbacks=[count]), np.float32)
    detector.check_shape(x.shape[1:])
    found = np.full(len(x), np.nan, np.float32)
    compiled = tf.function(detector.score, reduce_retracing=True)
    for batch, _, position in Feed(x, batch_size=256).once():
        found[position.numpy()] = compiled(batch).numpy()
        seen.add(len(position))
    return found


def baselines(config, x, hint, x_test, label, example_shape, times=None):
    """What the data and the architecture give without learning.

    Args:
        config: dict, of the run.
        x: array or Stream of the training examples.
        hint: int8 (n,).
        x_test: array or Stream of the judged examples.
        label: int8, their truth.
        example_shape: tuple of int.
        times: int64 (n_test,), how often each counts; None or empty: once each.

    Returns:
        dict: untrained_auroc (None where there is no network), raw_mean_auroc.
    """
    def area(score):
        return metrics.auroc(*metrics.repeated(times, label, score))

    oracle = oracle_part(config, x_test, label)
    untrained = [area(score) for score in untrained_scores(config, x, hint, x_test, example_shape, oracle)]
    normals = take(x, np.flatnonzero(hint >= 0)) if (hint < 0).any() else x
    return {"untrained_auroc": float(np.mean(untrained)) if untrained else None,
            "raw_mean_auroc": area(distance_to_mean(normals, x_test))}


def untrained_scores(config, x, hint, x_test, example_shape, oracle=None, most=None):
    """Scores of the last stage's network as initialised, with all that is fitted before the first step.

    Args:
        config, x, hint, x_test, example_shape: as in `baselines`.
        oracle: what `oracle_part` gives.
        most: int, so many initialisations; None: `INITIALISATIONS`.

    Returns:
        list of float32 (n_test,), one for each initialisation, one alone where a file brings the weights; empty where there is no
        network.
    """
    most = most or INITIALISATIONS
    detector, results, feed, last = None, [], Feed(x, hint), len(config["stages"]) - 1
    if config["stages"][last]["method"] in SOLVED:
        return _untrained_hybrid(config, feed, x_test, example_shape, oracle, most) if last else []
    for number in range(most):
        keras.utils.set_random_seed(training.seed_of(config, 500 + number))
        fresh = training.build(config["stages"], last, example_shape)
        if detector is None:
            detector = fresh
            detector.compile()
        elif detector.starts_alike:
            break
        detector.set_weights(fresh.get_weights())       # in the first one's place, whose functions are compiled
        told = _told(detector, feed)
        detector.ready(told)
        detector.prepare(told)
        results.append(scores(detector, x_test, "scoring the untrained network"))
    return results


def _told(detector, feed):
    """The feed as the detector's own `fit` would see it: without hints where it takes none."""
    return feed if detector.takes_hints else feed.blind()


def _untrained_hybrid(config, feed, x_test, example_shape, oracle, most):
    """Scores of what is solved for, on the codes of networks as initialised. Returns as `untrained_scores`."""
    results, last = [], len(config["stages"]) - 1
    for number in range(most):
        seed = training.seed_of(config, 500 + number)
        keras.utils.set_random_seed(seed)
        network, detector = (training.build(config["stages"], place, example_shape) for place in (last - 1, last))
        network.prepare(_told(network, feed))
        detector.inherit(network)
        detector.fit(feed, seed=seed, oracle=oracle)
        results.append(scores(detector, x_test, "scoring on the untrained network"))
    return results


def names(config):
    """(method, data) for tables and figures; a method whose parameter was chosen by test labels says so."""
    oracle = " (oracle)" * any(map(training.asks_oracle, config["stages"]))
    return config["stages"][-1]["method"] + oracle, f"{config['source']['name']}, normal: {config['normal']}"


def oracle_part(config, x_test, label):
    """A tenth of the test part with its true labels, for stages whose `selection` is called "oracle".

    Args:
        config: dict, of the run.
        x_test: array or Stream of the judged examples.
        label: int8, their truth.

    Returns:
        None where no stage asks for it, else (x, label), classes in their shares; these examples are judged all the same.

    Source: Ruff et al. (2020), Deep SAD: "a deliberate unfair advantage" of the classic baselines.
    """
    if not any(training.asks_oracle(stage) for stage in config["stages"]):
        return None
    rng = np.random.default_rng((config["seed"], 2))
    chosen = [rng.permutation(np.flatnonzero(label == kind)) for kind in (0, 1)]
    chosen = np.sort(np.concatenate([each[:max(1, len(each) // 10)] for each in chosen]))
    return some(x_test, chosen), label[chosen]


def distance_to_mean(x, x_test):
    """float64 (n_test,), the squared distance of raw test examples to the mean training example: the simplest detector.

    What is missing (NaN) is no part of a mean, and no distance.
    """
    total, n = 0.0, 0
    for batch, _, _ in Feed(x, batch_size=512).once():
        batch = batch.numpy().astype(np.float64)
        given = ~np.isnan(batch)
        total, n = total + np.where(given, batch, 0).sum(axis=0), n + given.sum(axis=0)
    mean = total / np.maximum(n, 1)
    distance = np.empty(len(x_test))
    for batch, _, position in Feed(x_test, batch_size=512).once():
        batch = batch.numpy().astype(np.float64)
        distance[position.numpy()] = np.where(np.isnan(batch), 0, np.square(batch - mean)).reshape(len(batch), -1).sum(axis=1)
    return distance


def draw(to, detector, pool, split, x, score, title):
    """Writes the figures of the judged examples `x` into the folder `to`."""
    figures.roc(*metrics.repeated(split.times, split.label, score), to / "roc.png", title)      # its area is that of the table
    figures.histogram(split.label, score, to / "histogram.png", title)     # of distinct examples, as all that follows
    units = detector.marginals_drawn() if hasattr(detector, "marginals_drawn") else []
    if units:
        figures.marginals(units, to / "code_marginals.png", f"the code's units: {title}")
    if not pool.is_image:
        return
    if hasattr(detector, "sample"):
        figures.samples(detector.sample(48), to / "samples.png", f"drawn from noise: {title}")
    for most in ("normal", "anomalous"):
        at = figures.extremes(score, most)
        names = [pool.names[pool.category[i]] for i in split.test[at]]
        figures.grid(some(x, at), split.label[at], score[at], to / f"most_{most}.png", f"most {most}: {title}", names)
    if hasattr(detector, "reconstruct"):
        at = np.concatenate([np.flatnonzero(split.label == kind)[:10] for kind in (0, 1)])
        shown = some(x, at)
        figures.reconstructions(shown, np.asarray(detector.reconstruct(tf.constant(shown))), split.label[at],
                                to / "reconstructions.png", title)


def table(method, result):
    """str, the closing table of a run; what is not known is left blank."""
    def number(name, digits=4):
        return "" if result.get(name) is None else f"{result[name]:.{digits}f}"
    # The threshold of F1 inlier is from the validation part, which not all protocols have.
    validated = {"F1 inlier": "f1_inlier", "F1 accept all": "accept_all_f1"} if "f1_inlier" in result else {}
    n = str(result["n_test"]) + (f" ({result['n_distinct']} distinct)" if "n_distinct" in result else "")
    head = ("", "AUROC", "95 % interval", "AUPR-in", "AUPR-out", "FPR@95TPR", "det. error", *validated, "best F1 (oracle)", "n",
            "seconds")
    rows = [(method, number("auroc"), f"{number('auroc_low')} to {number('auroc_high')}", number("aupr_in"), number("aupr_out"),
             number("fpr_at_95_tpr"), number("detection_error"), *map(number, validated.values()), number("best_f1"), n,
             f"{number('fit_seconds', 1)} + {number('score_seconds', 1)}"),
            ("distance to the raw mean", number("raw_mean_auroc"), *[""] * (len(head) - 2))]
    if result.get("untrained_auroc") is not None:       # a detector without a network has none
        rows.insert(1, ("its untrained network", number("untrained_auroc"), *[""] * (len(head) - 2)))
    wide = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, wide)).rstrip() for row in [head, *rows])
