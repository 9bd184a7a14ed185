"""Checks of columns: bands and their scale, indices that are not what they say, spectra, ions, columns without content."""

from itertools import permutations

import numpy as np
import pandas as pd

from soilcore.core.quantities import find_unit, kind_of_unit, plain_spelling, to_ds_m
from soilcore.core.tables import load_table
from soilcore.data.columns import band_columns, core_name, property_of, spectrum_columns
from soilcore.data.remarks import remark, some

_TOLERANCE = 0.01
_DARKEST = 1700  # digital number of the darkest pixel of a varied scene with the offset of 1000: a reflectance below 0.07
_EQUIVALENT_WEIGHT = {"ca": 20.04, "mg": 12.15, "na": 22.99, "k": 39.10, "calcium": 20.04, "magnesium": 12.15, "sodium": 22.99, "potassium": 39.10}
_SCALINGS = (("as they are", 1.0, 0.0), ("Sentinel-2 with offset", 1e-4, -0.1), ("Landsat Collection 2", 2.75e-5, -0.2))


def check_content(samples, scene=None):
    """Empty columns, constant columns, tables of spectra, tables that hold no samples."""
    table = samples.table
    spectrum = spectrum_columns(list(table.columns))
    if spectrum:
        message = f"{len(spectrum)} columns are a spectrum, from {spectrum[0]} to {spectrum[-1]}."
        yield remark("spectra-table", message, column=spectrum[0], value=len(spectrum))
    skipped, parts = set(spectrum), set(samples.columns.values())
    for name in table.columns:
        if name in skipped:
            continue
        values = table[name]
        if values.notna().sum() == 0:
            yield remark("column-empty", f"{name!r} holds nothing.", column=name)
        elif name not in parts and len(values) > 2 and values.nunique() == 1 and values.notna().all():
            value = values.iloc[0]
            shown = value if isinstance(value, str) else f"{value:g}"
            yield remark("constant-column", f"{name!r} is {shown} in every row.", column=name, value=shown)
    if not samples.has_places and samples.target is None and not spectrum and _looks_like_lookup(table):
        yield remark(
            "lookup-table",
            f"{samples.source!r} holds {len(table)} rows without coordinates, target or bands: results or descriptions rather than samples.",
        )


def _looks_like_lookup(table):
    numeric = [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name].dtype)]
    return not band_columns(list(table.columns)) and len(numeric) < 0.7 * table.shape[1]


def check_bands(samples, scene=None):
    """Bands as digital numbers: scale not stated, the offset of 1000 still in."""
    bands = _numeric_bands(samples)
    if len(bands) < 3:
        return
    values = samples.table[list(bands.values())].to_numpy(dtype=float)
    largest = np.nanmax(values) if np.isfinite(values).any() else np.nan
    if not largest > 2:
        return  # reflectance already
    lowest = np.nanmin(values, axis=0)
    listed = some(bands.values(), 10)
    if np.all(lowest > 1000) and np.all(lowest < _DARKEST) and largest < 20000:
        message = (
            f"Every band ({listed}) has its smallest value between {lowest.min():g} and {lowest.max():g}: dark pixels come close to 0, "
            "so the offset of +1000 of Sentinel-2 processing 04.00 and later is still in."
        )
        yield remark("offset-in-bands", message, column=next(iter(bands.values())), value=float(lowest.min()))
        return
    yield _scale_not_stated(bands, listed, lowest, largest)


def _scale_not_stated(bands, listed, lowest, largest):
    roles = ",".join(f"{name}={role}" for role, name in list(bands.items())[:3]) + ",..."
    sensor = "sentinel-2-l2a"
    doubt = ""
    if lowest.min() > 5000:
        sensor, doubt = "landsat-c2-l2", " They fit Landsat Collection 2 level 2, where 7273 is reflectance 0."
    elif np.all(lowest > 1000):
        doubt = " All lie above 1000, so an offset of +1000 may be in them as well; the processing baseline of the images decides."
    message = f"The bands {listed} are digital numbers ({lowest.min():g} to {largest:g}) and nothing says their scale.{doubt}"
    return remark("scale-not-stated", message, column=next(iter(bands.values())), hint=f"--roles {roles} --sensor {sensor}.", value=float(largest))


