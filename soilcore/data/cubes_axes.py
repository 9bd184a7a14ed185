"""Axes of a data cube: which dimension is what, where the pixels lie, in which reference system, and on which days."""

import re
from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from soilcore.core.errors import SceneError
from soilcore.core.grids import Grid
from soilcore.data.rasters import check_crs_fits

MOST_STEPS = 1_000_000
_X_NAMES = {"x", "lon", "longitude", "long", "easting", "nav_lon", "xc", "projection_x_coordinate"}
_Y_NAMES = {"y", "lat", "latitude", "northing", "nav_lat", "yc", "projection_y_coordinate"}
_TIME_NAMES = {"time", "t", "date", "day", "month", "months", "valid_time", "times"}
_EAST, _NORTH = {"degrees_east", "degree_east", "degree_e", "degrees_e"}, {"degrees_north", "degree_north", "degree_n", "degrees_n"}
_DEGREE_NAMES = {"lon", "longitude", "long", "lat", "latitude"}
_CRS_KEYS = (
    "crs_wkt",
    "spatial_ref",
    "proj4",
    "proj4_params",
    "proj4_string",
    "proj4text",
    "epsg_code",
    "epsg",
    "EPSG",
    "proj:code",
    "proj:epsg",
    "crs",
)
_SINCE = re.compile(r"^\s*(\w+)\s+since\s+(-?\d{1,4})-(\d{1,2})(?:-(\d{1,2}))?(?:[T\s]+(\d{1,2}):(\d{1,2})(?::([\d.]+))?)?", re.IGNORECASE)
_SECONDS = {"d": 86400.0, "day": 86400.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "min": 60.0, "minute": 60.0, "s": 1.0, "sec": 1.0, "second": 1.0}
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian", "")


@dataclass(frozen=True)
class Axes:
    """Where the pixels of a cube are, and in which order the file holds them.

    Parameters
    ----------
    grid : Grid
        North-up, columns from west to east.
    y_dim, x_dim : str
    rows, cols : ndarray of int
        Position in the file of each row and column of the grid: descending where the file's axis runs the other way, turned over where it
        counts longitudes from 0 to 360.
    assumed : tuple of str
    """

    grid: Grid
    y_dim: str
    x_dim: str
    rows: np.ndarray
    cols: np.ndarray
    assumed: tuple[str, ...] = ()


def spatial_dims(dataset, dims):
    """(y, x) among some dimensions, or None: by the axes' names, CF attributes and units."""
    x = next((dim for dim in dims if _is_axis(dataset, dim, "x")), None)
    y = next((dim for dim in dims if _is_axis(dataset, dim, "y")), None)
    return None if x is None or y is None else (y, x)


def time_dim(dataset, dims):
    """The dimension of time among some dimensions, or None."""
    for dim in dims:
        attrs = dataset[dim].attrs if dim in dataset.variables else {}
        kind = dataset[dim].dtype.kind if dim in dataset.variables else ""
        units = str(attrs.get("units", ""))
        if attrs.get("standard_name") == "time" or attrs.get("axis") == "T" or " since " in units or kind == "M":
            return dim
        if str(dim).lower() in _TIME_NAMES:
            return dim
    return None


def _is_axis(dataset, dim, which):
    attrs = dataset[dim].attrs if dim in dataset.variables else {}
    name, units, axis = str(dim).lower(), str(attrs.get("units", "")).lower(), str(attrs.get("axis", "")).upper()
    standard = str(attrs.get("standard_name", "")).lower()
    if which == "x":
        return axis == "X" or standard in ("longitude", "projection_x_coordinate") or units in _EAST or name in _X_NAMES
    return axis == "Y" or standard in ("latitude", "projection_y_coordinate") or units in _NORTH or name in _Y_NAMES


