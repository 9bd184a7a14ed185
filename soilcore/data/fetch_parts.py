"""The half-done day: finished tiles in a folder of their own, so that a run that was killed goes on where it stopped.

A tile is a small GeoTIFF that appears whole or not at all; the plan beside it says what was asked, so that tiles of another request
are never mixed in. When all tiles are there they become one cloud-optimised GeoTIFF, which is compared with them pixel by pixel
before it gets its name: GDAL may report a full disk only when a file is closed, or not at all.
"""

import errno
import json
import os
import re
import shutil
from contextlib import contextmanager

import numpy as np

from soilcore.core.errors import SceneError, UnreadableError
from soilcore.core.files import write_json, written_whole
from soilcore.data.cog import gtiff_profile, write_cog
from soilcore.data.rasters import CACHE_BYTES, opened_raster, rasterio_window

FOLDER = ".fetch"
_TILE = re.compile(r"r(\d+)-c(\d+)\.tif")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PACKED = 0.7  # of the raw bytes; noisy imagery packs to about 0.6
_WITH_OVERVIEWS = 4 / 3


class Parts:
    """Tiles of one day on disk.

    Parameters
    ----------
    out : pathlib.Path
        The folder of the result.
    date : str
        YYYY-MM-DD.
    fingerprint : str
        Of everything that decides the pixels.
    shape : (int, str)
        Bands and number type of a tile.
    """

    def __init__(self, out, date, fingerprint, shape):
        self.out, self.date, self.fingerprint, self.shape = out, date, fingerprint, shape
        self.folder = out / FOLDER / date

    def begin(self):
        """Make the folder, or take over the one a killed run left; what is of another request or half-written is removed."""
        plan = self.folder / "plan.json"
        if self.folder.is_dir() and _plan_in(plan) != self.fingerprint:
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        for entry in list(self.folder.iterdir()):
            if entry != plan and not _TILE.fullmatch(entry.name):
                entry.unlink()
        if not plan.exists():
            write_json(plan, {"fingerprint": self.fingerprint})

    def has(self, window):
        """Whether a tile is there and whole; one that is damaged is removed."""
        path = self._path(window)
        if not path.is_file():
            return False
        try:
            self.read(window)
        except UnreadableError:
            path.unlink()
            return False
        return True

    def write(self, window, grid, values):
        """Keep a tile, whole or not at all; values of shape (band, row, column)."""
        from rasterio.io import MemoryFile

        profile = gtiff_profile(grid.part(window), values.shape[0], values.dtype, 0, blockxsize=256, blockysize=256)
        with MemoryFile() as memory:
            with memory.open(**profile) as target:
                target.write(values)
            content = memory.getbuffer()
            # written by us, not by GDAL: a full disk is noticed at once
            with written_whole(self._path(window)) as temporary, open(temporary, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())

    def read(self, window):
        """A tile's values, shape (band, row, column)."""
        from rasterio.errors import RasterioError

        path = self._path(window)
        with opened_raster(path) as dataset:
            if (dataset.count, dataset.dtypes[0]) != self.shape or dataset.shape != (window.height, window.width):
                raise UnreadableError(f"{str(path)!r} is no tile of this day. Remove it, and fetch again.")
            try:
                return dataset.read()
            except RasterioError:
                raise UnreadableError(f"{str(path)!r} is damaged. Remove it, and fetch again.") from None

    def finish(self, grid, windows, describe):
        """All tiles as one cloud-optimised GeoTIFF under its final name; the folder of parts goes.

        Parameters
        ----------
        grid : Grid
        windows : list of Window
        describe : callable
            Gets the open file, to name bands and write tags.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        OSError
            ENOSPC if the disk is full.
        """
        from rasterio.errors import RasterioError

        stack, whole = self.folder / "stack.tif", self.folder / "whole.tif"
        needed = 3 * sum(self._path(window).stat().st_size for window in windows)
        _check_free(self.out, needed)
        try:
            self._stack(stack, grid, windows, describe)
            write_cog(stack, whole, overviews="nearest")
            self._check_same(whole, windows)
        except (RasterioError, UnreadableError) as error:
            whole.unlink(missing_ok=True)
            _reserve(self.folder, needed)
            raise OSError(errno.EIO, f"the tiles of {self.date} cannot be put together ({error})") from None
        finally:
            stack.unlink(missing_ok=True)
        path = self.out / f"{self.date}.tif"
        os.replace(whole, path)
        self.remove()
        return path

    def remove(self):
        """Remove the folder of parts, and the one above it when it is empty."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()

    def _path(self, window):
        return self.folder / f"r{window.row:06d}-c{window.col:06d}.tif"

    def _stack(self, path, grid, windows, describe):
        import rasterio

        count, kind = self.shape
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), rasterio.open(path, "w", **gtiff_profile(grid, count, kind, 0)) as target:
            describe(target)
            for window in windows:
                target.write(self.read(window), window=rasterio_window(window))

    def _check_same(self, path, windows):
        with opened_raster(path) as dataset:
            for window in windows:
                if not np.array_equal(dataset.read(window=rasterio_window(window)), self.read(window)):
                    raise UnreadableError("the file written is not what was fetched")


def remove_parts(out, date):
    """Remove what a run left of a day that is finished: it was killed after the file got its name."""
    if (out / FOLDER / date).is_dir():
        Parts(out, date, None, None).remove()


def _plan_in(path):
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("fingerprint")
    except (OSError, ValueError, AttributeError):
        return None


def _check_free(out, needed):
    free = shutil.disk_usage(out).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{needed} bytes needed, {free} free")


def _reserve(folder, needed):
    """Ask the system for room and give it back: it tells a full disk, a quota or a limit, which GDAL does not."""
    path = folder / "room"
    try:
        with open(path, "wb") as stream:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, needed)
    finally:
        path.unlink(missing_ok=True)
    _check_free(folder, needed)


def bytes_needed(days, bands, grid, dtype):
    """Bytes on disk to fetch some days: the files with overviews, and the parts of the day at work, packed as imagery usually is."""
    raw = bands * grid.height * grid.width * np.dtype(dtype).itemsize
    return int(_PACKED * raw * (days * _WITH_OVERVIEWS + 2))


def check_space(out, needed):
    """Refuse to begin what will not fit.

    Raises
    ------
    SceneError
        With the bytes needed and free.
    """
    free = shutil.disk_usage(out).free
    if free < needed:
        raise SceneError(full_disk(out, needed, free))


def full_disk(out, needed, free):
    """The sentence about a full disk."""
    return (
        f"The disk of {str(out)!r} is too full: about {_size(needed)} are needed, {_size(free)} are free. "
        "Free some space or choose another folder, fetch fewer days or bands, or a coarser --resolution; what is fetched already is kept."
    )


@contextmanager
def disk_in_words(out, needed):
    """Turn a full disk, met while writing, into its sentence; other failures of writing into theirs."""
    try:
        yield
    except OSError as error:  # GDAL's own errors are among them
        if error.errno in _FULL:
            raise DiskFull(full_disk(out, needed, shutil.disk_usage(out).free)) from None
        raise SceneError(f"Nothing can be written to {str(out)!r}: {error.strerror or error}. Choose another folder.") from None


class DiskFull(SceneError):
    """The disk filled up while fetching; what was fetched is kept, and no further day is tried."""


def _size(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 0) / 1e6:.1f} MB"
