"""How fields are coloured: by class, by a number on a ramp, or by the name of what is best there."""

from collections import Counter
from dataclasses import dataclass

from pages.ui import theme
from soilcore.mapping.ramps import CLASSES, ramp_colors, ramp_stops
from soilcore.mapping.styles import Style, class_labels, value_style

GROUP = "Fields"
_MOST_NAMES = 7
_REST = "#9aa39e"


@dataclass(frozen=True)
class Colours:
    """One colouring of fields.

    Parameters
    ----------
    label, title : str
        What the panel calls it, and the head of its legend.
    style : Style
    colors : list of str or None
        In the order of the fields.
    texts : list of str
        Value of each in words.
    """

    label: str
    title: str
    style: Style
    colors: list
    texts: list

    @property
    def legend(self):
        """What the panel needs."""
        entries = [list(entry) for entry in self.style.entries]
        return {"label": self.label, "title": self.title, "group": GROUP, "kind": self.style.kind, "entries": entries}


def by_number(label, title, values, unit, ramp, low=None, high=None, percent=False):
    """Fields by a number each, None where it is not known.

    Parameters
    ----------
    label, title : str
    values : list of float or None
    unit : str
    ramp : str
        As `soilcore.mapping.ramps`.
    low, high : float, optional
        Ends of the ramp; those of the values if not given.
    percent : bool
        Whether values from 0 to 1 are told in percent.
    """
    known = [value for value in values if value is not None]
    low = min(known, default=0) if low is None else low
    high = max(known, default=1) if high is None else high
    style = Style("continuous", low, high, ramp, percent=True) if percent else value_style(low, high, unit, ramp)
    shades = ramp_colors(ramp)
    colors = [None if value is None else shades[_place(value, style, len(shades))] for value in values]
    return Colours(label, title, style, colors, ["not on the map" if value is None else style.number_of(value) for value in values])


def _place(value, style, count):
    share = (value - style.low) / (style.high - style.low)
    return round(min(1.0, max(0.0, share)) * (count - 1))


def by_class(label, classes, names):
    """Fields by class.

    Parameters
    ----------
    label : str
    classes : dict
        As the facts of fields say: ``title``, ``labels``, ``edges``, ``unit``, ``colors``.
    names : list of str or None
        Class of each field.
    """
    style = Style("classes", colors=tuple(classes["colors"]), labels=_ranges(classes))
    colors = [None if name is None else classes["colors"][classes["labels"].index(name)] for name in names]
    return Colours(label, classes["title"] or label, style, colors, [name or "not on the map" for name in names])


def _ranges(classes):
    from soilcore.core.classes import class_scheme

    return class_labels(class_scheme(classes["id"]))


def by_name(label, title, names):
    """Fields by the name of something, the most frequent ones with a colour of their own."""
    frequent = [name for name, _ in Counter(name for name in names if name).most_common(_MOST_NAMES)]
    color_of = dict(zip(frequent, ramp_stops(CLASSES, max(2, len(frequent))), strict=False))
    others = sum(name is not None and name not in color_of for name in names)
    shown = [*color_of.items(), *([("another", _REST)] if others else [])]
    style = Style("classes", colors=tuple(color for _, color in shown), labels=tuple(name for name, _ in shown))
    colors = [None if name is None else color_of.get(name, _REST) for name in names]
    return Colours(label, title, style, colors, [name or "not on the map" for name in names])


def between(low, high, unit):
    """An interval in words."""
    if low is None or high is None:
        return "not known"
    return f"{theme.number(low)} to {theme.number(high)} {unit or ''}".strip()
