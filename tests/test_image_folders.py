"""A folder of images is read as it lies there, or refused."""
import os
from pathlib import Path

import numpy
import pytest
import tensorflow as tf
from image_folders import DEEP, FILES, GREY, PALETTE, RGB, RGBA, filled, saved, streamed, tree
from own_input import load_unlabelled

from kerasnd.data.sources import load_data, normal_classes
from kerasnd.errors import BadData, Misuse
from kerasnd.feeding import Feed


def test_train_and_test_folders_are_the_official_parts(tmp_path):
    root = tree(tmp_path, {"train/good/b.png": filled(2), "train/good/a.png": filled(1), "test/good/c.png": filled(3),
                           "test/crack/d.png": filled(4), "test/bent/e.png": filled(5), "ground_truth/crack/d.png": filled(9)})
    pool = load_data(root)
    assert pool.names == ("bent", "crack", "good") and pool.category.tolist() == [2, 2, 0, 1, 2]
    assert pool.official.tolist() == ["train", "train", "test", "test", "test"]
    assert pool.x[:, 0, 0, 0].tolist() == [1, 2, 5, 4, 3] and pool.x.dtype == numpy.uint8 and pool.x.shape == (5, 6, 5, 3)
    assert [os.path.relpath(path, root) for path in pool.paths[:3]] == ["train/good/a.png", "train/good/b.png", "test/bent/e.png"]
    assert normal_classes(pool, "good") == (2,) and pool.skipped == ()


def test_class_folders_alone_have_no_official_parts_and_numbers_sort_as_numbers(tmp_path):
    pool = load_data(tree(tmp_path, {f"{name}/x.png": filled(name) for name in (0, 2, 10)}))
    assert pool.official is None and pool.names == ("0", "2", "10") and pool.x[:, 0, 0, 0].tolist() == [0, 2, 10]
    assert normal_classes(pool, "2") == (1,)          # a number is a name first


def test_a_train_folder_alone_is_the_whole_set(tmp_path):
    pool = load_data(tree(tmp_path, {"train/a/x.png": filled(1), "train/b/x.png": filled(2)}))
    assert pool.names == ("a", "b") and pool.official is None


def test_official_parts_without_classes_are_not_taken_for_classes(tmp_path):
    with pytest.raises(Misuse, match="must have class folders in train and test.*test has none"):
        load_data(tree(tmp_path, {"train/a/x.png": filled(1), "test/x.png": filled(2)}))


def test_a_vehicle_called_train_is_a_class(tmp_path):
    pool = load_data(tree(tmp_path, {"train/x.png": filled(1), "bus/x.png": filled(2)}))
    assert pool.names == ("bus", "train") and pool.official is None


@pytest.mark.parametrize("files, channels, dtype", [
    ({"a/1.png": GREY, "a/2.jpg": GREY}, 1, "uint8"), ({"a/1.png": GREY, "a/2.png": RGB}, 3, "uint8"),
    ({"a/1.png": DEEP, "a/2.tif": DEEP}, 1, "uint16"), ({"a/1.png": RGBA, "a/2.png": PALETTE}, 3, "uint8")])
def test_one_colour_image_makes_all_colour_and_16_bits_are_kept(tmp_path, files, channels, dtype):
    pool = load_data(tree(tmp_path, files))
    assert pool.example_shape == (21, 17, channels) and pool.x.dtype == dtype
    if dtype == "uint16":
        numpy.testing.assert_array_equal(pool.x[1, ..., 0], DEEP)
    if channels == 3 and files["a/1.png"] is GREY:
        numpy.testing.assert_array_equal(pool.x[0], numpy.repeat(GREY[..., None], 3, -1))


def test_a_large_folder_is_streamed_with_the_same_pixels(tmp_path):
    files = {f"{name.split('.')[0]}/{name}": image for name, (image, _) in FILES.items() if name != "deep.png"}
    root = tree(tmp_path, files)
    for size in (None, (8, 9)):
        cached, stream = load_data(root, size=size), load_data(root, size=size, cache_gib=1e-7)
        assert stream.x.shape == cached.x.shape == (len(stream.x), *cached.example_shape) and stream.x.dtype == cached.x.dtype
        assert (stream.category == cached.category).all() and (stream.paths == cached.paths).all()
        index = [7, 0, 3, 11]
        places = [place for place, _ in stream.x.examples(tf.constant(index)).as_numpy_iterator()]
        assert stream.x.in_order and places == [0, 1, 2, 3]
        numpy.testing.assert_array_equal(streamed(stream.x, index), cached.x[index])
        taken = stream.x.take(numpy.array([5, 2, 9]))
        assert taken.shape == (3, *cached.example_shape)
        numpy.testing.assert_array_equal(streamed(taken, [2, 0]), cached.x[[9, 5]])


