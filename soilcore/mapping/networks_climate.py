"""Months of climate under the pixels of a window, each cell or station of the climate once."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import FeatureError
from soilcore.data.climate_months import MOST_MISSING, last_months, monthly


@dataclass(frozen=True)
class Months:
    """Climate of a window.

    Parameters
    ----------
    site : ndarray of int, shape (rows, columns)
        Which of the series belongs to each pixel; -1 where there is none.
    values : ndarray of float32, shape (n, months, variables)
        Physical units, no NaN.
    """

    site: np.ndarray
    values: np.ndarray


class ClimateOfPixels:
    """Monthly climate of a map, as a network reads it at samples.

    Parameters
    ----------
    need : SequenceNeed
    climate : Climate
    grid : Grid
    day : datetime.date or None
        The last month is its month; the last there is without a day.
    """

    def __init__(self, need, climate, grid, day=None):
        if climate is None:
            raise FeatureError(f"The model reads {need.months} months of climate before the date of the map. Give them with --climate.")
        if missing := [name for name in need.variables if name not in climate.variables]:
            raise FeatureError(f"The model reads {missing[0]!r} of the climate, which has: {', '.join(climate.variables)}.")
        climate.layers(grid)  # refuses climate that pixels cannot be joined with
        if day is not None and not climate.reaches(day, need.months):
            raise FeatureError(
                f"The climate has {climate.months[0]} to {climate.months[-1]}, too little of the {need.months} months before {day}. "
                "Give climate of those months with --climate, or state another day with --date."
            )
        self.need, self.climate, self.grid, self.day = need, climate, grid, day
        self._columns = [climate.variables.index(name) for name in need.variables]
        self._store = None

    @contextmanager
    def opened(self):
        """Open the files once for many windows."""
        with self.climate.store.opened() as store:
            self._store = store
            yield self

    def at(self, window):
        """Climate of a window.

        Returns
        -------
        Months
        """
        place = self.grid.transform
        rows, cols = window.row + np.arange(window.height) + 0.5, window.col + np.arange(window.width) + 0.5
        x, y = np.broadcast_arrays(place.a * cols + place.c, (place.e * rows + place.f)[:, None])
        found = self.climate.sites_of(self._store, x.ravel(), y.ravel(), self.grid.crs)
        sites, site = np.unique(found, return_inverse=True)
        values, valid = self._series(sites)
        number = np.where(valid, np.cumsum(valid) - 1, -1)
        return Months(number[site.ravel()].reshape(window.height, window.width), values[valid])

    def _series(self, sites):
        """Values of some sites and which are valid, as `Climate.sequence` gives them."""
        day = None if self.day is None else np.datetime64(str(self.day), "D")
        last = last_months(self.climate.months, sites.size, day)
        values = np.full((sites.size, self.need.months, len(self._columns)), np.nan, np.float32)
        shares = np.ones(sites.size)
        for picked, part, share in monthly(self._store, self.climate.months, sites, last, self.need.months):
            values[picked], shares[picked] = part[..., self._columns], share
        return values, (shares <= MOST_MISSING) & np.isfinite(values).all(axis=(1, 2))
