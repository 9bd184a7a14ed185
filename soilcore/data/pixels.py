"""Reading pixels: stored values become float32 with NaN for whatever is missing, the same way for windows and for single places."""

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.grids import Grid, Window
from soilcore.data.interpolation import Interpolated, can_be_interpolated
from soilcore.data.rasters import check_window, open_raster, rasterio_window, reading, same_crs
from soilcore.data.sensors import is_reflective

BLOCK = 512  # resampled layers are always made in whole blocks, so that no window can change a value
_CHUNK_VALUES = 1 << 18  # converted at once: the float64 copy stays in the processor's cache


@dataclass(frozen=True)
class FileSource:
    """One raster file.

    Parameters
    ----------
    path : str
    trusted : bool
        See `soilcore.data.rasters.open_raster`.
    resampling : str or None
        None where the file's pixels are the grid's; else how they are laid onto it, "bilinear" or "nearest".
    has_mask : bool
        Whether the file carries a mask or alpha band.
    source_nodata : float or None
        Stored value that resampling leaves out.
    member : str or None
        File inside `path`, which is then a zip or tar.
    """

    path: str
    trusted: bool = False
    resampling: str | None = None
    has_mask: bool = False
    source_nodata: float | None = None
    member: str | None = None

    @property
    def label(self):
        """What the file is called in messages."""
        return self.path if self.member is None else f"{self.path}: {self.member}"

    def opened(self):
        """The file open for reading; it closes as a context manager."""
        return open_raster(self.path, self.trusted, member=self.member)


@dataclass(frozen=True)
class BandSource:
    """One band of one file, and what its stored values mean.

    Parameters
    ----------
    name : str
        Role, or own name.
    file : int
        Which of the files, from 0.
    number : int
        Band of that file, from 1.
    nodata : float or None
    zero_is_nodata : bool
    scale, offset : float
        Value = stored value * scale + offset, in float64, rounded once to float32.
    """

    name: str
    file: int
    number: int
    nodata: float | None = None
    zero_is_nodata: bool = False
    scale: float = 1.0
    offset: float = 0.0

    def missing(self, stored):
        """Where stored values are no data: the nodata number, 0 where it means that, NaN and infinities."""
        gone = ~np.isfinite(stored) if np.issubdtype(stored.dtype, np.floating) else np.zeros(stored.shape, bool)
        if self.nodata is not None and np.isfinite(self.nodata):
            gone |= stored == _as_stored(self.nodata, stored.dtype)
        if self.zero_is_nodata:
            gone |= stored == 0
        return gone


def _as_stored(nodata, dtype):
    """The nodata number as the band stores it: float32 files hold -3.4e38 rounded; an integer band never holds 0.5."""
    if np.issubdtype(dtype, np.floating):
        return np.float32(nodata) if dtype == np.float32 else nodata
    return int(nodata) if float(nodata).is_integer() else None


class PixelReader:
    """Bands of several files on one grid, opened once for many windows; belongs to one thread.

    Parameters
    ----------
    grid : Grid
    files : sequence of FileSource or CubeFile
    bands : sequence of BandSource
    quality : soilcore.data.quality.QualityLayer, optional
        Hides pixels of the reflective bands.
    """

    def __init__(self, grid, files, bands, quality=None):
        self.grid, self.files, self.bands, self.quality = grid, tuple(files), tuple(bands), quality
        self._open = ExitStack()
        self._datasets = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._datasets.clear()
        self._open.close()

    def read(self, window, names=None):
        """Values of one window.

        Parameters
        ----------
        window : Window
            Within the grid.
        names : sequence of str, optional
            Which bands, in this order; all if not given.

        Returns
        -------
        ndarray of float32, shape (n_bands, rows, columns)
            NaN where a value is missing.

        Raises
        ------
        SceneError
            If a name or the window is not there.
        UnreadableError
            If the file is damaged.
        """
        check_window(window, self.grid)
        bands = self._named(names)
        out = np.empty((len(bands), window.height, window.width), np.float32)
        for number in sorted({band.file for band in bands}):
            places = [place for place, band in enumerate(bands) if band.file == number]
            stored, masked = self.stored(window, number, [bands[place].number for place in places])
            for layer, place in zip(stored, places, strict=True):
                _convert(layer, bands[place], masked, out[place])
        reflective = [place for place, band in enumerate(bands) if is_reflective(band.name)]
        if reflective and (hidden := self.hidden(window)) is not None:
            for place in reflective:
                out[place][hidden] = np.nan
        return out

    def hidden(self, window):
        """Which pixels of a window the quality layer hides, bool of shape (rows, columns); None without a layer."""
        if self.quality is None:
            return None
        source = self.quality.file
        if "quality" not in self._datasets:
            self._datasets["quality"] = self._open.enter_context(source.opened())
        with reading(source.label):
            return self.quality.hidden(self._datasets["quality"], self.grid, window)

    def stored(self, window, file, numbers):
        """Stored values of some bands of one file, and where its mask hides them.

        Returns
        -------
        stored : ndarray, shape (len(numbers), rows, columns)
            In the file's own type, before the quality layer; decimal numbers with NaN where the file is resampled.
        masked : ndarray of bool, shape (rows, columns), or None
        """
        dataset, source = self._dataset(file), self.files[file]
        with reading(source.label):
            if source.resampling:
                return self._resampled(dataset, window, numbers), None
            part = rasterio_window(window)
            masked = dataset.dataset_mask(window=part) == 0 if source.has_mask else None
            return dataset.read(numbers, window=part), masked

    def _named(self, names):
        if names is None:
            return self.bands
        known = {band.name: band for band in self.bands}
        if unknown := [name for name in names if name not in known]:
            raise SceneError(f"There is no band {unknown[0]!r}. Bands: {', '.join(known)}.")
        return [known[name] for name in names]

    def _dataset(self, file):
        if file not in self._datasets:
            source = self.files[file]
            dataset = self._open.enter_context(source.opened())
            self._datasets[file] = self._open.enter_context(laid_onto(dataset, self.grid, source)) if source.resampling else dataset
        return self._datasets[file]

    def _resampled(self, dataset, window, numbers):
        if isinstance(dataset, Interpolated):
            return dataset.read(numbers, window=rasterio_window(window))
        out = np.empty((len(numbers), window.height, window.width), dataset.dtypes[0])
        for block in blocks_of(window, self.grid):
            values = dataset.read(numbers, window=rasterio_window(block))
            copy_common(values, block, out, window)
        return out


