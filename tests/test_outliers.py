"""Anomalies from another set: who is judged then, and that nobody's training changes by it."""
import dataclasses

import numpy
import pytest
import tensorflow as tf
from PIL import Image

from kerasnd import config, examples, judging, runs
from kerasnd.data import protocols
from kerasnd.data.outliers import with_outliers
from kerasnd.data.pool import Pool, Stream, normal_classes
from kerasnd.data.sources import load_data
from kerasnd.errors import BadData, Misuse

RNG = numpy.random.default_rng
OFFICIAL = Pool(x=RNG(0).integers(0, 256, (40, 4, 4, 1), numpy.uint8), category=numpy.tile([0, 1], 20),
                official=numpy.repeat(["train", "test"], 20), names=("good", "bad"))
TABLE = Pool(x=(RNG(1).normal(size=(40, 3)) * [1, 10, 100] + 5).astype("float32"), category=numpy.tile([0, 1], 20), official=None,
             names=("0", "1"))


def saved(folder, x, name="other.npz", **more):
    numpy.savez(folder / name, x=x, y=numpy.arange(len(x)), **more)
    return str(folder / name)


def split(pool, name="auto", normal=(0,), seed=3, **options):
    return protocols.make(name, pool.category, pool.official, normal, RNG(seed), **options)


@pytest.mark.parametrize("pool", [OFFICIAL, TABLE])
@pytest.mark.parametrize("kind", ["uniform_noise", "gaussian_noise"])
def test_noise_is_as_much_as_the_normals_that_are_judged_and_in_their_range(pool, kind):
    mixed = with_outliers(pool, kind, (0,), RNG(0))
    before, after = split(pool), split(mixed)
    assert after.train.tolist() == before.train.tolist()
    assert after.test[after.label == 0].tolist() == before.test[before.label == 0].tolist()
    noise = after.test[after.label == 1]
    assert (noise >= 40).all() and len(noise) == (after.label == 0).sum() and mixed.names[-1] == kind
    values = mixed.x[40:]
    assert values.dtype == pool.x.dtype and numpy.isfinite(values).all()
    if pool is TABLE:
        normals = pool.x[pool.category == 0]
        assert (values >= normals.min(0) - 1e-4).all() and (values <= normals.max(0) + 1e-4).all()
        assert (numpy.ptp(values, axis=0) > numpy.ptp(normals, axis=0) / 2).all()
    else:
        assert values.min() < 9 and values.max() > 246
        clipped = (values == 255).mean()
        assert clipped > 0.2 if kind == "gaussian_noise" else clipped < 0.05
    again = with_outliers(pool, kind, (0,), RNG(0))
    assert (again.x == mixed.x).all() and not (with_outliers(pool, kind, (0,), RNG(1)).x == mixed.x).all()


@pytest.mark.parametrize("pool, name", [(OFFICIAL, "one_vs_rest"), (OFFICIAL, "holdout"), (OFFICIAL, "contaminated"),
                                        (TABLE, "holdout"), (TABLE, "contaminated")])
def test_training_is_that_without_outliers_and_only_outliers_are_anomalous(tmp_path, pool, name):
    mixed = with_outliers(pool, saved(tmp_path, pool.x[:30] * 0), (0,), RNG(0))
    before, after = split(pool, name), split(mixed, name)
    normals = before.train[pool.category[before.train] == 0]
    assert after.train[mixed.category[after.train] == 0].tolist() == normals.tolist()
    assert after.test[after.label == 0].tolist() == before.test[before.label == 0].tolist()
    assert (after.test[after.label == 1] >= 40).all() and after.label.sum() == (12 if name == "holdout" or pool is TABLE else 30)
    if pool is OFFICIAL and name == "contaminated":
        assert after.train.tolist() == before.train.tolist()


def test_a_set_of_normals_alone_can_be_judged_by_outliers(tmp_path):
    pool = Pool(x=OFFICIAL.x, category=numpy.zeros(40, numpy.int64), official=OFFICIAL.official, names=("good",))
    with pytest.raises(Misuse, match="--outliers"):
        split(pool)
    assert split(with_outliers(pool, saved(tmp_path, OFFICIAL.x), (0,), RNG(0))).label.sum() == 40


# ---- every class is normal ------------------------------------------------------------------------------------------

