"""A map as one file that opens with no server and no connection: pictures of its layers, their legends, and the values under a click.

Pictures and values are warped to the projection of web maps (EPSG:3857) once, at the map's own resolution where that fits. Values are kept in 65,535
steps between the lowest and the highest, packed; a browser unpacks them when somebody clicks.
"""

import base64
import math
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from soilcore.core.errors import NotAvailableError
from soilcore.data.rasters import opened_raster, reading
from soilcore.mapping.layers import layers_of
from soilcore.mapping.tiles import layer_bounds, style_of
from soilcore.reporting.pictures import colored, data_address, png_of

SIDE = 1400  # pixels along the longer side of the pictures
SHOWN = ("class", "value", "lower", "upper", "error", "di")
_ALSO = ("p_gt_",)
_VEIL = "aoa"
_STEPS = 65534
_HATCH = 3  # pixels of a stripe where the map should not be believed
_MERCATOR = "EPSG:3857"
_MOST_SAMPLES = 5000
_EXACT = 0.001  # of a pixel, by which a place may be missed; GDAL refuses none at all
_EDGE = 85.05  # degrees north and south where the projection of web maps ends
LEAFLET = ("leaflet.js", "leaflet.css")


@dataclass(frozen=True)
class Frame:
    """Pixels of the pictures in EPSG:3857.

    Parameters
    ----------
    left, top : float
        Metres.
    pixel : float
        Side in metres of EPSG:3857.
    rows, columns : int
    step : float
        How many pixels of the map lie along one of these.
    """

    left: float
    top: float
    pixel: float
    rows: int
    columns: int
    step: float

    @property
    def bounds(self):
        """[[south, west], [north, east]] in degrees."""
        right, bottom = self.left + self.columns * self.pixel, self.top - self.rows * self.pixel
        return [[_latitude(bottom), _longitude(self.left)], [_latitude(self.top), _longitude(right)]]


def standalone_map(path, *, vendor, title="", samples=(), outlines=None, notes=(), side=SIDE):
    """A map in one file of HTML.

    Parameters
    ----------
    path : path
        The map's GeoTIFF; its layers lie beside it.
    vendor : path
        Folder with Leaflet's script and style (`LEAFLET`), which are copied into the page.
    title : str
    samples : sequence of dict
        ``lon``, ``lat`` and ``text``: what is said at each.
    outlines : dict, optional
        GeoJSON in degrees; the property ``text`` is said at each.
    notes : sequence of str
        Sentences below the legend: what date it is for, how far to trust it.
    side : int
        Longest side of the pictures in pixels.

    Returns
    -------
    str

    Raises
    ------
    NotAvailableError
        If Leaflet's files are not in `vendor`.
    UnreadableError, SettingsError
        If the map cannot be read, or has no reference system.
    """
    script, style = _leaflet(Path(vendor))
    layers = {layer.key: layer for layer in layers_of(path)}
    frame = frame_of(path, side)
    keys = [key for key in SHOWN if key in layers] + [key for key in layers if key.startswith(_ALSO)]
    values = {key: _warped(layers[key].path, frame, style_of(layers[key].path).kind) for key in {*keys, *([_VEIL] if _VEIL in layers else [])}}
    content = {
        "title": title or Path(path).stem,
        "bounds": frame.bounds,
        "frame": {"left": frame.left, "top": frame.top, "pixel": frame.pixel, "rows": frame.rows, "columns": frame.columns},
        "layers": [_shown(layers[key], values[key]) for key in keys],
        "veil": _veil(values[_VEIL]) if _VEIL in values else None,
        "told": [_told(layers[key], values[key]) for key in _told_keys(layers) if key in values],
        "samples": [dict(one) for one in samples][:_MOST_SAMPLES],
        "outlines": outlines,
        "notes": [*notes, *_resolution_note(frame)],
    }
    page = _environment().get_template("map.html")
    return page.render(content=content, leaflet_js=_as_script(script), leaflet_css=style, css=_file("map.css"), js=_file("map.js"))


def frame_of(path, side=SIDE):
    """Pixels in EPSG:3857 that cover a raster, as fine as its own where no more than `side` of them lie along one side."""
    (south, west), (north, east) = layer_bounds(path)
    south, north = max(south, -_EDGE), min(north, _EDGE)
    left, right, bottom, top = _easting(west), _easting(east), _northing(south), _northing(north)
    with opened_raster(path) as raster:
        native = max(right - left, top - bottom) / max(raster.width, raster.height)
    pixel = max(native, max(right - left, top - bottom) / side)
    return Frame(left, top, pixel, max(1, math.ceil((top - bottom) / pixel)), max(1, math.ceil((right - left) / pixel)), pixel / native)


