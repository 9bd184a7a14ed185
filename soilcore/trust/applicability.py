"""Where a model may be believed: the area of applicability, where the predictors resemble the training samples closely enough.

Distances are taken in the space of standardised predictors weighted by their importance. The limit comes from the distances that the
reported cross-validation itself had to bridge, so area and error estimate belong together.

References
----------
Meyer and Pebesma (2021), Methods in Ecology and Evolution 12, 1620-1633, doi 10.1111/2041-210X.13650. Local point density: Schumacher
et al. (2024), doi 10.5194/egusphere-2024-2730.
"""

import threading

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.models.inputs import check_finite, column_names
from soilcore.trust.rebuilt import numbers, put_together
from soilcore.trust.weights import Weights, permutation_weights

__all__ = ["AreaOfApplicability", "Weights", "applicability_of", "outlier_limit", "permutation_weights"]

_TILE = (256, 2048)  # training rows by training rows whose distances are held at a time
_PIXELS = 8192  # whose predictors are held in float64 at a time
_CONSTANT = 1e-12  # spread below this part of the mean is rounding
_BUILDING = threading.Lock()
FACTS, TRAIN, CENTRE, SCALE, TRAIN_DI = "aoa.facts", "aoa.train", "aoa.centre", "aoa.scale", "aoa.train_di"


