"""How sure the area of each class is: expected area and its interval, from the probability of each pixel to lie above each class limit.

Pixels err together with their neighbours. The true value of a pixel is written as a quantile of its own predictive distribution; within a
square block all pixels sit at the same quantile, and blocks are independent. The side of a block is the square root of the integral range
of the residuals' variogram: then the error of a regional mean has the variance it would have with the variogram itself. Without a
usable variogram the whole map is one block: every pixel errs the same way, which makes the interval as wide as it can be. A nugget, which
would average out, is taken as part of what neighbours share: wider rather than narrower.

References
----------
Integral range: Lantuejoul (1991), Journal of Microscopy 161, 387-403, doi 10.1111/j.1365-2818.1991.tb03101.x.
"""

import math

import numpy as np

LEVEL = 0.9
_QUANTILES = 100
_DRAWS = 1000
_MOST_BLOCKS = 4096  # more are drawn together; larger blocks widen the interval, never narrow it
_UNITS_PER_HA = 1_000_000  # areas are counted in whole hundredths of a square metre: whole numbers sum alike in any order
# Integral range over the squared practical range (where 5 % of the correlation is left; for the spherical model its end), in two dimensions.
_INTEGRAL_RANGE = {"spherical": math.pi / 5, "exponential": 2 * math.pi / 9, "matern15": 6 * math.pi / 22.5}


class UncertainAreas:
    """Area above each class limit at every quantile of the errors, counted block by block.

    Parameters
    ----------
    scheme : ClassScheme
    grid : Grid
    side : float or None
        Of a block, metres; None for one block.
    """

    def __init__(self, scheme, grid, side=None):
        self.scheme, self.grid = scheme, grid
        self._cells = np.round(grid.cell_areas_ha() * _UNITS_PER_HA)
        self._rows, self._cols = _pixels_per_block(grid, side)
        self._across = math.ceil(grid.width / self._cols)
        self._blocks = math.ceil(grid.height / self._rows) * self._across
        self.side = None if self._blocks == 1 else self._rows * _metres(grid)[1]
        self._above = np.zeros((self._blocks, len(scheme.edges), _QUANTILES + 1), np.int64)
        self._total = np.zeros(self._blocks, np.int64)

    def count(self, rows, cols, above):
        """Areas of some pixels, to be added.

        Parameters
        ----------
        rows, cols : ndarray of int, shape (n,)
            In the whole grid.
        above : ndarray of float, shape (n_edges, n)
            Probability of more than each class limit.

        Returns
        -------
        blocks : ndarray of int
            Those the pixels lie in.
        total : ndarray of int64, shape (n_blocks,)
        counted : ndarray of int64, shape (n_blocks, n_edges, n_quantiles + 1)
        """
        blocks, own = np.unique(rows // self._rows * self._across + cols // self._cols, return_inverse=True)
        weights = self._cells[rows]
        total = np.bincount(own, weights, blocks.size).astype(np.int64)
        # A pixel lies above a limit from the first quantile on that exceeds the probability of being below.
        first = np.clip(np.floor(_QUANTILES * (1 - above) - 0.5).astype(np.intp) + 1, 0, _QUANTILES)
        counted = [np.bincount(own * (_QUANTILES + 1) + row, weights, blocks.size * (_QUANTILES + 1)) for row in first]
        return blocks, total, np.stack(counted).reshape(len(first), blocks.size, -1).swapaxes(0, 1).astype(np.int64)

    def add(self, blocks, total, counted):
        """Add what `count` gave."""
        self._total[blocks] += total
        self._above[blocks] += counted

    def table(self):
        """Expected area and interval of each class.

        Returns
        -------
        list of dict
            ``area_ha_expected``, ``area_ha_low``, ``area_ha_high`` in the order of the classes.
        """
        areas = self._class_areas() / _UNITS_PER_HA
        expected = areas.mean(axis=2).sum(axis=0)
        low, high = self._interval(areas)
        return [
            {"area_ha_expected": float(expected[number]), "area_ha_low": float(low[number]), "area_ha_high": float(high[number])}
            for number in range(areas.shape[1])
        ]

    @property
    def assumption(self):
        """In one sentence: how the errors of neighbouring pixels hang together."""
        if self.side is None:
            return f"{100 * LEVEL:.0f} % interval of the areas: all pixels of the map err together, the widest case, because no range of the residuals is known."
        return f"{100 * LEVEL:.0f} % interval of the areas: pixels within {self.side:.0f} m err together, beyond independently, as the residuals' variogram says."

    def _class_areas(self):
        """Area of each class, shape (n_blocks, n_classes, n_quantiles)."""
        above = np.cumsum(self._above[:, :, :-1], axis=2)
        everything = np.broadcast_to(self._total[:, None, None], (self._blocks, 1, _QUANTILES))
        limits = np.concatenate([everything, above, np.zeros_like(everything)], axis=1)
        return limits[:, :-1] - limits[:, 1:]

    def _interval(self, areas):
        tails = [50 * (1 - LEVEL), 100 - 50 * (1 - LEVEL)]
        if self._blocks == 1:
            return np.percentile(areas[0], tails, axis=1)
        rng, numbers = np.random.default_rng(0), np.arange(self._blocks)
        drawn = [areas[numbers, :, rng.integers(_QUANTILES, size=self._blocks)].sum(axis=0) for _ in range(_DRAWS)]
        return np.percentile(drawn, tails, axis=0)


def block_side(variogram):
    """Side of the blocks within which errors go together, metres; None where the variogram says nothing.

    Parameters
    ----------
    variogram : dict or None
        Facts of the residuals' variogram: ``model``, ``range`` (practical, metres), ``nugget``, ``sill`` (nugget included), ``usable``.

    Returns
    -------
    float or None
    """
    if not variogram or not variogram.get("usable") or variogram.get("model") not in _INTEGRAL_RANGE:
        return None
    return math.sqrt(_INTEGRAL_RANGE[variogram["model"]]) * float(variogram["range"])


def _pixels_per_block(grid, side):
    """Rows and columns of a block: at least the side asked for, and so many that there are not too many blocks."""
    if side is None:
        return grid.height, grid.width
    width, height = _metres(grid)
    rows, cols = max(1, math.ceil(side / height)), max(1, math.ceil(side / width))
    while math.ceil(grid.height / rows) * math.ceil(grid.width / cols) > _MOST_BLOCKS:
        rows, cols = math.ceil(rows * 1.5), math.ceil(cols * 1.5)
    return min(rows, grid.height), min(cols, grid.width)


def _metres(grid):
    """Width and height of a pixel in metres; on a grid in degrees at its middle."""
    width, height = grid.cell_size
    if grid.crs.is_projected:
        metre = grid.crs.axis_info[0].unit_conversion_factor
        return width * metre, height * metre
    _, bottom, _, top = grid.bounds
    degree = 111_195.0
    return width * degree * max(0.05, math.cos(math.radians((bottom + top) / 2))), height * degree
