"""Spectra of several files on one axis: each brought into order, then all to the range and grid most of them share."""

from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.data.remarks import remark, some
from soilcore.data.spectra_axis import canonical_order, is_canonical, settle_unit
from soilcore.data.spectra_quantity import settle_quantity
from soilcore.data.spectra_resampling import Resampling
from soilcore.data.spectra_set import ABSORBANCE, REFLECTANCE, WAVELENGTH

_CHUNK_CELLS = 4_000_000
LEAST_SHARED = 0.5, 0.3  # of the shortest and of the longest range: files that share less are of different kinds


@dataclass
class Part:
    """Spectra that share an axis.

    Parameters
    ----------
    axis : ndarray of float, shape (n_points,)
    values : ndarray of float32, shape (n_rows, n_points)
    rows : ndarray of int, shape (n_rows,)
        Their places among all spectra.
    name : str
        File, or the first of several.
    unit, quantity : str or None
        What the files say; settled by `settle`.
    words : str
        What stands around the numbers in column names.
    """

    axis: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    name: str
    unit: str | None = None
    quantity: str | None = None
    words: str = ""
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


def settle(part, settings):
    """Bring a part into canonical order, and settle its unit and quantity; what was assumed is kept in it."""
    said = settings.axis_unit or part.unit
    axis, unit, reason, sure = settle_unit(part.axis, said, part.words)
    if said is None:
        part.assumed.append(f"unit of the axis: {unit} ({reason})")
        if not sure:
            message = f"Nothing says whether the axis is in nm or cm-1; {unit} is taken: {reason}."
            part.findings.append(remark("spectra-unit-assumed", message, value=unit))
    part.values, part.axis = _in_order(part.values, axis, unit, part.findings)
    part.unit = unit
    part.quantity = settle_quantity(part.values, part.axis, unit, part.quantity, part.words, settings.quantity, part.findings, part.assumed)


