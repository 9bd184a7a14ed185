"""Where the images of an index series are: raster files, a stack, scenes, a data cube."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.grids import Grid
from soilcore.data.index_scale import decide_scale
from soilcore.data.pixels import BandSource, FileSource, PixelReader
from soilcore.data.raster_dates import raster_date, said_notes
from soilcore.data.rasters import check_complete, grid_of, opened_raster, reading, same_grid

_LOOK_PIXELS = 128  # along a side of the small picture that tells how values are stored


@dataclass(frozen=True)
class ImageSource:
    """Images in raster files, each one band of one file."""

    grid: Grid
    files: tuple[FileSource, ...]
    bands: tuple[BandSource, ...]

    @contextmanager
    def opened(self, roles, compute):
        """``read(number, window)`` of the index."""
        with PixelReader(self.grid, self.files, self.bands) as reader:
            yield lambda number, window: reader.read(window, [self.bands[number].name])[0]


@dataclass(frozen=True)
class SceneSource:
    """Scenes of which the index is computed."""

    scenes: tuple

    @contextmanager
    def opened(self, roles, compute):
        """``read(number, window)`` of the index."""
        if compute is None:
            raise SceneError("The series holds scenes; its index must be computed of their bands.")
        with ExitStack() as stack:
            readers = [stack.enter_context(scene.reader()) for scene in self.scenes]

            def read(number, window):
                bands = readers[number].read(window, list(roles))
                return compute(dict(zip(roles, bands, strict=True)))

            yield read


@dataclass(frozen=True)
class CubeImages:
    """Images along the time axis of one variable of a NetCDF file or Zarr folder."""

    cube: object
    layer: str
    scale: float

    @contextmanager
    def opened(self, roles, compute):
        """``read(number, window)`` of the index; the whole time axis of a window is read at once, as chunks usually hold it."""
        held = {}
        with self.cube.reader() as reader:

            def read(number, window):
                if held.get("window") != window:
                    held.update(window=window, values=reader.series(window, self.layer))
                return (held["values"][number] * np.float32(self.scale)).astype(np.float32)

            yield read


@dataclass(frozen=True)
class _Image:
    """One band of a file, before its values are understood."""

    file: int
    number: int
    nodata: float | None
    stated: float
    offset: float
    byte: bool
    look: np.ndarray


def open_images(paths, crs, scale, nodata, trusted, report):
    """Single-band files, or one stack of dates.

    Returns
    -------
    (ImageSource, ndarray of datetime64[D], Grid, tuple of str)

    Raises
    ------
    SceneError
        If an image has no date or place.
    """
    files, images, dates = [], [], []
    grid, laid = None, 0
    stack = len(paths) == 1
    for number, path in enumerate(paths):
        report(number, len(paths), f"opening {Path(path).name}")
        with opened_raster(path, trusted) as dataset, reading(path):
            check_complete(dataset)
            own = _grid(dataset, path, crs)
            grid = grid or own
            differs = not same_grid(own, grid)
            if differs and dataset.crs is None:
                raise SceneError(
                    f"{str(path)!r} has other pixels than {str(paths[0])!r} and no reference system of its own. Give images of one grid."
                )
            if not stack and dataset.count > 1:
                raise SceneError(
                    f"{str(path)!r} has {dataset.count} bands, unlike the other files of its folder. A folder holds images of the index, or scenes."
                )
            laid += differs
            files.append(
                FileSource(str(path), trusted, "bilinear" if differs else None, _has_mask(dataset), nodata if nodata is not None else dataset.nodata)
            )
            for band in dataset.indexes:
                dates.append(_date(dataset, path, band))
                images.append(_look(dataset, band, number, nodata))
    names = [f"image {number}" for number in range(len(images))]
    looks = np.concatenate([image.look for image in images])
    stated = {image.stated for image in images}
    if len(stated) > 1:
        raise SceneError(
            f"The images of {str(Path(paths[0]).parent)!r} state different scales: {', '.join(f'{one:g}' for one in sorted(stated))}. Say one with --scale."
        )
    factor, said = decide_scale(looks, str(paths[0]), scale, stated.pop(), images[0].byte)
    bands = tuple(
        BandSource(name, image.file, image.number, image.nodata, False, factor, image.offset) for name, image in zip(names, images, strict=True)
    )
    days = np.array([str(told.day) for _, told in dates], "datetime64[D]")
    return ImageSource(grid, tuple(files), bands), days, grid, (*said, *_said(paths, dates, crs, laid))


def _date(dataset, path, band):
    """What a file, or a band of several, is called, and when it is of."""
    several = dataset.count > 1
    name = (dataset.descriptions[band - 1] or "") if several else Path(path).stem
    told = raster_date(name, dataset.tags(band) if several else dataset.tags())
    if told is not None and (told.exact or told.kind == "month"):
        return name, told
    if several:
        raise SceneError(
            f"Band {band} of {str(path)!r} has no date: its description is {name!r}. Describe each band by its day, such as 2025-03-17 (gdal_edit.py)."
        )
    raise SceneError(f"{Path(path).name!r} has no date. Put its day into its name, such as NDVI_2025-03-17.tif or NDVI_2025_076.tif.")


def _said(paths, dates, crs, laid):
    said = []
    if crs is not None:
        said.append(f"reference system: {crs}, as stated")
    if any(told.kind == "month" and not told.exact for _, told in dates):
        said.append("date of a month: its 15th")
    said += said_notes((name, told.note) for name, told in dates)
    if laid:
        said.append(f"{laid} of {len(paths)} images laid onto the grid of the first (bilinear)")
    return tuple(said)


def _grid(dataset, path, crs):
    """Grid of a file; its reference system is the one stated where it names none."""
    if dataset.crs is not None:
        return grid_of(dataset, path)
    if crs is None:
        raise SceneError(
            f"{str(path)!r} has no coordinate reference system, so seasons cannot be laid over anything. Say it with --crs, for example --crs EPSG:32633."
        )
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    from soilcore.core.errors import SettingsError

    try:
        system = CRS.from_user_input(crs)
    except CRSError:
        raise SettingsError(f"--crs {crs!r} is no coordinate reference system. Write it as EPSG:32633.") from None
    transform = dataset.transform
    if transform.is_identity or transform.b or transform.d:
        raise SceneError(f"{str(path)!r} does not say where its corner lies, or is rotated. Georeference it (gdal_translate -a_ullr) first.")
    return Grid(dataset.height, dataset.width, transform, system)


def _has_mask(dataset):
    from rasterio.enums import MaskFlags

    return any(MaskFlags.per_dataset in flags for flags in dataset.mask_flag_enums)


def _look(dataset, band, file, nodata):
    """Some stored values of a band, evenly spread."""
    rows, cols = min(dataset.height, _LOOK_PIXELS), min(dataset.width, _LOOK_PIXELS)
    values = dataset.read(band, out_shape=(rows, cols)).astype(float)
    empty = nodata if nodata is not None else dataset.nodatavals[band - 1]
    values = values[np.isfinite(values) & (values != (np.nan if empty is None else empty))]
    byte = dataset.dtypes[band - 1] == "uint8"
    return _Image(file, band, empty, float(dataset.scales[band - 1]), float(dataset.offsets[band - 1]), byte, values)


def open_cube_images(path, index, crs, scale):
    """One variable of a NetCDF file or Zarr folder.

    Raises
    ------
    SceneError
        If it has no dates, or several variables and none called as the index.
    """
    from soilcore.data.cubes import open_cube

    cube = open_cube(path, crs)
    dated = [layer.name for layer in cube.layers if layer.dated]
    if cube.days.size == 0 or not dated:
        raise SceneError(f"{str(path)!r} has no variable with a time axis. A season needs values at many dates.")
    named = [name for name in dated if name.casefold() == index.casefold()] or (dated if len(dated) == 1 else [])
    if not named:
        raise SceneError(f"{str(path)!r} holds no variable called {index}. Dated variables: {', '.join(dated)}. Name one of them with --index.")
    grid = cube.grid
    from soilcore.core.grids import Window

    middle = Window(
        grid.height // 4, grid.width // 4, min(grid.height - grid.height // 4, _LOOK_PIXELS), min(grid.width - grid.width // 4, _LOOK_PIXELS)
    )
    with cube.reader() as reader:
        look = reader.series(middle, named[0])
    factor, said = decide_scale(look[np.isfinite(look)].astype(float), str(path), scale)
    taken = () if named[0].casefold() == index.casefold() else (f"variable {named[0]} is taken as {index}",)
    return CubeImages(cube, named[0], factor), cube.days, grid, (*cube.assumed, *taken, *said)
