"""Served models: every method's answers from the disk, without Keras; images as files; versions; what is refused."""
import json
import logging
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from image_folders import FILES, GREY, RGB, saved
from variants import SHAPES, STEPPED, VARIANTS, build, lesson, normals, own_networks, strangers, with_own_networks

import kerasnd
from kerasnd.calibration import Verdict
from kerasnd.data.image_files import load_files
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed
from kerasnd.methods import METHODS, method
from kerasnd.networks.normalizer import Normalizer
from kerasnd.serving import formats, golden, replay, served, signatures, verifying, versions, warmup

# One variant of every method, and of every way to score that is a graph of its own; the others by `make test-slow`.
SERVED = ["autoencoder.dropout", "rcae.huber", "arae.union", "deep_sad", "deep_svdd.soft_boundary", "gpnd.gold", "fitymi",
          "ocnn.released", "score_sde", "vae.negative_elbo", "semi_dgm.m1m2", "supervised", "ssad", "ocsvm.nystroem", "isoforest",
          "kde"]
SLOW = [variant for variant in VARIANTS if variant not in SERVED]
FEW = (0, 4)        # sizes of golden batches: an empty one too


def fitted(variant):
    """A detector with all that its score needs, the steps of its training left out: what is exported of it is the same."""
    detector = with_own_networks(variant) if variant == "score_sde" else build(variant)     # a U-Net takes long to trace
    if variant not in STEPPED:
        detector.fit(*lesson(variant), verbose=0)
        return detector
    detector.compile()
    feed = Feed(*lesson(variant), 16)
    feed = feed if detector.takes_hints else feed.blind()
    for step in (detector.ready, detector.prepare, detector.finish):
        step(feed)
    return detector


def verdict_of(detector, shape=SHAPES["images"], alpha=0.1):
    return kerasnd.calibrate(detector, normals(40, shape, seed=4), alpha=alpha, batch_size=4)       # one shape: one tracing


def written(folder, model, **more):
    folder.mkdir(parents=True)
    served.write(model, folder, **{"sizes": FEW, **more})
    return folder


def replayed(folders):
    """{folder's parent: what a process without Keras found}, of all in one process."""
    ended = subprocess.run([sys.executable, "-I", replay.__file__, *map(str, folders)], capture_output=True, text=True, timeout=600)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(lines) == len(folders), ended.stderr[-2000:]
    return {folder.parent.name: told for folder, told in zip(folders, lines)}


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """Without TensorFlow's advice on tracing."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder of exported versions, one of each of `SERVED`, and of a hybrid, and of tables."""
    root = tmp_path_factory.mktemp("served")
    for variant in SERVED:
        written(root / variant / "1", verdict_of(fitted(variant)))
    parent = fitted("autoencoder")
    hybrid = method("kde")(encoder=own_networks()[0], preprocess=parent.preprocess)
    hybrid.inherit(parent)
    hybrid.fit(normals(), verbose=0)
    written(root / "hybrid" / "1", verdict_of(hybrid))
    table = method("deep_svdd")(SHAPES["tables"], preprocess="median+minmax")
    table.compile(keras.optimizers.Adam())
    table.fit(normals(shape=SHAPES["tables"]), epochs=1, verbose=0)
    written(root / "table" / "1", verdict_of(table, SHAPES["tables"]))
    return root


@pytest.fixture(scope="module")
def answers(models):
    return replayed(sorted(models.glob("*/1")))


@pytest.fixture(scope="module")
def verdict():
    return verdict_of(fitted("deep_svdd"))


# ---- what is served ----------------------------------------------------------------------------------------------------

def test_every_method_is_served():
    assert {variant.partition(".")[0] for variant in SERVED} == set(METHODS)


@pytest.mark.parametrize("name", [*SERVED, "hybrid", "table"])
def test_a_process_without_keras_answers_as_the_model_in_memory(name, models, answers):
    told = answers[name]
    assert "wrong" not in told, told["wrong"]
    expected = {"serving_default", "with_alpha"} | (set() if name == "table" else {"serving_uint8", "image_bytes"})
    if name in SERVED and hasattr(method(name.partition(".")[0]), "reconstruct"):
        expected.add("reconstruct")
    assert set(told["signatures"]) == expected and told["examples"] >= 4 * len(expected)


