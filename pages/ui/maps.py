"""Maps: rasters as tiles from this server, samples, legend, opacity, the value under a click; no request leaves the machine."""

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path

import folium
import streamlit as st
from folium.plugins import SideBySideLayers
from streamlit_folium import st_folium

from pages.ui import cached, layers, mapparts, routes
from soilcore.project import assets

HEIGHT = 620
_VENDORED = {"leaflet.js", "leaflet.css", "leaflet-side-by-side.min.js"}
UP = "../.."  # from the map's frame to the server's root, whatever prefix the server has
_FALLBACK_TILES = 2
_WHOLE_WORLD = ((-60.0, -170.0), (75.0, 170.0))


@dataclass(frozen=True)
class Shown:
    """One raster on a map.

    Parameters
    ----------
    label : str
        What the panel calls it.
    layer : layers.Layer
    bounds : tuple
        ((south, west), (north, east)), degrees.
    title : str
        Head of the legend.
    opacity : float
    group : str
        Head under which the panel lists it.
    """

    label: str
    layer: layers.Layer
    bounds: tuple
    title: str = ""
    opacity: float = 0.85
    group: str = ""

    @property
    def legend(self):
        """What the panel needs."""
        style = self.layer.style
        words = {"label": self.label, "title": self.title or self.label, "group": self.group}
        return {**words, "kind": style.kind, "entries": [list(entry) for entry in style.entries]}


def ready():
    """Say what is missing when the browser's packages are not there; true when maps can be drawn."""
    if assets.are_present():
        return True
    st.warning(f"The map's browser packages are missing, so no map can be drawn; everything else works. {assets.REMEDY}", icon=":material/download:")
    return False


def show(shown, key):
    """Draw a map of a few layers.

    Parameters
    ----------
    shown : sequence of Shown
        Layers to choose from; the first is on top at the beginning.
    key : str
        Name of the view; place and zoom are kept under it while the browser window lives.

    Returns
    -------
    tuple of float or None
        (longitude, latitude) of the last click.
    """
    map_ = based_map()
    on_top = [(_raster(one, map_), one.legend) for one in shown]
    map_.add_child(mapparts.Graticule())
    map_.add_child(mapparts.Panel(on_top))
    if routes.are_served:
        map_.add_child(mapparts.Inspector([[one.label, [value_address(one.layer)]] for one in shown]))
    map_.add_child(mapparts.View(bounds_of(shown, ()), key))
    return clicked_on(map_, key)


def clicked_on(map_, key, more=None, height=HEIGHT):
    """Put a map on the page.

    Parameters
    ----------
    map_ : folium.Map
    key : str
    more : folium.FeatureGroup, optional
        What is laid over it without drawing it anew.
    height : int
        Pixels.

    Returns
    -------
    tuple of float or None
        (longitude, latitude) of the last click.
    """
    use_vendored(map_, f"{UP}/vendor")
    answer = st_folium(map_, key=key, height=height, use_container_width=True, returned_objects=["last_clicked"], feature_group_to_add=more)
    clicked = answer.get("last_clicked")
    return (clicked["lng"], clicked["lat"]) if clicked else None


def tiles_address(layer):
    """Where the browser gets tiles of a layer."""
    return f"{UP}/tiles/{layers.register(layer)}/{{z}}/{{x}}/{{y}}.png"


def value_address(layer):
    """Where the browser asks for the value under a place."""
    return f"{UP}/value/{layers.register(layer)}"


@dataclass(frozen=True)
class Framed:
    """Outlines on a map.

    Parameters
    ----------
    label : str
        What the panel calls them.
    frames : tuple of (str, list of (latitude, longitude))
        Tooltip (or empty) and corners of each.
    color : str
    dashes : str, optional
        Leaflet's ``dashArray``.
    """

    label: str
    frames: tuple
    color: str = "#0b6e4f"
    dashes: str | None = None


def show_places(shown, key, framed=(), points=(), height=HEIGHT, area=False):
    """Draw a map of extents: pictures under outlines under points.

    Parameters
    ----------
    shown : sequence of Shown
        Pictures to choose from.
    key : str
    framed : sequence of Framed
    points : sequence of (label, colour, sequence of (latitude, longitude, text))
    height : int
        Pixels.
    area : bool
        Whether a rectangle can be drawn.

    Returns
    -------
    clicked : tuple of float or None
        (longitude, latitude) of the last click.
    area : tuple of float or None
        West, south, east, north of the rectangle, degrees.
    """
    map_ = based_map()
    on_top = [(_raster(one, map_), one.legend) for one in shown]
    map_.add_child(mapparts.Graticule())
    extras = []
    for label, element in [
        *((one.label, mapparts.Frames(list(one.frames), one.color, one.dashes)) for one in framed if one.frames),
        *((label, mapparts.Samples(list(several), color)) for label, color, several in points if several),
    ]:
        map_.add_child(element)
        extras.append((label, element))
    if on_top or extras:
        map_.add_child(mapparts.Panel(on_top, extras, choice=bool(on_top)))
    if area:
        map_.add_child(mapparts.AreaTool(key))
    corners = [corner for one in framed for _, frame in one.frames for corner in frame]
    boxes = [corner for one in shown for corner in one.bounds]
    map_.add_child(mapparts.View(bounds_of((), [*boxes, *corners, *(point for _, _, several in points for point in several)]), key))
    use_vendored(map_, f"{UP}/vendor")
    told = ["last_clicked", *(["last_active_drawing"] if area else [])]
    answer = st_folium(map_, key=key, height=height, use_container_width=True, returned_objects=told)
    clicked = answer.get("last_clicked")
    return (clicked["lng"], clicked["lat"]) if clicked else None, _box_of(answer.get("last_active_drawing"))


