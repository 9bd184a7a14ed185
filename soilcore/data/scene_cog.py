"""A scene of any form as one cloud-optimised GeoTIFF: roles as band descriptions, scale and offset as tags, no data kept."""

from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.progress import part, silent
from soilcore.data.cog import gtiff_profile, written_as_cog
from soilcore.data.pixels import PixelReader
from soilcore.data.rasters import rasterio_window
from soilcore.data.sensors import is_reflective

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
        `out`. Opened again it gives the same roles, scaling and pixels, those that the quality layer hides being no data; bands of coarser
        files, which were laid onto the grid, are rounded to whole stored numbers. Where no one scaling holds for all bands, or the scene is
        itself laid together from others, reflectance is written as it is read.

    Raises
    ------
    SceneError
        If bands differ in their number types so much that one file cannot hold them.
    """
    as_read = _has_no_single_scaling(scene)
    kind, fill = ("float32", np.nan) if as_read else _stored_as(scene)
    copying = part(report, 0.0, 0.7)
    with written_as_cog(out, gtiff_profile(scene.grid, len(scene.bands), kind, fill)) as target, scene.reader() as reader:
        _describe(target, scene, as_read)
        windows = list(scene.grid.windows())
        for done, window in enumerate(windows):
            copying(done, len(windows), "copying the bands")
            values = reader.read(window) if as_read else _window(scene, reader, window, kind, fill)
            target.write(values, window=rasterio_window(window))
        report(0.7, 1, "making overviews")
    report(1, 1, "converted")
    return Path(out)


def _has_no_single_scaling(scene):
    """Whether stored numbers would not do: bands are scaled apart, or the scene's pixels are not those of its files."""
    scalings = {(band.scale, band.offset) for band in scene.bands if is_reflective(band.name)}
    with scene.reader() as reader:
        return len(scalings) > 1 or not isinstance(reader, PixelReader)


def _stored_as(scene):
    """Number type of the file and its number for no data."""
    kinds = []
    for number, file in enumerate(scene.files):
        with file.opened() as dataset:
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
    """Stored numbers of one window, every missing or hidden pixel as the fill."""
    hidden = reader.hidden(window)
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
            if hidden is not None and is_reflective(scene.bands[place].name):
                missing |= hidden
            whole = np.issubdtype(np.dtype(kind), np.integer) and np.issubdtype(layer.dtype, np.floating)
            out[place] = np.where(missing, fill, np.round(layer) if whole else layer)
    return out


def _describe(target, scene, as_read):
    for number, band in enumerate(scene.bands, start=1):
        target.set_band_description(number, band.name)
    if not as_read:
        target.scales = [band.scale for band in scene.bands]
        target.offsets = [band.offset for band in scene.bands]
    scale, offset = (1.0, 0.0) if as_read else (scene.scaling.scale, scene.scaling.offset)
    tags = {"SOILCORE_SCALING": f"{scale!r} {offset!r}", "SOILCORE_SCALING_BY": scene.scaling.decided}
    if scene.baseline:
        tags["PROCESSING_BASELINE"] = scene.baseline
    if scene.quality:
        tags["SOILCORE_QUALITY"] = f"hidden by {scene.quality.kind}, clouds widened by {scene.quality.dilate} of its pixels"
    if scene.sensor:
        tags["SOILCORE_SENSOR"] = scene.sensor
    if scene.date:
        tags["ACQUISITION_DATE"] = scene.date.isoformat()
    target.update_tags(**tags)
