"""Arrays as images inside the page: small PNG files in the address itself, written here."""
import base64
import struct
import zlib

import numpy

from kerasnd.page.elements import tag

LEVELS = 15             # shades of a heat map on each side of zero: enough for the eye, and few bytes
RAISES, LOWERS = (208, 74, 10), (24, 96, 176)


def shrunk(x, side):
    """Means of blocks, so that neither side of an image is longer than `side`.

    Args:
        x: (h, w) or (h, w, c), real.
        side: int >= 1.

    Returns:
        x itself where it is small enough, else float64 of the same rank.
    """
    if max(x.shape[:2]) <= side:
        return x
    x = x.astype("float64")
    share = side / max(x.shape[:2])
    for axis in (0, 1):
        edges = numpy.linspace(0, x.shape[axis], max(1, round(x.shape[axis] * share)) + 1).astype(int)
        x = numpy.moveaxis(numpy.moveaxis(numpy.add.reduceat(x, edges[:-1], axis), axis, -1) / numpy.diff(edges), -1, axis)
    return x


def photo(x, limits, side, words):
    """Markup of an image.

    Args:
        x: (h, w), (h, w, 1) or (h, w, c >= 3), whose first three channels are shown; of two, the first.
        limits: (low, high), shown as black and white.
        side: int, the most pixels of a side.
        words: str, what it is, for those who cannot see it.
    """
    low, high = limits
    x = shrunk(x if x.ndim == 2 else x[..., :3] if x.shape[-1] >= 3 else x[..., 0], side).astype("float64")
    unit = (x - low) / (high - low) if high > low else numpy.full(x.shape, 0.5)
    pixels = numpy.rint(numpy.clip(numpy.nan_to_num(unit), 0, 1) * 255).astype("uint8")
    return _image(_png(pixels, 0 if x.ndim == 2 else 2), x.shape, words)


def heat(values, side, words):
    """Markup of a map: what raises the score in one colour, what lowers it in another, nothing where there is nothing.

    The largest value of the map has the full colour: maps are compared by shape, not by strength.

    Args:
        values: (h, w), real, signed.
        side, words: as in `photo`.
    """
    values = numpy.nan_to_num(shrunk(values, side).astype("float64"))
    most = numpy.abs(values).max() or 1.0
    level = (numpy.rint(values / most * LEVELS) + LEVELS).astype("uint8")
    colours = bytes(sum([LOWERS] * LEVELS + [RAISES] * (LEVELS + 1), ()))
    clear = bytes(round(255 * abs(each) / LEVELS) for each in range(-LEVELS, LEVELS + 1))
    return _image(_png(level, 3, (b"PLTE", colours), (b"tRNS", clear)), values.shape, words, "heat")


def _image(content, shape, words, kind=None):
    return tag("img", src="data:image/png;base64," + base64.b64encode(content).decode(), alt=words, width=shape[1], height=shape[0],
               class_=" ".join(filter(None, (kind, "coarse" if max(shape[:2]) < 48 else None))) or None)


def _png(pixels, color_type, *chunks):
    """bytes of a PNG file: uint8 (h, w) grey or by palette, (h, w, 3) of colours.

    Source: W3C, Portable Network Graphics (third edition): chunks, and the filters of lines 0 (none), 1 (sub) and 2 (up).
    """
    high, wide = pixels.shape[:2]
    left, above = pixels.copy(), pixels.copy()
    left[:, 1:] -= pixels[:, :-1]           # modulo 256, as the format has it
    above[1:] -= pixels[:-1]
    lines = [numpy.concatenate([numpy.full((high, 1), kind, "uint8"), each.reshape(high, -1)], axis=1).tobytes()
             for kind, each in ((0, pixels), (1, left), (2, above))]
    body = min((zlib.compress(each, 6) for each in lines), key=len)
    head = struct.pack(">IIBBBBB", wide, high, 8, color_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in ((b"IHDR", head), *chunks, (b"IDAT", body), (b"IEND", b"")))
