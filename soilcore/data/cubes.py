"""Data cubes: NetCDF files and Zarr folders as rasters, one layer per variable and band, one step per date, read window by window."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Grid
from soilcore.data.cubes_axes import Axes, cube_axes, cube_days, spatial_dims, time_dim
from soilcore.data.cubes_layers import CubeLayer, band_dim, cube_variables, layers_of, one_nodata, physical, raster_variables, unique
from soilcore.data.cubes_opening import is_cube, opened_cube, reading_cube
from soilcore.data.rasters import check_window

__all__ = ["CubeLayer", "CubeReader", "CubeSource", "cube_days", "cube_grid", "cube_variables", "is_cube", "open_cube", "opened_cube"]

_CHEAP_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class CubeSource:
    """A cube that was opened and understood. Values stay on disk.

    Parameters
    ----------
    path : str
    grid : Grid
        North-up, whatever the order in the file.
    layers : tuple of CubeLayer
    days : ndarray of datetime64[D], shape (n_times,)
        Of length 0 where the cube has no time.
    attrs : dict
        Attributes of the whole file.
    assumed : tuple of str
    axes : Axes
    """

    path: str
    grid: Grid
    layers: tuple[CubeLayer, ...]
    days: np.ndarray
    attrs: dict = field(default_factory=dict, repr=False)
    assumed: tuple[str, ...] = ()
    axes: Axes | None = field(default=None, repr=False)

    @property
    def names(self):
        """Names of the layers."""
        return tuple(layer.name for layer in self.layers)

    @cached_property
    def fingerprint(self):
        """sha256 of the file's bytes, or of all files of a Zarr folder; above 1 GiB of sizes and times of change."""
        return cube_fingerprint(self.path)

    @contextmanager
    def reader(self):
        """Open the cube once for many windows; a reader belongs to one thread.

        Yields
        ------
        CubeReader
        """
        with opened_cube(self.path) as dataset:
            yield CubeReader(self, dataset)

    def stored(self, window, names=None, day=None):
        """Stored values of one window, see `CubeReader.stored`; opens the cube anew each time."""
        with self.reader() as reader:
            return reader.stored(window, names, day)

    def values(self, window, names=None, day=None):
        """Physical values of one window, see `CubeReader.values`; opens the cube anew each time."""
        with self.reader() as reader:
            return reader.values(window, names, day)

    def step(self, day):
        """Position of a day on the time axis.

        Parameters
        ----------
        day : str, datetime.date, numpy.datetime64 or None
            None is possible only where there is no more than one date.

        Raises
        ------
        SceneError
            Naming the dates there are.
        """
        if self.days.size == 0:
            return 0
        if day is None:
            if self.days.size == 1:
                return 0
            raise SceneError(f"{self.path!r} holds {self.days.size} dates ({_few(self.days)}). Say which with --date, e.g. --date {self.days[0]}.")
        try:
            wanted = np.datetime64(str(day), "D")
        except ValueError:
            raise SettingsError(f"{day!r} is no date. Write it as year-month-day, e.g. {self.days[0]}.") from None
        found = np.flatnonzero(self.days == wanted)
        if found.size == 0:
            raise SceneError(f"{self.path!r} holds no {wanted}. Its dates: {_few(self.days)}.")
        return int(found[0])


class CubeReader:
    """Windows of an open cube.

    Parameters
    ----------
    source : CubeSource
    dataset : xarray.Dataset
    """

    def __init__(self, source, dataset):
        self.source, self.dataset = source, dataset
        self._layers = {layer.name: layer for layer in source.layers}

    def stored(self, window, names=None, day=None):
        """Values as the file stores them.

        Parameters
        ----------
        window : Window
            Of the north-up grid.
        names : sequence of str, optional
            Layers, in this order; all if not given.
        day : str, date or datetime64, optional
            Which date; needed where there are several.

        Returns
        -------
        ndarray, shape (n_names, rows, columns)
            In the common type of the layers. Every value that the file calls missing is the layer's `nodata`.

        Raises
        ------
        SceneError
            If a name or date is not there, or the window lies outside.
        UnreadableError
            If the file is damaged.
        """
        check_window(window, self.source.grid)
        layers = self._named(names)
        step = self.source.step(day) if any(layer.dated for layer in layers) else 0
        return np.stack([self._part(layer, window, slice(step, step + 1))[0] for layer in layers])

    def values(self, window, names=None, day=None):
        """Physical values: float32 of shape (n_names, rows, columns), NaN where missing, the file's scale and offset applied once."""
        stored = self.stored(window, names, day)
        return np.stack([physical(part, layer) for part, layer in zip(stored, self._named(names), strict=True)])

    def series(self, window, name, start=0, stop=None):
        """Physical values of one layer over its time axis: float32 of shape (n_times, rows, columns), NaN where missing."""
        check_window(window, self.source.grid)
        (layer,) = self._named([name])
        return physical(self._part(layer, window, slice(start, stop)), layer)

    def _named(self, names):
        if names is None:
            return self.source.layers
        if unknown := [name for name in names if name not in self._layers]:
            raise SceneError(f"There is no variable {unknown[0]!r} in {self.source.path!r}. Variables: {', '.join(self._layers)}.")
        return [self._layers[name] for name in names]

    def _part(self, layer, window, steps):
        """Stored values of some steps, shape (n_steps, rows, columns)."""
        axes, variable = self.source.axes, self.dataset[layer.variable].variable
        rows = axes.rows[window.row : window.row + window.height]
        cols = axes.cols[window.col : window.col + window.width]
        at = {} if layer.band is None else {band_dim(self.dataset, layer.variable): layer.band}
        when = time_dim(self.dataset, variable.dims)
        if when is not None:
            at[when] = steps
        order = [dim for dim in (when, axes.y_dim, axes.x_dim) if dim is not None]
        columns = []
        with reading_cube(self.source.path):
            for run in _runs(cols):
                bands = [variable.isel({**at, axes.y_dim: up, axes.x_dim: run}).transpose(*order).to_numpy() for up in _runs(rows)]
                columns.append(np.concatenate(bands, axis=-2) if len(bands) > 1 else bands[0])
        values = np.concatenate(columns, axis=-1) if len(columns) > 1 else columns[0]
        return one_nodata(values if when is not None else values[None], layer)


