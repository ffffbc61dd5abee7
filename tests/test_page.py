"""The page: self-contained, escaped, small, whole; and the evidence in it, against oracles."""
import base64
import html.parser
import re
import shutil
import struct
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from linear_detector import SHAPE, linear, pixels
from sklearn.neighbors import NearestNeighbors

from kerasnd import attribution, config, evidence, metrics, page, report, reporting, runs
from kerasnd.cli import report as program
from kerasnd.page import charts, elements, pictures
from test_report import a_run

EVIL = "<script>alert('x')</script>\"&--> onload=y \x00\ud800"
EMPTY = {"img", "br", "meta", "col"}
HEADINGS = ("Averages", "Runs", "Where the scores come from", "Most normal", "Most anomalous", "Hardest false alarms", "How it was made",
            "Latency", "Model card", "This page")


class Checker(html.parser.HTMLParser):
    """Walks a page and holds what a browser would: whether tags are balanced, ids, links, sources, words."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.sources, self.tags, self.words = [], [], [], [], [], []
        self.attributes = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names)
        self.attributes += names
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [given["src"]] if "src" in given else []
        if tag == "img":
            assert given["alt"]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def checked(text):
    """A Checker that found a whole page which needs nothing from elsewhere and runs nothing."""
    found = Checker(text)
    assert text.startswith("<!DOCTYPE html>") and found.tags[:2] == ["html", "head"] and found.tags.count("title") == 1
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(found.tags)
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]
    assert not re.search(r"https?:|url\(|@import|javascript:", text)
    assert len(set(found.ids)) == len(found.ids)
    assert found.links and all(link.startswith("#") and link[1:] in found.ids for link in found.links)
    assert all(source.startswith("data:image/png;base64,") for source in found.sources)
    return found


def an_example(rng, shape, label, **more):
    return {"index": 3, "label": label, "score": 1.5, "name": "cat", "shown": rng.integers(0, 256, shape).astype("uint8"),
            "redrawn": None, "heat": rng.normal(size=shape[:2]), "terms": {"residual": 2.5}, **more}


def made_up(rng, shape=(32, 32, 3), **more):
    """Evidence of noise, which no compression makes smaller."""
    near = [{"index": 7, "hint": hint, "name": "dog", "distance": 0.5, "shown": rng.integers(0, 256, shape).astype("uint8")}
            for hint in (0, 1, -1)]
    return {"problem": "", "is_image": True, "limits": (0, 255), "redrawn": False, "kind": "gradient",
            "source": evidence.SOURCES["gradient"], "features": None, "space": "codes", "neighbours_told": "",
            "card": {"method": "OCNN", "arguments": {"nu": 0.1}, "parameters": 12345}, "latency": {1: 0.001, 32: 0.004},
            "normal": [an_example(rng, shape, 0) for _ in range(8)], "anomalous": [an_example(rng, shape, 1) for _ in range(8)],
            "alarms": [an_example(rng, shape, 0, neighbours=near) for _ in range(5)], **more}


def a_row(**more):
    return {"run": "runs/a", "dataset": "cifar10", "protocol": "holdout", "method": "ocnn", "variant": "", "normal": "3", "seed": 0,
            "settings": {}, "hash": "0123456789ab", "interval": [0.7, 0.8], "auroc": 0.75, "collapsed": "", **more}


def run_of(row, found=None, **more):
    rng = np.random.default_rng(row["seed"])
    label = np.repeat([0, 1], 300)
    score = rng.normal(size=600) + label
    record = {"command": ["bin/train", "--run=a b"], "protocol": {"name": "holdout", "hash": "0123456789ab"},
              "versions": {"kerasnd": "0.2.0"}}
    return {"row": row, "record": record, "metrics": {**metrics.summary(label, score), "fit_seconds": 2.0}, "label": label,
            "score": score, "evidence": found, "config": [("stages[0].fit.epochs", "3")], **more}


def test_sixty_runs_full_of_noise_fit_into_five_megabytes_and_what_is_left_out_is_said():
    rng = np.random.default_rng(0)
    rows = [a_row(seed=seed, run=f"runs/{seed}") for seed in range(60)]
    found = made_up(rng)
    found.update(normal=found["normal"][:4], anomalous=found["anomalous"][:4], alarms=found["alarms"][:3])
    text = page.document(report.table(rows), (), [run_of(row, found) for row in rows], "Title")
    assert 2_000_000 < len(text.encode()) < page.MOST_BYTES
    words = "".join(checked(text).words)
    assert "at most 24 pixels a side" in words and re.search(r"The images of \d+ runs are left out", words)
    assert text.count('class="run"') == 60 and "left out, to keep this page small: --evidence" in words
    small = page.document(report.table(rows), (), [run_of(row, found) for row in rows[:20]], "Title", most=150_000)
    assert len(small.encode()) < 150_000
    gone = re.search(r"(\d+) runs have no section", "".join(checked(small).words))
    assert int(gone[1]) + small.count('class="run"') == 20


def test_a_page_has_all_sections_and_exact_command_and_one_run_is_open():
    text = page.document(report.table([a_row()]), ("runs/b: left out.",), [run_of(a_row(), made_up(np.random.default_rng(0)))], "Title",
                         extra=[("Comparison", elements.tag("p", "who is better"))])
    found = checked(text)
    words = "".join(found.words)
    assert [name for name in (*HEADINGS, "Comparison", "bin/train '--run=a b'", "holdout 0123456789ab", "kerasnd 0.2.0",
                              "stages[0].fit.epochs", "runs/b: left out.", "1 remark", "known anomaly", "32 at a time", "who is better",
                              "residual 2.5", "12\u202f345") if name not in words] == []
    assert text.count('class="run" open') == 1 and found.tags.count("svg") == 2


def test_nothing_of_a_users_becomes_a_tag_or_an_attribute():
    rng = np.random.default_rng(0)
    row = a_row(method=EVIL, variant=EVIL, dataset=EVIL, protocol=EVIL, normal=EVIL, run=EVIL, collapsed=EVIL,
                settings={EVIL: EVIL})
    found = made_up(rng, (4, 4, 1), space=EVIL, card={"method": EVIL, "arguments": {EVIL: EVIL}}, neighbours_told=EVIL, source=EVIL)
    for each in (*found["normal"], *found["alarms"], *found["alarms"][0]["neighbours"]):
        each["name"] = EVIL
    run = run_of(row, found, config=[(EVIL, EVIL)])
    run["record"].update(command=[EVIL], versions={EVIL: EVIL}, protocol={"name": EVIL, "hash": EVIL, "told": EVIL})
    run["metrics"]["judged"] = {EVIL: EVIL}
    other = run_of({**row, "seed": 1}, {"problem": EVIL, "figures": []})
    table = made_up(rng, is_image=False, features=[EVIL] * 16)
    for each in (*table["normal"], *table["anomalous"], *table["alarms"], *table["alarms"][0]["neighbours"]):
        each.update(name=EVIL, shown=np.arange(16.0), heat=np.arange(16.0) - 8)
    third = run_of({**row, "seed": 2}, table)
    text = page.document(report.table([row, other["row"], third["row"]]), (EVIL,), [run, other, third], EVIL, EVIL)
    found = checked(text)
    assert "<script" not in text and "alert('x')" in "".join(found.words)
    text.encode("utf-8")
    assert "\x00" not in text


def decoded(content):
    """Pixels of a PNG that `pictures` wrote, by the format's own rules."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(content):
        size, name = struct.unpack(">I4s", content[at:at + 8])
        body = content[at + 8:at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size:at + 12 + size])[0] == zlib.crc32(name + body)
        chunks[name], at = body, at + 12 + size
    return chunks


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (40, 31, 3)])
def test_images_are_png_files_that_others_read_as_what_they_were(shape, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    x = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    x[1:3] = 128        # so that one of the filters pays
    markup = pictures.photo(x, (0, 255), 64, "words")
    content = base64.b64decode(re.search(r"base64,([^\"]+)", markup)[1])
    (tmp_path / "a.png").write_bytes(content)
    read = np.rint(image.imread(tmp_path / "a.png") * 255).astype("uint8")
    assert np.array_equal(read, x[..., 0] if shape[-1] == 1 else x)
    decoded(content)


def test_a_map_is_clear_at_zero_and_its_colour_is_the_sign(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    markup = pictures.heat(np.array([[0.0, 2.0, -1.0]]), 64, "words")
    (tmp_path / "a.png").write_bytes(base64.b64decode(re.search(r"base64,([^\"]+)", markup)[1]))
    zero, up, down = np.rint(image.imread(tmp_path / "a.png")[0] * 255).astype(int)
    assert zero[3] == 0 and tuple(up) == (*pictures.RAISES, 255)
    assert tuple(down[:3]) == pictures.LOWERS and abs(int(down[3]) - 128) < 10


def test_images_shrink_to_the_means_of_their_blocks():
    x = np.random.default_rng(0).normal(size=(8, 12, 3))
    assert np.allclose(pictures.shrunk(x, 6), x.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3)))
    assert pictures.shrunk(x, 12) is x and pictures.shrunk(np.ones((100, 1)), 7).shape == (7, 1)


