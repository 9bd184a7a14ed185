"""Opening rasters safely: only the file that was named, only by drivers that read one file, and every failure in words.

GDAL reads over two hundred formats; several follow references to other files or addresses. An uploaded raster is therefore opened
only as GeoTIFF (a cloud-optimised one included) or JPEG 2000, sidecar files beside it (.aux.xml, .ovr, .msk, world files) are not
looked at, and names that GDAL would resolve itself (``/vsicurl/...``, ``s3://...``) are refused. A file inside a zip or tar
is read in place, under a name that is put together here after the archive's members were checked (`soilcore.data.products_holder`). A caller
who trusts the name, as the command line does with what its own user typed, may also open virtual mosaics (VRT) and ``/vsi`` paths.
"""

import re
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, UnreadableError
from soilcore.core.files import check_readable
from soilcore.core.grids import Grid

CACHE_BYTES = 256 << 20  # GDAL's default is a share of the machine's memory; rasterio takes bytes, where GDAL's own option takes megabytes
_OPEN_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none"}
_TRUSTED_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG2000_STARTS = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_MEMBER_DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}
_MOST_BLOCKS_CHECKED = 200_000
_METRES_PER_DEGREE = 111_320.0


@contextmanager
def opened_raster(path, trusted=False, what="raster", member=None):
    """Open one raster for reading.

    Parameters
    ----------
    path : path
        A local file.
    trusted : bool
        Whether its user may read whatever the process may: allows VRT and ``/vsi`` names.
    what : str
        What the file is called in messages.
    member : str, optional
        File inside `path`, which is then a zip or tar that `soilcore.data.products_holder` has checked.

    Yields
    ------
    rasterio.DatasetReader

    Raises
    ------
    UnreadableError
        If there is no such file, it is no raster of an accepted format, or it ends too early.
    """
    dataset = open_raster(path, trusted, what, member)
    try:
        yield dataset
    finally:
        dataset.close()


