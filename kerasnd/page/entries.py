"""Single examples of a run: images with their maps, or the features of a table with their shares."""
import numpy

from kerasnd.page import charts, pictures
from kerasnd.page.elements import join, number, table, tag, text

FEATURES = 6        # of a table's example, those with the largest share
TABLES = 6          # examples of either end that are shown of a table


def examples(evidence, side):
    """Markup of the evidence of a run; None where there is none.

    Args:
        evidence: dict from `evidence.gather`, or None.
        side: int, most pixels of an image's side.
    """
    if not evidence:
        return None
    strips = [join(tag("h4", f"Most {name}"), tag("div", [_entry(each, evidence, side) for each in evidence[name][:None if evidence["is_image"] else TABLES]],
                                                 class_="strip" if evidence["is_image"] else "entries"))
              for name in ("normal", "anomalous")]
    return join(tag("h3", "Where the scores come from"), _legend(evidence), strips, _alarms(evidence, side))


def _legend(evidence):
    told = [evidence["source"]]
    if evidence["is_image"]:
        stack = ["the preprocessed image" if evidence["redrawn"] else "the image", *["its reconstruction"] * evidence["redrawn"],
                 *["the map"] * bool(evidence["kind"])]
        told.append(f"In this order: {', '.join(stack)}. True anomalies have a frame.")
    if evidence["kind"]:
        told.append("Each map is scaled to its own largest value." if evidence["is_image"] else
                    f"Shown are the {FEATURES} features with the largest share.")
    raises, lowers = (join(tag("span", class_=f"swatch {way}"), words) for way, words in (("up", "raises the score"), ("down", "lowers it")))
    key = {"": None, "residual": tag("p", raises, class_="note"), "gradient": tag("p", raises, "   ", lowers, class_="note")}
    return join(tag("p", " ".join(told), class_="note"), key[evidence["kind"]])


def _alarms(evidence, side):
    if not evidence["alarms"]:
        return None
    told = f"Normals with the highest scores, each beside the training examples nearest to it in {evidence['space']}."
    if evidence["neighbours_told"]:
        told += " " + evidence["neighbours_told"]
    if evidence["is_image"]:
        body = tag("div", [tag("div", _entry(each, evidence, side),
                               tag("div", [_neighbour(near, evidence, side) for near in each["neighbours"]], class_="near"),
                               class_="alarm") for each in evidence["alarms"]], class_="alarms")
    else:
        body = tag("div", [_entry(each, evidence, side) for each in evidence["alarms"]], class_="entries")
    return join(tag("h4", "Hardest false alarms"), tag("p", told, class_="note"), body)


def _entry(example, evidence, side):
    if not evidence["is_image"]:
        return _features(example, evidence)
    words = f"example {example['index']}, {example['name']}"
    stack = [pictures.photo(example["shown"], evidence["limits"], side, words)]
    if example.get("redrawn") is not None:
        stack.append(pictures.photo(example["redrawn"], evidence["limits"], side, "its reconstruction"))
    if example.get("heat") is not None:
        stack.append(pictures.heat(example["heat"], side, "map of where its score comes from"))
    terms = [join(tag("br"), f"{name} {number(value, 3)}") for name, value in (example.get("terms") or {}).items()]
    return tag("figure", tag("div", stack, class_="tiles"),
               tag("figcaption", tag("b", number(example["score"])), _who(example), terms),
               class_="anomalous" if example["label"] else "normal")


def _who(example):
    """Markup, the class of an example and its place in the data."""
    name = f"class {example['name']}" if example["name"].isdigit() else example["name"]
    return join(tag("span", name), f" #{example['index']}")


def _neighbour(near, evidence, side):
    picture = pictures.photo(near["shown"], evidence["limits"], side, f"training example {near['index']}, {near['name']}")
    return tag("figure", tag("div", picture, class_="tiles"),
               tag("figcaption", tag("b", f"at {number(near['distance'], 3)}"), _who(near),
                   tag("br") if near["hint"] else None, {0: None, 1: "known normal", -1: "known anomaly"}[near["hint"]]),
               class_="anomalous" if near["hint"] < 0 else "normal")


def _features(example, evidence):
    values, near = numpy.ravel(example["shown"]), example.get("neighbours")
    share = numpy.zeros(len(values)) if example.get("heat") is None else numpy.ravel(example["heat"])
    at = numpy.argsort(-numpy.abs(share), kind="stable")[:FEATURES]
    most = float(numpy.abs(share).max()) or 1.0
    beside = numpy.mean([numpy.ravel(each["shown"]) for each in near], axis=0) if near else None
    rows = [[evidence["features"][place], number(float(values[place])),
             *([] if beside is None else [number(float(beside[place]))]),
             *([charts.bar(float(share[place]), most)] if example.get("heat") is not None else [])] for place in at]
    head = ["feature", "value", *["neighbours’ mean"] * (beside is not None), *["share"] * (example.get("heat") is not None)]
    kind = "anomalous" if example["label"] else "normal"
    places = [", nearest: " + ", ".join(f"#{each['index']}" for each in near)] if near else []
    told = [text(f", {name} {number(value, 3)}") for name, value in (example.get("terms") or {}).items()]
    return tag("div", tag("p", tag("b", number(example["score"])), f" {example['name']} (true {kind}) #{example['index']}", told, places,
                          class_="note"), table(head, rows, 1, f"example {example['index']}", silent=True))
