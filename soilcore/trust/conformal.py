"""Conformal calibration: from errors on samples a model never saw to bounds with a promised coverage.

Ranks follow the finite-sample theory to the letter. Where there are too few samples for a promise the bound is infinite, never the largest
error seen.

References
----------
Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World; Barber, Candes, Ramdas and Tibshirani (2021), Annals of Statistics
49, 486-507, doi 10.1214/20-AOS1965 (CV+); Tibshirani, Barber, Candes and Ramdas (2019), NeurIPS 32 (weights); Romano, Patterson and Candes
(2019), NeurIPS 32 (quantile regression).
"""

import math

import numpy as np

from soilcore.core.errors import ModelError, SettingsError

_DIGITS = 9  # (n + 1)(1 - alpha) is a whole number where arithmetic in binary misses it by 1e-15


def conformal_rank(n, alpha):
    """Rank, from 1, of the score that covers a new one with probability 1 - alpha: ceil((n + 1)(1 - alpha)).

    Parameters
    ----------
    n : int
        Number of calibration scores.
    alpha : float
        Promised share outside, within 0-1.

    Returns
    -------
    int
        Above `n` where `n` scores cannot keep the promise.
    """
    check_alpha(alpha)
    return math.ceil(round((n + 1) * (1 - alpha), _DIGITS))


def lower_rank(n, alpha):
    """Rank, from 1, of the lower end: floor(alpha (n + 1)); 0 where `n` scores cannot keep the promise."""
    check_alpha(alpha)
    return math.floor(round((n + 1) * alpha, _DIGITS))


def split_quantile(scores, alpha):
    """The score that a new one stays below with probability 1 - alpha.

    Parameters
    ----------
    scores : array-like of float, shape (n,)
        Nonconformity scores, e.g. absolute errors, of samples the model never saw.
    alpha : float

    Returns
    -------
    float
        Infinite if ceil((n + 1)(1 - alpha)) > n.

    Raises
    ------
    ModelError
        If a score is missing.
    """
    scores = _checked_scores(scores)
    rank = conformal_rank(scores.size, alpha)
    if rank > scores.size:
        return math.inf
    return float(np.partition(scores, rank - 1)[rank - 1])


def weighted_quantile(scores, weights, alpha, test_weight=1.0):
    """The smallest score up to which the weights make 1 - alpha of all weight, that of the new sample included, which lies at infinity.

    Parameters
    ----------
    scores : array-like of float, shape (n,)
    weights : array-like of float, shape (n,) or (m, n)
        At least 0; one row per new sample.
    alpha : float
    test_weight : float
        Weight of the new sample.

    Returns
    -------
    float or ndarray of float, shape (m,)
        Infinite where the scores do not carry enough weight.
    """
    check_alpha(alpha)
    scores, weights = _checked_scores(scores), np.asarray(weights, float)
    if weights.shape[-1:] != scores.shape or not (weights >= 0).all() or not np.isfinite(weights).all() or not test_weight >= 0:
        raise ModelError(f"{scores.size} scores need as many weights of at least 0 per new sample, but got the shape {weights.shape}.")
    order = np.argsort(scores, kind="stable")
    ascending, carried = scores[order], np.cumsum(weights[..., order], axis=-1)
    needed = (1 - alpha) * (carried[..., -1] + test_weight) * (1 - 10.0**-_DIGITS)
    position = (carried < needed[..., None]).sum(axis=-1)
    found = np.append(ascending, np.inf)[position]
    return float(found) if weights.ndim == 1 else found


def cv_plus_bounds(predictions, residuals, alpha):
    """Bounds of CV+ and jackknife+.

    Parameters
    ----------
    predictions : array-like of float, shape (n,) or (m, n)
        For each training sample the prediction at the new place by the model that never saw that sample; one row per place.
    residuals : array-like of float, shape (n,)
        Absolute out-of-fold error of each training sample.
    alpha : float

    Returns
    -------
    lower, upper : float or ndarray of float, shape (m,)
        The floor(alpha (n + 1))-th smallest of prediction - residual and the ceil((1 - alpha)(n + 1))-th smallest of prediction + residual;
        infinite where there is no such rank. Coverage is at least 1 - 2 alpha, usually about 1 - alpha.
    """
    residuals, predictions = _checked_scores(residuals), np.asarray(predictions, float)
    if predictions.shape[-1:] != residuals.shape:
        raise ModelError(f"CV+ needs one prediction per training sample ({residuals.size}), but got the shape {predictions.shape}.")
    n = residuals.size
    low, high = lower_rank(n, alpha), conformal_rank(n, alpha)
    infinite = np.full(predictions.shape[:-1], np.inf)
    lower = np.partition(predictions - residuals, low - 1, axis=-1)[..., low - 1] if low >= 1 else -infinite
    upper = np.partition(predictions + residuals, high - 1, axis=-1)[..., high - 1] if high <= n else infinite
    return (lower, upper) if predictions.ndim > 1 else (float(lower), float(upper))


def cqr_scores(observed, lower, upper):
    """Scores of conformalised quantile regression, max(lower - y, y - upper): negative inside the quantiles.

    Parameters
    ----------
    observed : array-like of float, shape (n,)
    lower, upper : array-like of float, shape (n,)
        Predicted quantiles at alpha / 2 and 1 - alpha / 2 by a model that never saw the sample.

    Returns
    -------
    ndarray of float, shape (n,)
    """
    observed, lower, upper = (np.asarray(values, float) for values in (observed, lower, upper))
    return np.maximum(lower - observed, observed - upper)


def check_alpha(alpha):
    """Refuse what is no share between 0 and 1.

    Raises
    ------
    SettingsError
    """
    if isinstance(alpha, bool) or not 0 < alpha < 1:
        raise SettingsError(f"alpha is the share of values outside the interval, between 0 and 1; got {alpha!r}.")


def _checked_scores(scores):
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ModelError(
            f"Calibration needs one score per sample, but got the shape {scores.shape} with {int(np.isnan(scores).sum())} missing. "
            "Leave samples without a prediction out."
        )
    return scores
