"""Places that stand for a map before it is made: pixels spread over it, with their predictors."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soilcore.data.stored_values import sample_windows

MOST_POINTS = 2000


@dataclass(frozen=True)
class MapPoints:
    """Pixels of a map.

    Parameters
    ----------
    x, y : ndarray of float, shape (n_points,)
        Pixel centres in `crs`.
    crs : pyproj.CRS
    X : pandas.DataFrame of float64, shape (n_points, n_features)
        Their predictors, none missing.
    """

    x: np.ndarray
    y: np.ndarray
    crs: object
    X: pd.DataFrame

    def __len__(self):
        return len(self.x)


def map_points(source, region=None, most=MOST_POINTS):
    """Pixels that would be mapped, regularly spread over the grid.

    Parameters
    ----------
    source : FeatureSource
    region : Region, optional
        Area of interest and masks.
    most : int
        About so many pixels are looked at; those that cannot be mapped fall away. Of a very large grid they come from 16 windows spread over it.

    Returns
    -------
    MapPoints or None
        None where no pixel can be mapped.
    """
    windows = sample_windows(source.grid)
    step = max(1, int(np.sqrt(sum(window.height * window.width for window in windows) / most)))
    found = []
    with source.reader() as reader:
        for window in windows:
            rows, cols = np.arange(-window.row % step, window.height, step), np.arange(-window.col % step, window.width, step)
            if rows.size and cols.size:
                found.append(_of_window(source, reader, region, window, rows, cols))
    x, y, values = (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else (np.empty(0),) * 3
    if not x.size:
        return None
    return MapPoints(x, y, source.grid.crs, pd.DataFrame(values, columns=list(source.names)))


def _of_window(source, reader, region, window, rows, cols):
    row, col = (places.ravel() for places in np.meshgrid(rows, cols, indexing="ij"))
    values = reader.read(window)[:, row, col].T.astype(float)
    usable = np.isfinite(values).all(axis=1)
    if region is not None:
        usable &= region.keep(window)[row, col]
    transform = source.grid.transform
    across, down = window.col + col[usable] + 0.5, window.row + row[usable] + 0.5
    x, y = transform.a * across + transform.b * down + transform.c, transform.d * across + transform.e * down + transform.f
    return x, y, values[usable]
