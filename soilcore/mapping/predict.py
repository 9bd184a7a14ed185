"""From a fitted model and its predictors as windows of pixels to a map: values, classes, areas, and the files other programs read."""

import json
import math
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.classes import check_scheme_fits, class_scheme
from soilcore.core.errors import ModelError, NotAvailableError, SceneError
from soilcore.core.memory import peak_memory_mb
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, run_tiles, worker_threads
from soilcore.data.cog import gtiff_profile, write_cog
from soilcore.features.recipe import FeatureRecipe, check_same_scaling
from soilcore.mapping.classify import NO_CLASS, ClassAreas, classes_of
from soilcore.mapping.layers import CLASS_SUFFIX, appearing_together, check_map_output, layer_path, write_category_names
from soilcore.mapping.ramps import rgb_of
from soilcore.mapping.styles import class_style, value_style, write_style_files
from soilcore.models.compiled import TREE_ROWS, compile_learner

_STYLE_PIXELS = 200_000  # the colour range is taken from about so many
_STYLE_PERCENTILES = (2, 98)
_WINDOWS_SHARE = 0.92  # of the time; the rest is the copy with overviews


@dataclass(frozen=True)
class MapSettings:
    """What a user can say about a map.

    Parameters
    ----------
    out : str
        GeoTIFF to write; further layers lie beside it as ``OUT_class.tif``.
    classes : str, optional
        Class scheme: "usda", "fao", "fao2006" or "cn-coastal".
    window : int
        Side of the windows in pixels; it bounds the memory and never changes the map.
    overwrite : bool
        Whether an existing map is replaced.
    threads : int, optional
        Windows computed at a time; the cores at hand if not given.
    interval, thresholds, aoa, cluster
        Not available yet; refused when given.
    """

    out: str
    classes: str | None = None
    window: int = 512
    overwrite: bool = False
    threads: int | None = None
    interval: float | None = None
    thresholds: tuple[float, ...] = ()
    aoa: bool = False
    cluster: str | None = None


def predict_map(model, source, settings, region=None, report=silent):
    """Map a fitted model.

    Parameters
    ----------
    model : FittedModel
    source : FeatureSource
        Gives ``grid``, ``names`` and ``reader()`` with ``read(window)``: float32 of shape (n_features, rows, columns).
    settings : MapSettings
    region : Region, optional
        Area of interest and masks: ``keep(window)``, bool of shape (rows, columns). NaN outside.
    report : Report
        May raise `Stopped`; then no file is left.

    Returns
    -------
    dict
        ``out``; ``layers``, the files written by kind; ``pixels``, ``valid``: counts; ``seconds``; ``peak_rss_mb``; ``classes``, the area
        of each class (see `ClassAreas.table`) or None; ``aoa_share``, None.

    Raises
    ------
    ModelError
        If the predictors, their scaling or the sensor are not those of training.
    SettingsError
        If the class scheme does not fit the target, the window is impossible, or the file exists.
    SceneError
        If not a single pixel can be predicted.
    """
    started = time.perf_counter()
    _refuse_unavailable(settings)
    check_window(settings.window)
    scheme = _scheme(model, settings.classes)
    check_source(model, source)
    out = check_map_output(settings.out, settings.overwrite)
    with appearing_together(out) as folder:
        drawn = _Map(model, source.grid, scheme)
        _predict_windows(drawn, source, region, settings, folder, part(report, 0, _WINDOWS_SHARE))
        _check_not_empty(drawn, region)
        layers = _finish(drawn, folder, out, part(report, _WINDOWS_SHARE, 1 - _WINDOWS_SHARE))
    return {
        "out": str(out),
        "layers": layers,
        "pixels": source.grid.height * source.grid.width,
        "valid": drawn.valid,
        "unit": model.target.get("unit"),
        "seconds": round(time.perf_counter() - started, 3),
        "peak_rss_mb": peak_memory_mb(),
        "classes": drawn.areas.table() if scheme else None,
        "aoa_share": None,
    }


