"""Reading remote rasters a window at a time, as the reader that odc-stac loads through.

odc-stac's own reader opens whatever GDAL recognises at an address: a virtual mosaic served there could name files of this machine. This
one opens GeoTIFF and JPEG 2000 only, over http(s) only, keeps each file open for all tiles of a day, and has its own patience: a
failed read is tried again with doubled waits, after the file was closed, so that no cut-off answer stays in GDAL's memory.
"""

import re
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np

from soilcore.core.errors import Stopped
from soilcore.core.grids import Window
from soilcore.data.pixels import FileSource, blocks_of, copy_common, laid_onto
from soilcore.data.rasters import CACHE_BYTES, grid_of, rasterio_window, same_crs

_STATUS = re.compile(r"(?:response code|HTTP error code|HTTP code)[^0-9]{0,12}(\d{3})")
_LASTING = (400, 401, 403, 404, 410, 416)
_LONGEST_WAIT_S = 60.0


class ReadError(Exception):
    """A source could not be read, tried as often as allowed; its text is the sentence for people."""


class Patience:
    """How often a failed read is tried again, and how long it waits: doubled each time, ended at once when the work is stopped.

    Parameters
    ----------
    tries : int
        Reads in all.
    wait_s : float
        Before the second one, seconds.
    """

    def __init__(self, tries=5, wait_s=1.0):
        self.tries, self.wait_s = tries, wait_s
        self.stopping = threading.Event()

    def run(self, read, forget):
        """Call ``read()`` until it answers; ``forget()`` is called after each failure.

        Raises
        ------
        ReadError
            With what went wrong last.
        Stopped
            If the work was ended meanwhile.
        """
        from rasterio.errors import RasterioError

        for turn in range(1, self.tries + 1):
            if self.stopping.is_set():
                raise Stopped
            try:
                return read()
            except RasterioError as error:
                forget()
                why, lasting = reason_of(error)
                if lasting or turn == self.tries:
                    raise ReadError(why if lasting else f"{why}, {turn} times") from None
                if self.stopping.wait(min(_LONGEST_WAIT_S, self.wait_s * 2 ** (turn - 1))):
                    raise Stopped from None
        raise ReadError("it was never tried")


def reason_of(error):
    """What went wrong on the way, in words, and whether trying again is of no use.

    Returns
    -------
    why : str
    lasting : bool
    """
    texts = []
    while error is not None:
        texts.append(" ".join(str(error).split()))
        error = error.__cause__ or error.__context__
    text = "; ".join(texts)
    status = _STATUS.search(text)
    if status:
        code = int(status[1])
        meaning = {401: "access is refused (401)", 403: "access is refused (403)", 404: "there is no such file (404)"}
        return meaning.get(code, f"the server answered {code}"), code in _LASTING
    lowered = text.lower()
    if "resolve host" in lowered or "resolve proxy" in lowered:
        return "its host cannot be found on the network", False
    if "connection refused" in lowered or "failed to connect" in lowered or "couldn't connect" in lowered or "could not connect" in lowered:
        return "its host does not answer", False
    if "timed out" in lowered or "timeout" in lowered:
        return "the server was too slow", False
    if "not recognized as being in a supported file format" in lowered or "not a supported file" in lowered:
        return "it is no GeoTIFF or JPEG 2000, or came cut off", False
    return f"the answer was cut off or damaged ({texts[0][-80:]})", False


def remote_options(timeout_s):
    """Options of GDAL for reading over http(s): no listing of folders, no sidecar files, no tries of its own, nothing kept of a closed file."""
    return {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_PAM_ENABLED": "NO",
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/",
        "GDAL_HTTP_MAX_RETRY": 0,
        "GDAL_HTTP_TIMEOUT": int(max(1, timeout_s)),
        "GDAL_HTTP_CONNECTTIMEOUT": int(max(1, min(10, timeout_s))),
        "GDAL_HTTP_MULTIRANGE": "YES",
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
        "GDAL_INGESTED_BYTES_AT_OPEN": 32768,
        "GDAL_HTTP_NETRC": "NO",
        "VSI_CACHE": False,
        "GDAL_CACHEMAX": CACHE_BYTES,
    }


