"""How a raster is coloured: one value for map tiles, legends, and the style files that QGIS (.qml) and map servers (.sld) read."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from soilcore.core.errors import SettingsError
from soilcore.mapping.ramps import CLASSES, CONTINUOUS, ramp_stops

KINDS = ("continuous", "classes", "rgb")
_STOPS = 17
_SLD = {"xmlns": "http://www.opengis.net/sld", "xmlns:ogc": "http://www.opengis.net/ogc", "version": "1.0.0"}


@dataclass(frozen=True)
class Style:
    """How a raster is coloured.

    Parameters
    ----------
    kind : {"continuous", "classes", "rgb"}
        A ramp over a range; one colour per class number; or three bands as red, green and blue.
    low, high : float
        Values that get the ramp's first and last colour (continuous), or black and full colour (rgb). Values beyond get the ends.
    ramp : str
        A name of `soilcore.mapping.ramps`.
    colors, labels : tuple of str
        ``#rrggbb`` and name of class 0, 1, ...
    unit : str
        Of the values; empty when there is none.
    bands : tuple of int
        Bands shown, from 1: one, or three for rgb.
    percent : bool
        Whether values from 0 to 1 are told in percent.
    breaks : tuple of float
        Of classes over a raster of values: where class 1, 2, ... begin. Empty where the raster holds class numbers.
    """

    kind: str = "continuous"
    low: float = 0.0
    high: float = 1.0
    ramp: str = CLASSES
    colors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    unit: str = ""
    bands: tuple[int, ...] = (1,)
    percent: bool = False
    breaks: tuple[float, ...] = ()

    def __post_init__(self):
        if self.kind not in KINDS:
            raise SettingsError(f"There is no style {self.kind!r}. Styles: {', '.join(KINDS)}.")
        if self.kind != "classes" and not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SettingsError(f"A colour range from {self.low:g} to {self.high:g} is empty. Give a lower and a higher value.")
        if len(self.colors) != len(self.labels):
            raise SettingsError(f"{len(self.colors)} colours do not fit {len(self.labels)} class names. Give one colour per class.")
        if self.breaks and len(self.breaks) != len(self.colors) - 1:
            raise SettingsError(f"{len(self.breaks)} breaks make {len(self.breaks) + 1} classes, but there are {len(self.colors)} colours.")

    @property
    def entries(self):
        """What a legend shows: pairs of colour and text, low to high; empty for rgb."""
        if self.kind == "classes":
            return tuple(zip(self.colors, self.labels, strict=True))
        if self.kind == "rgb":
            return ()
        return tuple((color, self.number_of(value)) for value, color in self.stops(5))

    def stops(self, count=_STOPS):
        """`count` pairs of value and colour along a continuous ramp."""
        colors = ramp_stops(self.ramp, count)
        return tuple((self.low + (self.high - self.low) * number / (count - 1), color) for number, color in enumerate(colors))

    def text_of(self, value):
        """A value of the raster in words: with its unit, or the name of its class."""
        if value is None or not math.isfinite(value):
            return "no value here"
        if self.breaks:
            return f"{self.number_of(value)}, {self.labels[bisect_right(self.breaks, value)]}"
        if self.kind == "classes":
            return self.labels[int(value)] if 0 <= int(value) < len(self.labels) else "no class here"
        return self.number_of(value)

    def number_of(self, value):
        """A value with its unit, or in percent."""
        if self.percent:
            return f"{100 * value:.0f} %"
        unit = "sample" if self.unit == "samples" and value == 1 else self.unit
        return f"{_short(value)} {unit}".strip()


def class_style(scheme):
    """The style of a class raster.

    Parameters
    ----------
    scheme : ClassScheme

    Returns
    -------
    Style
    """
    return Style("classes", colors=tuple(scheme.colors), labels=class_labels(scheme))


def classes_over_values(scheme):
    """The style that shows a raster of values, in the unit of a scheme, in the scheme's classes."""
    return Style("classes", colors=tuple(scheme.colors), labels=class_labels(scheme), unit=scheme.unit, breaks=tuple(scheme.edges))


