"""A finished map as those read it who go on from it: its layers on one grid, its target, date and interval, and how likely every value is.

The map's value is taken as the median of what is there, and its interval as two halves of a normal distribution on the scale the model works
on (two different spreads, so that it may be wider upwards): the quantile u lies at z + q(u) (bound - z) / q(bound). The bounds themselves are
met exactly; what lies beyond them is the normal tail.
"""

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Grid
from soilcore.data.rasters import grid_of, opened_raster, rasterio_window, reading, same_grid
from soilcore.mapping.layers import VARIOGRAM_TAG, layers_of

BOUNDS = ("lower", "upper")
_FORMS = {"ECe", "salt"}
_MOST_RUN_FILE_BYTES = 8 << 20


@dataclass(frozen=True)
class FinishedMap:
    """One map with its siblings.

    Parameters
    ----------
    path : pathlib.Path
    grid : Grid
    layers : dict of str to pathlib.Path
        By key, as `soilcore.mapping.layers.layers_of`; "value" is the map itself.
    unit : str or None
    column, form, method : str
        Of the target; form is "ECe", "salt" or "as-measured".
    transform : str
        Scale on which the model works: "none", "log10" or "log1p".
    level : float or None
        Of the interval, 0-1; None where the map has no bounds.
    coverage : float or None
        Part of the samples that such intervals held in cross-validation.
    interval_method : str
    date : str or None
        Day, month or year the map is for.
    variogram : dict or None
        Facts of the variogram of the model's errors (`soilcore.evaluation.variogram`).
    model : str
    """

    path: Path
    grid: Grid
    layers: dict = field(repr=False)
    unit: str | None = None
    column: str = ""
    form: str = "as-measured"
    method: str = ""
    transform: str = "none"
    level: float | None = None
    coverage: float | None = None
    interval_method: str = ""
    date: str | None = None
    variogram: dict | None = None
    model: str = ""

    @property
    def has_interval(self):
        """Whether lower and upper bounds lie beside the map."""
        return self.level is not None

    @property
    def quantity(self):
        """What is mapped, in words with unit."""
        what = self.form if self.form in _FORMS else self.column or "value"
        return f"{what} in {self.unit}" if self.unit else what

    @contextmanager
    def reader(self, keys):
        """Open layers; gives ``read(window)``: dict of float64 arrays by key, NaN where there is no data. Keys without a layer are left out."""
        keys = [key for key in keys if key in self.layers]
        with ExitStack() as stack:
            files = {key: stack.enter_context(opened_raster(self.layers[key], what="map")) for key in keys}

            def read(window):
                return {key: _values(file, window, self.layers[key]) for key, file in files.items()}

            yield read

    def quantiles(self, value, lower, upper, probabilities):
        """Values that are not exceeded with given probabilities.

        Parameters
        ----------
        value, lower, upper : ndarray of float, shape (n,)
            Of pixels, unit of the map; without bounds (None) every quantile is the value.
        probabilities : ndarray of float, shape (k,)
            0-1, both ends excluded.

        Returns
        -------
        ndarray of float, shape (k, n)
        """
        value = np.asarray(value, float)
        if lower is None or upper is None or self.level is None:
            return np.broadcast_to(value, (len(probabilities), value.size))
        return quantiles_of(value, lower, upper, probabilities, self.level, self.transform)


def open_map(path, *, date=None, model_dir=None):
    """Read what a finished map says of itself.

    Parameters
    ----------
    path : path
        GeoTIFF as `soilcore.mapping.predict.predict_map` writes it, or any single-band raster of values.
    date : str, optional
        Of the map, where it does not say.
    model_dir : path, optional
        The model it was made with: where the map itself does not hold it, how far errors resemble their neighbours is taken from there.

    Returns
    -------
    FinishedMap

    Raises
    ------
    UnreadableError
        If it is no raster that is read here.
    SceneError
        If it has several bands, is one of a map's further layers, or a layer lies on another grid than the map.
    """
    path = Path(path)
    with opened_raster(path, what="map") as raster:
        grid, tags, unit = grid_of(raster, path), raster.tags(), raster.units[0] or None
        described = raster.descriptions[0] or ""
        _check_is_a_map(path, raster.count, tags)
    layers = {layer.key: layer.path for layer in layers_of(path)}
    _check_one_grid(layers, grid)
    level = _number(tags.get("SOILCORE_INTERVAL_LEVEL")) if all(key in layers for key in BOUNDS) else None
    return FinishedMap(
        path,
        grid,
        layers,
        unit,
        tags.get("SOILCORE_TARGET") or described,
        tags.get("SOILCORE_TARGET_FORM") or "as-measured",
        tags.get("SOILCORE_TARGET_METHOD") or "",
        tags.get("SOILCORE_TRANSFORM") if tags.get("SOILCORE_TRANSFORM") in ("log10", "log1p") else "none",
        level,
        _number(tags.get("SOILCORE_INTERVAL_OBSERVED_COVERAGE")),
        tags.get("SOILCORE_INTERVAL_METHOD") or "",
        date or _date_of(path),
        _variogram(tags.get(VARIOGRAM_TAG), model_dir),
        tags.get("SOILCORE_MODEL") or "",
    )


