"""Vegetation indices over time in every form they come in: dates, scale, place, quality."""

import json

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from soilcore.core.errors import SampleError, SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Window
from soilcore.data.index_scale import decide_scale
from soilcore.data.index_series import PointSeries, open_index_series

PLACE = Affine(10, 0, 500000, 0, -10, 5000000)
ALL = Window(0, 0, 4, 5)


def write(path, values, *, dtype="float32", crs="EPSG:32633", nodata=None, descriptions=(), **tags):
    """One raster; `values` has shape (bands, 4, 5) or (4, 5)."""
    values = np.asarray(values).reshape(-1, 4, 5)
    with rasterio.open(
        path, "w", driver="GTiff", height=4, width=5, count=len(values), dtype=dtype, crs=crs, transform=PLACE, nodata=nodata
    ) as raster:
        raster.write(values.astype(dtype))
        for band, text in enumerate(descriptions, 1):
            raster.set_band_description(band, text)
        raster.update_tags(**tags)


@pytest.mark.parametrize(
    ("high", "byte", "scale"), [(0.9, False, 1), (90, True, 0.01), (236, True, 0.004), (9000, False, 0.0001), (900, False, 0.001)]
)
def test_the_size_of_the_values_tells_their_scale(high, byte, scale):
    assert decide_scale(np.linspace(-0.1 * high, high, 500), "x", is_byte=byte)[0] == scale


def test_a_stated_scale_wins_and_an_impossible_one_is_refused():
    values = np.linspace(0, 9000, 100)
    assert decide_scale(values, "x", given=0.001, stated=0.5)[0] == 0.001
    assert decide_scale(values, "x", stated=0.5)[0] == 0.5
    with pytest.raises(SettingsError, match="above 0"):
        decide_scale(values, "x", given=-1)
    with pytest.raises(SceneError, match="--scale"):
        decide_scale(values * 100, "x")


def test_a_folder_of_dated_rasters_is_read_in_order_with_gaps(tmp_path):
    for day, level in (("2021-06-10", 60), ("2021-05-01", 30), ("2021-07-20", 80)):
        image = np.full((4, 5), level)
        image[0, 0] = 0
        write(tmp_path / f"ndvi_{day}.tif", image, dtype="uint8", nodata=0)
    series = open_index_series(tmp_path)
    assert [str(day) for day in series.days] == ["2021-05-01", "2021-06-10", "2021-07-20"]
    with series.reader() as read:
        values = read(ALL)
        assert np.array_equal(read(ALL, [2]), values[2:], equal_nan=True)
    assert values[:, 1, 1] == pytest.approx([0.3, 0.6, 0.8])
    assert np.isnan(values[:, 0, 0]).all()
    assert any("scale 0.01" in said for said in series.assumed)


def test_the_day_in_a_tag_wins_over_the_name(tmp_path):
    write(tmp_path / "a_2021-05-01.tif", np.full((4, 5), 0.3), ACQUISITION_DATE="2021-05-03")
    write(tmp_path / "b_2021-06-01.tif", np.full((4, 5), 0.5))
    assert [str(day) for day in open_index_series(tmp_path).days] == ["2021-05-03", "2021-06-01"]


def test_images_of_one_day_are_averaged_where_both_are_valid(tmp_path):
    first, second = np.full((4, 5), 0.4), np.full((4, 5), 0.6)
    first[0, 0] = np.nan
    for name, image in (("a_20210501", first), ("b_20210501", second), ("c_20210601", second), ("d_20210701", second)):
        write(tmp_path / f"{name}.tif", image)
    series = open_index_series(tmp_path)
    with series.reader() as read:
        values = read(ALL)
    assert len(series) == 3
    assert values[0, 1, 1] == pytest.approx(0.5)
    assert values[0, 0, 0] == pytest.approx(0.6)
    assert any("averaged" in said for said in series.assumed)


