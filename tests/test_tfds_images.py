"""TFDS sets by name: small ones that TFDS itself prepares here, and hosts that do not answer."""
import os
import shutil
import socket
import threading
import time

import keras
import numpy
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from kerasnd.data import protocols, tfds_prepared
from kerasnd.data.sources import load_data, normal_classes
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed

tfds.disable_progress_bar()
SIDES = ((6, 5), (9, 7), (4, 4), (12, 3))


def picture(value, height=6, width=5):
    """Noise that its number tells apart from every other."""
    return numpy.random.default_rng(value).integers(0, 256, (height, width, 3), numpy.uint8)


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """30 pictures to train and 14 to test, in two sizes of set: `fixed` and `varied`."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("fixed", "varied")]
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        sides = (6, 5) if self.builder_config.name == "fixed" else (None, None)
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
            "image": tfds.features.Image(shape=(*sides, 3)), "label": tfds.features.ClassLabel(names=["cat", "ship", "frog"]),
            "number": tfds.features.Scalar(tf.int64)}))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(0, 30), "test": self._generate_examples(100, 14)}

    def _generate_examples(self, first, count):
        for number in range(first, first + count):
            sides = (6, 5) if self.builder_config.name == "fixed" else SIDES[number % 4]
            yield number, {"image": picture(number, *sides), "label": number % 3, "number": number}


class TinyObjects(tfds.core.GeneratorBasedBuilder):
    """As COIL-100 from version 2 on: no `label`, an integer `object_id`, a training part only."""

    VERSION = tfds.core.Version("2.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
            "image": tfds.features.Image(shape=(6, 5, 3)), "object_id": tfds.features.Scalar(tf.int64),
            "angle_label": tfds.features.ClassLabel(num_classes=4), "angle": tfds.features.Scalar(tf.int64)}))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(12):
            yield number, {"image": picture(number), "object_id": number // 4 * 7, "angle_label": number % 4, "angle": number}


class TinyWords(tfds.core.GeneratorBasedBuilder):
    """No images; nothing may be prepared before that is said."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
            "text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}))

    def _split_generators(self, dl_manager):
        raise AssertionError("prepared in vain")

    def _generate_examples(self):
        raise AssertionError("prepared in vain")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder in which TFDS prepared the small sets, as `load_data` asks it to."""
    folder = str(tmp_path_factory.mktemp("tfds"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds_prepared, "_answering", lambda hosts: [])
        for name in ("tiny_pictures/fixed", "tiny_pictures/varied", "tiny_objects"):
            load_data(name, data_dir=folder, size=(2, 2))
    return folder


def numbers(pool, first=0, count=200):
    """Which picture each example is."""
    known = {picture(number).tobytes(): number for number in range(first, count)}
    return [known[image.tobytes()] for image in pool.x]


def test_the_train_part_comes_first_and_every_example_keeps_its_class(data_dir):
    pool = load_data("tiny_pictures", data_dir=data_dir)             # the first configuration is the default
    assert pool.x.shape == (44, 6, 5, 3) and pool.x.dtype == numpy.uint8 and pool.names == ("cat", "ship", "frog")
    assert pool.official.tolist() == ["train"] * 30 + ["test"] * 14
    which = numbers(pool)
    assert sorted(which[:30]) == list(range(30)) and sorted(which[30:]) == list(range(100, 114))
    assert pool.category.tolist() == [each % 3 for each in which]
    assert normal_classes(pool, "ship,0") == (0, 1)


def test_the_order_is_the_same_every_time(data_dir):
    first, second = (load_data("tiny_pictures/fixed", data_dir=data_dir) for _ in range(2))
    assert (first.x == second.x).all() and (first.category == second.category).all()


def test_files_are_read_one_after_another(tmp_path, monkeypatch):
    monkeypatch.setattr(TinyPictures, "_split_generators", lambda self, dl_manager: {"train": self._generate_examples(0, 90)})
    builder = TinyPictures(config="fixed", data_dir=str(tmp_path))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=3, try_download_gcs=False))
    stored = []
    for path in sorted(str(path) for path in builder.info.splits["train"].filepaths):
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            stored += tf.train.Example.FromString(record).features.feature["number"].int64_list.value
    assert len(builder.info.splits["train"].filepaths) == 3
    assert numbers(load_data("tiny_pictures", data_dir=str(tmp_path))) == stored


def test_a_stream_has_the_pixels_the_order_and_the_places_of_the_array(data_dir):
    cached, streamed = (load_data("tiny_pictures", data_dir=data_dir, cache_gib=gib) for gib in (2.0, 1e-9))
    assert (cached.category == streamed.category).all()
    assert streamed.x.shape == cached.x.shape and streamed.x.dtype == cached.x.dtype
    index = numpy.array([40, 3, 17, 31, 0])
    for stream, wanted in ((streamed.x, index), (streamed.x.take(index), numpy.array([4, 0])), (streamed.x, index[:0])):
        found = list(stream.examples(tf.constant(wanted, tf.int64)).as_numpy_iterator())
        assert sorted(place for place, _ in found) == list(range(len(wanted)))
        source = wanted if stream is streamed.x else index[wanted]
        for place, image in found:
            numpy.testing.assert_array_equal(image, cached.x[source[place]])


def test_a_stream_feeds_training(data_dir):
    pool = load_data("tiny_pictures", data_dir=data_dir, cache_gib=1e-9)
    feed = Feed(pool.x.take(numpy.arange(30)), batch_size=10)
    expected = load_data("tiny_pictures", data_dir=data_dir).x
    batches = list(feed.epochs().take(6).as_numpy_iterator())
    orders = [numpy.concatenate([position for _, _, position in epoch]).tolist() for epoch in (batches[:3], batches[3:])]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(30)) and orders[0] != orders[1]
    for x, _, position in batches:
        numpy.testing.assert_array_equal(x, expected[position])


def test_the_order_of_a_stream_is_that_of_its_seed_alone(data_dir):
    stream = load_data("tiny_pictures", data_dir=data_dir, cache_gib=1e-9).x
    orders = []
    for seed in (0, 5):                 # 0 is everybody's favourite, and bin/train's for its first stage
        keras.utils.set_random_seed(seed)
        batches = Feed(stream.take(numpy.arange(30)), batch_size=10, seed=7).epochs().take(6)
        orders.append(numpy.concatenate([position for _, _, position in batches.as_numpy_iterator()]).tolist())
    assert orders[0] == orders[1] != list(range(30)) * 2


def test_images_of_many_sizes_need_a_size(data_dir):
    with pytest.raises(Misuse, match=r"size=None. Give --config.source.size=\[h,w\]"):
        load_data("tiny_pictures/varied", data_dir=data_dir)
    cached, streamed = (load_data("tiny_pictures/varied", data_dir=data_dir, size=[7, 8], cache_gib=gib) for gib in (2.0, 1e-9))
    assert cached.example_shape == (7, 8, 3)
    found = dict(streamed.x.examples(tf.range(44, dtype=tf.int64)).as_numpy_iterator())
    numpy.testing.assert_array_equal(numpy.stack([found[place] for place in range(44)]), cached.x)


def test_object_id_is_the_class_where_there_is_no_label(data_dir):
    pool = load_data("tiny_objects", data_dir=data_dir)
    assert pool.official is None and pool.names == ("0", "7", "14")
    assert pool.category.tolist() == [each // 4 for each in numbers(pool)] and normal_classes(pool, "14") == (2,)
    angles = load_data("tiny_objects", data_dir=data_dir, label_column="angle_label")
    assert angles.category.tolist() == [each % 4 for each in numbers(angles)]


def test_a_set_whose_code_is_not_here_is_read_from_its_files(data_dir, tmp_path):
    folder = tmp_path / "somebody_elses" / "2.0.0"
    shutil.copytree(os.path.join(data_dir, "tiny_objects", "2.0.0"), folder)
    for path in list(folder.iterdir()):
        if path.suffix == ".json":
            path.write_text(path.read_text().replace("tiny_objects", "somebody_elses"))
        path.rename(path.with_name(path.name.replace("tiny_objects", "somebody_elses")))
    assert numbers(load_data("somebody_elses", data_dir=str(tmp_path))) == numbers(load_data("tiny_objects", data_dir=data_dir))


def test_an_older_version_is_read_where_the_newest_is_not_prepared(data_dir, tmp_path):
    shutil.copytree(os.path.join(data_dir, "tiny_objects", "2.0.0"), tmp_path / "tiny_objects" / "1.0.0")
    info = tmp_path / "tiny_objects" / "1.0.0" / "dataset_info.json"
    info.write_text(info.read_text().replace('"2.0.0"', '"1.0.0"'))
    assert len(load_data("tiny_objects", data_dir=str(tmp_path)).x) == 12


@pytest.mark.parametrize("name, told", [
    ("tiny_pictures/fixd", "Did you mean 'fixed'? It has: fixed, varied."), ("tiny_pictures:3.0.0", "only: 1.0.0"),
    ("tiny_pitcures", "Did you mean 'tiny_pictures'?"), ("digist", "Did you mean 'digits'?"),
    ("fashion_mnits", "Did you mean 'fashion_mnist'?"),
    ("tiny_words", "no image features among text, label"), ("tiny_words/none", "no configurations")])
def test_sets_that_are_not_there_or_no_images_are_refused_before_any_download(data_dir, name, told):
    with pytest.raises(Misuse) as refusal:
        load_data(name, data_dir=data_dir)
    assert told in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_misspelt_class_feature_is_refused(data_dir):
    with pytest.raises(Misuse, match=r"\(label, number\).*Did you mean 'label'?"):
        load_data("tiny_pictures", data_dir=data_dir, label_column="lable")


def test_damaged_files_are_refused(data_dir, tmp_path):
    shutil.copytree(os.path.join(data_dir, "tiny_pictures"), tmp_path / "tiny_pictures")
    folder = tmp_path / "tiny_pictures" / "fixed" / "1.0.0"
    record = next(path for path in folder.iterdir() if "train" in path.name)
    record.write_bytes(record.read_bytes()[:-40])
    with pytest.raises(BadData, match="Delete that folder") as refusal:
        load_data("tiny_pictures/fixed", data_dir=str(tmp_path))
    assert "\n" not in str(refusal.value)
    record.unlink()
    with pytest.raises(BadData, match="Delete that folder"):
        load_data("tiny_pictures/fixed", data_dir=str(tmp_path))


@pytest.fixture
def silent_host():
    """A host that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: [server.accept() for _ in range(99)], daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_hosts_that_do_not_answer_are_told_in_one_line_and_soon(tmp_path, monkeypatch, silent_host):
    monkeypatch.setattr(tfds_prepared, "PATIENCE", 0.5)
    monkeypatch.setattr(tfds_prepared, "GCS", "http://127.0.0.1:9")                  # refuses
    monkeypatch.setattr(tfds_prepared, "_hosts", lambda builder: [silent_host])
    began = time.monotonic()
    with pytest.raises(BadData, match="neither http://127.0.0.1:.* answers. Connect .*, or give --data_dir") as refusal:
        load_data("tiny_pictures", data_dir=str(tmp_path))
    assert time.monotonic() - began < 5 and "\n" not in str(refusal.value)


