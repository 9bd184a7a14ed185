"""Scenes: one product, one stack or several single-band files, with roles for the bands, reflectance for the values and NaN for what is missing."""

import datetime
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError
from soilcore.core.findings import Finding
from soilcore.core.grids import Grid
from soilcore.core.progress import silent
from soilcore.data.bands import recognise
from soilcore.data.pixels import BandSource, FileSource, PixelReader, sample_places
from soilcore.data.products_scene import look_into, quality_of
from soilcore.data.quality import QualityLayer, check_quality_settings
from soilcore.data.rasters import cell_metres
from soilcore.data.scaling import Scaling, ScalingInputs, decide_scaling
from soilcore.data.scene_files import all_bands, common_grid, dates_of, merged_tags
from soilcore.data.sensors import is_reflective, sensor_by_name
from soilcore.data.stored_values import stored_facts

CHEAP_FINGERPRINT_BYTES = 1 << 30


@dataclass(frozen=True)
class SceneSettings:
    """Which imagery, and what its files may not say of themselves.

    Parameters
    ----------
    paths : tuple of str
        One stack, several files of one grid, or one product: a Sentinel-2 L2A ``.SAFE`` folder or zip, a Landsat Collection 2 Level-2
        folder or tar, a NetCDF file or Zarr folder.
    roles : tuple of (str, str)
        Band name, number or file name, and the role it has: B, G, R, RE1, RE2, RE3, N, N2, S1, S2, or a name of its own.
    sensor : str, optional
        A name of the sensor table.
    scale, offset : float, optional
        Reflectance = stored value * scale + offset.
    nodata : float, optional
        Stored value that means no data; wins over the file's own.
    trusted : bool
        Whether the names come from the machine's own user, as on the command line: allows virtual mosaics (VRT) and ``/vsi`` names.
    quality : str
        "mask" hides the clouds, shadows, snow and gaps that SCL or QA_PIXEL name, where the scene has such a layer; "none" does not.
    dilate : int
        Clouds and their shadows are widened by this many pixels of the quality layer (20 m of SCL, 30 m of QA_PIXEL).
    keep : tuple of int
        SCL classes that are used; 4 vegetation, 5 bare soil and 7 unclassified if none are named.
    date : str, optional
        Which date of a cube, as 2025-03-17; needed where it has several.
    """

    paths: tuple[str, ...]
    roles: tuple[tuple[str, str], ...] = ()
    sensor: str | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    trusted: bool = False
    quality: str = "mask"
    dilate: int = 2
    keep: tuple[int, ...] = ()
    date: str | None = None


