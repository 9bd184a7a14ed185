"""Any table file into columns of numbers and text, with the row numbers a spreadsheet would show. What was odd is said, nothing is dropped silently."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import CRS

from soilcore.core.errors import SettingsError
from soilcore.data.cells import comma_evidence, read_column
from soilcore.data.formats import kind_of, read_content, zipped_text
from soilcore.data.text_tables import read_text
from soilcore.data.vectors import read_features, read_parquet
from soilcore.data.workbooks import read_workbook

_EVIDENCE_ROWS = 500


@dataclass
class RawTable:
    """Columns of a file, before anything is known of their meaning.

    Parameters
    ----------
    frame : pandas.DataFrame of n_samples rows
        Numbers as float64, everything else as text or None; indexed by spreadsheet row.
    sha256 : str
        Of the file's bytes.
    x, y : ndarray of float, shape (n_samples,), or None
        Points of a vector file.
    crs : pyproj.CRS or None
        Their reference system.
    limits, units : dict
        By column: spreadsheet row and detection limit, spreadsheet row and unit, of the cells that name one.
    findings : list of Finding
    assumed : list of str
    """

    frame: pd.DataFrame
    sha256: str
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    crs: CRS | None = None
    limits: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


def read_table(path, *, sheet=None, layer=None, encoding=None, delimiter=None, decimal=None):
    """Read a table of any supported kind.

    Parameters
    ----------
    path : str or Path
        CSV, TSV or other text (also gzipped or zipped), XLSX, GeoPackage, GeoJSON, zipped shapefile, parquet. The content decides, not the name.
    sheet, layer, encoding, delimiter, decimal : str, optional
        What the user said; found from the content otherwise.

    Returns
    -------
    RawTable

    Raises
    ------
    UnreadableError
        If there is no table in it; the message says what there is instead.
    SettingsError
        If a sheet, layer, encoding or delimiter does not exist.
    """
    return read_table_content(read_content(path), Path(path).name, sheet=sheet, layer=layer, encoding=encoding, delimiter=delimiter, decimal=decimal)


def read_table_content(content, name, *, sheet=None, layer=None, encoding=None, delimiter=None, decimal=None):
    """Read a table from its bytes; otherwise as `read_table`.

    Parameters
    ----------
    content : bytes
    name : str
        File name, for messages.
    sheet, layer, encoding, delimiter, decimal : str, optional

    Returns
    -------
    RawTable
    """
    if decimal not in (None, ".", ","):
        raise SettingsError(f"The decimal sign is . or , and not {decimal!r}.")
    digest = hashlib.sha256(content).hexdigest()
    kind = kind_of(content, name)
    if kind in ("text", "zipped-text"):
        rows = read_text(zipped_text(content, name) if kind == "zipped-text" else content, name, encoding, delimiter)
        decimal = decimal or _decimal_of(rows)
        return _from_rows(rows, digest, decimal)
    if kind == "xlsx":
        return _from_rows(read_workbook(content, name, sheet), digest, decimal)
    features = read_parquet(content, name) if kind == "parquet" else read_features(content, kind, name, layer)
    return _from_features(features, digest, decimal)


def _decimal_of(rows):
    """The decimal sign of a text table, from cells that leave no doubt; None when there are none."""
    commas = points = 0
    for row in rows.rows[:_EVIDENCE_ROWS]:
        found = comma_evidence(row)
        commas, points = commas + found[0], points + found[1]
    if commas > 2 * points and (rows.delimiter != "," or commas > 5):
        rows.assumed.append(f"decimal sign: comma ({commas} cells can be nothing else)")
        return ","
    return "." if points > 2 * commas else None


def _from_rows(rows, digest, decimal):
    columns = list(zip(*rows.rows, strict=True)) or [()] * len(rows.names)
    table = RawTable(pd.DataFrame(), digest, findings=rows.findings, assumed=rows.assumed)
    table.frame = read_columns(dict(zip(rows.names, columns, strict=True)), rows.numbers, decimal, table)
    for name, unit in rows.units.items():
        table.units.setdefault(name, dict.fromkeys(rows.numbers, unit))
    return table


def _from_features(features, digest, decimal):
    table = RawTable(pd.DataFrame(), digest, features.x, features.y, features.crs, findings=features.findings, assumed=features.assumed)
    frame = features.frame
    if frame.columns.empty:
        table.frame = pd.DataFrame(index=frame.index)
        return table
    table.frame = read_columns({name: _cells(frame[name]) for name in frame.columns}, list(frame.index), decimal, table)
    return table


def _cells(series):
    """Values of a typed column as cells: dates as ISO text, byte strings as text."""
    if pd.api.types.is_numeric_dtype(series.dtype):
        return series.to_numpy(dtype=float, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return np.where(series.isna(), None, np.datetime_as_string(series.to_numpy(dtype="datetime64[s]"), unit="s"))
    return [_text(cell) for cell in series]


def _text(cell):
    if cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and np.isnan(cell)):
        return None
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="replace")
    return cell.isoformat() if hasattr(cell, "isoformat") else cell if isinstance(cell, (str, int, float)) else str(cell)


def read_columns(cells, numbers, decimal, table):
    """The frame of a table's cells by column; what is found in them goes to `table`."""
    read = {}
    for name, values in cells.items():
        if isinstance(values, np.ndarray) and values.dtype == float:
            read[name] = values
            continue
        column = read_column(name, values, numbers, decimal)
        read[name] = column.values
        table.findings += column.findings
        if column.limits:
            table.limits[name] = {numbers[k]: limit for k, limit in column.limits.items()}
        if column.units:
            table.units[name] = {numbers[k]: unit for k, unit in column.units.items()}
    return pd.DataFrame(read, index=pd.Index(numbers, name="row"))
