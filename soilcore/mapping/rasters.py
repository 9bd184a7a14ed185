"""The rasters of a map: one per layer, filled window by window, copied into their final form with style and names beside them."""

import itertools
import json
import math
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np

from soilcore.core import fingerprint
from soilcore.data.cog import gtiff_profile, write_cog
from soilcore.mapping.layers import NO_CLASS, layer_kind, layer_path, number_of, write_category_names
from soilcore.mapping.ramps import CLASSES, ramp_stops, rgb_of
from soilcore.mapping.styles import Style, class_style, value_style, write_style_files

_STYLE_PIXELS = 200_000  # the colour range is taken from about so many
_STYLE_PERCENTILES = (2, 98)
_SHARED_RANGE = ("lower", "upper")  # compared with each other, so coloured alike


class MapRasters:
    """All layers of one map while they are made.

    Parameters
    ----------
    model : FittedModel
    grid : Grid
    keys : tuple of str
        Layers, "value" first.
    scheme : ClassScheme or None
        Of the layer "class".
    facts : dict of str to str
        What files say beyond their origin: level and method of the interval, threshold of the area.
    """

    def __init__(self, model, grid, keys, scheme=None, facts=None):
        self.model, self.grid, self.keys, self.scheme = model, grid, tuple(keys), scheme
        self.facts = dict(facts or {})
        self._step = max(1, math.ceil(math.sqrt(grid.height * grid.width / _STYLE_PIXELS)))
        self._samples = {key: [] for key in self.keys if not layer_kind(key).is_classes}

    def empty(self, shape):
        """A window without data: dict of arrays by layer."""
        return {key: np.full(shape, layer_kind(key).nodata, layer_kind(key).dtype) for key in self.keys}

    @contextmanager
    def opened(self, folder):
        """Open the intermediate files; gives ``write(window, arrays)``."""
        import rasterio

        with ExitStack() as stack:
            files = {}
            for key in self.keys:
                kind = layer_kind(key)
                profile = gtiff_profile(self.grid, 1, kind.dtype, kind.nodata)
                files[key] = stack.enter_context(rasterio.open(_intermediate(folder, key), "w", **profile))
                self._describe(key, files[key])

            def write(window, arrays):
                place = (window.row, window.row + window.height), (window.col, window.col + window.width)
                for key, raster in files.items():
                    raster.write(arrays[key], 1, window=place)
                self._sample(window, arrays)

            yield write
            for key in self._samples:
                style = self.style(key)
                files[key].update_tags(SOILCORE_STYLE_LOW=repr(style.low), SOILCORE_STYLE_HIGH=repr(style.high), SOILCORE_STYLE_RAMP=style.ramp)

    def finish(self, folder, out, report):
        """Copy every layer into its cloud-optimised form, with its style; the places they will have, by layer."""
        places = {}
        for number, key in enumerate(self.keys):
            report(number, len(self.keys), f"writing {self.title(key).lower()}")
            kind = layer_kind(key)
            place = layer_path(folder / out.name, key)
            write_cog(_intermediate(folder, key), place, overviews="mode" if kind.is_classes else "average")
            _intermediate(folder, key).unlink()
            style = self.style(key)
            write_style_files(place, style)
            if kind.is_classes:
                write_category_names(place, self.scheme.labels if key == "class" else style.labels)
            places[key] = str(layer_path(out, key))
        report(1, 1, "the map is written")
        return places

    def style(self, key):
        """How a layer is coloured."""
        kind = layer_kind(key)
        if key == "class":
            return class_style(self.scheme)
        if kind.is_classes:
            labels = kind.labels or self._step_labels()
            return Style("classes", colors=kind.colors or ramp_stops(CLASSES, len(labels)), labels=labels)
        unit = kind.unit_of(self.model.target.get("unit"))
        limits = kind.limits or self._limits(key)
        return replace(value_style(*limits, unit, kind.ramp), percent=kind.is_share)

    def title(self, key):
        """What a layer shows, in words, with level, threshold and unit filled in."""
        level = f"{100 * float(self.facts.get('SOILCORE_INTERVAL_LEVEL', 0)):.4g} %"
        return layer_kind(key).title.format(level=level, value=number_of(key), unit=self.model.target.get("unit") or "").strip()

    def _limits(self, key):
        if key in _SHARED_RANGE:
            ranges = [self._percentiles(one) for one in _SHARED_RANGE if one in self._samples]
            return min(low for low, _ in ranges), max(high for _, high in ranges)
        return self._percentiles(key)

    def _percentiles(self, key):
        sample = np.concatenate(self._samples[key]) if self._samples[key] else np.empty(0)
        return tuple(np.percentile(np.sort(sample), _STYLE_PERCENTILES)) if sample.size else (0.0, 1.0)

    def _sample(self, window, arrays):
        """Keep pixels of a fixed grid, so that the colours do not depend on the windows."""
        rows, cols = slice(-window.row % self._step, None, self._step), slice(-window.col % self._step, None, self._step)
        for key, sample in self._samples.items():
            values = arrays[key][rows, cols]
            sample.append(values[np.isfinite(values) & (values != layer_kind(key).nodata)].astype(float))

    def _step_labels(self):
        """Names of a two-step learner's own classes; a value on a limit belongs to the class below."""
        unit = self.model.target.get("unit") or ""
        edges = [f"{edge:g}" for edge in self.model.learner.edges_]
        between = [f"above {low} to {high} {unit}".strip() for low, high in itertools.pairwise(edges)]
        return (f"up to {edges[0]} {unit}".strip(), *between, f"above {edges[-1]} {unit}".strip())

    def _describe(self, key, raster):
        kind, target = layer_kind(key), self.model.target
        title = self.title(key)
        what = describe_target(target)
        scheme = self.scheme
        described = what if key == "value" else f"{scheme.title or scheme.id} of {what}" if key == "class" else f"{title}: {what}"
        raster.descriptions = (described,)
        raster.units = (kind.unit_of(target.get("unit")),)
        tags = {**origin_tags(self.model), **self.facts, "SOILCORE_LAYER": key, "SOILCORE_LAYER_TITLE": title}
        if kind.is_classes:
            style = self.style(key)
            raster.write_colormap(1, {number: (*rgb_of(color), 255) for number, color in enumerate(style.colors)} | {NO_CLASS: (0, 0, 0, 0)})
            labels = scheme.labels if key == "class" else style.labels
            tags |= {f"CLASS_{number}": label for number, label in enumerate(labels)}
        if key == "class":
            tags |= {"SOILCORE_CLASSES": scheme.id, "SOILCORE_CLASS_EDGES": json.dumps(list(scheme.edges)), "SOILCORE_CLASS_UNIT": scheme.unit}
        raster.update_tags(**tags)


def describe_target(target):
    """A target in words: its column, and the form it was converted to."""
    form = target.get("form")
    return target["column"] if form in (None, "", "as-measured") else f"{form} ({target['column']})"


def origin_tags(model):
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


def _intermediate(folder, key):
    return folder / f"{key}.parts.gtiff"
