"""Elevation models as they come: which reference system, which unit, what stands for no data; brought onto a plane in metres."""

import math
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import SampleError, SceneError, SettingsError
from soilcore.core.grids import Grid, Window
from soilcore.core.progress import silent
from soilcore.core.projection import metric_plane
from soilcore.data.cog import gtiff_profile
from soilcore.data.pixels import BLOCK, BandSource, FileSource, PixelReader, blocks_of
from soilcore.data.rasters import check_complete, grid_of, opened_raster, rasterio_window

HIGHEST = 12_000.0  # metres from sea level, up or down, that the solid earth reaches
_COMMON_FILL, _DEEP = -9999.0, -9000.0
_FILLS = (_COMMON_FILL, -32768.0, -32767.0, -99999.0)  # stand for no data even where the file does not say so
_UNITS = {
    1.0: ("m", "metre", "metres", "meter", "meters"),
    0.3048: ("ft", "foot", "feet", "international foot"),
    1200 / 3937: ("us survey foot", "us-ft", "foot_us", "us_survey_foot", "ftus"),
    0.1: ("dm", "decimetre", "decimeter", "decimetres", "decimeters"),
    0.01: ("cm", "centimetre", "centimeter", "centimetres", "centimeters"),
    0.001: ("mm", "millimetre", "millimeter", "millimetres", "millimeters"),
    1000.0: ("km", "kilometre", "kilometer", "kilometres", "kilometers"),
}
_SAME_FILL = 0.01  # metres by which resampling may change a fill
_COARSER = 2.0  # from this ratio of cells on, elevations are averaged instead of interpolated


@dataclass(frozen=True)
class Elevation:
    """An elevation model on a plane.

    Parameters
    ----------
    path : str
        As it was named.
    grid : Grid
        In a plane.
    metre : float
        Of a unit of the plane.
    file : FileSource
    band : BandSource
        Its scale turns stored values into metres.
    assumed : tuple of str
    """

    path: str
    grid: Grid
    metre: float
    file: FileSource
    band: BandSource
    assumed: tuple[str, ...] = ()

    @property
    def cell(self):
        """(x, y) of a cell in metres, negative where columns run west or rows north."""
        return self.grid.transform.a * self.metre, -self.grid.transform.e * self.metre

    @contextmanager
    def reader(self):
        """Gives ``read(window, margin)``: float32 metres, NaN where missing, with a margin of (rows, columns) round the window; NaN beyond the raster."""
        with PixelReader(self.grid, (self.file,), (self.band,)) as pixels:
            yield lambda window, margin=(0, 0): self._checked(_with_margin(pixels, window, margin))

    def _checked(self, z):
        with np.errstate(invalid="ignore"):
            wild = np.abs(z) > HIGHEST
            if wild.any():
                raise SceneError(
                    f"{self.path!r} holds {float(z[wild][0]):g} m where elevations lie within 12,000 m of sea level. Declare its number for no data "
                    "(gdal_edit.py -a_nodata NUMBER FILE), or convert it to metres."
                )
            deep = z < _DEEP
            if deep.any() and (np.abs(z[deep] - _COMMON_FILL) < _SAME_FILL).any() and (z[~deep] > _DEEP).any():
                raise SceneError(
                    f"{self.path!r} holds {_COMMON_FILL:g} m beside ordinary elevations: it stands for no data, but the file declares another number. "
                    f"Declare it (gdal_edit.py -a_nodata {_COMMON_FILL:g} FILE), or set those cells to the declared number."
                )
        return z


def _with_margin(pixels, window, margin):
    grid, (down, right) = pixels.grid, margin
    top, left = max(0, window.row - down), max(0, window.col - right)
    bottom, end = min(grid.height, window.row + window.height + down), min(grid.width, window.col + window.width + right)
    z = np.full((window.height + 2 * down, window.width + 2 * right), np.nan, np.float32)
    row, col = top - window.row + down, left - window.col + right
    z[row : row + bottom - top, col : col + end - left] = pixels.read(Window(top, left, bottom - top, end - left))[0]
    return z


