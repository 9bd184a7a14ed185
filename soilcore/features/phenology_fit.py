"""The double logistic curve through the upper envelope of a season's values."""

from dataclasses import dataclass

import numpy as np

from soilcore.features.phenology_curves import DoubleLogistic

_ROUNDS = 3
_RATES = (0.004, 1.0)  # per day: from a rise over most of a year to one within a week
_SHORTEST_SEASON = 5.0  # days between the inflections
_LEAST_EXPLAINED = 0.6  # share of the weighted variance; below, the curve does not have the shape of this season
_BELOW_LOWEST = 0.05  # of the range: how far the base may lie below every value
_BASE_OFF = 0.25  # of the height: how far the values before the rise may lie below the base, on average
_SMALLEST_SCATTER = 0.005  # of the range: weights must not chase the noise of clean values


@dataclass(frozen=True)
class Fit:
    """A fitted curve.

    Parameters
    ----------
    curve : DoubleLogistic
    explained : float
        Share of the weighted variance.
    good : bool
        Whether it converged and has the shape of the values.
    """

    curve: DoubleLogistic
    explained: float
    good: bool


def fit_double_logistic(days, values, weights=None):
    """Fit the curve by bounded least squares; values below it, as clouds and haze leave them, lose weight from round to round.

    Parameters
    ----------
    days : ndarray of float, shape (n,)
        Ascending.
    values : ndarray of float, shape (n,)
        Finite.
    weights : ndarray of float, shape (n,), optional
        Trust in each value, 0-1.

    Returns
    -------
    Fit
    """
    days, values = np.asarray(days, float), np.asarray(values, float)
    trust = np.ones(days.size) if weights is None else np.asarray(weights, float)
    spread = float(np.ptp(values))
    if not spread > 0 or days.size < 6:
        return Fit(DoubleLogistic(float(values.mean()), float(values.mean()), float(days[0]), 0.1, float(days[-1]), 0.1), 0.0, False)
    low, high = _bounds(days, values)
    best, weight = None, trust
    for number in range(_ROUNDS):
        starts = _starts(days, values) if best is None else [best.x]
        best = min((_solve(start, days, values, weight, low, high) for start in starts), key=lambda result: result.cost)
        residual = values - _curve(best.x)(days)
        if number < _ROUNDS - 1:
            weight = trust * _envelope(residual, spread)
    explained = _explained(values, residual, weight)
    good = best.success and explained >= _LEAST_EXPLAINED and _base_seen(best.x, days, residual)
    return Fit(_curve(best.x), explained, bool(good))


def _base_seen(x, days, residual):
    """Whether the values before the rise lie at the base; a second crop or a late fall can pull it up away from them."""
    _, height, rise, rate, _, _ = x
    before = residual[days < rise - 2 / rate]
    return before.size == 0 or before.mean() >= -_BASE_OFF * height


def _solve(start, days, values, weight, low, high):
    from scipy.optimize import least_squares

    root = np.sqrt(weight)
    scale = np.array([np.ptp(values), np.ptp(values), 30.0, 0.1, 60.0, 0.1])
    return least_squares(
        lambda x: root * (_curve(x)(days) - values),
        np.clip(start, low + 1e-9, high - 1e-9),
        jac=lambda x: root[:, None] * _jacobian(x, days),
        bounds=(low, high),
        x_scale=scale,
        ftol=1e-10,
        xtol=1e-10,
        gtol=1e-12,
        max_nfev=120,
    )


def _curve(x):
    """Base, height, day of rise, rate, length, rate: as lengths cannot be negative, rise always comes before fall."""
    base, height, rise, rate, length, fall_rate = map(float, x)
    return DoubleLogistic(base, base + height, rise, rate, rise + length, fall_rate)


def _jacobian(x, days):
    _, height, rise, rate, length, fall_rate = x
    with np.errstate(over="ignore"):
        up = 1 / (1 + np.exp(-rate * (days - rise)))
        down = 1 / (1 + np.exp(fall_rate * (days - rise - length)))
    up_slope, down_slope = height * up * (1 - up), height * down * (1 - down)
    end = fall_rate * down_slope
    columns = (np.ones_like(days), up + down - 1, end - rate * up_slope, (days - rise) * up_slope, end, -(days - rise - length) * down_slope)
    return np.stack(columns, axis=1)


def _bounds(days, values):
    lowest, spread, span = float(values.min()), float(np.ptp(values)), float(np.ptp(days))
    low = np.array([lowest - _BELOW_LOWEST * spread, 0.0, days[0] - 30.0, _RATES[0], _SHORTEST_SEASON, _RATES[0]])
    high = np.array([lowest + spread, 2.5 * spread, days[-1], _RATES[1], span + 60.0, _RATES[1]])
    return low, high


def _starts(days, values):
    """Two beginnings, slow and fast, from where the values pass half of their height on both sides of the peak."""
    low, high = np.percentile(values, [5, 95])
    half, top = (low + high) / 2, int(np.argmax(np.convolve(np.pad(values, 1, "edge"), np.ones(3) / 3, "valid")))
    before, after = np.flatnonzero(values[: top + 1] < half), np.flatnonzero(values[top:] < half)
    rise = days[before[-1]] if before.size else days[0]
    fall = days[top + after[0]] if after.size else days[-1]
    length = max(fall - rise, 2 * _SHORTEST_SEASON)
    return [np.array([low, high - low, rise, rate, length, rate]) for rate in (0.05, 0.15)]


def _envelope(residual, spread):
    """Weight 1 above the curve, less the deeper a value lies below it."""
    scatter = max(1.4826 * float(np.median(np.abs(residual))), _SMALLEST_SCATTER * spread)
    return 1 / (1 + (np.minimum(residual, 0) / scatter) ** 2)


def _explained(values, residual, weight):
    mean = np.average(values, weights=weight)
    total = float(np.sum(weight * (values - mean) ** 2))
    return 1 - float(np.sum(weight * residual**2)) / total if total > 0 else 0.0
