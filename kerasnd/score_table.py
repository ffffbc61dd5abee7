"""The table that every metric is read from: the distinct scores, and how many normals and anomalies hold each."""
import numpy

from kerasnd.errors import Misuse


def checked(label, score, both=True):
    """The two arrays as int64 and float64 (n,), or one line of what is wrong with them."""
    label, score = numpy.asarray(label), numpy.asarray(score)
    if score.dtype.kind == "V":                         # bfloat16, which NumPy itself does not know
        score = score.astype("float64")
    if label.ndim != 1 or score.ndim != 1 or len(label) != len(score):
        raise Misuse("`label` and `score` must be one-dimensional and of one length. Received: shapes "
                     f"{label.shape} and {score.shape}. Pass one score per label.")
    for name, array in (("label", label), ("score", score)):
        if array.dtype.kind not in "biuf":
            raise Misuse(f"`{name}` must be real numbers. Received: dtype={array.dtype}. Pass numbers.")
    score = score.astype("float64")
    strange = numpy.flatnonzero(~numpy.isfinite(score))
    if len(strange):
        raise Misuse(f"`score` must be finite. Received: {len(strange)} of {len(score)} values are not, the "
                     f"first at index {strange[0]}: {score[strange[0]]}. Look for a loss that diverged.")
    known = (label == 0) | (label == 1)
    if not numpy.all(known):
        first = int(numpy.argmin(known))
        raise Misuse(f"`label` must be 0 (normal) or 1 (anomalous). Received: label[{first}]={label[first]}. "
                     "Turn classes into 0 and 1 first.")
    label = label.astype("int64")
    n_anomalous = int(label.sum())
    if both and n_anomalous in (0, len(label)):
        raise Misuse("`label` must have both normals (0) and anomalies (1). Received: "
                     f"{len(label) - n_anomalous} normals, {n_anomalous} anomalies. Judge on a mixed set.")
    return label, score


def repeated(times, *columns):
    """Columns of judged examples as the metrics count them.

    Args:
        times: int (n,), at least 1, how often each example counts; None or empty: once each.
        *columns: arrays (n,), as labels and scores.

    Returns:
        list of arrays (sum of times,), every value so often, side by side.
    """
    if times is None or not len(times):
        return list(columns)
    return [numpy.repeat(column, times) for column in columns]


def groups(label, score):
    """The table every metric is read from.

    Returns:
        values: float64 (k,), the distinct scores, ascending.
        normal: int64 (k,), how many normals hold each.
        anomalous: int64 (k,), how many anomalies hold each.
    """
    label, score = checked(label, score)
    values, group = numpy.unique(score, return_inverse=True)
    anomalous = numpy.bincount(group[label == 1], minlength=len(values))
    normal = numpy.bincount(group[label == 0], minlength=len(values))
    return values, normal, anomalous
