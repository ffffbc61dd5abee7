"""Single examples of a run: images with their maps, or the features of a table with their shares."""
import numpy

from kerasnd.page import charts, pictures
from kerasnd.page.elements import join, number, table, tag

FEATURES = 6        # of a table's example, those with the largest share
TABLES = 6          # examples of either end that are shown of a table
MAPS = {"residual": "map of where its score comes from", "gradient": "map of where its score comes from",
        "attention": "map of what is attended to"}


def examples(evidence, side):
    """Markup of the evidence of a run; None where there is none.

    Args:
        evidence: dict from `evidence.gather`, or None.
        side: int, most pixels of an image's side.
    """
    if not evidence:
        return None
    terms = any(each.get("terms") for each in evidence["normal"])
    most = None if evidence["is_image"] else TABLES
    strips = [join(tag("h4", f"Most {name}"), tag("div", [_entry(each, evidence, side) for each in evidence[name][:most]],
                                                 class_=("strip" + " terms" * terms) if evidence["is_image"] else "entries"))
              for name in ("normal", "anomalous")]
    return join(tag("h3", "Where the scores come from"), _legend(evidence), strips, _alarms(evidence, side))


def _legend(evidence):
    told = [evidence["source"]]
    if evidence["is_image"]:
        stack = ["the preprocessed image" if evidence["redrawn"] else "the image", *["its reconstruction"] * evidence["redrawn"],
                 *["the map"] * bool(evidence["kind"])]
        told.append(f"In this order: {', '.join(stack)}. True anomalies have a frame.")
    if any(each.get("terms") for each in evidence["normal"]):
        told.append("With each score stand the parts of −ln p(x): tangent, the density of the code, p(z); jacobian, what the "
                    "surface of the decoder is stretched by; residual, what lies off that surface.")
    if evidence["kind"]:
        told.append("Each map is scaled to its own largest value." if evidence["is_image"] else
                    f"Shown are the {FEATURES} features with the largest share.")
    raises, lowers = (join(tag("span", class_=f"swatch {way}"), words)
                      for way, words in (("up", "raises the score"), ("down", "lowers it")))
    key = {"": None, "residual": tag("p", raises, class_="note"), "gradient": tag("p", raises, "   ", lowers, class_="note"),
           "attention": tag("p", tag("span", class_="swatch up"), "attended to", class_="note")}
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
        told += " Beside the values stand the means of these."
        body = tag("div", [_features(each, evidence, each["neighbours"]) for each in evidence["alarms"]], class_="entries")
    return join(tag("h4", "Hardest false alarms"), tag("p", told, class_="note"), body)


def _entry(example, evidence, side):
    if not evidence["is_image"]:
        return _features(example, evidence)
    words = f"example {example['index']}, {example['name']}"
    stack = [pictures.photo(example["shown"], evidence["limits"], side, words)]
    if example.get("redrawn") is not None:
        stack.append(pictures.photo(example["redrawn"], evidence["limits"], side, "its reconstruction"))
    if example.get("heat") is not None:
        stack.append(pictures.heat(example["heat"], side, MAPS[evidence["kind"]]))
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


def _features(example, evidence, near=()):
    """Markup of a table's example: its features with the largest share, and, where neighbours are to be told, theirs."""
    values, share, told = numpy.ravel(example["shown"]), example.get("heat"), []
    at, most = range(min(FEATURES, len(values))), 0.0
    if share is not None:
        share = numpy.ravel(share)
        at, most = numpy.argsort(-numpy.abs(share), kind="stable")[:FEATURES], float(numpy.abs(share).max())
        told = [] if most else ["; its score is flat here, so that no feature has a share"]
    columns = [("feature", lambda place: evidence["features"][place]), ("value", lambda place: number(float(values[place])))]
    if near:
        mean = numpy.mean([numpy.ravel(each["shown"]) for each in near], axis=0)
        columns.append(("nearest", lambda place: number(float(mean[place]))))
        told.append("; nearest: " + ", ".join(f"#{each['index']}" for each in near))
    if most:
        columns.append(("share", lambda place: charts.bar(float(share[place]), most)))
    told += [f"; {name} {number(value, 3)}" for name, value in (example.get("terms") or {}).items()]
    rows = [[value(place) for _, value in columns] for place in at]
    return tag("div", tag("p", tag("b", number(example["score"])), " ", _who(example),
                          ", a true anomaly" if example["label"] else None, told, class_="note"),
               table([name for name, _ in columns], rows, 1, f"example {example['index']}", silent=True))
