"""Cells of patches: the raster's own pixels, or larger or smaller squares made of them."""

from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import Geod

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Grid, Window

_COARSEST = 100  # pixels of the raster per side of a cell
_LEAST_SHARE = 0.5  # of a cell's area must be known
_STRIP_PIXELS = 1 << 21  # of the raster, read at once


@dataclass(frozen=True)
class Cells:
    """A grid of cells over a raster.

    Parameters
    ----------
    grid : Grid
        Of the cells; its upper left corner is the raster's.
    pixels : Grid
        Of the raster.
    factors : (float, float)
        Height and width of a cell in pixels; (1, 1) where cells are the pixels.
    """

    grid: Grid
    pixels: Grid
    factors: tuple[float, float]

    @classmethod
    def of(cls, pixels, cell=None):
        """Cells of `cell` metres, or the pixels themselves.

        Raises
        ------
        SettingsError
            If the cell is not positive, or more than 100 times smaller or larger than a pixel.
        """
        if cell is None:
            return cls(pixels, pixels, (1.0, 1.0))
        if not (np.isfinite(cell) and cell > 0):
            raise SettingsError(f"A cell of {cell!r} metres is not possible. Give a side above 0, such as 30.")
        across, down = pixel_metres(pixels)
        factors = (cell / down, cell / across)
        if max(factors) > _COARSEST or min(factors) < 1 / _COARSEST:
            raise SettingsError(
                f"A cell of {cell:g} m does not suit pixels of {across:.4g} x {down:.4g} m. Give one from 1/100 to 100 times as large."
            )
        if all(abs(factor - 1) < 1e-6 for factor in factors):
            return cls(pixels, pixels, (1.0, 1.0))
        a, _, left, _, e, top = pixels.transform[:6]
        transform = Affine(a * factors[1], 0, left, 0, e * factors[0], top)
        height, width = (int(np.ceil(length / factor - 1e-9)) for length, factor in zip(pixels.shape, factors, strict=True))
        return cls(Grid(height, width, transform, pixels.crs), pixels, factors)

    def read(self, reader, window, chosen):
        """Layers of a window of cells.

        Parameters
        ----------
        reader : object
            With ``read(window)`` of the raster.
        window : Window
            Of cells.
        chosen : sequence of int
            Which layers.

        Returns
        -------
        ndarray of float32, shape (len(chosen), rows, columns)
            NaN where less than half of a cell is known.
        """
        if self.factors == (1.0, 1.0):
            return reader.read(window)[chosen]
        rows = max(1, int(_STRIP_PIXELS / (window.width * self.factors[0] * self.factors[1])))
        strips = [
            Window(row, window.col, min(rows, window.row + window.height - row), window.width)
            for row in range(window.row, window.row + window.height, rows)
        ]
        return np.concatenate([self._strip(reader, strip, chosen) for strip in strips], axis=1)

    def _strip(self, reader, window, chosen):
        down, down_weights = _taps(window.row, window.height, self.factors[0], self.pixels.height)
        across, across_weights = _taps(window.col, window.width, self.factors[1], self.pixels.width)
        top, left = int(down.min()), int(across.min())
        part = Window(top, left, int(down.max()) - top + 1, int(across.max()) - left + 1)
        pixels = reader.read(part)[chosen]
        down, across = down - top, across - left
        values = np.empty((len(chosen), window.height, window.width), np.float32)
        full = np.outer(down_weights.sum(axis=1), across_weights.sum(axis=1))
        for layer, out in zip(pixels, values, strict=True):
            known = np.isfinite(layer)
            share = _weighted(_weighted(known.astype(float), down, down_weights).T, across, across_weights).T
            total = _weighted(_weighted(np.where(known, layer, 0.0).astype(float), down, down_weights).T, across, across_weights).T
            with np.errstate(invalid="ignore", divide="ignore"):
                out[:] = np.where(share < _LEAST_SHARE * full - 1e-9, np.nan, total / share)
        return values


def _taps(first, count, factor, length):
    """Which pixels make up cells along one axis, and how much each weighs.

    Returns
    -------
    pixels : ndarray of int, shape (count, n_taps)
    weights : ndarray of float, shape (count, n_taps)
        Covered part of each pixel for cells larger than a pixel; linear between the centres of pixels for smaller ones.
    """
    cells = (first + np.arange(count))[:, None]
    if factor >= 1:
        low, high = cells * factor, np.minimum((cells + 1) * factor, length)
        pixels = np.floor(low + 1e-9).astype(int) + np.arange(int(np.ceil(factor)) + 1)
        weights = np.minimum(high, pixels + 1) - np.maximum(low, pixels)
    else:
        centres = np.clip((cells + 0.5) * factor - 0.5, 0, length - 1)  # in pixels from the first pixel's centre
        pixels = np.floor(centres).astype(int) + np.arange(2)
        weights = 1 - np.abs(centres - pixels)
    weights = np.where(weights > 1e-9, weights, 0.0)
    return np.minimum(pixels, length - 1), weights


def _weighted(values, taps, weights):
    """Weighted sums of rows, tap by tap, so that a cell's value never depends on which others are made with it."""
    total = np.zeros((len(taps), values.shape[1]))
    for k in range(taps.shape[1]):
        total += weights[:, k, None] * values[taps[:, k]]
    return total


def pixel_metres(grid):
    """Width and height of a pixel in metres, at the middle of a geographic grid."""
    width, height = grid.cell_size
    if not grid.crs.is_geographic:
        units = grid.crs.axis_info
        metre = units[0].unit_conversion_factor if units else 1.0
        return width * metre, height * metre
    left, bottom, right, top = grid.bounds
    x, y, geod = (left + right) / 2, (bottom + top) / 2, Geod(ellps="WGS84")
    _, _, across = geod.inv(x - width / 2, y, x + width / 2, y)
    _, _, down = geod.inv(x, y - height / 2, x, y + height / 2)
    return across, down
