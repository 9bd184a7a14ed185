"""What the files of a scene say of themselves: bands, grid, tags, date."""

import re
from dataclasses import dataclass
from pathlib import Path

from soilcore.core.errors import SceneError
from soilcore.core.grids import Grid
from soilcore.data.bands import BandFacts
from soilcore.data.raster_dates import raster_date
from soilcore.data.rasters import check_complete, grid_of, opened_raster, plain_tags, same_crs, same_grid

_BASELINE = re.compile(r"_N(\d\d)(\d\d)_")


@dataclass(frozen=True)
class FileFacts:
    """One file of a scene.

    Parameters
    ----------
    path : str
    grid : Grid
    bands : tuple of BandFacts
        Positions count within this file; `all_bands` counts over all.
    tags : dict of str to str
        Names in lower case.
    has_mask : bool
        Whether a mask or alpha band hides pixels.
    member : str or None
        File inside `path`, which is then a zip or tar.
    label : str
        What a product calls the file, such as "B11"; empty for a file given by itself.
    """

    path: str
    grid: Grid
    bands: tuple[BandFacts, ...]
    tags: dict[str, str]
    has_mask: bool
    member: str | None = None
    label: str = ""

    @property
    def name(self):
        """What the file is called in messages."""
        return self.label or Path(self.member or self.path).name


def read_file_facts(path, trusted=False, member=None, label=""):
    """Look into one raster.

    Parameters
    ----------
    path : path
    trusted : bool
        See `soilcore.data.rasters.open_raster`.
    member : str, optional
        File inside `path`, which is then a checked zip or tar.
    label : str
        What a product calls its only band.

    Returns
    -------
    FileFacts

    Raises
    ------
    UnreadableError
        If it is no raster, damaged, or cut off.
    SceneError
        If it lies nowhere on earth: no or a wrong reference system, a rotated grid; or holds complex numbers.
    """
    from rasterio.enums import ColorInterp, MaskFlags

    with opened_raster(path, trusted, member=member) as dataset:
        check_complete(dataset)
        grid = grid_of(dataset, path)
        if any(kind.startswith("complex") for kind in dataset.dtypes):
            raise SceneError(f"{str(path)!r} holds complex numbers (radar, perhaps), not reflectance. Give an optical image.")
        alone = dataset.count == 1
        bands = tuple(
            BandFacts(
                file=0,
                number=number,
                position=number,
                description=label or (dataset.descriptions[number - 1] or "").strip(),
                stem=Path(member or path).stem if alone else "",
                dtype=dataset.dtypes[number - 1],
                nodata=dataset.nodatavals[number - 1],
                scale=float(dataset.scales[number - 1]),
                offset=float(dataset.offsets[number - 1]),
                is_alpha=dataset.colorinterp[number - 1] == ColorInterp.alpha,
            )
            for number in dataset.indexes
        )
        tags = plain_tags(dataset.tags())
        has_mask = any(MaskFlags.per_dataset in flags for flags in dataset.mask_flag_enums)
    return FileFacts(str(path), grid, bands, tags, has_mask, member, label)


def all_bands(files):
    """Bands of all files, counted through."""
    from dataclasses import replace

    bands, position = [], 0
    for number, file in enumerate(files):
        for band in file.bands:
            position += 1
            bands.append(replace(band, file=number, position=position))
    return tuple(bands)


def common_grid(files):
    """The grid of the scene: that of the finest file; coarser files of the same extent are laid onto it.

    Returns
    -------
    grid : Grid
    resampled : tuple of bool
        Per file, whether its pixels are not the grid's.
    assumed : tuple of str

    Raises
    ------
    SceneError
        If reference systems, extents or origins differ; names the files and the remedy.
    """
    finest = min(files, key=lambda file: file.grid.cell_size[1])
    resampled = tuple(not same_grid(file.grid, finest.grid) for file in files)
    for file, differs in zip(files, resampled, strict=True):
        if differs:
            _check_can_be_laid(file, finest)
    if not any(resampled):
        return finest.grid, resampled, ()
    names = ", ".join(file.name for file, differs in zip(files, resampled, strict=True) if differs)
    cell = finest.grid.cell_size[1]
    return finest.grid, resampled, (f"coarser bands laid onto the {cell:g} grid of {finest.name} by bilinear interpolation: {names}",)


def _check_can_be_laid(file, finest):
    name, other = file.name, finest.name
    remedy = "Bring them onto one grid first (gdalwarp -t_srs ... -te ... -tr ...), or give one stack."
    if not same_crs(file.grid.crs, finest.grid.crs):
        raise SceneError(f"The bands of a scene must share one grid: {other} is in {finest.grid.crs.name}, {name} in {file.grid.crs.name}. {remedy}")
    coarse = max(file.grid.cell_size)
    apart = max(abs(a - b) for a, b in zip(file.grid.bounds, finest.grid.bounds, strict=True))
    if coarse <= 1.001 * max(finest.grid.cell_size) or apart > coarse:
        raise SceneError(
            f"The bands of a scene must share one grid: {other} has {finest.grid.width} x {finest.grid.height} pixels from {_corner(finest.grid)}, "
            f"{name} {file.grid.width} x {file.grid.height} from {_corner(file.grid)}. {remedy}"
        )


def _corner(grid):
    left, _, _, top = grid.bounds
    return f"x {left:.10g}, y {top:.10g}, cell {grid.cell_size[0]:.6g}"


def merged_tags(files):
    """Tags of all files, and the processing baseline where a file name has it (``_N0510_``)."""
    tags = {}
    for file in files:
        for name, value in file.tags.items():
            tags.setdefault(name, value)
        baseline = _BASELINE.search(Path(file.path).name)
        if baseline:
            tags.setdefault("processing_baseline", f"{baseline[1]}.{baseline[2]}")
    return tags


def date_of(file):
    """When a file is of, by the rule of `soilcore.data.raster_dates`; None where nothing says it."""
    return raster_date(Path(file.member or file.path).stem, file.tags)


def dates_of(files):
    """Days of acquisition that the files state, oldest first."""
    return sorted({told.day for file in files if (told := date_of(file)) and told.exact})