def quantiles_of(value, lower, upper, probabilities, level, transform="none"):
    """Quantiles of what may be there, from a value and its interval; see the head of this module.

    Parameters
    ----------
    value, lower, upper : array-like of float, shape (n,)
        Own unit.
    probabilities : array-like of float, shape (k,)
    level : float
        Of the interval.
    transform : {"none", "log10", "log1p"}

    Returns
    -------
    ndarray of float, shape (k, n)
        Not below 0 where the lower bound is not.
    """
    from scipy.stats import norm

    there, back = _SCALES[transform]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z, low, high = there(np.asarray(value, float)), there(np.asarray(lower, float)), there(np.asarray(upper, float))
        z = np.clip(z, low, high)
        reach = norm.ppf(np.asarray(probabilities, float)) / norm.ppf((1 + level) / 2)
        spread = np.where(reach[:, None] < 0, z - low, high - z)
        moved = np.where(reach[:, None] == 0, 0.0, reach[:, None] * spread)
        values = back(z + moved)
    return np.where(np.asarray(lower, float) >= 0, np.maximum(values, 0.0), values)


def _log(values):
    return np.log(np.maximum(values, 0.0))


def _same(values):
    return values


_SCALES = {"none": (_same, _same), "log10": (_log, np.exp), "log1p": (np.log1p, np.expm1)}


def _values(file, window, path):
    with reading(path):
        data = file.read(1, window=rasterio_window(window), masked=False)
    values = data.astype(float)
    nodata = file.nodata
    if nodata is not None and not np.isnan(nodata):
        values[data == nodata] = np.nan
    return values


def _check_is_a_map(path, bands, tags):
    if bands != 1:
        raise SceneError(f"{str(path)!r} has {bands} bands; a map has one, of predicted values. Give the map itself.")
    layer = tags.get("SOILCORE_LAYER", "value")
    if layer != "value":
        title = tags.get("SOILCORE_LAYER_TITLE") or layer
        raise SceneError(f"{str(path)!r} is a layer that lies beside a map ({title}). Give the map itself; its layers are found.")


def _check_one_grid(layers, grid):
    for path in layers.values():
        with opened_raster(path, what="layer") as raster:
            if not same_grid(grid_of(raster, path), grid):
                raise SceneError(f"{str(path)!r} lies on another grid than its map. Map the model again, so that all layers come together.")


def _number(text):
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _date_of(path):
    """Date in the run file beside the map, else that in the name of the scene it was made of; None where neither says one."""
    run = path.with_suffix(".run.json")
    try:
        if not run.is_file() or run.stat().st_size > _MOST_RUN_FILE_BYTES:
            return None
        document = json.loads(run.read_text(encoding="utf-8"))
        settings = document["steps"][-1]["settings"]
        date = (document.get("result") or {}).get("date") or settings.get("date")
        scenes = ((settings.get("inputs") or {}).get("scene") or {}).get("paths") or ()
        date = date or _date_in_names([str(scene) for scene in scenes])
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None
    return str(date)[:40] if date else None


def _date_in_names(paths):
    """The one day, month or year that the names of a scene's files state."""
    from soilcore.data.raster_dates import date_in

    found = {date_in(Path(path).stem) for path in paths}
    if len(found) != 1 or None in found:
        return None
    day, kind = found.pop()
    return {"day": "{:%Y-%m-%d}", "month": "{:%Y-%m}", "year": "{:%Y}"}[kind].format(day)


def _variogram(tag, model_dir):
    """How the model's errors hang together: as the map says, else as the model does."""
    if tag:
        try:
            facts = json.loads(tag)
        except ValueError:
            facts = None
        if isinstance(facts, dict):
            return facts
    if model_dir is None:
        return None
    from soilcore.mapping.pixels import error_variogram_of
    from soilcore.models.archive import load_model

    return error_variogram_of(load_model(model_dir))


def check_interval(finished, what):
    """Refuse a map without bounds where they are the point.

    Raises
    ------
    SettingsError
    """
    if not finished.has_interval:
        raise SettingsError(
            f"The map {str(finished.path)!r} has no prediction interval, and {what} rests on it. Map the model again with --interval 0.9."
        )