def cube_axes(dataset, name, path, crs=None):
    """Grid of one variable, north-up, and the order in which the file holds its rows and columns.

    Parameters
    ----------
    dataset : xarray.Dataset
        From `opened_cube`.
    name : str
        A variable with two spatial dimensions.
    path : path
        For messages.
    crs : pyproj.CRS or str, optional
        Used where the file names no reference system.

    Returns
    -------
    Axes

    Raises
    ------
    SceneError
        If an axis has no coordinates, is irregular, or the reference system is unknown.
    """
    y_dim, x_dim = spatial_dims(dataset, dataset[name].dims)
    x, y = _coordinates(dataset, x_dim, path), _coordinates(dataset, y_dim, path)
    system, said = _system(dataset, name, y_dim, x_dim, path, crs)
    cols, x, turned = _eastward(x, system)
    rows = np.argsort(-y, kind="stable")
    y = y[rows]
    if max(x.size, y.size) < 2:
        raise SceneError(f"{str(path)!r} holds a single pixel, so its size is unknown. Give a raster of at least 2 x 2 pixels.")
    left, width = _regular(x, x_dim, path, dataset[x_dim].dtype) if x.size > 1 else _single(x[0], np.diff(y[:2])[0], 1)
    top, height = _regular(y, y_dim, path, dataset[y_dim].dtype) if y.size > 1 else _single(y[0], np.diff(x[:2])[0], -1)
    transform = _stated_transform(dataset, name, Affine(width, 0, left, 0, height, top))
    grid = Grid(y.size, x.size, transform, system)
    if not (system.is_geographic and np.abs(y).max() <= 90):  # cells centred on the poles reach beyond them
        check_crs_fits(grid, str(path))
    return Axes(grid, y_dim, x_dim, rows, cols, (*said, *turned))


def _coordinates(dataset, dim, path):
    if dim not in dataset.variables:
        curved = [str(name) for name in dataset.variables if str(name).lower() in _X_NAMES | _Y_NAMES and dataset[name].ndim == 2]
        hint = f" {' and '.join(curved)} have two dimensions: it is a swath, not a raster." if curved else ""
        raise SceneError(
            f"The dimension {dim!r} of {str(path)!r} has no coordinates.{hint} Lay it onto a regular grid first (gdalwarp), and give that."
        )
    values = dataset[dim].values
    if values.ndim != 1 or values.dtype.kind not in "fiu" or not np.all(np.isfinite(values)):
        raise SceneError(f"The coordinates {dim!r} of {str(path)!r} are not numbers along one axis. Lay it onto a regular grid first, and give that.")
    return values.astype(float)


def _eastward(x, system):
    """Order of the columns from west to east; longitudes of 0 to 360 become -180 to 180 where that leaves no gap."""
    cols = np.argsort(x, kind="stable")
    step = np.ptp(x) / max(x.size - 1, 1)
    if not system.is_geographic or x.size < 2 or x.max() <= 180 + step / 2 or x.min() < -step / 2:
        return cols, x[cols], ()
    wrapped = (x + 180) % 360 - 180
    around = np.argsort(wrapped, kind="stable")
    if np.ptp(np.diff(wrapped[around])) > 0.01 * step:
        return cols, x[cols], ()
    return around, wrapped[around], ("longitudes of 0 to 360 degrees are read as -180 to 180",)


def _single(value, step, sign):
    """(outer edge, step) of an axis of one cell, taken as square."""
    step = sign * abs(step)
    return value - step / 2, step


def _regular(values, dim, path, dtype):
    """(outer edge, step) of an axis of cell centres."""
    step = (values[-1] - values[0]) / (values.size - 1)
    even = values[0] + step * np.arange(values.size)
    rounding = 2 * np.finfo(dtype).eps * np.abs(values).max() if dtype.kind == "f" else 0.0
    worst = int(np.argmax(np.abs(values - even)))
    if step == 0 or abs(values[worst] - even[worst]) > max(5e-3 * abs(step), rounding):
        raise SceneError(
            f"The axis {dim!r} of {str(path)!r} is irregular: its steps run from {np.abs(np.diff(values)).min():.6g} to "
            f"{np.abs(np.diff(values)).max():.6g}. Lay it onto a regular grid first, and give that."
        )
    return values[0] - step / 2, step


