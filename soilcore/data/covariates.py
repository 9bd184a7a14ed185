"""Covariates: any raster laid onto the reference grid, continuous ones by bilinear interpolation, categories by nearest neighbour."""

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Grid
from soilcore.core.progress import silent
from soilcore.data.pixels import BandSource, FileSource, PixelReader, laid_onto, sample_places
from soilcore.data.rasters import check_complete, grid_of, opened_raster, same_crs, same_grid

MOST_CATEGORIES = 256
_LARGEST_CODE = 1 << 24  # beyond it float32 cannot tell neighbouring codes apart
_SUFFIX = re.compile(r":([A-Za-z]+)$")


@dataclass(frozen=True)
class CovariateSpec:
    """One raster that serves as predictor.

    Parameters
    ----------
    path : str
    name : str
        Of the predictor. A raster of several bands gives one predictor each, named by the band's description, else name_1, name_2 ...
    categorical : bool
        Codes of classes rather than amounts: nearest neighbour, one 0/1 predictor per class.
    band : int, optional
        Only this band, from 1; all if not given.
    """

    path: str
    name: str
    categorical: bool = False
    band: int | None = None


@dataclass(frozen=True)
class CovariateStack:
    """Covariates on one grid. Pixels stay on disk.

    Parameters
    ----------
    grid : Grid
        Of all windows; a geographic one serves as well.
    specs : tuple of CovariateSpec
        One per predictor; names are unique.
    assumed : tuple of str
        Which rasters were laid onto the grid, and how.
    files, bands : tuple
        Where the pixels are.
    """

    grid: Grid
    specs: tuple[CovariateSpec, ...]
    assumed: tuple[str, ...] = ()
    files: tuple[FileSource, ...] = field(default=(), repr=False)
    bands: tuple[BandSource, ...] = field(default=(), repr=False)

    @property
    def names(self):
        """Names of the covariates, in the order of the first axis of a window."""
        return tuple(spec.name for spec in self.specs)

    @cached_property
    def fingerprint(self):
        """sha256 of the files' bytes, the specs and the grid; computed when first asked for."""
        content = [fingerprint.of_file(file.path) for file in self.files]
        specs = [(spec.name, spec.categorical, spec.band) for spec in self.specs]
        return fingerprint.of_settings(content, specs, self.grid.shape, tuple(self.grid.transform), self.grid.crs.to_wkt())

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread.

        Yields
        ------
        PixelReader
            ``.read(window)`` gives float32 of shape (covariate, row, column), NaN where missing.
        """
        with PixelReader(self.grid, self.files, self.bands) as reader:
            yield reader

    def read(self, window, names=None):
        """Values of one window, float32 of shape (covariate, row, column), NaN where missing; opens the files anew each time."""
        with self.reader() as reader:
            return reader.read(window, names)

    def sample(self, x, y, crs=None):
        """Values under points, float64 of shape (n, n_covariates): exactly what `read` gives at their pixels; NaN outside."""
        with self.reader() as reader:
            return sample_places(reader, x, y, crs)

    def categories(self, name, report=silent):
        """Codes that a categorical covariate holds on the grid, for one-hot predictors.

        Parameters
        ----------
        name : str
        report : Report

        Returns
        -------
        tuple of int
            In ascending order.

        Raises
        ------
        SceneError
            If it holds more than 256 different values, or values that are no whole numbers.
        """
        found = set()
        windows = list(self.grid.windows())
        with self.reader() as reader:
            for done, window in enumerate(windows):
                report(done, len(windows), f"listing the classes of {name}")
                values = reader.read(window, (name,))
                found.update(np.unique(values[np.isfinite(values)]).tolist())
                _check_codes(found, name)
        return tuple(sorted(int(code) for code in found))


def parse_covariate(text):
    """``"FILE"`` or ``"FILE:categorical"`` as a `CovariateSpec` named after the file.

    Raises
    ------
    SettingsError
        If something else follows the colon.
    """
    path, categorical = str(text), False
    suffix = _SUFFIX.search(path)
    if suffix and not Path(path).exists():
        if suffix[1] != "categorical":
            raise SettingsError(f"{text!r} ends with {suffix[0]!r}. After the file of a covariate only ':categorical' may follow.")
        path, categorical = path[: suffix.start()], True
    if not path:
        raise SettingsError("A covariate needs a file: --covariate FILE, or FILE:categorical.")
    return CovariateSpec(path, _plain(Path(path).stem), categorical)


def open_covariates(specs, grid=None, report=silent):
    """Open covariates on one grid.

    Parameters
    ----------
    specs : sequence of CovariateSpec
    grid : Grid, optional
        That of the scene. Without one the first covariate's grid is the reference, whatever its reference system.
    report : Report

    Returns
    -------
    CovariateStack

    Raises
    ------
    UnreadableError
        If a file is missing, no raster, damaged or cut off.
    SceneError
        If a raster lies nowhere on earth, or nowhere on the grid.
    SettingsError
        If two covariates have one name.
    """
    specs = tuple(specs)
    if not specs:
        raise SettingsError("No covariate was given. Name a raster with --covariate.")
    expanded, files, bands, assumed = [], [], [], []
    for number, spec in enumerate(specs):
        report(number, len(specs), f"opening {Path(spec.path).name}")
        with opened_raster(spec.path, what="covariate") as dataset:
            check_complete(dataset)
            own = grid_of(dataset, spec.path)
            grid = grid or own
            file = _file(spec, dataset, own, grid)
            if file.resampling:
                assumed.append(f"{Path(spec.path).name} laid onto the grid of the map ({file.resampling})")
            ours = _expanded(spec, dataset)
            expanded += ours
            bands += [_band(each, number, dataset) for each in ours]
            files.append(file)
    _check_names(expanded)
    return CovariateStack(grid, tuple(expanded), tuple(assumed), tuple(files), tuple(bands))


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
    left, bottom, right, top = _bounds_in(own, grid.crs, spec)
    a_left, a_bottom, a_right, a_top = grid.bounds
    if left < a_right and right > a_left and bottom < a_top and top > a_bottom:
        return
    hint = ""
    o_left, o_bottom, o_right, o_top = own.bounds
    if not same_crs(own.crs, grid.crs) and o_left < a_right and o_right > a_left and o_bottom < a_top and o_top > a_bottom:
        hint = f" Its coordinates would fit if its reference system were the map's ({grid.crs.name}) instead of {own.crs.name}."
    raise SceneError(
        f"The covariate {str(spec.path)!r} does not overlap the area of the map: it covers x {left:.6g} to {right:.6g}, y {bottom:.6g} to {top:.6g}, "
        f"the map x {a_left:.6g} to {a_right:.6g}, y {a_bottom:.6g} to {a_top:.6g} ({grid.crs.name}).{hint} Give a raster of the same area."
    )


def _bounds_in(own, crs, spec):
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    if same_crs(own.crs, crs):
        return own.bounds
    try:
        return Transformer.from_crs(own.crs, crs, always_xy=True).transform_bounds(*own.bounds, densify_pts=21)
    except ProjError:
        raise SceneError(
            f"The covariate {str(spec.path)!r} is in a local reference system ({own.crs.name}) that is tied to no place on earth. "
            "Assign the real one (gdal_edit.py -a_srs EPSG:NUMBER FILE)."
        ) from None


def _expanded(spec, dataset):
    """One spec per band."""
    if spec.band is not None:
        if not 1 <= spec.band <= dataset.count:
            raise SettingsError(f"The covariate {str(spec.path)!r} has {dataset.count} bands, not a band {spec.band}.")
        return [spec]
    if dataset.count == 1:
        return [replace(spec, band=1)]
    described = [_plain(text or "") for text in dataset.descriptions]
    usable = all(described) and len(set(described)) == len(described)
    return [replace(spec, name=described[number - 1] if usable else f"{spec.name}_{number}", band=number) for number in dataset.indexes]


def _band(spec, file, dataset):
    """Physical values: the file's own scale and offset apply, except to codes."""
    index = spec.band - 1
    scale, offset = (1.0, 0.0) if spec.categorical else (float(dataset.scales[index]), float(dataset.offsets[index]))
    return BandSource(spec.name, file, spec.band, dataset.nodatavals[index], False, scale, offset)


def _check_names(specs):
    names = [spec.name for spec in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        paths = ", ".join(str(spec.path) for spec in specs if spec.name == twice)
        raise SettingsError(f"Two covariates are called {twice!r} ({paths}). Rename one of the files: a predictor needs a name of its own.")


def _check_codes(found, name):
    odd = next((value for value in found if value != int(value) or abs(value) > _LARGEST_CODE), None)
    if odd is not None:
        raise SceneError(f"The covariate {name!r} is called categorical, but holds {odd:g}, which is no class code. Use it without ':categorical'.")
    if len(found) > MOST_CATEGORIES:
        raise SceneError(
            f"The covariate {name!r} is called categorical, but holds more than {MOST_CATEGORIES} different values. Use it without ':categorical'."
        )


def _plain(text):
    """A name that a formula and a file can carry."""
    return re.sub(r"\W+", "_", text).strip("_")