def test_a_16_bit_folder_is_streamed_too(tmp_path):
    root = tree(tmp_path, {"a/1.png": DEEP, "b/2.png": DEEP.T.copy().reshape(21, 17)})
    cached, stream = load_data(root, size=(5, 4)), load_data(root, size=(5, 4), cache_gib=1e-9)
    assert stream.x.dtype == numpy.uint16
    numpy.testing.assert_array_equal(streamed(stream.x, [1, 0]), cached.x[[1, 0]])


def test_a_stream_feeds_training_in_another_order_every_epoch(tmp_path):
    root = tree(tmp_path, {f"a/{value:02}.png": filled(value) for value in range(12)})
    feed = Feed(load_data(root, cache_gib=1e-9).x, batch_size=4)
    batches = list(feed.epochs().take(2 * feed.steps).as_numpy_iterator())
    orders = [[value for x, _, _ in epoch for value in x[:, 0, 0, 0].tolist()] for epoch in (batches[:3], batches[3:])]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(12)) and orders[0] != orders[1]
    for x, _, position in batches:
        assert (x[:, 0, 0, 0] == position).all()


def test_a_format_that_the_graph_cannot_read_is_refused_where_it_would_be_streamed(tmp_path):
    root = tree(tmp_path, {"a/1.png": RGB, "b/2.tif": RGB})
    with pytest.raises(Misuse, match=r"with 1 others \(.*2.tif\).*cache_gib"):
        load_data(root, cache_gib=1e-9)