def test_a_download_does_not_wait_for_ever_nor_ask_ten_times(monkeypatch, silent_host):
    import requests
    from tensorflow_datasets.core.download import downloader
    monkeypatch.setattr(tfds_prepared, "SILENCE", 0.3)
    began = time.monotonic()
    with tfds_prepared._impatient():
        for url in (silent_host, "http://127.0.0.1:9"):
            with pytest.raises(requests.RequestException), downloader._open_url(url) as (_, content):
                list(content)
    assert time.monotonic() - began < 30
    assert requests.adapters.HTTPAdapter.send.__module__ == "requests.adapters"      # and leaves requests as it was


def test_whatever_fails_on_the_way_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_prepared, "_answering", lambda hosts: [])

    def full(self, dl_manager):
        raise OSError(28, "No space left\non device")

    monkeypatch.setattr(TinyPictures, "_split_generators", full)
    with pytest.raises(BadData, match="preparing it failed: OSError: .*No space left on device"):
        load_data("tiny_pictures/fixed", data_dir=str(tmp_path))


# ---- CIFAR-100 and its superclasses ------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def cifar100_dir(tmp_path_factory):
    """The real builder's features and names, over 40 pictures to train and 20 to test; the superclass is the class modulo 20."""
    folder, kind = str(tmp_path_factory.mktemp("cifar")), tfds.builder_cls("cifar100")

    def examples(self, first, count):
        for number in range(first, first + count):
            yield number, {"id": f"{number}", "image": numpy.full((32, 32, 3), number, numpy.uint8), "label": number,
                           "coarse_label": number % 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds_prepared, "_answering", lambda hosts: [])
        patch.setattr(kind, "_split_generators", lambda self, dl_manager: {
            "train": examples(self, 0, 40), "test": examples(self, 60, 20)})
        tfds.builder("cifar100", data_dir=folder).download_and_prepare(
            download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    return folder


def test_the_superclasses_of_cifar100_are_classes_by_number_and_name(cifar100_dir):
    fine = load_data("cifar100", data_dir=cifar100_dir)
    coarse = load_data("cifar100", data_dir=cifar100_dir, label_column="coarse_label")
    known = tfds.builder("cifar100", data_dir=cifar100_dir).info.features
    assert fine.names == tuple(known["label"].names) and len(fine.names) == 100
    assert coarse.names == tuple(known["coarse_label"].names) and len(coarse.names) == 20
    assert (coarse.x == fine.x).all() and coarse.category.tolist() == (coarse.x[:, 0, 0, 0] % 20).tolist()
    assert fine.category.tolist() == fine.x[:, 0, 0, 0].tolist()
    assert normal_classes(coarse, f"{coarse.names[7]},0") == normal_classes(coarse, "0,7") == (0, 7)
    judged = protocols.make("auto", coarse.category, coarse.official, (7,), numpy.random.default_rng(0))
    assert len(judged.train) == 2 and judged.label.sum() == 19
    with pytest.raises(Misuse, match="coarse_label.*Did you mean 'coarse_label'"):
        load_data("cifar100", data_dir=cifar100_dir, label_column="coarse")
