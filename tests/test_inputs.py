"""Own data piece by piece: the same rows as in memory, in the order of the input, and what is broken is told of by itself."""
import gzip
import struct
import zipfile

import numpy
import pytest
import tensorflow as tf
from image_folders import DEEP, FILES, GREY, RGB, filled, saved, tree

from kerasnd.data import csv_table, pieces, pixels, sources, table_inputs, unlabelled
from kerasnd.errors import BadData, Misuse

RNG = numpy.random.default_rng(0)


def by_rows(data, start=0):
    """{row: example or reason} of an input."""
    found = {}
    for piece in data.pieces(start):
        assert piece.first % data.rows == 0 and piece.n <= data.rows and len(piece.place) + len(piece.failures) == piece.n
        found.update({piece.first + int(place): x for place, x in zip(piece.place, piece.x if len(piece.place) else [])})
        found.update({piece.first + place: reason for place, reason in piece.failures.items()})
    return dict(sorted(found.items()))


def check_some(data, rows):
    """Some rows alone are what they are among all; behind the last row there is no other."""
    found, rows = by_rows(data), numpy.array(rows)
    some = {int(row): x for several, xs in data.only(rows) for row, x in zip(several, xs, strict=True)}
    assert list(some) == [row for row in rows.tolist() if not isinstance(found[row], str)]
    for row, x in some.items():
        numpy.testing.assert_array_equal(x, found[row])
    assert list(data.pieces(len(found))) == []


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(pieces, "MOST", 4)


# ---- the grid --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("start", [0, 4, 8, 12])
@pytest.mark.parametrize("missing", [[], [0], [3], [4], [11], [12], [3, 4, 5, 6, 7], list(range(13))])
@pytest.mark.parametrize("batch", [1, 4, 7])
def test_pieces_lie_on_one_grid_whatever_is_missing(start, missing, batch):
    there = [row for row in range(start, 13) if row not in missing]
    batches = [(numpy.array(there[i:i + batch]), numpy.array(there[i:i + batch]) * 10.0) for i in range(0, len(there), batch)]
    found = list(pieces.on_grid(batches, start, 13, 4))
    assert [(first, n) for first, n, *_ in found] == [(first, min(4, 13 - first)) for first in range(start, 13, 4)]
    for first, _, place, x in found:
        expected = [row for row in there if first <= row < first + 4]
        assert (first + place).tolist() == expected and (x is None if not expected else x.tolist() == [10.0 * e for e in expected])


def test_what_comes_is_made_ahead_and_errors_arrive():
    def failing():
        yield from range(3)
        raise BadData("here")
    found = []
    with pytest.raises(BadData, match="here"):
        for item in pieces.ahead(failing()):
            found.append(item)
    assert found == [0, 1, 2]


# ---- images ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("channels, bits", [(1, 8), (3, 8), (1, 16)])
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_image_is_as_pillow_reads_it_or_left_to_pillow(name, channels, bits, tmp_path):
    image, options = FILES[name]
    path = saved(tmp_path / name, image, **options)
    header = pixels.header(path)
    fits = header.bits == bits and header.channels <= channels
    try:
        decoded = pixels.decode_checked(tf.io.read_file(path), channels, bits, (5, 4)).numpy()
    except tf.errors.InvalidArgumentError:
        assert not fits or not header.in_graph or (name.endswith("bmp") and channels == 1)
        return
    assert fits
    numpy.testing.assert_array_equal(decoded, pixels.read(path, channels, bits, (5, 4)))
    numpy.testing.assert_array_equal(decoded, pixels.read(open(path, "rb").read(), channels, bits, (5, 4)))


