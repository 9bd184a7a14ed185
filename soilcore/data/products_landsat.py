"""Landsat Collection 2 Level-2 products as they are delivered: bands, quality band and scaling from the MTL file in any of its three forms.

The MTL file repeats names: the Level-1 part has its own FILE_NAME_BAND_1 and REFLECTANCE_MULT_BAND_1 (2e-5, top of the atmosphere).
Values are therefore always taken from a named group. Source: Landsat 8-9 Collection 2 Level 2 Science Product Guide (LSDS-1619).
"""

import json
import re
from pathlib import PurePosixPath

from soilcore.core.errors import SceneError, UnreadableError
from soilcore.data.products import Product, ProductFile
from soilcore.data.raster_dates import day_in

_METADATA = re.compile(r"(?:^|/)L[COTEM]\d\d_\w+_MTL\.(txt|xml|json)$", re.IGNORECASE)
_LEVEL_2 = ("L2SP", "L2SR")
_OLI, _TM = (1, 2, 3, 4, 5, 6, 7), (1, 2, 3, 4, 5, 7)


def names_landsat(holder):
    """Whether a holder looks like a Landsat product of Collection 1 or 2."""
    return any(_METADATA.search(name) for name in holder.names)


def landsat_product(holder):
    """Read the metadata of a Landsat product.

    Parameters
    ----------
    holder : soilcore.data.products_holder.Holder

    Returns
    -------
    Product

    Raises
    ------
    SceneError
        If it is Level-1, holds several products, or a band it names is not there.
    UnreadableError
        If the metadata are damaged, or name files outside the product.
    """
    name = _metadata_name(holder)
    groups = _groups(holder, name)
    contents, image = groups.get("PRODUCT_CONTENTS", {}), groups.get("IMAGE_ATTRIBUTES", {})
    product = contents.get("LANDSAT_PRODUCT_ID") or PurePosixPath(name).name.rpartition("_MTL")[0]
    _check_level(groups, product)
    spacecraft = image.get("SPACECRAFT_ID", "")
    numbers = _OLI if spacecraft.endswith(("8", "9")) else _TM
    files = {number: _file_name(contents, f"FILE_NAME_BAND_{number}", f"{product}_SR_B{number}.TIF") for number in numbers}
    places = _places(holder, PurePosixPath(name).parent, files, product)
    scalings, evidence = _scalings(groups, numbers, product)
    bands = tuple(ProductFile(f"SR_B{number}", *places[number], *scalings[number]) for number in numbers)
    quality = _inside(holder, PurePosixPath(name).parent, _file_name(contents, "FILE_NAME_QUALITY_L1_PIXEL", f"{product}_QA_PIXEL.TIF"))
    cloud = _number(image.get("CLOUD_COVER"))
    return Product(
        kind="landsat-c2-l2",
        path=holder.path,
        name=product,
        date=day_in(image.get("DATE_ACQUIRED", "")) or day_in(product),
        tile=f"{image['WRS_PATH']}/{image['WRS_ROW']}" if {"WRS_PATH", "WRS_ROW"} <= set(image) else None,
        platform=spacecraft or None,
        cloud=cloud if cloud is not None and cloud >= 0 else None,
        sensor="landsat-c2-l2",
        bands=bands,
        quality=ProductFile("QA_PIXEL", *holder.place(quality)) if quality else None,
        metadata=(holder.place(name),),
        evidence=evidence,
    )


def _metadata_name(holder):
    found = [name for name in holder.names if _METADATA.search(name)]
    products = sorted({PurePosixPath(name).name.upper().rpartition("_MTL")[0] for name in found})
    if len(products) > 1:
        raise SceneError(f"{holder.path!r} holds {len(products)} Landsat products ({', '.join(products[:3])}). Give one product, or several paths.")
    order = {".txt": 0, ".json": 1, ".xml": 2}
    return min(found, key=lambda name: order[PurePosixPath(name).suffix.lower()])


