"""Who trains and who is judged where a stated share of the judged examples is anomalous: index arithmetic on labels."""
import dataclasses
import math

import numpy

from kerasnd.data.splits import called, checked_share, exact_share, kinds, spare, unhinted
from kerasnd.errors import Misuse


@called
def p1(category, official, normal, rng, anomaly_share=0.5, train_share=0.6, validation_share=0.2):
    """All examples of both parts, mixed: three fifths of the normals train, a fifth each gives the threshold and is judged.

    As many anomalies as make up `anomaly_share` of the judged examples join those, and as many others the validation part. For
    one seed and one normal class the training part does not depend on `anomaly_share`, and a smaller one judges the same
    normals and some of the same anomalies (as long as there are anomalies enough): one training serves every share.

    Args:
        category, official, normal, rng: as in `protocols.one_vs_rest`; `official` is not read; one key per example is drawn.
        anomaly_share: float in (0, 1), anomalies per judged example, the paper's percentage tau of outliers.
        train_share: float in (0, 1), of all normals, rounded down.
        validation_share: float in [0, 1), of all normals; the two together are rounded down. 0: no validation part.

    Returns:
        Split, hints all 0, indices ascending; train, validation and test have no example in common. Where there are too few
        anomalies, half of them are judged, and only as many normals as keep the share; validation likewise.

    Raises:
        Misuse: a share is out of range; train and validation leave nothing to judge; one kind is missing in a part.

    Source: Salehi et al. (2020), ARAE, prepare.py l.16-57. Differs: validation anomalies are taken from the end of
    the mixed order, so that those of a smaller share are among those of a larger one.
    """
    del official
    share = checked_share("anomaly_share", anomaly_share)
    train, validation = exact_share("train_share", train_share), exact_share("validation_share", validation_share, zero=True)
    if train + validation >= 1:
        raise Misuse("`train_share` and `validation_share` must leave a share of the normals to judge. Received: train_share="
                     f"{train_share}, validation_share={validation_share}, together {float(train + validation):g}. Lower one.")
    is_normal, is_anomalous = kinds(category, normal)
    order = numpy.argsort(rng.random(len(is_normal)), kind="stable")
    normals, anomalies = order[is_normal[order]], order[is_anomalous[order]]
    n = len(normals)
    trained, held, judged = numpy.split(normals, [math.floor(train * n), math.floor((train + validation) * n)])
    there = len(anomalies) // 2 if len(held) else len(anomalies)
    # In float64 and in this order, as published: of 1376 normals a share of 0.2 is 343 anomalies, not 344.
    most, wanted = len(judged), math.floor(len(judged) * share / (1 - share))
    count = min(wanted, there)
    if wanted > there and len(anomalies):     # without any, `protocols.make` says so
        kept = math.floor(count * (1 - share) / share)
        held, judged = held[:kept], judged[:kept]
    if len(anomalies) and most and not (count and len(judged)):
        raise Misuse("`anomaly_share` must give at least one normal and one anomaly to judge. Received: anomaly_share="
                     f"{anomaly_share}, that is {count} anomalies to {len(judged)} normals, of {len(anomalies)} anomalies and {n} "
                     "normals in all. Choose a share nearer to 0.5.")
    test = numpy.sort(numpy.concatenate([judged, anomalies[:count]]))
    split = unhinted("p1", numpy.sort(trained), test, is_anomalous)
    rest = numpy.sort(numpy.concatenate([held, anomalies[len(anomalies) - count * bool(len(held)):]]))
    told = f"{len(held)} normals and {len(rest) - len(held)} anomalies to choose a threshold" if len(held) else ""
    if wanted > count:
        told = f"{told}{told and '; '}{wanted} anomalies would have been judged, were there as many"
    return dataclasses.replace(split, validation=rest.astype(numpy.int64), validation_label=is_anomalous[rest].astype(numpy.int8),
                               spare=spare(trained, numpy.concatenate([test, rest]), is_anomalous), told=told)
