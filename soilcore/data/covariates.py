"""Covariates: any raster laid onto the reference grid, continuous ones by bilinear interpolation, categories by nearest neighbour.

A folder of rasters named or tagged by date or year (see `raster_dates`) is one covariate that changes: samples read the raster of
their own date, a map that of a stated one.
"""

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Grid
from soilcore.core.progress import silent
from soilcore.data.covariate_files import changes_in_cube, opened_cube_dates, opened_file, opened_folder, plain_name
from soilcore.data.cubes import cube_fingerprint
from soilcore.data.cubes_opening import is_cube
from soilcore.data.pixels import BandSource, FileSource, PixelReader, sample_places
from soilcore.data.timeline import MAX_DAYS, DatedRasters

MOST_CATEGORIES = 256
_LARGEST_CODE = 1 << 24  # beyond it float32 cannot tell neighbouring codes apart
_SUFFIX = re.compile(r":([A-Za-z]+)$")


@dataclass(frozen=True)
class CovariateSpec:
    """One raster, or one folder of dated rasters, that serves as predictor.

    Parameters
    ----------
    path : str
    name : str
        Of the predictor. A raster of several bands gives one predictor each, named by the band's description, else name_1, name_2 ...
    categorical : bool
        Codes of classes rather than amounts: nearest neighbour, one 0/1 predictor per class.
    band : int, optional
        Only this band, from 1; all if not given.
    unit : str, optional
        Of its values; what the file says of itself if not given.
    made : dict, optional
        How the raster was computed, where it was: the quantity and its settings, as JSON values.
    when : {"static", "date", "year"}
        Whether it changes with time; found out when it is opened.
    """

    path: str
    name: str
    categorical: bool = False
    band: int | None = None
    unit: str | None = None
    made: dict | None = field(default=None, hash=False)
    when: str = "static"


