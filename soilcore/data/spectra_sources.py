"""Where spectra come from: tables and instrument files, alone or in folders and zip files, brought to one array and one table beside it."""

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError, SettingsError, UnreadableError
from soilcore.core.progress import part as part_of
from soilcore.core.progress import silent
from soilcore.data.columns import role_columns
from soilcore.data.remarks import remark, some
from soilcore.data.spectra_asd import read_asd
from soilcore.data.spectra_axis import numbered_columns
from soilcore.data.spectra_files import find_sources
from soilcore.data.spectra_join import join_properties
from soilcore.data.spectra_opus import read_opus
from soilcore.data.spectra_parts import Part, join_parts, settle
from soilcore.data.spectra_tables import read_wide
from soilcore.data.tabular import RawTable


@dataclass
class Collected:
    """Spectra of all sources on one axis, and the table beside them.

    Parameters
    ----------
    axis : ndarray of float
        In canonical order.
    unit, quantity : str
    values : ndarray of float32, shape (n_samples, n_points)
    raw : RawTable
        One row per spectrum.
    source : str
        Where they came from, for people.
    labels : list of str or None
        How messages call each row where it is a file.
    """

    axis: np.ndarray
    unit: str
    quantity: str
    values: np.ndarray
    raw: RawTable
    source: str
    labels: list | None = None
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


def collect(settings, report=silent):
    """Read every source named.

    Parameters
    ----------
    settings : SpectraSettings
    report : Report

    Returns
    -------
    Collected

    Raises
    ------
    UnreadableError
        If nothing readable is there.
    SampleError
        If there are no spectra, several tables of properties, or spectra of different kinds.
    """
    sources, findings = _sources(settings)
    tables, instruments, properties = _read_all(sources, settings, findings, part_of(report, 0.0, 0.9))
    if settings.properties is not None:
        properties = [*properties, *_properties(settings)]
    if len(properties) > 1:
        raise SampleError(f"{len(properties)} tables hold no spectra ({some([name for name, _ in properties])}). Name the one with the properties.")
    parts, raw, labels = _stacked(tables, instruments)
    if not parts:
        _refuse_without(sources, properties)
    for part in parts:
        settle(part, settings)
    assumed = []
    values, axis, unit, quantity = join_parts(parts, len(raw.frame), findings, assumed)
    if properties:
        raw = join_properties(raw, properties[0][1], properties[0][0], settings.table.id)
    label = sources[0].name if len(sources) == 1 else f"{sources[0].name} and {len(sources) - 1} more files"
    report(1, 1, "spectra on one axis")
    return Collected(axis, unit, quantity, values, raw, label, labels, findings, assumed)


def _refuse_without(sources, properties):
    listed = some([source.name for source in sources])
    for name, raw in properties:
        if counted := numbered_columns(raw.frame.columns):
            what = f"{counted[1]} columns of {name!r} are only numbered ({counted[0]}1, {counted[0]}2, ...)"
            raise SampleError(f"{what}, so their wavelengths are not known. Name them by wavelength (nm) or wavenumber (cm-1).")
    raise SampleError(f"There are no spectra in {listed}: no 20 columns are named by a wavelength or wavenumber. Check the column names.")


def _sources(settings):
    sources, ignored = [], []
    for path in settings.paths:
        found, others = find_sources(path)
        sources += found
        ignored += others
    findings = []
    if ignored:
        message = f"{len(ignored)} files are of no kind read and were passed over ({some(ignored)})."
        findings.append(remark("spectra-file-ignored", message, value=len(ignored)))
    return sources, findings


def _properties(settings):
    sources, _ = find_sources(settings.properties)
    if len(sources) != 1 or sources[0].kind != "table":
        raise SettingsError(f"The table of properties {str(settings.properties)!r} must be one table.")
    wide = read_wide(sources[0].load(), sources[0].name, settings.table)
    return [(sources[0].name, wide.raw)]


def _read_all(sources, settings, findings, report):
    """Tables with spectra, spectra of instruments, and tables without spectra: (name, what was read) each."""
    tables, instruments, properties, broken = [], [], [], []
    for k, source in enumerate(sources):
        report(k, len(sources), f"reading {source.name}")
        try:
            content = source.load()
            if source.kind == "table":
                within = part_of(report, k / len(sources), 1 / len(sources))
                wide = read_wide(content, source.name, settings.table, settings.columns, within)
                (properties if wide.values is None else tables).append((source.name, wide.raw if wide.values is None else wide))
            else:
                read = read_opus if source.kind == "opus" else read_asd
                instruments.append((source.name, read(content, source.name), hashlib.sha256(content).hexdigest()))
        except UnreadableError as error:
            if source.named:
                raise
            broken.append((source.name, str(error)))
    for name, reason in broken:
        findings.append(remark("spectra-file-unreadable", f"{reason} It is left out.", value=name))
    if broken and not tables and not instruments:
        raise UnreadableError(f"None of {len(broken)} files could be read. The first: {broken[0][1]}")
    return tables, instruments, properties