def test_a_stack_is_dated_by_the_descriptions_of_its_bands(tmp_path):
    values = np.stack([np.full((4, 5), level) for level in (3000, 7000)])
    write(tmp_path / "stack.tif", values, dtype="int16", nodata=-3000, descriptions=("2020-07-01", "NDVI 2020-08-01"))
    series = open_index_series(tmp_path / "stack.tif")
    with series.reader() as read:
        assert read(ALL)[:, 0, 0] == pytest.approx([0.3, 0.7])
    write(tmp_path / "bare.tif", values, dtype="int16", descriptions=("NDVI", "2020-08-01"))
    with pytest.raises(SceneError, match="Band 1 of"):
        open_index_series(tmp_path / "bare.tif")


def test_a_raster_without_reference_system_needs_one(tmp_path):
    for day in ("2021-05-01", "2021-06-01"):
        write(tmp_path / f"{day}.tif", np.full((4, 5), 0.3), crs=None)
    with pytest.raises(SceneError, match="--crs"):
        open_index_series(tmp_path)
    with pytest.raises(SettingsError, match="no coordinate reference system"):
        open_index_series(tmp_path, crs="EPSG:nonsense")
    assert open_index_series(tmp_path, crs="EPSG:3301").grid.crs.to_epsg() == 3301


def test_rasters_without_a_date_and_folders_without_rasters_are_refused(tmp_path):
    write(tmp_path / "ndvi.tif", np.full((4, 5), 0.3))
    with pytest.raises(SceneError, match="has no date"):
        open_index_series(tmp_path)
    (tmp_path / "inner" / "ndvi").mkdir(parents=True)
    write(tmp_path / "inner" / "ndvi" / "2021-05-01.tif", np.full((4, 5), 0.3))
    with pytest.raises(UnreadableError, match=r"its folders do \(ndvi\)"):
        open_index_series(tmp_path / "inner")
    with pytest.raises(UnreadableError, match="does not exist"):
        open_index_series(tmp_path / "nothing")


