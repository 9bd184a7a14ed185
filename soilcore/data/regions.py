"""Where a map is made: an area of interest from a vector file, and masks from a raster or from the water in the scene.

Water is where MNDWI = (G - S1) / (G + S1) is above 0 (Xu 2006, doi 10.1080/01431160600589179) and S1 is below 0.15: bright salt
crusts have a positive MNDWI too, but they reflect 0.2 and more in the shortwave infrared, water less than 0.1. Without a S1 band it is
NDWI = (G - N) / (G + N) above 0 (McFeeters 1996, doi 10.1080/01431169608948714) with N below 0.15. Where an index cannot be computed
(a band missing or not above 0, as over deep water after the offset) the pixel is left out as well.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.files import check_readable
from soilcore.core.grids import Grid
from soilcore.data.covariates import CovariateSpec, open_covariates
from soilcore.data.pixels import blocks_of, copy_common

WATER = "water"
DARK_WATER = 0.15  # reflectance in S1 (or N)
_VECTORS = (".gpkg", ".geojson", ".json", ".shp", ".zip", ".kml", ".fgb", ".parquet")
_REFERENCE, _START_BYTES, _MOST_MEMBERS = b"<OGRVRTDataSource", 1 << 16, 1000
_CODES = re.compile(r":(-?\d+(?:,-?\d+)*)$")


@dataclass(frozen=True)
class Region:
    """Which pixels of a grid belong to the map. Safe to use from several threads.

    Parameters
    ----------
    grid : Grid
    aoi : AreaOfInterest, optional
    mask : RasterMask, optional
    water_scene : Scene, optional
        Leave out the water of this scene; its grid must be the region's.
    """

    grid: Grid
    aoi: object = None
    mask: object = None
    water_scene: object = None

    @classmethod
    def open(cls, grid, aoi=None, mask=None, scene=None):
        """Region of the settings ``--aoi`` and ``--mask``.

        Parameters
        ----------
        grid : Grid
        aoi : path, optional
            Vector file with polygons.
        mask : str, optional
            ``"water"``; a raster whose pixels above 0 are kept; or ``FILE:40,30``, a raster of which only these codes are kept.
        scene : Scene, optional
            Where water is found.

        Raises
        ------
        SettingsError, SceneError, UnreadableError
            If something cannot be read, does not overlap the grid, or water cannot be told from the scene.
        """
        area = read_area_of_interest(aoi, grid) if aoi is not None else None
        if mask is None:
            return cls(grid, area)
        if mask == WATER:
            check_water_scene(scene, grid)
            return cls(grid, area, None, scene)
        return cls(grid, area, read_mask(mask, grid))

    def keep(self, window, bands=None):
        """Which pixels of a window belong to the map.

        Parameters
        ----------
        window : Window
        bands : dict of str to ndarray, optional
            Reflectance of this window by role, where it has been read already; saves reading it again for water.

        Returns
        -------
        ndarray of bool, shape (rows, columns)
        """
        keep = np.ones((window.height, window.width), bool)
        if self.aoi is not None:
            keep &= self.aoi.inside(window)
        if self.mask is not None:
            keep &= self.mask.keep(window)
        if self.water_scene is not None:
            roles = water_roles(self.water_scene.roles)
            if bands is None or not set(roles) <= set(bands):
                bands = dict(zip(roles, self.water_scene.read(window, roles), strict=True))
            keep &= is_land(bands)
        return keep


_WATER_PAIRS = (("G", "S1"), ("G", "N"))


def can_tell_water(roles):
    """Whether these bands are enough to find water."""
    return any(set(pair) <= set(roles) for pair in _WATER_PAIRS)


def water_roles(roles):
    """The two bands that water is told by: green and shortwave infrared, else green and near infrared.

    Raises
    ------
    SceneError
        If the scene has neither pair.
    """
    for pair in _WATER_PAIRS:
        if set(pair) <= set(roles):
            return pair
    raise SceneError(
        f"Water is told by the bands G and S1, or G and N; the scene has {', '.join(roles)}. Give a mask raster with --mask FILE, or name the bands with --roles."
    )


def is_land(bands):
    """Where pixels are valid and not water, by the rule of this module.

    Parameters
    ----------
    bands : dict of str to ndarray
        Reflectance by role; G and S1, or G and N.

    Returns
    -------
    ndarray of bool
    """
    green_role, dark_role = water_roles(bands)
    green, dark = bands[green_role], bands[dark_role]
    with np.errstate(invalid="ignore"):
        valid = (green > 0) & (dark > 0)
        # (green - dark) / (green + dark) > 0, where both are positive, is green > dark.
        water = (green > dark) & (dark < DARK_WATER)
    return valid & ~water


def check_water_scene(scene, grid):
    """Refuse to look for water without a scene on the map's grid that has the bands for it."""
    if scene is None:
        raise SettingsError("--mask water finds water in the scene, and there is none. Give one with --scene, or a mask raster with --mask FILE.")
    if scene.grid != grid:
        raise SceneError("--mask water needs the scene to be on the grid of the map.")
    water_roles(scene.roles)


