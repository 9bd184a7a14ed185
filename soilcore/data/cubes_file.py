"""A date of a data cube as one file of a scene or covariate: read like a raster file, band by band and window by window."""

from contextlib import contextmanager
from dataclasses import dataclass

from soilcore.core.errors import SceneError
from soilcore.core.grids import Window
from soilcore.data.bands import BandFacts
from soilcore.data.cubes import CubeSource, open_cube
from soilcore.data.scene_files import FileFacts


@dataclass(frozen=True)
class CubeFile:
    """Takes the place of `soilcore.data.pixels.FileSource` where the pixels are in a cube.

    Parameters
    ----------
    path : str
    cube : CubeSource
    day : str or None
        Which date; None where the cube has no time.
    """

    path: str
    cube: CubeSource
    day: str | None = None
    resampling: str | None = None
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
        CubeRaster
        """
        if self.resampling is not None:
            raise SceneError(f"The cube {self.path!r} cannot be laid onto another grid. Write it as one GeoTIFF first, and give that.")
        with self.cube.reader() as reader:
            yield self._over(reader)

    def _over(self, reader):
        return CubeRaster(reader, self.day)


class CubeRaster:
    """An open cube on one date.

    Parameters
    ----------
    reader : soilcore.data.cubes.CubeReader
    day : str or None
    """

    def __init__(self, reader, day):
        self._reader, self._day = reader, day
        self.dtypes = tuple(layer.dtype for layer in reader.source.layers)

    def read(self, numbers, window):
        """Values of bands, by number from 1, in a rasterio window; one band without the band axis where one number is given."""
        part = Window(int(window.row_off), int(window.col_off), int(window.height), int(window.width))
        wanted = [numbers] if isinstance(numbers, int) else list(numbers)
        values = self._values([self._reader.source.layers[number - 1] for number in wanted], part)
        return values[0] if isinstance(numbers, int) else values

    def _values(self, layers, window):
        """As the cube stores them."""
        return self._reader.stored(window, [layer.name for layer in layers], self._day)


def read_cube(path, date=None):
    """Look into a cube as one file of a scene.

    Parameters
    ----------
    path : path
    date : str, optional
        Which date; needed where the cube has several.

    Returns
    -------
    file : FileFacts
        Its bands are the cube's layers.
    source : CubeFile
    day : datetime.date or None
    assumed : tuple of str

    Raises
    ------
    UnreadableError, SceneError, SettingsError
        As `soilcore.data.cubes.open_cube`; also if the date is not there, or has to be said.
    """
    cube = open_cube(path)
    day = str(cube.days[cube.step(date)]) if cube.days.size else None
    bands = tuple(
        BandFacts(0, number, number, layer.name, "", layer.dtype, layer.nodata, layer.scale, layer.offset, False)
        for number, layer in enumerate(cube.layers, start=1)
    )
    tags = {str(name).lower(): str(value) for name, value in cube.attrs.items() if isinstance(value, (str, int, float))}
    file = FileFacts(str(path), cube.grid, bands, tags, False)
    source = CubeFile(str(path), cube, day)
    found = cube.days[cube.step(date)].item() if cube.days.size else None
    return file, source, found, cube.assumed
