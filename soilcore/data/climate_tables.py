"""Monthly climate from tables: one file per variable with a column per month, or long tables with a row per place and month."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError, UnreadableError
from soilcore.core.findings import Finding
from soilcore.core.progress import silent
from soilcore.data.climate_variables import MISSING_CODES, meanings, ordered, variable_of, without_impossible
from soilcore.data.columns import role_columns
from soilcore.data.dates import parse_dates
from soilcore.data.remarks import some
from soilcore.data.tabular import RawTable, read_table

_MOST_ID_COLUMNS = 8
_ONES_THAT_SHOW = 5
_PROBED = 200_000  # values that decide whether numbers are scaled
MOST_METRES = 25_000.0  # to the nearest place of a table
MOST_VALUES = 400_000_000  # 1.6 GB of float32
_NUMERIC_MONTH = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_./ ]?(0[1-9]|1[0-2]|[1-9])(?:[-_./ ]?(?:0[1-9]|[12]\d|3[01]))?(?!\d)")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED_MONTH = re.compile(
    rf"(?<![a-z])({'|'.join(_MONTHS)})[a-z]*[-_./ ']*((?:19|20)\d\d)(?!\d)|(?<!\d)((?:19|20)\d\d)[-_./ ]*({'|'.join(_MONTHS)})", re.IGNORECASE
)
_VARIABLE_COLUMNS = ("variable", "var", "parameter", "band", "name", "element")
_VALUE_COLUMNS = ("value", "val", "values", "mean", "amount")


class NoClimateError(SampleError):
    """A table without months, or without climate variables."""


@dataclass
class Piece:
    """What one file holds.

    Parameters
    ----------
    ids : ndarray of str, shape (n,), or None
    x, y : ndarray of float, shape (n,), or None
    crs : pyproj.CRS or None
    months : ndarray of datetime64[M], shape (m,)
        Ascending, each once.
    values : dict of str to ndarray of float32, shape (n, m)
        By variable, NaN where missing.
    other_ids : dict of str to ndarray of str
        Further columns that tell the rows apart.
    """

    ids: np.ndarray | None
    x: np.ndarray | None
    y: np.ndarray | None
    crs: object
    months: np.ndarray
    values: dict
    other_ids: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


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
    piece = _wide(raw, months, path) if len(months) >= 1 and not _dated(frame, months) else _long(raw, path)
    piece.findings += [finding for finding in raw.findings if finding.severity != "note"]
    return piece


def plain_id(value):
    """An identifier as text: 7, 7.0, "007" and "7 " are the same."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value).strip()
    digits = text[:-2] if text.endswith(".0") else text
    return str(int(digits)) if digits.isdigit() and len(digits) < 25 else text


def month_of(name):
    """The month a column name such as "2020-03", "pr_202003", "X2020.03.01" or "Mar 2020" speaks of, or None."""
    text = str(name)
    if match := _NUMERIC_MONTH.search(text):
        return np.datetime64(f"{match[1]}-{int(match[2]):02d}", "M")
    if match := _NAMED_MONTH.search(text):
        year, word = (match[2], match[1]) if match[1] else (match[3], match[4])
        return np.datetime64(f"{year}-{_MONTHS.index(word.lower()) + 1:02d}", "M")
    return None


def _quick(path):
    """A plain CSV through the fast reader, or None where anything about it needs a closer look."""
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".txt") or not path.is_file():
        return None
    with open(path, "rb") as stream:
        start = stream.read(4096)
    if not start or b"\0" in start or b";" in start or b"\t" in start or b"," not in start:
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
    if any(variable_of(column) for column in text if month_of(column) is None and str(column).lower() not in _VARIABLE_COLUMNS):
        return None
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    return RawTable(frame, "")


def _dated(frame, months):
    """Whether a long table has a date per row, so that the months in its column names mean nothing."""
    return len(months) < 2 and bool(_date_columns(frame))


