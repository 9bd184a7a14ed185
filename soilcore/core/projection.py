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
    system = _checked_system(crs)
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise SampleError(f"Coordinates need one x and one y per sample, but got shapes {x.shape} and {y.shape}.")
    if system.is_projected and system.to_epsg() != 3857:
        return np.column_stack((x, y)) * system.axis_info[0].unit_conversion_factor
    longitude, latitude = _degrees(x, y, system)
    return _transformed(longitude, latitude, _metric_system(longitude, latitude))


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


def _transformed(longitude, latitude, system):
    from pyproj import Transformer

    known = np.isfinite(longitude) & np.isfinite(latitude)
    places = np.full((longitude.size, 2), np.nan)
    places[known] = np.column_stack(Transformer.from_crs(4326, system, always_xy=True).transform(longitude[known], latitude[known]))
    return places
