"""How each band, index or covariate goes with the target: Pearson and Spearman with intervals, p, and q over the whole family."""

import numpy as np
import pandas as pd

from soilcore.core.errors import FeatureError, SampleError, SettingsError
from soilcore.features.indices import all_indices

KINDS = ("band", "index", "formula", "covariate", "column")


def correlate(columns, target, *, kinds=None, log_target=False, confidence=0.95):
    """Correlate every column with the target.

    Parameters
    ----------
    columns : pandas.DataFrame of numbers, shape (n_samples, n_columns)
        NaN or infinite where invalid; each column uses the samples at which it is valid.
    target : array-like of float, shape (n_samples,)
        Samples with NaN are left out.
    kinds : dict of str to str, optional
        Kind of each column, one of `KINDS`; by default registry ids are "index", band roles "band", all else "column".
    log_target : bool
        Correlate with the decimal logarithm of the target. Spearman does not change; Pearson is then not ruled by a few high values.
    confidence : float
        Level of the intervals, within 0-1.

    Returns
    -------
    pandas.DataFrame
        One row per column, the largest absolute Spearman first: name, kind, pearson, pearson_low, pearson_high, pearson_p, spearman, spearman_low,
        spearman_high, p, q, n, n_invalid. `p` is that of Spearman's rho (t with n - 2 degrees of freedom), `q` its Benjamini-Hochberg value
        over all rows. NaN where undefined: fewer than 3 valid samples, a constant column or target; intervals need 4 samples.

    Raises
    ------
    SampleError
        If lengths differ, or the logarithm is asked of values that are not positive.
    FeatureError
        If a column holds text.

    References
    ----------
    Fisher 1921 for Pearson's interval. Bonett and Wright 2000, Psychometrika 65:23-28, doi 10.1007/BF02294183, for Spearman's:
    the standard error of arctanh(rho) is sqrt((1 + rho^2/2)/(n - 3)). Benjamini and Hochberg 1995 for q.
    """
    values, y = check_columns(columns), check_target(target, len(columns), log_target)
    if not 0 < confidence < 1:
        raise SettingsError(f"The confidence of an interval lies between 0 and 1, not {confidence!r}. Usual is 0.95.")
    known = np.isfinite(y)
    values, y = values[known], y[known]
    valid = np.isfinite(values)
    n = valid.sum(axis=0)
    pearson, spearman = _by_pattern(values, y, valid)
    rows = {"name": [str(name) for name in columns.columns], "kind": _kinds(columns.columns, kinds), "pearson": pearson}
    rows["pearson_low"], rows["pearson_high"] = _interval(pearson, n, np.ones_like(pearson), confidence)
    rows["pearson_p"], rows["spearman"] = p_value(pearson, n), spearman
    rows["spearman_low"], rows["spearman_high"] = _interval(spearman, n, 1 + spearman**2 / 2, confidence)
    rows["p"] = p_value(spearman, n)
    rows["q"] = benjamini_hochberg(rows["p"])
    rows |= {"n": n, "n_invalid": len(y) - n}
    order = np.argsort(-np.nan_to_num(np.abs(spearman), nan=-1.0), kind="stable")
    return pd.DataFrame(rows).iloc[order].reset_index(drop=True)


def correlation_matrix(columns, statistic="spearman"):
    """Correlation of every column with every other, for a heat map.

    Parameters
    ----------
    columns : pandas.DataFrame of numbers, shape (n_samples, n_columns)
        Pairs of samples with a NaN are left out pair by pair.
    statistic : {"spearman", "pearson"}

    Returns
    -------
    pandas.DataFrame of shape (n_columns, n_columns)
        NaN where a column is constant or fewer than 3 pairs are left.
    """
    check_statistic(statistic)
    values = check_columns(columns)
    values = np.where(np.isfinite(values), values, np.nan)
    return pd.DataFrame(values, columns=columns.columns).corr(method=statistic, min_periods=3)


