"""Images and folders of them: for the tests of how they are read."""
import os

import numpy
import tensorflow as tf
from PIL import Image

RNG = numpy.random.default_rng(0)
RGB = RNG.integers(0, 256, (21, 17, 3), numpy.uint8)
RGBA = RNG.integers(0, 256, (21, 17, 4), numpy.uint8)
GREY = RNG.integers(0, 256, (21, 17), numpy.uint8)
DEEP = RNG.integers(0, 65536, (21, 17), numpy.uint16)
PALETTE = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)

FILES = {
    "rgb.png": (RGB, {}), "rgba.png": (RGBA, {}), "grey.png": (GREY, {}), "deep.png": (DEEP, {}),
    "grey_alpha.png": (Image.fromarray(RGBA).convert("LA"), {}), "palette.png": (PALETTE, {}),
    "palette_alpha.png": (PALETTE, {"transparency": 3}), "two_bits.png": (PALETTE.quantize(4), {"bits": 2}),
    "one_bit.png": (Image.fromarray(GREY).convert("1"), {}), "rgb.jpg": (RGB, {"quality": 60}), "grey.jpeg": (GREY, {}),
    "full.jpg": (RGB, {"quality": 95, "subsampling": 0}), "progressive.JPG": (RGB, {"progressive": True, "format": "JPEG"}),
    "rgb.bmp": (RGB, {}),
}


def saved(path, image, **options):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    (Image.fromarray(image) if isinstance(image, numpy.ndarray) else image).save(path, **options)
    return str(path)


def filled(value, height=6, width=5, channels=3):
    image = numpy.full((height, width, channels), value, numpy.uint8)
    return image if channels == 3 else image[..., 0]


def tree(root, files):
    """Writes {"train/good/1.png": image} below `root`."""
    for path, image in files.items():
        saved(root / path, image)
    return str(root)


def streamed(stream, index):
    found = dict(stream.examples(tf.constant(index, tf.int64)).as_numpy_iterator())
    assert sorted(found) == list(range(len(index)))
    return numpy.stack([found[place] for place in range(len(index))])
