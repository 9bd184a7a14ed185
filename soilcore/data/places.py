"""Where samples were taken: coordinate columns, their reference system, and what is wrong with them. Nothing is taken silently."""

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table
from soilcore.data.columns import epsg_in_name, is_dummy, role_columns
from soilcore.data.remarks import remark, some

WGS84 = 4326
_DEGREES = re.compile(
    r"""^\s*([nsewoNSEWO])?\s*([+-]?\d{1,3})\s*[°º:\s]\s*(?:(\d{1,2}(?:[.,]\d+)?)\s*['’′:\s]?\s*(?:(\d{1,2}(?:[.,]\d+)?)\s*["”″]?)?)?\s*([nsewoNSEWO])?\s*$"""
)
_LETTERED = re.compile(r"^\s*([nsewoNSEWO])?\s*([+-]?\d{1,3}(?:[.,]\d+)?)\s*°?\s*([nsewoNSEWO])?\s*$")


@dataclass
class Places:
    """Coordinates found in a table.

    Parameters
    ----------
    x, y : ndarray of float, shape (n_samples,), or None
        Easting or longitude first; NaN where missing.
    crs : pyproj.CRS or None
    x_column, y_column : str or None
    findings, assumed : list
    """

    x: np.ndarray | None = None
    y: np.ndarray | None = None
    crs: CRS | None = None
    x_column: str | None = None
    y_column: str | None = None
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


def find_places(raw, *, x=None, y=None, crs=None):
    """Coordinates of a table and their reference system.

    Parameters
    ----------
    raw : RawTable
    x, y : str, optional
        Columns the user named; both or none.
    crs : str, optional
        Reference system the user named.

    Returns
    -------
    Places

    Raises
    ------
    SettingsError
        If a named column or reference system does not exist, or only one column was named.
    """
    system = None if crs is None else parse_crs(crs)
    if (x is None) != (y is None):
        raise SettingsError("Coordinates need both --x and --y. Name both columns, or neither.")
    places = Places()
    if x is not None:
        _check_column(raw.frame, x, "--x")
        _check_column(raw.frame, y, "--y")
        _take(places, raw.frame, x, y)
    elif raw.x is not None:
        places.x, places.y, places.crs = raw.x.copy(), raw.y.copy(), raw.crs
        if raw.crs is not None and system is None:
            places.assumed.append(f"reference system: {crs_name(raw.crs)}, from the file")
    else:
        _search(places, raw.frame)
    if places.x is None:
        return places
    _settle_system(places, raw.frame, system)
    _clean(places, raw.frame.index)
    if places.crs is not None:
        _check_range(places)
    return places


def parse_crs(text):
    """A reference system from what a user wrote.

    Raises
    ------
    SettingsError
        If it is none.
    """
    text = str(text).strip()
    try:
        system = CRS.from_user_input(int(text) if text.isdigit() else text)
    except (CRSError, ValueError):
        raise SettingsError(f"{text!r} is no reference system. Write --crs EPSG:NUMBER, for example EPSG:4326 for longitude and latitude.") from None
    if not (system.is_geographic or system.is_projected):
        raise SettingsError(f"{text!r} ({system.name}) is neither longitude and latitude nor projected. Name another with --crs.")
    return system


def crs_name(system):
    """``EPSG:32723`` where it has a code, else its name."""
    code = system.to_epsg()
    return f"EPSG:{code} ({system.name})" if code else system.name


def _check_column(frame, name, option):
    if name not in frame.columns:
        raise SettingsError(
            f"{option} names the column {name!r}, which the table does not have. Its columns: {', '.join(map(str, frame.columns[:40]))}."
        )


def _take(places, frame, x, y):
    places.x_column, places.y_column = x, y
    places.x, said_x = _coordinate(frame[x], x)
    places.y, said_y = _coordinate(frame[y], y)
    places.findings += said_x + said_y


def _search(places, frame):
    """The best pair of columns; other pairs are said."""
    if dummies := [name for name in frame.columns if is_dummy(name)]:
        message = f"The columns {some(dummies)} are marked as dummy coordinates and are not used."
        places.findings.append(remark("dummy-coordinates", message, column=dummies[0]))
    pairs = _pairs(frame)
    if not pairs:
        return
    _take(places, frame, *pairs[0])
    places.assumed.append(f"coordinates: {pairs[0][0]} and {pairs[0][1]}, by their names")
    if len(pairs) > 1:
        others = some([f"{a} and {b}" for a, b in pairs[1:]])
        message = f"Several pairs of columns can be coordinates: {pairs[0][0]} and {pairs[0][1]} are used, not {others}."
        places.findings.append(remark("coordinates-ambiguous", message, column=pairs[0][0]))