def _groups(holder, name):
    """Values by group, whatever form the MTL file has."""
    if name.lower().endswith(".xml"):
        return {group.tag: {entry.tag: (entry.text or "").strip() for entry in group} for group in holder.xml(name)}
    text = holder.content(name).decode("utf-8", "replace")
    if name.lower().endswith(".txt"):
        return _groups_of_text(text, name)
    try:
        top = next(iter(json.loads(text).values()))
        return {group: {key: str(value) for key, value in values.items()} for group, values in top.items()}
    except (json.JSONDecodeError, AttributeError, StopIteration, RecursionError) as error:
        raise UnreadableError(f"The metadata {name!r} are damaged or cut off ({error}). Download the product again.") from None


def _groups_of_text(text, name):
    groups, open_groups = {}, []
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip().strip('"')
        if not equals:
            continue
        if key == "GROUP":
            open_groups.append(value)
            groups.setdefault(value, {})
        elif key == "END_GROUP":
            if not open_groups or open_groups.pop() != value:
                raise UnreadableError(
                    f"The metadata {name!r} are damaged: the group {value!r} ends where it did not begin. Download the product again."
                )
        elif open_groups:
            groups[open_groups[-1]][key] = value
    if open_groups or not groups:
        raise UnreadableError(
            f"The metadata {name!r} are cut off{f' in the group {open_groups[-1]}' if open_groups else ''}. Download the product again."
        )
    return groups


def _check_level(groups, product):
    contents = groups.get("PRODUCT_CONTENTS")
    if contents is None:
        raise SceneError(
            f"{product} is of Landsat Collection 1 or of no collection, whose values are stored another way. Download it as Collection 2 Level-2 (L2SP)."
        )
    level = contents.get("PROCESSING_LEVEL", "")
    if level not in _LEVEL_2:
        raise SceneError(
            f"{product} is a Level-1 product ({level or 'level not told'}): its values are the brightness above the air, which changes with haze and sun from day to day. "
            "Download the Collection 2 Level-2 product of that day (L2SP, surface reflectance)."
        )


def _file_name(contents, key, usual):
    name = contents.get(key, usual)
    if name != PurePosixPath(name).name or name in (".", "..") or "\\" in name:
        raise UnreadableError(f"The metadata name {name[:80]!r} as {key}, a file outside the product. It is not opened.")
    return name


def _inside(holder, root, name):
    """The file of that name beside the metadata, whatever the case of its letters."""
    return next((each for each in holder.names if PurePosixPath(each).parent == root and PurePosixPath(each).name.lower() == name.lower()), None)


def _places(holder, root, files, product):
    found = {number: _inside(holder, root, name) for number, name in files.items()}
    missing = [f"SR_B{number} ({files[number]})" for number, name in found.items() if name is None]
    if missing:
        plural = len(missing) > 1
        there = ", ".join(f"SR_B{number}" for number, name in found.items() if name) or "none"
        raise SceneError(
            f"The file{'s' if plural else ''} of {', '.join(missing)} {'are' if plural else 'is'} missing in {product}. There: {there}. Download it again, whole."
        )
    return {number: holder.place(name) for number, name in found.items()}


def _scalings(groups, numbers, product):
    parameters = groups.get("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", {})
    pairs = {number: tuple(_number(parameters.get(f"REFLECTANCE_{what}_BAND_{number}")) for what in ("MULT", "ADD")) for number in numbers}
    if any(None in pair for pair in pairs.values()):
        return dict.fromkeys(numbers, (None, None)), ""
    if any(not scale > 0 for scale, _ in pairs.values()):
        raise UnreadableError(f"The metadata of {product} give a scale that is not above 0. Download the product again.")
    told = sorted(set(pairs.values()))
    words = "; ".join(f"{scale:g} and {offset:g}" for scale, offset in told)
    return pairs, f"product metadata: REFLECTANCE_MULT and REFLECTANCE_ADD {words}"


def _number(text):
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
