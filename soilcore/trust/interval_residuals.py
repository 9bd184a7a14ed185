"""Intervals from errors round one prediction: conformal, split conformal, and geographically weighted."""

import numpy as np

from soilcore.trust.conformal import conformal_rank, weighted_quantile
from soilcore.trust.interval_base import Interval, OnModellingScale, look_at_places
from soilcore.trust.rebuilt import numbers

BANDWIDTH_NEIGHBOURS = 50
MOST_NEIGHBOURS = 500  # at three times the distance of the 50th in the plane a sample weighs 1 %
_VALUES = 4_000_000  # held at a time


class ConformalInterval(Interval):
    """Prediction plus and minus a quantile of the absolute out-of-fold errors.

    Parameters
    ----------
    common : Common
    scores : ndarray of float, shape (repeats * n,)
        Absolute errors on the modelling scale, ascending.
    repeats : int
        How often each sample was predicted out of fold.
    """

    method = "conformal"

    def __init__(self, common, scores, repeats=1):
        super().__init__(common)
        self.scores, self.repeats = np.sort(np.asarray(scores, float)), int(repeats)

    def half_width(self, level):
        """Distance of the bounds from the prediction on the modelling scale; infinite with too few samples."""
        rank = conformal_rank(self.common.n, 1 - level)
        return float(self.scores[rank * self.repeats - 1]) if rank <= self.common.n else np.inf

    def _bounds(self, X, z, level, coordinates):
        half = self.half_width(level)
        return z - half, z + half

    def _exceedance(self, X, z, value, coordinates):
        away = value - z
        heights = np.concatenate([[0.0], np.arange(1, self.scores.size + 1) / (self.repeats * (self.common.n + 1))])
        return _one_side(away, np.interp(np.abs(away), np.concatenate([[0.0], self.scores]), heights))

    def _facts(self):
        return {"repeats": self.repeats}

    def _arrays(self):
        return {"scores": self.scores}

    @classmethod
    def _rebuilt(cls, common, facts, arrays, learners):
        return cls(common, numbers(arrays["scores"], (facts["repeats"] * common.n,), "scores"), facts["repeats"])


class SplitInterval(ConformalInterval):
    """Split conformal: errors of one part of the samples round a model fitted to the others.

    Parameters
    ----------
    common, scores
        As in `ConformalInterval`.
    centre : Learner
        Fitted without the calibration samples; the bounds lie round its prediction, not the full model's.
    """

    method = "split"

    def __init__(self, common, scores, centre):
        super().__init__(common, scores)
        self.centre, self._predict = centre, OnModellingScale(centre)
        look_at_places(self, [centre])

    def _bounds(self, X, z, level, coordinates):
        return super()._bounds(X, self._limited(self._predict(X, coordinates)), level, coordinates)

    def _exceedance(self, X, z, value, coordinates):
        return super()._exceedance(X, self._limited(self._predict(X, coordinates)), value, coordinates)

    def _learners(self):
        return {"centre": self.centre}

    @classmethod
    def _rebuilt(cls, common, facts, arrays, learners):
        return cls(common, numbers(arrays["scores"], (common.n,), "scores"), learners["centre"])


class LocalInterval(Interval):
    """Conformal with errors weighted by nearness on the ground: wide where errors are large nearby.

    The weight is exp(-(d / h)^2 / 2) with h the distance to the 50th nearest sample, 1 for the new place, whose score lies at infinity.
    Coverage is approximate only: it rests on errors being alike nearby, not on exchangeability.

    Parameters
    ----------
    common : Common
    scores : ndarray of float, shape (n,)
        Absolute out-of-fold errors on the modelling scale.
    places : ndarray of float, shape (n, 2)
        Where they were made, metres.
    """

    method = "local"
    uses_coordinates = True

    def __init__(self, common, scores, places):
        super().__init__(common)
        order = np.argsort(scores, kind="stable")
        self.scores, self.places = np.asarray(scores, float)[order], np.asarray(places, float)[order]
        self._tree = None

    def _bounds(self, X, z, level, coordinates):
        half = np.empty(z.size)
        for rows, scores, weights in self._neighbourhoods(coordinates):
            half[rows] = _rowwise_quantile(scores, weights, 1 - level)
        return z - half, z + half

    def _exceedance(self, X, z, value, coordinates):
        away, height = value - z, np.empty(z.size)
        for rows, scores, weights in self._neighbourhoods(coordinates):
            height[rows] = _rowwise_height(scores, weights, np.abs(away[rows]))
        return _one_side(away, height)

    def _neighbourhoods(self, coordinates):
        """Blocks of rows with the ascending scores of their neighbours and the weights of those, both (n_rows, n_neighbours)."""
        from scipy.spatial import cKDTree

        if self._tree is None:
            self._tree = cKDTree(self.places)
        count = min(len(self.places), MOST_NEIGHBOURS)
        step = max(1, _VALUES // count)
        for start in range(0, len(coordinates), step):
            rows = slice(start, start + step)
            distance, number = self._tree.query(coordinates[rows], k=np.arange(1, count + 1))
            reach = distance[:, [min(BANDWIDTH_NEIGHBOURS, count) - 1]]
            weights = np.exp(-0.5 * (distance / np.where(reach > 0, reach, 1.0)) ** 2)
            order = np.argsort(number, axis=1)  # samples are numbered by their score
            yield rows, self.scores[np.take_along_axis(number, order, 1)], np.take_along_axis(weights, order, 1)

    def _arrays(self):
        return {"scores": self.scores, "places": self.places}

    @classmethod
    def _rebuilt(cls, common, facts, arrays, learners):
        return cls(common, numbers(arrays["scores"], (common.n,), "scores"), numbers(arrays["places"], (common.n, 2), "places"))


def _one_side(away, height):
    """Probability of more than a value that lies `away` from the prediction, from that of a smaller error: errors have either sign alike."""
    return 0.5 * (1.0 - np.sign(away) * height)


def _rowwise_quantile(scores, weights, alpha):
    """`weighted_quantile` where each row has scores of its own, ascending."""
    if not len(scores):
        return np.empty(0)
    position = weighted_quantile(np.arange(scores.shape[1]), weights, alpha)
    known = np.isfinite(position)
    found = np.full(len(scores), np.inf)
    found[known] = scores[known, position[known].astype(np.intp)]
    return found


def _rowwise_height(scores, weights, size):
    """Weighted share of scores up to `size`, linear between scores, the new sample's weight never reached."""
    carried = np.cumsum(weights, axis=1)
    share = np.concatenate([np.zeros((len(scores), 1)), carried / (carried[:, -1:] + 1.0)], axis=1)
    edges = np.concatenate([np.zeros((len(scores), 1)), scores], axis=1)
    below = (scores <= size[:, None]).sum(axis=1)
    above = np.minimum(below + 1, scores.shape[1])
    rows = np.arange(len(scores))
    gap = edges[rows, above] - edges[rows, below]
    part = np.clip((size - edges[rows, below]) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
    return share[rows, below] + part * (share[rows, above] - share[rows, below])