def test_a_thinned_curve_keeps_its_ends_its_order_and_nearly_its_area():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 5000)
    score = rng.normal(size=5000) + label
    alarmed, found = charts.thinned(*metrics.roc_curve(label, score))
    assert len(found) <= charts.POINTS and (alarmed[0], found[0], alarmed[-1], found[-1]) == (0, 0, 1, 1)
    assert (np.diff(alarmed) >= 0).all() and (np.diff(found) >= 0).all()
    assert np.trapezoid(found, alarmed) == pytest.approx(metrics.auroc(label, score), abs=2e-3)


def test_gradient_times_input_of_a_linear_score_is_its_parts_and_agrees_with_differences():
    x = pixels(6)
    detector = linear(x)
    z = detector.normalizer(tf.constant(x)).numpy()
    share = attribution.shares(detector, z, attribution.kind_of(detector))
    assert np.allclose(share, z * detector.slope, atol=1e-6)
    assert np.allclose(share.sum(axis=(1, 2, 3)), detector.predict(x), atol=1e-4)
    step = 1e-2
    for place in ((0, 0, 0), (3, 4, 0)):
        moved = np.array(z)
        moved[(slice(None), *place)] += step
        with attribution.preprocessed(detector):
            difference = (detector.score(tf.constant(moved)) - detector.score(tf.constant(z))).numpy() / step
        assert np.allclose(difference * z[(slice(None), *place)], share[(slice(None), *place)], atol=1e-3)
    assert np.allclose(detector.score(tf.constant(x)).numpy(), detector.predict(x), atol=1e-5)    # it preprocesses again