def _date_columns(frame):
    return [name for name in role_columns(list(frame.columns), "date") if month_of(name) is None] or [
        name for name in frame.columns if str(name).lower() in ("month", "months", "period", "system:time_start", "yyyymm")
    ]


def _keys(raw):
    """(ids, x, y, crs) of the rows."""
    from soilcore.data.places import find_places

    frame = raw.frame
    named = [name for name in role_columns(list(frame.columns), "id") if str(name).lower() != "name" or frame[name].is_unique]
    first = frame.columns[0]
    if not named and (str(first).startswith("Unnamed") or str(first).lower() in ("fips", "index", "point", "key", "samples")):
        named = [first]
    ids = None if not named else np.array([plain_id(value) for value in frame[named[0]]], dtype=object)
    places = find_places(raw)
    if places.x is None or not np.isfinite(places.x).any() or places.crs is None:
        return ids, None, None, None
    return ids, places.x, places.y, places.crs


def _other_ids(frame, months):
    """Columns that tell all rows apart as well, in case the samples go by them."""
    found = {}
    for column in frame.columns:
        series = frame[column]
        if column in months or len(found) >= _MOST_ID_COLUMNS or not series.notna().all():
            continue
        whole = not pd.api.types.is_float_dtype(series.dtype) or bool(np.all(series == np.round(series)))
        if whole and series.is_unique:
            found[str(column)] = np.array([plain_id(value) for value in series], dtype=object)
    return found


def _wide(raw, columns, path):
    frame, name = raw.frame, Path(path).name
    by_variable = {}
    for column, month in columns.items():
        by_variable.setdefault(variable_of(_without_month(column)) or "", []).append((month, column))
    alone = variable_of(Path(path).stem) or re.sub(r"\W+", "_", Path(path).stem).strip("_")
    ids, x, y, crs = _keys(raw)
    piece = Piece(ids, x, y, crs, np.unique(list(columns.values())), {})
    for variable, pairs in by_variable.items():
        values = np.full((len(frame), piece.months.size), np.nan, np.float32)
        seen = {}
        for month, column in pairs:
            if not pd.api.types.is_numeric_dtype(frame[column].dtype):
                raise SampleError(f"The column {column!r} of {name} holds text, for example {_first_text(frame[column])!r}, not numbers. Correct it.")
            at = int(np.searchsorted(piece.months, month))
            if month in seen:
                piece.findings.append(_twice(f"{name} has {month} twice ({seen[month]!r} and {column!r}); the first is used."))
                continue
            seen[month] = column
            values[:, at] = frame[column].to_numpy(dtype=float, na_value=np.nan)
        piece.values[variable or alone] = _without_codes(values, variable or alone, piece.assumed)
    piece.other_ids = _other_ids(frame, columns)
    return _one_row_per_place(piece, name)


def _without_month(column):
    return _NAMED_MONTH.sub("_", _NUMERIC_MONTH.sub("_", str(column)))


def _first_text(series):
    return next((value for value in series if isinstance(value, str)), "")


def _numbers(series):
    values = series.to_numpy(dtype=float, na_value=np.nan).copy()
    values[np.isin(values, MISSING_CODES)] = np.nan
    return values


def _without_codes(values, variable, assumed):
    """NaN for codes of missing; -999 is 0 where an export has written every 0 so."""
    coded = values == -999.0
    if coded.any() and not (values == 0).any() and np.count_nonzero(np.abs(values) == 1) >= _ONES_THAT_SHOW:
        whole_rows = coded.all(axis=1, keepdims=True) if variable != "swe" else np.zeros((len(values), 1), bool)
        assumed.append(f"-999 is read as 0 in {variable}: no 0 stands among its {np.isfinite(values).sum()} whole numbers, though 1 does")
        values = np.where(coded & ~whole_rows, np.float32(0), values)
    return np.where(np.isin(values, np.asarray(MISSING_CODES, np.float32)), np.float32(np.nan), values)


