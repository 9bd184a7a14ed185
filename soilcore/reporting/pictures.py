"""A raster as a picture on paper: coloured as its style says, with its legend, small enough to lie within a page."""

import base64
import io
import math
from dataclasses import dataclass

import numpy as np

from soilcore.data.rasters import opened_raster, reading
from soilcore.mapping.ramps import ramp_stops, rgb_of
from soilcore.mapping.tiles import style_of

SIDE = 900  # pixels along the longer side
_LEVELS = 255
_EMPTY = 255
_BAR = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Picture:
    """A coloured raster.

    Parameters
    ----------
    png : bytes
    width, height : int
        Pixels.
    title, unit : str
    legend : tuple of (str, str)
        Colour and text, low to high.
    continuous : bool
        Whether the legend is a ramp rather than classes.
    scale_share : float
        Length of the scale bar as a part of the picture's width.
    scale_text : str
        What the bar measures, such as "1 km".
    step : int
        Every so manieth pixel of the raster is shown.
    """

    png: bytes
    width: int
    height: int
    title: str
    unit: str
    legend: tuple
    continuous: bool
    scale_share: float
    scale_text: str
    step: int

    @property
    def address(self):
        """The picture as an address that holds it."""
        return data_address(self.png)


def picture_of(path, title="", side=SIDE, style=None):
    """Draw a raster in its own projection, north up.

    Parameters
    ----------
    path : path
    title : str
    side : int
        Longest side of the picture in pixels.
    style : Style, optional
        What the raster itself says if not given.

    Returns
    -------
    Picture
    """
    style = style or style_of(path)
    with opened_raster(path) as raster, reading(path):
        step = max(1, math.ceil(max(raster.width, raster.height) / side))
        shape = max(1, raster.height // step), max(1, raster.width // step)
        values = _values(raster, style, shape, step)
        metres = _width_in_metres(raster)
    share, text = scale_bar(metres)
    image = colored(values, style)
    legend = style.entries
    return Picture(png_of(image), shape[1], shape[0], title, style.unit, legend, style.kind == "continuous", share, text, step)


def _values(raster, style, shape, step):
    """Float values, NaN where there are none; classes keep their numbers."""
    from rasterio.enums import Resampling

    how = Resampling.nearest if step == 1 else Resampling.mode if style.kind == "classes" else Resampling.average
    band = style.bands[0]
    values = raster.read(band, out_shape=shape, masked=True, resampling=how).astype(float).filled(np.nan)
    return values if style.kind == "classes" else values * raster.scales[band - 1] + raster.offsets[band - 1]


def colored(values, style):
    """Values as a picture with a palette, its last colour (255) for pixels without one.

    Parameters
    ----------
    values : ndarray of float, shape (rows, columns)
        NaN where there are none; class numbers for a style of classes.
    style : Style

    Returns
    -------
    PIL.Image.Image
    """
    from PIL import Image

    seen = np.isfinite(values)
    if style.kind == "classes":
        colors = style.colors
        seen &= (values >= 0) & (values < len(colors))
        numbers = np.where(seen, values, _EMPTY)
    else:
        colors = ramp_stops(style.ramp, _LEVELS)
        share = np.clip((np.where(seen, values, style.low) - style.low) / (style.high - style.low), 0, 1)
        numbers = np.where(seen, (share * (_LEVELS - 1)).round(), _EMPTY)
    image = Image.fromarray(numbers.astype(np.uint8), "P")
    flat = [channel for color in colors for channel in rgb_of(color)]
    image.putpalette(flat + [255] * (3 * (_LEVELS + 1) - len(flat)))
    return image


def _width_in_metres(raster):
    """How wide the raster is on the ground along its middle."""
    left, bottom, right, top = raster.bounds
    if raster.crs is None:
        return None
    if raster.crs.is_geographic:
        from pyproj import Geod

        middle = (bottom + top) / 2
        return abs(Geod(ellps="WGS84").inv(left, middle, right, middle)[2])
    return (right - left) * raster.crs.linear_units_factor[1]


def png_of(image):
    """A picture with a palette as PNG, its last colour transparent."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, transparency=_EMPTY)
    return buffer.getvalue()


def data_address(png):
    """A PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def scale_bar(metres):
    """A round length of about a quarter of `metres`: its share, and what to write; (0, "") where nothing is known."""
    if not metres or not math.isfinite(metres):
        return 0.0, ""
    wanted = metres / 4
    power = 10.0 ** math.floor(math.log10(wanted))
    length = max(factor * power for factor in _BAR if factor * power <= wanted * (1 + 1e-9))
    return length / metres, f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
