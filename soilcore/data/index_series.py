"""Vegetation indices over time, however they lie: dated rasters, dated scenes, a stack of dates, data cubes, arrays with masks, tables."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SceneError, UnreadableError
from soilcore.core.findings import Finding
from soilcore.core.grids import Grid
from soilcore.core.progress import silent

_RASTERS = (".tif", ".tiff", ".jp2")


@dataclass(frozen=True)
class IndexSeries:
    """Rasters of a vegetation index at many dates on one grid. Pixels stay on disk.

    Parameters
    ----------
    index : str
        Registry id.
    days : ndarray of datetime64[D], shape (n_dates,)
        Ascending, each once.
    grid : Grid
    source : object
        ``opened()`` gives what reads images in the order of `position`.
    position : tuple of tuple of int
        Images of the source that make each date; several images of one day are averaged.
    path : str
    assumed : tuple of str
    findings : tuple of Finding
    needs_bands : bool
        Whether the source holds scenes, of which the index must be computed.
    roles : tuple of str
        Bands of the scenes.
    """

    index: str
    days: np.ndarray
    grid: Grid
    source: object = field(repr=False)
    position: tuple[tuple[int, ...], ...] = field(repr=False)
    path: str
    assumed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    needs_bands: bool = False
    roles: tuple[str, ...] = ()

    def __len__(self):
        return self.days.size

    @cached_property
    def fingerprint(self):
        """sha256 of the files' bytes and of how they are read."""
        path = Path(self.path)
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        content = [(file.name, fingerprint.of_file(file)) for file in files]
        return fingerprint.of_settings(content, self.index, [str(day) for day in self.days], list(self.assumed))

    @contextmanager
    def reader(self, roles=(), compute=None):
        """Open the files once for many windows; a reader belongs to one thread.

        Parameters
        ----------
        roles : sequence of str
            Bands that `compute` needs, for a series of scenes.
        compute : callable, optional
            ``compute({role: reflectance})`` gives the index.

        Yields
        ------
        callable
            ``read(window, dates=None)`` gives float32 of shape (n_dates, rows, columns), NaN where missing; `dates` picks some by number.
        """
        with ExitStack() as stack:
            read_image = stack.enter_context(self.source.opened(tuple(roles), compute))

            def read(window, dates=None):
                wanted = range(len(self)) if dates is None else dates
                out = np.empty((len(wanted), window.height, window.width), np.float32)
                for place, date in enumerate(wanted):
                    images = [read_image(number, window) for number in self.position[date]]
                    out[place] = images[0] if len(images) == 1 else _mean(images)
                return out

            yield read


@dataclass(frozen=True)
class PointSeries:
    """Values of a vegetation index at places with ids, from a table.

    Parameters
    ----------
    index : str
    frame : pandas.DataFrame
        Columns ``id``, ``day`` (datetime64), ``value``, ``weight`` (0-1); sorted by id as they appear, then by day.
    path : str
    assumed : tuple of str
    findings : tuple of Finding
    """

    index: str
    frame: object = field(repr=False)
    path: str = ""
    assumed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @cached_property
    def fingerprint(self):
        """sha256 of the table's bytes and of how it is read."""
        return fingerprint.of_settings(fingerprint.of_file(self.path) if self.path else "", self.index, list(self.assumed))

    def places(self):
        """Each id with its days, values and weights.

        Yields
        ------
        (id, ndarray of datetime64[D], ndarray of float, ndarray of float)
        """
        for name, rows in self.frame.groupby("id", sort=False):
            yield name, rows["day"].to_numpy("datetime64[D]"), rows["value"].to_numpy(float), rows["weight"].to_numpy(float)


def open_index_series(path, index="NDVI", *, crs=None, scale=None, nodata=None, columns=None, scene=None, trusted=False, report=silent):
    """Open a vegetation index over time.

    Parameters
    ----------
    path : path
        A folder of dated single-band rasters of the index, or of dated scenes; one stack whose bands are described by their dates; a NetCDF
        file or Zarr folder; a folder of arrays with masks (``data_NDVI.npy``, ``timestamps.json``, ``bbox.geojson``); or a table with one
        row per place and date, or one column per date.
    index : str
        Registry id; names the variable, array or column, and what is computed of scenes.
    crs : str, optional
        Reference system of rasters that name none, such as "EPSG:32633".
    scale : float, optional
        Index = stored value * scale; from the file or the size of the values otherwise.
    nodata : float, optional
        Stored value that means no data; wins over the file's own.
    columns : dict, optional
        Of a table: names of ``id``, ``date``, ``value`` and ``qa``, where they are not found by themselves.
    scene : SceneSettings, optional
        How scenes are to be read; `path` replaces its paths.
    trusted : bool
        Whether the name comes from the machine's own user.
    report : Report

    Returns
    -------
    IndexSeries or PointSeries

    Raises
    ------
    UnreadableError
        If nothing readable is there.
    SceneError, SampleError
        If dates, place or meaning of the values stay open; the message names the option.
    """
    from soilcore.data.cubes_opening import is_cube

    place = Path(path)
    if not place.exists():
        raise UnreadableError(f"The series {str(path)!r} does not exist. Check the spelling and the folder.")
    if is_cube(place):
        return _from_cube(place, index, crs, scale)
    if place.is_dir():
        return _from_folder(place, index, crs, scale, nodata, scene, trusted, report)
    if _is_raster(place):
        return _from_rasters((place,), place, index, crs, scale, nodata, trusted, report)
    from soilcore.data.index_tables import read_series_table

    return PointSeries(index, *read_series_table(place, index, scale, columns or {}))


