"""What a map says at one place, and why: prediction, interval, class, applicability, nearest sample, drivers."""

import threading

import numpy as np

from soilcore.core.classes import check_scheme_fits, class_scheme
from soilcore.core.errors import ModelError, SettingsError
from soilcore.core.grids import Window
from soilcore.explanation.tabular import ATTRIBUTION_IS_NO_CAUSE, TabularExplainer

LEVEL = 0.9
_GEOGRAPHIC = (360.0, 90.0)


class PixelExplainer:
    """A model over its predictors, made ready for clicks; may be kept and shared by threads.

    Parameters
    ----------
    model : FittedModel
        Tabular: any learner but one that reads windows of imagery.
    source : FeatureSource
        The predictors of the map.
    level : float
        Of the prediction interval, where the model knows one.
    classes : str, optional
        Class scheme.
    region : Region, optional
        Area of interest and masks of the map.
    draws, seed
        As in `TabularExplainer`.

    Raises
    ------
    NotAvailableError, ModelError, SettingsError
        As `TabularExplainer` and `predict_map`.
    """

    def __init__(self, model, source, *, level=LEVEL, classes=None, region=None, draws=None, seed=0):
        from soilcore.mapping.predict import check_source

        check_source(model, source)
        self.model, self.source, self.region, self.level = model, source, region, level
        self.scheme = None if classes is None else class_scheme(classes)
        if self.scheme is not None:
            check_scheme_fits(self.scheme, model.target.get("unit"), model.target.get("form") or "as-measured")
        self.explainer = TabularExplainer(model, draws=draws, seed=seed)
        self._pixel, self._knows_interval = _pixel_model(model, source, level)
        self._samples = _sample_places(model)
        self._reading = threading.Lock()

    def at(self, x, y, crs=None):
        """What is known of the pixel at a place.

        Parameters
        ----------
        x, y : float
            Easting or longitude, northing or latitude.
        crs : pyproj.CRS or str, optional
            Of x and y; that of the predictors' grid if not given.

        Returns
        -------
        dict
            ``x``, ``y``, ``crs`` as given, ``row``, ``col``; ``valid`` and ``reason`` (why there is no value; then all of the following are None or
            empty): ``value``, ``unit``; ``lower``, ``upper``, ``level`` (None without intervals); ``class`` (dict with ``number``, ``label``, ``color``)
            or None; ``di``, ``threshold``, ``inside`` (None without an area of applicability); ``nearest`` (dict with ``distance_m``, ``row``,
            ``observed``, ``predicted``) or None; ``scale``; ``base``, ``base_value`` (in the unit of the target), ``prediction`` and
            ``contribution``s on that scale; ``additivity_error``; ``sampling_error`` (None where all is exact); ``how`` by member; ``rows``: per driver
            ``feature``, ``value``, ``contribution``, ``error`` (standard error, None where exact), by falling size; ``text``, what attributions are not; ``note``.

        Raises
        ------
        SettingsError
            If the place lies outside the grid.
        """
        row, col = pixel_of(self.source.grid, x, y, crs)
        facts = {
            "x": float(x),
            "y": float(y),
            "crs": None if crs is None else str(crs),
            "row": row,
            "col": col,
            "unit": self.model.target.get("unit"),
        }
        features, reason = self._read(row, col)
        nearest = self._nearest(row, col)
        if reason:
            return {**facts, "valid": False, "reason": reason, **NOTHING, "nearest": nearest}
        return {**facts, "valid": True, "reason": "", **self._value(features, row, col), "nearest": nearest, **self._drivers(features, row, col)}

    def _read(self, row, col):
        """Predictors of a pixel, float32 of shape (1, n_features), and why it has no value."""
        window = Window(row, col, 1, 1)
        with self._reading, self.source.reader() as reader:
            features = np.asarray(reader.read(window), np.float32).reshape(1, -1)
            kept = self.region is None or bool(self.region.keep(window)[0, 0])
        if not kept:
            return features, "The pixel lies outside the area of interest or under the mask."
        missing = [name for name, value in zip(self.source.names, features[0], strict=True) if not np.isfinite(value)]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            return features, f"There is no value of {', '.join(missing[:3])}{more} at this pixel."
        return features, ""

    def _value(self, features, row, col):
        values, _ = self._pixel.compute(features, np.array([row]), np.array([col]))
        value = float(values["value"][0])
        found = {"value": value, "lower": None, "upper": None, "level": None, "class": None, "di": None, "threshold": None, "inside": None}
        if self._knows_interval:
            found |= {name: _finite(values[name][0]) for name in ("lower", "upper")} | {"level": self.level}
        if "di" in values:
            found |= {"di": float(values["di"][0]), "threshold": float(self._pixel.area.threshold_), "inside": bool(values["aoa"][0])}
        if self.scheme is not None:
            number = int(self.scheme.assign([value])[0])
            found["class"] = {"number": number, "label": self.scheme.labels[number], "color": self.scheme.colors[number]}
        return found

    def _drivers(self, features, row, col):
        from soilcore.mapping.pixels import Places

        places = Places(self.source.grid, self.model.plane).of(np.array([row]), np.array([col])) if self.explainer.looks_at_places else None
        made = self.explainer.explain(features.astype(float), places)
        own_unit = self.model.learner.way_back_
        return {
            "scale": made.scale,
            "base": made.base,
            "base_value": float(np.ravel(own_unit(np.array([made.base])))[0]),
            "prediction": float(made.predicted[0]),
            "additivity_error": made.additivity_error,
            "sampling_error": made.sampling_error,
            "how": made.how,
            "rows": driver_rows(made),
            "text": ATTRIBUTION_IS_NO_CAUSE,
            "note": made.note,
        }

    def _nearest(self, row, col):
        """The nearest training sample, or None where places are not known."""
        if self._samples is None:
            return None
        from soilcore.mapping.pixels import Places

        here = Places(self.source.grid, self.model.plane).of(np.array([row]), np.array([col]))[0]
        distances = np.hypot(*(self._samples - here).T)
        at = int(np.argmin(distances))
        found = {"distance_m": float(distances[at]), "row": None, "observed": None, "predicted": None}
        table = self.model.out_of_fold
        if table is not None and len(table) == len(distances):
            found |= {name: _finite(table[name].iloc[at]) for name in ("observed", "predicted")}
            found["row"] = int(table["row"].iloc[at]) if "row" in table else None
        return found


