"""Dates as people write them into tables: ISO, day first, month first, spreadsheet serials, years alone. Those of rasters: `raster_dates`."""

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from soilcore.data.remarks import remark, some

_ISO = re.compile(r"^\s*(\d{4})[-/._](\d{1,2})[-/._](\d{1,2})(?:[T\s].*)?$")
_LOCAL = re.compile(r"^\s*(\d{1,2})[-/._](\d{1,2})[-/._](\d{4}|\d{2})(?:[T\s].*)?$")
_SERIAL_FROM, _SERIAL_TO = 20000, 60000  # days since 1899-12-30: 1954 to 2064


@dataclass
class Dates:
    """Dates of the samples.

    Parameters
    ----------
    days : ndarray of datetime64[D], shape (n_samples,)
        NaT where missing or unreadable; 1 July for a year alone.
    form : str
        How they were read, for example "year-month-day".
    findings : list of Finding
    """

    days: np.ndarray
    form: str
    findings: list = field(default_factory=list)


def sample_dates(samples):
    """Sampling day of each sample, NaT where unknown; None for a table without dates.

    Parameters
    ----------
    samples : SampleSet

    Returns
    -------
    ndarray of datetime64[D], shape (n_samples,), or None
    """
    name = samples.columns.get("date")
    return None if name is None else parse_dates(samples.table[name], name).days


def parse_dates(values, name):
    """Dates of a column.

    Parameters
    ----------
    values : pandas.Series
        Text or numbers, indexed by spreadsheet row.
    name : str
        Column, for messages.

    Returns
    -------
    Dates
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _from_numbers(values, name)
    cells = [cell.strip() if isinstance(cell, str) and cell.strip() else None for cell in values]
    days, form = _from_text(cells)
    dates = Dates(days, form)
    for k in np.flatnonzero(np.isnat(days) & np.array([cell is not None for cell in cells], dtype=bool)):
        row = values.index[k]
        message = f"The date {cells[k]!r} in row {row} of {name!r} cannot be read; it counts as missing."
        dates.findings.append(remark("date-unparsable", message, row=row, column=name, value=cells[k]))
    if form == "day or month first":
        message = f"In {name!r} day and month cannot be told apart ({some([c for c in cells if c], 2)}); the day is read first."
        dates.findings.append(remark("date-ambiguous", message, column=name, value=next(c for c in cells if c)))
    return dates


def _from_numbers(values, name):
    numbers = values.to_numpy(dtype=float)
    known = np.isfinite(numbers)
    days = np.full(numbers.shape, np.datetime64("NaT"), dtype="datetime64[D]")
    whole = numbers[known]
    if whole.size and np.all((whole >= 1900) & (whole <= 2100)) and np.all(whole == np.round(whole)):
        days[known] = [np.datetime64(f"{int(year)}-07-01") for year in whole]
        return Dates(days, "year")
    if whole.size and np.all((whole >= 19000101) & (whole <= 21001231)):
        read, form = _from_text(
            [f"{int(n) // 10000}-{int(n) // 100 % 100}-{int(n) % 100}" if ok else None for n, ok in zip(np.nan_to_num(numbers), known, strict=True)]
        )
        return Dates(read, form)
    if whole.size and np.all((whole >= _SERIAL_FROM) & (whole <= _SERIAL_TO)):
        days[known] = np.datetime64("1899-12-30") + np.floor(whole).astype("timedelta64[D]")
        return Dates(days, "spreadsheet serial")
    return Dates(days, "unknown")


def _from_text(cells):
    days = np.full(len(cells), np.datetime64("NaT"), dtype="datetime64[D]")
    iso = [_ISO.match(cell) if cell else None for cell in cells]
    local = [_LOCAL.match(cell) if cell else None for cell in cells]
    forms = []
    if any(iso):
        forms.append("year-month-day")
    first_is_day, local_form = _local_order(local)
    if any(local):
        forms.append(local_form)
    for k, cell in enumerate(cells):
        if iso[k]:
            days[k] = _day(*map(int, iso[k].groups()))
        elif local[k]:
            a, b, year = map(int, local[k].groups())
            year += (2000 if year < 70 else 1900) if year < 100 else 0
            days[k] = _day(year, b, a) if first_is_day else _day(year, a, b)
        elif cell and re.fullmatch(r"(19|20)\d{2}", cell):
            days[k] = np.datetime64(f"{cell}-07-01")
            forms.append("year")
        elif cell and re.search(r"[A-Za-z]{3}", cell) and re.search(r"\d", cell) and len(cell) < 40:
            days[k] = _spelled(cell)
    return days, forms[0] if forms else "text"


def _local_order(matches):
    """Whether the day stands first, and how sure that is."""
    firsts = [int(match.group(1)) for match in matches if match]
    seconds = [int(match.group(2)) for match in matches if match]
    if not firsts:
        return True, ""
    if max(firsts) > 12 or "." in next(match for match in matches if match).group(0):
        return True, "day first"
    return (False, "month first") if max(seconds) > 12 else (True, "day or month first")


def _day(year, month, day):
    try:
        return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "D")
    except ValueError:
        return np.datetime64("NaT")


def _spelled(cell):
    try:
        return np.datetime64(pd.to_datetime(cell, dayfirst=True).tz_localize(None), "D")
    except (ValueError, TypeError, OverflowError):
        return np.datetime64("NaT")
