"""Writing rasters: first a tiled GeoTIFF window by window, then one copy into the cloud-optimised form with overviews.

GDAL can only copy into the COG form, never write it in pieces; `write_cog` is that copy. Low compression levels are meant: on noisy
imagery higher ones cost up to ten times the time and save a few percent.
"""

import secrets
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.files import written_whole
from soilcore.data.rasters import CACHE_BYTES, open_raster, opened_raster, reading

BLOCK = 512  # pixels along a side of a tile in the file
OVERVIEW_METHODS = ("average", "nearest", "mode", "bilinear", "cubic")


@cache
def compression():
    """Name of the compression that files are written with: "zstd" where this GDAL has it, else "deflate"; level 1 either way."""
    import rasterio
    from rasterio.io import MemoryFile

    # GDAL takes an unknown compression with a mere warning, so ask what it really wrote.
    profile = {
        "driver": "GTiff",
        "width": 16,
        "height": 16,
        "count": 1,
        "dtype": "uint8",
        "crs": "EPSG:32601",
        "transform": rasterio.Affine(1, 0, 1, 0, -1, 1),
    }
    with MemoryFile() as memory:
        with memory.open(**profile, compress="zstd") as dataset:
            dataset.write(np.ones((1, 16, 16), "uint8"))
        with memory.open() as dataset:
            written = dataset.compression
    return "zstd" if written is not None and written.value.lower() == "zstd" else "deflate"


def gtiff_profile(grid, count, dtype, nodata=None, **extra):
    """Profile for ``rasterio.open(path, "w", **profile)`` of an intermediate tiled GeoTIFF.

    Parameters
    ----------
    grid : Grid
    count : int
        Bands.
    dtype : str or numpy.dtype
    nodata : float, optional
        The number that stands for no data in the file.
    **extra
        Further creation options, which win.

    Returns
    -------
    dict
    """
    method = compression()
    profile = {"driver": "GTiff", "height": grid.height, "width": grid.width, "count": count, "dtype": np.dtype(dtype).name, "nodata": nodata}
    profile |= {"crs": grid.crs.to_wkt(), "transform": grid.transform, "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "bigtiff": "if_safer"}
    if count > 1:  # bands apart: overviews of ten interleaved bands would take GDAL ten times as long
        profile["interleave"] = "band"
    profile |= {"compress": method, f"{'z' if method == 'deflate' else 'zstd_'}level": 1, "predictor": _predictor(dtype)}
    return profile | extra


def write_cog(source_gtiff, out, *, overviews="average"):
    """Copy a finished GeoTIFF into a cloud-optimised one with overviews, keeping descriptions, tags, scale, offset and nodata.

    Parameters
    ----------
    source_gtiff : path
        An intermediate file of the caller's, as `gtiff_profile` makes it. Where it has several bands, overviews are built in it first.
    out : path
        Appears whole or not at all; replaced if it exists (callers refuse earlier, see `soilcore.core.files.check_output`).
    overviews : {"average", "nearest", "mode", "bilinear", "cubic"}
        How coarser levels are made: "nearest" or "mode" for classes.

    Raises
    ------
    SettingsError
        If the way of making overviews is unknown.
    UnreadableError
        If the source cannot be read.
    """
    import rasterio
    from rasterio.shutil import copy

    if overviews not in OVERVIEW_METHODS:
        raise SettingsError(f"Overviews cannot be made by {overviews!r}. Choose one of {', '.join(OVERVIEW_METHODS)}.")
    options = {
        "compress": compression().upper(),
        "level": 1,
        "predictor": "YES",
        "blocksize": BLOCK,
        "bigtiff": "IF_SAFER",
        "num_threads": "ALL_CPUS",
    }
    _build_overviews(source_gtiff, overviews)
    dataset = open_raster(source_gtiff)
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), written_whole(Path(out)) as temporary, reading(source_gtiff):
            copy(dataset, temporary, driver="COG", overview_resampling=overviews.upper(), **options)
    finally:
        dataset.close()


def _build_overviews(path, method):
    """Overviews within a file whose bands lie apart: the COG driver would make its own band by band from interleaved copies, 6 times slower."""
    import rasterio
    from rasterio.enums import Resampling

    with opened_raster(path) as dataset:
        apart = dataset.count > 1 and dataset.interleaving is not None and dataset.interleaving.value.upper() == "BAND"
        longest, there = max(dataset.shape), dataset.overviews(1)
    levels = [2**power for power in range(1, 32) if longest > BLOCK * 2 ** (power - 1)]
    if not apart or there or not levels:
        return
    options = {
        "GDAL_TIFF_OVR_BLOCKSIZE": BLOCK,
        "COMPRESS_OVERVIEW": compression(),
        "INTERLEAVE_OVERVIEW": "BAND",
        "ZLEVEL_OVERVIEW": 1,
        "ZSTD_LEVEL_OVERVIEW": 1,
    }
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, **options), reading(path), rasterio.open(path, "r+", driver="GTiff") as dataset:
        dataset.build_overviews(levels, Resampling[method])


@contextmanager
def written_as_cog(out, profile, *, overviews="average"):
    """Write a raster window by window; it becomes a cloud-optimised GeoTIFF when the block ends well, and leaves nothing behind otherwise.

    Parameters
    ----------
    out : path
        Its folder is made if it is not there.
    profile : dict
        From `gtiff_profile`.
    overviews : str
        See `write_cog`.

    Yields
    ------
    rasterio.io.DatasetWriter
        For the intermediate file beside `out`.
    """
    import rasterio

    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    intermediate = out.with_name(f".{out.stem}.{secrets.token_hex(4)}.parts.tif")
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), rasterio.open(intermediate, "w", **profile) as target:
            yield target
        write_cog(intermediate, out, overviews=overviews)
    finally:
        intermediate.unlink(missing_ok=True)


def _predictor(dtype):
    """TIFF predictor: differences of floats (3) or of integers (2)."""
    return 3 if np.issubdtype(np.dtype(dtype), np.floating) else 2
