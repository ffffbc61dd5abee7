"""Curves as drawings inside the page (SVG), of few points; their colours are the page's, light or dark."""
import numpy

from kerasnd import metrics
from kerasnd.page.elements import number, tag

POINTS, BINS = 90, 40
_WIDE, _HIGH, _LEFT, _BELOW, _TOP = 320, 240, 38, 34, 22


def roc(label, score):
    """Markup of the ROC curve: what share of anomalies is found, at what share of normals falsely alarmed.

    Args:
        label: 0 or 1 (m,); score: float (m,), higher = stranger.
    """
    alarmed, found = thinned(*metrics.roc_curve(label, score))
    line = " ".join(f"{_x(a)},{_y(f)}" for a, f in zip(alarmed, found))
    area = metrics.auroc(label, score)
    return _chart(f"ROC curve, area {area:.4f}", "false alarms", "anomalies found", [
        tag("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1), class_="chance"),
        tag("polygon", points=f"{line} {_x(1)},{_y(0)} {_x(0)},{_y(0)}", class_="under"),
        tag("polyline", points=line, class_="curve"),
        tag("text", f"AUROC {area:.4f}", x=_x(0.97), y=_y(0.06), class_="told", text_anchor="end"),
        _ticks([(0, "0"), (0.5, "0.5"), (1, "1")], [(0, "0"), (0.5, "0.5"), (1, "1")])])


def thinned(alarmed, found):
    """At most POINTS points of a curve, both ends among them, equally far apart along it.

    Args:
        alarmed, found: float (k,), both rising from 0 to 1.
    """
    alarmed, found = (numpy.concatenate([[0.0], numpy.asarray(each, "float64"), [1.0]]) for each in (alarmed, found))
    if len(found) <= POINTS:
        return alarmed, found
    along = numpy.concatenate([[0.0], numpy.cumsum(numpy.abs(numpy.diff(alarmed)) + numpy.abs(numpy.diff(found)))])
    at = numpy.unique(numpy.searchsorted(along, numpy.linspace(0, along[-1], POINTS)))
    at[-1] = len(found) - 1
    return alarmed[at], found[at]


def histogram(label, score):
    """Markup of the scores of normals and anomalies, each as shares of its own; the outer bars hold what lies beyond.

    Args:
        label: 0 or 1 (m,); score: float (m,).
    """
    label, score = numpy.asarray(label), numpy.asarray(score, "float64")
    low, high = numpy.percentile(score, [0.5, 99.5])
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    edges = numpy.linspace(low, high, BINS + 1)
    shares = [numpy.histogram(numpy.clip(score[label == kind], low, high), edges)[0] / max(1, (label == kind).sum())
              for kind in (0, 1)]
    top = max(share.max() for share in shares) or 1.0
    drawn = []
    for share, name in zip(shares, ("normal", "anomalous")):
        across = numpy.repeat(numpy.arange(BINS + 1) / BINS, 2)[1:-1]
        line = " ".join(f"{_x(a)},{_y(b)}" for a, b in zip(across, numpy.repeat(share / top, 2)))
        drawn.append(tag("polygon", points=f"{_x(0)},{_y(0)} {line} {_x(1)},{_y(0)}", class_=name))
    key = [tag("text", name, x=_x(at), y=_TOP - 9, class_=f"key {name}", text_anchor="end")
           for at, name in ((0.72, "normal"), (1, "anomalous"))]
    return _chart(f"Histogram of scores from {number(low)} to {number(high)}", "score", "share of its kind", [
        drawn, key, _ticks([(0, number(low)), (0.5, number((low + high) / 2)), (1, number(high))],
                           [(0, "0"), (1, f"{top:.2f}")])])


def bar(value, most):
    """Markup of a bar to the right of the middle (raises the score) or to the left (lowers it).

    Args:
        value: float; most: float > 0, the length of a whole half.
    """
    long = 50 * min(1.0, abs(value) / most)
    return tag("svg", tag("rect", x=f"{50 if value >= 0 else 50 - long:.1f}", y="1", width=f"{long:.1f}", height="8",
                          class_="raises" if value >= 0 else "lowers"),
               tag("line", x1="50", y1="0", x2="50", y2="10", class_="axis"), viewBox="0 0 100 10", class_="bar", role="img",
               aria_label=number(value))


def _x(share):
    return f"{_LEFT + share * (_WIDE - _LEFT - 8):.1f}"


def _y(share):
    return f"{_HIGH - _BELOW - share * (_HIGH - _BELOW - _TOP):.1f}"


def _ticks(across, up):
    return [tag("line", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(0), class_="axis"),
            [tag("text", word, x=_x(at), y=_HIGH - _BELOW + 14, text_anchor="start" if at == 0 else "end" if at == 1 else "middle")
             for at, word in across],
            [tag("text", word, x=_LEFT - 5, y=float(_y(at)) + 4, text_anchor="end") for at, word in up]]


def _chart(words, across, up, parts):
    middle = float(_y(0.5))
    return tag("svg", parts, tag("text", across, x=_x(0.5), y=_HIGH - 4, text_anchor="middle", class_="name"),
               tag("text", up, x="11", y=middle, text_anchor="middle", class_="name", transform=f"rotate(-90 11 {middle})"),
               viewBox=f"0 0 {_WIDE} {_HIGH}", class_="chart", role="img", aria_label=words)
