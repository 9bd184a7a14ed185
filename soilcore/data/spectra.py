"""Spectra: tables and instrument files into one set on one axis, with what was assumed and what is wrong, in words."""

from dataclasses import replace

import numpy as np
import pandas as pd

from soilcore.core import fingerprint
from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.data.columns import property_of, role_columns
from soilcore.data.remarks import remark, some
from soilcore.data.samples import samples_from
from soilcore.data.spectra_axis import check_axis
from soilcore.data.spectra_join import averaged, id_texts, keep_ids_whole, replicate_rows
from soilcore.data.spectra_rows import usable_rows
from soilcore.data.spectra_set import SpectraSet, SpectraSettings
from soilcore.data.spectra_sources import collect

__all__ = ["SpectraSet", "SpectraSettings", "open_spectra"]


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
    if settings.replicates not in ("keep", "mean"):
        raise SettingsError(f"Replicates can be kept or averaged (keep, mean), not {settings.replicates!r}.")
    found = collect(settings, part(report, 0.0, 0.8))
    report(0.8, 1, "finding target and places")
    assumed = list(found.assumed)
    samples, below = _samples(found, settings, assumed)
    ids = _ids(samples)
    group_column, groups = _groups(samples, settings, ids, assumed)
    usable, said = usable_rows(found.values, found.axis, samples.table.index, found.labels)
    spectra = SpectraSet(
        axis=found.axis,
        unit=found.unit,
        quantity=found.quantity,
        values=found.values,
        ids=ids,
        samples=samples,
        groups=groups,
        group_column=group_column,
        usable=usable,
        source=found.source,
        fingerprint=fingerprint.of_settings(found.raw.sha256, replace(settings, paths=(), properties=None)),
        findings=tuple([*found.findings, *check_axis(found.axis, found.unit), *said]),
        assumed=tuple(assumed),
    )
    spectra = _filtered(spectra, below, settings)
    spectra = averaged(spectra) if settings.replicates == "mean" else spectra
    report(1, 1, "spectra read")
    return spectra


def _samples(found, settings, assumed):
    """The columns beside the spectra as samples; and which of them lie below the limit of detection."""
    table = settings.table
    limit = table.detection_limit
    if settings.below_limit not in ("drop", "half", "keep"):
        raise SettingsError(f"Samples below the limit of detection can be kept, dropped or set to half of it, not {settings.below_limit!r}.")
    if limit is not None and not (np.isfinite(limit) and limit > 0):
        raise SettingsError(f"--detection-limit must be above 0, not {limit!r}.")
    said = table if settings.below_limit == "half" else replace(table, detection_limit=None)
    raw = found.raw
    keep_ids_whole(raw, table.id)
    samples = samples_from(raw, _with_only_property(raw.frame, said, assumed), found.source)
    below = np.zeros(len(samples), dtype=bool)
    if limit is not None and settings.below_limit == "drop":
        if samples.target is None:
            raise SettingsError("--detection-limit needs a target. Name the measured property with --target.")
        measured = samples.target.measured or samples.target
        with np.errstate(invalid="ignore"):
            below = measured.values < limit
        below |= samples.table.index.isin(list(raw.limits.get(measured.column, {})))
    return samples, below


def _with_only_property(frame, table, assumed):
    """Beside spectra, a single column of a laboratory property can only be the target."""
    if table.target is not None:
        return table
    known = [
        name
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name].dtype) and (property_of(name) or name.casefold().endswith("_target"))
    ]
    if len(known) != 1:
        return table
    assumed.append(f"target: {known[0]}, the only property beside the spectra")
    return replace(table, target=known[0])


def _ids(samples):
    """Ids as text; the spreadsheet row where the table has none."""
    name = samples.columns.get("id")
    if name is None:
        return np.array([str(row) for row in samples.table.index], dtype=str)
    return id_texts(samples.table[name], samples.table.index)


def _groups(samples, settings, ids, assumed):
    name = settings.group
    if name is None:
        known = [column for column in role_columns(list(samples.table.columns), "group")]
        if not known:
            return _scans(samples, ids, assumed)
        name = known[0]
        assumed.append(f"groups: the column {name}, by its name")
    elif name not in samples.table.columns:
        raise SettingsError(f"--group names the column {name!r}, which the table does not have. Its columns: {some(samples.table.columns, 40)}.")
    column = samples.table[name]
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    return name, np.array(["" if pd.isna(cell) else f"{cell:g}" if numeric else str(cell).strip() for cell in column], dtype=str)


def _scans(samples, ids, assumed):
    """Scans of one sample belong together where nothing else groups the samples."""
    if "id" not in samples.columns or not replicate_rows(ids):
        return None, None
    assumed.append(f"groups: the column {samples.columns['id']}, because samples were scanned more than once")
    return samples.columns["id"], ids


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
