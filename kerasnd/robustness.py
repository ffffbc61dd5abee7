"""What a detector is worth under attack: scores of examples that were changed a little so as to be judged wrongly.

The attacker knows the detector and the truth. It raises the score of normals and lowers that of anomalies,

    maximise over x'   s (score(x') - score(x))     s = +1 for normals, -1 for anomalies; x' within the attack's bounds

and leaves an example as it is where that is better for it, so that no attack raises an AUROC. All bounds are in units of a space in
which the values reach from 0 to 1:

    images    uint8 and uint16: the type's range; float: the extremes that "unit" or "minmax" were fitted to, else those of the
              judged images
    tables    of each feature the extremes that "minmax" was fitted to, else those of the judged examples; what is missing stays so

A value beyond the extremes may come back towards them, and go no farther out. Where a score is flat, as that of a Gaussian kernel
far from all it knows, linf and l2 find no way: what they leave is an upper bound of what another attacker would leave.
"""
import dataclasses
import math

import numpy as np
import tensorflow as tf

from kerasnd import arguments, attacks, metrics
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.progress import Pass

STEPS = {"linf": 40, "l2": 100, "spatial": 0}
BATCH, BATCH_VALUES = 128, 2 ** 22      # examples, and values, at a time


@dataclasses.dataclass(frozen=True)
class Attacked:
    """What an attack did.

    Attributes:
        name: str, of the attack and its bound: "linf 0.1", "spatial".
        eps: float, or None for spatial; steps: int, 0 for spatial.
        score, attacked_score: float32 (n,), before and after.
        change: float32 (n,), how far each example was moved: the largest change of a value for linf, else the Euclidean length.
        index: int64 (m,), the examples whose scores were changed most: of the normals, then of the anomalies, most changed first.
        examples: float32 (m, ...), these after the attack, in raw values.
    """

    name: str
    eps: float | None
    steps: int
    score: np.ndarray
    attacked_score: np.ndarray
    change: np.ndarray
    index: np.ndarray
    examples: np.ndarray


def default_eps(attack, example_shape):
    """float: 0.1 for linf (tables 0.05), 1.5 for l2 of 784 values, growing with the root of their number; None for spatial."""
    if attack == "spatial":
        return None
    if attack == "linf":
        return 0.1 if len(example_shape) == 3 else 0.05
    return float(f"{1.5 * math.sqrt(math.prod(example_shape) / 784):.3g}")