def _from_folder(folder, index, crs, scale, nodata, scene, trusted, report):
    if (folder / "timestamps.json").is_file():
        from soilcore.data.index_arrays import open_arrays

        source, days, grid, assumed = open_arrays(folder, index, scale)
        return _series(index, days, grid, source, folder, assumed)
    rasters = sorted(file for file in folder.iterdir() if file.suffix.lower() in _RASTERS and not file.name.startswith("."))
    if _are_images(rasters, trusted):
        return _from_rasters(rasters, folder, index, crs, scale, nodata, trusted, report)
    inner = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and any(file.suffix.lower() in _RASTERS for file in entry.iterdir()))
    if not rasters and inner and not any(name.upper().endswith(".SAFE") for name in inner):
        raise UnreadableError(f"The folder {str(folder)!r} holds no rasters itself, but its folders do ({', '.join(inner[:6])}). Name one of them.")
    return _from_scenes(folder, index, scene, trusted, report)


def _are_images(rasters, trusted):
    """Whether every file is one image of the index: a single band, and not several files of nearly every date as for the bands of scenes."""
    from soilcore.data.raster_dates import date_in
    from soilcore.data.rasters import opened_raster

    if not rasters:
        return False
    with opened_raster(rasters[0], trusted) as first, opened_raster(rasters[-1], trusted) as last:
        if first.count > 1 or last.count > 1:
            return False
    days = {date_in(file.stem) for file in rasters}
    return len(days) > len(rasters) / 2 or len(rasters) < 3


def _from_rasters(files, path, index, crs, scale, nodata, trusted, report):
    from soilcore.data.index_images import open_images

    source, days, grid, assumed = open_images(files, crs, scale, nodata, trusted, report)
    return _series(index, days, grid, source, path, assumed)


def _from_scenes(folder, index, scene, trusted, report):
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.index_images import SceneSource
    from soilcore.data.scene_series import SceneSeries, open_scenes

    settings = replace(scene or SceneSettings((), trusted=trusted), paths=(str(folder),))
    opened = open_scenes(settings, report)
    if not isinstance(opened, SceneSeries) or opened.when != "date":
        raise SceneError(
            f"{str(folder)!r} holds no series of dated scenes. A season needs images of many days of the year, each named or tagged by its day."
        )
    series = _series(index, opened.days, opened.grid, SceneSource(opened.scenes), folder, opened.assumed)
    return replace(series, findings=opened.findings, needs_bands=True, roles=opened.roles)


def _from_cube(path, index, crs, scale):
    from soilcore.data.index_images import open_cube_images

    source, days, grid, assumed = open_cube_images(path, index, crs, scale)
    return _series(index, days, grid, source, path, assumed)


def _series(index, days, grid, source, path, assumed):
    """Dates in order, each once."""
    days = np.asarray(days, "datetime64[D]")
    once, place = np.unique(days, return_inverse=True)
    position = tuple(tuple(int(k) for k in np.flatnonzero(place == number)) for number in range(once.size))
    twice = [str(day) for day, images in zip(once, position, strict=True) if len(images) > 1]
    said = (f"images of one day are averaged: {', '.join(twice[:5])}",) if twice else ()
    return IndexSeries(index, once, grid, source, position, str(path), (*assumed, *said))


def _mean(images):
    """Mean of what is valid."""
    stack = np.stack(images)
    valid = np.isfinite(stack)
    count = valid.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.where(valid, stack, 0).sum(axis=0) / count).astype(np.float32)


def _is_raster(path):
    with open(path, "rb") as stream:
        start = stream.read(256)
    tiff = start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    return tiff or start.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")) or start.lstrip().startswith(b"<VRTDataset")
