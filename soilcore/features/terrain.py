"""Terrain of an elevation model as predictors: slope, aspect, curvatures, wetness and position, window by window.

Everything is computed on the cells of the elevation model and only then laid onto another grid: derivatives of interpolated elevations would be
those of the interpolation. Windows are read with a margin, so that no edge of a window shows; the wetness index follows water over the whole
raster and needs all of it in memory.
"""

import json
import math
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.files import check_output
from soilcore.core.grids import Window
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, run_tiles, worker_threads
from soilcore.features.band_counts import BandCounts

ATTRIBUTES = ("slope_deg", "aspect_deg", "profile_curvature", "plan_curvature", "tangential_curvature", "twi", "tpi")
CURVATURES = ("profile_curvature", "plan_curvature", "tangential_curvature")
TPI_RADIUS = 300.0  # metres; where cells are coarse, two of them
MOST_REACH = 1000  # cells that smoothing or a disc may reach
_SHEER = ("aspect_sine", "aspect_cosine")  # what aspect is resampled as: between 359 and 1 degrees lies north, not south


@dataclass(frozen=True)
class TerrainSettings:
    """How terrain is described.

    Parameters
    ----------
    slope : {"horn", "zt"}
        Gradient of slope and aspect: Horn's as in GDAL, or that of Zevenbergen and Thorne.
    convention : {"zt", "arcgis", "geometric"}
        Form, sign and unit of the curvatures; see `soilcore.features.terrain_arrays`.
    smooth : float
        Standard deviation, in cells, of the Gaussian that elevations are smoothed with before curvatures; 0 for none. 1 to 2 is advised for
        global models such as Copernicus GLO-30, whose noise of half a metre over 30 m bends more than most fields do.
    attributes : tuple of str
        Bands, of `ATTRIBUTES`.
    flat : {"zero", "nan"}
        Curvature of level ground.
    tpi_radius : float, optional
        Of the disc of the position index, in metres; 300, or two cells if that is more.
    cell : float, optional
        Side in metres of the cells that everything is computed on; that of the file if not given. Never finer.
    window : int
        Side of the windows in cells. The result is the same for every side.
    overwrite : bool
    """

    slope: str = "horn"
    convention: str = "zt"
    smooth: float = 0.0
    attributes: tuple[str, ...] = ATTRIBUTES
    flat: str = "zero"
    tpi_radius: float | None = None
    cell: float | None = None
    window: int = 512
    overwrite: bool = False

    def check(self):
        """Refuse what is not possible.

        Raises
        ------
        SettingsError
        """
        from soilcore.features.terrain_arrays import CONVENTIONS, FLATS, SLOPES

        for name, known in (("slope", SLOPES), ("convention", CONVENTIONS), ("flat", FLATS)):
            if getattr(self, name) not in known:
                raise SettingsError(f"{name} = {getattr(self, name)!r} is not known. Choose one of {', '.join(known)}.")
        if unknown := [name for name in self.attributes if name not in ATTRIBUTES]:
            raise SettingsError(f"Terrain has no attribute {unknown[0]!r}. Choose among {', '.join(ATTRIBUTES)}.")
        if not self.attributes or len(set(self.attributes)) < len(self.attributes):
            raise SettingsError(f"Name each attribute once, and at least one of {', '.join(ATTRIBUTES)}.")
        if not 0 <= self.smooth <= 50:
            raise SettingsError(f"Smoothing with a standard deviation of {self.smooth!r} cells is not possible. Give 0 (none) to 50.")
        for name in ("tpi_radius", "cell"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise SettingsError(f"{name} = {value!r} is not possible. Give metres above 0.")
        check_window(self.window)


def unit_of(attribute, convention="zt"):
    """Unit of an attribute as it is written into files; "" for the wetness index, a logarithm of metres."""
    if attribute in CURVATURES:
        return "1/(100 m)" if convention == "arcgis" else "1/m"
    return {"slope_deg": "degree", "aspect_deg": "degree", "tpi": "m"}.get(attribute, "")


def write_terrain(dem_path, out, settings=None, grid=None, trusted=False, report=silent):
    """Write attributes of an elevation model as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    dem_path : path
        Elevation in any reference system; degrees and Web Mercator are laid onto a plane first.
    out : path
        float32, one band per attribute, its name the band's description; NaN at the edge and where a neighbour is missing. Appears whole
        or not at all.
    settings : TerrainSettings, optional
    grid : Grid, optional
        Lay the result onto these pixels (bilinear; aspect by way of its sine and cosine). The plane's own cells if not given.
    trusted : bool
        See `soilcore.data.rasters.open_raster`.
    report : Report

    Returns
    -------
    dict
        ``out``, ``bands`` (``name``, ``unit``, ``min``, ``median``, ``max``, ``valid`` pixels), ``crs``, ``cell_m`` (x, y), ``assumed``.

    Raises
    ------
    SettingsError
        If a setting is not possible, or `out` exists and may not be replaced.
    UnreadableError, SceneError
        If the file cannot be read or used, does not overlap `grid`, or is too large for the wetness index.
    """
    from soilcore.features.terrain_dem import open_elevation, stored_flat

    settings = settings or TerrainSettings()
    settings.check()
    out = check_output(out, settings.overwrite)
    report(0, 1, "opening the elevation model")
    work = _Work(open_elevation(dem_path, settings.cell, trusted), settings, grid)
    with tempfile.TemporaryDirectory(prefix=f".{out.stem}.", dir=out.parent) as folder:
        folder = Path(folder)
        work.elevation = stored_flat(work.elevation, folder / "plane.tif", work.read_region(), part(report, 0.0, 0.2))
        work.route(part(report, 0.2, 0.2))
        stored = None if work.target is None else folder / "own.tif"
        bands = work.derive(out, stored, part(report, 0.4, 0.4 if stored else 0.55))
        if stored:
            bands = work.lay(stored, out, part(report, 0.8, 0.15))
    report(1, 1, "terrain written")
    lies_on = work.elevation.grid if work.target is None else work.target
    cell = [round(abs(side), 6) for side in work.elevation.cell]
    return {"out": str(out), "bands": bands, "crs": _short(lies_on.crs), "cell_m": cell, "assumed": (*work.elevation.assumed, *work.said)}


class _Work:
    """One elevation model and what is to be made of it."""

    def __init__(self, elevation, settings, target):
        from soilcore.data.rasters import same_grid
        from soilcore.features.terrain_arrays import disc, smoothing_reach

        self.elevation, self.settings = elevation, settings
        self.target = None if target is None or same_grid(target, elevation.grid) else target
        cell_x, cell_y = self.cell = elevation.cell
        self.radius = settings.tpi_radius or max(TPI_RADIUS, 2 * abs(cell_x), 2 * abs(cell_y))
        self.bends = any(name in settings.attributes for name in CURVATURES)
        self.blur = smoothing_reach(settings.smooth) if self.bends else 0
        self.disc = disc(self.radius, cell_x, cell_y)[0] if "tpi" in settings.attributes else (0, 0)
        self.margin = tuple(max(self.blur + 1, reach) for reach in self.disc)
        self.area = None
        if self.disc and max(self.disc) > MOST_REACH:
            raise SettingsError(
                f"A disc of {self.radius:g} m reaches {max(self.disc)} cells of {abs(cell_x):g} m; {MOST_REACH} are possible. Give a smaller --tpi-radius."
            )
        if "tpi" in settings.attributes and max(self.disc) == 0:
            raise SettingsError(
                f"A disc of {self.radius:g} m holds no other cell of {abs(cell_x):g} x {abs(cell_y):g} m. Give a larger --tpi-radius."
            )
        if "twi" in settings.attributes:
            from soilcore.features.terrain_flow import check_room

            check_room(elevation.grid, elevation.path)
        whole = Window(0, 0, *elevation.grid.shape)
        self.region = whole if self.target is None else _covered(elevation, self.target, self.margin)
        self.said = tuple(self._remarks())

    def _remarks(self):
        names, settings = self.settings.attributes, self.settings
        if self.bends and settings.smooth == 0:
            yield "curvatures of unsmoothed elevations; for global models of 30 m smooth with 1 to 2 cells"
        if "plan_curvature" in names and settings.convention == "geometric":
            yield "plan_curvature is contour curvature, which grows without bound as ground becomes level; tangential_curvature does not"
        if "tpi" in names:
            yield f"tpi within a disc of {self.radius:g} m"
        if "twi" in names:
            from soilcore.features.terrain_flow import LEAST_TAN

            yield (
                f"twi: depressions filled, flow to all lower neighbours by slope^1.1, tan slope at least {LEAST_TAN:g}, area beyond the elevation model not counted"
            )
        if self.target is not None:
            yield f"computed on cells of {abs(self.cell[0]):.4g} x {abs(self.cell[1]):.4g} m, then laid onto the grid of the map (bilinear)"

    def read_region(self):
        """Cells whose elevation is needed."""
        height, width = self.elevation.grid.shape
        if "twi" in self.settings.attributes:
            return Window(0, 0, height, width)
        return _grown(self.region, self.margin, height, width)

    def route(self, report):
        """Area that drains through every cell of the raster, if the wetness index was asked for."""
        if "twi" not in self.settings.attributes:
            return
        from soilcore.features.terrain_flow import drained_area

        grid = self.elevation.grid
        z, windows = np.empty(grid.shape, np.float32), list(grid.windows(self.settings.window))
        with self.elevation.reader() as read:
            for done, window in enumerate(windows):
                report(done, 3 * len(windows), "reading the elevation")
                z[window.slices] = read(window)
        report(1, 3, "routing water")
        self.area, _ = drained_area(z, *self.cell)
        report(1, 1, "water routed")

    def names(self):
        """Bands on the cells of the elevation model: aspect by its sine and cosine where it has yet to be resampled."""
        if self.target is None:
            return self.settings.attributes
        return tuple(band for name in self.settings.attributes for band in (_SHEER if name == "aspect_deg" else (name,)))

    def derive(self, out, stored, report):
        """Write the attributes on the cells of the elevation model: as the result, or as `stored`, to be laid onto another grid."""
        grid, names = self.elevation.grid, self.names()
        counts = BandCounts(names, grid)
        windows = [window for window in grid.windows(self.settings.window) if _touch(window, self.region)]

        def write(window, values):
            counts.add(window, values)
            target.write(values, window=((window.row, window.row + window.height), (window.col, window.col + window.width)))

        opened = self._opened(out, grid) if stored is None else _plain(stored, grid, len(names))
        with self.elevation.reader() as read, opened as target:
            run_tiles(grid, windows, lambda window: read(window, self.margin), self.make, write, worker_threads(), report, "computing terrain")
            return self._facts(counts)

    def make(self, window, z):
        """Bands of one window, float32 of shape (band, rows, columns), from its elevations with their margin."""
        from soilcore.features.terrain_arrays import LOCAL, derivatives, position_inner, smooth_inner
        from soilcore.features.terrain_flow import wetness_index

        wanted, settings = self.settings.attributes, self.settings
        near = _cut(z, self.margin, (1, 1))
        smoothed = smooth_inner(_cut(z, self.margin, (self.blur + 1,) * 2), settings.smooth) if self.blur else None
        local = [name for name in LOCAL if name in wanted or (name == "slope_deg" and "twi" in wanted)]
        how = {"slope": settings.slope, "convention": settings.convention, "flat": settings.flat, "smoothed": smoothed}
        made = {name: values[1:-1, 1:-1] for name, values in derivatives(near, *self.cell, local, **how).items()}
        if "twi" in wanted:
            made["twi"] = wetness_index(self.area[window.slices], made["slope_deg"], *self.cell)
        if "tpi" in wanted:
            made["tpi"] = position_inner(_cut(z, self.margin, self.disc), self.radius, *self.cell)
        if self.target is not None and "aspect_deg" in wanted:
            turned = np.radians(made["aspect_deg"], dtype=np.float64)
            made |= dict(zip(_SHEER, (np.sin(turned), np.cos(turned)), strict=True))
        return np.stack([made[name] for name in self.names()]).astype(np.float32, copy=False)

    def lay(self, stored, out, report):
        """Lay what was stored onto the target grid and write the result."""
        from soilcore.data.pixels import FileSource, laid_onto
        from soilcore.data.rasters import opened_raster, rasterio_window

        names = self.names()
        counts, windows = BandCounts(self.settings.attributes, self.target), list(self.target.windows())
        source = FileSource(str(stored), resampling="bilinear", source_nodata=np.nan)
        with opened_raster(stored) as dataset, laid_onto(dataset, self.target, source) as laid, self._opened(out, self.target) as target:
            for done, window in enumerate(windows):
                report(done, len(windows), "laying terrain onto the grid")
                bands = dict(zip(names, laid.read(window=rasterio_window(window)), strict=True))
                values = np.stack([_aspect(bands) if name == "aspect_deg" else bands[name] for name in self.settings.attributes])
                counts.add(window, values)
                target.write(values, window=rasterio_window(window))
            return self._facts(counts)

    @contextmanager
    def _opened(self, out, grid):
        """The result while it is written, with all that it says of itself."""
        from soilcore.data.cog import gtiff_profile, written_as_cog

        names, settings = self.settings.attributes, self.settings
        overviews = "nearest" if "aspect_deg" in names else "average"
        with written_as_cog(out, gtiff_profile(grid, len(names), "float32", np.nan), overviews=overviews) as target:
            target.descriptions = names
            target.units = [unit_of(name, settings.convention) for name in names]
            tags = {
                **asdict(settings),
                "tpi_radius": self.radius,
                "cell": [abs(side) for side in self.cell],
                "plane": _short(self.elevation.grid.crs),
            }
            del tags["window"], tags["overwrite"]
            target.update_tags(SOILCORE_TERRAIN=json.dumps(tags), SOILCORE_SOURCE=Path(self.elevation.path).name)
            yield target

    def _facts(self, counts):
        """What the bands hold; asked while the raster is still being written, so that one without a value never appears."""
        facts = counts.facts()
        if not any(band["valid"] for band in facts.values()):
            where = "" if self.target is None else " on the pixels asked for"
            raise SceneError(
                f"{self.elevation.path!r} gives no value of {', '.join(self.settings.attributes)}{where}: no cell has elevations all round it, "
                "or the ground is level where that is asked for. Check its number for no data and its reference system."
            )
        return [{"name": name, "unit": unit_of(name, self.settings.convention), **band} for name, band in facts.items()]


def _aspect(bands):
    """Degrees from a resampled sine and cosine."""
    sine, cosine = (bands[name].astype(np.float64) for name in _SHEER)
    with np.errstate(invalid="ignore"):
        return (np.degrees(np.arctan2(sine, cosine)) % 360.0).astype(np.float32) % np.float32(360)


@contextmanager
def _plain(path, grid, count):
    import rasterio

    from soilcore.data.cog import gtiff_profile

    with rasterio.open(path, "w", **gtiff_profile(grid, count, "float32", np.nan, sparse_ok=True)) as target:
        yield target


def _cut(z, margin, keep):
    """The middle of `z`, which has `margin` (rows, columns) round it, with only `keep` of that."""
    down, right = margin[0] - keep[0], margin[1] - keep[1]
    return z[down : z.shape[0] - down, right : z.shape[1] - right]


def _touch(window, region):
    apart = window.row >= region.row + region.height or region.row >= window.row + window.height
    return not (apart or window.col >= region.col + region.width or region.col >= window.col + window.width)


def _grown(window, margin, height, width):
    top, left = max(0, window.row - margin[0]), max(0, window.col - margin[1])
    bottom, right = min(height, window.row + window.height + margin[0]), min(width, window.col + window.width + margin[1])
    return Window(top, left, bottom - top, right - left)


def _covered(elevation, target, margin):
    """Cells of the elevation model that lie under a grid, with room for resampling."""
    from rasterio.errors import CRSError
    from rasterio.warp import transform_bounds

    from soilcore.data.rasters import same_crs

    grid = elevation.grid
    try:
        bounds = (
            target.bounds
            if same_crs(target.crs, grid.crs)
            else transform_bounds(target.crs.to_wkt(), grid.crs.to_wkt(), *target.bounds, densify_pts=41)
        )
    except CRSError:
        bounds = (math.nan,) * 4
    if not np.all(np.isfinite(bounds)):
        raise SceneError(
            f"{elevation.path!r} ({grid.crs.name}) cannot be laid onto the grid of the map ({target.crs.name}). Check both reference systems."
        )
    cols = [(x - grid.transform.c) / grid.transform.a for x in (bounds[0], bounds[2])]
    rows = [(y - grid.transform.f) / grid.transform.e for y in (bounds[1], bounds[3])]
    room = 4 + math.ceil(max((max(cols) - min(cols)) / target.width, (max(rows) - min(rows)) / target.height))
    top, left = max(0, math.floor(min(rows)) - room), max(0, math.floor(min(cols)) - room)
    bottom, right = min(grid.height, math.ceil(max(rows)) + room), min(grid.width, math.ceil(max(cols)) + room)
    if bottom - top <= room or right - left <= room:
        raise SceneError(
            f"{elevation.path!r} does not overlap the grid of the map. Check the reference systems of both, or give another elevation model."
        )
    return Window(top, left, bottom - top, right - left)


def _short(crs):
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.name
