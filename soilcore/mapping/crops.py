"""Crops and salt: relative yield by the two straight lines of Maas and Hoffman, and the water that keeps salt away from the roots.

References
----------
Maas and Hoffman (1977), J. Irrig. Drain. Div. ASCE 103, 115-134, doi 10.1061/JRCEA4.0001137; tables as named in ``soilcore/tables/crops.json``.
Leaching: Ayers and Westcot (1985), Water quality for agriculture, FAO Irrigation and Drainage Paper 29 rev. 1, equation 9, after Rhoades (1974).
Reclamation: Hoffman (1980), as named in the table.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.quantities import known_unit
from soilcore.core.tables import load_table

GOOD_YIELD = 90.0  # % of what the crop gives without salt; FAO 29 plans leaching for it
_SAME_AS_DS_M = ("dS/m", "mS/cm", "mmho/cm")


@dataclass(frozen=True)
class Crop:
    """How one crop stands salt.

    Parameters
    ----------
    id, name, scientific : str
    threshold : float
        ECe up to which yield is full, dS/m.
    slope : float
        Loss of yield above it, % per dS/m.
    rating : {"S", "MS", "MT", "T"}
        Sensitive, moderately sensitive, moderately tolerant, tolerant.
    group : str
        Key of the table's ``groups``.
    yield_of : str
        What was weighed.
    source, note : str
    checked : bool
        Whether the numbers were compared with a second published table.
    aliases : tuple of str
        Other names it is found by.
    """

    id: str
    name: str
    scientific: str
    threshold: float
    slope: float
    rating: str
    group: str
    yield_of: str
    source: str
    note: str = ""
    checked: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def no_yield(self):
        """ECe from which nothing is left, dS/m."""
        return self.threshold + 100 / self.slope

    @property
    def rating_text(self):
        """The rating in words."""
        return load_table("crops")["ratings"][self.rating]

    def relative_yield(self, ece):
        """Yield relative to soil without salt.

        Parameters
        ----------
        ece : array-like of float, any shape
            Mean of the root zone, dS/m.

        Returns
        -------
        ndarray of float, the same shape
            Percent, 0-100; NaN where `ece` is NaN.
        """
        return np.clip(100 - self.slope * (np.asarray(ece, float) - self.threshold), 0, 100)

    def ece_for(self, percent):
        """ECe at which so many percent of the yield are left, dS/m."""
        if not 0 <= percent <= 100:
            raise SettingsError(f"A relative yield lies between 0 and 100 %, not at {percent:g}. Give such a number.")
        return self.threshold + (100 - percent) / self.slope


@cache
def crops():
    """Every crop of ``soilcore/tables/crops.json``, in its order."""
    table = load_table("crops")
    return tuple(_crop(row, table) for row in table["crops"])


def crop(name):
    """A crop by its id, its common, scientific or other name, however it is spelled.

    Raises
    ------
    SettingsError
        If there is none, naming crops that are spelled alike.
    """
    wanted = _plain(name)
    known = _by_name()
    if wanted in known:
        return known[wanted]
    begin = sorted({one.id for key, one in known.items() if wanted and key.startswith(wanted)})
    if len(begin) == 1:
        return next(one for one in crops() if one.id == begin[0])
    close = begin or list(dict.fromkeys(known[key].id for key in get_close_matches(wanted, known, 5)))
    hint = f"Did you mean {', '.join(close[:8])}? " if close else ""
    raise SettingsError(f"The crop table has no {name!r}. {hint}`python -m soilcore crops` lists all {len(crops())}.")


def crops_that_stand(value, lower=None, upper=None, *, least=GOOD_YIELD):
    """Which crops give most of their yield at one place.

    Parameters
    ----------
    value : float
        ECe, dS/m.
    lower, upper : float, optional
        Bounds of its prediction interval.
    least : float
        Percent of the full yield that is asked for.

    Returns
    -------
    list of dict
        Of every crop that reaches it at `value`, the least tolerant first: ``id``, ``name``, ``yield`` (%), ``yield_low`` and ``yield_high``
        (at the bounds, or None), ``sure``: whether it is reached over the whole interval (None without one).
    """
    rows = []
    for one in sorted(crops(), key=lambda each: each.ece_for(least)):
        expected = float(one.relative_yield(value))
        if not expected >= least:
            continue
        low = None if upper is None else float(one.relative_yield(upper))
        high = None if lower is None else float(one.relative_yield(lower))
        sure = None if low is None else low >= least
        rows.append({"id": one.id, "name": one.name, "yield": expected, "yield_low": low, "yield_high": high, "sure": sure})
    return rows


def leaching_requirement(water, ece):
    r"""Part of the irrigation water that must drain below the roots to hold the soil at a salinity.

    Parameters
    ----------
    water : float
        Conductivity of the irrigation water, dS/m.
    ece : array-like of float
        Mean ECe of the root zone that is to be kept, dS/m: what the crop stands, not what is there today.

    Returns
    -------
    ndarray of float
        0-1, for surface irrigation and ordinary sprinklers; infinite where no amount of this water holds the soil at `ece`.

    Notes
    -----
    .. math:: LR = EC_w / (5\,EC_e - EC_w)
    """
    water = check_water(water)
    ece = np.asarray(ece, float)
    spare = 5 * ece - water
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(spare > 0, water / spare, np.inf)
    return np.where(np.isnan(ece), np.nan, np.where(part < 1, part, np.inf))


def steady_ece(water, leaching_fraction):
    """ECe in which a water ends when a part of it, 0-1, always drains below the roots: the same rule the other way round, dS/m."""
    return check_water(water) * (1 + 1 / np.asarray(leaching_fraction, float)) / 5


def reclamation_water(now, goal, soil="clay loam"):
    r"""Water that must pass through the soil once to bring its salinity down.

    Parameters
    ----------
    now, goal : array-like of float
        ECe before and after, dS/m; the goal must be reachable with the water (`leaching_requirement`).
    soil : {"sandy loam", "clay loam", "peat"}
        Ponded without a break; ponded now and then, every soil needs at most what a sandy loam does, but longer.

    Returns
    -------
    ndarray of float
        Metres of water per metre of soil; 0 where the goal is reached already.

    Raises
    ------
    SettingsError
        If there is no such soil.

    Notes
    -----
    .. math:: D_w / D_s = k\,EC_{now} / EC_{goal}
    """
    factors = load_table("crops")["reclamation"]["k"]
    if soil not in factors:
        raise SettingsError(f"There is no reclamation rule for {soil!r}. Soils: {', '.join(factors)}.")
    now, goal = np.asarray(now, float), np.asarray(goal, float)
    return np.where(now > goal, factors[soil] * now / goal, np.where(np.isnan(now), np.nan, 0.0))


def check_water(water):
    """The conductivity of irrigation water as a number, or refuse it.

    Raises
    ------
    SettingsError
        If it is negative, no number, or far above sea water.
    """
    water = float(water)
    if not 0 <= water <= 60:
        raise SettingsError(
            f"The conductivity of irrigation water is given in dS/m, between 0 and 60; {water:g} is not. µS/cm are divided by 1000 (750 µS/cm = 0.75)."
        )
    return water


def check_crops_fit(unit, form, column=""):
    """Refuse crop advice on anything but the conductivity of the saturated paste.

    Parameters
    ----------
    unit : str or None
        Of the map.
    form : str or None
        "ECe", "as-measured" or "salt".
    column : str
        Target, for the message.

    Raises
    ------
    SettingsError
        Naming the conversion.
    """
    if form == "ECe" and unit is not None and known_unit(unit) in _SAME_AS_DS_M:
        return
    shown = f"{column or 'the target'} in {unit or 'an unknown unit'}"
    shown += {"ECe": " (ECe)", "salt": " (salt content)"}.get(form, ", as measured")
    remedy = "train the model with --convert ECe (and --unit and --extract of the laboratory's values) and map it again."
    raise SettingsError(f"Crop tolerances are known for the conductivity of the saturated paste (ECe) in dS/m, but the map shows {shown}: {remedy}")


def _crop(row, table):
    return Crop(
        row["id"],
        row["name"],
        row["scientific"],
        row["threshold"],
        row["slope"],
        row["rating"],
        row["group"],
        row["yield_of"],
        table["sources"][row["source"]],
        row.get("note", ""),
        row["status"] == "V",
        tuple(row.get("aliases", ())),
    )


@cache
def _by_name():
    """Crops by every name they have; the first of the table keeps a name that several share (Triticum aestivum is wheat for grain)."""
    known = {}
    for names in (lambda one: (one.id,), lambda one: (one.name, *one.aliases), lambda one: (one.scientific,)):
        for one in crops():
            for name in names(one):
                known.setdefault(_plain(name), one)
    return known


def _plain(name):
    return " ".join("".join(letter if letter.isalnum() else " " for letter in str(name).casefold()).split())
