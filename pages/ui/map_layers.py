"""Layers of a finished map as people meet them: short names, groups, what a click tells, and what lies outside the area of applicability."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.ui import cached, layers, maps
from soilcore.mapping.styles import Style

MAP, SURE, WHERE, STEPS = "Map", "How sure", "Where to believe it", "Two steps"
_NAMES = {
    "value": ("Values", MAP),
    "class": ("Classes", MAP),
    "lower": ("Lower bound", SURE),
    "upper": ("Upper bound", SURE),
    "width": ("Interval width", SURE),
    "aoa": ("Area of applicability", WHERE),
    "error": ("Expected error", WHERE),
    "di": ("Dissimilarity", WHERE),
    "lpd": ("Samples alike", WHERE),
    "p_high": ("Probability of the high class", STEPS),
    "entropy": ("Doubt between classes", STEPS),
    "step_class": ("Class of the first step", STEPS),
}
_FIRST = ("class", "value")
_OUTSIDE = Style("classes", colors=("#5a5a5a",), labels=("outside: the scores do not hold here",))


@dataclass(frozen=True)
class Named:
    """A layer of a map, ready to be shown.

    Parameters
    ----------
    key : str
        As in the facts of the map: ``value``, ``lower``, ``p_gt_4``, ...
    shown : maps.Shown
    """

    key: str
    shown: maps.Shown

    @property
    def style(self):
        """How it is coloured and worded."""
        return self.shown.layer.style


def of(made):
    """Layers of a map, classes first.

    Parameters
    ----------
    made : MadeMap

    Returns
    -------
    list of Named
    """
    from soilcore.mapping.layers import layers_of

    there = {layer.key: layer for layer in layers_of(made.value_file)}
    found = [Named(layer.key, shown_of(layer)) for layer in there.values()]
    if {"lower", "upper"} <= set(there):
        found.insert(0, Named("width", _width(there["lower"], there["upper"], made.level)))
    order = {name: place for place, name in enumerate((MAP, SURE, WHERE, STEPS))}
    return sorted(found, key=lambda one: (order[one.shown.group], _FIRST.index(one.key) if one.key in _FIRST else len(_FIRST)))


def shown_of(layer):
    """A layer of a map, ready to be shown."""
    name, group = _name(layer)
    style, bounds, described = _look_of(cached.stamp(layer.path), layer.path)
    title = described if layer.key in _FIRST else f"{layer.title} ({layer.unit})" if layer.unit else layer.title
    return maps.Shown(name, layers.Layer(layer.path, style), bounds, title, group=group)


def _width(lower, upper, level):
    """Upper minus lower bound, taken as it is drawn: the map's files hold both."""
    style, bounds = _width_look(cached.stamp(lower.path), cached.stamp(upper.path), lower.path, upper.path)
    words = "prediction interval" if level is None else f"{100 * level:.4g} % prediction interval"
    title = f"Width of the {words}" + (f" ({upper.unit})" if upper.unit else "")
    return maps.Shown(_NAMES["width"][0], layers.Layer(upper.path, style, lower.path), bounds, title, group=SURE)


@st.cache_data(max_entries=64, show_spinner=False)
def _width_look(stamp_of_lower, stamp_of_upper, _lower, _upper):
    from soilcore.mapping.tiles import layer_bounds, style_of

    return style_of(_upper, minus=_lower), layer_bounds(_upper)


def _name(layer):
    if layer.key in _NAMES:
        return _NAMES[layer.key]
    if layer.key.startswith("p_gt_"):
        return layer.title.replace("Probability of more", "Chance of more"), SURE
    return layer.title, STEPS


@st.cache_data(max_entries=256, show_spinner=False)
def _look_of(stamp, _path):
    from soilcore.mapping.tiles import layer_bounds, style_of

    return style_of(_path), layer_bounds(_path), _title_of(_path)


def _title_of(path):
    import rasterio

    with rasterio.open(path) as raster:
        return raster.descriptions[0] or Path(path).stem


def outside(named):
    """A grey veil over everything outside the area of applicability; None for a map without one."""
    area = next((one.shown for one in named if one.key == "aoa"), None)
    if area is None:
        return None
    return maps.Shown("Grey: outside the area of applicability", layers.Layer(area.layer.path, _OUTSIDE), area.bounds, opacity=0.62)


def rows(named, level=None):
    """What a click always tells, in order: one line each, bounds of an interval on one line.

    Parameters
    ----------
    named : list of Named
    level : float, optional
        Of the interval.

    Returns
    -------
    list of (str, list of maps.Shown)
        Label, and the layers whose values are joined by "to".
    """
    by_key = {one.key: one.shown for one in named}
    told = [(label, [by_key[key]]) for key, label in (("value", "Prediction"), ("class", "Class")) if key in by_key]
    if {"lower", "upper"} <= set(by_key):
        told.append(("Interval" if level is None else f"{100 * level:.4g} % interval", [by_key["lower"], by_key["upper"]]))
    told += [("Area of applicability", [by_key["aoa"]])] if "aoa" in by_key else []
    return told


TOLD = ("value", "class", "lower", "upper", "aoa")  # keys of layers that `rows` tells


def values_at(named, lon, lat):
    """Values of every layer under a place, degrees: by key, None where there is none."""
    return {one.key: one.shown.layer.value_at(lon, lat) for one in named}
