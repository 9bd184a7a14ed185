"""Scenes on the grid of another one: laid onto it after masking, mosaicked where several show one day, reduced to common bands."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SceneError
from soilcore.core.grids import Grid, Window
from soilcore.data.imagery import Scene
from soilcore.data.pixels import BLOCK, blocks_of, copy_common
from soilcore.data.rasters import bounds_in, check_window, overlap, same_crs, same_grid

_WHOLE_PIXEL = 1e-3  # shifts nearer to whole pixels are copies
_SMALLEST_BLOCK = 64


@dataclass(frozen=True)
class LaidScene(Scene):
    """One or several scenes of one day, read on another grid; everything else as in `Scene`.

    Parameters
    ----------
    sources : tuple of Scene
        Where several hold a value the first one's counts.
    """

    sources: tuple[Scene, ...] = field(default=(), repr=False)

    @cached_property
    def fingerprint(self):
        """sha256 of the sources' fingerprints, the grid and the bands; computed when first asked for."""
        return fingerprint.of_settings(
            [source.fingerprint for source in self.sources], self.grid.shape, tuple(self.grid.transform), self.grid.crs.to_wkt(), self.roles
        )

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread.

        Yields
        ------
        LaidReader
            ``.read(window, roles=None)`` gives float32 reflectance of shape (band, row, column), NaN where missing.
        """
        with ExitStack() as opened:
            yield LaidReader(self.grid, self.bands, [opened.enter_context(source.reader()) for source in self.sources])


class LaidReader:
    """Bands of several readers on one grid; whole blocks are laid at a time, so that no window can change a value.

    Parameters
    ----------
    grid : Grid
    bands : sequence of BandSource
        Which bands, by name.
    readers : sequence
        Each with ``grid`` and ``read(window, names)``, pixels already masked.
    """

    def __init__(self, grid, bands, readers):
        self.grid, self.bands = grid, tuple(bands)
        self._layers = [_layer(grid, reader) for reader in readers]

    def read(self, window, names=None):
        """Values of one window, float32 of shape (band, row, column), NaN where no reader has one.

        Raises
        ------
        SceneError
            If a name or the window is not there.
        """
        check_window(window, self.grid)
        known = [band.name for band in self.bands]
        names = known if names is None else list(names)
        if unknown := [name for name in names if name not in known]:
            raise SceneError(f"There is no band {unknown[0]!r}. Bands: {', '.join(known)}.")
        out = self._layers[0].read(window, names)
        for layer in self._layers[1:]:
            missing = np.isnan(out)
            if missing.any():
                out[missing] = layer.read(window, names)[missing]
        return out


def lay(sources, grid, roles):
    """Scenes of one day on a grid, with some of their bands.

    Parameters
    ----------
    sources : sequence of Scene
        The first one's facts (date, sensor, scaling) are those of the result.
    grid : Grid
    roles : tuple of str
        Bands that every source has.

    Returns
    -------
    Scene
        The only source itself where nothing is to be done.

    Raises
    ------
    SceneError
        If a source does not overlap the grid.
    """
    sources = tuple(sources)
    first = sources[0]
    if len(sources) == 1 and first.roles == roles and same_grid(first.grid, grid):
        return first
    for source in sources:
        _check_overlap(source, grid)
    files = first.files if same_grid(first.grid, grid) else tuple(replace(file, resampling=file.resampling or "bilinear") for file in first.files)
    bands = {band.name: band for band in first.bands}
    facts = {name: getattr(first, name) for name in Scene.__dataclass_fields__}
    facts |= {"grid": grid, "roles": tuple(roles), "files": files, "bands": tuple(bands[role] for role in roles)}
    facts["paths"] = tuple(path for source in sources for path in source.paths)
    facts["assumed"] = tuple(dict.fromkeys(text for source in sources for text in source.assumed))
    facts["findings"] = tuple(dict.fromkeys(finding for source in sources for finding in source.findings))
    return LaidScene(**facts, sources=sources)


def same_lattice(a, b):
    """Whether the pixels of two grids coincide wherever both have some: one reference system and cell, shifted by whole pixels."""
    return same_crs(a.crs, b.crs) and np.allclose(a.cell_size, b.cell_size, rtol=1e-6, atol=0) and _shift(a, b) is not None


def union(grids):
    """The grid of one lattice that holds all of several grids.

    Parameters
    ----------
    grids : sequence of Grid
        Of one lattice, see `same_lattice`.

    Returns
    -------
    Grid
    """
    first = grids[0]
    shifts = [_shift(first, grid) for grid in grids]
    top, left = min(row for row, _ in shifts), min(col for _, col in shifts)
    bottom = max(row + grid.height for (row, _), grid in zip(shifts, grids, strict=True))
    right = max(col + grid.width for (_, col), grid in zip(shifts, grids, strict=True))
    a, b, x, d, e, y = first.transform[:6]
    return Grid(bottom - top, right - left, type(first.transform)(a, b, x + a * left + b * top, d, e, y + d * left + e * top), first.crs)


def _shift(a, b):
    """Row and column of `a` where `b` begins, None where that is between pixels."""
    col, row = _col_row(a, b.transform.c, b.transform.f)
    if abs(row - round(row)) > _WHOLE_PIXEL or abs(col - round(col)) > _WHOLE_PIXEL:
        return None
    return round(row), round(col)


def _col_row(grid, x, y):
    """Column and row, with fractions, of a place in the grid's reference system."""
    inverse = ~grid.transform
    return inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f