def test_all_is_every_class_that_has_examples_unless_one_is_called_so():
    pool = Pool(x=TABLE.x, category=numpy.tile([0, 2, 4, 2], 10), official=None, names=tuple("abcde"))
    assert normal_classes(pool, "all", rng=RNG(0)) == (0, 2, 4)
    assert normal_classes(dataclasses.replace(pool, names=("a", "b", "all", "d", "e")), "all", rng=RNG(0)) == (2,)
    with pytest.raises(Misuse, match="`known_outlier` must be a class of the data set. Received: known_outlier='all'"):
        normal_classes(pool, "all", "known_outlier")


@pytest.mark.parametrize("protocol", ["auto", "one_vs_rest", "holdout", "p1", "folds", "contaminated"])
def test_where_all_is_normal_the_anomalies_must_come_from_elsewhere(protocol):
    told = "`normal` must leave anomalies to judge.*2 of 2 classes are normal. Name fewer classes, or give --outliers"
    if protocol == "contaminated":      # it has none to hide either
        told = "`share` must leave enough anomalies to hide"
    with pytest.raises(Misuse, match=told) as refusal:
        split(OFFICIAL, protocol, normal=(0, 1))
    assert "\n" not in str(refusal.value)


def test_all_of_a_set_trains_and_another_is_judged_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "draw", lambda *args: None)
    rng = RNG(0)
    for name, high in (("own", 100), ("other", 256)):
        parts = {f"{each}_{part}": rng.integers(0, high, (n, 4, 4, 1), numpy.uint8) if each == "x" else numpy.arange(n) % 3
                 for part, n in (("train", 60), ("test", 24)) for each in "xy"}
        numpy.savez(tmp_path / f"{name}.npz", **parts)
    found = config.load(method="isoforest", dataset=str(tmp_path / "own.npz"), normal="all")
    with pytest.raises(Misuse, match="3 of 3 classes are normal. Name fewer classes, or give --outliers"):
        runs.train(found, tmp_path / "none")
    told = runs.train(found, tmp_path / "run", outliers=str(tmp_path / "other.npz"))
    assert (told["n_test"], told["n_anomalous"], told["protocol"]) == (48, 24, "one_vs_rest")
    assert "41 to train on, 48 to judge (24 anomalous)" in (tmp_path / "run/log.txt").read_text()
    noise = runs.evaluate(tmp_path / "run", outliers="gaussian_noise")
    assert noise["judged"] == {"outliers": "gaussian_noise"} and noise["n_anomalous"] == 24 and noise["auroc"] > 0.9
    assert runs.evaluate(tmp_path / "run")["protocol_hash"] == told["protocol_hash"]
    some = runs.train(config.load(method="isoforest", dataset=str(tmp_path / "own.npz"), normal="1"), tmp_path / "one")
    all_ = runs.evaluate(tmp_path / "one", normal="all", outliers="uniform_noise")
    assert (some["n_anomalous"], all_["n_anomalous"], all_["n_test"]) == (16, 24, 48)
    with pytest.raises(Misuse, match="3 of 3 classes are normal"):
        runs.evaluate(tmp_path / "one", normal="all")


def test_without_a_normal_class_the_remedy_is_named():
    with pytest.raises(Misuse, match="where --outliers brings the anomalies, --normal=all is every class"):
        config.load(method="isoforest", dataset="digits")


def test_only_the_test_part_of_the_other_set_is_taken(tmp_path):
    path = tmp_path / "parts.npz"
    numpy.savez(path, x_train=OFFICIAL.x[:5], y_train=[0] * 5, x_test=OFFICIAL.x[5:8], y_test=[0] * 3)
    mixed = with_outliers(OFFICIAL, str(path), (0,), RNG(0))
    numpy.testing.assert_array_equal(mixed.x[40:], OFFICIAL.x[5:8])
    assert mixed.names == ("good", "bad", "parts.npz") and mixed.official[40:].tolist() == ["test"] * 3


def images(folder, mode):
    for part, count in (("a", 4), ("b", 3)):
        (folder / part).mkdir(parents=True)
        for number in range(count):
            image = Image.fromarray(RNG(number).integers(0, 256, (4, 4, 3), numpy.uint8))
            image.convert(mode).save(folder / part / f"{number}.png")
    return str(folder)


