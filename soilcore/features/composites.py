"""One image from many dates: the median, the median of bare soil, or the date on which salt-stressed crops stand best.

Pixels are judged one by one, so no window can change a value. A window's bands are read in groups small enough that the dates of one
group, not of all bands, have to be held; dates are read side by side.
"""

import datetime
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.files import check_output, written_whole
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, run_tiles, worker_threads
from soilcore.data.campaigns import GAP_DAYS, Campaign, campaigns_of
from soilcore.data.cog import gtiff_profile, written_as_cog
from soilcore.data.rasters import rasterio_window
from soilcore.data.scene_series import MAX_DAYS
from soilcore.features.composite_parts import CrsiParts, MedianParts
from soilcore.features.indices import temporal_max

__all__ = ["METHODS", "CompositeSettings", "campaign_composites", "make_composite", "temporal_max"]

METHODS = ("median", "bare", "max-crsi")
_NEEDED = {"median": (), "bare": ("R", "N", "S1", "S2"), "max-crsi": ("B", "G", "R", "N")}


@dataclass(frozen=True)
class CompositeSettings:
    """How dates become one image.

    Parameters
    ----------
    method : {"median", "bare", "max-crsi"}
        "median": of all dates on which a pixel is seen. "bare": of those on which it is bare soil. "max-crsi": the bands of the date with
        the largest canopy response salinity index.
    dates : (str or datetime.date, str or datetime.date), optional
        First and last day; all if not given.
    min_valid : int
        Pixels with fewer valid (bare) dates are missing.
    window : int
        Side of the windows in pixels. The result is the same for every side.
    overwrite : bool
    ndvi_min, ndvi_max, swir_ratio_max : float
        Bare soil has ``ndvi_min <= NDVI < ndvi_max`` and ``(S1 - S2) / (S1 + S2) < swir_ratio_max``. The lower bound keeps water out,
        whose NDVI is negative; the ratio keeps dry residue out.
    threads : int, optional
        Dates read, and windows computed, at a time; the cores at hand if not given.

    References
    ----------
    Bare-soil rule as in the dual-branch salinity networks, with the lower bound added here. Maximum of CRSI: Scudiero et al. 2014,
    Geoderma Regional 2-3:82-90, doi 10.1016/j.geodrs.2014.10.004 (there over several years, at least three valid).
    """

    method: str = "median"
    dates: tuple | None = None
    min_valid: int = 1
    window: int = 512
    overwrite: bool = False
    ndvi_min: float = 0.0
    ndvi_max: float = 0.25
    swir_ratio_max: float = 0.075
    threads: int | None = None


def make_composite(series, out, settings=None, report=silent):
    """Write one image of many dates as a cloud-optimised GeoTIFF that opens again as a scene.

    Parameters
    ----------
    series : SceneSeries
    out : path
    settings : CompositeSettings, optional
    report : Report

    Returns
    -------
    dict
        ``out``, ``method``, ``dates`` (those used), ``bands`` (name and number of valid pixels), ``count`` (smallest, mean and largest number
        of valid dates over all pixels), ``pixels``, ``assumed``. The file holds the bands of the series as float32 reflectance, ``count``,
        and for "max-crsi" ``CRSI`` and the day chosen, ``doy`` (and ``year`` where the dates span several).

    Raises
    ------
    SettingsError
        If a setting is impossible, or `out` exists.
    SceneError
        If no date is left, or a band is missing that the method needs.
    """
    settings = _checked(settings or CompositeSettings())
    used = _within(series, settings.dates)
    _check_bands(used, settings.method)
    out = check_output(out, settings.overwrite)
    return _write(used, out, settings, _middle(used.dates), report)


