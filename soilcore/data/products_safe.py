"""Sentinel-2 Level-2A products as the agency delivers them (SAFE): which file is which band, and the offset from the metadata.

The offset follows the metadata, never the date: BOA_ADD_OFFSET of each band where it is listed (processing baseline 04.00 and later),
else the baseline. Source: Sentinel-2 Products Specification Document, Level-2A user product (MTD_MSIL2A.xml, MTD_TL.xml).
"""

import re
from pathlib import PurePosixPath

from soilcore.core.errors import SceneError, UnreadableError
from soilcore.data.products import Product, ProductFile
from soilcore.data.raster_dates import day_in

_METADATA = re.compile(r"(?:^|/)MTD_MSIL(2A|1C)\.xml$|(?:^|/)S2\w_(?:OPER|USER)_MTD_SAFL(?:2A|1C)_\w+\.xml$")
_IMAGE = re.compile(r"(?:^|/)GRANULE/([^/{}]+)/IMG_DATA/(?:R(?:10|20|60)m/)?[^/{}]*_(B\d[\dA]|SCL)_(10|20|60)m\.(?:jp2|tiff?)$", re.IGNORECASE)
_AT_10M = ("B02", "B03", "B04", "B08")
_AT_20M = ("B05", "B06", "B07", "B8A", "B11", "B12")
_BAND_IDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
_OFFSET_SINCE = 4.0
_OFFSET_DN, _QUANTIFICATION = -1000.0, 10000.0


def names_safe(holder):
    """Whether a holder looks like a Sentinel-2 product of any level."""
    return any(_METADATA.search(name) for name in holder.names)


def safe_product(holder):
    """Read the metadata of a Sentinel-2 product.

    Parameters
    ----------
    holder : soilcore.data.products_holder.Holder

    Returns
    -------
    Product

    Raises
    ------
    SceneError
        If it is Level-1C, holds several products or tiles, or a band it names is not there.
    UnreadableError
        If the metadata are damaged, or name files outside the product.
    """
    name = _metadata_name(holder)
    facts = _Facts(holder.xml(name), name)
    _check_level(facts, name)
    images = _images(holder, PurePosixPath(name).parent)
    chosen, assumed = _chosen(images, facts.product_name)
    _check_named_inside(facts)
    scalings, evidence = _scalings(facts, chosen)
    bands = tuple(ProductFile(_plain(band), *holder.place(images[band, cell]), *scalings[band]) for band, cell in chosen)
    classes = next((images["SCL", cell] for cell in (20, 60) if ("SCL", cell) in images), None)
    quality = ProductFile("SCL", *holder.place(classes)) if classes else None
    return Product(
        kind="sentinel-2-safe",
        path=holder.path,
        name=facts.product_name,
        date=day_in(facts.text("PRODUCT_START_TIME") or facts.text("DATATAKE_SENSING_START") or facts.product_name),
        tile=_tile(images),
        platform=facts.text("SPACECRAFT_NAME"),
        baseline=facts.baseline,
        cloud=facts.number("Cloud_Coverage_Assessment"),
        sensor="sentinel-2-l2a",
        bands=bands,
        quality=quality,
        metadata=tuple(holder.place(each) for each in holder.names if each == name or PurePosixPath(each).name == "MTD_TL.xml"),
        evidence=evidence,
        assumed=assumed,
    )


class _Facts:
    """Values of the metadata by element name, whatever the namespace and the version's nesting (L2A_ in front in old products)."""

    def __init__(self, root, name):
        self.elements = {}
        for element in root.iter():
            self.elements.setdefault(element.tag.rpartition("}")[2].removeprefix("L2A_"), []).append(element)
        self.name = name

    def all(self, name):
        return self.elements.get(name, [])

    def text(self, name):
        return next((text for element in self.all(name) if (text := (element.text or "").strip())), None)

    def number(self, name):
        text = self.text(name)
        try:
            return None if text is None else float(text)
        except ValueError:
            raise UnreadableError(f"The metadata {self.name!r} hold {text!r} as {name}, which is no number. Download the product again.") from None

    @property
    def product_name(self):
        told = self.text("PRODUCT_URI") or PurePosixPath(self.name).parent.name or "the product"
        return told.removesuffix(".SAFE")

    @property
    def baseline(self):
        return self.text("PROCESSING_BASELINE")


def _metadata_name(holder):
    found = [name for name in holder.names if _METADATA.search(name)]
    level_2 = [name for name in found if "MSIL1C" not in name]
    roots = sorted({str(PurePosixPath(name).parent) for name in level_2 or found})
    if len(roots) > 1:
        raise SceneError(
            f"{holder.path!r} holds {len(roots)} Sentinel-2 products ({', '.join(roots[:3])}). Give one product; several dates are given as several paths."
        )
    return (level_2 or found)[0]


def _check_level(facts, name):
    level = facts.text("PROCESSING_LEVEL") or ("Level-1C" if "MSIL1C" in name else "")
    if "1C" in level:
        raise SceneError(
            f"{facts.product_name} is a Level-1C product: its values are the brightness above the air, which changes with haze and sun from day to day, "
            "so indices and models of the soil would follow the weather. Download the Level-2A product of that day (S2_MSI_L2A), or make it with Sen2Cor."
        )


