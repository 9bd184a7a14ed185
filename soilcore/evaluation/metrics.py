"""How far predictions are from observations: scores of values and of intervals.

Every score that has no value for the data at hand (a constant target, no pairs) is NaN, never 0 or 1.
Everything here is numpy alone, because bootstrap and permutation call it thousands of times; the tests compare it with scikit-learn.
"""

import numpy as np

from soilcore.core.errors import ModelError, SettingsError


def check_pairs(observed, *others, names=("observed", "predicted")):
    """The arguments as 1-D float arrays of one length, and only where all are finite.

    A prediction of shape (n, 1) against a target of shape (n,) would be broadcast to n x n pairs and still give a
    number, so another shape is refused, not flattened.

    Returns
    -------
    tuple of ndarray of float, shape (n_pairs,)

    Raises
    ------
    ModelError
        If a shape is not 1-D or differs from the first; the message holds the shapes.
    """
    arrays = [_numbers(values) for values in (observed, *others)]
    if any(array.ndim != 1 or array.shape != arrays[0].shape for array in arrays):
        given = ", ".join(f"{name} {array.shape}" for name, array in zip(_names(names, len(arrays)), arrays, strict=True))
        raise ModelError(f"Scores need one-dimensional values of equal length, but got {given}. Flatten an (n, 1) prediction with .ravel() first.")
    finite = np.isfinite(arrays).all(axis=0)
    return tuple(array[finite] for array in arrays)


def _numbers(values):
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ModelError(f"Scores need numbers, but got {type(values).__name__} with values such as {_first(values)!r}.") from None


def _first(values):
    return next(iter(values), None) if hasattr(values, "__iter__") else values


def _names(names, count):
    return (*names, *(f"argument {i + 1}" for i in range(len(names), count)))[:count]


def regression_scores(observed, predicted):
    r"""Scores of predicted values, in the unit of the target where they have one.

    Parameters
    ----------
    observed, predicted : array-like of float, shape (n_samples,)
        Pairs in which either is not finite are left out; ``n`` counts the others.

    Returns
    -------
    dict
        ``n``; ``r2`` :math:`1 - \sum(y-p)^2 / \sum(y-\bar y)^2` (Nash-Sutcliffe, may be negative; NaN for a constant target);
        ``pearson_r`` and its square ``pearson_r2`` (NaN if either is constant); ``mse``, ``rmse``, ``mae``, ``medae``;
        ``me`` = mean(p - y), positive when predictions are too high (paper 004 uses the opposite sign);
        ``ccc`` Lin's concordance :math:`2\,\mathrm{cov}/(\sigma_y^2+\sigma_p^2+(\bar y-\bar p)^2)` with population moments;
        ``cb`` = ccc / r; ``rpd`` = sd(y, ddof 1) / RMSE; ``rpiq`` = interquartile range of y / RMSE (linear quantiles; NaN for a
        perfect prediction); ``mape`` percent (NaN if any observation is 0); and on the log scale ``r2_log10``, ``ccc_log10``,
        NaN unless every observed and predicted value is positive.

    Raises
    ------
    ModelError
        If the shapes are not equal and 1-D.

    References
    ----------
    Lin (1989), doi 10.2307/2532051. Bellon-Maurel et al. (2010), doi 10.1016/j.trac.2010.05.006, for RPIQ.
    """
    y, p = check_pairs(observed, predicted)
    with np.errstate(over="ignore", invalid="ignore"):  # an absurd prediction of 1e300 has an infinite error, and that is its score
        scores = {"n": y.size, **_error_scores(y, p), **_agreement(y, p), **_ratio_scores(y, p)}
    positive = y.size > 0 and y.min() > 0 and p.min() > 0
    logs = _agreement(np.log10(y), np.log10(p)) if positive else {}
    return {**scores, "r2_log10": logs.get("r2", np.nan), "ccc_log10": logs.get("ccc", np.nan)}


def _error_scores(y, p):
    if y.size == 0:
        return dict.fromkeys(("mse", "rmse", "mae", "medae", "me", "mape"), np.nan)
    error = p - y
    mse = np.mean(error**2)
    mape = np.nan if (y == 0).any() else 100 * np.mean(np.abs(error / y))
    return {
        "mse": float(mse),
        "rmse": float(np.sqrt(mse)),
        "mae": float(np.mean(np.abs(error))),
        "medae": float(np.median(np.abs(error))),
        "me": float(np.mean(error)),
        "mape": float(mape),
    }


def _agreement(y, p):
    """R2, Pearson, concordance. Constancy is asked of the range, because the variance of equal floats need not be exactly 0."""
    if y.size == 0:
        return dict.fromkeys(("r2", "pearson_r", "pearson_r2", "ccc", "cb"), np.nan)
    y_varies, p_varies = np.ptp(y) > 0, np.ptp(p) > 0
    about_y, about_p = y - y.mean(), p - p.mean()
    ss_y, ss_p, ss_yp = about_y @ about_y, about_p @ about_p, about_y @ about_p
    r2 = 1 - np.sum((y - p) ** 2) / ss_y if y_varies and ss_y > 0 else np.nan
    r = float(np.clip(ss_yp / np.sqrt(ss_y) / np.sqrt(ss_p), -1, 1)) if y_varies and p_varies and ss_y > 0 and ss_p > 0 else np.nan
    spread = (ss_y if y_varies else 0.0) + (ss_p if p_varies else 0.0) + y.size * (y.mean() - p.mean()) ** 2
    joint = ss_yp if y_varies and p_varies else 0.0
    ccc = 2 * joint / spread if spread > 0 else np.nan
    return {"r2": float(r2), "pearson_r": r, "pearson_r2": r**2, "ccc": float(ccc), "cb": float(ccc / r) if r else np.nan}


