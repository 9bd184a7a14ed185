"""How samples were laid out: at random, on a grid or in clusters; and which folds follow from it."""

import numpy as np

from soilcore.evaluation.places import (
    distinct_places,
    hull_corners,
    inside_hull,
    placed,
    points_in_hull,
    polygon_area,
    to_nearest,
    to_nearest_other,
)

_SIGNIFICANT = 0.05
_SIMULATIONS = 99
_SIMULATED = 2000  # places; above, Donnelly's formula is as exact as simulation
_EXACT = 500
_FEWEST = 10
_SHARED = 0.05  # share of samples in places with others from which places must be kept whole


def detect_design(xy, prediction_points=None, seed=0):
    """Tell random, regular and clustered samples apart, and suggest folds.

    Two tests. Clark and Evans: the mean distance between neighbouring places divided by that of random points in the hull of the samples (below
    1 clustered, above 1 regular); edges are corrected by 99 simulations, above 2,000 places by Donnelly's formula. And the test of kNNDM: do
    samples lie nearer to each other than the map to samples (one-sided Kolmogorov-Smirnov)?

    Parameters
    ----------
    xy : ndarray of float, shape (n_samples, 2)
        Projected metres; samples without coordinates (NaN) are left out.
    prediction_points : ndarray of float, shape (n_points, 2), optional
        Where the map will be, in the same plane; a regular grid over the hull without them.
    seed : int
        Of the simulations.

    Returns
    -------
    dict
        ``kind`` ("random", "regular", "clustered"; None where it cannot be told), ``clark_evans`` (ratio), ``p`` (two-sided, of that ratio),
        ``p_nearer`` (of the second test), ``detail``, ``suggested_cv``, ``reason``: sentences for a page.

    References
    ----------
    Clark and Evans (1954), doi 10.2307/1931034; Donnelly (1978), Simulations to determine the variance and edge effect of total nearest-neighbour
    distance; Ripley and Rasson (1977), doi 10.2307/3213451, for the hull; Linnenbrink et al. (2024), doi 10.5194/gmd-17-5897-2024.
    """
    xy = np.asarray(xy, dtype=float)
    xy = xy[placed(xy)]
    places, place = distinct_places(xy) if len(xy) else (xy, np.zeros(0, dtype=int))
    corners = hull_corners(places) if len(places) >= _FEWEST else None
    if corners is None:
        detail = f"{len(places)} distinct places" + (" on one line" if len(places) >= _FEWEST else "") + " do not tell how they were chosen."
        return _design(None, None, None, None, detail, "random", "Name a grouping column with --cv group:COLUMN where there is one.")
    shared = float((np.bincount(place)[place] > 1).mean())
    ratio, p = _clark_evans(places, corners, np.random.default_rng(seed))
    points = points_in_hull(places) if prediction_points is None else np.asarray(prediction_points, dtype=float)
    nearer = _nearer_than_map(places, points[placed(points)])
    clustered = nearer < _SIGNIFICANT or (p < _SIGNIFICANT and ratio < 1)
    kind = "clustered" if clustered else "regular" if p < _SIGNIFICANT else "random"
    detail = _detail(kind, ratio, p, nearer, len(places), len(xy), shared, prediction_points is not None)
    return _design(kind, ratio, p, nearer, detail, *_suggestion(kind, shared))


def _design(kind, ratio, p, nearer, detail, suggested, reason):
    return {"kind": kind, "clark_evans": ratio, "p": p, "p_nearer": nearer, "detail": detail, "suggested_cv": suggested, "reason": reason}


def _clark_evans(places, corners, generator):
    """Ratio of mean neighbour distances, observed to random, and its two-sided p."""
    from scipy.special import ndtr

    n = len(places)
    observed = to_nearest_other(places).mean()
    corners = _widened(corners, n)
    if n > _SIMULATED:
        area, perimeter = polygon_area(corners), np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).sum()
        expected = 0.5 * np.sqrt(area / n) + (0.0514 + 0.041 / np.sqrt(n)) * perimeter / n
        spread = np.sqrt(0.0703 * area / n**2 + 0.037 * perimeter * np.sqrt(area / n**5))
    else:
        simulated = [to_nearest_other(_random_points(corners, n, generator)).mean() for _ in range(_SIMULATIONS)]
        expected, spread = np.mean(simulated), np.std(simulated, ddof=1)
    return float(observed / expected), float(2 * ndtr(-abs(observed - expected) / spread))


def _widened(corners, n):
    """The hull of random points is smaller than the area they were drawn from: Ripley and Rasson widen it about its centroid."""
    centroid = corners.mean(axis=0)
    return centroid + (corners - centroid) * np.sqrt(1 / (1 - len(corners) / (n + 1)))


def _random_points(corners, n, generator):
    low, high = corners.min(axis=0), corners.max(axis=0)
    found = np.empty((0, 2))
    while len(found) < n:
        drawn = generator.uniform(low, high, (2 * n, 2))
        found = np.concatenate([found, drawn[inside_hull(drawn, corners)]])
    return found[:n]


def _nearer_than_map(places, points):
    from scipy.stats import ks_2samp

    to_samples, between = to_nearest(points, places), to_nearest_other(places)
    exact = max(to_samples.size, between.size) <= _EXACT
    return float(ks_2samp(between, to_samples, alternative="greater", method="auto" if exact else "asymp").pvalue)


def _detail(kind, ratio, p, nearer, n_places, n, shared, mapped):
    words = {"clustered": "lie in clusters", "regular": "lie regularly, like on a grid", "random": "lie like drawn at random"}[kind]
    said = f"The {n_places} places {words}: neighbours are {ratio:.2f} times as far apart as random points would be (Clark-Evans, p = {p:.2g})"
    area = "the mapped area" if mapped else "their hull"
    test = "nearer to each other than" if nearer < _SIGNIFICANT else "no nearer to each other than"
    said += f", and {test} {area} to them (p = {nearer:.2g})."
    return said + (f" {shared:.0%} of the {n} samples share their place with others." if shared else "")


def _suggestion(kind, shared):
    if kind == "clustered":
        return (
            "knndm",
            "Random folds would test each sample beside its neighbours, which most of the map does not have; kNNDM tests at the map's distances.",
        )
    if shared >= _SHARED:
        return (
            "knndm",
            "Samples of one place must stay in one fold; kNNDM keeps them together, and so does --cv group:COLUMN with the column of the place.",
        )
    if kind == "regular":
        return "random", "On a regular layout, random folds test at about the distances of the map; blocks would be pessimistic."
    return "random", "From a random sample, random folds estimate the error of the map without bias; blocks would be pessimistic."
