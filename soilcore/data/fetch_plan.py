"""What is fetched: which scenes of each day, which bands, on which grid, with which offset. Decided once, before the first pixel."""

import math
from dataclasses import dataclass
from urllib.parse import urlsplit

from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from soilcore.core import fingerprint
from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Grid
from soilcore.core.tables import load_table
from soilcore.data.fetch_sources import ReadError
from soilcore.data.rasters import same_crs
from soilcore.data.sensors import ROLES
from soilcore.data.stac_items import Hit, scaling_of

MOST_PIXELS = 400_000_000  # of one band: 20 000 x 20 000, an area of 200 x 200 km at 10 m
_FORM = 1  # of the files written; another form is another fingerprint


@dataclass(frozen=True)
class DayPlan:
    """One day to be fetched.

    Parameters
    ----------
    date : str
    hits : tuple of Hit
        In the order they are laid: a pixel comes from the first that has it.
    scale, offset : float
        Of the file: reflectance = stored number * scale + offset.
    shifts : tuple of int
        Added to the digital numbers of each hit, so that all share `offset`; 0 for nearly every day.
    evidence : str
        Why this offset.
    cloud : float or None
    """

    date: str
    hits: tuple[Hit, ...]
    scale: float
    offset: float
    shifts: tuple[int, ...]
    evidence: str
    cloud: float | None

    @property
    def baseline(self):
        """Processing baselines of the scenes, joined with commas where they differ, or None."""
        return ", ".join(sorted({hit.baseline for hit in self.hits if hit.baseline})) or None

    def fingerprint(self, grid, bands):
        """sha256 of everything that decides the pixels; tokens in addresses do not count."""
        sources = [
            [hit.id, [[band, without_token(hit.address(band))] for band in bands], shift] for hit, shift in zip(self.hits, self.shifts, strict=True)
        ]
        place = [grid.shape, list(grid.transform)[:6], grid.crs.to_wkt()]
        return fingerprint.of_settings(_FORM, self.date, place, sources, self.scale, self.offset)


def asked_bands(search, settings):
    """Roles to fetch, in the order of the table of sensors, and the quality layer where it is wanted.

    Returns
    -------
    roles : tuple of str
    quality : str or None

    Raises
    ------
    SettingsError
        If a role is unknown.
    SceneError
        If the search holds no scene.
    """
    if not search.hits:
        raise SceneError("No scene was chosen, so there is nothing to fetch. Choose at least one day.")
    family = search.hits[0].family
    possible = tuple(load_table("stac")["families"][family]["assets"])
    quality = load_table("stac")["families"][family]["quality_name"] if settings.quality else None
    if settings.bands is None:
        held = {role for hit in search.hits for role in hit.roles}
        return tuple(role for role in ROLES if role in held), quality
    by_name = {role.lower(): role for role in possible}
    unknown = [band for band in settings.bands if str(band).lower() not in by_name]
    if unknown or not settings.bands:
        raise SettingsError(f"The band {unknown[0] if unknown else ''!r} cannot be fetched. Choose from {', '.join(possible)}.")
    wanted = {by_name[str(band).lower()] for band in settings.bands}
    return tuple(role for role in ROLES if role in wanted), quality


def plan_days(search, roles, quality, offset=None):
    """Which scenes make each day, and how their numbers are brought to one offset.

    Parameters
    ----------
    search : SearchResult
    roles : tuple of str
    quality : str or None
    offset : float, optional
        The user's own answer.

    Returns
    -------
    plans : tuple of DayPlan
    skipped : list of {"date", "scene", "why"}
    """
    plans, skipped = [], []
    needed = (*roles, quality) if quality else roles
    for day in search.days():
        usable, latest = [], _newest(day.hits)
        skipped += [
            {"date": day.date, "scene": hit.id, "why": "The same scene is there in a later processing."} for hit in day.hits if hit not in latest
        ]
        for hit in latest:
            why = _unusable(hit, needed, offset, search.hits[0].family)
            if why:
                skipped.append({"date": day.date, "scene": hit.id, "why": why})
            else:
                usable.append(hit)
        if usable:
            plans.append(_plan(day, usable, offset))
    return tuple(plans), skipped


def _newest(hits):
    """One scene per footprint: a catalogue may hold the same scene in several processing baselines; the latest is taken, and comes first."""
    kept = {}
    for hit in sorted(hits, key=lambda hit: (hit.baseline or "", hit.id), reverse=True):
        kept.setdefault((hit.epsg, tuple(round(value, 3) for value in hit.bbox)), hit)
    return tuple(sorted(kept.values(), key=lambda hit: (-float(hit.baseline or 0), -round(hit.coverage, 6), hit.id)))


def _unusable(hit, needed, offset, family):
    if hit.family != family:
        return f"{hit.id} is of another satellite than the first scene. Search one collection at a time."
    if missing := [band for band in needed if hit.address(band) is None]:
        return hit.refused[0] if hit.refused else f"The catalogue has no {', '.join(missing)} of {hit.id}."
    try:
        scaling_of(hit, offset)
    except SceneError as error:
        return error.message
    return None


def _plan(day, hits, given):
    scalings = [scaling_of(hit, given) for hit in hits]
    scale, lowest = scalings[0][0], min(offset for _, offset, _ in scalings)
    shifts = tuple(round((offset - lowest) / scale) for _, offset, _ in scalings)
    evidence = "; ".join(dict.fromkeys(text for _, _, text in scalings))
    if any(shifts):
        evidence += f"; the numbers of {sum(map(bool, shifts))} of {len(hits)} scenes were raised by {max(shifts)} so that all share one offset"
    return DayPlan(day.date, tuple(hits), scale, lowest, shifts, evidence, day.cloud)


