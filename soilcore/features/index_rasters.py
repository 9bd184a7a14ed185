"""Index rasters of a scene, window by window: memory is bounded by the window, and nothing half-written is left behind."""

from contextlib import contextmanager

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.files import written_whole
from soilcore.core.progress import silent
from soilcore.core.tiles import check_window, run_tiles
from soilcore.features.formula import Formula, parse_named_formula
from soilcore.features.indices import compute_indices, index_by_id

# Zstandard at its fastest with the integer predictor takes a seventh of the time of the default deflate and stores 14 % more.
_COMPRESSION = {"compress": "zstd", "zstd_level": 1, "predictor": 2}
_LAYOUT = {"driver": "GTiff", "tiled": True, "interleave": "band", "bigtiff": "if_safer"}
_TILE = 512


def write_indices(scene, ids, formulas, out, window=512, region=None, report=silent, threads=2):
    """Write indices and formulas of a scene as one GeoTIFF.

    Parameters
    ----------
    scene : Scene
        Gives `grid`, `roles` and a reader of reflectance (0-1).
    ids : sequence of str
        Registry ids; a repeated one is written once.
    formulas : sequence of (str, str), str or Formula
        Name and expression, or ``NAME=EXPRESSION``.
    out : path
        The GeoTIFF: float32, tiled, one band per index, its description the id, NaN where invalid. Replaced if it exists.
    window : int
        Side of the windows in pixels. The result is the same for every side.
    region : Region, optional
        Pixels outside become NaN and are counted neither as valid nor as invalid.
    report : Report
        Called after every window, with pixels.
    threads : int
        Windows computed at a time.

    Returns
    -------
    dict
        ``out``; ``bands``, a list of ``{"id", "valid", "invalid"}`` counts of pixels; ``outside``, the pixels outside the region.

    Raises
    ------
    SettingsError
        If an id is unknown, nothing is asked for, or `window` is no size.
    FeatureError
        If a band is missing, or two outputs have one name.
    """
    window = check_window(window)
    layers = _Layers(scene, tuple(dict.fromkeys(ids)), tuple(_named(formula) for formula in formulas))
    valid, inside = np.zeros(len(layers.names), np.int64), 0

    def read(place):
        keep = region.keep(place) if region is not None else None
        return reader.read(place, layers.roles), keep

    def write(place, result):
        nonlocal inside
        values, kept = result
        inside += kept
        valid[:] += np.isfinite(values).sum(axis=(1, 2))
        raster.write(values, window=((place.row, place.row + place.height), (place.col, place.col + place.width)))

    with written_whole(out) as temporary, scene.reader() as reader, _raster(temporary, scene.grid, layers.names, window, threads) as raster:
        run_tiles(scene.grid, window, read, layers.make, write, threads, report, "writing indices")
    bands = [{"id": name, "valid": int(count), "invalid": int(inside - count)} for name, count in zip(layers.names, valid, strict=True)]
    return {"out": str(out), "bands": bands, "outside": int(scene.grid.height * scene.grid.width - inside)}


def _named(formula):
    if isinstance(formula, Formula):
        return formula
    return parse_named_formula(formula if isinstance(formula, str) else "=".join(formula))


class _Layers:
    """What is written, and how one window of it is made."""

    def __init__(self, scene, ids, formulas):
        parsed = [index_by_id(identifier).parsed for identifier in ids] + list(formulas)
        self.ids, self.formulas = ids, formulas
        self.names = (*ids, *(formula.name for formula in formulas))
        self.roles = tuple(dict.fromkeys(role for formula in parsed for role in formula.names))
        if not self.names:
            raise SettingsError("No index was asked for. Name one with --index, a set with --index-set, or a formula with --formula.")
        if repeated := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise FeatureError(f"Two outputs are called {repeated[0]!r}. Give the formula another name.")
        if missing := [role for role in self.roles if role not in scene.roles]:
            raise FeatureError(f"The scene has no band {missing[0]}, which an index asked for needs. Its bands: {', '.join(scene.roles)}.")

    def make(self, place, data):
        """Values of one window, float32 of shape (index, row, column), and the number of its pixels inside the region."""
        bands, keep = data
        bands = np.asarray(bands, np.float32)
        values = np.empty((len(self.names), place.height, place.width), np.float32)
        compute_indices(dict(zip(self.roles, bands, strict=True)), self.ids, formulas=self.formulas, out=values)
        if keep is None:
            return values, place.height * place.width
        values[:, ~keep] = np.nan
        return values, int(np.count_nonzero(keep))


@contextmanager
def _raster(path, grid, names, window, threads):
    """An open raster of one named float32 band per index; small windows get tiles of their size, so that none is written twice."""
    import rasterio

    tile = window if window < _TILE and window % 16 == 0 else _TILE
    place = {"height": grid.height, "width": grid.width, "transform": grid.transform, "crs": grid.crs.to_wkt()}
    values = {"count": len(names), "dtype": "float32", "nodata": float("nan")}
    layout = _LAYOUT | _COMPRESSION | {"blockxsize": tile, "blockysize": tile, "num_threads": max(1, threads)}
    with rasterio.open(path, "w", **layout, **values, **place) as raster:
        raster.descriptions = names
        yield raster
