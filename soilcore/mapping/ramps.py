"""Colour ramps that are read with every kind of colour vision; tables, see ``soilcore/tables/ramps.json`` for their sources."""

from functools import cache

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table

CLASSES, CONTINUOUS, DIFFERENCES = "viridis_r", "cividis_r", "blue-orange"


def ramp_names():
    """Names of all ramps; ``_r`` behind one reverses it."""
    return tuple(row["id"] for row in load_table("ramps")["ramps"])


@cache
def ramp_colors(name):
    """The 256 colours of a ramp, low to high, as ``#rrggbb``.

    Raises
    ------
    SettingsError
        If there is no such ramp; the message lists them.
    """
    rows = {row["id"]: tuple(row["colors"]) for row in load_table("ramps")["ramps"]}
    plain = name.removesuffix("_r")
    if plain not in rows:
        raise SettingsError(f"There is no colour ramp {name!r}. Ramps: {', '.join(rows)}; add _r to reverse one.")
    return rows[plain] if plain == name else rows[plain][::-1]


def ramp_stops(name, count):
    """`count` colours of a ramp at equal distances, both ends among them, as ``#rrggbb``."""
    colors = ramp_colors(name)
    return tuple(colors[position] for position in np.linspace(0, len(colors) - 1, count).round().astype(int))


def rgb_of(color):
    """``#rrggbb`` as three numbers 0-255."""
    return tuple(int(color[start : start + 2], 16) for start in (1, 3, 5))
