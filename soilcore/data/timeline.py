"""What changes with time: rasters of many dates, and which of them belongs to a day."""

import datetime
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.data.pixels import BandSource, FileSource, PixelReader, sample_places
from soilcore.data.raster_dates import raster_date, said_notes
from soilcore.data.rasters import opened_raster

MAX_DAYS = 30
RASTER_ENDINGS = (".tif", ".tiff", ".jp2")
_KINDS = {"day": "by date", "month": "by month", "year": "by year"}
_DIGITS = {"day": 10, "month": 7, "year": 4}  # of an ISO date that tell two apart


@dataclass(frozen=True)
class Timeline:
    """Days that something is known for.

    Parameters
    ----------
    days : tuple of datetime.date
        Ascending; 1 July for a year alone, the 15th for a month alone.
    when : {"date", "year"}
        Whether a day belongs to the nearest of them, or to that of its own year.
    max_days : int
        How far the nearest may lie; without meaning for years.
    """

    days: tuple[datetime.date, ...]
    when: str
    max_days: int = MAX_DAYS

    def pick(self, days):
        """Which entry belongs to each day.

        Parameters
        ----------
        days : array-like of datetime64[D], shape (n,)
            NaT where unknown.

        Returns
        -------
        ndarray of int, shape (n,)
            -1 where the day is unknown or no entry is near enough. Of two entries equally near, the earlier.
        """
        days = np.asarray(days, "datetime64[D]")
        ours = np.array(self.days, "datetime64[D]")
        if self.when == "year":
            same = days.astype("datetime64[Y]")[:, None] == ours.astype("datetime64[Y]")[None]
            return np.where(same.any(axis=1), same.argmax(axis=1), -1)
        known = ~np.isnat(days)
        apart = np.abs((np.where(known, days, ours[0])[:, None] - ours[None]).astype(int))
        nearest = apart.argmin(axis=1)
        near = apart[np.arange(len(days)), nearest] <= self.max_days
        return np.where(known & near, nearest, -1)

    def at(self, day, what):
        """The entry of one day.

        Parameters
        ----------
        day : str, datetime.date or datetime64
            See `day_of`.
        what : str
            What changes, for messages.

        Raises
        ------
        SceneError
            If there is none, naming the days there are.
        """
        day = day_of(day)
        index = int(self.pick([day])[0])
        if index < 0:
            gap = "" if self.when == "year" else f"; the nearest is {min(abs((there - day).days) for there in self.days)} days away"
            raise SceneError(f"{what} has nothing {self.reach(day)}{gap}. It has {self.listed()}. State one of these with --date{self._remedy}.")
        return index

    @property
    def _remedy(self):
        return "" if self.when == "year" else ", or allow more days with --max-days"

    def reach(self, day):
        """Where an entry for `day` would have to lie, in words."""
        return f"of the year {day.year}" if self.when == "year" else f"within {self.max_days} days of {day}"

    def label(self, index):
        """A day, or its year where years are meant."""
        return str(self.days[index].year) if self.when == "year" else str(self.days[index])

    def listed(self, most=8):
        """The days, in words, the middle left out where there are many."""
        names = [self.label(index) for index in range(len(self.days))]
        return ", ".join(names if len(names) <= most else [*names[: most - 2], "...", names[-1]])


@dataclass(frozen=True)
class DatedRasters:
    """Rasters of one covariate, or of several where they have several bands, one raster per date.

    Parameters
    ----------
    source : str
        Folder.
    timeline : Timeline
    names : tuple of str
        Of the covariates.
    files : tuple of FileSource
        One per date.
    bands : tuple of tuple of BandSource
        Per date, those of its file.
    """

    source: str
    timeline: Timeline
    names: tuple[str, ...]
    files: tuple[FileSource, ...] = field(repr=False)
    bands: tuple[tuple[BandSource, ...], ...] = field(repr=False)

    @property
    def what(self):
        """What changes, for messages."""
        return f"The covariate {self.names[0]!r}" if len(self.names) == 1 else f"The folder {Path(self.source).name!r}"

    def sample(self, grid, x, y, crs, days):
        """Values under points, each of the raster of its own date: float64 of shape (n, n_names), NaN where there is none."""
        out = np.full((len(x), len(self.names)), np.nan)
        picked = self.timeline.pick(days)
        for index in np.unique(picked[picked >= 0]):
            ours = picked == index
            with PixelReader(grid, (self.files[index],), self.bands[index]) as reader:
                out[ours] = sample_places(reader, x[ours], y[ours], crs)
        return out


