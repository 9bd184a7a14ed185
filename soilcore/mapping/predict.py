"""From a fitted model and its predictors as windows of pixels to a map: values, classes, areas, and the files other programs read."""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from soilcore.core.classes import check_scheme_fits, class_scheme
from soilcore.core.errors import ModelError, NotAvailableError, SceneError
from soilcore.core.memory import peak_memory_mb
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, run_tiles, worker_threads
from soilcore.features.recipe import FeatureRecipe, check_same_scaling
from soilcore.mapping.classify import ClassAreas, classes_of
from soilcore.mapping.layers import INSIDE, VARIOGRAM_TAG, appearing_together, check_map_output
from soilcore.mapping.networks import NetworkMap, reads_windows, refuse_stride
from soilcore.mapping.pixels import error_variogram_of, pixel_model
from soilcore.mapping.rasters import MapRasters
from soilcore.mapping.uncertain_areas import UncertainAreas, block_side
from soilcore.models.compiled import TREE_ROWS

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
    interval : float, optional
        Level of prediction intervals, between 0 and 1: layers ``OUT_lower.tif`` and ``OUT_upper.tif``.
    thresholds : tuple of float
        Unit of the target: the probability of more than each, 0-1, as ``OUT_p_gt_V.tif``.
    aoa : bool
        Whether dissimilarity, area of applicability (1 inside, 0 outside), expected error and local point density are written: ``OUT_di.tif``,
        ``OUT_aoa.tif``, ``OUT_error.tif`` (inside only), ``OUT_lpd.tif``.
    stride : int
        Only every so manieth pixel along each axis is computed and the others are interpolated, never across gaps; for networks that read windows.
    device : {"auto", "cpu", "cuda", "mps"}
        Where networks compute.
    cluster
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
    stride: int = 1
    device: str = "auto"
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
        ``out``; ``layers``, the files written by kind (`soilcore.mapping.layers.KINDS`; ``p_gt_4`` for a threshold of 4); ``pixels``,
        ``valid``: counts; ``seconds``; ``peak_rss_mb``; ``classes``, the area of each class (see `ClassAreas.table`) or None; with an
        interval or a threshold its rows also hold ``area_ha_expected``, ``area_ha_low`` and ``area_ha_high`` (see `UncertainAreas`) and
        ``classes_assumption`` says on what they rest; ``aoa_share``, part of the valid pixels inside the area of applicability, or None;
        ``interval``, with ``level``, ``method``, ``coverage`` (observed in cross-validation) and ``unbounded`` (pixels with an infinite bound),
        or None; of networks that read windows, also what `NetworkMap.facts` gives: ``pixels_per_second``, ``device``, ``stride_error``.

    Raises
    ------
    ModelError
        If the predictors, their scaling or the sensor are not those of training, or the model was stored without intervals or area of
        applicability that are asked for.
    SettingsError
        If the class scheme does not fit the target, level, threshold, window or stride are impossible, or the file exists.
    SceneError
        If not a single pixel can be predicted.
    """
    started = time.perf_counter()
    _refuse_unavailable(settings)
    check_window(settings.window)
    refuse_stride(model.learner, settings.stride)
    scheme = _scheme(model, settings.classes)
    check_source(model, source)
    out = check_map_output(settings.out, settings.overwrite)
    pixel = pixel_model(model, settings, source.grid, scheme)
    drawn = _Map(source.grid, scheme, pixel)
    if reads_windows(model.learner):
        drawn.network = NetworkMap(model, source, settings.stride, pixel.embeds, settings.threads, settings.device)
    if pixel.edges:
        drawn.uncertain = UncertainAreas(scheme, source.grid, block_side(error_variogram_of(model)))
    keys = ("value", *(("class",) if scheme else ()), *pixel.layers)
    rasters = MapRasters(model, source.grid, keys, scheme, _tags(pixel, error_variogram_of(model)))
    with appearing_together(out) as folder:
        _predict_windows(drawn, rasters, source, region, settings, folder, part(report, 0, _WINDOWS_SHARE))
        _check_not_empty(drawn, region)
        layers = rasters.finish(folder, out, part(report, _WINDOWS_SHARE, 1 - _WINDOWS_SHARE))
    facts = {
        "out": str(out),
        "layers": layers,
        "pixels": source.grid.height * source.grid.width,
        "valid": drawn.valid,
        "unit": model.target.get("unit"),
        "seconds": round(time.perf_counter() - started, 3),
        "peak_rss_mb": peak_memory_mb(),
        "classes": drawn.classes(),
        "aoa_share": drawn.inside / drawn.valid if settings.aoa else None,
        "interval": _interval_facts(pixel, drawn),
    }
    if drawn.network:
        facts |= drawn.network.facts(drawn.valid)
    return facts | ({"classes_assumption": drawn.uncertain.assumption} if drawn.uncertain else {})


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
    """What grows while the windows are written: counts and areas."""

    def __init__(self, grid, scheme, pixel):
        self.grid, self.scheme, self.pixel = grid, scheme, pixel
        self.areas = ClassAreas(scheme, grid) if scheme else None
        self.uncertain = self.network = None
        self.valid = self.kept = self.inside = self.bounded = 0

    def add(self, window, result):
        """Count one window."""
        arrays = result.arrays
        self.valid += int(np.isfinite(arrays["value"]).sum())
        self.kept += result.kept
        if self.areas:
            self.areas.add(window, arrays["class"])
        if "aoa" in arrays:
            self.inside += int(np.count_nonzero(arrays["aoa"] == INSIDE))
        if "upper" in arrays:
            self.bounded += int((np.isfinite(arrays["lower"]) & np.isfinite(arrays["upper"])).sum())
        for counted in result.areas:
            self.uncertain.add(*counted)

    def classes(self):
        """Rows of the class table; with expected area and interval where probabilities are known."""
        if not self.areas:
            return None
        rows = self.areas.table()
        return [row | more for row, more in zip(rows, self.uncertain.table(), strict=True)] if self.uncertain else rows


@dataclass(frozen=True)
class _Computed:
    """One window: arrays by layer, areas above class limits by strip, pixels that were to be mapped."""

    arrays: dict
    areas: list
    kept: int


def _predict_windows(drawn, rasters, source, region, settings, folder, report):
    def read(window):
        return reader.read(window), None if region is None else region.keep(window)

    def compute(window, data):
        return _computed(drawn, rasters, window, *data)

    def write(window, result):
        put(window, result.arrays)
        drawn.add(window, result)

    if drawn.network:
        _predict_by_network(drawn, rasters, region, settings, folder, report)
        return
    with ExitStack() as stack:
        reader = stack.enter_context(source.reader())
        put = stack.enter_context(rasters.opened(folder))
        run_tiles(source.grid, settings.window, read, compute, write, worker_threads(settings.threads), report, "mapping")


def _predict_by_network(drawn, rasters, region, settings, folder, report):
    """As for other models; where windows are computed in this thread, progress is told inside of them too."""
    grid, network, done = drawn.grid, drawn.network, 0

    def compute(window, seen):
        pixels = window.height * window.width

        def inside(part, whole):
            report(done + pixels * part / (whole + 1), grid.height * grid.width, "mapping")

        predicted = network.compute(seen, inside if network.tile_threads == 1 else _unheard)
        keep = None if seen.keep is None else seen.keep[seen.inside]
        return predicted, _computed(drawn, rasters, window, seen.features[(slice(None), *seen.inside)], keep, predicted)

    def write(window, results):
        nonlocal done
        predicted, result = results
        put(window, result.arrays)
        drawn.add(window, result)
        network.add(predicted)
        done += window.height * window.width

    with ExitStack() as stack:
        look = stack.enter_context(network.opened())
        put = stack.enter_context(rasters.opened(folder))
        run_tiles(grid, settings.window, lambda window: look(window, region), compute, write, network.tile_threads, report, "mapping")


def _unheard(part, whole):
    """Progress that nobody asked for."""


def _computed(drawn, rasters, window, features, keep, predicted=None):
    """Every layer of one window; nodata where a predictor is missing or the region ends, or a network made nothing."""
    if predicted is None:
        valid = np.isfinite(features[0])
        for layer in features[1:]:
            valid &= np.isfinite(layer)
        if keep is not None:
            valid &= keep
    else:
        valid = predicted.usable
    arrays, areas = rasters.empty(valid.shape), []
    strip = max(1, TREE_ROWS // valid.shape[1])  # as many pixels as go down a tree together; a second copy of all predictors is never held
    for top in range(0, valid.shape[0], strip):
        band = slice(top, top + strip)
        inside = valid[band]
        if not inside.any():
            continue
        table = np.empty((np.count_nonzero(inside), len(features)), np.float32)
        for number, layer in enumerate(features):
            table[:, number] = layer[band][inside]
        rows, cols = np.nonzero(inside)
        known = None if predicted is None else predicted.at(rows + top, cols)
        rows, cols = rows + (window.row + top), cols + window.col
        values, above = drawn.pixel.compute(table, rows, cols, known)
        with np.errstate(over="ignore"):  # a bound may be farther off than float32 can say; it is infinite then
            for key, column in values.items():
                arrays[key][band][inside] = column
        if above is not None:
            areas.append(drawn.uncertain.count(rows, cols, above))
    if drawn.scheme:
        arrays["class"] = classes_of(drawn.scheme, arrays["value"])
    return _Computed(arrays, areas, valid.size if keep is None else int(np.count_nonzero(keep)))


def _interval_facts(pixel, drawn):
    """Level and method of the bounds, what part of the samples they held in cross-validation, and pixels where one is infinite."""
    if pixel.level is None:
        return None
    return {"level": pixel.level, "method": pixel.method, "coverage": pixel.coverage, "unbounded": drawn.valid - drawn.bounded}


def _tags(pixel, variogram):
    """What the files say of interval and area, and of how errors resemble their neighbours, which the mean of a field needs."""
    tags = {"SOILCORE_INTERVAL_METHOD": pixel.method}
    if variogram:
        tags[VARIOGRAM_TAG] = json.dumps({name: variogram.get(name) for name in ("model", "nugget", "sill", "range", "usable")})
    if pixel.level is not None:
        tags |= {"SOILCORE_INTERVAL_LEVEL": pixel.level, "SOILCORE_INTERVAL_OBSERVED_COVERAGE": pixel.coverage}
    if pixel.with_area:
        tags["SOILCORE_AOA_THRESHOLD"] = f"{pixel.area.threshold_:.6g}"
    return {name: str(value) for name, value in tags.items() if value is not None}


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
        raise SceneError(
            f"None of the {pixels} pixels lies inside the area of interest and outside the mask. Check their place, or leave out --aoi and --mask."
        )
    raise SceneError(
        f"No pixel can be predicted: {drawn.kept} of {pixels} are to be mapped, and each of them lacks a predictor. "
        "Check that scene and covariates overlap, and that nodata, --scale and --offset are right."
    )


def _refuse_unavailable(settings):
    if settings.cluster is not None:
        raise NotAvailableError("--cluster is not available yet. Leave it out: the map is computed on this machine.")
