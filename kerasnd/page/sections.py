"""One run: what its scores say, how it was made, and, where model and data were at hand, the evidence."""
import json
import shlex

from kerasnd.page import charts, pictures
from kerasnd.page.elements import folded, join, number, pairs, table, tag
from kerasnd.page.entries import examples
from kerasnd.report_text import JUDGED

BETTER_LOW = ("fpr_at_95_tpr", "detection_error")


def section(run, name, side, is_open=False):
    """Markup of a run, folded under one line.

    Args:
        run: dict, see `document`.
        name: str, id of the section.
        side: int, most pixels of an image's side; 0: no evidence but what scores.npz gives, and a sentence about it.
        is_open: bool.
    """
    row = run["row"]
    variant = f" ({row['variant']})" if row["variant"] else ""
    head = tag("summary", tag("b", row["method"] + variant), tag("span", row["dataset"]),
               tag("span", f"normal {row['normal']}, seed {row['seed']}", class_="soft"),
               tag("span", f"AUROC {row['auroc']:.4f}", class_="n"))
    return tag("details", head, tag("div", _told(run, side), id=name, class_="body"), class_="run", open=is_open)


def _told(run, side):
    evidence = run.get("evidence")
    why = run.get("without") or (evidence or {}).get("problem")
    if evidence and not evidence["problem"] and not side:
        why = "Its images and maps are left out, to keep this page small: --evidence=1 on its folder alone shows them."
    return join(
        tag("div", charts.roc(run["label"], run["score"]), charts.histogram(run["label"], run["score"]),
            tag("div", _metrics(run), class_="facts"), class_="charts"),
        tag("p", why, class_="note") if why else examples(evidence, side), _old(evidence, side), _latency(evidence), _made(run),
        _card(evidence))


def _old(evidence, side):
    """Markup of the pictures that training left, where nothing better is at hand."""
    return [tag("p", pictures.photo(x, (0, 255), 10 * side, name), class_="old") for name, x in (evidence or {}).get("figures", ())
            if side] or None


def _metrics(run):
    found, row = run["metrics"], run["row"]
    low, high = found.get("auroc_low"), found.get("auroc_high")
    interval = "" if low is None else f"{low:.4f} – {high:.4f}"
    values = [(JUDGED[name] + " (low is good)" * (name in BETTER_LOW), f"{row[name]:.4f}")
              for name in JUDGED if name in row]
    seconds = " + ".join(number(float(found[name]), 3) for name in ("fit_seconds", "score_seconds") if found.get(name) is not None)
    judged = f"{found['n_test']} examples, {found['n_anomalous']} anomalous"
    return pairs([values[0], ("95 % bootstrap", interval), *values[1:], ("judged", judged),
                  ("collapsed", row.get("collapsed")), ("seconds: fit + score", seconds)])


def _made(run):
    record = run["record"]
    protocol, command = record["protocol"], shlex.join(str(word) for word in record.get("command", ()))
    judged = run["metrics"].get("judged")
    versions = ", ".join(f"{name} {version}" for name, version in (record.get("versions") or {}).items())
    return join(
        tag("h3", "How it was made"),
        tag("pre", command) if command else tag("p", "Its command is not on record.", class_="note"),
        pairs([("protocol", f"{protocol['name']} {protocol.get('hash', '')}"), ("of it", protocol.get("told")),
               ("judged on", json.dumps(judged) if judged else ""), ("versions", versions), ("folder", run["row"]["run"])]),
        folded("Every value of its config", tag("div", pairs([(key, value if value != "" else "“”") for key, value in run["config"]]),
                                                class_="columns")))


def _latency(evidence):
    if not evidence or not evidence.get("latency"):
        return None
    rows = [[f"{n} at a time", f"{1000 * seconds:.3g}", f"{n / seconds:,.0f}".replace(",", "\u202f")]
            for n, seconds in evidence["latency"].items()]
    told = "Of the compiled score, measured on the machine that wrote this page, while it wrote it."
    return join(tag("h3", "Latency"), tag("p", told, class_="note"),
                table(["examples", "ms, median", "examples a second"], rows, 1, "Latency", silent=True))


def _card(evidence):
    card = (evidence or {}).get("card")
    if not card:
        return None
    plain = [(key.replace("_", " "), _words(value)) for key, value in card.items() if key != "arguments"]
    return join(tag("h3", "Model card"), tag("div", pairs(plain), class_="columns"),
                folded("Arguments of the method", tag("div", pairs(
                    [(key, _words(value)) for key, value in card["arguments"].items()]), class_="columns")))


def _words(value):
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items() if each not in (None, ""))
    if isinstance(value, (list, tuple)):
        return " × ".join(map(str, value))
    return "default" if value is None else number(value) if isinstance(value, float) else f"{value:,}".replace(
        ",", "\u202f") if isinstance(value, int) and not isinstance(value, bool) else str(value)