def folder(tmp_path):
    """Ten files of which some are broken, each in another way, and one only Pillow can read."""
    root = tmp_path / "in"
    tree(root, {f"{i}.png": filled(i, channels=1) for i in (0, 2, 3, 6, 9)})
    jpeg = (root / "5.jpg")
    saved(jpeg, RNG.integers(0, 256, (60, 50), numpy.uint8))
    jpeg.write_bytes(jpeg.read_bytes()[:700])
    (root / "1.png").write_bytes(b"")
    saved(root / "4.tif", filled(4, channels=1))
    saved(root / "7.png", RGB)
    saved(root / "8.png", DEEP)
    return root


def test_broken_files_are_told_of_in_their_place_and_the_others_are_read(tmp_path, few):
    root = folder(tmp_path)
    data = unlabelled.load(root, channels=1)
    assert (data.n, data.shape, data.dtype, data.rows) == (10, (6, 5, 1), numpy.uint8, 4)
    assert [data.name(row)[-5] for row in range(10)] == [str(row) for row in range(10)]
    found = by_rows(data)
    for row in (0, 2, 3, 6, 9):
        numpy.testing.assert_array_equal(found[row], numpy.full((6, 5, 1), row))
    told = {row: each for row, each in found.items() if isinstance(each, str)}
    assert told[1] == "empty file" and "trunc" in told[5] and told[7].startswith("in colour") and told[8].startswith("of 16 bits")
    assert sorted(told) == [1, 5, 7, 8] and (found[4] == 4).all()        # the .tif is for Pillow alone
    check_some(data, [1, 3, 4, 5, 9])
    again = by_rows(data, 4)
    assert sorted(again) == list(range(4, 10)) and all(numpy.array_equal(again[row], found[row]) for row in again)


def test_an_image_of_another_size_is_told_of_unless_all_are_resized(tmp_path):
    root = tree(tmp_path / "in", {"a.png": filled(1, 9, 9), "b.png": filled(2)})
    like = ((6, 5, 3), numpy.dtype("uint8"))
    found = by_rows(unlabelled.load(root, like=like, channels=3))
    assert found[0].startswith("9x9, where others are 6x5") and found[1].shape == (6, 5, 3)
    assert unlabelled.load(root, channels=3).shape == (9, 9, 3)
    assert [each.shape for each in by_rows(unlabelled.load(root, size=(4, 4), channels=3)).values()] == [(4, 4, 3)] * 2


def record(**features):
    features = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for name, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.mark.parametrize("key", ["image/encoded", "image"])
def test_records_of_several_files_are_read_as_their_images_are(tmp_path, few, key):
    images = [tf.io.encode_png(RNG.integers(0, 256, (6, 5, 1), numpy.uint8)).numpy() for _ in range(11)]
    images[5] = images[5][:40]
    (tmp_path / "in").mkdir()
    for shard, part in enumerate((images[:3], [], images[3:])):
        with tf.io.TFRecordWriter(str(tmp_path / f"in/set-test.tfrecord-0000{shard}-of-00003")) as file:
            for image in part:
                file.write(record(**{key: image, "label": b"7"}))
    data = unlabelled.load(tmp_path / "in", channels=1)
    assert (data.n, data.shape, data.paths, data.name(7)) == (11, (6, 5, 1), None, 7)
    found = by_rows(data)
    assert [row for row, each in found.items() if isinstance(each, str)] == [5]
    for row, image in enumerate(images):
        if row != 5:
            numpy.testing.assert_array_equal(found[row], tf.io.decode_png(image))
    assert sorted(by_rows(data, 8)) == [8, 9, 10]
    check_some(data, [5, 6, 7, 10])
    last = tmp_path / "in/set-test.tfrecord-00002-of-00003"
    content = bytearray(last.read_bytes())
    length, = struct.unpack("<Q", content[:8])
    content[20] ^= 255              # in the first record of this file, whose checksum is now another
    last.write_bytes(content)
    damaged = by_rows(unlabelled.load(tmp_path / "in", channels=1))
    assert sorted(damaged) == list(range(11)) and isinstance(damaged[3], (str, numpy.ndarray))
    for row in (0, 4, 10):
        numpy.testing.assert_array_equal(damaged[row], found[row])
    last.write_bytes(content[:-3])
    with pytest.raises(BadData, match="00002-of-00003.*after 7 records"):
        unlabelled.load(tmp_path / "in")
    last.write_bytes(gzip.compress(content))
    with pytest.raises(BadData, match="`input` must be an uncompressed TFRecord file"):
        unlabelled.load(last)
    with tf.io.TFRecordWriter(str(last)) as file:
        file.write(record(pixels=b"1"))
    with pytest.raises(Misuse, match="image/encoded or image.*with pixels"):
        unlabelled.load(last)