def check_source(model, source):
    """Refuse predictors that are not those the model was fitted to.

    Raises
    ------
    ModelError
        Naming the columns, or the scaling or sensor, that differ.
    """
    recipe = FeatureRecipe.from_dict(model.recipe)
    fitted, given = tuple(recipe.names), tuple(source.names)
    if fitted != given:
        missing, extra = [name for name in fitted if name not in given], [name for name in given if name not in fitted]
        differs = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"not seen in training: {', '.join(extra)}"] * bool(extra)
        raise ModelError(
            f"The model was trained on {len(fitted)} predictors, the imagery gives {len(given)} ({'; '.join(differs) or 'in another order'}). "
            "Give the inputs it was trained with, or train on these."
        )
    learned = getattr(model.learner, "feature_names_in_", None)
    if learned is not None and tuple(learned) != fitted:
        raise ModelError("The model's recipe and its learner name different predictors; the model folder is damaged. Train again.")
    scene = getattr(source, "scene", None)
    if recipe.needs_scene and scene is not None:
        check_same_scaling(recipe, scene)


class _Map:
    """What grows while the windows are written: counts, and a sample of the values for the colours."""

    def __init__(self, model, grid, scheme):
        self.model, self.grid, self.scheme = model, grid, scheme
        self.areas = ClassAreas(scheme, grid) if scheme else None
        self.valid = self.kept = 0
        self._step = max(1, math.ceil(math.sqrt(grid.height * grid.width / _STYLE_PIXELS)))
        self._sample = []

    def add(self, window, values, classes, kept):
        """Count one window. The sample lies on a fixed grid of pixels, so the colours do not depend on the windows either."""
        finite = np.isfinite(values)
        self.valid += int(finite.sum())
        self.kept += kept
        if self.areas:
            self.areas.add(window, classes)
        rows, cols = slice(-window.row % self._step, None, self._step), slice(-window.col % self._step, None, self._step)
        self._sample.append(values[rows, cols][finite[rows, cols]])

    def value_style(self):
        sample = np.concatenate(self._sample)
        low, high = np.percentile(np.sort(sample), _STYLE_PERCENTILES) if sample.size else (0.0, 1.0)
        return value_style(low, high, self.model.target.get("unit") or "")


def _predict_windows(drawn, source, region, settings, folder, report):
    compiled = compile_learner(drawn.model.learner)
    threads = worker_threads(settings.threads)

    def read(window):
        return reader.read(window), None if region is None else region.keep(window)

    def compute(window, data):
        features, keep = data
        values = _predicted(compiled, features, keep)
        kept = values.size if keep is None else int(np.count_nonzero(keep))
        return values, classes_of(drawn.scheme, values) if drawn.scheme else None, kept

    def write(window, result):
        values, classes, _ = result
        place = _place(window)
        raster.write(values, 1, window=place)
        if drawn.scheme:
            class_raster.write(classes, 1, window=place)
        drawn.add(window, *result)

    with ExitStack() as stack:
        reader = stack.enter_context(source.reader())
        raster = stack.enter_context(_value_raster(folder / "values.gtiff", drawn))
        class_raster = stack.enter_context(_class_raster(folder / "classes.gtiff", drawn)) if drawn.scheme else None
        run_tiles(source.grid, settings.window, read, compute, write, threads, report, "mapping")


