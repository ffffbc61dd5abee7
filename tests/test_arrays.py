"""Saved arrays become pools, and what is no set of examples is refused in one line that says why."""
import pickle
import sys
from pathlib import Path

import numpy
import pytest
import scipy.sparse
from own_input import load_unlabelled
from saved_arrays import X, Y, mat, mat73, npz, refused

from kerasnd.data.sources import load_data
from kerasnd.errors import BadData, Misuse


def test_npz_of_two_arrays(tmp_path):
    pool = load_data(npz(tmp_path, x=X, y=Y, more=numpy.zeros(3)))
    assert pool.x.dtype == numpy.float32 and pool.official is None and pool.names == ("0", "1")
    numpy.testing.assert_array_equal(pool.x, X.astype("float32"))
    assert pool.category.tolist() == Y.tolist() and pool.category.dtype == numpy.int64


def test_npz_of_adbench(tmp_path):
    pool = load_data(npz(tmp_path, X=X, y=Y))
    numpy.testing.assert_array_equal(pool.x, X.astype("float32"))
    numpy.testing.assert_array_equal(load_unlabelled(npz(tmp_path, X=X, y=Y)).x, pool.x)
    numpy.testing.assert_array_equal(load_unlabelled(npz(tmp_path, x=X, X=X + 1)).x, pool.x)


def test_npz_of_four_arrays_is_the_official_parts(tmp_path):
    pool = load_data(npz(tmp_path, x_train=X, y_train=[["b"], ["a"]] * 3, x_test=X[:2] + 1, y_test=["a", "c"]))
    assert pool.official.tolist() == ["train"] * 6 + ["test"] * 2 and pool.names == ("a", "b", "c")
    assert pool.category.tolist() == [1, 0, 1, 0, 1, 0, 0, 2]
    numpy.testing.assert_array_equal(pool.x[6:], (X[:2] + 1).astype("float32"))


@pytest.mark.parametrize("given, shape, dtype", [
    (numpy.zeros((6, 4, 5), "uint8"), (4, 5, 1), "uint8"), (numpy.zeros((6, 4, 5, 3), "uint16"), (4, 5, 3), "uint16"),
    (numpy.zeros((6, 4, 5, 3), "int64"), (4, 5, 3), "float32"), (numpy.zeros((6, 4), "uint8"), (4,), "float32"),
    (numpy.zeros((6, 4), bool), (4,), "float32"), (numpy.zeros((6, 4, 5), "float16"), (4, 5, 1), "float32")])
def test_images_keep_their_bytes_and_all_else_is_float32(tmp_path, given, shape, dtype):
    pool = load_data(npz(tmp_path, x=given, y=Y))
    assert pool.example_shape == shape and pool.x.dtype == dtype


@pytest.mark.parametrize("y, names, category", [
    ([5, 7, 5, 5, 7, 5], ("5", "7"), [0, 1, 0, 0, 1, 0]), ([-1, 1, 1, 1, 1, 1], ("-1", "1"), [0, 1, 1, 1, 1, 1]),
    ([0., 1., 0., 0., 1., 0.], ("0", "1"), [0, 1, 0, 0, 1, 0]), ([True, False] * 3, ("0", "1"), [1, 0] * 3),
    ([b"x", b"y"] * 3, ("x", "y"), [0, 1] * 3), ([[10]] * 5 + [[9]], ("9", "10"), [1] * 5 + [0])])
def test_labels_are_counted_from_the_smallest(tmp_path, y, names, category):
    pool = load_data(npz(tmp_path, x=X, y=y))
    assert pool.names == names and pool.category.tolist() == category


