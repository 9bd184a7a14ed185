"""Everything that is checked in a library of spectra before a model runs: row by row, and against all others."""

import hashlib

import numpy as np

from soilcore.data.checks import check_samples
from soilcore.data.remarks import capped, remark, some
from soilcore.data.spectra_join import replicate_rows
from soilcore.data.spectra_set import REFLECTANCE, WAVELENGTH

FEW_SPECTRA = 30
ABSORBANCE_LIMIT = 3.0  # a thousandth of the light is left: detectors do not follow further
REFLECTANCE_LIMIT = 1.2
UNLIKE = 3.0, 3.0  # times the usual distance from the median spectrum, and robust spreads of its logarithm
_PLATEAU = 5  # points in a row at exactly the largest value
_CHUNK = 2048
_JOINTS_NM = (1000.0, 1800.0)  # where the detectors of field spectroradiometers meet
_JOINT_SPREADS = 12.0
_OF_TABLES = ("duplicate-row", "measured-with-target", "copy-of-target", "spectra-table")  # only the spectra predict, and they are compared here


def check_spectra(spectra):
    """Check spectra and the table beside them.

    Parameters
    ----------
    spectra : SpectraSet

    Returns
    -------
    tuple of Finding
        Those of reading first, gravest first; of one code at most 20 rows and one that counts the rest.
    """
    findings = [*spectra.findings]
    findings += _number(spectra)
    findings += _rows(spectra)
    findings += _twice(spectra)
    findings += _replicates(spectra)
    findings += _joints(spectra)
    findings += [finding for finding in check_samples(spectra.samples) if finding.code not in _OF_TABLES]
    return capped(findings)


def row_labels(spectra):
    """How messages call each row: by its file where it is one, else "row 5"."""
    table = spectra.table
    if "file" in table.columns and table["file"].notna().all() and table["file"].is_unique:
        return [repr(str(name)) for name in table["file"]]
    return [f"row {row}" for row in table.index]


def _number(spectra):
    usable = int(spectra.usable.sum())
    if usable == 0:
        yield remark("spectra-none-usable", "No spectrum is whole: all have missing points or are flat.")
    elif usable < FEW_SPECTRA:
        yield remark("spectra-few", f"Only {usable} spectra can be used.", value=usable)


def _rows(spectra):
    """Negative, saturated, and unlike all others."""
    values, rows, names = spectra.values, spectra.table.index, row_labels(spectra)
    reflecting = spectra.quantity == REFLECTANCE
    limit = REFLECTANCE_LIMIT if reflecting else ABSORBANCE_LIMIT
    negative, highest, plateau = _extremes(values)
    for k in np.flatnonzero(negative & spectra.usable):
        lowest = float(np.nanmin(values[k]))
        at = spectra.axis[int(np.nanargmin(values[k]))]
        message = f"The spectrum of {names[k]} goes below 0 at {int((values[k] < 0).sum())} points, down to {lowest:.3g} at {at:g} {spectra.unit}."
        yield remark("spectra-negative", message, row=rows[k], value=lowest)
    for k in np.flatnonzero((highest > limit) & spectra.usable):
        at = spectra.axis[int(np.nanargmax(values[k]))]
        what = "more than a white reference reflects" if reflecting else "where a detector no longer follows"
        message = f"The {spectra.quantity} of {names[k]} reaches {highest[k]:.3g} at {at:g} {spectra.unit}, {what}."
        yield remark("spectra-saturated", message, row=rows[k], value=float(highest[k]))
    for k in np.flatnonzero((plateau >= _PLATEAU) & spectra.usable & (highest <= limit)):
        message = (
            f"The spectrum of {names[k]} stays at exactly its largest value, {highest[k]:.4g}, over {plateau[k]} points: it looks cut off there."
        )
        yield remark("spectra-saturated", message, row=rows[k], value=float(highest[k]))
    distance = distances_from_median(values, spectra.usable)
    for k in np.flatnonzero((distance > UNLIKE[0]) & (_spreads(distance) > UNLIKE[1])):
        message = (
            f"The spectrum of {names[k]} has another shape than the others: {distance[k]:.1f} times the usual distance from the median spectrum."
        )
        yield remark("spectra-unlike", message, row=rows[k], value=round(float(distance[k]), 1))


def _extremes(values):
    """Whether a row goes below 0, its largest value, and how many points in a row stand at exactly that."""
    negative, highest, plateau = np.zeros(len(values), dtype=bool), np.full(len(values), np.nan), np.zeros(len(values), dtype=int)
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        here = slice(start, start + len(part))
        negative[here] = np.fmin.reduce(part, axis=1) < 0
        highest[here] = np.fmax.reduce(part, axis=1)
        at_top = part == highest[here, None]
        for k in np.flatnonzero(at_top.sum(axis=1) >= _PLATEAU):
            plateau[start + k] = _cut_off(part[k].astype(float), at_top[k])
    return negative, highest, plateau


