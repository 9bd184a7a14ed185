"""Windows of pixels as networks read them: layers with a halo, read once, and patches that are views into them, never copies."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.grids import Window
from soilcore.features.patch_cells import Cells
from soilcore.features.patches import MOST_NODATA, reflect

_HELD_BYTES = 512 << 20  # of predictors held for one window; larger halos are read in strips, layer by layer


@dataclass(frozen=True)
class Surface:
    """The layers of one kind of patch over a window of pixels, with as much around it as patches reach.

    Parameters
    ----------
    values : ndarray of float32, shape (layers, n_rows + size - 1, n_cols + size - 1)
        Cells; NaN where missing; beyond the raster's border the mirrored cells.
    rows, cols : ndarray of int, shape (height,) and (width,)
        Which of the `n_rows` x `n_cols` patches belongs to each row and column of pixels.
    usable : ndarray of bool, shape (n_rows, n_cols)
        At most 30 % of the patch is missing.
    size : int
        Cells per side of a patch.
    """

    values: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    usable: np.ndarray
    size: int

    @property
    def shape(self):
        """Rows and columns of patches."""
        return self.usable.shape

    def patches(self, values=None):
        """All patches as one view, shape (layers, n_rows, n_cols, size, size).

        Parameters
        ----------
        values : ndarray of shape (layers, ...), optional
            What was made of `values`, scaled for instance; `values` if not given.
        """
        values = self.values if values is None else values
        return np.lib.stride_tricks.sliding_window_view(values, (self.size, self.size), axis=(1, 2))

    def at(self, rows, cols):
        """Patches of pixels of the window, copied, shape (n, layers, size, size)."""
        return self.patches()[:, self.rows[rows], self.cols[cols]].swapaxes(0, 1)

    def number(self, rows, cols):
        """Which patch, counted row by row, belongs to pixels of the window."""
        return self.rows[rows] * self.shape[1] + self.cols[cols]

    def usable_pixels(self):
        """`usable` by pixel, bool of shape (height, width)."""
        return self.usable[self.rows[:, None], self.cols]


@dataclass(frozen=True)
class SurfaceCutter:
    """Cuts the surface of one need out of a source of predictors, window by window.

    Parameters
    ----------
    need : PatchNeed
    cells : Cells
    chosen : tuple of int
        Which layers of the source.
    """

    need: object
    cells: Cells
    chosen: tuple[int, ...]

    @classmethod
    def of(cls, need, source):
        """For a need, on the grid of a source."""
        return cls(need, Cells.of(source.grid, need.cell), tuple(source.names.index(name) for name in need.layers))

    def pixels(self, window):
        """Window of pixels that the patches of a window are made of."""
        cells = self._cells(window)[0]
        return _of_pixels(cells, self.cells)

    def surface(self, reader, window):
        """The surface over a window.

        Parameters
        ----------
        reader : object
            With ``read(window)`` of all predictors.
        window : Window
            Of pixels.

        Returns
        -------
        Surface
        """
        cells, down, across, rows, cols = self._cells(window)
        layers = self.cells.read(reader, cells, list(self.chosen))
        if _in_order(down, cells.row) and _in_order(across, cells.col):
            values = np.ascontiguousarray(layers)
        else:
            values = layers[:, (down - cells.row)[:, None], across - cells.col]
        return Surface(values, rows, cols, _usable(values, self.need.size), self.need.size)

    def _cells(self, window):
        """Cells to read, cells of each row and column of the surface (mirrored at borders), patch of each row and column of pixels."""
        rows, cols = self._cells_under(window)
        size, (height, width) = self.need.size, self.cells.grid.shape
        down, across = (reflect(np.arange(each[0] - size // 2, each[-1] - size // 2 + size), n) for each, n in ((rows, height), (cols, width)))
        top, left = int(down.min()), int(across.min())
        cells = Window(top, left, int(down.max()) - top + 1, int(across.max()) - left + 1)
        return cells, down, across, rows - rows[0], cols - cols[0]

    def _cells_under(self, window):
        """Row of cells under each row of pixel centres, and column under each column, found as for any other point."""
        rows, cols = window.row + np.arange(window.height), window.col + np.arange(window.width)
        if self.cells.factors == (1.0, 1.0):
            return rows, cols
        pixel = self.cells.pixels.transform
        x, y = pixel.a * (cols + 0.5) + pixel.c, pixel.e * (rows + 0.5) + pixel.f
        down, _, _ = self.cells.grid.rows_cols(np.full(rows.size, x[0]), y)
        _, across, _ = self.cells.grid.rows_cols(x, np.full(cols.size, y[0]))
        return down, across


class HeldWindow:
    """Predictors of a window with its halo, read once; gives parts of it as a reader does.

    Parameters
    ----------
    window : Window
    values : ndarray of float32, shape (n_features, rows, columns)
    """

    def __init__(self, window, values):
        self.window, self.values = window, values

    def read(self, window):
        """Predictors of a window inside."""
        top, left = window.row - self.window.row, window.col - self.window.col
        return self.values[:, top : top + window.height, left : left + window.width]


def read_once(reader, grid, window, cutters, n_features):
    """Predictors of a window and surfaces of all needs.

    Parameters
    ----------
    reader : object
        With ``read(window)``.
    grid : Grid
    window : Window
        Of pixels.
    cutters : sequence of SurfaceCutter
    n_features : int

    Returns
    -------
    features : ndarray of float32, shape (n_features, rows, columns)
    surfaces : dict of str to Surface
        By the name of the need.
    """
    together = _around(window, *(cutter.pixels(window) for cutter in cutters))
    if 4 * n_features * together.height * together.width <= _HELD_BYTES:
        reader = HeldWindow(together, reader.read(together))
    surfaces = {cutter.need.name: cutter.surface(reader, window) for cutter in cutters}
    return reader.read(window), surfaces


def _around(*windows):
    top, left = min(one.row for one in windows), min(one.col for one in windows)
    bottom, right = (max(getattr(one, a) + getattr(one, b) for one in windows) for a, b in (("row", "height"), ("col", "width")))
    return Window(top, left, bottom - top, right - left)


def _of_pixels(cells, grid):
    """Pixels that a window of cells is made of, and at most one more around it."""
    if grid.factors == (1.0, 1.0):
        return cells
    edges = []
    for first, count, factor, length in zip((cells.row, cells.col), (cells.height, cells.width), grid.factors, grid.pixels.shape, strict=True):
        low = max(0, int(np.floor(first * factor)) - 1)
        edges.append((low, min(length, int(np.ceil((first + count) * factor)) + 2) - low))
    (row, height), (col, width) = edges
    return Window(row, col, height, width)


def _in_order(positions, first):
    return positions[0] == first and (np.diff(positions) == 1).all()


def _usable(values, size):
    """Which patches are complete enough, by sums of the missing cells over all squares at once."""
    missing = np.isnan(values).any(axis=0)
    n_rows, n_cols = missing.shape[0] - size + 1, missing.shape[1] - size + 1
    if not missing.any():
        return np.ones((n_rows, n_cols), bool)
    sums = np.zeros((missing.shape[0] + 1, missing.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(missing, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    count = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return count / size**2 <= MOST_NODATA
