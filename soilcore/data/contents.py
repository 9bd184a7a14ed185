"""Files that are made twice alike: layers without the time of writing in them, and what tells the same content in other bytes."""

import hashlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path

_NO_TIME = "1980-01-01T00:00:00.000Z"  # the first that a zip file can hold
_TEXTS = frozenset({".csv", ".gpx", ".qml", ".sld", ".xml", ".json"})
_LINE_END = re.compile(rb"\r\n?")


def write_layer(layer, path, name):
    """Write one layer as GeoPackage; the same layer always gives the same bytes.

    Parameters
    ----------
    layer : GeoDataFrame
    path : path
        Written over where it is there.
    name : str
        Of the layer.
    """
    Path(path).unlink(missing_ok=True)  # else the layer is made anew within the old file, which leaves gaps in it
    write_layers({name: layer}, path)


def write_layers(layers, path):
    """Write layers by name into one GeoPackage; the same layers always give the same bytes.

    Parameters
    ----------
    layers : dict of str to GeoDataFrame
    path : path
        Layers that it has already stay.
    """
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _NO_TIME})  # else the time of writing goes into the file
    try:
        for name, layer in layers.items():
            layer.to_file(path, layer=name, driver="GPKG", engine="pyogrio", append=Path(path).exists())
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def content_of(path):
    """sha256 of what a file says, whatever the bytes: of a GeoPackage its features, of a text its lines.

    A GeoPackage has the time of writing in it, and a program that opens it may rearrange it; lines end otherwise on other systems.

    Parameters
    ----------
    path : path

    Returns
    -------
    str or None
        64 hex digits; None for files whose bytes are all there is to compare, and for those that cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in _TEXTS:
        return hashlib.sha256(_LINE_END.sub(b"\n", path.read_bytes())).hexdigest()
    if suffix != ".gpkg":
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            return _of_geopackage(database)
    except sqlite3.Error:  # damaged, or no GeoPackage at all
        return None


def _of_geopackage(database):
    """Names, places, columns and rows of every layer, in the order of the layers' names and of the features' numbers."""
    digest = hashlib.sha256()
    listed = "SELECT c.table_name, c.data_type, c.srs_id, s.organization, s.organization_coordsys_id, s.definition FROM gpkg_contents c "
    for layer in database.execute(f"{listed} LEFT JOIN gpkg_spatial_ref_sys s ON c.srs_id = s.srs_id ORDER BY c.table_name").fetchall():
        name = '"' + layer[0].replace('"', '""') + '"'
        columns = [tuple(row[1:3]) for row in database.execute(f"PRAGMA table_info({name})")]
        digest.update(repr((layer, columns)).encode())
        for row in database.execute(f"SELECT * FROM {name} ORDER BY rowid"):
            digest.update(repr(row).encode())
    return digest.hexdigest()
