"""One image file as pixels, by Pillow in memory and by TensorFlow in a graph, alike to the last bit.

Colours are taken as stored: a palette is looked up, an alpha channel is dropped, 16 bits of a grey image are kept and
those of a colour one cut to 8, the first frame of an animation is taken, an EXIF rotation is not applied.
"""
import dataclasses
import io
import os

import numpy

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")

GREY_MODES = ("1", "L", "LA", "La")
DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")
COLOUR_MODES = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


class Unreadable(Exception):
    """A file is no image that could be read; its text is the reason."""


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file says of itself: sides in pixels, channels 1 or 3, bits 8 or 16, and whether `decode` can read it."""

    height: int
    width: int
    channels: int
    bits: int
    in_graph: bool


def header(path):
    """Header of the image file at `path`, or of its content as bytes. Raises Unreadable."""
    with _opened(path) as image:
        width, height = image.size
        mode = image.mode
        if mode == "I" and image.format == "PNG":  # how Pillow before 11 calls 16-bit grey
            mode = "I;16"
        if mode not in GREY_MODES + DEEP_MODES + COLOUR_MODES:
            raise Unreadable(f"pixels of kind {mode} are not supported")
        in_graph = (image.format == "PNG" or (image.format == "JPEG" and mode in ("L", "RGB"))
                    or (image.format == "BMP" and mode == "RGB"))
        return Header(height=height, width=width, channels=3 if mode in COLOUR_MODES else 1,
                      bits=16 if mode in DEEP_MODES else 8, in_graph=in_graph)


def read(path, channels, bits, size=None, block_mean=False):
    """Decodes an image file with Pillow.

    Args:
        path: str, or the file's content as bytes.
        channels: 1 or 3; 3 repeats a grey image, 1 is for grey images only.
        bits: 8 or 16; 16 is for 16-bit grey images only.
        size: None, or (height, width) of the result.
        block_mean: bool, as in `resizing.resize`.

    Returns:
        uint8 or uint16 (height, width, channels).

    Raises:
        Unreadable: empty, truncated, no image at all.
    """
    from PIL import Image

    with _opened(path) as image:
        try:
            image.load()
            if bits == 8:
                image = image.convert("RGB" if channels == 3 else "L")
            else:
                image = Image.fromarray(numpy.asarray(image).astype(numpy.float32))
            whole = block_mean and size is not None and image.size[1] % size[0] == 0 and image.size[0] % size[1] == 0
            if size is not None and not whole and image.size != (size[1], size[0]):
                # Width first, then height: in one call the order is Pillow's choice and depends on its version.
                for sides in ((size[1], image.size[1]), (size[1], size[0])):
                    image = image.resize(sides, Image.Resampling.BILINEAR)
        except Exception as error:  # every format's parser has its own ways to fail
            raise Unreadable(_reason(error)) from None
        pixels = numpy.asarray(image)
    if whole:
        height, width = size
        blocks = pixels.reshape(height, pixels.shape[0] // height, width, pixels.shape[1] // width, -1)
        pixels = numpy.round(blocks.mean(axis=(1, 3), dtype=numpy.float64)).astype(pixels.dtype)
    if bits == 16:
        pixels = numpy.clip(numpy.round(pixels), 0, 65535).astype(numpy.uint16)
    return pixels.reshape(pixels.shape[0], pixels.shape[1], channels)


def decode(encoded, channels, bits, size=None, block_mean=False):
    """Decodes the bytes of an image file whose header is `in_graph`; the result of `read`, as a TensorFlow graph.

    Args:
        encoded: string tensor, scalar.
        channels, bits, size, block_mean: as in `read`.

    Returns:
        uint8 or uint16 tensor (height, width, channels).
    """
    import tensorflow as tf

    from kerasnd.data.resizing import resize

    def png():
        return tf.io.decode_png(encoded, channels, tf.uint8 if bits == 8 else tf.uint16)

    def jpeg():  # the accurate transform is Pillow's; TensorFlow would take the fast one
        return tf.io.decode_jpeg(encoded, channels, dct_method="INTEGER_ACCURATE")

    def bmp():
        return tf.io.decode_bmp(encoded)[:, :, :3]

    if bits == 16:
        image = png()
    else:
        image = tf.case([(tf.strings.substr(encoded, 0, 2) == b"\xff\xd8", jpeg),
                         (tf.strings.substr(encoded, 0, 2) == b"BM", bmp)], default=png)
    image = tf.ensure_shape(image, (None, None, channels))
    if size is None:
        return image
    # To resize to the same size changes nothing, and costs more than to decode a small image.
    return tf.cond(tf.reduce_all(tf.shape(image)[:2] == list(size)), lambda: image, lambda: resize(image, *size, block_mean))


def decode_checked(encoded, channels, bits, size=None, block_mean=False):
    """As `decode`, but of any bytes: fails in the graph on whatever `decode` would not read as `read` does, above all on images in
    colour where `channels` is 1, and on those of another depth than `bits`."""
    import tensorflow as tf

    start = tf.io.decode_raw(tf.strings.substr(encoded, 0, 26), tf.uint8)

    def png():      # bytes 24 and 25 are depth and kind: 0 grey, 4 grey with alpha
        grey = (start[25] == 0) | (start[25] == 4)
        return (grey | (channels == 3)) & (((start[24] == 16) & grey) == (bits == 16))

    def jpeg():     # four channels are CMYK, for which TensorFlow has another formula
        found = tf.io.extract_jpeg_shape(encoded)[2]
        return ((found == 1) | ((found == 3) & (channels == 3))) & (bits == 8)

    def begins(with_):
        return tf.strings.substr(encoded, 0, len(with_)) == with_
    fits = tf.case([(begins(b"\x89PNG\r\n\x1a\n"), png), (begins(b"\xff\xd8"), jpeg)],
                   default=lambda: begins(b"BM") & (bits == 8) & (channels == 3))
    with tf.control_dependencies([tf.debugging.Assert(fits, ["for Pillow"])]):
        return decode(tf.identity(encoded), channels, bits, size, block_mean)


def check(path, channels, bits):
    """Raises Unreadable where `decode` would fail on the file at `path`."""
    import tensorflow as tf

    try:
        decode(tf.io.read_file(path), channels, bits)
    except tf.errors.OpError:
        read(path, channels, bits)  # Pillow, where it fails too, has the better words
        raise Unreadable("damaged") from None


def _opened(path):
    from PIL import Image

    try:
        if (len(path) if isinstance(path, bytes) else os.path.getsize(path)) == 0:
            raise Unreadable("empty file")
        return Image.open(io.BytesIO(path) if isinstance(path, bytes) else path)
    except Unreadable:
        raise
    except Exception as error:  # every format's parser has its own ways to fail
        raise Unreadable(_reason(error)) from None


def _reason(error):
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error).splitlines() or [type(error).__name__])[0]