def benjamini_hochberg(p):
    """False discovery rate at which each p-value would be called: min over larger p of p m / rank.

    Parameters
    ----------
    p : array-like of float
        NaN where untested; those do not count.

    Returns
    -------
    ndarray of float
        Within 0-1, never below p; NaN where p is.

    References
    ----------
    Benjamini and Hochberg 1995, J. R. Statist. Soc. B 57:289-300.
    """
    p = np.asarray(p, dtype=float)
    q = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * tested.size / np.arange(1, tested.size + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def p_value(r, n):
    """Two-sided p of a correlation, by t with n - 2 degrees of freedom; NaN for fewer than 3 samples.

    Parameters
    ----------
    r, n : array-like
        Correlation and number of samples.

    Returns
    -------
    ndarray of float
    """
    from scipy.special import stdtr

    r, freedom = np.asarray(r, dtype=float), np.asarray(n, dtype=float) - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(r) * np.sqrt(freedom / np.maximum(1 - r**2, 0))
        return np.where(freedom >= 1, 2 * stdtr(np.maximum(freedom, 1), -t), np.nan)


def standardised(values):
    """Columns with mean 0 and length 1, so that a product of two is their correlation.

    Parameters
    ----------
    values : ndarray of float, shape (n_samples, n_columns)

    Returns
    -------
    ndarray of float, shape (n_samples, n_columns)
        NaN where a column is constant: its spread is no more than rounding leaves of its mean.
    """
    largest = np.abs(values).max(axis=0, initial=0.0)
    centred = values - values.mean(axis=0)
    length = np.sqrt(np.einsum("ij,ij->j", centred, centred))
    constant = length <= 1e-13 * largest * np.sqrt(len(values))
    return centred / np.where(constant, np.nan, length)


def check_columns(columns):
    """Columns as float64; refuses text.

    Raises
    ------
    FeatureError
        If a column is not numeric.
    """
    for name, kind in zip(columns.columns, columns.dtypes, strict=True):
        if not pd.api.types.is_numeric_dtype(kind):
            raise FeatureError(f"Column {name!r} holds text, so it has no correlation. Leave it out with --exclude.")
    return columns.to_numpy(dtype=float, na_value=np.nan)


def check_target(target, n_samples, log_target):
    """The target as float64, its decimal logarithm where asked.

    Raises
    ------
    SampleError
        If its length differs, or the logarithm is asked of values that are not positive.
    """
    y = np.array(target, dtype=float)
    if y.shape != (n_samples,):
        raise SampleError(f"There are {n_samples} samples, but the target has shape {y.shape}. Give one value per sample.")
    y[~np.isfinite(y)] = np.nan
    if log_target:
        if low := int((y <= 0).sum()):
            raise SampleError(f"{low} target values are 0 or below (least {np.nanmin(y):g}) and have no logarithm. Mend them, or drop --log-target.")
        y = np.log10(y)
    return y


def check_statistic(statistic):
    """Refuse an unknown statistic.

    Raises
    ------
    SettingsError
        If it is neither "spearman" nor "pearson".
    """
    if statistic not in ("spearman", "pearson"):
        raise SettingsError(f"There is no statistic {statistic!r}. Choose spearman or pearson.")


def _by_pattern(values, y, valid):
    """Both correlations; columns valid at the same samples are done in one go."""
    from scipy.stats import rankdata

    pearson, spearman = np.full((2, values.shape[1]), np.nan)
    if values.shape[1] == 0:
        return pearson, spearman
    _, group = np.unique(np.packbits(valid.T, axis=1), axis=0, return_inverse=True)
    for columns in (np.flatnonzero(group.reshape(-1) == i) for i in range(group.max() + 1)):
        rows = valid[:, columns[0]]
        if rows.sum() >= 3:
            x, target = values[np.ix_(rows, columns)], y[rows, None]
            pearson[columns] = _products(x, target)
            spearman[columns] = _products(rankdata(x, axis=0), rankdata(target, axis=0))
    return pearson, spearman


def _products(x, y):
    return np.clip(standardised(y)[:, 0] @ standardised(x), -1.0, 1.0)


def _interval(r, n, variance, confidence):
    from scipy.special import ndtri

    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.arctanh(np.where(np.abs(r) < 1, r, np.nan))
        reach = ndtri((1 + confidence) / 2) * np.sqrt(variance / np.where(n > 3, n - 3, np.nan))
    exact = (np.abs(r) == 1) & (n > 3)
    return tuple(np.where(exact, r, np.tanh(centre + side * reach)) for side in (-1, 1))


def _kinds(names, kinds):
    indices = {index.id for index in all_indices()}
    roles = {role for index in all_indices() for role in index.bands} | {"N2"}
    guessed = {name: "band" if name in roles else "index" if name in indices else "column" for name in names}
    return [(kinds or {}).get(name, guessed[name]) for name in names]
