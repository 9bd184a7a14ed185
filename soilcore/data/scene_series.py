"""Scenes of many dates as one thing: opened one by one, on one grid, with the bands all of them have, and found by date."""

import datetime
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.findings import Finding
from soilcore.core.grids import Grid
from soilcore.core.progress import silent
from soilcore.data.campaigns import GAP_DAYS, campaigns_of
from soilcore.data.imagery import CHEAP_FINGERPRINT_BYTES, Scene, SceneSettings, open_scene, sampled_content
from soilcore.data.laid_scene import lay
from soilcore.data.scaling import EmptySceneError, Scaling
from soilcore.data.scene_agreement import common_findings, common_grid, common_roles, common_sensor, listed, said_dates, said_of_each
from soilcore.data.scene_groups import groups_of_cube, groups_of_files, groups_of_folder, holds_several_scenes
from soilcore.data.timeline import MAX_DAYS, Timeline


@dataclass(frozen=True)
class SceneSeries:
    """Scenes of many dates on one grid. Pixels stay on disk.

    Parameters
    ----------
    scenes : tuple of Scene
        One per date, all on `grid` and with the bands `roles`.
    dates : tuple of datetime.date
        Ascending, each once.
    when : {"date", "year"}
        Whether a scene stands for its day or for its whole year.
    grid : Grid
    roles : tuple of str
        Bands that all scenes have.
    sensor : str or None
    scaling : Scaling
        Of the first scene; each scene is read with its own.
    assumed : tuple of str
    findings : tuple of Finding
    max_days : int
        How far a scene may lie from a date it is taken for.
    settings : SceneSettings
    """

    scenes: tuple[Scene, ...]
    dates: tuple[datetime.date, ...]
    when: str
    grid: Grid
    roles: tuple[str, ...]
    sensor: str | None
    scaling: Scaling
    assumed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    max_days: int = MAX_DAYS
    settings: SceneSettings | None = field(default=None, repr=False)

    def __len__(self):
        return len(self.scenes)

    @property
    def paths(self):
        """Files and folders of all scenes."""
        return tuple(path for scene in self.scenes for path in scene.paths)

    @property
    def days(self):
        """The dates, ndarray of datetime64[D]."""
        return np.array(self.dates, "datetime64[D]")

    @cached_property
    def fingerprint(self):
        """sha256 of what the files hold and of how they are read; computed when first asked for.

        Above 1 GiB altogether every file enters by its size, time of change and parts of it, and the fingerprint begins with "sampled-".
        """
        said = [self.when, [str(day) for day in self.dates], self.roles, self.grid.shape, tuple(self.grid.transform), self.grid.crs.to_wkt()]
        if sum(file.stat().st_size for path in self.paths for file in _files_of(path)) <= CHEAP_FINGERPRINT_BYTES:
            return fingerprint.of_settings(said, [scene.fingerprint for scene in self.scenes])
        read_as = [[list(scene.bands), scene.quality.keep, scene.quality.dilate] if scene.quality else list(scene.bands) for scene in self.scenes]
        files = dict.fromkeys(file for path in self.paths for file in _files_of(path))  # a cube is one file of many dates
        return f"sampled-{fingerprint.of_settings(said, read_as, [sampled_content(file, 4) for file in files])}"

    def within(self, max_days):
        """The same series with another limit in days.

        Raises
        ------
        SettingsError
            If the limit is negative.
        """
        if not max_days >= 0:
            raise SettingsError(f"A limit of {max_days} days is impossible. Give 0 or more.")
        return replace(self, max_days=int(max_days))

    @property
    def timeline(self):
        """The days there are, and which of them belongs to another day."""
        return Timeline(self.dates, self.when, self.max_days)

    def pick(self, days):
        """Which scene stands for each day: the nearest within `max_days` (of two equally near the earlier), by year that of the same year.

        Parameters
        ----------
        days : array-like of datetime64[D], shape (n,)

        Returns
        -------
        ndarray of int, shape (n,)
            Number of the scene; -1 where none is near enough and where the day is not known.
        """
        return self.timeline.pick(days)

    def at(self, date):
        """The scene that stands for a date.

        Parameters
        ----------
        date : str, datetime.date or numpy.datetime64
            A day such as "2025-03-17", or a year such as "2025", which means its 1 July where scenes stand for days.

        Returns
        -------
        Scene

        Raises
        ------
        SceneError
            If none is near enough; names the dates there are.
        SettingsError
            If the text is no date.
        """
        return self.scenes[self.timeline.at(date, "The imagery")]

    def sample(self, x, y, crs, days):
        """Reflectance under points, each from the scene of its day.

        Parameters
        ----------
        x, y : array-like of shape (n,)
        crs : pyproj.CRS
            Of the points.
        days : array-like of datetime64[D], shape (n,)

        Returns
        -------
        ndarray of float64, shape (n, n_roles)
            Exactly what the scene's `read` gives at those pixels; NaN outside and where no scene is near enough.
        """
        x, y, picked = np.asarray(x, float), np.asarray(y, float), self.pick(days)
        out = np.full((x.size, len(self.roles)), np.nan)
        for number in np.unique(picked[picked >= 0]):
            ours = picked == number
            out[ours] = self.scenes[number].sample(x[ours], y[ours], crs)
        return out

    def campaigns(self, days, gap_days=GAP_DAYS):
        """Sampling campaigns and the scenes that stand for them.

        Parameters
        ----------
        days : array-like of datetime64[D], shape (n,)
        gap_days : int
            See `soilcore.data.campaigns.campaigns_of`.

        Returns
        -------
        list of dict
            One per campaign and scene: ``campaign`` (its days), ``samples`` (how many), ``scene`` (its date, or year, or None where none is near
            enough), ``days_apart`` (most days between a sample and the scene, None without one).
        """
        days = np.asarray(days, "datetime64[D]")
        picked, rows = self.pick(days), []
        for campaign in campaigns_of(days, gap_days):
            for number in np.unique(picked[campaign.samples]):
                ours = campaign.samples[picked[campaign.samples] == number]
                apart = int(np.abs(days[ours] - self.days[number]).astype(int).max()) if number >= 0 else None
                rows.append({"campaign": campaign.name, "samples": int(ours.size), "scene": self._label(number), "days_apart": apart})
        return rows

    def _label(self, number):
        if number < 0:
            return None
        return str(self.dates[number].year) if self.when == "year" else self.dates[number].isoformat()


