"""Shapley values of any function by antithetic permutations, with their standard errors.

A permutation turns a background row into the explained one, one driver after the other; what the prediction changes at a driver's turn is a
draw of its Shapley value. Every permutation is walked in reverse as well, which cancels what is linear in the place of a driver in it. Each
background row is walked from once, so that draws add up to the prediction less the mean prediction of the background. Every fourth is walked from
twice: how far its two draws lie apart is the error that is left, as which background rows there are is no matter of chance then. With fewer walks than
background rows it is, and the error is that of a sample of them.

References
----------
Strumbelj and Kononenko (2014), 10.1007/s10115-013-0679-x; Mitchell et al. (2022), Journal of Machine Learning Research 23 (43).
"""

import numpy as np

AGAIN = 4  # every so manieth background row is walked from twice where all are
_MOST_VALUES = 4_000_000  # of the rows that are predicted at a time


def walks(background_count, drivers, draws=None, seed=0):
    """Which background rows are walked from, and in which order the drivers change.

    Parameters
    ----------
    background_count, drivers : int
        Number of background rows and of drivers.
    draws : int, optional
        Pairs of walks, at least 2: evenly along the background where there are fewer than its rows, which is also the most; all if not given.
    seed : int

    Returns
    -------
    rows : ndarray of int, shape (n_walks,)
        Where all background rows are walked from, every `AGAIN`-th comes a second time, behind all others.
    ranks : ndarray of int, shape (n_walks, n_drivers)
        Turn of each driver, from 0, on the way there; the way back has ``n_drivers - 1 - ranks``.
    """
    count = background_count if draws is None else max(min(2, background_count), min(int(draws), background_count))
    rows = ((np.arange(count) + 0.5) * background_count / count).astype(int)
    if count == background_count:
        rows = np.concatenate([rows, rows[::AGAIN]])
    rng = np.random.default_rng(seed)
    return rows, np.argsort(rng.random((len(rows), drivers)), axis=1)


def first_walks(rows):
    """How many of the walks are the first from their background row."""
    return len(np.unique(rows))


def combined(pairs, count):
    """Mean over walks, and its standard error.

    Parameters
    ----------
    pairs : ndarray of float, shape (n_rows, n_walks, n_drivers)
        Each the mean of the way there and back.
    count : int
        The first of them begin at different background rows, the others at every `AGAIN`-th of these.

    Returns
    -------
    values, errors : ndarray of float, shape (n_rows, n_drivers)
    """
    first, again = pairs[:, :count], pairs[:, count:]
    if not again.shape[1]:
        errors = first.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.zeros((len(pairs), pairs.shape[2]))
        return first.mean(axis=1), errors
    apart = again - first[:, ::AGAIN]
    return (first.sum(axis=1) + apart.sum(axis=1) / 2) / count, np.sqrt((apart**2).mean(axis=1) / 2 / count)


def sampled_attributions(function, Z, background, drivers, walked, base):
    """Attributions of rows, and their standard errors.

    Parameters
    ----------
    function : callable
        Rows of shape (n, n_columns), float64, to predictions of shape (n,).
    Z, background : ndarray of float, shape (n_rows, n_columns) and (n_background, n_columns)
    drivers : sequence of ndarray of int
        Columns of each driver; they change together.
    walked : (ndarray, ndarray)
        From `walks`; the same for all rows, so that neighbouring pixels differ by their predictors alone.
    base : float
        Mean prediction of the whole background.

    Returns
    -------
    values, errors : ndarray of float, shape (n_rows, n_drivers)
        What the draws leave open to the sum is shared out by their variance, so that attributions add up to the prediction less `base`.
    """
    rows, ranks = walked
    both = np.stack([ranks, ranks.shape[1] - 1 - ranks], axis=1).reshape(-1, ranks.shape[1])  # there and back, in turn
    starts = np.repeat(background[rows], 2, axis=0)
    first = np.repeat(function(background[rows]), 2)
    of_column = np.empty(Z.shape[1], int)
    for number, columns in enumerate(drivers):
        of_column[columns] = number
    predicted = function(Z)
    values, errors = np.empty((len(Z), len(drivers))), np.empty((len(Z), len(drivers)))
    steps = max(len(drivers) - 1, 1)
    at_once = max(1, _MOST_VALUES // (len(starts) * steps * Z.shape[1]))
    for begin in range(0, len(Z), at_once):
        part = slice(begin, begin + at_once)
        changes = _changes(function, Z[part], starts, both[:, of_column], first, predicted[part], len(drivers))
        drawn = np.take_along_axis(changes, np.broadcast_to(both, changes.shape), axis=2)
        pairs = drawn.reshape(len(drawn), len(rows), 2, len(drivers)).mean(axis=2)
        values[part], errors[part] = combined(pairs, first_walks(rows))
    return settled(values, errors, predicted - base), errors


def settled(values, errors, total):
    """Sampled values changed so that each row adds up to `total`: by their variances, or alike where there are none."""
    left = total - values.sum(axis=1)
    weights = errors**2
    weights = np.where(weights.sum(axis=1, keepdims=True) > 0, weights, 1.0)
    return values + left[:, None] * weights / weights.sum(axis=1, keepdims=True)


def _changes(function, Z, starts, ranks, first, last, drivers):
    """Change of the prediction at every turn of every walk, shape (n_rows, n_walks, n_drivers)."""
    between = np.empty((len(Z), len(starts), drivers - 1))
    if drivers > 1:
        turns = np.arange(1, drivers)
        changed = ranks[:, None, :] < turns[None, :, None]  # (walks, turns, columns)
        rows = np.where(changed[None], Z[:, None, None, :], starts[None, :, None, :])
        between = function(rows.reshape(-1, Z.shape[1])).reshape(between.shape)
    ends = (len(Z), len(starts), 1)
    along = np.concatenate([np.broadcast_to(first[None, :, None], ends), between, np.broadcast_to(last[:, None, None], ends)], axis=2)
    return np.diff(along, axis=2)