def _twice(message):
    return Finding("climate-month-twice", "warning", message, "Keep one value per place and month.")


def _one_row_per_place(piece, name):
    """Rows of one id become one: the first; equal repeats are nothing to speak of."""
    if piece.ids is None:
        return piece
    _, first = np.unique(piece.ids.astype(str), return_index=True)
    first = np.sort(first[piece.ids[first] != ""])
    if first.size == piece.ids.size:
        return piece
    number = piece.ids.size - first.size
    message = f"{name} has {number} rows more than ids (repeated or empty ids); the first row of each id is used."
    piece.findings.append(Finding("climate-id-twice", "warning", message, "Keep one row per id.", column="id"))
    piece.ids, piece.values = piece.ids[first], {key: values[first] for key, values in piece.values.items()}
    piece.other_ids = {key: values[first] for key, values in piece.other_ids.items()}
    if piece.x is not None:
        piece.x, piece.y = piece.x[first], piece.y[first]
    return piece


def _long(raw, path):
    frame, name = raw.frame, Path(path).name
    months = _row_months(frame, name)
    variables = _long_variables(frame, name)
    ids, x, y, crs = _keys(raw)
    keys, first, places = _places_of_rows(ids, x, y, len(frame))
    known = ~np.isnat(months)
    unique = np.unique(months[known])
    if unique.size == 0:
        raise SampleError(f"No row of {name} has a month that can be read. Write a column date as year-month, or columns year and month.")
    if keys * unique.size * len(variables) > MOST_VALUES:
        raise SampleError(f"{name} would hold {keys} places x {unique.size} months x {len(variables)} variables, too many. Cut it into regions.")
    at = np.searchsorted(unique, np.where(known, months, unique[0]))
    piece = Piece(None if ids is None else ids[first], None if x is None else x[first], None if y is None else y[first], crs, unique, {})
    for variable, (rows, numbers) in variables.items():
        values = np.full((keys, unique.size), np.nan, np.float32)
        use = rows & known & np.isfinite(numbers)
        flat = places[use] * unique.size + at[use]
        values.ravel()[flat[::-1]] = numbers[use][::-1].astype(np.float32)  # of repeats the first stays
        repeats = flat.size - np.unique(flat).size
        if repeats:
            month = unique[_first_repeat(flat) % unique.size]
            piece.findings.append(_twice(f"{name} has {repeats} repeated months of {variable}, the first is {month}; the first value is used."))
        piece.values[variable] = values
    if (~known).any():
        message = f"{int((~known).sum())} rows of {name} have no readable month; they are left out."
        piece.findings.append(
            Finding("climate-month-unreadable", "warning", message, "Write the month as year-month.", row=int(frame.index[~known][0]))
        )
    return piece


def _first_repeat(flat):
    order = np.sort(flat)
    return int(order[1:][order[1:] == order[:-1]][0])