class AreaOfApplicability:
    """Dissimilarity to the training samples, and the limit up to which the reported scores speak.

    Attributes
    ----------
    threshold_ : float
        Largest dissimilarity inside: upper quartile plus 1.5 interquartile ranges of the training dissimilarities, at most their maximum.
    mean_distance_ : float
        Mean distance between all pairs of training samples, by which distances are divided.
    train_di_ : ndarray of float, shape (n_samples,)
        Distance of each sample to the nearest one of another fold, over the mean distance.
    weights_ : dict of str to float
        Weight by predictor, 0 for those left out.
    note_ : str
        What about weights or columns is worth knowing; may be empty.
    """

    learned = False  # whether distances are taken in what a network makes of the predictors (see `soilcore.trust.learned_area`)

    def fit(self, X, folds, weights=None):
        """Learn the training space.

        Parameters
        ----------
        X : DataFrame or ndarray of float, shape (n_samples, n_features)
            Predictors of training, no NaN. Columns of one category, ``name=code``, stand for themselves and share a weight
            (see `permutation_weights`).
        folds : array-like of int, shape (n_samples,), or Splits
            Fold in which the reported cross-validation tested each sample. Of `Splits` the first repeat counts, and its buffer.
        weights : array-like of float, shape (n_features,), or Weights, optional
            Importance of each predictor, at least 0; all 1 if not given, or if all are 0.

        Returns
        -------
        self

        Raises
        ------
        ModelError
            If a weight is negative, there is one fold only, or the samples do not differ in any predictor.
        """
        names = column_names(X) or [f"x{number}" for number in range(np.shape(X)[1])]
        X = np.asarray(X, float)
        check_finite(X, names)
        weights, note = _checked_weights(weights, X.shape[1])
        self.centre_ = X.mean(axis=0)
        self.scale_, alike = _scale(X, self.centre_, weights)
        if not self.scale_.any():
            raise ModelError(
                f"The {len(X)} training samples do not differ in any predictor that has a weight, so nothing tells how unlike them a place is. "
                "Train on predictors that vary."
            )
        left_out = f"No area can be judged by {_some(names, alike)}: constant in training." if alike.any() else ""
        self.note_ = " ".join(filter(None, (note, left_out)))
        self.weights_ = {name: float(weight) for name, weight in zip(names, np.where(alike, 0.0, weights), strict=True)}
        self.train_ = self._scaled(X)
        self.__dict__.pop("_nearest_rows", None)  # of an earlier fit
        self.mean_distance_, nearest = _between_folds(self.train_, *_trained_while_tested(folds, len(X)))
        if not self.mean_distance_ > 0:
            raise ModelError(f"All {len(X)} training samples are alike in every predictor that has a weight. Train on predictors that vary.")
        self.train_di_ = nearest / self.mean_distance_
        self.threshold_ = outlier_limit(self.train_di_)
        return self

    def features(self, learner, X, coordinates=None):
        """What `dissimilarity` is asked of, for rows of predictors and places of a fitted learner: the predictors as they are."""
        return X

    def dissimilarity(self, X):
        """Distance to the nearest training sample over the mean distance between training samples.

        Parameters
        ----------
        X : DataFrame or ndarray, shape (n, n_features)
            Predictors in the order of training, float32 or float64, no NaN; any number of rows, in bounded memory.

        Returns
        -------
        ndarray of float, shape (n,)
            0 at a training sample.
        """
        return self._search(X, None)[0]

    def inside(self, dissimilarity):
        """Whether dissimilarities lie within the area, bool of the same shape."""
        return np.asarray(dissimilarity) <= self.threshold_

    def local_point_density(self, X):
        """Number of training samples less dissimilar than the threshold, int of shape (n,): how much data a prediction leans on."""
        return self._search(X, self.threshold_ * self.mean_distance_)[1]

    def dissimilarity_and_density(self, X):
        """Both `dissimilarity` and `local_point_density` in one walk."""
        return self._search(X, self.threshold_ * self.mean_distance_)

    def facts(self, share=None, of="samples", n=None):
        """What pages and reports show.

        Parameters
        ----------
        share : float, optional
            Part of pixels or samples inside; of the training samples' own dissimilarities if not given.
        of : str
            What the share counts.
        n : int, optional
            How many those are.

        Returns
        -------
        dict
            ``threshold``, ``share``, ``of``, ``n``, ``mean_distance``, ``weights``, ``note``.
        """
        share = float(self.inside(self.train_di_).mean()) if share is None else float(share)
        n = self.train_di_.size if n is None else int(n)
        return {
            "threshold": self.threshold_,
            "share": share,
            "of": of,
            "n": n,
            "mean_distance": self.mean_distance_,
            "weights": dict(self.weights_),
            "note": self.note_,
        }

    def stored(self):
        """For a model folder: JSON values, arrays, learners (none)."""
        names = tuple(self.weights_)
        facts = {
            "threshold": self.threshold_,
            "mean_distance": self.mean_distance_,
            "names": list(names),
            "weights": [self.weights_[name] for name in names],
            "note": self.note_,
        }
        arrays = {CENTRE: self.centre_, SCALE: self.scale_, TRAIN: self.train_, TRAIN_DI: self.train_di_}
        return {FACTS: facts}, arrays, {}

    @classmethod
    def rebuilt(cls, facts, arrays):
        """The object that gave these JSON values and arrays."""
        area, own = cls(), facts[FACTS]
        area.threshold_, area.mean_distance_, area.note_ = float(own["threshold"]), float(own["mean_distance"]), own["note"]
        area.weights_ = dict(zip(own["names"], own["weights"], strict=True))
        predictors, samples = len(own["names"]), len(arrays[TRAIN])
        area.centre_, area.scale_ = (numbers(arrays[name], (predictors,), name) for name in (CENTRE, SCALE))
        area.train_ = numbers(arrays[TRAIN], (samples, int((area.scale_ > 0).sum())), TRAIN)
        area.train_di_ = numbers(arrays[TRAIN_DI], (samples,), TRAIN_DI)
        return area

    def _search(self, X, radius):
        names = column_names(X)
        if names is not None and set(names) == set(self.weights_):
            X = X[list(self.weights_)]
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.centre_.size:
            raise ModelError(
                f"The area of applicability knows {self.centre_.size} predictors, but got an array of shape {X.shape}. Give the same ones."
            )
        nearest, density = np.empty(len(X)), None if radius is None else np.empty(len(X), np.intp)
        for start in range(0, len(X), _PIXELS):
            part = slice(start, start + _PIXELS)
            distance, _, count = self._neighbours.query(self._scaled(X[part]), radius)
            nearest[part] = distance
            if radius is not None:
                density[part] = count
        return nearest / self.mean_distance_, density

    @property
    def _neighbours(self):
        with _BUILDING:  # the first of several threads builds it, the others wait
            if not hasattr(self, "_nearest_rows"):
                from soilcore.trust.nearest import NearestRows

                self._nearest_rows = NearestRows(self.train_)
        return self._nearest_rows

    def _scaled(self, X):
        used = self.scale_ > 0
        return (X[:, used].astype(float) - self.centre_[used]) * self.scale_[used]


def applicability_of(model):
    """The area of applicability that a fitted model was stored with, or None.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    AreaOfApplicability or None

    Raises
    ------
    ModelError
        If what was stored does not belong together.
    """
    if FACTS not in model.trust:
        return None
    with put_together("area of applicability"):
        return _kind(model.trust[FACTS]).rebuilt(model.trust, model.trust_arrays)


