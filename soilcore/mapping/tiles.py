"""Map tiles of a raster for the browser, the value under a place, and where the raster lies.

A tile is warped at the raster's own resolution over the tile's bounds and then read at 256 x 256 pixels: only so does GDAL use the
overviews. A file is opened per call, because an open one belongs to one thread; opening takes about 2 ms.
"""

import io
import math
from functools import lru_cache

import numpy as np
from affine import Affine
from pyproj import CRS, Transformer

from soilcore.core.errors import SettingsError
from soilcore.data.rasters import opened_raster, reading
from soilcore.mapping.layers import layer_kind
from soilcore.mapping.ramps import rgb_of
from soilcore.mapping.styles import Style, class_style, value_style

__all__ = ["Style", "class_style", "layer_bounds", "render", "style_of", "tile_bounds", "value_at", "value_style"]

SIZE = 256
DEEPEST_ZOOM = 24
_RADIUS = 6378137.0
_HALF_WORLD = math.pi * _RADIUS  # metres of EPSG:3857 from its origin to its edge
_METRES_PER_DEGREE = _HALF_WORLD / 180
_LEVELS = 255  # colours of a ramp in a tile; the 256th stands for "nothing here"
_LARGEST_WARP = 1 << 22
_SAMPLE_SIDE = 512
_STYLE_PERCENTILES = (2, 98)


def tile_bounds(z, x, y):
    """(left, bottom, right, top) of a tile in EPSG:3857 metres.

    Raises
    ------
    SettingsError
        If there is no such tile.
    """
    if not (0 <= z <= DEEPEST_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise SettingsError(f"There is no tile {z}/{x}/{y}. Levels run from 0 to {DEEPEST_ZOOM}, columns and rows from 0 to 2**level - 1.")
    side = 2 * _HALF_WORLD / 2**z
    left, top = x * side - _HALF_WORLD, _HALF_WORLD - y * side
    return left, top - side, left + side, top


def render(path, style, z, x, y, minus=None):
    """Draw one tile of a raster.

    Parameters
    ----------
    path : path
        GeoTIFF with overviews (a COG), so that far views are fast.
    style : Style
    z, x, y : int
        Level, column from the west, row from the north (XYZ scheme, EPSG:3857).
    minus : path, optional
        A raster of the same grid that is taken away: of an upper and a lower bound, the width of the interval is drawn.

    Returns
    -------
    bytes or None
        PNG of 256 x 256 pixels, transparent where there is no data; None where the raster has nothing in this tile.

    Raises
    ------
    SettingsError
        If there is no such tile, or the raster lacks a band of the style.
    UnreadableError
        If the file is not readable.
    """
    bounds = tile_bounds(z, x, y)
    with opened_raster(path) as raster, reading(path):
        extent = _bounds_in_mercator(raster) if raster.crs is not None else None
        if extent is None or not _overlap(bounds, extent):
            return None
        if max(style.bands) > raster.count:
            raise SettingsError(f"The style shows band {max(style.bands)}; {str(path)!r} has {raster.count}.")
        values = _warped(raster, style, bounds, max(bounds[1], extent[1]))
    if minus is not None:
        with opened_raster(minus) as other, reading(minus), np.errstate(invalid="ignore"):
            values = values - _warped(other, style, bounds, max(bounds[1], extent[1]))
    if not np.isfinite(values).any():
        return None
    return _png(_picture(values, style))


def value_at(path, longitude, latitude, band=1, minus=None):
    """Value of the pixel under a place.

    Parameters
    ----------
    path : path
    longitude, latitude : float
        Degrees, WGS 84.
    band : int
    minus : path, optional
        A raster of the same grid whose value is taken away.

    Returns
    -------
    float or None
        Of the file's own pixel (scaled where it has a scale), not of the picture; None outside the raster and where it has no data.
    """
    from rasterio.windows import Window

    if minus is not None:
        whole, part = value_at(path, longitude, latitude, band), value_at(minus, longitude, latitude, band)
        return None if whole is None or part is None else whole - part
    with opened_raster(path) as raster, reading(path):
        if raster.crs is None:
            return None
        x, y = _transformer(raster.crs.to_wkt()).transform(longitude, latitude)
        if not (math.isfinite(x) and math.isfinite(y)):
            return None
        back = ~raster.transform
        column, row = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
        if not (0 <= column < raster.width and 0 <= row < raster.height):
            return None
        pixel = Window(int(column), int(row), 1, 1)
        value = float(raster.read(band, window=pixel, masked=True).astype(float).filled(np.nan)[0, 0])
        value = value * raster.scales[band - 1] + raster.offsets[band - 1]
    return value if math.isfinite(value) else None


def layer_bounds(path):
    """((south, west), (north, east)) of a raster in degrees, WGS 84; as Leaflet wants it."""
    from rasterio.warp import transform_bounds

    with opened_raster(path) as raster:
        if raster.crs is None:
            raise SettingsError(f"{str(path)!r} has no coordinate reference system, so it cannot be shown on a map.")
        west, south, east, north = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds, densify_pts=21)
    return (max(south, -90.0), max(west, -180.0)), (min(north, 90.0), min(east, 180.0))