def _pairs(frame):
    """Pairs of coordinate columns, the best first: with an EPSG code, longitude and latitude, easting and northing, x and y."""
    names = list(frame.columns)
    pairs = []
    for roles in (("x", "y"), ("easting", "northing"), ("longitude", "latitude")):
        for first in role_columns(names, roles[0]):
            if (code := epsg_in_name(first)) and _is_code(code):
                pairs += [(first, second) for second in role_columns(names, roles[1]) if epsg_in_name(second) == code][:1]
    for roles in (("longitude", "latitude"), ("easting", "northing"), ("x", "y"), ("y", "x")):
        firsts, seconds = role_columns(names, roles[0]), role_columns(names, roles[1])
        if roles != ("y", "x") and firsts and seconds:
            pairs.append((firsts[0], seconds[0]))
    return [pair for pair in dict.fromkeys(pairs) if all(_is_coordinate(frame[name]) for name in pair)]


def _is_code(code):
    try:
        CRS.from_epsg(code)
    except CRSError:
        return False
    return True


def _is_coordinate(values):
    if pd.api.types.is_numeric_dtype(values.dtype):
        return bool(np.isfinite(values.to_numpy(dtype=float)).any())
    cells = [cell for cell in values if isinstance(cell, str)]
    return bool(cells) and sum(_degrees(cell) is not None for cell in cells) > 0.5 * len(cells)


def _coordinate(values, name):
    """Numbers of a coordinate column; degrees, minutes and seconds are read."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=float).copy(), []
    numbers, said = np.full(len(values), np.nan), []
    for k, (row, cell) in enumerate(values.items()):
        if not isinstance(cell, str):
            continue
        if (number := _degrees(cell)) is None:
            message = f"The coordinate {cell!r} in row {row} of {name!r} cannot be read."
            said.append(remark("coordinate-unreadable", message, row=row, column=name, value=cell))
        else:
            numbers[k] = number
    first = next((cell for cell in values if isinstance(cell, str)), "")
    message = f"{name!r} is written like {first!r} and read as decimal degrees ({numbers[np.isfinite(numbers)][0] if np.isfinite(numbers).any() else np.nan:.5f})."
    return numbers, [remark("coordinates-degrees-minutes", message, column=name, value=first), *said]


def _degrees(text):
    """Decimal degrees from ``46°45'38.9"N`` or ``33.4 E``; None for anything else."""
    if match := _LETTERED.match(text):
        before, number, after = match.groups()
        parts = [float(number.replace(",", "."))]
    elif match := _DEGREES.match(text):
        before, degrees, minutes, seconds, after = match.groups()
        parts = [float(part.replace(",", ".")) for part in (degrees, minutes or "0", seconds or "0")]
        if parts[1] >= 60 or (len(parts) > 2 and parts[2] >= 60):
            return None
    else:
        return None
    size = abs(parts[0]) + sum(part / 60**power for power, part in enumerate(parts[1:], 1))
    negative = parts[0] < 0 or text.strip().startswith("-") or (before or after or "").upper() in ("S", "W")
    return -size if negative else size


def _settle_system(places, frame, told):
    """The reference system: told, in the column name, in a zone column, from the names and the range; or an error with candidates."""
    if told is not None:
        places.crs = told
        return
    if places.crs is not None:
        return
    codes = {epsg_in_name(name) for name in (places.x_column, places.y_column) if name}
    if len(codes) == 1 and (code := codes.pop()) and _is_code(code):
        places.crs = CRS.from_epsg(code)
        places.assumed.append(f"reference system: {crs_name(places.crs)}, from the column name {places.x_column}")
        return
    if _zone_column(places, frame):
        return
    known = np.isfinite(places.x) & np.isfinite(places.y)
    if not known.any():
        return
    x, y = places.x[known], places.y[known]
    if np.mean((np.abs(x) <= 180) & (np.abs(y) <= 90)) > 0.9 or np.mean((np.abs(x) <= 90) & (np.abs(y) <= 180)) > 0.9:
        places.crs = CRS.from_epsg(WGS84)
        places.assumed.append(
            f"reference system: EPSG:4326 (WGS 84), because {places.x_column or 'x'} and {places.y_column or 'y'} lie within 180 and 90 degrees"
        )
        message = f"No reference system is named; x {_range(x)} and y {_range(y)} are taken as longitude and latitude, EPSG:4326."
        places.findings.append(remark("crs-assumed", message, column=places.x_column, value="EPSG:4326"))
        return
    candidates = crs_candidates(x, y)
    message = f"The coordinates ({places.x_column or 'x'} {_range(x)}, {places.y_column or 'y'} {_range(y)}) are projected, but nothing says in which reference system."
    places.findings.append(remark("crs-missing", message, column=places.x_column, candidates="; ".join(candidates) or "none known for this range"))


def _zone_column(places, frame):
    """A column such as "33N" beside UTM coordinates."""
    for name in role_columns(list(frame.columns), "utm_zone"):
        cells = [
            str(int(cell)) if isinstance(cell, float) and np.isfinite(cell) else str(cell).strip().upper()
            for cell in frame[name]
            if cell is not None and cell == cell
        ]
        zones = sorted(set(cells))
        found = [re.fullmatch(r"(\d{1,2})\s*([A-Z]?)", zone) for zone in zones]
        if not zones or not all(match and 1 <= int(match.group(1)) <= 60 for match in found):
            continue
        if len(zones) > 1:
            message = f"The column {name!r} names {len(zones)} UTM zones ({some(zones)}); their coordinates cannot be used together."
            places.findings.append(remark("utm-zones-several", message, column=name, value=some(zones)))
            return True
        number, letter = found[0].groups()
        if not letter:
            continue
        south = letter == "S" or (letter < "N" and letter != "N")
        places.crs = CRS.from_epsg((32700 if south else 32600) + int(number))
        places.assumed.append(f"reference system: {crs_name(places.crs)}, from the column {name}")
        return True
    return False