def open_scenes(settings, report=silent, max_days=MAX_DAYS):
    """Open imagery of one date or of many.

    Parameters
    ----------
    settings : SceneSettings
        Its paths name one scene as for `soilcore.data.imagery.open_scene`, or many: a folder of dated stacks, products or band files, or
        several paths that each hold a whole scene. Scale, offset, roles and nodata hold for all.
    report : Report
    max_days : int
        See `SceneSeries`.

    Returns
    -------
    Scene or SceneSeries
        A folder of scenes is a series even if it holds one. Scenes of another grid are laid onto the commonest one; of several scenes
        of one day the first valid value counts, in the order of their names; all this is said in `assumed`.

    Raises
    ------
    UnreadableError, SettingsError
        As `open_scene`.
    SceneError
        Also if a file of a series has no date, the sensors differ, no band is common to all, or a scene lies elsewhere.
    """
    found = _groups(settings)
    if found is None:
        return open_scene(settings, report)
    groups, when = found
    if groups[0].date is None:
        return open_scene(replace(settings, paths=groups[0].paths), report)
    opened, empty = [], []
    for number, group in enumerate(groups):
        report(number, len(groups), f"opening {group.name}")
        try:
            opened.append((group, _open(group, settings)))
        except EmptySceneError:
            empty.append(group)
    if not opened:
        raise SceneError(f"None of the {len(groups)} scenes holds a valid pixel: all are no data or cloud. Check --nodata, or fetch other dates.")
    report(len(groups), len(groups), "laying the scenes onto one grid")
    return _series(opened, empty, when, settings, max_days)


def _groups(settings):
    """Groups of files and how they are dated, or None for a single scene."""
    paths = settings.paths
    if len(paths) == 1:
        if holds_several_scenes(paths[0]):
            return groups_of_folder(paths[0], settings.trusted)
        return groups_of_cube(paths[0]) if settings.date is None else None
    folders = [path for path in paths if holds_several_scenes(path)]
    if folders:
        raise SettingsError(f"{folders[0]!r} is a folder of scenes. Name it alone, or name its files.")
    return groups_of_files(paths, settings.trusted)


def _open(group, settings):
    """One scene; every failure names its file."""
    try:
        return open_scene(replace(settings, paths=group.paths, date=group.day or settings.date), glance=_says_scaling(group, settings))
    except EmptySceneError:
        raise
    except (SceneError, SettingsError) as error:
        raise type(error)(f"Scene {group.name}: {error.message}", error.findings) from None


def _says_scaling(group, settings):
    """Whether a glance at the pixels is enough; where they have to decide, all that `open_scene` looks at are looked at."""
    return group.says_scaling or (settings.scale is not None and settings.offset is not None)


def _series(opened, empty, when, settings, max_days):
    sensor = common_sensor(opened)
    roles, without = common_roles(opened)
    grid, laid = common_grid(opened)
    dates = tuple(sorted({group.date for group, _ in opened}))
    scenes = tuple(replace(lay([scene for group, scene in opened if group.date == day], grid, roles), date=day) for day in dates)
    assumed = (*said_dates(opened, when), *laid, *without, *_said_empty(empty), *said_of_each(opened))
    return SceneSeries(scenes, dates, when, grid, roles, sensor, scenes[0].scaling, assumed, common_findings(opened), settings=settings).within(
        max_days
    )


def _said_empty(empty):
    return (f"left out, no valid pixel: {listed([group.name for group in empty])}",) if empty else ()


def _files_of(path):
    path = Path(path)
    if path.is_dir():
        return [file for file in sorted(path.rglob("*")) if file.is_file()]
    return [path] if path.is_file() else []