class Sources:
    """The remote files of one day, each opened once, and how they lie on the grid; a reader driver of odc-stac.

    Parameters
    ----------
    grid : Grid
        Of the result.
    patience : Patience
    timeout_s : float
        Of one request.
    sign : callable
        Address to signed address.
    shifts : dict of str to int
        Added to the digital numbers of the file at an address, so that the scenes of one day share one offset.
    nearest : frozenset of str
        Addresses of classes: never interpolated.
    names : dict of str to str
        What the file at an address is called in messages.
    """

    md_parser = dask_reader = aux_reader = None

    def __init__(self, grid, patience, timeout_s, sign=str, shifts=None, nearest=frozenset(), names=None):
        self.grid, self.patience, self.timeout_s = grid, patience, timeout_s
        self.sign, self.shifts, self.nearest = sign, shifts or {}, nearest
        self.names = names or {}
        self._open, self._views, self._lock = {}, {}, threading.Lock()

    # -- what odc-stac asks of a reader driver

    def new_load(self, geobox, *, chunks=None):
        """Start of a load; there is nothing to prepare."""
        return None

    def finalise_load(self, load_state):
        """End of a load; files stay open for the next tile."""
        return None

    def capture_env(self):
        """Options that the reading threads need."""
        return remote_options(self.timeout_s)

    @contextmanager
    def restore_env(self, env, load_state):
        """The options, in the thread that reads."""
        import rasterio

        with rasterio.Env(**env):
            yield None

    def open(self, src, ctx):
        """Reader of one band."""
        return _SourceReader(self, src.uri)

    # -- the files

    def facts(self, address):
        """Grid and number type of one remote file.

        Returns
        -------
        grid : Grid
        dtype : str
        """
        import rasterio

        def look():
            dataset = self._dataset(address)
            return grid_of(dataset, "the file"), dataset.dtypes[0]

        with rasterio.Env(**remote_options(self.timeout_s)):
            return self._patiently(look, address)

    def is_exact(self, source):
        """Whether the pixels of a file are pixels of the grid, so that they are copied and not interpolated."""
        return _pixels_between(source, self.grid) is not None

    def read(self, address, window, dtype):
        """Stored numbers of one window of the grid from one file, with 0 for no data and outside the file."""
        values = self._patiently(lambda: self._read(address, window, dtype), address)
        shift = self.shifts.get(address, 0)
        if shift:
            valid = values != 0
            limit = np.iinfo("uint16").max
            values[valid] = np.minimum(values[valid].astype("float64") + shift, limit).astype(values.dtype)
        return values

    def forget(self, address):
        """Close a file, with what GDAL remembers of it."""
        with self._lock:
            held = [self._views.pop(address, None), self._open.pop(address, None)]
        for dataset in held:
            if dataset is not None:
                dataset.close()

    def close(self):
        """Close all files."""
        for address in list(self._open):
            self.forget(address)

    def _patiently(self, read, address):
        try:
            return self.patience.run(read, lambda: self.forget(address))
        except ReadError as error:
            raise ReadError(f"{self.names.get(address, 'a file')} cannot be read: {error}") from None

    def _dataset(self, address):
        import rasterio

        dataset = self._open.get(address)
        if dataset is None:
            driver = "JP2OpenJPEG" if urlsplit(address).path.lower().endswith(".jp2") else "GTiff"
            dataset = rasterio.open(f"/vsicurl/{self.sign(address)}", driver=driver, sharing=False)
            with self._lock:
                self._open[address] = dataset
        return dataset

    def _view(self, address, dataset):
        """The file seen on the grid, float32 with NaN for no data; bands coarser than the grid bilinear, finer ones averaged, classes as they are."""
        view = self._views.get(address)
        if view is None:
            finer = same_crs(grid_of(dataset, "the file").crs, self.grid.crs) and self.grid.cell_size[1] > 1.5 * abs(dataset.transform.e)
            way = "nearest" if address in self.nearest else "average" if finer else "bilinear"
            nodata = dataset.nodatavals[0]
            view = laid_onto(dataset, self.grid, FileSource("the file", resampling=way, source_nodata=0.0 if nodata is None else nodata))
            with self._lock:
                self._views[address] = view
        return view

    def _read(self, address, window, dtype):
        dataset = self._dataset(address)
        place = _pixels_between(grid_of(dataset, "the file"), self.grid)
        if place is not None:
            return _copied(dataset, place, window, dtype)
        out = np.empty((window.height, window.width), "float32")
        view = self._view(address, dataset)
        for block in blocks_of(window, self.grid):  # whole blocks, so that the tile asked for changes no pixel
            copy_common(view.read([1], window=rasterio_window(block))[0], block, out, window)
        return np.nan_to_num(out, nan=0.0).astype(dtype)


