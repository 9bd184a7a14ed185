"""The Getis-Ord statistics: what the neighbours of a place say of it, as a feature that never sees its own value, and as hot spots."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.variogram import fit_variogram

NEIGHBOURS = 8
_PLACES = 65_536  # new places computed at a time
_ROUNDING = 1e-12  # of the mean; values that vary less do not vary
_BAND_SHARE = 0.5  # of the range of the variogram
LEVELS = ((0.99, 2.5758293035489004), (0.95, 1.959963984540054), (0.90, 1.6448536269514722))
CLASSES = ("cold 99 %", "cold 95 %", "cold 90 %", "not significant", "hot 90 %", "hot 95 %", "hot 99 %")


def gi_star(xy, y, *, k=None, band=None, weights=None, star=True):
    r"""Getis-Ord Gi* (or Gi) of every sample, as a z value. For exploration: a sample's own value is in its Gi*.

    .. math:: z_i = \frac{\sum_j w_{ij} y_j - \bar y \sum_j w_{ij}}{s\sqrt{(n \sum_j w_{ij}^2 - (\sum_j w_{ij})^2) / (n - 1)}}

    with the mean and population standard deviation of all n values; for Gi those of the other n - 1 values, and n - 1 for n.

    Parameters
    ----------
    xy : ndarray of float, shape (n_samples, 2)
        Projected metres. Not used with `weights`.
    y : ndarray of float, shape (n_samples,)
    k : int, optional
        This many nearest other samples are neighbours. Default 8, where neither `band` nor `weights` is given.
    band : float, optional
        Samples to this distance (metres, included) are neighbours.
    weights : sparse array or ndarray of shape (n_samples, n_samples), optional
        Any weights of at least 0; the diagonal is used for ``star`` alone. Scaling a row does not change its z.
    star : bool
        True: the sample itself is one of its neighbours (Gi*; weight 1, or the diagonal of `weights`). False: Gi.

    Returns
    -------
    ndarray of float, shape (n_samples,)
        NaN where a sample has no neighbour beside itself, all values are its neighbours, or the values do not vary.

    Raises
    ------
    SettingsError
        If more than one kind of neighbours is named, or k or band is no positive number.
    ModelError
        If shapes disagree or values are missing.

    References
    ----------
    Ord and Getis 1995, 10.1111/j.1538-4632.1995.tb00912.x, equations 14 and 15.
    """
    xy, y = _checked(xy, y, weights)
    if sum(given is not None for given in (k, band, weights)) > 1:
        raise SettingsError("Give neighbours by k, by band or by weights, not by two of them.")
    n = y.size
    if weights is None and band is None:
        sums = _nearest_sums(xy, y, NEIGHBOURS if k is None else k, star)
    else:
        matrix = _band_matrix(xy, band) if weights is None else _other_weights(weights)
        own = np.zeros(n) if not star else np.ones(n) if weights is None else _diagonal(weights)
        sums = _weighted_sums(matrix, own, y)
    if star:
        return _z(*sums, n, y.mean(), y.std())
    mean = (y.sum() - y) / max(n - 1, 1)
    centred = y - y.mean()  # the sums of squares of centred values lose no digits
    spread = (centred @ centred - centred**2) / max(n - 1, 1) - (mean - y.mean()) ** 2
    return _z(*sums, n - 1, mean, np.sqrt(np.maximum(spread, 0)))


class GiStarFeature:
    """Gi* as a predictor: the z value of a place from the samples around it, never from its own value.

    A sample's own value inside its Gi* makes a correlation of 1 / sqrt(k + 1) with pure noise, and it survives any cross-validation in which
    the feature was computed before. Therefore:

    * `transform` takes neighbours, mean and standard deviation from the training samples alone, as at any new place;
    * `transform_train_oof` gives the training samples the same quantity out of fold, from the samples of the other folds alone.

    Parameters
    ----------
    k : int or None
        Number of nearest samples; used where `band` is None.
    band : float, "auto" or None
        Distance in metres; "auto" takes half the range of the variogram of the samples it is computed from, and `k` where that has none.
    include_self : bool
        Only for exploration with `explore`; everything a model would use is then refused.

    Attributes
    ----------
    band_ : float or None
        The distance used; None where the `k` nearest are.
    """

    def __init__(self, k=NEIGHBOURS, band=None, include_self=False):
        self.k = k
        self.band = band
        self.include_self = include_self

    def fit(self, xy, y):
        """Take training samples: coordinates in metres of shape (n_samples, 2) and values of shape (n_samples,)."""
        self.xy_, self.y_ = _checked(xy, y)
        _check_k(self._count)
        self.band_ = self._band(self.xy_, self.y_)
        return self

    def transform(self, xy_new):
        """Gi* of new places from all training samples; shape (n_places,), NaN where no sample is near enough."""
        self._refuse_own_values()
        return _at_new_places(self.xy_, self.y_, _places(xy_new), self._count, self.band_)

    def transform_train_oof(self, folds):
        """Gi* of the training samples, each from the samples of the other folds alone.

        Parameters
        ----------
        folds : array-like of shape (n_samples,)
            Inner fold of each training sample; samples of one group belong in one fold.

        Returns
        -------
        ndarray of float, shape (n_samples,)
            NaN where no sample of another fold is near enough.

        Raises
        ------
        SettingsError
            With ``include_self``.
        ModelError
            If the folds do not divide the samples.
        """
        self._refuse_own_values()
        folds = np.asarray(folds)
        labels = np.unique(folds)
        if folds.shape != self.y_.shape or labels.size < 2:
            raise ModelError(f"{labels.size} folds of shape {folds.shape} do not divide {self.y_.size} samples. Give two folds or more.")
        z = np.full(self.y_.size, np.nan)
        for label in labels:
            here = folds == label
            xy, y = self.xy_[~here], self.y_[~here]
            z[here] = _at_new_places(xy, y, self.xy_[here], self._count, self._band(xy, y))
        return z

    def explore(self):
        """Gi* of the training samples with their own values, for maps people look at; only with ``include_self=True``."""
        if not self.include_self:
            raise SettingsError("Own values are left out of this feature. For a hot-spot map set include_self=True; a model must not use it.")
        return gi_star(self.xy_, self.y_, band=self.band_, k=self._count if self.band_ is None else None)

    def fit_transform(self, xy, y=None):
        """Refused: values of training samples for a model have to be out of fold."""
        raise SettingsError(
            "Gi* of training samples contains their own target unless it is computed out of fold, so it cannot be a plain step of a pipeline. "
            "Use transform_train_oof with inner folds, or wrap the learner in WithNeighbours."
        )

    def _refuse_own_values(self):
        if self.include_self:
            raise SettingsError(
                "With include_self=True a sample's own target is in its feature, and any model would score on noise. "
                "Set include_self=False; explore() is for maps people look at."
            )

    @property
    def _count(self):
        return NEIGHBOURS if self.k is None else self.k

    def _band(self, xy, y):
        if self.band is None:
            return None
        if self.band != "auto":
            _check_band(self.band)
            return float(self.band)
        return default_band(xy, y)


def default_band(xy, y):
    """Half the range of the variogram in metres, or None where the variogram cannot be used (then 8 nearest neighbours serve)."""
    variogram = fit_variogram(xy, y)
    return _BAND_SHARE * float(variogram.range) if variogram.usable else None


@dataclass(frozen=True)
class HotSpots:
    """Hot and cold spots among samples.

    Parameters
    ----------
    z, p : ndarray of float, shape (n_samples,)
        Gi* and its two-sided p under the normal distribution; NaN where a sample has no neighbour.
    label : ndarray of str, shape (n_samples,)
        One of `CLASSES`, or "no neighbours".
    after_fdr : ndarray of bool, shape (n_samples,)
        Still significant when 5 % of all samples named are allowed to be false (Benjamini and Hochberg).
    k : int or None
    band : float or None
        Which neighbours were used: a number, or a distance in metres.
    """

    z: np.ndarray
    p: np.ndarray
    label: np.ndarray
    after_fdr: np.ndarray
    k: int | None
    band: float | None


def hot_spots(xy, y, *, k=None, band=None):
    """Where high and low values gather. For exploration only: every sample's own value is in its z.

    Parameters
    ----------
    xy : ndarray of float, shape (n_samples, 2)
        Projected metres.
    y : ndarray of float, shape (n_samples,)
    k : int, optional
    band : float, optional
        Metres. Without both: half the range of the variogram, or the 8 nearest where there is none.

    Returns
    -------
    HotSpots

    Raises
    ------
    SettingsError, ModelError
        As in `gi_star`.

    References
    ----------
    Benjamini and Hochberg 1995, 10.1111/j.2517-6161.1995.tb02031.x, for the many tests.
    """
    from scipy.special import ndtr

    xy, y = _checked(xy, y)
    if k is None and band is None:
        band = default_band(xy, y)
        k = NEIGHBOURS if band is None else None
    z = gi_star(xy, y, k=k, band=band)
    p = 2 * ndtr(-np.abs(z))
    label = np.full(z.size, CLASSES[3], dtype=object)
    for step, (_, limit) in enumerate(reversed(LEVELS), start=1):
        label[z >= limit], label[z <= -limit] = CLASSES[3 + step], CLASSES[3 - step]
    label[np.isnan(z)] = "no neighbours"
    return HotSpots(z, p, label.astype(str), _after_fdr(p), k, band)


def hot_spot_table(xy, y, *, k=None, band=None):
    """Hot spots as a table, one row per sample.

    Parameters
    ----------
    xy, y, k, band
        As in `hot_spots`.

    Returns
    -------
    DataFrame
        Columns ``x``, ``y`` (metres), ``value``, ``z``, ``p``, ``class`` and ``after_fdr``.
    dict
        Facts: ``n``, ``neighbours`` (in words), ``classes`` (class to number of samples), ``after_fdr`` (number) and a ``note`` for people.
    """
    import pandas as pd

    xy, y = _checked(xy, y)
    spots = hot_spots(xy, y, k=k, band=band)
    columns = {"x": xy[:, 0], "y": xy[:, 1], "value": y, "z": spots.z, "p": spots.p, "class": spots.label, "after_fdr": spots.after_fdr}
    counts = {name: int((spots.label == name).sum()) for name in (*CLASSES, "no neighbours")}
    facts = {
        "n": int(y.size),
        "neighbours": f"the {spots.k} nearest samples" if spots.band is None else f"samples within {spots.band:.0f} m",
        "classes": counts,
        "after_fdr": int(spots.after_fdr.sum()),
        "note": "For looking at only: each sample's own value is in its z, so no model may use it.",
    }
    return pd.DataFrame(columns), facts


def _at_new_places(xy, y, new, k, band):
    """Gi* of places that are no samples: n, mean and standard deviation of all samples, weights of those near."""
    from scipy.spatial import cKDTree

    n, tree, z = y.size, cKDTree(xy), np.empty(len(new))
    for start in range(0, len(new), _PLACES):
        block = new[start : start + _PLACES]
        if band is None:
            found = tree.query(block, [*range(1, min(k, n) + 1)], workers=-1)[1]
            total, count = y[found].sum(axis=1), np.full(len(block), float(found.shape[1]))
        else:
            near = cKDTree(block).sparse_distance_matrix(tree, band, output_type="coo_matrix")
            order = np.lexsort((near.col, near.row))  # one order of summing, whatever places stand beside
            total = np.bincount(near.row[order], weights=y[near.col[order]], minlength=len(block))
            count = np.bincount(near.row, minlength=len(block)).astype(float)
        z[start : start + _PLACES] = _z(total, count, count, n, y.mean(), y.std())
    return z


def _z(total, weight, squares, n, mean, sd):
    """The z value from sums of w y, w and w^2; NaN without neighbours, or where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = sd * np.sqrt(np.maximum(n * squares - weight**2, 0) / max(n - 1, 1))
        varies = sd > _ROUNDING * np.abs(mean)  # the standard deviation of equal values need not be exactly 0
        return np.where((weight > 0) & (scale > 0) & varies, (total - mean * weight) / scale, np.nan)


