"""Rasters of comparisons and scenarios, ready to be shown."""

from pathlib import Path

import streamlit as st

from pages.ui import cached, layers, maps
from soilcore.mapping.styles import Style

_GREY = "#5a5a5a"


def shown(path, label, group="", title=None, style=None, opacity=0.85):
    """One raster as its own file says: colours, unit, place.

    Parameters
    ----------
    path : path
    label : str
        What the panel calls it.
    group : str
    title : str, optional
        Head of the legend; what the file says of itself if not given.
    style : Style, optional
        Other colours than the file's own.
    opacity : float

    Returns
    -------
    maps.Shown
    """
    own, bounds, described = _look_of(cached.stamp(path), path)
    return maps.Shown(label, layers.Layer(Path(path), style or own), bounds, described if title is None else title, opacity, group)


@st.cache_data(max_entries=512, show_spinner=False)
def _look_of(stamp, _path):
    import rasterio

    from soilcore.mapping.tiles import layer_bounds, style_of

    with rasterio.open(_path) as raster:
        title, unit = raster.descriptions[0] or Path(_path).stem, raster.units[0] or ""
    return style_of(_path), layer_bounds(_path), f"{title} ({unit})" if unit and unit not in title else title


def listed(kept, names):
    """Those rasters of a result that are there.

    Parameters
    ----------
    kept : Kept
    names : dict of str to (label, group)

    Returns
    -------
    dict of str to maps.Shown
        In the order of `names`.
    """
    return {name: shown(path, *words) for name, words in names.items() if (path := kept.layer(name)) is not None}


def veil(path, label, words):
    """A grey veil over those pixels of a raster of 0 and 1 that are 0, such as everything outside an area of applicability."""
    one = shown(path, label)
    return maps.Shown(label, layers.Layer(Path(path), Style("classes", colors=(_GREY,), labels=(words,))), one.bounds, opacity=0.62)


def of_one_scale(several):
    """The same rasters with the colours of the widest range, so that dates can be compared by eye."""
    styles = [one.layer.style for one in several]
    if any(style.kind != "continuous" for style in styles):
        return list(several)
    from dataclasses import replace

    style = replace(styles[0], low=min(one.low for one in styles), high=max(one.high for one in styles))
    return [replace(one, layer=layers.Layer(one.layer.path, style)) for one in several]


def sentence(several, lon, lat):
    """Values under a place as one line of markdown.

    Parameters
    ----------
    several : sequence of maps.Shown
    """
    from pages.ui.messages import plain
    from soilcore.mapping.tiles import value_at

    words = []
    for one in several:
        value = value_at(one.layer.path, lon, lat)
        if value is not None:
            words.append(f"**{plain(one.label)}** {plain(one.layer.style.text_of(value))}")
    return f":material/location_on: {lat:.5f}°, {lon:.5f}° · {' · '.join(words) or 'nothing is mapped here.'}"
