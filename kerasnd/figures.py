"""Pictures of a run: ROC curve, score histogram, extreme test images, reconstructions.

Matplotlib's object API only: no pyplot, no global state, no display; imported with the first picture. The two
colours are Okabe and Ito's, which colour-blind readers tell apart; thickness or line style says it again. The
suffix of a path chooses the format; every file is written whole or not at all.
"""
import pathlib

import numpy

from kerasnd import metrics
from kerasnd.atomic import whole
from kerasnd.errors import Misuse

NORMAL, ANOMALOUS, INK = "#0072B2", "#D55E00", "#333333"
SMALL, MEDIUM, LARGE = 8, 10, 12        # points
FORMATS = (".png", ".pdf", ".svg")


def _figure(width, height):
    """An empty figure of that many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure, path):
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise Misuse(f"`path` of a figure must end in {', '.join(FORMATS)}. Received: path={str(path)!r}. "
                     "The suffix chooses the format.")
    with whole(path) as partial:
        figure.savefig(partial, format=suffix[1:])


def _text(title, width):
    """How a title is written: literally (a class may be called "$5_a"), small enough for so many inches."""
    return {"fontsize": LARGE * min(1, 10 * width / max(len(title), 1)), "color": INK, "parse_math": False}


def _chart(title, xlabel, ylabel, width, height):
    """A figure with one pair of axes, two spines and a quiet grid."""
    figure = _figure(width, height)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.set_title(title, **_text(title, width))
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
    _save(figure, path)


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
    _save(figure, path)


def extremes(score, most, n=24):
    """Which examples are the most normal or the most anomalous.

    Args:
        score: float (m,).
        most: "normal" (lowest scores) or "anomalous" (highest).
        n: int >= 0, how many; fewer come where m is less.

    Returns:
        int64 (min(n, m),), indices into `score`, the most extreme first; of equal scores the first one first.
    """
    if most not in ("normal", "anomalous"):
        raise Misuse(f'`most` must be "normal" or "anomalous". Received: most={most!r}. Choose an end.')
    score = numpy.asarray(score).astype("float64")
    return numpy.argsort(score if most == "normal" else -score, kind="stable")[:n]


def _pictures(x, limits=None):
    """Images of any kind as matplotlib takes them.

    Args:
        x: (n, h, w) or (n, h, w, c), any real dtype.
        limits: None or (low, high), the values to show as black and white.

    Returns:
        pictures: float32 in [0, 1], (n, h, w) for grey, (n, h, w, 3) for c >= 3: its first three channels.
        limits: (low, high) as used: 0 and 255 for uint8, else the extremes of all n images together.
    """
    if x.ndim not in (3, 4) or not x.size:
        raise Misuse("`x` must be one or more images (n, h, w) or (n, h, w, c). Received: an array of shape "
                     f"{x.shape}. Tables have no pictures.")
    if x.ndim == 4:
        x = x[..., :3] if x.shape[-1] >= 3 else x[..., 0]
    x = x.astype("float64") if x.dtype != "uint8" else x
    finite = x[numpy.isfinite(x)]
    if limits is None:
        limits = (0, 255) if x.dtype == "uint8" else (finite.min(), finite.max()) if len(finite) else (0, 0)
    low, high = limits
    # A constant picture is shown as middle grey.
    unit = (x - low) / (high - low) if high > low else numpy.full(x.shape, 0.5)
    return numpy.clip(numpy.nan_to_num(unit), 0, 1).astype("float32"), limits


def _cells(rows, columns, aspect, left, between, below):
    """A figure of rows x columns image cells, one inch wide each, and room for a title. Lengths in inches."""
    tall = float(numpy.clip(aspect, 0.4, 2.5))
    top, right, gap = 0.5, 0.15, 0.14
    width = left + columns + (columns - 1) * gap + right
    height = top + rows * tall + (rows - 1) * between + below
    figure = _figure(width, height)
    figure.subplots_adjust(left=left / width, right=1 - right / width, top=1 - top / height,
                           bottom=below / height, wspace=gap, hspace=between / tall)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _cell(axes, picture, color, width):
    """One image in a coloured frame that hides none of its pixels."""
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    high, wide = picture.shape[:2]
    gap = 0.5 + 0.04 * max(high, wide)
    axes.set(xticks=[], yticks=[], xlim=(-gap, wide - 1 + gap), ylim=(high - 1 + gap, -gap))
    for spine in axes.spines.values():
        spine.set(edgecolor=color, linewidth=width)


def grid(x, label, score, path, title="", names=None, columns=8):
    """Draws test images in the order given, their scores beneath, the true anomalies in a thick frame.

    As in the OC-NN paper: `at = extremes(score, "normal")`, then `grid(x[at], label[at], score[at], path)`.

    Args:
        x: (n, h, w) or (n, h, w, c) images of any real dtype, n >= 1. uint8 is shown from 0 to 255, all else
            between the extremes of these images.
        label: 0 or 1 (n,), the truth.
        score: float (n,).
        path: str or Path to write to.
        title: str, taken literally.
        names: None or n str, what each image truly is; shown beneath its score.
        columns: int >= 1, images per row.

    Raises:
        Misuse: `x` is no images, lengths differ, or the suffix of `path` is unknown.
    """
    from matplotlib.patches import Patch
    x, label = numpy.asarray(x), numpy.asarray(label)
    pictures, _ = _pictures(x)
    below = [f"class {name}" if str(name).isdigit() else str(name)[:16]
             for name in ([""] * len(x) if names is None else names)]
    if not len(x) == len(label) == len(score) == len(below):
        raise Misuse("`x`, `label`, `score` and `names` must be of one length. Received: "
                     f"{len(x)}, {len(label)}, {len(score)}, {len(below)}. Pick the same examples from each.")
    line = 0.0 if names is None else 0.14
    figure, cells = _cells(-(-len(x) // columns), min(columns, max(len(x), 4)), x.shape[1] / x.shape[2],
                           left=0.15, between=0.3 + line, below=0.62 + line)
    for axes in cells.flat[len(x):]:
        axes.set_axis_off()
    for picture, is_anomaly, value, name, axes in zip(pictures, label, score, below, cells.flat):
        _cell(axes, picture, *((ANOMALOUS, 3.5) if is_anomaly else (NORMAL, 1)))
        axes.set_xlabel(f"{value:.4g}\n{name}".rstrip(), fontsize=SMALL, color=INK, parse_math=False)
    figure.legend(loc="lower center", ncols=2, fontsize=SMALL + 1, frameon=False, handles=[
        Patch(facecolor="white", edgecolor=color, linewidth=width, label=f"{name}: {(label == side).sum()}")
        for side, name, color, width in ((0, "true normal", NORMAL, 1), (1, "true anomaly", ANOMALOUS, 3))])
    figure.suptitle(title, **_text(title, figure.get_figwidth()))
    _save(figure, path)


def reconstructions(x, reconstruction, label, path, title="", columns=10):
    """Draws originals above their reconstructions: the first normals, and below them the first anomalies.

    Args:
        x: (n, h, w) or (n, h, w, c) images, n >= 1.
        reconstruction: of the same shape and in the same units as `x` (where the model reconstructs the
            normalised image, pass that as `x`); what exceeds the range of `x` is shown as its end.
        label: 0 or 1 (n,), the truth; one class alone will do.
        path, title: as for `grid`.
        columns: int >= 1, at most so many of each class.

    Raises:
        Misuse: `x` is no images, shapes differ, or the suffix of `path` is unknown.
    """
    x, reconstruction, label = numpy.asarray(x), numpy.asarray(reconstruction), numpy.asarray(label)
    if x.shape != reconstruction.shape or label.shape != x.shape[:1]:
        raise Misuse("`x` and `reconstruction` must be of one shape, with one label each. Received: shapes "
                     f"{x.shape}, {reconstruction.shape}, {label.shape}. Reconstruct exactly these examples.")
    rows = []
    for side, name, color in ((0, "normal", NORMAL), (1, "anomaly", ANOMALOUS)):
        at = numpy.flatnonzero(label == side)[:columns]
        rows += [(name, color, at, x), ("reconstructed", color, at, reconstruction)] if len(at) else []
    _, limits = _pictures(x[numpy.concatenate([at for _, _, at, _ in rows] or [[]]).astype(int)])
    figure, cells = _cells(len(rows), max(len(at) for _, _, at, _ in rows), x.shape[1] / x.shape[2],
                           left=1.15, between=0.1, below=0.15)
    for (name, color, at, images), row in zip(rows, cells):
        for axes in row[len(at):]:
            axes.set_axis_off()
        for picture, axes in zip(_pictures(images[at], limits)[0], row):
            _cell(axes, picture, color, 1.5)
        row[0].set_ylabel(name, fontsize=MEDIUM, color=color, rotation=0, ha="right", va="center", labelpad=8)
    figure.suptitle(title, **_text(title, figure.get_figwidth()))
    _save(figure, path)
