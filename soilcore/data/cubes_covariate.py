"""Data cubes as covariates: a NetCDF file or Zarr folder laid onto the grid of the map, one date at a time."""

from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.grids import Grid, Window
from soilcore.data.cubes import CubeSource
from soilcore.data.cubes_layers import physical
from soilcore.data.pixels import FileSource, blocks_of, copy_common, laid_onto
from soilcore.data.rasters import same_grid

_HALO = 3  # source pixels around a block, more than bilinear interpolation reaches
_EDGE_POINTS = 21
_MOST_SOURCE_PIXELS = 64 << 20  # of one block


@dataclass(frozen=True)
class CubeCovariate:
    """Takes the place of `soilcore.data.pixels.FileSource` for a covariate in a cube.

    Parameters
    ----------
    path : str
    cube : CubeSource
    target : Grid or None
        Onto which it is laid; None where its pixels are those of the map.
    laid : {"bilinear", "nearest"} or None
        How.
    codes : bool
        Stored numbers rather than physical values.
    day : str or None
    """

    path: str
    cube: CubeSource
    target: Grid | None = None
    laid: str | None = None
    codes: bool = False
    day: str | None = None
    resampling: str | None = None  # done here, not by the reader
    has_mask: bool = False
    member: str | None = None

    @property
    def label(self):
        """What the file is called in messages."""
        return self.path

    @contextmanager
    def opened(self):
        """The cube open for reading, with the ways of an open raster that a reader of pixels needs.

        Yields
        ------
        object
            ``.read(numbers, window)`` gives float32 of shape (number, rows, columns), NaN where missing.
        """
        with self.cube.reader() as reader:
            yield _CubeRaster(self, reader)

    def on(self, grid, categorical):
        """The same cube laid onto a grid."""
        same = same_grid(self.cube.grid, grid)
        return replace(self, codes=categorical, target=None if same else grid, laid=None if same else "nearest" if categorical else "bilinear")


class _CubeRaster:
    def __init__(self, file, reader):
        self._file, self._reader = file, reader
        self.dtypes = ("float32",) * len(reader.source.layers)

    def read(self, numbers, window):
        wanted = [numbers] if isinstance(numbers, int) else list(numbers)
        part = Window(int(window.row_off), int(window.col_off), int(window.height), int(window.width))
        layers = [self._reader.source.layers[number - 1] for number in wanted]
        values = self._own(layers, part) if self._file.target is None else self._laid(layers, part)
        return values[0] if isinstance(numbers, int) else values

    def _own(self, layers, window):
        stored = self._reader.stored(window, [layer.name for layer in layers], self._file.day)
        plain = [replace(layer, scale=1.0, offset=0.0) for layer in layers] if self._file.codes else layers
        return np.stack([physical(part, layer) for part, layer in zip(stored, plain, strict=True)])

    def _laid(self, layers, window):
        """Whole blocks of the map, so that no window can change a value."""
        out = np.empty((len(layers), window.height, window.width), np.float32)
        for block in blocks_of(window, self._file.target):
            copy_common(self._block(layers, block), block, out, window)
        return out

    def _block(self, layers, block):
        from rasterio.io import MemoryFile

        target, own = self._file.target.part(block), self._file.cube.grid
        window = _source_window(own, target)
        if window is None:
            return np.full((len(layers), block.height, block.width), np.nan, np.float32)
        if window.height * window.width > _MOST_SOURCE_PIXELS:
            raise SceneError(
                f"{self._file.path!r} is far finer than the map: one block would need {window.height} x {window.width} of its pixels. Coarsen it first."
            )
        source = own.part(window)
        profile = {"driver": "GTiff", "dtype": "float32", "nodata": np.nan, "crs": source.crs.to_wkt(), "transform": source.transform}
        how = FileSource(self._file.path, resampling=self._file.laid, source_nodata=np.nan)
        with MemoryFile() as memory:
            with memory.open(count=len(layers), height=window.height, width=window.width, **profile) as dataset:
                dataset.write(self._own(layers, window))
            with memory.open() as dataset, laid_onto(dataset, target, how) as laid:
                return laid.read()


def _source_window(own, target):
    """Pixels of a cube under a block of the map, and some around; None where there are none."""
    from pyproj import Transformer

    bounds = target.bounds
    if target.crs != own.crs:
        bounds = Transformer.from_crs(target.crs, own.crs, always_xy=True).transform_bounds(*bounds, densify_pts=_EDGE_POINTS)
    left, bottom, right, top = bounds
    if not np.all(np.isfinite(bounds)):
        return None
    place = own.transform
    first_col, last_col = np.floor((left - place.c) / place.a) - _HALO, np.ceil((right - place.c) / place.a) + _HALO
    first_row, last_row = np.floor((top - place.f) / place.e) - _HALO, np.ceil((bottom - place.f) / place.e) + _HALO
    col, row = int(max(0, first_col)), int(max(0, first_row))
    width, height = int(min(own.width, last_col)) - col, int(min(own.height, last_row)) - row
    return Window(row, col, height, width) if width > 0 and height > 0 else None