def style_of(path, band=1, ramp=None, minus=None):
    """A style for a raster: what it says itself, as every layer of a map does, otherwise a ramp over its values.

    Parameters
    ----------
    path : path
    band : int
        For values: the band shown.
    ramp : str, optional
    minus : path, optional
        A raster of the same grid that is taken away; then the range is that of the differences.

    Returns
    -------
    Style
        Where the raster does not say, the range runs from the 2nd to the 98th percentile of a sample of the pixels.
    """
    with opened_raster(path) as raster, reading(path):
        if minus is None and (said := _said_style(raster, band, ramp)):
            return said
        sample, unit = _sample(raster, band), raster.units[band - 1] or ""
    if minus is not None:
        with opened_raster(minus) as other, reading(minus), np.errstate(invalid="ignore"):
            sample = sample - _sample(other, band)
    finite = sample[np.isfinite(sample)]
    low, high = np.percentile(finite, _STYLE_PERCENTILES) if finite.size else (0.0, 1.0)
    style = value_style(low, high, unit) if ramp is None else value_style(low, high, unit, ramp)
    return Style(style.kind, style.low, style.high, style.ramp, unit=unit, bands=(band,))


def _sample(raster, band):
    """Values of a few pixels, spread over the raster; NaN where there is no data."""
    step = max(1, math.ceil(max(raster.width, raster.height) / _SAMPLE_SIDE))
    shape = max(1, raster.height // step), max(1, raster.width // step)
    sample = raster.read(band, out_shape=shape, masked=True).astype(float).filled(np.nan)
    return sample * raster.scales[band - 1] + raster.offsets[band - 1]


def _said_style(raster, band, ramp):
    """The style a layer of a map was written with, or None."""
    from soilcore.core.classes import class_scheme

    tags = raster.tags()
    if scheme := tags.get("SOILCORE_CLASSES"):
        return class_style(class_scheme(scheme))
    if "SOILCORE_LAYER" not in tags:
        return None
    if "CLASS_0" in tags:
        labels = tuple(tags[f"CLASS_{number}"] for number in range(_LEVELS) if f"CLASS_{number}" in tags)
        colors = raster.colormap(1)
        return Style("classes", colors=tuple("#{:02x}{:02x}{:02x}".format(*colors[number][:3]) for number in range(len(labels))), labels=labels)
    if "SOILCORE_STYLE_LOW" not in tags:
        return None
    low, high = float(tags["SOILCORE_STYLE_LOW"]), float(tags["SOILCORE_STYLE_HIGH"])
    percent = layer_kind(tags["SOILCORE_LAYER"]).is_share
    return Style("continuous", low, high, ramp or tags["SOILCORE_STYLE_RAMP"], unit=raster.units[band - 1] or "", bands=(band,), percent=percent)


def _warped(raster, style, bounds, northing):
    """Values of a tile in EPSG:3857, float32 of shape (bands, 256, 256), NaN where there is no data.

    `northing` is where the raster begins in the tile; there its pixels are measured.
    """
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    side = min(_LARGEST_WARP, max(SIZE, round((bounds[2] - bounds[0]) / _metres_in_mercator(raster, northing))))
    coarser = Resampling.mode if style.kind == "classes" and not style.breaks else Resampling.average
    pixel = (bounds[2] - bounds[0]) / side
    place = {"crs": "EPSG:3857", "transform": Affine(pixel, 0, bounds[0], 0, -pixel, bounds[3]), "width": side, "height": side}
    # Without a nodata value only an alpha band tells what lies outside the raster.
    empty = {"add_alpha": True} if raster.nodata is None else {"src_nodata": raster.nodata, "nodata": raster.nodata}
    with WarpedVRT(raster, **place, **empty) as warped:
        how = {"out_shape": (SIZE, SIZE), "resampling": coarser if side > SIZE else Resampling.nearest}
        values = np.stack([_band(warped, band, how) for band in style.bands])
        if raster.nodata is None:
            alpha = warped.read(warped.count, **how)
            values[:, alpha == 0] = np.nan
    if style.kind == "rgb":
        values[:, (values == 0).all(axis=0) | np.isnan(values).any(axis=0)] = np.nan  # scenes often hold 0 where they hold nothing
    return values


def _band(warped, band, how):
    values = warped.read(band, masked=warped.nodata is not None, **how)
    values = np.ma.filled(values.astype(np.float32), np.nan)
    return values * np.float32(warped.scales[band - 1]) + np.float32(warped.offsets[band - 1])


def _picture(values, style):
    """Pillow image of a tile."""
    from PIL import Image

    if style.kind == "rgb":
        seen = np.isfinite(values).all(axis=0)
        stretched = np.clip((values - style.low) / (style.high - style.low) * 255, 0, 255)
        channels = np.where(seen, stretched, 0).round().astype(np.uint8)
        return Image.fromarray(np.dstack([*channels, np.where(seen, 255, 0).astype(np.uint8)]), "RGBA")
    image = Image.fromarray(_numbers(values[0], style), "P")
    image.putpalette(_palette(style))
    image.info["transparency"] = _LEVELS
    return image


def _numbers(values, style):
    """Place of each pixel's colour in the palette; 255 is transparent."""
    with np.errstate(invalid="ignore"):
        if style.breaks:
            known = np.isfinite(values)
            scaled = np.searchsorted(style.breaks, values, side="right")
        elif style.kind == "classes":
            known = (values >= 0) & (values < len(style.colors))
            scaled = values
        else:
            known = np.isfinite(values)
            scaled = np.clip((values - style.low) / (style.high - style.low), 0, 1) * (_LEVELS - 1)
        return np.where(known, np.where(known, scaled, 0).round(), _LEVELS).astype(np.uint8)


@lru_cache(maxsize=64)
def _palette(style):
    from soilcore.mapping.ramps import ramp_stops

    colors = style.colors if style.kind == "classes" else ramp_stops(style.ramp, _LEVELS)
    flat = [channel for color in colors for channel in rgb_of(color)]
    return flat + [0] * (3 * (_LEVELS + 1) - len(flat))


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1, **({"transparency": _LEVELS} if image.mode == "P" else {}))
    return buffer.getvalue()


def _overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _bounds_in_mercator(raster):
    from rasterio.warp import transform_bounds

    left, bottom, right, top = raster.bounds
    if raster.crs.is_geographic:  # the poles lie at infinity there
        bottom, top = max(bottom, -89.9), min(top, 89.9)
    return transform_bounds(raster.crs, "EPSG:3857", left, bottom, right, top, densify_pts=21)


def _metres_in_mercator(raster, northing):
    """Side of the raster's pixel in metres of EPSG:3857, which grow by 1/cos(latitude)."""
    side = min(raster.res)
    if raster.crs.is_geographic:
        return side * _METRES_PER_DEGREE
    if raster.crs.to_epsg() == 3857:
        return side
    latitude = 2 * math.atan(math.exp(northing / _RADIUS)) - math.pi / 2
    return side * raster.crs.linear_units_factor[1] / max(0.05, math.cos(latitude))


@lru_cache(maxsize=32)
def _transformer(wkt):
    return Transformer.from_crs(4326, CRS.from_wkt(wkt), always_xy=True)
