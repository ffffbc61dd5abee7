"""Indices into a pool: who trains, who is judged, what may be known and what is true; and the checks that all share."""
import dataclasses
import fractions
import functools
import hashlib
import numbers

import numpy

from kerasnd.errors import Misuse


@dataclasses.dataclass(frozen=True)
class Split:
    """Who trains and who is judged.

    Attributes:
        train: int64 (t,), what the learner sees; distinct, but for what `overlap` of `semi_supervised` takes twice.
        hint: int8 (t,), what it may know: 0 unknown, +1 known normal, -1 known anomalous.
        test: int64 (s,), distinct; what is judged, each scored once.
        label: int8 (s,), the truth: 1 anomalous.
        name: str, the protocol.
        validation: int64 (v,), distinct; for thresholds; empty where the protocol has none.
        validation_label: int8 (v,), the truth: 1 anomalous.
        told: str, what was drawn, in words; "" where nothing was.
        spare: int64 (r,), distinct; examples of the training part that are neither trained on nor judged, whose known anomalies
            a user's hints may bring in; empty where the protocol has no such part. It says nothing new of the split, and is no
            part of its fingerprint.
        times: int64 (s,), at least 1, how often each judged example counts in a metric; empty: once each. No interval counts an
            example twice: a repeated example tells nothing new of the chance of the sample.
        validation_times: int64 (v,), or empty, the same of the validation part.
        calibration: int64 (c,), distinct; normals that are neither trained on nor judged, whose scores make p-values; may be empty.
    """

    train: numpy.ndarray
    hint: numpy.ndarray
    test: numpy.ndarray
    label: numpy.ndarray
    name: str
    validation: numpy.ndarray = dataclasses.field(default_factory=lambda: numpy.zeros(0, numpy.int64))
    validation_label: numpy.ndarray = dataclasses.field(default_factory=lambda: numpy.zeros(0, numpy.int8))
    told: str = ""
    spare: numpy.ndarray = dataclasses.field(default_factory=lambda: numpy.zeros(0, numpy.int64))
    times: numpy.ndarray = dataclasses.field(default_factory=lambda: numpy.zeros(0, numpy.int64))
    validation_times: numpy.ndarray = dataclasses.field(default_factory=lambda: numpy.zeros(0, numpy.int64))
    calibration: numpy.ndarray = dataclasses.field(default_factory=lambda: numpy.zeros(0, numpy.int64))


def fingerprint(split):
    """12 hexadecimal digits of the SHA-256 over a split's name, indices, hints and labels, and counts and a calibration part where
    it has any."""
    digest = hashlib.sha256(split.name.encode())
    more = [name for name in ("times", "validation_times", "calibration") if len(getattr(split, name))]
    for field in ("train", "hint", "validation", "validation_label", "test", "label", *more):
        values = getattr(split, field)
        digest.update(f"|{field}:{len(values)}:".encode() + values.astype("<i8").tobytes())
    return digest.hexdigest()[:12]


def judged_rows(split):
    """dict of arrays (s,), what scores.npz says of the judged examples beside their scores: index int64, label int8, and times
    int64 where any counts more than once."""
    times = {"times": split.times.astype(numpy.int64)} if len(split.times) else {}
    return {"index": split.test.astype(numpy.int64), "label": split.label.astype(numpy.int8), **times}


def unhinted(name, train, test, anomalous, training_part=None):
    """A Split without hints.

    Args:
        name: str, the protocol.
        train, test: int (t,), (s,), indices.
        anomalous: bool (n,), of every example.
        training_part: bool (n,), whom the protocol could train on; None: nobody but `train`.

    Raises:
        Misuse: no normal to train on, or none to judge.
    """
    if anomalous[train].all():
        raise Misuse(f"`normal` must leave normals to train on. Received: protocol {name} gives 0 training normals of "
                     f"{int((~anomalous).sum())} normals among {len(anomalous)} examples.")
    if anomalous[test].all():
        raise Misuse(f"`normal` must leave normals to judge. Received: protocol {name} gives 0 normals among "
                     f"{len(test)} test examples, of {int((~anomalous).sum())} normals in the set.")
    return Split(train=train.astype(numpy.int64), hint=numpy.zeros(len(train), numpy.int8),
                 test=test.astype(numpy.int64), label=anomalous[test].astype(numpy.int8), name=name,
                 spare=spare(train, test, training_part))


