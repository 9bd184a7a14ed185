"""When vegetation begins to grow, when it reaches its peak stage, and how fast: per place and per pixel."""

from pathlib import Path

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.files import check_output
from soilcore.core.grids import Window
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, run_tiles
from soilcore.data.cog import gtiff_profile, written_as_cog
from soilcore.data.index_series import PointSeries
from soilcore.features.phenology_blocks import seasons, typical_series, worth_compiling
from soilcore.features.phenology_curves import DoubleLogistic
from soilcore.features.phenology_season import Season, season_of_series
from soilcore.features.phenology_settings import REASONS, PhenologySettings, check_phenology
from soilcore.features.phenology_table import phenology_table, write_phenology_table
from soilcore.features.phenology_windows import plan_seasons

__all__ = [
    "BANDS",
    "DoubleLogistic",
    "PhenologySettings",
    "Season",
    "phenology_table",
    "season_of_series",
    "seasons",
    "write_phenology",
]

BANDS = ("sos", "sdps", "gus", "peak", "amplitude", "n")
_LOOK_WINDOWS, _LOOK_SIDE = 16, 48  # small windows, evenly spread, that tell when the year is green
_CUBE_BYTES = 64 << 20  # of one window with all its dates


def write_phenology(series, out, settings, grid=None, report=silent, threads=2):
    """Write the season of every pixel, or of every place of a table.

    Parameters
    ----------
    series : IndexSeries or PointSeries
    out : path
        GeoTIFF of a raster series: float32, bands `BANDS`, NaN where there is no answer. CSV of a table.
    settings : PhenologySettings
    grid : Grid, optional
        Lay the result onto these pixels; values of the nearest pixel of the series.
    report : Report
    threads : int
        Windows computed at a time.

    Returns
    -------
    dict
        ``out``, ``bands`` (name, unit, min, median, max, valid), ``season`` (year, first and last day, dates), ``reasons`` (pixels without an
        answer), ``pixels``, ``assumed``. Of a table see `write_phenology_table`.

    Raises
    ------
    SettingsError
        If a setting is impossible, or `out` has the wrong ending.
    FeatureError
        If bands for the index are missing, or the series has no season.
    """
    settings = check_phenology(settings)
    _check_ending(series, out)
    if isinstance(series, PointSeries):
        return write_phenology_table(series, out, settings, report)
    size = check_window(settings.window)
    out = check_output(out, settings.overwrite)
    roles, compute = _index_of_scenes(series)
    with series.reader(roles, compute) as read:
        typical = _typical(series, read, part(report, 0, 0.1))
        plan = plan_seasons(series.days, typical, settings.season_start)
        season = plan.of_year(settings.year)
        dates = np.flatnonzero(season.inside(series.days))
        days = series.days[dates]
        tally = _Tally()
        compiled = worth_compiling(series.grid.height * series.grid.width)
        size = min(size, max(64, int((_CUBE_BYTES / (4 * dates.size)) ** 0.5) // 64 * 64))
        profile = gtiff_profile(series.grid, len(BANDS), "float32", np.nan)
        with _target(out, series, grid, profile) as raster:
            _describe(raster, series, settings, season)

            def compute_window(window, cube):
                found = seasons(cube, days, settings, season, compiled)
                return np.stack([found[name].astype(np.float32) for name in BANDS]), found["reason"]

            def write(window, result):
                values, reason = result
                tally.add(values, reason)
                raster.write(values, window=((window.row, window.row + window.height), (window.col, window.col + window.width)))

            run_tiles(
                series.grid, size, lambda window: read(window, dates), compute_window, write, threads, part(report, 0.1, 0.85), "finding seasons"
            )
            _check_some(tally, season, dates.size, settings)
    report(1, 1, "the seasons are written")
    return _facts(out, series, settings, plan, season, dates, tally, grid)


def _check_some(tally, season, dates, settings):
    """Refuse a series in which no pixel has a season, before the raster appears.

    Raises
    ------
    FeatureError
    """
    if tally.valid[BANDS.index("sos")]:
        return
    why = ", ".join(f"{REASONS[code]} ({tally.reasons[code]} pixels)" for code in np.flatnonzero(tally.reasons) if code)
    raise FeatureError(
        f"No pixel has a season of {season.year}: {why}. The series has {dates} dates from {season.first} to {season.last}; a season needs "
        f"{settings.min_dates} valid ones and an amplitude of {settings.min_amplitude:g}. Give a denser series, another --year, or lower --min-dates."
    )


def _check_ending(series, out):
    is_table = isinstance(series, PointSeries)
    ending = Path(out).suffix.lower()
    if is_table and ending != ".csv":
        raise SettingsError(f"A table of places gives a table: {Path(out).name!r} must end with .csv.")
    if not is_table and ending not in (".tif", ".tiff"):
        raise SettingsError(f"A series of rasters gives a raster: {Path(out).name!r} must end with .tif.")


def _index_of_scenes(series):
    """Bands that the index needs, and how it is computed of them."""
    if not series.needs_bands:
        return (), None
    from soilcore.features.indices import compute_indices, index_by_id

    index = index_by_id(series.index)
    if missing := [role for role in index.bands if role not in series.roles]:
        raise FeatureError(
            f"{index.id} = {index.formula} needs the band {missing[0]}, which the scenes have not. Their bands: {', '.join(series.roles)}."
        )
    return tuple(index.bands), lambda bands: compute_indices(bands, (index.id,))[index.id].astype(np.float32)


def _typical(series, read, report):
    """The series of a typical pixel: medians over small windows spread over the whole area, whatever the size of the working windows."""
    grid = series.grid
    side_rows, side_cols = min(_LOOK_SIDE, grid.height), min(_LOOK_SIDE, grid.width)
    places = int(_LOOK_WINDOWS**0.5)
    rows = sorted({int(row) for row in np.linspace(0, grid.height - side_rows, places)})
    cols = sorted({int(col) for col in np.linspace(0, grid.width - side_cols, places)})
    parts = []
    for number, (row, col) in enumerate((row, col) for row in rows for col in cols):
        report(number, len(rows) * len(cols), "looking at the course of the years")
        parts.append(read(Window(row, col, side_rows, side_cols))[:, ::4, ::4].reshape(len(series), -1))
    return typical_series(np.concatenate(parts, axis=1))


def _target(out, series, grid, profile):
    if grid is None:
        return written_as_cog(out, profile)
    from soilcore.features.phenology_grid import written_onto

    return written_onto(out, series.grid, grid, profile)


def _describe(raster, series, settings, season):
    units = _units()
    raster.descriptions = BANDS
    raster.units = tuple(units[name] for name in BANDS)
    raster.update_tags(
        SOILCORE_SEASON_YEAR=str(season.year),
        SOILCORE_SEASON_FIRST=str(season.first),
        SOILCORE_SEASON_LAST=str(season.last),
        SOILCORE_INDEX=series.index,
        SOILCORE_SEASON_RULES=f"sos {settings.sos}, sdps {settings.sdps}, gus {settings.gus}",
    )


def _units():
    day = "day of year"
    return {"sos": day, "sdps": day, "gus": "1/day", "peak": day, "amplitude": "1", "n": "dates"}


class _Tally:
    """What was written, counted window by window."""

    def __init__(self):
        self.sample = [[] for _ in BANDS]
        self.valid = np.zeros(len(BANDS), np.int64)
        self.low, self.high = np.full(len(BANDS), np.inf), np.full(len(BANDS), -np.inf)
        self.reasons = np.zeros(len(REASONS), np.int64)

    def add(self, values, reason):
        self.reasons += np.bincount(reason.ravel(), minlength=len(REASONS))
        for place, band in enumerate(values):
            known = band[np.isfinite(band)]
            self.valid[place] += known.size
            if known.size:
                self.low[place], self.high[place] = min(self.low[place], known.min()), max(self.high[place], known.max())
                self.sample[place].append(band[::7, ::7][np.isfinite(band[::7, ::7])] if band.size > 1 << 14 else known)

    def rows(self):
        rows = []
        for place, name in enumerate(BANDS):
            sample = np.concatenate(self.sample[place]) if self.sample[place] else np.empty(0)
            middle = float(np.median(sample)) if sample.size else float("nan")
            known = bool(self.valid[place])
            low, high = (float(self.low[place]), float(self.high[place])) if known else (float("nan"), float("nan"))
            rows.append({"name": name, "unit": _units()[name], "min": low, "median": middle, "max": high, "valid": int(self.valid[place])})
        return rows


def _facts(out, series, settings, plan, season, dates, tally, grid):
    told = [f"season of {season.year}: {season.first} to {season.last}, {dates.size} dates; day 1 is 1 January {season.year}"]
    if settings.year is None and len(plan.windows) > 1:
        told.append(
            f"year: {season.year}, the latest with a whole season"
            if season.whole
            else f"year: {season.year}, the one with the most dates; none is whole"
        )
    if grid is not None:
        told.append("laid onto the pixels asked for: nearest pixel of the series")
    return {
        "out": str(out),
        "bands": tally.rows(),
        "season": {"year": season.year, "first": str(season.first), "last": str(season.last), "dates": int(dates.size), "whole": season.whole},
        "years": [window.year for window in plan.windows],
        "whole_years": [window.year for window in plan.windows if window.whole],
        "pixels": int(tally.reasons.sum()),
        "reasons": {REASONS[code]: int(count) for code, count in enumerate(tally.reasons) if code and count},
        "method": "gaps filled by straight lines, Savitzky-Golay upper envelope",
        "assumed": (*series.assumed, *(finding.message for finding in series.findings), *plan.assumed, *told),
    }