def test_arrays_are_hidden_by_their_masks(tmp_path):
    values = np.full((3, 4, 5, 1), 0.5, np.float32)
    valid, cloud = np.ones(values.shape, bool), np.zeros(values.shape, np.uint8)
    valid[0, 0, 0], cloud[1, 0, 1] = False, 1
    for name, array in (("data_NDVI", values), ("mask_IS_VALID", valid), ("mask_CLM", cloud)):
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "timestamps.json").write_text(json.dumps(["2015-07-11T10:00:08", "2015-07-31T10:00:09", "2015-08-20T10:07:28"]))
    ring = [[465000, 5079000], [465000, 5079040], [465050, 5079040], [465050, 5079000], [465000, 5079000]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    (tmp_path / "bbox.geojson").write_text(json.dumps({"type": "Polygon", "crs": crs, "coordinates": [ring]}))
    series = open_index_series(tmp_path)
    with series.reader() as read:
        gone = np.argwhere(np.isnan(read(ALL))).tolist()
    assert gone == [[0, 0, 0], [1, 0, 1]]
    assert series.grid.crs.to_epsg() == 32633
    assert series.grid.cell_size == pytest.approx((10, 10))
    np.save(tmp_path / "mask_CLM.npy", np.zeros((2, 2)))
    with pytest.raises(SceneError, match="another shape"):
        open_index_series(tmp_path)
    np.save(tmp_path / "data_NDVI.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(UnreadableError, match="no array of numbers"):
        open_index_series(tmp_path)


def test_a_netcdf_file_is_read_along_its_time_axis(tmp_path):
    xarray = pytest.importorskip("xarray")
    days = pd.date_range("2021-01-05", periods=6, freq="30D")
    values = np.linspace(0.2, 0.7, 6, dtype="f4")[:, None, None] * np.ones((6, 4, 5), "f4")
    values[2, 1, 1] = np.nan
    axes = {"time": days, "y": 45.0 - 0.01 * np.arange(4), "x": 10.0 + 0.01 * np.arange(5)}
    cube = xarray.DataArray(values, axes, ("time", "y", "x"), name="ndvi", attrs={"grid_mapping": "spatial_ref"}).to_dataset()
    cube["spatial_ref"] = xarray.DataArray(0, attrs={"spatial_ref": "EPSG:4326"})
    cube.to_netcdf(tmp_path / "cube.nc", engine="h5netcdf")
    series = open_index_series(tmp_path / "cube.nc")
    with series.reader() as read:
        found = read(ALL)
    assert str(series.days[1]) == "2021-02-04"
    assert np.allclose(found, values, equal_nan=True)


def test_long_and_wide_tables_say_the_same(tmp_path):
    days = pd.date_range("2021-01-05", periods=12, freq="20D")
    rows = [(name, str(day.date()), round(0.2 + 0.05 * k + 0.01 * number, 4)) for number, name in enumerate("ab") for k, day in enumerate(days)]
    pd.DataFrame(rows, columns=["plot", "date", "NDVI"]).sample(frac=1, random_state=0).sort_values("plot", kind="stable").to_csv(
        tmp_path / "long.csv", index=False
    )
    wide = pd.DataFrame(rows, columns=["plot", "date", "NDVI"]).pivot(index="plot", columns="date", values="NDVI").reset_index()
    wide.to_csv(tmp_path / "wide.csv", index=False)
    long, wide = (open_index_series(tmp_path / name) for name in ("long.csv", "wide.csv"))
    assert isinstance(long, PointSeries)
    for ours, theirs in zip(long.places(), wide.places(), strict=True):
        assert ours[0] == theirs[0]
        assert np.array_equal(ours[1], theirs[1])
        assert np.array_equal(ours[2], theirs[2])


def test_quality_becomes_weight_and_the_day_of_observation_counts(tmp_path):
    table = pd.DataFrame(
        {"site": "s", "date": ["2020-12-18", "2021-01-01", "2021-01-17", "2021-02-02"], "DayOfYear": [3, 9, 25, 40], "EVI": [1000, 2000, 3000, 4000]}
    )
    table["SummaryQA"] = [0, 1, 2, 3]
    table.to_csv(tmp_path / "t.csv", index=False)
    _, days, values, weights = next(open_index_series(tmp_path / "t.csv", index="EVI").places())
    assert [str(day) for day in days] == ["2021-01-03", "2021-01-09", "2021-01-25", "2021-02-09"]
    assert weights.tolist() == [1, 0.5, 0.2, 0]
    assert values == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_a_table_without_dates_or_values_is_refused_with_its_columns(tmp_path):
    pd.DataFrame({"id": ["a", "b"], "when": ["x", "y"], "NDVI": [0.2, 0.3]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SampleError, match="no column of dates"):
        open_index_series(tmp_path / "t.csv")
    pd.DataFrame({"id": ["a", "b"], "date": ["2020-01-01", "2020-02-01"], "EVI": [0.2, 0.3]}).to_csv(tmp_path / "u.csv", index=False)
    with pytest.raises(SampleError, match="NDVI values"):
        open_index_series(tmp_path / "u.csv")
    assert len(open_index_series(tmp_path / "u.csv", columns={"value": "EVI"}).frame) == 2


def test_quarters_of_landsat_are_read_as_they_lie(shared_data):
    series = open_index_series(shared_data / "series" / "netherlands_ndvi" / "ndvi" / "gappy")
    assert len(series) == 24
    with series.reader() as read:
        values = read(Window(100, 100, 20, 20))
    assert np.nanmax(values) <= 1.0
    assert np.isnan(values).any()
    assert any("middle of the two days" in said for said in series.assumed)


def test_bytes_above_one_hundred_are_not_an_index_times_one_hundred(shared_data):
    series = open_index_series(shared_data / "phenology" / "mod13q1", crs="EPSG:3301")
    assert str(series.days[0]) == "2016-01-01"
    assert any("1/250" in said for said in series.assumed)
    with series.reader() as read:
        assert 0.5 < float(np.nanmedian(read(Window(0, 0, 39, 39), [8]))) < 0.95
