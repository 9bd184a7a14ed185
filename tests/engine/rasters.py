"""Small rasters written on the spot: every number type, kind of missing pixel, band order and reference system a test asks for."""

import numpy as np
import rasterio
from affine import Affine

ROLES = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")
SENTINEL_2 = {"B": "B2", "G": "B3", "R": "B4", "RE1": "B5", "RE2": "B6", "RE3": "B7", "N": "B8", "N2": "B8A", "S1": "B11", "S2": "B12"}
LANDSAT = {"B": "SR_B2", "G": "SR_B3", "R": "SR_B4", "N": "SR_B5", "S1": "SR_B6", "S2": "SR_B7"}
_WATER = dict(zip(ROLES, (0.030, 0.035, 0.020, 0.015, 0.012, 0.012, 0.010, 0.010, 0.005, 0.004), strict=True))
_SOIL = dict(zip(ROLES, (0.10, 0.14, 0.19, 0.22, 0.24, 0.26, 0.28, 0.29, 0.36, 0.32), strict=True))


def reflectance(roles=ROLES, height=40, width=50, seed=0):
    """Bare soil with a lake in the lower right corner; float64 of shape (band, row, column)."""
    random = np.random.default_rng(seed)
    wet = np.zeros((height, width), bool)
    wet[height // 2 :, width // 2 :] = True
    brightness = random.uniform(0.8, 1.2, (height, width))
    return np.stack([np.where(wet, _WATER[role], _SOIL[role]) * brightness for role in roles])


def digital_numbers(values, offset=0, quantification=10000):
    """Reflectance as Sentinel-2 stores it."""
    return np.round(values * quantification + offset).astype("uint16")


def landsat_numbers(values):
    """Reflectance as Landsat Collection 2 stores it."""
    return np.round((values + 0.2) / 2.75e-5).astype("uint16")


def write_raster(
    path,
    values,
    *,
    names=None,
    nodata=None,
    crs="EPSG:32632",
    cell=10.0,
    origin=(500000.0, 5000000.0),
    transform=None,
    tags=None,
    scaling=None,
    hidden=None,
    alpha=None,
    **profile,
):
    """Write one GeoTIFF.

    Parameters
    ----------
    path : path
    values : ndarray of shape (band, row, column) or (row, column)
        Its number type is the file's.
    names : sequence of str, optional
        Band descriptions.
    scaling : (float, float), optional
        GDAL's scale and offset of every band.
    hidden : ndarray of bool, optional
        Written as the file's internal mask.
    alpha : ndarray of bool, optional
        Written as a further, transparent band; of an image of three bands.
    **profile
        Creation options.
    """
    values = np.asarray(values)
    values = values[None] if values.ndim == 2 else values
    if alpha is not None:
        values = np.concatenate([values, np.where(alpha, 0, 255).astype(values.dtype)[None]])
        profile |= {"alpha": "yes", "photometric": "rgb"}  # GDAL marks the fourth band
    place = transform if transform is not None else Affine(cell, 0, origin[0], 0, -cell, origin[1])
    settings = {"driver": "GTiff", "height": values.shape[1], "width": values.shape[2], "count": len(values), "dtype": values.dtype, "nodata": nodata}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **settings, crs=crs, transform=place, **profile) as dataset:
        dataset.write(values)
        for number, name in enumerate(names or (), start=1):
            dataset.set_band_description(number, name)
        if scaling:
            dataset.scales, dataset.offsets = ([number] * len(values) for number in scaling)
        if tags:
            dataset.update_tags(**tags)
        if hidden is not None:
            dataset.write_mask(~hidden)
    return str(path)
