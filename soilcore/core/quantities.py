"""Units as people write them, and what they are in ours: conductivity above all, because a factor of 100 or 1000 hides in its spelling."""

import re
import unicodedata
from functools import cache, lru_cache

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table

_MICRO = str.maketrans({"µ": "u", "μ": "u", "⁻": "-", "−": "-", "–": "-", "¹": "1", "²": "2", "³": "3", "·": "_", "•": "_", "‰": " promille "})
_EDGE = r"(?:(?<=[^a-z0-9%])|(?<=^))(?:{})(?=[^a-z0-9]|$)"


def plain_spelling(text):
    """A name made plain for recognition: lower case, no accents, micro sign as u, superscripts as figures, blanks as one underscore."""
    text = unicodedata.normalize("NFKD", str(text).translate(_MICRO)).translate(_MICRO)
    text = "".join(letter for letter in text if not unicodedata.combining(letter)).casefold()
    return re.sub(r"[\s_]+", "_", text.strip()).strip("_")


@lru_cache(maxsize=20000)
def find_unit(text):
    """The unit that a column name or a cell mentions, or None.

    Parameters
    ----------
    text : str
        For example ``"EC (µS/cm)"``, ``"EC_dS_m"``, ``"EC(ms cm-1)"``, ``"salt_g_kg"``.

    Returns
    -------
    str or None
        The unit in the spelling of ``soilcore/tables/units.json``. A bare "m" or "cm" is not looked for inside a name.
    """
    plain = plain_spelling(text)
    for row, pattern in _unit_patterns():
        if row["kind"] != "length" and pattern.search(plain):
            return row["id"]
    return None


def known_unit(unit):
    """The unit an option names, in our spelling.

    Raises
    ------
    SettingsError
        If it is not a unit we know; the message lists those of conductivity.
    """
    plain = plain_spelling(unit)
    for row, pattern in _unit_patterns():
        if plain_spelling(row["id"]) == plain or pattern.fullmatch(plain):
            return row["id"]
    known = ", ".join(row["id"] for row in load_table("units")["units"])
    raise SettingsError(f"{unit!r} is no unit we know. Known units: {known}.")


def kind_of_unit(unit):
    """What a unit measures: "conductivity", "mass fraction", "percent", ...; None for no unit."""
    return None if unit is None else _unit_row(unit)["kind"]


def known_extract(text):
    """The soil:water extract an option or a cell names: "1:1", "1:2", "1:2.5", "1:5", "paste", "ECa", ...

    Raises
    ------
    SettingsError
        If it is none of them.
    """
    plain = plain_spelling(text).replace(",", ".")
    for row in load_table("units")["extracts"]:
        if plain == plain_spelling(row["id"]) or re.fullmatch(row["pattern"], plain):
            return row["id"]
    aliases = {"ece": "paste", "saturated_paste": "paste", "saturation_extract": "paste", "apparent": "ECa", "sp": "paste"}
    if plain in aliases:
        return aliases[plain]
    known = ", ".join(row["id"] for row in load_table("units")["extracts"])
    raise SettingsError(f"{text!r} is no extract we know. Known extracts (soil:water by mass): {known}.")


@lru_cache(maxsize=20000)
def find_extract(name):
    """The extract that the name of a conductivity column mentions, or None. ``"ec_12pre"`` is 1:2, ``"ec_1_5_dS_m"`` is 1:5."""
    plain = plain_spelling(name)
    for row in load_table("units")["extracts"]:
        pattern = row["pattern"]
        before = r"(?:^|[^0-9.])" if row["parts_of_water"] else ""
        if re.search(before + f"(?:{pattern})", plain):
            return row["id"]
    return None


def parts_of_water(extract):
    """Parts of water per part of soil, by mass; None for the paste and for apparent conductivity."""
    return next((row["parts_of_water"] for row in load_table("units")["extracts"] if row["id"] == extract), None)


def to_ds_m(values, unit):
    r"""Electrical conductivity in dS/m.

    Parameters
    ----------
    values : array-like of float
        In `unit`, at 25 °C.
    unit : str
        dS/m, mS/cm, mmho/cm, mS/m, µS/cm or S/m.

    Returns
    -------
    ndarray of float

    Raises
    ------
    SettingsError
        If `unit` is unknown or does not measure conductivity.

    Notes
    -----
    1 dS/m = 1 mS/cm = 1 mmho/cm = 100 mS/m = 1000 µS/cm = 0.1 S/m.
    """
    row = _unit_row(unit)
    if row["kind"] != "conductivity":
        raise SettingsError(f"{unit!r} measures {row['kind']}, not conductivity. Give dS/m, mS/cm, mS/m or µS/cm.")
    return _times(values, row["factor"])


def convert_unit(values, unit, wanted):
    """Values in another unit of the same kind; percent and g/kg count as mass fractions of each other.

    Raises
    ------
    SettingsError
        If the two units do not measure the same.
    """
    have, want = _unit_row(unit), _unit_row(wanted)
    if {have["id"], want["id"]} == {"%", "g/kg"}:
        return _times(values, 10.0 if have["id"] == "%" else 0.1)
    if have["to"] != want["to"]:
        raise SettingsError(f"{have['id']} measures {have['kind']} and {want['id']} measures {want['kind']}: one cannot become the other.")
    return _times(values, have["factor"] / want["factor"])


def _times(values, factor):
    # Dividing by the whole number is exact where multiplying by its reciprocal is not: 250 µS/cm are 0.25 dS/m to the last digit.
    values = np.asarray(values, dtype=float)
    inverse = round(1 / factor)
    return values / inverse if factor < 1 and abs(inverse * factor - 1) < 1e-12 else values * factor


def _unit_row(unit):
    name = known_unit(unit)
    return next(row for row in load_table("units")["units"] if row["id"] == name)


@cache
def _unit_patterns():
    return tuple((row, re.compile(_EDGE.format(row["pattern"]))) for row in load_table("units")["units"])