@dataclass(frozen=True)
class CovariateStack:
    """Covariates on one grid. Pixels stay on disk.

    Parameters
    ----------
    grid : Grid
        Of all windows; a geographic one serves as well.
    specs : tuple of CovariateSpec
        One per predictor; names are unique.
    assumed : tuple of str
        Which rasters were laid onto the grid, and how.
    files, bands : tuple
        Where the pixels are of what does not change.
    dynamic : tuple of DatedRasters
        What changes with time. Windows are read from the stack of one date, see `at`.
    """

    grid: Grid
    specs: tuple[CovariateSpec, ...]
    assumed: tuple[str, ...] = ()
    files: tuple[FileSource, ...] = field(default=(), repr=False)
    bands: tuple[BandSource, ...] = field(default=(), repr=False)
    dynamic: tuple[DatedRasters, ...] = field(default=(), repr=False)

    @property
    def names(self):
        """Names of the covariates, in the order of the first axis of a window."""
        return tuple(spec.name for spec in self.specs)

    @property
    def changing(self):
        """Names of the covariates that change with time."""
        return tuple(name for each in self.dynamic for name in each.names)

    def at(self, date):
        """The covariates of one date, none of which changes any more.

        Parameters
        ----------
        date : str or datetime.date
            A day, or a year alone.

        Returns
        -------
        CovariateStack

        Raises
        ------
        SceneError
            If a covariate has no raster near enough, naming the dates it has.
        """
        files, found, said = list(self.files), {band.name: band for band in self.bands}, []
        for each in self.dynamic:
            index = each.timeline.at(date, each.what)
            found |= {band.name: replace(band, file=len(files)) for band in each.bands[index]}
            files.append(each.files[index])
            said.append(f"{', '.join(each.names)} of {each.timeline.label(index)}")
        return replace(self, assumed=(*self.assumed, *said), files=tuple(files), bands=tuple(found[name] for name in self.names), dynamic=())

    @cached_property
    def fingerprint(self):
        """sha256 of the files' bytes, the specs and the grid; computed when first asked for."""
        dated = [file for each in self.dynamic for file in each.files]
        paths = dict.fromkeys(file.path for file in (*self.files, *dated))
        content = [cube_fingerprint(path) if is_cube(path) else fingerprint.of_file(path) for path in paths]
        specs = [(spec.name, spec.categorical, spec.band) for spec in self.specs]
        return fingerprint.of_settings(content, specs, self.grid.shape, tuple(self.grid.transform), self.grid.crs.to_wkt())

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread.

        Yields
        ------
        PixelReader
            ``.read(window)`` gives float32 of shape (covariate, row, column), NaN where missing.

        Raises
        ------
        SettingsError
            If a covariate changes with time, so that a date must be chosen first.
        """
        if self.dynamic:
            raise SettingsError(
                f"{self.dynamic[0].what} changes with time. State the date of the map with --date; {_days_there_are(self.dynamic[0])}."
            )
        with PixelReader(self.grid, self.files, self.bands) as reader:
            yield reader

    def read(self, window, names=None):
        """Values of one window, float32 of shape (covariate, row, column), NaN where missing; opens the files anew each time."""
        with self.reader() as reader:
            return reader.read(window, names)

    def sample(self, x, y, crs=None, days=None):
        """Values under points: exactly what `read` gives at their pixels, on their dates.

        Parameters
        ----------
        x, y : array-like of shape (n,)
        crs : pyproj.CRS, optional
            Of the points; the grid's own if not given.
        days : array-like of datetime64[D], shape (n,), optional
            Needed where a covariate changes with time.

        Returns
        -------
        ndarray of float64, shape (n, n_covariates)
            NaN outside, where missing, and where a covariate has no raster near enough to the day.

        Raises
        ------
        SettingsError
            If a covariate changes with time and no days are given.
        """
        x, y = np.asarray(x, float), np.asarray(y, float)
        if self.dynamic and days is None:
            raise SettingsError(f"{self.dynamic[0].what} changes with time, so every place needs a date; {_days_there_are(self.dynamic[0])}.")
        found = {}
        with PixelReader(self.grid, self.files, self.bands) as reader:
            found |= dict(zip((band.name for band in self.bands), sample_places(reader, x, y, crs).T, strict=True))
        for each in self.dynamic:
            found |= dict(zip(each.names, each.sample(self.grid, x, y, crs, days).T, strict=True))
        return np.stack([found[name] for name in self.names], axis=1)

    def categories(self, name, report=silent):
        """Codes that a categorical covariate holds on the grid, for one-hot predictors.

        Parameters
        ----------
        name : str
        report : Report

        Returns
        -------
        tuple of int
            In ascending order.

        Raises
        ------
        SceneError
            If it holds more than 256 different values, or values that are no whole numbers.
        """
        found = set()
        sources = [((self.files), self.bands), *((each.files[k : k + 1], bands) for each in self.dynamic for k, bands in enumerate(each.bands))]
        sources = [(files, bands) for files, bands in sources if name in (band.name for band in bands)]
        windows = list(self.grid.windows())
        for number, (files, bands) in enumerate(sources):
            with PixelReader(self.grid, files, bands) as reader:
                for done, window in enumerate(windows, start=number * len(windows)):
                    report(done, len(windows) * len(sources), f"listing the classes of {name}")
                    values = reader.read(window, (name,))
                    found.update(np.unique(values[np.isfinite(values)]).tolist())
                    _check_codes(found, name)
        return tuple(sorted(int(code) for code in found))


def parse_covariate(text):
    """``"FILE"`` or ``"FILE:categorical"`` as a `CovariateSpec` named after the file; a folder of dated rasters likewise.

    Raises
    ------
    SettingsError
        If something else follows the colon.
    """
    path, categorical = str(text), False
    suffix = _SUFFIX.search(path)
    if suffix and not Path(path).exists():
        if suffix[1] != "categorical":
            raise SettingsError(f"{text!r} ends with {suffix[0]!r}. After the file of a covariate only ':categorical' may follow.")
        path, categorical = path[: suffix.start()], True
    if not path:
        raise SettingsError("A covariate needs a file: --covariate FILE, or FILE:categorical.")
    name = Path(path).resolve().name if Path(path).is_dir() and not is_cube(path) else Path(path).stem
    return CovariateSpec(path, plain_name(name), categorical)


def open_covariates(specs, grid=None, report=silent, max_days=MAX_DAYS, units=None):
    """Open covariates on one grid.

    Parameters
    ----------
    specs : sequence of CovariateSpec
    grid : Grid, optional
        That of the scene. Without one the first covariate's grid is the reference, whatever its reference system.
    report : Report
    max_days : int
        How far the raster of a covariate that changes by date may lie from a day.
    units : dict of str to str, optional
        Units by name of covariate, where somebody stated them; they count more than what a file says.

    Returns
    -------
    CovariateStack

    Raises
    ------
    UnreadableError
        If a file is missing, no raster, damaged or cut off.
    SceneError
        If a raster lies nowhere on earth, or nowhere on the grid, or a folder's rasters cannot be dated.
    SettingsError
        If two covariates have one name, or a unit is stated for one that is not there.
    """
    specs = tuple(specs)
    if not specs:
        raise SettingsError("No covariate was given. Name a raster with --covariate.")
    if max_days < 0:
        raise SettingsError(f"--max-days {max_days} is not possible. Give 0 or more days.")
    expanded, files, bands, dynamic, assumed = [], [], [], [], []
    for number, spec in enumerate(specs):
        report(number, len(specs), f"opening {Path(spec.path).name}")
        several = changes_in_cube(spec)
        if several or (Path(spec.path).is_dir() and not is_cube(spec.path)):
            grid, ours, dated, said = (opened_cube_dates if several else opened_folder)(spec, grid, max_days)
            dynamic.append(dated)
            assumed += said
        else:
            grid, ours, file, its_bands = opened_file(spec, grid)
            how = file.resampling or getattr(file, "laid", None)
            if how and file not in files:
                assumed.append(f"{Path(spec.path).name} laid onto the grid of the map ({how})")
            if file not in files:
                files.append(file)
            bands += [replace(band, file=files.index(file)) for band in its_bands]
        expanded += ours
    _check_names(expanded)
    expanded = _with_units(expanded, units or {})
    return CovariateStack(grid, tuple(expanded), tuple(assumed), tuple(files), tuple(bands), tuple(dynamic))


def _days_there_are(dated):
    return f"there are {dated.timeline.listed()}"


def _with_units(specs, units):
    names = [spec.name for spec in specs]
    if unknown := [name for name in units if name not in names]:
        raise SettingsError(f"A unit is stated for {unknown[0]!r}, but no covariate has that name. Covariates: {', '.join(names)}.")
    return [replace(spec, unit=units.get(spec.name, spec.unit)) for spec in specs]


def _check_names(specs):
    names = [spec.name for spec in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        paths = ", ".join(str(spec.path) for spec in specs if spec.name == twice)
        raise SettingsError(f"Two covariates are called {twice!r} ({paths}). Rename one of the files: a predictor needs a name of its own.")


def _check_codes(found, name):
    odd = next((value for value in found if value != int(value) or abs(value) > _LARGEST_CODE), None)
    if odd is not None:
        raise SceneError(f"The covariate {name!r} is called categorical, but holds {odd:g}, which is no class code. Use it without ':categorical'.")
    if len(found) > MOST_CATEGORIES:
        raise SceneError(
            f"The covariate {name!r} is called categorical, but holds more than {MOST_CATEGORIES} different values. Use it without ':categorical'."
        )