def _kind(facts):
    """Class of a stored area: of predictors where nothing is said."""
    space = facts.get("space", "predictors")
    if space == "predictors":
        return AreaOfApplicability
    if space != "learned":
        raise ValueError(f"space {space!r} is not known")
    from soilcore.trust.learned_area import LearnedArea

    return LearnedArea


def outlier_limit(dissimilarity):
    """Upper quartile plus 1.5 interquartile ranges, at most the maximum; quantiles linear between samples (type 7)."""
    lower, upper = np.quantile(dissimilarity, [0.25, 0.75])
    return float(min(upper + 1.5 * (upper - lower), np.max(dissimilarity)))


def _trained_while_tested(folds, n):
    """Test samples of each fold, and those that trained while it was tested: lists of int arrays."""
    if hasattr(folds, "assignments"):
        pairs = folds.folds(0)
        if folds.n_samples != n:
            raise ModelError(f"The folds divide {folds.n_samples} samples, but there are {n}.")
        return [test for _, test in pairs], [train for train, _ in pairs]
    folds = np.asarray(folds)
    if folds.shape != (n,):
        raise ModelError(f"{n} training samples need one fold each, but the folds have shape {folds.shape}.")
    names = np.unique(folds)
    if names.size < 2:
        raise ModelError("All training samples lie in one fold, so none has a neighbour in another. Use two folds or more.")
    return [np.flatnonzero(folds == name) for name in names], [np.flatnonzero(folds != name) for name in names]


def _between_folds(train, tests, others):
    """Mean distance of all pairs, and distance of each row to the nearest of those that trained while it was tested."""
    total, nearest = 0.0, np.empty(len(train))
    for test, allowed in zip(tests, others, strict=True):
        held_back = np.setdiff1d(np.arange(len(train)), allowed)
        for start in range(0, test.size, _TILE[0]):
            rows = test[start : start + _TILE[0]]
            summed, nearest[rows] = _nearest_in_tiles(train, rows, held_back)
            total += summed
    return total / (len(train) * (len(train) - 1)), nearest


def _nearest_in_tiles(train, rows, held_back):
    """Sum of all distances of some rows, and the distance to the nearest row that is not held back; tiles stay in the processor's cache."""
    from soilcore.trust.nearest import pair_distances

    total, best, number = 0.0, np.full(rows.size, np.inf), np.zeros(rows.size, np.intp)
    for start in range(0, len(train), _TILE[1]):
        stop = min(start + _TILE[1], len(train))
        distances = pair_distances(train[rows], train[start:stop])
        own = np.flatnonzero((rows >= start) & (rows < stop))
        distances[own, rows[own] - start] = 0.0  # a product may leave 1e-8 there
        total += distances.sum()
        distances[:, held_back[np.searchsorted(held_back, start) : np.searchsorted(held_back, stop)] - start] = np.inf
        found = distances.argmin(axis=1)
        nearer = np.flatnonzero(distances[np.arange(rows.size), found] < best)
        best[nearer], number[nearer] = distances[nearer, found[nearer]], found[nearer] + start
    return total, np.sqrt(((train[rows] - train[number]) ** 2).sum(axis=1))


def _checked_weights(weights, count):
    """Weights as an array, and what is to be said of them."""
    note = getattr(weights, "note", "")
    if weights is None:
        return np.ones(count), "All predictors weigh the same."
    weights = np.asarray(getattr(weights, "values", weights), float)
    if weights.shape != (count,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise ModelError(
            f"{count} predictors need as many weights of at least 0, but got {weights.size} with {int((~(weights >= 0)).sum())} below 0 or missing."
        )
    if not weights.any():
        return np.ones(count), note or "All predictors weigh the same: none has an importance above 0."
    return weights, note


def _scale(X, centre, weights):
    """What a centred column is multiplied by, weight over standard deviation (ddof 1); and which columns do not vary."""
    spread = X.std(axis=0, ddof=1) if len(X) > 1 else np.zeros(X.shape[1])
    constant = ~(spread > _CONSTANT * np.abs(centre))
    return np.where(constant, 0.0, weights / np.where(constant, 1.0, spread)), constant


def _some(names, chosen):
    chosen = [name for name, yes in zip(names, chosen, strict=True) if yes]
    return ", ".join(chosen[:5]) + (f" and {len(chosen) - 5} more" if len(chosen) > 5 else "")