def test_gradients_agree_with_differences_where_the_score_is_curved():
    from kerasnd import KDE, OCNN
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    for detector in (KDE((4,), bandwidth=0.7), OCNN((4,), latent_dim=2)):
        detector.compile()
        detector.fit(x, epochs=1, batch_size=20, verbose=0)
        z = detector.normalizer(x[:3]).numpy()
        found = attribution.gradient(detector, tf.constant(z)).numpy()
        with attribution.preprocessed(detector):
            for feature in range(4):
                ends = [detector.score(tf.constant(z + sign * 1e-2 * np.eye(4, dtype="float32")[feature])).numpy() for sign in (1, -1)]
                assert np.allclose((ends[0] - ends[1]) / 2e-2, found[:, feature], rtol=0.05, atol=0.05)


def test_residual_shares_add_up_to_an_autoencoders_score():
    from kerasnd import Autoencoder
    x = pixels(5, (8, 8, 1))
    detector = Autoencoder((8, 8, 1))
    detector.normalizer.adapt([x])
    assert attribution.kind_of(detector) == "residual"
    share = attribution.shares(detector, detector.normalizer(x), "residual")
    assert np.allclose(share.sum(axis=(1, 2, 3)), detector.predict(x), rtol=1e-4) and (share >= 0).all()


