"""What if: a map with some predictors changed, beside the map as it is, and where the model has no say about it.

A scenario tells what the model predicts for other predictors, not what would happen: a model learns what goes together, not what causes what,
and predictors that hang together in nature are moved alone here.
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from soilcore.core.classes import class_scheme
from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.files import written_whole
from soilcore.core.memory import peak_memory_mb
from soilcore.core.progress import part, silent
from soilcore.core.tiles import run_tiles, worker_threads
from soilcore.data.rasters import opened_raster, rasterio_window, reading
from soilcore.explanation.changed_inputs import ChangedSource, parse_change
from soilcore.mapping.classify import ClassAreas
from soilcore.mapping.differences import (
    CHANGE_COLORS,
    CHANGE_LABELS,
    FALL,
    FROM_MAPS,
    RISE,
    beyond_interval,
    check_correlation,
    directions,
    rule_in_words,
)
from soilcore.mapping.layers import INSIDE, NO_CLASS, OUTSIDE, layer_path
from soilcore.mapping.networks import columns_read, reads_windows
from soilcore.mapping.predict import MapSettings, predict_map
from soilcore.mapping.raster_set import RasterLayer, RasterSet, check_result_folder, on_fixed_grid
from soilcore.mapping.rasters import origin_tags
from soilcore.trust.applicability import FACTS as AREA_FACTS
from soilcore.trust.interval_base import FACTS as INTERVAL_FACTS
from soilcore.trust.interval_base import transform_of

MARKER = "scenario.run.json"
NOTE = (
    "A scenario shows what the model predicts for other predictors, not what would happen: it learned what goes together, not what causes what, "
    "and predictors that hang together in nature are moved alone here."
)
_SAMPLED = 1_000_000
_YES_NO = ("#D9D9D9", "#D55E00")


@dataclass(frozen=True)
class ScenarioSettings:
    """What a user can say about a scenario.

    Parameters
    ----------
    out : str
        Folder to make.
    changes : tuple of str
        See `soilcore.explanation.changed_inputs.parse_change`.
    interval : float or None
        Level of the prediction intervals.
    classes : str, optional
        Class scheme.
    correlation : float
        Of the errors of both predictions of a pixel; see `soilcore.mapping.differences`.
    window : int
    stride : int
        Of networks that read windows; see `MapSettings`.
    threads : int, optional
    device : str
    overwrite : bool
    """

    out: str
    changes: tuple[str, ...]
    interval: float | None = 0.9
    classes: str | None = None
    correlation: float = 0.0
    window: int = 512
    stride: int = 1
    threads: int | None = None
    device: str = "auto"
    overwrite: bool = False


def map_scenario(model, source, settings, region=None, beside=None, report=silent):
    """Map a model as it is and with changed predictors, and what lies between.

    Pixels where a predictor that moved lies outside its range in training are not predicted: no data in every raster of the scenario.

    Parameters
    ----------
    model : FittedModel
    source : FeatureSource
    settings : ScenarioSettings
    region : Region, optional
    beside : callable, optional
        ``beside(folder, facts)`` writes further files into the folder before it appears.
    report : Report

    Returns
    -------
    dict
        ``out``; ``layers``, the rasters by name; ``changes`` with ``columns`` that moved; ``pixels``, ``baseline_valid``, ``valid`` (predicted in
        both); ``difference`` (``mean``, ``median``, ``share_changed`` beyond the interval ...); ``outside_envelope_share`` and
        ``left_aoa_share`` of the pixels of the baseline; ``classes``, one row per class with ``area_ha_before`` and ``area_ha_after``; ``stride`` and
        ``stride_error`` of both maps (see `NetworkMap.facts`; None for a stride of 1); ``note``.

    Raises
    ------
    FeatureError
        If something is to be changed that the model does not read.
    SceneError
        If no pixel is left that the model can speak of.
    """
    started = time.perf_counter()
    if not settings.changes:
        raise SettingsError("A scenario needs something that changes. Name it, for example --set elevation=+0.5.")
    correlation = check_correlation(settings.correlation)
    if correlation == FROM_MAPS:
        raise SettingsError("A scenario changes every pixel, so its maps do not tell how their errors go together. Give a number as correlation.")
    changed = ChangedSource(source, [parse_change(text) for text in settings.changes], model.envelope)
    _check_read_by_network(model, changed)
    out = check_result_folder(settings.out, MARKER, settings.overwrite)
    asked, said = _map_settings(model, settings)
    with written_whole(out) as folder:
        folder.mkdir()
        before = predict_map(model, source, replace(asked, out=str(folder / "baseline.tif")), region, part(report, 0, 0.4))
        with Envelope(model.envelope, source, changed, region).opened() as envelope:
            after = _predict_changed(model, changed, replace(asked, out=str(folder / "scenario.tif")), envelope, part(report, 0.4, 0.45))
        compared = _compare(model, source.grid, asked, correlation, folder, out, part(report, 0.85, 0.15))
        facts = {
            "out": str(out),
            "layers": {**_moved(before["layers"], out, ""), **_moved(after["layers"], out, "scenario"), **compared.pop("layers")},
            "changes": [
                {"text": change.text, "name": change.name, "operation": change.operation, "value": change.value, "columns": columns}
                for change, columns in changed.moved.items()
            ],
            "unit": model.target.get("unit"),
            "level": asked.interval,
            "rule": None if asked.interval is None else rule_in_words(correlation, asked.interval),
            "correlation": correlation,
            **compared,
            "outside_envelope_by": envelope.by_column() if asked.stride == 1 else None,  # windows of coarser ones overlap and count pixels twice
            "stride": asked.stride,
            "stride_error": {name: one["stride_error"] for name, one in (("baseline", before), ("scenario", after))} if asked.stride > 1 else None,
            "aoa_share_before": before["aoa_share"],
            "aoa_share_after": after["aoa_share"],
            "date": None if source.date is None else str(source.date),
            "note": NOTE,
            "seconds": round(time.perf_counter() - started, 3),
            "peak_rss_mb": peak_memory_mb(),
            "assumed": said,
        }
        if beside:
            beside(folder, facts)
    report(1, 1, "the scenario is written")
    return facts


def _map_settings(model, settings):
    """Settings of both maps, without what the model was stored without; and what was decided."""
    said, interval = [], settings.interval
    if interval is not None and INTERVAL_FACTS not in model.trust:
        interval = None
        said.append("the model was stored without prediction intervals, so no change can be told from error")
    aoa = AREA_FACTS in model.trust
    if not aoa:
        said.append("the model was stored without an area of applicability, so nothing tells which pixels leave it")
    if reads_windows(model.learner):
        said.append("predictors change in the windows round a pixel too; only those of the pixel itself are held against their range in training")
    asked = MapSettings("", settings.classes, settings.window, True, settings.threads, interval, (), aoa, settings.stride, settings.device)
    return asked, tuple(said)


def _check_read_by_network(model, changed):
    """Refuse to change monthly climate that a network reads as it is, whose range in training is not known, and predictors that it does not read."""
    sequence = getattr(getattr(model.learner, "needs_", None), "sequence", None)
    read = () if sequence is None else sequence.variables
    if both := [change.name for change in changed.changes if change.name in read]:
        raise SceneError(
            f"The network reads {both[0]!r} month by month, and its range in training was not stored, so a changed series could not be judged. Change another predictor."
        )
    if not reads_windows(model.learner):
        return
    seen = columns_read(model.learner)
    if unread := [change.name for change, moved in changed.moved.items() if not seen.intersection(moved)]:
        raise SceneError(f"The network does not look at {unread[0]!r}, so its map would stay as it is. It reads {', '.join(sorted(seen))}.")


def _predict_changed(model, changed, asked, envelope, report):
    try:
        return predict_map(model, changed, asked, envelope, report)
    except SceneError:
        if envelope.judged and not envelope.left:
            worst = next(iter(envelope.by_column()), None)
            low, high = (model.envelope[worst][end] for end in ("min", "max")) if worst else (0, 0)
            raise SceneError(
                f"With {', '.join(change.text for change in changed.changes)} not a single pixel keeps to what the model was trained on; "
                f"most leave it by {worst} (training {low:.4g} to {high:.4g}). Change less."
            ) from None
        raise


class Envelope:
    """Pixels whose changed predictors keep to their range in training; serves a map as its region.

    Parameters
    ----------
    ranges : dict
        `FittedModel.envelope`.
    source, changed
        Predictors as they are, and changed.
    region : Region or None
        Area of interest and masks.
    """

    def __init__(self, ranges, source, changed, region=None):
        self._source, self._changed, self._region = source, changed, region
        self._columns = [(changed.names.index(name), name, ranges[name]["min"], ranges[name]["max"]) for name in changed.columns]
        self._outside = dict.fromkeys((name for _, name, _, _ in self._columns), 0)
        self._readers = None
        self.judged = self.left = 0

    @contextmanager
    def opened(self):
        """Open the files of both sources."""
        with self._source.reader() as before, self._changed.reader() as after:
            self._readers = before, after
            yield self

    def keep(self, window):
        """Which pixels of a window are to be predicted, bool of shape (rows, columns)."""
        before, after = (reader.read(window) for reader in self._readers)
        keep = np.isfinite(before).all(axis=0)
        if self._region is not None:
            keep &= self._region.keep(window)
        self.judged += int(keep.sum())
        inside = keep.copy()
        for position, name, low, high in self._columns:
            value = after[position]
            moved = value != before[position]  # NaN counts as moved
            # Bounds as float32, as the pixels are: a training sample's own pixel is always inside.
            outside = moved & ~((value >= np.float32(low)) & (value <= np.float32(high)))
            self._outside[name] += int((outside & keep).sum())
            inside &= ~outside
        self.left += int(inside.sum())
        return inside

    def by_column(self):
        """Pixels outside the range in training by predictor, the most first; those without any are left out."""
        return dict(sorted(((name, count) for name, count in self._outside.items() if count), key=lambda pair: -pair[1]))


def _compare(model, grid, asked, correlation, folder, out, report):
    """Rasters and facts of what lies between both maps."""
    scheme = class_scheme(asked.classes) if asked.classes else None
    unit, transform = model.target.get("unit") or "", transform_of(model.learner).name
    rasters = RasterSet(grid, _layers(asked, unit), origin_tags(model))
    counts = _Counts(grid, scheme)
    keys = ["value", *(["lower", "upper"] if asked.interval is not None else []), *(["aoa"] if asked.aoa else []), *(["class"] if scheme else [])]

    def read(window):
        return {(name, key): _read(files[name, key], window) for name in names for key in keys}

    def compute(window, data):
        before, after = (tuple(data[name, key] for key in keys[: 3 if asked.interval is not None else 1]) for name in names)
        valid, both = np.isfinite(before[0]), np.isfinite(before[0]) & np.isfinite(after[0])
        arrays = {"difference": after[0] - before[0], "outside_envelope": np.where(valid, ~both, NO_CLASS).astype(np.uint8)}
        if asked.interval is not None:
            beyond = beyond_interval(before, after, correlation, transform)
            arrays["change"] = directions(before[0], after[0], beyond)
            arrays["difference_beyond"] = np.where(beyond, arrays["difference"], np.float32(np.nan))
        if asked.aoa:
            left = (data["baseline", "aoa"] == INSIDE) & (data["scenario", "aoa"] == OUTSIDE)
            arrays["left_aoa"] = np.where(both, left, NO_CLASS).astype(np.uint8)
        return arrays, valid, both, {name: data[name, "class"] for name in names} if scheme else None

    def write(window, result):
        put(window, result[0])
        counts.add(window, *result)

    names, files = ("baseline", "scenario"), {}
    with _opened(folder, names, keys, files), rasters.opened(folder) as put:
        run_tiles(grid, asked.window, read, compute, write, worker_threads(asked.threads), report, "comparing")
    return {"layers": rasters.finish(folder, out, report), **counts.facts(asked)}


@contextmanager
def _opened(folder, names, keys, files):
    from contextlib import ExitStack

    with ExitStack() as stack:
        for name in names:
            for key in keys:
                files[name, key] = stack.enter_context(opened_raster(layer_path(folder / f"{name}.tif", key)))
        yield


def _read(raster, window):
    with reading(raster.name):
        return raster.read(1, window=rasterio_window(window))


def _layers(asked, unit):
    yield RasterLayer("difference", "Difference that the scenario makes", unit, signed=True)
    if asked.interval is not None:
        yield RasterLayer("difference_beyond", f"Difference beyond the {100 * asked.interval:.4g} % interval", unit, signed=True)
        yield RasterLayer("change", f"Change beyond the {100 * asked.interval:.4g} % interval", colors=CHANGE_COLORS, labels=CHANGE_LABELS)
    if asked.aoa:
        yield RasterLayer(
            "left_aoa", "Left the area of applicability", colors=_YES_NO, labels=("stays as it was", "leaves the area: the scores do not hold")
        )
    yield RasterLayer(
        "outside_envelope",
        "Outside the range of training",
        colors=_YES_NO,
        labels=("predicted", "not predicted: a changed predictor is outside its range"),
    )


class _Counts:
    def __init__(self, grid, scheme):
        self.grid, self.scheme = grid, scheme
        self.step = max(1, int(np.ceil(np.sqrt(grid.height * grid.width / _SAMPLED))))
        self.baseline = self.both = self.higher = self.lower = self.left = 0
        self.sum, self.samples = 0.0, []
        self.areas = {name: ClassAreas(scheme, grid) for name in ("baseline", "scenario")} if scheme else {}
        self.moves = np.zeros((grid.height, len(scheme.labels), len(scheme.labels)), np.int64) if scheme else None

    def add(self, window, arrays, valid, both, classes):
        difference = arrays["difference"]
        self.baseline += int(valid.sum())
        self.both += int(both.sum())
        self.sum += difference[both].sum(dtype=float)
        self.samples.append(on_fixed_grid(window, np.where(both, difference, np.nan), self.step).ravel())
        if "change" in arrays:
            self.higher += int((arrays["change"] == RISE).sum())
            self.lower += int((arrays["change"] == FALL).sum())
        if "left_aoa" in arrays:
            self.left += int((arrays["left_aoa"] == 1).sum())
        if classes:
            shared = {name: np.where(both, numbers, NO_CLASS) for name, numbers in classes.items()}
            for name, areas in self.areas.items():
                areas.add(window, shared[name])
            k = self.moves.shape[1]
            rows = np.broadcast_to(np.arange(window.row, window.row + window.height)[:, None], both.shape)
            np.add.at(self.moves, (rows[both], shared["baseline"][both], shared["scenario"][both]), 1) if k else None

    def facts(self, asked):
        values = np.concatenate(self.samples)
        values = values[np.isfinite(values)].astype(float)
        low, median, high = np.percentile(values, [5, 50, 95])
        known, both = asked.interval is not None, self.both
        return {
            "pixels": self.grid.height * self.grid.width,
            "baseline_valid": self.baseline,
            "valid": both,
            "difference": {
                "mean": self.sum / both,
                "median": median,
                "p5": low,
                "p95": high,
                "share_changed": (self.higher + self.lower) / both if known else None,
                "share_higher": self.higher / both if known else None,
                "share_lower": self.lower / both if known else None,
            },
            "outside_envelope_share": 1 - both / self.baseline,
            "left_aoa_share": self.left / both if asked.aoa else None,
            "classes": self._classes(),
            "class_moves_ha": None if self.scheme is None else np.tensordot(self.grid.cell_areas_ha(), self.moves, axes=1),
        }

    def _classes(self):
        if self.scheme is None:
            return None
        before, after = (self.areas[name].table() for name in ("baseline", "scenario"))
        return [
            {"class": a["class"], "lower": a["lower"], "upper": a["upper"]}
            | {"area_ha_before": a["area_ha"], "area_ha_after": b["area_ha"], "share_before": a["share"], "share_after": b["share"]}
            for a, b in zip(before, after, strict=True)
        ]


def _moved(layers, out, prefix):
    """Where the layers of a map will lie, under names of their own."""
    start = prefix or "baseline"
    return {start if key == "value" else f"{start}_{key}": str(Path(out) / Path(path).name) for key, path in layers.items()}
