"""Coarser bands on a finer grid of the same reference system: bilinear interpolation between pixel centres, in double precision.

GDAL's warper decodes a whole JPEG 2000 tile anew for every block that it makes; here the decoded tile is used for all of them. The rule is
the warper's: neighbours without data have no weight, and a place whose own pixel has no data has none either.
"""

import numpy as np

from soilcore.core.grids import Grid, Window
from soilcore.data.rasters import rasterio_window, same_crs


class Interpolated:
    """An open raster of whole numbers on a finer grid; a value depends on its place alone, never on the window.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        Closed by whoever opened it.
    grid : Grid
    nodata : float or None
    """

    def __init__(self, dataset, grid, nodata):
        self.dataset, self.grid, self.nodata = dataset, grid, nodata
        self.own = Grid.of(dataset)
        self.dtypes = ("float64",) * dataset.count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Nothing is open but the dataset, which belongs to another."""

    def read(self, numbers, window):
        """Values of bands in a rasterio window of the grid, float64 of shape (len(numbers), rows, columns), NaN where missing."""
        part = Window(int(window.row_off), int(window.col_off), int(window.height), int(window.width))
        rows, cols = _axis(self.own, self.grid, part, by_row=True), _axis(self.own, self.grid, part, by_row=False)
        if not (rows.inside.any() and cols.inside.any()):
            return np.full((len(numbers), part.height, part.width), np.nan)
        below = Window(rows.first, cols.first, rows.count, cols.count)
        stored = self.dataset.read(list(numbers), window=rasterio_window(below))
        return np.stack([self._laid(layer, rows, cols) for layer in stored])

    def _laid(self, stored, rows, cols):
        there = None if self.nodata is None or not np.isfinite(self.nodata) else stored != self.nodata
        if there is None or there.all():
            values = _between(stored.astype(float), rows, cols)
        else:
            with np.errstate(invalid="ignore", divide="ignore"):
                values = _between(np.where(there, stored, 0).astype(float), rows, cols) / _between(there.astype(float), rows, cols)
            values[~there[rows.near[:, None], cols.near]] = np.nan
        if not (rows.inside.all() and cols.inside.all()):
            values[~(rows.inside[:, None] & cols.inside)] = np.nan
        return values


class _axis:
    """Neighbours and weights along one axis; positions count from the first pixel that is read."""

    def __init__(self, own, grid, window, by_row):
        start, length, size = (window.row, window.height, own.height) if by_row else (window.col, window.width, own.width)
        step, corner = (grid.transform.e, grid.transform.f) if by_row else (grid.transform.a, grid.transform.c)
        own_step, own_corner = (own.transform.e, own.transform.f) if by_row else (own.transform.a, own.transform.c)
        place = (step * (np.arange(start, start + length) + 0.5) + corner - own_corner) / own_step
        near, lower = np.floor(place).astype(int), np.floor(place - 0.5).astype(int)
        weight = place - 0.5 - lower
        self.inside = (near >= 0) & (near < size)
        weight = np.where(lower < 0, 1.0, np.where(lower + 1 >= size, 0.0, weight))  # beyond the edge there is no neighbour to weigh
        lower, upper, near = (np.clip(at, 0, size - 1) for at in (lower, lower + 1, near))
        self.first = int(lower.min())
        self.count = int(upper.max()) - self.first + 1
        self.lower, self.upper, self.near, self.weight = lower - self.first, upper - self.first, near - self.first, weight


def _between(values, rows, cols):
    across = values[:, cols.lower] * (1 - cols.weight) + values[:, cols.upper] * cols.weight
    return across[rows.lower] * (1 - rows.weight)[:, None] + across[rows.upper] * rows.weight[:, None]


def can_be_interpolated(dataset, grid, source):
    """Whether an open raster can be laid onto a grid here: whole numbers, bilinear, coarser, the same reference system, no mask of its own."""
    own = Grid.of(dataset)
    whole = all(np.issubdtype(np.dtype(kind), np.integer) for kind in dataset.dtypes)
    north_up = own.transform.b == own.transform.d == grid.transform.b == grid.transform.d == 0
    coarser = all(mine >= theirs for mine, theirs in zip(own.cell_size, grid.cell_size, strict=True))
    return whole and source.resampling == "bilinear" and not source.has_mask and north_up and coarser and same_crs(own.crs, grid.crs)
