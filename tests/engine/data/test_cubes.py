"""Data cubes: every kind of file gives the same pixels, axes are understood or refused in words, and nothing outside is opened."""

import json
import os

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from pyproj import CRS
from rasterio.transform import from_origin

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Grid, Window
from soilcore.data.covariates import open_covariates, parse_covariate
from soilcore.data.cubes import cube_days, cube_grid, is_cube, open_cube, opened_cube
from tests.engine.cubes import KINDS, degrees, metres, write_cube

PACKED = {"dtype": "int16", "scale_factor": 0.1, "add_offset": 2.0, "_FillValue": -32768}
TIMES = ("2015-01-01", "2015-02-01", "2015-03-01")


def rain(seed=0, rows=7, cols=9):
    """Tenths of millimetres over three months, some missing."""
    values = np.round(np.random.default_rng(seed).uniform(0, 200, (3, rows, cols)), 1)
    values[:, 2, 3] = np.nan
    return values


def whole(source):
    return Window(0, 0, source.grid.height, source.grid.width)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_gives_the_same_pixels_grid_days_and_units(kind, tmp_path):
    values = rain()
    path = write_cube(tmp_path / "rain", degrees(values, "pr", times=TIMES, units="mm", long_name="rain"), kind, pr=PACKED)
    source = open_cube(path)
    assert is_cube(path)
    assert source.names == ("pr",)
    assert (source.layers[0].unit, source.layers[0].long_name) == ("mm", "rain")
    assert source.grid.bounds == (9.75, 41.75, 14.25, 45.25)
    assert source.grid.crs == CRS.from_epsg(4326)
    np.testing.assert_array_equal(source.days, np.array(TIMES, "datetime64[D]"))
    for k, day in enumerate(TIMES):
        np.testing.assert_allclose(source.values(whole(source), day=day)[0], values[k], rtol=1e-6, atol=1e-5)
    with source.reader() as reader:
        np.testing.assert_allclose(reader.series(Window(1, 2, 4, 5), "pr", 1), values[1:, 1:5, 2:7], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_is_a_part_of_the_whole(kind, tmp_path):
    path = write_cube(tmp_path / "rain", degrees(rain()[:, ::-1], "pr", lat=42.0 + 0.5 * np.arange(7), times=TIMES), kind, pr=PACKED)
    source = open_cube(path)
    every = source.values(whole(source), day=TIMES[1])
    for window in (Window(0, 0, 1, 1), Window(6, 8, 1, 1), Window(2, 3, 3, 4), Window(0, 5, 7, 1)):
        np.testing.assert_array_equal(source.values(window, day=TIMES[1]), every[(slice(None), *window.slices)])


def test_rows_that_run_northward_come_out_southward(tmp_path):
    values = rain()[0]
    down = open_cube(write_cube(tmp_path / "down", degrees(values)))
    up = open_cube(write_cube(tmp_path / "up", degrees(values[::-1], lat=42.0 + 0.5 * np.arange(7))))
    left = open_cube(write_cube(tmp_path / "left", degrees(values[:, ::-1], lon=14.0 - 0.5 * np.arange(9))))
    for other in (up, left):
        assert other.grid == down.grid
        np.testing.assert_array_equal(other.values(whole(other)), down.values(whole(down)))


def test_longitudes_of_0_to_360_are_read_as_west_and_east(tmp_path):
    values = np.arange(5 * 8, dtype="float32").reshape(5, 8)
    source = open_cube(write_cube(tmp_path / "world", degrees(values, lon=22.5 + 45 * np.arange(8), lat=[90, 45, 0, -45, -90])))
    assert source.grid.bounds == (-180.0, -112.5, 180.0, 112.5)
    np.testing.assert_array_equal(source.values(whole(source))[0], np.roll(values, 4, axis=1))
    np.testing.assert_array_equal(source.values(Window(1, 3, 2, 2))[0], values[1:3][:, [7, 0]])  # across the seam
    assert any("0 to 360" in text for text in source.assumed)


def test_a_region_beyond_180_degrees_stays_in_one_piece(tmp_path):
    source = open_cube(write_cube(tmp_path / "fiji", degrees(np.ones((3, 4)), lon=[178.0, 179.0, 180.0, 181.0], lat=[-16, -17, -18])))
    assert source.grid.bounds == (177.5, -18.5, 181.5, -15.5)


def test_stored_numbers_and_their_meaning_are_told_apart(tmp_path):
    source = open_cube(write_cube(tmp_path / "rain", degrees(rain()[0], "pr"), pr=PACKED))
    stored = source.stored(whole(source))
    layer = source.layers[0]
    assert stored.dtype == np.int16
    assert (layer.dtype, layer.scale, layer.offset, layer.nodata) == ("int16", 0.1, 2.0, -32768)
    assert stored[0, 2, 3] == -32768
    np.testing.assert_allclose(stored[0, 0] * 0.1 + 2.0, rain()[0, 0], atol=1e-5)


def test_everything_a_file_calls_missing_is_missing(tmp_path):
    values = np.array([[1, 2, -1], [250, 4, 5], [7, -9, 8]], "int16")
    data = degrees(values, missing_value=np.int16(-9), valid_min=np.int16(0), valid_max=np.int16(200))
    data["v"].attrs["_FillValue"] = np.int16(5)
    source = open_cube(write_cube(tmp_path / "v", data))
    np.testing.assert_array_equal(np.isnan(source.values(whole(source))[0]), [[0, 0, 1], [1, 0, 1], [0, 1, 0]])
    assert set(source.stored(whole(source))[0].ravel().tolist()) == {1, 2, 4, 5, 7, 8}


def test_bytes_called_unsigned_are_read_as_such(tmp_path):
    data = degrees(np.array([[1, -1], [-56, 100]], "int8"), _Unsigned="true", _FillValue=np.int8(-1))
    source = open_cube(write_cube(tmp_path / "v", data, "netcdf3"))
    np.testing.assert_array_equal(source.values(whole(source))[0], [[1, np.nan], [200, 100]])


def test_the_fill_of_values_never_written_is_missing(tmp_path):
    data = degrees(np.array([[1.0, 9.969209968386869e36], [2.0, 3.0]], "float32"))
    data["v"].encoding["_FillValue"] = None
    source = open_cube(write_cube(tmp_path / "v", data))
    np.testing.assert_array_equal(source.values(whole(source))[0], [[1, np.nan], [2, 3]])


def with_mapping(**attrs):
    data = metres(np.ones((3, 4)), attrs={"grid_mapping": "utm"})
    data["utm"] = ((), np.int32(0), attrs)
    return data


UTM = CRS.from_epsg(32632)
NAMED = {
    "crs_wkt": with_mapping(crs_wkt=UTM.to_wkt()),
    "spatial_ref": with_mapping(spatial_ref=UTM.to_wkt(), GeoTransform="500000 10 0 5000000 0 -10"),
    "CF numbers": with_mapping(**{key: value for key, value in UTM.to_cf().items() if key != "crs_wkt"}),
    "EPSG number": metres(np.ones((3, 4)), epsg=32632),
    "proj4": metres(np.ones((3, 4)), proj4="+proj=utm +zone=32 +datum=WGS84 +units=m"),
    "coordinate": metres(np.ones((3, 4))).assign_coords({"proj:code": "EPSG:32632"}),
    "crs attribute": metres(np.ones((3, 4)), attrs={"crs": "+init=epsg:32632"}),
}


@pytest.mark.parametrize("how", NAMED)
def test_the_reference_system_is_found_wherever_files_name_it(how, tmp_path):
    grid = open_cube(write_cube(tmp_path / "v", NAMED[how])).grid
    assert grid.crs.to_epsg() == 32632 or grid.crs.utm_zone == "32N"
    assert grid.bounds == (500000.0, 4999970.0, 500040.0, 5000000.0)


def test_without_a_reference_system_the_option_is_named_and_can_be_given(tmp_path):
    path = write_cube(tmp_path / "v", metres(np.ones((3, 4))))
    with pytest.raises(SceneError, match="--crs"):
        open_cube(path)
    assert open_cube(path, crs="EPSG:32632").grid.crs == UTM
    with opened_cube(path) as dataset:
        assert cube_grid(dataset, crs="EPSG:32632").shape == (3, 4)


def test_rounded_coordinates_give_way_to_the_corner_the_file_states(tmp_path):
    data = with_mapping(spatial_ref=UTM.to_wkt(), GeoTransform="500000 10 0 5000000 0 -10")
    data = data.assign_coords(y=data.y.astype("float32"), x=data.x.astype("float32"))
    assert open_cube(write_cube(tmp_path / "v", data)).grid.transform == from_origin(500000, 5000000, 10, 10)


def test_irregular_and_curved_axes_are_refused_in_words(tmp_path):
    with pytest.raises(SceneError, match="irregular"):
        open_cube(write_cube(tmp_path / "gauss", degrees(np.ones((4, 5)), lat=[60, 59.5, 59.1, 58.0])))
    swath = xr.Dataset({"v": (("y", "x"), np.ones((3, 4)))}, coords={"lat": (("y", "x"), np.ones((3, 4))), "lon": (("y", "x"), np.ones((3, 4)))})
    with pytest.raises(SceneError, match="swath"):
        open_cube(write_cube(tmp_path / "swath", swath))
    with pytest.raises(SceneError, match="single pixel"):
        open_cube(write_cube(tmp_path / "point", degrees(np.ones((1, 1)))))


TIME_AXES = [
    ([0, 31, 59], {"units": "days since 2015-01-01"}, TIMES),
    ([0, 744, 1416], {"units": "hours since 2015-01-01 00:00:00"}, TIMES),
    ([42003.5, 42034.5, 42062.5], {"units": "days since 1900-01-01 00:00:00"}, TIMES),
    ([0, 1, 2], {"units": "months since 2015-01-01"}, TIMES),
    ([365, 365 + 31, 365 + 59], {"units": "days since 2015-01-01", "calendar": "noleap"}, ("2016-01-01", "2016-02-01", "2016-03-01")),
    ([0, 30, 60], {"units": "days since 2015-01-01", "calendar": "360_day"}, TIMES),
    ([201501, 201502, 201503], {}, TIMES),
    ([20150101, 20150201, 20150301], {}, TIMES),
    (["2015-01-01", "2015-02-01", "2015-03-01"], {}, TIMES),
]


@pytest.mark.parametrize(("values", "attrs", "days"), TIME_AXES, ids=[str(number) for number in range(len(TIME_AXES))])
def test_dates_are_understood_as_files_write_them(values, attrs, days, tmp_path):
    data = degrees(rain(), "pr", times=TIMES).drop_vars("time").assign_coords(time=("time", values, attrs))
    with opened_cube(write_cube(tmp_path / "t", data)) as dataset:
        np.testing.assert_array_equal(cube_days(dataset), np.array(days, "datetime64[D]"))


@pytest.mark.parametrize("attrs", [{}, {"units": "fortnights since 2015-01-01"}, {"units": "days since 2015-01-01", "calendar": "martian"}])
def test_dates_that_mean_nothing_are_refused(attrs, tmp_path):
    data = degrees(rain(), "pr", times=TIMES).drop_vars("time").assign_coords(time=("time", [0, 1, 2], attrs))
    with pytest.raises(SceneError, match="dates"):
        open_cube(write_cube(tmp_path / "t", data))


def test_of_several_dates_one_must_be_said_and_must_be_there(tmp_path):
    source = open_cube(write_cube(tmp_path / "rain", degrees(rain(), "pr", times=TIMES)))
    with pytest.raises(SceneError, match=r"3 dates .*--date 2015-01-01"):
        source.values(whole(source))
    with pytest.raises(SceneError, match="holds no 2015-01-02"):
        source.values(whole(source), day="2015-01-02")
    with pytest.raises(SettingsError, match="no date"):
        source.values(whole(source), day="spring")
    with pytest.raises(SceneError, match="no variable 'x'"):
        source.values(whole(source), ["x"], TIMES[0])


def test_bands_of_one_variable_are_layers_by_their_names(tmp_path):
    data = xr.Dataset(
        {"reflectance": (("time", "band", "lat", "lon"), np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5))},
        coords={**degrees(np.ones((4, 5))).coords, "time": np.array(TIMES[:2], "datetime64[ns]"), "band": ["B02", "B03", "B04"]},
    )
    for kind in KINDS:
        source = open_cube(write_cube(tmp_path / kind, data, kind))
        assert source.names == ("B02", "B03", "B04")
        np.testing.assert_array_equal(source.values(whole(source), ["B04"], TIMES[1])[0], data.reflectance.values[1, 2])


