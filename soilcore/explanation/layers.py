"""Maps of what drives a prediction: one raster per driver, and which driver dominates where."""

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.files import check_output, written_whole
from soilcore.core.grids import Grid, Window
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, run_tiles
from soilcore.data.cog import gtiff_profile
from soilcore.explanation.layer_files import DOMINANT, ERROR, EXPECTED, PREDICTION, file_names, finish, finish_classes, parts_file
from soilcore.explanation.layer_pixels import PixelsAsRows
from soilcore.explanation.tabular import TabularExplainer
from soilcore.mapping.layers import NO_CLASS
from soilcore.mapping.networks import reads_windows
from soilcore.mapping.ramps import CONTINUOUS, DIFFERENCES
from soilcore.mapping.styles import value_style

OTHERS = "another driver"
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#1b1b1b")  # told apart with every kind of colour vision
_OTHERS_COLOR = "#9a9a9a"
_NOWHERE = 65535  # no driver, while the rasters are made
_STYLE_PIXELS = 100_000
_STYLE_PERCENTILE = 98
_WINDOWS_SHARE = 0.85  # of the time


def attribution_maps(
    model,
    source,
    out_dir,
    *,
    region=None,
    view=None,
    step=1,
    groups=None,
    draws=None,
    seed=0,
    window=256,
    threads=None,
    overwrite=False,
    background=None,
    trained=None,
    device="auto",
    report=silent,
):
    """Write what drives a model's predictions as cloud-optimised rasters.

    Parameters
    ----------
    model : FittedModel
    source : FeatureSource
    out_dir : path
        Folder to write.
    region : Region, optional
        Area of interest and masks.
    view : Window, optional
        Part of the grid; all of it if not given.
    step : int
        Only the pixel in the middle of so many by so many is computed, and stands for all of them: a preview.
    groups : dict of str to sequence of str, optional
        Drivers whose attributions are added up into one layer; see `soilcore.explanation.grouping`.
    draws : int, optional
        Pairs of walks per pixel of members that must be sampled, at least 2. If not given, one from every background row for small networks, 16 for
        other members. Trees and linear members are exact. Of networks that read windows: paths from training samples to every pixel.
    seed : int
        Orders those walks, the same for all pixels.
    window : int
        Side of the windows in pixels; it bounds the memory and never changes a raster.
    threads : int, optional
        Windows computed at a time.
    overwrite : bool
        Whether a folder that is there is replaced.
    background : Background, optional
        What the model was stored with, if not given.
    trained : tuple of DataFrame and Surroundings, optional
        Training samples of a network that reads windows of imagery, from which its attributions start; it keeps none itself.
    device : {"auto", "cpu", "cuda", "mps"}
        Where networks run.
    report : Report
        May raise Stopped; then no file is left.

    Returns
    -------
    dict
        ``out``; ``layers``, name of each driver to its file; ``dominant``, ``prediction`` (modelling scale) and ``sampling_error`` (root mean square over
        drivers; None where all is exact): files; ``classes``, rows of the dominant-driver raster: ``number``, ``driver``, ``color``, ``share`` of the
        valid pixels; ``rows``: per driver ``feature``, ``mean_abs`` and ``mean`` over valid pixels, largest first; ``base``, ``scale``, ``exact``,
        ``how``; ``additivity_error``, largest difference between the prediction and base plus attributions, ``additivity_error_mean``, the mean over
        pixels, and ``additivity_error_written``, the largest of the 32-bit numbers in the files; ``sampling_error_mean``; ``pixels``, ``valid``, ``step``,
        ``seconds``, ``pixels_per_second``; ``text``, ``note``. Of a network, whose attributions miss the prediction by the noise of their draws, also
        ``expected``: the raster of what they start from where that is not the same everywhere, else None.

    Raises
    ------
    SettingsError
        If the folder exists, or step, window, view or draws are impossible.
    SceneError
        If no pixel can be explained.
    NotAvailableError, ModelError
        As `TabularExplainer` and `predict_map`.
    """
    from soilcore.mapping.predict import check_source

    started = time.perf_counter()
    out, view = check_output(out_dir, overwrite), _checked(source.grid, view, step, draws)
    check_window(window)
    check_source(model, source)
    pixels = _pixels_of(model, source, background, trained, draws, seed, threads, device)
    maps = _Maps(model, pixels, source, view, step, _grouping(pixels.names, groups))
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(out) as folder:
        folder.mkdir()
        _compute(maps, region, window, folder, part(report, 0, _WINDOWS_SHARE))
        if not maps.valid:
            raise SceneError(
                f"None of the {maps.grid.height * maps.grid.width} pixels asked for can be explained: each lies outside the area of interest, under the "
                "mask, or lacks a predictor. Choose another view."
            )
        facts = maps.finish(folder, part(report, _WINDOWS_SHARE, 1 - _WINDOWS_SHARE))
    seconds = time.perf_counter() - started
    facts = _with_places(facts, out)
    return facts | {"out": str(out), "seconds": round(seconds, 3), "pixels_per_second": round(maps.valid / max(seconds, 1e-9), 1)}


