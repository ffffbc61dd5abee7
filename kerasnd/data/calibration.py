"""Which training normals are held out, so that scores can become p-values: neither trained on nor judged."""
import dataclasses

import numpy

from kerasnd.data.splits import checked_share, kinds

OPTION = "calibration_share"
OWN = 0.1           # of a user's own data; named sets keep none, so that numbers of papers can be had again
# A p-value is at least 1 / (n + 1): at alpha = 0.05 fewer than 19 normals can never raise an alarm.
LEAST = 19


def with_calibration(split, category, normal, share, rng):
    """A split whose training part lends a share of its normals to calibration.

    Every example of the pool gets a random key, and the normals with the smallest keys are held out: for one generator a smaller
    share holds out some of the same, whatever the protocol drew before.

    Args:
        split: Split, hints included.
        category: int64 (n,), of all examples.
        normal: sequence of int, the normal categories.
        share: float in [0, 1), of the distinct training normals; above 0, `LEAST` at least where these are at most a third.
        rng: numpy.random.Generator; nothing is drawn where the share is 0.

    Returns:
        Split with `calibration`, int64 (c,), ascending. Hinted anomalies, examples that are judged, and anomalies that a protocol
        hid among the training examples are not in it; one normal at least is left to train on.

    Raises:
        Misuse: the share is out of range.
    """
    share = checked_share(OPTION, share, zero=True)
    if not share:
        return split
    key, (is_normal, _) = rng.random(len(category)), kinds(category, normal)
    normals = numpy.unique(split.train[is_normal[split.train]])
    normals = normals[~numpy.isin(normals, numpy.concatenate([split.train[split.hint < 0], split.test, split.validation]))]
    count = int(numpy.floor(share * len(normals) + 0.5))
    if 3 * LEAST <= len(normals):
        count = max(count, LEAST)
    count = min(count, max(len(normals) - 1, 0))
    held_out = numpy.sort(normals[numpy.argsort(key[normals], kind="stable")[:count]])
    trains = ~numpy.isin(split.train, held_out)
    told = f"{count} normals are held out for calibration" if count else "no normal could be held out for calibration"
    return dataclasses.replace(split, train=split.train[trains], hint=split.hint[trains], calibration=held_out.astype(numpy.int64),
                               told=f"{split.told}{split.told and '; '}{told}")
