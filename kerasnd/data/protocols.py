"""Who trains and who is judged: index arithmetic on labels, which knows no image.

Every protocol takes the category and the official part of each example and hands back a `Split`. `holdout` gives each
example one random key and takes the smallest within a class, so that for one seed the parts of a class do not depend on
which class is normal, nor on what follows behind; `folds` cuts every class likewise. Examples of category -1 are neither
normal nor ever judged; only `contaminated` may hide them among the training examples.
"""
import inspect

import numpy

from kerasnd.data.folds import folds
from kerasnd.data.semi_supervised import legacy_leaking, semi_supervised
from kerasnd.data.shares import p1
from kerasnd.data.splits import Split, called, checked_share, fingerprint, kinds, official_parts, train_and_test, unhinted
from kerasnd.errors import Misuse, suggest

__all__ = ["PROTOCOLS", "Split", "contaminated", "defaults", "fingerprint", "folds", "holdout", "legacy_leaking",
           "legacy_transductive", "make", "one_vs_rest", "p1", "semi_supervised"]

LEGACY_VARIANTS = ("mnist", "cifar10")


@called
def one_vs_rest(category, official, normal, rng):
    """Normals of the official training part against the whole official test part; the ARAE study calls it p2.

    Args:
        category: int64 (n,) in -1..k-1; -1 is neither normal nor judged.
        official: str (n,), "train" or "test"; anything else takes no part.
        normal: int or a sequence of them, the normal categories.
        rng: numpy.random.Generator, or the seed of one; nothing is drawn.

    Returns:
        Split, hints all 0, indices ascending.

    Raises:
        Misuse: no official parts; no normal to train on, or none to judge.

    Source: Ruff et al. (2018), section 4.
    """
    del rng
    is_normal, is_anomalous = kinds(category, normal)
    train_part, test_part = official_parts(official, "one_vs_rest", len(is_normal))
    test_part &= is_normal | is_anomalous
    train, test = numpy.flatnonzero(train_part & is_normal), numpy.flatnonzero(test_part)
    return unhinted("one_vs_rest", train, test, is_anomalous, train_part)


@called
def holdout(category, official, normal, rng, test_share=0.4):
    """Normals of a random training share against the rest of every class; official parts play no role.

    Args:
        category, official, normal, rng: as in `one_vs_rest`; `official` is not read; one key per example is drawn.
        test_share: float in (0, 1), the share of every class that is judged, at least one example of each.

    Returns:
        Split, hints all 0, indices ascending.

    Raises:
        Misuse: `test_share` is out of range; no normal to train on, or none to judge.

    Source: Ruff et al. (2020), Deep SAD, the classic benchmark sets (60 to 40, stratified).
    """
    del official
    is_normal, is_anomalous = kinds(category, normal)
    train_part, test_part = train_and_test("holdout", category, None, normal, rng, test_share)
    return unhinted("holdout", numpy.flatnonzero(train_part & is_normal), numpy.flatnonzero(test_part), is_anomalous, train_part)


@called
def contaminated(category, official, normal, rng, share=0.05, test_share=0.4):
    """`one_vs_rest`, or `holdout` where there are no official parts, with anomalies hidden among the training normals.

    Args:
        category, official, normal, rng: as in `one_vs_rest`; `official` may be None.
        share: float in [0, 1), anomalies per training example, the paper's gamma_p.
        test_share: float in (0, 1), as in `holdout`; only where there are no official parts.

    Returns:
        Split, hints all 0, indices ascending; nobody who trains is judged.

    Raises:
        Misuse: a share is out of range; fewer anomalies than the share asks for; as in `one_vs_rest` and `holdout`.

    Source: Ruff et al. (2020), Deep SAD, the experiments on polluted training data.
    """
    share = checked_share("share", share, zero=True)
    is_normal, is_anomalous = kinds(category, normal)
    train_part, test_part = train_and_test("contaminated", category, official, normal, rng, test_share)
    normals = numpy.flatnonzero(train_part & is_normal)
    candidates = numpy.flatnonzero(train_part & ~is_normal)
    hidden = int(numpy.floor(len(normals) * share / (1 - share) + 0.5))
    if hidden > len(candidates):
        raise Misuse(f"`share` must leave enough anomalies to hide. Received: share={share}, that is {hidden} "
                     f"anomalies to {len(normals)} normals, and the training part has {len(candidates)}. Lower "
                     "--config.protocol.share.")
    train = numpy.sort(numpy.concatenate([normals, rng.permutation(candidates)[:hidden]]))
    return unhinted("contaminated", train, numpy.flatnonzero(test_part), is_anomalous, train_part)


