"""Which files make one scene, and of which day it is: folders and lists of dated stacks, band files and products."""

import datetime
import re
from dataclasses import dataclass
from pathlib import Path

from soilcore.core.errors import SceneError, UnreadableError
from soilcore.data.scene_files import date_in, dates_of, read_file_facts

_RASTERS = (".tif", ".tiff", ".jp2")
_ARCHIVES = (".zip", ".tar")
_YEAR = re.compile(r"(?:19|20)\d\d")
_SAYS_SCALING = ("soilcore_scaling", "boa_offset_applied", "earthsearch:boa_offset_applied", "processing_baseline", "s2:processing_baseline")
_ONLY_A_DATE = re.compile(r"\d{4}[-_.]?\d\d[-_.]?\d\d")


@dataclass(frozen=True)
class SceneGroup:
    """Files that make one scene.

    Parameters
    ----------
    paths : tuple of str
    date : datetime.date
    says_scaling : bool
        Whether the files themselves say how they store reflectance, so that a glance at the pixels is enough.
    doubt : str
        How name and tags of the file contradict each other about its date; empty where they do not.
    day : str or None
        Which date of a file that holds several.
    """

    paths: tuple[str, ...]
    date: datetime.date
    says_scaling: bool = False
    doubt: str = ""
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
    doubt: str = ""


def holds_several_scenes(path):
    """Whether a path is a folder of scenes, and no product that is a folder itself."""
    path = Path(path)
    return path.is_dir() and path.suffix.lower() != ".zarr" and _product(path) is None


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
        In the order of their dates.
    when : {"date", "year"}
        "year" where every file is named by nothing but a year.

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
    return _groups([_entry(path, trusted) for path in paths])


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
    entries = [_entry(path, trusted, dated=False) for path in paths]
    days = {entry.date for entry in entries}
    whole = all(len(entry.bands) > 1 or not entry.bands for entry in entries)
    named_by_year = all(_YEAR.fullmatch(Path(entry.path).stem) for entry in entries)
    if whole and (len(days) > 1 or named_by_year or len({entry.bands for entry in entries}) < len(entries)):
        return _groups(entries)
    per_day = [[entry for entry in entries if entry.date == day] for day in days]
    if None not in days and len(days) > 1 and all(len(day) > 1 for day in per_day):
        return _groups(entries)
    return None


def _is_imagery(path):
    if path.is_dir():
        return _product(path) is not None
    return path.suffix.lower() in _RASTERS or (path.suffix.lower() in _ARCHIVES and _product(path) is not None)


def _product(path):
    """Sentinel-2 or Landsat product at a path, or None."""
    from importlib.util import find_spec

    if find_spec("soilcore.data.products") is None:
        return None
    from soilcore.data.products import product_of

    return product_of(path)


def _entry(path, trusted, dated=True):
    place = Path(path)
    if place.is_dir() or place.suffix.lower() in _ARCHIVES:
        product = _product(place)
        if product is not None:
            return _Entry(str(path), product.date, (), True)
    facts = read_file_facts(path, trusted)
    tags = facts.tags
    by_tag = next(iter(dates_of([facts])), None)
    says = any(name in tags for name in _SAYS_SCALING) or any(name.startswith("boa_add_offset") for name in tags)
    says = says or any((band.scale, band.offset) != (1.0, 0.0) for band in facts.bands)
    return _Entry(str(path), by_tag, tuple(band.name if len(facts.bands) > 1 else "" for band in facts.bands), says, _doubt(place, by_tag))


def _doubt(place, day):
    """A file called by one date and tagged with another."""
    if day is None or not _ONLY_A_DATE.fullmatch(place.stem):
        return ""
    named = date_in(place.stem)
    return f"{place.name} is called by {named}, but its tags say {day}, which counts" if named is not None and named != day else ""


def _groups(entries):
    when = "year" if all(_YEAR.fullmatch(Path(entry.path).stem) for entry in entries) else "date"
    groups = {}
    for entry in entries:
        day = _day(entry, when)
        alone = len(entry.bands) == 1
        key = (day, None if alone else entry.path)
        groups.setdefault(key, []).append(entry)
    made = [
        SceneGroup(
            tuple(entry.path for entry in members),
            day,
            all(entry.says_scaling for entry in members),
            "; ".join(entry.doubt for entry in members if entry.doubt),
        )
        for (day, _), members in groups.items()
    ]
    return tuple(sorted(made, key=lambda group: (group.date, group.paths))), when


def _day(entry, when):
    """Day of a file: by its tags, else by its name; a file called by a year belongs to that year whatever its tags say."""
    stem = Path(entry.path).stem
    year = int(stem) if _YEAR.fullmatch(stem) else None
    if year is not None and (when == "year" or entry.date is None):
        return entry.date if entry.date is not None and entry.date.year == year else datetime.date(year, 7, 1)
    if entry.date is None:
        raise SceneError(
            f"{entry.path!r} says nothing of its date, neither in its tags nor in its name. "
            "Rename it by its day (2025-03-17.tif) or year (2025.tif), or take it out of the series."
        )
    return entry.date
