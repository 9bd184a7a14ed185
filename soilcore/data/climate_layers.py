"""Summaries of monthly climate as rasters on the grid of a map."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

_MOST_KEPT = 200_000  # sites whose summaries are kept between windows


@dataclass(frozen=True, eq=False)
class ClimateLayers:
    """Summaries of monthly climate as rasters.

    Parameters
    ----------
    climate : Climate
    grid : Grid
    day : datetime64[D] or None
    months : int
    """

    climate: object
    grid: object
    day: object = None
    months: int = 12

    @property
    def names(self):
        """Names of the layers, those of the climate."""
        return self.climate.names

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread.

        Yields
        ------
        ClimateReader
        """
        with self.climate.store.opened() as store:
            yield ClimateReader(self, store)


class ClimateReader:
    """Windows of climate.

    Parameters
    ----------
    layers : ClimateLayers
    store : object
        Open.
    """

    def __init__(self, layers, store):
        self.layers, self.store, self.grid = layers, store, layers.grid
        self._sites, self._table = np.empty(0, int), np.empty((0, len(layers.names)), np.float32)

    def read(self, window):
        """Summaries of one window: float32 of shape (n_names, rows, columns), NaN where there is no climate near."""
        rows, cols = np.mgrid[window.row : window.row + window.height, window.col : window.col + window.width]
        place, rows, cols = self.grid.transform, rows.ravel() + 0.5, cols.ravel() + 0.5
        x, y = place.a * cols + place.b * rows + place.c, place.d * cols + place.e * rows + place.f
        unique, inverse = np.unique(self.layers.climate.sites_of(self.store, x, y, self.grid.crs), return_inverse=True)
        new = np.setdiff1d(unique, self._sites)
        if self._sites.size + new.size > _MOST_KEPT:
            self._sites, self._table, new = self._sites[:0], self._table[:0], unique
        if new.size:
            made = self.layers.climate.summaries_at(self.store, new, self.layers.day, self.layers.months)
            order = np.argsort(np.concatenate((self._sites, new)))
            self._sites, self._table = np.concatenate((self._sites, new))[order], np.concatenate((self._table, made))[order]
        table = self._table[np.searchsorted(self._sites, unique)]
        return np.ascontiguousarray(table[inverse.ravel()].T).reshape(-1, window.height, window.width)
