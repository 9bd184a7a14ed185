"""Monthly climate from tables: one file per variable with a column per month, or long tables with a row per place and month."""

from pathlib import Path

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError, UnreadableError
from soilcore.core.findings import Finding
from soilcore.core.progress import silent
from soilcore.data.climate_long import VARIABLE_COLUMNS, date_columns, read_long
from soilcore.data.climate_pieces import NoClimateError, merge_pieces
from soilcore.data.climate_variables import meanings, ordered, variable_of, without_impossible
from soilcore.data.climate_wide import month_of, read_wide
from soilcore.data.columns import role_columns
from soilcore.data.tabular import RawTable, read_table

MOST_METRES = 25_000.0  # to the nearest place of a table
_PROBED = 200_000  # values that decide whether numbers are scaled
_LONGEST_HEADER = 1 << 20  # bytes
_LISTED = 2  # findings of one kind that are told singly
_SUFFIXES = (".csv", ".txt", ".tsv", ".gz", ".xlsx", ".parquet")


def read_tables(path, report=silent):
    """A table or a folder of tables as one array per variable, in physical units.

    Parameters
    ----------
    path : Path
    report : Report

    Returns
    -------
    piece : Piece
    variables : tuple of str
        In their fixed order.
    units : dict of str to str
    files : tuple of str

    Raises
    ------
    UnreadableError, SampleError
    """
    files = _table_files(path) if path.is_dir() else [path]
    pieces, names, skipped = [], [], []
    for number, file in enumerate(files):
        report(number, len(files), f"reading {file.name}")
        try:
            pieces.append(read_piece(file))
            names.append(file.name)
        except NoClimateError as error:
            skipped.append((file.name, error))
    if not pieces:
        raise skipped[0][1]
    piece = merge_pieces(pieces, names)
    for name, error in skipped:
        piece.findings.append(
            Finding("climate-file-skipped", "warning", f"{name} is left out: {error.message}", "Remove it from the folder if it is no climate.")
        )
    variables, units = physical_units(piece)
    return piece, variables, units, tuple(str(file) for file in files if file.name in names)


def physical_units(piece, units=None, own_scale=()):
    """Bring the values of a piece to physical units, in place; see `soilcore.data.climate_variables.meanings`.

    Returns
    -------
    variables : tuple of str
        In their fixed order.
    units : dict of str to str
    """
    variables = ordered(piece.values)
    found, assumed, findings = meanings({name: _some_values(piece.values[name]) for name in variables}, units, own_scale)
    for name in variables:
        meaning = found[name]
        if (meaning.scale, meaning.offset) != (1.0, 0.0):
            piece.values[name] = (piece.values[name].astype(float) * meaning.scale + meaning.offset).astype(np.float32)
        piece.values[name], odd = without_impossible(name, piece.values[name])
        findings += odd
    piece.assumed += assumed
    piece.findings += findings
    return variables, {name: found[name].unit for name in variables}


def _some_values(values):
    flat = values.ravel()
    return flat[:: max(1, flat.size // _PROBED)]


def _table_files(folder):
    files = sorted(path for path in Path(folder).iterdir() if path.is_file() and path.suffix.lower() in _SUFFIXES)
    if not files:
        raise UnreadableError(
            f"The folder {str(folder)!r} holds no climate tables (.csv) and no NetCDF files (.nc). Name the folder that holds them."
        )
    return files


def read_piece(path):
    """Read one table of monthly climate, wide or long.

    Parameters
    ----------
    path : path
        Any table that `read_table` reads.

    Returns
    -------
    Piece

    Raises
    ------
    UnreadableError
        If it is no table.
    SampleError
        If no months or no variables are found in it.
    """
    raw = _quick(path) or read_table(path)
    frame, name = raw.frame, Path(path).name
    if frame.empty:
        raise SampleError(f"{name} holds no rows. Give a table with one row per place, or one per place and month.")
    months = {column: month for column in frame.columns if (month := month_of(column)) is not None}
    piece = read_wide(raw, months, path) if len(months) >= 1 and not _dated(frame, months) else read_long(raw, path)
    piece.findings += _few(raw.findings, name)
    piece.assumed += raw.assumed
    return piece


def _few(findings, name):
    """What reading the table found, a few of each kind."""
    kinds = {}
    for finding in findings:
        if finding.severity != "note":
            kinds.setdefault(finding.code, []).append(finding)
    kept = [finding for group in kinds.values() for finding in group[:_LISTED]]
    rest = {code: len(group) - _LISTED for code, group in kinds.items() if len(group) > _LISTED}
    return kept + [
        Finding(code, "warning", f"{number} more of the same in {name}.", kinds[code][0].fix, column=kinds[code][0].column)
        for code, number in rest.items()
    ]


def _quick(path):
    """A plain CSV through the fast reader, or None where anything about it needs a closer look."""
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".txt") or not path.is_file():
        return None
    with open(path, "rb") as stream:
        header = stream.readline(_LONGEST_HEADER)
    if b"\0" in header or b";" in header or b"\t" in header or b"," not in header:
        return None
    try:
        header = pd.read_csv(path, encoding="utf-8", nrows=0).columns
        identifiers = {name: str for name in role_columns(list(header), "id")}
        frame = pd.read_csv(path, encoding="utf-8", skipinitialspace=True, na_values=["", "NA", "NaN", "nan"], low_memory=False, dtype=identifiers)
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
        return None
    text = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column].dtype)]
    if any(month_of(column) is not None for column in text) or any(".1" in str(column)[-2:] for column in frame.columns):
        return None
    if not isinstance(frame.index, pd.RangeIndex) or any(str(column).startswith("Unnamed:") for column in frame.columns[1:]):
        return None
    if any(variable_of(column) for column in text if month_of(column) is None and str(column).lower() not in VARIABLE_COLUMNS):
        return None
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    return RawTable(frame, "")


def _dated(frame, months):
    """Whether a long table has a date per row, so that the months in its column names mean nothing."""
    return len(months) < 2 and bool(date_columns(frame))