def _ratio_scores(y, p):
    rmse = np.sqrt(np.mean((y - p) ** 2)) if y.size else 0.0
    if rmse == 0:
        return {"rpd": np.nan, "rpiq": np.nan}
    lower, upper = np.quantile(y, (0.25, 0.75))
    rpd = np.std(y, ddof=1) / rmse if y.size > 1 else np.nan
    return {"rpd": float(rpd), "rpiq": float((upper - lower) / rmse)}


def interval_scores(observed, lower, upper, alpha):
    r"""Scores of prediction intervals that promise a coverage of 1 - alpha.

    Parameters
    ----------
    observed, lower, upper : array-like of float, shape (n_samples,)
        In the unit of the target. Samples with a NaN in any of the three are left out. Infinite bounds count: they cover, at infinite width.
    alpha : float
        Promised share outside, within 0-1, e.g. 0.1 for a 90 % interval.

    Returns
    -------
    dict
        ``n``; ``picp`` share covered, bounds included; ``mpiw`` mean width; ``nmpiw`` that over the range of the target (NaN for a
        constant target); ``ace`` = picp - (1 - alpha); ``winkler`` = mean of width + :math:`2/\alpha` times the distance outside.

    References
    ----------
    Winkler (1972), doi 10.1080/01621459.1972.10481224; Khosravi et al. (2011), doi 10.1109/TNN.2011.2162110.
    """
    if not 0 < alpha < 1:
        raise SettingsError(f"alpha is the share of values outside the interval, between 0 and 1; got {alpha}.")
    y, low, high = _interval_arrays(observed, lower, upper)
    if y.size == 0:
        return {"n": 0, **dict.fromkeys(("picp", "mpiw", "nmpiw", "ace", "winkler"), np.nan)}
    width, covered = high - low, (low <= y) & (y <= high)
    outside = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    span = np.ptp(y)
    return {
        "n": y.size,
        "picp": float(covered.mean()),
        "mpiw": float(width.mean()),
        "nmpiw": float(width.mean() / span) if span > 0 else np.nan,
        "ace": float(covered.mean() - (1 - alpha)),
        "winkler": float(np.mean(width + 2 / alpha * outside)),
    }


def _interval_arrays(observed, lower, upper):
    arrays = [_numbers(values) for values in (observed, lower, upper)]
    if any(array.ndim != 1 or array.shape != arrays[0].shape for array in arrays):
        raise ModelError(f"Intervals need one-dimensional values of equal length, but got shapes {[array.shape for array in arrays]}.")
    known = np.isfinite(arrays[0]) & ~np.isnan(arrays[1]) & ~np.isnan(arrays[2])
    y, low, high = (array[known] for array in arrays)
    if (low > high).any():
        at = int(np.argmax(low > high))
        raise ModelError(
            f"{int((low > high).sum())} intervals have their bounds swapped, the first is [{low[at]:g}, {high[at]:g}]. Give the lower one first."
        )
    return y, low, high


def pinball_loss(observed, predicted, quantile):
    """Mean pinball loss of a predicted quantile: max(q e, (q - 1) e) with e = y - p, in the unit of the target.

    Half the MAE at ``quantile=0.5``. NaN without pairs.
    """
    if not 0 < quantile < 1:
        raise SettingsError(f"A quantile lies between 0 and 1; got {quantile}.")
    y, p = check_pairs(observed, predicted)
    error = y - p
    return float(np.mean(np.maximum(quantile * error, (quantile - 1) * error))) if y.size else np.nan


def bootstrap_interval(observed, predicted, groups=None, metric="r2", seed=0, *, level=0.9, draws=1000):
    """How far a score could move with other samples: percentile bootstrap over whole blocks.

    Single samples of one block are not independent, so blocks are drawn with replacement and bring all their samples.

    Parameters
    ----------
    observed, predicted : array-like of float, shape (n_samples,)
        Out-of-fold pairs.
    groups : array-like of shape (n_samples,), optional
        Block or group of each sample. None: every sample is its own block.
    metric : str or callable
        A key of `regression_scores`, or a function (observed, predicted) -> float.
    seed : int
        Draws the blocks.
    level : float
        Share of the draws inside the interval.
    draws : int
        Number of bootstrap samples.

    Returns
    -------
    tuple of float
        Lower and upper bound; NaN for fewer than two blocks, or where the score is undefined in most draws.
    """
    score = _score_function(metric)
    finite = np.isfinite(_numbers(observed)) & np.isfinite(_numbers(predicted))
    y, p = check_pairs(observed, predicted)
    labels = np.arange(finite.size) if groups is None else np.asarray(groups)
    if labels.shape != finite.shape:
        raise ModelError(f"There are {labels.shape} groups for {finite.shape} samples. Give one group per sample.")
    _, codes = np.unique(labels[finite], return_inverse=True)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1]) if codes.size else []
    if len(members) < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    rows = (np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]) for _ in range(draws))
    values = np.array([score(y[drawn], p[drawn]) for drawn in rows])
    values = values[np.isfinite(values)]
    if values.size < draws / 2:
        return np.nan, np.nan
    return tuple(float(bound) for bound in np.quantile(values, ((1 - level) / 2, (1 + level) / 2)))


def _score_function(metric):
    """Only the part of `regression_scores` that holds the score: a bootstrap asks a thousand times."""
    if callable(metric):
        return metric
    probe = np.array([0.0, 1.0])
    for scores in (_error_scores, _agreement, _ratio_scores, regression_scores):
        if metric in scores(probe, probe):
            return lambda y, p, scores=scores: scores(y, p)[metric]
    raise SettingsError(f"There is no score {metric!r}. Known scores: {', '.join(regression_scores(probe, probe))}.")
