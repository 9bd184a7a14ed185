"""PLSR of spectra: all numbers of components from one fit, and the rule that takes one of them."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import silent
from soilcore.models.learner import Learner, seeds_of
from soilcore.models.tuning import inner_folds

GAIN = 0.01  # of validation R2: less is no gain
PATIENCE = 3  # gains in a row that are none before the search ends
_MOST = 120
_LIMITS = (30, 60, _MOST)
_STEPS = ((250, 1), (1000, 2), (None, 5))  # training samples below which the numbers tried lie so far apart
_NOTHING_LEFT = 1e-12  # of the first direction's covariance: rounding


@dataclass(frozen=True)
class PlsPath:
    """Partial least squares of one target, every number of components up to a largest.

    Parameters
    ----------
    centre, scale : ndarray of float, shape (n_points,)
        Subtracted from a spectrum, and divided by.
    middle : float
        Mean of the target.
    rotations, loadings : ndarray of float, shape (n_points, n_components)
        Scores are centred and scaled spectra times rotations; scores times loadings are what the components explain of the spectra.
    slopes : ndarray of float, shape (n_components,)
        Of the target on each score.
    spread : ndarray of float, shape (n_components,)
        Standard deviation of each score in training.
    """

    centre: np.ndarray
    scale: np.ndarray
    middle: float
    rotations: np.ndarray
    loadings: np.ndarray
    slopes: np.ndarray
    spread: np.ndarray

    @property
    def components(self):
        """How many there are."""
        return self.slopes.size

    def scores(self, X):
        """Scores of spectra, shape (n, n_components)."""
        return ((X - self.centre) / self.scale) @ self.rotations

    def predictions(self, X):
        """Predictions with 1, 2, ... components, shape (n, n_components)."""
        return self.middle + np.cumsum(self.scores(X) * self.slopes, axis=1)

    def coefficients(self, components=None):
        """Slope of the prediction on each point of the spectrum as it is (not scaled), shape (n_points,)."""
        used = slice(components)
        return (self.rotations[:, used] @ self.slopes[used]) / self.scale

    def first(self, components):
        """The same with so many components only."""
        used = slice(components)
        return PlsPath(self.centre, self.scale, self.middle, self.rotations[:, used], self.loadings[:, used], self.slopes[used], self.spread[used])


def pls_path(X, z, most, *, scale=True):
    """Partial least squares of one target with 1 to `most` components.

    Parameters
    ----------
    X : ndarray of float, shape (n_samples, n_points)
    z : ndarray of float, shape (n_samples,)
    most : int
        Fewer come back where the spectra span fewer directions, at least one.
    scale : bool
        Whether every point of the spectrum is divided by its standard deviation (ddof 1); points that do not vary stay as they are.

    Returns
    -------
    PlsPath
        Equal to NIPALS of as many components.

    References
    ----------
    Dayal and MacGregor 1997, 10.1002/(SICI)1099-128X(199701)11:1<85::AID-CEM435>3.0.CO;2-# (algorithm 1: the spectra are not deflated).
    """
    centre, middle = X.mean(axis=0), float(z.mean())
    spread = X.std(axis=0, ddof=1) if scale and len(X) > 1 else np.ones(X.shape[1])
    spread = np.where(spread > 0, spread, 1.0)
    centred = (X - centre) / spread
    covariance = centred.T @ (z - middle)
    most = max(1, min(int(most), X.shape[1], len(X) - 1))
    rotations, loadings = np.zeros((X.shape[1], most)), np.zeros((X.shape[1], most))
    slopes, deviations = np.zeros(most), np.ones(most)
    start, found = float(np.linalg.norm(covariance)), 0
    for component in range(most):
        length = float(np.linalg.norm(covariance))
        if not length > _NOTHING_LEFT * start:
            break
        weights = covariance / length
        rotation = weights - rotations[:, :component] @ (loadings[:, :component].T @ weights)
        score = centred @ rotation
        size = float(score @ score)
        if not size > 0:
            break
        loading = centred.T @ score / size
        slope = float(rotation @ covariance) / size
        covariance = covariance - loading * (slope * size)
        rotations[:, component], loadings[:, component], slopes[component] = rotation, loading, slope
        deviations[component] = np.sqrt(size / max(len(X) - 1, 1))
        found += 1
    return PlsPath(centre, spread, middle, rotations, loadings, slopes, deviations).first(max(found, 1))


def component_grid(samples, points, most=_MOST):
    """Numbers of components that are tried: 1, 2, 3, ... with few samples, every fifth with many.

    Parameters
    ----------
    samples, points : int
        Of the training spectra.

    Returns
    -------
    tuple of int
        Ascending; the largest stays below a third of the samples.
    """
    largest = max(1, min(most, points, samples // 3))
    step = next(step for below, step in _STEPS if below is None or samples < below)
    return tuple(range(1, largest + 1, step))


def choose_components(grid, r2, gain=GAIN, patience=PATIENCE):
    """The number of components to take: they grow until the last three gains in validation R2 are below 0.01; the best of those seen.

    Parameters
    ----------
    grid : sequence of int
        Ascending numbers of components.
    r2 : sequence of float
        Validation R2 of each.
    gain : float
    patience : int

    Returns
    -------
    components : int
    tried : int
        How many of the grid were looked at before the search ended.

    References
    ----------
    Albinet et al. 2022, Artificial Intelligence in Agriculture 6, 230-241; they tried every fifth number and reached about 51 of 40,000 spectra.
    """
    r2 = np.asarray(r2, dtype=float)
    tried = len(r2)
    for end in range(patience, len(r2)):
        if (np.diff(r2[end - patience : end + 1]) < gain).all():
            tried = end + 1
            break
    return int(grid[int(np.argmax(r2[:tried]))]), tried


class SpectralPlsr(Learner):
    """PLSR for spectra, with as many components as unseen spectra gain from.

    Parameters
    ----------
    components : int, optional
        Fixed number; None: by `choose_components`, on the rows named in ``fit(validation=...)``, else on five inner folds.
    scale : bool
        Whether every point of the spectrum is divided by its standard deviation.
    target_transform : {"none", "log10", "log1p"}
    random_state : int
        Draws the inner folds.
    smearing : float

    Attributes
    ----------
    path_ : PlsPath
    components_ : int
    curve_ : tuple of dict
        Validation R2 (modelling scale) by number of components, as far as they were tried.
    """

    minimum_rows = 5
    label = "PLSR"

    def __init__(self, components=None, scale=True, target_transform="none", random_state=0, smearing=1.0):
        self.components = components
        self.scale = scale
        self.target_transform = target_transform
        self.random_state = random_state
        self.smearing = smearing

    def fit(self, X, y, groups=None, report=silent, coordinates=None, validation=None):
        """Fit to spectra.

        Parameters
        ----------
        X, y, groups, report, coordinates
            See `Learner.fit`.
        validation : array-like of int, optional
            Rows that choose the number of components and are not fitted.

        Returns
        -------
        self
        """
        self._validation = None if validation is None else np.asarray(validation, dtype=int)
        return super().fit(X, y, groups, report, coordinates)

    def _fit(self, X, z, y, groups, report):
        if self.components is not None and not (isinstance(self.components, (int, np.integer)) and self.components >= 1):
            raise SettingsError(f"The number of PLS components is {self.components!r}; give a whole number of at least 1, or none to find it.")
        held, self.curve_ = self._validation, ()
        rows = np.arange(len(z)) if held is None else np.setdiff1d(np.arange(len(z)), held)
        report(0, 1, "PLSR: choosing the number of components")
        if self.components is not None:
            self.components_ = int(self.components)
        else:
            self._choose(X, z, groups, rows, held, report)
        report(0.8, 1, f"PLSR: fitting {self.components_} components to {rows.size} spectra")
        self.path_ = pls_path(X[rows], z[rows], self.components_, scale=self.scale)
        self.components_ = self.path_.components
        report(1, 1, "PLSR is fitted")

    def _choose(self, X, z, groups, rows, held, report):
        if held is not None:
            parts = [(rows, held)]
        else:
            folds = inner_folds(len(z), groups, seeds_of(self.random_state, 1)[0])
            parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
        grid = component_grid(min(train.size for train, _ in parts), X.shape[1])
        for most in _LIMITS:  # the rule mostly ends the search early, and what lies beyond need not be computed
            within = grid[: np.searchsorted(grid, most, side="right")]
            r2 = self._validation_r2(X, z, parts, within, report)
            self.components_, tried = choose_components(within, r2)
            if tried < len(within) or len(within) == len(grid):
                break
        self.curve_ = tuple({"components": int(count), "r2": float(value)} for count, value in zip(within[:tried], r2[:tried], strict=True))

    def _validation_r2(self, X, z, parts, grid, report):
        """R2 on the modelling scale of the predictions of all parts together, for each number of components."""
        observed, predicted = [], []
        for number, (train, test) in enumerate(parts):
            report(0.8 * number / len(parts), 1, f"PLSR: trying up to {grid[-1]} components")
            path = pls_path(X[train], z[train], grid[-1], scale=self.scale)
            predicted.append(path.predictions(X[test])[:, np.minimum(grid, path.components) - 1])
            observed.append(z[test])
        observed, predicted = np.concatenate(observed), np.concatenate(predicted)
        about = float(((observed - observed.mean()) ** 2).sum())
        return 1 - ((predicted - observed[:, None]) ** 2).sum(axis=0) / (about if about > 0 else np.inf)

    def _predict(self, X):
        return self.path_.predictions(X)[:, -1]

    def embed(self, X, coordinates=None):
        """Where spectra lie for the model: scores in standard deviations, and the part of the spectrum that no component explains.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, n_points)

        Returns
        -------
        ndarray of float, shape (n, n_components + 1)
            The last column is the root mean square of the residual spectrum (the square root of Q per point).
        """
        from soilcore.models.inputs import checked_new

        X = checked_new(self, X)
        path = self.path_
        scores = path.scores(X)
        residual = (X - path.centre) / path.scale - scores @ path.loadings.T
        return np.column_stack([scores / path.spread, np.sqrt((residual**2).mean(axis=1))])

    def describe(self):
        """What was chosen, for pages and reports."""
        return {"components": self.components_, "curve": list(self.curve_)}


_ARRAYS = ("centre", "scale", "rotations", "loadings", "slopes", "spread")


def write_spectral_plsr(learner, writer, prefix):
    """What a model folder keeps of a fitted `SpectralPlsr`."""
    path = learner.path_
    arrays = writer.add_arrays(prefix, {name: getattr(path, name) for name in _ARRAYS})
    return {"components_": learner.components_, "curve_": list(learner.curve_), "middle": path.middle, "arrays": arrays}


def read_spectral_plsr(learner, learned, reader):
    """Put it back."""
    arrays = reader.arrays(learned["arrays"])
    learner.path_ = PlsPath(middle=float(learned["middle"]), **{name: arrays[name] for name in _ARRAYS})
    learner.components_, learner.curve_ = int(learned["components_"]), tuple(learned["curve_"])
