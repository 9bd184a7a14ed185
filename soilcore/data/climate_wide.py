"""Tables of monthly climate with a row per place and a column per month."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError
from soilcore.core.findings import Finding
from soilcore.data.climate_keys import keys_of_rows, other_ids
from soilcore.data.climate_pieces import Piece, twice, without_codes
from soilcore.data.climate_variables import variable_of

_NUMERIC_MONTH = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_./ ]?(0[1-9]|1[0-2]|[1-9])(?:[-_./ ]?(?:0[1-9]|[12]\d|3[01]))?(?!\d)")
_MONTH_FIRST = re.compile(r"\D*?(0?[1-9]|1[0-2])[-_./]((?:19|20)\d\d)\D*")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED_MONTH = re.compile(
    rf"(?<![a-z])({'|'.join(MONTHS)})[a-z]*[-_./ ']*((?:19|20)\d\d)(?!\d)|(?<!\d)((?:19|20)\d\d)[-_./ ]*({'|'.join(MONTHS)})", re.IGNORECASE
)
_NUMBER = re.compile(r"\s*[-+]?[\d.,]*\d(?:e[-+]?\d+)?\s*", re.IGNORECASE)


def month_of(name):
    """The month a column name such as "2020-03", "pr_202003", "X2020.03.01" or "Mar 2020" speaks of, or None."""
    text = str(name)
    if match := _NUMERIC_MONTH.search(text):
        return np.datetime64(f"{match[1]}-{int(match[2]):02d}", "M")
    if match := _MONTH_FIRST.fullmatch(text):
        return np.datetime64(f"{match[2]}-{int(match[1]):02d}", "M")
    if match := _NAMED_MONTH.search(text):
        year, word = (match[2], match[1]) if match[1] else (match[3], match[4])
        return np.datetime64(f"{year}-{MONTHS.index(word.lower()) + 1:02d}", "M")
    return None


def read_wide(raw, columns, path):
    """A `Piece` of a table whose `columns` (name: month) hold one month each."""
    frame, name = raw.frame, Path(path).name
    by_variable = {}
    for column, month in columns.items():
        by_variable.setdefault(variable_of(_without_month(column)) or "", []).append((month, column))
    alone = variable_of(Path(path).stem) or re.sub(r"\W+", "_", Path(path).stem).strip("_")
    ids, x, y, crs = keys_of_rows(raw)
    piece = Piece(ids, x, y, crs, np.unique(list(columns.values())), {})
    for variable, pairs in by_variable.items():
        values = np.full((len(frame), piece.months.size), np.nan, np.float32)
        seen = {}
        for month, column in pairs:
            if not pd.api.types.is_numeric_dtype(frame[column].dtype):
                raise SampleError(f"The column {column!r} of {name} holds text, for example {first_text(frame[column])!r}, not numbers. Correct it.")
            at = int(np.searchsorted(piece.months, month))
            if month in seen:
                piece.findings.append(twice(f"{name} has {month} twice ({seen[month]!r} and {column!r}); the first is used."))
                continue
            seen[month] = column
            values[:, at] = frame[column].to_numpy(dtype=float, na_value=np.nan)
        piece.values[variable or alone] = without_codes(values, variable or alone, piece.assumed)
    piece.other_ids = other_ids(frame, columns)
    return _one_row_per_place(piece, name)


def _without_month(column):
    return _NAMED_MONTH.sub("_", _NUMERIC_MONTH.sub("_", str(column)))


def first_text(series):
    """The first text of a column that is no number."""
    return next((value for value in series if isinstance(value, str) and not _NUMBER.fullmatch(value)), "")


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
