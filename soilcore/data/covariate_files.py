"""Opening the files of covariates: what they hold, and how they are laid onto the grid of the map."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.data.cubes_opening import is_cube
from soilcore.data.pixels import BandSource, FileSource, laid_onto
from soilcore.data.rasters import bounds_in, check_complete, grid_of, opened_raster, overlap, same_crs, same_grid
from soilcore.data.timeline import DatedRasters, Timeline, dated_files

_ABOUT_A_YEAR = 350  # days


def opened_file(spec, grid):
    """Grid of the stack, one spec per band, the file, and its bands."""
    if is_cube(spec.path):
        return _opened_cube(spec, grid)
    with opened_raster(spec.path, what="covariate") as dataset:
        check_complete(dataset)
        own = grid_of(dataset, spec.path)
        grid = grid or own
        file = _file(spec, dataset, own, grid)
        ours = _expanded(spec, dataset)
        return grid, ours, file, tuple(_band(each, 0, dataset) for each in ours)


def opened_folder(spec, grid, max_days):
    """Like `opened_file` for a folder of dated rasters; their grids may differ."""
    paths, days, when, said = dated_files(spec.path)
    first, files, bands = None, [], []
    for path in paths:
        grid, ours, file, its_bands = opened_file(replace(spec, path=str(path)), grid)
        first = first or (path, ours)
        _check_alike(first, path, ours)
        files.append(file)
        bands.append(its_bands)
    timeline = Timeline(days, when, max_days)
    specs = [replace(each, path=spec.path, when=when) for each in first[1]]
    dated = DatedRasters(spec.path, timeline, tuple(each.name for each in specs), tuple(files), tuple(bands))
    assumed = [f"{', '.join(dated.names)}: {len(paths)} rasters {said}, {timeline.listed()}"]
    if laid := [file for file in files if file.resampling]:
        assumed.append(f"{len(laid)} of the {len(files)} rasters in {Path(spec.path).name} laid onto the grid of the map ({laid[0].resampling})")
    return grid, specs, dated, assumed


def _opened_cube(spec, grid, day=None):
    """Like `opened_file` for a NetCDF file or Zarr folder; of several dates, the one of `day`."""
    from soilcore.data.cubes import open_cube
    from soilcore.data.cubes_covariate import CubeCovariate

    cube = open_cube(spec.path)
    cube.step(day)
    grid = grid or cube.grid
    file = CubeCovariate(str(spec.path), cube, day=day).on(grid, spec.categorical)
    if file.target is not None:
        _check_overlap(spec, cube.grid, grid)
    if spec.band is not None and not 1 <= spec.band <= len(cube.layers):
        raise SettingsError(f"The covariate {str(spec.path)!r} has {len(cube.layers)} variables, not a variable {spec.band}.")
    numbers = [spec.band] if spec.band is not None else range(1, len(cube.layers) + 1)
    alone = spec.band is not None or len(cube.layers) == 1
    ours = []
    for number in numbers:
        layer = cube.layers[number - 1]
        name = spec.name if alone else plain_name(layer.name)
        ours.append(replace(spec, name=name, band=number, unit=spec.unit or layer.unit or None))
    return grid, ours, file, tuple(BandSource(each.name, 0, each.band) for each in ours)


def changes_in_cube(spec):
    """Whether a covariate is a cube of several dates."""
    if not is_cube(spec.path):
        return False
    from soilcore.data.cubes import open_cube

    return open_cube(spec.path).days.size > 1


def opened_cube_dates(spec, grid, max_days):
    """Like `opened_folder` for a cube of several dates."""
    from soilcore.data.cubes import open_cube

    days = np.unique(open_cube(spec.path).days)
    grid, ours, file, bands = _opened_cube(spec, grid, str(days[0]))
    yearly = np.unique(days.astype("datetime64[Y]")).size == days.size and days.size > 1 and np.diff(days.astype(int)).min() > _ABOUT_A_YEAR
    timeline = Timeline(tuple(days.astype(object)), "year" if yearly else "date", max_days)
    specs = [replace(each, when=timeline.when) for each in ours]
    files = tuple(replace(file, day=str(day)) for day in days)
    dated = DatedRasters(spec.path, timeline, tuple(each.name for each in specs), files, (bands,) * len(files))
    assumed = [f"{', '.join(dated.names)}: {days.size} dates of {Path(spec.path).name}, {timeline.listed()}"]
    if file.laid:
        assumed.append(f"{Path(spec.path).name} laid onto the grid of the map ({file.laid})")
    return grid, specs, dated, assumed


def _check_alike(first, path, ours):
    path_0, specs_0 = first
    if [(each.name, each.unit) for each in specs_0] != [(each.name, each.unit) for each in ours]:
        there, here = (", ".join(f"{each.name} ({each.unit})" if each.unit else each.name for each in specs) for specs in (specs_0, ours))
        raise SceneError(
            f"The rasters in {str(path.parent)!r} are not of one kind: {path_0.name!r} holds {there}; {path.name!r} holds {here}. "
            "Every date needs the same bands and units."
        )


def _file(spec, dataset, own, grid):
    from rasterio.enums import MaskFlags

    nodata = dataset.nodatavals[(spec.band or 1) - 1] if (spec.band or 1) <= dataset.count else None
    has_mask = any(MaskFlags.per_dataset in flags for flags in dataset.mask_flag_enums)
    if same_grid(own, grid):
        return FileSource(str(spec.path), False, None, has_mask, nodata)
    file = FileSource(str(spec.path), False, "nearest" if spec.categorical else "bilinear", has_mask, nodata)
    _check_overlap(spec, own, grid)
    laid_onto(dataset, grid, file).close()
    return file


def _check_overlap(spec, own, grid):
    bounds = bounds_in(own, grid.crs, f"The covariate {str(spec.path)!r}")
    if overlap(bounds, grid.bounds):
        return
    left, bottom, right, top = bounds
    a_left, a_bottom, a_right, a_top = grid.bounds
    hint = ""
    if not same_crs(own.crs, grid.crs) and overlap(own.bounds, grid.bounds):
        hint = f" Its coordinates would fit if its reference system were the map's ({grid.crs.name}) instead of {own.crs.name}."
    raise SceneError(
        f"The covariate {str(spec.path)!r} does not overlap the area of the map: it covers x {left:.6g} to {right:.6g}, y {bottom:.6g} to {top:.6g}, "
        f"the map x {a_left:.6g} to {a_right:.6g}, y {a_bottom:.6g} to {a_top:.6g} ({grid.crs.name}).{hint} Give a raster of the same area."
    )


def _expanded(spec, dataset):
    """One spec per band."""
    if spec.band is not None:
        if not 1 <= spec.band <= dataset.count:
            raise SettingsError(f"The covariate {str(spec.path)!r} has {dataset.count} bands, not a band {spec.band}.")
        return [_with_unit(spec, dataset)]
    if dataset.count == 1:
        return [_with_unit(replace(spec, band=1), dataset)]
    described = [plain_name(text or "") for text in dataset.descriptions]
    usable = all(described) and len(set(described)) == len(described)
    named = [replace(spec, name=described[number - 1] if usable else f"{spec.name}_{number}", band=number) for number in dataset.indexes]
    return [_with_unit(each, dataset) for each in named]


def _with_unit(spec, dataset):
    """The spec with the unit the file states of its band, unless somebody stated one."""
    return spec if spec.unit else replace(spec, unit=(dataset.units[spec.band - 1] or "").strip() or None)


def _band(spec, file, dataset):
    """Physical values: the file's own scale and offset apply, except to codes."""
    index = spec.band - 1
    scale, offset = (1.0, 0.0) if spec.categorical else (float(dataset.scales[index]), float(dataset.offsets[index]))
    return BandSource(spec.name, file, spec.band, dataset.nodatavals[index], False, scale, offset)


def plain_name(text):
    """A name that a formula and a file can carry."""
    return re.sub(r"\W+", "_", text).strip("_")
