"""Which methods of a report differ: `comparison` over the classes of each data set, and over data sets, in Markdown."""
from kerasnd import comparison
from kerasnd.report_text import lines, method_of

ALL = "all data sets"
FULL = 8        # so many rows have a table of every pair


def comparisons(summary):
    """Compares the rows that were judged alike.

    Args:
        summary: list of dict from `report.table`.

    Returns:
        (list of (title, Comparison), tuple of str): one for each data set and protocol with two rows and two classes or more, and
        one over data sets for each protocol that several have; and remarks on rows that are left out of them.
    """
    found, remarks, wide = [], [], {}
    for name in dict.fromkeys((row["dataset"], row["protocol"]) for row in summary):
        rows = [row for row in summary if (row["dataset"], row["protocol"]) == name]
        methods = [method_of(row) for row in rows]
        labels = [method + (f", {row['settings']}" if methods.count(method) > 1 else "") for method, row in zip(methods, rows)]
        alike, told = _alike(dict(zip(labels, rows)), name)
        remarks += told
        values = {label: {normal: averages["auroc"][0] for normal, (_, averages) in row["classes"].items()}
                  for label, row in alike.items()}
        _add(found, f"{name[0]}, {name[1]}", values)
        for label, row in values.items():
            wide.setdefault(name[1], {}).setdefault(label, {}).update({(name[0], normal): value for normal, value in row.items()})
    for protocol, values in wide.items():
        if len({dataset for row in values.values() for dataset, _ in row}) > 1:
            _add(found, f"{ALL}, {protocol}", values)
    return found, tuple(remarks)


def _add(found, title, values):
    result = comparison.compare(values) if values else None
    if result and len(result.blocks) > 1:
        found.append((title, result))


def _alike(rows, name):
    """({label: row}, [remark]): the rows whose splits are those of the row with most runs, where both have a class and a seed."""
    measure = max(rows, key=lambda label: rows[label]["n_runs"])
    kept, remarks = {}, []
    for label, row in rows.items():
        both = [(row["cells"][cell][1], rows[measure]["cells"][cell][1]) for cell in row["cells"] if cell in rows[measure]["cells"]]
        other = next((pair for pair in both if pair[0] != pair[1]), None)
        if other:
            remarks.append(f"{label} on {name[0]} is not compared with {measure}: their splits are {other[0]} and {other[1]}.")
        else:
            kept[label] = row
    return kept, remarks


def text(compared):
    """str, Markdown of what `comparisons` found; "" where nothing could be compared."""
    return "".join(f"\n## Comparison: {title}\n\n{_one(found)}" for title, found in compared)


NOTE = "p: Wilcoxon's signed ranks, two-sided, after Holm over all pairs. ≈: not distinguishable from the best (p > 0.05)."
HEAD = ("method", "average rank", "p against the best", "")


def _one(found):
    names, k = found.names, len(found.names)
    told = f"{said(found)}\n\n{lines(HEAD, against_best(found))}\n{NOTE}\n"
    if 2 < k <= FULL:
        told += "\n" + lines(["p", *names[1:]], [
            [one, *("" if names.index(other) <= place else _p(_pair(found, one, other)) for other in names[1:])]
            for place, one in enumerate(names[:-1])])
    return told


def said(found):
    """str, what was compared, and what of it can be told.

    Args:
        found: Comparison.
    """
    n, k = len(found.blocks), len(found.names)
    told = (f"AUROC of {k} methods on {n} classes, each class once, with the mean of its seeds (seeds of a class are not "
            "independent tests). Average rank: 1 is best.")
    if found.left_out:
        told += f" {found.left_out} classes that not every method has are left out."
    if found.friedman is not None:
        told += f" All equal (Friedman): p = {_p(found.friedman)}."
    told += f" Ranks further apart than {found.critical_difference:.2f} differ (Nemenyi, 5 %)."
    if not found.decidable:
        told += (f" {n} classes are too few for Wilcoxon's test: below {comparison.least_blocks(k)} no difference among {k} "
                 "methods can reach 5 % after Holm's correction.")
    return told


def against_best(found):
    """list of lists of str, a row for each method: name, average rank, adjusted p against the best, and what that means."""
    best = found.names[0]
    return [[name, f"{found.ranks[name]:.2f}", "" if name == best else _p(_pair(found, best, name)),
             "best" if name == best else "≈" if name in found.close else "worse"] for name in found.names]


def _pair(found, one, other):
    return found.pairs.get((one, other), found.pairs.get((other, one)))[1]


def _p(value):
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"