@pytest.mark.parametrize("values, error, told", [
    ({"x": X, "y": Y[:5]}, Misuse, "6 examples in x and 5 values in y"),
    ({"x": X, "labels": Y}, Misuse, "with labels, x."),
    ({"x_train": X, "y_train": Y, "x_test": X}, Misuse, "with x_test, x_train, y_train."),
    ({"x": X.astype(complex), "y": Y}, Misuse, "complex128"), ({"x": X.astype(str), "y": Y}, Misuse, "<U32"),
    ({"x": X[:, 0], "y": Y}, Misuse, "shape (6,)"), ({"x": X[:0], "y": Y[:0]}, BadData, "shape (0, 3)"),
    ({"x": numpy.zeros((6, 3, 8, 8)), "y": Y}, Misuse, "x.transpose(0, 2, 3, 1)"),
    ({"x": X, "y": numpy.eye(6)}, Misuse, "shape (6, 6)"), ({"x": X, "y": Y + 0.5}, Misuse, "Received: 0.5 at 0"),
    ({"x": X, "y": [0, numpy.nan] * 3}, BadData, "3 NaN or infinite values"),
    ({"x": numpy.array([[1, {}]] * 6, object), "y": Y}, BadData, "Python objects"),
    ({"x": X, "y": numpy.array(["a", None] * 3, object)}, BadData, "`y` must be numbers"),
    ({"x": numpy.where(numpy.arange(18).reshape(6, 3) > 13, numpy.inf, X), "y": Y}, BadData, "4 NaN or infinite"),
    ({"x": numpy.where(numpy.arange(18).reshape(6, 3) == 13, numpy.nan, X), "y": Y}, BadData, "the first, nan, at x[4, 1]"),
    ({"x": X * 1e300, "y": Y}, BadData, "finite in float32"),
    ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, Misuse, "shape (3,) and float32 ones of shape (2,)"),
    ({}, Misuse, "with nothing"),
])
def test_npz_that_is_no_set_of_examples(tmp_path, values, error, told):
    refused(error, told, npz(tmp_path, **values))


class Unpickled:
    """Pickles as a call that would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_is_never_opened(tmp_path):
    evidence = tmp_path / "evidence"
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Unpickled(str(evidence))))
    objects = numpy.array([Unpickled(str(evidence))], object)
    refused(BadData, "never opened", str(tmp_path / "bare.npz"))
    refused(BadData, "any program", npz(tmp_path, x=objects, y=Y))
    assert not evidence.exists()


def test_nothing_but_the_named_arrays_is_read(tmp_path):
    assert len(load_data(npz(tmp_path, x=X, y=Y, meta=numpy.array([{}], object))).x) == 6


@pytest.mark.parametrize("kept", [0, 10, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("save", [npz, mat, mat73])
def test_truncated_files_are_refused(tmp_path, save, kept):
    path = Path(save(tmp_path, **{"x" if save is npz else "X": X.repeat(50, 0), "y": Y.repeat(50)}))
    whole = path.read_bytes()
    path.write_bytes(whole[:int(kept if kept >= 1 else kept * len(whole))])
    refused(BadData, "must be a", str(path))


def test_a_damaged_member_is_refused(tmp_path):
    path = npz(tmp_path, x=X, y=Y)
    with open(path, "r+b") as file:
        file.seek(250)
        file.write(b"\xff" * 8)
    refused(BadData, "x", path)


def test_an_array_alone_is_no_archive(tmp_path):
    with open(tmp_path / "set.npz", "wb") as file:
        numpy.save(file, X)
    refused(BadData, "single array", str(tmp_path / "set.npz"))


@pytest.mark.parametrize("save", [mat, mat73])
@pytest.mark.parametrize("x", [X, numpy.arange(18).reshape(6, 3).astype("int16"), numpy.arange(18).reshape(6, 3).astype("uint8")])
def test_mat_files_of_both_kinds(tmp_path, save, x):
    pool = load_data(save(tmp_path, X=x, y=Y[:, None].astype(float)))
    assert pool.x.dtype == numpy.float32 and pool.official is None and pool.names == ("0", "1")
    numpy.testing.assert_array_equal(pool.x, x.astype("float32"))
    assert pool.category.tolist() == Y.tolist()


def test_mat_may_be_sparse(tmp_path):
    numpy.testing.assert_allclose(load_data(mat(tmp_path, X=scipy.sparse.csc_matrix(X), y=Y)).x, X, rtol=1e-6)


@pytest.mark.parametrize("save", [mat, mat73])
def test_mat_without_x_or_y_lists_what_it_has(tmp_path, save):
    refused(Misuse, "with Z, y.", save(tmp_path, Z=X, y=Y))


def test_v73_without_h5py_names_the_extra(tmp_path, monkeypatch):
    path = mat73(tmp_path, X=X, y=Y)
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(Misuse, "pip install kerasnd[hdf5]", path)


def test_a_mat_file_in_data_dir_goes_by_its_name(tmp_path):
    mat(tmp_path, X=X, y=Y)
    (tmp_path / "set.mat").rename(tmp_path / "satimage-2.mat")
    assert len(load_data("satimage-2", data_dir=str(tmp_path)).x) == 6
    refused(Misuse, "must hold cardio.mat", "cardio", data_dir=str(tmp_path))
    refused(Misuse, "data_dir=None", "cardio")
