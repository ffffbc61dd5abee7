"""Who trains where a few labels are known: the counts and draws of the Deep SAD study, as index arithmetic on labels."""
import numpy
from absl import logging

from kerasnd.data.splits import Split, called, checked_share, kinds, spare, train_and_test
from kerasnd.errors import Misuse


@called
def semi_supervised(category, official, normal, rng, known_outlier=None, n_known_outliers=1, ratio_known_normal=0.0,
                    ratio_known_outlier=0.01, ratio_pollution=0.0, overlap=False, test_share=0.4):
    """Training normals, a few of them and a few anomalies labelled by hints, other anomalies hidden among the rest.

    Args:
        category, official, normal, rng: as in `protocols.one_vs_rest`; where `official` is None, each class is halved at random
            as in `protocols.holdout`.
        known_outlier: sequence of int, the categories of which labelled anomalies are drawn, pooled; None: as many as
            `n_known_outliers` of the anomalous ones, drawn at random.
        n_known_outliers: int >= 0, the paper's k_l; not read where `known_outlier` is given.
        ratio_known_normal: float in [0, 1), labelled normals per training example.
        ratio_known_outlier: float in [0, 1), labelled anomalies per training example, the paper's gamma_l.
        ratio_pollution: float in [0, 1), hidden anomalies of any class per unlabelled example, the paper's gamma_p.
        overlap: bool, labelled and hidden anomalies are drawn independently, as in the published code: one that is in both
            trains twice, labelled both times. False: a labelled one is never hidden as well.
        test_share: float in (0, 1), as in `protocols.holdout`; only where there are no official parts.

    Returns:
        Split: hint -1, 0 or +1, indices ascending; nobody who trains is judged.

    Raises:
        Misuse: ratios that cannot be met, with the arithmetic; classes that are missing, empty or normal.

    Source: Ruff et al. (2020), Deep SAD. Differs: numbers come from one NumPy generator, labelled anomalies first.
    """
    trains, test = train_and_test("semi_supervised", category, official, normal, rng, test_share)
    return _labelled("semi_supervised", category, normal, rng, trains, test, known_outlier, n_known_outliers, ratio_known_normal,
                     ratio_known_outlier, ratio_pollution, overlap)


@called
def legacy_leaking(category, official, normal, rng, known_outlier=None, n_known_outliers=1, ratio_known_normal=0.0,
                   ratio_known_outlier=0.01, ratio_pollution=0.0, overlap=True, test_share=0.4):
    """NOT A FAIR NUMBER: `semi_supervised` as the published code splits tables, judged partly on what it trained on.

    It splits twice, with two states of one random generator, and takes the training part of the first split and the test
    part of the second: about 60 percent of the judged examples were in the training part.

    Args, Returns, Raises: as `semi_supervised`; official parts play no role.

    Source: Deep-SAD-PyTorch, datasets/odds.py l.26 and l.39. Differs: its second scaler, fitted on the second training part, is
    not there: test examples are scaled as the training ones.
    """
    del official
    trains, _ = train_and_test("legacy_leaking", category, None, normal, rng, test_share)
    _, test = train_and_test("legacy_leaking", category, None, normal, rng, test_share)
    return _labelled("legacy_leaking", category, normal, rng, trains, test, known_outlier, n_known_outliers, ratio_known_normal,
                     ratio_known_outlier, ratio_pollution, overlap)


def counts(n, ratio_known_normal, ratio_known_outlier, ratio_pollution):
    """How many of each kind train.

    Args:
        n: int, training normals.
        ratio_known_normal, ratio_known_outlier, ratio_pollution: float in [0, 1).

    Returns:
        (labelled_normal, hidden, labelled_outlier), int: with T the number of all training examples, the solution, rounded down,
        of labelled_normal = ratio_known_normal T, labelled_outlier = ratio_known_outlier T, hidden = ratio_pollution (hidden + n -
        labelled_normal), T = n + hidden + labelled_outlier.

    Raises:
        Misuse: there is no solution.

    Differs: published as `int` of a numerical solution. Here a billionth is added first, so that a whole number does not lose one
    to rounding: of 6000 normals with both ratios 0.2, 1875 labelled anomalies come out as 1874.9999999999998.
    """
    scale = (1 - ratio_pollution) * (1 - ratio_known_outlier) + ratio_pollution * ratio_known_normal
    total = n / scale
    known = ratio_known_normal * total
    if known > n * (1 + 1e-9):        # where all normals are labelled, rounding may exceed them
        raise Misuse("`ratio_known_normal` must not ask for more normals than there are. Received: "
                     f"ratio_known_normal={ratio_known_normal} of {total:.0f} training examples is {known:.0f}, and there are {n} "
                     f"(ratio_known_outlier={ratio_known_outlier}, ratio_pollution={ratio_pollution}). Lower one of the ratios.")
    hidden = ratio_pollution / (1 - ratio_pollution) * (n - known)
    return tuple(int(count + 1e-9) for count in (known, hidden, ratio_known_outlier * total))


