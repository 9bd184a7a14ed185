"""Small NetCDF files and Zarr folders, truly written in every kind that is read."""

import warnings

import numpy as np
import xarray as xr

KINDS = ("netcdf4", "netcdf3", "zarr2", "zarr3")
ENDINGS = {"netcdf4": ".nc", "netcdf3": ".nc", "zarr2": ".zarr", "zarr3": ".zarr"}


def write_cube(path, dataset, kind="netcdf4", **encoding):
    """Write a dataset as one kind of cube; `encoding` by variable, as xarray takes it.

    Parameters
    ----------
    path : path
        Without its ending.
    dataset : xarray.Dataset
    kind : str
        One of `KINDS`.
    """
    path = path.with_name(path.name + ENDINGS[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Zarr warns of its own plans
        if kind.startswith("zarr"):
            dataset.to_zarr(path, mode="w", zarr_format=int(kind[-1]), encoding=encoding)
        else:
            dataset.to_netcdf(path, engine={"netcdf4": "h5netcdf", "netcdf3": "scipy"}[kind], encoding=encoding)
    return path


def degrees(values, name="v", lon=None, lat=None, times=None, **attrs):
    """A dataset of one variable on longitude and latitude, perhaps over time."""
    values = np.asarray(values)
    rows, cols = values.shape[-2:]
    coords = {
        "lat": ("lat", 45.0 - 0.5 * np.arange(rows) if lat is None else np.asarray(lat, float), {"units": "degrees_north"}),
        "lon": ("lon", 10.0 + 0.5 * np.arange(cols) if lon is None else np.asarray(lon, float), {"units": "degrees_east"}),
    }
    dims = ("lat", "lon")
    if times is not None:
        coords["time"], dims = np.asarray(times, "datetime64[ns]"), ("time", *dims)
    return xr.Dataset({name: (dims, values, attrs)}, coords=coords)


def metres(values, name="v", x=None, y=None, attrs=None, **global_attrs):
    """A dataset of one variable on metres that says nothing of its reference system."""
    values = np.asarray(values)
    rows, cols = values.shape
    x = 500005.0 + 10 * np.arange(cols) if x is None else x
    y = 4999995.0 - 10 * np.arange(rows) if y is None else y
    return xr.Dataset({name: (("y", "x"), values, attrs or {})}, coords={"y": np.asarray(y), "x": np.asarray(x)}, attrs=global_attrs)
