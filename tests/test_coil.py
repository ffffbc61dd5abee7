"""COIL-100 from TFDS and from its files, its resizing, and folders of two classes under p1."""
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from own_input import load_unlabelled
from PIL import Image
from short_runs import numbers, scored, settings

from kerasnd import examples, judging, runs
from kerasnd.data import pixels, protocols
from kerasnd.data.resizing import resize
from kerasnd.data.sources import load_data, normal_classes
from kerasnd.errors import Misuse

tfds.disable_progress_bar()
OBJECTS, ANGLES, SIDE = (1, 2, 10, 12, 100), (0, 5, 345), 16
SHOTS = [(number, angle) for number in OBJECTS for angle in ANGLES]


def shot(number, angle, side=SIDE):
    return np.random.default_rng((number, angle)).integers(0, 256, (side, side, 3), np.uint8)


def block_means(images, size):
    """The oracle, block by block in Python's exact integers: half-way cases to the even number."""
    n, high, wide, channels = images.shape
    fh, fw = high // size[0], wide // size[1]
    found = np.zeros((n, *size, channels), np.uint8)
    for row, column in np.ndindex(*size):
        block = images[:, row * fh:(row + 1) * fh, column * fw:(column + 1) * fw].astype(np.int64)
        total, count = block.sum(axis=(1, 2)), fh * fw
        down, rest = total // count, total % count
        found[:, row, column] = down + (2 * rest > count) + ((2 * rest == count) & (down % 2 == 1))
    return found


def shots(pool, size=None):
    """[(object, angle)] of a pool's examples, known by their pixels."""
    known = {(block_means(shot(*each)[None], size)[0] if size else shot(*each)).tobytes(): each for each in SHOTS}
    return [known[image.tobytes()] for image in np.asarray(pool.x)]


def prepared(builder, folder):
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    return str(folder)


@pytest.fixture(scope="module")
def version_2(tmp_path_factory):
    """As TFDS 4.9 writes it, but for the side of the images, the features being its own."""
    folder = tmp_path_factory.mktemp("second")
    builder = tfds.builder("coil100", data_dir=str(folder))
    assert {"object_id", "angle", "angle_label", "image"} == set(builder.info.features) and "label" not in builder.info.features
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(builder), "_split_generators", lambda self, dl_manager: {"train": (
            (f"{number}-{angle}", {"image": shot(number, angle, 128), "object_id": f"obj{number}", "angle_label": str(angle),
                                   "angle": angle}) for number, angle in SHOTS)})
        return prepared(builder, folder)


