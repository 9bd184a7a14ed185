"""Data cubes as scenes: variables or a band dimension are bands, one date is chosen, and a quality variable hides clouds."""

from datetime import date

import numpy as np
import pytest
import xarray

from soilcore.core.errors import SceneError
from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.scene_cog import to_cog
from tests.engine.rasters import digital_numbers, reflectance

ROLES = ("B", "G", "R", "N")
NAMES = ("B2", "B3", "B4", "B8")
WHOLE = Window(0, 0, 40, 50)


def opened(*paths, **options):
    return open_scene(SceneSettings(tuple(map(str, paths)), **options))


def coordinates(days=()):
    places = {"y": 4999995.0 - 10 * np.arange(40), "x": 500005.0 + 10 * np.arange(50)}
    return places | ({"time": np.array(days, "datetime64[ns]")} if days else {})


def write(path, dataset):
    dataset.attrs["crs"] = "EPSG:32632"
    dataset.to_zarr(path, zarr_format=2, consolidated=False) if path.suffix == ".zarr" else dataset.to_netcdf(path, engine="h5netcdf")
    return path


def by_variable(values, days=(), **more):
    dims = ("time", "y", "x") if days else ("y", "x")
    layers = {
        name: (dims, np.stack([layer * (1 + k / 10) for k in range(len(days))]) if days else layer) for name, layer in zip(NAMES, values, strict=True)
    }
    return xarray.Dataset(layers | {name: (dims, layer) for name, layer in more.items()}, coordinates(days))


@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_variables_are_bands(tmp_path, ending):
    values = reflectance(ROLES).astype("float32")
    scene = opened(write(tmp_path / f"cube{ending}", by_variable(values)))
    assert set(scene.roles) == set(ROLES) and scene.grid.crs.to_epsg() == 32632
    np.testing.assert_array_equal(scene.read(WHOLE, ROLES), values)
    np.testing.assert_array_equal(scene.sample([500205.0], [4999805.0])[0, scene.roles.index("N")], values[3, 19, 20].astype(float))


def test_a_band_dimension_is_bands(tmp_path):
    values = reflectance(ROLES).astype("float32")
    cube = xarray.Dataset({"reflectance": (("band", "y", "x"), values)}, coordinates() | {"band": list(NAMES)})
    np.testing.assert_array_equal(opened(write(tmp_path / "cube.nc", cube)).read(WHOLE, ROLES), values)


def test_of_several_dates_one_is_named(tmp_path):
    values = reflectance(ROLES)
    path = write(tmp_path / "cube.nc", by_variable(values.astype("float32"), ("2022-01-05", "2022-06-19")))
    with pytest.raises(SceneError, match=r"holds 2 dates \(2022-01-05, 2022-06-19\)\. Say which"):
        opened(path)
    with pytest.raises(SceneError, match="holds no 2022-03-01"):
        opened(path, date="2022-03-01")
    first, second = (opened(path, date=day) for day in ("2022-01-05", "2022-06-19"))
    assert (first.date, second.date) == (date(2022, 1, 5), date(2022, 6, 19))
    np.testing.assert_allclose(second.read(WHOLE, ROLES), first.read(WHOLE, ROLES) * 1.1, rtol=1e-6)
    assert first.fingerprint == opened(path, date="2022-01-05").fingerprint != second.fingerprint


def test_packed_numbers_are_unpacked_once_and_a_quality_variable_hides(tmp_path):
    numbers = digital_numbers(reflectance(ROLES), 1000)
    numbers[:, :2] = 0
    classes = np.full((40, 50), 5, "uint8")
    classes[10:12, 30:33] = 9
    cube = by_variable(numbers, SCL=classes)
    for name in NAMES:
        cube[name].attrs = {"scale_factor": 1e-4, "add_offset": -0.1}
    scene = opened(write(tmp_path / "cube.nc", cube))
    assert (scene.scaling.scale, scene.scaling.offset, scene.scaling.decided, scene.quality_kind) == (1e-4, -0.1, "metadata", "SCL")
    values = scene.read(WHOLE, ROLES)
    assert np.isnan(values[:, :2]).all() and np.isnan(values[:, 10:12, 30:33]).all() and np.isnan(values[:, 8, 31]).all()
    clear = np.isfinite(values[0])
    np.testing.assert_allclose(values[:, clear], (numbers * 1e-4 - 0.1)[:, clear], atol=1e-7)
    np.testing.assert_allclose(opened(to_cog(scene, tmp_path / "kept.tif")).read(WHOLE, ROLES), values)
