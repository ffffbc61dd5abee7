"""Test images side by side: the extreme ones, reconstructions, attacked ones."""
import numpy

from kerasnd.errors import Misuse
from kerasnd.figures import canvas
from kerasnd.figures.canvas import ANOMALOUS, INK, MEDIUM, NORMAL, SMALL


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
    figure = canvas.empty(width, height)
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
    figure.suptitle(title, **canvas.text(title, figure.get_figwidth()))
    canvas.save(figure, path)


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
    figure.suptitle(title, **canvas.text(title, figure.get_figwidth()))
    canvas.save(figure, path)


def samples(x, path, title="", columns=8):
    """Draws images that a detector made up.

    Args:
        x: (n, h, w) or (n, h, w, c) images, n >= 1, shown as in `grid`.
        path, title: as for `grid`.
        columns: int >= 1, images per row.

    Raises:
        Misuse: `x` is no images, or the suffix of `path` is unknown.
    """
    x = numpy.asarray(x)
    pictures, _ = _pictures(x)
    figure, cells = _cells(-(-len(x) // columns), min(columns, max(len(x), 4)), x.shape[1] / x.shape[2],
                           left=0.15, between=0.1, below=0.15)
    for axes in cells.flat[len(x):]:
        axes.set_axis_off()
    for picture, axes in zip(pictures, cells.flat):
        _cell(axes, picture, INK, 0.5)
    figure.suptitle(title, **canvas.text(title, figure.get_figwidth()))
    canvas.save(figure, path)


def attacked(x, changed, label, before, after, path, title=""):
    """Draws examples, what an attack made of them, and the difference: the normals, and below them the anomalies.

    Beneath each stand its scores before and after. The difference is drawn around middle grey, its largest value black or white.

    Args:
        x: (n, h, w) or (n, h, w, c) images, n >= 1.
        changed: of the same shape and in the same units.
        label: 0 or 1 (n,), the truth; one class alone will do.
        before, after: float (n,), scores.
        path, title: as for `grid`.

    Raises:
        Misuse: `x` is no images, shapes or lengths differ, or the suffix of `path` is unknown.
    """
    x, changed, label = numpy.asarray(x), numpy.asarray(changed), numpy.asarray(label)
    if x.shape != changed.shape or not len(x) == len(label) == len(before) == len(after):
        raise Misuse("`x` and `changed` must be of one shape, with one label and two scores each. Received: shapes "
                     f"{x.shape}, {changed.shape}, and {len(label)}, {len(before)}, {len(after)} of them.")
    pictures, limits = _pictures(x)
    difference = changed.astype("float64") - x
    most = numpy.abs(difference).max() or 1.0
    rows = [("", pictures), ("attacked", _pictures(changed, limits)[0]), ("difference", _pictures(difference, (-most, most))[0])]
    sides = [(name, color, numpy.flatnonzero(label == kind))
             for kind, (name, color) in enumerate((("normal", NORMAL), ("anomaly", ANOMALOUS))) if (label == kind).any()]
    figure, cells = _cells(3 * len(sides), max(len(at) for _, _, at in sides), x.shape[1] / x.shape[2], left=1.15, between=0.28,
                           below=0.4)
    for row, axes_of_row in enumerate(cells):
        (name, color, at), (told, shown) = sides[row // 3], rows[row % 3]
        for axes in axes_of_row[len(at):]:
            axes.set_axis_off()
        for i, axes in zip(at, axes_of_row):
            _cell(axes, shown[i], color, 1.5)
            if row % 3 < 2:
                axes.set_xlabel(f"{(before, after)[row % 3][i]:.4g}", fontsize=SMALL, color=INK, parse_math=False)
        axes_of_row[0].set_ylabel(told or name, fontsize=MEDIUM, color=color, rotation=0, ha="right", va="center", labelpad=8)
    figure.suptitle(title, **canvas.text(title, figure.get_figwidth()))
    canvas.save(figure, path)
