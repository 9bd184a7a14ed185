"""Places in metres: distances between samples mean nothing in degrees, so every distance is computed on projected coordinates."""

import numpy as np

from soilcore.core.errors import SampleError

_UTM_LONGITUDES = 6.0  # degrees; wider than one zone and scale errors grow beyond 0.1 %
_UTM_LATITUDES = 84.0


def projected_metres(x, y, crs):
    """Coordinates as metres on a plane, for distances, blocks and variograms.

    Parameters
    ----------
    x, y : array-like of float, shape (n_samples,)
        Easting or longitude, northing or latitude, in `crs`. NaN stays NaN.
    crs : pyproj.CRS, str or int, or None
        Reference system of x and y.

    Returns
    -------
    ndarray of float, shape (n_samples, 2)
        Unchanged where `crs` is projected in metres (other units are only rescaled). Longitude and latitude, and Web Mercator whose metres
        are stretched by 1/cos(latitude), go to their UTM zone; where they span more than 6 degrees or reach beyond 84 degrees of latitude,
        to an azimuthal equidistant projection about their centre.

    Raises
    ------
    SampleError
        If there is no reference system, it cannot be understood, or a coordinate lies outside it.
    """
    return in_plane(x, y, crs, metric_plane(x, y, crs))


def metric_plane(x, y, crs):
    """The plane `projected_metres` chooses for these points, as text that `in_plane` takes for others.

    Raises
    ------
    SampleError
        As `projected_metres`.
    """
    system = _checked_system(crs)
    if _is_plane(system):
        authority = system.to_authority()
        return ":".join(authority) if authority else system.to_wkt()
    longitude, latitude = _degrees(*_checked_pairs(x, y), system)
    return _metric_system(longitude, latitude)


def in_plane(x, y, crs, plane):
    """Coordinates in `crs` as metres on a given plane.

    Parameters
    ----------
    x, y : array-like of float, shape (n_points,)
        NaN stays NaN.
    crs : pyproj.CRS, str or int
        Reference system of x and y.
    plane : str
        From `metric_plane`.

    Returns
    -------
    ndarray of float, shape (n_points, 2)

    Raises
    ------
    SampleError
        As `projected_metres`.
    """
    system, target = _checked_system(crs), _checked_system(plane)
    x, y = _checked_pairs(x, y)
    if system == target:
        places = np.column_stack((x, y))
    else:
        from pyproj import Transformer

        if not system.is_projected:
            x, y = _degrees(x, y, system)
            system = 4326
        known = np.isfinite(x) & np.isfinite(y)
        places = np.full((x.size, 2), np.nan)
        places[known] = np.column_stack(Transformer.from_crs(system, target, always_xy=True).transform(x[known], y[known]))
    return places * target.axis_info[0].unit_conversion_factor


def _is_plane(system):
    return system.is_projected and system.to_epsg() != 3857


def _checked_pairs(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise SampleError(f"Coordinates need one x and one y per sample, but got shapes {x.shape} and {y.shape}.")
    return x, y


def _checked_system(crs):
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if crs is None:
        raise SampleError("The coordinates have no reference system, so distances are unknown. Name it with --crs, e.g. --crs EPSG:4326.")
    try:
        system = CRS.from_user_input(crs)
    except CRSError:
        raise SampleError(f"{crs!r} is no reference system. Give it as EPSG:NUMBER, e.g. EPSG:32650.") from None
    if not (system.is_projected or system.is_geographic):
        raise SampleError(f"{system.name!r} is neither projected nor longitude and latitude, so distances are unknown. Name another with --crs.")
    return system


def _degrees(x, y, system):
    from pyproj import Transformer

    longitude, latitude = (x, y) if system.to_epsg() == 4326 else Transformer.from_crs(system, 4326, always_xy=True).transform(x, y)
    longitude, latitude = np.asarray(longitude), np.asarray(latitude)
    known = np.isfinite(x) & np.isfinite(y)
    outside = known & ~((np.abs(longitude) <= 360) & (np.abs(latitude) <= 90))
    if outside.any():
        at = int(np.argmax(outside))
        raise SampleError(
            f"{int(outside.sum())} coordinates lie outside {system.name}, the first is x = {x[at]:g}, y = {y[at]:g}. "
            "Check --crs and the order of x and y."
        )
    return longitude, latitude


def _metric_system(longitude, latitude):
    """The UTM zone of the points, or an azimuthal equidistant projection where one zone does not hold them."""
    known = np.isfinite(longitude) & np.isfinite(latitude)
    if not known.any():
        raise SampleError("No sample has a coordinate. Name the coordinate columns with --x and --y.")
    centre_longitude, centre_latitude = _centre(longitude[known], latitude[known])
    away = (longitude[known] - centre_longitude + 180) % 360 - 180
    if np.ptp(away) <= _UTM_LONGITUDES and np.abs(latitude[known]).max() < _UTM_LATITUDES:
        zone = int(np.clip((centre_longitude + 180) // 6 + 1, 1, 60))
        return f"EPSG:{(32600 if centre_latitude >= 0 else 32700) + zone}"
    return f"+proj=aeqd +lat_0={centre_latitude:.6f} +lon_0={centre_longitude:.6f} +datum=WGS84 +units=m"


def _centre(longitude, latitude):
    """Mean direction on the sphere, so that points on both sides of 180 degrees have their centre between them."""
    lam, phi = np.radians(longitude), np.radians(latitude)
    east, north, up = np.mean(np.cos(phi) * np.cos(lam)), np.mean(np.cos(phi) * np.sin(lam)), np.mean(np.sin(phi))
    return float(np.degrees(np.arctan2(north, east))), float(np.degrees(np.arctan2(up, np.hypot(east, north))))