@pytest.mark.slow
@pytest.mark.parametrize("variant", SLOW)
def test_the_other_variants_are_served_too(variant, tmp_path):
    folder = written(tmp_path / variant / "1", verdict_of(fitted(variant)))
    assert "wrong" not in replayed([folder])[variant]


def test_floats_bytes_and_alphas_are_answered_alike(verdict, tmp_path):
    folder = written(tmp_path / "m" / "1", verdict)
    graph, x = tf.saved_model.load(str(folder)).signatures, np.concatenate([normals(6, seed=7), strangers(6)])
    expected = verdict.predict(x, verbose=0)
    whole = np.array([tf.io.encode_png(each).numpy() for each in x], object)
    for found in (graph["serving_default"](x=tf.constant(x, tf.float32)), graph["serving_uint8"](x=tf.constant(x)),
                  graph["image_bytes"](image_bytes=tf.constant(whole))):
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-6)
    alpha = np.linspace(0.01, 0.99, 12).astype(np.float32)
    found = graph["with_alpha"](x=tf.constant(x, tf.float32), alpha=tf.constant(alpha))
    np.testing.assert_array_equal(found["is_novel"], expected["p_value"] <= alpha)
    assert 0 < found["is_novel"].numpy().sum() < 12
    for n in (0, 150):      # no batch is too small or too large
        found = graph["serving_default"](x=tf.zeros((n, 8, 8, 1)))
        assert {key: (value.shape, value.dtype) for key, value in found.items()} == {
            "score": ((n,), tf.float32), "p_value": ((n,), tf.float32), "is_novel": ((n,), tf.bool)}


def test_a_detector_of_replicas_is_served_from_a_copy_without_them(mirrored, tmp_path):
    with mirrored.scope():
        verdict = verdict_of(fitted("deep_svdd"))
    copy, x = served.plain(verdict), strangers(5)
    assert copy.detector.distribute_strategy.num_replicas_in_sync == 1 and served.plain(copy) is copy
    np.testing.assert_allclose(copy.predict(x, verbose=0)["score"], verdict.predict(x, verbose=0)["score"], rtol=1e-5)
    graph = tf.saved_model.load(str(written(tmp_path / "1", verdict))).signatures
    np.testing.assert_allclose(graph["serving_uint8"](x=tf.constant(x))["score"], copy.predict(x, verbose=0)["score"], rtol=1e-6)


def test_training_leaves_no_trace_in_the_file(models):
    """Neither optimisers, nor critics, nor the stage before: the variables are those that an answer reads."""
    names = {name: {key for key, _ in tf.train.list_variables(str(models / name / "1" / "variables" / "variables"))}
             for name in ("gpnd.gold", "deep_svdd.soft_boundary")}
    detector = build("deep_svdd.soft_boundary")
    read = len(detector.encoder.weights) + len(detector.normalizer.weights)
    assert len([key for key in names["deep_svdd.soft_boundary"] if key.startswith("read")]) <= read + 4      # centre, radius...
    for each in names.values():
        assert not [key for key in each if "optimizer" in key or "critic" in key]


# ---- images as files ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("size, block_mean", [((21, 17), False), ((40, 30), False), ((7, 17), True)])
def test_a_files_bytes_become_what_a_folder_of_it_holds(tmp_path, size, block_mean):
    eight_bit = [name for name in FILES if name != "deep.png"]
    paths = np.array([saved(str(tmp_path / name), FILES[name][0], **FILES[name][1]) for name in eight_bit])
    encoded = [open(path, "rb").read() for path in paths]
    loaded, _, _ = load_files(paths, "here", size=size, channels=3, block_mean=block_mean)
    how = signatures.Pixels(block_mean=block_mean)
    np.testing.assert_array_equal(signatures.decoded(tf.constant(encoded), (*size, 3), how), loaded)
    grey = [place for place, name in enumerate(eight_bit) if "grey" in name or name == "one_bit.png"]
    loaded, _, _ = load_files(paths[grey], "here", size=size, channels=1, block_mean=block_mean)
    found = signatures.decoded(tf.constant([encoded[place] for place in grey]), (*size, 1), how)
    np.testing.assert_array_equal(found, loaded)


