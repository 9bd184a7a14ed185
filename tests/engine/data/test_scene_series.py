"""Scenes of many dates: grouped, dated, laid onto one grid, and found by the date of a sample."""

import datetime
import os

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Window
from soilcore.data import stored_values
from soilcore.data.campaigns import campaigns_of
from soilcore.data.imagery import Scene, SceneSettings, open_scene
from soilcore.data.scene_series import SceneSeries, open_scenes
from tests.engine.data.product_files import write_landsat, write_safe
from tests.engine.rasters import LANDSAT, ROLES, SENTINEL_2, digital_numbers, landsat_numbers, reflectance, write_raster

VISIBLE = ("B", "G", "R", "N")
BASELINE = {"PROCESSING_BASELINE": "05.11"}


def stack(path, day=None, seed=0, hidden=None, offset=1000, roles=ROLES, shape=(40, 50), tags=BASELINE, values=None, **more):
    """One dated Sentinel-2 stack; gives its reflectance, NaN where hidden."""
    values = reflectance(roles, *shape, seed) if values is None else values
    stored = digital_numbers(values, offset)
    if hidden is not None:
        stored[:, hidden] = 0
    names = [SENTINEL_2[role] for role in roles]
    write_raster(path, stored, names=names, nodata=0, tags=tags | ({"ACQUISITION_DATE": day} if day else {}), **more)
    return np.where(stored == 0, np.nan, (stored - float(offset)) / 10000)


def series_of(folder, **more):
    return open_scenes(SceneSettings((str(folder),), **more))


def whole(scene):
    return scene.read(Window(0, 0, *scene.grid.shape))


@pytest.fixture
def three(tmp_path):
    """Three dates in a folder, and their reflectance."""
    cloud = np.zeros((40, 50), bool)
    cloud[5:15, 8:30] = True
    days = ("2025-03-17", "2025-04-10", "2025-07-01")
    truth = [stack(tmp_path / f"{day}.tif", seed=seed, hidden=cloud if seed == 1 else None) for seed, day in enumerate(days)]
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path, truth


def test_a_folder_of_dated_stacks_is_a_series_in_the_order_of_time(three):
    folder, truth = three
    series = series_of(folder)
    assert isinstance(series, SceneSeries)
    assert series.when == "date"
    assert series.dates == tuple(map(datetime.date.fromisoformat, ("2025-03-17", "2025-04-10", "2025-07-01")))
    assert series.roles == ROLES
    assert series.sensor == "sentinel-2-l2a"
    for scene, expected in zip(series.scenes, truth, strict=True):
        np.testing.assert_allclose(whole(scene), expected, atol=1e-6)


def test_one_file_is_a_scene_as_ever(three):
    folder, _ = three
    assert isinstance(open_scenes(SceneSettings((str(folder / "2025-03-17.tif"),))), Scene)


def test_a_series_of_one_file_is_still_a_series(tmp_path):
    stack(tmp_path / "2025-03-17.tif")
    assert len(series_of(tmp_path)) == 1


def test_tags_win_over_the_name_and_the_contradiction_is_said(tmp_path):
    stack(tmp_path / "2025-03-17.tif", day="2025-03-19")
    series = series_of(tmp_path)
    assert series.dates == (datetime.date(2025, 3, 19),)
    assert any("2025-03-17" in text and "2025-03-19" in text for text in series.assumed)


def test_files_called_by_years_stand_for_their_years(tmp_path):
    for year, day in ((2019, "2019-03-02"), (2020, None), (2021, "2024-05-05")):
        stack(tmp_path / f"{year}.tif", day, seed=year)
    series = series_of(tmp_path)
    assert series.when == "year"
    assert [str(day) for day in series.dates] == ["2019-03-02", "2020-07-01", "2021-07-01"]
    assert series.at("2020-12-31") is series.scenes[1]
    assert series.at(2021) is series.scenes[2]
    np.testing.assert_array_equal(series.pick(np.array(["2019-12-31", "2022-01-01", "NaT"], "M8[D]")), [0, -1, -1])
    with pytest.raises(SceneError, match=r"2022.*2019, 2020, 2021"):
        series.at("2022-03-03")


