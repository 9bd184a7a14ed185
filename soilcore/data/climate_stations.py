"""Monthly climate of places in a NetCDF file or Zarr folder: variables over time and stations, as a selection of points leaves them."""

import numpy as np
from pyproj import CRS

from soilcore.data.climate_pieces import Piece, plain_id
from soilcore.data.climate_variables import variable_of
from soilcore.data.columns import role_columns
from soilcore.data.cubes import cube_days, cube_variables, opened_cube
from soilcore.data.cubes_axes import time_dim
from soilcore.data.cubes_layers import layer_of, one_nodata, physical
from soilcore.data.cubes_opening import reading_cube

MOST_STATIONS = 5_000_000


def station_pieces(path):
    """What a file holds over time and places.

    Parameters
    ----------
    path : path

    Returns
    -------
    pieces : list of Piece
        One per variable; empty where the file holds rasters, or no such variable.
    own_scale : set of str
        Variables whose file carries a scale.
    units : dict of str to str
    """
    pieces, own_scale, units = [], set(), {}
    with opened_cube(path) as dataset, reading_cube(path):
        if cube_variables(dataset):
            return [], own_scale, units
        for name in dataset.data_vars:
            dims, when = dataset[name].dims, time_dim(dataset, dataset[name].dims)
            if when is None or len(dims) != 2 or dataset[name].dtype.kind not in "iuf" or not all(dataset[name].shape):
                continue
            station = next(dim for dim in dims if dim != when)
            keys = _keys(dataset, station)
            if dataset.sizes[station] > MOST_STATIONS or (keys[0] is None and keys[1] is None):
                continue
            months, first = np.unique(cube_days(dataset, when, path).astype("datetime64[M]"), return_index=True)
            layer = layer_of(dataset, name, path)
            stored = dataset[name].variable.transpose(station, when).to_numpy()
            variable = variable_of(name) or variable_of(layer.long_name) or str(name)
            pieces.append(Piece(*keys, months, {variable: physical(one_nodata(stored, layer), layer)[:, first]}))
            units[variable] = layer.unit
            if (layer.scale, layer.offset) != (1.0, 0.0):
                own_scale.add(variable)
    return pieces, own_scale, units


def _keys(dataset, station):
    """(ids, x, y, crs) of the stations, from coordinates along their dimension."""
    along = {str(name): dataset[name] for name in dataset.variables if dataset[name].dims == (station,)}
    named = role_columns(list(along), "id") or [name for name in along if name == station]
    ids = None
    if named:
        ids = np.array([plain_id(value.decode() if isinstance(value, bytes) else value) for value in along[named[0]].values.tolist()], dtype=object)
    x, y = role_columns(list(along), "longitude"), role_columns(list(along), "latitude")
    if x and y:
        return ids, along[x[0]].values.astype(float), along[y[0]].values.astype(float), CRS.from_epsg(4326)
    return ids, None, None, None
