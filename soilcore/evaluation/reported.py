"""Scores printed in papers: shown beside ours, never a target, and checked for numbers that cannot all be true."""

import math

from soilcore.core.findings import Finding
from soilcore.core.tables import load_table

_HALF_UNIT = 0.0005  # scores are printed with three decimals


def check_reported_table(rows, half_unit=_HALF_UNIT):
    """Flag printed scores that contradict each other.

    A mean absolute error cannot exceed the root mean squared one. And since R2 = 1 - MSE / var(y), the standard deviation of the
    target implied by a row, RMSE / sqrt(1 - R2), must be the same for all rows scored on one test set, within rounding.

    Parameters
    ----------
    rows : iterable of dict
        With ``features``, ``model`` and, as far as printed, ``r2_c``, ``rmse_c``, ``mae_c`` (calibration), ``r2_v``, ``rmse_v``,
        ``mae_v`` (validation). ``test_set``, where given, says which rows share one; without it all do.
    half_unit : float
        Half of the last printed digit.

    Returns
    -------
    dict
        ``rows``: each row with ``implied_sd_c``, ``implied_sd_v`` (unit of the target; NaN where R2 is 1 or missing) and ``mae_exceeds_rmse``
        [calibration, validation]; ``findings``: tuple of Finding with codes ``mae-above-rmse`` and ``unequal-implied-sd``.
    """
    checked = [_with_checks(row) for row in rows]
    impossible = [_mae_finding(row, part) for row in checked for i, part in enumerate(("c", "v")) if row["mae_exceeds_rmse"][i]]
    sets = [[row for row in checked if row.get("test_set") == name] for name in sorted({row.get("test_set") for row in checked}, key=str)]
    unequal = [_sd_finding(rows_of_set, part, half_unit) for rows_of_set in sets for part in ("c", "v")]
    return {"rows": checked, "findings": tuple(finding for finding in (*impossible, *unequal) if finding)}


def printed_table4():
    """The ten rows of Table 4 of paper 002 as printed, with their contradictions.

    Returns
    -------
    dict
        As `check_reported_table`, with ``source``, ``note`` and ``flags``: sentences, those about the text of the paper included.
    """
    table = load_table("paper_tables")["paper002_table4"]
    rows = [
        {"features": features, "model": model, **dict(zip(table["columns"], values, strict=True))}
        for features, models in table["values"].items()
        for model, values in models.items()
    ]
    return {**check_reported_table(rows), **{key: table[key] for key in ("source", "note", "flags")}}


def _with_checks(row):
    exceeds = [row.get(f"mae_{part}", math.nan) > row.get(f"rmse_{part}", math.nan) for part in ("c", "v")]
    return {**row, "implied_sd_c": _implied_sd(row, "c"), "implied_sd_v": _implied_sd(row, "v"), "mae_exceeds_rmse": exceeds}


def _implied_sd(row, part, rmse_shift=0.0, r2_shift=0.0):
    r2, rmse = row.get(f"r2_{part}", math.nan) + r2_shift, row.get(f"rmse_{part}", math.nan) + rmse_shift
    return rmse / math.sqrt(1 - r2) if r2 < 1 else math.nan


def _mae_finding(row, part):
    mae, rmse = row[f"mae_{part}"], row[f"rmse_{part}"]
    return Finding(
        code="mae-above-rmse",
        severity="error",
        message=f"{_name(row)}: the {_PARTS[part]} MAE {mae:g} exceeds the RMSE {rmse:g}, which no set of errors can do.",
        fix="One of the two numbers is wrong; do not compare with it.",
        column=f"mae_{part}",
        value=f"{mae:g}",
    )


def _sd_finding(rows, part, half_unit):
    """Whether no single standard deviation of the target fits all rows, rounding allowed for."""
    rows = [row for row in rows if math.isfinite(row[f"implied_sd_{part}"])]
    lowest = [_implied_sd(row, part, -half_unit, -half_unit) for row in rows]
    highest = [value if math.isfinite(value := _implied_sd(row, part, half_unit, half_unit)) else math.inf for row in rows]
    if len(rows) < 2 or max(lowest) <= min(highest):
        return None
    implied = [row[f"implied_sd_{part}"] for row in rows]
    return Finding(
        code="unequal-implied-sd",
        severity="warning",
        message=f"RMSE / sqrt(1 - R2) of the {_PARTS[part]} rows runs from {min(implied):.2f} to {max(implied):.2f}; on one set it is one number.",
        fix="The rows were scored on different samples, or R2 is not 1 - SSE/SST: do not rank the models by them.",
        column=f"rmse_{part}",
    )


def _name(row):
    return " ".join(str(row[key]) for key in ("features", "model") if key in row) or "A row"


_PARTS = {"c": "calibration", "v": "validation"}
