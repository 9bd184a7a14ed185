"""Spectra: tables and instrument files into one set on one axis, with what was assumed and what is wrong, in words."""

from dataclasses import replace

import numpy as np
import pandas as pd

from soilcore.core import fingerprint
from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.data.columns import role_columns
from soilcore.data.remarks import remark, some
from soilcore.data.samples import samples_from
from soilcore.data.spectra_axis import canonical_order, check_axis, is_canonical, settle_unit
from soilcore.data.spectra_quantity import settle_quantity
from soilcore.data.spectra_rows import usable_rows
from soilcore.data.spectra_set import SpectraSet, SpectraSettings
from soilcore.data.spectra_sources import collect

__all__ = ["SpectraSet", "SpectraSettings", "open_spectra"]

_CHUNK_CELLS = 4_000_000


def open_spectra(settings, report=silent):
    """Read spectra and what is known of each sample.

    Parameters
    ----------
    settings : SpectraSettings
        At least `paths`.
    report : Report

    Returns
    -------
    SpectraSet

    Raises
    ------
    UnreadableError
        If a file is none of the kinds read, is damaged, or holds no spectra.
    SettingsError
        If an option names what is not there.
    SampleError
        If the files cannot be laid on one axis, or nothing is left.
    """
    if not settings.paths:
        raise SettingsError("No spectra were named. Name a table, OPUS or ASD files, or a folder or zip file of them.")
    found = collect(settings, part(report, 0.0, 0.8))
    findings, assumed = list(found.findings), list(found.assumed)
    axis, unit = _settled_axis(found, settings, findings, assumed)
    values, axis = _in_order(found.values, axis, unit, findings)
    findings += check_axis(axis, unit)
    quantity = settle_quantity(values, axis, unit, found.quantity, found.words, settings.quantity, findings, assumed)
    report(0.9, 1, "finding target and places")
    samples, below = _samples(found, settings)
    ids = _ids(samples)
    group_column, groups = _groups(samples, settings, assumed)
    usable, said = usable_rows(values, axis, samples.table.index)
    spectra = SpectraSet(
        axis=axis,
        unit=unit,
        quantity=quantity,
        values=values,
        ids=ids,
        samples=samples,
        groups=groups,
        group_column=group_column,
        usable=usable,
        source=found.source,
        fingerprint=fingerprint.of_settings(found.sha256, replace(settings, paths=())),
        findings=tuple([*findings, *said]),
        assumed=tuple(assumed),
    )
    spectra = _filtered(spectra, below, settings)
    report(1, 1, "spectra read")
    return spectra


def _settled_axis(found, settings, findings, assumed):
    axis, unit, reason, sure = settle_unit(found.axis, settings.axis_unit or found.unit, found.words)
    if settings.axis_unit is None:
        assumed.append(f"unit of the axis: {unit} ({reason})")
        if not sure:
            findings.append(remark("spectra-unit-assumed", f"Nothing says whether the axis is in nm or cm-1; {unit} is taken: {reason}.", value=unit))
    return axis, unit


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
        with np.errstate(invalid="ignore"):
            spread = np.nanmax(same, axis=1) - np.nanmin(same, axis=1)
        largest = max(largest, float(np.nanmax(spread)) if np.isfinite(spread).any() else 0.0)
        values[:, start] = np.nanmean(same, axis=1)
    places = some([f"{axis[start]:g}" for start, _ in several])
    differ = f"they differ by up to {largest:.3g}, and their mean is used" if largest > 0 else "they are the same, and one is used"
    message = f"{len(several)} points of the axis stand there more than once ({places} {unit}); {differ}."
    findings.append(remark("spectra-axis-twice", message, value=places, severity="warning" if largest > 0 else "note"))
    return np.ascontiguousarray(values[:, first]), axis[first]


def _samples(found, settings):
    """The columns beside the spectra as samples; and which of them lie below the limit of detection."""
    table = settings.table
    limit = table.detection_limit
    if settings.below_limit not in ("drop", "half", "keep"):
        raise SettingsError(f"Samples below the limit of detection can be kept, dropped or set to half of it, not {settings.below_limit!r}.")
    if limit is not None and not (np.isfinite(limit) and limit > 0):
        raise SettingsError(f"--detection-limit must be above 0, not {limit!r}.")
    said = table if settings.below_limit == "half" else replace(table, detection_limit=None)
    raw = found.raw
    samples = samples_from(raw, said, found.source)
    below = np.zeros(len(samples), dtype=bool)
    if limit is not None and settings.below_limit == "drop":
        if samples.target is None:
            raise SettingsError("--detection-limit needs a target. Name the measured property with --target.")
        measured = samples.target.measured or samples.target
        with np.errstate(invalid="ignore"):
            below = measured.values < limit
        below |= samples.table.index.isin(list(raw.limits.get(measured.column, {})))
    return samples, below


def _ids(samples):
    """Ids as text; the spreadsheet row where the table has none."""
    name = samples.columns.get("id")
    if name is None:
        return np.array([str(row) for row in samples.table.index], dtype=str)
    return id_texts(samples.table[name], samples.table.index)


def id_texts(column, rows):
    """Ids as text: whole numbers without a decimal point; ``row 7`` where a cell is empty."""
    texts = []
    for cell, row in zip(column, rows, strict=True):
        if cell is None or (isinstance(cell, float) and np.isnan(cell)):
            texts.append(f"row {row}")
        elif isinstance(cell, float) and cell == int(cell):
            texts.append(str(int(cell)))
        else:
            texts.append(str(cell).strip())
    return np.array(texts, dtype=str)


def _groups(samples, settings, assumed):
    name = settings.group
    if name is None:
        known = [column for column in role_columns(list(samples.table.columns), "group")]
        if not known:
            return None, None
        name = known[0]
        assumed.append(f"groups: the column {name}, by its name")
    elif name not in samples.table.columns:
        raise SettingsError(f"--group names the column {name!r}, which the table does not have. Its columns: {some(samples.table.columns, 40)}.")
    column = samples.table[name]
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    return name, np.array(["" if pd.isna(cell) else f"{cell:g}" if numeric else str(cell).strip() for cell in column], dtype=str)


def _filtered(spectra, below, settings):
    """Without what was asked to be left out; each said."""
    keep, findings = ~below, list(spectra.findings)
    if below.any():
        limit, column = settings.table.detection_limit, spectra.target.column
        message = f"{int(below.sum())} of {len(spectra)} samples have {column!r} below the limit of detection {limit:g} and are left out."
        findings.append(remark("spectra-below-limit", message, column=column, value=f"{limit:g}"))
    if settings.positive:
        lowest = np.fmin.reduce(spectra.values, axis=1)
        dark = keep & (lowest <= 0)
        keep &= ~dark
        if dark.any():
            rows = some(spectra.table.index[dark])
            findings.append(
                remark("spectra-not-positive", f"{int(dark.sum())} spectra are zero or negative somewhere (rows {rows}) and are left out.")
            )
    if not keep.any():
        raise SampleError("No sample is left after the limit of detection and the spectra that are not above 0. Lower --detection-limit.")
    spectra = replace(spectra, findings=tuple(findings))
    return spectra if keep.all() else spectra.take(keep)