@dataclass(frozen=True)
class RasterMask:
    """Pixels to keep, from a raster laid onto the grid by nearest neighbour.

    Parameters
    ----------
    layer : CovariateStack
        One categorical layer.
    codes : tuple of int
        Codes to keep; where empty, everything above 0.
    """

    layer: object
    codes: tuple[int, ...] = ()

    def keep(self, window):
        """Boolean array of the window; pixels without a value are not kept."""
        values = self.layer.read(window)[0]
        if self.codes:
            return np.isin(values, self.codes)
        with np.errstate(invalid="ignore"):
            return values > 0


def mask_parts(text):
    """File and codes of ``FILE`` or ``FILE:40,30``; without codes an empty tuple."""
    path = str(text)
    listed = _CODES.search(path)
    if listed and not Path(path).exists():
        return path[: listed.start()], tuple(int(code) for code in listed[1].split(","))
    return path, ()


def read_mask(text, grid):
    """``FILE`` or ``FILE:40,30`` as a `RasterMask`.

    Raises
    ------
    SceneError
        If the raster does not overlap the grid.
    """
    path, codes = mask_parts(text)
    return RasterMask(open_covariates([CovariateSpec(path, "mask", True, 1)], grid), codes)


@dataclass(frozen=True)
class AreaOfInterest:
    """Polygons on a grid: pixels whose centre lies inside belong to it.

    Parameters
    ----------
    grid : Grid
    polygons : tuple of shapely geometries
        In the grid's reference system.
    source : str
    """

    grid: Grid
    polygons: tuple = field(repr=False)
    source: str = ""

    def inside(self, window):
        """Boolean array of the window."""
        out = np.zeros((window.height, window.width), bool)
        for block in blocks_of(window, self.grid):  # whole blocks, so that rounding at an edge never depends on the window
            copy_common(self._block(block), block, out, window)
        return out

    def _block(self, block):
        from rasterio.features import geometry_mask
        from shapely.geometry import box

        part = self.grid.part(block)
        touching = [polygon for polygon in self.polygons if polygon.intersects(box(*part.bounds))]
        if not touching:
            return np.zeros(part.shape, bool)
        return geometry_mask(touching, part.shape, part.transform, invert=True)


def read_area_of_interest(path, grid):
    """Polygons of a vector file, in the grid's reference system.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, (zipped) shapefile, KML, FlatGeobuf or GeoParquet, in any reference system.
    grid : Grid

    Returns
    -------
    AreaOfInterest

    Raises
    ------
    UnreadableError
        If it is no vector file that is read here.
    SceneError
        If it has no reference system, no polygon, or does not overlap the grid.
    """
    frame = read_vector(path)
    if frame.crs is None:
        raise SceneError(
            f"The boundary {str(path)!r} has no coordinate reference system. Save it with one (in QGIS: Set Layer CRS) and read it again."
        )
    shapes = frame.geometry[frame.geometry.notna() & ~frame.geometry.is_empty]
    polygons = shapes[shapes.geom_type.isin(("Polygon", "MultiPolygon"))]
    if polygons.empty:
        kinds = ", ".join(sorted(set(shapes.geom_type))) or "nothing"
        raise SceneError(f"The boundary {str(path)!r} holds no polygon, but {kinds}. Give the outline of the area as a polygon.")
    placed = _placed(polygons, grid, path)
    return AreaOfInterest(grid, tuple(placed), str(path))