def _row_months(frame, name):
    plain = {str(column).lower(): column for column in frame.columns}
    year = next((plain[key] for key in ("year", "yr", "jahr", "annee", "ano") if key in plain), None)
    month = next((plain[key] for key in ("month", "mon", "mo", "monat", "mois", "mes") if key in plain), None)
    if year is not None and month is not None:
        years, parts = frame[year].to_numpy(float, na_value=np.nan), frame[month].to_numpy(float, na_value=np.nan)
        good = np.isfinite(years) & np.isfinite(parts) & (parts >= 1) & (parts <= 12) & (years > 1800) & (years < 2200)
        counted = np.where(good, (np.nan_to_num(years) - 1970) * 12 + np.nan_to_num(parts) - 1, 0).astype(int)
        return np.where(good, counted.astype("datetime64[M]"), np.datetime64("NaT", "M"))
    dates = _date_columns(frame)
    if not dates:
        raise NoClimateError(
            f"{name} has no months: neither columns such as 2020-03, nor a column date, nor columns year and month. Columns: {some(frame.columns)}."
        )
    column = frame[dates[0]]
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(float, na_value=np.nan)
        if np.nanmin(numbers) >= 180001 and np.nanmax(numbers) <= 220012:
            return np.array([_coded(value) for value in numbers])
        if np.nanmin(numbers) > 1e11:  # milliseconds since 1970, as Earth Engine writes them
            return np.where(np.isfinite(numbers), np.nan_to_num(numbers).astype("datetime64[ms]"), np.datetime64("NaT")).astype("datetime64[M]")
        return parse_dates(column, dates[0]).days.astype("datetime64[M]")
    found = {value: month_of(value) if isinstance(value, str) else None for value in pd.unique(column)}
    rest = [value for value, month in found.items() if month is None and isinstance(value, str)]
    days = parse_dates(pd.Series(rest, dtype=object), dates[0]).days.astype("datetime64[M]") if rest else ()
    found |= dict(zip(rest, days, strict=True))
    return np.array([found.get(value) or np.datetime64("NaT", "M") for value in column], dtype="datetime64[M]")


def _coded(value):
    good = np.isfinite(value) and 1 <= int(value) % 100 <= 12
    return np.datetime64(f"{int(value) // 100:04d}-{int(value) % 100:02d}", "M") if good else np.datetime64("NaT", "M")


def _long_variables(frame, name):
    """By variable: which rows speak of it, and the numbers."""
    plain = {str(column).lower(): column for column in frame.columns}
    named = next((plain[key] for key in _VARIABLE_COLUMNS if key in plain), None)
    value = next((plain[key] for key in _VALUE_COLUMNS if key in plain), None)
    if named is not None and value is not None and not pd.api.types.is_numeric_dtype(frame[named].dtype):
        if not pd.api.types.is_numeric_dtype(frame[value].dtype):
            raise SampleError(f"The column {value!r} of {name} holds text, for example {_first_text(frame[value])!r}, not numbers. Correct it.")
        texts, numbers, found = frame[named].astype(str), _numbers(frame[value]), {}
        for text in pd.unique(texts):
            variable = variable_of(text) or re.sub(r"\W+", "_", text).strip("_")
            rows = (texts == text).to_numpy()
            found[variable] = (found[variable][0] | rows, numbers) if variable in found else (rows, numbers)
        return found
    found = {}
    for column in frame.columns:
        variable = variable_of(column)
        if variable is None or month_of(column) is not None or variable in found:
            continue
        if not pd.api.types.is_numeric_dtype(frame[column].dtype):
            raise SampleError(f"The column {column!r} of {name} holds text, for example {_first_text(frame[column])!r}, not numbers. Correct it.")
        found[variable] = (np.ones(len(frame), bool), _numbers(frame[column]))
    if not found:
        raise NoClimateError(
            f"No column of {name} is called like a climate variable (pr, tmmn, tmmx, pet, ...; TerraClimate's names). Columns: {some(frame.columns)}."
        )
    return found


def _places_of_rows(ids, x, y, n):
    """(number of places, first row of each, place of each row)."""
    if ids is not None:
        keys = ids.astype(str)
    elif x is not None:
        keys = np.char.add(np.char.mod("%.7f,", x), np.char.mod("%.7f", y))
    else:
        return 1, np.zeros(1, int), np.zeros(n, int)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return order.size, first[order], rank[inverse.ravel()]