def _nearest_sums(xy, y, k, star):
    from scipy.spatial import cKDTree

    _check_k(k)
    n = y.size
    k = min(k, n - 1)
    if k < 1:
        return np.zeros(n), np.zeros(n), np.zeros(n)
    found = cKDTree(xy, balanced_tree=False, compact_nodes=False).query(xy, k + 1, workers=-1)[1]
    own = found == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True  # among more than k duplicates the sample itself may be missing: the last one stands back for it
    total = np.where(own, 0, y[found]).sum(axis=1) + (y if star else 0)
    weight = np.full(n, float(k + star))
    return total, weight, weight


def _band_matrix(xy, band):
    """0 and 1: samples to the distance `band`, without the sample itself."""
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree

    _check_band(band)
    pairs = cKDTree(xy, balanced_tree=False, compact_nodes=False).query_pairs(band, output_type="ndarray")
    half = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(xy), len(xy)))
    return half, half.T


def _weighted_sums(matrix, own, y):
    """Sums of w y, w and w^2 per row; `matrix` as one array, or as halves to add."""
    halves = matrix if isinstance(matrix, tuple) else (matrix,)
    columns = np.column_stack((y, np.ones_like(y)))
    sums = sum(half @ columns for half in halves)
    squares = sums[:, 1] if isinstance(matrix, tuple) else np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    alone = sums[:, 1] == 0
    return sums[:, 0] + own * y, np.where(alone, 0, sums[:, 1] + own), np.where(alone, 0, squares + own**2)


