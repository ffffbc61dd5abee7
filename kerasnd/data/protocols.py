"""Who trains and who is judged: index arithmetic on labels, which knows no image.

Every protocol takes the category and the official part of each example and hands back a `Split`. The random ones give
each example one random key and take the smallest within a class, so that for one seed the parts of a class do not
depend on which class is normal.
"""
import dataclasses
import hashlib
import inspect

import numpy

from kerasnd.errors import Misuse, suggest

_NONE = numpy.zeros(0, numpy.int64)


@dataclasses.dataclass(frozen=True)
class Split:
    """Indices into a pool, and what may be known and what is true of them.

    Attributes:
        train: int64 (t,), distinct; what the learner sees.
        hint: int8 (t,), what it may know: 0 unknown, +1 known normal, -1 known anomalous.
        test: int64 (s,), distinct; what is judged.
        label: int8 (s,), the truth: 1 anomalous.
        name: str, the protocol.
        validation: int64 (v,), distinct; for thresholds; empty where the protocol has none.
        validation_label: int8 (v,), the truth: 1 anomalous.
    """

    train: numpy.ndarray
    hint: numpy.ndarray
    test: numpy.ndarray
    label: numpy.ndarray
    name: str
    validation: numpy.ndarray = dataclasses.field(default_factory=_NONE.copy)
    validation_label: numpy.ndarray = dataclasses.field(default_factory=lambda: _NONE.astype(numpy.int8))


def one_vs_rest(category, official, normal, rng):
    """Normals of the official training part against the whole official test part.

    Args:
        category: int64 (n,) in 0..k-1.
        official: str (n,), "train" or "test"; anything else is left out.
        normal: sequence of int, the normal categories.
        rng: numpy.random.Generator; nothing is drawn.

    Returns:
        Split, hints all 0, indices ascending.

    Raises:
        Misuse: no official parts; no training normal; no normal to judge.

    Source: Ruff et al. (2018), section 4.
    """
    del rng
    category, anomalous = _anomalous(category, normal)
    train_part, test_part = _official_parts(official, "one_vs_rest", len(category))
    return _split("one_vs_rest", numpy.flatnonzero(train_part & ~anomalous), numpy.flatnonzero(test_part), anomalous)


def holdout(category, official, normal, rng, test_share=0.4):
    """Normals of a random training share against the rest of every class; official parts play no role.

    Args:
        category, official, normal, rng: as in `one_vs_rest`; `official` is not read.
        test_share: float in (0, 1), the share of every class that is judged, at least one example of each.

    Returns:
        Split, hints all 0, indices ascending.

    Raises:
        Misuse: `test_share` is out of range; no training normal; no normal to judge.

    Source: Ruff et al. (2020), Deep SAD, section 4.3 (60 : 40, stratified).
    """
    del official
    category, anomalous = _anomalous(category, normal)
    test_part = _stratified(category, rng.random(len(category)), _share("test_share", test_share))
    return _split("holdout", numpy.flatnonzero(~test_part & ~anomalous), numpy.flatnonzero(test_part), anomalous)


