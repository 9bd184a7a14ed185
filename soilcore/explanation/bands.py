"""Known absorptions of soil constituents: their names beside a spectrum, and how much of an attribution lies within them.

The table is ``soilcore/tables/spectral_bands.json``, each range with its sources.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table

UNITS = ("cm-1", "nm")
HINT = (
    "A band in which a model looks is a hint at what it uses, no proof: most ranges hold more than one constituent, and constituents come together."
)
_PER_METRE = 1e7  # nanometres times wavenumbers per centimetre


@dataclass(frozen=True)
class Band:
    """A range in which a constituent absorbs.

    Parameters
    ----------
    id, name, constituent, vibration : str
    low, high, centre : float
        In the unit that was asked for.
    sources : tuple of str
        Citations.
    """

    id: str
    name: str
    constituent: str
    vibration: str
    low: float
    high: float
    centre: float
    sources: tuple[str, ...]


def bands_on(axis, unit):
    """Known bands that a spectrum reaches into, in the order of its axis.

    Parameters
    ----------
    axis : ndarray of float, shape (n_points,)
        Ascending or descending.
    unit : {"cm-1", "nm"}

    Returns
    -------
    tuple of Band
        Limits in the unit of the axis.

    Raises
    ------
    SettingsError
        If the unit is unknown or the axis does not rise or fall throughout.
    """
    axis = _checked(axis, unit)
    table = load_table("spectral_bands")
    bands = [_in_unit(row, unit, table["sources"]) for row in table["bands"]]
    inside = [band for band in bands if _within(axis, band).any()]
    return tuple(sorted(inside, key=lambda band: band.centre, reverse=bool(axis[0] > axis[-1])))


def attribution_by_band(axis, unit, profile, sizes=None):
    """How much of an attribution lies within each known band.

    Parameters
    ----------
    axis : ndarray of float, shape (n_points,)
    unit : {"cm-1", "nm"}
    profile : ndarray of float, shape (n_points,)
        Attribution along the axis.
    sizes : ndarray of float, shape (n_points,), optional
        Mean absolute attributions, for shares; the absolute profile if not given.

    Returns
    -------
    rows : list of dict
        By falling ``density``: ``id``, ``name``, ``constituent``, ``vibration``, ``low``, ``high``, ``centre``, ``sources``; ``share`` of the sum of
        absolute attributions, ``density`` (that share over the share of points: 1 is what chance gives), ``sign`` (sum of the profile over that of
        the sizes, 1 where the band only raises predictions, -1 where it only lowers them) and ``peak``, the position of the largest absolute attribution.
    outside : float
        Share that lies in no known band. Bands may overlap, so shares and this need not add up to 1.
    """
    axis, profile = _checked(axis, unit), np.asarray(profile, float)
    if profile.shape != axis.shape:
        raise SettingsError(f"The axis has {axis.size} points, but the attributions have the shape {profile.shape}. Give one value per point.")
    size = np.abs(profile if sizes is None else np.asarray(sizes, float))
    total = size.sum()
    if not total > 0:
        return [], 0.0
    rows, known = [], np.zeros(axis.size, bool)
    for band in bands_on(axis, unit):
        points = _within(axis, band)
        known |= points
        share = float(size[points].sum() / total)
        rows.append(
            {
                **band.__dict__,
                "sources": list(band.sources),
                "share": share,
                "density": share / float(points.mean()),
                "sign": float(profile[points].sum() / size[points].sum()) if share > 0 else 0.0,
                "peak": float(axis[points][size[points].argmax()]),
            }
        )
    return sorted(rows, key=lambda row: -row["density"]), float(size[~known].sum() / total)


def _checked(axis, unit):
    if unit not in UNITS:
        raise SettingsError(f"The axis of a spectrum is in {' or '.join(UNITS)}; got {unit!r}.")
    axis = np.asarray(axis, float)
    steps = np.diff(axis)
    if axis.ndim != 1 or axis.size < 2 or not ((steps > 0).all() or (steps < 0).all()) or not (axis > 0).all():
        raise SettingsError("The axis of a spectrum must be positive numbers that rise or fall throughout.")
    return axis


def _in_unit(row, unit, sources):
    limits = [float(row[name]) for name in ("low", "high", "centre")]
    if row["unit"] != unit:
        low, high, centre = (_PER_METRE / value for value in limits)
        limits = [high, low, centre]
    words = (row[name] for name in ("id", "name", "constituent", "vibration"))
    return Band(*words, *limits, tuple(sources[source] for source in row["sources"]))


def _within(axis, band):
    return (axis >= band.low) & (axis <= band.high)