def test_a_colour_image_turns_grey_as_pillow_has_it():
    from PIL import Image
    np.testing.assert_array_equal(signatures.grey(tf.constant(RGB))[..., 0], np.asarray(Image.fromarray(RGB).convert("L")))
    np.testing.assert_array_equal(signatures.grey(tf.constant(np.repeat(GREY[..., None], 3, 2)))[..., 0], GREY)


def test_pixels_come_into_the_range_that_was_trained_on():
    normalizer = Normalizer("unit", (8, 8, 1))
    normalizer.adapt([normals().astype(np.float32) / 15])
    highest = normals().max() / 15
    assert served.pixels(normalizer, "float32").white == pytest.approx(highest, rel=1e-6)
    assert served.pixels(normalizer, "float32", white=1.0).white == 1
    assert served.pixels(normalizer, "uint8") == signatures.Pixels() and served.pixels(normalizer, "uint16").bits == 16
    white = tf.io.encode_png(np.full((3, 3, 1), 255, np.uint8))[None]
    np.testing.assert_allclose(signatures.decoded(white, (8, 8, 1), signatures.Pixels(white=16.0)), np.full((1, 8, 8, 1), 16.0))
    deep = np.random.default_rng(0).integers(0, 65536, (8, 8, 1), np.uint16)
    found = signatures.decoded(tf.io.encode_png(deep)[None], (8, 8, 1), signatures.Pixels(bits=16))
    np.testing.assert_array_equal(found[0], deep)


# ---- versions ----------------------------------------------------------------------------------------------------------

