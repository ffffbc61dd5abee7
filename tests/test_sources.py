"""A name becomes a pool, and one that fits nothing is refused in one line that says why."""
import subprocess
import sys

import numpy
import pytest
import sklearn.datasets
from own_input import load_unlabelled
from saved_arrays import RNG, X, Y, mat73, npz, refused

from kerasnd.data import arrays
from kerasnd.data.pool import Pool
from kerasnd.data.sources import load_data, normal_classes
from kerasnd.errors import BadData, Misuse


def test_sources_are_imported_without_tensorflow_or_scikit_learn():
    heavy = ("tensorflow", "keras", "sklearn", "tensorflow_datasets", "scipy", "PIL")
    program = f"import sys, kerasnd.data.sources, kerasnd.data.protocols; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_digits_are_scikit_learns():
    pool, (x, y) = load_data("digits"), sklearn.datasets.load_digits(return_X_y=True)
    assert pool.x.shape == (1797, 8, 8, 1) and pool.x.dtype == numpy.float32 and pool.official is None and pool.is_image
    assert (pool.x.reshape(-1, 64) == x).all() and (pool.category == y).all() and pool.names == tuple("0123456789")


def test_benign_is_the_normal_class_of_breast_cancer():
    pool = load_data("breast_cancer")
    assert pool.x.shape == (569, 30) and not pool.is_image and pool.names == ("benign", "malignant")
    assert numpy.bincount(pool.category).tolist() == [357, 212]         # as the UCI description counts them


@pytest.mark.parametrize("normal, expected", [
    ("3", (3,)), (3, (3,)), ("1,3, 7", (1, 3, 7)), ("7,1,7", (1, 7)), ([1, "2"], (1, 2)), (numpy.array([4, 4]), (4,)),
    ((0,), (0,))])
def test_normal_classes_by_number(normal, expected):
    assert normal_classes(load_data("digits"), normal) == expected


def test_names_go_before_numbers_and_may_hold_commas():
    pool = Pool(x=numpy.zeros((4, 2)), category=numpy.array([0, 1, 2, 2]), official=None, names=("2", "good", "red, green"))
    assert normal_classes(pool, "2") == (0,) and normal_classes(pool, "good,1") == (1,)
    assert normal_classes(pool, "red, green") == (2,) and normal_classes(pool, "good,2") == (0, 1)


@pytest.mark.parametrize("normal, told", [
    ("goof", "Did you mean 'good'?"), ("9", "normal='9'"), ("-1", "normal='-1'"), ("", "normal=''"), (",", "at least one"),
    ([], "at least one"), ("absent", "'absent', which has 0 of 4"), (1.5, "'1.5'")])
def test_unknown_and_empty_normal_classes_are_refused(normal, told):
    pool = Pool(x=numpy.zeros((4, 2)), category=numpy.array([0, 1, 0, 1]), official=None, names=("good", "bad", "absent"))
    with pytest.raises(Misuse) as refusal:
        normal_classes(pool, normal)
    assert told in str(refusal.value)


def test_images_of_an_archive_are_resized(tmp_path):
    image = RNG.integers(0, 256, (6, 4, 5, 3), numpy.uint8)
    pool = load_data(npz(tmp_path, x=image, y=Y), size=[8, 10])
    assert pool.example_shape == (8, 10, 3) and pool.x.dtype == numpy.uint8
    assert load_data("digits", size=(16, 16)).example_shape == (16, 16, 1)


@pytest.mark.parametrize("name, options, told", [
    ("no/such/folder", {}, "must be a path that exists"), ("nothing.npz", {}, "which does not exist"), ("", {}, "dataset=''"),
    (None, {}, "dataset=None"), ("digits", {"size": 8}, "size=8"), ("digits", {"size": [8, 0]}, "size=[8, 0]"),
    ("digits", {"size": [8, 8, 1]}, "[height, width]"), ("digits", {"size": "8x8"}, "size='8x8'"),
    ("breast_cancer", {"size": [8, 8]}, "is for images"),
    ("digits", {"cache_gib": 0}, "cache_gib=0"), ("digits", {"cache_gib": "2"}, "cache_gib='2'")])
def test_names_and_options_that_fit_nothing(name, options, told):
    refused(Misuse, told, name, **options)


def test_paths_are_told_from_names(tmp_path):
    npz(tmp_path, x=X, y=Y)
    refused(Misuse, "Did you mean 'set.npz'?", str(tmp_path / "sett.npz"))
    (tmp_path / "a.txt").write_text("x")
    refused(Misuse, "a file of another kind", str(tmp_path / "a.txt"))
    (tmp_path / "folder.csv").mkdir()
    refused(Misuse, "which is a folder", str(tmp_path / "folder.csv"))
    refused(Misuse, "`label_column` is for", str(tmp_path / "set.npz"), label_column="z")


def test_unlabelled_arrays_need_no_classes(tmp_path):
    pool = load_unlabelled(npz(tmp_path, x=X))
    numpy.testing.assert_array_equal(pool.x, X.astype("float32"))
    assert pool.paths is None
    numpy.testing.assert_array_equal(load_unlabelled(mat73(tmp_path, X=X)).x, X.astype("float32"))
    with pytest.raises(Misuse, match="must hold the array x"):
        load_unlabelled(npz(tmp_path, z=X))
    with pytest.raises(Misuse, match="must be an image, a folder"):
        (tmp_path / "a.txt").write_text("x")
        load_unlabelled(tmp_path / "a.txt")


def test_the_first_place_is_found_in_whichever_piece_it_lies():
    x = numpy.zeros((10, 1 << 20), numpy.float32)
    x[7, 5], x[9, 1] = numpy.nan, numpy.inf
    with pytest.raises(BadData, match=r"2 NaN or infinite values in 'set', the first, nan, at x\[7, 5\]"):
        arrays.refuse_not_finite(x, "x", "set")


@pytest.mark.parametrize("name, content, told", [
    ("x.csv", "a,b\n1,2\n3,nan\n", "^`b` must be given.*'nan' in row 3, column 'b'"),
    ("x.csv", "a,b\n1,2\n3,inf\n", "^`b` must be finite.*'inf' in row 3, column 'b'"),
    ("x.csv", "a,b\n1,\n3,4\n", "^`b` must be given.*row 2, column 'b'"),
    ("x.csv", "a,b\n1,2\n3\n", "^1 values in row 3, 2 in the header"),
    ("x.csv", "", "^`input` must have a header"),
    ("x.npz", "no zip", "^`input` must be a .npz archive"),
    ("x.mat", "no mat", "^`input` must be a readable .mat"),
    ("x.png", "no png", "^`input` must hold readable images.*x.png"),
])
def test_what_is_wrong_with_an_input_is_told_of_the_input(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadData, match=told) as refusal:
        load_unlabelled(tmp_path / name)
    assert "dataset" not in str(refusal.value) and "\n" not in str(refusal.value)