def broken(root):
    """A folder with six good images and four bad ones: empty, no image at all, and truncated twice."""
    tree(root, {f"{name}/{i}.png": filled(i, 21, 17) for name in "ab" for i in range(3)})
    (root / "a" / "empty.png").write_bytes(b"")
    (root / "a" / "text.jpg").write_text("these are no pixels")
    for name, source in (("cut.jpg", "x.jpg"), ("cut.png", "x.png")):
        content = Path(saved(root / ".source" / source, RGB)).read_bytes()
        (root / "b" / name).write_bytes(content[:len(content) * 3 // 4])
    return str(root)


@pytest.mark.parametrize("cache_gib", [2.0, 1e-9])
def test_unreadable_images_are_named_and_counted_or_left_out(tmp_path, cache_gib):
    root = broken(tmp_path)
    told = r"4 unreadable of 10: .*empty.png \(empty file\), .*text.jpg \(not an image\), .*cut.jpg \(.*, \.\.\..*skip_unreadable"
    with pytest.raises(BadData, match=told):
        load_data(root, cache_gib=cache_gib)
    pool = load_data(root, skip_unreadable=True, cache_gib=cache_gib)
    assert [os.path.basename(path) for path, _ in pool.skipped] == ["empty.png", "text.jpg", "cut.jpg", "cut.png"]
    assert all(reason for _, reason in pool.skipped) and pool.category.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(pool.x) == len(pool.paths) == 6 and pool.official is None
    x = pool.x if cache_gib > 1 else streamed(pool.x, range(6))
    assert x[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1, 2]


def test_parts_and_classes_stay_with_their_images_where_some_are_left_out(tmp_path):
    tree(tmp_path, {"train/a/1.png": filled(1), "train/a/2.png": filled(2), "test/a/3.png": filled(3), "test/b/4.png": filled(4)})
    (tmp_path / "train" / "a" / "1.png").write_bytes(b"")
    pool = load_data(str(tmp_path), skip_unreadable=True)
    assert pool.official.tolist() == ["train", "test", "test"] and pool.category.tolist() == [0, 0, 1]
    assert pool.x[:, 0, 0, 0].tolist() == [2, 3, 4]


def test_a_class_of_which_nothing_is_left_is_refused_even_if_the_unreadable_are_skipped(tmp_path):
    tree(tmp_path, {"a/1.png": RGB})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").write_bytes(b"")
    with pytest.raises(BadData, match="with none in b"):
        load_data(str(tmp_path), skip_unreadable=True)
    (tmp_path / "a" / "1.png").write_bytes(b"")
    with pytest.raises(BadData, match="None is left"):
        load_data(str(tmp_path), skip_unreadable=True)


def test_a_file_that_only_pillow_forgives_is_not_streamed(tmp_path):
    root = tree(tmp_path, {"a/1.png": RGB, "a/2.png": RGB})
    whole = (tmp_path / "a" / "2.png").read_bytes()
    (tmp_path / "a" / "2.png").write_bytes(whole[:-14])        # the pixels are there, the end is not
    assert len(load_data(root).x) == 2
    with pytest.raises(BadData, match=r"1 unreadable of 2: .*2.png \(damaged\)"):
        load_data(root, cache_gib=1e-9)


@pytest.mark.parametrize("files, error, told", [
    ({"a/1.png": filled(1), "a/2.png": filled(1), "b/3.png": filled(1, 7, 8)}, Misuse,
     r"2 sizes, height x width: 6x5 \(2 images, .*\), 7x8 \(1 images, .*3.png\).*--config.source.size=\[6,5\]"),
    ({"a/1.png": DEEP, "a/2.png": GREY}, Misuse, "1 16-bit grey images .* and 1 8-bit ones"),
    ({"1.png": RGB, "2.png": RGB}, Misuse, "with no folder and 2 images. Put the images of each class into a folder"),
    ({}, Misuse, "no folder and 0 images"),
])
def test_folders_that_are_no_classification_set_are_refused(tmp_path, files, error, told):
    with pytest.raises(error, match=told) as refusal:
        load_data(tree(tmp_path, files))
    assert "\n" not in str(refusal.value)


def test_mixed_sizes_are_resized_when_asked(tmp_path):
    pool = load_data(tree(tmp_path, {"a/1.png": RGB, "b/2.png": RGB.transpose(1, 0, 2)}), size=[10, 12])
    assert pool.example_shape == (10, 12, 3)


def test_empty_class_folders_and_stray_files(tmp_path):
    tree(tmp_path, {"a/1.png": filled(1), "a/.hidden.png": filled(9), "b/2.png": filled(2), "loose.png": filled(7)})
    (tmp_path / "a" / "notes.txt").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "more").mkdir()
    assert load_data(str(tmp_path)).x[:, 0, 0, 0].tolist() == [1, 2]
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "readme.md").write_text("x")
    with pytest.raises(BadData, match=r"c', with 1 entries and no image"):
        load_data(str(tmp_path))


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    outside = saved(tmp_path / "secret" / "s.png", filled(9))
    root = tmp_path / "set"
    tree(root, {"a/1.png": filled(1), "b/2.png": filled(2)})
    os.symlink(outside, root / "a" / "linked.png")
    os.symlink(tmp_path / "secret", root / "c")
    os.symlink(root / "a" / "1.png", root / "b" / "inside.png")
    pool = load_data(str(root))
    assert pool.names == ("a", "b") and pool.x[:, 0, 0, 0].tolist() == [1, 2, 1]


def test_unlabelled_images_are_found_at_any_depth(tmp_path):
    root = tree(tmp_path, {"z.png": filled(3), "deep/er/a.png": filled(1)})
    pool = load_unlabelled(root, channels=3)
    assert pool.x[:, 0, 0, 0].tolist() == [3, 1] and [os.path.basename(path) for path in pool.paths] == ["z.png", "a.png"]
    assert load_unlabelled(os.path.join(root, "z.png"), size=(2, 2)).example_shape == (2, 2, 3)
    grey = saved(tmp_path / "grey" / "g.png", GREY)
    assert load_unlabelled(grey).example_shape == (21, 17, 1) and load_unlabelled(grey, channels=3).example_shape == (21, 17, 3)
    with pytest.raises(Misuse, match="must be grey images"):
        load_unlabelled(os.path.join(root, "deep"), channels=1)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BadData, match="without any"):
        load_unlabelled(tmp_path / "nothing")