class Coil100First(tfds.core.GeneratorBasedBuilder):
    """Version 1: the object a text, `label` the angle."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
            "image": tfds.features.Image(shape=(SIDE, SIDE, 3)), "object_id": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=[str(angle) for angle in range(0, 360, 5)])}))

    def _split_generators(self, dl_manager):
        return {"train": ((f"{number}-{angle}", {"image": shot(number, angle), "object_id": f"obj{number}", "label": str(angle)})
                          for number, angle in SHOTS)}

    def _generate_examples(self):
        raise AssertionError("the generator is given above")


@pytest.fixture(scope="module")
def version_1(tmp_path_factory):
    made, folder = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("first")
    prepared(Coil100First(data_dir=str(made)), made)
    shutil.copytree(made / "coil100_first/1.0.0", folder / "coil100/1.0.0")
    for path in list((folder / "coil100/1.0.0").iterdir()):
        if path.suffix == ".json":
            path.write_text(path.read_text().replace("coil100_first", "coil100"))
        path.rename(path.with_name(path.name.replace("coil100_first", "coil100")))
    return str(folder)


def photographed(folder, objects=OBJECTS, name="obj{}__{}.png"):
    folder.mkdir(parents=True)
    for number, angle in SHOTS:
        if number in objects:
            Image.fromarray(shot(number, angle)).save(folder / name.format(number, angle))
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return photographed(tmp_path_factory.mktemp("files") / "coil-100")


# ---- one class for one object, wherever it comes from ---------------------------------------------------------------

def test_an_object_is_the_same_class_in_both_versions_and_as_files(version_1, version_2, files):
    for pool in (load_data("coil100", version_1), load_data(str(files))):
        assert [(category + 1) for category in pool.category] == [number for number, _ in shots(pool)]
        assert pool.official is None and pool.names == tuple(f"obj{number}" for number in range(1, 101))
        assert normal_classes(pool, "obj12,obj2") == normal_classes(pool, "11,1") == (1, 11)
        assert normal_classes(pool, "0") == (0,) and pool.block_mean        # a number is no name: 0 is obj1
        with pytest.raises(Misuse, match="classes with examples"):
            normal_classes(pool, "obj3")
    pool = load_data("coil100", version_2)
    known = {shot(*each, 128).tobytes(): each[0] for each in SHOTS}
    assert [category + 1 for category in pool.category] == [known[image.tobytes()] for image in pool.x]
    assert pool.official is None and pool.names == tuple(f"obj{number}" for number in range(1, 101))
    assert normal_classes(pool, "0") == normal_classes(pool, "obj1") == (0,)
    angles = load_data("coil100", version_1, label_column="label")
    assert [5 * category for category in angles.category] == [angle for _, angle in shots(angles)]


def test_files_are_ordered_by_object_and_angle_in_any_case_of_letters_and_one_folder_below(tmp_path, caplog):
    folder = photographed(tmp_path / "zip/Coil", (2, 10), "OBJ{}__{}.PNG")
    (folder / "convert.pl").write_text("# no image")
    (tmp_path / "zip/__MACOSX").mkdir()
    for path in (folder, tmp_path / "zip"):
        pool = load_data(str(path))
        assert shots(pool) == [(number, angle) for number in (2, 10) for angle in ANGLES] and len(pool.names) == 10
    assert "1 files that are no images were left out" in caplog.text


@pytest.mark.parametrize("spoilt", ["obj1.png", "obj0__5.png", "obj1__x.png", "aobj1__5.png", "obj1__5.tar.png", "sub/obj1__5.png"])
def test_a_folder_with_images_of_other_names_is_none_of_it(tmp_path, spoilt):
    folder = photographed(tmp_path / "all", (1, 2))
    (folder / spoilt).parent.mkdir(exist_ok=True)
    Image.fromarray(shot(1, 0)).save(folder / spoilt)
    if "/" in spoilt:
        assert load_data(str(folder)).names == ("sub",)         # class folders, as everywhere; loose images are left out
        return
    with pytest.raises(Misuse, match="folder of class folders"):
        load_data(str(folder))


def test_class_folders_of_such_images_are_class_folders(tmp_path):
    for number in (1, 10, 2):
        photographed(tmp_path / f"set/thing{number}", (number,))
    pool = load_data(str(tmp_path / "set"))
    assert pool.names == ("thing1", "thing10", "thing2") and not pool.block_mean


def test_auto_is_holdout_and_p1_has_the_published_shares(version_2):
    published = {"name": "p1", "anomaly_share": 0.5, "train_share": 0.8, "validation_share": 0.0}
    for protocol, name in (({"name": "auto"}, "holdout"), (published, "p1")):
        found = settings("autoencoder", "coil100", "obj1,obj100", protocol=protocol)
        pool, split = examples.split(found, version_2)
        assert split.name == name and set(pool.category[split.train]) <= {0, 99} and split.label.any() and not split.label.all()
    assert (len(split.train), int((split.label == 0).sum()), int(split.label.sum()), len(split.validation)) == (4, 2, 2, 0)


# ---- resizing -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("cache_gib", [2.0, 1e-9])
def test_whole_blocks_become_their_means(version_1, version_2, files, cache_gib):
    def loaded(name, folder, size):
        pool = load_data(name, folder, size=size, cache_gib=cache_gib)
        if cache_gib == 2.0:
            return pool.x
        found = dict(pool.x.examples(tf.range(len(SHOTS), dtype=tf.int64)).as_numpy_iterator())
        return np.stack([found[place] for place in range(len(SHOTS))])

    for name, folder, size in (("coil100", version_2, (32, 32)), ("coil100", version_1, (4, 8)), (str(files), None, (8, 8)),
                               (str(files), None, (16, 16))):
        images = load_data(name, folder).x
        np.testing.assert_array_equal(loaded(name, folder, size), block_means(images, size))
        other = (7, size[1])                            # no whole blocks: as everywhere
        np.testing.assert_array_equal(loaded(name, folder, other), resize(tf.constant(images), *other).numpy())


def test_other_sets_are_resized_as_ever(tmp_path):
    photographed(tmp_path / "set/a", (1,), "{}-{}.png"), photographed(tmp_path / "set/b", (2,), "{}-{}.png")
    pool, small = load_data(str(tmp_path / "set")), load_data(str(tmp_path / "set"), size=(4, 4))
    np.testing.assert_array_equal(small.x, resize(tf.constant(pool.x), 4, 4).numpy())
    assert (small.x != block_means(pool.x, (4, 4))).any() and not pool.block_mean


def test_half_way_means_go_to_the_even_number_in_files_and_in_the_graph(tmp_path):
    image = np.array([[0, 1, 2, 3], [0, 1, 2, 3]], np.uint8).repeat(3, 0)[..., None].repeat(3, 2)      # means 0.5 and 2.5
    Image.fromarray(image).save(tmp_path / "a.png")
    for found in (pixels.read(str(tmp_path / "a.png"), 3, 8, (2, 2), True),
                  pixels.decode(tf.io.read_file(str(tmp_path / "a.png")), 3, 8, (2, 2), True).numpy()):
        assert found[..., 0].tolist() == [[0, 2], [0, 2]]
    assert resize(tf.constant(image[None].astype(np.float32)), 2, 2, True).numpy()[0, ..., 0].tolist() == [[0.5, 2.5], [0.5, 2.5]]
    deep = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4001
    Image.fromarray(deep).save(tmp_path / "deep.png")
    expected = np.rint(deep.reshape(2, 2, 2, 2).mean(axis=(1, 3)))
    np.testing.assert_array_equal(pixels.read(str(tmp_path / "deep.png"), 1, 16, (2, 2), True)[..., 0], expected)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    monkeypatch.setattr(judging, "INITIALISATIONS", 1)


def test_own_images_are_made_smaller_as_in_training(files, tmp_path, quick):
    found = settings("autoencoder", files, "random:2", epochs=1,
                     protocol={"name": "p1", **protocols.defaults("p1"), "anomaly_share": 0.25, "validation_share": 0.0})
    found["source"]["size"], found["stages"][0]["fit"]["batch_size"] = [8, 8], 2
    runs.train(found, tmp_path / "run")
    assert json.loads((tmp_path / "run/config.json").read_text())["examples"]["block_mean"] is True
    assert runs.score(tmp_path / "run", files, tmp_path / "s.csv") == len(SHOTS)
    x = load_unlabelled(files, size=(8, 8), block_mean=True).x
    np.testing.assert_array_equal(x, block_means(load_unlabelled(files).x, (8, 8)))
    expected = keras.models.load_model(tmp_path / "run/detector.keras").predict(x, verbose=0)
    rows = [line.split(",") for line in (tmp_path / "s.csv").read_text().splitlines()[1:]]
    np.testing.assert_allclose([float(row[1]) for row in rows], expected, rtol=1e-5)


# ---- own folders of two classes -------------------------------------------------------------------------------------

@pytest.mark.parametrize("names", [("no", "yes"), ("0_normal", "1_tumour")])
def test_a_folder_of_two_classes_is_split_by_p1(tmp_path, names, quick):
    """As sets of medical images come: many sizes, grey and colour, a file name twice."""
    for name, count, value in zip(names, (25, 40), (60, 200)):
        (tmp_path / "scans" / name).mkdir(parents=True)
        for number in range(count):
            rng = np.random.default_rng((value, number))
            image = rng.integers(value - 20, value + 20, (10 + number % 3, 12, 3)[:2 + number % 2], np.uint8)
            Image.fromarray(image).save(tmp_path / "scans" / name / f"{number}.{'jpg' if number % 3 else 'png'}")
    found = settings("autoencoder", tmp_path / "scans", names[0], epochs=1, protocol={"name": "p1", **protocols.defaults("p1")})
    found["source"]["size"], found["stages"][0]["fit"]["batch_size"] = [8, 8], 5
    pool, split = examples.split(found)
    assert len(split.train) == 15 and np.bincount(split.label).tolist() == np.bincount(split.validation_label).tolist() == [5, 5]
    assert all(names[0] in path for path in pool.paths[split.train])
    assert [names[1] in path for path in pool.paths[split.test]] == split.label.astype(bool).tolist()
    runs.train(found, tmp_path / "run")
    told = numbers(tmp_path / "run")
    assert told["protocol"] == "p1" and "f1_inlier" in told and told["raw_mean_auroc"] == 1
    np.testing.assert_array_equal(scored(tmp_path / "run")["index"], split.test)