def _in_order(values, axis, unit, findings):
    """Axis in canonical order without repeats; the array is changed in place where only the order differs."""
    if is_canonical(axis, unit):
        return values, axis
    order = canonical_order(axis, unit)
    chunk = max(1, _CHUNK_CELLS // max(1, axis.size))
    for start in range(0, len(values), chunk):
        values[start : start + chunk] = values[start : start + chunk][:, order]
    axis = axis[order]
    kept, first = np.unique(axis, return_index=True)
    if kept.size == axis.size:
        return values, axis
    return _without_repeats(values, axis, np.sort(first), unit, findings)


def _without_repeats(values, axis, first, unit, findings):
    """One point per wavelength: the mean of those that share it."""
    ends = np.append(first[1:], axis.size)
    several = [(start, end) for start, end in zip(first, ends, strict=True) if end - start > 1]
    largest = 0.0
    for start, end in several:
        same = values[:, start:end]
        known = np.isfinite(same).any(axis=1)
        spread = np.fmax.reduce(same, axis=1) - np.fmin.reduce(same, axis=1)
        largest = max(largest, float(spread[known].max()) if known.any() else 0.0)
        values[known, start] = np.nanmean(same[known], axis=1)
    places = some([f"{axis[start]:g}" for start, _ in several])
    differ = f"they differ by up to {largest:.3g}, and their mean is used" if largest > 0 else "they are the same, and one is used"
    message = f"{len(several)} points of the axis stand there more than once ({places} {unit}); {differ}."
    findings.append(remark("spectra-axis-twice", message, value=places, severity="warning" if largest > 0 else "note"))
    return np.ascontiguousarray(values[:, first]), axis[first]


def join_parts(parts, count, findings, assumed):
    """All spectra on one axis.

    Parameters
    ----------
    parts : list of Part
        Settled.
    count : int
        Spectra in all.
    findings, assumed : list
        Are added to.

    Returns
    -------
    values : ndarray of float32, shape (count, n_points)
    axis : ndarray of float
    unit, quantity : str

    Raises
    ------
    SampleError
        If units differ, or a file shares too little of the axis.
    """
    for part in parts:
        findings += [finding for finding in part.findings if finding not in findings]
        assumed += [text for text in part.assumed if text not in assumed]
    if len(parts) == 1:
        return parts[0].values, parts[0].axis, parts[0].unit, parts[0].quantity
    if len({part.unit for part in parts}) > 1:
        one, other = (next(part.name for part in parts if part.unit == unit) for unit in ("nm", "cm-1"))
        raise SampleError(f"{one!r} is measured in nm and {other!r} in cm-1: two kinds of spectra. Read them one after the other.")
    quantity = _one_quantity(parts, assumed)
    axis = _common_axis(parts)
    values = np.empty((count, axis.size), dtype=np.float32)
    moved = 0
    for part in parts:
        if (same := _same_points(part.axis, axis)) is not None:
            values[part.rows] = part.values[:, same]
            continue
        way = Resampling.between(part.axis, axis, part.unit)
        chunk = max(1, _CHUNK_CELLS // part.axis.size)
        for start in range(0, len(part.values), chunk):
            values[part.rows[start : start + chunk]] = way(part.values[start : start + chunk].astype(float))
        moved += len(part.rows)
    _say_common(parts, axis, moved, count, findings)
    return values, axis, parts[0].unit, quantity


def _same_points(own, axis):
    """Where the points of `axis` stand among those of a part, slice; None where some lie between."""
    sign = 1.0 if own[-1] > own[0] else -1.0
    start = int(np.searchsorted(sign * own, sign * axis[0] - 1e-4 * abs(own[1] - own[0])))
    same = slice(start, start + axis.size)
    fits = own[same].size == axis.size and np.allclose(own[same], axis, rtol=0, atol=1e-4 * np.median(np.abs(np.diff(axis))))
    return same if fits else None


def _one_quantity(parts, assumed):
    kinds = {part.quantity for part in parts}
    if len(kinds) == 1:
        return parts[0].quantity
    for part in parts:
        if part.quantity == REFLECTANCE:
            with np.errstate(invalid="ignore", divide="ignore"):
                part.values = -np.log10(np.where(part.values > 0, part.values, np.float32(np.nan)))
    assumed.append("quantity: absorbance; the files that hold reflectance were converted by log10(1/R)")
    return ABSORBANCE


def _common_axis(parts):
    """The axis most spectra have, as far as all reach."""
    votes = {}
    for part in parts:
        key = (part.axis.size, round(part.axis[0], 6), round(part.axis[-1], 6))
        votes.setdefault(key, [0, part.axis])
        votes[key][0] += len(part.rows)
    axis = max(votes.values(), key=lambda vote: (vote[0], np.ptp(vote[1]) / vote[1].size))[1]  # of equal ones the coarser, which all can fill
    low, high = (max(part.axis.min() for part in parts), min(part.axis.max() for part in parts))
    touch = 1e-6 * np.ptp(axis) / axis.size
    shared = axis[(axis >= low - touch) & (axis <= high + touch)]
    ranges = [np.ptp(part.axis) for part in parts]
    if shared.size < 3 or high - low < max(LEAST_SHARED[0] * min(ranges), LEAST_SHARED[1] * max(ranges)):
        first, last = (part for part in (min(parts, key=lambda part: part.axis.max()), max(parts, key=lambda part: part.axis.min())))
        other = last if last is not first else max(parts, key=lambda part: np.ptp(part.axis))
        raise SampleError(
            f"{first.name!r} goes from {first.axis.min():g} to {first.axis.max():g} {first.unit}, {other.name!r} from {other.axis.min():g} to "
            f"{other.axis.max():g}: too little is shared. Leave one out, or read the kinds of spectra apart."
        )
    return shared


def _say_common(parts, axis, moved, count, findings):
    kinds = some([f"{part.axis.size} points from {part.axis[0]:g} to {part.axis[-1]:g} ({len(part.rows)} spectra)" for part in parts], 4)
    low, high = min(axis[0], axis[-1]), max(axis[0], axis[-1])
    unit = WAVELENGTH if axis[0] < axis[-1] else "cm-1"
    longest = max(part.axis.size for part in parts)
    if moved or axis.size < longest:
        done = f"{moved} of {count} spectra were resampled" if moved else "all were cropped"
        message = f"The files have different axes: {kinds}. {done[0].upper()}{done[1:]} to {axis.size} points from {low:g} to {high:g} {unit}."
        findings.append(remark("spectra-resampled", message, value=moved))
