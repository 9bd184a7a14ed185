"""Classes of a map and the land they cover."""

import numpy as np

from soilcore.mapping.layers import NO_CLASS


def classes_of(scheme, values):
    """Class numbers as they are stored.

    Parameters
    ----------
    scheme : ClassScheme
    values : ndarray of float, any shape
        In the scheme's unit, NaN where unknown.

    Returns
    -------
    ndarray of uint8, the same shape
        0 for the lowest class, `NO_CLASS` where unknown.
    """
    classes = scheme.assign(values)
    return np.where(classes < 0, NO_CLASS, classes).astype(np.uint8)


class ClassAreas:
    """Pixels of each class, counted row by row, so that the sum does not depend on how the map was cut.

    Parameters
    ----------
    scheme : ClassScheme
    grid : Grid
    """

    def __init__(self, scheme, grid):
        self.scheme, self.grid = scheme, grid
        self._counts = np.zeros((grid.height, len(scheme.labels)), np.int64)

    def add(self, window, classes):
        """Count one window of class numbers, uint8 of shape (rows, columns)."""
        rows = window.slices[0]
        for number in range(self._counts.shape[1]):
            self._counts[rows, number] += np.count_nonzero(classes == number, axis=1)

    def table(self):
        """Land of each class.

        Returns
        -------
        list of dict
            ``class``, ``lower`` and ``upper`` (None where open, in the scheme's unit), ``area_ha`` (true area of the cells, also on a grid
            in degrees), ``share`` of the classified land, 0-1.
        """
        areas = self.grid.cell_areas_ha() @ self._counts
        total = areas.sum()
        rows = []
        for label, (lower, upper), area in zip(self.scheme.labels, self.scheme.bounds, areas, strict=True):
            rows.append({"class": label, "lower": lower, "upper": upper, "area_ha": float(area), "share": float(area / total) if total else 0.0})
        return rows
