"""Maps of expected relative yield: what a crop would give at every pixel, averaged over what the salinity there may be.

Yield falls with salinity, so its lower bound is the yield at the upper bound of salinity, and its upper bound that at the lower one.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soilcore.core.tiles import run_tiles, worker_threads
from soilcore.data.cog import gtiff_profile, written_as_cog
from soilcore.mapping.layers import NO_CLASS, write_category_names
from soilcore.mapping.ramps import CLASSES, ramp_stops, rgb_of
from soilcore.mapping.styles import Style, value_style, write_style_files

_QUANTILES = (np.arange(25) + 0.5) / 25
_STRIP = 20_000
_AS_GOOD = 1.0  # % of the full yield: crops closer to the best than this are as good, and the one named first is shown
_KEYS = ("value", "lower", "upper")
_FULL_RANGE, _YIELD_RAMP = (0.0, 100.0), "viridis"


@dataclass(frozen=True)
class YieldMaps:
    """What was written.

    Parameters
    ----------
    layers : dict of str to str
        Paths: ``yield_<crop>`` and, with an interval, ``yield_<crop>_lower`` and ``yield_<crop>_upper``; ``best_crop`` of several crops.
    best_ha : dict of str to float
        Land on which each crop is the best one.
    """

    layers: dict
    best_ha: dict


def expected_yield(finished, crop, value, lower=None, upper=None):
    """Mean relative yield over the distribution of pixels.

    Parameters
    ----------
    finished : FinishedMap
    crop : Crop
    value, lower, upper : ndarray of float, shape (n,)
        ECe, dS/m.

    Returns
    -------
    ndarray of float, shape (n,)
        Percent.
    """
    if lower is None or upper is None:
        return crop.relative_yield(value)
    return crop.relative_yield(finished.quantiles(value, lower, upper, _QUANTILES)).mean(axis=0)


def write_yield_maps(finished, crops, folder, *, window=512, report=None):
    """Write expected yield and its bounds for some crops, and which of them gives most.

    Parameters
    ----------
    finished : FinishedMap
        ECe in dS/m.
    crops : sequence of Crop
    folder : path
    window : int
        Side of the windows in pixels; never changes the maps.
    report : Report

    Returns
    -------
    YieldMaps
    """
    from soilcore.core.progress import silent

    folder, grid = Path(folder), finished.grid
    names = _names(finished, crops)
    areas, best_ha = grid.cell_areas_ha(), np.zeros(len(crops))
    with ExitStack() as stack:
        read = stack.enter_context(finished.reader(_KEYS))
        files = {
            name: stack.enter_context(written_as_cog(folder / f"{name}.tif", _profile(grid, name), overviews=_overviews(name))) for name in names
        }
        for name, title in names.items():
            _describe(files[name], name, title, finished, crops)

        def write(block, arrays):
            place = (block.row, block.row + block.height), (block.col, block.col + block.width)
            for name, array in arrays.items():
                files[name].write(array, 1, window=place)
            if "best_crop" in arrays:
                for number in range(len(crops)):
                    best_ha[number] += areas[block.slices[0]] @ np.count_nonzero(arrays["best_crop"] == number, axis=1)

        run_tiles(
            grid, window, read, lambda block, layers: _computed(finished, crops, layers), write, worker_threads(), report or silent, "yields of crops"
        )
    for name in names:
        _style(folder / f"{name}.tif", name, crops)
    shown = {one.id: float(area) for one, area in zip(crops, best_ha, strict=True)} if "best_crop" in names else {}
    return YieldMaps({name: str(folder / f"{name}.tif") for name in names}, shown)


def _names(finished, crops):
    """Layers and their titles."""
    names = {}
    for one in crops:
        names[f"yield_{one.id}"] = f"Expected relative yield of {one.name}"
        if finished.has_interval:
            level = f"{100 * finished.level:.4g} %"
            names[f"yield_{one.id}_lower"] = f"Lower bound of the {level} interval of the relative yield of {one.name}"
            names[f"yield_{one.id}_upper"] = f"Upper bound of the {level} interval of the relative yield of {one.name}"
    if len(crops) > 1:
        names["best_crop"] = "Crop with the highest expected relative yield"
    return names


def _computed(finished, crops, layers):
    """Every layer of one window."""
    value = layers["value"]
    there = np.isfinite(value)
    arrays = {}
    for one in crops:
        expected = np.full(value.shape, np.nan, np.float32)
        expected[there] = _in_strips(finished, one, layers, there)
        arrays[f"yield_{one.id}"] = expected
        if finished.has_interval:
            arrays[f"yield_{one.id}_lower"] = np.where(there, one.relative_yield(layers["upper"]), np.nan).astype(np.float32)
            arrays[f"yield_{one.id}_upper"] = np.where(there, one.relative_yield(layers["lower"]), np.nan).astype(np.float32)
    if len(crops) > 1:
        stacked = np.stack([arrays[f"yield_{one.id}"] for one in crops])
        first = np.argmax(stacked >= stacked.max(axis=0) - _AS_GOOD, axis=0)
        arrays["best_crop"] = np.where(there & (stacked.max(axis=0) > 0), first, NO_CLASS).astype(np.uint8)
    return arrays


def _in_strips(finished, crop, layers, there):
    """Expected yield of the pixels of a window, a bounded number of them at a time."""
    known = [layers[key][there] if key in layers else None for key in _KEYS]
    parts = []
    for start in range(0, known[0].size, _STRIP):
        strip = slice(start, start + _STRIP)
        parts.append(expected_yield(finished, crop, *(None if one is None else one[strip] for one in known)))
    return np.concatenate(parts) if parts else np.empty(0)


def _profile(grid, name):
    return gtiff_profile(grid, 1, "uint8", NO_CLASS) if name == "best_crop" else gtiff_profile(grid, 1, "float32", np.nan)


def _overviews(name):
    return "mode" if name == "best_crop" else "average"


def _describe(raster, name, title, finished, crops):
    raster.descriptions = (title,)
    raster.units = ("" if name == "best_crop" else "%",)
    tags = {"SOILCORE_LAYER": name, "SOILCORE_LAYER_TITLE": title, "SOILCORE_MAP": finished.path.name, "SOILCORE_MODEL": finished.model}
    tags |= {"SOILCORE_DATE": finished.date, "SOILCORE_INTERVAL_LEVEL": finished.level, "SOILCORE_TARGET_METHOD": finished.method}
    if name == "best_crop":
        style = _crop_style(crops)
        raster.write_colormap(1, {number: (*rgb_of(color), 255) for number, color in enumerate(style.colors)} | {NO_CLASS: (0, 0, 0, 0)})
        tags |= {f"CLASS_{number}": label for number, label in enumerate(style.labels)}
    else:
        one = next(one for one in crops if name.removeprefix("yield_").removesuffix("_lower").removesuffix("_upper") == one.id)
        tags |= {
            "SOILCORE_CROP": one.id,
            "SOILCORE_CROP_THRESHOLD": one.threshold,
            "SOILCORE_CROP_SLOPE": one.slope,
            "SOILCORE_CROP_SOURCE": one.source,
        }
        tags |= {"SOILCORE_STYLE_LOW": _FULL_RANGE[0], "SOILCORE_STYLE_HIGH": _FULL_RANGE[1], "SOILCORE_STYLE_RAMP": _YIELD_RAMP}
    raster.update_tags(**{key: str(value) for key, value in tags.items() if value not in (None, "")})


def _crop_style(crops):
    return Style("classes", colors=ramp_stops(CLASSES, max(2, len(crops)))[: len(crops)], labels=tuple(one.name for one in crops))


def _style(path, name, crops):
    if name == "best_crop":
        style = _crop_style(crops)
        write_category_names(path, style.labels)
    else:
        style = value_style(*_FULL_RANGE, "%", _YIELD_RAMP)  # bright is much yield, as bright is little salt
    write_style_files(path, style)
