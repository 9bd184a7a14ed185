"""Intervals from the quantiles of a forest: as they are, or corrected by what they missed out of fold (CQR)."""

import math

import numpy as np

from soilcore.trust.conformal import cqr_scores, split_quantile
from soilcore.trust.interval_base import Interval
from soilcore.trust.quantile_forest import QuantileForest
from soilcore.trust.rebuilt import numbers

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995)  # corrected each by itself; between them linear


class QuantileForestInterval(Interval):
    """Quantiles of a forest as they are: the spread of the target among like samples, without the error of the model.

    Parameters
    ----------
    common : Common
    forest : QuantileForest
    """

    method = "quantile-forest"

    def __init__(self, common, forest):
        super().__init__(common)
        self.forest = forest

    def _bounds(self, X, z, level, coordinates):
        lower, upper = self.forest.quantiles(X, ((1 - level) / 2, (1 + level) / 2)).T
        return lower, upper

    def _exceedance(self, X, z, value, coordinates):
        return self.forest.above(X, value)

    def _arrays(self):
        return {"leaves": self.forest.leaves, "z": self.forest.z}

    def _learners(self):
        return {"forest": self.forest.learner}

    @classmethod
    def _rebuilt(cls, common, facts, arrays, learners):
        return cls(common, QuantileForest(learners["forest"], arrays["leaves"], arrays["z"]))


class CqrInterval(QuantileForestInterval):
    """Conformalised quantile regression: each level's quantiles, moved apart or together by a quantile of their out-of-fold scores.

    Bounds of higher levels hold those of lower ones: where corrected quantiles cross, the wider stands.

    Parameters
    ----------
    common : Common
    forest : QuantileForest
        Fitted to all samples.
    corrections : ndarray of float, shape (n_levels,)
        For `LEVELS`, modelling scale; infinite where there were too few samples.
    """

    method = "cqr"

    def __init__(self, common, forest, corrections):
        super().__init__(common, forest)
        self.corrections = np.asarray(corrections, float)

    def _knots(self, X):
        """Lower and upper bounds of the levels 0 and `LEVELS`, both (n, n_levels + 1), monotone along the levels."""
        quantiles = self.forest.quantiles(X, all_probabilities())
        middle, lower, upper = quantiles[:, :1], quantiles[:, 1 : 1 + len(LEVELS)], quantiles[:, 1 + len(LEVELS) :]
        lower = np.concatenate([middle, lower - self.corrections], axis=1)
        upper = np.concatenate([middle, upper + self.corrections], axis=1)
        return np.minimum.accumulate(lower, axis=1), np.maximum.accumulate(upper, axis=1)

    def _bounds(self, X, z, level, coordinates):
        lower, upper = (np.empty(z.size) for _ in range(2))
        for rows, low, high in self._blocks(X, z.size):
            lower[rows], upper[rows] = _at_level(low, level, -np.inf), _at_level(high, level, np.inf)
        return lower, upper

    def _exceedance(self, X, z, value, coordinates):
        found = np.empty(z.size)
        half = 0.5 * np.array([0.0, *LEVELS])
        heights = np.concatenate([0.5 + half[:0:-1], 0.5 - half])  # of the knots from the lowest bound to the highest
        for rows, low, high in self._blocks(X, z.size):
            found[rows] = _height_at(np.concatenate([low[:, :0:-1], high], axis=1), heights, value[rows])
        return found

    def _blocks(self, X, n):
        step = 65536
        for start in range(0, n, step):
            rows = slice(start, start + step)
            yield rows, *self._knots(X.iloc[rows] if hasattr(X, "iloc") else X[rows])

    def _arrays(self):
        return super()._arrays() | {"corrections": self.corrections}

    @classmethod
    def _rebuilt(cls, common, facts, arrays, learners):
        return cls(
            common, QuantileForest(learners["forest"], arrays["leaves"], arrays["z"]), numbers(arrays["corrections"], (len(LEVELS),), "corrections")
        )


def all_probabilities():
    """The median, then the lower and the upper ends of `LEVELS`."""
    return (0.5, *((1 - level) / 2 for level in LEVELS), *((1 + level) / 2 for level in LEVELS))


def cqr_corrections(observed, quantiles):
    """Correction of each of `LEVELS` from out-of-fold quantiles.

    Parameters
    ----------
    observed : ndarray of float, shape (n,)
        Modelling scale.
    quantiles : ndarray of float, shape (n, 1 + 2 n_levels)
        At `all_probabilities`, by forests that never saw the sample.

    Returns
    -------
    ndarray of float, shape (n_levels,)
    """
    count = len(LEVELS)
    lower, upper = quantiles[:, 1 : 1 + count], quantiles[:, 1 + count :]
    return np.array([split_quantile(cqr_scores(observed, lower[:, i], upper[:, i]), 1 - level) for i, level in enumerate(LEVELS)])


def _at_level(knots, level, beyond):
    """Bounds of one level, linear between `LEVELS`; `beyond` above the highest of them."""
    levels = (0.0, *LEVELS)
    exact = next((number for number, known in enumerate(levels) if math.isclose(level, known, abs_tol=1e-12)), None)
    if exact is not None:
        return knots[:, exact]
    above = int(np.searchsorted(levels, level))
    if above == len(levels):
        return np.full(len(knots), beyond)
    part = (level - levels[above - 1]) / (levels[above] - levels[above - 1])
    return knots[:, above - 1] * (1 - part) + knots[:, above] * part


def _height_at(knots, heights, value):
    """Probability of more than `value` by the ascending knots of each row; beyond the last finite ones it stays."""
    finite = np.isfinite(knots)
    first, last = finite.argmax(axis=1), knots.shape[1] - 1 - finite[:, ::-1].argmax(axis=1)
    rows = np.arange(len(knots))
    below = np.clip((knots <= value[:, None]).sum(axis=1) - 1, first, last)
    above = np.minimum(below + 1, last)
    left, right = knots[rows, below], knots[rows, above]
    part = np.clip((value - left) / np.where(right > left, right - left, 1.0), 0.0, 1.0)
    return heights[below] + part * (heights[above] - heights[below])
