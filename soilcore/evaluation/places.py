"""Where samples lie as geometry: distinct places, their hull, points spread over it, nearest neighbours."""

import numpy as np

from soilcore.core.errors import SampleError

DOMAIN_POINTS = 1000
_SAME_METRES = 0.1


def placed(coordinates):
    """Positions of the samples that have coordinates, int array."""
    return np.flatnonzero(np.isfinite(coordinates).all(axis=1))


def distinct_places(coordinates):
    """Places without their repetitions.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_samples, 2)
        Projected metres, all finite.

    Returns
    -------
    places : ndarray of float, shape (n_places, 2)
        Mean of the coordinates that agree to a decimetre.
    place : ndarray of int, shape (n_samples,)
        Place of each sample.
    """
    _, place = np.unique(np.round(coordinates / _SAME_METRES).astype(np.int64), axis=0, return_inverse=True)
    place = place.reshape(-1)
    count = np.bincount(place)
    return np.column_stack([np.bincount(place, weights=axis) / count for axis in coordinates.T]), place


def hull_corners(places):
    """Corners of the convex hull in order round it, shape (n_corners, 2), or None where all places lie on one line."""
    from scipy.spatial import ConvexHull, QhullError

    centred = places - places.mean(axis=0)
    if len(places) < 3 or np.linalg.matrix_rank(centred, tol=1e-9 * max(np.abs(centred).max(), 1e-300)) < 2:
        return None
    try:
        return places[ConvexHull(centred).vertices]
    except QhullError:
        return None


def inside_hull(points, corners):
    """Whether points lie in a convex polygon whose corners go round it counter-clockwise; bool array."""
    edges = np.roll(corners, -1, axis=0) - corners
    inside = np.ones(len(points), dtype=bool)
    for corner, edge in zip(corners, edges, strict=True):
        offset = points - corner
        inside &= edge[0] * offset[:, 1] - edge[1] * offset[:, 0] >= -1e-9 * np.abs(edge).sum() ** 2
    return inside


def polygon_area(corners):
    """Area of a polygon, square metres."""
    x, y = (corners - corners.mean(axis=0)).T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def points_in_hull(coordinates, count=DOMAIN_POINTS):
    """Points of a regular grid over the convex hull of the samples: what stands for a map nobody named.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_samples, 2)
        Projected metres, all finite.
    count : int
        About so many points.

    Returns
    -------
    ndarray of float, shape (about count, 2)
        Centres of square cells; along the line where all samples lie on one.

    Raises
    ------
    SampleError
        If all samples lie in one place.
    """
    places, _ = distinct_places(coordinates)
    if len(places) < 2:
        raise SampleError(
            "All samples have the same coordinates, so no area stands behind them. Check the coordinate columns, or use --cv group:COLUMN."
        )
    corners = hull_corners(places)
    if corners is None:
        return _along_the_line(places, count)
    low, high = corners.min(axis=0), corners.max(axis=0)
    step = np.sqrt(polygon_area(corners) / count)
    cells = np.maximum(np.ceil((high - low) / step).astype(int), 1)
    first = (low + high) / 2 - (cells - 1) * step / 2  # centred, so that no side is favoured
    x, y = (first[axis] + step * np.arange(cells[axis]) for axis in (0, 1))
    points = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
    kept = points[inside_hull(points, corners)]
    return kept if len(kept) else corners.mean(axis=0)[None, :]


def _along_the_line(places, count):
    centre = places.mean(axis=0)
    direction = np.linalg.svd(places - centre, full_matrices=False)[2][0]
    along = (places - centre) @ direction
    return centre + np.linspace(along.min(), along.max(), count)[:, None] * direction


def to_nearest(points, targets):
    """Distance from each point to the nearest target, metres; shape (n_points,)."""
    from scipy.spatial import cKDTree

    return cKDTree(targets, balanced_tree=False, compact_nodes=False).query(points)[0]  # built often, asked once


def to_nearest_other(coordinates):
    """Distance from each sample to the nearest other one, metres; 0 where another lies in the same place. Shape (n_samples,)."""
    from scipy.spatial import cKDTree

    return cKDTree(coordinates).query(coordinates, k=2)[0][:, 1]