def open_elevation(path, cell=None, trusted=False):
    """Open an elevation model, laid onto a plane in metres where it is not on one.

    Parameters
    ----------
    path : path
    cell : float, optional
        Side of the cells in metres. The file's own if not given; on another plane the longer side of its cells at the centre.
    trusted : bool
        See `soilcore.data.rasters.open_raster`.

    Returns
    -------
    Elevation

    Raises
    ------
    UnreadableError, SceneError
        If it cannot be read, lies nowhere, or its unit is not known.
    SettingsError
        If `cell` is finer than the file's: curvatures of interpolated elevations are those of the interpolation.
    """
    with opened_raster(path, trusted, "elevation model") as dataset:
        check_complete(dataset)
        own = grid_of(dataset, path)
        assumed = [] if dataset.count == 1 else [f"elevation: band 1 of {dataset.count}"]
        unit, said = _vertical_unit(dataset, own, path)
        assumed.append(said)
        plane, metre, said = _plane(own, path)
        assumed += said
        nodata = dataset.nodatavals[0]
        if nodata is None or math.isnan(nodata):
            nodata, said = _undeclared_fill(dataset)
            assumed += said
        band = BandSource("elevation", 0, 1, nodata, scale=dataset.scales[0] * unit, offset=dataset.offsets[0] * unit)
        file = FileSource(str(path), trusted, None, _has_mask(dataset), nodata)
    on_file = Elevation(str(path), own, metre, file, band)
    if plane is None and cell is None:
        return _large_enough(replace(on_file, assumed=tuple(assumed)))
    return _large_enough(_laid(on_file, own, plane or own.crs, cell, assumed))


def _large_enough(elevation):
    if min(elevation.grid.shape) < 3:
        raise SceneError(f"{elevation.path!r} gives {elevation.grid.width} x {elevation.grid.height} cells; slopes need at least 3 x 3.")
    return elevation


def _has_mask(dataset):
    from rasterio.enums import MaskFlags

    return any(MaskFlags.per_dataset in flags for flags in dataset.mask_flag_enums)


def _vertical_unit(dataset, grid, path):
    """Metres per stored unit, by the band, else by the vertical axis of the reference system; metres where neither says."""
    stated, where = dataset.units[0], "the band"
    if not stated and len(grid.crs.axis_info) > 2:
        stated, where = grid.crs.axis_info[2].unit_name, "the reference system"
    if not stated:
        return 1.0, "elevation in metres (the file does not say)"
    for metres, names in _UNITS.items():
        if stated.strip().lower() in names:
            return metres, f"elevation in {stated}, as {where} says" + ("" if metres == 1 else f"; converted to metres (x {metres:.6g})")
    raise SceneError(f"{str(path)!r} says its elevations are in {stated!r}, which is no unit of length that is known here. Convert it to metres.")


def _plane(grid, path):
    """Reference system to lay the file onto (None: its own is a plane), metres of its unit, and what to say."""
    crs = grid.crs
    if not (crs.is_projected or crs.is_geographic):
        axis = crs.axis_info[0] if crs.axis_info else None
        metre = axis.unit_conversion_factor if axis is not None and axis.unit_conversion_factor > 0 else 1.0
        return None, metre, [f"{crs.name} is a local reference system; its unit is taken as {metre:g} m"]
    left, bottom, right, top = grid.bounds
    x, y = np.meshgrid(np.linspace(left, right, 5), np.linspace(bottom, top, 5))
    try:
        plane = metric_plane(x.ravel(), y.ravel(), crs.to_2d())
    except SampleError as error:
        raise SceneError(f"{str(path)!r} cannot be laid onto a plane: {error.message}") from None
    if crs.is_projected and crs.to_epsg() != 3857:
        return None, crs.axis_info[0].unit_conversion_factor, []
    from pyproj import CRS

    plane = CRS.from_user_input(plane)
    why = "its coordinates are degrees" if crs.is_geographic else "its metres are stretched away from the equator"
    return plane, 1.0, [f"elevation laid onto {_name(plane)}, since {why}"]


def _name(crs):
    return f"{crs.name} (EPSG:{crs.to_epsg()})" if crs.to_epsg() else "an equidistant plane about its centre, since it spans more than one UTM zone"


