"""Layers of a data cube: which variables are rasters, what their bands are called, and what their stored values mean."""

import re
from dataclasses import dataclass, field, replace

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.data.cubes_axes import spatial_dims, time_dim

MOST_BANDS = 1000
_NUMBERS = "iufb"
_DEFAULT_FILL = 9.969209968386869e36  # what NetCDF leaves where nothing was written


@dataclass(frozen=True)
class CubeLayer:
    """One raster of a cube: a variable, or one band of it.

    Parameters
    ----------
    name : str
        Unique in the cube.
    variable : str
    band : int or None
        Position along the band dimension, from 0.
    dtype : str
        Of the stored values.
    unit, long_name : str
        As the file says; empty if it does not.
    nodata : float or None
        Stored value that means no data.
    scale, offset : float
        Value = stored value * scale + offset; 1 and 0 where the file says nothing.
    dated : bool
        Whether it has a time axis.
    attrs : dict
        All attributes of the variable.
    """

    name: str
    variable: str
    band: int | None = None
    dtype: str = "float32"
    unit: str = ""
    long_name: str = ""
    nodata: float | None = None
    scale: float = 1.0
    offset: float = 0.0
    dated: bool = False
    attrs: dict = field(default_factory=dict, repr=False, compare=False)
    others: tuple[float, ...] = ()
    bounds: tuple[float, float] = (-np.inf, np.inf)


def cube_variables(dataset):
    """Names of the variables that are rasters: two spatial dimensions, perhaps time, perhaps bands; numbers."""
    return tuple(str(name) for name in dataset.data_vars if _is_raster(dataset, name))


def raster_variables(dataset, path):
    """Like `cube_variables`, but none at all is refused, naming what there is."""
    found = cube_variables(dataset)
    if not found:
        there = ", ".join(f"{name} ({', '.join(map(str, dataset[name].dims)) or 'one number'})" for name in list(dataset.data_vars)[:8]) or "none"
        raise SceneError(f"{str(path)!r} holds no raster: a variable of numbers with the axes y and x, or lat and lon. Variables: {there}.")
    return found


def _is_raster(dataset, name):
    dims = dataset[name].dims
    spatial = spatial_dims(dataset, dims)
    if spatial is None or dataset[name].dtype.kind not in _NUMBERS or not all(dataset[name].shape):
        return False
    rest = [dim for dim in dims if dim not in spatial and dim != time_dim(dataset, dims)]
    return not rest or (len(rest) == 1 and dataset.sizes[rest[0]] <= MOST_BANDS)


def band_dim(dataset, name):
    """The dimension of a raster variable that is neither space nor time, or None."""
    dims = dataset[name].dims
    return next((dim for dim in dims if dim not in spatial_dims(dataset, dims) and dim != time_dim(dataset, dims)), None)


def layers_of(dataset, name, path):
    """The layers of one raster variable: one, or one per band."""
    variable, dim = dataset[name], band_dim(dataset, name)
    common = _meaning(variable, path) | {"variable": str(name), "dated": time_dim(dataset, variable.dims) is not None}
    if dim is None:
        return [CubeLayer(str(name), **common)]
    texts = _band_names(dataset, dim)
    return [CubeLayer(texts[k] or f"{name}_{k + 1}", band=k, **common) for k in range(dataset.sizes[dim])]


def layer_of(dataset, name, path):
    """A variable of any dimensions as a `CubeLayer`, for the meaning of its stored values."""
    return CubeLayer(str(name), variable=str(name), **_meaning(dataset[name], path))


def _band_names(dataset, dim):
    if dim not in dataset.variables or dataset[dim].dtype.kind not in "SUOT":
        return [""] * dataset.sizes[dim]
    values = dataset[dim].values
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
    texts = [re.sub(r"\W+", "_", text).strip("_") for text in texts]
    return texts if len(set(texts)) == len(texts) else [""] * len(texts)


def unique(layers):
    """The layers with names that are theirs alone: the variable's name goes before a band's where two are equal."""
    names = [layer.name for layer in layers]
    if len(set(names)) == len(names):
        return layers
    return tuple(replace(layer, name=f"{layer.variable}_{layer.name}") if names.count(layer.name) > 1 else layer for layer in layers)