def _pixels_of(model, source, background, trained, draws, seed, threads, device):
    """What explains the pixels of a source."""
    if not reads_windows(model.learner):
        return PixelsAsRows(model, source, TabularExplainer(model, background=background, draws=draws, seed=seed, many=True), threads)
    from soilcore.explanation.network_layers import PixelsWithWindows

    return PixelsWithWindows(model, source, trained, draws, seed, threads, device)


@dataclass(frozen=True)
class _Found:
    """One window: attributions (n_layers, rows, columns), predictions, errors and what attributions start from as float32, and how far they are from
    adding up: the largest and the sum of absolute differences.
    """

    values: np.ndarray
    predicted: np.ndarray
    error: np.ndarray
    expected: np.ndarray
    unrounded_gap: float = 0.0
    sum_of_gaps: float = 0.0


class _Maps:
    """The rasters while they are made."""

    def __init__(self, model, explainer, source, view, step, groups):
        self.model, self.explainer, self.source, self.view, self.step, self.groups = model, explainer, source, view, step, groups
        self.names, self.files = tuple(groups), file_names(groups)
        self.grid = _decimated(source.grid.part(view), step)
        self.valid, self.gap, self.gap_total, self.written_gap, self.error_total = 0, 0.0, 0.0, 0.0, 0.0
        self.sums, self.sizes, self.leads = (np.zeros(len(self.names)) for _ in range(3))
        self._every = max(1, math.ceil(math.sqrt(self.grid.height * self.grid.width / _STYLE_PIXELS)))
        self._sample, self._predicted = [], []

    @property
    def rasters(self):
        """Names of the files of floats, the drivers first."""
        return (*self.files, PREDICTION, *(() if self.explainer.exact else (ERROR,)), *((EXPECTED,) if self.explainer.expected_varies else ()))

    def seen(self, window):
        """Rows and columns of the source's grid that a window of the output stands for."""
        middle = self.step // 2
        rows = self.view.row + (window.row + np.arange(window.height)) * self.step + middle
        cols = self.view.col + (window.col + np.arange(window.width)) * self.step + middle
        return np.minimum(rows, self.view.row + self.view.height - 1), np.minimum(cols, self.view.col + self.view.width - 1)

    def compute(self, window, data, report):
        """Attributions of one window."""
        usable, made = self.explainer.explained(data, *self.seen(window), report)
        found = _Found(*_empty(len(self.names), usable.shape))
        if made is None:
            return found
        for number, columns in enumerate(self.groups.values()):
            found.values[number][usable] = made.values[:, columns].sum(axis=1)
        found.predicted[usable], found.expected[usable] = made.predicted, made.base
        if made.errors is not None:
            found.error[usable] = np.sqrt(np.mean(made.errors**2, axis=1))
        gaps = np.abs(made.base + made.values.sum(axis=1) - made.predicted)
        return replace(found, unrounded_gap=float(gaps.max()), sum_of_gaps=float(gaps.sum()))

    def add(self, window, found):
        """Count one window; gives the number of the strongest driver at each pixel."""
        usable = np.isfinite(found.predicted)
        dominant = np.full(usable.shape, _NOWHERE, np.uint16)
        if usable.any():
            values = found.values[:, usable].astype(float)
            strongest = np.abs(values).argmax(axis=0)
            dominant[usable] = strongest
            self.leads += np.bincount(strongest, minlength=len(self.names))
            self.sums += values.sum(axis=1)
            self.sizes += np.abs(values).sum(axis=1)
            self.valid += int(usable.sum())
            self.gap, self.gap_total = max(self.gap, found.unrounded_gap), self.gap_total + found.sum_of_gaps
            base = found.expected[usable].astype(float) if self.explainer.expected_varies else self.explainer.base
            self.written_gap = max(self.written_gap, float(np.abs(base + values.sum(axis=0) - found.predicted[usable]).max()))
            self.error_total += float(np.nansum(found.error[usable].astype(float) ** 2))
        every = slice(-window.row % self._every, None, self._every), slice(-window.col % self._every, None, self._every)
        self._sample.append(np.abs(found.values[:, every[0], every[1]])[:, usable[every]].max(axis=0, initial=0))
        self._predicted.append(found.predicted[every][usable[every]])
        return dominant

    @property
    def spread(self):
        """Standard deviation of the predictions, over the pixels that styles are made of."""
        predicted = np.concatenate(self._predicted)
        return float(predicted.std(dtype=float)) if predicted.size else 0.0

    def styles(self):
        """Styles of the float rasters: drivers share one range round 0, so that they can be compared."""
        sizes, predicted = np.concatenate(self._sample), np.concatenate(self._predicted)
        limit = float(np.percentile(sizes, _STYLE_PERCENTILE)) if sizes.size else 0.0
        limit = limit if limit > 0 else 1.0
        unit = self.unit
        around = value_style(-limit, limit, unit, DIFFERENCES)
        low, high = np.percentile(predicted, [100 - _STYLE_PERCENTILE, _STYLE_PERCENTILE]) if predicted.size else (0.0, 1.0)
        predictions = value_style(low, high, unit)
        return {
            **dict.fromkeys(self.files, around),
            PREDICTION: predictions,
            EXPECTED: predictions,
            ERROR: value_style(0.0, limit, unit, CONTINUOUS),
        }

    @property
    def unit(self):
        """Unit of values on the modelling scale."""
        unit, transform = self.model.target.get("unit") or "", self.explainer.transform
        return unit if transform == "none" else f"{transform}({unit})" if unit else transform

    def classes(self):
        """Drivers that dominate, those of the largest areas first; the rest together."""
        order = [int(at) for at in np.argsort(-self.leads, kind="stable") if self.leads[at]]
        own = order if len(order) <= len(COLORS) else order[: len(COLORS) - 1]
        rows = [
            {"number": number, "driver": self.names[at], "color": COLORS[number], "share": float(self.leads[at] / self.valid)}
            for number, at in enumerate(own)
        ]
        if len(own) < len(order):
            share = float(self.leads[order[len(own) :]].sum() / self.valid)
            rows.append({"number": len(own), "driver": OTHERS, "color": _OTHERS_COLOR, "share": share})
        codes = np.full(_NOWHERE + 1, len(own), np.uint8)
        codes[own] = np.arange(len(own))
        codes[_NOWHERE] = NO_CLASS
        return rows, codes

    def finish(self, folder, report):
        """Copy every raster into its final form; gives the facts, with the names of files."""
        styles = self.styles()
        for number, name in enumerate(self.rasters):
            report(number, len(self.rasters) + 1, f"writing {name}")
            finish(folder, name, styles[name])
        report(len(self.rasters), len(self.rasters) + 1, "writing the dominant drivers")
        rows, codes = self.classes()
        finish_classes(folder, self.grid, rows, codes, self.tags("Driver with the largest attribution", DOMINANT))
        report(1, 1, "the attributions are written")
        order = np.argsort(-self.sizes, kind="stable")
        error = None if self.explainer.exact else math.sqrt(self.error_total / self.valid)
        return {
            "layers": dict(zip(self.names, (f"{name}.tif" for name in self.files), strict=True)),
            DOMINANT: f"{DOMINANT}.tif",
            PREDICTION: f"{PREDICTION}.tif",
            **{name: f"{name}.tif" if name in self.rasters else None for name in (ERROR, EXPECTED)},
            "classes": rows,
            "rows": [
                {"feature": self.names[at], "mean_abs": float(self.sizes[at] / self.valid), "mean": float(self.sums[at] / self.valid)} for at in order
            ],
            "base": self.explainer.base,
            "scale": self.explainer.scale,
            "exact": self.explainer.exact,
            "how": self.explainer.how,
            "additivity_error": self.gap,
            "additivity_error_mean": self.gap_total / self.valid,
            "additivity_error_written": self.written_gap,
            "sampling_error_mean": error,
            "pixels": self.grid.height * self.grid.width,
            "valid": self.valid,
            "step": self.step,
            "text": self.explainer.text,
            "note": " ".join(filter(None, (_preview_note(self.step), self.explainer.note(self)))),
        }

    def tags(self, title, key):
        """What the files say of themselves."""
        from soilcore.mapping.rasters import origin_tags

        facts = {
            "SOILCORE_LAYER": key,
            "SOILCORE_LAYER_TITLE": title,
            "SOILCORE_SHAP_BASE": repr(self.explainer.base),
            "SOILCORE_SHAP_SCALE": self.explainer.scale,
            "SOILCORE_SHAP_STEP": str(self.step),
        }
        return origin_tags(self.model) | facts


