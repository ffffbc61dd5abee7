"""The averages over runs, a block for every data set and protocol."""
from kerasnd import report_comparison, report_text
from kerasnd.page.elements import folded, join, number, table, tag, text
from kerasnd.report_text import JUDGED, natural


def averages(summary):
    """Markup of all blocks, each with the metrics and the AUROC by normal class.

    Args:
        summary: list of dict from `report.table`.
    """
    blocks = {}
    for row in summary:
        blocks.setdefault((row["dataset"], row["protocol"]), []).append(row)
    return join([_block(dataset, protocol, rows) for (dataset, protocol), rows in blocks.items()],
                folded("What the columns mean", tag("p", report_text.NOTE.strip(), class_="note")))


def _block(dataset, protocol, rows):
    shown = [name for name in JUDGED if any(name in row["all"] for row in rows)]
    settings = any(row["settings"] for row in rows)
    head = ["method", *["settings"] * settings, "split", "classes", "runs", *(JUDGED[name] for name in shown)]
    metrics = table(head, [[*_named(row, settings), tag("code", row["hash"]), len(row["classes"]), row["n_runs"],
                            *(_cell(row, name) for name in shown)] for row in rows], 2 + settings,
                    "Mean ± standard deviation over normal classes and seeds")
    normals = sorted({normal for row in rows for normal in row["classes"]}, key=natural)
    by_class = table(["method", *["settings"] * settings, *normals, "mean"], [
        [*_named(row, settings), *(f"{row['classes'][normal][1]['auroc'][0]:.4f}" if normal in row["classes"] else "–"
                                   for normal in normals), f"{row['all']['auroc'][0]:.4f}"]
        for row in rows], 1 + settings, "AUROC by normal class, mean over seeds") if len(normals) > 1 else None
    name, _, options = protocol.partition(" (")
    return tag("section", tag("h3", text(dataset), " ", tag("span", name, class_="soft")),
               tag("p", options.removesuffix(")"), class_="note") if options else None, metrics, by_class)


def _named(row, settings):
    return [report_text.method_of(row), *[tag("span", row["settings"] or "–", class_="settings")] * settings]


def _cell(row, name):
    if name not in row["all"]:
        return "–"
    mean, deviation, count = row["all"][name]
    return join(f"{mean:.4f}", None if deviation is None else tag("span", f" ± {deviation:.4f}", class_="sd"),
                None if count == row["n_runs"] else tag("span", f" ({count} of {row['n_runs']})", class_="sd"))


def comparisons(compared):
    """Markup of what `report_comparison.comparisons` found, or None where nothing could be compared."""
    return join([tag("section", tag("h3", title), tag("p", report_comparison.said(found), class_="note"),
                     table(report_comparison.HEAD, report_comparison.against_best(found), 1, f"Ranks over classes: {title}", silent=True))
                 for title, found in compared], tag("p", report_comparison.NOTE, class_="note")) if compared else None


def remarks(lines, most=200):
    """Markup of the remarks, folded; None where there are none.

    Args:
        lines: sequence of str.
        most: int, so many are written out.
    """
    if not lines:
        return None
    more = [tag("li", f"and {number(len(lines) - most)} more, which a .md report names")] * (len(lines) > most)
    return folded(f"{len(lines)} {'remark' if len(lines) == 1 else 'remarks'}: runs left out, or collapsed",
                  tag("ul", [tag("li", line) for line in lines[:most]], more, class_="note"), class_="remarks")
