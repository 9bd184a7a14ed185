"""Whether one model beats another on the same samples: the paired difference and how sure it is."""

import numpy as np

from soilcore.core.errors import ModelError

DRAWS = 2000


def paired_difference(observed, first, second, units=None, folds=None, *, level=0.9, seed=0):
    r"""Difference in R2 of two sets of predictions of the same samples, :math:`(SSE_2 - SSE_1)/SST`, positive where the first is better.

    Parameters
    ----------
    observed : ndarray of float, shape (n_samples,)
    first, second : ndarray of float, shape (n_samples,) or (n_repeats, n_samples)
        Out-of-fold predictions; squared errors are averaged over repeats.
    units : ndarray of int, shape (n_samples,), optional
        Blocks or groups; drawn whole, because neighbours err together.
    folds : ndarray of int, shape (n_samples,), optional
        Test fold of each sample: in how many of them the first has the smaller error.
    level : float
        Of the interval.
    seed : int

    Returns
    -------
    dict
        ``difference``, ``low``, ``high`` (bootstrap over units, 2,000 draws, NaN with fewer than 5 units), ``units``, and where folds were given
        ``folds_better``, ``folds``.

    Raises
    ------
    ModelError
        If the shapes do not belong together.
    """
    observed = np.asarray(observed, float)
    pair = [np.atleast_2d(np.asarray(predicted, float)) for predicted in (first, second)]
    if any(predicted.shape[1:] != observed.shape for predicted in pair):
        raise ModelError(f"Predictions {np.shape(first)} and {np.shape(second)} do not belong to {observed.size} observed values.")
    errors = [((predicted - observed) ** 2).mean(axis=0) for predicted in pair]
    gain, spread = errors[1] - errors[0], (observed - observed.mean()) ** 2
    total = spread.sum()
    units = np.arange(observed.size) if units is None else np.unique(units, return_inverse=True)[1]
    count = int(units.max()) + 1
    facts = {"difference": float(gain.sum() / total) if total > 0 else np.nan, "low": np.nan, "high": np.nan, "units": count}
    if count >= 5 and total > 0:
        sums = np.column_stack([np.bincount(units, values, count) for values in (gain, observed, observed**2, np.ones(observed.size))])
        draws = _resampled(sums, np.random.default_rng(seed))
        facts["low"], facts["high"] = (float(value) for value in np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]))
    if folds is not None:
        better = [bool(gain[folds == fold].sum() > 0) for fold in np.unique(folds)]
        facts |= {"folds_better": int(sum(better)), "folds": len(better)}
    return facts


def _resampled(sums, chance):
    """Differences of `DRAWS` bootstrap samples of units, each with its own total variance."""
    count = len(sums)
    differences = np.empty(DRAWS)
    for draw in range(DRAWS):
        gain, total, squares, n = np.bincount(chance.integers(0, count, count), minlength=count) @ sums
        variance = squares - total**2 / n
        differences[draw] = gain / variance if variance > 0 else 0.0
    return differences
