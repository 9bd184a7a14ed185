"""Cells into numbers: what a person or a laboratory writes into a number column, read where it is unambiguous and said where it is not."""

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from soilcore.core.quantities import find_unit, kind_of_unit, plain_spelling
from soilcore.data.remarks import remark, some

MISSING = frozenset(
    [
        "",
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#na",
        "nan",
        "null",
        "none",
        "nil",
        "-",
        "--",
        "---",
        "\u2013",
        "\u2014",
        "?",
        ".",
        "..",
        "*",
        "nd",
        "n.d.",
        "missing",
        "k.a.",
        "s/d",
        "\u65e0",
        "\u7f3a\u5931",
        "#value!",
        "#div/0!",
        "#ref!",
        "#num!",
        "#name?",
    ]
)
BELOW_DETECTION = frozenset(["bdl", "b.d.l.", "<lod", "< lod", "<loq", "<dl", "<ld", "<lq", "<bg", "<ng", "below detection", "trace", "traces"])
MISSING_CODES = (-9999.0, -99999.0, -32768.0, -999.0, -99.0, -9998.0, -3.4028234663852886e38)
NUMBER_SHARE = 0.5  # a column is a number column when more than half of its filled cells are numbers

_SAMPLED = 300  # cells that decide whether a column without plain numbers is one of numbers at all

_COMMA = re.compile(r"[+-]?\d*,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([., '\u00a0\u202f\u2009\u2019])\d{3})(?:\1\d{3})*(?:([.,])\d+)?")
_POINT = re.compile(r"\s*[+-]?\d*\.(?:\d{1,2}|\d{4,})(?:e[+-]?\d+)?\s*", re.IGNORECASE)
_CENSORED = re.compile(r"([<>\u2264\u2265])\s*=?\s*(.+)")
_MEASURED = re.compile(r"([+-]?[\d., ]*\d(?:e[+-]?\d+)?)\s*([^\d\s.,+-].*)", re.IGNORECASE)


@dataclass
class Column:
    """One column read.

    Parameters
    ----------
    values : ndarray
        Numbers with NaN where the column holds numbers, else the text with None where nothing stands.
    is_number : bool
    limits : dict
        Position and detection limit of the cells that say "below".
    units : dict
        Position and unit of the cells that name one.
    findings : list of Finding
    """

    values: np.ndarray
    is_number: bool
    limits: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)