def class_labels(scheme):
    """Name and range of each class of a scheme, e.g. ``"slightly saline (4 to 8 dS/m)"``."""
    texts = []
    for label, (lower, upper) in zip(scheme.labels, scheme.bounds, strict=True):
        limits = f"< {upper:g}" if lower is None else f">= {lower:g}" if upper is None else f"{lower:g} to {upper:g}"
        texts.append(f"{label} ({limits} {scheme.unit})")
    return tuple(texts)


def value_style(low, high, unit="", ramp=CONTINUOUS):
    """The style of a raster of values; a range without width is widened, so that a constant map has a colour."""
    low, high = float(low), float(high)
    if not low < high:
        width = abs(low) * 0.01 or 1.0
        low, high = low - width, low + width
    return Style("continuous", low, high, ramp, unit=unit or "")


def write_style_files(raster, style):
    """Write ``.qml`` and ``.sld`` beside a raster.

    Parameters
    ----------
    raster : path
        Only its name is used; the style files lie beside it under the same name.
    style : Style
        Continuous or classes.

    Returns
    -------
    tuple of pathlib.Path
    """
    raster = Path(raster)
    made = []
    for suffix, root in ((".qml", qgis_style(style)), (".sld", layer_descriptor(style, raster.stem))):
        ElementTree.indent(root)
        path = raster.with_suffix(suffix)
        path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
        made.append(path)
    return tuple(made)


def qgis_style(style):
    """A style as a QGIS layer style (XML element): single-band pseudocolour, or paletted for classes."""
    root = ElementTree.Element("qgis", version="3.28", styleCategories="Symbology")
    pipe = ElementTree.SubElement(root, "pipe")
    common = {"band": str(style.bands[0]), "opacity": "1", "alphaBand": "-1", "nodataColor": ""}
    if style.kind == "classes":
        renderer = ElementTree.SubElement(pipe, "rasterrenderer", type="paletted", **common)
        ElementTree.SubElement(renderer, "rasterTransparency")
        palette = ElementTree.SubElement(renderer, "colorPalette")
        for number, (color, label) in enumerate(style.entries):
            ElementTree.SubElement(palette, "paletteEntry", value=str(number), color=color, alpha="255", label=label)
    else:
        limits = {"classificationMin": _exact(style.low), "classificationMax": _exact(style.high)}
        renderer = ElementTree.SubElement(pipe, "rasterrenderer", type="singlebandpseudocolor", **common, **limits)
        ElementTree.SubElement(renderer, "rasterTransparency")
        shader = ElementTree.SubElement(ElementTree.SubElement(renderer, "rastershader"), "colorrampshader", _shader(style))
        for value, color in style.stops():
            ElementTree.SubElement(shader, "item", value=_exact(value), color=color, alpha="255", label=style.number_of(value))
    for name in ("brightnesscontrast", "huesaturation", "rasterresampler"):
        ElementTree.SubElement(pipe, name)
    ElementTree.SubElement(root, "blendMode").text = "0"
    return root


def layer_descriptor(style, name):
    """A style as an OGC Styled Layer Descriptor 1.0.0 (XML element) for the layer `name`."""
    root = ElementTree.Element("StyledLayerDescriptor", _SLD)
    layer = ElementTree.SubElement(root, "NamedLayer")
    ElementTree.SubElement(layer, "Name").text = name
    rule = layer
    for tag in ("UserStyle", "FeatureTypeStyle", "Rule"):
        rule = ElementTree.SubElement(rule, tag)
    symbolizer = ElementTree.SubElement(rule, "RasterSymbolizer")
    ElementTree.SubElement(symbolizer, "Opacity").text = "1"
    if style.kind == "classes":
        colors = ElementTree.SubElement(symbolizer, "ColorMap", type="values")
        entries = [(str(number), color, label) for number, (color, label) in enumerate(style.entries)]
    else:
        colors = ElementTree.SubElement(symbolizer, "ColorMap", type="ramp")
        entries = [(_exact(value), color, style.number_of(value)) for value, color in style.stops()]
    for quantity, color, label in entries:
        ElementTree.SubElement(colors, "ColorMapEntry", color=color, quantity=quantity, label=label, opacity="1")
    return root


def _shader(style):
    return {
        "colorRampType": "INTERPOLATED",
        "classificationMode": "1",
        "clip": "0",
        "minimumValue": _exact(style.low),
        "maximumValue": _exact(style.high),
        "labelPrecision": "3",
    }


def _exact(value):
    return repr(float(value))


def _short(value):
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