# ---- arrays ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("save", [numpy.savez, numpy.savez_compressed])
@pytest.mark.parametrize("x", [RNG.normal(size=(11, 3)), RNG.integers(0, 255, (11, 4, 3), numpy.uint8),
                               numpy.asfortranarray(RNG.normal(size=(11, 3)).astype("float32")), RNG.normal(size=(1, 2))],
                         ids=["float64", "images", "by column", "one"])
def test_arrays_are_read_in_pieces_from_any_on(save, x, tmp_path, few):
    save(tmp_path / "x.npz", more=numpy.zeros(9), X=x)
    data = unlabelled.load(tmp_path / "x.npz")
    expected = x[..., None] if x.ndim == 3 else x.astype(numpy.float32)
    assert (data.n, data.shape, data.dtype) == (len(x), expected.shape[1:], expected.dtype)
    numpy.testing.assert_array_equal(list(by_rows(data).values()), expected)
    check_some(data, [0])
    if len(x) > 8:
        check_some(data, [2, 8, 9])
        assert sorted(by_rows(data, 8)) == [8, 9, 10]
        numpy.testing.assert_array_equal(by_rows(data, 8)[9], expected[9])


def test_of_a_set_with_parts_both_are_read_as_training_counts_them(tmp_path, few):
    train, test = RNG.integers(0, 255, (6, 4, 3), numpy.uint8), RNG.integers(0, 255, (5, 4, 3), numpy.uint8)
    numpy.savez(tmp_path / "x.npz", x_train=train, y_train=numpy.zeros(6), x_test=test, y_test=numpy.arange(5))
    data = unlabelled.load(tmp_path / "x.npz")
    assert (data.n, data.shape, data.dtype, data.name(7)) == (11, (4, 3, 1), numpy.uint8, 7)
    numpy.testing.assert_array_equal(list(by_rows(data).values()), sources.load_data(str(tmp_path / "x.npz")).x)
    check_some(data, [4, 7])
    numpy.savez(tmp_path / "x.npz", x_train=train, x_test=test.astype(float))
    with pytest.raises(Misuse, match="`x_test` must be like `x_train`.*float32 examples of shape"):
        unlabelled.load(tmp_path / "x.npz")


def test_rows_that_are_not_finite_are_told_of_and_a_damaged_archive_ends_it(tmp_path, few):
    x = RNG.normal(size=(9, 2))
    x[5, 1], x[6, 0] = numpy.nan, 1e300
    numpy.savez_compressed(tmp_path / "x.npz", x=x)
    found = by_rows(unlabelled.load(tmp_path / "x.npz"))
    assert found[5] == "x[5, 1] is nan, not finite in float32" and "x[6, 0] is inf" in found[6] and found[7].shape == (2,)
    with zipfile.ZipFile(tmp_path / "cut.npz", "w") as archive:
        with archive.open("x.npy", "w") as file:
            numpy.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (100, 2)})
            file.write(x.tobytes())
    with pytest.raises(BadData, match=r"cut.npz', x: it ends within row 9 of 100"):
        by_rows(unlabelled.load(tmp_path / "cut.npz"))


# ---- tables ----------------------------------------------------------------------------------------------------------

