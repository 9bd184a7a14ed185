"""One object says where pixels are: shape, affine transform and coordinate reference system travel together."""

import itertools
from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import CRS, Geod, Transformer

from soilcore.core.errors import SceneError


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: first row and column, number of rows and columns."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self):
        """(row slice, column slice) into an array of the whole grid."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)


@dataclass(frozen=True)
class Grid:
    """Pixels on the ground.

    Parameters
    ----------
    height, width : int
        Rows and columns.
    transform : affine.Affine
        From (column, row) of a pixel's upper left corner to (x, y) in `crs`.
    crs : pyproj.CRS
        Coordinate reference system.
    """

    height: int
    width: int
    transform: Affine
    crs: CRS

    @classmethod
    def of(cls, dataset):
        """Grid of an open rasterio dataset.

        Raises
        ------
        SceneError
            If the file says nothing about where it lies.
        """
        if dataset.crs is None:
            raise SceneError(
                f"{dataset.name!r} has no coordinate reference system, so it cannot be laid over samples or a map. "
                "Assign the right one (for example with gdal_edit.py -a_srs EPSG:32719 FILE) and read it again."
            )
        return cls(dataset.height, dataset.width, dataset.transform, CRS.from_user_input(dataset.crs))

    @property
    def shape(self):
        """(rows, columns)."""
        return self.height, self.width

    @property
    def bounds(self):
        """(left, bottom, right, top) in the units of `crs`; rotated grids are refused at read."""
        left, top = _apply(self.transform, 0, 0)
        right, bottom = _apply(self.transform, self.width, self.height)
        return min(left, right), min(bottom, top), max(left, right), max(bottom, top)

    @property
    def cell_size(self):
        """(width, height) of a pixel in the units of `crs`, both positive."""
        return abs(self.transform.a), abs(self.transform.e)

    def cell_areas_ha(self):
        """Area of a pixel in hectares, one value per row, shape (height,).

        On a projected grid every row has the same area; on a geographic grid it shrinks towards the poles and is
        computed on the ellipsoid.
        """
        if self.crs.is_projected:
            metre = self.crs.axis_info[0].unit_conversion_factor
            return np.full(self.height, abs(self.transform.a * self.transform.e) * metre**2 / 1e4)
        geod = Geod(ellps="WGS84")
        left, top = _apply(self.transform, 0, 0)
        right = left + self.transform.a
        edges = top + self.transform.e * np.arange(self.height + 1)
        rows = itertools.pairwise(edges)
        return np.array([abs(geod.polygon_area_perimeter([left, right, right, left], [a, a, b, b])[0]) / 1e4 for a, b in rows])

    def rows_cols(self, x, y, crs=None):
        """Pixel that holds each point.

        Parameters
        ----------
        x, y : array-like of shape (n,)
            Coordinates in `crs` (easting or longitude first).
        crs : pyproj.CRS, optional
            Reference system of the points; the grid's own if not given.

        Returns
        -------
        rows, cols : ndarray of int, shape (n,)
            Meaningful only where `inside`.
        inside : ndarray of bool, shape (n,)
            False outside the grid and where a coordinate is missing.
        """
        x, y = np.asarray(x, float), np.asarray(y, float)
        if crs is not None and CRS.from_user_input(crs) != self.crs:
            x, y = Transformer.from_crs(crs, self.crs, always_xy=True).transform(x, y)
        col, row = _apply(~self.transform, x, y)
        with np.errstate(invalid="ignore"):
            inside = np.isfinite(row) & np.isfinite(col) & (row >= 0) & (row < self.height) & (col >= 0) & (col < self.width)
        rows = np.where(inside, np.floor(row), 0).astype(int)
        cols = np.where(inside, np.floor(col), 0).astype(int)
        return rows, cols, inside

    def windows(self, size=512):
        """Windows of at most `size` x `size` pixels in reading order, aligned with blocks of that size."""
        for row in range(0, self.height, size):
            for col in range(0, self.width, size):
                yield Window(row, col, min(size, self.height - row), min(size, self.width - col))

    def part(self, window):
        """The grid of one window."""
        left, top = _apply(self.transform, window.col, window.row)
        a, b, _, d, e, _ = self.transform[:6]
        return Grid(window.height, window.width, Affine(a, b, left, d, e, top), self.crs)


def _apply(transform, x, y):
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f