def crs_candidates(x, y):
    """Reference systems whose coordinates fall into this range, as phrases."""
    inside = []
    for system in load_table("crs_candidates")["systems"]:
        (left, right), (bottom, top) = system["x"], system["y"]
        if left <= np.min(x) and np.max(x) <= right and bottom <= np.min(y) and np.max(y) <= top:
            inside.append(system["name"])
    return inside


def _clean(places, rows):
    """Half places are no places; 0, 0 is none either."""
    zero = (places.x == 0) & (places.y == 0)
    for row in rows[zero]:
        message = f"Row {row} has the coordinates 0, 0, which is no place on land."
        places.findings.append(remark("coordinate-zero", message, row=row, column=places.x_column, value="0"))
    missing = ~(np.isfinite(places.x) & np.isfinite(places.y))
    places.x[zero | missing] = np.nan
    places.y[zero | missing] = np.nan
    for row in rows[missing]:
        places.findings.append(remark("coordinate-missing", f"Row {row} has no place.", row=row, column=places.x_column))


def _check_range(places):
    """Coordinates that cannot be in their reference system: exchanged, of another system, or of the wrong sign."""
    known = np.isfinite(places.x) & np.isfinite(places.y)
    if not known.any():
        return
    x, y = places.x[known], places.y[known]
    names = {"x": places.x_column or "x", "y": places.y_column or "y"}
    if places.crs.is_geographic:
        outside = (np.abs(x) > 180.0001) | (np.abs(y) > 90.0001)
        if np.mean(outside) > 0.5 and np.mean((np.abs(x) <= 90) & (np.abs(y) <= 180)) > 0.9:
            message = f"{names['x']} {_range(x)} and {names['y']} {_range(y)} look exchanged: a latitude cannot exceed 90 degrees."
            places.findings.append(remark("axes-swapped", message, column=names["y"], **names))
        elif outside.any():
            message = f"{int(outside.sum())} of {x.size} coordinates ({names['x']} {_range(x)}, {names['y']} {_range(y)}) cannot be degrees in {crs_name(places.crs)}."
            places.findings.append(remark("crs-range", message, column=names["x"], value=f"{x[outside][0]:g}, {y[outside][0]:g}"))
        return
    longitude, latitude = to_degrees(x, y, places.crs)
    lost = ~(np.isfinite(longitude) & np.isfinite(latitude)) | (np.abs(latitude) > 90)
    if np.all((np.abs(x) <= 180) & (np.abs(y) <= 90)) and x.size > 1:
        message = f"{names['x']} {_range(x)} and {names['y']} {_range(y)} look like degrees, but {crs_name(places.crs)} counts in metres."
        places.findings.append(remark("crs-range", message, column=names["x"], value=f"{x[0]:g}, {y[0]:g}"))
    elif lost.any() or _far_from_area(longitude, latitude, places.crs):
        swapped = to_degrees(y, x, places.crs)
        if not _far_from_area(*swapped, places.crs) and np.isfinite(swapped[0]).all():
            message = f"{names['x']} and {names['y']} look exchanged: the other way round they lie in the area of {crs_name(places.crs)}."
            places.findings.append(remark("axes-swapped", message, column=names["x"], **names))
            return
        message = f"{names['x']} {_range(x)} and {names['y']} {_range(y)} lie far outside the area that {crs_name(places.crs)} is made for."
        places.findings.append(remark("crs-range", message, column=names["x"], value=f"{x[0]:g}, {y[0]:g}"))


def to_degrees(x, y, crs):
    """Longitude and latitude of points; infinite where they cannot be computed."""
    try:
        longitude, latitude = Transformer.from_crs(crs, WGS84, always_xy=True).transform(np.asarray(x, float), np.asarray(y, float))
    except ProjError:
        return np.full(np.shape(x), np.inf), np.full(np.shape(x), np.inf)
    return np.asarray(longitude), np.asarray(latitude)


def _far_from_area(longitude, latitude, crs, margin=15.0):
    """Whether most points lie more than `margin` degrees outside the area of use."""
    area = crs.area_of_use
    if area is None:
        return False
    latitude_out = (latitude < area.south - margin) | (latitude > area.north + margin)
    width = (area.east - area.west) % 360 or 360
    longitude_out = (longitude - (area.west - margin)) % 360 > width + 2 * margin
    with np.errstate(invalid="ignore"):
        return bool(np.mean(latitude_out | (longitude_out & (width + 2 * margin < 360))) > 0.5)


def _range(values):
    return f"{np.min(values):g} to {np.max(values):g}"
