"""Which files make one scene, and of which day it is: folders and lists of dated stacks, band files and products."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from soilcore.core.errors import SceneError, UnreadableError
from soilcore.data.cubes_opening import is_cube
from soilcore.data.products import product_of
from soilcore.data.raster_dates import raster_date
from soilcore.data.scene_files import date_of, read_file_facts

_RASTERS = (".tif", ".tiff", ".jp2")
_ARCHIVES = (".zip", ".tar")
_CUBES = (".nc", ".nc4", ".cdf")
_SAYS_SCALING = ("soilcore_scaling", "boa_offset_applied", "earthsearch:boa_offset_applied", "processing_baseline", "s2:processing_baseline")


@dataclass(frozen=True)
class SceneGroup:
    """Files that make one scene.

    Parameters
    ----------
    paths : tuple of str
    date : datetime.date or None
    says_scaling : bool
        Whether the files themselves say how they store reflectance, so that a glance at the pixels is enough.
    notes : tuple of (str, str)
        Names of its files, and what is worth saying of their dates.
    day : str or None
        Which date of a file that holds several.
    """

    paths: tuple[str, ...]
    date: datetime.date | None
    says_scaling: bool = False
    notes: tuple[tuple[str, str], ...] = ()
    day: str | None = None

    @property
    def name(self):
        """Short name for messages."""
        return Path(self.paths[0]).name if len(self.paths) == 1 else f"{Path(self.paths[0]).name} and {len(self.paths) - 1} more"


@dataclass(frozen=True)
class _Entry:
    """One file or product of a folder."""

    path: str
    date: datetime.date | None
    bands: tuple[str, ...]
    says_scaling: bool
    when: str = "day"
    note: str = ""
    day: str | None = None


def holds_several_scenes(path):
    """Whether a path is a folder of scenes, and no product that is a folder itself."""
    path = Path(path)
    if not path.is_dir() or is_cube(path):
        return False
    inside = (child for child in sorted(path.iterdir()) if not child.name.startswith("."))
    if any(product_of(child) is not None for child in inside if child.is_dir() or child.suffix.lower() in _ARCHIVES):
        return True  # products in a folder, even if it is one
    return product_of(path) is None


def groups_of_cube(path):
    """Scenes of a data cube with several dates; None where the path is none, or the cube has one date.

    Returns
    -------
    (groups, when) as `groups_of_folder`, or None
    """
    if str(path).startswith("/vsi") or not is_cube(path):
        return None
    entries = _dates_of_cube(path)
    return _groups(entries) if len(entries) > 1 else None


def groups_of_folder(folder, trusted=False):
    """Scenes of a folder.

    Parameters
    ----------
    folder : path
    trusted : bool
        Whether links out of the folder are followed.

    Returns
    -------
    groups : tuple of SceneGroup
        In the order of their dates, which follow the rule of `soilcore.data.raster_dates`; band files none of which has a date are one scene
        without date.
    when : {"date", "year"}
        "year" where every file stands for a year.

    Raises
    ------
    UnreadableError
        If the folder holds no imagery, or a file is damaged.
    SceneError
        If a file has no date.
    """
    folder = Path(folder)
    names = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and _is_imagery(path))
    paths = [str(path) for path in names if trusted or path.resolve().is_relative_to(folder.resolve())]
    if not paths:
        raise UnreadableError(f"The folder {str(folder)!r} holds no imagery: no GeoTIFF, JPEG 2000, Sentinel-2 or Landsat product. Name another one.")
    entries = [entry for path in paths for entry in _entries(path, trusted)]
    if all(entry.date is None and len(entry.bands) == 1 for entry in entries):
        return (SceneGroup(tuple(paths), None),), "date"
    return _groups(entries)


def groups_of_files(paths, trusted=False):
    """Scenes among several paths that were named one by one; None where they are the parts of one scene.

    Parameters
    ----------
    paths : sequence of str
    trusted : bool

    Returns
    -------
    (groups, when) as `groups_of_folder`, or None
    """
    entries = [entry for path in paths for entry in _entries(path, trusted)]
    days = {entry.date for entry in entries if entry.when == "day"} - {None}
    whole = all(len(entry.bands) > 1 or not entry.bands for entry in entries)
    by_period = all(entry.when != "day" for entry in entries) and len({entry.date for entry in entries}) > 1
    if whole and (len(days) > 1 or by_period or len({entry.bands for entry in entries}) < len(entries)):
        return _groups(entries)
    per_day = [[entry for entry in entries if entry.date == day] for day in days]
    if len(days) > 1 and sum(map(len, per_day)) == len(entries) and all(len(day) > 1 for day in per_day):
        return _groups(entries)
    return None


def _is_imagery(path):
    if path.is_dir():
        return product_of(path) is not None
    suffix = path.suffix.lower()
    return suffix in (*_RASTERS, *_CUBES) or (suffix in _ARCHIVES and product_of(path) is not None)


def _entries(path, trusted):
    """What a path holds: one file or product, or every date of a cube."""
    product = product_of(path)
    if product is not None and product.kind == "cube":
        return _dates_of_cube(path)
    if product is not None:
        return [_Entry(str(path), product.date, (), bool(product.evidence))]
    facts = read_file_facts(path, trusted)
    tags, told = facts.tags, date_of(facts)
    says = any(name in tags for name in _SAYS_SCALING) or any(name.startswith("boa_add_offset") for name in tags)
    says = says or any((band.scale, band.offset) != (1.0, 0.0) for band in facts.bands)
    bands = tuple(band.name for band in facts.bands) if len(facts.bands) > 1 else ("",)
    if told is None or (len(bands) == 1 and not told.whole_name and told.kind != "day"):
        return [_Entry(str(path), None, bands, says)]  # B02_2019.tif is a band: its year alone makes no scene of it
    return [_Entry(str(path), told.day, bands, says, told.kind, told.note)]


def _dates_of_cube(path):
    """One entry per date; a cube without time is dated by its name."""
    from soilcore.data.cubes import open_cube

    cube = open_cube(path)
    names = tuple(cube.names) if len(cube.names) > 1 else ("", "")  # a cube is a whole scene even with one band
    days = [day.item() for day in cube.days]
    if not days:
        told = raster_date(Path(path).stem, {})
        return [_Entry(str(path), told and told.day, names, False, told.kind if told else "day", told.note if told else "")]
    return [_Entry(str(path), day, names, False, day=day.isoformat()) for day in days]


def _groups(entries):
    when = "year" if all(entry.when == "year" for entry in entries) else "date"
    groups = {}
    for entry in entries:
        day = _day(entry)
        alone = len(entry.bands) == 1
        key = (day, None if alone else entry.path)
        groups.setdefault(key, []).append(entry)
    made = [
        SceneGroup(
            tuple(entry.path for entry in members),
            day,
            all(entry.says_scaling for entry in members),
            tuple((Path(entry.path).name, entry.note) for entry in members if entry.note),
            members[0].day,
        )
        for (day, _), members in groups.items()
    ]
    return tuple(sorted(made, key=lambda group: (group.date, group.paths))), when


def _day(entry):
    if entry.date is None:
        raise SceneError(
            f"{entry.path!r} says nothing of its date, neither in its tags nor in its name. "
            "Rename it by its day (2025-03-17.tif) or year (2025.tif), or take it out of the series."
        )
    return entry.date