def open_raster(path, trusted=False, what="raster", member=None):
    """Like `opened_raster`, for callers that close the dataset themselves."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    if member is None:
        name = _checked_name(path, trusted, what)
        driver = _driver_of(name, path, trusted, what)
    else:
        name, driver = _name_in_archive(path, member, what), _MEMBER_DRIVERS[Path(member).suffix.lower()]
    options = _TRUSTED_OPTIONS if trusted and member is None else _OPEN_OPTIONS
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, **options), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(name, driver=driver)
    except RasterioIOError as error:
        name = path if member is None else f"{member} in {Path(path).name}"
        raise UnreadableError(f"The {what} {str(name)!r} is damaged or cut off ({_reason(error)}). Download or copy it again.") from None
    if dataset.count == 0:
        dataset.close()
        raise UnreadableError(f"The {what} {str(path)!r} holds no bands. Give a GeoTIFF with at least one.")
    return dataset


def _checked_name(path, trusted, what):
    name = str(path)
    if name.startswith("/vsi") or "://" in name:
        if trusted and name.startswith("/vsi"):
            return name
        raise UnreadableError(f"{name!r} is an address, not a file on this machine. Download it first, and name the file.")
    return str(check_readable(Path(name), what).absolute())


def _name_in_archive(path, member, what):
    """GDAL's name of a file inside a zip or tar on this machine; braces mark where the archive's own name ends."""
    archive = check_readable(Path(path), what).absolute()
    if (
        set(f"{archive}{member}") & set("{}")
        or ".." in Path(member).parts
        or member.startswith("/")
        or Path(member).suffix.lower() not in _MEMBER_DRIVERS
    ):
        raise UnreadableError(f"{member!r} in {str(path)!r} has a name that is not opened. Unpack the archive and give the folder.")
    with open(archive, "rb") as stream:
        kind = "vsizip" if stream.read(2) == b"PK" else "vsitar"
    return f"/{kind}/{{{archive}}}/{member}"


def _driver_of(name, path, trusted, what):
    """The one GDAL driver that may open the file, by its first bytes; None (any) only for trusted ``/vsi`` names."""
    if name.startswith("/vsi"):
        return None
    with open(name, "rb") as stream:
        start = stream.read(256)
    if start.startswith(_TIFF_STARTS):
        return "GTiff"
    if start.startswith(_JPEG2000_STARTS):
        return "JP2OpenJPEG"
    if start.lstrip().startswith(b"<VRTDataset"):
        if trusted:
            return "VRT"
        raise UnreadableError(
            f"The {what} {str(path)!r} is a virtual mosaic that points to other files. Give those files themselves, or one GeoTIFF made of them (gdal_translate)."
        )
    if not start:
        raise UnreadableError(f"The {what} {str(path)!r} is empty (0 bytes). Download or copy it again.")
    raise UnreadableError(
        f"The {what} {str(path)!r} is not a raster that is read here. Give a GeoTIFF (.tif) or JPEG 2000 (.jp2); other formats are converted with gdal_translate."
    )


def _reason(error):
    return " ".join(str(error).split())[-200:]


@contextmanager
def reading(path):
    """Turn a failure to decode pixels into words about the file `path`."""
    from rasterio.errors import RasterioError

    try:
        yield
    except RasterioError as error:
        raise UnreadableError(
            f"The pixels of {str(path)!r} cannot be read: the file is damaged or cut off ({_reason(error)}). Download or copy it again."
        ) from None


def check_complete(dataset):
    """Refuse a GeoTIFF whose pixels lie beyond the end of the file, as after an interrupted download.

    Raises
    ------
    UnreadableError
        With the size needed and the size found.
    """
    path = Path(dataset.name)
    if dataset.driver != "GTiff" or not path.is_file():
        return
    size, needed, checked = path.stat().st_size, 0, 0
    for band in _bands_with_blocks(dataset):
        rows, cols = dataset.block_shapes[band - 1]
        for row in range(-(-dataset.height // rows)):
            for col in range(-(-dataset.width // cols)):
                offset = dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band)
                if offset:
                    length = dataset.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=band)
                    needed = max(needed, int(offset) + int(length or 0))
                checked += 1
        if checked > _MOST_BLOCKS_CHECKED:
            break
    if needed > size:
        raise UnreadableError(f"The file {str(path)!r} is cut off: its pixels need {needed} bytes, it has {size}. Download or copy it again.")


def _bands_with_blocks(dataset):
    interleaved = dataset.interleaving is not None and dataset.interleaving.value.upper() == "PIXEL"
    return (1,) if interleaved else tuple(dataset.indexes)


def grid_of(dataset, path=None):
    """Grid of a raster whose place on the ground can be relied on.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
    path : path, optional
        Name for messages; the dataset's own if not given.

    Returns
    -------
    Grid

    Raises
    ------
    SceneError
        If the raster has no reference system or no place, is rotated, or its coordinates cannot be of its reference system.
    """
    name = str(path or dataset.name)
    grid = Grid.of(dataset)
    transform = grid.transform
    if transform.b or transform.d:
        raise SceneError(
            f"{name!r} is a rotated grid (its rows do not run east-west). Lay it north-up first, for example with gdalwarp FILE NEW.tif, and read that."
        )
    if transform.is_identity:
        raise SceneError(
            f"{name!r} has a reference system but says nothing of where its corner lies or how large a pixel is. Georeference it (gdal_translate -a_ullr) first."
        )
    check_crs_fits(grid, name)
    return grid


def check_crs_fits(grid, name):
    """Refuse coordinates that cannot belong to the reference system a raster claims.

    Raises
    ------
    SceneError
        Saying what the coordinates look like, and how to assign the right system.
    """
    left, bottom, right, top = grid.bounds
    extent = f"x {left:.6g} to {right:.6g}, y {bottom:.6g} to {top:.6g}"
    remedy = "Assign the right one (gdal_edit.py -a_srs EPSG:NUMBER FILE) and read it again."
    if grid.crs.is_geographic and (max(abs(left), abs(right)) > 361 or max(abs(bottom), abs(top)) > 91):
        raise SceneError(f"{name!r} says its coordinates are degrees ({grid.crs.name}), but they run over {extent}: they look like metres. {remedy}")
    if grid.crs.is_projected:
        if max(abs(left), abs(right), abs(bottom), abs(top)) <= 360 and max(grid.cell_size) < 0.5:
            raise SceneError(
                f"{name!r} says its coordinates are metres ({grid.crs.name}), but they run over {extent}: they look like degrees, EPSG:4326 perhaps. {remedy}"
            )
        longitude, latitude = lon_lat((left + right) / 2, (bottom + top) / 2, grid.crs)
        if not (np.isfinite(longitude) and np.isfinite(latitude)):
            raise SceneError(f"{name!r} runs over {extent}, which is no place on earth in {grid.crs.name}. {remedy}")


def plain_tags(tags):
    """Tags with names in lower case; GDAL cuts a name at its colon, so "s2:baseline=5" arrives as "s2" and "baseline=5"."""
    plain = {}
    for name, value in tags.items():
        rest, equals, cut_off = str(value).partition("=")
        if equals and re.fullmatch(r"[a-z_]+", rest):
            name, value = f"{name}:{rest}", cut_off
        plain[name.lower()] = str(value)
    return plain


def lon_lat(x, y, crs):
    """Longitude and latitude (WGS 84, degrees) of points; infinite where they have none.

    Raises
    ------
    SceneError
        If the reference system is a local one, tied to no place on earth.
    """
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        return Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    except ProjError:
        raise SceneError(
            f"The reference system {crs.name!r} is a local one, tied to no place on earth. Assign the real one (gdal_edit.py -a_srs EPSG:NUMBER FILE)."
        ) from None


def cell_metres(grid):
    """Approximate side of a pixel in metres, for telling sensors apart."""
    _, height = grid.cell_size
    if grid.crs.is_geographic:
        return height * _METRES_PER_DEGREE
    units = grid.crs.axis_info
    return height * (units[0].unit_conversion_factor if units else 1.0)


def same_grid(a, b):
    """Whether two grids have the same pixels: reference system, shape, and corners within a thousandth of a pixel."""
    if a.shape != b.shape or not same_crs(a.crs, b.crs):
        return False
    width, height = a.cell_size
    return bool(np.all(np.abs(np.subtract(a.bounds, b.bounds)) < 1e-3 * np.array([width, height, width, height])))


def same_crs(a, b):
    """Whether two reference systems put coordinates at the same place, however they are written."""
    return a == b or (a.to_epsg() is not None and a.to_epsg() == b.to_epsg()) or a.is_exact_same(b) or a.equals(b, ignore_axis_order=True)


def bounds_in(grid, crs, what):
    """(left, bottom, right, top) of a grid in another reference system; infinite where it has no place there.

    Parameters
    ----------
    grid : Grid
    crs : pyproj.CRS
    what : str
        What lies on the grid, for messages.

    Raises
    ------
    SceneError
        If one of the two is a local system, tied to no place on earth.
    """
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    if same_crs(grid.crs, crs):
        return grid.bounds
    try:
        return Transformer.from_crs(grid.crs, crs, always_xy=True).transform_bounds(*grid.bounds, densify_pts=21)
    except ProjError:
        raise SceneError(
            f"{what} is in {grid.crs.name} and cannot be laid into {crs.name}: one of the two is a local reference system, tied to no place on earth. "
            "Assign the real one (gdal_edit.py -a_srs EPSG:NUMBER FILE)."
        ) from None


def overlap(bounds, others):
    """Whether two rectangles (left, bottom, right, top) share an area."""
    left, bottom, right, top = bounds
    o_left, o_bottom, o_right, o_top = others
    return left < o_right and right > o_left and bottom < o_top and top > o_bottom


def rasterio_window(window):
    """Our window as rasterio's."""
    from rasterio.windows import Window

    return Window(window.col, window.row, window.width, window.height)


def check_window(window, grid):
    """Refuse a window that does not lie within the grid."""
    inside = window.row >= 0 and window.col >= 0 and window.row + window.height <= grid.height and window.col + window.width <= grid.width
    if not inside or window.height < 1 or window.width < 1:
        raise SceneError(f"{window} does not lie within the {grid.height} x {grid.width} pixels of the raster.")
