"""Rows of a climate table: which place each speaks of, by id, coordinates, or a point that Earth Engine wrote."""

import json

import numpy as np
import pandas as pd
from pyproj import CRS

from soilcore.data.climate_pieces import plain_id
from soilcore.data.columns import role_columns

_MOST_ID_COLUMNS = 8
_GEOMETRY = ".geo"


def keys_of_rows(raw, repeated=False):
    """Identifiers and coordinates of the rows of a table.

    Parameters
    ----------
    raw : RawTable
    repeated : bool
        Whether a place has several rows, so that a column that tells all rows apart is no id of places.

    Returns
    -------
    ids : ndarray of str, or None
    x, y : ndarray of float, or None
    crs : pyproj.CRS or None
    """
    from soilcore.data.places import find_places

    frame = raw.frame
    named = [name for name in role_columns(list(frame.columns), "id") if str(name).lower() != "name" or frame[name].is_unique]
    first = frame.columns[0]
    if not named and (str(first).startswith("Unnamed") or str(first).lower() in ("fips", "index", "point", "key", "samples")):
        named = [first]
    if repeated:
        named = [name for name in named if frame[name].nunique() < len(frame) or len(frame) == 1]
    ids = None if not named else np.array([plain_id(value) for value in frame[named[0]]], dtype=object)
    places = find_places(raw)
    if places.x is not None and np.isfinite(places.x).any() and places.crs is not None:
        return ids, places.x, places.y, places.crs
    if _GEOMETRY in frame.columns:
        x, y = np.array([_point(text) for text in frame[_GEOMETRY]]).T
        if np.isfinite(x).any():
            return ids, x, y, CRS.from_epsg(4326)
    return ids, None, None, None


def _point(text):
    """(longitude, latitude) of a GeoJSON point; NaN for anything else."""
    try:
        shape = json.loads(text)
        x, y = shape["coordinates"][:2] if shape["type"] == "Point" else (np.nan, np.nan)
        return float(x), float(y)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return np.nan, np.nan


def other_ids(frame, months):
    """Columns that tell all rows apart as well, in case the samples go by them."""
    found = {}
    for column in frame.columns:
        series = frame[column]
        if column in months or len(found) >= _MOST_ID_COLUMNS or not series.notna().all():
            continue
        whole = not pd.api.types.is_float_dtype(series.dtype) or bool(np.all(series == np.round(series)))
        if whole and series.is_unique:
            found[str(column)] = np.array([plain_id(value) for value in series], dtype=object)
    return found