def read_column(name, cells, rows, decimal=None):
    """Read the cells of one column.

    Parameters
    ----------
    name : str
    cells : sequence of str, numbers, dates or None, shape (n_samples,)
    rows : sequence of int, shape (n_samples,)
        Spreadsheet row of each.
    decimal : {".", ","} or None
        What the decimal sign of the file is; None when nothing says so.

    Returns
    -------
    Column
    """
    cells = np.asarray([_stripped(cell) for cell in cells] + [None], dtype=object)[:-1]
    filled = np.array([cell is not None for cell in cells], dtype=bool)
    if not filled.any():
        return Column(np.full(len(cells), np.nan), True)
    values = np.array(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce"), dtype=float)
    if decimal == ",":
        decimal = _decimal_of_column(cells)
    if decimal == ",":
        values = np.where([isinstance(cell, str) and bool(_GROUPED.fullmatch(cell)) and "." in cell for cell in cells], np.nan, values)
    odd = np.flatnonzero(filled & ~np.isfinite(values))
    if odd.size and (any(not isinstance(cells[k], str) for k in odd) or not _mostly_numbers(cells, odd, filled.sum())):
        return Column(np.array([cell if cell is None else str(cell) for cell in cells], dtype=object), False)
    column = Column(values, True)
    for k in odd:
        _read_odd(column, name, k, cells[k], int(rows[k]), decimal, values)
    _blank_missing_codes(column, name, rows)
    return column


def _decimal_of_column(cells):
    """In a file with decimal commas, a column can still have points throughout (coordinates from another program)."""
    commas, points = comma_evidence(cells)
    return "." if points > commas else ","


def _stripped(cell):
    """None for everything that means "nothing here"."""
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return None
    if not isinstance(cell, str):
        return float(cell) if isinstance(cell, (bool, int, float, np.number)) else cell
    cell = cell.strip().strip("\ufeff")
    return None if cell.casefold() in MISSING else cell.replace("\u2212", "-")


def _mostly_numbers(cells, odd, filled):
    """Whether the odd cells leave this a column of numbers."""
    plain = filled - odd.size
    if plain == 0 and odd.size > _SAMPLED:
        odd = odd[:: odd.size // _SAMPLED]  # a text column need not be looked at whole
        filled = odd.size
    readable = plain + sum(1 for k in odd if _interpretations(cells[k]) or _censored(cells[k]) or _with_unit(cells[k]))
    # A name such as "3 m plot" reads as a number with a unit, so text columns need at least some cells that are bare or comma numbers.
    bare = plain + sum(1 for k in odd if _interpretations(cells[k]) or _censored(cells[k]) or (_with_unit(cells[k]) or (0, None))[1])
    return readable > NUMBER_SHARE * filled and bare > NUMBER_SHARE * filled


def _read_odd(column, name, k, text, row, decimal, values):
    """One cell that is not plainly a number: read it into `column`, or leave it missing, and say which."""
    if (found := _censored(text)) is not None:
        _read_censored(column, name, k, text, row, found)
        return
    if options := _interpretations(text):
        _read_comma(column, name, k, text, row, options, decimal, values)
        return
    if (found := _with_unit(text)) is not None:
        column.values[k], unit = found
        if unit is not None:
            column.units[k] = unit
        column.findings.append(
            remark("number-with-unit", f"{name!r} holds {text!r} in row {row}; read as {column.values[k]:g}.", row=row, column=name, value=text)
        )
        return
    column.findings.append(
        remark(
            "text-in-number-column",
            f"{name!r} is a column of numbers, but row {row} holds {text!r}; it counts as missing.",
            row=row,
            column=name,
            value=text,
        )
    )


def _read_censored(column, name, k, text, row, found):
    sign, number = found
    if sign == ">":
        column.values[k] = number
        message = f"{name!r} holds {text!r} in row {row}: above the range of the instrument; {number:g} is used."
        column.findings.append(remark("above-range", message, row=row, column=name, value=text))
        return
    if np.isfinite(number):
        column.values[k] = number / 2
        column.limits[k] = number
    said = f"half the limit, {number / 2:g}, is used" if np.isfinite(number) else "no limit is named, so it counts as missing"
    column.findings.append(
        remark("below-detection", f"{name!r} holds {text!r} in row {row}: below the limit of detection; {said}.", row=row, column=name, value=text)
    )


def _read_comma(column, name, k, text, row, options, decimal, values):
    """Decimal comma or thousands: the file's own decimal sign decides, then the digits, then the other values of the column."""
    choice = _choose(options, decimal, values)
    if choice is None:
        readings = " or ".join(f"{number:g}" for number in options.values())
        message = f"{name!r} holds {text!r} in row {row}, which can be {readings}; it counts as missing."
        column.findings.append(remark("number-ambiguous", message, row=row, column=name, value=text))
        return
    column.values[k] = options[choice]
    if choice == "comma" and decimal != ",":
        message = f"{name!r} holds {text!r} in row {row}, with a decimal comma; read as {options[choice]:g}."
        column.findings.append(remark("decimal-comma", message, row=row, column=name, value=text))
    elif choice == "grouped" or decimal != ",":
        message = f"{name!r} holds {text!r} in row {row}, with a sign between thousands; read as {options[choice]:g}."
        column.findings.append(remark("thousands-separator", message, row=row, column=name, value=text))


def _choose(options, decimal, values):
    if decimal == "," and "comma" in options:
        return "comma"
    if decimal == "." and "grouped" in options:
        return "grouped"
    if len(options) == 1:
        return next(iter(options))
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = np.min(known), np.max(known)
    margin = 3 * max(high - low, abs(high), 1e-12)
    fits = [name for name, number in options.items() if low - margin <= number <= high + margin]
    return fits[0] if len(fits) == 1 else None


def _interpretations(text):
    """The numbers a text with commas, blanks or apostrophes can mean: {"comma": ..., "grouped": ...}; empty when it is none."""
    if not isinstance(text, str):
        return {}
    options = {}
    if _COMMA.fullmatch(text):
        options["comma"] = float(text.replace(",", "."))
    if match := _GROUPED.fullmatch(text):
        inner, last = match.groups()
        if inner != last:
            digits = text.replace(inner, "")
            options["grouped"] = float(digits.replace(",", "."))
    return options if options.get("comma") != options.get("grouped") else {"comma": options["comma"]} if "comma" in options else {}


def comma_evidence(cells):
    """Cells that can only be decimal commas, and cells that can only be decimal points."""
    commas = points = 0
    for cell in cells:
        if not isinstance(cell, str):
            continue
        if "," in cell:
            options = set(_interpretations(cell.strip()))
            commas += options == {"comma"} or ("." in cell and options == {"grouped"} and cell.rfind(",") > cell.rfind("."))
        elif "." in cell:
            points += bool(_POINT.fullmatch(cell))
    return commas, points


def _censored(text):
    """("<" or ">", number) of "<0.12"; the number is NaN where only a word says it; None for anything else."""
    if not isinstance(text, str):
        return None
    if text.casefold() in BELOW_DETECTION:
        return "<", np.nan
    if not (match := _CENSORED.fullmatch(text)):
        return None
    number = _number(match.group(2))
    return None if number is None else ("<" if match.group(1) in "<\u2264" else ">", number)


def _with_unit(text):
    """(number, unit or None) of "3.2 dS/m"; None for anything else."""
    if not isinstance(text, str) or not (match := _MEASURED.fullmatch(text)):
        return None
    unit = find_unit(match.group(2)) or (match.group(2).strip() if plain_spelling(match.group(2)) in ("cm", "m", "mm", "degc", "c") else None)
    number = _number(match.group(1))
    if number is None or unit is None:
        return None
    return number, unit if kind_of_unit_or_none(unit) else None


def kind_of_unit_or_none(unit):
    """What a unit measures, or None for a unit we do not keep."""
    return kind_of_unit(unit) if find_unit(unit) else None


def _number(text):
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        options = _interpretations(text)
        return next(iter(options.values())) if len(options) == 1 else None


def _blank_missing_codes(column, name, rows):
    """-9999 and its kin mean "missing" where no other value of the column comes near."""
    values = column.values
    for code in MISSING_CODES:
        found = values == code
        if not found.any():
            continue
        others = values[np.isfinite(values) & ~found]
        near = -200.0 if code < -200 else 0.0
        if others.size and others.min() < near:
            continue
        values[found] = np.nan
        listed = [int(row) for row in np.asarray(rows)[found]]
        message = f"{name!r} holds {code:g} in {len(listed)} rows ({some(listed)}); it is read as missing."
        column.findings.append(remark("missing-code", message, row=listed[0], column=name, value=f"{code:g}"))