def _images(holder, root):
    """Image files by band and pixel size in metres."""
    prefix = "" if str(root) == "." else f"{root}/"
    images, granules = {}, set()
    for name in holder.names:
        match = _IMAGE.search(name) if name.startswith(prefix) else None
        if match:
            images[match[2].upper(), int(match[3])] = name
            granules.add(match[1])
    if len(granules) > 1:
        raise SceneError(
            f"{holder.path!r} holds {len(granules)} tiles ({', '.join(sorted(granules)[:3])} ...). Give products of one tile each, as they are made since 2016."
        )
    return images


def _chosen(images, product):
    """Bands and pixel sizes that are read, and what that means in words."""
    fine = any((band, 10) in images for band in _AT_10M)
    coarse = any((band, 20) in images for band in _AT_20M)
    if not fine and not coarse:
        raise SceneError(f"{product} holds no band images (GRANULE/.../IMG_DATA/R10m and R20m). Download it again, whole.")
    wanted = [(band, 10) for band in _AT_10M] if fine else [(band, 20) for band in _AT_10M[:3]]
    wanted += [(band, 20) for band in _AT_20M] if coarse else []
    missing = [f"{_plain(band)} ({cell} m)" for band, cell in wanted if (band, cell) not in images]
    if missing:
        there = ", ".join(sorted({_plain(band) for band, _ in images if band != "SCL"}, key=_BAND_IDS.index))
        plural = "s" if len(missing) > 1 else ""
        raise SceneError(
            f"The file{plural} of the band{plural} {', '.join(missing)} {'are' if plural else 'is'} missing in {product}. There: {there}. Download it again."
        )
    if not fine:
        return wanted, ("the product holds no 10 m images (R10m): read at 20 m, without B8; B8A is the near infrared there",)
    return wanted, () if coarse else ("the product holds no 20 m images (R20m): only B2, B3, B4 and B8 are read",)


def _check_named_inside(facts):
    for element in facts.all("IMAGE_FILE") + facts.all("IMAGE_ID"):
        name = (element.text or "").strip()
        if name.startswith(("/", "\\")) or ".." in PurePosixPath(name).parts:
            raise UnreadableError(f"The metadata of {facts.product_name} name {name[:80]!r}, a file outside the product. It is not opened.")


def _scalings(facts, chosen):
    """Scale and offset by band, and the evidence in words."""
    quantification = facts.number("BOA_QUANTIFICATION_VALUE") or _QUANTIFICATION
    listed = {}
    for element in facts.all("BOA_ADD_OFFSET"):
        number, text = element.get("band_id", ""), (element.text or "").strip()
        if not number.isdigit() or int(number) >= len(_BAND_IDS):
            raise UnreadableError(f"The metadata of {facts.product_name} give an offset for the band {number!r}, which Sentinel-2 does not have.")
        try:
            listed[_BAND_IDS[int(number)]] = float(text)
        except ValueError:
            raise UnreadableError(f"The metadata of {facts.product_name} give the offset {text!r}, which is no number.") from None
    bands = [band for band, _ in chosen]
    if listed:
        return _listed_scalings(listed, bands, quantification, facts)
    try:
        baseline = float(facts.baseline)
    except (TypeError, ValueError):
        return dict.fromkeys(bands, (None, None)), ""
    offset = _OFFSET_DN if baseline >= _OFFSET_SINCE else 0.0
    words = f"BOA_ADD_OFFSET {offset:g} belongs to it" if offset else "it has no offset"
    evidence = f"product metadata: BOA_QUANTIFICATION_VALUE {quantification:g}, processing baseline {facts.baseline}, {words}"
    return dict.fromkeys(bands, (1 / quantification, offset / quantification)), evidence


def _listed_scalings(listed, bands, quantification, facts):
    without = [_plain(band) for band in bands if _plain(band) not in listed]
    if without:
        raise SceneError(f"The metadata of {facts.product_name} list no offset for {', '.join(without)}. Say it with --scale and --offset.")
    values = {band: listed[_plain(band)] for band in bands}
    told = sorted(set(values.values()))
    words = f"{told[0]:g}" if len(told) == 1 else ", ".join(f"{_plain(band)} {value:g}" for band, value in values.items())
    evidence = (
        f"product metadata: BOA_ADD_OFFSET {words}, BOA_QUANTIFICATION_VALUE {quantification:g}, processing baseline {facts.baseline or 'not told'}"
    )
    return {band: (1 / quantification, value / quantification) for band, value in values.items()}, evidence


def _plain(band):
    """The metadata's own name of a band: B2 of "B02"."""
    return f"B{band[1:].lstrip('0')}" if band.startswith("B") else band


def _tile(images):
    found = re.search(r"(?:^|[/_])T?(\d{2}[A-Z]{3})_", next(iter(images.values())).rpartition("/")[2])
    return found[1] if found else None