def _checked(grid, view, step, draws):
    """The view as a Window inside the grid."""
    if isinstance(step, bool) or not isinstance(step, int) or not 1 <= step <= 1000:
        raise SettingsError(f"A step of {step!r} pixels is not possible. Give a whole number from 1 (every pixel) to 1000.")
    if draws is not None and (not isinstance(draws, int) or draws < 2):
        raise SettingsError(f"{draws!r} pairs of walks say nothing about their error. Give a whole number of at least 2.")
    view = Window(0, 0, grid.height, grid.width) if view is None else view
    inside = view.row >= 0 and view.col >= 0 and view.row + view.height <= grid.height and view.col + view.width <= grid.width
    if not inside or view.height < 1 or view.width < 1:
        raise SettingsError(
            f"The view begins at row {view.row}, column {view.col} and has {view.height} x {view.width} pixels; the grid has {grid.height} x {grid.width}. "
            "Choose a part of it."
        )
    return view


def _grouping(names, groups):
    """Label of each layer to the places of its drivers."""
    if groups is None:
        return {name: np.array([place]) for place, name in enumerate(names)}
    given = [name for members in groups.values() for name in members]
    if sorted(given) != sorted(names):
        odd = sorted(set(given) ^ set(names)) or sorted({name for name in given if given.count(name) > 1})
        raise SettingsError(f"Groups must hold every driver once; {', '.join(odd[:4])} is missing, unknown or held twice.")
    return {label: np.array([names.index(name) for name in members]) for label, members in groups.items()}


