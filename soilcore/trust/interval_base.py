"""What all prediction intervals share: levels, the limit at 0, and what happens outside the area of applicability."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.models.transforms import TargetTransform, WayBack

FACTS = "interval"
METHODS = ("conformal", "cv+", "split", "cqr", "quantile-forest", "local")


@dataclass(frozen=True)
class IntervalSettings:
    """How prediction intervals are made.

    Parameters
    ----------
    method : {"conformal", "cv+", "split", "cqr", "quantile-forest", "local"}
        See `soilcore.trust.intervals.fit_interval`.
    level : float
        Promised coverage, within 0-1, where nobody names another.
    seed : int
        Draws the forests of quantiles.
    jobs : int
        Threads for fitting them.
    trees : int
        Of each of these forests.
    """

    method: str = "conformal"
    level: float = 0.9
    seed: int = 0
    jobs: int = 1
    trees: int = 300

    def __post_init__(self):
        if self.method not in METHODS:
            raise SettingsError(f"There are no intervals by {self.method!r}. Choose one of {', '.join(METHODS)}.")
        check_level(self.level)


@dataclass(frozen=True)
class Common:
    """What every kind of interval is stored with.

    Parameters
    ----------
    level : float
    n : int
        Samples it was calibrated on.
    floor : float
        Lowest prediction on the modelling scale: 0 for targets that are never negative, else -infinity.
    outside_factor : float
        At least 1: by how much the distance of the bounds from the prediction grows outside the area of applicability.
    note : str
        What is not obvious about the calibration, as a sentence.
    """

    level: float
    n: int
    floor: float = -np.inf
    outside_factor: float = 1.0
    note: str = ""


class Interval:
    """Prediction intervals and probabilities of a fitted model, on the modelling scale.

    A subclass gives ``method``, ``_bounds(X, z, level, coordinates)``, ``_exceedance(X, z, value, coordinates)``, ``_arrays()``,
    ``_learners()`` and ``_rebuilt(common, facts, arrays, learners)``.

    Parameters
    ----------
    common : Common
    """

    method = ""
    uses_coordinates = False
    coordinates_optional = False  # as of learners: whether it also works without
    uses_surroundings = False  # as of learners: whether places come with what lies around them

    def __init__(self, common):
        self.common = common

    @property
    def level(self):
        """Promised coverage where nobody names another."""
        return self.common.level

    def bounds(self, X, z, level=None, coordinates=None, outside=None):
        """Lower and upper bound.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, n_features)
            Predictors in the order of training, float32 or float64.
        z : array-like of float, shape (n,)
            Prediction of the full model on the modelling scale.
        level : float, optional
            Promised coverage; the settings' own if not given.
        coordinates : ndarray of float, shape (n, 2), optional
            Metres in the plane of the training samples; only where ``uses_coordinates``.
        outside : ndarray of bool, shape (n,), optional
            Outside the area of applicability. There no coverage is guaranteed, and the bounds are widened to what was needed for the most unlike
            samples that were tested.

        Returns
        -------
        lower, upper : ndarray of float, shape (n,)
            Modelling scale, the prediction between them; infinite where there were too few samples for the level. A bound that is carried
            through the transform's way back gives a bound in the target's own unit; one taken from a logarithm is not symmetric.
        """
        level = check_level(self.level if level is None else level)
        z = self._limited(z)
        lower, upper = self._bounds(X, z, level, self._places(coordinates, z.size))
        lower, upper = np.minimum(lower, z), np.maximum(upper, z)  # other models than the full one may lie beside it
        factor = self._widening(outside)
        return z - factor * (z - lower), z + factor * (upper - z)

    def exceedance(self, X, z, value, coordinates=None, outside=None):
        """Probability that the target exceeds a value, from the distribution that the bounds of all levels make up.

        Parameters
        ----------
        X, z, coordinates, outside
            As in `bounds`.
        value : float or array-like of shape (n,)
            On the modelling scale.

        Returns
        -------
        ndarray of float, shape (n,)
            Falls as the value grows; (1 - level) / 2 at the upper bound of a level, to 1 / (n + 1). Where errors are calibrated it is never 0 or 1:
            beyond all errors seen, 1 / (2 n + 2) is left.
        """
        z = self._limited(z)
        factor = self._widening(outside)
        value = np.broadcast_to(np.asarray(value, float), z.shape)
        inner = value if self.common.outside_factor == 1 else z + (value - z) / factor
        return np.clip(self._exceedance(X, z, inner, self._places(coordinates, z.size)), 0.0, 1.0)

    def stored(self):
        """For a model folder: JSON values, arrays, learners."""
        common = self.common
        facts = {
            "method": self.method,
            "level": common.level,
            "n": common.n,
            "floor": None if common.floor == -np.inf else common.floor,
            "outside_factor": common.outside_factor,
            "note": common.note,
            **self._facts(),
        }
        arrays = {f"{FACTS}.{name}": array for name, array in self._arrays().items()}
        return {FACTS: facts}, arrays, {f"{FACTS}.{name}": learner for name, learner in self._learners().items()}

    def _facts(self):
        return {}

    def _learners(self):
        return {}

    def _limited(self, z):
        z = np.asarray(z, float)
        return z if self.common.floor == -np.inf else np.maximum(z, self.common.floor)

    def _places(self, coordinates, n):
        if not self.uses_coordinates:
            return None
        if coordinates is None and self.coordinates_optional:
            return None
        places = None if coordinates is None else np.asarray(coordinates, float)
        if places is None or places.shape != (n, 2):
            given = "none" if places is None else f"the shape {places.shape}"
            raise ModelError(f"Intervals by {self.method!r} need the places of {n} rows in metres, shape ({n}, 2), but got {given}.")
        return coordinates if self.uses_surroundings else places

    def _widening(self, outside):
        if outside is None or self.common.outside_factor == 1:
            return 1.0
        return np.where(outside, self.common.outside_factor, 1.0)


def look_at_places(interval, learners):
    """Let an interval ask for places where its learners do."""
    asking = [one for one in learners if getattr(one, "uses_coordinates", False)]
    interval.uses_coordinates = bool(asking)
    interval.uses_surroundings = any(getattr(one, "uses_surroundings", False) for one in asking)
    interval.coordinates_optional = all(getattr(one, "coordinates_optional", False) for one in asking)


def check_level(level):
    """A level as a number between 0 and 1.

    Raises
    ------
    SettingsError
    """
    if isinstance(level, bool) or not isinstance(level, (int, float, np.number)) or not 0 < level < 1:
        remedy = f" Write {level / 100:g} for {level:g} %." if isinstance(level, (int, float)) and 1 < level < 100 else ""
        raise SettingsError(f"The level of an interval lies between 0 and 1; got {level!r}.{remedy}")
    return float(level)


def transform_of(learner):
    """The target transform of a learner, fitted or not; none for estimators of scikit-learn."""
    return getattr(learner, "transform_", None) or TargetTransform(getattr(learner, "target_transform", "none"))


def floor_of(learner, y):
    """Lowest prediction on the modelling scale: 0 where no observed value is negative and the scale can go below."""
    return 0.0 if transform_of(learner).name != "log10" and np.min(y) >= 0 else -np.inf


def on_modelling_scale(learner, values):
    """Predictions in the own unit as predictions on the modelling scale, without smearing."""
    transform, factor = transform_of(learner), float(getattr(learner, "smearing", 1.0))
    values = np.asarray(values, float)
    if transform.name == "none" or factor == 1:
        return transform.forward(values)
    return transform.forward(values / factor if transform.name == "log10" else np.maximum((values + 1) / factor - 1, 0.0))


def in_own_unit(transform, nonnegative, bounds):
    """Bounds on the modelling scale as bounds in the target's own unit, without smearing: a bound is a quantile, no mean.

    Parameters
    ----------
    transform : TargetTransform
    nonnegative : bool
        Whether the target is never negative.
    bounds : ndarray of float

    Returns
    -------
    ndarray of float, the same shape
        Infinite above stays infinite; infinite below becomes the lowest possible value: 0 where the target is never negative or its logarithm
        was modelled, -1 for ``log1p`` of a target with negative values, else -infinity.
    """
    values = np.asarray(WayBack(transform, nonnegative)(bounds), float)
    return np.where(np.asarray(bounds) == np.inf, np.inf, values)


class OnModellingScale:
    """A fitted learner's predictions on the modelling scale, compiled once for the rows of a map (plain float32 arrays).

    Parameters
    ----------
    learner : Learner
    """

    def __init__(self, learner):
        self.learner, self._compiled = learner, None

    def __call__(self, X, coordinates=None):
        """Predictions, shape (n,); coordinates in metres for learners that know places."""
        if not hasattr(self.learner, "predict_transformed"):
            return np.asarray(self.learner.predict(X), float).reshape(-1)
        if not (isinstance(X, np.ndarray) and X.dtype == np.float32):
            places = {"coordinates": coordinates} if getattr(self.learner, "uses_coordinates", False) else {}
            return self.learner.predict_transformed(X, **places)
        if self._compiled is None:
            from soilcore.models.compiled import compile_learner

            self._compiled = compile_learner(self.learner)
        return self._compiled.predict_transformed(X, coordinates)