def test_neighbours_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    bank, asked = rng.normal(size=(500, 6)).astype("float32"), rng.normal(size=(20, 6)).astype("float32")
    distance, place = NearestNeighbors(n_neighbors=3).fit(bank).kneighbors(asked)
    for own, far, near in zip(asked, distance, place):
        found, away = evidence.nearest(own, bank)
        assert np.array_equal(found, near) and np.allclose(away, far, rtol=1e-4)
    assert len(evidence.nearest(asked[0], bank[:2])[0]) == 2


def test_latency_is_a_time_that_grows_with_what_is_asked():
    class Sleeping:
        def score(self, x):
            return tf.numpy_function(lambda each: (__import__("time").sleep(0.001 * len(each)), each)[1], [x], tf.float32)
    found = evidence.latency(Sleeping(), np.zeros((3, 2), np.float32))
    assert 0.001 <= found[1] < 0.02 and 0.032 <= found[32] < 0.1


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Runs as training leaves them: images that are reconstructed, a table, and a forest, which has no gradient."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerasnd.judging.draw", lambda *args: None)
        patch.setattr("kerasnd.judging.INITIALISATIONS", 1)
        for method, dataset, normal in (("autoencoder", "digits", "3"), ("deep_sad", "breast_cancer", "benign"),
                                        ("isoforest", "digits", "3")):
            made = config.load(method=method, dataset=dataset, normal=normal)
            for stage in made["stages"]:
                stage.get("fit", {}).update(epochs=1, batch_size=32)
                stage.get("optimizer", {}).update(milestones=[])
            runs.train(made, folder / method, command=["bin/train", f"--method={method}"])
    return folder


def test_the_evidence_of_a_run_is_that_of_its_examples(finished):
    found = evidence.gather(finished / "autoencoder")
    assert found["problem"] == "" and found["is_image"] and found["kind"] == "residual" and found["redrawn"]
    with np.load(finished / "autoencoder" / "scores.npz") as file:
        index, label, score = file["index"], file["label"], file["score"]
    alarms = [each["index"] for each in found["alarms"]]
    normals = np.flatnonzero(label == 0)
    assert alarms == index[normals[np.argsort(-score[normals], kind="stable")[:5]]].tolist()
    assert [each["score"] for each in found["anomalous"]] == sorted(score.tolist())[::-1][:8]
    # each map holds the whole score, and neighbours are normals of the training part
    for each in found["normal"]:
        assert each["heat"].sum() == pytest.approx(each["score"], rel=1e-3)
    assert all(near["name"] == "3" and near["hint"] == 0 and near["index"] not in index for each in found["alarms"]
               for near in each["neighbours"])
    assert found["card"]["method"] == "Autoencoder" and found["card"]["parameters"] > 0 and set(found["latency"]) == {1, 32}


def test_tables_have_shares_of_features_and_a_forest_says_that_it_has_no_map(finished):
    table, forest = evidence.gather(finished / "deep_sad"), evidence.gather(finished / "isoforest")
    assert not table["is_image"] and table["kind"] == "gradient" and len(table["features"]) == 30
    assert table["alarms"][0]["heat"].shape == (30,) and len(table["alarms"][0]["neighbours"]) == 3
    assert forest["kind"] == "" and "no gradient" in forest["source"] and forest["alarms"][0]["heat"] is None
    assert "no encoder" in forest["space"]