def _decimated(grid, step):
    """The grid of every `step`-th pixel."""
    if step == 1:
        return grid
    a, b, c, d, e, f = grid.transform[:6]
    transform = type(grid.transform)(a * step, b * step, c, d * step, e * step, f)
    return Grid(math.ceil(grid.height / step), math.ceil(grid.width / step), transform, grid.crs)


def _empty(layers, shape):
    return np.full((layers, *shape), np.nan, np.float32), *(np.full(shape, np.nan, np.float32) for _ in range(3))


def _compute(maps, region, window, folder, report):
    import rasterio

    done = 0

    def read(place):
        rows, cols = maps.seen(place)
        block = Window(int(rows[0]), int(cols[0]), int(rows[-1] - rows[0]) + 1, int(cols[-1] - cols[0]) + 1)
        return look(block, np.ix_(rows - rows[0], cols - cols[0]), region)

    def compute(place, data):
        def inside(step, whole, message):
            report(done + 0.99 * place.height * place.width * step / whole, maps.grid.height * maps.grid.width, "attributions")

        return maps.compute(place, data, inside if maps.explainer.threads == 1 else silent)

    def write(place, found):
        nonlocal done
        dominant = maps.add(place, found)
        arrays = dict(zip((*maps.files, PREDICTION, ERROR, EXPECTED), (*found.values, found.predicted, found.error, found.expected), strict=True))
        where = (place.row, place.row + place.height), (place.col, place.col + place.width)
        for name in maps.rasters:
            files[name].write(arrays[name], 1, window=where)
        files[DOMINANT].write(dominant, 1, window=where)
        done += place.height * place.width

    side = max(maps.explainer.fewest, window // maps.step) if maps.step > 1 else window  # what is read for a window stays as large
    with ExitStack() as stack:
        look, files = stack.enter_context(maps.explainer.opened()), {}
        for name in (*maps.rasters, DOMINANT):
            kind = ("uint16", _NOWHERE) if name == DOMINANT else ("float32", float("nan"))
            files[name] = stack.enter_context(rasterio.open(parts_file(folder, name), "w", **gtiff_profile(maps.grid, 1, *kind)))
        run_tiles(maps.grid, maps.grid.windows(side), read, compute, write, maps.explainer.threads, report, "attributions")
        styles = maps.styles()
        titles = {
            **dict(zip(maps.files, (f"Attribution to {name}" for name in maps.names), strict=True)),
            PREDICTION: "Prediction on the modelling scale",
            EXPECTED: "What the attributions start from",
        }
        for name in maps.rasters:
            title, style = titles.get(name, "Standard error of an attribution, root mean square over drivers"), styles[name]
            files[name].descriptions, files[name].units = (title,), (maps.unit,)
            shown = {"SOILCORE_STYLE_LOW": repr(style.low), "SOILCORE_STYLE_HIGH": repr(style.high), "SOILCORE_STYLE_RAMP": style.ramp}
            files[name].update_tags(**maps.tags(title, name), **shown)


def _with_places(facts, out):
    named = {name: None if facts[name] is None else str(out / facts[name]) for name in (DOMINANT, PREDICTION, ERROR, EXPECTED)}
    return facts | named | {"layers": {name: str(out / file) for name, file in facts["layers"].items()}}


def _preview_note(step):
    return "" if step == 1 else f"A preview: one pixel of {step} x {step} was computed and stands for the others."
