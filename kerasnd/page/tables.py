"""The averages over runs, a block for every data set and protocol."""
from kerasnd import report_text
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
                folded("What the columns mean", tag("p", report_text.NOTE.strip(), class_="note"),
                       tag("p", "By normal class: ", report_text.INTERVALS.strip(), class_="note")))


def _block(dataset, protocol, rows):
    shown = [name for name in JUDGED if any(name in row["all"] for row in rows)]
    settings = any(row["settings"] for row in rows)
    head = ["method", *["settings"] * settings, "classes", "runs", JUDGED[shown[0]], "over seeds", "over classes",
            *(JUDGED[name] for name in shown[1:]), "split"]
    metrics = table(head, [[*_named(row, settings), len(row["classes"]), row["n_runs"], _cell(row, shown[0]),
                            *report_text.spreads(row), *(_cell(row, name) for name in shown[1:]), row["hash"]]
                           for row in rows], 1 + settings, "Mean ± standard deviation over normal classes and seeds")
    normals = sorted({normal for row in rows for normal in row["classes"]}, key=natural)
    by_class = table(["method", *["settings"] * settings, *normals, "mean"], [
        [*_named(row, settings), *(_class(row, normal) for normal in normals), f"{row['all']['auroc'][0]:.4f}"]
        for row in rows], 1 + settings, "AUROC by normal class") if len(normals) > 1 else None
    name, _, options = protocol.partition(" (")
    return tag("section", tag("h3", text(dataset), " ", tag("span", name, class_="soft")),
               tag("p", options.removesuffix(")"), class_="note") if options else None, metrics, by_class)


def _named(row, settings):
    name = report_text.method_of(row)
    return [name, tag("span", row["settings"] or "–", class_="settings")] if settings else [name]


def _class(row, normal):
    mean, _, more = report_text.of_class(row, normal).partition(" ")
    return join(mean, tag("span", " " + more, class_="sd") if more else None)


def _cell(row, name):
    if name not in row["all"]:
        return "–"
    mean, deviation, count = row["all"][name]
    return join(f"{mean:.4f}", None if deviation is None else tag("span", f" ± {deviation:.4f}", class_="sd"),
                None if count == row["n_runs"] else tag("span", f" ({count} of {row['n_runs']})", class_="sd"))


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