def outer_rings(path, most=400):
    """Outlines of a vector file's polygons, for drawing; holes left out.

    Parameters
    ----------
    path : path
    most : int
        The largest polygons, at most so many.

    Returns
    -------
    list of list of (float, float)
        Longitude and latitude (WGS 84) of each ring, closed; empty where there is no polygon.

    Raises
    ------
    UnreadableError
        If it is no vector file that is read here.
    SceneError
        If it has no reference system.
    """
    frame = read_vector(path)
    if frame.crs is None:
        raise SceneError(
            f"The boundary {str(path)!r} has no coordinate reference system. Save it with one (in QGIS: Set Layer CRS) and read it again."
        )
    shapes = frame.geometry[frame.geometry.notna() & ~frame.geometry.is_empty].to_crs(4326).explode()
    shapes = shapes[shapes.geom_type == "Polygon"]
    largest = sorted(shapes, key=lambda shape: shape.area, reverse=True)[:most]
    return [[(float(x), float(y)) for x, y, *_ in shape.exterior.coords] for shape in largest]


def read_vector(path, what="boundary", layer=None):
    """Features of a vector file.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, (zipped) shapefile, KML, FlatGeobuf or GeoParquet.
    what : str
        What the file is called in messages.
    layer : str, optional
        Of a file with several; the first if not given.

    Returns
    -------
    geopandas.GeoDataFrame

    Raises
    ------
    UnreadableError
        If it is no vector file that is read here, or one that points to other files.
    """
    import geopandas
    from pyogrio.errors import DataLayerError, DataSourceError

    path = check_readable(path, what)
    if path.suffix.lower() not in _VECTORS:
        raise UnreadableError(f"The {what} {str(path)!r} is not a vector file that is read here. Give one of {', '.join(_VECTORS)}.")
    if any(_REFERENCE in start for start in _starts(path)):  # the library goes by the content, whatever the name
        raise UnreadableError(f"The {what} {str(path)!r} only points to other files. Give the file it points to.")
    try:
        if path.suffix.lower() == ".parquet":
            return geopandas.read_parquet(path)
        return geopandas.read_file(path, engine="pyogrio", **({} if layer is None else {"layer": layer}))
    except (DataSourceError, DataLayerError, ValueError, OSError) as error:
        raise UnreadableError(
            f"The {what} {str(path)!r} cannot be read as a vector file ({' '.join(str(error).split())[:160]}). Save it as GeoPackage or GeoJSON."
        ) from None


def _starts(path):
    """First bytes of a file and, where it is an archive, of what is in it."""
    import zipfile

    with path.open("rb") as stream:
        yield stream.read(_START_BYTES)
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist()[:_MOST_MEMBERS]:
                with archive.open(member) as stream:
                    yield stream.read(_START_BYTES)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError):
        return  # a broken or encrypted archive is told by the library


def _placed(polygons, grid, path):
    """Valid polygons in the grid's system; refused where none touches the grid."""
    from pyproj.exceptions import ProjError
    from shapely import make_valid
    from shapely.geometry import box

    try:
        placed = [make_valid(shape) for shape in polygons.to_crs(grid.crs)]
    except ProjError:
        raise SceneError(
            f"The boundary {str(path)!r} ({polygons.crs.name}) cannot be brought into the map's reference system ({grid.crs.name}). Check both."
        ) from None
    extent = box(*grid.bounds)
    touching = [shape for shape in placed if shape.intersection(extent).area > 0]
    if not touching:
        left, bottom, right, top = _extent_of(placed)
        a_left, a_bottom, a_right, a_top = grid.bounds
        raise SceneError(
            f"The boundary {str(path)!r} does not overlap the map: in {grid.crs.name} it covers x {left:.6g} to {right:.6g}, y {bottom:.6g} to {top:.6g}, "
            f"the map x {a_left:.6g} to {a_right:.6g}, y {a_bottom:.6g} to {a_top:.6g}. Check its reference system, or give another boundary."
        )
    return touching


def _extent_of(shapes):
    bounds = np.array([shape.bounds for shape in shapes])
    return (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))