def _numeric_bands(samples):
    table = samples.table
    return {role: name for role, name in band_columns(list(table.columns)).items() if pd.api.types.is_numeric_dtype(table[name].dtype)}


def check_indices(samples, scene=None):
    """Index columns that are not the normalised difference their name says, of these bands."""
    bands = _numeric_bands(samples)
    for name in samples.table.columns:
        pair = load_table("column_aliases")["indices"].get(plain_spelling(name).upper())
        if pair is None or not pd.api.types.is_numeric_dtype(samples.table[name].dtype):
            continue
        values = samples.table[name].to_numpy(dtype=float)
        factor = 10000.0 if np.nanmax(np.abs(values)) > 100 else 1.0
        if factor > 1:
            message = f"{name!r} goes up to {np.nanmax(values):g}: it is stored as a large number."
            yield remark("index-scaled", message, column=name, factor=f"{factor:g}", value=float(np.nanmax(values)))
        if all(role in bands for role in pair):
            yield from _compare_index(samples.table, name, values / factor, pair, bands)


def _compare_index(table, name, values, pair, bands):
    reflectance = {role: table[column].to_numpy(dtype=float) for role, column in bands.items()}
    if any(_agrees(values, reflectance[pair[0]], reflectance[pair[1]], scale, offset) for _, scale, offset in _SCALINGS):
        return
    first, second = (bands[role] for role in pair)
    for a, b in permutations(bands, 2):
        if any(_agrees(values, reflectance[a], reflectance[b], scale, offset) for _, scale, offset in _SCALINGS):
            message = f"{name!r} is not ({first} - {second}) / ({first} + {second}) but ({bands[a]} - {bands[b]}) / ({bands[a]} + {bands[b]})."
            yield remark("index-not-as-named", message, column=name, value=f"({bands[a]}-{bands[b]})/({bands[a]}+{bands[b]})")
            return
    message = f"{name!r} is no normalised difference of the bands beside it: it is of another date, another scaling or another place."
    yield remark("index-not-as-named", message, column=name)


def _agrees(values, a, b, scale, offset):
    a, b = a * scale + offset, b * scale + offset
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs((a - b) / (a + b) - values)
    known = difference[np.isfinite(difference)]
    return known.size > 0 and float(np.median(known)) < _TOLERANCE and float(np.percentile(known, 90)) < 5 * _TOLERANCE


def check_ions(samples, scene=None):
    """Ions in mg/L of extract, and conductivity that disagrees with the sum of cations (about 10 meq/L per dS/m)."""
    table = samples.table
    ions = [name for name in table.columns if property_of(name) == "ion" and find_unit(name) in ("mg/L", "g/L")]
    if not ions:
        return
    message = f"{some(ions, 8)} are per litre of extract, not per kilogram of soil."
    yield remark("ions-in-solution", message, column=ions[0], value=find_unit(ions[0]))
    target = samples.target
    measured = None if target is None else target.measured or target
    if measured is None or measured.unit is None or kind_of_unit(measured.unit) != "conductivity":
        return
    cations = [name for name in ions if core_name(name).split("_")[0] in _EQUIVALENT_WEIGHT]
    if len(cations) < 3:
        return
    charge = sum(table[name].to_numpy(dtype=float) / _EQUIVALENT_WEIGHT[core_name(name).split("_")[0]] for name in cations)
    ec = to_ds_m(measured.values, measured.unit)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = charge / (10 * ec)
    for k in np.flatnonzero((ratio > 5) | (ratio < 0.2)):
        message = f"Row {table.index[k]}: {measured.column!r} is {ec[k]:g} dS/m, but the cations, {charge[k]:.0f} meq/L, speak for about {charge[k] / 10:.1f} dS/m."
        yield remark("ec-against-ions", message, row=table.index[k], column=measured.column, value=float(measured.values[k]))
