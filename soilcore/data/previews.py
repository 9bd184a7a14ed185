"""Scenes as pictures and figures: stretched colour previews, statistics and histograms of the bands, the footprint on earth."""

import numpy as np
import pandas as pd

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Window
from soilcore.data.pixels import sample_places
from soilcore.data.rasters import lon_lat, rasterio_window
from soilcore.data.stored_values import stored_values

TRUE_COLOUR = ("R", "G", "B")
FALSE_COLOUR = ("N", "R", "G")
BARE_SOIL_COLOUR = ("S1", "N", "B")
STRETCH = (2.0, 98.0)  # percent of the pixels that become black and white


def colour_roles(roles):
    """Which bands make a picture of a scene: true colour, else false colour, else the first band in grey.

    Parameters
    ----------
    roles : sequence of str

    Returns
    -------
    tuple of three str
    """
    for wanted in (TRUE_COLOUR, FALSE_COLOUR):
        if set(wanted) <= set(roles):
            return wanted
    return (roles[0],) * 3


def preview(scene, roles=TRUE_COLOUR, size=1024):
    """A small picture of a scene, each band stretched between its 2 % and 98 % quantiles.

    Parameters
    ----------
    scene : Scene
    roles : sequence of three str
        Red, green and blue of the picture.
    size : int
        Longer side in pixels, at most.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 4)
        Transparent where any of the bands is missing.

    Raises
    ------
    SceneError
        If a band is not there.
    """
    values = thinned(scene, roles, size)
    return stretched(values, stretch_limits(values))