def pixel_of(grid, x, y, crs=None):
    """Row and column of the pixel that holds a place.

    Raises
    ------
    SettingsError
        If the place lies outside the grid; names where it reaches.
    """
    rows, cols, inside = grid.rows_cols([x], [y], crs)
    if not inside[0]:
        left, bottom, right, top = grid.bounds
        raise SettingsError(
            f"The place {x:g}, {y:g} lies outside the map, which reaches from {left:g} to {right:g} and from {bottom:g} to {top:g} in {grid.crs.name}. "
            "Give a place inside, and name its reference system with --at-crs."
        )
    return int(rows[0]), int(cols[0])


def explain_pixel(model, source, x, y, crs=None, **settings):
    """What a map says at one place, and why; for many places keep a `PixelExplainer`, whose parameters `settings` are.

    Returns
    -------
    dict
        See `PixelExplainer.at`.
    """
    return PixelExplainer(model, source, **settings).at(x, y, crs)


def driver_rows(explained, number=0):
    """Drivers of one explained row as a table: ``feature``, ``value`` (None for the place), ``contribution``, ``error``; largest first."""
    errors = explained.errors
    rows = [
        {
            "feature": name,
            "value": _finite(explained.given[number, place]),
            "contribution": float(explained.values[number, place]),
            "error": None if errors is None else float(errors[number, place]),
        }
        for place, name in enumerate(explained.names)
    ]
    return sorted(rows, key=lambda row: -abs(row["contribution"]))


def _pixel_model(model, source, level):
    """What a map of the model knows of a pixel, and whether that holds an interval: as much as the model was stored with."""
    from soilcore.mapping.pixels import pixel_model
    from soilcore.mapping.predict import MapSettings
    from soilcore.trust.applicability import applicability_of
    from soilcore.trust.intervals import interval_of

    wanted = None if interval_of(model) is None else level
    settings = MapSettings(out="", interval=wanted, aoa=applicability_of(model) is not None)
    try:
        return pixel_model(model, settings, source.grid), wanted is not None
    except ModelError:  # too few samples for this level: the value stands without bounds
        return pixel_model(model, MapSettings(out="", aoa=settings.aoa), source.grid), False


def _sample_places(model):
    """Training samples in metres on the model's plane, or None."""
    from soilcore.explanation.background import SAMPLE_PLACES_KEY

    if model.plane is None:
        return None
    if SAMPLE_PLACES_KEY in model.trust_arrays:
        return np.asarray(model.trust_arrays[SAMPLE_PLACES_KEY], float)
    table = model.out_of_fold
    if table is None or not {"x", "y"} <= set(table.columns):
        return None
    from soilcore.core.projection import in_plane

    x, y = table["x"].to_numpy(float), table["y"].to_numpy(float)
    degrees = np.abs(x).max() <= _GEOGRAPHIC[0] and np.abs(y).max() <= _GEOGRAPHIC[1]  # older models do not say; metres are larger
    return in_plane(x, y, "EPSG:4326" if degrees else model.plane, model.plane)


def _finite(value):
    return float(value) if np.isfinite(value) else None


NOTHING = {
    **dict.fromkeys(("value", "lower", "upper", "level", "class", "di", "threshold", "inside")),
    **dict.fromkeys(("scale", "base", "base_value", "prediction", "additivity_error", "sampling_error")),
    "how": {},
    "rows": [],
    "text": ATTRIBUTION_IS_NO_CAUSE,
    "note": "",
}
