"""How far values resemble their neighbours: the experimental variogram, models fitted to it, and the range read from it."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError

MODELS = ("exponential", "spherical", "matern15")
_LAGS = 15
_MOST_POINTS = 2000  # all pairs of 2,000 points are 2 million distances, a tenth of a second
_FEWEST_POINTS = 30
_FEWEST_FOR_KRIGING = 50
_FEWEST_LAGS = 5
_LARGEST_NUGGET = 0.8
_NEIGHBOURS = 8
_CHANCE = 0.05
_EXPONENTIAL_RATE = 3.0  # exp(-3) = 0.05: the practical range is where 95 % of the rise is reached
_MATERN_RATE = 4.743864518390577  # root of (1 + c) exp(-c) = 0.05
_FARTHEST = 2.0  # a range is searched to this many times the largest lag
_FINEST = 0.02  # and from this share of it


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
    apart = distance > 0  # a class of duplicates alone has no distance to weigh it by
    return _spherical_range(distance[apart], semivariance[apart], pairs[apart]) if apart.sum() >= 5 else np.nan


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


@dataclass(frozen=True)
class Variogram:
    """A variogram model with the experimental variogram it was fitted to.

    Parameters
    ----------
    nugget : float
        Semivariance just above distance 0 (squared unit of the values); at 0 it is 0.
    sill : float
        Nugget and structured part together.
    range : float
        Metres at which the structured part reaches its sill (spherical) or 95 % of it (exponential, Matern: the practical range).
    model : {"exponential", "spherical", "matern15"} or None
        None where nothing could be fitted.
    lags, semivariance, pairs : ndarray of shape (n_lags,)
        Experimental variogram: metres, squared unit of the values, number of pairs.
    usable : bool
        Whether kriging with it makes sense.
    reason : str
        Why, in words.
    fits : tuple of dict
        Every model tried: ``model``, ``nugget``, ``sill``, ``range``, ``misfit`` (weighted sum of squares relative to that of a pure nugget).
    """

    nugget: float
    sill: float
    range: float
    model: str | None = "exponential"
    lags: np.ndarray = ()
    semivariance: np.ndarray = ()
    pairs: np.ndarray = ()
    usable: bool = True
    reason: str = ""
    fits: tuple = ()

    @property
    def partial_sill(self):
        """The structured part of the sill."""
        return self.sill - self.nugget

    def correlation(self, distance):
        """Correlation of the structured part at distances in metres, 1 at 0; same shape."""
        return CORRELATIONS[self.model](np.asarray(distance, float) / self.range)

    def __call__(self, distance):
        """Semivariance at distances in metres, 0 at 0; same shape."""
        distance = np.asarray(distance, float)
        return np.where(distance > 0, self.nugget + self.partial_sill * (1 - self.correlation(distance)), 0.0)


def _exponential(h):
    return np.exp(-_EXPONENTIAL_RATE * h)


def _spherical(h):
    h = np.minimum(h, 1)
    return 1 - 1.5 * h + 0.5 * h**3


def _matern15(h):
    h = _MATERN_RATE * h
    return (1 + h) * np.exp(-h)


CORRELATIONS = {"exponential": _exponential, "spherical": _spherical, "matern15": _matern15}


def fit_variogram(xy, values, models=MODELS, *, lags=_LAGS, seed=0):
    """Fit variogram models with nugget by least squares with weights pairs / distance^2, and keep the best.

    Parameters
    ----------
    xy : ndarray of float, shape (n_points, 2)
        Projected metres.
    values : ndarray of float, shape (n_points,)
        Values or residuals; points with NaN are left out.
    models : tuple of {"exponential", "spherical", "matern15"}
    lags : int
        Distance classes up to half the largest distance.
    seed : int
        Draws 2,000 points where there are more.

    Returns
    -------
    Variogram
        ``usable`` is False, with the reason in words, for fewer than 50 points, for values that do not vary, for points in too few places,
        for a nugget above 80 % of the sill, and where nearest neighbours are no more alike than chance would make them (Moran's I of the 8
        nearest, p > 0.05; of three noise fields one shows a "range" by chance). Without a fit, nugget and sill are the variance, the range NaN.

    Raises
    ------
    SettingsError
        If a model is unknown.

    References
    ----------
    Cressie 1985, 10.1007/BF01032109 (weights); GSTools, 10.5194/gmd-15-3161-2022 (fit); Cliff and Ord 1981 (Moran's I).
    """
    if unknown := [name for name in models if name not in CORRELATIONS]:
        raise SettingsError(f"There is no variogram model {', '.join(map(repr, unknown))}. Models: {', '.join(MODELS)}.")
    xy, values = np.asarray(xy, float), np.asarray(values, float)
    known = np.isfinite(xy).all(axis=1) & np.isfinite(values)
    xy, values = xy[known], values[known]
    if values.size < 2 or np.ptp(values) == 0:
        return _without_fit(values, "The values do not vary, so there is nothing to krige." if values.size > 1 else "There are no two points.")
    distance, semivariance, pairs = experimental_variogram(xy, values, lags, seed)
    kept = distance > 0  # a class of duplicates alone has no distance to weigh it by
    table = distance[kept], semivariance[kept], pairs[kept]
    if values.size < _FEWEST_FOR_KRIGING:
        return _without_fit(values, f"{values.size} points are too few for a variogram; {_FEWEST_FOR_KRIGING} are needed.", table)
    if kept.sum() < _FEWEST_LAGS or not semivariance[kept].any():
        return _without_fit(values, f"The points give only {kept.sum()} distance classes with pairs; {_FEWEST_LAGS} are needed.", table)
    fits = _fitted(models, *table)
    best = fits[0]
    return Variogram(best["nugget"], best["sill"], best["range"], best["model"], *table, *_judged(best, table[0], xy, values), fits)


def _judged(fit, lags, xy, values):
    """Whether a fit is worth kriging with, and the sentence that says so."""
    share = fit["nugget"] / fit["sill"]
    if share > _LARGEST_NUGGET:
        return False, f"The nugget is {share:.0%} of the sill: near points are hardly more alike than far ones, so kriging would gain nothing."
    if (chance := moran_p(xy, values)) > _CHANCE:
        return (
            False,
            f"Nearest neighbours are no more alike than chance would make them (Moran's I, p = {chance:.2f}), so kriging would gain nothing.",
        )
    if fit["range"] > lags[-1]:
        return True, f"The semivariance still rises at {lags[-1]:.0f} m, half the largest distance; the range beyond it is uncertain."
    return True, f"Points closer than {fit['range']:.0f} m are alike; the nugget is {share:.0%} of the sill."


def moran_p(xy, values, neighbours=_NEIGHBOURS):
    """Chance that values without spatial order look as much alike among nearest neighbours.

    Parameters
    ----------
    xy : ndarray of float, shape (n_points, 2)
        Projected metres, all finite.
    values : ndarray of float, shape (n_points,)
    neighbours : int

    Returns
    -------
    float
        One-sided p of Moran's I with binary nearest-neighbour weights, by its moments under normality.

    References
    ----------
    Cliff and Ord 1981, Spatial Processes, equations 2.36 and 2.37.
    """
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree
    from scipy.stats import norm

    n, k = values.size, min(neighbours, values.size - 1)
    found = cKDTree(xy).query(xy, k + 1)[1]
    rows, columns = np.repeat(np.arange(n), k + 1), found.ravel()
    other = rows != columns  # of duplicates the tree may name another one first
    weights = csr_matrix((np.ones(other.sum()), (rows[other], columns[other])), shape=(n, n))
    centred = values - values.mean()
    total = weights.sum()
    moran = n / total * (centred @ (weights @ centred)) / (centred @ centred)
    s1 = (weights + weights.T).power(2).sum() / 2
    s2 = np.sum((np.asarray(weights.sum(axis=1)).ravel() + np.asarray(weights.sum(axis=0)).ravel()) ** 2)
    expected = -1 / (n - 1)
    variance = (n**2 * s1 - n * s2 + 3 * total**2) / ((n**2 - 1) * total**2) - expected**2
    return float(norm.sf((moran - expected) / np.sqrt(variance)))


def _without_fit(values, reason, table=((), (), ())):
    variance = float(np.var(values)) if values.size else 0.0
    return Variogram(variance, variance, np.nan, None, *(np.asarray(column) for column in table), False, reason)


def _fitted(models, distance, semivariance, pairs):
    """All models by the best of a grid of ranges, best model first and refined by GSTools; on relative units, as its tolerances are absolute."""
    unit, height = distance[-1], float(semivariance.max())
    h, gamma, weight = distance / unit, semivariance / height, np.sqrt(pairs) / distance
    weight = weight / weight.max()
    found = sorted((_best_of_grid(name, h, gamma, weight), name) for name in models)
    found[0] = min(found[0], (_refined(found[0][1], found[0][0], h, gamma, weight), found[0][1]))
    flat = np.sum((weight * (gamma - np.average(gamma, weights=weight**2))) ** 2)
    fits = []
    for (misfit, reach, nugget, part), name in found:
        sill = max(nugget + part, np.finfo(float).tiny)
        relative = misfit / max(flat, np.finfo(float).tiny)
        fits.append({"model": name, "nugget": nugget * height, "sill": sill * height, "range": float(reach * unit), "misfit": float(relative)})
    return tuple(fits)


def _best_of_grid(name, h, gamma, weight):
    """(misfit, range, nugget, partial sill) of the best range of a grid; nugget and partial sill of at least 0 by weighted least squares."""
    reaches = np.geomspace(_FINEST, _FARTHEST, 60)
    rise = 1 - CORRELATIONS[name](h / reaches[:, None])  # (ranges, lags)
    w = weight**2
    total, r1, r2 = w.sum(), rise @ w, rise**2 @ w
    g1, rg = gamma @ w, rise @ (w * gamma)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = _finite((total * rg - r1 * g1) / (total * r2 - r1**2))
        nugget = (g1 - part * r1) / total
        without_nugget = _finite(rg / r2)
    part, nugget = np.where(nugget < 0, without_nugget, part), np.where(nugget < 0, 0.0, nugget)
    part, nugget = np.where(part < 0, 0.0, part), np.where(part < 0, g1 / total, nugget)
    misfit = (nugget[:, None] + part[:, None] * rise - gamma) ** 2 @ w
    best = int(np.argmin(misfit))
    return float(misfit[best]), float(reaches[best]), float(nugget[best]), float(part[best])


def _finite(values):
    return np.where(np.isfinite(values), values, 0.0)


def _refined(name, start, h, gamma, weight):
    """The fit of GSTools from a start; the start itself where it does not converge."""
    _, reach, nugget, part = start
    model = _gstools_model(name, reach)
    model.set_arg_bounds(len_scale=[_FINEST, _FARTHEST, "cc"], var=[0.0, 10.0, "cc"], nugget=[0.0, 10.0, "cc"])
    guess = {"len_scale": reach, "var": min(part, 9.0), "nugget": min(nugget, 9.0)}
    fixed = {"nu": False} if name == "matern15" else {}
    try:
        found, _ = model.fit_variogram(h, gamma, weights=weight, loss="linear", init_guess=guess, **fixed)
    except (RuntimeError, ValueError):
        return start
    reach, nugget, part = float(found["len_scale"]), float(found["nugget"]), float(found["var"])
    misfit = np.sum((weight * (nugget + part * (1 - CORRELATIONS[name](h / reach)) - gamma)) ** 2)
    return float(misfit), reach, nugget, part


def _gstools_model(name, reach):
    """A GSTools model whose length scale is our range."""
    import gstools

    if name == "exponential":
        return gstools.Exponential(dim=2, len_scale=reach, rescale=_EXPONENTIAL_RATE)
    if name == "spherical":
        return gstools.Spherical(dim=2, len_scale=reach)
    return gstools.Matern(dim=2, nu=1.5, len_scale=reach, rescale=_MATERN_RATE / np.sqrt(1.5))


def variogram_facts(xy, values, seed=0):
    """The variogram as plain values, for a report or a figure.

    Parameters
    ----------
    xy : ndarray of float, shape (n_points, 2)
        Projected metres.
    values : ndarray of float, shape (n_points,)
    seed : int

    Returns
    -------
    dict
        ``lags`` (m), ``semivariance``, ``pairs``, ``model``, ``nugget``, ``sill``, ``range`` (m; None without a fit), ``usable``, ``reason``,
        ``curve`` ({"distance", "semivariance"} of the model, to draw) and ``fit`` (every model tried, best first).
    """
    variogram = fit_variogram(xy, values, seed=seed)
    fitted = variogram.model is not None
    distance = np.linspace(0, variogram.lags[-1], 60)[1:] if fitted else np.array([])
    return {
        "lags": [float(value) for value in variogram.lags],
        "semivariance": [float(value) for value in variogram.semivariance],
        "pairs": [int(value) for value in variogram.pairs],
        "model": variogram.model,
        "nugget": float(variogram.nugget),
        "sill": float(variogram.sill),
        "range": float(variogram.range) if fitted else None,
        "usable": variogram.usable,
        "reason": variogram.reason,
        "curve": {"distance": distance.tolist(), "semivariance": variogram(distance).tolist() if fitted else []},
        "fit": [dict(fit) for fit in variogram.fits],
    }
