"""Fields on a map: their outlines in the map's reference system, and of every pixel the part that lies inside, exactly.

The covered part of a pixel is the area of its intersection with the outline, not the answer to where its centre lies: a field smaller than
a pixel still has its mean. On a grid in degrees, pixels count by their true area.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Window
from soilcore.data.regions import read_vector

BLOCK = 256  # pixels along a side that are looked at together; fixed, so that sums never depend on anything a caller chooses
_NOTHING = 1e-12  # what rounding leaves of a pixel that is not touched
_ID_NAMES = ("field_id", "fieldid", "field", "parcel_id", "parcel", "plot_id", "plot", "id", "fid", "code", "name")
_MOST_FIELDS = 200_000


@dataclass(frozen=True)
class Fields:
    """Outlines of fields.

    Parameters
    ----------
    ids : tuple of str
        One per field.
    polygons : tuple of shapely geometries
        Valid, in the reference system of the map.
    columns : pandas.DataFrame
        What the file says of each; the same order.
    areas_ha : ndarray of float
        True area on the ellipsoid.
    id_column : str or None
        Column of the ids; None where they were numbered.
    source : str
    remarks : tuple of str
        What was assumed or left out.
    """

    ids: tuple[str, ...]
    polygons: tuple = field(repr=False)
    columns: object = field(repr=False)
    areas_ha: np.ndarray = field(repr=False)
    id_column: str | None = None
    source: str = ""
    remarks: tuple[str, ...] = ()

    def __len__(self):
        return len(self.ids)


def read_fields(path, grid, *, layer=None, id_column=None):
    """Fields of a vector file, in the reference system of a map.

    Parameters
    ----------
    path : path
        As `soilcore.data.regions.read_vector` takes it.
    grid : Grid
        Of the map.
    layer : str, optional
        Of a file with several.
    id_column : str, optional
        Column that names the fields; else one that looks like it and has no value twice, else they are numbered from 1.

    Returns
    -------
    Fields
        In the order of the file; features that are no areas are left out.

    Raises
    ------
    UnreadableError
        If it is no vector file that is read here, or has no such layer.
    SettingsError
        If there is no such column.
    SceneError
        If it holds no area, names no reference system, or does not overlap the map.
    """
    frame = read_vector(path, "field boundaries", layer)
    if "geometry" not in frame.columns and not hasattr(frame, "crs"):
        raise SceneError(f"{str(path)!r} is a table without shapes. Give a file with the outlines of the fields.")
    if frame.crs is None:
        raise SceneError(
            f"The field boundaries {str(path)!r} name no coordinate reference system. Save them with one (in QGIS: Set Layer CRS) and read them again."
        )
    areas = frame.geometry.notna() & ~frame.geometry.is_empty & frame.geom_type.isin(("Polygon", "MultiPolygon"))
    if not areas.any():
        kinds = ", ".join(sorted({str(kind) for kind in frame.geom_type.dropna()})) or "nothing"
        raise SceneError(f"{str(path)!r} holds no areas, but {kinds}. Give the outlines of the fields as polygons.")
    remarks = [f"{int((~areas).sum())} of {len(areas)} features of the boundaries are no areas and left out"] if not areas.all() else []
    kept = frame[areas].reset_index(drop=True)
    if len(kept) > _MOST_FIELDS:
        raise SettingsError(f"{str(path)!r} holds {len(kept)} fields; at most {_MOST_FIELDS} are computed at a time. Cut the file into parts.")
    columns = kept.drop(columns=kept.geometry.name)
    id_column, ids = _ids(columns, id_column, remarks, path)
    hectares = _hectares(kept)
    polygons = tuple(_areas(shape) for shape in _in_map(kept, grid, path))
    _check_overlap(polygons, grid, path)
    return Fields(ids, polygons, columns, hectares, id_column, str(path), tuple(remarks))


def covered_pixels(polygon, grid):
    """Pixels that an outline touches, block by block.

    Parameters
    ----------
    polygon : shapely geometry
        In the grid's reference system.
    grid : Grid

    Yields
    ------
    window : Window
        Within one aligned block of 256 x 256 pixels.
    part : ndarray of float, shape (rows, columns)
        Covered part of each pixel, 0-1.
    """
    shape = _in_pixels(polygon, grid)
    first_row, first_col, height, width = _box(shape, grid)
    last_row, last_col = first_row + height, first_col + width
    edges = _edges(shape)
    for row in range(first_row - first_row % BLOCK, last_row, BLOCK):
        for col in range(first_col - first_col % BLOCK, last_col, BLOCK):
            y, x = max(row, first_row), max(col, first_col)
            window = Window(y, x, min(row + BLOCK, last_row) - y, min(col + BLOCK, last_col) - x)
            part = _covered(edges, window)
            if part is not None:
                yield window, part


def pixel_box(polygon, grid):
    """First row, first column, rows and columns of the smallest rectangle of pixels round an outline, cut to the grid; sizes may be 0."""
    return _box(_in_pixels(polygon, grid), grid)


def whole_grid(grid, most=None):
    """Like `covered_pixels` for a zone that is everything.

    Parameters
    ----------
    grid : Grid
    most : int, optional
        Of more pixels only every so manieth along each axis counts (`step_of`), for all that it stands for.
    """
    step = step_of(grid, most)
    for window in grid.windows(BLOCK):
        part = np.zeros((window.height, window.width))
        part[-window.row % step :: step, -window.col % step :: step] = step**2
        yield window, part


def step_of(grid, most=None):
    """Every how manieth pixel along each axis leaves about `most` of them; 1 for all."""
    return 1 if most is None else max(1, math.ceil(math.sqrt(grid.height * grid.width / most)))


def _in_pixels(polygon, grid):
    """The outline in columns (x) and rows (y) of the grid: numbers near 0, so that nothing is lost to large coordinates."""
    from shapely.affinity import affine_transform

    back = ~grid.transform
    return affine_transform(polygon, [back.a, back.b, back.d, back.e, back.c, back.f])


def _box(shape, grid):
    left, top, right, bottom = shape.bounds
    first_row, last_row = max(0, math.floor(top)), min(grid.height, math.ceil(bottom))
    first_col, last_col = max(0, math.floor(left)), min(grid.width, math.ceil(right))
    return first_row, first_col, max(0, last_row - first_row), max(0, last_col - first_col)


def _covered(edges, window):
    """Covered part of the pixels of one window, or None where it is missed.

    Every edge is cut at the lines between pixels. A piece that rises by h at the mean distance d from the left side of its pixel stands for
    h (1 - d) of that pixel and h of every pixel to its right; summed along each row with their signs, these are the covered parts.
    """
    top, left = window.row, window.col
    x0, y0, x1, y1 = edges.T
    near = (np.minimum(y0, y1) < top + window.height) & (np.maximum(y0, y1) > top) & (np.minimum(x0, x1) < left + window.width) & (y0 != y1)
    pieces = _cut(edges[near] - (left, top, left, top), axis=1)
    pieces = _cut(pieces, axis=0)
    x0, y0, x1, y1 = pieces.T
    row, middle = np.floor((y0 + y1) / 2).astype(int), np.clip((x0 + x1) / 2, 0, window.width)
    kept = (row >= 0) & (row < window.height) & (y0 != y1)
    row, middle, rise = row[kept], middle[kept], (y1 - y0)[kept]
    col = np.minimum(np.floor(middle).astype(int), window.width)
    share, columns = middle - col, window.width + 2
    sums = np.bincount(row * columns + col, rise * (1 - share), window.height * columns)
    sums += np.bincount(row * columns + col + 1, rise * share, window.height * columns)
    part = np.abs(np.cumsum(sums.reshape(window.height, columns), axis=1)[:, : window.width])
    part[part < _NOTHING] = 0.0
    return np.minimum(part, 1.0) if part.any() else None


def _cut(edges, axis):
    """Edges cut at whole numbers of x (axis 0) or y (axis 1); shape (n, 4): x0, y0, x1, y1."""
    start, end = edges[:, axis], edges[:, axis + 2]
    low, high = np.minimum(start, end), np.maximum(start, end)
    first = np.floor(low) + 1
    count = np.maximum(np.ceil(high) - first, 0).astype(int)  # whole numbers strictly between both ends
    number = np.repeat(np.arange(len(edges)), count + 1)
    place = np.arange(number.size) - np.repeat(np.cumsum(count + 1) - count - 1, count + 1)
    rising = (end >= start)[number]
    cuts = np.where(rising, first[number] + place, first[number] + count[number] - 1 - place)  # the line at which each piece ends
    ends = place == count[number]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(ends, 1.0, (cuts - start[number]) / (end - start)[number])
    other = 1 - axis
    pieces = np.empty((number.size, 4))
    pieces[:, axis + 2] = np.where(ends, end[number], cuts)
    pieces[:, other + 2] = edges[number, other] + part * (edges[number, other + 2] - edges[number, other])
    pieces[:, other + 2][ends] = edges[number, other + 2][ends]
    begins = place == 0
    pieces[:, :2] = np.where(begins[:, None], edges[number, :2], np.roll(pieces[:, 2:], 1, axis=0))
    return pieces


def _edges(shape):
    """Edges of all rings, shells one way round and holes the other; shape (n, 4)."""
    import shapely

    rings = shapely.get_rings(shapely.get_parts(_oriented(shape)))
    points, ring = shapely.get_coordinates(rings, return_index=True)
    together = ring[1:] == ring[:-1]
    return np.column_stack([points[:-1], points[1:]])[together]


def _ids(columns, wanted, remarks, path):
    if wanted is not None:
        if wanted not in columns.columns:
            raise SettingsError(f"{str(path)!r} has no column {wanted!r}. Its columns: {', '.join(map(str, columns.columns)) or 'none'}.")
        return wanted, tuple(_text(value, number) for number, value in enumerate(columns[wanted]))
    by_name = {str(name).casefold(): name for name in columns.columns}
    for likely in _ID_NAMES:
        name = by_name.get(likely)
        if name is not None and columns[name].notna().all() and columns[name].is_unique:
            remarks.append(f"names of the fields: column {name!r}")
            return str(name), tuple(_text(value, number) for number, value in enumerate(columns[name]))
    remarks.append("fields are numbered in the order of the file, because no column names them")
    return None, tuple(str(number + 1) for number in range(len(columns)))


def _text(value, number):
    if value is None or value != value:
        return f"(row {number + 1})"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _hectares(frame):
    """Area of each shape on the ellipsoid; of unknown ground as its own coordinates have it."""
    from pyproj import Geod
    from pyproj.exceptions import ProjError

    try:
        shapes = frame.geometry.to_crs(4326)
    except ProjError:
        return frame.area.to_numpy() / 1e4
    geod = Geod(ellps="WGS84")
    return np.array([abs(geod.geometry_area_perimeter(_oriented(shape))[0]) / 1e4 for shape in shapes])


def _oriented(shape):
    """Areas with shells one way round and holes the other, without which the area of a hole would be added."""
    import shapely

    return shapely.orient_polygons(_areas(shape))


def _areas(shape):
    """The areas of a shape as one valid geometry; what mending leaves as lines and points is dropped."""
    import shapely

    parts = shapely.get_parts(shape if shape.is_valid else shapely.make_valid(shape))
    while any(part.geom_type == "GeometryCollection" for part in parts):
        parts = shapely.get_parts(parts)
    flat = shapely.get_parts([part for part in parts if part.geom_type in ("Polygon", "MultiPolygon")])
    return shapely.multipolygons(flat)


def _in_map(frame, grid, path):
    from pyproj.exceptions import ProjError

    try:
        return frame.geometry.to_crs(grid.crs)
    except ProjError:
        raise SceneError(
            f"The field boundaries {str(path)!r} ({frame.crs.name}) cannot be brought into the map's reference system ({grid.crs.name}). Check both."
        ) from None


def _check_overlap(polygons, grid, path):
    from shapely.geometry import box

    extent = box(*grid.bounds)
    if any(shape.intersects(extent) for shape in polygons):
        return
    bounds = np.array([shape.bounds for shape in polygons])
    left, bottom, right, top = (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0))
    a_left, a_bottom, a_right, a_top = grid.bounds
    raise SceneError(
        f"No field of {str(path)!r} lies on the map: in {grid.crs.name} they cover x {left:.6g} to {right:.6g}, y {bottom:.6g} to {top:.6g}, "
        f"the map x {a_left:.6g} to {a_right:.6g}, y {a_bottom:.6g} to {a_top:.6g}. Check their reference system."
    )