def test_scenes_named_by_day_of_year_or_year_beside_other_words_are_series(tmp_path):
    for folder, names in (("days", ("HLS_2025076", "HLS_2025100")), ("years", ("field_2024", "field_2025"))):
        (tmp_path / folder).mkdir()
        for seed, name in enumerate(names):
            stack(tmp_path / folder / f"{name}.tif", seed=seed)
    assert [str(day) for day in series_of(tmp_path / "days").dates] == ["2025-03-17", "2025-04-10"]
    years = series_of(tmp_path / "years")
    assert years.when == "year" and [day.year for day in years.dates] == [2024, 2025]


def test_a_file_without_a_date_is_refused_by_its_name(tmp_path):
    stack(tmp_path / "2025-03-17.tif")
    stack(tmp_path / "spring.tif")
    with pytest.raises(SceneError, match=r"spring\.tif.*no.* date"):
        series_of(tmp_path)


def test_a_folder_without_imagery_is_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(UnreadableError, match="no imagery"):
        series_of(tmp_path)


def test_the_nearest_scene_within_the_limit_stands_for_a_day(three):
    series = series_of(three[0])
    days = np.array(["2025-03-20", "2025-03-29", "2025-04-20", "2025-05-10", "2025-05-11", "2025-07-31", "2025-08-01", "NaT"], "M8[D]")
    np.testing.assert_array_equal(series.pick(days), [0, 0, 1, 1, -1, 2, -1, -1])  # 29 March lies 12 days from both: the earlier
    assert series.within(31).pick(days)[6] == 2
    assert series.at(datetime.date(2025, 4, 1)) is series.scenes[1]
    with pytest.raises(SceneError, match=r"2025-08-01.*31 days away.*2025-03-17, 2025-04-10, 2025-07-01"):
        series.at("2025-08-01")
    with pytest.raises(SettingsError, match="spring"):
        series.at("spring")


def test_samples_read_the_pixels_of_their_own_date(three):
    folder, truth = three
    series = series_of(folder)
    random = np.random.default_rng(0)
    rows, cols = random.integers(0, 40, 60), random.integers(0, 50, 60)
    x, y = 500005.0 + 10 * cols, 4999995.0 - 10 * rows
    lon, lat = Transformer.from_crs(32632, 4326, always_xy=True).transform(x, y)
    days = np.array(["2025-03-10", "2025-04-11", "2025-07-02", "2023-01-01"], "M8[D]")[random.integers(0, 4, 60)]
    values = series.sample(lon, lat, CRS(4326), days)
    for k, picked in enumerate(series.pick(days)):
        expected = truth[picked][:, rows[k], cols[k]] if picked >= 0 else np.full(10, np.nan)
        np.testing.assert_allclose(values[k], expected, atol=1e-6)


def test_each_scene_is_read_with_the_scaling_of_its_own_baseline(tmp_path):
    old = stack(tmp_path / "2021-05-01.tif", tags={"PROCESSING_BASELINE": "03.00"}, offset=0, seed=1)
    new = stack(tmp_path / "2022-05-01.tif", offset=1000, seed=2)
    series = series_of(tmp_path)
    np.testing.assert_allclose(whole(series.scenes[0]), old, atol=1e-6)
    np.testing.assert_allclose(whole(series.scenes[1]), new, atol=1e-6)
    assert any("stored differently" in text for text in series.assumed)


def test_only_bands_that_all_scenes_have_are_kept_in_one_order(tmp_path):
    few = ("N", "R", "G", "B")
    stack(tmp_path / "2025-03-01.tif", seed=0)
    expected = stack(tmp_path / "2025-04-01.tif", seed=1, roles=few)
    series = series_of(tmp_path)
    assert series.roles == ("B", "G", "R", "N")
    assert any("RE1" in text and "missing in 1 of 2" in text for text in series.assumed)
    np.testing.assert_allclose(whole(series.scenes[1]), expected[[3, 2, 1, 0]], atol=1e-6)
    assert series.scenes[0].roles == series.roles
    assert series.scenes[0].sample([500005.0], [4999995.0]).shape == (1, 4)


def test_different_sensors_are_refused(tmp_path):
    stack(tmp_path / "2025-03-01.tif")
    values = landsat_numbers(reflectance(tuple(LANDSAT), 40, 50))
    write_raster(tmp_path / "LC08_2025-04-01.tif", values, names=list(LANDSAT.values()), nodata=0, cell=30)
    with pytest.raises(SceneError, match=r"different sensors.*landsat"):
        series_of(tmp_path)