@dataclass(frozen=True)
class Scene:
    """Imagery that was opened, understood and checked. Pixels stay on disk.

    Parameters
    ----------
    grid : Grid
    roles : tuple of str
        One per band: B, G, R, RE1, RE2, RE3, N, N2, S1, S2, or the band's own name.
    scaling : Scaling
        Of the reflective bands; a band without a role keeps its stored values.
    sensor : str or None
    paths : tuple of str
    assumed : tuple of str
        What nobody said but the evidence shows.
    findings : tuple of Finding
    date : datetime.date or None
        Day of acquisition.
    settings : SceneSettings
    files, bands : tuple
        Where the pixels are.
    quality : QualityLayer or None
        What hides clouds.
    baseline : str or None
        Processing baseline, where the product says it.
    quality_kind : str or None
        "SCL" or "QA_PIXEL" where the imagery has such a layer, also if it was not asked to hide anything.
    """

    grid: Grid
    roles: tuple[str, ...]
    scaling: Scaling
    sensor: str | None
    paths: tuple[str, ...]
    assumed: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    date: datetime.date | None = None
    settings: SceneSettings | None = field(default=None, repr=False)
    files: tuple[FileSource, ...] = field(default=(), repr=False)
    bands: tuple[BandSource, ...] = field(default=(), repr=False)
    quality: QualityLayer | None = field(default=None, repr=False)
    baseline: str | None = None
    quality_kind: str | None = None

    @cached_property
    def fingerprint(self):
        """sha256 of the files' bytes and of how they are read; computed when first asked for.

        A file above 1 GiB enters by its size, time of change and 64 MiB spread over it, and the fingerprint then begins with "sampled-".
        """
        paths = self._content_paths()
        large = any(Path(path).is_file() and Path(path).stat().st_size > CHEAP_FINGERPRINT_BYTES for path in paths)
        content = [_content(path) for path in paths]
        hides = (self.quality.number, self.quality.kind, self.quality.keep, self.quality.dilate) if self.quality else ()
        days = [file.day for file in self.files if getattr(file, "day", None)]  # of cubes
        told = fingerprint.of_settings(content, self.grid.shape, list(self.bands), *hides, *days)
        return f"sampled-{told}" if large else told

    def _content_paths(self):
        """Files that the pixels come from: those named, or the ones read in a product's folder."""
        if not any(Path(path).is_dir() for path in self.paths):
            return self.paths
        used = dict.fromkeys(file.path for file in [*self.files, *([self.quality.file] if self.quality else [])])
        folders = [path for path in used if Path(path).is_dir()]  # Zarr: every chunk is a file
        inside = [str(file) for folder in folders for file in sorted(Path(folder).rglob("*")) if file.is_file()]
        return (*(path for path in used if path not in folders), *inside)

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread.

        Yields
        ------
        PixelReader
            ``.read(window, roles=None)`` gives float32 reflectance of shape (band, row, column), NaN where missing.
        """
        with PixelReader(self.grid, self.files, self.bands, self.quality) as reader:
            yield reader

    def read(self, window, roles=None):
        """Reflectance of one window, float32 of shape (band, row, column), NaN where missing; opens the files anew each time."""
        with self.reader() as reader:
            return reader.read(window, roles)

    def sample(self, x, y, crs=None):
        """Reflectance under points: the values of the pixels that hold them.

        Parameters
        ----------
        x, y : array-like of shape (n,)
        crs : pyproj.CRS, optional
            Of the points; the scene's own if not given.

        Returns
        -------
        ndarray of float64, shape (n, n_roles)
            Exactly what `read` gives at those pixels; NaN outside.
        """
        with self.reader() as reader:
            return sample_places(reader, x, y, crs)

    def preview(self, roles=("R", "G", "B"), size=1024):
        """A small picture, see `soilcore.data.previews.preview`."""
        from soilcore.data.previews import preview

        return preview(self, roles, size)


def open_scene(settings, report=silent, glance=False):
    """Open imagery and decide what its values mean.

    Parameters
    ----------
    settings : SceneSettings
    report : Report
    glance : bool
        Look at four blocks of pixels only, as one of many scenes is opened whose files say how they store reflectance.

    Returns
    -------
    Scene
        What was inferred is in `assumed`, oddities in `findings`.

    Raises
    ------
    UnreadableError
        If a file is missing, no product and no raster of an accepted format (GeoTIFF, JPEG 2000), damaged or cut off.
    SceneError
        If it is a product of a kind that is not read, cannot be placed on earth, its bands are not recognised, or its scaling stays open; the message names the option.
    SettingsError
        If an option contradicts the files.

    Notes
    -----
    GDAL opens only the files named, by the driver their first bytes tell; see `soilcore.data.rasters`.
    """
    _check_settings(settings)
    report(0, 2, "looking into the image files")
    given = look_into(settings)
    files, product = given.files, given.product
    grid, resampled, laid = _grid(given)
    facts, tags = all_bands(files), merged_tags(files)
    sensor = settings.sensor or tags.get("soilcore_sensor") or (product.sensor if product else None)
    recognised = recognise(facts, settings.roles, sensor, cell_metres(grid), _hints(settings, product, tags))
    kept = [(band, role) for band, role in zip(facts, recognised.roles, strict=True) if role is not None]
    sources = (given.cube,) if given.cube else tuple(_file_source(file, differs, settings) for file, differs in zip(files, resampled, strict=True))
    bands = tuple(_band_source(band, role, settings) for band, role in kept)
    report(1, 2, "finding out how reflectance is stored")
    told = product is not None and _product_scaling(product) is not None  # then pixels only confirm; every block of JPEG 2000 costs a tile
    pixels, missing = stored_facts(grid, sources, bands, glance or told)
    reflective = {role: band for band, role in kept if is_reflective(role)}
    inputs = _scaling_inputs(settings, reflective, pixels, recognised.family, tags, grid, product)
    scaling, scaled, findings = decide_scaling(inputs)
    bands = tuple(_scaled(band, fact, scaling, product, settings) for band, (fact, _) in zip(bands, kept, strict=True))
    layer, hides, cloudy = quality_of(given, settings, grid, glance)
    days = [given.day] if given.day else dates_of(files)
    return Scene(
        grid=grid,
        roles=tuple(band.name for band in bands),
        scaling=scaling,
        sensor=scaling.sensor,
        paths=settings.paths,
        assumed=(*_product_words(product), *laid, *recognised.assumed, *scaled, *missing, *hides),
        findings=(*findings, *_date_findings(days), *cloudy),
        date=days[0] if days else None,
        settings=settings,
        files=sources,
        bands=bands,
        quality=layer,
        baseline=(product.baseline if product else None) or tags.get("processing_baseline"),
        quality_kind=given.kind,
    )


def _grid(given):
    """Common grid, and which files are laid onto it; a file that holds nothing but the quality layer has no say."""
    alone = given.only_quality
    grid, resampled, laid = common_grid([file for place, file in enumerate(given.files) if place != alone])
    return grid, resampled if alone is None else (*resampled[:alone], False, *resampled[alone:]), laid


def _hints(settings, product, tags):
    """Words that may name the satellite."""
    if product is not None:
        return f"{product.name} {product.platform or ''}"
    named = [tags[name] for name in ("spacecraft_name", "platform", "spacecraft_id") if name in tags]
    return " ".join([Path(path).name for path in settings.paths] + named)


def _product_words(product):
    if product is None or product.kind == "cube":
        return () if product is None else product.assumed
    cloud = f", clouds {product.cloud:.3g} % by its metadata" if product.cloud is not None else ""
    baseline = f", processing baseline {product.baseline}" if product.baseline else ""
    return (f"product {product.name} of {product.date or 'unknown date'}{baseline}{cloud}", *product.assumed)


def _check_settings(settings):
    if not settings.paths:
        raise SettingsError("No image file was given. Name one with --scene.")
    if len(set(settings.paths)) < len(settings.paths):
        twice = next(path for path in settings.paths if settings.paths.count(path) > 1)
        raise SettingsError(f"The image {twice!r} is given twice. Give each file once.")
    check_quality_settings(settings)
    if settings.sensor is not None:
        sensor_by_name(settings.sensor)
    if settings.scale is not None and not (np.isfinite(settings.scale) and settings.scale > 0):
        raise SettingsError(f"The scale {settings.scale:g} is impossible: it must be above 0, for example 0.0001.")
    if settings.offset is not None and not np.isfinite(settings.offset):
        raise SettingsError(f"The offset {settings.offset:g} is not a number. Give one such as -0.1.")


def _file_source(file, differs, settings):
    nodata = settings.nodata if settings.nodata is not None else file.bands[0].nodata
    if nodata is None and not any(band.dtype.startswith("float") for band in file.bands):
        nodata = 0.0  # the fill of every optical product; without it, it would bleed into its neighbours
    trusted = settings.trusted and file.member is None
    return FileSource(file.path, trusted, "bilinear" if differs else None, file.has_mask, nodata, file.member)


def _band_source(band, role, settings):
    """The band with its stored values as they are; the scaling comes once it is known."""
    nodata = settings.nodata if settings.nodata is not None else band.nodata
    packed = band.offset > 0  # as xarray packs decimals into integers: 0 is then an ordinary reflectance, and the fill another number
    return BandSource(role, band.file, band.number, nodata, zero_is_nodata=is_reflective(role) and not packed)


def _scaled(source, band, scaling, product, settings):
    """Reflective bands share one scaling unless the product gives each its own; others keep their own tags."""
    if is_reflective(source.name):
        own = product.bands[source.file] if product is not None and product.bands and settings.scale is None and settings.offset is None else None
        if own is not None and scaling.decided == "metadata" and own.scale is not None:
            return replace(source, scale=own.scale, offset=own.offset)
        return replace(source, scale=scaling.scale, offset=scaling.offset)
    return replace(source, scale=band.scale, offset=band.offset)


def _scaling_inputs(settings, reflective, pixels, family, tags, grid, product):
    kinds = {np.dtype(band.dtype) for band in reflective.values()}
    nodata = settings.nodata if settings.nodata is not None else next(iter(reflective.values())).nodata
    return ScalingInputs(
        source=Path(settings.paths[0]).name if len(settings.paths) == 1 else f"{len(settings.paths)} files ({Path(settings.paths[0]).name}, ...)",
        pixels={role: pixels[role] for role in reflective},
        integer=all(np.issubdtype(kind, np.integer) for kind in kinds),
        bits=max(kind.itemsize for kind in kinds) * 8,
        family=family,
        sensor=settings.sensor,
        scale=settings.scale,
        offset=settings.offset,
        tagged=tuple((band.scale, band.offset) for band in reflective.values()),
        tags=tags,
        cell_m=cell_metres(grid),
        nodata=nodata,
        product=_product_scaling(product),
    )


def _product_scaling(product):
    """(scale, offset, evidence) that a product's metadata decide; where bands differ, that of most bands."""
    if product is None or not product.bands or any(band.scale is None for band in product.bands):
        return None
    pairs = [(band.scale, band.offset) for band in product.bands]
    return (*max(pairs, key=pairs.count), product.evidence)


def _date_findings(days):
    if len(days) < 2:
        return ()
    listed = ", ".join(map(str, days[:5]))
    return (
        Finding(
            "bands-of-different-dates",
            "warning",
            f"The files of the scene name different days: {listed}.",
            "Give files of one acquisition, or one composite stack.",
            value=listed,
        ),
    )


def _content(path):
    file = Path(path)
    if not file.is_file() or file.stat().st_size <= CHEAP_FINGERPRINT_BYTES:
        return fingerprint.of_file(path) if file.is_file() else str(path)
    return sampled_content(file)


def sampled_content(file, parts=64):
    """Fingerprint of a large file: size, time of change, and `parts` MiB spread over it.

    Parameters
    ----------
    file : pathlib.Path
    parts : int
    """
    import hashlib

    stat = file.stat()
    digest = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode())
    with open(file, "rb") as stream:
        for place in np.linspace(0, max(0, stat.st_size - (1 << 20)), parts).astype(int):
            stream.seek(int(place))
            digest.update(stream.read(1 << 20))
    return digest.hexdigest()