def _stacked(tables, instruments):
    """Parts, the table beside them, and how messages call its rows."""
    if len(tables) == 1 and not instruments:
        name, wide = tables[0]
        return [_table_part(name, wide, np.arange(len(wide.values)))], wide.raw, None
    parts, frames, start = [], [], 0
    raw = RawTable(pd.DataFrame(), _digest([wide.raw.sha256 for _, wide in tables] + [digest for *_, digest in instruments]))
    for name, wide in tables:
        rows = np.arange(start, start + len(wide.values))
        parts.append(_table_part(name, wide, rows))
        frames.append(_moved(wide.raw, name, start, raw))
        start += len(rows)
    parts = _merged(parts)
    if instruments:
        frame, said = _instrument_frame(instruments)
        own = next(iter(role_columns(list(frames[0].columns), "id")), None) if frames else None
        frames.append(frame if own is None else frame.rename(columns={"id": own}))
        raw.findings += said
        parts += _instrument_parts(instruments, start)
    if frames:
        raw.frame = pd.concat(frames, ignore_index=True)
        raw.frame.index = pd.Index(range(2, len(raw.frame) + 2), name="row")
    labels = [f"{file!r}" for file in raw.frame["file"]] if instruments and not tables else None
    return parts, raw, labels


def _merged(parts):
    """Tables with one axis as one part, so that what they hold is judged once for all."""
    kinds = {}
    for part in parts:
        kinds.setdefault((part.words, part.axis.tobytes()), []).append(part)
    merged = []
    for same in kinds.values():
        values = same[0].values if len(same) == 1 else np.concatenate([part.values for part in same])
        merged.append(replace(same[0], values=values, rows=np.concatenate([part.rows for part in same])))
    return merged


def _table_part(name, wide, rows):
    return Part(wide.axis, wide.values, rows, name, words=wide.words)


def _moved(table, name, start, raw):
    """The columns of one of several tables; what was said about its rows names the file and moves along."""
    places = {int(row): start + k + 2 for k, row in enumerate(table.frame.index)}
    raw.findings += [
        replace(finding, message=f"{name!r}: {finding.message}", row=None if finding.row is None else places.get(finding.row))
        for finding in table.findings
    ]
    raw.assumed += [f"{name}: {text}" for text in table.assumed]
    for column, rows in table.limits.items():
        raw.limits.setdefault(column, {}).update({places[row]: limit for row, limit in rows.items()})
    for column, rows in table.units.items():
        raw.units.setdefault(column, {}).update({places[row]: unit for row, unit in rows.items()})
    frame = table.frame.copy()
    if "file" not in frame.columns:
        frame.insert(len(frame.columns), "file", name)
    return frame


def _instrument_frame(instruments):
    """One row per file: id (its name without the suffix), scan number, file, what its header says."""
    findings, rows = [], []
    for name, spectrum, _ in instruments:
        path = PurePosixPath(name)
        scan = float(path.suffix[1:]) if path.suffix[1:].isdigit() else np.nan
        rows.append((path.stem, scan, name, spectrum.name, spectrum.date, spectrum.instrument))
        findings += [remark(code, message, row=len(rows) + 1, value=name) for code, message in spectrum.notes]
    frame = pd.DataFrame(rows, columns=["id", "scan", "file", "sample_name", "date", "instrument"])
    for column in ("scan", "sample_name", "date", "instrument"):
        if frame[column].isna().all():
            frame = frame.drop(columns=column)
    return frame.astype({column: object for column in frame.columns if column != "scan"}), findings


def _instrument_parts(instruments, start):
    """One part per axis and quantity."""
    kinds = {}
    for k, (name, spectrum, _) in enumerate(instruments):
        key = (spectrum.unit, spectrum.quantity, spectrum.axis.size, round(float(spectrum.axis[0]), 5), round(float(spectrum.axis[-1]), 5))
        kinds.setdefault(key, []).append((k, name, spectrum))
    parts = []
    for (unit, quantity, *_), found in kinds.items():
        values = np.empty((len(found), found[0][2].axis.size), dtype=np.float32)
        for row, (_, _, spectrum) in enumerate(found):
            values[row] = spectrum.values
        parts.append(Part(found[0][2].axis, values, np.array([start + k for k, _, _ in found]), found[0][1], unit, quantity))
    return parts


def _digest(parts):
    return hashlib.sha256("".join(parts).encode()).hexdigest()