def _runs(positions):
    """Slices that read positions, in their order: pieces that run up or down by one."""
    first = 0
    while first < positions.size:
        step = int(positions[first + 1] - positions[first]) if first + 1 < positions.size else 1
        step = step if abs(step) == 1 else 1
        last = first
        while last + 1 < positions.size and positions[last + 1] - positions[last] == step:
            last += 1
        begin, end = int(positions[first]), int(positions[last]) + step
        yield slice(begin, end if end >= 0 else None, step)
        first = last + 1


def open_cube(path, crs=None):
    """Look into a NetCDF file or Zarr folder.

    Parameters
    ----------
    path : path
    crs : str or pyproj.CRS, optional
        For a file that names none.

    Returns
    -------
    CubeSource
        Of the variables that share the largest grid; others are named in `assumed`.

    Raises
    ------
    UnreadableError
        If it is not read here, damaged, or refers to other files.
    SceneError
        If it holds no raster, its axes are irregular, or its reference system is unknown.
    """
    with opened_cube(path) as dataset, reading_cube(path):
        rasters = raster_variables(dataset, path)
        places = {name: spatial_dims(dataset, dataset[name].dims) for name in rasters}
        chosen = max(dict.fromkeys(places.values()), key=lambda dims: dataset.sizes[dims[0]] * dataset.sizes[dims[1]])
        ours = [name for name in rasters if places[name] == chosen]
        whens = [when for name in ours if (when := time_dim(dataset, dataset[name].dims))]
        when = whens[0] if whens else None
        ours = [name for name in ours if time_dim(dataset, dataset[name].dims) in (None, when)]
        layers = tuple(layer for name in ours for layer in layers_of(dataset, name, path))
        axes = cube_axes(dataset, ours[0], path, crs)
        days = cube_days(dataset, when, path) if when else np.empty(0, "datetime64[D]")
        left_out = [name for name in rasters if name not in ours]
        said = (f"left out of {Path(path).name}, on another grid: {', '.join(left_out)}",) if left_out else ()
        zero = [layer.name for layer in layers if layer.nodata == 0]
        said += (f"0 is no data in {', '.join(zero[:5])} of {Path(path).name}, as the file says",) if zero else ()
        return CubeSource(str(path), axes.grid, unique(layers), days, dict(dataset.attrs), (*axes.assumed, *said), axes)


def cube_grid(dataset, name=None, path="the file", crs=None):
    """Grid of a variable of an open cube (the first raster if not named), north-up; see `cubes_axes.cube_axes`."""
    return cube_axes(dataset, name or raster_variables(dataset, path)[0], path, crs).grid


def cube_fingerprint(path):
    """sha256 of a cube's bytes; above 1 GiB of names, sizes and times of change, and then it begins with "sampled-"."""
    path = Path(path)
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    sizes = [each.stat().st_size for each in files]
    if sum(sizes) > _CHEAP_BYTES:
        facts = [(each.relative_to(path.parent).as_posix(), size, each.stat().st_mtime_ns) for each, size in zip(files, sizes, strict=True)]
        return f"sampled-{fingerprint.of_settings(facts)}"
    return fingerprint.of_settings([(each.relative_to(path.parent).as_posix(), fingerprint.of_file(each)) for each in files])


def _few(days):
    texts = [str(day) for day in days]
    return ", ".join(texts) if len(texts) <= 6 else f"{', '.join(texts[:3])} ... {texts[-1]}"
