"""Tables of vegetation indices: one row per place and date, or one row per place and one column per date."""

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError
from soilcore.data.dates import parse_dates
from soilcore.data.index_scale import decide_scale
from soilcore.data.raster_dates import day_in
from soilcore.data.tabular import read_table

_IDS = (
    "id",
    "site",
    "point",
    "plot",
    "field",
    "place",
    "station",
    "pixel",
    "sample",
    "name",
    "site_id",
    "plot_id",
    "point_id",
    "field_id",
    "sample_id",
)
_DATES = ("date", "day", "datetime", "time", "timestamp", "acquired", "acquisition_date", "datum", "t")
_VALUES = ("value", "vi", "index", "y")
_QUALITY = ("summaryqa", "qc_flag", "w", "weight", "weights", "qa", "quality")
_SUMMARY_QA = {0: 1.0, 1: 0.5, 2: 0.2}  # MOD13: good, marginal, snow or ice; 3 is cloud, -1 fill
_FLAGS = {"good": 1.0, "clear": 1.0, "marginal": 0.5, "aerosol": 0.5, "snow": 0.2, "ice": 0.2}
_LEAST_WIDE_DATES = 4


def read_series_table(path, index, scale, columns):
    """Read a table of index values.

    Parameters
    ----------
    path : path
    index : str
        Registry id; the name of the value column of a long table.
    scale : float, optional
    columns : dict
        Names of ``id``, ``date``, ``value`` and ``qa`` that were stated.

    Returns
    -------
    (pandas.DataFrame, str, tuple of str, tuple of Finding)
        Columns id, day, value, weight; path; what was assumed; findings.

    Raises
    ------
    SampleError
        If dates or values are not found.
    """
    raw = read_table(path)
    assumed = [told for told in raw.assumed]
    wide = {name: day for name in raw.frame.columns if (day := day_in(str(name).removeprefix("X")))}
    if len(wide) >= _LEAST_WIDE_DATES and not columns.get("date"):
        frame, findings = _from_wide(raw.frame, wide, columns, assumed), []
    else:
        frame, findings = _from_long(raw.frame, str(path), index, columns, assumed)
    values = frame["value"].to_numpy(float)
    factor, said = decide_scale(values, str(path), scale)
    frame["value"] = values * factor
    frame = frame[frame["day"].notna()]
    if not np.isfinite(frame["value"]).any():
        raise SampleError(f"{str(path)!r} holds no index value with a date.")
    order = {name: place for place, name in enumerate(dict.fromkeys(frame["id"]))}
    frame = frame.assign(place=frame["id"].map(order)).sort_values(["place", "day"], kind="stable").drop(columns="place").reset_index(drop=True)
    return frame, str(path), (*assumed, *said), (*raw.findings, *findings)


def _from_wide(table, wide, columns, assumed):
    others = [name for name in table.columns if name not in wide]
    name = columns.get("id") or _found(table, _IDS) or (others[0] if others else None)
    ids = _ids(table[name]) if name else np.array([str(number) for number in table.index], object)
    assumed.append(f"one column per date: {len(wide)} dates" + (f"; id: {name}" if name else "; id: the row of the table"))
    days = np.array([str(day) for day in wide.values()], "datetime64[s]")
    values = np.column_stack([pd.to_numeric(table[column], errors="coerce").to_numpy(float) for column in wide])
    rows, dates = values.shape
    return pd.DataFrame({"id": np.repeat(ids, dates), "day": np.tile(days, rows), "value": values.ravel(), "weight": 1.0})


def _from_long(table, path, index, columns, assumed):
    names = {
        "id": columns.get("id") or _found(table, _IDS),
        "date": columns.get("date") or _found(table, _DATES),
        "value": columns.get("value") or _found(table, (index.casefold(), *_VALUES)),
        "qa": columns.get("qa") or _found(table, _QUALITY),
    }
    for role in ("date", "value"):
        if names[role] is None:
            what = "dates" if role == "date" else f"{index} values"
            raise SampleError(
                f"{path!r} has no column of {what} that is known. Its columns: {', '.join(map(str, table.columns[:15]))}. Rename the right one to {role!r}."
            )
    for role, name in names.items():
        if name is not None and name not in table:
            raise SampleError(f"{path!r} has no column {name!r} for the {role}. Its columns: {', '.join(map(str, table.columns[:15]))}.")
    dates = parse_dates(table[names["date"]], names["date"])
    days = _observed(table, dates.days, assumed)
    weight = np.ones(len(table)) if names["qa"] is None else _weights(table[names["qa"]], names["qa"], assumed)
    ids = _ids(table[names["id"]]) if names["id"] else np.full(len(table), "1", object)
    assumed.append(", ".join(f"{role}: {name}" for role, name in names.items() if name is not None))
    values = pd.to_numeric(table[names["value"]], errors="coerce").to_numpy(float)
    frame = pd.DataFrame({"id": ids, "day": days.astype("datetime64[s]"), "value": values, "weight": weight})
    return frame, dates.findings


def _observed(table, days, assumed):
    """The day on which a composite was really seen, where the table states it."""
    name = _found(table, ("dayofyear", "composite_day_of_the_year"))
    if name is None:
        return days
    number = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    known = np.isfinite(number) & (number >= 1) & (number <= 366) & ~np.isnat(days)
    year = days.astype("datetime64[Y]")
    begun = (days - year.astype("datetime64[D]")).astype("timedelta64[D]").astype(float) + 1
    year = year + (known & (number < begun - 200)).astype("timedelta64[Y]")  # a composite of December seen in January
    seen = year.astype("datetime64[D]") + (np.where(known, number, 1) - 1).astype("timedelta64[D]")
    assumed.append(f"day of observation: {name}")
    return np.where(known, seen, days)


def _weights(column, name, assumed):
    """Trust in each value, 0-1."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        weight = column.map(lambda flag: 0.0 if flag is None else _FLAGS.get(str(flag).strip().casefold(), 0.0)).to_numpy(float)
        assumed.append(f"weights by {name}: good 1, marginal 0.5, snow 0.2, anything else 0")
        return weight
    numbers = column.to_numpy(float)
    if name.casefold() == "summaryqa":
        assumed.append(f"weights by {name}: 0 good 1, 1 marginal 0.5, 2 snow or ice 0.2, 3 cloud and fill 0")
        return np.array([_SUMMARY_QA.get(number, 0.0) for number in numbers])
    if name.casefold() in ("w", "weight", "weights"):
        return np.clip(np.nan_to_num(numbers), 0, 1)
    assumed.append(f"weights by {name}: 0 is good, anything else is not used")
    return (numbers == 0).astype(float)


def _found(table, names):
    known = {str(column).casefold(): column for column in table.columns}
    return next((known[name] for name in names if name in known), None)


def _ids(column):
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.array([f"{value:g}" for value in column], object)
    return np.array(["" if value is None else str(value) for value in column], object)
