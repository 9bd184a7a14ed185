"""Places that maps show beside rasters: the samples, and the area of interest."""

import streamlit as st

from pages.ui import cached, maps, messages, theme
from pages.ui.session import current_work

_MOST_OUTLINES = 400


def samples():
    """Samples as (latitude, longitude, text); empty when there are none that can be placed."""
    with messages.shown():
        table = cached.samples()
        return _points_of(table.fingerprint, table) if table is not None and table.has_places and table.crs is not None else ()
    return ()


@st.cache_data(max_entries=8, show_spinner=False)
def _points_of(fingerprint, _samples):
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(_samples.crs, "EPSG:4326", always_xy=True).transform(_samples.x, _samples.y)
    target = _samples.target
    values = target.values if target is not None else [None] * len(_samples)
    words = f"{target.column}: {{}} {target.unit or ''}" if target is not None else "sample"
    rows = zip(_samples.table.index, lat, lon, values, strict=True)
    finite = ((row, y, x, value) for row, y, x, value in rows if abs(y) <= 90 and abs(x) <= 360)  # infinite where a point has no place on earth
    return [(float(y), float(x), f"Row {row}, {words.format(theme.number(value))}".strip()) for row, y, x, value in finite]


def area_of_interest():
    """The chosen boundary as outlines for a map; empty when there is none."""
    work = current_work()
    name = work.state().get("aoi")
    if name is None or not cached.exists(work.path(f"regions/{name}")):
        return []
    with messages.shown():
        path = work.path(f"regions/{name}")
        return [maps.Framed("Area of interest", outlines(cached.stamp(path), path), "#7b3294", "6 4")]
    return []


@st.cache_data(max_entries=8, show_spinner=False)
def outlines(stamp, _path):
    """Outer rings of the polygons of a vector file, ("", corners) each, degrees."""
    from soilcore.data.regions import outer_rings

    return tuple(("", [(latitude, longitude) for longitude, latitude in ring]) for ring in outer_rings(_path, most=_MOST_OUTLINES))
