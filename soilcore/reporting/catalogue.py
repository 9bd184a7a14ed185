"""Maps as STAC items and a collection of them, so that a catalogue or QGIS finds them: where, when, which layers, in which unit.

References
----------
SpatioTemporal Asset Catalog 1.1.0, https://stacspec.org; extensions Projection 2.0.0, Classification 2.0.0 and File 2.1.0.
"""

import calendar
import re
from pathlib import Path

from soilcore.core.fingerprint import of_file
from soilcore.data.rasters import opened_raster
from soilcore.mapping.layers import layers_of
from soilcore.mapping.tiles import style_of

VERSION = "1.1.0"
_EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
)
_CLASSES = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_GEOTIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
_BESIDE = {".qml": ("application/xml", "QGIS style"), ".sld": ("application/xml", "OGC Styled Layer Descriptor")}
_SHA256 = "1220"  # what a multihash of 32 bytes of sha256 begins with
_DIGITS = 7  # of degrees, about 1 cm


def map_item(path, identifier, *, date=None, otherwise=None, description="", root="../../collection.json"):
    """A STAC item of a map with its layers.

    Parameters
    ----------
    path : path
        The map's GeoTIFF; the item is meant to lie beside it.
    identifier : str
    date : str, optional
        Day, month or year the map is for.
    otherwise : str, optional
        ISO time that stands where no date is known: when the model was made.
    description : str
    root : str
        Where its collection lies, seen from the item.

    Returns
    -------
    dict

    Raises
    ------
    UnreadableError, SettingsError
        If the map cannot be read, or has no reference system.
    """
    path = Path(path)
    assets, has_classes = {}, False
    for layer in layers_of(path):
        asset = _asset(layer)
        has_classes |= "classification:classes" in asset
        assets[layer.key] = asset
        for suffix, (kind, title) in _BESIDE.items():
            beside = layer.path.with_suffix(suffix)
            if beside.is_file():
                assets[f"{layer.key}{suffix.replace('.', '_')}"] = {
                    "href": f"./{beside.name}",
                    "type": kind,
                    "title": f"{title} of {layer.title}",
                    "roles": ["style"],
                }
    run = path.with_suffix(".run.json")
    if run.is_file():
        assets["run"] = {"href": f"./{run.name}", "type": "application/json", "title": "How it was made", "roles": ["metadata"]}
    ring, box, projection = _place(path)
    links = [{"rel": rel, "href": root, "type": "application/json"} for rel in ("root", "parent", "collection")]
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [*_EXTENSIONS, *([_CLASSES] if has_classes else [])],
        "id": identifier,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": box,
        "properties": {"title": identifier, "description": description or identifier, **times_of(date, otherwise), **projection},
        "links": links,
        "assets": assets,
        "collection": "maps",
    }


def collection(items, *, title, description, places):
    """A STAC collection of items.

    Parameters
    ----------
    items : sequence of dict
        From `map_item`; at least one.
    title, description : str
    places : sequence of str
        Where each item lies, seen from the collection.

    Returns
    -------
    dict
    """
    boxes = [item["bbox"] for item in items]
    whole = [min(box[0] for box in boxes), min(box[1] for box in boxes), max(box[2] for box in boxes), max(box[3] for box in boxes)]
    starts = [item["properties"].get("start_datetime") or item["properties"]["datetime"] for item in items]
    ends = [item["properties"].get("end_datetime") or item["properties"]["datetime"] for item in items]
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": "maps",
        "title": title,
        "description": description,
        "license": "other",
        "extent": {"spatial": {"bbox": [whole]}, "temporal": {"interval": [[min(starts), max(ends)]]}},
        "links": [
            {"rel": "root", "href": "./collection.json", "type": "application/json"},
            *(
                {"rel": "item", "href": f"./{place}", "type": "application/geo+json", "title": item["id"]}
                for item, place in zip(items, places, strict=True)
            ),
        ],
    }


def times_of(date, otherwise=None):
    """``datetime`` of a day, or null with ``start_datetime`` and ``end_datetime`` of a month or year.

    Parameters
    ----------
    date : str or None
        ``2025``, ``2025-03`` or ``2025-03-17``, with or without a time of day.
    otherwise : str, optional
        Taken where `date` is none of these.
    """
    found = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", date or "")
    if not found:
        return {"datetime": otherwise or "1970-01-01T00:00:00Z"}
    year, month, day = found.groups()
    if day:
        return {"datetime": f"{year}-{month}-{day}T00:00:00Z"}
    first, last = (month, month) if month else ("01", "12")
    days = calendar.monthrange(int(year), int(last))[1]
    return {"datetime": None, "start_datetime": f"{year}-{first}-01T00:00:00Z", "end_datetime": f"{year}-{last}-{days:02d}T23:59:59Z"}


def _asset(layer):
    with opened_raster(layer.path) as raster:
        kind, nodata = raster.dtypes[0], raster.nodata
    asset = {"href": f"./{layer.path.name}", "type": _GEOTIFF, "title": layer.title, "roles": ["data"], "data_type": kind}
    if nodata is not None:
        asset["nodata"] = "nan" if nodata != nodata else nodata
    if layer.unit:
        asset["unit"] = layer.unit
    style = style_of(layer.path)
    if style.kind == "classes":
        asset["classification:classes"] = [
            {
                "value": number,
                "name": re.sub(r"[^0-9A-Za-z_-]+", "-", label).strip("-") or str(number),
                "title": label,
                "color_hint": color[1:].upper(),
            }
            for number, (color, label) in enumerate(style.entries)
        ]
    return asset | {"file:size": layer.path.stat().st_size, "file:checksum": _SHA256 + of_file(layer.path)}


def _place(path):
    """Outline and box in degrees, and the map's own grid."""
    from rasterio.warp import transform_bounds, transform_geom

    with opened_raster(path) as raster:
        left, bottom, right, top = raster.bounds
        outline = {"type": "Polygon", "coordinates": [[(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]]}
        corners = transform_geom(raster.crs, "EPSG:4326", outline)["coordinates"][0]
        box = transform_bounds(raster.crs, "EPSG:4326", left, bottom, right, top, densify_pts=21)
        authority = raster.crs.to_authority()
        code = {"proj:code": ":".join(authority)} if authority else {"proj:code": None, "proj:wkt2": raster.crs.to_wkt(version="WKT2_2018")}
        grid = {"proj:shape": [raster.height, raster.width], "proj:transform": list(raster.transform)[:6]}
    ring = [[round(x, _DIGITS), round(y, _DIGITS)] for x, y in corners]
    return ring, [round(value, _DIGITS) for value in box], code | grid