def merge_pieces(pieces, names):
    """Files of one climate as one array.

    Parameters
    ----------
    pieces : sequence of Piece
    names : sequence of str
        Files, for messages.

    Returns
    -------
    Piece
        With all places, months and variables; NaN where no file has a value.

    Raises
    ------
    SampleError
        If the files cannot be joined to one another.
    """
    if len(pieces) == 1:
        return pieces[0]
    with_ids = [piece.ids is not None for piece in pieces]
    with_places = [piece.x is not None for piece in pieces]
    if not (all(with_ids) or all(with_places) or not any(with_ids + with_places)):
        odd = names[(with_ids if any(with_ids) else with_places).index(False)]
        raise SampleError(f"The climate files cannot be joined: {odd} has no ids, others have. Give every file the same id column, or lon and lat.")
    by_id = all(with_ids)
    keys = [_keys_of(piece, by_id) for piece in pieces]
    index = {key: k for k, key in enumerate(dict.fromkeys(key for some_keys in keys for key in some_keys))}
    months = np.unique(np.concatenate([piece.months for piece in pieces]))
    variables = dict.fromkeys(variable for piece in pieces for variable in piece.values)
    if len(index) * months.size * len(variables) > MOST_VALUES:
        raise SampleError(
            f"The climate would hold {len(index)} places x {months.size} months x {len(variables)} variables, too many. Cut it into regions."
        )
    merged = Piece(
        None, None, None, pieces[0].crs, months, {variable: np.full((len(index), months.size), np.nan, np.float32) for variable in variables}
    )
    if by_id:
        merged.ids = np.array(list(index), dtype=object)
    if all(with_places):
        merged.x, merged.y = np.full(len(index), np.nan), np.full(len(index), np.nan)
    for piece, own, name in zip(pieces, keys, names, strict=True):
        _lay(piece, np.array([index[key] for key in own], int), merged, name)
    return merged


def _keys_of(piece, by_id):
    if by_id:
        return piece.ids.tolist()
    if piece.x is not None:
        return [(round(float(x), 7), round(float(y), 7)) for x, y in zip(piece.x, piece.y, strict=True)]
    return list(range(next(iter(piece.values.values())).shape[0]))


def _lay(piece, rows, merged, name):
    at = np.searchsorted(merged.months, piece.months)
    for variable, values in piece.values.items():
        target = merged.values[variable]
        there = target[np.ix_(rows, at)]
        both = np.isfinite(there) & np.isfinite(values) & (there != values)
        if both.any():
            month = piece.months[np.flatnonzero(both.any(axis=0))[0]]
            merged.findings.append(_twice(f"{name} repeats {variable} of {month} with other values; those read first are used."))
        target[np.ix_(rows, at)] = np.where(np.isfinite(there), there, values)
    if merged.x is not None:
        merged.x[rows], merged.y[rows] = piece.x, piece.y
    for column, values in piece.other_ids.items():
        merged.other_ids.setdefault(column, np.full(len(merged.values[next(iter(merged.values))]), "", dtype=object))[rows] = values
    merged.findings += piece.findings
    merged.assumed += [text for text in piece.assumed if text not in merged.assumed]


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
    variables = ordered(piece.values)
    found, assumed, findings = meanings({name: _some_values(piece.values[name]) for name in variables})
    for name in variables:
        meaning = found[name]
        if (meaning.scale, meaning.offset) != (1.0, 0.0):
            piece.values[name] = (piece.values[name].astype(float) * meaning.scale + meaning.offset).astype(np.float32)
        piece.values[name], odd = without_impossible(name, piece.values[name])
        findings += odd
    piece.assumed += assumed
    piece.findings += findings
    return piece, variables, {name: found[name].unit for name in variables}, tuple(str(file) for file in files if file.name in names)


def _some_values(values):
    flat = values.ravel()
    return flat[:: max(1, flat.size // _PROBED)]


def _table_files(folder):
    suffixes = (".csv", ".txt", ".tsv", ".gz", ".xlsx", ".parquet")
    files = sorted(path for path in Path(folder).iterdir() if path.is_file() and path.suffix.lower() in suffixes)
    if not files:
        raise UnreadableError(
            f"The folder {str(folder)!r} holds no climate tables (.csv) and no NetCDF files (.nc). Name the folder that holds them."
        )
    return files
