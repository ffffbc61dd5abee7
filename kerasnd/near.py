"""How near a novelty may be: the same normals against one class of anomalies after another. NumPy only."""
import numpy

from kerasnd import metrics
from kerasnd.errors import Misuse


def against_each(label, score, category, names, times=None):
    """The AUROC of the normals against the anomalies of each class.

    Args:
        label: 0 or 1 (n,), 1 = anomalous; both must occur.
        score: finite real (n,), higher = more anomalous.
        category: int (n,) in 0..k-1, of the anomalies; that of the normals is not looked at.
        names: sequence of k str, of the categories.
        times: int (n,), how often each example counts; None or empty: once each.

    Returns:
        dict: minimum, of the nearest class, and minimum_class, its name; mean and percentile_5 over the classes (linear between
        two of them); auroc, against the anomalies of all classes together; n_classes, n_normal, n_anomalous; and classes, a list
        of {class: name, auroc, n}, the nearest first, equal ones in the order of their numbers.

    Raises:
        Misuse: as `metrics.auroc`.

    Source: the minimum, Mirzaei et al. (2023), code. It is the least of as many noisy numbers as there are classes, and some of
    those may mean the same as the normal one: so class, mean and percentile stand beside it.
    """
    label, score, category = numpy.asarray(label), numpy.asarray(score), numpy.asarray(category)
    if category.shape != label.shape:
        raise Misuse(f"`category` must have one value per example. Received: {label.shape} labels, category of shape "
                     f"{category.shape}. Hand over those of one set.")
    times = numpy.asarray(times if times is not None and len(times) else numpy.ones(len(label)), numpy.int64)
    overall = metrics.auroc(*metrics.repeated(times, label, score))
    rows = []
    for each in numpy.unique(category[label == 1]):
        at = (label == 0) | (category == each)
        part = metrics.repeated(times[at], label[at], score[at])
        rows.append({"class": str(names[each]), "auroc": metrics.auroc(*part), "n": int(part[0].sum())})
    rows.sort(key=lambda row: row["auroc"])
    found = [row["auroc"] for row in rows]
    return {"minimum": found[0], "minimum_class": rows[0]["class"], "mean": float(numpy.mean(found)),
            "percentile_5": float(numpy.percentile(found, 5)), "auroc": overall, "n_classes": len(rows),
            "n_normal": int(times[label == 0].sum()), "n_anomalous": int(times[label == 1].sum()), "classes": rows}


def table(title, result):
    """str, a row for each class, the nearest first, and below them what they come to."""
    rows = [(title, "AUROC", "n"), *((row["class"], f"{row['auroc']:.4f}", str(row["n"])) for row in result["classes"])]
    wide = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, wide)).rstrip() for row in rows]
    return "\n".join([*lines, f"minimum {result['minimum']:.4f} ({result['minimum_class']}), 5th percentile "
                      f"{result['percentile_5']:.4f}, mean {result['mean']:.4f} of {result['n_classes']} classes; all together "
                      f"{result['auroc']:.4f}; {result['n_normal']} normals"])