def thinned(scene, roles, size):
    """Every n-th pixel of some bands, so that the longer side has at most `size` pixels; float32 of shape (band, rows, columns)."""
    if size < 1:
        raise SettingsError(f"A picture of {size} pixels is impossible. Choose 1 or more.")
    step = max(1, -(-max(scene.grid.shape) // size))
    rows, cols = np.arange(step // 2, scene.grid.height, step), np.arange(step // 2, scene.grid.width, step)
    rows, cols = (rows if rows.size else np.array([0])), (cols if cols.size else np.array([0]))
    out = np.empty((len(roles), rows.size, cols.size), np.float32)
    with scene.reader() as reader:
        for window in scene.grid.windows():
            at_row, at_col = _within(rows, window.row, window.height), _within(cols, window.col, window.width)
            if at_row.size and at_col.size:
                values = reader.read(window, roles)
                out[:, at_row[:, None], at_col] = values[:, rows[at_row, None] - window.row, cols[at_col] - window.col]
    return out


def _within(places, start, length):
    return np.flatnonzero((places >= start) & (places < start + length))


def stretch_limits(values, percent=STRETCH):
    """Darkest and brightest value of each band of a picture, shape (band, 2); 0 and 1 where a band has no value."""
    limits = []
    for band in values:
        finite = band[np.isfinite(band)]
        low, high = np.percentile(finite, percent) if finite.size else (0.0, 1.0)
        limits.append((float(low), float(high) if high > low else float(low) + 1e-6))
    return np.array(limits)


def stretched(values, limits):
    """Values between the limits as a picture.

    Parameters
    ----------
    values : ndarray of float, shape (3, rows, columns)
    limits : ndarray of float, shape (3, 2)

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 4)
        Transparent where any band is NaN.
    """
    low, high = limits[:, 0, None, None], limits[:, 1, None, None]
    missing = ~np.isfinite(values).all(axis=0)
    grey = np.where(missing, 0, np.clip((values - low) / (high - low), 0, 1))
    picture = np.empty((*values.shape[1:], 4), np.uint8)
    picture[..., :3] = np.moveaxis(np.round(grey * 255), 0, -1)
    picture[..., 3] = np.where(missing, 0, 255)
    return picture


def write_picture(scene, out, roles=None):
    """Write a stretched picture of a scene as an RGBA cloud-optimised GeoTIFF, the base map of tiles.

    Parameters
    ----------
    scene : Scene
    out : path
    roles : sequence of three str, optional
        Red, green and blue; true colour where the scene has it.
    """
    from soilcore.data.cog import gtiff_profile, written_as_cog

    roles = roles or colour_roles(scene.roles)
    limits = stretch_limits(thinned(scene, roles, 1024))
    profile = gtiff_profile(scene.grid, 4, "uint8", photometric="RGB", alpha="YES")
    with written_as_cog(out, profile) as target, scene.reader() as reader:
        for window in scene.grid.windows():
            picture = stretched(reader.read(window, roles), limits)
            target.write(np.moveaxis(picture, -1, 0), window=rasterio_window(window))


def band_statistics(scene):
    """Stored values and reflectance of every band, for judging the scaling.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    pandas.DataFrame
        role, valid (share of the pixels), and for stored values (``stored_``) and reflectance or own values: min, p2, median, p98, max.
        Scenes above 2048 x 2048 pixels are judged by 16 blocks spread over them.
    """
    values, _ = stored_values(scene.grid, scene.files, scene.bands, quality=scene.quality)
    rows = []
    for band in scene.bands:
        stored = values[band.name]
        finite = stored[np.isfinite(stored)]
        quantiles = np.quantile(finite, (0, 0.02, 0.5, 0.98, 1)) if finite.size else np.full(5, np.nan)
        names = ("min", "p2", "median", "p98", "max")
        row = {"role": band.name, "valid": finite.size / stored.size}
        row |= {f"stored_{name}": float(value) for name, value in zip(names, quantiles, strict=True)}
        row |= {name: float(value * band.scale + band.offset) for name, value in zip(names, quantiles, strict=True)}
        rows.append(row)
    return pd.DataFrame(rows)


def band_histogram(scene, role, bins=60):
    """How often values occur in one band, before and after scaling.

    Parameters
    ----------
    scene : Scene
    role : str
    bins : int

    Returns
    -------
    stored, scaled : tuple of (counts, edges)
        Counts of shape (bins,) and edges of shape (bins + 1,), in stored values and in reflectance. The range is that of the
        0.1 % to 99.9 % quantiles; both are empty where the band has no value.

    Raises
    ------
    SceneError
        If there is no such band.
    """
    band = next((band for band in scene.bands if band.name == role), None)
    if band is None:
        raise SceneError(f"There is no band {role!r}. Bands: {', '.join(scene.roles)}.")
    values = stored_values(scene.grid, scene.files, (band,), quality=scene.quality)[0][role]
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (np.array([]), np.array([])), (np.array([]), np.array([]))
    low, high = np.quantile(finite, (0.001, 0.999))
    counts, edges = np.histogram(finite, bins, range=(low, high if high > low else low + 1))
    return (counts, edges), (counts, edges * band.scale + band.offset)


def footprint(grid, points_per_side=12):
    """Outline of a grid on earth.

    Parameters
    ----------
    grid : Grid
    points_per_side : int
        Sides are curves in longitude and latitude, so they get points between their corners.

    Returns
    -------
    list of (float, float)
        Longitude and latitude, closed (the first point again at the end).
    """
    left, bottom, right, top = grid.bounds
    share = np.linspace(0, 1, points_per_side, endpoint=False)
    x = np.concatenate([left + (right - left) * share, np.full(share.size, right), right - (right - left) * share, np.full(share.size, left)])
    y = np.concatenate([np.full(share.size, top), top - (top - bottom) * share, np.full(share.size, bottom), bottom + (top - bottom) * share])
    longitude, latitude = lon_lat(x, y, grid.crs)
    outline = list(zip(map(float, longitude), map(float, latitude), strict=True))
    return [*outline, outline[0]]


def overlap(scene, x, y, crs=None):
    """How many points lie in a scene.

    Parameters
    ----------
    scene : Scene
    x, y : array-like of shape (n,)
    crs : pyproj.CRS, optional
        Of the points; the scene's own if not given.

    Returns
    -------
    dict
        points, inside (within the grid), valid (every reflective band has a value there), pixels (different pixels that hold the points inside).
    """
    rows, cols, inside = scene.grid.rows_cols(x, y, crs)
    with scene.reader() as reader:
        values = sample_places(reader, x, y, crs)
    pixels = np.unique(rows[inside] * scene.grid.width + cols[inside]).size
    return {"points": int(rows.size), "inside": int(inside.sum()), "valid": int(np.isfinite(values).all(axis=1).sum()), "pixels": int(pixels)}


def whole(scene):
    """The window of a whole small scene, for tests and figures."""
    return Window(0, 0, scene.grid.height, scene.grid.width)