def spare(train, test, training_part=None):
    """int64, ascending, the examples of the training part that are neither in `train` nor in `test`."""
    if training_part is None:
        return numpy.zeros(0, numpy.int64)
    left = numpy.array(training_part, bool)
    left[train] = left[test] = False
    return numpy.flatnonzero(left).astype(numpy.int64)


def called(protocol):
    """A protocol that also takes one class as `normal`, and a seed as `rng`.

    Raises:
        Misuse: a class that is no whole number.
    """
    @functools.wraps(protocol)
    def split(category, official, normal, rng, *options, **named):
        normal = (normal,) if isinstance(normal, (numbers.Integral, str)) else tuple(normal)
        if not all(isinstance(each, numbers.Integral) for each in normal):
            raise Misuse(f"`normal` must be whole numbers, the classes' places in the pool's `names`, from 0. Received: {normal}.")
        return protocol(category, official, normal, numpy.random.default_rng(rng), *options, **named)
    return split


def kinds(category, normal):
    """Who is normal and who anomalous.

    Args:
        category: int64 (n,) in -1..k-1; -1 is neither.
        normal: sequence of int.

    Returns:
        (normal, anomalous), each bool (n,), never both.
    """
    category = numpy.asarray(category)
    is_normal = numpy.isin(category, numpy.asarray(list(normal), numpy.int64)) & (category >= 0)
    return is_normal, ~is_normal & (category >= 0)


def official_parts(official, protocol, n):
    """(train, test), each bool (n,). Raises Misuse where there are none."""
    if official is None:
        raise Misuse(f"`protocol.name` must fit the data: {protocol} needs official train and test parts. Received: a "
                     "set without. Take --config.protocol.name=holdout.")
    official = numpy.asarray(official)
    if official.shape != (n,):
        raise Misuse(f"`official` must have one value per example. Received: {n} examples, official of shape "
                     f"{official.shape}. Hand over those of one pool.")
    return official == "train", official == "test"


def train_and_test(protocol, category, official, normal, rng, test_share):
    """Who may train and who is judged: the official parts, or a random share of every class where there are none.

    Args:
        protocol: str, for messages.
        category, official, normal, rng: as in `kerasnd.data.protocols.one_vs_rest`; one key per example is drawn where `official`
            is None.
        test_share: float in (0, 1).

    Returns:
        (train, test), each bool (n,), never both; examples of category -1 may train and are not judged.

    Raises:
        Misuse: `test_share` is out of range.
    """
    is_normal, is_anomalous = kinds(category, normal)
    if official is not None:
        train_part, test_part = official_parts(official, protocol, len(is_normal))
        return train_part, test_part & (is_normal | is_anomalous)
    category = numpy.asarray(category)
    test_part = stratified(category, rng.random(len(category)), checked_share("test_share", test_share))
    return ~test_part, test_part


def stratified(category, key, share):
    """bool (n,): of every class the round(share * size) examples with the smallest keys, at least one."""
    chosen = numpy.zeros(len(category), bool)
    for each in numpy.unique(category[category >= 0]):
        members = numpy.flatnonzero(category == each)
        count = max(1, int(numpy.floor(share * len(members) + 0.5)))
        chosen[members[numpy.argsort(key[members], kind="stable")[:count]]] = True
    return chosen


def checked_share(name, value, zero=False):
    """The share as a float in (0, 1), or [0, 1) where `zero`. Raises Misuse."""
    is_number = isinstance(value, (int, float, numpy.number)) and not isinstance(value, bool)
    if not is_number or not (0 < value < 1 or (zero and value == 0)):
        raise Misuse(f"`{name}` must be a number {'from' if zero else 'above'} 0 and below 1. Received: "
                     f"{name}={value!r}. Give --config.protocol.{name}=0.1.")
    return float(value)


def exact_share(name, value, zero=False):
    """The decimal number that was typed, as a Fraction in (0, 1), or [0, 1) where `zero`: in float64, 0.29 of 100 normals would be
    less than 29. Raises Misuse."""
    return fractions.Fraction(repr(checked_share(name, value, zero)))
