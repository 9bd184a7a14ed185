"""Distance to what a vector file holds: the coast, canals, roads, wells.

Distances are exact, from pixel centres to the nearest point of the nearest line, outline or point, in a plane in metres: that of the grid, else the
UTM zone of its middle. Within polygons the distance is 0, unless that to their outline is asked for.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soilcore.core.errors import SampleError, SceneError
from soilcore.core.files import check_output
from soilcore.core.progress import part, silent
from soilcore.core.projection import metric_plane
from soilcore.core.tiles import run_tiles, worker_threads
from soilcore.data.regions import read_vector
from soilcore.features.band_counts import BandCounts

BAND = "distance"
_DEGREE_STEP = 0.02  # longer sides in degrees are broken before they are laid onto a plane, where they are curved
_MOST_SEGMENTS = 20_000_000
_KINDS = {0: "points", 1: "lines", 2: "lines", 3: "polygons"}


@dataclass(frozen=True)
class Shapes:
    """What distances are measured to.

    Parameters
    ----------
    plane : pyproj.CRS or None
        Where distances are measured; None for that of the grid.
    metre : float
        Of a unit of the plane.
    segments : ndarray of float64, shape (n, 4)
        Ends x, y, x, y in the plane; a point has no length.
    edges : ndarray of float64, shape (n, 4)
        Sides of polygons in the system of the grid, outer rings counterclockwise; none if distances are to outlines only.
    kinds : dict of str to int
        How many points, lines and polygons.
    assumed : tuple of str
    """

    plane: object
    metre: float
    segments: np.ndarray
    edges: np.ndarray
    kinds: dict
    assumed: tuple[str, ...] = ()


def write_distance(vector_path, grid, out, *, boundary=False, overwrite=False, report=silent):
    """Write the distance from every pixel of a grid to the nearest feature of a vector file as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    vector_path : path
        GeoPackage, GeoJSON, (zipped) shapefile, KML, FlatGeobuf or GeoParquet, in any reference system; points, lines, polygons or all of them.
    grid : Grid
    out : path
        One float32 band "distance", metres. Appears whole or not at all.
    boundary : bool
        Measure to the outline of polygons from within as well, instead of 0.
    overwrite : bool
    report : Report

    Returns
    -------
    dict
        ``out``, ``bands`` (``name``, ``unit``, ``min``, ``median``, ``max``, ``valid``), ``crs`` (of the plane), ``features``
        (number by kind), ``assumed``.

    Raises
    ------
    SettingsError
        If `out` exists and may not be replaced.
    UnreadableError
        If it is no vector file that is read here.
    SceneError
        If it has no reference system or no geometry, or cannot be brought onto the grid.
    """
    from soilcore.data.cog import gtiff_profile, written_as_cog
    from soilcore.data.rasters import rasterio_window

    out = check_output(out, overwrite)
    report(0, 1, "reading the vector file")
    shapes = open_shapes(vector_path, grid, boundary)
    counts = BandCounts((BAND,), grid)

    def write(window, values):
        counts.add(window, values[None])
        target.write(values, 1, window=rasterio_window(window))

    with written_as_cog(out, gtiff_profile(grid, 1, "float32", np.nan)) as target:
        target.descriptions, target.units = (BAND,), ("m",)
        target.update_tags(SOILCORE_SOURCE=Path(vector_path).name, SOILCORE_DISTANCE="outline" if boundary else "feature")
        compute = lambda window, _: distances(shapes, grid, window).astype(np.float32)  # noqa: E731
        run_tiles(grid, 512, lambda window: None, compute, write, worker_threads(), part(report, 0.05, 0.85), "measuring distances")
    report(1, 1, "distances written")
    bands = [{"name": BAND, "unit": "m", **counts.facts()[BAND]}]
    plane = shapes.plane or grid.crs
    authority = plane.to_authority()
    crs = ":".join(authority) if authority else plane.name
    return {"out": str(out), "bands": bands, "crs": crs, "features": shapes.kinds, "assumed": shapes.assumed}


def distances(shapes, grid, window):
    """Metres from the pixel centres of a window, float64 of shape (rows, columns)."""
    from soilcore.features import distance_kernels as kernels

    transform = grid.transform
    x = transform.c + transform.a * (window.col + 0.5 + np.arange(window.width))
    y = transform.f + transform.e * (window.row + 0.5 + np.arange(window.height))
    flat_x, flat_y = np.meshgrid(x, y)
    if shapes.plane is not None:
        flat_x, flat_y = _transformer(grid.crs, shapes.plane).transform(flat_x, flat_y)
    out = np.empty(flat_x.shape)
    kernels.nearest(shapes.segments, flat_x, flat_y, out)
    out *= shapes.metre
    if len(shapes.edges):
        inside = np.empty(out.shape, bool)
        across, down = slice(None, None, 1 if transform.a > 0 else -1), slice(None, None, 1 if transform.e > 0 else -1)
        kernels.within(shapes.edges, np.ascontiguousarray(x[across]), np.ascontiguousarray(y[down]), inside)
        out[inside[down, across]] = 0.0
    return out


def open_shapes(path, grid, boundary=False):
    """What a vector file holds, ready to measure distances on a grid to.

    Parameters
    ----------
    path : path
    grid : Grid
    boundary : bool
        See `write_distance`.

    Returns
    -------
    Shapes

    Raises
    ------
    UnreadableError, SceneError
        As `write_distance`.
    """
    import geopandas
    import shapely

    frame = read_vector(path, "vector file")
    shapes = np.asarray(frame.geometry, dtype=object) if isinstance(frame, geopandas.GeoDataFrame) else np.empty(0, object)
    geometry = shapely.force_2d(shapes[~shapely.is_missing(shapes)])
    if len(geometry) and frame.crs is None:
        raise SceneError(
            f"The vector file {str(path)!r} has no coordinate reference system. Save it with one (in QGIS: Set Layer CRS) and read it again."
        )
    parts = _simple(geometry)
    if not len(parts):
        raise SceneError(f"The vector file {str(path)!r} holds no geometry. Give points, lines or polygons.")
    types = shapely.get_type_id(parts)
    kinds = {kind: int(np.isin(types, [code for code, name in _KINDS.items() if name == kind]).sum()) for kind in ("points", "lines", "polygons")}
    if frame.crs.is_geographic:
        parts = shapely.segmentize(parts, _DEGREE_STEP)
    plane, metre, assumed = _plane(grid, path)
    if kinds["polygons"]:
        assumed += ("within polygons: distance to their outline" if boundary else "within polygons: 0",)
    segments = _segments(_moved(parts, frame.crs, plane or grid.crs, path), path)
    edges = np.empty((0, 4))
    if kinds["polygons"] and not boundary:
        edges = _edges(_moved(parts[types == 3], frame.crs, grid.crs, path))
    return Shapes(plane, metre, segments, edges, {kind: count for kind, count in kinds.items() if count}, assumed)


def _simple(geometry):
    """Points, lines and polygons out of collections of any depth; empty ones left out."""
    import shapely

    while (shapely.get_type_id(geometry) > 3).any():
        geometry = shapely.get_parts(geometry)
    return geometry[~shapely.is_empty(geometry)]


def _plane(grid, path):
    """Where distances are measured (None: in the grid's own plane), metres of its unit, and what to say."""
    from pyproj import CRS

    crs = grid.crs
    if crs.is_projected and crs.to_epsg() != 3857:
        return None, crs.axis_info[0].unit_conversion_factor, ()
    if not (crs.is_projected or crs.is_geographic):
        return None, 1.0, (f"{crs.name} is a local reference system; its unit is taken as 1 m",)
    left, bottom, right, top = grid.bounds
    x, y = np.meshgrid(np.linspace(left, right, 5), np.linspace(bottom, top, 5))
    try:
        plane = CRS.from_user_input(metric_plane(x.ravel(), y.ravel(), crs))
    except SampleError as error:
        raise SceneError(f"Distances to {str(path)!r} cannot be measured on this grid: {error.message}") from None
    name = f"{plane.name} (EPSG:{plane.to_epsg()})" if plane.to_epsg() else "an equidistant plane about the middle of the grid"
    return plane, 1.0, (f"distances measured in {name}",)


def _transformer(source, target):
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def _moved(parts, source, target, path):
    """Geometries in another reference system; those that have no place in it are left out."""
    import shapely
    from pyproj.exceptions import ProjError

    if source == target:
        return parts
    try:
        transformer = _transformer(source, target)
    except ProjError:
        raise SceneError(f"{str(path)!r} ({source.name}) cannot be brought into {target.name}. Check both reference systems.") from None
    x, y = transformer.transform(*shapely.get_coordinates(parts).T)
    return shapely.set_coordinates(parts.copy(), np.column_stack((x, y)))


def _segments(parts, path):
    """Sides of all lines and outlines, and points as sides of no length."""
    import shapely

    types = shapely.get_type_id(parts)
    points = shapely.get_coordinates(parts[types == 0])
    lines = np.concatenate((parts[(types == 1) | (types == 2)], shapely.get_rings(parts[types == 3])))
    segments = np.concatenate((np.hstack((points, points)), _sides(lines)))
    segments = np.ascontiguousarray(segments[np.isfinite(segments).all(axis=1)])
    if not len(segments):
        raise SceneError(f"Nothing in {str(path)!r} lies where distances can be measured on this grid. Check its reference system.")
    if len(segments) > _MOST_SEGMENTS:
        raise SceneError(
            f"{str(path)!r} has {len(segments):,} sides of lines and outlines; at most {_MOST_SEGMENTS:,} are measured to. "
            "Cut it to the surroundings of the map, or simplify it."
        )
    return segments


def _sides(lines):
    """Sides of lines or rings, shape (n, 4)."""
    import shapely

    coordinates, line = shapely.get_coordinates(lines, return_index=True)
    follows = line[1:] == line[:-1]
    return np.hstack((coordinates[:-1][follows], coordinates[1:][follows]))


def _edges(polygons):
    """Sides of polygons, outer rings counterclockwise and holes clockwise, so that turns round a place tell whether it lies within."""
    import shapely

    placed = polygons[np.array([np.isfinite(shapely.get_coordinates(polygon)).all() for polygon in polygons], bool)]
    valid = _simple(shapely.make_valid(placed))
    valid = shapely.orient_polygons(valid[shapely.get_type_id(valid) == 3])
    return np.ascontiguousarray(_sides(shapely.get_rings(valid)))