def plan_grid(plans, bbox, bands, reflective, settings, facts):
    """The grid of all days.

    Parameters
    ----------
    plans : sequence of DayPlan
    bbox : tuple of float
        West, south, east, north, degrees.
    bands : tuple of str
        Roles, and the quality layer last where it is wanted.
    reflective : int
        How many of them are roles.
    settings : FetchSettings
        Its `crs` and `resolution` win.
    facts : callable
        Address to (Grid, dtype) of the remote file.

    Returns
    -------
    grid : Grid
    dtype : str
        Number type of a scene on it: that of the digital numbers, or float32 where a band is interpolated. Another zone may need float32 too.
    assumed : tuple of str

    Raises
    ------
    SettingsError
        If the grid would be too large, or the reference system or pixel size is impossible.
    SceneError
        If no scene can be read.
    """
    native = _native(plans, bands, facts)
    finest = min(native, key=lambda grid: grid.cell_size[1])
    crs = _crs(settings.crs, finest.crs, bbox)
    same = same_crs(crs, finest.crs)
    cell = _cell(settings.resolution, finest, crs)
    left, top = (finest.transform.c, finest.transform.f) if same else (0.0, 0.0)
    try:
        west, south, east, north = Transformer.from_crs(4326, crs, always_xy=True).transform_bounds(*bbox, densify_pts=21)
    except CRSError:
        west = math.inf
    if not all(map(math.isfinite, (west, south, east, north))):
        raise SettingsError(f"The area {bbox} cannot be drawn in {crs.name}. Choose another --crs.")
    # the area grows to whole pixels of the coarsest band: numbers are copied, not interpolated, and quality classes come as whole pixels
    step = _step(cell, native) if same else 1
    first_col, last_col = _whole((west - left) / cell, (east - left) / cell, step)
    first_row, last_row = _whole((top - north) / cell, (top - south) / cell, step)
    height, width = last_row - first_row, last_col - first_col
    _check_size(height, width, cell, crs)
    grid = Grid(height, width, Affine(cell, 0, left + first_col * cell, 0, -cell, top - first_row * cell), crs)
    dtype = "uint16" if same and all(abs(source.cell_size[1] - cell) < 1e-6 * cell for source in native[:reflective]) else "float32"
    return grid, dtype, (f"{width} x {height} pixels of {cell:g} in {crs.name}{'' if settings.crs else ', the reference system of the scenes'}",)


def _step(cell, native):
    """Pixels of the grid along a pixel of the coarsest band; 1 where they do not fit into each other."""
    coarsest = max(grid.cell_size[1] for grid in native) / cell
    return round(coarsest) if coarsest >= 1 and abs(coarsest - round(coarsest)) < 1e-6 else 1


def _whole(first, last, step):
    """First and last pixel of a span that grows outwards to multiples of `step`; never empty."""
    begin = math.floor(first / step + 1e-6) * step
    return begin, max(begin + step, math.ceil(last / step - 1e-6) * step)


def _native(plans, bands, facts):
    """Grids of the bands of one scene, of the zone that most of the area lies in; the next scene where one cannot be read."""
    weight = {}
    for plan in plans:
        for hit in plan.hits:
            weight[hit.epsg] = weight.get(hit.epsg, 0.0) + hit.coverage
    hits = sorted((hit for plan in plans for hit in plan.hits), key=lambda hit: (-weight[hit.epsg], hit.date, -hit.coverage))
    why = None
    for hit in hits[:3]:
        try:
            return [facts(hit.address(role))[0] for role in bands]
        except ReadError as error:
            why = why or str(error)
    raise SceneError(f"None of the scenes can be read: {why}. Check the connection to the internet, or choose another catalogue.")


def _crs(wanted, native, bbox):
    if wanted is None:
        return native
    if str(wanted).lower() == "utm":
        west, south, east, north = bbox
        zone = min(60, int(((west + east) / 2 + 180) // 6) + 1)
        return CRS.from_epsg((32600 if south + north >= 0 else 32700) + zone)
    try:
        return CRS.from_user_input(wanted)
    except CRSError:
        raise SettingsError(f"The reference system {wanted!r} is not known. Give one such as EPSG:32632, or utm.") from None


def _cell(wanted, finest, crs):
    if wanted is not None:
        if isinstance(wanted, bool) or not isinstance(wanted, (int, float)) or not (math.isfinite(wanted) and wanted > 0):
            raise SettingsError(f"Pixels of {wanted!r} are not possible. Give a size above 0 in the units of the reference system, for example 10.")
        return float(wanted)
    if crs.is_geographic != finest.crs.is_geographic:
        raise SettingsError(f"In {crs.name} the size of a pixel must be said with --resolution, in {'degrees' if crs.is_geographic else 'metres'}.")
    return finest.cell_size[1]


def _check_size(height, width, cell, crs):
    if height * width > MOST_PIXELS:
        needed = cell * math.sqrt(height * width / MOST_PIXELS)
        unit = "degrees" if crs.is_geographic else "m"
        raise SettingsError(
            f"The area has {width} x {height} pixels of {cell:g} {unit}, {height * width / 1e6:.0f} million; at most {MOST_PIXELS / 1e6:.0f} million are fetched. "
            f"Choose a smaller area, or --resolution {math.ceil(needed) if not crs.is_geographic else f'{needed:.6f}'}."
        )


def without_token(address):
    """An address without what follows the question mark, where tokens are."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