@pytest.mark.parametrize("streamed", [(0, 1), (0,), (1,)])
def test_streams_and_arrays_are_joined(tmp_path, monkeypatch, streamed):
    folders = [images(tmp_path / name, "L") for name in ("own", "other")]
    whole = with_outliers(load_data(folders[0]), folders[1], (0,), RNG(0))
    from kerasnd.data import images as source
    calls = []
    original = source.load

    def load(folder, **options):
        calls.append(folder)
        return original(folder, **{**options, "cache_gib": 1e-9 if folders.index(folder) in streamed else 2.0})

    monkeypatch.setattr(source, "load", load)
    mixed = with_outliers(load_data(folders[0]), folders[1], (0,), RNG(0))
    assert calls == folders and mixed.x.shape == whole.x.shape == (14, 4, 4, 1) and (mixed.paths == whole.paths).all()
    index = numpy.array([13, 0, 7, 5])
    found = dict(mixed.x.take(index).examples(tf.constant([2, 0, 1], tf.int64)).as_numpy_iterator())
    numpy.testing.assert_array_equal(numpy.stack([found[place] for place in range(3)]), whole.x[index[[2, 0, 1]]])


def test_grey_and_colour_are_made_alike_only_where_a_size_is_given(tmp_path):
    grey, colour = (images(tmp_path / mode, mode) for mode in ("L", "RGB"))
    for own, other in ((grey, colour), (colour, grey)):
        with pytest.raises(Misuse, match=r"--config.source.size=\[h,w\]"):
            with_outliers(load_data(own), other, (0,), RNG(0))
        mixed = with_outliers(load_data(own, size=(4, 4)), other, (0,), RNG(0), size=(4, 4))
        converted = Image.fromarray(load_data(other).x[0].squeeze()).convert("L" if own == grey else "RGB")
        numpy.testing.assert_array_equal(mixed.x[7].squeeze(), converted)


@pytest.mark.parametrize("x, told", [
    (numpy.zeros((3, 5, 4, 1), "uint8"), "(5, 4, 1). Resize"), (numpy.zeros((3, 4, 4, 1), "uint16"), "uint16"),
    (numpy.zeros((3, 7)), "float32 examples of shape (7,)")])
def test_outliers_of_another_kind_are_refused(tmp_path, x, told):
    with pytest.raises(Misuse) as refusal:
        with_outliers(OFFICIAL, saved(tmp_path, x), (0,), RNG(0))
    assert told in str(refusal.value) and "uint8 examples of shape (4, 4, 1)" in str(refusal.value)


def test_the_settings_of_the_source_hold_for_the_outliers_too(tmp_path):
    own, other = (images(tmp_path / name, "L") for name in ("own", "other"))
    (tmp_path / "other/a/broken.png").write_bytes(b"\x89PNG half")
    config = {"source": {"name": own, "size": None, "label_column": None, "skip_unreadable": True}, "normal": "a", "seed": 0,
              "protocol": {"name": "holdout"}, "batches": {"cache_gib": 1e-9}, "outliers": other}
    pool, _ = examples.split(config)
    assert [path for path, _ in pool.skipped] == [str(tmp_path / "other/a/broken.png")]
    assert all(isinstance(part, Stream) for part in pool.x._parts)
    config["source"]["skip_unreadable"] = False
    with pytest.raises(BadData, match="^`outliers` must hold readable images.*broken.png"):
        examples.split(config)


