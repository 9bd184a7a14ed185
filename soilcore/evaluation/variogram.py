"""How far values resemble their neighbours: a simple experimental variogram, and the range read from it."""

import numpy as np

_LAGS = 15
_MOST_POINTS = 2000  # all pairs of 2,000 points are 2 million distances, a tenth of a second
_FEWEST_POINTS = 30
_LARGEST_NUGGET = 0.8


def experimental_variogram(coordinates, values, lags=_LAGS, seed=0):
    """Half the mean squared difference of pairs of values, by distance up to half the largest one.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_points, 2)
        Projected metres.
    values : ndarray of float, shape (n_points,)
        Points with a NaN are left out; of more than 2,000 points as many are drawn.
    lags : int
        Number of equal distance classes; empty ones are left out.
    seed : int
        Draws the points.

    Returns
    -------
    distance, semivariance, pairs : ndarray of shape (n_lags,)
        Mean distance (metres), semivariance (squared unit of `values`) and number of pairs of each class.
    """
    from scipy.spatial.distance import pdist

    known = np.flatnonzero(np.isfinite(coordinates).all(axis=1) & np.isfinite(values))
    if known.size > _MOST_POINTS:
        known = np.sort(np.random.default_rng(seed).choice(known, _MOST_POINTS, replace=False))
    distance = pdist(coordinates[known])
    if distance.size == 0 or distance.max() == 0:
        return np.array([]), np.array([]), np.array([], dtype=int)
    half_squares = pdist(values[known, None], "sqeuclidean") / 2
    reach = distance.max() / 2
    near = distance <= reach
    lag = np.minimum((distance[near] / reach * lags).astype(int), lags - 1)
    pairs = np.bincount(lag, minlength=lags)
    kept = pairs > 0
    means = (np.bincount(lag, weights=weights[near], minlength=lags)[kept] / pairs[kept] for weights in (distance, half_squares))
    return (*means, pairs[kept])


def correlation_range(coordinates, values, seed=0):
    """Distance at which values are no longer alike: the range of a spherical variogram with nugget.

    Values that are all positive and skewed are taken as logarithms, because a few high ones otherwise are the whole variogram.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_points, 2)
        Projected metres.
    values : ndarray of float, shape (n_points,)
    seed : int
        Draws the points where there are more than 2,000.

    Returns
    -------
    float
        Metres; NaN where the variogram shows none: fewer than 30 points, a nugget above 80 % of the sill, or a rise that does not level
        off within half the largest distance.
    """
    from scipy.stats import skew

    known = np.isfinite(coordinates).all(axis=1) & np.isfinite(values)
    coordinates, values = coordinates[known], values[known]
    if values.size < _FEWEST_POINTS or np.ptp(values) == 0:
        return np.nan
    if values.min() > 0 and skew(values) > 1:
        values = np.log10(values)
    distance, semivariance, pairs = experimental_variogram(coordinates, values, seed=seed)
    return _spherical_range(distance, semivariance, pairs) if distance.size >= 5 else np.nan


def _spherical_range(distance, semivariance, pairs):
    """Weighted least squares with weights n / h^2: nugget and sill are linear, the range is searched on a grid."""
    weight = np.sqrt(pairs) / distance
    fits = []
    for reach in np.linspace(distance[0], distance[-1], 200):
        h = np.minimum(distance / reach, 1)
        design = np.column_stack((np.ones_like(h), 1.5 * h - 0.5 * h**3))
        (nugget, sill), *_ = np.linalg.lstsq(design * weight[:, None], semivariance * weight, rcond=None)
        if nugget < 0:
            nugget, sill = 0.0, np.sum(weight**2 * design[:, 1] * semivariance) / np.sum((weight * design[:, 1]) ** 2)
        misfit = np.sum((weight * (nugget + sill * design[:, 1] - semivariance)) ** 2)
        fits.append((misfit, reach, nugget, sill))
    _, reach, nugget, sill = min(fits)
    if sill <= 0 or nugget / (nugget + sill) > _LARGEST_NUGGET or reach >= distance[-1]:
        return np.nan
    return float(reach)
