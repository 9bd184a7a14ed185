"""The property to be predicted: its column, unit and extract, and its conversion; everything inferred is said."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from soilcore.core.conversions import convert_to_ece, convert_to_salt, default_method, parse_conversion, paste_water
from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.quantities import convert_unit, find_extract, find_unit, kind_of_unit, known_extract, known_unit, to_ds_m
from soilcore.core.tables import load_table
from soilcore.core.texture import read_texture_names, texture_class
from soilcore.data.columns import core_name, derived_from, property_of, role_columns
from soilcore.data.remarks import remark, some
from soilcore.data.sample_set import Target

CONDUCTIVITY = "ec"
_MENTIONS_UNIT = r"\d\s*(?:[µμu]|m|d)S\s*/?\s*c?m"
_NAMED_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*((?:[µμu]|m|d)S\s*/?\s*c?m)", re.IGNORECASE)


def find_target(frame, settings, columns):
    """The column to predict.

    Returns
    -------
    name : str or None
    findings : list of Finding
    assumed : list of str

    Raises
    ------
    SettingsError
        If the named column does not exist.
    """
    if settings.target is not None:
        if settings.target not in frame.columns:
            close = [name for name in frame.columns if name.casefold() == settings.target.casefold()]
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise SettingsError(
                f"--target names the column {settings.target!r}, which the table does not have. {hint}Its columns: {some(frame.columns, 40)}."
            )
        return settings.target, [], []
    numeric = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name].dtype) and name not in columns.values()]
    conductivity = [name for name in numeric if property_of(name) == CONDUCTIVITY and find_extract(name) != "ECa"]
    conductivity = [name for name in conductivity if not any(derived_from(name, other) for other in conductivity)]
    plain = [name for name in conductivity if core_name(name) in ("ec", "ece")]
    declared = [name for name in numeric if core_name(name).endswith("_target")]
    for options in (plain, conductivity, declared):
        if len(options) == 1:
            name = options[0]
            message = f"No target is named; {name!r} is taken, the only column of its kind."
            return name, [remark("target-inferred", message, column=name)], [f"target: {name}, the only column of its kind"]
    properties = [name for name in numeric if property_of(name) is not None or name in declared]
    if not properties:
        return None, [], []
    message = f"No target is named, and {len(properties)} columns can be one: {some(properties)}."
    return None, [remark("target-not-named", message, candidates=some(properties))], []


def make_target(raw, settings, columns, name):
    """The target in the form it is modelled.

    Parameters
    ----------
    raw : RawTable
    settings : SampleSettings
    columns : dict
        Parts of the columns, as in SampleSet.
    name : str
        Column to predict.

    Returns
    -------
    target : Target
    findings : list of Finding
    assumed : list of str

    Raises
    ------
    SampleError
        If a conversion is asked for and unit, extract or texture are not known; the message names the option.
    SettingsError
        If an option is wrong in itself.
    """
    findings, assumed = [], []
    if not pd.api.types.is_numeric_dtype(raw.frame[name].dtype):
        example = next((str(cell) for cell in raw.frame[name] if isinstance(cell, str)), "")
        message = f"The target {name!r} holds text such as {example[:40]!r}."
        return Target(name, np.full(len(raw.frame), np.nan)), [remark("target-text", message, column=name, value=example[:40])], []
    values = raw.frame[name].to_numpy(dtype=float).copy()
    values, unit = _in_one_unit(raw, settings, columns, name, values, findings, assumed)
    extract, row_extracts = _extracts(raw, settings, columns, name, findings, assumed)
    values, limit = _above_detection(values, settings.detection_limit, name, raw.frame.index, findings)
    measured = Target(name, values, unit, extract, _form(name, unit, extract), limit)
    if settings.convert is None:
        if row_extracts is not None:
            kinds = sorted({kind for kind in row_extracts if kind})
            message = f"{name!r} mixes {len(kinds)} extracts ({some(kinds)}), whose values cannot be compared."
            findings.append(remark("extracts-mixed", message, column=name, value=some(kinds)))
        return measured, findings, assumed
    soil = soil_at_samples(raw.frame, columns, findings)
    target = convert_target(measured, parse_conversion(settings.convert), soil, row_extracts, assumed)
    return target, findings, assumed


def _in_one_unit(raw, settings, columns, name, values, findings, assumed):
    """Values and unit; rows in different units are brought to one."""
    named = find_unit(name)
    if settings.unit is not None:
        unit = known_unit(settings.unit)
        if named is not None and named != unit:
            message = f"--unit says {unit}, but the column name {name!r} says {named}; {unit} is used."
            findings.append(remark("unit-contradicted", message, column=name, value=unit))
        return values, unit
    if (rows := _row_units(raw, columns, name, findings)) is not None:
        return _by_rows(values, rows, name, findings, assumed)
    if named is not None:
        assumed.append(f"unit of {name}: {named}, from the column name")
        return values, named
    if property_of(name) == CONDUCTIVITY and (found := _unit_in_remarks(raw.frame, values)) is not None:
        unit, row, text = found
        assumed.append(f"unit of {name}: {unit}, because row {row} says {text!r} beside {values[raw.frame.index.get_loc(row)]:g}")
        return values, unit
    return values, None


def _row_units(raw, columns, name, findings):
    """Unit of each row from a unit column or from the cells themselves; None when neither says any."""
    index = raw.frame.index
    if "unit" in columns:
        units = []
        for row, cell in raw.frame[columns["unit"]].items():
            try:
                units.append(known_unit(cell) if isinstance(cell, str) else None)
            except SettingsError:
                units.append(None)
                message = f"The unit {cell!r} in row {row} is not known; the row counts as missing."
                findings.append(remark("unit-unreadable", message, row=row, column=columns["unit"], value=cell))
        return units if any(units) else None
    if name in raw.units:
        return [raw.units[name].get(row) for row in index]
    return None


def _by_rows(values, units, name, findings, assumed):
    kinds = sorted({unit for unit in units if unit})
    filled = np.isfinite(values)
    unnamed = np.array([unit is None for unit in units]) & filled
    if len(kinds) == 1:
        assumed.append(f"unit of {name}: {kinds[0]}, from its rows")
        return values, kinds[0]
    common = "dS/m" if all(kind_of_unit(unit) == "conductivity" for unit in kinds) else kinds[0]
    out = np.full(values.shape, np.nan)
    for unit in kinds:
        here = np.array([one == unit for one in units])
        out[here] = convert_unit(values[here], unit, common)
    message = f"{name!r} has rows in {some(kinds)}; all are brought to {common}. {int(unnamed.sum())} rows name no unit and count as missing."
    findings.append(remark("units-mixed", message, column=name, value=some(kinds)))
    assumed.append(f"unit of {name}: {common}, brought together from rows in {some(kinds)}")
    return out, common


def _unit_in_remarks(frame, values):
    """The unit of an unnamed conductivity, where remarks repeat the value with its unit ("1.08 mS/cm" beside 1080)."""
    votes = {}
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name].dtype):
            continue
        cells = frame[name].astype(str)
        for row in frame.index[cells.str.contains(_MENTIONS_UNIT, regex=True, case=False, na=False).to_numpy()]:
            number, unit = _NAMED_UNIT.search(cells[row]).groups()
            said, value = to_ds_m(float(number), unit), values[frame.index.get_loc(row)]
            for candidate in ("µS/cm", "mS/m", "dS/m"):
                if np.isfinite(value) and said > 0 and abs(to_ds_m(value, candidate) / said - 1) < 0.25:
                    votes.setdefault(candidate, []).append((row, cells[row]))
    if len(votes) != 1:
        return None
    unit, rows = next(iter(votes.items()))
    return (unit, *rows[0]) if len(rows) > 1 else None


def _extracts(raw, settings, columns, name, findings, assumed):
    """The extract, and one per row where rows differ."""
    if settings.extract is not None:
        return known_extract(settings.extract), None
    if property_of(name) != CONDUCTIVITY:
        return None, None
    if (found := find_extract(name)) is not None:
        assumed.append(f"extract of {name}: {found}, from the column name")
        return found, None
    if "extract" not in columns:
        return None, None
    rows = []
    for row, cell in raw.frame[columns["extract"]].items():
        try:
            rows.append(known_extract(str(cell)) if cell is not None and cell == cell else None)
        except SettingsError:
            rows.append(None)
            message = f"The extract {cell!r} in row {row} is not known."
            findings.append(remark("unit-unreadable", message, row=row, column=columns["extract"], value=cell, severity="warning"))
    kinds = sorted({kind for kind in rows if kind})
    if len(kinds) == 1:
        assumed.append(f"extract of {name}: {kinds[0]}, from the column {columns['extract']}")
        return kinds[0], None
    return None, rows if len(kinds) > 1 else None


def _above_detection(values, limit, name, rows, findings):
    if limit is None:
        return values, None
    if not np.isfinite(limit) or limit <= 0:
        raise SettingsError(f"--detection-limit must be above 0, not {limit!r}.")
    with np.errstate(invalid="ignore"):
        below = (values < limit) & (values >= 0)
    for k in np.flatnonzero(below):
        message = f"{name!r} is {values[k]:g} in row {rows[k]}, below the limit of detection {limit:g}; half the limit is used."
        findings.append(remark("below-detection", message, row=rows[k], column=name, value=float(values[k])))
    return np.where(below, limit / 2, values), f"values below the limit of detection {limit:g} set to {limit / 2:g}" if below.any() else None


def _form(name, unit, extract):
    kind = property_of(name)
    if kind == CONDUCTIVITY and extract == "paste":
        return "ECe"
    return "salt" if kind == "salt" and unit == "g/kg" else "as-measured"


def soil_at_samples(frame, columns, findings=None):
    """Texture, clay, sand, organic carbon and paste water where the table has them, for conversions.

    Returns
    -------
    dict
        Keys texture, clay, sand, organic_carbon_g_kg, theta; None where not known.
    """
    findings = [] if findings is None else findings
    numbers = {part: _percent(frame, columns.get(part)) for part in ("clay", "sand", "silt")}
    soil = {"clay": numbers["clay"], "sand": numbers["sand"], "organic_carbon_g_kg": _organic_carbon(frame), "theta": _theta(frame), "texture": None}
    if (name := columns.get("texture")) is not None and not pd.api.types.is_numeric_dtype(frame[name].dtype):
        classes, loose, unknown = read_texture_names(frame[name], numbers["clay"])
        if any(kind is not None for kind in classes):
            soil["texture"] = classes
            _say_texture(frame[name], name, loose, unknown, findings)
    elif numbers["clay"] is not None and numbers["sand"] is not None:
        silt = numbers["silt"] if numbers["silt"] is not None else 100 - numbers["clay"] - numbers["sand"]
        soil["texture"] = texture_class(numbers["sand"], silt, numbers["clay"])
    return soil


def _say_texture(cells, name, loose, unknown, findings):
    if loose:
        listed = "; ".join(f"{term} as {kind}" for term, kind in loose.items())
        findings.append(
            remark("texture-loose", f"{name!r} holds field terms, taken as the nearest class: {listed}.", column=name, value=next(iter(loose)))
        )
    for term in unknown:
        row = cells.index[[cell == term for cell in cells]][0]
        findings.append(
            remark("texture-unknown", f"{name!r} holds {term!r} (first in row {row}), which is no texture class.", row=row, column=name, value=term)
        )


def _percent(frame, name):
    if name is None or not pd.api.types.is_numeric_dtype(frame[name].dtype):
        return None
    values = frame[name].to_numpy(dtype=float)
    return values / 10 if find_unit(name) == "g/kg" else values


def _organic_carbon(frame):
    for name in frame.columns:
        unit = find_unit(name)
        if (
            property_of(name) == "soc"
            and unit in ("%", "g/kg")
            and pd.api.types.is_numeric_dtype(frame[name].dtype)
            and not core_name(name).startswith(("som", "om", "ocs"))
        ):
            return frame[name].to_numpy(dtype=float) * (10 if unit == "%" else 1)
    return None


def _theta(frame):
    for name in role_columns(list(frame.columns), "theta"):
        if pd.api.types.is_numeric_dtype(frame[name].dtype):
            values = frame[name].to_numpy(dtype=float)
            return values / 100 if np.nanmedian(values) > 5 else values  # saturation percentage
    return None


def convert_target(measured, wanted, soil, row_extracts=None, assumed=None):
    """The target as ECe or salt content.

    Parameters
    ----------
    measured : Target
    wanted : Conversion
    soil : dict
        As `soil_at_samples` gives it.
    row_extracts : list of str, optional
        One extract per row, where rows differ.
    assumed : list of str, optional
        Is added to.

    Returns
    -------
    Target

    Raises
    ------
    SampleError
        If unit, extract or texture are needed and not known.
    """
    assumed = [] if assumed is None else assumed
    if measured.form == "salt" and wanted.form == "salt":
        return measured
    if measured.unit is None:
        raise SampleError(f"Converting {measured.column!r} to {wanted.form} needs its unit. Name it with --unit (µS/cm, mS/m, mS/cm or dS/m).")
    if kind_of_unit(measured.unit) != "conductivity":
        raise SampleError(
            f"{measured.column!r} is in {measured.unit}, which is no conductivity, so it cannot become {wanted.form}. Check --target and --unit."
        )
    ec = to_ds_m(measured.values, measured.unit)
    if row_extracts is None:
        values, text = _converted(measured, ec, measured.extract, wanted, soil, slice(None), assumed)
    else:
        values, texts = np.full(ec.shape, np.nan), []
        for kind in sorted({kind for kind in row_extracts if kind}):
            here = np.array([one == kind for one in row_extracts])
            values[here], text = _converted(measured, ec[here], kind, wanted, soil, here, assumed)
            texts.append(f"{kind}: {text}")
        text = "; ".join(texts)
    unit = "dS/m" if wanted.form == "ECe" else "g/kg"
    extract = "paste" if wanted.form == "ECe" else None
    before = f"from {measured.unit}, " if measured.unit != "dS/m" else ""
    said = f"; {measured.method}" if measured.method else ""
    return replace(measured, values=values, unit=unit, extract=extract, form=wanted.form, method=f"{before}{text}{said}", measured=measured)


def _converted(measured, ec, extract, wanted, soil, here, assumed):
    if extract is None:
        raise SampleError(
            f"Converting {measured.column!r} to {wanted.form} needs its extract. Name it with --extract (1:1, 1:2, 1:2.5, 1:5 or paste)."
        )
    if extract == "ECa":
        raise SampleError(
            f"{measured.column!r} is apparent conductivity of the soil in place, for which there is no general conversion. Calibrate it against samples first."
        )
    soil = {part: None if values is None else values[here] for part, values in soil.items()}
    if wanted.form == "salt":
        return _salt(ec, extract, wanted, soil)
    if extract == "paste":
        return ec, "ECe as measured in the saturated paste"
    method = wanted.method or default_method(extract, soil["texture"] is not None)
    if method is None:
        methods = [row["id"] for row in load_table("ec_conversions")["methods"] if extract in row["extracts"]]
        raise SampleError(
            f"There is no accepted default for {extract} extracts. Name a method: --convert ECe:METHOD, with one of {', '.join(methods)}."
        )
    if wanted.method is None:
        why = "because texture is known" if soil["texture"] is not None else "because texture is not known"
        assumed.append(f"conversion to ECe: {method}, {why}")
    factor = wanted.factors[0] if wanted.factors else None
    done = convert_to_ece(ec, method, extract=extract, factor=factor, **soil)
    return done.values, done.method_text


def _salt(ec, extract, wanted, soil):
    theta = soil["theta"]
    if extract == "paste" and theta is None and soil["texture"] is not None:
        theta = paste_water(soil["texture"], soil["organic_carbon_g_kg"], soil["clay"])[0] / 100
    done = convert_to_salt(ec, extract=extract, factors=wanted.factors, theta=theta)
    return done.values, done.method_text