def test_a_scene_of_another_extent_keeps_its_pixels(tmp_path):
    for day in ("2025-03-01", "2025-03-21"):
        stack(tmp_path / f"{day}.tif")
    shifted = stack(tmp_path / "2025-04-10.tif", seed=3, origin=(500000.0 + 100, 5000000.0 + 50), shape=(30, 60))
    series = series_of(tmp_path)
    assert series.grid.shape == (40, 50)
    expected = np.full((10, 40, 50), np.nan)
    expected[:, :25, 10:] = shifted[:, 5:, :40]  # 10 columns to the east, 5 rows to the north
    np.testing.assert_allclose(whole(series.scenes[2]), expected, atol=1e-6)
    assert any("2025-04-10.tif" in text and "another extent" in text for text in series.assumed)


def smooth(x, y):
    """A plane over easting and northing, which bilinear interpolation cannot change; ten bands."""
    plane = 0.05 + (x - 500000) * 2e-4 + (5000000 - y) * 3e-4
    return np.stack([plane + 0.01 * band for band in range(10)])


def located(transform, cols, rows):
    return transform.a * cols + transform.c, transform.e * rows + transform.f


def centres(grid):
    cols, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    return located(grid.transform, cols, rows)


@pytest.mark.parametrize("crs", [32632, 32633, 4326])
def test_a_scene_of_another_grid_is_laid_onto_the_commonest_one(tmp_path, crs):
    for day in ("2025-03-01", "2025-03-21"):
        stack(tmp_path / f"{day}.tif", shape=(40, 50))
    middle = Transformer.from_crs(32632, crs, always_xy=True).transform(500250, 4999800)
    cell = 7.0 if crs != 4326 else 7e-5
    transform = Affine(cell, 0, middle[0] - 70.3 * cell, 0, -cell, middle[1] + 70.7 * cell)
    cols, rows = np.meshgrid(np.arange(140) + 0.5, np.arange(140) + 0.5)
    x, y = Transformer.from_crs(crs, 32632, always_xy=True).transform(*located(transform, cols, rows))
    stack(tmp_path / "2025-04-10.tif", values=smooth(x, y), crs=f"EPSG:{crs}", transform=transform)
    series = series_of(tmp_path)
    assert series.grid.shape == (40, 50)
    scene = series.scenes[2]
    values = whole(scene)
    expected = smooth(*centres(series.grid))
    inside = np.isfinite(values).all(axis=0)
    assert inside[5:-5, 5:-5].all()
    assert np.abs(values - expected)[:, inside].max() < 3e-4
    assert any("2025-04-10.tif" in text and "bilinear" in text for text in series.assumed)
    parts = np.block(
        [
            [scene.read(Window(0, 0, 17, 23)), scene.read(Window(0, 23, 17, 27))],
            [scene.read(Window(17, 0, 23, 23)), scene.read(Window(17, 23, 23, 27))],
        ]
    )
    np.testing.assert_array_equal(parts, values)
    x, y = centres(series.grid)
    np.testing.assert_array_equal(scene.sample(x[11:13].ravel(), y[11:13].ravel()), values[:, 11:13].reshape(10, -1).T)


def test_clouds_do_not_bleed_into_a_scene_that_is_laid_onto_another_grid(tmp_path):
    for day in ("2025-03-01", "2025-03-21"):
        stack(tmp_path / f"{day}.tif")
    hidden = np.zeros((80, 100), bool)
    hidden[20:40, 30:60] = True
    stack(tmp_path / "2025-04-10.tif", shape=(80, 100), cell=5.0, values=np.full((10, 80, 100), 0.3), hidden=hidden)
    values = whole(series_of(tmp_path).scenes[2])
    assert np.isnan(values[:, 10:20, 15:30]).all()
    np.testing.assert_allclose(values[np.isfinite(values)], 0.3, atol=1e-6)
    assert np.isfinite(values[0]).sum() > 0.9 * (2000 - 150)


def test_tiles_of_one_day_are_joined_and_the_first_value_counts(tmp_path):
    hidden = np.zeros((40, 50), bool)
    hidden[:, 45:] = True
    left = [stack(tmp_path / f"T31_2025-0{month}-01.tif", seed=month, hidden=hidden) for month in (3, 4)]
    right = [stack(tmp_path / f"T32_2025-0{month}-01.tif", seed=10 + month, origin=(500000.0 + 400, 5000000.0)) for month in (3, 4)]
    series = series_of(tmp_path)
    assert len(series) == 2
    assert series.grid.shape == (40, 90)
    for scene, west, east in zip(series.scenes, left, right, strict=True):
        expected = np.concatenate([west[:, :, :45], east[:, :, 5:]], axis=2)
        np.testing.assert_allclose(whole(scene), expected, atol=1e-6)
    assert any("first valid value" in text for text in series.assumed)


