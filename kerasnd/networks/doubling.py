"""Convolutions 4x4 that double small maps (`Conv2DTranspose(c, 4, 2, "same")`), for very many maps under one kernel.

In one dimension, with x the map, k the kernel and y what it is doubled to:

    y[2i]     = k1 x[i] + k3 x[i - 1]
    y[2i + 1] = k2 x[i] + k0 x[i + 1]

so the even and the odd values are each a product of polynomials, x of m coefficients by two taps. The product has m + 1
coefficients, and its values at m + 1 points give them back (Toom and Cook): m + 1 multiplications for 2 m, in two dimensions
(m + 1)^2 for 4 m^2, and the values of x serve even and odd alike. So for each pair of points a matrix product over the channels is
left, and small constant matrices before and after it, along rows and columns. Maps above a size are cut into tiles, whose
products overlap by one.

Layout: rows and columns of the map outermost, channels innermost, so that no step transposes. A doubled map has its even rows
before its odd ones, columns likewise (`order`).
"""
import numpy as np
import tensorflow as tf

# Points besides infinity for m coefficients, of small error: relative 1e-6 up to 4, 2e-5 at 8 in float32; 0.01 at 4 in bfloat16.
POINTS = {1: (0,), 2: (2 / 3, -2 / 3), 3: (0, 1, -1), 4: (3 / 8, -3 / 8, 5 / 4, -5 / 4), 5: (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2),
          6: (1 / 4, -1 / 4, 3 / 4, -3 / 4, 2, -2), 7: (0, 1 / 2, -1 / 2, 1, -1, 2, -2),
          8: (1 / 4, -1 / 4, 2 / 3, -2 / 3, 5 / 4, -5 / 4, 2, -2)}
LARGEST = {"float32": 8, "bfloat16": 4}         # of a tile: bfloat16 has no digits to lose
TAPS = ((1, 3), (0, 2))                         # of the kernel, for even and odd values: the tap at x[i], then the one before it


class Doubling:
    """One such convolution of maps of one size.

    Args:
        height, width: ints >= 1, of the maps.
        dtype: "float32" or "bfloat16", of the products.
        sorted_maps: bool, the maps' rows and columns are in their natural order, not in that of a doubled map.
    """

    def __init__(self, height, width, dtype, sorted_maps):
        self.height, self.width, self.dtype = height, width, dtype
        self._rows, self._columns = (_Line(size, dtype, sorted_maps) for size in (height, width))
        self.products = self._rows.products * self._columns.products      # of a map, for even or odd rows and columns

    def values(self, kernel):
        """The kernel's values at all points.

        Args:
            kernel: float32 (4, 4, filters, channels).

        Returns:
            (2, points, 1, 2, points, 1, channels, filters), for even and odd rows and columns.
        """
        kernel = tf.transpose(kernel, (0, 1, 3, 2))     # now, not in every product: in bfloat16 that takes up to twice as long
        _, _, channels, filters = kernel.shape
        both = np.kron(self._rows.of_taps, self._columns.of_taps).astype(np.float32)
        values = tf.cast(tf.matmul(both, tf.reshape(kernel, (16, channels * filters))), self.dtype)
        return tf.reshape(values, (2, self._rows.points, 1, 2, self._columns.points, 1, channels, filters))

    def __call__(self, maps, kernel_values):
        """The doubled maps.

        Args:
            maps: (height, width, n, channels).
            kernel_values: of `values`.

        Returns:
            (2 height, 2 width, n, filters), in the order of a doubled map.
        """
        rows, columns, dtype = self._rows, self._columns, self.dtype
        channels, filters = maps.shape[-1], kernel_values.shape[-1]
        x = tf.matmul(tf.constant(rows.evaluate, dtype), tf.reshape(maps, (self.height, -1)))
        x = tf.matmul(tf.constant(columns.evaluate, dtype), tf.reshape(x, (rows.products, self.width, -1)))
        x = tf.reshape(x, (1, rows.points, rows.tiles, 1, columns.points, columns.tiles, -1, channels))
        y = tf.matmul(x, kernel_values)
        y = tf.matmul(tf.constant(rows.interpolate, dtype), tf.reshape(y, (2, rows.products, -1)))
        y = tf.matmul(tf.constant(columns.interpolate, dtype), tf.reshape(y, (2 * self.height, 2, columns.products, -1)))
        return tf.reshape(y, (2 * self.height, 2 * self.width, -1, filters))


class _Line:
    """The constant matrices of one dimension.

    evaluate (points * tiles, size), of_taps (2 * points, 4), interpolate (2, size, points * tiles).
    """

    def __init__(self, size, dtype, natural):
        self.tiles = -(-size // LARGEST[dtype])
        long = -(-size // self.tiles)
        self.points, self.products = long + 1, (long + 1) * self.tiles
        powers = np.power.outer(np.array(POINTS[long]), np.arange(long + 1))
        powers = np.vstack([powers, np.eye(long + 1)[-1]])              # at infinity: the leading coefficient
        values = np.vstack([powers[:-1, :-1], np.eye(long)[-1]])
        back = np.linalg.inv(powers)
        evaluate = np.zeros((self.points, self.tiles, self.tiles * long))
        interpolate = np.zeros((2, self.tiles * long + 1, self.points, self.tiles))
        for tile in range(self.tiles):
            evaluate[:, tile, tile * long:(tile + 1) * long] = values
            interpolate[0, tile * long:(tile + 1) * long + 1, :, tile] = back
        interpolate[1, :-1] = interpolate[0, 1:]        # odd values begin one later in their product
        columns = np.arange(size) if natural else order(size)
        self.evaluate = evaluate.reshape(self.products, -1)[:, columns]
        self.interpolate = interpolate[:, :size].reshape(2, size, self.products)
        of_taps = np.zeros((2, self.points, 4))
        for parity, (here, before) in enumerate(TAPS):
            of_taps[parity, :, here] = np.append(np.ones(long), 0)
            of_taps[parity, :, before] = np.append(POINTS[long], 1)
        self.of_taps = of_taps.reshape(-1, 4)


def order(size):
    """int (size,), the natural places of a doubled map's rows: even ones, then odd ones."""
    return np.r_[:size:2, 1:size:2]
