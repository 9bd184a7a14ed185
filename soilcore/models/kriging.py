"""Ordinary kriging from the nearest samples, for millions of places in bounded memory."""

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.variogram import fit_variogram

NEIGHBOURS = 40
PLACES = 1024  # places computed at a time: 1,024 systems of 41 x 41 numbers are 14 MB
_SAME_PLACE = 1e-3  # metres; samples nearer than this are one place
_SMALLEST_NUGGET = 1e-8  # of the sill; keeps systems of near places solvable


class OrdinaryKriging:
    """Ordinary kriging with a fitted variogram.

    Parameters
    ----------
    variogram : Variogram
        From `soilcore.evaluation.variogram.fit_variogram`.
    neighbours : int
        Nearest samples that enter the prediction of one place.
    exact : bool
        True: the nugget is variation over distances shorter than those of the samples, gamma(0) = 0, and the prediction at a sample is the
        sample. False: the nugget is noise of measurement, which is filtered out; the prediction is smooth across samples.

    Attributes
    ----------
    places_ : ndarray of shape (n_places, 2)
        Samples of the same place (to 1 mm) are one place.
    values_ : ndarray of shape (n_places,)
        Their mean values.
    counts_ : ndarray of shape (n_places,)
        How many samples lie there. With ``exact=False`` the noise of a mean of n samples is nugget / n.

    References
    ----------
    Chiles and Delfiner 2012, Geostatistics, 10.1002/9781118136188, sections 3.4 and 3.7.1.
    """

    def __init__(self, variogram, neighbours=NEIGHBOURS, exact=True):
        self.variogram = variogram
        self.neighbours = neighbours
        self.exact = exact

    def fit(self, xy, values):
        """Take the samples.

        Parameters
        ----------
        xy : ndarray of float, shape (n_samples, 2)
            Projected metres.
        values : ndarray of float, shape (n_samples,)

        Returns
        -------
        self

        Raises
        ------
        ModelError
            If there are no samples, values are missing, or the variogram has no model.
        SettingsError
            If the number of neighbours is below 1.
        """
        xy, values = np.asarray(xy, float), np.asarray(values, float)
        if self.neighbours < 1:
            raise SettingsError(f"Kriging from {self.neighbours} neighbours is not possible; give 1 or more.")
        if self.variogram.model is None:
            raise ModelError(f"There is no variogram to krige with. {self.variogram.reason}")
        if xy.shape != (values.size, 2) or not values.size:
            raise ModelError(f"Coordinates {xy.shape} and values {values.shape} do not belong together. Give one place per value, at least one.")
        if not (np.isfinite(xy).all() and np.isfinite(values).all()):
            raise ModelError("Coordinates or values are missing. Leave these samples out before kriging.")
        self.places_, self.values_, self.counts_ = one_per_place(xy, values)
        return self.ready()

    def ready(self):
        """The search tree, from the learned places; also after reading them from a file."""
        from scipy.spatial import cKDTree

        self._tree = cKDTree(self.places_)
        self._nugget = max(self.variogram.nugget, _SMALLEST_NUGGET * self.variogram.sill)
        return self

    def predict(self, xy, variance=False):
        """Kriged values.

        Parameters
        ----------
        xy : ndarray of float, shape (n_places, 2)
            Projected metres.
        variance : bool
            Also return the kriging variance.

        Returns
        -------
        ndarray of float, shape (n_places,)
            Every place's value is the same whatever places are asked for beside it.
        ndarray of float, shape (n_places,), only with ``variance``
            Of the value itself with ``exact``, of the value without noise otherwise (squared unit of the values).
        """
        xy = np.asarray(xy, float).reshape(-1, 2)
        predicted, spread = np.empty(len(xy)), np.empty(len(xy))
        for start in range(0, len(xy), PLACES):
            rows = slice(start, start + PLACES)
            predicted[rows], spread[rows] = self._block(xy[rows], variance)
        return (predicted, spread) if variance else predicted

    def weights(self, xy):
        """Weights of the neighbours of a few places: (indices into `places_`, weights), both of shape (n_places, n_neighbours)."""
        distance, found = self._nearest(np.asarray(xy, float).reshape(-1, 2))
        sets, which = np.unique(found, axis=0, return_inverse=True)
        solution = np.linalg.inv(self._systems(sets))[which.ravel()] @ self._right_sides(distance)[:, :, None]
        return found, solution[:, :-1, 0]

    def _nearest(self, xy):
        """Distances and indices of the nearest places, ordered by index so that the same neighbours make the same system."""
        count = min(self.neighbours, len(self.values_))
        distance, found = self._tree.query(xy, [*range(1, count + 1)])
        order = np.argsort(found, axis=1)
        return np.take_along_axis(distance, order, 1), np.take_along_axis(found, order, 1)

    def _block(self, xy, variance):
        distance, found = self._nearest(xy)
        sets, which = np.unique(found, axis=0, return_inverse=True)
        which = which.ravel()
        right = self._right_sides(distance)
        systems = self._systems(sets)
        known = np.concatenate([self.values_[sets], np.zeros((len(sets), 1))], axis=1)
        # Dual form: one solution per set of neighbours serves all places that share it.
        predicted = (right * np.linalg.solve(systems, known[:, :, None])[which, :, 0]).sum(axis=1)
        if not variance:
            return predicted, 0.0
        solution = (np.linalg.inv(systems)[which] @ right[:, :, None])[:, :, 0]
        at_place = self.variogram.sill if self.exact else self.variogram.partial_sill
        return predicted, np.maximum(at_place - (right * solution).sum(axis=1), 0.0)

    def _systems(self, sets):
        """Covariances among neighbours, bordered by ones; shape (n_sets, n_neighbours + 1, n_neighbours + 1)."""
        places = self.places_[sets]
        count = sets.shape[1]
        distance = (places[:, :, None, 0] - places[:, None, :, 0]) ** 2
        distance += (places[:, :, None, 1] - places[:, None, :, 1]) ** 2
        np.sqrt(distance, out=distance)  # a third of the time of np.hypot
        systems = np.ones((len(sets), count + 1, count + 1))
        systems[:, :count, :count] = self.variogram.partial_sill * self.variogram.correlation(distance)
        diagonal = np.arange(count)
        systems[:, diagonal, diagonal] += self._nugget if self.exact else self._nugget / self.counts_[sets]
        systems[:, count, count] = 0
        return systems

    def _right_sides(self, distance):
        """Covariances between places and their neighbours, and a 1; shape (n_places, n_neighbours + 1)."""
        covariance = self.variogram.partial_sill * self.variogram.correlation(distance)
        if self.exact:
            covariance = covariance + self._nugget * (distance < _SAME_PLACE)
        return np.concatenate([covariance, np.ones((len(distance), 1))], axis=1)


