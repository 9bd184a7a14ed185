"""Fetching imagery: of a search, one cloud-optimised stack per day, only the pixels of the area, resumable at any moment.

Loading is odc-stac's, tile by tile into memory that does not grow with the area. Each finished tile is kept on disk until its day is
complete, so a job that was killed repeats at most one tile, and the result has the same pixels as one that ran through.
Stored are the source's own digital numbers with GDAL's scale and offset; where a coarser band had to be interpolated, the numbers are
float32, because rounding them would not be what the product itself gives.
"""

import math
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.progress import silent
from soilcore.core.tables import load_table
from soilcore.core.tiles import check_window
from soilcore.data.fetch_parts import DiskFull, Parts, bytes_needed, check_space, disk_in_words, remove_parts
from soilcore.data.fetch_plan import asked_bands, plan_days, plan_grid, without_token
from soilcore.data.fetch_sources import Patience, ReadError, Sources, signer
from soilcore.data.stac_items import check_installed, shown

_LISTEN_S = 0.25  # how often the listener is asked whether to stop while a tile is under way


@dataclass(frozen=True)
class FetchSettings:
    """Where the scenes go, and in which form.

    Parameters
    ----------
    out : str
        Folder; made if it is not there. Files are called YYYY-MM-DD.tif.
    bands : tuple of str, optional
        Roles (B, G, R, RE1, ..., S2); all that the scenes have if not given.
    resolution : float, optional
        Side of a pixel in units of the reference system; that of the finest band asked for if not given.
    crs : str, optional
        "EPSG:..." or "utm"; that of the scenes if not given.
    quality : bool
        Whether the quality layer (SCL, QA_PIXEL) comes as the last band; reading the stack then masks clouds by it.
    workers : int
        Files read at the same time.
    overwrite : bool
        Whether files of the same name that hold something else are replaced.
    offset : float, optional
        Offset in reflectance for scenes that do not say their processing baseline, and for all others: wins over their own.
    tries : int
        Reads of a piece before its day is given up.
    retry_s : float
        Wait before the second try, seconds; doubled each time.
    timeout_s : float
        Of one request, seconds.
    window : int
        Side of a tile in pixels: what is held in memory, and what a killed job repeats. It changes no pixel.
    """

    out: str
    bands: tuple[str, ...] | None = None
    resolution: float | None = None
    crs: str | None = None
    quality: bool = True
    workers: int = 2
    overwrite: bool = False
    offset: float | None = None
    tries: int = 5
    retry_s: float = 1.0
    timeout_s: float = 60.0
    window: int = 1024


def fetch_scenes(search, settings, report=silent):
    """Fetch what a search found.

    Parameters
    ----------
    search : SearchResult
        From `soilcore.data.stac.search_scenes`.
    settings : FetchSettings
    report : Report
        Told the tiles done; may raise `Stopped`, also while a slow server is waited for. Finished days and tiles are kept.

    Returns
    -------
    dict
        "dir", "files" (each "file", "date", "cloud", "baseline", "offset", "scenes", "bytes", "kept"), "skipped", "failed" (each "date"
        and "why"), "bands", "grid", "assumed", "seconds".

    Raises
    ------
    SettingsError
        If the settings or the area are impossible, or a file of the same name holds something else.
    SceneError
        If nothing came: the first reason.
    """
    started = time.monotonic()
    check_installed("odc.stac", *(["planetary_computer"] if search.settings.signing == "planetary-computer" else []))
    _check_settings(settings)
    out = _folder(settings.out)
    roles, quality = asked_bands(search, settings)
    plans, skipped = plan_days(search, roles, quality, settings.offset)
    if not plans:
        raise SceneError(f"None of the {len(search.hits)} scenes can be used. {skipped[0]['why'] if skipped else ''}".strip())
    patience = Patience(settings.tries, settings.retry_s)
    sign = signer(search.settings.signing, patience)
    report(0, 1, "looking into the first scene")
    bands = (*roles, quality) if quality else roles
    grid, dtype, assumed = _grid(search, plans, bands, len(roles), settings, patience, sign, report)
    job = _Job(out, grid, bands, len(roles), settings, patience, sign)
    finished = {plan.date: job.finished(plan) for plan in plans}
    todo = [plan for plan in plans if not finished[plan.date]]
    check_space(out, bytes_needed(len(todo), len(job.bands), grid, dtype) if todo else 0)
    files, failed = _fetch_days(job, plans, finished, search.settings.url, report)
    if not files:
        raise SceneError(failed[0]["why"])
    return {
        "dir": str(out),
        "files": files,
        "skipped": [*skipped, *({"date": None, "scene": None, "why": why} for why in search.skipped)],
        "failed": failed,
        "bands": list(job.bands),
        "grid": {"crs": grid.crs.to_string(), "height": grid.height, "width": grid.width, "cell": grid.cell_size[0]},
        "assumed": [*search.assumed, *assumed],
        "seconds": round(time.monotonic() - started, 3),
    }