def laid_onto(dataset, grid, source):
    """A view of an open raster on another grid, with NaN for no data.

    Whole numbers are interpolated in double precision, so that an offset in the stored numbers comes out to the last bit; others in single.
    A coarser raster of the same reference system is interpolated here, any other by GDAL's warper.

    Raises
    ------
    SceneError
        If the two reference systems cannot be brought together.
    """
    from rasterio.enums import Resampling
    from rasterio.errors import CRSError, RasterioError
    from rasterio.vrt import WarpedVRT

    if can_be_interpolated(dataset, grid, source):
        return Interpolated(dataset, grid, source.source_nodata)
    same = same_crs(grid.crs, Grid.of(dataset).crs)
    target = {"crs": dataset.crs if same else grid.crs.to_wkt(), "transform": grid.transform, "height": grid.height, "width": grid.width}
    target["tolerance"] = 0.01  # of a pixel; exact where only the resolution differs
    whole = all(np.issubdtype(np.dtype(kind), np.integer) for kind in dataset.dtypes)
    kind = "float64" if whole and source.resampling == "bilinear" else "float32"
    try:
        return WarpedVRT(dataset, **target, resampling=Resampling[source.resampling], src_nodata=source.source_nodata, nodata=np.nan, dtype=kind)
    except (RasterioError, CRSError) as error:
        raise SceneError(
            f"{source.path!r} cannot be laid onto the grid of the map: {' '.join(str(error).split())[:200]}. Check its reference system."
        ) from None


def blocks_of(window, grid, size=BLOCK):
    """The whole blocks of the grid that a window touches."""
    for row in range(window.row // size * size, window.row + window.height, size):
        for col in range(window.col // size * size, window.col + window.width, size):
            yield Window(row, col, min(size, grid.height - row), min(size, grid.width - col))


def copy_common(values, block, out, window):
    """Copy what a block, shape (..., rows, columns), and a window have in common into `out`."""
    top, left = max(block.row, window.row), max(block.col, window.col)
    bottom = min(block.row + block.height, window.row + window.height)
    right = min(block.col + block.width, window.col + window.width)
    into = (..., slice(top - window.row, bottom - window.row), slice(left - window.col, right - window.col))
    out[into] = values[..., top - block.row : bottom - block.row, left - block.col : right - block.col]


def _convert(stored, band, masked, out):
    """Stored values of one band to float32, rows at a time."""
    rows = max(1, _CHUNK_VALUES // max(1, stored.shape[1]))
    scratch = np.empty((min(rows, stored.shape[0]), stored.shape[1]))
    for start in range(0, stored.shape[0], rows):
        part = stored[start : start + rows]
        values = scratch[: part.shape[0]]
        with np.errstate(over="ignore", invalid="ignore"):
            np.multiply(part, band.scale, out=values, dtype=np.float64)  # also of float32
            values += band.offset
            out[start : start + rows] = values
        missing = band.missing(part)
        if masked is not None:
            missing |= masked[start : start + rows]
        out[start : start + rows][missing] = np.nan


def sample_places(reader, x, y, crs, block=BLOCK):
    """Values under points: exactly those of the pixels that hold them.

    Parameters
    ----------
    reader : object
        With ``grid``, ``bands`` and ``read(window)``.
    x, y : array-like of shape (n,)
    crs : pyproj.CRS
        Of the points.
    block : int
        Points are read together by blocks of this many pixels.

    Returns
    -------
    ndarray of float64, shape (n, n_bands)
        NaN outside the grid and where the pixel is missing.
    """
    rows, cols, inside = reader.grid.rows_cols(x, y, crs)
    out = np.full((rows.size, len(reader.bands)), np.nan)
    at = np.flatnonzero(inside)
    keys = rows[at] // block * (reader.grid.width // block + 1) + cols[at] // block
    order = at[np.argsort(keys, kind="stable")]
    _, starts = np.unique(np.sort(keys), return_index=True)
    for points in np.split(order, starts[1:]) if order.size else ():
        top, left = rows[points].min(), cols[points].min()
        window = Window(int(top), int(left), int(np.ptp(rows[points])) + 1, int(np.ptp(cols[points])) + 1)
        out[points] = reader.read(window)[:, rows[points] - top, cols[points] - left].T
    return out