def test_variables_on_another_grid_are_left_out_and_named(tmp_path):
    data = degrees(np.ones((4, 5)), "fine").assign(coarse=(("northing", "easting"), np.ones((2, 2))))
    data = data.assign_coords(northing=[44.0, 43.0], easting=[10.0, 11.0])
    source = open_cube(write_cube(tmp_path / "v", data))
    assert source.names == ("fine",)
    assert any("coarse" in text for text in source.assumed)


def test_a_file_without_rasters_says_what_it_holds(tmp_path):
    path = write_cube(tmp_path / "series", xr.Dataset({"level": (("station",), np.ones(3))}))
    with pytest.raises(SceneError, match=r"no raster.*level \(station\)"):
        open_cube(path)


def test_an_hdf5_file_that_draws_on_others_is_refused(tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(8 * 12))
    with h5py.File(tmp_path / "real.h5", "w") as file:
        file["v"] = np.ones((3, 4))
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file["v"] = h5py.ExternalLink(str(tmp_path / "real.h5"), "/v")
    with h5py.File(tmp_path / "storage.nc", "w") as file:
        file.create_dataset("v", (3, 4), "float64", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
    with h5py.File(tmp_path / "virtual.nc", "w") as file:
        layout = h5py.VirtualLayout((3, 4), "float64")
        layout[:] = h5py.VirtualSource(str(tmp_path / "real.h5"), "v", (3, 4))
        file.create_virtual_dataset("v", layout)
    with h5py.File(tmp_path / "deep.nc", "w") as file:
        file.create_group("a/b")["v"] = h5py.ExternalLink(str(tmp_path / "real.h5"), "/v")
    for name in ("link", "storage", "virtual", "deep"):
        with pytest.raises(UnreadableError, match="another file"):
            open_cube(tmp_path / f"{name}.nc")


@pytest.mark.parametrize("kind", ["zarr2", "zarr3"])
def test_a_zarr_store_that_could_run_code_or_leads_elsewhere_is_refused(kind, tmp_path):
    path = write_cube(tmp_path / "v", degrees(rain()[0]), kind)
    described = path / "v" / (".zarray" if kind == "zarr2" else "zarr.json")
    told = json.loads(described.read_text())
    if kind == "zarr2":
        told["filters"] = [{"id": "pickle", "protocol": 5}]
    else:
        told["codecs"] = [{"name": "sharding_indexed", "configuration": {"chunk_shape": [7, 9], "codecs": [{"name": "numcodecs.pickle"}]}}]
    kept = described.read_text()
    described.write_text(json.dumps(told))
    with pytest.raises(UnreadableError, match="codec 'pickle'"):
        open_cube(path)
    described.write_text(kept)
    open_cube(path)
    os.symlink("/etc/hostname", path / "v" / "9.9")
    with pytest.raises(UnreadableError, match="link"):
        open_cube(path)


def test_promised_chunks_beyond_memory_are_refused(tmp_path):
    path = write_cube(tmp_path / "v", degrees(rain()[0]), "zarr2")
    told = json.loads((path / "v" / ".zarray").read_text())
    (path / "v" / ".zarray").write_text(json.dumps(told | {"chunks": [1 << 20, 1 << 20]}))
    with pytest.raises(UnreadableError, match="chunks"):
        open_cube(path)


@pytest.mark.parametrize("kind", ["netcdf4", "netcdf3"])
def test_damaged_and_cut_off_files_are_refused_in_words(kind, tmp_path):
    path = write_cube(tmp_path / "v", degrees(np.random.default_rng(0).random((60, 70)), units="mm"), kind)
    content = path.read_bytes()
    for length in (0, 6, 40, len(content) // 2, len(content) - 9000):
        path.write_bytes(content[:length])
        with pytest.raises(UnreadableError):
            source = open_cube(path)
            source.values(whole(source))


def test_what_is_no_cube_is_refused(tmp_path):
    (tmp_path / "text.nc").write_text("hello")
    (tmp_path / "five.nc").write_bytes(b"CDF\x05" + bytes(40))
    (tmp_path / "folder.zarr").mkdir()
    for name, words in (("text.nc", "not a NetCDF"), ("five.nc", "nccopy"), ("folder.zarr", "no Zarr store"), ("absent.nc", "does not exist")):
        with pytest.raises(UnreadableError, match=words):
            open_cube(tmp_path / name)
    with pytest.raises(UnreadableError, match="address"):
        open_cube("https://example.org/a.nc")


def map_grid():
    return Grid(130, 140, from_origin(600000, 4950000, 500, 500), CRS.from_epsg(32632))


def soil_map(rows=180, cols=200):
    """A smooth field, so that a hundredth of a pixel makes little difference."""
    lon, lat = 9.9 + 0.01 * np.arange(cols), 45.0 - 0.01 * np.arange(rows)
    values = np.round(6 + np.sin(6 * lon) + np.cos(5 * lat)[:, None], 2)
    values[20:60, 100:110] = np.nan
    return degrees(values, "ph", lon=lon, lat=lat, units="1"), lon, lat


@pytest.mark.parametrize("kind", KINDS)
def test_a_cube_as_covariate_gives_what_a_geotiff_of_the_same_numbers_gives(kind, tmp_path):
    data, lon, lat = soil_map()
    packed = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -1}
    path = write_cube(tmp_path / "soil_ph", data, kind, ph=packed)
    stored = np.where(np.isnan(data.ph.values), -1, np.round(data.ph.values / 0.01)).astype("int16")
    profile = {"driver": "GTiff", "width": 200, "height": 180, "count": 1, "dtype": "int16", "nodata": -1, "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "plain.tif", "w", **profile, transform=from_origin(lon[0] - 0.005, lat[0] + 0.005, 0.01, 0.01)) as dataset:
        dataset.write(stored, 1)
        dataset.scales = (0.01,)
    grid = map_grid()
    cube = open_covariates([parse_covariate(path)], grid)
    plain = open_covariates([parse_covariate(tmp_path / "plain.tif")], grid)
    assert cube.names == ("soil_ph",)
    assert cube.specs[0].unit == "1"
    assert any("bilinear" in text for text in cube.assumed)
    whole_map = Window(0, 0, 130, 140)
    ours = cube.read(whole_map)
    theirs = plain.read(whole_map)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert 0.01 < np.isnan(ours).mean() < 0.5
    np.testing.assert_array_equal(cube.read(Window(31, 40, 17, 29)), ours[:, 31:48, 40:69])
    assert cube.fingerprint != plain.fingerprint
    x, y = 600000 + 77.3 * 500, 4950000 - 66.9 * 500
    assert cube.sample([x], [y])[0, 0] == ours[0, 66, 77]


def test_classes_in_a_cube_are_taken_from_the_nearest_pixel(tmp_path):
    codes = np.random.default_rng(0).integers(1, 5, (180, 200)).astype("uint8")
    _, lon, lat = soil_map()
    path = write_cube(tmp_path / "geology", degrees(codes, "unit", lon=lon, lat=lat))
    stack = open_covariates([parse_covariate(f"{path}:categorical")], map_grid())
    values = stack.read(Window(0, 0, 130, 140))
    assert set(np.unique(values[np.isfinite(values)])) <= {1, 2, 3, 4}
    assert stack.categories("geology") == (1, 2, 3, 4)


def test_a_cube_of_several_dates_is_a_covariate_that_changes(tmp_path):
    path = write_cube(tmp_path / "rain", degrees(rain(), "pr", times=TIMES, units="mm"))
    stack = open_covariates([parse_covariate(path)], max_days=20)
    assert stack.changing == ("rain",)
    with pytest.raises(SettingsError, match="--date"):
        stack.read(Window(0, 0, 2, 2))
    values = rain().astype("float32")
    np.testing.assert_array_equal(stack.at("2015-02-10").read(Window(0, 0, 7, 9))[0], values[1])
    found = stack.sample(
        [10.0, 10.0, 10.5, 10.0], [45.0, 45.0, 44.5, 45.0], 4326, np.array(["2015-01-03", "2015-02-20", "2015-03-01", "2016-01-01"], "M8[D]")
    )
    np.testing.assert_array_equal(found[:, 0], [values[0, 0, 0], values[2, 0, 0], values[2, 1, 1], np.nan])


def test_a_cube_elsewhere_is_refused_as_covariate(tmp_path):
    path = write_cube(tmp_path / "rain", degrees(rain()[0], "pr", lon=100 + np.arange(9)))
    with pytest.raises(SceneError, match="does not overlap"):
        open_covariates([parse_covariate(path)], map_grid())