def _cut_off(spectrum, at_top):
    """Points of the longest run at the largest value where a spectrum looks cut off; 0 where it is a smooth top of rounded numbers.

    Beside a smooth top the values fall by the unit they were rounded to, beside a cut they fall at once.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], at_top.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    longest = int(lengths.argmax())
    first, end = int(edges[2 * longest]), int(edges[2 * longest + 1])
    if end - first < _PLATEAU:
        return 0
    sides = [spectrum[place] for place in (first - 3, end + 2) if 0 <= place < spectrum.size]
    steps = np.abs(np.diff(spectrum))
    unit = np.quantile(steps[steps > 0], 0.05) if (steps > 0).any() else 0.0
    fall = max((spectrum[first] - side for side in sides), default=0.0)
    return end - first if fall > 8 * unit else 0


def distances_from_median(values, usable):
    """Distance of each spectrum's shape from the median shape, in medians of that distance over all.

    Shapes are spectra after the standard normal variate, so neither brightness nor thickness counts.

    Parameters
    ----------
    values : ndarray of float, shape (n_samples, n_points)
    usable : ndarray of bool, shape (n_samples,)

    Returns
    -------
    ndarray of float, shape (n_samples,)
        NaN where not usable, or with fewer than 10 usable spectra.
    """
    out = np.full(len(values), np.nan)
    places = np.flatnonzero(usable)
    if places.size < 10:
        return out
    sample = places[:: max(1, places.size // 1000)]
    step = max(1, values.shape[1] // 400)  # every few points show a shape as well as all
    centre = np.median(_shapes(values[sample, ::step]), axis=0)
    for start in range(0, places.size, _CHUNK):
        here = places[start : start + _CHUNK]
        out[here] = np.sqrt(np.mean((_shapes(values[here, ::step]) - centre) ** 2, axis=1))
    middle = np.median(out[places])
    return out / middle if middle > 0 else np.where(usable, 0.0, np.nan)


def _spreads(distance):
    """Logarithm of the distances in robust standard deviations; distances are lopsided, and libraries are wide or narrow."""
    logs = np.log(np.where(distance > 0, distance, np.nan))
    known = logs[np.isfinite(logs)]
    spread = 1.4826 * np.median(np.abs(known - np.median(known))) if known.size else 0.0
    return np.nan_to_num(logs / spread, nan=0.0) if spread > 0 else np.zeros(len(distance))


def _shapes(values):
    values = values.astype(float)
    values -= values.mean(axis=1, keepdims=True)
    spread = values.std(axis=1, keepdims=True)
    return np.divide(values, spread, out=np.zeros_like(values), where=spread > 0)


def _twice(spectra):
    """The very same numbers under two ids: one of them would test what the other taught."""
    seen, names = {}, row_labels(spectra)
    for k in np.flatnonzero(spectra.usable):
        seen.setdefault(hashlib.blake2b(np.ascontiguousarray(spectra.values[k]).tobytes(), digest_size=16).digest(), []).append(k)
    for places in seen.values():
        if len(places) > 1:
            listed = some([names[k] for k in places])
            message = f"{len(places)} rows hold the very same spectrum ({listed})."
            yield remark("spectra-twice", message, row=spectra.table.index[places[1]], value=len(places))


def _replicates(spectra):
    """Samples scanned more than once, and how well their scans agree."""
    several = replicate_rows(spectra.ids) if "id" in spectra.samples.columns else {}
    if not several:
        return
    scans = sum(rows.size for rows in several.values())
    grouped = "" if spectra.groups is None or spectra.group_column != spectra.samples.columns["id"] else "; they are kept in one group"
    message = f"{len(several)} samples were scanned more than once ({scans} scans, {some(several, 3)}){grouped}."
    yield remark("spectra-replicates", message, value=len(several))
    spreads = {}
    for text, rows in several.items():
        good = rows[spectra.usable[rows]]
        if good.size > 1:
            shapes = _shapes(spectra.values[good])
            spreads[text] = float(np.sqrt(np.mean(np.var(shapes, axis=0, ddof=1))))
    if len(spreads) < 5:
        return
    usual = np.median(list(spreads.values()))
    for text, spread in spreads.items():
        if spread > 10 * usual > 0:
            message = f"The scans of {text!r} differ {spread / usual:.0f} times more than scans of one sample do here."
            yield remark("spectra-scans-differ", message, row=spectra.table.index[several[text][0]], value=text)


def _joints(spectra):
    """Steps where the detectors of a field spectroradiometer meet."""
    if spectra.unit != WAVELENGTH or not spectra.usable.any():
        return
    axis = spectra.axis
    for joint in _JOINTS_NM:
        place = int(np.searchsorted(axis, joint + 0.5))
        if place < 12 or place > axis.size - 12 or axis[place] - axis[place - 1] > 2:
            continue
        steps = np.diff(spectra.values[spectra.usable][:, place - 11 : place + 11].astype(float), axis=1)
        jump = np.abs(steps[:, 10] - np.median(steps, axis=1))
        usual = np.median(np.abs(np.delete(steps, 10, axis=1) - np.median(steps, axis=1, keepdims=True)), axis=1)
        high = jump > np.maximum(_JOINT_SPREADS * usual, 0.002)
        if high.mean() > 0.1:
            largest = float(np.median(jump[high]))
            message = f"{int(high.sum())} of {high.size} spectra step by about {largest:.2g} at {axis[place - 1]:g} nm, where two detectors meet."
            yield remark("spectra-detector-step", message, value=f"{axis[place - 1]:g}")
