"""From what was given - one product, or files - to the bands, tags and quality layer that a scene is made of."""

import datetime
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.findings import Finding
from soilcore.data.cubes_file import read_cube
from soilcore.data.pixels import FileSource
from soilcore.data.products import Product, check_not_a_holder, product_of
from soilcore.data.quality import KEPT_CLASSES, QA_PIXEL, SCL, QualityLayer, quality_shares, quality_words
from soilcore.data.rasters import cell_metres, same_crs
from soilcore.data.scene_files import FileFacts, read_file_facts
from soilcore.data.sensors import plain_name

_QUALITY_NAMES = {"scl": SCL, "sceneclassification": SCL, "qapixel": QA_PIXEL, "pixelqa": QA_PIXEL}
_NATIVE_M = {SCL: 20.0, QA_PIXEL: 30.0}
_HIDES_NEARLY_ALL = 0.98


@dataclass(frozen=True)
class Given:
    """What the paths of a scene turned out to be.

    Parameters
    ----------
    product : Product or None
    files : tuple of FileFacts
        Those with bands.
    layer : FileFacts or None
        The file of the quality layer; it may be one of `files`.
    number : int
        Its band, from 1.
    kind : str or None
        "SCL" or "QA_PIXEL".
    cube : CubeFile or None
        Where the pixels are, if they are in a cube.
    day : datetime.date or None
        Of a product or cube.
    """

    product: Product | None
    files: tuple[FileFacts, ...]
    layer: FileFacts | None = None
    number: int = 1
    kind: str | None = None
    cube: object = None
    day: datetime.date | None = None

    @property
    def only_quality(self):
        """Position among `files` of a file that holds the quality layer and nothing else, or None."""
        alone = self.layer is not None and len(self.layer.bands) == 1 and len(self.files) > 1
        return self.files.index(self.layer) if alone and self.layer in self.files else None


def look_into(settings):
    """Read what the files or the product of a scene say of themselves.

    Parameters
    ----------
    settings : SceneSettings

    Returns
    -------
    Given

    Raises
    ------
    UnreadableError, SceneError
        See `soilcore.data.products.product_of` and `soilcore.data.scene_files.read_file_facts`.
    SettingsError
        If a product is given together with other paths.
    """
    product = _only_product(settings)
    if product is None:
        files = tuple(_plain_file(path, settings.trusted) for path in settings.paths)
        return Given(None, files, *_quality_band(files))
    if product.kind == "cube":
        file, source, day, assumed = read_cube(product.path, settings.date)
        return Given(replace(product, date=day, assumed=assumed), (file,), *_quality_band((file,)), source, day)
    files = tuple(read_file_facts(band.path, member=band.member, label=band.band) for band in product.bands)
    layer = product.quality
    if layer is None:
        return Given(product, files, day=product.date)
    return Given(product, files, read_file_facts(layer.path, member=layer.member, label=layer.band), 1, layer.band, day=product.date)


def _only_product(settings):
    products = {path: product_of(path) for path in settings.paths}
    found = [path for path, product in products.items() if product is not None]
    if found and len(settings.paths) > 1:
        raise SettingsError(
            f"{Path(found[0]).name!r} is a whole product and was given together with other images. Give it alone; "
            "to use several dates, put the products into one folder and give that."
        )
    return products[found[0]] if found else None


def _plain_file(path, trusted):
    check_not_a_holder(path)
    return read_file_facts(path, trusted)


def _quality_band(files):
    """File, band and kind of the quality layer among plain files."""
    for file in files:
        for band in file.bands:
            kind = _quality_kind(band.name)
            if kind and not band.is_alpha:
                return file, band.number, kind
    return None, 1, None


def _quality_kind(name):
    words = name.replace(" ", "_").removesuffix("_20m").removesuffix("_60m").removesuffix("_10m").split("_")
    endings = (plain_name("".join(words[start:])) for start in range(len(words)))
    return next((_QUALITY_NAMES[ending] for ending in endings if ending in _QUALITY_NAMES), None)


def quality_of(given, settings, grid, glance=False):
    """The quality layer of a scene, what it hides in words, and findings.

    Parameters
    ----------
    given : Given
    settings : SceneSettings
    grid : Grid
        Of the scene.
    glance : bool
        Look at little of the layer for the shares.

    Returns
    -------
    layer : QualityLayer or None
    assumed : tuple of str
    findings : tuple of Finding

    Raises
    ------
    SettingsError
        If classes to keep were named for a layer that has none.
    """
    if settings.quality == "none":
        return None, ((f"clouds not hidden: {given.kind} is there, but was not asked for",) if given.kind else ()), ()
    if given.layer is None:
        if settings.keep:
            raise SettingsError(
                "Classes to keep were named, but the scene has no scene classification (SCL). Give it with the bands, or leave that out."
            )
        return None, (("clouds not hidden: the product has no quality layer",) if given.product and not given.cube else ()), ()
    if settings.keep and given.kind != SCL:
        raise SettingsError(
            "Classes to keep are those of Sentinel-2's scene classification (SCL); this scene has Landsat's QA_PIXEL. Leave them out."
        )
    layer = _layer(given, settings)
    if not same_crs(layer.grid.crs, grid.crs):
        raise SceneError(
            f"The quality layer {given.layer.name} is in {layer.grid.crs.name}, the scene in {grid.crs.name}. Give both in one reference system."
        )
    shares, total = quality_shares(layer, glance)
    return layer, quality_words(layer, shares, total), _findings(given, total)


def _layer(given, settings):
    file = given.layer
    trusted = settings.trusted and given.product is None
    step = _step(file)
    finer = 1.0 if step > 1 else max(1.0, _NATIVE_M[given.kind] / cell_metres(file.grid))
    source = given.cube or FileSource(file.path, trusted, member=file.member)
    keep = tuple(sorted(set(settings.keep))) or KEPT_CLASSES
    return QualityLayer(source, given.number, given.kind, file.grid, keep, int(np.round(settings.dilate * finer)), step)


def _step(file):
    """Pixels of a fetched stack along one pixel of its quality layer, which was laid onto them whole; 1 where nothing is said of it."""
    try:
        step = float(file.tags.get("soilcore_quality_cell", "")) / file.grid.cell_size[1]
    except ValueError:
        return 1
    return round(step) if 1 <= step <= 100 and abs(step - round(step)) < 1e-6 else 1


def _findings(given, total):
    if total < _HIDES_NEARLY_ALL:
        return ()
    return (
        Finding(
            "hidden-by-clouds",
            "warning",
            f"{given.kind} hides {100 * total:.3g} % of the pixels: next to nothing of the scene can be used.",
            "Choose a clearer day, or keep more classes if the ground is mistaken for cloud.",
            value=f"{total:.4g}",
        ),
    )
