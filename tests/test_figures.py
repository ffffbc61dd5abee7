"""Figures: what is drawn is what was handed in, whatever its range, and a file is whole or not there."""
import subprocess
import sys
import warnings

import matplotlib.image
import numpy
import pytest
import sklearn.metrics
from matplotlib.colors import to_rgb

from kerasnd import figures, metrics
from kerasnd.errors import Misuse
from kerasnd.figures import canvas

RNG = numpy.random.default_rng(0)
LABEL = numpy.repeat([0, 1], [60, 140])
SCORES = {
    "usual": RNG.normal(size=200) + LABEL,
    "float32": (RNG.normal(size=200) + LABEL).astype("float32"),
    "integers": RNG.integers(0, 4, 200),
    "constant": numpy.full(200, 3.25),
    "constant, large": numpy.full(200, 1e30, "float32"),
    "zero": numpy.zeros(200),
    "infinitesimal gap": numpy.where(LABEL, 1.0, numpy.nextafter(1, 2)),
    "denormal": LABEL * 5e-324,
    "cauchy": RNG.standard_cauchy(200),
    "lognormal": RNG.lognormal(0, 4, 200),
    "one monster": numpy.where(numpy.arange(200) == 199, 3e38, LABEL + RNG.random(200)),
    "both ends of float64": numpy.where(LABEL, 1.7e308, -1.7e308),
    "mostly zero": numpy.where(numpy.arange(200) % 10, 0, numpy.arange(200) / 200),
    "one class constant": numpy.where(LABEL, RNG.random(200), 0.5),
}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, kept beside the files."""
    kept, save = [], canvas.save
    monkeypatch.setattr(canvas, "save", lambda figure, path: (kept.append(figure), save(figure, path)))
    return kept


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def pixels_like(path, color):
    """How many pixels of a picture have a colour."""
    picture = matplotlib.image.imread(path)[..., :3]
    return int((numpy.abs(picture - numpy.array(to_rgb(color))).max(-1) < 0.02).sum())


@pytest.mark.parametrize("case", SCORES)
def test_a_histogram_counts_every_score_once(case, drawn, tmp_path):
    figures.histogram(LABEL, SCORES[case], tmp_path / "h.png", title=case)
    axes = drawn[0].axes[0]
    steps = [patch.get_data() for patch in axes.patches]
    assert len(steps) == 4                                          # a filled and a drawn outline per class
    for step in steps:
        assert step.values.sum() == pytest.approx(1)
        assert numpy.all(numpy.isfinite(step.edges)) and numpy.all(numpy.diff(step.edges) > 0)
    assert pixels_like(tmp_path / "h.png", figures.ANOMALOUS) > 100
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["normal (n = 60)", "anomalous (n = 140)"]


def test_scores_that_are_mostly_one_value_keep_their_tail(drawn, tmp_path):
    figures.histogram(LABEL, SCORES["mostly zero"], tmp_path / "h.png")
    axes = drawn[0].axes[0]
    assert "beyond" not in axes.get_xlabel() and axes.patches[2].get_data().edges[-1] == SCORES["mostly zero"].max()


def test_constant_scores_stand_in_the_middle(drawn, tmp_path):
    figures.histogram(numpy.arange(1100) % 2, numpy.full(1100, 3.25), tmp_path / "h.png")
    step = drawn[0].axes[0].patches[0].get_data()
    at = int(numpy.argmax(step.values))
    assert step.edges[at:at + 2].mean() == pytest.approx(3.25) and step.edges.mean() == pytest.approx(3.25)


def test_a_histogram_bins_like_numpy(drawn, tmp_path):
    score = SCORES["usual"]
    figures.histogram(LABEL, score, tmp_path / "h.png")
    for side, patch in zip((0, 1), drawn[0].axes[0].patches[::2]):
        edges = patch.get_data().edges
        assert edges[0] == score.min() and edges[-1] == score.max()
        numpy.testing.assert_allclose(patch.get_data().values,
                                      numpy.histogram(score[LABEL == side], edges)[0] / (LABEL == side).sum())


@pytest.mark.parametrize("case", ["cauchy", "lognormal", "one monster"])
def test_a_heavy_tail_does_not_squeeze_the_rest_into_one_bin(case, drawn, tmp_path):
    figures.histogram(LABEL, SCORES[case], tmp_path / "h.png")
    axes = drawn[0].axes[0]
    for patch in axes.patches:
        assert patch.get_data().values.max() < 0.4
    assert axes.get_xscale() == ("log" if case == "lognormal" else "linear")
    if case == "one monster":
        assert "(1 beyond the axis, counted in the outermost bins)" in axes.get_xlabel()
        assert axes.patches[2].get_data().values[-1] >= 1 / 140
    assert ("beyond" in axes.get_xlabel()) == (case != "lognormal")


@pytest.mark.parametrize("case", SCORES)
def test_the_roc_curve_holds_the_area_and_the_marked_point_lies_on_it(case, drawn, tmp_path):
    figures.roc(LABEL, SCORES[case], tmp_path / "r.png")
    chance, curve, point = drawn[0].axes[0].lines
    area = metrics.auroc(LABEL, SCORES[case])
    assert sklearn.metrics.auc(curve.get_xdata(), curve.get_ydata()) == pytest.approx(area, abs=1e-12)
    assert curve.get_label() == f"AUROC {area:.4f}"
    x, y = float(point.get_xdata()[0]), float(point.get_ydata()[0])
    assert x <= 0.05 and y == pytest.approx(1 - metrics.fpr_at_95_tpr(LABEL, SCORES[case]))
    assert any(numpy.allclose((x, y), vertex) for vertex in curve.get_xydata())


def test_the_extremes_come_in_order_and_ties_keep_theirs():
    score = numpy.array([2, 0, 1, 0, 2, 3], "uint8")
    assert figures.extremes(score, "normal", 4).tolist() == [1, 3, 2, 0]
    assert figures.extremes(score, "anomalous", 3).tolist() == [5, 0, 4]
    assert figures.extremes(score, "anomalous").tolist() == [5, 0, 4, 2, 1, 3]
    with pytest.raises(Misuse, match="most='weird'"):
        figures.extremes(score, "weird")


IMAGES = {
    "uint8 grey": (RNG.integers(0, 256, (5, 8, 8, 1), "uint8"), lambda x: x[..., 0] / 255),
    "uint8 without channels": (RNG.integers(0, 256, (5, 28, 20), "uint8"), lambda x: x / 255),
    "uint8 RGB": (RNG.integers(0, 200, (5, 32, 32, 3), "uint8"), lambda x: x / 255),
    "uint8 RGBA": (RNG.integers(0, 256, (5, 9, 9, 4), "uint8"), lambda x: x[..., :3] / 255),
    "two channels": (RNG.integers(0, 256, (5, 9, 9, 2), "uint8"), lambda x: x[..., 0] / 255),
    "uint16": (RNG.integers(100, 4000, (5, 256, 256, 1), "uint16"), lambda x: (x[..., 0] - x.min()) / numpy.ptp(x)),
    "float": (RNG.normal(size=(5, 16, 12, 3)), lambda x: (x - x.min()) / numpy.ptp(x)),
    "float16": (RNG.normal(size=(5, 8, 8, 1)).astype("float16") * 10000,
                lambda x: ((x.astype(float) - float(x.min())) / (float(x.max()) - float(x.min())))[..., 0]),
    "bool": (RNG.integers(0, 2, (5, 8, 8, 1)) > 0, lambda x: x[..., 0] * 1.0),
    "constant float": (numpy.full((5, 8, 8, 1), -7.5), lambda x: numpy.full(x.shape[:3], 0.5)),
}


@pytest.mark.parametrize("case", IMAGES)
def test_a_grid_shows_the_images_as_they_are(case, drawn, tmp_path):
    x, expected = IMAGES[case]
    label, score = numpy.array([0, 1, 1, 0, 0]), numpy.array([-1.5, 0.25, 1e-7, 12345.678, 3], "float32")
    figures.grid(x, label, score, tmp_path / "g.png", names=["0", "cat", "a$b$", "a_very_long_class_name", "9"])
    cells = drawn[0].axes
    for axes, picture in zip(cells, expected(x)):
        numpy.testing.assert_allclose(axes.images[0].get_array(), picture, atol=1e-6)
        assert axes.images[0].get_clim() == (0, 1)
    assert [axes.get_xlabel() for axes in cells] == ["-1.5\nclass 0", "0.25\ncat", "1e-07\na$b$",
                                                     "1.235e+04\na_very_long_clas", "3\nclass 9"]
    colors = [to_rgb(axes.spines["left"].get_edgecolor()) for axes in cells]
    assert colors == [to_rgb(figures.ANOMALOUS if side else figures.NORMAL) for side in label]
    widths = [axes.spines["left"].get_linewidth() for axes in cells]
    assert min(w for w, y in zip(widths, label) if y) > 2 * max(w for w, y in zip(widths, label) if not y)
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["true normal: 3", "true anomaly: 2"]


def test_true_anomalies_show_in_the_file(tmp_path):
    x = numpy.zeros((6, 8, 8, 1), "uint8")
    few, many = tmp_path / "few.png", tmp_path / "many.png"
    figures.grid(x, numpy.array([0, 0, 0, 0, 0, 1]), numpy.arange(6), few)
    figures.grid(x, numpy.array([1, 1, 1, 1, 1, 0]), numpy.arange(6), many)
    assert pixels_like(many, figures.ANOMALOUS) > 3 * pixels_like(few, figures.ANOMALOUS) > 3000
    assert pixels_like(few, "black") == pytest.approx(pixels_like(many, "black"), rel=0.005)   # no frame hides pixels


def test_a_picture_may_hold_nan(drawn, tmp_path):
    x = numpy.array([[[0.0, 1.0], [numpy.nan, numpy.inf]]])
    figures.grid(x, [0], [1.0], tmp_path / "g.png")
    assert numpy.asarray(drawn[0].axes[0].images[0].get_array()).tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("n, shape", [(1, (4, 1)), (3, (4, 1)), (8, (8, 1)), (9, (8, 2)), (24, (8, 3))])
def test_fewer_images_than_cells(n, shape, drawn, tmp_path):
    figures.grid(numpy.zeros((n, 8, 8, 1)), numpy.zeros(n, int), numpy.zeros(n), tmp_path / "g.png", title="t")
    cells = drawn[0].axes
    assert (cells[0].get_gridspec().ncols, cells[0].get_gridspec().nrows) == shape
    assert [bool(axes.images) for axes in cells] == [axes.axison for axes in cells] == [i < n for i in range(len(cells))]


@pytest.mark.parametrize("sides, rows", [
    ([0, 1, 0, 0, 1], ["normal", "reconstructed", "anomaly", "reconstructed"]),
    ([0] * 5, ["normal", "reconstructed"]), ([1] * 5, ["anomaly", "reconstructed"]),
])
def test_originals_stand_above_their_reconstructions(sides, rows, drawn, tmp_path):
    label, x = numpy.array(sides), RNG.random((5, 8, 8, 1)) * 16
    figures.reconstructions(x, x / 2 - 1, label, tmp_path / "r.png", columns=3)
    cells = numpy.array(drawn[0].axes).reshape(len(rows), -1)
    assert [row[0].get_ylabel() for row in cells] == rows
    order = [numpy.flatnonzero(label == side)[:3] for side in sorted(set(sides))]
    low, high = x[numpy.concatenate(order)].min(), x[numpy.concatenate(order)].max()
    for indices, above, beneath in zip(order, cells[::2], cells[1::2]):
        for i, top, bottom in zip(indices, above, beneath):
            numpy.testing.assert_allclose(top.images[0].get_array(), (x[i, ..., 0] - low) / (high - low), atol=1e-6)
            numpy.testing.assert_allclose(bottom.images[0].get_array(),
                                          numpy.clip((x[i, ..., 0] / 2 - 1 - low) / (high - low), 0, 1), atol=1e-6)
        assert [bool(axes.images) for axes in above] == [k < len(indices) for k in range(len(above))]


def draw_all(folder, suffix=".png", title="", x=IMAGES["uint8 grey"][0]):
    label = numpy.array([0, 1, 0, 1, 1])
    figures.roc(label, numpy.arange(5), folder / f"roc{suffix}", title)
    figures.histogram(label, numpy.arange(5), folder / f"histogram{suffix}", title)
    figures.grid(x, label, numpy.arange(5), folder / f"grid{suffix}", title)
    figures.reconstructions(x, x, label, folder / f"reconstructions{suffix}", title)


@pytest.mark.parametrize("suffix, magic", [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml")])
def test_the_suffix_chooses_the_format_and_folders_are_made(suffix, magic, tmp_path):
    draw_all(tmp_path / "run" / "figures", suffix, title="$5_a & <b> \\alpha ^ 100 %" * 4)
    written = sorted((tmp_path / "run" / "figures").iterdir())
    assert len(written) == 4 and all(path.read_bytes().startswith(magic) for path in written)


def test_the_same_picture_is_the_same_file(tmp_path):
    draw_all(tmp_path / "a")
    draw_all(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_write_that_fails_leaves_the_old_picture_and_nothing_else(monkeypatch, tmp_path):
    from matplotlib.figure import Figure
    path = tmp_path / "roc.png"
    path.write_bytes(b"old")

    def half(self, name, **kwargs):
        with open(name, "wb") as file:
            file.write(b"half a pict")
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="No space left"):
        figures.roc([0, 1], [0, 1], path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call, told", [
    (lambda path: figures.roc([0, 1], [0, 1], path / "r.bmp"), r"must end in .png, .pdf, .svg"),
    (lambda path: figures.roc([0, 0], [0, 1], path / "r.png"), "2 normals, 0 anomalies"),
    (lambda path: figures.histogram([0, 1], [0, numpy.nan], path / "h.png"), "finite"),
    (lambda path: figures.grid(numpy.zeros((3, 30)), [0, 0, 1], [1, 2, 3], path / "g.png"), r"shape \(3, 30\)"),
    (lambda path: figures.grid(numpy.zeros((0, 8, 8, 1)), [], [], path / "g.png"), r"shape \(0, 8, 8, 1\)"),
    (lambda path: figures.grid(numpy.zeros((2, 8, 8, 1)), [0], [1, 2], path / "g.png"), "Received: 2, 1, 2, 2"),
    (lambda path: figures.grid(numpy.zeros((1, 8, 8)), [0], [1], path / "g.png", names=["a", "b"]), "1, 1, 1, 2"),
    (lambda path: figures.reconstructions(numpy.zeros((2, 8, 8, 1)), numpy.zeros((2, 8, 8)), [0, 1], path / "r.png"),
     r"\(2, 8, 8, 1\), \(2, 8, 8\), \(2,\)"),
    (lambda path: figures.reconstructions(numpy.zeros((2, 30)), numpy.zeros((2, 30)), [0, 1], path / "r.png"), "Tables"),
    (lambda path: figures.reconstructions(numpy.zeros((0, 8, 8)), numpy.zeros((0, 8, 8)), numpy.zeros(0), path / "r.png"),
     r"shape \(0, 8, 8\)"),
])
def test_what_cannot_be_drawn_is_refused_in_one_line(call, told, tmp_path):
    with pytest.raises(Misuse, match=told) as caught:
        call(tmp_path)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_drawing_leaves_no_global_state_and_imports_late(tmp_path):
    program = (
        "import sys, numpy, pathlib, kerasnd.figures as f\n"
        "late = 'matplotlib' not in sys.modules\n"
        f"f.roc([0, 1], [0, 1], {str(tmp_path / 'r.png')!r})\n"
        f"f.grid(numpy.zeros((1, 8, 8)), [0], [1], {str(tmp_path / 'g.png')!r})\n"
        "print(late, [n for n in ('matplotlib.pyplot', 'keras', 'tensorflow', 'sklearn') if n in sys.modules])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"
