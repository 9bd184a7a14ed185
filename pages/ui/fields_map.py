"""A finished map as the page of fields reads it, and pictures that lie under the fields."""

from pathlib import Path

import streamlit as st

from pages.ui import cached, layers, maps, messages, scene_map

MAP = "Map"
_OF_MAP = (("map_class", "Classes of the pixels"), ("map", "Values of the pixels"))


def finished(path):
    """What a finished map says of itself: grid, unit, date, level (see `soilcore.mapping.finished.open_map`)."""
    return _finished(cached.stamp(path.parent), path)


@st.cache_resource(max_entries=16, show_spinner=False)
def _finished(stamp, _path):
    from soilcore.mapping.finished import open_map

    return open_map(_path)


def pictures(made):
    """Classes and values of a map, as far as they are there."""
    files = [(made.folder / f"{name}.tif", label) for name, label in _OF_MAP]
    return [picture(path, label) for path, label in files if path.is_file()]


def picture(path, label, group=MAP):
    """One raster as a picture for a map.

    Parameters
    ----------
    path : path
    label, group : str
        What the panel of the map calls it.

    Returns
    -------
    maps.Shown
    """
    path = Path(path)
    style, bounds, title = _look_of(cached.stamp(path), path)
    return maps.Shown(label, layers.Layer(path, style), bounds, title, group=group)


@st.cache_data(max_entries=256, show_spinner=False)
def _look_of(stamp, _path):
    import rasterio

    from soilcore.mapping.tiles import layer_bounds, style_of

    with rasterio.open(_path) as raster:
        title = raster.descriptions[0] or _path.stem
    return style_of(_path), layer_bounds(_path), title


def background():
    """The scene in true colour, where there is one and it can be read."""
    with messages.shown():
        return scene_map.background(cached.scene())
    return None