def test_a_scene_of_another_place_is_refused(tmp_path):
    stack(tmp_path / "2025-03-01.tif")
    stack(tmp_path / "2025-04-01.tif", origin=(600000.0, 5000000.0))
    with pytest.raises(SceneError, match=r"2025-04-01\.tif.*does not overlap"):
        series_of(tmp_path)


def test_a_date_hidden_altogether_is_left_out_and_said(tmp_path):
    stack(tmp_path / "2025-03-01.tif")
    stack(tmp_path / "2025-04-01.tif", hidden=np.ones((40, 50), bool))
    series = series_of(tmp_path)
    assert len(series) == 1
    assert any("no valid pixel: 2025-04-01.tif" in text for text in series.assumed)


def test_band_files_of_several_dates_in_one_folder_make_one_scene_per_date(tmp_path):
    truth = {}
    for day in ("20250301", "20250401"):
        values = reflectance(seed=int(day[4:6]))
        truth[day] = values
        for role, layer in zip(ROLES, digital_numbers(values, 1000), strict=True):
            write_raster(tmp_path / f"T31UFU_{day}T103421_{SENTINEL_2[role]}.tif", layer, nodata=0, tags=BASELINE)
    series = series_of(tmp_path)
    assert [str(day) for day in series.dates] == ["2025-03-01", "2025-04-01"]
    order = [ROLES.index(role) for role in series.roles]
    np.testing.assert_allclose(whole(series.scenes[1]), truth["20250401"][order], atol=6e-5)


def test_undated_band_files_in_a_folder_are_one_scene(tmp_path):
    for role, layer in zip(ROLES, digital_numbers(reflectance(), 1000), strict=True):
        write_raster(tmp_path / f"{SENTINEL_2[role]}.tif", layer, nodata=0, tags=BASELINE)
    assert set(series_of(tmp_path).roles) == set(ROLES)


def test_files_named_one_by_one_are_a_series_when_each_holds_a_scene_and_one_scene_when_they_share_it(three, tmp_path):
    folder, _ = three
    paths = tuple(str(folder / name) for name in ("2025-07-01.tif", "2025-03-17.tif"))
    assert [str(day) for day in open_scenes(SceneSettings(paths)).dates] == ["2025-03-17", "2025-07-01"]
    parts = tmp_path / "parts"
    parts.mkdir()
    stack(parts / "visible.tif", roles=ROLES[:3])
    stack(parts / "infrared.tif", roles=ROLES[3:])
    both = open_scenes(SceneSettings((str(parts / "visible.tif"), str(parts / "infrared.tif"))))
    assert isinstance(both, Scene)
    assert set(both.roles) == set(ROLES)


def test_safe_and_landsat_products_in_a_folder_are_series(tmp_path):
    (tmp_path / "s2").mkdir()
    for number, (day, baseline) in enumerate(((datetime.date(2021, 6, 19), "03.00"), (datetime.date(2022, 6, 19), "05.10"))):
        write_safe(tmp_path / "s2", day=day, baseline=baseline, as_zip=number == 1)
    series = series_of(tmp_path / "s2")
    assert [str(day) for day in series.dates] == ["2021-06-19", "2022-06-19"]
    first, second = map(whole, series.scenes)
    assert np.isnan(first).any()  # clouds of the classification
    np.testing.assert_array_equal(first, second)  # the same numbers, in two baselines
    (tmp_path / "landsat").mkdir()
    for day in (datetime.date(2021, 6, 19), datetime.date(2021, 7, 5)):
        write_landsat(tmp_path / "landsat", day=day)
    assert len(series_of(tmp_path / "landsat")) == 2


