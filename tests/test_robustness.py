"""Under attack: known scores of a linear detector, every method, and what a run's folder keeps of it."""
# ruff: noqa: F401, F811
import json

import matplotlib.image
import numpy as np
import pytest
import tensorflow as tf
from short_runs import arrays, quick, settings
from test_contract import build, lesson, normals, strangers

import kerasnd
from kerasnd import config as configs
from kerasnd import figures, metrics, robustness, runs
from kerasnd.data.pool import Stream
from kerasnd.detector import Detector
from kerasnd.errors import BadData, Misuse
from kerasnd.folder import RunFolder
from kerasnd.methods import METHODS, SOLVED

SHAPE = (4, 5, 1)


class Linear(Detector):
    """score(x) = <slope, normalised x>, whose worst change is known."""

    IMAGE_PREPROCESS = "unit"

    def __init__(self, shape=SHAPE, preprocess="auto", slope=None):
        super().__init__(shape, preprocess)
        self.slope = np.random.default_rng(0).normal(size=shape).astype(np.float32) if slope is None else slope
        self.traced = 0

    def call(self, x, training=False):
        self.traced += 1
        x = self.normalizer(x)
        return tf.reduce_sum(x * self.slope, axis=list(range(1, x.shape.rank)))


def linear(x, **more):
    detector = Linear(tuple(x.shape[1:]), **more)
    detector.normalizer.adapt([x])
    return detector


