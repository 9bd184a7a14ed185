"""Finished maps written on the spot: a value, bounds, dissimilarity and area of applicability, with the tags that tell what they are."""

import json

import numpy as np

from soilcore.mapping.layers import layer_path
from tests.engine.rasters import write_raster

VARIOGRAM = {"model": "exponential", "nugget": 0.0, "sill": 0.04, "range": 300.0, "usable": True}


def write_map(path, value, *, lower=None, upper=None, di=None, aoa=None, unit="dS/m", form="ECe", column="ece", variogram=None, level=0.9, **tags):
    """Write a map and its siblings; `tags` are further ones, such as SOILCORE_TRANSFORM, or settings of `write_raster`."""
    place = {name: tags.pop(name) for name in ("crs", "cell", "origin", "transform") if name in tags}
    words = {"SOILCORE_TARGET": column, "SOILCORE_TARGET_FORM": form, "SOILCORE_UNIT": unit, **tags}
    if lower is not None:
        words |= {"SOILCORE_INTERVAL_LEVEL": str(level), "SOILCORE_INTERVAL_METHOD": "conformal"}
    if variogram:
        words["SOILCORE_ERROR_VARIOGRAM"] = json.dumps(variogram)
    layers = {"value": value, "lower": lower, "upper": upper, "di": di}
    for key, array in layers.items():
        if array is not None:
            array = np.broadcast_to(np.asarray(array, np.float32), value.shape)
            _write(layer_path(path, key), array, np.nan, unit if key != "di" else "", words, place)
    if aoa is not None:
        _write(layer_path(path, "aoa"), np.broadcast_to(np.asarray(aoa, np.uint8), value.shape), 255, "", words, place)
    return path


def _write(path, array, nodata, unit, tags, place):
    import rasterio

    write_raster(path, array, nodata=nodata, tags=tags, **place)
    with rasterio.open(path, "r+") as raster:
        raster.units = (unit,)