def _labelled(name, category, normal, rng, trains, test, known_outlier, n_known_outliers, ratio_known_normal,
              ratio_known_outlier, ratio_pollution, overlap):
    """The Split of a training and a test part."""
    category = numpy.asarray(category)
    is_normal, is_anomalous = kinds(category, normal)
    ratios = [checked_share(key, value, zero=True) for key, value in (
        ("ratio_known_normal", ratio_known_normal), ("ratio_known_outlier", ratio_known_outlier),
        ("ratio_pollution", ratio_pollution))]
    if not isinstance(overlap, bool):
        raise Misuse(f"`overlap` must be true or false. Received: overlap={overlap!r}.")
    known = _known(category, normal, trains & is_anomalous, rng, known_outlier, n_known_outliers)
    normals, others = numpy.flatnonzero(trains & is_normal), numpy.flatnonzero(trains & is_anomalous)
    test = numpy.flatnonzero(test)
    for part, found in (("train on", len(normals)), ("judge", int(is_normal[test].sum()))):
        if not found:
            raise Misuse(f"`normal` must leave normals to {part}. Received: protocol {name} gives 0 of {int(is_normal.sum())} "
                         "normals.")
    labelled_normal, hidden, labelled_outlier = counts(len(normals), *ratios)
    if ratios[1] and not known:
        raise Misuse(f"`n_known_outliers` must be at least 1 where ratio_known_outlier is not 0. Received: n_known_outliers=0, "
                     f"ratio_known_outlier={ratios[1]}, that is {labelled_outlier} labelled anomalies of no class. Set one of the "
                     "two.")
    if ratios[1] and not labelled_outlier:
        logging.warning("ratio_known_outlier=%g of %d training examples is less than one: no anomaly is labelled", ratios[1],
                        len(normals) + hidden)
    # Drawn in full and cut, so that for one seed a lower ratio takes part of what a higher one takes.
    normals, others = rng.permutation(normals), rng.permutation(others)
    candidates = rng.permutation(others[numpy.isin(category[others], known)])
    _refuse_shortage("ratio_known_outlier", ratios[1], labelled_outlier, len(candidates), len(normals),
                     f"of the known classes {list(known)}")
    chosen = candidates[:labelled_outlier]
    free = others if overlap else others[~numpy.isin(others, chosen)]
    _refuse_shortage("ratio_pollution", ratios[2], hidden, len(free), len(normals),
                     "of any class" + " that are not labelled" * (not overlap))
    train = numpy.concatenate([normals, free[:hidden], chosen])
    hint = numpy.zeros(len(train), numpy.int8)
    hint[:labelled_normal] = 1
    hint[numpy.isin(train, chosen)] = -1
    order = numpy.argsort(train, kind="stable")
    classes = ", ".join(map(str, known)) or "none"
    told = (f"{labelled_normal} labelled normals, {labelled_outlier} labelled anomalies of class {classes}, "
            f"{len(normals) - labelled_normal} unlabelled normals, {hidden} hidden anomalies")
    return Split(train=train[order].astype(numpy.int64), hint=hint[order], test=test.astype(numpy.int64),
                 label=is_anomalous[test].astype(numpy.int8), name=name, told=told,
                 spare=spare(train, test, trains))


def _known(category, normal, candidates, rng, known_outlier, n_known_outliers):
    """tuple of int, the categories of labelled anomalies."""
    there = numpy.unique(category[candidates])
    if known_outlier is not None:
        known = tuple(sorted({int(each) for each in numpy.atleast_1d(known_outlier)}))
        for each in known:
            if each in set(normal):
                raise Misuse(f"`known_outlier` must be anomalous classes. Received: known_outlier={each}, which is normal.")
            if each not in there:
                raise Misuse("`known_outlier` must be classes with training examples. Received: "
                             f"known_outlier={each}, which has none of {int(candidates.sum())} anomalies of the training part; "
                             f"{', '.join(map(str, there[:20]))} have.")
        return known
    whole = isinstance(n_known_outliers, (int, numpy.integer)) and not isinstance(n_known_outliers, bool)
    if not whole or not 0 <= n_known_outliers <= len(there):
        raise Misuse(f"`n_known_outliers` must be a whole number from 0 to {len(there)}, the anomalous classes with training "
                     f"examples. Received: n_known_outliers={n_known_outliers!r}."
                     + " With none, ratio_known_outlier must be 0 as well." * (len(there) == 0))
    return tuple(sorted(int(each) for each in rng.permutation(there)[:n_known_outliers]))


def _refuse_shortage(option, ratio, wanted, there, n, which):
    if wanted > there:
        raise Misuse(f"`{option}` must leave enough anomalies. Received: {option}={ratio} for {n} training normals, that is "
                     f"{wanted} anomalies {which}, and the training part has {there}. Lower --config.protocol.{option}.")
