"""Generated negatives: which of a file join the training, that they disturb nobody, and what a run remembers of them."""
# ruff: noqa: F401, F811
import json
import os

import numpy as np
import pytest
from short_runs import arrays, numbers, quick, settings

from kerasnd import examples, runs
from kerasnd.data import hints, negatives
from kerasnd.errors import BadData, Misuse
from kerasnd.methods.deep_svdd import DeepSVDD

NAMES = ("cat", "dog", "3")
OWN = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), np.uint8)


def images(values, shape=(4, 4, 3), dtype=np.uint8):
    """One image for each value, black but for that in its first pixel and a white last row."""
    x = np.zeros((len(values), *shape), dtype)
    x[:, -1] = 255
    x[:, 0, 0] = np.reshape(values, (-1, *[1] * len(shape[2:])))
    return x


@pytest.fixture
def file(tmp_path):
    def write(name="new.npz", x=None, **more):
        path = tmp_path / name
        np.save(path, x) if name.endswith(".npy") else np.savez(path, **({} if x is None else {"x": x}), **more)
        return str(path)
    return write


def first(path, normal=(1,), counts=None, own=OWN, **more):
    """The first pixels of what is taken."""
    return negatives.load(path, NAMES, normal, counts or [99] * len(normal), own, **more)[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("normal, counts, found", [((0,), [9], [0, 1, 2]), ((2,), [2], [6, 7]), ((0, 2), [1, 9], [0, 6, 7, 8])])
def test_of_a_class_major_file_the_normal_ones_first_rows_are_taken(file, normal, counts, found):
    path = file("all.npy", images(range(9)))
    assert first(path, normal, counts) == found
    assert isinstance(np.load(path, mmap_mode="r"), np.memmap)
    with pytest.raises(Misuse, match="as many rows for each of the 3 classes.*of 10 rows, 1 too many"):
        first(file("all.npy", images(range(10))))


@pytest.mark.parametrize("key, given, normal, found", [
    ("y", np.zeros(6, int), (1,), [0, 1, 2, 3, 4, 5]),              # as bin/generate writes it: the class is not known
    ("y", np.repeat([0, 1, 2], 2), (1,), [2, 3]), ("y", np.tile([2, 1, 0], 2), (0, 1), [2, 5, 1, 4]),
    ("y", np.repeat(["dog", "3", "cat"], 2), (2,), [2, 3]),
    ("y", np.repeat([3, 3, 1], 2), (1,), [4, 5]),                   # not all are names, so numbers are numbers
    ("class_id", np.ones(6, int), (1,), [0, 1, 2, 3, 4, 5]), ("class_id", np.array(1), (1,), [0, 1, 2, 3, 4, 5]),
    ("class_id", np.repeat([1, 2, 0], 2), (2,), [2, 3])])
def test_a_class_says_for_which_normals_each_was_generated(file, key, given, normal, found):
    assert first(file(x=images(range(6)), **{key: given}), normal) == found
    assert first(file(images=images(range(6)), **{key: given}), normal) == found


def test_negatives_for_other_classes_alone_are_refused(file):
    with pytest.raises(Misuse, match="generated for the normal class.*with none for dog"):
        first(file(x=images(range(6)), class_id=0))
    with pytest.raises(Misuse, match="for which of several normal classes.*Save class_id"):
        first(file(x=images(range(6))), (0, 1))


@pytest.mark.parametrize("name, content, error, told", [
    ("new.npz", {"z": OWN}, Misuse, "the array x, or images. Received:.*with z"),
    ("new.npz", {"x": OWN, "y": np.arange(3)}, BadData, "20 examples and 3 values"),
    ("new.npz", {"x": np.array([{}])}, BadData, "Python objects"),
    ("new.npz", {"x": OWN[:, :3]}, Misuse, r"`negatives` must be like the data set.*\(3, 4, 3\).*source.size"),
    ("new.npz", {"x": OWN[..., :1]}, Misuse, r"`negatives` must be like the data set.*\(4, 4, 1\)"),
    ("new.npz", {"x": OWN / np.float32(255)}, Misuse, "`negatives` must be like the data set: uint8.*float32"),
    ("new.npz", {"x": (OWN > 99).astype(np.uint8)}, Misuse, "range of the data set, whose values are from 0 to 255.*from 0 to 1"),
    ("new.npy", {"x": OWN.reshape(1, 20, 4, 4, 3)}, Misuse, "must be .n, features."),
    ("new.csv", {"x": OWN}, Misuse, "an .npz or an .npy")])
def test_files_that_are_no_negatives(file, name, content, error, told):
    path = file(name.replace("csv", "npz"), **content)
    if name.endswith("csv"):
        path = path.replace("npz", "csv")
    with pytest.raises(error, match=told) as refusal:
        first(path)
    assert "\n" not in str(refusal.value) and "Received: " in str(refusal.value) and "`dataset`" not in str(refusal.value)


def test_images_are_made_alike_only_where_a_size_is_given(file):
    path = file(x=images(range(6), (8, 8, 3)))
    assert negatives.load(path, NAMES, (1,), [4], OWN, size=(4, 4)).shape == (4, 4, 4, 3)
    grey = negatives.load(file(x=images(range(6), (8, 8, 1))), NAMES, (1,), [4], OWN, size=(4, 4))
    assert grey.shape == (4, 4, 4, 3) and (grey[..., 0] == grey[..., 2]).all()
    table = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert (negatives.load(file(x=1000 * table), NAMES, (1,), [4], table) == 1000 * table[:4]).all()     # features differ


# ---- a run -----------------------------------------------------------------------------------------------------------

@pytest.fixture
def generated(arrays, file):
    """Path of a class-major .npy, 40 rows for each class of `arrays`."""
    return file("all.npy", np.random.default_rng(1).integers(0, 256, (120, 8, 8, 1), np.uint8))


@pytest.fixture
def seen(monkeypatch):
    """The feeds that Deep SVDD, given hints here, starts with."""
    found = []
    monkeypatch.setattr(DeepSVDD, "takes_hints", True)
    monkeypatch.setattr(DeepSVDD, "start", lambda self, feed, start=DeepSVDD.start: (found.append(feed), start(self, feed))[1])
    return found


def test_a_run_learns_from_as_many_negatives_as_normals_and_is_judged_without_them(arrays, generated, seen, tmp_path, quick,
                                                                                   capsys):
    own, run = settings("deep_svdd", arrays, "1", epochs=1), tmp_path / "run"
    own["protocol"]["calibration_share"] = 0
    result = runs.train(own, run, negatives=os.path.relpath(generated))
    record = json.loads((run / "config.json").read_text())
    assert record["config"]["negatives"] == generated and record["config"]["negatives_sha256"] == hints.digest(generated)
    assert seen[0].hint.tolist() == [0] * 30 + [-1] * 30
    np.testing.assert_array_equal(np.asarray(seen[0].x)[30:], np.load(generated)[40:70])
    with np.load(arrays) as file_:
        np.testing.assert_array_equal(np.asarray(seen[0].x)[:30], file_["x_train"][30:60])
    assert "30 negatives of" in (run / "log.txt").read_text() and result["n_test"] == 36
    runs.train(own, run, negatives=generated)
    assert "nothing was done" in capsys.readouterr().out
    with pytest.raises(Misuse, match=r"other values of negatives \("):
        runs.train(own, run)
    np.save(generated, np.load(generated)[::-1])
    with pytest.raises(Misuse, match="negatives_sha256"):
        runs.train(own, run, negatives=generated)
    os.remove(generated)                # nobody needs them for judging
    again = runs.evaluate(run)
    assert {**again, "score_seconds": 0} == {**result, "score_seconds": 0} == {**numbers(run), "score_seconds": 0}
    assert runs.evaluate(run, outliers="uniform_noise")["untrained_auroc"] is None
    with pytest.raises(Misuse, match="^`negatives` must be an .npz or .npy that exists. Received: --negatives="):
        runs.train(own, tmp_path / "new", negatives=generated)


def test_the_split_is_that_without_negatives(arrays, generated):
    own = {**settings("deep_sad", arrays, "1"), "limit": 0, "protocol": {"name": "auto"}}
    for outliers in ("", "uniform_noise"):
        config = {**own, "outliers": outliers, **examples.known("", generated)}
        pool, split = examples.split({**own, "outliers": outliers})
        same_pool, same = examples.split(config)
        assert all(np.array_equal(getattr(split, each), getattr(same, each)) for each in ("train", "hint", "test", "label"))
        x, hint, told = examples.training_part(config, same_pool, same)
        np.testing.assert_array_equal(x[hint == -1][-30:], np.load(generated)[40:70])
        assert np.array_equal(x[:len(split.train)], pool.x[split.train]) and "30 negatives" in told
    x, hint, told = examples.training_part({**config, "limit": 10, "outliers": ""}, *examples.split({**own, "limit": 10}))
    assert len(x) == 10 and (hint == -1).sum() == 5 and "10 of both are kept" in told


def test_streamed_normals_are_joined_too(arrays, generated):
    import tensorflow as tf

    from kerasnd.data.outliers import joined
    from kerasnd.data.pool import Stream
    x, more = np.load(arrays)["x_train"][:6], np.load(generated)[:4]
    stream = joined(x, more[:0])        # an array
    assert isinstance(stream, np.ndarray)

    class Kept(Stream):
        def examples(self, index):
            return tf.data.Dataset.from_tensor_slices((tf.range(tf.size(index, tf.int64)), tf.gather(x, index)))
    both = joined(Kept(x.shape, x.dtype, True), more)
    found = dict(both.take(np.arange(10)).examples(tf.constant([1, 9, 5, 6], tf.int64)).as_numpy_iterator())
    np.testing.assert_array_equal([found[i] for i in range(4)], np.concatenate([x, more])[[1, 9, 5, 6]])


def test_methods_that_take_no_hints_name_those_that_do(generated, tmp_path):
    with pytest.raises(Misuse, match="^`--negatives` must go with a semi-supervised method:.*deep_sad.*isoforest, which takes"):
        runs.train(settings_of_isoforest(), tmp_path / "run", negatives=generated)
    assert not (tmp_path / "run").exists()


def settings_of_isoforest():
    from kerasnd import config
    return config.load(method="isoforest", dataset="digits", normal="3")
