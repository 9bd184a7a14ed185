"""CV+: bounds from the models of all folds, each carrying the errors it made on the samples it never saw."""

import numpy as np

from soilcore.trust.conformal import conformal_rank, cv_plus_bounds, lower_rank
from soilcore.trust.interval_base import Interval, OnModellingScale, look_at_places
from soilcore.trust.rebuilt import numbers

_VALUES = 4_000_000  # held at a time
_PARTITION = 2000  # samples; beyond, bisection over the sorted errors of the folds is faster than sorting all of them for every pixel
_HALVINGS = 60


class CvPlusInterval(Interval):
    """CV+ of Barber and others.

    Parameters
    ----------
    common : Common
    residuals : ndarray of float, shape (n,)
        Absolute out-of-fold errors on the modelling scale.
    folds : ndarray of int, shape (n,)
        Fold in which each was made.
    learners : sequence of Learner
        Fitted, one per fold.
    """

    method = "cv+"

    def __init__(self, common, residuals, folds, learners):
        super().__init__(common)
        order = np.lexsort((residuals, folds))
        self.residuals, self.folds = np.asarray(residuals, float)[order], np.asarray(folds, np.intp)[order]
        self.learners = tuple(learners)
        self._predict = tuple(OnModellingScale(learner) for learner in self.learners)
        self._starts = np.searchsorted(self.folds, np.arange(len(self.learners) + 1))
        look_at_places(self, self.learners)

    def _predictions(self, X, coordinates):
        """Of every fold's model, shape (n_rows, n_folds)."""
        return np.stack([self._limited(predict(X, coordinates)) for predict in self._predict], axis=1)

    def _bounds(self, X, z, level, coordinates):
        predicted = self._predictions(X, coordinates)
        if self.residuals.size > _PARTITION:
            return self._bisected(predicted, level)
        lower, upper = np.empty(z.size), np.empty(z.size)
        step = max(1, _VALUES // self.residuals.size)
        for start in range(0, z.size, step):
            rows = slice(start, start + step)
            lower[rows], upper[rows] = cv_plus_bounds(predicted[rows][:, self.folds], self.residuals, 1 - level)
        return lower, upper

    def _bisected(self, predicted, level):
        n = self.residuals.size
        low, high = lower_rank(n, 1 - level), conformal_rank(n, 1 - level)
        infinite = np.full(len(predicted), np.inf)
        # the k-th smallest of prediction - residual is minus the (n + 1 - k)-th smallest of residual - prediction
        # counted from the other end: minus the k-th largest, that is rank n + 1 - k
        lower = -self._ranked(-predicted, n + 1 - low) if low >= 1 else -infinite
        return lower, self._ranked(predicted, high) if high <= n else infinite

    def _ranked(self, predicted, rank):
        """The rank-th smallest of prediction + residual by bisection, shape (n_rows,); at or a hair above it."""
        low = predicted.min(axis=1) - 1e-9
        high = predicted.max(axis=1) + self.residuals.max()
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            enough = self._count_plus(predicted, middle) >= rank
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return high

    def _count_plus(self, predicted, value):
        """How many of prediction + residual are at most `value`, shape (n_rows,)."""
        count = np.zeros(len(predicted))
        for fold, (first, last) in enumerate(zip(self._starts[:-1], self._starts[1:], strict=True)):
            count += np.searchsorted(self.residuals[first:last], value - predicted[:, fold], side="right")
        return count

    def _exceedance(self, X, z, value, coordinates):
        """1 - (number of lower ends up to the value + number of upper ends up to it + 1) / (2 n + 2)."""
        predicted = self._predictions(X, coordinates)
        n = self.residuals.size
        below_upper = self._count_plus(predicted, value)
        below_lower = n - self._count_plus(-predicted, np.nextafter(-value, -np.inf))
        return 1.0 - (below_lower + below_upper + 1.0) / (2.0 * n + 2.0)

    def _arrays(self):
        return {"residuals": self.residuals, "folds": self.folds}

    def _facts(self):
        return {"folds": len(self.learners)}

    def _learners(self):
        return {f"fold{number}": learner for number, learner in enumerate(self.learners)}

    @classmethod
    def _rebuilt(cls, common, facts, arrays, learners):
        learners = [learners[f"fold{number}"] for number in range(facts["folds"])]
        residuals, folds = (numbers(arrays[name], (common.n,), name) for name in ("residuals", "folds"))
        if not np.isin(folds, np.arange(len(learners))).all():
            raise ValueError(f"folds name others than the {len(learners)} there are")
        return cls(common, residuals, folds, learners)