def _other_weights(weights):
    from scipy.sparse import csr_matrix, diags

    matrix = csr_matrix(weights, dtype=float)
    if matrix.nnz and (matrix.data.min() < 0 or not np.isfinite(matrix.data).all()):
        raise SettingsError(f"Weights of neighbours have to be at least 0 and finite; the smallest is {matrix.data.min():g}.")
    return (matrix - diags(matrix.diagonal())).tocsr()


def _diagonal(weights):
    return np.asarray(weights.diagonal(), float).ravel()


def _after_fdr(p, level=0.05):
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known])]
    passed = np.flatnonzero(p[order] <= level * np.arange(1, order.size + 1) / max(order.size, 1))
    result = np.zeros(p.size, bool)
    if passed.size:
        result[order[: passed[-1] + 1]] = True
    return result


def _places(xy):
    xy = np.asarray(xy, float)
    if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
        raise ModelError(f"Coordinates of shape {xy.shape} cannot be used. Give finite metres of shape (n, 2).")
    return xy


def _checked(xy, y, weights=None):
    y = np.asarray(y, float)
    if y.ndim != 1 or not y.size or not np.isfinite(y).all():
        raise ModelError(f"{int((~np.isfinite(y)).sum())} of {y.size} values (shape {y.shape}) are missing. Give finite values of shape (n,).")
    if weights is not None:
        if weights.shape != (y.size, y.size):
            raise ModelError(f"Weights of shape {weights.shape} do not belong to {y.size} values. Give one row and one column per value.")
        return None, y
    xy = _places(xy)
    if len(xy) != y.size:
        raise ModelError(f"{len(xy)} places and {y.size} values do not belong together. Give one place per value.")
    return xy, y


def _check_k(k):
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise SettingsError(f"The number of neighbours is {k!r}; give a whole number of 1 or more.")


def _check_band(band):
    if not (np.isfinite(band) and band > 0):
        raise SettingsError(f"The distance of neighbours is {band!r} m; give metres above 0.")
