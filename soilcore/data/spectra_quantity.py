"""Absorbance or reflectance: what the file says, else what water and the range of values show."""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.data.remarks import remark
from soilcore.data.spectra_set import ABSORBANCE, REFLECTANCE, WAVENUMBER

_WORDS = {
    "absorbance": ABSORBANCE,
    "abs": ABSORBANCE,
    "a": ABSORBANCE,
    "pseudo-absorbance": ABSORBANCE,
    "reflectance": REFLECTANCE,
    "refl": REFLECTANCE,
    "ref": REFLECTANCE,
    "r": REFLECTANCE,
    "percent": "percent",
    "%": "percent",
}
# The band of water (nm) with a shoulder on either side, farthest from other bands; the second is the stretching band of the mid-infrared.
_WATER = ((1860.0, 1930.0, 2080.0), (2600.0, 2941.0, 3800.0))
_SAMPLED = 500


def known_quantity(text):
    """The quantity ("absorbance", "reflectance" or "percent") from what a user wrote.

    Raises
    ------
    SettingsError
        If it is none of them.
    """
    quantity = _WORDS.get(str(text).strip().casefold())
    if quantity is None:
        raise SettingsError(f"{text!r} is no spectral quantity. Choose absorbance, reflectance or percent (reflectance in percent).")
    return quantity


def settle_quantity(values, axis, unit, header, words, told, findings, assumed):
    """What the values are; percent becomes a fraction, in place.

    Parameters
    ----------
    values : ndarray of float32, shape (n_samples, n_points)
        On `axis` in canonical order; changed in place where they are percent.
    axis : ndarray of float
    unit : {"cm-1", "nm"}
    header : str or None
        What the header of instrument files says.
    words : str
        What stands around the numbers in the column names.
    told : str or None
        What the user says.
    findings, assumed : list
        Are added to.

    Returns
    -------
    str
        "absorbance" or "reflectance".
    """
    evidence, reason, sure = _evidence(values, axis, unit, words)
    if told is not None:
        quantity = known_quantity(told)
    elif header is not None:
        quantity = header
        assumed.append(f"quantity: {quantity} (header of the files)")
    else:
        quantity = evidence
        assumed.append(f"quantity: {'reflectance in percent' if quantity == 'percent' else quantity} ({reason})")
        if not sure:
            message = f"Nothing says clearly whether the spectra are absorbance or reflectance; {quantity} is taken: {reason}."
            findings.append(remark("spectra-quantity-assumed", message, value=quantity))
    if (told is not None or header is not None) and sure and evidence != quantity:
        message = f"The spectra are said to be {quantity}, but look like {'reflectance in percent' if evidence == 'percent' else evidence}: {reason}."
        findings.append(remark("spectra-quantity-contradicted", message, value=quantity))
    if quantity == "percent":
        np.divide(values, np.float32(100), out=values)
        assumed.append("reflectance: percent divided by 100")
        return REFLECTANCE
    return quantity


def _evidence(values, axis, unit, words):
    """Quantity, the reason, and whether it leaves no doubt."""
    sample = values[:: max(1, len(values) // _SAMPLED)]
    sample = sample[np.isfinite(sample).all(axis=1)] if np.isfinite(sample).all(axis=1).any() else sample
    if not np.isfinite(sample).any():
        return ABSORBANCE, "no values to judge by", False
    low, middle, high = np.nanquantile(sample, [0.01, 0.5, 0.99])
    if middle > 5 and 10 < high <= 130 and low > -5:
        return "percent", f"half of the values lie above {middle:.3g}, which only percent does", True
    named = _named(words)
    if named is not None:
        return named, "column names", True
    if high > 1.3:
        return ABSORBANCE, f"values reach {high:.3g}, more than reflectance can", True
    shown = _water(np.nanmean(sample, axis=0), axis, unit)
    if shown is not None:
        depth, at = shown
        kind = ABSORBANCE if depth > 0 else REFLECTANCE
        return kind, f"the water band at {at} is a {'peak' if depth > 0 else 'dip'}", abs(depth) > 0.004
    kind = ABSORBANCE if unit == WAVENUMBER else REFLECTANCE
    return kind, f"values from {low:.2g} to {high:.2g} and an axis in {unit}", False


def _named(words):
    parts = "".join(letter if letter.isalpha() else " " for letter in words.casefold()).split()
    absorbing = any(part.startswith("abs") for part in parts)
    reflecting = any(part in ("ref", "refl", "reflectance", "rfl", "reflect") for part in parts)
    return None if absorbing == reflecting else ABSORBANCE if absorbing else REFLECTANCE


def _water(mean, axis, unit):
    """Height of the water band of a mean spectrum above the line between its shoulders; None where the axis has none of it."""
    nm = 1e7 / axis if unit == WAVENUMBER else axis
    rising = np.argsort(nm)
    for left, centre, right in _WATER:
        if nm.min() > left or nm.max() < right:
            continue
        at_left, at_centre, at_right = np.interp((left, centre, right), nm[rising], mean[rising])
        line = at_left + (at_right - at_left) * (centre - left) / (right - left)
        shown = f"{1e7 / centre:.0f} cm-1" if unit == WAVENUMBER else f"{centre:.0f} nm"
        return float(at_centre - line), shown
    return None