def day_of(value):
    """A day that somebody stated, as datetime.date.

    Parameters
    ----------
    value : str, int, datetime.date or datetime64
        ``"2024-05-01"``, or a year alone, which stands for its 1 July as in a sample table.

    Raises
    ------
    SettingsError
        If it is neither.
    """
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    text = str(np.datetime64(value, "D")) if isinstance(value, np.datetime64) else str(value).strip()
    if re.fullmatch(r"(19|20)\d{2}", text):
        return datetime.date(int(text), 7, 1)
    with suppress(ValueError):
        return datetime.date.fromisoformat(text)
    raise SettingsError(f"--date {text!r} is no day. Write a day such as 2024-05-01, or a year such as 2024.")


def dated_files(folder, what="covariate"):
    """Rasters of a folder in the order of time; their dates follow the rule of `soilcore.data.raster_dates`.

    Parameters
    ----------
    folder : path
    what : str
        What the folder is called in messages.

    Returns
    -------
    files : tuple of pathlib.Path
    days : tuple of datetime.date
    when : {"date", "year"}
    said : str
        How they are dated, in words.

    Raises
    ------
    SceneError
        If a raster states no date, two state the same, or some state days and others years.
    """
    folder = Path(folder)
    rasters = sorted(path for path in folder.iterdir() if path.suffix.lower() in RASTER_ENDINGS and not path.name.startswith("."))
    if not rasters:
        raise SceneError(
            f"The {what} {str(folder)!r} is a folder without rasters. Put GeoTIFFs named by date or year into it, such as 2019.tif or 2019-05-01.tif."
        )
    known = {path: _date_of(path) for path in rasters}
    if undated := [path.name for path, told in known.items() if told is None]:
        raise SceneError(
            f"{len(undated)} of the {len(rasters)} rasters in {str(folder)!r} state no date, or several, for example {undated[0]!r}. "
            "Name each by its date or year, such as 2019-05-01.tif or ndvi_2019.tif."
        )
    kinds = {told.kind for told in known.values()}
    if len(kinds) > 1:
        examples = " and ".join(next(f"{path.name!r} {_KINDS[kind]}" for path, told in known.items() if told.kind == kind) for kind in sorted(kinds))
        raise SceneError(f"The rasters in {str(folder)!r} are dated in several ways ({examples}). Name all of them by year, or all by date.")
    _check_once(known, folder)
    files = tuple(sorted(rasters, key=lambda path: known[path].day))
    kind = kinds.pop()
    days = tuple(known[path].day for path in files)
    notes = said_notes((path.name, known[path].note) for path in files)
    return files, days, "year" if kind == "year" else "date", f"{_KINDS[kind]} ({'; '.join(notes)})" if notes else _KINDS[kind]


def _check_once(known, folder):
    seen = {}
    for path, told in known.items():
        period = str(told.day)[: _DIGITS[told.kind]]
        if period in seen:
            raise SceneError(
                f"Two rasters in {str(folder)!r} are of the same date: {seen[period].name!r} and {path.name!r}. "
                "A covariate has one raster per date: mosaic tiles first, and keep other quantities in folders of their own."
            )
        seen[period] = path


def _date_of(path):
    with opened_raster(path, what="covariate") as dataset:
        return raster_date(path.stem, dataset.tags())