def _layer(grid, reader):
    if same_lattice(grid, reader.grid):
        return _Shifted(reader, _shift(grid, reader.grid))
    return _Resampled(grid, reader)


@dataclass(frozen=True)
class _Shifted:
    """A reader whose pixels are the grid's, from another corner on."""

    reader: object
    shift: tuple[int, int]

    def read(self, window, names):
        row, col = self.shift
        theirs = Window(row, col, *self.reader.grid.shape)
        out = np.full((len(names), window.height, window.width), np.nan, np.float32)
        common = _common(window, theirs)
        if common is not None:
            inside = Window(common.row - row, common.col - col, common.height, common.width)
            copy_common(self.reader.read(inside, names), common, out, window)
        return out


class _Resampled:
    """A reader whose pixels are laid onto the grid by bilinear interpolation; what it has masked does not bleed into neighbours."""

    def __init__(self, grid, reader):
        self.grid, self.reader = grid, reader
        self._finer = max(1.0, _cells_per_cell(grid, reader.grid))
        self._block = max(_SMALLEST_BLOCK, BLOCK // int(np.ceil(self._finer)))  # bounds what is read at once

    def read(self, window, names):
        out = np.empty((len(names), window.height, window.width), np.float32)
        for block in blocks_of(window, self.grid, self._block):
            copy_common(self._laid(block, names), block, out, window)
        return out

    def _laid(self, block, names):
        from rasterio.enums import Resampling
        from rasterio.warp import reproject

        values = np.full((len(names), block.height, block.width), np.nan, np.float32)
        part = self.grid.part(block)
        theirs = self._window_below(part)
        if theirs is None:
            return values
        source = self.reader.grid.part(theirs)
        places = {"src_transform": source.transform, "dst_transform": part.transform}
        places |= {"src_crs": source.crs.to_wkt(), "dst_crs": source.crs.to_wkt() if same_crs(source.crs, part.crs) else part.crs.to_wkt()}
        stored = self.reader.read(theirs, names)
        reproject(stored, values, **places, src_nodata=np.nan, dst_nodata=np.nan, resampling=Resampling.bilinear, tolerance=0.01)
        return values

    def _window_below(self, part):
        """Window of the reader that a part of the grid lies over, with a margin for the interpolation; None where there is none."""
        left, bottom, right, top = bounds_in(part, self.reader.grid.crs, "Imagery")
        grid = self.reader.grid
        cols, rows = zip(*(_col_row(grid, *corner) for corner in ((left, top), (right, bottom))), strict=True)
        if not np.isfinite([*cols, *rows]).all():
            return None
        margin = 2 + int(np.ceil(self._finer))
        top, left = int(np.floor(min(rows))) - margin, int(np.floor(min(cols))) - margin
        wanted = Window(top, left, int(np.ceil(max(rows))) + margin - top, int(np.ceil(max(cols))) + margin - left)
        return _common(wanted, Window(0, 0, *grid.shape))


def _common(a, b):
    """The window that two windows share, or None."""
    top, left = max(a.row, b.row), max(a.col, b.col)
    bottom, right = min(a.row + a.height, b.row + b.height), min(a.col + a.width, b.col + b.width)
    return Window(top, left, bottom - top, right - left) if bottom > top and right > left else None


def _cells_per_cell(grid, finer):
    """How many pixels of `finer` lie along a pixel in the middle of `grid`."""
    middle = Window(grid.height // 2, grid.width // 2, 1, 1)
    left, bottom, right, top = bounds_in(grid.part(middle), finer.crs, "Imagery")
    width, height = finer.cell_size
    return max((right - left) / width, (top - bottom) / height)


def _check_overlap(scene, grid):
    bounds = bounds_in(scene.grid, grid.crs, "Imagery")
    if overlap(bounds, grid.bounds):
        return
    left, bottom, right, top = bounds
    a_left, a_bottom, a_right, a_top = grid.bounds
    raise SceneError(
        f"{scene.paths[0]!r} does not overlap the other scenes: it covers x {left:.7g} to {right:.7g}, y {bottom:.7g} to {top:.7g}, "
        f"they x {a_left:.7g} to {a_right:.7g}, y {a_bottom:.7g} to {a_top:.7g} ({grid.crs.name}). Keep scenes of one area in a folder."
    )