def campaign_composites(series, days, out_dir, settings=None, max_days=MAX_DAYS, report=silent):
    """One composite round each sampling campaign: a folder that `soilcore.data.scene_series.open_scenes` reads as scenes by date.

    Parameters
    ----------
    series : SceneSeries
        Scenes by date.
    days : array-like of datetime64[D], shape (n,)
        When the samples were taken; NaT belongs to no campaign.
    out_dir : path
        Folder; its files are called by the middle of their campaign.
    settings : CompositeSettings, optional
        `dates` limits the scenes altogether.
    max_days : int
        Scenes count that many days before and after a campaign.
    report : Report

    Returns
    -------
    dict
        ``out``, ``composites`` (one per campaign: what `make_composite` gives, with ``campaign`` and ``samples``), ``assumed``.

    Raises
    ------
    SettingsError, SceneError
        As `make_composite`; also if no sample has a date, or no campaign has a scene.
    """
    settings = _checked(settings or CompositeSettings())
    if not max_days >= 0:
        raise SettingsError(f"A limit of {max_days} days is impossible. Give 0 or more.")
    if series.when == "year":
        raise SceneError("The scenes stand for whole years, so samples find theirs by year already. Composites of campaigns need scenes by date.")
    used = _within(series, settings.dates)
    _check_bands(used, settings.method)
    campaigns = _short_campaigns(days, max_days)
    if not campaigns:
        raise SettingsError("No sample has a date, so there are no campaigns. Name the date column with --date.")
    out_dir, made, assumed = Path(out_dir), [], []
    emptied = out_dir.is_dir() and not any(out_dir.iterdir())
    check_output(out_dir, settings.overwrite or emptied)
    with written_whole(out_dir) as folder:
        folder.mkdir()
        for number, campaign in enumerate(campaigns):
            near = _near(used, campaign, max_days)
            if near is None:
                assumed.append(f"no composite for the campaign of {campaign.name} ({campaign.samples.size} samples): no scene within {max_days} days")
                continue
            told = part(report, number / len(campaigns), 1 / len(campaigns))
            facts = _write(near, folder / f"{campaign.middle}.tif", settings, campaign.middle.astype(object), told)
            facts["out"] = str(out_dir / f"{campaign.middle}.tif")
            made.append({"campaign": campaign.name, "samples": int(campaign.samples.size), **facts})
        if not made:
            raise SceneError(f"No scene lies within {max_days} days of a campaign. Campaigns: {', '.join(each.name for each in campaigns[:6])}.")
    assumed += list(dict.fromkeys(text for facts in made for text in facts["assumed"]))
    return {"out": str(out_dir), "composites": made, "assumed": tuple(assumed)}


def _checked(settings):
    """The settings with whole dates, or a refusal."""
    if settings.method not in METHODS:
        raise SettingsError(f"There is no way of combining dates called {settings.method!r}. Choose one of {', '.join(METHODS)}.")
    if isinstance(settings.min_valid, bool) or not isinstance(settings.min_valid, int) or settings.min_valid < 1:
        raise SettingsError(f"At least {settings.min_valid!r} valid dates is impossible. Give a whole number from 1.")
    check_window(settings.window)
    if not settings.ndvi_min < settings.ndvi_max:
        raise SettingsError(f"Bare soil cannot have an NDVI from {settings.ndvi_min:g} to {settings.ndvi_max:g}. Give the lower bound first.")
    if settings.dates is None:
        return settings
    try:
        first, last = (datetime.date.fromisoformat(str(day)) for day in settings.dates)
    except ValueError:
        raise SettingsError(f"The dates {settings.dates!r} are not two days such as 2025-01-01 and 2025-03-31.") from None
    if last < first:
        raise SettingsError(f"The dates end ({last}) before they begin ({first}). Give the earlier day first.")
    return replace(settings, dates=(first, last))


def _within(series, dates):
    """The series with only the scenes from one day to another."""
    if dates is None:
        return series
    return _only(series, [number for number, day in enumerate(series.dates) if dates[0] <= day <= dates[1]], f"{dates[0]} to {dates[1]}")


def _only(series, numbers, wanted):
    if not numbers:
        raise SceneError(f"No scene lies within {wanted}. The series has {len(series.dates)} dates from {series.dates[0]} to {series.dates[-1]}.")
    return replace(series, scenes=tuple(series.scenes[number] for number in numbers), dates=tuple(series.dates[number] for number in numbers))


def _near(series, campaign, max_days):
    """The scenes round a campaign, or None."""
    margin = np.timedelta64(max_days, "D")
    ours = np.flatnonzero((series.days >= campaign.first - margin) & (series.days <= campaign.last + margin))
    return _only(series, ours.tolist(), campaign.name) if ours.size else None


