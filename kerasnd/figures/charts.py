"""Charts of labels and scores: ROC curve, histogram."""
import numpy

from kerasnd import metrics
from kerasnd.errors import Misuse
from kerasnd.figures import canvas
from kerasnd.figures.canvas import ANOMALOUS, INK, MEDIUM, NORMAL, SMALL


def _chart(title, xlabel, ylabel, width, height):
    """A figure with one pair of axes, two spines and a quiet grid."""
    figure = canvas.empty(width, height)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.set_title(title, **canvas.text(title, width))
    axes.set_xlabel(xlabel, fontsize=MEDIUM, color=INK)
    axes.set_ylabel(ylabel, fontsize=MEDIUM, color=INK)
    axes.tick_params(labelsize=SMALL + 1, colors=INK)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def roc(label, score, path, title=""):
    """Draws the exact ROC curve, its AUROC, and the point that `fpr_at_95_tpr` speaks of.

    Args:
        label, score: as for `metrics.auroc`.
        path: str or Path to write to.
        title: str, taken literally.

    Raises:
        Misuse: label or score are not as above, or the suffix of `path` is unknown.
    """
    rejected, found = metrics.roc_curve(label, score)
    found_at_95 = 1 - metrics.fpr_at_95_tpr(label, score)
    figure, axes = _chart(title, "share of the normals rejected (false alarms)",
                          "share of the anomalies found", width=4.8, height=4.8)
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="chance: 0.5")
    axes.plot(rejected, found, color=NORMAL, linewidth=2, label=f"AUROC {metrics.auroc(label, score):.4f}")
    at = numpy.searchsorted(rejected, 0.05 + 1e-12, side="right") - 1
    axes.plot(rejected[at], found_at_95, color=ANOMALOUS, marker="o", markersize=7, linestyle="none",
              clip_on=False, zorder=3,
              label=f"95 % of the normals accepted:\n{100 * found_at_95:.1f} % of the anomalies found")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", fontsize=SMALL + 1, framealpha=0.9)
    canvas.save(figure, path)


def _span(sides):
    """Where the axis of a histogram begins and ends, so that no wild score squeezes the others into one bin.

    Args:
        sides: the samples, each float64 (m,).

    Returns:
        (low, high): floats, low < high. A tail beyond three inter-quartile ranges of every sample is cut off;
        a sample whose range is zero, being mostly one value, is kept whole.
    """
    low, high = numpy.inf, -numpy.inf
    for side in sides:
        first, third = numpy.quantile(side, [0.25, 0.75])
        reach = 3 * (third - first) or numpy.inf
        low, high = min(low, max(side.min(), first - reach)), max(high, min(side.max(), third + reach))
    if high - low > 1e-9 * max(abs(low), abs(high), 1e-30):
        return low, high
    half = max(1e-2 * abs(high), 1e-2)              # constant scores, or a difference that no axis can show
    return (low + high) / 2 - half, (low + high) / 2 + half


def histogram(label, score, path, title=""):
    """Draws how the scores of normals and of anomalies are distributed, each as shares of its own class.

    Positive scores that span more than three decades are drawn on a logarithmic axis. Scores beyond the axis
    are counted in the outermost bins, and the axis says how many.

    Args and Raises: as for `roc`.
    """
    metrics.auroc(label, score)                                             # for its refusals
    label = numpy.asarray(label)
    score = numpy.clip(numpy.asarray(score).astype("float64"), -1e100, 1e100)   # no axis can be drawn beyond
    is_log = score.min() > 0 and numpy.divide(*numpy.quantile(score, [0.99, 0.01])) > 1000
    score = numpy.log10(score) if is_log else score
    sides = score[label == 0], score[label == 1]
    low, high = _span(sides)
    bins = int(numpy.clip(2 * len(score) ** (1 / 3), 10, 60)) | 1           # Rice's rule; odd: one is central
    edges = numpy.linspace(low, high, bins + 1)
    n_beyond = int(((score < low) | (score > high)).sum())
    note = f"\n({n_beyond} beyond the axis, counted in the outermost bins)" if n_beyond else ""
    figure, axes = _chart(title, "score (higher = more anomalous)" + note, "share of its class",
                          width=6, height=4.2)
    if is_log:
        axes.set_xscale("log")
    for side, name, color, style in zip(sides, ("normal", "anomalous"), (NORMAL, ANOMALOUS), ("-", "--")):
        share = numpy.histogram(numpy.clip(side, low, high), edges)[0] / len(side)
        drawn = 10 ** edges if is_log else edges
        axes.stairs(share, drawn, fill=True, color=color, alpha=0.35)
        axes.stairs(share, drawn, color=color, linewidth=1.5, linestyle=style,
                    label=f"{name} (n = {len(side)})")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=SMALL + 1, framealpha=0.9)
    canvas.save(figure, path)


def marginals(units, path, title="", most=16):
    """Draws how the units of a code are distributed: histogram, fitted density, and the standard normal that they should be like.

    Args:
        units: list of (edges float (bins + 1,), heights float (bins,), at float (m,), density float (m,)), one or more.
        path: str or Path to write to.
        title: str, taken literally.
        most: int >= 1, so many units are drawn.

    Raises:
        Misuse: there is no unit, or the suffix of `path` is unknown.
    """
    if not units:
        raise Misuse("`units` must be one or more. Received: none. Draw what was fitted to a code.")
    shown = units[:most]
    rows, columns = -(-len(shown) // 4), min(len(shown), 4)
    figure = canvas.empty(max(2.2 * columns, 4.4), 1.7 * rows + 0.9)
    figure.set_layout_engine("constrained")
    cells = figure.subplots(rows, columns, squeeze=False)
    for axes in cells.flat[len(shown):]:
        axes.set_axis_off()
    for number, (axes, (edges, heights, at, density)) in enumerate(zip(cells.flat, shown)):
        axes.stairs(heights, edges, fill=True, color=NORMAL, alpha=0.35, label="training examples")
        axes.plot(at, density, color=NORMAL, linewidth=1.5, label="fitted")
        axes.plot(at, numpy.exp(-at ** 2 / 2) / (2 * numpy.pi) ** 0.5, color=ANOMALOUS, linestyle="--", linewidth=1.2,
                  label="standard normal")
        axes.set_xlabel(f"unit {number}", fontsize=SMALL, color=INK)
        axes.tick_params(labelsize=SMALL, colors=INK)
        axes.set_ylim(0, 1.25 * max(numpy.quantile(heights, 0.95), 0.4))
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = cells[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=SMALL + 1, frameon=False)
    more = f", the first {most} of {len(units)} units" if len(units) > most else ""
    figure.suptitle(title + more, **canvas.text(title + more, figure.get_figwidth()))
    canvas.save(figure, path)
