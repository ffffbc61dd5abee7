"""Averages over runs as text: Markdown for readers, CSV for programs. `report.table` says what they are."""
import csv
import hashlib
import io
import json
import re
import statistics

ROW = ("dataset", "protocol", "method", "variant")
JUDGED = {                                          # in metrics.json, and in the head of the table
    "auroc": "AUROC", "untrained_auroc": "untrained", "raw_mean_auroc": "raw mean", "aupr_in": "AUPR-in",
    "aupr_out": "AUPR-out", "fpr_at_95_tpr": "FPR@95TPR", "detection_error": "detection error",
    "best_f1": "best F1", "f1_inlier": "F1 inlier", "accept_all_f1": "F1 accept all",
}
INTERVALS = """
Mean over seeds ± their sample standard deviation; of one seed, with the 95 % bootstrap interval. The interval tells how much the
judged examples leave open for this one trained model; it is no variance between seeds, which is often larger.
"""
NOTE = """
± is the sample standard deviation (n - 1) over all runs of a row, classes and seeds together; "over seeds" is that of the AUROC's
mean over classes, from seed to seed, and "over classes" that of the classes' means. split: hash of what was trained on and judged;
equal hashes are equal splits. untrained: AUROC of the same network before
training. raw mean: AUROC of the distance to the training mean in raw values. AUPR-out and best F1 (an oracle)
take the anomaly as positive, AUPR-in and F1 inlier the normal. FPR@95TPR: anomalies accepted where 95 % of
the normals are; it and the detection error are better when lower. F1 accept all is what F1 inlier would be if
nothing were rejected. (k of n): only k of n runs have the number.
"""


def natural(text):
    """A key that sorts "10" behind "9"."""
    parts = re.split(r"([0-9]+)", str(text))
    return [(0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts if part]


def _cell(row, name):
    if name not in row["all"]:
        return "–"
    mean, deviation, count = row["all"][name]
    return (f"{mean:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")
            + ("" if count == row["n_runs"] else f" ({count} of {row['n_runs']})"))


def split_of(cells):
    """str, a hash of the splits of cells, {(normal class, seed): (AUROC, hash, ...)}; of one cell its own."""
    hashes = sorted((normal, seed, split) for (normal, seed), (_, split, _) in cells.items())
    return hashes[0][2] if len(hashes) == 1 else hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:12]


def method_of(row):
    """str, method and variant of a row of `report.table`."""
    return row["method"] + (f" ({row['variant']})" if row["variant"] else "")


def _named(row):
    return [row["protocol"], row["hash"], method_of(row), row["settings"]]


def spreads(row):
    """list of two str, the deviations of the AUROC over seeds and over classes of a row of `report.table`."""
    classes = [averages["auroc"][0] for _, averages in row["classes"].values()]
    over = statistics.stdev(classes) if len(classes) > 1 else None
    return ["–" if each is None else f"{each:.4f}" for each in (row["seeds"], over)]


def of_class(row, normal):
    """str, AUROC of a class: mean and deviation over seeds, or the only one with its interval; "–" where a row lacks it."""
    if normal not in row["classes"]:
        return "–"
    mean, deviation, count = row["classes"][normal][1]["auroc"]
    intervals = [interval for (each, _), (_, _, interval) in row["cells"].items() if each == normal]
    if count == 1 and intervals[0]:
        return f"{mean:.4f} [{intervals[0][0]:.3f}, {intervals[0][1]:.3f}]"
    return f"{mean:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")


def _size(row):
    n_classes, each = len(row["classes"]), {n_runs for n_runs, _ in row["classes"].values()}
    return f"{n_classes} x {each.pop()}" if len(each) == 1 else f"{n_classes} classes, {row['n_runs']} runs"


def lines(head, body):
    """str, a Markdown table."""
    return "".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"
                   for cells in [head, ["---"] * len(head), *body])


def markdown(summary, remarks=(), more=""):
    """The averages, the AUROC by normal class of each data set, and the remarks.

    Args:
        summary: list of dict from `report.table`.
        remarks: sequence of str, sentences about single runs.
        more: str, Markdown to stand before the remarks.

    Returns:
        str. A metric that no run has gets no column.
    """
    shown = [name for name in JUDGED if any(name in row["all"] for row in summary)]
    text = "# Results\n\nMean ± standard deviation over normal classes and seeds.\n\n" + lines(
        ["data", "protocol", "split", "method", "settings", "classes x seeds", *(JUDGED[name] for name in shown[:1]), "over seeds",
         "over classes", *(JUDGED[name] for name in shown[1:])],
        [[row["dataset"], *_named(row), _size(row), *(_cell(row, name) for name in shown[:1]), *spreads(row),
          *(_cell(row, name) for name in shown[1:])] for row in summary]) + NOTE
    for dataset in dict.fromkeys(row["dataset"] for row in summary):
        rows = [row for row in summary if row["dataset"] == dataset]
        normals = sorted({normal for row in rows for normal in row["classes"]}, key=natural)
        text += f"\n## AUROC by normal class: {dataset}\n{INTERVALS}\n" + lines(
            ["protocol", "split", "method", "settings", *normals, "mean"],
            [[*_named(row), *(of_class(row, normal) for normal in normals), f"{row['all']['auroc'][0]:.4f}"] for row in rows])
    text += more
    return text + ("\n## Remarks\n\n" + "".join(f"- {line}\n" for line in remarks) if remarks else "")


def comma_separated(summary):
    """One line per row of the table with normal = (all), then one per normal class; every number in full, of single runs with the
    bootstrap interval."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    columns = [f"{name}_{kind}" for name in JUDGED for kind in ("mean", "std")]
    rows.writerow([*ROW, "protocol_hash", "settings", "normal", "runs", "auroc_low", "auroc_high", *columns])
    for row in summary:
        for normal, (n_runs, averages) in [("(all)", (row["n_runs"], row["all"])), *row["classes"].items()]:
            numbers = [averages.get(name, (None, None))[i] for name in JUDGED for i in (0, 1)]
            cells = {cell: each for cell, each in row["cells"].items() if normal in ("(all)", cell[0])}
            interval = next(iter(cells.values()))[2] if n_runs == 1 else None
            rows.writerow([*(row[name] for name in ROW), split_of(cells), row["settings"], normal, n_runs,
                           *(interval or (None, None)), *numbers])
    return text.getvalue()