def attack_scores(detector, x, label, attack="linf", eps=None, steps=None, seed=0, keep=0):
    """Attacks every example, each in the direction that misleads.

    Args:
        detector: a trained `Detector`.
        x: array (n, ...) of raw examples, or a Stream.
        label: 0 or 1 (n,), the truth, 1 = anomalous.
        attack: "linf", "l2" or "spatial", see `kerasnd.attacks`.
        eps: float >= 0, in units of the space above; None: see `default_eps`. spatial takes none: it tries ARAE's 279 transforms.
        steps: int >= 0; None: 40 for linf, 100 for l2. spatial takes none.
        seed: int >= 0, decides the random starts.
        keep: int >= 0, so many examples of each class are kept as they are after the attack.

    Returns:
        Attacked

    Raises:
        Misuse: the attack cannot be made on these examples or this detector; an argument is out of range. BadData: a score is NaN
            or infinite.
    """
    eps, steps = checked(detector, attack, eps, steps)
    label = np.asarray(label)
    if label.shape != (len(x),) or not np.isin(label, (0, 1)).all():
        raise Misuse(f"`label` must be 0 or 1, one for each of {len(x)} examples. Received: an array of shape {label.shape}.")
    detector.check_shape(x.shape[1:])
    shape = tuple(x.shape[1:])
    step = _compiled(detector, attack, eps, steps, x.dtype, *space(detector, x))
    score, attacked, change = (np.empty(len(x), np.float32) for _ in range(3))
    kept, seen = _Kept(label, keep, shape), Pass("attacking", len(x))
    size = max(1, min(BATCH, BATCH_VALUES // math.prod(shape)))
    for number, (raw, _, position) in enumerate(Feed(x, batch_size=size).once(size)):
        at = position.numpy()
        sign = tf.constant(1 - 2 * label[at], tf.float32)
        *found, changed = step(raw, sign, tf.constant((seed % 2 ** 31, number), tf.int32))
        score[at], attacked[at], change[at] = (each.numpy() for each in found)
        kept.offer(at, np.abs(attacked[at] - score[at]), changed)
        seen.add(len(at))
    strange = np.flatnonzero(~np.isfinite(score))
    if len(strange):
        raise BadData(f"scores must be finite. Received: {score[strange[0]]} for example {strange[0]}. Look for extreme values.")
    return Attacked(f"{attack} {eps:g}" if eps is not None else attack, eps, steps, score, attacked, change, *kept.result())


def checked(detector, attack, eps=None, steps=None):
    """(eps, steps) with their defaults filled in.

    Raises:
        Misuse: as `attack_scores`.
    """
    arguments.choice("attack", attack, attacks.ATTACKS)
    shape = detector.normalizer.example_shape
    if attack == "spatial":
        for name, value in (("eps", eps), ("steps", steps)):
            if value is not None:
                raise Misuse(f"`{name}` must be left out with attack=spatial, which tries a grid of rotations and shifts. "
                             f"Received: {name}={value}.")
        if len(shape) != 3:
            raise Misuse(f"`attack` must be linf or l2 for tables. Received: attack=spatial for examples of shape {shape}.")
        return None, 0
    eps = default_eps(attack, shape) if eps is None else eps
    steps = STEPS[attack] if steps is None else steps
    arguments.number("eps", eps, at_least=0)
    arguments.whole("steps", steps, at_least=0)
    try:
        attacks.input_gradient(detector.score, tf.zeros((1, *shape)))
    except Misuse as error:
        remedy = "be spatial" if len(shape) == 3 else "need no gradient, and there is none such for tables,"
        raise Misuse(f"`attack` must {remedy} where a score has no gradient. Received: attack={attack} for a "
                     f"{type(detector).__name__}.") from error
    return eps, steps


def space(detector, x):
    """Where the attacks' 0 lies, and how far 1 is away.

    Args:
        detector: prepared.
        x: array or Stream of raw examples.

    Returns:
        (low, span): float32, scalars or of an example's shape; span is 0 for a feature that cannot be moved, being constant,
            but under "minmax" a feature that was constant in training keeps its own unit.
    """
    normalizer, is_image = detector.normalizer, len(x.shape) == 4
    if is_image and x.dtype in (np.uint8, np.uint16):
        return np.float32(0), np.float32(np.iinfo(x.dtype).max)
    if normalizer.scaling == "minmax" or (is_image and normalizer.scaling == "unit"):
        return normalizer.offset.numpy(), 1 / normalizer.factor.numpy()
    low, high, axis = np.float32(np.inf), np.float32(-np.inf), None if is_image else 0
    for batch, _, _ in Feed(x, batch_size=512).once():
        batch = batch.numpy().astype(np.float32)
        given = np.isfinite(batch)
        low = np.minimum(low, np.where(given, batch, np.inf).min(axis))
        high = np.maximum(high, np.where(given, batch, -np.inf).max(axis))
    low, high = (np.where(low <= high, end, 0).astype(np.float32) for end in (low, high))      # 0: nothing but what is missing
    return low, high - low


def numbers(label, attacked, times=None):
    """What an attack leaves of an AUROC.

    Args:
        label: 0 or 1 (n,); both must occur.
        attacked: Attacked.
        times: int (n,), how often each counts in an AUROC and in n_test and n_anomalous; None or empty: once each.

    Returns:
        dict: auroc of the examples as they are, adversarial_auroc of all attacked, each with its 95 % bootstrap interval
        (..._low, ..._high); adversarial_auroc_normals and adversarial_auroc_anomalies where only that class is attacked; attack,
        eps, steps, largest_change and mean_change (over examples), share_unharmed, n_test, n_anomalous.
    """
    label, before, after = np.asarray(label), attacked.score, attacked.attacked_score
    result = {"attack": attacked.name.split()[0], "eps": attacked.eps, "steps": attacked.steps}
    for name, score in (("auroc", before), ("adversarial_auroc", after)):
        low, high = metrics.bootstrap_auroc(label, score)
        result.update({name: metrics.auroc(*metrics.repeated(times, label, score)), f"{name}_low": low, f"{name}_high": high})
    for kind, name in enumerate(("normals", "anomalies")):
        result[f"adversarial_auroc_{name}"] = metrics.auroc(*metrics.repeated(times, label, np.where(label == kind, after, before)))
    counted, = metrics.repeated(times, label)
    return {**result, "largest_change": float(attacked.change.max()), "mean_change": float(attacked.change.mean()),
            "share_unharmed": float((before == after).mean()), "n_test": len(counted), "n_anomalous": int(counted.sum())}


@tf.custom_gradient
def _steady(x):
    """x, whose gradient is 0 where it is no number: a root or a norm has none at 0."""
    return x, lambda slope: tf.where(tf.math.is_finite(slope), slope, 0)


def _compiled(detector, attack, eps, steps, dtype, low, span):
    """Function of raw examples, their signs and a seed with (score, attacked score, change, changed raw examples); traced once."""
    shape, movable = detector.normalizer.example_shape, span > 0
    score = tf.function(detector.score, reduce_retracing=True)
    by_steps = {"eps": eps, "steps": steps}

    # Not for autograph, which would wrap the one line of a refusal into many.
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, *shape), dtype), tf.TensorSpec((None,)),
                                                   tf.TensorSpec((2,), tf.int32)])
    def attacked(raw, sign, seed):
        raw = tf.cast(raw, tf.float32)
        free = tf.math.is_finite(raw) & movable
        x = tf.where(free, tf.clip_by_value((raw - low) / np.where(movable, span, 1), 0, 1), 0)
        n = tf.shape(x)[0]

        def back(changed):
            """Raw values of k changes of all examples: as they were where nothing changed, to the last bit."""
            moved = tf.reshape(changed, (-1, n, *shape)) - x
            return tf.reshape(raw + span * tf.where(free, moved, 0), (-1, *shape))

        def gain(changed):
            return tf.reshape(tf.reshape(score(_steady(back(changed))), (-1, n)) * sign, (-1,))
        if attack == "spatial":
            changed = attacks.spatial(gain, x)
        else:
            random = tf.where(free, tf.random.stateless_uniform(tf.shape(x), seed, -1, 1), 0)
            start = x + (eps if attack == "linf" else 0.5) * random
            changed = attacks.ATTACKS[attack](gain, x, start=start, **by_steps)
        before, after = score(raw), score(back(changed))
        harmed = sign * (after - before) > 0
        each = tf.reshape(harmed, (-1, *[1] * len(shape)))
        changed = tf.where(free & each, changed, x)
        move, axes = changed - x, list(range(1, x.shape.rank))
        far = tf.reduce_max(tf.abs(move), axes) if attack == "linf" else tf.sqrt(tf.reduce_sum(tf.square(move), axes))
        return before, tf.where(harmed, after, before), far, back(changed)
    return attacked


class _Kept:
    """The examples whose scores were changed most, so many of each class, found while they pass."""

    def __init__(self, label, keep, shape):
        arguments.whole("keep", keep, at_least=0)
        self.label, self.keep = label, keep
        self.best = [(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, *shape), np.float32))] * 2

    def offer(self, at, harm, changed):
        """Places, changes of the score and changed examples of a batch."""
        if self.keep:
            for kind in (0, 1):
                mine = self.label[at] == kind
                joined = [np.concatenate(pair) for pair in zip(self.best[kind], (at[mine], harm[mine], changed.numpy()[mine]))]
                order = np.argsort(-joined[1], kind="stable")[:self.keep]
                self.best[kind] = tuple(each[order] for each in joined)

    def result(self):
        """(int64 (m,), float32 (m, ...))"""
        return tuple(np.concatenate([kind[i] for kind in self.best]) for i in (0, 2))
