"""Satellite products as they are delivered: Sentinel-2 L2A as SAFE, Landsat Collection 2 Level-2, and cubes, known by what is in them, not by their names."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from soilcore.core.errors import UnreadableError
from soilcore.data.cubes_opening import is_cube
from soilcore.data.products_holder import held_in


@dataclass(frozen=True)
class ProductFile:
    """One image of a product.

    Parameters
    ----------
    band : str
        The product's own name of it: "B2", "SR_B4", "SCL", "QA_PIXEL".
    path : str
        The file, or the archive that holds it.
    member : str or None
        Its name inside the archive.
    scale, offset : float or None
        Reflectance = stored value * scale + offset; None where the metadata do not decide it.
    """

    band: str
    path: str
    member: str | None = None
    scale: float | None = None
    offset: float | None = None

    @property
    def name(self):
        """File name without its folders."""
        return Path(self.member or self.path).name


@dataclass(frozen=True)
class Product:
    """What a product says of itself, and which of its files are read.

    Parameters
    ----------
    kind : str
        "sentinel-2-safe", "landsat-c2-l2" or "cube".
    path : str
    name : str
        Identifier, such as S2A_MSIL2A_20220619T103421_N0510_R108_T31UFU_20220619T135803.
    date : datetime.date or None
        Day of acquisition.
    tile : str or None
        MGRS tile, or path and row.
    platform : str or None
    baseline : str or None
        Processing baseline.
    cloud : float or None
        Share of clouds by the metadata, percent.
    sensor : str or None
        Row of the sensor table.
    bands : tuple of ProductFile
    quality : ProductFile or None
        Scene classification or QA_PIXEL.
    metadata : tuple of (str, str or None)
        Path and member of the metadata files.
    evidence : str
        How the metadata decide the scaling; empty where they do not.
    assumed : tuple of str
        What was chosen without being asked.
    """

    kind: str
    path: str
    name: str
    date: datetime.date | None = None
    tile: str | None = None
    platform: str | None = None
    baseline: str | None = None
    cloud: float | None = None
    sensor: str | None = None
    bands: tuple[ProductFile, ...] = ()
    quality: ProductFile | None = None
    metadata: tuple[tuple[str, str | None], ...] = ()
    evidence: str = ""
    assumed: tuple[str, ...] = ()


def product_of(path):
    """The product at a path.

    Parameters
    ----------
    path : path
        A folder, archive or file on this machine; opened only as far as its metadata.

    Returns
    -------
    Product or None
        None where it is no product but, say, a GeoTIFF, or does not exist.

    Raises
    ------
    UnreadableError
        If an archive is damaged or refused, or its metadata are not what they should be.
    SceneError
        If it is a product of a kind that is not read: Level-1, several at once; with the reason.
    """
    from soilcore.data.products_landsat import landsat_product, names_landsat
    from soilcore.data.products_safe import names_safe, safe_product

    if str(path).startswith("/vsi") or "://" in str(path):
        return None
    if is_cube(path):
        return Product("cube", str(path), Path(path).stem)
    holder = held_in(path)
    if holder is None:
        return None
    if names_safe(holder):
        return safe_product(holder)
    if names_landsat(holder):
        return landsat_product(holder)
    return None


def check_not_a_holder(path):
    """Refuse a folder or archive that is no product, saying what would be.

    Raises
    ------
    UnreadableError
    """
    if str(path).startswith("/vsi") or "://" in str(path):
        return
    holder = held_in(path)
    if holder is None:
        return
    some = ", ".join(Path(name).name for name in holder.names[:4]) or "nothing"
    raise UnreadableError(
        f"{str(path)!r} is a {holder.kind}, and no product that is known here: it holds neither MTD_MSIL2A.xml (Sentinel-2 L2A) nor a Landsat metadata file (..._MTL.txt). "
        f"Found: {some}{' and more' if len(holder.names) > 4 else ''}. Give the product as it was downloaded, or the band files themselves."
    )
