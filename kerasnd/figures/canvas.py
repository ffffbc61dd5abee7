"""What all pictures share: colours, sizes, an empty figure, and how it is written."""
import pathlib

from kerasnd.atomic import whole
from kerasnd.errors import Misuse

NORMAL, ANOMALOUS, INK = "#0072B2", "#D55E00", "#333333"
SMALL, MEDIUM, LARGE = 8, 10, 12        # points
FORMATS = (".png", ".pdf", ".svg")


def empty(width, height):
    """An empty figure of that many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure, path):
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise Misuse(f"`path` of a figure must end in {', '.join(FORMATS)}. Received: path={str(path)!r}. "
                     "The suffix chooses the format.")
    with whole(path) as partial:
        figure.savefig(partial, format=suffix[1:])


def text(title, width):
    """How a title is written: literally (a class may be called "$5_a"), small enough for so many inches."""
    return {"fontsize": LARGE * min(1, 10 * width / max(len(title), 1)), "color": INK, "parse_math": False}
