"""What a map says of a pixel: prediction, interval, probabilities, applicability; computed together from one row of predictors."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.mapping.layers import INSIDE, OUTSIDE, STEP_CLASS, threshold_key
from soilcore.mapping.networks import reads_windows
from soilcore.models.compiled import compile_learner
from soilcore.trust.conformal import conformal_rank
from soilcore.trust.interval_base import check_level, in_own_unit, transform_of

_TRAIN_AGAIN = "Train the model again with this version, which stores them."


@dataclass(frozen=True)
class Places:
    """Pixel centres in metres of the plane in which the model's samples lie.

    Parameters
    ----------
    grid : Grid
    plane : str
        Reference system, as `FittedModel.plane`.
    """

    grid: object
    plane: str

    def of(self, rows, cols):
        """Coordinates of pixels by row and column of the whole grid, shape (n, 2), metres."""
        from soilcore.core.projection import in_plane

        t = self.grid.transform
        x = t.a * (cols + 0.5) + t.b * (rows + 0.5) + t.c
        y = t.d * (cols + 0.5) + t.e * (rows + 0.5) + t.f
        return in_plane(x, y, self.grid.crs, self.plane)


@dataclass(frozen=True)
class PixelModel:
    """Everything that is computed for a pixel.

    Parameters
    ----------
    compiled : CompiledLearner
    transform : TargetTransform
    nonnegative : bool
        Whether the target is never negative.
    interval : Interval or None
    level : float or None
        Of the bounds.
    area : AreaOfApplicability or None
    expected : ExpectedError or None
    thresholds : tuple of (str, float or tuple of str)
        Layer, and value on the modelling scale (-inf where every value lies above) or the learner's own layers that add up to it.
    from_learner : tuple of (str, str)
        Layer, and the learner's own name for it.
    edges : tuple of float
        Class limits on the modelling scale, for areas with their uncertainty.
    with_area : bool
        Whether dissimilarity is a layer, and not only widens the bounds.
    places : Places or None
    coverage : float or None
        Part of the samples that the bounds held in cross-validation.
    learned : callable or None
        From rows of predictors to learned features, where the area of applicability is one of these; not for networks that read windows.
    needs : NetworkNeeds or None
        Of a network that reads windows.
    """

    compiled: object
    transform: object
    nonnegative: bool = False
    interval: object = None
    level: float | None = None
    area: object = None
    expected: object = None
    thresholds: tuple = ()
    from_learner: tuple = ()
    edges: tuple = ()
    with_area: bool = False
    places: Places | None = None
    coverage: float | None = None
    learned: object = None
    needs: object = None

    @property
    def method(self):
        """How the interval was made, or None."""
        return None if self.interval is None else getattr(self.interval, "method", None)

    @property
    def layers(self):
        """Keys of the layers beside the prediction, in the order of their computation."""
        bounds = ("lower", "upper") if self.level is not None else ()
        area = ("di", "aoa", *(("error",) if self.expected else ()), "lpd") if self.with_area else ()
        return (*bounds, *(key for key, _ in self.thresholds), *area, *(key for key, _ in self.from_learner))

    @property
    def embeds(self):
        """Whether learned features of a network are needed beside its prediction."""
        return self.area is not None and self.area.learned

    def compute(self, X, rows, cols, known=None):
        """Layers and edge probabilities of pixels.

        Parameters
        ----------
        X : ndarray of float32, shape (n, n_features)
            No NaN.
        rows, cols : ndarray of int, shape (n,)
            Where the pixels lie in the whole grid.
        known : KnownPixels, optional
            Prediction and learned features, where a network made them already.

        Returns
        -------
        values : dict of str to ndarray of shape (n,)
            By layer; the prediction under "value".
        above : ndarray of float, shape (n_edges, n), or None
            Probability of more than each class limit.
        """
        places = self.places.of(rows, cols) if self.places else None
        z, own = self._predicted(X, places) if known is None else (known.z, {})
        if known is not None and getattr(self.interval, "uses_surroundings", False):
            places = known.surroundings(self.needs, places)
        values = {"value": np.asarray(self.compiled.way_back(z), float)}
        outside = self._add_area(values, X if not self.embeds else self.learned(X) if known is None else known.embedded)
        if self.level is not None:
            lower, upper = self.interval.bounds(X, z, self.level, coordinates=places, outside=outside)
            values["lower"], values["upper"] = (in_own_unit(self.transform, self.nonnegative, bound) for bound in (lower, upper))
        for key, limit in self.thresholds:
            values[key] = sum(own[name] for name in limit) if isinstance(limit, tuple) else self._exceedance(X, z, limit, places, outside)
        values.update({key: own[name] for key, name in self.from_learner})
        above = np.stack([self._exceedance(X, z, limit, places, outside) for limit in self.edges]) if self.edges else None
        return values, above

    def _predicted(self, X, places):
        """Prediction on the modelling scale, and what the learner maps beside it by its own names."""
        if not self.from_learner:
            return self.compiled.predict_transformed(X, places), {}
        return self.compiled.transformed_with_layers(X, places)

    def _add_area(self, values, X):
        if self.area is None:
            return None
        if not self.with_area:
            return ~self.area.inside(self.area.dissimilarity(X))
        values["di"], values["lpd"] = self.area.dissimilarity_and_density(X)
        inside = self.area.inside(values["di"])
        values["aoa"] = np.where(inside, INSIDE, OUTSIDE)
        if self.expected:
            values["error"] = np.where(inside, self.expected.rmse(values["di"]), np.nan)
        return ~inside

    def _exceedance(self, X, z, limit, places, outside):
        if limit == -np.inf:
            return np.ones(len(X))
        return self.interval.exceedance(X, z, limit, coordinates=places, outside=outside)


def pixel_model(model, settings, grid, scheme=None):
    """What the settings ask for, or why the model cannot give it.

    Parameters
    ----------
    model : FittedModel
    settings : MapSettings
    grid : Grid
    scheme : ClassScheme, optional

    Returns
    -------
    PixelModel

    Raises
    ------
    SettingsError
        If the level of the interval or a threshold is impossible.
    ModelError
        If the model was stored without what is asked for, or needs places it does not have.
    """
    level, values = None if settings.interval is None else check_level(settings.interval), _checked_thresholds(settings.thresholds)
    compiled, learner = compile_learner(model.learner), model.learner
    transform = transform_of(learner)
    extras = _extra_layers(learner, compiled)
    thresholds = tuple((threshold_key(value), _own_layers(learner, value, extras) or on_modelling_scale(transform, value)) for value in values)
    wants_interval = level is not None or any(not isinstance(limit, tuple) for _, limit in thresholds)
    interval = _interval(model, "--interval" if level is not None else "--threshold") if wants_interval else None
    _check_enough(interval, level)
    area = _area(model, settings.aoa, interval)
    edges = tuple(on_modelling_scale(transform, edge) for edge in scheme.edges) if scheme is not None and interval is not None else ()
    return PixelModel(
        compiled,
        transform,
        getattr(learner, "nonnegative_", False),
        interval,
        level,
        area,
        _expected(model) if settings.aoa else None,
        thresholds,
        extras,
        edges,
        settings.aoa,
        _places(model, grid, compiled, interval),
        _observed_coverage(model, level),
        _learned(area, learner),
        getattr(learner, "needs_", None),
    )


def on_modelling_scale(transform, value):
    """A value of the target on the scale of a transform; -inf below what a logarithm knows, where every value lies above."""
    lowest = {"log10": 0.0, "log1p": -1.0}.get(transform.name, -np.inf)
    if value <= lowest:
        return -np.inf
    return float(np.log1p(value) if transform.name == "log1p" else transform.forward([value])[0])


def _checked_thresholds(values):
    for value in values:
        if not np.isfinite(value):
            raise SettingsError(f"A threshold must be a number in the unit of the target; got {value}.")
    return tuple(dict.fromkeys(float(value) for value in values))


def _extra_layers(learner, compiled):
    """(layer, the learner's own name) of what a learner maps beside its prediction."""
    names = getattr(learner, "extra_layers_", ()) if hasattr(compiled.transformed, "with_layers") else ()
    return tuple((STEP_CLASS if name == "class" else name, name) for name in names)


def _own_layers(learner, value, extras):
    """Names of a two-step learner's layers that add up to the probability of more than `value`, where it is one of its limits; else None.

    At its own limits the calibrated classifier knows better than an interval round the recombined prediction.
    """
    edges, names = getattr(learner, "edges_", ()), {name for _, name in extras}
    if value not in edges:
        return None
    if "p_high" in names:
        return ("p_high",)
    above = tuple(f"p_class_{number + 1}" for number in range(edges.index(value) + 1, len(edges) + 1))
    return above if set(above) <= names else None


def error_variogram_of(model):
    """Facts of the variogram of the out-of-fold residuals on the modelling scale that the model was stored with, or None."""
    return model.trust.get("facts", {}).get("error_variogram")


def _observed_coverage(model, level):
    """Part of the samples that bounds of this level held in cross-validation, where that was looked at; else None."""
    known = (model.trust.get("facts", {}).get("interval") or {}).get("levels", ())
    return next((row["coverage"] for row in known if row["level"] == level), None)


def _interval(model, option):
    from soilcore.trust.intervals import interval_of

    interval = interval_of(model)
    if interval is None:
        raise ModelError(f"The model was stored without prediction intervals, so {option} cannot be honoured. {_TRAIN_AGAIN}")
    return interval


def _check_enough(interval, level):
    """Refuse a level that so few samples cannot promise, before a whole map of infinite bounds is computed."""
    if level is None or interval.method == "quantile-forest":
        return
    n = interval.common.n
    if conformal_rank(n, 1 - level) > n:
        raise ModelError(
            f"The intervals are calibrated on {n} samples, which cannot promise {100 * level:.4g} %: the bounds would be infinite. "
            f"Ask for a level of {np.floor(1000 * n / (n + 1)) / 1000:g} or less."
        )


def _area(model, wanted, interval):
    """The area of applicability, where it is a layer or the bounds are wider outside."""
    if not wanted and (interval is None or interval.common.outside_factor == 1):
        return None
    from soilcore.trust.applicability import applicability_of

    area = applicability_of(model)
    if area is None and wanted:
        raise ModelError(f"The model was stored without an area of applicability, so --aoa cannot be honoured. {_TRAIN_AGAIN}")
    return area


def _learned(area, learner):
    """From rows to learned features, for a network whose columns are all it reads."""
    if area is None or not area.learned or reads_windows(learner):
        return None
    import pandas as pd

    names = getattr(learner, "feature_names_in_", None)
    return lambda X: area.features(learner, X.astype(float) if names is None else pd.DataFrame(X.astype(float), columns=list(names)))


def _expected(model):
    from soilcore.trust.expected_error import expected_error_of

    return expected_error_of(model)


def _places(model, grid, compiled, interval):
    """Pixel centres where the learner or its interval looks at places."""
    by_learner = compiled.uses_coordinates and not reads_windows(model.learner)
    if not (by_learner or getattr(interval, "uses_coordinates", False)):
        return None
    if model.plane is None:
        asking = [one for one in (model.learner, interval) if getattr(one, "uses_coordinates", False)]
        if all(getattr(one, "coordinates_optional", False) for one in asking):
            return None
        raise ModelError(
            "The model uses the places of its samples, but was stored without their reference system. Train it again with --x, --y and --crs."
        )
    return Places(grid, model.plane)