def _stated_transform(dataset, name, found):
    """GDAL's own corner and pixel size where the file has them and they agree: coordinates in float32 are rounded."""
    for attrs in _mapping_attrs(dataset, name):
        numbers = str(attrs.get("GeoTransform", "")).split()
        if len(numbers) != 6:
            continue
        try:
            stated = Affine.from_gdal(*map(float, numbers))
        except ValueError:
            continue
        near = np.allclose([stated.a, stated.e], [found.a, found.e], rtol=5e-3) and stated.b == stated.d == 0
        if near and abs(stated.c - found.c) < 0.05 * abs(found.a) and abs(stated.f - found.f) < 0.05 * abs(found.e):
            return stated
    return found


def _mapping_attrs(dataset, name):
    """Attributes that may hold the reference system: the variable's grid mapping first."""
    mapping = str(dataset[name].attrs.get("grid_mapping", "") or dataset[name].encoding.get("grid_mapping", "")).split(":")[0].strip()
    places = [mapping, "spatial_ref", "crs", "projection"]
    found = [dataset[place].attrs for place in places if place and place in dataset.variables]
    coded = [{key: dataset[key].values[()]} for key in ("epsg", "proj:epsg", "proj:code") if key in dataset.variables and dataset[key].ndim == 0]
    return [*found, *coded, dataset[name].attrs, dataset.attrs]


def _system(dataset, name, y_dim, x_dim, path, crs):
    for attrs in _mapping_attrs(dataset, name):
        for key in _CRS_KEYS:
            if attrs.get(key) is not None and (system := _understood(attrs[key])) is not None:
                return system, ()
        if attrs.get("grid_mapping_name") and (system := _from_cf(attrs)) is not None:
            return system, ()
    if _in_degrees(dataset, y_dim, x_dim):
        return CRS.from_epsg(4326), ("longitude and latitude taken as WGS 84 (EPSG:4326)",)
    if crs is not None:
        return CRS.from_user_input(crs), ()
    raise SceneError(
        f"{str(path)!r} names no coordinate reference system and its axes {x_dim!r} and {y_dim!r} are not degrees. "
        "Write it into the file as a grid mapping (rio.write_crs of rioxarray does), or name it with --crs EPSG:NUMBER where the command has that."
    )


def _understood(value):
    text = str(value).strip()
    if re.fullmatch(r"\d{4,6}(\.0)?", text):
        text = f"EPSG:{text.split('.')[0]}"
    try:
        return CRS.from_user_input(text.replace("+init=", "")) if text else None
    except CRSError:
        return None


def _from_cf(attrs):
    try:
        return CRS.from_cf({key: value for key, value in attrs.items() if key not in ("spatial_ref", "crs_wkt")})
    except (CRSError, KeyError, ValueError, TypeError):
        return None


def _in_degrees(dataset, y_dim, x_dim):
    def degrees(dim, units):
        return str(dataset[dim].attrs.get("units", "")).lower() in units or str(dim).lower() in _DEGREE_NAMES

    x, y = dataset[x_dim].values, dataset[y_dim].values
    return degrees(x_dim, _EAST) and degrees(y_dim, _NORTH) and np.abs(x).max() <= 361 and np.abs(y).max() <= 91


def cube_days(dataset, dim=None, path="the file"):
    """Day of each step of a time axis.

    Parameters
    ----------
    dataset : xarray.Dataset
        From `opened_cube`.
    dim : str, optional
        The dimension of time; found by its name and attributes if not given.
    path : path
        For messages.

    Returns
    -------
    ndarray of datetime64[D], shape (n_times,)
        Of length 0 where there is no time.

    Raises
    ------
    SceneError
        If the steps cannot be understood as dates.
    """
    dim = dim or time_dim(dataset, dataset.dims)
    if dim is None:
        return np.empty(0, "datetime64[D]")
    if dim not in dataset.variables:
        raise SceneError(f"The dimension {dim!r} of {str(path)!r} has no dates. Write them as a coordinate, e.g. in days since 1900-01-01.")
    axis = dataset[dim]
    if axis.ndim != 1 or axis.size > MOST_STEPS:
        raise SceneError(f"The dates {dim!r} of {str(path)!r} are not one axis of at most {MOST_STEPS} steps. Give a simpler file.")
    values, units = axis.values, str(axis.attrs.get("units", ""))
    if values.dtype.kind == "M":
        return values.astype("datetime64[D]")
    if values.dtype.kind in "SUOT":
        return _days_of_text(values, dim, path)
    if " since " in units:
        return _days_since(values.astype(float), units, str(axis.attrs.get("calendar", "")).lower(), dim, path)
    return _days_of_codes(values.astype(float), dim, path)


