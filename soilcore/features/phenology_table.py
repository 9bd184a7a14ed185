"""Seasons of places as a table: one row per place and year."""

import numpy as np
import pandas as pd

from soilcore.core.errors import FeatureError
from soilcore.core.files import check_output, written_whole
from soilcore.core.progress import silent
from soilcore.features.phenology_season import season_of_series
from soilcore.features.phenology_settings import check_phenology
from soilcore.features.phenology_windows import plan_seasons

COLUMNS = ("id", "year", "sos", "sdps", "gus", "peak", "amplitude", "n", "method", "reason")


def phenology_table(series, settings, report=silent):
    """Seasons of every place of a table.

    Parameters
    ----------
    series : PointSeries
    settings : PhenologySettings
        Without a year, every season that has a date makes a row.
    report : Report

    Returns
    -------
    pandas.DataFrame
        Columns ``id``, ``year`` (of the peak), ``sos``, ``sdps``, ``peak`` (days, 1 January of that year is 1), ``gus`` (index units per day),
        ``amplitude`` (index units), ``n`` (valid dates), ``method`` (how the curve was made), ``reason`` (why there is no answer).
    """
    settings = check_phenology(settings)
    places, rows = list(series.places()), []
    for number, (name, days, values, weights) in enumerate(places):
        report(number, len(places), f"finding the seasons of {name}")
        rows += _rows(name, days, values, weights, settings)
    report(len(places), len(places), "the seasons are found")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write_phenology_table(series, out, settings, report=silent):
    """Write `phenology_table` as CSV.

    Returns
    -------
    dict
        ``out``, ``rows``, ``seasons`` (rows with an answer), ``methods`` (how many by each), ``reasons``, ``assumed``.
    """
    out = check_output(out, settings.overwrite)
    table = phenology_table(series, settings, report)
    with written_whole(out) as temporary:
        table.to_csv(temporary, index=False)
    answered = table["reason"] == ""
    said = ("days are counted from 1 January of the year in which the season peaks, which is day 1; earlier years have days of 0 and less",)
    return {
        "out": str(out),
        "rows": len(table),
        "places": int(table["id"].nunique()),
        "seasons": int(answered.sum()),
        "methods": {name: int(count) for name, count in table.loc[answered, "method"].value_counts().items()},
        "reasons": {name: int(count) for name, count in table.loc[~answered, "reason"].value_counts().items()},
        "assumed": (*series.assumed, *said),
    }


def _rows(name, days, values, weights, settings):
    seen = np.where(weights > 0, values, np.nan)
    order = np.argsort(days, kind="stable")
    try:
        plan = plan_seasons(days[order], seen[order], settings.season_start)
        windows = plan.windows if settings.year is None else (plan.of_year(settings.year),)
    except FeatureError as error:
        return [_row(name, settings.year, None, error.message)]
    return [_row(name, window.year, season_of_series(days, values, settings, weights, window)) for window in windows]


def _row(name, year, season, reason=""):
    if season is None:
        return {
            "id": name,
            "year": year,
            **dict.fromkeys(("sos", "sdps", "gus", "peak", "amplitude"), np.nan),
            "n": 0,
            "method": "",
            "reason": reason,
        }
    return {"id": name, **{column: getattr(season, column) for column in COLUMNS[1:]}}