def _meaning(variable, path):
    """What the attributes say of the stored values, every number in the type they are stored in."""
    attrs, dtype = variable.attrs, variable.dtype
    if str(attrs.get("_Unsigned", "")).lower() == "true" and dtype.kind == "i":
        dtype = np.dtype(f"u{dtype.itemsize}")
    missing = [number for key in ("_FillValue", "missing_value") for number in _numbers(attrs.get(key), dtype)]
    if not missing and dtype.kind == "f":
        missing = [float(dtype.type(_DEFAULT_FILL))] if dtype.itemsize > 2 else [np.nan]
    low, high = _range(attrs, dtype)
    if not missing and (np.isfinite(low) or np.isfinite(high)):
        dtype, missing = np.dtype("float32" if dtype.itemsize < 3 else "float64"), [np.nan]
    nodata = missing[0] if missing else None
    others = tuple(number for number in missing[1:] if number != nodata and not np.isnan(number))
    scale, offset = _one(attrs.get("scale_factor"), 1.0, "scale_factor", path), _one(attrs.get("add_offset"), 0.0, "add_offset", path)
    unit = attrs.get("units")
    return {
        "dtype": "uint8" if dtype.kind == "b" else dtype.newbyteorder("=").name,
        "unit": "" if unit is None else str(unit),
        "long_name": str(attrs.get("long_name", attrs.get("standard_name", ""))),
        "nodata": nodata,
        "scale": scale,
        "offset": offset,
        "attrs": dict(attrs),
        "others": others,
        "bounds": (low, high),
    }


def _numbers(value, dtype):
    """Numbers of an attribute as the variable would store them."""
    if value is None:
        return []
    try:
        found = np.atleast_1d(np.asarray(value)).astype(float).ravel()
    except (ValueError, TypeError):
        return []
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return [float(dtype.type(number)) for number in found.tolist()]
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.iinfo("uint8")
    wrapped = [number + 2.0 ** (8 * dtype.itemsize) if dtype.kind == "u" and number < 0 else number for number in found.tolist()]
    return [number for number in wrapped if number.is_integer() and limits.min <= number <= limits.max]


def _range(attrs, dtype):
    """Valid values as stored; limits in physical numbers of packed values are left alone, because files disagree on their meaning."""
    packed = "scale_factor" in attrs or "add_offset" in attrs
    limits = {key: value for key in ("valid_range", "valid_min", "valid_max") if (value := attrs.get(key)) is not None}
    if packed:
        limits = {key: value for key, value in limits.items() if np.asarray(value).dtype.kind == dtype.kind or np.asarray(value).dtype.kind in "iu"}
    both = _numbers(limits.get("valid_range"), dtype)
    low, high = both if len(both) == 2 else (-np.inf, np.inf)
    low = next(iter(_numbers(limits.get("valid_min"), dtype)), low)
    high = next(iter(_numbers(limits.get("valid_max"), dtype)), high)
    return (low, high) if low < high else (-np.inf, np.inf)


def _one(value, otherwise, key, path):
    if value is None:
        return otherwise
    try:
        number = float(np.asarray(value).ravel()[0])
    except (ValueError, TypeError, IndexError):
        number = np.nan
    if not np.isfinite(number) or (key == "scale_factor" and number == 0):
        raise SceneError(f"{key} of {str(path)!r} is {value!r}, which is no usable number. Correct it in the file.")
    return number


def one_nodata(values, layer):
    """Unsigned where the file says so, and one number for everything it calls missing."""
    if layer.dtype != values.dtype.name and np.dtype(layer.dtype).itemsize == values.dtype.itemsize and np.dtype(layer.dtype).kind == "u":
        values = values.view(layer.dtype)
    values = values.astype(layer.dtype, copy=False)
    gone = np.zeros(values.shape, bool)
    for other in layer.others:
        gone |= values == other
    low, high = layer.bounds
    if np.isfinite(low) or np.isfinite(high):
        with np.errstate(invalid="ignore"):
            gone |= (values < low) | (values > high)
    if gone.any():
        values = np.where(gone, np.asarray(layer.nodata, values.dtype), values)
    return values


def physical(stored, layer):
    """Stored values of one layer as float32 with NaN: scaled and shifted in float64, rounded once."""
    values = stored * float(layer.scale) + float(layer.offset) if (layer.scale, layer.offset) != (1.0, 0.0) else stored
    values = values.astype(np.float32)
    gone = ~np.isfinite(values)
    if layer.nodata is not None and np.isfinite(layer.nodata):
        gone |= stored == layer.nodata
    values[gone] = np.nan
    return values