def test_a_cube_of_many_dates_is_a_series(tmp_path):
    xarray = pytest.importorskip("xarray")
    values = np.stack([reflectance(ROLES[:4], 20, 30, seed) for seed in range(3)]).astype("float32")
    x, y = 500005.0 + 10 * np.arange(30), 4999995.0 - 10 * np.arange(20)
    days = np.array(["2025-03-01", "2025-04-01", "2025-05-01"], "M8[ns]")
    layers = {name: (("time", "y", "x"), values[:, band]) for band, name in enumerate(("blue", "green", "red", "nir"))}
    cube = xarray.Dataset(layers, {"time": days, "y": y, "x": x}, {"crs": "EPSG:32632"})
    cube.to_netcdf(tmp_path / "cube.nc")
    series = series_of(tmp_path / "cube.nc")
    assert [str(day) for day in series.dates] == ["2025-03-01", "2025-04-01", "2025-05-01"]
    np.testing.assert_allclose(whole(series.at("2025-04-03")), values[1], atol=1e-6)
    assert isinstance(series_of(tmp_path / "cube.nc", date="2025-05-01"), Scene)


def test_the_fingerprint_follows_pixels_and_dates(three):
    folder, _ = three
    first = series_of(folder).fingerprint
    assert series_of(folder).fingerprint == first
    os.rename(folder / "2025-07-01.tif", folder / "2025-07-02.tif")
    moved = series_of(folder).fingerprint
    assert moved != first
    stack(folder / "2025-07-02.tif", seed=9)
    assert series_of(folder).fingerprint not in (first, moved)


def test_many_large_scenes_are_opened_without_reading_them_whole(tmp_path, monkeypatch):
    looked = []
    original = stored_values.PixelReader.stored

    def counted(self, window, file, numbers):
        looked.append(window.height * window.width)
        return original(self, window, file, numbers)

    for day in ("2025-03-01", "2025-04-01"):
        stack(tmp_path / f"{day}.tif", roles=VISIBLE, shape=(1100, 1100), tiled=True, blockxsize=256, blockysize=256)
    monkeypatch.setattr(stored_values.PixelReader, "stored", counted)
    series_of(tmp_path)
    assert sum(looked) == 2 * 4 * 256**2
    looked.clear()
    open_scene(SceneSettings((str(tmp_path / "2025-03-01.tif"),)))
    assert sum(looked) == 1100**2


def test_a_scene_cloudy_where_a_glance_falls_is_looked_at_whole(tmp_path):
    hidden = np.ones((1100, 1100), bool)
    hidden[:200, :200] = False
    expected = stack(tmp_path / "2025-03-01.tif", roles=VISIBLE, shape=(1100, 1100), hidden=hidden)
    series = series_of(tmp_path)
    np.testing.assert_allclose(whole(series.scenes[0]), expected, atol=1e-6)


def test_a_link_out_of_the_folder_is_followed_only_for_the_machine_s_own_user(tmp_path):
    folder, elsewhere = tmp_path / "series", tmp_path / "elsewhere"
    folder.mkdir(), elsewhere.mkdir()
    stack(folder / "2025-03-01.tif")
    stack(elsewhere / "2025-04-01.tif")
    (folder / "2025-04-01.tif").symlink_to(elsewhere / "2025-04-01.tif")
    assert len(series_of(folder)) == 1
    assert len(series_of(folder, trusted=True)) == 2


def test_campaigns_are_divided_by_long_gaps():
    days = np.array(["2025-05-20", "2025-03-01", "NaT", "2025-03-31", "2025-06-21", "2025-05-20"], "M8[D]")
    first, second, third = campaigns_of(days)
    np.testing.assert_array_equal(first.samples, [1, 3])
    np.testing.assert_array_equal(second.samples, [0, 5])
    assert (first.name, third.name) == ("2025-03-01 to 2025-03-31", "2025-06-21")
    assert len(campaigns_of(days, 32)) == 2
    assert campaigns_of(np.array(["NaT"], "M8[D]")) == ()
    with pytest.raises(SettingsError):
        campaigns_of(days, 0)


def test_campaigns_are_told_with_the_scenes_that_stand_for_them(three):
    days = np.array(["2025-03-20", "2025-04-08", "2025-04-09", "2025-09-30", "NaT"], "M8[D]")
    assert series_of(three[0]).campaigns(days) == [
        {"campaign": "2025-03-20 to 2025-04-09", "samples": 1, "scene": "2025-03-17", "days_apart": 3},
        {"campaign": "2025-03-20 to 2025-04-09", "samples": 2, "scene": "2025-04-10", "days_apart": 2},
        {"campaign": "2025-09-30", "samples": 1, "scene": None, "days_apart": None},
    ]
