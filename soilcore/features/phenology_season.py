"""The season of one place: the double logistic where it fits, a smoothed curve where it does not, straight lines as the last resort."""

from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import FeatureError
from soilcore.features.phenology_curves import DoubleLogistic, rise_of
from soilcore.features.phenology_fit import fit_double_logistic
from soilcore.features.phenology_numpy import RESULTS, filled, scale_of, seasons_numpy, smoothed
from soilcore.features.phenology_settings import FEW_DATES, REASONS, check_phenology
from soilcore.features.phenology_windows import SeasonWindow, plan_seasons

METHODS = ("double logistic", "Savitzky-Golay", "linear")


@dataclass(frozen=True)
class Season:
    """One season of one place. Days count from 1 January of `year`, which is day 1.

    Parameters
    ----------
    year : int
        In which it peaks.
    sos, sdps, peak : float
        Days; NaN where there is no answer.
    gus : float
        Green-up speed, index units per day.
    amplitude : float
        Peak less base, index units.
    base : float
        Level before the season.
    n : int
        Valid dates.
    method : str
        "double logistic", "Savitzky-Golay", "linear", or "" where nothing was fitted.
    reason : str
        Why there is no answer; empty where there is one.
    days, curve : ndarray of float
        The smooth curve at every day of the season, for pictures.
    parameters : DoubleLogistic or None
    """

    year: int
    sos: float
    sdps: float
    gus: float
    peak: float
    amplitude: float
    base: float
    n: int
    method: str
    reason: str
    days: np.ndarray = field(default=None, repr=False, compare=False)
    curve: np.ndarray = field(default=None, repr=False, compare=False)
    parameters: DoubleLogistic | None = None


def season_of_series(days, values, settings, weights=None, window=None):
    """Start of season, start of peak stage and green-up speed of one place.

    Parameters
    ----------
    days : array-like of datetime64, or of numbers, shape (n,)
        Dates in any order; numbers are days of one season that count from 1 January of `settings.year`.
    values : array-like of float, shape (n,)
        Vegetation index; NaN where clouds or nothing was seen. Several values of one day are averaged.
    settings : PhenologySettings
    weights : array-like of float, shape (n,), optional
        Trust in each value, 0-1; 0 counts as missing.
    window : SeasonWindow, optional
        The season looked for; planned from the series itself otherwise.

    Returns
    -------
    Season

    Raises
    ------
    FeatureError
        If lengths differ, or the series has no season of `settings.year`.
    """
    settings = check_phenology(settings)
    days, values, weights, window = _prepared(days, values, weights, window, settings)
    if window is None:
        window = plan_seasons(days, values, settings.season_start).of_year(settings.year)
    inside = window.inside(days)
    times, values, weights = window.day_numbers(days[inside]), values[inside], weights[inside]
    if values.size < settings.min_dates:
        nothing = dict.fromkeys(("sos", "sdps", "gus", "peak", "amplitude", "base"), np.nan)
        return Season(window.year, **nothing, n=int(values.size), method="", reason=REASONS[FEW_DATES])
    fit = fit_double_logistic(times, values, weights)
    if fit.good:
        return _of_curve(fit.curve, times, window, settings)
    return _of_nodes(times, values, window, settings)


def _prepared(days, values, weights, window, settings):
    """Valid values by date, each date once."""
    days, values = np.asarray(days), np.asarray(values, float)
    weights = np.ones(values.shape) if weights is None else np.asarray(weights, float)
    if not days.shape == values.shape == weights.shape or values.ndim != 1:
        raise FeatureError(f"A series needs one day, value and weight each; got shapes {days.shape}, {values.shape} and {weights.shape}.")
    if days.dtype.kind != "M":
        days, window = _from_numbers(days, settings, window)
    days = days.astype("datetime64[D]")
    known = np.isfinite(values) & np.nan_to_num(weights > 0) & ~np.isnat(days)
    days, place = np.unique(days[known], return_inverse=True)
    total = np.bincount(place, weights[known], minlength=days.size)
    mean = np.bincount(place, weights[known] * values[known], minlength=days.size) / total if days.size else np.empty(0)
    return days, mean, np.minimum(total, 1.0), window


def _from_numbers(numbers, settings, window):
    """Numbers are days of one season: dates, and that season."""
    year = settings.year or 2001
    days = np.datetime64(f"{year}-01-01") + (np.round(np.asarray(numbers, float)) - 1).astype("timedelta64[D]")
    if window is None and days.size:
        window = SeasonWindow(year, days.min(), days.max(), True)
    return days, window


def _of_curve(curve, times, window, settings):
    found = rise_of(curve, curve.mn, times[0], times[-1], settings)
    reason = REASONS[found.pop("reason")]
    drawn = np.arange(times[0], times[-1] + 1)
    return Season(
        window.year, **found, base=curve.mn, n=times.size, method=METHODS[0], reason=reason, days=drawn, curve=curve(drawn), parameters=curve
    )


def _of_nodes(times, values, window, settings):
    """Smoothed, if no gap is longer than what the smoothing looks at; joined by straight lines otherwise."""
    start = window.day_numbers(window.first)
    since = (times - start).astype(np.float32)
    scale = scale_of(since, window.length)
    smooth = bool(np.diff(times).max() <= 2 * scale.half * scale.step)
    column = values.astype(np.float32)[:, None]
    found = seasons_numpy(column, since, scale, settings, smooth)
    nodes = filled(column, np.isfinite(column), since, scale)[0]
    nodes = smoothed(nodes, scale.half) if smooth else nodes
    answers = {name: float(found[name][0]) for name in RESULTS}
    for name in ("sos", "sdps", "peak"):
        answers[name] += start
    drawn = start + scale.step * np.arange(scale.count)
    base = float(nodes.max()) - answers["amplitude"]
    reason, method = REASONS[int(found["reason"][0])], METHODS[1 if smooth else 2]
    return Season(window.year, **answers, base=base, n=times.size, method=method, reason=reason, days=drawn, curve=nodes[:, 0].astype(float))
