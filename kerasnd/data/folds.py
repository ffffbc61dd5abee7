"""Who trains and who is judged where every class is cut into folds: index arithmetic on labels."""
import dataclasses
import math

import numpy

from kerasnd.data.splits import called, exact_share, kinds, unhinted
from kerasnd.errors import Misuse, suggest

BALANCES = ("subsample", "repeat", "none")


@called
def folds(category, official, normal, rng, fold=0, n_folds=5, validation_folds=1, anomaly_share=0.5, balance="subsample",
          per_class=None):
    """Both official parts mixed, every class cut into folds: one is judged, one gives the threshold, the others' normals train.

    Every class is shuffled by the seed and cut into `n_folds` blocks of equal size; what is left over of a class is in none. For
    one seed the blocks of a class depend neither on which class is normal nor on what follows behind; for one seed, fold and
    normal class the training part depends on none of the last three options, and with "subsample" a smaller share judges the same
    normals and some of the same anomalies (as long as there are anomalies enough): one training serves every share.

    Args:
        category, official, normal, rng: as in `protocols.one_vs_rest`; `official` is not read; two keys per example are drawn.
        fold: int in 0..n_folds-1, which fold is judged.
        n_folds: int >= 2.
        validation_folds: int >= 0, so many of the other folds, the first ones, are the validation part; at least one must be left.
            With 1, folds 0 and 1 train on the same examples.
        anomaly_share: float in (0, 1), anomalies per judged example, the same in the validation part; not read with "none".
        balance: how that share is met. "subsample": with all n normals floor(n share / (1 - share)) of the anomalies; where there
            are fewer, all of these, and so many normals as the share then asks for. "repeat": all examples, the rarer kind over
            and over again (`times` of the Split; each is scored once). "none": all examples once, whatever their share.
        per_class: int >= 1, at most so many anomalies of each class are judged, and as many in the validation part; the share is
            met by these; None: any number.

    Returns:
        Split, hints all 0, indices ascending; train, validation and test have no example in common; anomalies of the training
        folds are spare.

    Raises:
        Misuse: an option is out of range; no normal to train on, or one kind is missing in the judged fold.

    Source: Pidhorskyi et al. (2018), GPND, section 6, and its code: "subsample" is the paper's rule, "repeat" that of the last
    version; per_class=1 its COIL-100. Differs: all is drawn by the run's seed, and from keys of each example.
    """
    del official
    share = exact_share("anomaly_share", anomaly_share)
    _check(fold, n_folds, validation_folds, balance, per_class)
    category = numpy.asarray(category)
    is_normal, is_anomalous = kinds(category, normal)
    place, order = rng.random((len(category), 2)).T         # row by row: what follows behind changes no earlier key
    block = _blocks(category, place, n_folds)
    held = [each for each in range(n_folds) if each != fold][:validation_folds]
    trains = (block >= 0) & (block != fold) & ~numpy.isin(block, held)

    def part(chosen):
        members = numpy.flatnonzero(numpy.isin(block, chosen))
        members = members[numpy.argsort(order[members], kind="stable")]
        anomalies = members[is_anomalous[members]]
        if per_class is not None:
            anomalies = anomalies[_earlier(category[anomalies]) < per_class]
        return at_share(members[is_normal[members]], anomalies, share, balance)
    test, times = part([fold])
    split = unhinted("folds", numpy.flatnonzero(trains & is_normal), test, is_anomalous, trains)
    validation, validation_times = part(held)
    told = f"fold {fold} of {n_folds}"
    if len(validation):
        n_anomalous = int(is_anomalous[validation].sum())
        told += f"; {len(validation) - n_anomalous} normals and {n_anomalous} anomalies to choose a threshold"
    if len(times):
        told += f"; {_told(times[split.label == 0], 'normals')} and {_told(times[split.label == 1], 'anomalies')} are judged"
    return dataclasses.replace(split, validation=validation, validation_label=is_anomalous[validation].astype(numpy.int8),
                               times=times, validation_times=validation_times, told=told)


