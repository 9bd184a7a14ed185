"""Vector files: points with columns, from GeoPackage, GeoJSON, zipped shapefile or GeoParquet."""

import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import CRS
from pyproj.exceptions import CRSError

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.data.formats import unpack_shapefile
from soilcore.data.remarks import remark, some


@dataclass
class Features:
    """Columns and points of one layer.

    Parameters
    ----------
    frame : pandas.DataFrame
        Cells as the file has them; the index counts from 2, as in a table with a header.
    x, y : ndarray of float, or None
        None for a layer without geometry.
    crs : pyproj.CRS or None
    findings : list of Finding
    assumed : list of str
    """

    frame: pd.DataFrame
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    crs: CRS | None = None
    findings: list = field(default_factory=list)
    assumed: list = field(default_factory=list)


def read_features(content, kind, name, layer=None):
    """Read one layer.

    Parameters
    ----------
    content : bytes
    kind : {"geopackage", "geojson", "shapefile"}
    name : str
        File name, for messages.
    layer : str, optional

    Returns
    -------
    Features

    Raises
    ------
    UnreadableError
        If the file is damaged or has no features.
    SettingsError
        If there is no such layer.
    """
    suffix = {"geopackage": ".gpkg", "geojson": ".geojson"}
    with tempfile.TemporaryDirectory() as folder:
        if kind == "shapefile":
            path = unpack_shapefile(content, name, Path(folder))
        else:
            path = Path(folder) / f"samples{suffix[kind]}"
            path.write_bytes(content)
        return _read(path, name, layer)


def _read(path, name, layer):
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FieldError, GeometryError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # what the library only mutters about, the checks say in words
            layers = [str(row[0]) for row in pyogrio.list_layers(path)]
            chosen = _choose(layers, layer, name)
            info, _, shapes, columns = pyogrio.raw.read(path, layer=chosen)
    except (DataSourceError, DataLayerError, FieldError, GeometryError, UnicodeDecodeError) as error:
        reason = str(error).replace(str(path), name).split("\n")[0]
        raise UnreadableError(f"{name!r} cannot be read as a vector file: {reason}. Export it again.") from None
    frame = pd.DataFrame(dict(zip(info["fields"], columns, strict=True)))
    features = _with_points(frame, shapes, _system(info["crs"]), name)
    if layer is None and len(layers) > 1:
        message = f"The file has {len(layers)} layers ({some(layers)}); {chosen!r} is read."
        features.findings.append(remark("layers-several", message, value=chosen, layer=chosen))
        features.assumed.append(f"layer: {chosen!r}, the first of {len(layers)} ({some(layers)})")
    return features


def _choose(layers, layer, name):
    if not layers:
        raise UnreadableError(f"{name!r} has no layers.")
    if layer is None:
        return layers[0]
    if layer not in layers:
        raise SettingsError(f"{name!r} has no layer {layer!r}. Its layers: {', '.join(layers)}.")
    return layer


def read_parquet(content, name):
    """Read a parquet table; with the geometry column of GeoParquet where there is one.

    Returns
    -------
    Features

    Raises
    ------
    UnreadableError
        If it is damaged or empty.
    """
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableError(f"{name!r} is a damaged parquet file ({str(error).splitlines()[0]}). Write it again.") from None
    meta = table.schema.metadata or {}
    geo = json.loads(meta[b"geo"]) if b"geo" in meta else None
    frame = table.to_pandas().reset_index(drop=True)
    frame.columns = [str(column) for column in frame.columns]
    if geo is None:
        return _with_points(frame, None, None, name)
    column = geo["primary_column"]
    stated = geo["columns"][column].get("crs", "OGC:CRS84")
    return _with_points(frame.drop(columns=column), frame[column].to_numpy(), _system(stated), name)


def _system(stated):
    if not stated:
        return None
    try:
        return CRS.from_user_input(stated)
    except CRSError:
        return None


def _with_points(frame, shapes, crs, name):
    if not len(frame.columns) and shapes is None:
        raise UnreadableError(f"{name!r} has no columns.")
    if len(frame) == 0 and (shapes is None or len(shapes) == 0):
        raise UnreadableError(f"{name!r} has no rows.")
    if shapes is None or all(shape is None for shape in shapes):
        frame.index = range(2, len(frame) + 2)
        return Features(frame)
    import shapely

    geometry = shapely.from_wkb(np.asarray(shapes, dtype=object), on_invalid="ignore")
    if not len(frame.columns):
        frame = pd.DataFrame(index=range(len(geometry)))
    frame.index = range(2, len(frame) + 2)
    kinds = shapely.get_type_id(geometry)
    centres = np.where(kinds == 0, geometry, shapely.centroid(geometry))
    features = Features(frame, shapely.get_x(centres), shapely.get_y(centres), crs)
    others = int(np.sum(kinds > 0))
    if others and not np.all(np.isin(kinds[kinds > 0], 4) & (shapely.get_num_geometries(geometry[kinds > 0]) == 1)):
        first = int(np.flatnonzero(kinds > 0)[0]) + 2
        message = f"{others} of {len(frame)} features are lines or areas, not points; their centres are taken."
        features.findings.append(remark("geometry-not-points", message, row=first))
    return features
