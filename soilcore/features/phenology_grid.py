"""Seasons on other pixels than those of the series: days are not averaged, each pixel takes the season of the nearest."""

import secrets
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from soilcore.core.tiles import gdal_cache_capped
from soilcore.data.cog import gtiff_profile, written_as_cog
from soilcore.data.pixels import BandSource, FileSource, PixelReader
from soilcore.data.rasters import same_grid

_WINDOW = 512


@contextmanager
def written_onto(out, own, grid, profile):
    """Like `written_as_cog`, but what is written on the pixels of `own` becomes a file on those of `grid`.

    Parameters
    ----------
    out : path
    own, grid : Grid
    profile : dict
        From `gtiff_profile`, for `own`.

    Yields
    ------
    rasterio.io.DatasetWriter
    """
    import rasterio

    if same_grid(own, grid):
        with written_as_cog(out, profile) as target:
            yield target
        return
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    first = out.with_name(f".{out.stem}.{secrets.token_hex(4)}.own.tif")
    try:
        with rasterio.open(first, "w", **profile) as target:
            yield target
        _lay(first, out, grid)
    finally:
        first.unlink(missing_ok=True)


def _lay(source, out, grid):
    from soilcore.data.rasters import opened_raster

    with opened_raster(source) as dataset:
        count, described, units, tags = dataset.count, dataset.descriptions, dataset.units, dataset.tags()
    names = [str(number) for number in range(1, count + 1)]
    bands = tuple(BandSource(name, 0, number, np.nan) for number, name in enumerate(names, 1))
    profile = gtiff_profile(grid, count, "float32", np.nan)
    files = (FileSource(str(source), False, "nearest", False, np.nan),)
    with gdal_cache_capped(), PixelReader(grid, files, bands) as reader, written_as_cog(out, profile) as target:
        target.descriptions, target.units = described, units
        target.update_tags(**{name: value for name, value in tags.items() if name.startswith("SOILCORE_")})
        for window in grid.windows(_WINDOW):
            values = reader.read(window)
            target.write(values, window=((window.row, window.row + window.height), (window.col, window.col + window.width)))
