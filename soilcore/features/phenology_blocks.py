"""Seasons of whole windows: by the compiled kernel, or in NumPy where numba is missing."""

import importlib.util

import numpy as np

from soilcore.core.errors import FeatureError
from soilcore.features.phenology_numpy import RESULTS, scale_of, seasons_numpy, smoothing_weights
from soilcore.features.phenology_settings import check_phenology, shares_of
from soilcore.features.phenology_windows import plan_seasons

FEW_PIXELS = 500_000
_PIXELS_LOOKED_AT = 2000
_PIXELS_AT_ONCE = 1 << 14
_LEAST_SEEN = 0.1  # of the pixels looked at; a date with fewer says little of the year


def seasons(cube, days, settings, window=None, compiled=None):
    """Season of every pixel.

    Parameters
    ----------
    cube : ndarray of float32, shape (n_dates, rows, columns)
        Vegetation index, NaN where clouds or nothing was seen.
    days : array-like of datetime64, shape (n_dates,)
        Ascending, each once.
    settings : PhenologySettings
    window : SeasonWindow, optional
        The season looked for; planned from the median of the pixels otherwise.
    compiled : bool, optional
        Whether the compiled kernel does it; by itself for more than `FEW_PIXELS`, where compiling (seconds, once per process) is worth its
        time. Both ways agree within a hundredth of a day.

    Returns
    -------
    dict
        ``sos``, ``sdps``, ``peak``: days counted from 1 January of the season's year, which is day 1; ``gus``: index units per day;
        ``amplitude``: index units; all float32 of shape (rows, columns), NaN where there is no answer. ``n``: valid dates, int16;
        ``reason``: why there is none, a code of `phenology_settings.REASONS`, uint8; ``window``: the SeasonWindow.

    Raises
    ------
    FeatureError
        If shapes do not fit, dates do not ascend, or the season looked for has no dates.
    """
    settings = check_phenology(settings)
    cube, days = np.asarray(cube, np.float32), np.asarray(days, "datetime64[D]")
    if cube.ndim != 3 or days.shape != cube.shape[:1]:
        raise FeatureError(f"Seasons need a cube of (dates, rows, columns) and one day per date; got shapes {cube.shape} and {days.shape}.")
    if np.any(np.diff(days) <= np.timedelta64(0, "D")):
        raise FeatureError("The dates of a cube must ascend, each once. Sort them, and join images of one day first.")
    if window is None:
        window = plan_seasons(days, typical_series(cube), settings.season_start).of_year(settings.year)
    inside = window.inside(days)
    if not inside.any():
        raise FeatureError(f"The series has no date from {window.first} to {window.last}.")
    compiled = worth_compiling(cube[0].size) if compiled is None else compiled
    if not inside.all():
        cube, days = cube[inside], days[inside]
    found = _of_window(np.ascontiguousarray(cube.reshape(days.size, -1)), days, window, settings, compiled)
    start = np.float32(window.day_numbers(window.first))
    for name in ("sos", "sdps", "peak"):
        found[name] = found[name] + start
    return {name: values.reshape(cube.shape[1:]) for name, values in found.items()} | {"window": window}


def worth_compiling(pixels):
    """Whether so many pixels in all are worth compiling the kernel, and numba is there."""
    return pixels > FEW_PIXELS and importlib.util.find_spec("numba") is not None


def typical_series(cube):
    """Median over pixels at each date, NaN where fewer than a tenth were seen; the pixels are spread evenly.

    Parameters
    ----------
    cube : ndarray of shape (n_dates, ...)

    Returns
    -------
    ndarray of float, shape (n_dates,)
    """
    flat = cube.reshape(cube.shape[0], -1)
    flat = flat[:, :: max(1, -(-flat.shape[1] // _PIXELS_LOOKED_AT))].astype(float)
    seen = np.isfinite(flat).mean(axis=1)
    medians = np.full(flat.shape[0], np.nan)
    most = seen.max(initial=0)
    for k in np.flatnonzero((seen > 0) & (seen >= _LEAST_SEEN * most)):
        medians[k] = np.nanmedian(flat[k])
    return medians


def _in_parts(values, times, scale, settings):
    """In NumPy, some pixels at a time, as it holds many copies of them."""
    parts = [seasons_numpy(values[:, k : k + _PIXELS_AT_ONCE], times, scale, settings) for k in range(0, values.shape[1], _PIXELS_AT_ONCE)]
    kinds = {"n": np.int16, "reason": np.uint8}
    return {name: np.concatenate([part[name] for part in parts]).astype(kinds.get(name, np.float32)) for name in (*RESULTS, "n", "reason")}


def _of_window(values, days, window, settings, compiled):
    times = (days - window.first).astype(np.float32)
    scale = scale_of(times, window.length)
    if not compiled:
        return _in_parts(values, times, scale, settings)
    from soilcore.features.phenology_kernel import seasons_of_pixels

    pixels = values.shape[1]
    out, n, reason = np.empty((len(RESULTS), pixels), np.float32), np.empty(pixels, np.int16), np.empty(pixels, np.uint8)
    nodes = (np.arange(scale.count) * scale.step).astype(np.float32)
    before = np.searchsorted(times, nodes, side="right")
    sos, sdps = map(np.float32, shares_of(settings))
    largest, least = settings.gus == "max", np.float32(settings.min_amplitude)
    weights = smoothing_weights(scale.half)
    seasons_of_pixels(values, times, before, np.float32(scale.step), weights, settings.min_dates, least, sos, sdps, largest, out, n, reason)
    return dict(zip(RESULTS, out, strict=True)) | {"n": n, "reason": reason}