def contaminated(category, official, normal, rng, share=0.05, test_share=0.4):
    """As `one_vs_rest`, or `holdout` where there are no official parts, with anomalies hidden among the training normals.

    Args:
        category, official, normal, rng: as in `one_vs_rest`; `official` may be None.
        share: float in [0, 1), anomalies per training example, the paper's gamma_p.
        test_share: float in (0, 1), as in `holdout`; only where there are no official parts.

    Returns:
        Split, hints all 0, indices ascending; the test part holds no training example.

    Raises:
        Misuse: a share is out of range; fewer anomalies than the share asks for; as in `one_vs_rest` and `holdout`.

    Source: Ruff et al. (2020), Deep SAD, section 4.2, "polluted training data".
    """
    share, test_share = _share("share", share, least=0), _share("test_share", test_share)
    category, anomalous = _anomalous(category, normal)
    key = rng.random(len(category))
    if official is None:
        test_part = _stratified(category, key, test_share)
        train_part = ~test_part
    else:
        train_part, test_part = _official_parts(official, "contaminated", len(category))
    normals = numpy.flatnonzero(train_part & ~anomalous)
    candidates = numpy.flatnonzero(train_part & anomalous)
    hidden = int(numpy.floor(len(normals) * share / (1 - share) + 0.5))
    if hidden > len(candidates):
        raise Misuse(f"`share` must leave enough anomalies to hide. Received: share={share}, that is {hidden} anomalies "
                     f"among {len(normals)} normals, and the training part has {len(candidates)}. Lower the share or "
                     "take protocol holdout.")
    # A second draw: under holdout the training share holds the larger keys, and theirs is not a uniform order of all.
    chosen = rng.permutation(candidates)[:hidden]
    return _split("contaminated", numpy.sort(numpy.concatenate([normals, chosen])), numpy.flatnonzero(test_part), anomalous)


def legacy_transductive(category, official, normal, rng, variant="mnist"):
    """NOT A FAIR NUMBER: the released OC-NN protocols, which train on the very examples that they judge.

    Args:
        category, official, normal, rng: as in `one_vs_rest`; "cifar10" does not read `official`.
        variant: "mnist": training normals less a sixth, all test normals, and one anomaly per hundred of those;
            "cifar10": all normals of both parts and 500 anomalies.

    Returns:
        Split with train == test, hints all 0, ordered normals, then anomalies.

    Raises:
        Misuse: unknown variant; too few examples; "mnist" without official parts.

    Source: oc-nn, src/data/mnist.py l.119-267, src/models/OneClass_SVDD.py l.557-599; src/data/cifar10.py l.87-167.
    """
    category, anomalous = _anomalous(category, normal)
    if variant not in ("mnist", "cifar10"):
        raise Misuse(f"`variant` must be 'mnist' or 'cifar10'. Received: variant={variant!r}."
                     f"{suggest(variant, ('mnist', 'cifar10'))}")
    if variant == "mnist":
        normals, anomalies = _released_mnist(anomalous, *_official_parts(official, "legacy_transductive", len(category)), rng)
    else:
        normals, anomalies = numpy.flatnonzero(~anomalous), rng.permutation(numpy.flatnonzero(anomalous))[:500]
        if len(anomalies) < 500:
            raise Misuse(f"`variant` 'cifar10' draws 500 anomalies. Received: a set with {len(anomalies)}.")
    pool = numpy.concatenate([normals, anomalies])
    return _split("legacy_transductive", pool, pool, anomalous)