def test_a_table_is_read_in_pieces_and_its_bad_rows_are_told_of(tmp_path, few):
    lines = [f"{i},{i * 2},good" for i in range(11)]
    lines[2], lines[6], lines[7] = "2,4", "6,heavy,good", "nan,1,good"
    (tmp_path / "t.csv").write_text("\n".join(["a,b,label", *lines, ",,", "", ",,"]))
    data = unlabelled.load(tmp_path / "t.csv")
    assert data.shape == (2,) and data.rows == 4
    found = by_rows(data)
    assert sorted(found) == list(range(11)) and [row for row, each in found.items() if isinstance(each, str)] == [2, 6, 7]
    assert found[2] == "2 values in row 4, 3 in the header" and "'heavy' in row 8, column 'b'" in found[6] and "'nan'" in found[7]
    assert all(found[row].tolist() == [row, 2 * row] for row in (0, 1, 3, 4, 5, 8, 9, 10))
    check_some(data, [2, 5, 6, 10])
    assert {row: str(each) for row, each in by_rows(data, 4).items()} == {row: str(found[row]) for row in range(4, 11)}
    (tmp_path / "t.csv").write_text("\n".join(["a,b,label", *["x,1,good"] * 9]))
    with pytest.raises(Misuse, match="'x' in row 2, column 'a'"):
        unlabelled.load(tmp_path / "t.csv")


def test_a_table_is_never_held_as_a_whole(tmp_path, few, monkeypatch):
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 1000)
    data = unlabelled.load(tmp_path / "t.csv")
    read, cells = [], csv_table.cells

    def counted(*args):
        for each in cells(*args):
            read.append(1)
            yield each
    monkeypatch.setattr(table_inputs.csv_table, "cells", counted)
    passing = data.pieces()
    for count in range(1, 6):
        next(passing)
        assert len(read) <= 1 + 4 * count + 1


# ---- shared with others ----------------------------------------------------------------------------------------------

def images_in(tmp_path):
    return folder(tmp_path)


def records_in(tmp_path):
    images = [tf.io.encode_png(RNG.integers(0, 256, (6, 5, 1), numpy.uint8)).numpy() for _ in range(19)]
    images[9] = images[9][:40]
    (tmp_path / "in").mkdir()
    for shard, part in enumerate((images[:10], images[10:])):
        with tf.io.TFRecordWriter(str(tmp_path / f"in/a.tfrecord-0000{shard}-of-00002")) as file:
            for image in part:
                file.write(record(**{"image/encoded": image}))
    return tmp_path / "in"


def archive_in(tmp_path, save=numpy.savez_compressed):
    x = RNG.normal(size=(19, 3))
    x[9, 1] = numpy.nan
    save(tmp_path / "x.npz", x=x)
    return tmp_path / "x.npz"


def by_column_in(tmp_path):
    return archive_in(tmp_path, lambda path, x: numpy.savez(path, x=numpy.asfortranarray(x)))


def table_in(tmp_path):
    lines = [f"{i},{2 * i}" for i in range(19)]
    lines[9] = "9"
    (tmp_path / "t.csv").write_text("\n".join(["a,b", *lines, ",", "", ","]))
    return tmp_path / "t.csv"


@pytest.mark.parametrize("write", [images_in, records_in, archive_in, by_column_in, table_in])
def test_single_pieces_are_those_of_the_whole_and_are_asked_for_one_by_one(write, tmp_path, few):
    data = unlabelled.load(write(tmp_path), channels=1)
    whole, asked = {piece.first: piece for piece in data.pieces()}, []

    def firsts(of):
        for first in of:
            asked.append(first)
            yield first
    last = max(whole)
    for of in (range(0, 1000, 4), range(4, 1000, 8), [last], [last + 4], []):
        found = data.some(firsts(of))
        for first in of:
            piece = next(found, None)
            assert asked[-1] == first
            if first > last:
                assert piece is None
                break
            assert (piece.first, piece.n, piece.failures) == (first, whole[first].n, whole[first].failures)
            numpy.testing.assert_array_equal(piece.place, whole[first].place)
            numpy.testing.assert_array_equal(piece.x, whole[first].x)
        assert next(found, None) is None