def _predicted(compiled, features, keep):
    """Values of one window, float32 of shape (rows, columns), NaN where a predictor is missing or the region ends."""
    valid = np.isfinite(features[0])
    for layer in features[1:]:
        valid &= np.isfinite(layer)
    if keep is not None:
        valid &= keep
    values = np.full(valid.shape, np.nan, np.float32)
    strip = max(1, TREE_ROWS // valid.shape[1])  # as many pixels as go down a tree together; a second copy of all predictors is never held
    for top in range(0, valid.shape[0], strip):
        band = slice(top, top + strip)
        inside = valid[band]
        if inside.any():
            rows = np.empty((np.count_nonzero(inside), len(features)), np.float32)
            for number, layer in enumerate(features):
                rows[:, number] = layer[band][inside]
            values[band][inside] = compiled.predict(rows)
    return values


def _finish(drawn, folder, out, report):
    """Copy the layers into their cloud-optimised form, with styles beside them; the places they will have, by kind."""
    layers = {"value": str(out)}
    report(0, 1, "writing the map")
    write_cog(folder / "values.gtiff", folder / out.name)
    (folder / "values.gtiff").unlink()
    write_style_files(folder / out.name, drawn.value_style())
    if drawn.scheme:
        report(1, 2, "writing the classes")
        place = layer_path(folder / out.name, CLASS_SUFFIX)
        write_cog(folder / "classes.gtiff", place, overviews="mode")
        (folder / "classes.gtiff").unlink()
        write_style_files(place, class_style(drawn.scheme))
        write_category_names(place, drawn.scheme.labels)
        layers["class"] = str(layer_path(out, CLASS_SUFFIX))
    report(1, 1, "the map is written")
    return layers


@contextmanager
def _value_raster(path, drawn):
    import rasterio

    target = drawn.model.target
    with rasterio.open(path, "w", **gtiff_profile(drawn.grid, 1, "float32", float("nan"))) as raster:
        raster.descriptions = (_description(target),)
        raster.units = (target.get("unit") or "",)
        raster.update_tags(**_tags(drawn.model))
        yield raster


@contextmanager
def _class_raster(path, drawn):
    import rasterio

    scheme = drawn.scheme
    with rasterio.open(path, "w", **gtiff_profile(drawn.grid, 1, "uint8", NO_CLASS)) as raster:
        raster.descriptions = (f"{scheme.title or scheme.id} of {_description(drawn.model.target)}",)
        raster.write_colormap(1, {number: (*rgb_of(color), 255) for number, color in enumerate(scheme.colors)} | {NO_CLASS: (0, 0, 0, 0)})
        named = {f"CLASS_{number}": label for number, label in enumerate(scheme.labels)}
        edges = {"SOILCORE_CLASSES": scheme.id, "SOILCORE_CLASS_EDGES": json.dumps(list(scheme.edges)), "SOILCORE_CLASS_UNIT": scheme.unit}
        raster.update_tags(**_tags(drawn.model), **edges, **named)
        yield raster


def _description(target):
    form = target.get("form")
    return target["column"] if form in (None, "", "as-measured") else f"{form} ({target['column']})"


def _tags(model):
    """What a map says of its origin."""
    learner, provenance = model.learner, getattr(model, "provenance", None) or {}
    tags = {
        "SOILCORE_MODEL": getattr(model, "name", None) or type(learner).__name__,
        "SOILCORE_MODEL_CREATED": provenance.get("created"),
        "SOILCORE_RECIPE": fingerprint.of_settings(model.recipe)[:16],
        "SOILCORE_TARGET": model.target["column"],
        "SOILCORE_TARGET_FORM": model.target.get("form"),
        "SOILCORE_TARGET_METHOD": model.target.get("method"),
        "SOILCORE_UNIT": model.target.get("unit"),
        "SOILCORE_TRANSFORM": learner.transform_.name if hasattr(learner, "transform_") else "none",
    }
    return {name: str(value) for name, value in tags.items() if value}


def _scheme(model, identifier):
    if identifier is None:
        return None
    scheme = class_scheme(identifier)
    check_scheme_fits(scheme, model.target.get("unit"), model.target.get("form") or "as-measured")
    return scheme


def _check_not_empty(drawn, region):
    if drawn.valid:
        return
    pixels = drawn.grid.height * drawn.grid.width
    if region is not None and not drawn.kept:
        raise SceneError(f"None of the {pixels} pixels lies inside the area of interest and outside the mask. Check their place, or leave out --aoi and --mask.")
    raise SceneError(
        f"No pixel can be predicted: {drawn.kept} of {pixels} are to be mapped, and each of them lacks a predictor. "
        "Check that scene and covariates overlap, and that nodata, --scale and --offset are right."
    )


def _refuse_unavailable(settings):
    later = {
        "--interval": settings.interval is not None,
        "--threshold": bool(settings.thresholds),
        "--aoa": settings.aoa,
        "--cluster": settings.cluster is not None,
    }
    for option, wanted in later.items():
        if wanted:
            raise NotAvailableError(f"{option} is not available yet. Leave it out to get the prediction and its classes.")


def _place(window):
    return (window.row, window.row + window.height), (window.col, window.col + window.width)