def _short_campaigns(days, max_days):
    """Campaigns no longer than twice what may lie between a sample and its composite, so that its own composite is the nearest one."""
    days = np.asarray(days, "datetime64[D]")
    longest = 2 * min(max_days, GAP_DAYS) + 1
    short = []
    for campaign in campaigns_of(days):
        span = int((campaign.last - campaign.first).astype(int)) + 1
        parts = -(-span // longest)
        edges = [campaign.first + np.timedelta64(-(-span * number // parts), "D") for number in range(parts + 1)]
        for first, after in pairwise(edges):
            inside = (days[campaign.samples] >= first) & (days[campaign.samples] < after)
            if inside.any():
                short.append(Campaign(first, after - np.timedelta64(1, "D"), campaign.samples[inside]))
    return tuple(short)


def _check_bands(series, method):
    missing = [role for role in _NEEDED[method] if role not in series.roles]
    if missing:
        raise SceneError(
            f"The method {method} needs the bands {', '.join(_NEEDED[method])}; not all scenes have {', '.join(missing)}. "
            f"Bands of all scenes: {', '.join(series.roles)}. Name them with --roles, or choose --method median."
        )


def _middle(dates):
    return dates[0] + (dates[-1] - dates[0]) // 2


def _write(series, out, settings, date, report):
    """Write the composite of a series' scenes; `date` is the day the file stands for."""
    threads = worker_threads(settings.threads)
    parts = (CrsiParts if settings.method == "max-crsi" else MedianParts)(series, settings, threads)
    valid, counts = np.zeros(len(parts.names), np.int64), _Counts()

    def write(window, result):
        for name, layer in parts.finish(window, result).items():
            band = parts.names.index(name)
            valid[band] += np.count_nonzero(np.isfinite(layer))
            raster.write(layer, band + 1, window=rasterio_window(window.pixels))
            if name == "count":
                counts.add(layer)

    def told(done, total, message):
        report(0.85 * done / (total * parts.times), 1.0, message)

    profile = gtiff_profile(series.grid, len(parts.names), "float32", np.nan)
    with written_as_cog(out, profile, overviews=parts.overviews) as raster, parts:
        raster.descriptions = parts.names
        raster.update_tags(**_tags(series, settings, date))
        run_tiles(series.grid, parts.windows(), parts.read, parts.compute, write, threads, told, f"combining {len(series.scenes)} dates")
        report(0.85, 1.0, "making overviews")
    report(1.0, 1.0, "combined")
    bands = [{"name": name, "valid": int(number)} for name, number in zip(parts.names, valid, strict=True)]
    pixels, seen = series.grid.height * series.grid.width, bands[0]["valid"]
    facts = {"out": str(out), "method": settings.method, "date": str(date), "dates": [str(day) for day in series.dates], "bands": bands}
    return facts | {"count": counts.facts(), "pixels": pixels, "assumed": _assumed(settings, seen / pixels)}


class _Counts:
    """Smallest, mean and largest number of valid dates over the pixels."""

    def __init__(self):
        self.least, self.most, self.total, self.pixels = np.inf, -np.inf, 0.0, 0

    def add(self, layer):
        self.least, self.most = min(self.least, float(layer.min())), max(self.most, float(layer.max()))
        self.total += float(layer.sum(dtype=float))
        self.pixels += layer.size

    def facts(self):
        return {"min": int(self.least), "mean": self.total / self.pixels, "max": int(self.most)}


def _tags(series, settings, date):
    """What the file says of itself, so that it opens as a scene without a question."""
    tags = {"SOILCORE_SCALING": "1.0 0.0", "SOILCORE_COMPOSITE": settings.method, "ACQUISITION_DATE": str(date)}
    tags |= {"SOILCORE_DATES": " ".join(str(day) for day in series.dates), "SOILCORE_MIN_VALID": str(settings.min_valid)}
    if settings.method == "bare":
        tags["SOILCORE_BARE_SOIL"] = _rule(settings)
    by = {scene.scaling.decided for scene in series.scenes}
    tags["SOILCORE_SCALING_BY"] = next((weakest for weakest in ("pixels", "sensor", "given") if weakest in by), "metadata")
    return tags | ({"SOILCORE_SENSOR": series.sensor} if series.sensor else {})


def _rule(settings):
    return f"{settings.ndvi_min:g} <= NDVI < {settings.ndvi_max:g} and (S1 - S2) / (S1 + S2) < {settings.swir_ratio_max:g}"


def _assumed(settings, share):
    """How the pixels were chosen, and how many there are."""
    said = {
        "median": "median of each band over the dates on which it is seen",
        "bare": f"median over the dates of bare soil: {_rule(settings)}",
        "max-crsi": "bands of the date with the largest CRSI; of equal ones the earliest",
    }[settings.method]
    fewest = f"{settings.min_valid} such date{'s' if settings.min_valid > 1 else ''}"
    return (f"{said}; float32 reflectance", f"{100 * share:.3g} % of the pixels have at least {fewest}, the others are missing")
