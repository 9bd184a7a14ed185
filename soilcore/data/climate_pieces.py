"""Pieces of monthly climate: what one table holds, and many tables as one."""

from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.core.findings import Finding
from soilcore.data.climate_variables import MISSING_CODES

MOST_VALUES = 400_000_000  # 1.6 GB of float32
_ONES_THAT_SHOW = 5


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


def plain_id(value):
    """An identifier as text: 7, 7.0, "007" and "7 " are the same."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value).strip()
    digits = text[:-2] if text.endswith(".0") else text
    return str(int(digits)) if digits.isdigit() and len(digits) < 25 else text


def without_codes(values, variable, assumed):
    """NaN for codes of missing; -999 is 0 where an export has written every 0 so."""
    coded = values == -999.0
    if coded.any() and not (values == 0).any() and np.count_nonzero(np.abs(values) == 1) >= _ONES_THAT_SHOW:
        whole_rows = coded.all(axis=1, keepdims=True) if variable != "swe" else np.zeros((len(values), 1), bool)
        assumed.append(f"-999 is read as 0 in {variable}: no 0 stands among its {np.isfinite(values).sum()} whole numbers, though 1 does")
        values = np.where(coded & ~whole_rows, np.float32(0), values)
    return np.where(np.isin(values, np.asarray(MISSING_CODES, np.float32)), np.float32(np.nan), values)


def twice(message):
    """A finding on a month that is there more than once."""
    return Finding("climate-month-twice", "warning", message, "Keep one value per place and month.")


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
            merged.findings.append(twice(f"{name} repeats {variable} of {month} with other values; those read first are used."))
        target[np.ix_(rows, at)] = np.where(np.isfinite(there), there, values)
    if merged.x is not None:
        merged.x[rows], merged.y[rows] = piece.x, piece.y
    for column, values in piece.other_ids.items():
        merged.other_ids.setdefault(column, np.full(len(merged.values[next(iter(merged.values))]), "", dtype=object))[rows] = values
    merged.findings += piece.findings
    merged.assumed += [text for text in piece.assumed if text not in merged.assumed]
