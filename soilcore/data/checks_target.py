"""Checks of the target: its unit and extract, values that cannot be, and columns that know it already."""

import numpy as np
import pandas as pd

from soilcore.core.quantities import find_unit, kind_of_unit, to_ds_m
from soilcore.core.tables import load_table
from soilcore.data.columns import beside_target, property_of
from soilcore.data.remarks import remark, some

FEW_SAMPLES = 30
_OUTLIER_SPREADS = 6.0


def check_presence(samples, scene=None):
    """A target without values, with one value, with few, or missing in some rows."""
    target = samples.target
    if target is None or any(finding.code == "target-text" for finding in samples.findings):
        return
    known = np.isfinite(target.values)
    if not known.any():
        yield remark("target-empty", f"The target {target.column!r} has no values.", column=target.column)
        return
    different = np.unique(target.values[known])
    if different.size == 1:
        yield remark(
            "target-constant", f"The target {target.column!r} is {different[0]:g} in every row.", column=target.column, value=float(different[0])
        )
    elif different.size <= 5 and known.sum() > 20:
        message = f"The target {target.column!r} has only {different.size} different values ({some([f'{value:g}' for value in different])})."
        yield remark("target-few-values", message, column=target.column)
    if known.sum() < FEW_SAMPLES:
        yield remark(
            "target-few", f"Only {int(known.sum())} samples have the target {target.column!r}.", column=target.column, value=int(known.sum())
        )
    for row in samples.table.index[~known]:
        yield remark("target-missing", f"Row {row} has no value of {target.column!r}.", row=row, column=target.column)


def check_unit(samples, scene=None):
    """Unit and extract: not stated, or contradicted by the values."""
    target = samples.target
    if target is None:
        return
    measured = target.measured or target
    known = measured.values[np.isfinite(measured.values)]
    conductivity = property_of(target.column) == "ec" or (measured.unit is not None and kind_of_unit(measured.unit) == "conductivity")
    if measured.unit is None:
        hint = _unit_hint(known) if conductivity and known.size else ""
        message = f"Nothing says in which unit {target.column!r} is."
        yield remark("unit-not-stated", message, column=target.column, hint=hint)
    if not conductivity:
        return
    if measured.extract is None and not any(finding.code == "extracts-mixed" for finding in samples.findings):
        yield remark("extract-not-stated", f"Nothing says of which extract {target.column!r} is.", column=target.column)
    if measured.unit is None or kind_of_unit(measured.unit) != "conductivity" or not known.size:
        return
    yield from _guard(measured, known)


def _unit_hint(values):
    middle = float(np.median(values))
    if middle > 300:
        return f"Its median, {middle:g}, looks like µS/cm."
    return f"Its median, {middle:g}, can be mS/m or dS/m." if middle > 5 else f"Its median, {middle:g}, looks like dS/m or mS/cm."


def _guard(measured, known):
    """Half of all samples far above what soils have: the unit is another one."""
    limit = load_table("units")["guard_median_dS_m"]
    middle = float(np.median(to_ds_m(known, measured.unit)))
    if measured.extract == "1:5" and middle > limit:
        raw = float(np.median(known))
        likely = "µS/cm" if raw > 300 else "mS/m"
        message = f"The median of {measured.column!r} is {raw:g} {measured.unit}, {middle:g} dS/m in a 1:5 extract; soils rarely exceed {limit:g}. This looks like {likely}."
        yield remark("unit-looks-wrong", message, column=measured.column, value=raw, unit=likely)
    elif measured.extract != "1:5" and middle > 60:
        likely = "µS/cm" if float(np.median(known)) > 300 else "mS/m"
        message = f"The median of {measured.column!r} is {middle:g} dS/m, more than sea water. This looks like {likely}."
        yield remark("unit-looks-wrong", message, column=measured.column, value=middle, unit=likely)


def check_values(samples, scene=None):
    """Values that cannot occur: negative, above the possible; zeros; far from all others."""
    target = samples.target
    if target is None:
        return
    measured = target.measured or target
    rows, values = samples.table.index, measured.values
    kind = _kind(measured)
    with np.errstate(invalid="ignore"):
        negative = values < 0
    if kind in ("ec", "salt", "soc", "percent", "potassium", "nitrogen"):
        for k in np.flatnonzero(negative):
            message = f"{measured.column!r} is {values[k]:g} in row {rows[k]}; it cannot be negative."
            yield remark("value-negative", message, row=rows[k], column=measured.column, value=float(values[k]))
    yield from _impossible(measured, kind, rows)
    if kind != "ph":
        yield from _zeros(measured, rows)
        yield from _outliers(measured, kind, rows)


