"""A scene of any form as one cloud-optimised GeoTIFF: roles as band descriptions, scale and offset as tags, no data kept."""

from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.progress import part, silent
from soilcore.data.cog import gtiff_profile, written_as_cog
from soilcore.data.rasters import rasterio_window

_LARGEST_FILL = {"uint8": 0, "uint16": 0, "int16": -32768, "uint32": 0, "int32": -2147483648}


def to_cog(scene, out, report=silent):
    """Write a scene as one stack in its stored numbers, so that nothing is lost and nothing needs to be asked again.

    Parameters
    ----------
    scene : Scene
    out : path
        Appears whole or not at all.
    report : Report

    Returns
    -------
    pathlib.Path
        `out`. Opened again it gives the same roles, scaling and pixels; bands of coarser files, which were laid onto the grid,
        are rounded to whole stored numbers.

    Raises
    ------
    SceneError
        If bands differ in their number types so much that one file cannot hold them.
    """
    kind, fill = _stored_as(scene)
    copying = part(report, 0.0, 0.7)
    with written_as_cog(out, gtiff_profile(scene.grid, len(scene.bands), kind, fill)) as target, scene.reader() as reader:
        _describe(target, scene)
        windows = list(scene.grid.windows())
        for done, window in enumerate(windows):
            copying(done, len(windows), "copying the bands")
            target.write(_window(scene, reader, window, kind, fill), window=rasterio_window(window))
        report(0.7, 1, "making overviews")
    report(1, 1, "converted")
    return Path(out)


def _stored_as(scene):
    """Number type of the file and its number for no data."""
    from soilcore.data.rasters import opened_raster

    kinds = []
    for number, file in enumerate(scene.files):
        with opened_raster(file.path, file.trusted) as dataset:
            kinds += [np.dtype(dataset.dtypes[band.number - 1]) for band in scene.bands if band.file == number]
    kind = np.result_type(*kinds)
    if np.issubdtype(kind, np.floating):
        return "float32", np.nan
    if kind.name not in _LARGEST_FILL:
        raise SceneError(
            f"The bands hold {', '.join(sorted({k.name for k in kinds}))}, which one file cannot hold together. Convert them to one type first."
        )
    declared = {band.nodata for band in scene.bands if band.nodata is not None}
    info = np.iinfo(kind)
    fits = len(declared) == 1 and float(next(iter(declared))).is_integer() and info.min <= next(iter(declared)) <= info.max
    return kind.name, int(declared.pop()) if fits else _LARGEST_FILL[kind.name]


def _window(scene, reader, window, kind, fill):
    """Stored numbers of one window, every missing pixel as the fill."""
    out = np.empty((len(scene.bands), window.height, window.width), kind)
    for number in range(len(scene.files)):
        places = [place for place, band in enumerate(scene.bands) if band.file == number]
        if not places:
            continue
        stored, masked = reader.stored(window, number, [scene.bands[place].number for place in places])
        for layer, place in zip(stored, places, strict=True):
            missing = scene.bands[place].missing(layer)
            if masked is not None:
                missing |= masked
            whole = np.issubdtype(np.dtype(kind), np.integer) and np.issubdtype(layer.dtype, np.floating)
            out[place] = np.where(missing, fill, np.round(layer) if whole else layer)
    return out


def _describe(target, scene):
    for number, band in enumerate(scene.bands, start=1):
        target.set_band_description(number, band.name)
    target.scales = [band.scale for band in scene.bands]
    target.offsets = [band.offset for band in scene.bands]
    tags = {"SOILCORE_SCALING": f"{scene.scaling.scale!r} {scene.scaling.offset!r}"}
    if scene.sensor:
        tags["SOILCORE_SENSOR"] = scene.sensor
    if scene.date:
        tags["ACQUISITION_DATE"] = scene.date.isoformat()
    target.update_tags(**tags)