def test_a_run_without_model_or_data_is_told_in_a_sentence(finished, tmp_path):
    shutil.copytree(finished / "isoforest", tmp_path / "a")
    (tmp_path / "a" / "detector.keras").unlink()
    assert "detector.keras is missing" in evidence.gather(tmp_path / "a")["problem"]
    shutil.copytree(finished / "isoforest", tmp_path / "b")
    config = (tmp_path / "b" / "config.json").read_text()
    (tmp_path / "b" / "config.json").write_text(config.replace('"test_share": 0.4', '"test_share": 0.3'))
    assert "no longer" in evidence.gather(tmp_path / "b")["problem"] or "other examples" in evidence.gather(tmp_path / "b")["problem"]


def test_the_program_writes_a_whole_page(finished, tmp_path, capsys):
    assert program.main([f"--runs={finished}", f"--to={tmp_path / 'a.html'}"]) == 0
    found = checked((tmp_path / "a.html").read_text())
    words = "".join(found.words)
    assert [name for name in HEADINGS if name not in words] == [] and words.count("Hardest false alarms") == 3
    assert program.main([f"--runs={finished}", f"--to={tmp_path / 'b.html'}", "--evidence=0"]) == 0
    assert "models are asked for the first seed" in "".join(checked((tmp_path / "b.html").read_text()).words)


def test_models_are_asked_for_first_seeds_and_first_classes_of_every_row(tmp_path):
    for method in ("ocnn", "kde"):
        for normal in "234":
            for seed in (0, 1):
                a_run(tmp_path, f"{method}{normal}{seed}", method=method, normal=normal, seed=seed)
    rows = reporting.ordered(report.collect(tmp_path))
    picked = [[rows[place][name] for name in ("method", "normal", "seed")] for place in reporting.chosen(rows, 4)]
    assert picked == [["kde", "2", 0], ["kde", "3", 0], ["ocnn", "2", 0], ["ocnn", "3", 0]]
    assert len(reporting.chosen(rows, 24)) == 6


def test_columns_of_words_are_named_by_their_levels():
    class Pool:
        schema = {"columns": [{"name": "load", "kind": "number"}, {"name": "phase", "kind": "words", "levels": ["", "ramp"]}]}
        example_shape = (3,)
    assert evidence._features(Pool) == ["load", "phase = missing", "phase = ramp"]
    Pool.schema = None
    assert evidence._features(Pool) == ["feature 0", "feature 1", "feature 2"]


def test_a_model_that_scores_otherwise_than_it_did_is_not_shown(finished, tmp_path):
    shutil.copytree(finished / "deep_sad", tmp_path / "a")
    with np.load(tmp_path / "a" / "scores.npz") as file:
        held = {name: file[name] for name in file.files}
    held["score"] = held["score"][::-1].copy()
    np.savez(tmp_path / "a" / "scores.npz", **held)
    assert "gives other scores now" in evidence.gather(tmp_path / "a")["problem"]


def test_a_stream_of_images_gives_what_the_array_gives(tmp_path):
    """Images that do not fit in memory are read again where they are shown."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 12), ("test", 6)):
        for name, level in (("good", 90), ("bad", 160)):
            (tmp_path / "photos" / part / name).mkdir(parents=True)
            for place in range(n):
                noise = np.clip(rng.normal(level, 25, (8, 8, 3)), 0, 255).astype(np.uint8)
                tf.io.write_file(str(tmp_path / "photos" / part / name / f"{place}.png"), tf.io.encode_png(noise))
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerasnd.judging.draw", lambda *args: None)
        for cache in (1.0, 1e-9):
            made = config.load(method="kde", dataset=str(tmp_path / "photos"), normal="good")
            made["batches"]["cache_gib"] = cache
            runs.train(made, tmp_path / str(cache))
            found.append(evidence.gather(tmp_path / str(cache)))
    for name in ("normal", "alarms"):
        for one, other in zip(*(each[name] for each in found), strict=True):
            assert one["index"] == other["index"] and np.array_equal(one["shown"], other["shown"])
            assert [near["index"] for near in one.get("neighbours", ())] == [near["index"] for near in other.get("neighbours", ())]
    assert found[0]["problem"] == found[1]["problem"] == "" and found[0]["alarms"][0]["neighbours"]
