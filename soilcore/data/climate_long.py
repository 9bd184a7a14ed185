"""Long tables of monthly climate: a row per place and month, a column per variable, or columns variable and value."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError
from soilcore.core.findings import Finding
from soilcore.data.climate_keys import keys_of_rows
from soilcore.data.climate_pieces import MOST_VALUES, NoClimateError, Piece, twice, without_codes
from soilcore.data.climate_variables import variable_of
from soilcore.data.climate_wide import MONTHS, first_text, month_of
from soilcore.data.columns import role_columns
from soilcore.data.dates import parse_dates
from soilcore.data.remarks import some

VARIABLE_COLUMNS = ("variable", "var", "parameter", "band", "name", "element")
_VALUE_COLUMNS = ("value", "val", "values", "mean", "amount")


def read_long(raw, path):
    """A `Piece` of a long table."""
    frame, name = raw.frame, Path(path).name
    months = _row_months(frame, name)
    variables = _long_variables(frame, name)
    ids, x, y, crs = keys_of_rows(raw, repeated=True)
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
            piece.findings.append(twice(f"{name} has {repeats} repeated months of {variable}, the first is {month}; the first value is used."))
        piece.values[variable] = without_codes(values, variable, piece.assumed)
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
        years, parts = pd.to_numeric(frame[year], errors="coerce").to_numpy(float, na_value=np.nan), _month_numbers(frame[month])
        good = np.isfinite(years) & np.isfinite(parts) & (parts >= 1) & (parts <= 12) & (years > 1800) & (years < 2200)
        counted = np.where(good, (np.nan_to_num(years) - 1970) * 12 + np.nan_to_num(parts) - 1, 0).astype(int)
        return np.where(good, counted.astype("datetime64[M]"), np.datetime64("NaT", "M"))
    dates = date_columns(frame)
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
        read = parse_dates(column, dates[0])
        if read.form == "year":
            raise NoClimateError(f"{name} has years in {dates[0]!r} but no months. Give monthly climate, with columns year and month or a date.")
        return read.days.astype("datetime64[M]")
    found = {value: month_of(value) if isinstance(value, str) else None for value in pd.unique(column)}
    rest = [value for value, month in found.items() if month is None and isinstance(value, str)]
    days = parse_dates(pd.Series(rest, dtype=object), dates[0]).days.astype("datetime64[M]") if rest else ()
    found |= dict(zip(rest, days, strict=True))
    return np.array([found.get(value) or np.datetime64("NaT", "M") for value in column], dtype="datetime64[M]")


def _month_numbers(column):
    """Months as numbers 1 to 12, from numbers or English names."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
    names = [str(value).strip().lower()[:3] for value in column]
    return np.array([MONTHS.index(name) + 1 if name in MONTHS else number for name, number in zip(names, numbers, strict=True)], float)


def _coded(value):
    good = np.isfinite(value) and 1 <= int(value) % 100 <= 12
    return np.datetime64(f"{int(value) // 100:04d}-{int(value) % 100:02d}", "M") if good else np.datetime64("NaT", "M")


def date_columns(frame):
    """Columns that hold the date of each row, best first."""
    return [name for name in role_columns(list(frame.columns), "date") if month_of(name) is None] or [
        name for name in frame.columns if str(name).lower() in ("month", "months", "period", "system:time_start", "yyyymm")
    ]


def _long_variables(frame, name):
    """By variable: which rows speak of it, and the numbers."""
    plain = {str(column).lower(): column for column in frame.columns}
    named = next((plain[key] for key in VARIABLE_COLUMNS if key in plain), None)
    value = next((plain[key] for key in _VALUE_COLUMNS if key in plain), None)
    if named is not None and value is not None and not pd.api.types.is_numeric_dtype(frame[named].dtype):
        if not pd.api.types.is_numeric_dtype(frame[value].dtype):
            raise SampleError(f"The column {value!r} of {name} holds text, for example {first_text(frame[value])!r}, not numbers. Correct it.")
        texts, numbers, found = frame[named].astype(str), frame[value].to_numpy(dtype=float, na_value=np.nan), {}
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
            raise SampleError(f"The column {column!r} of {name} holds text, for example {first_text(frame[column])!r}, not numbers. Correct it.")
        found[variable] = (np.ones(len(frame), bool), frame[column].to_numpy(dtype=float, na_value=np.nan))
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
