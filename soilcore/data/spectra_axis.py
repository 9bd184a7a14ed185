"""The axis of spectra: column names into wavelengths or wavenumbers, their unit by evidence, their order, and one axis for all."""

import re
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SampleError, SettingsError, UnreadableError
from soilcore.data.remarks import remark, some
from soilcore.data.spectra_set import WAVELENGTH, WAVENUMBER

FEWEST_POINTS = 20  # fewer columns named by numbers are bands of a satellite, not a spectrum
LONGEST_NM = 2700.0  # diffuse reflectance in nm ends at 2500; what goes further is counted in cm-1
_NAME = re.compile(r"^(?P<before>|.*?\D)(?P<number>\d{1,5}(?:[.,]\d+)?)(?P<after>(?:[^\d].*)?)$")
_UNITS = {
    "cm-1": WAVENUMBER,
    "cm^-1": WAVENUMBER,
    "1/cm": WAVENUMBER,
    "cm": WAVENUMBER,
    "wavenumber": WAVENUMBER,
    "nm": WAVELENGTH,
    "um": "um",
    "µm": "um",
}
_NM_WORDS = re.compile(r"(?:^|[^a-z])(?:nm|wl|wave_?lengths?|vis_?nir|vnir|swir|asd)(?:[^a-z]|$)")
_CM_WORDS = re.compile(r"(?:^|[^a-z])(?:cm|wn|wave_?numbers?|mir|ft_?ir|drift)(?:[^a-z]|$)")


@dataclass(frozen=True)
class AxisColumns:
    """Which columns of a table hold the spectrum, and where each of them lies.

    Parameters
    ----------
    columns : list of int
        Positions of the columns in the table, in the order of the table.
    axis : ndarray of float, shape (n_points,)
        What their names say, in the same order.
    before, after : str
        What stands before and after the number in every name.
    others : tuple of (str, int)
        Other families of numbered columns: how they begin, and how many.
    """

    columns: list
    axis: np.ndarray
    before: str
    after: str
    others: tuple = ()


def axis_columns(names, begins=None):
    """The family of columns that are named by a wavelength or wavenumber.

    Parameters
    ----------
    names : sequence of str
        Names as they stand in the file: ``3999.0``, ``X3999``, ``wn_3999``, ``scan_mir.3999_abs``, ``350 nm``.
    begins : str, optional
        How the names begin, where there are several families.

    Returns
    -------
    AxisColumns or None
        None when fewer than 20 columns are named like that.

    Raises
    ------
    SettingsError
        If no column begins as `begins` says.
    """
    families = {}
    for place, name in enumerate(names):
        if match := _NAME.match(str(name).strip()):
            key = (match["before"].strip().casefold(), match["after"].strip().casefold())
            families.setdefault(key, []).append((place, float(match["number"].replace(",", "."))))
    families = {key: found for key, found in families.items() if len(found) >= FEWEST_POINTS and not _only_counts(found)}
    if begins is not None:
        wanted = begins.strip().casefold()
        chosen = {key: found for key, found in families.items() if key[0].startswith(wanted)}
        if not chosen:
            known = some([repr(before) for before, _ in families]) or "none"
            raise SettingsError(f"No {FEWEST_POINTS} columns begin with {begins!r} followed by a wavelength or wavenumber. Spectra found: {known}.")
        families = chosen | {key: found for key, found in families.items() if key not in chosen} if chosen else families
        key = max(chosen, key=lambda name: len(chosen[name]))
    elif not families:
        return None
    else:
        key = max(families, key=lambda name: len(families[name]))
    found = families[key]
    others = tuple((before, len(rest)) for (before, after), rest in families.items() if (before, after) != key)
    return AxisColumns([place for place, _ in found], np.array([number for _, number in found]), *key, others)


def numbered_columns(names):
    """How columns that only count begin (V1, V2, ... V200), and how many there are; None where there are none."""
    families = {}
    for name in names:
        if match := _NAME.match(str(name).strip()):
            families.setdefault((match["before"], match["after"]), []).append((0, float(match["number"].replace(",", "."))))
    counted = {before: len(found) for (before, _), found in families.items() if len(found) >= FEWEST_POINTS and _only_counts(found)}
    return max(counted.items(), key=lambda item: item[1], default=None)


def _only_counts(found):
    """V1, V2, ... V200 are numbered, not named by a wavelength."""
    numbers = np.array([number for _, number in found])
    return bool(numbers[0] <= 2 and np.all(np.diff(numbers) == 1))


def known_axis_unit(text):
    """The unit of an axis ("cm-1", "nm" or "um") from what a user wrote.

    Raises
    ------
    SettingsError
        If it is none of them.
    """
    unit = _UNITS.get(str(text).strip().casefold())
    if unit is None:
        raise SettingsError(f"{text!r} is no unit of a spectral axis. Choose cm-1 (wavenumbers), nm or um (wavelengths).")
    return unit


