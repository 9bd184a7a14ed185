"""How pixels change over dates: Sen's slope, and Mann and Kendall's test with ties. Importing this module needs numba.

References
----------
Mann (1945), Econometrica 13, 245-259; Kendall (1975), Rank correlation methods; Sen (1968), J. Am. Stat. Assoc. 63, 1379-1389.
"""

import numpy as np

from soilcore.core.compiling import njit

FEWEST_DATES = 3
SIGNIFICANT = 1.959963984540054  # |Z| at 5 %, both sides


def trends(values, times):
    """Slope and test of every pixel.

    Parameters
    ----------
    values : ndarray of float32, shape (n_dates, n_pixels)
        NaN where missing; missing dates are left out pixel by pixel.
    times : array-like of float, shape (n_dates,)
        Ascending, in the unit of time that the slope is per (decimal years).

    Returns
    -------
    slope : ndarray of float32, shape (n_pixels,)
        Median of the slopes between all pairs of dates. NaN with fewer than three dates.
    s : ndarray of int32
        Pairs that rise less pairs that fall; -2147483648 with fewer than three dates.
    z : ndarray of float32
        S over its standard deviation (ties counted), moved by 1 towards 0. NaN with fewer than three dates.
    """
    values = np.ascontiguousarray(values, np.float32)
    pixels = values.shape[1]
    slope, z = np.empty(pixels, np.float32), np.empty(pixels, np.float32)
    s = np.empty(pixels, np.int32)
    _trends(values, np.asarray(times, np.float64), slope, s, z)
    return slope, s, z


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def mann_kendall(series, count):
    """S and Z of the first `count` values of a series."""
    s, ties = 0, 0.0
    for later in range(1, count):
        for earlier in range(later):
            if series[later] > series[earlier]:
                s += 1
            elif series[later] < series[earlier]:
                s -= 1
    for one in range(count):  # each group of t equal values is counted once, at its first member
        group, first = 0, True
        for other in range(count):
            if series[other] == series[one]:
                group += 1
                first = first and other >= one
        if first:
            ties += group * (group - 1.0) * (2.0 * group + 5.0)
    variance = (count * (count - 1.0) * (2.0 * count + 5.0) - ties) / 18.0
    if s == 0 or variance <= 0:
        return s, 0.0
    return s, (s - 1 if s > 0 else s + 1) / np.sqrt(variance)


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _median(values, count):
    """Median of the first `count` values, which are sorted (Shell's way) in their place."""
    gap = count // 2
    while gap:
        for position in range(gap, count):
            moved, at = values[position], position
            while at >= gap and values[at - gap] > moved:
                values[at] = values[at - gap]
                at -= gap
            values[at] = moved
        gap //= 2
    return 0.5 * (values[(count - 1) // 2] + values[count // 2])


@njit(nogil=True, error_model="numpy")
def _trends(values, times, slope, s, z):
    dates, pixels = values.shape
    series, when = np.empty(dates, np.float64), np.empty(dates, np.float64)
    slopes = np.empty(dates * (dates - 1) // 2, np.float64)
    for pixel in range(pixels):
        count = 0
        for date in range(dates):
            if np.isfinite(values[date, pixel]):
                series[count], when[count] = values[date, pixel], times[date]
                count += 1
        if count < 3:
            slope[pixel], s[pixel], z[pixel] = np.nan, -2147483648, np.nan
            continue
        pairs = 0
        for later in range(1, count):
            for earlier in range(later):
                if when[later] > when[earlier]:
                    slopes[pairs] = (series[later] - series[earlier]) / (when[later] - when[earlier])
                    pairs += 1
        slope[pixel] = _median(slopes, pairs) if pairs else np.nan
        s[pixel], z[pixel] = mann_kendall(series, count)


def decimal_years(days):
    """Dates as decimal years: the year, and the part of it that has passed.

    Parameters
    ----------
    days : sequence of datetime.date

    Returns
    -------
    ndarray of float
    """
    from calendar import isleap

    return np.array([day.year + (day.timetuple().tm_yday - 1) / (366 if isleap(day.year) else 365) for day in days])