def one_per_place(xy, values):
    """Samples of one place put together: two of them would make a singular system.

    Parameters
    ----------
    xy : ndarray of float, shape (n_samples, 2)
        Projected metres; equal to 1 mm means the same place.
    values : ndarray of float, shape (n_samples,)

    Returns
    -------
    places : ndarray of shape (n_places, 2)
    means : ndarray of shape (n_places,)
    counts : ndarray of int, shape (n_places,)
        Number of samples of each place.
    """
    which = place_labels(xy)
    _, first, counts = np.unique(which, return_index=True, return_counts=True)
    return xy[first], np.bincount(which, weights=values) / counts, counts


def place_labels(xy):
    """Number of the place of each sample, 0, 1, ..., equal where coordinates (metres) are equal to 1 mm; shape (n_samples,)."""
    return np.unique(np.round(np.asarray(xy, float) / _SAME_PLACE), axis=0, return_inverse=True)[1].ravel()


class KrigingPrior:
    """The kriged value of a place as a predictor: what the samples around it say, never its own value.

    Parameters
    ----------
    neighbours : int
        Nearest samples that enter it.
    seed : int
        Draws points for the variogram where there are more than 2,000.

    Attributes
    ----------
    variogram_ : Variogram
        Of all training samples.
    kriging_ : OrdinaryKriging or None
        None where the variogram cannot be used; the feature is then 0 everywhere.
    """

    def __init__(self, neighbours=NEIGHBOURS, seed=0):
        self.neighbours = neighbours
        self.seed = seed

    def fit(self, xy, values):
        """Take training samples: coordinates in metres of shape (n_samples, 2) and values of shape (n_samples,)."""
        self.xy_, self.y_ = np.asarray(xy, float), np.asarray(values, float)
        self.variogram_, self.kriging_ = usable_kriging(self.xy_, self.y_, self.neighbours, self.seed)
        return self

    def transform(self, xy_new):
        """Kriged values of new places from all training samples; shape (n_places,)."""
        return np.zeros(len(xy_new)) if self.kriging_ is None else self.kriging_.predict(xy_new)

    def transform_train_oof(self, folds):
        """Kriged values of the training samples, each from variogram and values of the samples of the other folds alone; shape (n_samples,).

        Where the other folds show no usable variogram, their mean.
        """
        folds = np.asarray(folds)
        if folds.shape != self.y_.shape or np.unique(folds).size < 2:
            raise ModelError(f"Folds of shape {folds.shape} do not divide {self.y_.size} samples. Give one of two folds or more per sample.")
        result = np.zeros(self.y_.size)
        if self.kriging_ is None:
            return result
        for label in np.unique(folds):
            here = folds == label
            _, kriging = usable_kriging(self.xy_[~here], self.y_[~here], self.neighbours, self.seed)
            result[here] = self.y_[~here].mean() if kriging is None else kriging.predict(self.xy_[here])
        return result


def usable_kriging(xy, values, neighbours=NEIGHBOURS, seed=0):
    """A variogram and, where it can be used, the kriging with it, nugget as noise: (Variogram, OrdinaryKriging or None)."""
    variogram = fit_variogram(xy, values, seed=seed)
    if not variogram.usable:
        return variogram, None
    return variogram, OrdinaryKriging(variogram, neighbours, exact=False).fit(xy, values)
