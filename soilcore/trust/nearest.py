"""Exact nearest neighbours in many dimensions: balls round bundles of training rows, and matrix products for the bundles that matter.

A KD-tree alone visits nearly all rows once dimensions are many and independent, and then costs more than plain matrix products; products
alone look at every row for every pixel. Rotated to its principal axes the table falls into bundles that a triangle inequality can pass
over, and what is left goes through the linear algebra: never slower than the products by more than a little, and several times faster on
imagery, whose columns depend on each other.
"""

import numpy as np

_ROWS = 8192  # pixels at a time; with 150 bundles their distances take 10 MB
_SMALLEST_BUNDLE = 64
_ROUNDING = 1e-12  # of squared norms; what a matrix product in float64 may be wrong by, with room to spare
_CLOSE = 3e-3  # of a row's norm; nearer than that, rounding of the product could choose the wrong neighbour


class NearestRows:
    """Distances from many rows to the nearest of a fixed set.

    Parameters
    ----------
    rows : ndarray of float, shape (n_rows, n_columns)
        The fixed set; Euclidean distances are taken as they stand, so scale the columns before.
    """

    def __init__(self, rows):
        from scipy.spatial import cKDTree

        self.rows = np.ascontiguousarray(rows, float)
        self._centre = self.rows.mean(axis=0)
        self._axes = _principal_axes(self.rows - self._centre)
        turned = self._turned(self.rows)
        self._bundles = _bundles(turned, max(_SMALLEST_BUNDLE, int(np.sqrt(len(rows)))))
        self._members = [turned[numbers] for numbers in self._bundles]
        self._norms = [_squares(members) for members in self._members]
        self._centres = np.array([members.mean(axis=0) for members in self._members])
        self._radii = np.array([np.sqrt(_squares(members - centre).max()) for members, centre in zip(self._members, self._centres, strict=True)])
        self._largest = max(norms.max() for norms in self._norms)
        self._tree = cKDTree(turned)

    def query(self, X, radius=None):
        """Nearest rows.

        Parameters
        ----------
        X : ndarray of float, shape (n, n_columns)
            No NaN.
        radius : float, optional
            Also count the rows nearer than that.

        Returns
        -------
        distance : ndarray of float, shape (n,)
        number : ndarray of int, shape (n,)
            Which row is nearest.
        count : ndarray of int, shape (n,), or None
            Rows at a distance below `radius`.
        """
        distance, number = np.empty(len(X)), np.empty(len(X), np.intp)
        count = None if radius is None else np.zeros(len(X), np.intp)
        for start in range(0, len(X), _ROWS):
            part = slice(start, start + _ROWS)
            block = np.asarray(X[part], float)
            distance[part], number[part], counted = self._query_block(block, radius)
            if radius is not None:
                count[part] = counted
        return distance, number, count

    def _query_block(self, block, radius):
        turned = self._turned(block)
        norms = _squares(turned)
        slack = np.sqrt(_ROUNDING * (norms + self._largest))
        from_centre = np.sqrt(np.maximum(norms[:, None] + _squares(self._centres) - 2 * turned @ self._centres.T, 0))
        at_least = from_centre - self._radii - slack[:, None]
        number = self._search(turned, norms, at_least)
        distance = _distance(block, self.rows[number])
        self._settle_close(turned, block, norms, distance, number)
        counted = None if radius is None else self._count(turned, norms, from_centre, at_least, slack, radius)
        return distance, number, counted

    def _search(self, turned, norms, at_least):
        """Number of the nearest row: in the likeliest bundle first, then in those that could hold a nearer one."""
        best, number = np.full(len(turned), np.inf), np.zeros(len(turned), np.intp)
        first = at_least.argmin(axis=1)
        for own in (True, False):
            for bundle in range(len(self._members)):
                look = np.flatnonzero(first == bundle) if own else np.flatnonzero((at_least[:, bundle] < best) & (first != bundle))
                if not look.size:
                    continue
                half = self._norms[bundle] / 2 - turned[look] @ self._members[bundle].T
                nearest = half.argmin(axis=1)
                found = np.sqrt(np.maximum(norms[look] + 2 * half[np.arange(look.size), nearest], 0))
                nearer = found < best[look]
                best[look[nearer]], number[look[nearer]] = found[nearer], self._bundles[bundle][nearest[nearer]]
        return number

    def _settle_close(self, turned, block, norms, distance, number):
        """Rows almost on a training row: the tree decides, which finds close neighbours at once in any number of dimensions."""
        close = np.flatnonzero((distance > 0) & (distance < _CLOSE * np.sqrt(norms)))
        if not close.size:
            return
        _, found = self._tree.query(turned[close], distance_upper_bound=distance[close].max() * (1 + 1e-9))
        there = found < len(self.rows)
        close, found = close[there], found[there]
        exact = _distance(block[close], self.rows[found])
        nearer = exact < distance[close]
        distance[close[nearer]], number[close[nearer]] = exact[nearer], found[nearer]

    def _count(self, turned, norms, from_centre, at_least, slack, radius):
        """Rows nearer than `radius`; a bundle wholly within counts at once."""
        counted = np.zeros(len(turned), np.intp)
        at_most = from_centre + self._radii + slack[:, None]
        for bundle, members in enumerate(self._members):
            whole = at_most[:, bundle] < radius
            counted[whole] += len(members)
            look = np.flatnonzero(~whole & (at_least[:, bundle] < radius))
            if look.size:
                limit = (radius**2 - norms[look]) / 2
                half = self._norms[bundle] / 2 - turned[look] @ members.T
                counted[look] += np.count_nonzero(half < limit[:, None], axis=1)
        return counted

    def _turned(self, rows):
        return (rows - self._centre) @ self._axes


def pair_distances(rows, others):
    """All Euclidean distances, shape (len(rows), len(others)), by one matrix product; pairs almost alike are off by 1e-7 of their norm at most."""
    squared = _squares(rows)[:, None] + _squares(others) - 2 * rows @ others.T
    return np.sqrt(np.maximum(squared, 0, out=squared), out=squared)


def _principal_axes(centred):
    """Rotation to the directions of largest spread, columns in falling order; it changes no distance."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.ascontiguousarray(vectors[:, ::-1])


def _bundles(rows, size):
    """Row numbers in bundles of at most `size`, cut again and again at the median of the widest column."""
    waiting, done = [np.arange(len(rows))], []
    while waiting:
        numbers = waiting.pop()
        spread = np.ptp(rows[numbers], axis=0)
        if numbers.size <= size or not spread.any():
            done.append(numbers)
            continue
        ordered = numbers[np.argsort(rows[numbers, spread.argmax()], kind="stable")]
        waiting += [ordered[: numbers.size // 2], ordered[numbers.size // 2 :]]
    return done


def _distance(rows, others):
    return np.sqrt(_squares(rows - others))


def _squares(rows):
    return np.einsum("ij,ij->i", rows, rows)