@called
def legacy_transductive(category, official, normal, rng, variant="mnist"):
    """NOT A FAIR NUMBER: the released OC-NN protocols, which train on the very examples that they judge.

    Args:
        category, official, normal, rng: as in `one_vs_rest`; "cifar10" does not read `official`.
        variant: "mnist": five sixths of the training normals, all test normals, and one anomaly to a hundred of those;
            "cifar10": all normals of both parts and 500 anomalies.

    Returns:
        Split with train == test, hints all 0, ordered normals, then anomalies.

    Raises:
        Misuse: unknown variant; too few examples; "mnist" without official parts.

    Source: oc-nn, src/data/mnist.py l.119-267 with src/models/OneClass_SVDD.py l.557-599; src/data/cifar10.py l.87-167.
    """
    if variant not in LEGACY_VARIANTS:
        raise Misuse(f"`variant` must be one of {', '.join(LEGACY_VARIANTS)}. Received: variant={variant!r}."
                     f"{suggest(variant, LEGACY_VARIANTS)}")
    is_normal, is_anomalous = kinds(category, normal)
    if variant == "mnist":
        parts = official_parts(official, "legacy_transductive", len(is_normal))
        normals, anomalies, wanted = _released_mnist(is_normal, is_anomalous, *parts, rng)
    else:
        normals, anomalies, wanted = numpy.flatnonzero(is_normal), rng.permutation(numpy.flatnonzero(is_anomalous)), 500
    if len(anomalies) < wanted:
        raise Misuse(f"`variant` {variant!r} must find {wanted} anomalies beside its {len(normals)} normals. Received: "
                     f"{len(anomalies)} anomalies. Take another protocol.")
    pool = numpy.concatenate([normals, anomalies[:wanted]])
    return unhinted("legacy_transductive", pool, pool, is_anomalous)


def _released_mnist(is_normal, is_anomalous, train_part, test_part, rng):
    normals = rng.permutation(numpy.flatnonzero(train_part & is_normal))
    polluting = -(-len(normals) // 99)  # the ceiling of .01 n / .99
    anomalies = rng.permutation(numpy.flatnonzero(train_part & is_anomalous))[:polluting]
    # The first sixth of each is put aside as validation, and never used again.
    normals, anomalies = normals[len(normals) // 6:], anomalies[len(anomalies) // 6:]
    normals = numpy.concatenate([numpy.sort(normals), numpy.flatnonzero(test_part & is_normal)])
    anomalies = numpy.concatenate([anomalies, rng.permutation(numpy.flatnonzero(test_part & is_anomalous))])
    return normals, anomalies, len(normals) // 100


PROTOCOLS = {"one_vs_rest": one_vs_rest, "holdout": holdout, "p1": p1, "folds": folds, "contaminated": contaminated,
             "semi_supervised": semi_supervised, "legacy_transductive": legacy_transductive, "legacy_leaking": legacy_leaking}


def defaults(name):
    """A protocol's own options with their defaults, {} for "auto". Raises Misuse for an unknown name."""
    if name == "auto":
        return {}
    parameters = inspect.signature(_protocol(name)).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}


def make(name, category, official, normal, rng, **options):
    """Splits by the protocol `name`; "auto" is one_vs_rest where official parts exist, else holdout.

    Args:
        name: str, a key of `PROTOCOLS`, or "auto".
        category, official, normal, rng: as in `one_vs_rest`.
        **options: the protocol's own, see `defaults`.

    Returns:
        Split, whose `name` is the protocol that was taken.

    Raises:
        Misuse: unknown protocol or option; no anomaly to judge; whatever the protocol refuses.
    """
    if name == "auto":
        name = "holdout" if official is None else "one_vs_rest"
    known = defaults(name)
    for option, value in options.items():
        if option not in known:
            raise Misuse(f"`{option}` must be an option of protocol {name}, which has {', '.join(known) or 'none'}. "
                         f"Received: {option}={value!r}.{suggest(option, known)}")
    split = _protocol(name)(category, official, normal, rng, **options)
    if not split.label.any():
        raise Misuse(f"`normal` must leave anomalies to judge. Received: protocol {name} gives 0 anomalies among "
                     f"{len(split.test)} test examples; {len(numpy.unique(normal))} of {len(numpy.unique(category))} classes "
                     "are normal. Name fewer classes, or give --outliers.")
    return split


def _protocol(name):
    if name not in PROTOCOLS:
        raise Misuse(f"`protocol.name` must be one of auto, {', '.join(PROTOCOLS)}. Received: name={name!r}."
                     f"{suggest(name, ('auto', *PROTOCOLS))}")
    return PROTOCOLS[name]
