"""From one axis of spectra to another: between points a straight line, over wider steps the mean."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import FeatureError

_TOUCH = 1e-6  # share of a step by which a grid may end beside the axis


@dataclass(frozen=True)
class Resampling:
    """Brings spectra from one axis to another.

    A finer or equal grid is reached by linear interpolation; on a coarser one (steps more than 1.5 times as wide) each point is the mean of the
    spectrum over its step, so that nothing between the points is lost.

    Parameters
    ----------
    axis : ndarray of float, shape (n_new,)
    edges : ndarray of float, shape (n_new, 2) or (n_new, 1)
        Positions along the old axis, as point number and fraction: limits of each step, or the point itself.
    points : int
        Points of the old axis.
    widths : ndarray of float, shape (n_points - 1,)
        Steps of the old axis.
    """

    axis: np.ndarray
    edges: np.ndarray
    points: int
    widths: np.ndarray

    @classmethod
    def between(cls, old, new, unit):
        """The way from one axis to another; both rise or both fall.

        Raises
        ------
        FeatureError
            If the new axis goes beyond the old one.
        """
        old, new = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
        sign = 1.0 if old[-1] > old[0] else -1.0
        here, there = sign * old, sign * new
        touch = _TOUCH * np.median(np.diff(here))
        if there[0] < here[0] - touch or there[-1] > here[-1] + touch:
            spans = f"from {min(new[0], new[-1]):g} to {max(new[0], new[-1]):g} {unit}, but the spectra from {min(old[0], old[-1]):g} to {max(old[0], old[-1]):g}"
            raise FeatureError(f"The axis asked for goes {spans}. Nothing is known beyond their ends; name a range inside.")
        steps = np.gradient(there) if there.size > 1 else np.ones(1)
        coarse = np.median(steps) > 1.5 * np.median(np.diff(here))
        wanted = np.column_stack([there - steps / 2, there + steps / 2]) if coarse else there[:, None]
        places = np.interp(np.clip(wanted, here[0], here[-1]), here, np.arange(here.size, dtype=float))
        return cls(new, places, here.size, np.diff(here))

    def __call__(self, values):
        """Spectra on the new axis, ndarray of float, shape (n_samples, n_new)."""
        if self.edges.shape[1] == 1:
            below, share = self._split(self.edges[:, 0])
            return values[:, below] * (1 - share) + values[:, below + 1] * share
        lengths = self._length(self.edges[:, 1]) - self._length(self.edges[:, 0])
        areas = np.zeros((len(values), self.points))
        np.cumsum((values[:, 1:] + values[:, :-1]) / 2 * self.widths, axis=1, out=areas[:, 1:])
        return (self._area(values, areas, self.edges[:, 1]) - self._area(values, areas, self.edges[:, 0])) / lengths

    def _split(self, places):
        below = np.minimum(places.astype(int), self.points - 2)
        return below, places - below

    def _length(self, places):
        below, share = self._split(places)
        return np.append(0.0, np.cumsum(self.widths))[below] + share * self.widths[below]

    def _area(self, values, areas, places):
        """Integral of the polygon through the points, from the first point on."""
        below, share = self._split(places)
        left, right = values[:, below], values[:, below + 1]
        return areas[:, below] + self.widths[below] * (left * share + (right - left) * share**2 / 2)
