"""Data cubes as covariates: a NetCDF file or Zarr folder laid onto the grid of the map, one date at a time."""

from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.grids import Grid, Window
from soilcore.data.cubes_file import CubeFile, CubeRaster
from soilcore.data.cubes_layers import physical
from soilcore.data.pixels import FileSource, blocks_of, copy_common, laid_onto
from soilcore.data.rasters import same_grid

_HALO = 3  # source pixels around a block, more than bilinear interpolation reaches
_EDGE_POINTS = 21
_MOST_SOURCE_PIXELS = 64 << 20  # of one block


@dataclass(frozen=True)
class CubeCovariate(CubeFile):
    """A covariate in a cube; laid onto the grid of the map here, not by the reader of pixels.

    Parameters
    ----------
    target : Grid or None
        Onto which it is laid; None where its pixels are those of the map.
    laid : {"bilinear", "nearest"} or None
        How.
    codes : bool
        Stored numbers rather than physical values.
    """

    target: Grid | None = None
    laid: str | None = None
    codes: bool = False

    def on(self, grid, categorical):
        """The same cube laid onto a grid."""
        same = same_grid(self.cube.grid, grid)
        return replace(self, codes=categorical, target=None if same else grid, laid=None if same else "nearest" if categorical else "bilinear")

    def _over(self, reader):
        return _CovariateRaster(self, reader)


class _CovariateRaster(CubeRaster):
    """Physical values or codes, on the grid of the map."""

    def __init__(self, file, reader):
        super().__init__(reader, file.day)
        self._file = file
        self.dtypes = ("float32",) * len(reader.source.layers)

    def _values(self, layers, window):
        return self._own(layers, window) if self._file.target is None else self._laid(layers, window)

    def _own(self, layers, window):
        stored = super()._values(layers, window)
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