def test_versions_are_numbered_and_an_error_leaves_nothing(tmp_path):
    to = tmp_path / "model"
    for number in (1, 2):
        with versions.next_version(to) as (folder, made):
            (folder / "a").write_text("b")
            assert [path.name for path in to.iterdir() if path.name.isdecimal()] == [str(each) for each in range(1, number)]
        assert made == [to / str(number)] and (made[0] / "a").read_text() == "b"
    (to / "10").mkdir()
    (to / "old").mkdir()
    with pytest.raises(KeyboardInterrupt), versions.next_version(to) as (folder, _):
        raise KeyboardInterrupt
    assert versions.numbers(to) == [1, 2, 10] and {path.name for path in to.iterdir()} == {"1", "2", "10", "old"}
    with pytest.raises(ZeroDivisionError), versions.next_version(tmp_path / "none") as (folder, _):
        raise ZeroDivisionError
    assert not (tmp_path / "none").exists()
    with pytest.raises(Misuse, match="versions are numbered"), versions.next_version(to / "3"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(Misuse, match="`to` must be a folder"), versions.next_version(tmp_path / "file"):
        pass


def test_what_a_killed_export_left_is_swept_and_a_living_ones_is_not(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    dead, alive = tmp_path / f".partial-{killed.pid}-x", tmp_path / ".partial-1-x"
    dead.mkdir()
    alive.mkdir()
    with versions.next_version(tmp_path):
        pass
    assert not dead.exists() and alive.exists() and versions.numbers(tmp_path) == [1]


# ---- what is replayed --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return written(tmp_path_factory.mktemp("one") / "1", verdict_of(fitted("autoencoder")))


@pytest.fixture
def model(one, tmp_path):
    return shutil.copytree(one, tmp_path / "1")


def spoil(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)


@pytest.mark.parametrize("name", ["variables/variables.data-00000-of-00001", "saved_model.pb", replay.GOLDEN,
                                  "assets.extra/model_card.json"])
def test_a_changed_or_missing_file_is_named(model, name):
    spoil(model, name)
    with pytest.raises(replay.Wrong, match=f"^{name} has changed since it was exported$"):
        replay.check(model)
    (model / name).unlink()
    with pytest.raises(replay.Wrong, match=f"^{name} is missing$"):
        replay.check(model)


def trusted(model):
    """Makes the manifest that of the files as they are."""
    from kerasnd.serving import card
    (model / replay.MANIFEST).unlink()
    card.write_manifest(model)


def test_files_that_do_not_load_are_told(model):
    for name, told in (("saved_model.pb", "TensorFlow cannot load it"), (replay.GOLDEN, "golden.npz cannot be read")):
        (model / name).write_bytes((model / name).read_bytes()[:100])
        trusted(model)
        with pytest.raises(replay.Wrong, match=told):
            replay.check(model)
    (model / replay.MANIFEST).write_text("{")
    with pytest.raises(replay.Wrong, match="manifest.json is missing or damaged"):
        replay.check(model)


@pytest.mark.parametrize("key, change, told", [
    ("out/score", lambda value: value * (1 + 1e-4), "serving_default scores example . of 4"),
    ("out/score", lambda value: value * np.float32(np.nan), "serving_default scores example 0"),
    ("out/reconstruction", lambda value: value + 1e-3 * np.abs(value).max(), "reconstruct of 4 examples answers other values"),
    ("out/is_novel", lambda value: ~value, "serving_default calls example 0"),
    ("in/x", lambda value: value + 1, "scores example"),
    ("held_out", lambda value: value + 1e4, "the p-value"),
])
def test_another_answer_is_told(model, key, change, told):
    with np.load(model / replay.GOLDEN) as file:
        arrays = {name: file[name] for name in file.files}
    name = next(name for name in arrays if name.endswith(key) and arrays[name].size)
    arrays[name] = change(arrays[name]).astype(arrays[name].dtype)
    np.savez(model / replay.GOLDEN, **arrays)
    trusted(model)
    with pytest.raises(replay.Wrong, match=told):
        replay.check(model)


def test_a_score_that_moves_by_its_rounding_may_move_its_p_value_past_a_held_out_one():
    held_out = np.array([1, 2, 3], np.float32)
    golden_file = {"scale": 3.0, "held_out": held_out, "alpha": np.float32(0.5)}
    was = {"score": np.float32([2]), "p_value": np.float32([0.75]), "is_novel": np.array([False])}
    now = {"score": np.float32([2 + 1e-5]), "p_value": np.float32([0.5]), "is_novel": np.array([True])}
    assert 0 < replay.judged(golden_file, "serving_default", {}, now, was) <= 1
    for wrong in ({"p_value": np.float32([0.25])}, {"is_novel": np.array([False])}):
        with pytest.raises(replay.Wrong):
            replay.judged(golden_file, "serving_default", {}, {**now, **wrong}, was)


def test_an_export_is_replayed_from_the_disk_before_it_is_there(verdict, tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "image_files", lambda *args: np.array([b"no image"], object))
    monkeypatch.setattr(golden, "expected", lambda verdict, name, given, how: {
        "score": np.zeros(len(next(iter(given.values()))), np.float32)})
    with pytest.raises(BadData, match="serving_default answers is_novel, p_value, score where score were exported. Export it"):
        kerasnd.export(verdict, tmp_path / "served", sizes=FEW)
    assert not (tmp_path / "served").exists()


def test_an_export_is_there_and_verified(verdict, tmp_path):
    assert kerasnd.export(verdict, tmp_path / "served", alpha=0.3, sizes=FEW, licence="CC0") == tmp_path / "served" / "1"
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["1"]
    card = json.loads((tmp_path / "served/1/assets.extra/model_card.json").read_text())
    assert card["method"] == "DeepSVDD" and card["licence_of_weights"] == "CC0"
    assert card["calibration"] == {"n": 40, "alpha": 0.3, "from": "normals given to kerasnd.calibrate", "least_p_value": 1 / 41}
    assert card["signatures"]["serving_uint8"]["inputs"] == {"x": {"dtype": "uint8", "shape": [None, 8, 8, 1]}}
    assert card["signatures"]["with_alpha"]["inputs"]["alpha"] == {"dtype": "float32", "shape": [None]}
    assert "40 held-out normals" in (tmp_path / "served/1/assets.extra/model_card.md").read_text()
    with pytest.raises(Misuse, match=f"Write {tmp_path / 'served' / '1'}"):
        verifying.verify(tmp_path / "served")
    with pytest.raises(Misuse, match="folder of an exported version"):
        verifying.verify(tmp_path / "nowhere")


def test_without_the_package_for_them_there_are_no_warm_up_requests_and_it_is_said(tmp_path, monkeypatch, caplog):
    for name in ("tensorflow_serving", "tensorflow_serving.apis"):
        monkeypatch.setitem(sys.modules, name, None)
    with caplog.at_level(logging.INFO, logger="absl"):
        assert warmup.write(tmp_path / "requests", "m", []) == 0
    assert "pip install kerasnd[serving]" in caplog.text and not (tmp_path / "requests").exists()


# ---- what is refused ---------------------------------------------------------------------------------------------------

def test_what_cannot_be_served_is_refused_and_leaves_nothing(verdict, tmp_path):
    for model, told in ((verdict.detector, "Call kerasnd.calibrate"), (keras.Sequential(), "what kerasnd.calibrate returns")):
        with pytest.raises(Misuse, match=told):
            kerasnd.export(model, tmp_path / "served")
    with pytest.raises(Misuse, match="Give 99 or more"):
        kerasnd.export(verdict, tmp_path / "served", alpha=0.01)
    with pytest.raises(Misuse, match="`alpha`"):
        kerasnd.export(Verdict(verdict.detector), tmp_path / "served")
    assert not (tmp_path / "served").exists()


def test_a_score_that_calls_python_is_refused_by_its_operation(tmp_path):
    class Calling(type(build("deep_svdd"))):
        def call(self, x, training=False):
            return tf.numpy_function(lambda values: values.reshape(len(values), -1).sum(1), [tf.cast(x, tf.float32)], tf.float32)
    detector = Calling(SHAPES["images"])
    with pytest.raises(Misuse, match="serving_default with PyFunc"):
        kerasnd.export(Verdict.of(detector, np.arange(40.0), 0.1), tmp_path / "served")
    assert not (tmp_path / "served").exists()


def test_golden_inputs_are_of_the_data_or_of_its_range():
    detector, rng = fitted("autoencoder"), np.random.default_rng(0)
    given = golden.inputs(detector, strangers(9), ["serving_default", "serving_uint8"], signatures.Pixels())
    assert [len(each["x"]) for _, each in given] == [1, 7, 128, 7]
    rows = {each.tobytes() for each in strangers(9).astype(np.float32)}
    assert {each.tobytes() for each in given[2][1]["x"]} <= rows
    x = golden.noise(detector.normalizer, 500, signatures.Pixels(), rng)
    trained = normals()
    low, high = trained.mean(0) - 2 * trained.std(0), trained.mean(0) + 2 * trained.std(0)
    assert (x >= np.floor(low) - 1).all() and (x <= np.ceil(high) + 1).all() and x.std() > 10


def test_another_format_needs_its_packages_its_suffix_and_a_right_answer(verdict, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    for format, name, told in (("onnx", "a.onnx", r"pip install 'kerasnd\[onnx\]'"), ("onnx", "a.tflite", "must end in .onnx"),
                               ("onx", "a.onnx", "Did you mean 'onnx'")):
        with pytest.raises(Misuse, match=told):
            formats.export(verdict, tmp_path / name, format, sizes=FEW)
    right = {name: value[:2] for name, value in verdict.predict(strangers(2), verbose=0).items()}
    formats._compare(verdict, right, right, "onnx")
    for wrong in ({"score": right["score"] * 1.01}, {"p_value": right["p_value"] + 0.1}, {"is_novel": ~right["is_novel"]}):
        with pytest.raises(BadData, match="does not answer as the model in memory"):
            formats._compare(verdict, {**right, **wrong}, right, "onnx")