def _kind(measured):
    if property_of(measured.column) is not None:
        return property_of(measured.column)
    unit = measured.unit
    return None if unit is None else {"conductivity": "ec", "percent": "percent"}.get(kind_of_unit(unit))


def _impossible(measured, kind, rows):
    possible = load_table("units")["possible"]
    values, unit, low, high, said = measured.values, measured.unit, -np.inf, np.inf, ""
    if kind == "ec" and unit is not None and kind_of_unit(unit) == "conductivity":
        values = to_ds_m(values, unit)
        high = possible["dS/m"].get(measured.extract, possible["dS/m"]["other"])
        said = f"{high:g} dS/m, about saturated brine"
    elif kind == "ph":
        low, high = possible["ph"]
        said = f"{low:g} to {high:g}"
    elif kind in ("soc", "salt") and unit in ("g/kg", "%"):
        high = (possible["organic_carbon_g_kg"] if kind == "soc" else possible["salt_g_kg"]) / (10 if unit == "%" else 1)
        said = f"{high:g} {unit}"
    elif unit == "%" or kind == "texture_fraction":
        high = possible["percent"] * (10 if unit == "g/kg" else 1)
        said = f"{high:g}"
    with np.errstate(invalid="ignore"):
        bad = ((values > high) | (values < low)) & (values >= 0)
    for k in np.flatnonzero(bad):
        message = f"{measured.column!r} is {measured.values[k]:g} {unit or ''} in row {rows[k]}, outside what soil can have ({said})."
        yield remark("value-impossible", message.replace("  ", " "), row=rows[k], column=measured.column, value=float(measured.values[k]))


def _zeros(measured, rows):
    zero = measured.values == 0
    if not zero.any():
        return
    message = f"{measured.column!r} is 0 in {int(zero.sum())} rows ({some(rows[zero])}); zero has no logarithm, and often means below detection."
    yield remark("zeros-in-target", message, row=rows[zero][0], column=measured.column, value="0")


def _outliers(measured, kind, rows):
    """Values that stand alone far above all others on the log scale: a slipped decimal sign, or another unit."""
    positive = measured.values > 0
    if positive.sum() < 20:
        return
    logs = np.log10(np.where(positive, measured.values, 1.0))
    lower, middle, upper = np.percentile(logs[positive], [25, 50, 75])
    spread = max((upper - lower) / 1.349, 0.05)
    ordered = np.sort(logs[positive])
    for k in np.flatnonzero(positive & (logs > middle + _OUTLIER_SPREADS * spread)):
        below = ordered[ordered < logs[k]]
        if below.size and logs[k] - below[-1] > 0.5:  # a gap of more than a factor of three to the next value
            message = (
                f"{measured.column!r} is {measured.values[k]:g} in row {rows[k]}, {10 ** (logs[k] - below[-1]):.0f} times the next largest value."
            )
            yield remark("value-outlier", message, row=rows[k], column=measured.column, value=float(measured.values[k]))


def check_companions(samples, scene=None):
    """Columns that must not be predictors: copies of the target and what was measured on the same samples."""
    if samples.target is None:
        return
    for name, reason in beside_target(samples).items():
        code = "copy-of-target" if reason.startswith("a copy") else "measured-with-target"
        yield remark(code, f"{name!r} is {reason}.", column=name)


def check_zero_codes(samples, scene=None):
    """Zeros that mean missing: sand, silt and clay all 0; and fractions that do not sum to 100."""
    table, columns = samples.table, samples.columns
    parts = [columns.get(part) for part in ("sand", "silt", "clay")]
    if any(part is None or not pd.api.types.is_numeric_dtype(table[part].dtype) for part in parts):
        return
    fractions = table[parts].to_numpy(dtype=float)
    total = fractions.sum(axis=1)
    whole = 1000.0 if find_unit(parts[0]) == "g/kg" or np.nanmedian(total) > 500 else 1.0 if 0 < np.nanmedian(total) < 1.5 else 100.0
    for k in np.flatnonzero((fractions == 0).all(axis=1)):
        message = f"Row {table.index[k]} has 0 for sand, silt and clay: zero stands for missing there."
        yield remark("zero-as-missing", message, row=table.index[k], column=parts[0], value="0/0/0")
    with np.errstate(invalid="ignore"):
        wrong = (np.abs(total - whole) > 0.05 * whole) & (total > 0)
    for k in np.flatnonzero(wrong):
        message = f"Sand, silt and clay of row {table.index[k]} sum to {total[k]:g}, not {whole:g}."
        yield remark("texture-sum", message, row=table.index[k], column=parts[0], value=float(total[k]))