class _SourceReader:
    """One band, as odc-stac reads it."""

    def __init__(self, sources, address):
        self._sources, self._address = sources, address

    def read(self, cfg, dst_geobox, *, dst=None, selection=None):
        """Pixels of a part of the grid, as (rows, columns) slices into it and values."""
        window = window_of(dst_geobox, self._sources.grid)
        values = self._sources.read(self._address, window, cfg.dtype)
        if dst is not None:
            dst[:] = values
            values = dst
        return (slice(0, window.height), slice(0, window.width)), values


def signer(kind, patience):
    """How addresses get their token: ``sign(address)`` gives the address to read.

    Parameters
    ----------
    kind : {"planetary-computer", "none"}
    patience : Patience
    """
    if kind != "planetary-computer":
        return str
    from planetary_computer import sas
    from planetary_computer.utils import parse_blob_url
    from requests.exceptions import RequestException

    lock = threading.Lock()

    def sign(address):
        parts = urlsplit(address)
        if not parts.netloc.endswith(sas.BLOB_STORAGE_DOMAIN):
            return address
        try:
            with lock:  # one thread asks, the others find its token in the package's cache; it is renewed a minute before it ends
                sas.get_token(*parse_blob_url(parts), retry_total=patience.tries - 1, retry_backoff_factor=patience.wait_s)
                return sas.sign_url(address)
        except (RequestException, ValueError, KeyError, IndexError) as error:
            raise ReadError(f"no token can be had for {parts.netloc} ({' '.join(str(error).split())[-120:]})") from None

    return sign


def window_of(geobox, grid):
    """The window of a grid that an odc-geo GeoBox made of it covers."""
    width, height = grid.cell_size
    row, col = (grid.bounds[3] - geobox.affine.f) / height, (geobox.affine.c - grid.bounds[0]) / width
    return Window(round(row), round(col), geobox.shape.y, geobox.shape.x)


def _pixels_between(source, grid):
    """(rows, columns) from the corner of a file to that of the grid where both have the same pixels, else None."""
    width, height = grid.cell_size
    if not same_crs(source.crs, grid.crs) or not np.allclose(source.cell_size, grid.cell_size, rtol=1e-6):
        return None
    rows = (source.bounds[3] - grid.bounds[3]) / height
    cols = (grid.bounds[0] - source.bounds[0]) / width
    whole = round(rows), round(cols)
    return whole if max(abs(rows - whole[0]), abs(cols - whole[1])) < 1e-3 else None


def _copied(dataset, place, window, dtype):
    """Stored numbers of a window as they are; 0 outside the file and where it says no data."""
    out = np.zeros((window.height, window.width), dtype)
    top, left = window.row + place[0], window.col + place[1]
    first_row, first_col = max(0, top), max(0, left)
    last_row, last_col = min(dataset.height, top + window.height), min(dataset.width, left + window.width)
    if first_row >= last_row or first_col >= last_col:
        return out
    part = Window(first_row, first_col, last_row - first_row, last_col - first_col)
    values = dataset.read(1, window=rasterio_window(part))
    nodata = dataset.nodatavals[0]
    if nodata is not None:
        values = np.where(values == nodata, 0, values) if np.isfinite(nodata) else np.nan_to_num(values, nan=0)
    out[first_row - top : last_row - top, first_col - left : last_col - left] = values
    return out
