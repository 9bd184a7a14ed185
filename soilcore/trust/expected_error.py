"""Expected error from dissimilarity: how large errors grew, in cross-validation, with the distance to what was known.

References
----------
Meyer and Pebesma (2021), Methods in Ecology and Evolution 12, 1620-1633, doi 10.1111/2041-210X.13650: root mean squared error in sliding
windows of dissimilarity, then a monotone model through them. Departs from the paper: isotonic regression where the paper has shape-
constrained splines, because it has no smoothness to choose.
"""

import math

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.trust.rebuilt import numbers, put_together

FACTS, KNOTS, ERRORS = "aoa.error", "aoa.error_di", "aoa.error_rmse"
_SMALLEST_WINDOW = 10
_FEWEST = 5


class ExpectedError:
    """Root mean squared error to be expected at a dissimilarity, never falling as it grows.

    Attributes
    ----------
    di_, rmse_ : ndarray of float, shape (n_knots,)
        Ascending dissimilarities and the error there, in the unit of the target.
    largest_ : float
        Largest dissimilarity of a sample; beyond, nothing is known.
    window_ : int
        Samples that an error is taken over.
    """

    def fit(self, dissimilarity, absolute_error):
        """Learn from out-of-fold errors.

        Parameters
        ----------
        dissimilarity : array-like of float, shape (n_samples,)
            `AreaOfApplicability.train_di_`.
        absolute_error : array-like of float, shape (n_samples,)
            Observed minus out-of-fold predicted value, unit of the target; the sign does not matter.

        Returns
        -------
        self

        Raises
        ------
        ModelError
            With fewer than 5 samples, or values that are not numbers.
        """
        di, error = np.asarray(dissimilarity, float), np.asarray(absolute_error, float)
        if di.shape != error.shape or di.ndim != 1 or di.size < _FEWEST:
            raise ModelError(
                f"Expected errors need at least {_FEWEST} samples with dissimilarity and error; got shapes {di.shape} and {error.shape}."
            )
        if not (np.isfinite(di).all() and np.isfinite(error).all()):
            raise ModelError(
                f"{int((~(np.isfinite(di) & np.isfinite(error))).sum())} of {di.size} dissimilarities or errors are not numbers. Leave them out."
            )
        order = np.argsort(di, kind="stable")
        di, squared = di[order], error[order] ** 2
        self.window_ = min(di.size, max(_SMALLEST_WINDOW, math.isqrt(di.size)))
        self.largest_ = float(di[-1])
        self.di_, mean_square = _rising_steps(_moving_mean(di, self.window_), _moving_mean(squared, self.window_))
        self.rmse_ = np.sqrt(mean_square)
        return self

    def rmse(self, dissimilarity):
        """Expected root mean squared error, unit of the target; NaN beyond the largest dissimilarity of a sample.

        Parameters
        ----------
        dissimilarity : array-like of float

        Returns
        -------
        ndarray of float, the same shape
            Linear between knots; the first knot's below it, the last knot's above it.
        """
        di = np.asarray(dissimilarity, float)
        return np.where(di <= self.largest_, np.interp(di, self.di_, self.rmse_), np.nan)

    def facts(self):
        """Rows of ``di`` and ``rmse`` for a chart."""
        return [{"di": float(di), "rmse": float(rmse)} for di, rmse in zip(self.di_, self.rmse_, strict=True)]

    def stored(self):
        """For a model folder: JSON values, arrays, learners (none)."""
        return {FACTS: {"largest": self.largest_, "window": self.window_}}, {KNOTS: self.di_, ERRORS: self.rmse_}, {}

    @classmethod
    def rebuilt(cls, facts, arrays):
        """The object that gave these JSON values and arrays."""
        expected = cls()
        expected.largest_, expected.window_ = float(facts[FACTS]["largest"]), int(facts[FACTS]["window"])
        expected.di_, expected.rmse_ = (numbers(arrays[name], (len(arrays[KNOTS]),), name) for name in (KNOTS, ERRORS))
        return expected


def expected_error_of(model):
    """The expected errors that a fitted model was stored with, or None.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    ExpectedError or None

    Raises
    ------
    ModelError
        If what was stored does not belong together.
    """
    if FACTS not in model.trust:
        return None
    with put_together("expected errors"):
        return ExpectedError.rebuilt(model.trust, model.trust_arrays)


def _moving_mean(values, width):
    """Mean of every `width` neighbouring values, shape (n - width + 1,)."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return (total[width:] - total[:-width]) / width


def _rising_steps(di, mean_square):
    """Isotonic regression, kept where it changes: first and last place of every step."""
    from sklearn.isotonic import isotonic_regression

    level = np.maximum(isotonic_regression(mean_square), 0.0)
    change = np.flatnonzero(np.diff(level) > 0)
    kept = np.unique(np.concatenate([[0], change, change + 1, [level.size - 1]]))
    di, level = di[kept], level[kept]
    apart = np.concatenate([[True], np.diff(di) > 0])  # windows over the same dissimilarities: the first stands
    return di[apart], level[apart]
