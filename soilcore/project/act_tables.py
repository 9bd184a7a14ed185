"""Rows of fields as tables for other programs: one column per number, names with units."""

import re

import numpy as np


def known(number):
    """A number as JSON has it: None where there is none."""
    return float(number) if number is not None and np.isfinite(number) else None


def field_row(number, outlines, zone):
    """What every row of a field begins with.

    Parameters
    ----------
    number : int
        Of the field, in the order of the file.
    outlines : Fields
        As `soilcore.mapping.zones.read_fields` gives them.
    zone : ZoneMean
    """
    return {
        "field": outlines.ids[number],
        "number": number,
        "mapped_ha": zone.area_ha,
        "mean": known(zone.best),
        "low": known(zone.value.low),
        "high": known(zone.value.high),
        "aoa_share": zone.inside,
    }


def field_table(rows, scheme, finished):
    """Fields as a table, in the order of the rows.

    Parameters
    ----------
    rows : list of dict
        As `soilcore.project.act.fields` makes them, one per field and in the order of the file.
    scheme : ClassScheme or None
    finished : FinishedMap

    Returns
    -------
    pandas.DataFrame
    """
    import pandas as pd

    unit = unit_suffix(finished.unit)
    level = f"{100 * finished.level:.4g}".replace(".", "_") if finished.level else "none"
    columns = {
        "field": [row["field"] for row in rows],
        "rank": pd.array([row["rank"] for row in rows], dtype="Int64"),
        "area_ha": _numbers(rows, "area_ha"),
        "mapped_ha": _numbers(rows, "mapped_ha"),
        f"mean{unit}": _numbers(rows, "mean"),
        f"low_{level}{unit}": _numbers(rows, "low"),
        f"high_{level}{unit}": _numbers(rows, "high"),
        f"mean_of_map{unit}": _numbers(rows, "map_mean"),
        f"smallest{unit}": _numbers(rows, "smallest"),
        f"largest{unit}": _numbers(rows, "largest"),
        "share_inside_aoa": _numbers(rows, "aoa_share"),
    }
    if finished.date:
        columns["date"] = [finished.date] * len(rows)
    if scheme:
        columns["class"] = [row["class"] for row in rows]
        for name, words in (("shares", "share"), ("shares_expected", "expected_share")):
            for number, label in enumerate(scheme.labels):
                columns[f"{words}_{plain_name(label)}"] = np.array([_at(row[name], number) for row in rows], float)
    if any("trend" in row for row in rows):
        trends = [row["trend"] for row in rows]
        for name in ("slope", "slope_low", "slope_high"):
            columns[f"{name}{unit}_per_year"] = _numbers(trends, name)
        columns["trend_p"] = _numbers(trends, "p")
        columns["trend"] = [trend["verdict"] for trend in trends]
        for number, year in enumerate(trends[0]["means"]):
            columns[f"mean_{plain_name(year['label'])}"] = np.array([_nan(trend["means"][number]["mean"]) for trend in trends])
    return pd.DataFrame(columns)


def unit_suffix(unit):
    """A unit as the end of a column's name: ``"dS/m"`` gives ``"_dS_m"``."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", (unit or "").replace("%", "pct")).strip("_")
    return f"_{plain}" if plain else ""


def plain_name(text):
    """Words as part of a column's name: small letters, digits, single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", str(text).casefold()).strip("_")


def _numbers(rows, name):
    return np.array([_nan(row[name]) for row in rows], float)


def _at(values, number):
    return np.nan if values is None else _nan(values[number])


def _nan(number):
    return np.nan if number is None else float(number)