def _box_of(drawing):
    """West, south, east, north of a rectangle that was drawn; None for anything else."""
    if not drawing or (drawing.get("properties") or {}).get("soilcore") != "area":
        return None
    corners = drawing["geometry"]["coordinates"][0]
    return (
        *(round(min(corner[axis] for corner in corners), 6) for axis in (0, 1)),
        *(round(max(corner[axis] for corner in corners), 6) for axis in (0, 1)),
    )


def based_map():
    """A map with nothing but the countries' outlines."""
    map_ = _empty_map()
    map_.add_child(mapparts.Seamless())
    map_.add_child(mapparts.Outlines(f"{UP}/vendor/countries-50m.geojson"))
    return map_


def _empty_map():
    try:
        from leafmap.foliumap import Map
    except ImportError:
        from folium import Map
    # the scale is drawn with the graticule, in metres only
    controls = {"control_scale": False, "scale_control": False, "fullscreen_control": False, "draw_control": False}
    map_ = Map(location=[20, 0], zoom_start=2, zoom_snap=0.25, max_zoom=routes.DEEPEST_ZOOM, tiles=None, prefer_canvas=True, **controls)
    for name in [name for name, child in map_._children.items() if child._name == "FitBounds"]:
        del map_._children[name]  # its animation would win over the kept view
    map_.options["attribution_control"] = False
    return map_


def _raster(one, map_):
    if routes.are_served:
        depth = {"max_zoom": routes.DEEPEST_ZOOM, "max_native_zoom": 20}
        element = folium.TileLayer(
            tiles_address(one.layer), attr="soilcore", name=one.label, overlay=True, opacity=one.opacity, bounds=one.bounds, **depth
        )
    else:
        picture, bounds = still_picture(one)
        element = folium.raster_layers.ImageOverlay(picture, bounds, opacity=one.opacity, name=one.label)
    element.add_to(map_)
    return element


def still_picture(one):
    """A layer as one image instead of tiles: an address with the data in it, and its bounds."""
    return _still_picture(cached.stamp(one.layer.path), one.layer.style, one)


@st.cache_data(max_entries=64, show_spinner=False)
def _still_picture(stamp, style, _one):
    from PIL import Image

    zoom, columns, rows = _tiles_over(_one.bounds)
    canvas = Image.new("RGBA", (256 * len(columns), 256 * len(rows)))
    for column, x in enumerate(columns):
        for row, y in enumerate(rows):
            if png := _one.layer.tile(zoom, x, y):
                canvas.paste(Image.open(io.BytesIO(png)).convert("RGBA"), (256 * column, 256 * row))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    bounds = [[_latitude(rows.stop, zoom), _longitude(columns.start, zoom)], [_latitude(rows.start, zoom), _longitude(columns.stop, zoom)]]
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", bounds


def _tiles_over(bounds):
    """The deepest zoom at which a few tiles cover the bounds, with their columns and rows."""
    (south, west), (north, east) = bounds
    for zoom in range(20, -1, -1):
        columns = range(_column(west, zoom), _column(east, zoom) + 1)
        rows = range(_row(north, zoom), _row(south, zoom) + 1)
        if len(columns) <= _FALLBACK_TILES and len(rows) <= _FALLBACK_TILES:
            break
    return zoom, columns, rows


def _column(longitude, zoom):
    return min(2**zoom - 1, max(0, math.floor((longitude + 180) / 360 * 2**zoom)))


def _row(latitude, zoom):
    mercator = math.asinh(math.tan(math.radians(max(-85.05, min(85.05, latitude)))))
    return min(2**zoom - 1, max(0, math.floor((1 - mercator / math.pi) / 2 * 2**zoom)))


def _longitude(column, zoom):
    return column / 2**zoom * 360 - 180


def _latitude(row, zoom):
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**zoom))))


def bounds_of(shown, samples):
    """What a map must show at first: all layers, else all samples, else the world."""
    boxes = [one.bounds for one in shown] or [((lat, lon), (lat, lon)) for lat, lon, *_ in samples] or [_WHOLE_WORLD]
    south, west = (min(box[0][axis] for box in boxes) for axis in (0, 1))
    north, east = (max(box[1][axis] for box in boxes) for axis in (0, 1))
    return [[south, west], [north, east]]


def use_vendored(root, base):
    """Point a map's scripts and styles at the app's own copies, and refuse what is not among them: one that fails blanks the map.

    Raises
    ------
    ValueError
        If an element needs a script from elsewhere.
    """
    for element in _walk(root):
        if not isinstance(element, folium.elements.JSCSSMixin):
            continue
        element.default_js = _kept(element, element.default_js, base)
        element.default_css = _kept(element, element.default_css, base)
        if isinstance(element, SideBySideLayers):
            element.default_css = [("leaflet-side-by-side", f"{base}/leaflet-side-by-side.css")]


def _kept(element, links, base):
    kept = []
    for name, address in links:
        file = Path(address).name
        if file in _VENDORED:
            kept.append((name, f"{base}/{file}"))
        elif not isinstance(element, folium.Map):  # the map's own jQuery, Bootstrap and icon fonts are not needed
            raise ValueError(f"{type(element).__name__} needs {address}, which is not among the app's own files")
    return kept


def _walk(element):
    yield element
    for child in element._children.values():
        yield from _walk(child)