def test_the_label_column_of_tables_is_left_out_of_the_outliers_too(tmp_path):
    for name, lift in (("own", 0), ("other", 100)):
        rows = [f"{i + lift},{i * i},{'odd' if i % 3 else 'good'},{i}" for i in range(12)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,state,c", *rows]))
    config = {"source": {"name": str(tmp_path / "own.csv"), "size": None, "label_column": "state", "skip_unreadable": False},
              "normal": "good", "seed": 0, "protocol": {"name": "holdout"}, "outliers": str(tmp_path / "other.csv")}
    pool, split_ = examples.split(config)
    assert pool.example_shape == (3,) and (pool.x[split_.test[split_.label == 1], 0] >= 100).all()
    (tmp_path / "bare.csv").write_text("c,a,b\n7,100,8\n7,101,9\n")       # no class, its columns in another order
    pool, split_ = examples.split({**config, "outliers": str(tmp_path / "bare.csv")})
    assert pool.x[pool.category == len(pool.names) - 1].tolist() == [[100, 8, 7], [101, 9, 7]] and split_.label.sum() == 1
    (tmp_path / "short.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Misuse, match="`c` must be a column, as in training.*short.csv"):
        examples.split({**config, "outliers": str(tmp_path / "short.csv")})
    numpy.savez(tmp_path / "other.npz", x=pool.x[:5], y=numpy.zeros(5))
    assert examples.split({**config, "outliers": str(tmp_path / "other.npz")})[1].label.sum() == 2     # no column to leave out
    with pytest.raises(Misuse, match="^`outliers` must be a file.*Received: outliers="):
        examples.split({**config, "outliers": str(tmp_path / "gone.npz")})


@pytest.mark.parametrize("header, cells, found", [
    ("y,load,class", "5,6,whatever", [5, 6]), ("load,y", "6,5", [5, 6]), ("y,fault,load", "5,,6", [5, 6])])
def test_a_table_of_outliers_needs_no_class_and_a_feature_is_none_however_it_is_called(tmp_path, header, cells, found):
    own = tmp_path / "own.csv"
    own.write_text("\n".join(["y,load,fault", *(f"{i},{i + 1},{i % 2}" for i in range(12))]))
    (tmp_path / "other.csv").write_text(f"{header}\n{cells}\n")
    pool = load_data(str(own), label_column="fault")
    mixed = with_outliers(pool, str(tmp_path / "other.csv"), (0,), RNG(0), label_column="fault")
    assert mixed.x[len(pool.x):].tolist() == [found]


def test_tables_without_a_schema_take_bare_outliers_too(tmp_path):
    (tmp_path / "other.csv").write_text("a,b,c\n1,2,3\n")
    assert with_outliers(TABLE, str(tmp_path / "other.csv"), (0,), RNG(0)).x[40:].tolist() == [[1, 2, 3]]
    (tmp_path / "other.csv").write_text("label\n1\n")
    with pytest.raises(Misuse, match="^`outliers` must have columns beside the label"):
        with_outliers(TABLE, str(tmp_path / "other.csv"), (0,), RNG(0))


# ---- a file of all classes, class 0 first ---------------------------------------------------------------------------

def class_major(folder, classes=2, rows=3, shape=(4, 4, 1)):
    """Path of a .npy whose images all have the value 10 class + row."""
    value = (10 * numpy.arange(classes)[:, None] + numpy.arange(rows)).reshape(-1, 1, 1, 1)
    numpy.save(folder / "fsde.npy", numpy.broadcast_to(value, (classes * rows, *shape)).astype(numpy.uint8))
    return str(folder / "fsde.npy")


@pytest.mark.parametrize("normal, found", [((0,), [0, 1, 2]), ((1,), [10, 11, 12]), ((0, 1), [0, 1, 2, 10, 11, 12])])
def test_of_a_file_of_all_classes_the_normal_ones_blocks_are_the_anomalies(tmp_path, normal, found):
    mixed = with_outliers(OFFICIAL, class_major(tmp_path), normal, RNG(0))
    assert mixed.x[40:, 0, 0, 0].tolist() == found and mixed.names[-1] == "fsde.npy" and mixed.x[40:].max() == max(found)
    judged = split(mixed, normal=normal)
    assert judged.train.tolist() == numpy.flatnonzero(numpy.isin(OFFICIAL.category[:20], normal)).tolist()
    assert judged.test[judged.label == 1].tolist() == list(range(40, 40 + len(found)))


def test_a_file_whose_rows_do_not_divide_by_the_classes_is_taken_whole(tmp_path):
    mixed = with_outliers(OFFICIAL, class_major(tmp_path, classes=1), (1,), RNG(0))
    assert mixed.x[40:, 0, 0, 0].tolist() == [0, 1, 2]


def test_files_of_all_classes_that_do_not_fit(tmp_path):
    colour = class_major(tmp_path, shape=(4, 4, 3))
    with pytest.raises(Misuse, match=r"`outliers` must be like the data set.*\(4, 4, 3\).*--config.source.size"):
        with_outliers(OFFICIAL, colour, (0,), RNG(0))
    assert with_outliers(OFFICIAL, colour, (1,), RNG(0), size=(4, 4)).x[40:].squeeze().max() == 12      # made grey
    larger = class_major(tmp_path, shape=(8, 8, 1))
    assert with_outliers(OFFICIAL, larger, (1,), RNG(0), size=(4, 4)).x[40:, 2, 2, 0].tolist() == [10, 11, 12]
    with pytest.raises(Misuse, match="^`outliers` must be a file where it ends in .npy.*gone.npy"):
        with_outliers(OFFICIAL, str(tmp_path / "gone.npy"), (0,), RNG(0))
    numpy.save(tmp_path / "objects.npy", numpy.array([{}, {}]), allow_pickle=True)
    (tmp_path / "half.npy").write_bytes((tmp_path / "fsde.npy").read_bytes()[:-3])
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("objects", "half", "empty"):
        with pytest.raises(BadData, match=f"^`outliers` must be a readable .npy.*{name}") as refusal:
            with_outliers(OFFICIAL, str(tmp_path / f"{name}.npy"), (0,), RNG(0))
        assert "\n" not in str(refusal.value)