def packed(values):
    """Values in whole steps, compressed, as text.

    Parameters
    ----------
    values : ndarray of float, any shape
        NaN where there are none.

    Returns
    -------
    dict
        ``data``: base64 of the zlib-compressed little-endian uint16, 0 for none; ``low`` and ``step``: a value is ``low + (number - 1) * step``.
    """
    seen = np.isfinite(values)
    low, high = (float(values[seen].min()), float(values[seen].max())) if seen.any() else (0.0, 1.0)
    step = (high - low) / _STEPS or 1.0
    numbers = np.where(seen, np.rint((np.where(seen, values, low) - low) / step) + 1, 0).astype("<u2")
    return {"data": base64.b64encode(zlib.compress(numbers.tobytes(), 9)).decode(), "low": low, "step": step}


def _warped(path, frame, kind):
    """A layer on the frame, float64 with NaN where there is nothing; every pixel has the value of one of the map's own."""
    import rasterio
    from affine import Affine
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    place = {"crs": _MERCATOR, "transform": Affine(frame.pixel, 0, frame.left, 0, -frame.pixel, frame.top)}
    place |= {
        "width": frame.columns,
        "height": frame.rows,
        "resampling": Resampling.mode if kind == "classes" and frame.step > 1 else Resampling.nearest,
    }
    with rasterio.Env(), opened_raster(path) as raster, reading(path):
        nodata = {"src_nodata": raster.nodata, "nodata": raster.nodata} if raster.nodata is not None else {"add_alpha": True}
        with WarpedVRT(raster, tolerance=_EXACT, **place, **nodata) as warped:  # exact places: a click must tell the pixel under it
            values = warped.read(1, masked=True).astype(float).filled(np.nan)
            return values * raster.scales[0] + raster.offsets[0]


def _shown(layer, values):
    style = style_of(layer.path)
    return {
        "key": layer.key,
        "title": layer.title,
        "picture": data_address(png_of(colored(values, style))),
        "kind": style.kind,
        "legend": [list(entry) for entry in style.entries],
    }


def _told_keys(layers):
    """Layers whose values a click tells, in this order."""
    return [key for key in ("class", "value", "lower", "upper") if key in layers] + [key for key in layers if key.startswith(_ALSO)] + [_VEIL]


def _told(layer, values):
    style = style_of(layer.path)
    return {
        "key": layer.key,
        "title": layer.title,
        "unit": style.unit,
        "percent": style.percent,
        "labels": list(style.labels) if style.kind == "classes" else None,
        **packed(values),
    }


def _veil(inside):
    """Stripes over what lies outside of the area of applicability."""
    from PIL import Image

    rows, columns = np.indices(inside.shape)
    striped = (inside == 0) & ((rows + columns) // _HATCH % 2 == 0)
    image = Image.fromarray(np.where(striped, 0, 255).astype(np.uint8), "P")
    image.putpalette([90, 90, 90] + [255] * 765)
    return data_address(png_of(image))


def _resolution_note(frame):
    if frame.step <= 1.01:
        return []
    return [f"This file shows the map {frame.step:.1f} times coarser than it is; the GeoTIFF beside it has every pixel."]


def _leaflet(vendor):
    missing = [name for name in LEAFLET if not (vendor / name).is_file()]
    if missing:
        raise NotAvailableError(f"The map for the browser needs {missing[0]}, which is not in {str(vendor)!r}. Run `python3 -m soilcore setup` once.")
    return tuple((vendor / name).read_text(encoding="utf-8") for name in LEAFLET)


def _as_script(script):
    """A script that may stand within a page, without the link to its source map."""
    lines = [line for line in script.splitlines() if not line.startswith("//# sourceMappingURL")]
    return "\n".join(lines).replace("</script", "<\\/script")


def _file(name):
    return (resources.files("soilcore.reporting") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("soilcore.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


_RADIUS = 6378137.0


def _easting(longitude):
    return _RADIUS * math.radians(longitude)


def _northing(latitude):
    return _RADIUS * math.asinh(math.tan(math.radians(latitude)))


def _longitude(easting):
    return math.degrees(easting / _RADIUS)


def _latitude(northing):
    return math.degrees(math.atan(math.sinh(northing / _RADIUS)))
