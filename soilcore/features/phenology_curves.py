"""The double logistic curve of a season, its derivatives in closed form, and the dates read off it."""

from dataclasses import dataclass

import numpy as np

from soilcore.features.phenology_settings import GOOD, PEAK_AT_END, RISE_NOT_SEEN, SMALL_AMPLITUDE

_SCAN_DAYS = 0.5
_TOLERANCE_DAYS = 1e-11


@dataclass(frozen=True)
class DoubleLogistic:
    """``mn + (mx - mn) [1/(1+exp(-a(t-S))) + 1/(1+exp(b(t-A))) - 1]``.

    Parameters
    ----------
    mn, mx : float
        Level before and after the season, and the level a long season would reach, index units.
    S, A : float
        Days of the inflections of rise and fall.
    a, b : float
        Rates of rise and fall, per day, positive.

    References
    ----------
    Beck et al. 2006, Remote Sensing of Environment 100:321-334, doi 10.1016/j.rse.2005.10.021.
    """

    mn: float
    mx: float
    S: float
    a: float
    A: float
    b: float

    def __call__(self, t):
        """Index value on day `t`."""
        return self.derivative(t, 0)

    def derivative(self, t, order):
        """Derivative of order 0 to 4 by the day."""
        t = np.asarray(t, float)
        parts = _logistic(self.a, t - self.S, order) + _logistic(-self.b, t - self.A, order)
        return (self.mn if order == 0 else 0.0) + (self.mx - self.mn) * (parts - (order == 0))


def _logistic(rate, t, order):
    """Derivative of ``1/(1+exp(-rate t))``; every one is a polynomial of the value."""
    with np.errstate(over="ignore"):
        u = 1.0 / (1.0 + np.exp(-rate * t))
    slope = u * (1.0 - u)
    shape = (
        lambda: u,
        lambda: slope,
        lambda: slope * (1 - 2 * u),
        lambda: slope * (1 - 6 * u + 6 * u * u),
        lambda: slope * (1 - 2 * u) * (1 - 12 * u + 12 * u * u),
    )
    return rate**order * shape[order]()


def peak_of(curve, first, last):
    """Day and value of the highest point between two days.

    Parameters
    ----------
    curve : DoubleLogistic
    first, last : float
        Days.

    Returns
    -------
    (float, float)
        The day is `first` or `last` where the curve still rises there.
    """
    days = _days(first, last)
    day = _extreme(curve, days, 0)
    return day, float(curve(day))


def rise_of(curve, base, first, last, settings):
    """Dates and speed of the rise of a fitted curve.

    Parameters
    ----------
    curve : DoubleLogistic
    base : float
        Level from which the amplitude counts.
    first, last : float
        Days of the first and last valid value.
    settings : PhenologySettings

    Returns
    -------
    dict
        ``sos``, ``sdps``, ``peak`` (days), ``gus`` (index units per day), ``amplitude``, and ``reason``, a code of `phenology_settings.REASONS`.
    """
    peak, highest = peak_of(curve, first, last)
    found = {"sos": np.nan, "sdps": np.nan, "gus": np.nan, "peak": np.nan, "amplitude": highest - base, "reason": GOOD}
    if not first < peak < last:
        return found | {"reason": PEAK_AT_END}
    if not found["amplitude"] >= settings.min_amplitude:
        return found | {"reason": SMALL_AMPLITUDE}
    found["peak"] = peak
    days = _days(first, peak)
    steepest = _extreme(curve, days, 1)
    sos = _start(curve, days, steepest, base, highest - base, settings.sos)
    if not sos > first:
        return found | {"reason": RISE_NOT_SEEN, "peak": np.nan}
    sdps = _peak_stage(curve, days, steepest, base, highest, settings.sdps)
    if settings.gus == "max":
        gus = float(curve.derivative(steepest, 1))
    else:
        gus = float((curve(sdps) - curve(sos)) / (sdps - sos)) if sdps > sos else np.nan
    return found | {"sos": sos, "sdps": sdps, "gus": gus}


def _start(curve, days, steepest, base, amplitude, rule):
    if rule == "derivative":
        return steepest
    if rule == "zhang":  # largest increase of curvature before the steepest day
        return _extreme(curve, days[days <= steepest], 3)
    return _crossing(curve, days, base + float(rule) / 100 * amplitude)


def _peak_stage(curve, days, steepest, base, highest, rule):
    if rule == "gu":  # where the tangent of the steepest day reaches the height of the peak
        return steepest + (highest - float(curve(steepest))) / float(curve.derivative(steepest, 1))
    if rule == "zhang":
        return _extreme(curve, days[days >= steepest], 3)
    return _crossing(curve, days, base + float(rule) / 100 * (highest - base))


def _days(first, last):
    return np.linspace(first, last, max(3, int(np.ceil((last - first) / _SCAN_DAYS)) + 1))


def _extreme(curve, days, order):
    """Day on which a derivative is largest: found on a fine scale, then as the root of the next one."""
    if days.size == 0:
        return np.nan
    values = curve.derivative(days, order)
    best = int(np.argmax(values))
    if best in (0, days.size - 1):
        return float(days[best])
    return _root(lambda day: float(curve.derivative(day, order + 1)), days[best - 1], days[best + 1])


def _crossing(curve, days, level):
    """Last day before the peak on which the curve passes a level on its way up; -inf where it is above from the first day on."""
    below = np.flatnonzero(curve(days) < level)
    if below.size == 0:
        return -np.inf
    k = int(below[-1])
    return _root(lambda day: float(curve(day)) - level, days[k], days[min(k + 1, days.size - 1)])


def _root(function, low, high):
    from scipy.optimize import brentq

    if function(low) * function(high) > 0:
        return float(low + high) / 2
    return float(brentq(function, low, high, xtol=_TOLERANCE_DAYS, rtol=8.9e-16))