def _undeclared_fill(dataset):
    """A number that stands for no data though the file does not say so."""
    fills = np.array(_FILLS, np.float64)
    for _, window in dataset.block_windows(1):
        values = dataset.read(1, window=window)
        if np.issubdtype(values.dtype, np.floating) or values.dtype in (np.int16, np.int32):
            lowest = np.nanmin(values) if np.isfinite(values).any() else 0
            if lowest < -HIGHEST or lowest in fills:
                fill = float(lowest)
                return fill, [f"{fill:g} taken for no data (the file does not declare it)"]
    return None, []


def _laid(elevation, own, plane, cell, assumed):
    """The elevation model on cells of `cell` metres of a plane; its pixels are resampled block by block when they are read."""
    from pyproj import CRS

    plane = CRS.from_user_input(plane)
    moved = plane != own.crs
    metre = 1.0 if moved else elevation.metre
    shortest, longest = _sides(own, plane, metre)
    side = float(cell) if cell is not None else max(round(longest, 2), 0.01)
    if cell is not None and side < 0.9 * shortest:
        raise SettingsError(
            f"The cells of {elevation.path!r} are {shortest:.4g} x {longest:.4g} m; finer ones of {side:g} m would hold nothing but interpolation. "
            f"Give --cell {math.ceil(longest)} or more, and lay the result onto a finer grid instead."
        )
    ratio = side / longest
    method = "average" if ratio >= _COARSER else "cubic"
    grid = _aligned(own, plane, side / metre)
    said = f"cells of {side:g} m ({method}; in the file {shortest:.4g} x {longest:.4g} m)"
    file = replace(elevation.file, resampling=method)
    return replace(elevation, grid=grid, metre=metre, file=file, assumed=(*assumed, said))


def _sides(own, plane, metre):
    """Sides of a cell of the file in metres of the plane, at its centre; the shorter first."""
    from pyproj import Transformer

    transform, rows, cols = own.transform, own.height / 2, own.width / 2
    x = transform.c + transform.a * np.array([cols, cols + 1, cols])
    y = transform.f + transform.e * np.array([rows, rows, rows + 1])
    if plane != own.crs:
        x, y = Transformer.from_crs(own.crs.to_2d(), plane, always_xy=True).transform(x, y)
    x, y = np.asarray(x) * metre, np.asarray(y) * metre
    return tuple(sorted(float(math.hypot(x[k] - x[0], y[k] - y[0])) for k in (1, 2)))


def _aligned(own, plane, side):
    """A grid of square cells over the whole file: from its corner on, or in another plane from a multiple of the cell."""
    from affine import Affine
    from rasterio.warp import transform_bounds

    bounds = own.bounds if plane == own.crs else transform_bounds(own.crs.to_2d().to_wkt(), plane.to_wkt(), *own.bounds, densify_pts=101)
    if not np.all(np.isfinite(bounds)):
        raise SceneError(f"The elevation model reaches beyond {plane.name}. Cut it to the area that matters.")
    left, bottom, right, top = bounds
    if plane != own.crs:
        left, top = math.floor(left / side + 1e-6) * side, math.ceil(top / side - 1e-6) * side
    width, height = max(1, math.ceil((right - left) / side - 1e-6)), max(1, math.ceil((top - bottom) / side - 1e-6))
    return Grid(height, width, Affine(side, 0, left, 0, -side, top), plane)


def stored_flat(elevation, path, region, report=silent):
    """The same elevation model with its pixels resampled once, so that margins of windows need not be resampled again and again.

    Parameters
    ----------
    elevation : Elevation
    path : path
        GeoTIFF to write, if there is something to resample.
    region : Window
        Only blocks that touch it are stored; the rest is missing.
    report : Report
    """
    if not elevation.file.resampling:
        return elevation
    import rasterio

    blocks = list(blocks_of(region, elevation.grid, BLOCK))
    with elevation.reader() as read, rasterio.open(path, "w", **gtiff_profile(elevation.grid, 1, "float32", np.nan, sparse_ok=True)) as target:
        for done, block in enumerate(blocks):
            report(done, len(blocks), "laying the elevation onto a plane")
            target.write(read(block), 1, window=rasterio_window(block))
    return replace(elevation, file=FileSource(str(path), source_nodata=np.nan), band=BandSource("elevation", 0, 1, np.nan))