def _check(fold, n_folds, validation_folds, balance, per_class):
    """Raises Misuse for options out of range."""
    for name, value, least in (("n_folds", n_folds, 2), ("fold", fold, 0), ("validation_folds", validation_folds, 0),
                               *([("per_class", per_class, 1)] if per_class is not None else [])):
        if isinstance(value, bool) or not isinstance(value, (int, numpy.integer)) or value < least:
            raise Misuse(f"`{name}` must be a whole number, at least {least}. Received: {name}={value!r}. Give "
                         f"--config.protocol.{name}={least}.")
    if fold >= n_folds:
        raise Misuse(f"`fold` must be one of the n_folds={n_folds} folds, counted from 0. Received: fold={fold}. The last is "
                     f"{n_folds - 1}.")
    if validation_folds > n_folds - 2:
        raise Misuse(f"`validation_folds` must leave a fold to train on beside the judged one. Received: validation_folds="
                     f"{validation_folds} of n_folds={n_folds}. Lower it, or raise n_folds.")
    if balance not in BALANCES:
        raise Misuse(f"`balance` must be one of {', '.join(BALANCES)}. Received: balance={balance!r}."
                     f"{suggest(str(balance), BALANCES)}")


def _blocks(category, key, n_folds):
    """int64 (n,), the fold of each example by its key's rank within its class; -1: none, as of what is left over."""
    block = numpy.full(len(category), -1, numpy.int64)
    for each in numpy.unique(category[category >= 0]):
        members = numpy.flatnonzero(category == each)
        members = members[numpy.argsort(key[members], kind="stable")]
        size = len(members) // n_folds
        block[members[:size * n_folds]] = numpy.repeat(numpy.arange(n_folds), size)
    return block


def _earlier(category):
    """int64 (n,), how many of the same class stand before each."""
    order = numpy.argsort(category, kind="stable")
    ranked, earlier = category[order], numpy.empty(len(category), numpy.int64)
    earlier[order] = numpy.arange(len(category)) - numpy.searchsorted(ranked, ranked)
    return earlier


def at_share(normals, anomalies, share, balance):
    """Of two kinds in a drawn order those that make up a share.

    Args:
        normals, anomalies: int (n,), (m,), places, in the order in which they are to be taken.
        share: number in (0, 1), anomalies per judged example.
        balance: "subsample", "repeat" or "none", as in `folds`.

    Returns:
        (index int64 (k,) ascending, times int64 (k,), how often each counts; empty where each counts once).

    Raises:
        Misuse: by the share one kind would be missing.
    """
    n, m, odds = len(normals), len(anomalies), share / (1 - share)
    wanted_normals, wanted_anomalies = n, m
    if balance == "subsample" and n and m:      # without anomalies, `protocols.make` says so
        wanted_anomalies = min(m, math.floor(n * odds))
        if m < math.floor(n * odds):
            wanted_normals = math.floor(m / odds)
    elif balance == "repeat" and n and m:
        if m < n * odds:
            wanted_anomalies = math.floor(n * odds)
        else:
            wanted_normals = math.floor(m / odds)
    if n and m and not (wanted_normals and wanted_anomalies):
        raise Misuse("`anomaly_share` must give at least one normal and one anomaly to judge. Received: anomaly_share="
                     f"{float(share):g}, that is {wanted_anomalies} anomalies to {wanted_normals} normals, of {m} and {n} in the "
                     "fold. Choose a share nearer to 0.5.")
    kinds_of = [_cycled(normals, wanted_normals), _cycled(anomalies, wanted_anomalies)]
    index, times = (numpy.concatenate(each).astype(numpy.int64) for each in zip(*kinds_of))
    order = numpy.argsort(index, kind="stable")
    return index[order], times[order] if (times > 1).any() else times[:0]


def _cycled(members, wanted):
    """(members, times): the first `wanted` entries of the members one after another, over and over again."""
    if wanted <= len(members):
        return members[:wanted], numpy.ones(wanted, numpy.int64)
    return members, wanted // len(members) + (numpy.arange(len(members)) < wanted % len(members))


def _told(times, kind):
    return f"{len(times)} {kind}" + f" counted as {times.sum()}" * bool((times > 1).any())