def _check_settings(settings):
    check_window(settings.window)
    for name, lowest, largest in (("workers", 1, 16), ("tries", 1, 20)):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= largest:
            raise SettingsError(f"{name} = {value!r} is not possible. Give a whole number from {lowest} to {largest}.")
    for name in ("retry_s", "timeout_s"):
        value = getattr(settings, name)
        if not (isinstance(value, (int, float)) and math.isfinite(value) and value >= 0):
            raise SettingsError(f"{name} = {value!r} is not possible. Give seconds.")
    if settings.offset is not None and not -1 < settings.offset <= 0:
        raise SettingsError(f"The offset {settings.offset!r} is not possible. Give reflectance: -0.1, or 0 where it was removed.")


def _folder(name):
    out = Path(name)
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{str(out)!r} is a file. Name a folder for the scenes.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder {str(out)!r} cannot be made: {error.strerror}. Choose another place.") from None
    return out


def _grid(search, plans, bands, reflective, settings, patience, sign, report):
    sources = Sources(None, patience, settings.timeout_s, sign, names=_names(plans))
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="fetch") as pool:
            task = pool.submit(plan_grid, plans, search.settings.bbox, bands, reflective, settings, sources.facts)
            return _listened(task, patience, lambda: report(0, 1, "looking into the first scene"))
    finally:
        sources.close()


def _names(plans):
    return {asset.address: f"the band {asset.role} of {hit.id}" for plan in plans for hit in plan.hits for asset in hit.assets}


def _listened(task, patience, listen):
    """The result of a task in another thread; meanwhile the listener is called, and its `Stopped` ends the task's waits."""
    try:
        while not wait([task], timeout=_LISTEN_S).done:
            listen()
    finally:
        if not task.done():
            patience.stopping.set()
            wait([task])
    return task.result()


def _fetch_days(job, plans, finished, catalogue, report):
    files, failed = [], []
    tiles = len(job.windows)
    for number, plan in enumerate(plans):
        say = _says(report, number * tiles, len(plans) * tiles, plan.date)
        say(0)
        if finished[plan.date]:
            remove_parts(job.out, plan.date)
            files.append(_facts(plan, job.path(plan), True))
            continue
        try:
            files.append(_facts(plan, job.fetch(plan, catalogue, say), False))
        except ReadError as error:
            failed.append({"date": plan.date, "why": f"{plan.date} was not fetched: {error}. Run the same again: what came is kept."})
        except DiskFull as error:
            failed += [{"date": left.date, "why": error.message} for left in plans[number:] if not finished[left.date]]
            files += [_facts(left, job.path(left), True) for left in plans[number + 1 :] if finished[left.date]]
            break
    report(1, 1, f"fetched {len(files)} of {len(plans)} days")
    return files, failed


def _says(report, before, total, date):
    return lambda done, of=0: report(before + done, total, f"fetching {date}" + (f", tile {done + 1} of {of}" if done < of else ""))


def _facts(plan, path, kept):
    return {
        "file": path.name,
        "date": plan.date,
        "cloud": plan.cloud,
        "baseline": plan.baseline,
        "offset": plan.offset,
        "evidence": plan.evidence,
        "scenes": [hit.id for hit in plan.hits],
        "bytes": path.stat().st_size,
        "kept": kept,
    }


