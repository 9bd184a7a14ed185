"""Months of climate picked for samples: gaps filled by the mean of the calendar month, summaries over months."""

import numpy as np

MOST_MISSING = 0.2
_VALUES_AT_ONCE = 4 << 20
_FEWEST_AT_ONCE = 64


def last_months(months, number, days):
    """Month of each sample's date, or the last there is where there are no dates.

    Parameters
    ----------
    months : ndarray of datetime64[M]
    number : int
    days : array-like of datetime64[D], shape (number,), or one day, or None

    Returns
    -------
    ndarray of datetime64[M], shape (number,)
    """
    if days is None:
        return np.full(number, months[-1])
    days = np.asarray(days, "datetime64[D]").astype("datetime64[M]")
    return days if days.ndim else np.full(number, days)


def monthly(store, months, sites, last, span):
    """The months up to each sample's last one, gaps filled with the mean of the same calendar month at the same site.

    Parameters
    ----------
    store : object
        Open, with ``series(sites, first, stop)`` and `n_variables`.
    months : ndarray of datetime64[M], shape (n_months,)
        Of the store.
    sites : ndarray of int, shape (n,)
        -1 for none.
    last : ndarray of datetime64[M], shape (n,)
    span : int
        How many months.

    Yields
    ------
    picked : ndarray of int
        Which samples.
    values : ndarray of float32, shape (n_picked, span, n_variables)
    share : ndarray of float, shape (n_picked,)
        Of the values, how much was missing before.
    """
    numbers = months.astype(int)
    use = np.flatnonzero((sites >= 0) & ~np.isnat(last))
    use = use[np.argsort(sites[use], kind="stable")]
    batch = max(_FEWEST_AT_ONCE, _VALUES_AT_ONCE // (span * store.n_variables))
    for start in range(0, use.size, batch):
        picked = use[start : start + batch]
        unique, inverse = np.unique(sites[picked], return_inverse=True)
        wanted = last[picked].astype(int)[:, None] + np.arange(1 - span, 1)
        first, stop = _range(numbers, wanted)
        series = store.series(unique, first, stop)
        values = _at(series, numbers[first:stop], inverse, wanted)
        missing = ~np.isfinite(values)
        if missing.any():
            if (first, stop) != (0, months.size):
                series = store.series(unique, 0, months.size)
            usual = climatology(series, months)[inverse[:, None], wanted % 12]
            values = np.where(missing, usual, values)
        yield picked, values, missing.mean(axis=(1, 2))


def _range(numbers, wanted):
    first, stop = np.searchsorted(numbers, wanted.min()), np.searchsorted(numbers, wanted.max(), side="right")
    return (int(first), int(stop)) if first < stop else (0, numbers.size)


def _at(series, numbers, rows, wanted):
    places = np.clip(np.searchsorted(numbers, wanted), 0, numbers.size - 1)
    values = series[rows[:, None], places]
    return np.where((numbers[places] == wanted)[..., None], values, np.float32(np.nan))


def climatology(series, months):
    """Mean of each calendar month, January first.

    Parameters
    ----------
    series : ndarray of float32, shape (n, n_months, n_variables)
    months : ndarray of datetime64[M], shape (n_months,)

    Returns
    -------
    ndarray of float32, shape (n, 12, n_variables)
        NaN where a calendar month has no value.
    """
    usual = np.full((series.shape[0], 12, series.shape[2]), np.nan, np.float32)
    calendar = months.astype(int) % 12
    for month in np.unique(calendar):
        part = series[:, calendar == month].astype(float)
        there = np.isfinite(part)
        number = there.sum(axis=1)
        usual[:, month] = np.where(number > 0, np.where(there, part, 0).sum(axis=1) / np.maximum(number, 1), np.nan)
    return usual


def summaries(store, months, sites, last, span):
    """Mean and standard deviation over the months, float32 of shape (n, 2 n_variables), variable by variable.

    Parameters
    ----------
    store, months, sites, last, span
        As for `monthly`. Each pair of site and month is summarised once, whatever the other samples are.
    """
    pairs = np.stack((sites, np.where(np.isnat(last), 0, last.astype(int))), axis=1)
    pairs[np.isnat(last), 0] = -1
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    found = None
    for picked, values, share in monthly(store, months, unique[:, 0], unique[:, 1].astype("datetime64[M]"), span):
        values = np.where((share <= MOST_MISSING)[:, None, None], values, np.nan).astype(float)
        if found is None:
            found = np.full((len(unique), 2 * values.shape[2]), np.nan, np.float32)
        found[picked, 0::2], found[picked, 1::2] = values.mean(axis=1), values.std(axis=1)
    return found if found is None else found[inverse.ravel()]