def pixels(n=30, shape=SHAPE, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def truth(n=30):
    return (np.arange(n) % 3 == 0).astype(int)


def signs(label):
    return np.where(label == 1, -1.0, 1.0)


# ---- closed forms ----------------------------------------------------------------------------------------------------

def test_linf_moves_every_value_to_the_end_of_its_range():
    x, label = pixels(), truth()
    detector = linear(x)
    found = robustness.attack_scores(detector, x, label, eps=0.15, keep=100)
    unit = x / 255.0
    worst = np.clip(unit + 0.15 * signs(label).reshape(-1, 1, 1, 1) * np.sign(detector.slope), 0, 1)
    np.testing.assert_allclose(found.score, (unit * detector.slope).sum(axis=(1, 2, 3)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.attacked_score, (worst * detector.slope).sum(axis=(1, 2, 3)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.change, np.abs(worst - unit).max(axis=(1, 2, 3)), atol=1e-5)
    assert (found.name, found.eps, found.steps) == ("linf 0.15", 0.15, 40)
    # what is kept: the normals and then the anomalies, those whose score was changed most first
    harm = np.abs(found.attacked_score - found.score)
    expected = np.concatenate([np.flatnonzero(label == kind)[np.argsort(-harm[label == kind], kind="stable")] for kind in (0, 1)])
    np.testing.assert_array_equal(found.index, expected)
    np.testing.assert_allclose(found.examples, 255 * worst[expected], atol=1e-3)
    few = robustness.attack_scores(detector, x, label, eps=0.15, keep=2)
    at = np.r_[expected[:2], expected[20:22]]
    np.testing.assert_array_equal(few.index, at)
    np.testing.assert_array_equal(few.examples, found.examples[np.r_[0, 1, 20, 21]])


def test_l2_moves_along_the_slope():
    x, label = np.random.default_rng(2).uniform(0.4, 0.6, (12, *SHAPE)).astype(np.float32), truth(12)
    x[0, 0, 0], x[0, 0, 1] = 0, 1                       # the range
    detector = linear(x)
    found = robustness.attack_scores(detector, x, label, "l2", eps=0.2)
    gain = signs(label) * (found.attacked_score - found.score)
    length = 0.2 * np.linalg.norm(detector.slope)
    assert (gain[1:] > 0.97 * length).all() and (gain <= length + 1e-4).all()
    np.testing.assert_allclose(found.change, 0.2, atol=1e-4)


def test_a_value_beyond_the_trained_range_comes_back_and_goes_no_farther():
    trained = np.random.default_rng(3).uniform(-2, 6, (40, 5)).astype(np.float32)
    detector = linear(trained, slope=np.float32([1, 1, 1, -1, 1]))
    low, high = trained.min(axis=0), trained.max(axis=0)
    x = np.stack([(low + high) / 2] * 2)
    x[:, 0], x[:, 1] = high[0] + 3, low[1] - 3
    for label, expected in ((0, [0, 0.1, 0.1, -0.1, 0.1]), (1, [-0.1, 0, -0.1, 0.1, -0.1])):
        found = robustness.attack_scores(detector, x[:1], np.array([label]), eps=0.1, keep=1)
        np.testing.assert_allclose((found.examples[0] - x[0]) / (high - low), expected, atol=1e-4)


@pytest.mark.parametrize("attack", ["linf", "l2"])
def test_what_is_missing_or_constant_stays_as_it_is(attack):
    trained = np.random.default_rng(4).normal(size=(40, 4)).astype(np.float32)
    trained[:, 2] = 7                                   # constant
    detector = linear(trained, preprocess="median+standard")
    x = trained[:6].copy()
    x[0, 0], x[1, 1], x[2, :] = np.nan, np.nan, [np.nan, np.nan, 7, np.nan]
    found = robustness.attack_scores(detector, x, truth(6), attack, eps=0.2, keep=6)
    back = np.empty_like(x)
    back[found.index] = found.examples
    np.testing.assert_array_equal(np.isnan(back), np.isnan(x))
    np.testing.assert_array_equal(back[:, 2], 7)
    span = np.nanmax(x, axis=0) - np.nanmin(x, axis=0)
    move = np.abs(np.nan_to_num(back - x)[:, [0, 1, 3]] / span[[0, 1, 3]])
    assert move.max() <= 0.2 + 1e-5 and found.change[2] == 0 and (found.change[[0, 1, 3, 4, 5]] > 0.19).all()
    assert np.isfinite(found.attacked_score).all() and found.attacked_score[2] == found.score[2]


def test_the_space_is_the_types_range_the_trained_one_or_the_judged_ones():
    image, table = pixels(), np.random.default_rng(5).normal(size=(30, 4)).astype(np.float32)
    half = (image / 510).astype(np.float32)             # judged values reach only half as far as trained ones
    for detector, x, low, span in (
            (linear(image), image, 0, 255), (linear(image), image.astype(np.uint16), 0, 65535),
            (linear((image / 255).astype(np.float32)), half, image.min() / 255, np.ptp(image) / 255),
            (linear(image, preprocess="gcn_l1"), half, half.min(), half.max() - half.min()),
            (linear(table), table[:9], table.min(axis=0), np.ptp(table, axis=0)),
            (linear(table, preprocess="none"), table[:9], table[:9].min(axis=0), np.ptp(table[:9], axis=0))):
        found = robustness.space(detector, x)
        np.testing.assert_allclose(found[0], np.broadcast_to(low, np.shape(found[0])), atol=1e-6)
        np.testing.assert_allclose(found[1], np.broadcast_to(span, np.shape(found[1])), rtol=1e-5)


def test_no_eps_changes_nothing_to_the_last_bit():
    for x, attack in ((pixels(), "linf"), (pixels(), "l2"), (pixels().astype(np.float64) / 7, "linf")):
        detector = linear(pixels() if x.dtype == np.uint8 else x[:20].astype(np.float32))
        found = robustness.attack_scores(detector, x, truth(), attack, eps=0.0, keep=99)
        np.testing.assert_array_equal(found.attacked_score, found.score)
        np.testing.assert_array_equal(found.examples, x[found.index].astype(np.float32))
        np.testing.assert_allclose(found.score, detector.predict(x, verbose=0), rtol=1e-6, atol=1e-5)
        told = robustness.numbers(truth(), found)
        assert told["adversarial_auroc"] == told["adversarial_auroc_normals"] == told["auroc"] and told["share_unharmed"] == 1


def test_spatial_takes_the_worst_of_all_rotations_and_shifts():
    x, label = pixels(6, (8, 8, 1)), truth(6)
    detector = linear(x)
    found = robustness.attack_scores(detector, x, label, "spatial", keep=9)
    made = kerasnd.attacks.warp(tf.constant(x, tf.float32), tf.constant(kerasnd.attacks.grid())).numpy().reshape(279, *x.shape)
    every = (np.clip(made, 0, 255) / 255 * detector.slope).sum(axis=(2, 3, 4)) * signs(label)
    np.testing.assert_allclose(found.attacked_score, every.max(axis=0) * signs(label), rtol=1e-4, atol=1e-4)
    assert found.name == "spatial" and found.eps is None and found.examples.min() >= -1e-3 and found.examples.max() <= 255.001


# ---- what is told of it ----------------------------------------------------------------------------------------------

def test_the_numbers_are_those_of_the_scores():
    label = np.array([0, 0, 0, 1, 1])
    before, after = np.float32([0, 1, 2, 3, 1.5]), np.float32([4, 1, 2, 0.5, 1.5])
    found = robustness.Attacked("linf 0.1", 0.1, 40, before, after, np.float32([0.1, 0, 0, 0.05, 0]), None, None)
    told = robustness.numbers(label, found)
    assert told["auroc"] == metrics.auroc(label, before) == pytest.approx(5 / 6)
    assert told["adversarial_auroc"] == pytest.approx(2 / 6 - 1 / 6)
    assert told["adversarial_auroc_normals"] == metrics.auroc(label, [4, 1, 2, 3, 1.5]) == pytest.approx(3 / 6)
    assert told["adversarial_auroc_anomalies"] == metrics.auroc(label, [0, 1, 2, 0.5, 1.5]) == pytest.approx(3 / 6)
    assert told["auroc_low"] <= told["auroc"] <= told["auroc_high"] and told["share_unharmed"] == pytest.approx(0.6)
    assert (told["largest_change"], told["mean_change"]) == (pytest.approx(0.1), pytest.approx(0.03))
    assert (told["attack"], told["eps"], told["steps"], told["n_test"], told["n_anomalous"]) == ("linf", 0.1, 40, 5, 2)


def test_the_defaults_grow_with_the_example():
    assert robustness.default_eps("linf", (28, 28, 1)) == 0.1 and robustness.default_eps("linf", (6,)) == 0.05
    assert robustness.default_eps("l2", (28, 28, 1)) == 1.5 and robustness.default_eps("l2", (56, 56, 1)) == 3.0
    assert robustness.default_eps("spatial", (28, 28, 1)) is None


def test_one_seed_gives_the_same_bits_and_batches_of_any_size_are_traced_once(monkeypatch):
    x, label = pixels(2 * robustness.BATCH + 7), truth(2 * robustness.BATCH + 7)
    detector, one = linear(x), linear(x[:3])
    found = [robustness.attack_scores(detector, x, label, eps=0.1, steps=0, seed=seed) for seed in (4, 4, 5)]
    np.testing.assert_array_equal(found[0].attacked_score, found[1].attacked_score)
    assert (found[0].attacked_score != found[2].attacked_score).mean() > 0.3
    detector.traced = 0
    robustness.attack_scores(detector, x, label, steps=3)
    robustness.attack_scores(one, x[:3], label[:3], steps=3)
    assert detector.traced == one.traced


class Backwards(Stream):
    """Examples that are read last to first."""

    def __init__(self, x):
        super().__init__(x.shape, x.dtype, in_order=False)
        self.x = tf.constant(x)

    def examples(self, index):
        places = tf.range(tf.size(index, tf.int64), dtype=tf.int64)[::-1]
        return tf.data.Dataset.from_tensor_slices(places).map(lambda place: (place, tf.gather(self.x, tf.gather(index, place))))


def test_a_stream_is_attacked_as_an_array():
    x, label = pixels(150), truth(150)
    array, stream = (robustness.attack_scores(linear(x), each, label, eps=0.1, keep=3) for each in (x, Backwards(x)))
    for name in ("score", "attacked_score"):
        np.testing.assert_allclose(getattr(stream, name), getattr(array, name), rtol=1e-4, atol=1e-3)
    harm = np.abs(array.attacked_score - array.score)
    np.testing.assert_allclose(harm[stream.index], harm[array.index], rtol=1e-4)        # of equally harmed ones either will do
    worst = x[stream.index] / 255 + 0.1 * (signs(label)[stream.index].reshape(-1, 1, 1, 1) * np.sign(linear(x).slope))
    np.testing.assert_allclose(stream.examples, 255 * np.clip(worst, 0, 1), atol=1e-2)


# ---- every method ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_attacked_or_says_why_not(name):
    shape = (6,)
    detector = build(name, shape)
    detector.fit(*lesson(name, 32, shape), epochs=1, batch_size=16, verbose=0)
    x, label = np.concatenate([normals(12, shape, seed=7), strangers(12, shape)]), np.repeat([0, 1], 12)
    if name == "isoforest":
        with pytest.raises(Misuse, match="no gradient.*attack=linf for a IsolationForest") as refusal:
            robustness.attack_scores(detector, x, label)
        assert "\n" not in str(refusal.value)
        return
    found = robustness.attack_scores(detector, x, label, eps=0.2, steps=5)
    np.testing.assert_allclose(found.score, detector.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    gain = signs(label) * (found.attacked_score - found.score)
    assert (gain >= 0).all() and found.change.max() <= 0.2 + 1e-6
    # strangers may lie where a kernel is flat; but what the methods know they see moved
    assert (gain[label == 0] > 0).mean() > 0.7
    told = robustness.numbers(label, found)
    assert told["adversarial_auroc"] <= min(told["adversarial_auroc_normals"], told["adversarial_auroc_anomalies"]) <= told["auroc"]


@pytest.mark.parametrize("name", ["isoforest", "kde", "deep_svdd"])
def test_rotations_need_no_gradient(name):
    detector = build(name)
    detector.fit(normals(), epochs=1, batch_size=16, verbose=0)
    x, label = np.concatenate([normals(6, seed=7), strangers(6)]), np.repeat([0, 1], 6)
    found = robustness.attack_scores(detector, x, label, "spatial")
    np.testing.assert_allclose(found.score, detector.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    assert (signs(label) * (found.attacked_score - found.score) >= 0).all() and (found.change > 0).mean() > 0.7


def test_a_gradient_that_is_no_number_is_none():
    """A norm has no gradient at 0, where TensorFlow gives NaN; elsewhere it is left as it is."""
    x = tf.constant([[0.0, 0.0], [3.0, 4.0]])
    norm = lambda at: tf.sqrt(tf.reduce_sum(robustness._steady(at) ** 2, axis=1))       # noqa: E731
    np.testing.assert_allclose(kerasnd.attacks.input_gradient(norm, x).numpy(), [[0, 0], [0.6, 0.8]], rtol=1e-6)


def test_what_cannot_be_attacked_is_told_in_one_line():
    images, table = linear(pixels()), linear(np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    x, row = pixels(4), np.zeros((4, 4), np.float32)
    forest = build("isoforest")
    forest.fit(normals(), verbose=0)
    label = np.array([0, 1, 0, 1])
    for told, detector, given, more in (
            ("`attack` must be one of linf, l2, spatial", images, x, {"attack": "l3"}),
            ("`eps` must be left out with attack=spatial", images, x, {"attack": "spatial", "eps": 0.1}),
            ("`steps` must be left out", images, x, {"attack": "spatial", "steps": 3}),
            (r"`attack` must be linf or l2 for tables.*\(4,\)", table, row, {"attack": "spatial"}),
            ("`eps` must be a number", images, x, {"eps": -1}), ("`steps` must be", images, x, {"steps": 1.5}),
            ("`keep` must be", images, x, {"keep": -1}), ("`label` must be 0 or 1", images, x, {"label": [0, 1, 2, 0]}),
            ("`label` must be 0 or 1, one for each of 4", images, x, {"label": [0, 1]}),
            ("`x` must hold examples", images, pixels(4, (9, 9, 1)), {}),
            ("`attack` must be spatial.*IsolationForest", forest, normals(4), {"attack": "l2"})):
        with pytest.raises(Misuse, match=told) as refusal:
            robustness.attack_scores(detector, given, **{"label": label, **more})
        assert "\n" not in str(refusal.value)
    row[2, 1] = np.inf
    with pytest.raises(BadData, match="finite.*for example 2"):
        robustness.attack_scores(table, row, label)


# ---- a run's folder --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def small_runs(arrays, tmp_path_factory):
    """{method: a finished run of one epoch}, made when asked for."""
    made, folder = {}, tmp_path_factory.mktemp("attacked")

    def run(method):
        if method not in made:
            config = settings(method, arrays, "1", epochs=1) if method not in SOLVED else solved(method, arrays)
            runs.train(config, folder / method)
            made[method] = folder / method
        return made[method]
    return run


def solved(method, dataset):
    return configs.load(method=method, dataset=str(dataset), normal="1")


@pytest.mark.parametrize("method", ["autoencoder", "arae", "isoforest"])
def test_a_run_is_attacked_and_its_own_scores_and_metrics_stay(method, small_runs, quick, monkeypatch, capsys):
    run = small_runs(method)
    own = {name: (run / name).read_bytes() for name in ("scores.npz", "metrics.json", "detector.keras", "config.json")}
    asked = [("spatial", None)] if method == "isoforest" else [("linf", 0.1)]
    asked += [("linf", 0.02), ("l2", None)] if method == "autoencoder" else []
    results = [runs.evaluate(run, attack=attack, eps=eps) for attack, eps in asked]
    assert {name: (run / name).read_bytes() for name in own} == own
    entries = json.loads((run / "metrics_attack.json").read_text())
    assert list(entries) == [{"spatial": "spatial", "l2": "l2 0.429"}.get(attack, f"linf {eps}") for attack, eps in asked]
    assert list(entries.values()) == results
    with np.load(run / "scores.npz") as file:
        clean = {name: file[name] for name in file.files}
    for name, entry in entries.items():
        with np.load(run / f"scores_attack_{name.replace(' ', '_')}.npz") as file:
            np.testing.assert_array_equal(file["index"], clean["index"])
            np.testing.assert_array_equal(file["label"], clean["label"])
            np.testing.assert_allclose(file["score"], clean["score"], rtol=1e-5, atol=1e-6)
            assert metrics.auroc(file["label"], file["attacked_score"]) == entry["adversarial_auroc"] <= entry["auroc"]
            assert file["change"].max() == np.float32(entry["largest_change"]) and file["change"].dtype == np.float32
        assert entry["auroc"] == pytest.approx(json.loads(own["metrics.json"])["auroc"], abs=1e-3)
        assert entry["protocol_hash"] == json.loads(own["metrics.json"])["protocol_hash"]
    drawn = matplotlib.image.imread(run / "figures/attack.png")
    assert drawn.shape[0] > 500 and len(np.unique(drawn)) > 20
    out = capsys.readouterr().out
    assert "all attacked" in out and f"{results[-1]['adversarial_auroc']:.4f}" in out
    if method == "autoencoder":
        assert {**runs.evaluate(run, attack="linf", eps=0.1), "seconds": 0} == {**results[0], "seconds": 0}


def test_a_forest_is_attacked_by_rotations_alone(small_runs):
    run = small_runs("isoforest")
    with pytest.raises(Misuse, match="must be spatial where a score has no gradient"):
        runs.evaluate(run, attack="linf")


def test_other_data_is_attacked_and_said(small_runs, quick):
    run = small_runs("autoencoder")
    told = runs.evaluate(run, outliers="uniform_noise", attack="linf", eps=0.3)
    assert told["judged"] == {"outliers": "uniform_noise"}
    assert "judged" not in runs.evaluate(run, attack="linf", eps=0.3)


def test_a_failure_or_a_damaged_file_loses_nothing(small_runs, quick, monkeypatch, caplog):
    run = small_runs("deep_svdd")
    runs.evaluate(run, attack="linf", eps=0.05)
    before = (run / "metrics_attack.json").read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(np, "savez", full)
        runs.evaluate(run, attack="linf", eps=0.07)
    assert (run / "metrics_attack.json").read_bytes() == before
    assert not (run / "scores_attack_linf_0.07.npz").exists() and not [path for path in run.rglob("*") if ".partial" in path.name]
    (run / "metrics_attack.json").write_text("{")
    with caplog.at_level("WARNING", "absl"):
        runs.evaluate(run, attack="linf", eps=0.07)
    assert list(json.loads((run / "metrics_attack.json").read_text())) == ["linf 0.07"] and "Written anew" in caplog.text
    RunFolder(run).clear()
    assert not list(run.glob("*attack*"))


def test_the_picture_of_an_attack_refuses_what_does_not_fit(tmp_path):
    x, label, score = pixels(4), np.array([0, 1, 0, 1]), np.arange(4.0)
    for colour in (x, np.repeat(x, 3, axis=-1)):
        figures.attacked(colour, colour * 0.9, label, score, score + 1, tmp_path / "a.png", "linf $0.1")
        figures.attacked(colour[:1], colour[:1], label[:1], score[:1], score[:1], tmp_path / "one.png")
    for wrong in ({"changed": x[:3]}, {"label": label[:2]}, {"after": score[:1]}):
        given = {"x": x, "changed": x, "label": label, "before": score, "after": score, **wrong}
        with pytest.raises(Misuse, match="must be of one shape"):
            figures.attacked(**given, path=tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()