class _Job:
    """What all days share."""

    def __init__(self, out, grid, bands, reflective, settings, patience, sign):
        self.out, self.grid, self.bands, self.reflective = out, grid, bands, reflective
        self.settings, self.patience, self.sign = settings, patience, sign
        self.windows = list(grid.windows(settings.window))

    def path(self, plan):
        """The file of a day: its name is the date, nothing else."""
        return self.out / f"{plan.date}.tif"

    def finished(self, plan):
        """Whether the file of a day is there and is what is asked for.

        Raises
        ------
        SettingsError
            If it is something else, and may not be replaced.
        """
        from soilcore.core.errors import UnreadableError
        from soilcore.data.rasters import check_complete, opened_raster

        path = self.path(plan)
        if not path.exists():
            return False
        try:
            with opened_raster(path) as dataset:
                check_complete(dataset)
                if dataset.tags().get("SOILCORE_FETCH") == plan.fingerprint(self.grid, self.bands):
                    return True
        except UnreadableError:
            pass
        if not self.settings.overwrite:
            raise SettingsError(
                f"{str(path)!r} exists already and holds something else (another area, other bands or scenes). "
                "Choose another folder, or allow it to be replaced with --overwrite."
            )
        return False

    def fetch(self, plan, catalogue, say):
        """One day, from the first missing tile to the finished file."""
        sources = self._sources(plan)
        pool = ThreadPoolExecutor(1, thread_name_prefix="fetch")
        try:
            kind, classes = _listened(pool.submit(self._facts, plan, sources), self.patience, lambda: say(0))
            needed = bytes_needed(1, len(self.bands), self.grid, kind)
            parts = Parts(self.out, plan.date, f"{plan.fingerprint(self.grid, self.bands)} {self.settings.window}", (len(self.bands), kind))
            with disk_in_words(self.out, needed):
                parts.begin()
            items = _items(plan, self.bands)
            for done, window in enumerate(self.windows):
                say(done, len(self.windows))
                if parts.has(window):
                    continue
                task = pool.submit(self._tile, items, window, kind, sources)
                values = _listened(task, self.patience, lambda done=done: say(done, len(self.windows)))
                with disk_in_words(self.out, needed):
                    parts.write(window, self.grid, values)
            with disk_in_words(self.out, needed):
                return parts.finish(self.grid, self.windows, lambda target: self._describe(target, plan, catalogue, classes))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            sources.close()

    def _sources(self, plan):
        shifts, nearest = {}, set()
        for hit, shift in zip(plan.hits, plan.shifts, strict=True):
            for number, band in enumerate(self.bands):
                if number >= self.reflective:
                    nearest.add(hit.address(band))
                elif shift:
                    shifts[hit.address(band)] = shift
        return Sources(self.grid, self.patience, self.settings.timeout_s, self.sign, shifts, frozenset(nearest), _names([plan]))

    def _facts(self, plan, sources):
        """Number type of a day (that of the digital numbers, or float32 where a band is interpolated), and the pixel size of its quality layer."""
        reflective = [hit.address(band) for hit in plan.hits for band in self.bands[: self.reflective]]
        with ThreadPoolExecutor(self.settings.workers, thread_name_prefix="fetch") as pool:
            exact = all([sources.is_exact(grid) for grid, _ in pool.map(sources.facts, reflective)])
        layers = [sources.facts(plan.hits[0].address(band))[0] for band in self.bands[self.reflective :]]
        return "uint16" if exact else "float32", layers[0].cell_size[1] if layers else None

    def _tile(self, items, window, kind, sources):
        """Stored numbers of one tile, shape (band, row, column), loaded by odc-stac: the first scene that has a pixel gives it."""
        import numpy as np
        import odc.stac
        from odc.geo.geobox import GeoBox

        part = self.grid.part(window)
        loaded = odc.stac.load(
            items,
            bands=list(self.bands),
            geobox=GeoBox(part.shape, part.transform, part.crs.to_wkt()),
            groupby="time",
            preserve_original_order=True,
            dtype=kind,
            nodata=0,
            driver=sources,
            pool=self.settings.workers,
            stac_cfg={"*": {"warnings": "ignore"}},
        )
        return np.stack([loaded[band].values[0] for band in self.bands])

    def _describe(self, target, plan, catalogue, classes):
        """Names of the bands, scale and offset of the reflective ones, and where everything came from."""
        for number, band in enumerate(self.bands, start=1):
            target.set_band_description(number, band)
        rest = len(self.bands) - self.reflective
        target.scales = [plan.scale] * self.reflective + [1.0] * rest
        target.offsets = [plan.offset] * self.reflective + [0.0] * rest
        target.update_tags(**_tags(plan, catalogue), SOILCORE_FETCH=plan.fingerprint(self.grid, self.bands))
        if classes:  # on a finer grid a class is a square of equal pixels; clouds are widened by pixels of this size
            target.update_tags(SOILCORE_QUALITY_CELL=f"{classes:g}")


def _items(plan, bands):
    """The scenes of a day as odc-stac takes them: made anew of what was checked, nothing else of the catalogue comes along."""
    import datetime

    import pystac
    import shapely

    noon = datetime.datetime.combine(datetime.date.fromisoformat(plan.date), datetime.time(12), datetime.UTC)
    items = []
    for number, hit in enumerate(plan.hits):
        west, south, east, north = hit.bbox
        # only for telling which tiles a scene may touch: generous, because catalogues round their footprints
        around = shapely.box(max(-180, west - 0.05), max(-90, south - 0.05), min(180, east + 0.05), min(90, north + 0.05))
        item = pystac.Item(f"scene-{number}", shapely.geometry.mapping(around), list(around.bounds), noon, {}, collection="scenes")
        for band in bands:
            item.add_asset(band, pystac.Asset(hit.address(band), media_type=pystac.MediaType.COG, roles=["data"]))
        items.append(item)
    return items


def _tags(plan, catalogue):
    first = plan.hits[0]
    tags = {
        "SOILCORE_SCALING": f"{plan.scale!r} {plan.offset!r}",
        "SOILCORE_SCALING_BY": "given" if plan.evidence == "offset as given" else "metadata",
        "SOILCORE_SENSOR": load_table("stac")["families"][first.family]["sensor"],
        "ACQUISITION_DATE": plan.date,
        "SOILCORE_CATALOGUE": without_token(catalogue) if "://" in catalogue else catalogue,
        "SOILCORE_SCENES": " ".join(hit.id for hit in plan.hits)[:2000],
        "SOILCORE_OFFSET_EVIDENCE": plan.evidence,
    }
    if plan.baseline:
        tags["PROCESSING_BASELINE"] = plan.baseline
    if first.family == "sentinel-2":
        tags["BOA_OFFSET_APPLIED"] = "true" if any(hit.boa_offset_applied for hit in plan.hits) and plan.offset == 0 else "false"
    if plan.cloud is not None:
        tags["CLOUD_COVER"] = f"{plan.cloud:.2f}"
    if first.platform:
        tags["PLATFORM"] = shown(first.platform)
    return tags
