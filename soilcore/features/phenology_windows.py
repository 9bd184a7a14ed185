"""From a series of years to seasons: where a season begins, which year it is called by, and whether it was seen whole."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import FeatureError

ONE_SEASON_DAYS = 400  # a series no longer than this is one season when nothing else is said
_BIN_DAYS = 16
_EDGE_DAYS = 32  # the first and last date of a whole season lie no farther from its ends
_LOW_SEASON = 0.2  # of the range of the mean annual curve
_SMOOTHING = np.array([1, 2, 3, 2, 1]) / 9


@dataclass(frozen=True)
class SeasonWindow:
    """The days of one season.

    Parameters
    ----------
    year : int
        In which the season peaks; its 1 January is day 1.
    first, last : numpy.datetime64
        Days, both included.
    whole : bool
        Whether the dates of the series reach from one end to the other.
    """

    year: int
    first: np.datetime64
    last: np.datetime64
    whole: bool

    def inside(self, days):
        """Which of these days belong to it."""
        return (days >= self.first) & (days <= self.last)

    def day_numbers(self, days):
        """Days since 31 December of the year before, so that 1 January is 1; 0 and negative in the year before."""
        return (days - np.datetime64(f"{self.year}-01-01")).astype("timedelta64[D]").astype(float) + 1

    @property
    def length(self):
        """Number of days."""
        return int((self.last - self.first).astype(int)) + 1


@dataclass(frozen=True)
class SeasonPlan:
    """The seasons of a series.

    Parameters
    ----------
    windows : tuple of SeasonWindow
        By year; every season that has a date.
    assumed : tuple of str
    counts : tuple of int
        Valid dates of each.
    """

    windows: tuple[SeasonWindow, ...]
    assumed: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()

    def of_year(self, year=None):
        """The season that peaks in a year; when none is named, the latest whole one, else the one with the most valid dates.

        Raises
        ------
        FeatureError
            If the series has no season of that year.
        """
        if year is None:
            whole = [window for window in self.windows if window.whole]
            return whole[-1] if whole else self.windows[max(range(len(self.windows)), key=lambda k: (self.counts[k], k))]
        for window in self.windows:
            if window.year == year:
                return window
        known = ", ".join(str(window.year) for window in self.windows)
        raise FeatureError(f"The series has no season that peaks in {year}. It has: {known}.")


def plan_seasons(days, values, season_start=None):
    """Cut a series into seasons.

    Parameters
    ----------
    days : ndarray of datetime64[D], shape (n,)
        Ascending.
    values : ndarray of float, shape (n,)
        The series of a point, or the median of many pixels; NaN where unknown.
    season_start : int or "auto", optional
        See `PhenologySettings`.

    Returns
    -------
    SeasonPlan

    Raises
    ------
    FeatureError
        If there is no valid value.
    """
    known = np.isfinite(values)
    days, values = np.asarray(days, "datetime64[D]")[known], np.asarray(values, float)[known]
    if days.size == 0:
        raise FeatureError("The series has no valid value on any date, so it has no season. Look at its nodata value, masks and scale.")
    auto = season_start in (None, "auto")
    span = int((days[-1] - days[0]).astype(int)) + 1
    if auto and span <= ONE_SEASON_DAYS:
        year = _year(days[np.argmax(_smooth_thrice(values))])
        told = f"season: the whole series, {days[0]} to {days[-1]}, because it is no longer than {ONE_SEASON_DAYS} days"
        return SeasonPlan((SeasonWindow(year, days[0], days[-1], True),), (told,), (days.size,))
    lowest, highest = mean_year(days, values)
    start = lowest if auto else int(season_start)
    later = int(highest < start)  # the peak comes after New Year
    windows, counts = _cut(days, start, later)
    assumed = (f"season: from day {start} of the year, the middle of the low season of the mean annual curve",) if auto else ()
    return SeasonPlan(windows, assumed, counts)


def mean_year(days, values):
    """Days of the year in the middle of the low season of the mean annual curve, and on which it is highest.

    The low season is the stretch round the lowest point below a fifth of the curve's range: where winters are long and flat, their lowest
    point is chance and may lie close to the rise.

    Parameters
    ----------
    days : ndarray of datetime64[D], shape (n,)
    values : ndarray of float, shape (n,)
        Finite.

    Returns
    -------
    (int, int)
    """
    number = (days - days.astype("datetime64[Y]")).astype(int)
    bins = np.minimum(number // _BIN_DAYS, 365 // _BIN_DAYS)
    count = np.bincount(bins, minlength=365 // _BIN_DAYS + 1)
    total = np.bincount(bins, values, minlength=count.size)
    filled = np.flatnonzero(count)
    curve = np.interp(np.arange(count.size), filled, total[filled] / count[filled], period=count.size)
    curve = np.convolve(np.pad(curve, 2, "wrap"), _SMOOTHING, "valid")
    middle = np.minimum(np.arange(count.size) * _BIN_DAYS + _BIN_DAYS // 2 + 1, 365)
    return int(middle[_middle_of_low(curve)]), int(middle[np.argmax(curve)])


def _middle_of_low(curve):
    lowest = int(np.argmin(curve))
    low = curve <= curve[lowest] + _LOW_SEASON * np.ptp(curve)
    after = next((k for k in range(curve.size) if not low[(lowest + k) % curve.size]), 1)
    before = next((k for k in range(curve.size) if not low[(lowest - k) % curve.size]), 1)
    return (lowest + (after - before) // 2) % curve.size


def _cut(days, start, later):
    windows, counts = [], []
    edge = np.timedelta64(max(_EDGE_DAYS, int(1.5 * np.median(np.diff(days).astype(int))) if days.size > 1 else 0), "D")
    for year in range(_year(days[0]) - 1, _year(days[-1]) + 1):
        first, end = _day_of_year(year, start), _day_of_year(year + 1, start)
        last = end - np.timedelta64(1, "D")
        here = days[(days >= first) & (days <= last)]
        if here.size:
            windows.append(SeasonWindow(year + later, first, last, bool(here[0] - first <= edge and last - here[-1] <= edge)))
            counts.append(int(here.size))
    return tuple(windows), tuple(counts)


def _day_of_year(year, number):
    return np.datetime64(f"{year}-01-01") + np.timedelta64(number - 1, "D")


def _year(day):
    return int(day.astype("datetime64[Y]").astype(int)) + 1970


def _smooth_thrice(values):
    return np.convolve(np.pad(values, 1, "edge"), np.ones(3) / 3, "valid")