def _released_mnist(anomalous, train_part, test_part, rng):
    normals = rng.permutation(numpy.flatnonzero(train_part & ~anomalous))
    polluting = -(-len(normals) // 99)  # ceil(.01 n / .99)
    anomalies = rng.permutation(numpy.flatnonzero(train_part & anomalous))[:polluting]
    # The first sixth of each is put aside as validation and never used again.
    normals, anomalies = normals[len(normals) // 6:], anomalies[len(anomalies) // 6:]
    normals = numpy.concatenate([numpy.sort(normals), numpy.flatnonzero(test_part & ~anomalous)])
    anomalies = numpy.concatenate([anomalies, rng.permutation(numpy.flatnonzero(test_part & anomalous))])
    if len(anomalies) < len(normals) // 100:
        raise Misuse(f"`variant` 'mnist' takes one anomaly per hundred normals. Received: {len(normals)} normals and only "
                     f"{len(anomalies)} anomalies.")
    return normals, anomalies[:len(normals) // 100]


PROTOCOLS = {"one_vs_rest": one_vs_rest, "holdout": holdout, "contaminated": contaminated,
             "legacy_transductive": legacy_transductive}


def defaults(name):
    """A protocol's own options with their defaults, {} for "auto". Raises Misuse for an unknown name."""
    if name == "auto":
        return {}
    parameters = inspect.signature(_protocol(name)).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}


def make(name, category, official, normal, rng, anomalies_follow=False, **options):
    """Splits by the protocol `name`; "auto" is one_vs_rest where official parts exist, else holdout.

    Args:
        name: str, a key of `PROTOCOLS`, or "auto".
        category, official, normal, rng: as in `one_vs_rest`.
        anomalies_follow: bool, a test part without anomalies is let through, since another set's will be added.
        **options: the protocol's own, see `defaults`.

    Returns:
        Split, whose `name` is the protocol that was taken.

    Raises:
        Misuse: unknown protocol or option; no anomaly to judge; whatever the protocol refuses.
    """
    if name == "auto":
        name = "holdout" if official is None else "one_vs_rest"
    known = defaults(name)
    for option in options:
        if option not in known:
            raise Misuse(f"`{option}` must be an option of protocol {name} ({', '.join(known) or 'it has none'}). "
                         f"Received: {option}={options[option]!r}.{suggest(option, known)}")
    split = _protocol(name)(category, official, normal, rng, **options)
    if not anomalies_follow and not split.label.any():
        raise Misuse(f"`normal` must leave anomalies to judge. Received: {name} gives 0 anomalies among {len(split.test)} test "
                     f"examples, {len(normal)} of {len(numpy.unique(category))} classes are normal. Name fewer classes.")
    return split


def fingerprint(split):
    """12 hexadecimal digits of the SHA-256 over a split's name, indices, hints and labels."""
    digest = hashlib.sha256(split.name.encode())
    for field in ("train", "hint", "validation", "validation_label", "test", "label"):
        values = getattr(split, field)
        digest.update(f"|{field}:{len(values)}:".encode() + values.astype("<i8").tobytes())
    return digest.hexdigest()[:12]


def _protocol(name):
    if name not in PROTOCOLS:
        raise Misuse(f"`protocol.name` must be one of auto, {', '.join(PROTOCOLS)}. Received: name={name!r}."
                     f"{suggest(name, ('auto', *PROTOCOLS))}")
    return PROTOCOLS[name]


def _anomalous(category, normal):
    category = numpy.asarray(category)
    return category, ~numpy.isin(category, numpy.asarray(list(normal), numpy.int64))


def _official_parts(official, protocol, n):
    if official is None:
        raise Misuse(f"`protocol.name` must fit the data: {protocol} needs official train and test parts. Received: a set "
                     "without. Take protocol holdout.")
    official = numpy.asarray(official)
    if official.shape != (n,):
        raise Misuse(f"`official` must have one value per example. Received: {n} examples, official of shape {official.shape}.")
    return official == "train", official == "test"


def _share(name, value, least=1e-9):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < 1:
        raise Misuse(f"`{name}` must be a number {'from' if least == 0 else 'above'} 0 and below 1. Received: {name}={value!r}.")
    return float(value)


def _stratified(category, key, share):
    """bool (n,): in every class the round(share * size) examples of the smallest keys, at least one."""
    chosen = numpy.zeros(len(category), bool)
    for each in numpy.unique(category):
        members = numpy.flatnonzero(category == each)
        count = max(1, int(numpy.floor(share * len(members) + 0.5)))
        chosen[members[numpy.argsort(key[members], kind="stable")[:count]]] = True
    return chosen


def _split(name, train, test, anomalous):
    judged = int(anomalous[test].sum())
    if not (~anomalous[train]).any():
        raise Misuse(f"`normal` must leave normals to train on. Received: {name} gives 0 training normals among "
                     f"{int((~anomalous).sum())} normals of {len(anomalous)} examples.")
    if judged == len(test):
        raise Misuse(f"`normal` must leave normals to judge. Received: {name} gives 0 normals among {len(test)} test "
                     f"examples, {len(train)} training examples among {int((~anomalous).sum())} normals.")
    return Split(train=train.astype(numpy.int64), hint=numpy.zeros(len(train), numpy.int8), test=test.astype(numpy.int64),
                 label=anomalous[test].astype(numpy.int8), name=name)
