"""Image files: Pillow and the TensorFlow graph see the same pixels."""
import numpy
import pytest
import tensorflow as tf
from image_folders import DEEP, FILES, GREY, PALETTE, RGB, RGBA, saved
from PIL import Image

from kerasnd.data import pixels
from kerasnd.data.resizing import resize, resize_all


@pytest.mark.parametrize("size", [None, (9, 8), (30, 11), (20, 19)])
@pytest.mark.parametrize("name", FILES)
def test_pillow_and_the_graph_agree_to_the_last_bit(tmp_path, name, size):
    path = saved(tmp_path / name, FILES[name][0], **FILES[name][1])
    header = pixels.header(path)
    assert header.in_graph and (header.height, header.width) == (21, 17)
    for channels in {header.channels, 3 if header.bits == 8 else 1}:
        image = pixels.read(path, channels, header.bits, size)
        decoded = pixels.decode(tf.io.read_file(path), channels, header.bits, size)
        assert image.shape == (*(size or (21, 17)), channels) and image.dtype == f"uint{header.bits}"
        numpy.testing.assert_array_equal(image, decoded.numpy())


@pytest.mark.parametrize("name, expected", [
    ("rgb.png", RGB), ("rgba.png", RGBA[..., :3]), ("grey.png", GREY[..., None]), ("deep.png", DEEP[..., None]),
    ("rgb.bmp", RGB), ("palette.png", numpy.asarray(PALETTE.convert("RGB"))),
])
def test_lossless_files_give_back_what_was_saved(tmp_path, name, expected):
    path = saved(tmp_path / name, FILES[name][0], **FILES[name][1])
    header = pixels.header(path)
    numpy.testing.assert_array_equal(pixels.read(path, header.channels, header.bits), expected)


@pytest.mark.parametrize("name, image", [
    ("first.gif", RGB), ("grey.tif", GREY), ("deep.tiff", DEEP), ("rgb.tif", RGB), ("rgb.webp", RGB), ("grey.bmp", GREY)])
def test_what_only_pillow_reads_is_read_and_not_promised_to_the_graph(tmp_path, name, image):
    path = saved(tmp_path / name, image, **({"lossless": True} if name.endswith("webp") else {}))
    header = pixels.header(path)
    assert not header.in_graph
    read = pixels.read(path, header.channels, header.bits)
    assert read.shape[:2] == (21, 17)
    if not name.endswith("gif"):
        numpy.testing.assert_array_equal(read.squeeze(), image)


@pytest.mark.parametrize("before, after", [
    ((21, 17), (9, 30)), ((9, 30), (21, 17)), ((3, 3), (3, 3)), ((1, 5), (4, 1)), ((64, 64), (5, 7))])
def test_resizing_is_pillows(before, after):
    image = numpy.random.default_rng(1).integers(0, 256, (*before, 3), numpy.uint8)
    wide = Image.fromarray(image).resize((after[1], before[0]), Image.Resampling.BILINEAR)
    expected = numpy.asarray(wide.resize((after[1], after[0]), Image.Resampling.BILINEAR))
    numpy.testing.assert_array_equal(resize(tf.constant(image), *after), expected)
    numpy.testing.assert_array_equal(resize_all(numpy.stack([image] * 3), *after, batch=2), numpy.stack([expected] * 3))


def test_resizing_keeps_the_range_and_the_dtype_of_floats():
    image = numpy.full((7, 5, 1), 16, numpy.float32)
    numpy.testing.assert_allclose(resize(tf.constant(image), 3, 9), numpy.full((3, 9, 1), 16, numpy.float32), rtol=1e-6)