def settle_unit(axis, said=None, words=""):
    """Unit of an axis: as told, else by names, spacing and range.

    Parameters
    ----------
    axis : ndarray of float, shape (n_points,)
        In the order of the file.
    said : str, optional
        What the user, or the header of the file, says.
    words : str
        What stands around the numbers in the column names.

    Returns
    -------
    axis : ndarray of float
        In `unit`; micrometres become nm.
    unit : {"cm-1", "nm"}
    reason : str
        The evidence, as words.
    sure : bool
        Whether the evidence leaves no doubt.

    Raises
    ------
    UnreadableError
        If the axis holds zero, negative or endless values.
    """
    axis = np.asarray(axis, dtype=float)
    if not (np.isfinite(axis).all() and (axis > 0).all()):
        raise UnreadableError(
            "The axis of the spectra holds values that are not above 0, which no wavelength or wavenumber is. Check the column names."
        )
    unit, reason, sure = _evidence(axis, said, words)
    return (axis * 1000 if unit == "um" else axis), (WAVELENGTH if unit == "um" else unit), reason, sure


def _evidence(axis, said, words):
    low, high = axis.min(), axis.max()
    span = f"{low:g} to {high:g}"
    if said is not None:
        return known_axis_unit(said), "as told", True
    words = words.casefold()
    named_nm, named_cm = bool(_NM_WORDS.search(words)), bool(_CM_WORDS.search(words))
    if named_nm != named_cm:
        return (WAVELENGTH, "column names", True) if named_nm else (WAVENUMBER, "column names", True)
    if high <= 30:
        return "um", f"{span} can only be micrometres", True
    even, turned = unevenness(axis), unevenness(1e7 / axis)
    if turned < 0.02 < even and turned < 0.2 * even:
        unit = WAVELENGTH if high <= LONGEST_NM else WAVENUMBER
        return unit, f"{span}, unevenly spaced but even in the other unit: a Fourier-transform instrument's axis written in {unit}", True
    if high > LONGEST_NM:
        return WAVENUMBER, f"it reaches {high:g}, further than reflectance in nm goes", True
    if low < 300:
        return WAVENUMBER, f"it begins at {low:g}, below what spectrometers measure in nm", True
    falling = bool(axis[0] > axis[-1])
    if falling:
        return WAVENUMBER, f"{span}, written in falling order as wavenumbers are", False
    return WAVELENGTH, f"{span}, written in rising order and evenly spaced as wavelengths are", high > 1800 or low < 450


def unevenness(axis):
    """Spread of the steps of an axis relative to their middle; 0 for an even grid."""
    steps = np.abs(np.diff(axis))
    middle = np.median(steps)
    return float((np.quantile(steps, 0.95) - np.quantile(steps, 0.05)) / middle) if middle > 0 else np.inf


def canonical_order(axis, unit):
    """Positions that bring an axis into order: wavenumbers falling, wavelengths rising."""
    order = np.argsort(axis, kind="stable")
    return order[::-1] if unit == WAVENUMBER else order


def is_canonical(axis, unit):
    """Whether an axis is in its order, without repeats."""
    steps = np.diff(axis)
    return bool(np.all(steps < 0) if unit == WAVENUMBER else np.all(steps > 0))


def unit_of_order(axis):
    """The unit of an axis in canonical order: falling values are wavenumbers, rising ones wavelengths.

    Raises
    ------
    SampleError
        If the values neither rise nor fall throughout.
    """
    steps = np.diff(np.asarray(axis, dtype=float))
    if np.all(steps < 0):
        return WAVENUMBER
    if np.all(steps > 0):
        return WAVELENGTH
    raise SampleError("The axis of the spectra neither rises nor falls throughout. Sort it, wavenumbers falling or wavelengths rising.")


def check_axis(axis, unit):
    """What is odd about an axis: gaps, and values no soil spectrum has.

    Yields
    ------
    Finding
    """
    steps = np.abs(np.diff(axis))
    if steps.size == 0:
        return
    low, high = min(axis[0], axis[-1]), max(axis[0], axis[-1])
    padded = np.pad(steps, 5, mode="edge")
    local = np.median(np.lib.stride_tricks.sliding_window_view(padded, 11), axis=1)
    for k in np.flatnonzero(steps > 2.6 * local)[:20]:
        message = f"The axis jumps from {axis[k]:g} to {axis[k + 1]:g} {unit}, where its neighbours are {local[k]:.3g} apart."
        yield remark("spectra-axis-gap", message, value=f"{axis[k]:g}-{axis[k + 1]:g}")
    possible = (10, 30000) if unit == WAVENUMBER else (200, 30000)
    if low < possible[0] or high > possible[1]:
        yield remark("spectra-axis-unlikely", f"The axis goes from {low:g} to {high:g} {unit}, where no spectrometer for soil measures.")
