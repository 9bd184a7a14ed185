"""Where monthly values are kept: in memory for tables, on disk for NetCDF and Zarr. A site is a row of the table or a cell of the grid."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from soilcore.core.errors import SampleError, SceneError
from soilcore.core.findings import Finding
from soilcore.core.grids import Window
from soilcore.data.climate_variables import meanings, ordered, variable_of, without_impossible
from soilcore.data.cubes import open_cube
from soilcore.data.rasters import lon_lat, same_grid

EARTH_RADIUS = 6_371_008.8  # m
NEAR_CELLS = 2
_SMALLEST_BLOCK, _LARGEST_BLOCK = 16, 1024  # cells a side that are read together
_BLOCK_VALUES = 16 << 20
_MOST_PER_MONTH = 1.5  # steps; more, and the file is not monthly
_PROBED = 400  # cells that decide whether numbers are scaled
_SPOTS = 8  # windows a side that are tried until one holds values


@dataclass(frozen=True, eq=False)
class TableStore:
    """Monthly values of places.

    Parameters
    ----------
    values : ndarray of float32, shape (n_sites, n_months, n_variables)
    x, y : ndarray of float, shape (n_sites,), or None
    crs : pyproj.CRS or None
    most_metres : float
        Farther places have no climate here.
    """

    values: np.ndarray = field(repr=False)
    x: np.ndarray | None = field(default=None, repr=False)
    y: np.ndarray | None = field(default=None, repr=False)
    crs: object = None
    most_metres: float = np.inf

    @contextmanager
    def opened(self):
        """Nothing to open."""
        yield self

    @property
    def has_places(self):
        """Whether sites can be found by place."""
        return self.x is not None

    @property
    def n_variables(self):
        """How many variables a site has."""
        return self.values.shape[2]

    def locate(self, x, y, crs):
        """Nearest site to each point.

        Returns
        -------
        sites : ndarray of int, shape (n,)
            -1 where there is none within reach.
        metres : ndarray of float, shape (n,)
        """
        tree, rows = self._tree()
        points = _on_sphere(x, y, crs)
        known = np.isfinite(points).all(axis=1)
        sites, metres = np.full(len(points), -1), np.full(len(points), np.inf)
        if known.any():
            away, nearest = tree.query(points[known])
            sites[known], metres[known] = np.where(away <= self.most_metres, rows[nearest], -1), away
        return sites, metres

    def _tree(self):
        if "_kept" not in self.__dict__:
            from scipy.spatial import cKDTree

            points = _on_sphere(self.x, self.y, self.crs)
            rows = np.flatnonzero(np.isfinite(points).all(axis=1))
            unique, first = np.unique(points[rows], axis=0, return_index=True)  # of several at one place the first serves
            object.__setattr__(self, "_kept", (cKDTree(unique), rows[first]))
        return self.__dict__["_kept"]

    def series(self, sites, first, last):
        """Values of some sites and months ``first:last``, float32 of shape (n, n_months, n_variables)."""
        return self.values[sites, first:last]


def _on_sphere(x, y, crs):
    """Points in metres from the centre of a sphere: distances between them need no plane."""
    longitude, latitude = lon_lat(np.asarray(x, float), np.asarray(y, float), crs)
    lam, phi = np.radians(longitude), np.radians(latitude)
    return EARTH_RADIUS * np.column_stack((np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)))


@dataclass(frozen=True, eq=False)
class CubePart:
    """One variable in one file.

    Parameters
    ----------
    source : CubeSource
    layer : str
    variable : str
    places : ndarray of int, shape (n_steps,)
        Where each step stands among the months; -1 for steps that are not used.
    """

    source: object
    layer: str
    variable: str
    places: np.ndarray


@dataclass(frozen=True, eq=False)
class CubeStore:
    """Monthly values on a grid; they stay on disk.

    Parameters
    ----------
    grid : Grid
    parts : tuple of CubePart
    variables : tuple of str
    n_months : int
    meanings : dict of str to Meaning
    """

    grid: object
    parts: tuple
    variables: tuple
    n_months: int
    meanings: dict

    has_places = True

    @contextmanager
    def opened(self):
        """Open the files once for many reads.

        Yields
        ------
        OpenCubes
        """
        with ExitStack() as stack:
            yield OpenCubes(self, stack)

    def locate(self, x, y, crs):
        """Cell that holds each point; -1 outside the grid."""
        rows, cols, inside = self.grid.rows_cols(x, y, crs)
        return np.where(inside, rows * self.grid.width + cols, -1), np.where(inside, 0.0, np.inf)


class OpenCubes:
    """Cells of open files.

    Parameters
    ----------
    store : CubeStore
    stack : ExitStack
        Closes what is opened here.
    """

    has_places = True

    def __init__(self, store, stack):
        self.store, self._stack, self._readers = store, stack, {}
        self.locate, self.n_variables = store.locate, len(store.variables)

    def series(self, sites, first, last):
        """Values of some cells and months ``first:last``, float32 of shape (n, n_months, n_variables).

        A cell without any value, as at sea, has that of the nearest cell within two that has some.
        """
        out = np.full((len(sites), last - first, len(self.store.variables)), np.nan, np.float32)
        rows, cols = np.divmod(np.asarray(sites), self.store.grid.width)
        per_cell = max(1, out.shape[1] * out.shape[2])
        side = int(np.clip((_BLOCK_VALUES / per_cell) ** 0.5, _SMALLEST_BLOCK, _LARGEST_BLOCK))
        keys = rows // side * (self.store.grid.width // side + 1) + cols // side
        for key in np.unique(keys):
            ours = np.flatnonzero(keys == key)
            out[ours] = self._block(rows[ours], cols[ours], first, last)
        return out

    def _block(self, rows, cols, first, last):
        grid = self.store.grid
        top, left = max(0, rows.min() - NEAR_CELLS), max(0, cols.min() - NEAR_CELLS)
        bottom, right = min(grid.height, rows.max() + NEAR_CELLS + 1), min(grid.width, cols.max() + NEAR_CELLS + 1)
        window = Window(int(top), int(left), int(bottom - top), int(right - left))
        values = self._window(window, first, last)
        held = np.isfinite(values).any(axis=(0, 1))
        at_row, at_col = _nearest_held(held, rows - top, cols - left)
        return values[:, :, at_row, at_col].transpose(2, 0, 1)

    def _window(self, window, first, last):
        """All variables of a window: float32 of shape (n_months, n_variables, rows, columns)."""
        values = np.full((last - first, len(self.store.variables), window.height, window.width), np.nan, np.float32)
        for part in self.store.parts:
            steps = np.flatnonzero((part.places >= first) & (part.places < last))
            if steps.size == 0:
                continue
            number = self.store.variables.index(part.variable)
            begin, end = int(steps[0]), int(steps[-1]) + 1
            read = self._reader(part.source).series(window, part.layer, begin, end)[steps - begin]
            meaning = self.store.meanings[part.variable]
            if (meaning.scale, meaning.offset) != (1.0, 0.0):
                read = (read.astype(float) * meaning.scale + meaning.offset).astype(np.float32)
            values[part.places[steps] - first, number], _ = without_impossible(part.variable, read)
        return values

    def _reader(self, source):
        if source.path not in self._readers:
            self._readers[source.path] = self._stack.enter_context(source.reader())
        return self._readers[source.path]


def _nearest_held(held, rows, cols):
    """For each cell itself where it holds something, else the nearest within two cells, the first in reading order of equals."""
    steps = np.arange(-NEAR_CELLS, NEAR_CELLS + 1)
    ways = sorted(((dr * dr + dc * dc, dr, dc) for dr in steps for dc in steps if dr * dr + dc * dc <= NEAR_CELLS**2 + 0.5), key=lambda way: way)
    at_row, at_col, open_still = rows.copy(), cols.copy(), np.ones(rows.shape, bool)
    for _, down, right in ways:
        r, c = rows + down, cols + right
        inside = (r >= 0) & (r < held.shape[0]) & (c >= 0) & (c < held.shape[1])
        good = open_still & inside & held[np.clip(r, 0, held.shape[0] - 1), np.clip(c, 0, held.shape[1] - 1)]
        at_row[good], at_col[good] = r[good], c[good]
        open_still &= ~good
    return at_row, at_col


def open_cube_store(paths):
    """Files of monthly rasters as one store.

    Parameters
    ----------
    paths : sequence of path
        NetCDF files and Zarr folders.

    Returns
    -------
    store : CubeStore
    months : ndarray of datetime64[M]
    units : dict of str to str
    assumed, findings : list

    Raises
    ------
    SampleError
        If they hold no monthly variable.
    SceneError
        If their grids differ.
    """
    sources = [open_cube(path) for path in paths]
    grid, findings = sources[0].grid, []
    for source in sources[1:]:
        if not same_grid(source.grid, grid):
            raise SceneError(
                f"The climate files lie on different grids: {Path(source.path).name} has {source.grid.width} x {source.grid.height} cells, "
                f"{Path(sources[0].path).name} {grid.width} x {grid.height}. Give files of one grid."
            )
    pairs = [(source, layer, name) for source in sources for layer in source.layers if layer.dated and (name := _variable(source, layer))]
    if not pairs:
        there = ", ".join(f"{layer.name}{'' if layer.dated else ' (without time)'}" for source in sources[:3] for layer in source.layers[:6])
        raise SampleError(f"No variable of {sources[0].path!r} has a month and a name of climate (pr, tmmn, ...). It holds {there}.")
    for source, _, _ in pairs:
        _check_monthly(source)
    months = np.unique(np.concatenate([source.days.astype("datetime64[M]") for source, _, _ in pairs]))
    parts = _parts(pairs, months, findings)
    variables = ordered({part.variable for part in parts})
    layers = {name: next(layer for _, layer, each in pairs if each == name) for name in variables}
    units = {name: layer.unit for name, layer in layers.items()}
    own_scale = [name for name, layer in layers.items() if (layer.scale, layer.offset) != (1.0, 0.0)]
    found, assumed, more = meanings({name: _probe(parts, name) for name in variables}, units, own_scale)
    said = list(dict.fromkeys(text for source in sources for text in source.assumed))
    store = CubeStore(grid, parts, variables, months.size, found)
    return store, months, {name: found[name].unit for name in variables}, [*said, *assumed], [*findings, *more]


def _variable(source, layer):
    known = variable_of(layer.variable) or variable_of(layer.long_name)
    if known is None and len(source.layers) == 1:
        known = variable_of(Path(source.path).stem)
    return known or (layer.name if layer.variable.lower() not in ("station_influence", "crs", "spatial_ref") else None)


def _check_monthly(source):
    months = source.days.astype("datetime64[M]")
    if months.size > _MOST_PER_MONTH * np.unique(months).size:
        raise SampleError(
            f"{source.path!r} is not monthly: it holds {months.size} steps in {np.unique(months).size} months. Take monthly means or sums first "
            "(for example cdo monmean)."
        )


def _parts(pairs, months, findings):
    taken, parts = {}, []
    for source, layer, name in pairs:
        places = np.searchsorted(months, source.days.astype("datetime64[M]"))
        _, first = np.unique(places, return_index=True)
        use = np.full(places.size, -1)
        use[first] = places[first]
        before = taken.setdefault(name, set())
        again = np.isin(use, list(before)) & (use >= 0)
        if again.any() or first.size < places.size:
            message = f"{Path(source.path).name} repeats months of {name}; of each month the first value is used."
            findings.append(Finding("climate-month-twice", "warning", message, "Give each month once."))
        use[again] = -1
        before.update(use[use >= 0].tolist())
        parts.append(CubePart(source, layer.name, name, use))
    return tuple(parts)


def _probe(parts, name):
    """Numbers of one variable from the middle of its first file, enough to see their range."""
    part = next(part for part in parts if part.variable == name)
    grid, side = part.source.grid, int(_PROBED**0.5)
    with part.source.reader() as reader:
        for row, col in _spots(grid, side):
            window = Window(row, col, min(side, grid.height - row), min(side, grid.width - col))
            values = reader.series(window, part.layer, 0, 12)
            if np.isfinite(values).sum() > _PROBED:
                return values
    return values


def _spots(grid, side):
    """Corners of windows over the grid, from its middle outwards."""
    middle = (max(0, (grid.height - side) // 2), max(0, (grid.width - side) // 2))
    rows = range(0, grid.height, max(side, -(-grid.height // _SPOTS)))
    cols = range(0, grid.width, max(side, -(-grid.width // _SPOTS)))
    around = sorted(((row, col) for row in rows for col in cols), key=lambda spot: (spot[0] - middle[0]) ** 2 + (spot[1] - middle[1]) ** 2)
    return dict.fromkeys([middle, *around])
