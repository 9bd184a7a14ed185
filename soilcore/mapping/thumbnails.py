"""Rasters at a glance: a small picture of one band with the range and the share of valid pixels it shows."""

import math
from dataclasses import dataclass

import numpy as np

from soilcore.data.rasters import opened_raster, reading
from soilcore.mapping.ramps import CONTINUOUS, ramp_stops, rgb_of

_COUNTED_SIDE = 1024  # larger rasters are judged by every n-th pixel
_LEVELS = 256
_STRETCH = (2, 98)
# light, well apart, and told apart under colour blindness; a 13th class begins again
_CLASS_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#332288", "#88ccee", "#ddcc77", "#882255", "#999999")


@dataclass(frozen=True)
class Glance:
    """What a band of a raster is like.

    Parameters
    ----------
    band : int
        From 1.
    name : str
        As the file describes it; empty when it does not.
    unit : str
    low, median, high : float or None
        Of the valid pixels, with the file's own scale and offset; None where there are none.
    valid : float
        Share of pixels with a value.
    counted : int
        Pixels this is judged by.
    picture : ndarray of uint8, shape (rows, columns, 4)
    """

    band: int
    name: str
    unit: str
    low: float | None
    median: float | None
    high: float | None
    valid: float
    counted: int
    picture: np.ndarray


def glances(path, categorical=False, size=220):
    """Every band of a raster at a glance.

    Parameters
    ----------
    path : path
    categorical : bool
        Codes of classes: one colour each, no scale and offset.
    size : int
        Longer side of the pictures, pixels.

    Returns
    -------
    tuple of Glance

    Raises
    ------
    UnreadableError
        If the file is no raster, or damaged.
    """
    with opened_raster(path) as raster, reading(path):
        return tuple(_glance(raster, band, categorical, size) for band in raster.indexes)


def _glance(raster, band, categorical, size):
    values = _thinned(raster, band, categorical)
    seen = values[np.isfinite(values)]
    low, median, high = (float(value) for value in np.quantile(seen, (0, 0.5, 1))) if seen.size else (None, None, None)
    step = max(1, -(-max(values.shape) // size))
    picture = _coded(values[::step, ::step]) if categorical else _ramped(values[::step, ::step])
    name, unit = raster.descriptions[band - 1] or "", raster.units[band - 1] or ""
    return Glance(band, name, unit, low, None if categorical else median, high, seen.size / max(1, values.size), int(values.size), picture)


def _thinned(raster, band, categorical):
    """About every n-th pixel of a band, float64 with NaN where it has no value."""
    from rasterio.enums import Resampling

    step = max(1, math.ceil(max(raster.width, raster.height) / _COUNTED_SIDE))
    shape = max(1, raster.height // step), max(1, raster.width // step)
    values = raster.read(band, out_shape=shape, masked=True, resampling=Resampling.nearest).astype(float).filled(np.nan)
    return values if categorical else values * raster.scales[band - 1] + raster.offsets[band - 1]


def _ramped(values):
    seen = np.isfinite(values)
    low, high = np.percentile(values[seen], _STRETCH) if seen.any() else (0.0, 1.0)
    colors = np.array([rgb_of(color) for color in ramp_stops(CONTINUOUS, _LEVELS)], np.uint8)
    share = np.where(seen, np.clip((values - low) / max(high - low, 1e-12), 0, 1), 0)
    return _rgba(colors[(share * (_LEVELS - 1)).round().astype(int)], seen)


def _coded(values):
    seen = np.isfinite(values)
    codes, place = np.unique(values[seen], return_inverse=True)
    colors = np.array([rgb_of(_CLASS_COLORS[number % len(_CLASS_COLORS)]) for number in range(max(1, codes.size))], np.uint8)
    picture = np.zeros((*values.shape, 3), np.uint8)
    picture[seen] = colors[place]
    return _rgba(picture, seen)


def _rgba(colors, seen):
    return np.dstack([colors, np.where(seen, 255, 0).astype(np.uint8)])
