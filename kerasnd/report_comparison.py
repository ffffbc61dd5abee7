"""Which methods of a report differ: `comparison` over the classes of each data set, and over data sets, in Markdown."""
import statistics

from kerasnd import comparison
from kerasnd.report_text import lines, method_of

ALL = "all data sets"
FULL = 8        # so many rows have a table of every pair
HEAD = ["method", "average rank", "p against the best", ""]
NOTE = ("p: Wilcoxon's signed ranks, two-sided, after Holm over all pairs. ≈: not distinguishable from the best "
        "(p > 0.05).")


def comparisons(summary):
    """Compares the rows that were judged alike.

    Args:
        summary: list of dict from `report.table`.

    Returns:
        (list of (title, Comparison), tuple of str): one for each data set and protocol with two rows and two classes or more, and
        one over data sets, of their means over classes, for each protocol that several have; and remarks on rows that are left
        out. Rows that were given hints or negatives are compared among themselves.
    """
    found, remarks, wide = [], [], {}
    groups = {}
    for row in summary:
        told = "=given" in row["settings"]      # hints or negatives: such a row knows more than others
        groups.setdefault((row["dataset"], row["protocol"], told), []).append(row)
    methods = [[method_of(row) for row in rows] for rows in groups.values()]
    several = {name for each in methods for name in each if each.count(name) > 1}
    for (dataset, protocol, told), rows in groups.items():
        labels = [method_of(row) + (f", {row['settings']}" if method_of(row) in several else "") for row in rows]
        alike, said = _alike(dict(zip(labels, rows)), dataset)
        remarks += said
        more = ", with hints or negatives" if told else ""
        values, said = _of_enough(_paired(alike), f"classes of {dataset}, {protocol}{more},")
        remarks += said
        _add(found, f"{dataset}, {protocol}{more}", values)
        common = set.intersection(*map(set, values.values()))
        for label, row in values.items():
            if common:
                mean = statistics.mean(row[normal] for normal in common)
                wide.setdefault(f"{ALL}, {protocol}{more}", {}).setdefault(label, {})[dataset] = mean
    for title, values in wide.items():
        if len({dataset for row in values.values() for dataset in row}) > 1:
            values, said = _of_enough(values, f"data sets, {title.removeprefix(ALL + ', ')},")
            remarks += said
            _add(found, title, values)
    return found, tuple(remarks)


def _paired(rows):
    """{label: {normal: mean AUROC}} over the seeds that all rows with this class have; a class without one is nobody's."""
    values = {label: {} for label in rows}
    for normal in dict.fromkeys(normal for row in rows.values() for normal in row["classes"]):
        seeds = {label: {seed for of, seed in row["cells"] if of == normal} for label, row in rows.items()}
        common = set.intersection(*(each for each in seeds.values() if each))
        for label in rows:
            if seeds[label] and common:
                values[label][normal] = statistics.mean(rows[label]["cells"][normal, seed][0] for seed in sorted(common))
    return values


def _of_enough(values, what):
    """({label: row}, [remark]): without rows that have so few classes, or data sets, that no comparison of all would be left."""
    most = max(map(len, values.values()), default=0)
    few = [label for label, row in values.items() if most > 1 and (len(row) < 2 or 2 * len(row) < most)]
    return ({label: row for label, row in values.items() if label not in few},
            [f"{label} has {len(values[label])} of {most} {what} and is not compared with the others." for label in few])


def _add(found, title, values):
    result = comparison.compare(values) if values else None
    if result and len(result.blocks) > 1:
        found.append((title, result))


def _alike(rows, dataset):
    """({label: row}, [remark]): the rows whose splits are, for every class and seed, those of the rows with more runs."""
    expected, kept, remarks = {}, {}, []
    for label in sorted(rows, key=lambda label: -rows[label]["n_runs"]):
        cells = rows[label]["cells"]
        other = next((cell for cell in cells if cell in expected and expected[cell][0] != cells[cell][1]), None)
        if other:
            split, first = expected[other]
            remarks.append(f"{label} on {dataset} is not compared with {first}: their splits of normal {other[0]}, seed "
                           f"{other[1]}, are {cells[other][1]} and {split}.")
            continue
        kept[label] = rows[label]
        for cell, (_, split, _) in cells.items():
            expected.setdefault(cell, (split, label))
    return {label: rows[label] for label in rows if label in kept}, remarks


def text(compared):
    """str, Markdown of what `comparisons` found; "" where nothing could be compared."""
    return "".join(f"\n## Comparison: {title}\n\n{_one(title, found)}" for title, found in compared)


def _one(title, found):
    told = sentence(title, found) + "\n\n" + lines(HEAD, body(found)) + f"\n{NOTE}\n"
    return told + ("\n" + lines(["p", *found.names[1:]], every_pair(found)) if 2 < len(found.names) <= FULL else "")


def sentence(title, found):
    """str, what was compared and what can be told of it."""
    n, k, unit = len(found.blocks), len(found.names), "data sets" if title.startswith(ALL) else "classes"
    head = (f"AUROC of {k} methods on {n} {unit}, each once, with the mean of the seeds that all methods have (seeds of a class, "
            "as classes of a data set, are not independent tests). Average rank: 1 is best.")
    if found.left_out:
        head += f" {found.left_out} {unit} that not every method has are left out."
    if found.friedman is not None:
        head += f" All equal (Friedman): p = {_p(found.friedman)}."
    head += f" Ranks further apart than {found.critical_difference:.2f} differ (Nemenyi, 5 %)."
    if not found.decidable:
        head += (f" {n} {unit} are too few for Wilcoxon's test: below {comparison.least_blocks(k)} no difference among {k} methods "
                 "can reach 5 % after Holm's correction, and none is called.")
    return head


def body(found):
    """list of list of str as long as `HEAD`, a line for every method."""
    best = found.names[0]
    return [[name, f"{found.ranks[name]:.2f}", "" if name == best else _p(_pair(found, best, name)),
             _verdict(found, name)] for name in found.names]


def _verdict(found, name):
    if not found.decidable:
        return "–"
    return "best" if name == found.names[0] else "≈" if name in found.close else "worse"


def every_pair(found):
    """list of list of str, adjusted p-values of each method (a line) against those behind it."""
    return [[one, *("" if found.names.index(other) <= place else _p(_pair(found, one, other)) for other in found.names[1:])]
            for place, one in enumerate(found.names[:-1])]


def _pair(found, one, other):
    return found.pairs.get((one, other), found.pairs.get((other, one)))[1]


def _p(value):
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"