def _days_of_text(values, dim, path):
    texts = [value.decode("ascii", "replace") if isinstance(value, bytes) else str(value) for value in values]
    try:
        return np.array([np.datetime64(text.strip().rstrip("Z"), "D") for text in texts])
    except ValueError:
        raise SceneError(f"The dates {dim!r} of {str(path)!r} cannot be read, e.g. {texts[0]!r}. Write them as year-month-day.") from None


def _days_of_codes(values, dim, path):
    """Years, year-months and year-month-days written as numbers: 2015, 201507, 20150731."""
    whole = values[np.isfinite(values)]
    if whole.size == values.size and np.all(whole == np.round(whole)):
        for low, high, form in ((1000, 3000, "{:04d}-07-01"), (100001, 299912, None), (10000101, 29991231, "")):
            if np.all((whole >= low) & (whole <= high)):
                texts = [form.format(int(v)) if form else _dashed(int(v)) for v in whole]
                try:
                    return np.array([np.datetime64(text, "D") for text in texts])
                except ValueError:
                    break
    raise SceneError(f"The dates {dim!r} of {str(path)!r} have no units such as 'days since 1900-01-01', so they cannot be understood. Write them.")


def _dashed(code):
    return f"{code // 100:04d}-{code % 100:02d}" if code < 1_000_000 else f"{code // 10000:04d}-{code // 100 % 100:02d}-{code % 100:02d}"


def _days_since(values, units, calendar, dim, path):
    match = _SINCE.match(units)
    if match is None or not np.all(np.isfinite(values)):
        raise SceneError(f"The dates {dim!r} of {str(path)!r} cannot be read: units {units!r}. Write them as 'days since YYYY-MM-DD', none missing.")
    unit = match[1].lower()
    singular = unit[:-1] if unit.endswith("s") and len(unit) > 1 else unit
    year, month, day = int(match[2]), int(match[3]), int(match[4] or 1)
    seconds = int(match[5] or 0) * 3600 + int(match[6] or 0) * 60 + float(match[7] or 0)
    if singular in ("month", "year"):
        months = np.floor(values * (12 if singular == "year" else 1) + 1e-6).astype(int) + (year * 12 + month - 1)
        return _first_of(months // 12, months % 12 + 1) + np.timedelta64(day - 1, "D")
    if singular not in _SECONDS:
        raise SceneError(f"The dates {dim!r} of {str(path)!r} count {unit!r}, which is not understood. Write them as 'days since YYYY-MM-DD'.")
    days = np.floor((values * _SECONDS[singular] + seconds) / 86400.0 + 1e-9).astype(np.int64)
    if calendar in _CALENDARS:
        return _first_of(np.array([year]), np.array([month]))[0] + np.timedelta64(day - 1, "D") + days.astype("timedelta64[D]")
    if calendar in ("noleap", "365_day"):
        return _equal_years(days, year, month, day)
    if calendar == "360_day":
        days = days + year * 360 + (month - 1) * 30 + day - 1
        return _first_of(days // 360, days % 360 // 30 + 1) + np.minimum(days % 30, 27).astype("timedelta64[D]")
    raise SceneError(f"The dates {dim!r} of {str(path)!r} follow the calendar {calendar!r}, which is not read. Convert it to the standard calendar.")


def _first_of(years, months):
    return ((np.asarray(years) - 1970) * 12 + np.asarray(months) - 1).astype("datetime64[M]").astype("datetime64[D]")


def _equal_years(days, year, month, day):
    """Days of years that all have 365 of them, as days of the real calendar."""
    starts = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
    days = days + year * 365 + starts[month - 1] + day - 1
    within = days % 365
    month_of = np.searchsorted(starts, within, side="right")
    return _first_of(days // 365, month_of) + (within - starts[month_of - 1]).astype("timedelta64[D]")
