"""Seasons of many pixels: the two ways agree, windows leave no seam, files say what they hold."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine

from soilcore.core.errors import FeatureError, SettingsError, Stopped
from soilcore.core.grids import Grid
from soilcore.data.index_series import open_index_series
from soilcore.features.phenology import BANDS, DoubleLogistic, PhenologySettings, phenology_table, season_of_series, seasons, write_phenology
from soilcore.features.phenology_curves import rise_of
from soilcore.features.phenology_kernel import LANES
from soilcore.features.phenology_numpy import scale_of, smoothing_weights
from soilcore.features.phenology_windows import SeasonWindow

SETTINGS = PhenologySettings()
YEAR = SeasonWindow(2021, np.datetime64("2021-01-01"), np.datetime64("2021-12-31"), True)
RULES = ({}, {"sos": "derivative", "sdps": "gu", "gus": "max"}, {"sos": "zhang", "sdps": "zhang"}, {"sos": "50"})


def cloudy_cube(rows=20, cols=33, dates=36, seed=0):
    """Seasons of all kinds with noise and clouds; some pixels flat, some never seen, some cut off."""
    rng = np.random.default_rng(seed)
    days = YEAR.first + np.sort(rng.choice(365, dates, replace=False)).astype("timedelta64[D]")
    shape = (rows, cols)
    rise, rate, length = rng.uniform(20, 330, shape), rng.uniform(0.03, 0.3, shape), rng.uniform(40, 150, shape)
    curve = DoubleLogistic(0.15, 0.15 + rng.uniform(0, 0.8, shape), rise, rate, rise + length, 0.06)
    cube = np.stack([curve(day) for day in YEAR.day_numbers(days)]) + rng.normal(0, 0.03, (dates, *shape))
    cube[rng.random(cube.shape) < 0.4] = np.nan
    cube[:, 0, 0] = np.nan
    cube[:, 0, 1] = 0.3
    cube[5:, 0, 2] = np.nan
    return days, cube.astype(np.float32)


def write_folder(folder, days, cube, scale=1.0, dtype="float32", crs="EPSG:32633"):
    """A folder of dated rasters of the cube."""
    folder.mkdir()
    profile = {"driver": "GTiff", "height": cube.shape[1], "width": cube.shape[2], "count": 1, "dtype": dtype, "crs": crs}
    profile |= {"transform": Affine(10, 0, 500000, 0, -10, 5000000), "nodata": np.nan if dtype == "float32" else -9999}
    for day, image in zip(days, cube, strict=True):
        with rasterio.open(folder / f"NDVI_{day}.tif", "w", **profile) as raster:
            stored = image / scale
            raster.write((stored if dtype == "float32" else np.where(np.isfinite(stored), np.round(stored), -9999)).astype(dtype), 1)
    return folder


@pytest.fixture(scope="module")
def cube():
    return cloudy_cube()


@pytest.fixture(scope="module")
def folder(cube, tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("series") / "ndvi", *cube)


@pytest.mark.parametrize("rules", RULES)
def test_the_compiled_kernel_and_numpy_give_the_same_seasons(cube, rules):
    days, values = cube
    settings = replace(SETTINGS, **rules)
    ours, theirs = (seasons(values, days, settings, YEAR, compiled=compiled) for compiled in (True, False))
    assert np.array_equal(ours["reason"], theirs["reason"])
    assert np.array_equal(ours["n"], theirs["n"])
    for name, limit in (("sos", 0.01), ("sdps", 0.01), ("peak", 0.02), ("gus", 1e-5), ("amplitude", 1e-5)):
        assert np.array_equal(np.isnan(ours[name]), np.isnan(theirs[name])), name
        assert np.nanmax(np.abs(ours[name] - theirs[name])) < limit, name
    assert set(np.unique(ours["reason"])) >= {0, 1, 2, 3}


def test_a_pixel_has_the_same_season_wherever_it_lies_in_a_window(cube):
    days, values = cube
    whole = seasons(values, days, SETTINGS, YEAR, compiled=True)
    assert values[0].size > 2 * LANES
    for rows, cols in ((slice(3, 4), slice(7, 8)), (slice(0, 9), slice(5, 30)), (slice(11, 20), slice(0, 33))):
        part = seasons(values[:, rows, cols], days, SETTINGS, YEAR, compiled=True)
        for name in BANDS:
            assert np.array_equal(part[name], whole[name][rows, cols], equal_nan=True)


def test_the_fast_path_agrees_with_the_fitted_curve_on_clean_series():
    rng, errors = np.random.default_rng(2), []
    days = np.arange("2021-01-01", "2022-01-01", 10, dtype="datetime64[D]")
    for _ in range(60):
        rise = rng.uniform(70, 150)
        curve = DoubleLogistic(0.15, rng.uniform(0.4, 0.9), rise, rng.uniform(0.05, 0.12), rise + rng.uniform(90, 150), 0.06)
        truth = rise_of(curve, curve.mn, 1, 365, SETTINGS)
        values = curve(YEAR.day_numbers(days))
        fitted = season_of_series(days, values, SETTINGS, window=YEAR)
        assert fitted.sos == pytest.approx(truth["sos"], abs=0.05)
        fast = seasons(values[:, None, None], days, SETTINGS, YEAR)
        errors.append([float(fast[name][0, 0]) - getattr(fitted, name) for name in ("sos", "sdps")])
    assert np.abs(np.median(errors, axis=0)).max() < 1.5
    assert np.percentile(np.abs(errors), 95) < 4


def test_smoothing_keeps_a_parabola_and_adds_up_to_one():
    weights, x = smoothing_weights(3).astype(float), np.arange(-3, 4)
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert weights @ (2 + 3 * x + 4 * x**2) == pytest.approx(2, abs=1e-5)
    assert scale_of(np.arange(0, 365, 10.0), 365).step == 10


def test_a_cube_that_does_not_fit_its_dates_is_refused(cube):
    days, values = cube
    with pytest.raises(FeatureError, match="one day per date"):
        seasons(values[1:], days, SETTINGS)
    with pytest.raises(FeatureError, match="must ascend"):
        seasons(values, days[::-1], SETTINGS)


def test_the_raster_holds_what_the_cube_gives_whatever_the_window(folder, cube, tmp_path):
    days, values = cube
    series = open_index_series(folder)
    facts = write_phenology(series, tmp_path / "a.tif", replace(SETTINGS, year=2021))
    write_phenology(series, tmp_path / "b.tif", replace(SETTINGS, window=16), threads=1)
    first, last = (np.datetime64(facts["season"][key]) for key in ("first", "last"))
    expected = seasons(values, days, SETTINGS, SeasonWindow(2021, first, last, True))
    with rasterio.open(tmp_path / "a.tif") as a, rasterio.open(tmp_path / "b.tif") as b:
        assert a.descriptions == BANDS
        assert a.units[0] == "day of year"
        assert a.tags()["SOILCORE_SEASON_YEAR"] == "2021"
        assert np.array_equal(a.read(), b.read(), equal_nan=True)
        for band, name in enumerate(BANDS, 1):
            assert np.array_equal(a.read(band), expected[name].astype(np.float32), equal_nan=True)
    assert facts["bands"][0]["valid"] == int(np.isfinite(expected["sos"]).sum())
    assert facts["pixels"] == values[0].size


def test_seasons_are_laid_onto_other_pixels_without_averaging_days(folder, tmp_path):
    series = open_index_series(folder)
    finer = Grid(40, 66, Affine(5, 0, 500000, 0, -5, 5000000), series.grid.crs)
    write_phenology(series, tmp_path / "own.tif", SETTINGS)
    write_phenology(series, tmp_path / "finer.tif", SETTINGS, grid=finer)
    with rasterio.open(tmp_path / "own.tif") as own, rasterio.open(tmp_path / "finer.tif") as fine:
        assert fine.shape == (40, 66)
        assert fine.descriptions == own.descriptions
        assert np.array_equal(fine.read()[:, ::2, ::2], own.read(), equal_nan=True)


def test_a_stopped_run_leaves_nothing_behind(folder, tmp_path):
    def stop(done, total, message):
        if message == "finding seasons" and done > 0.2:
            raise Stopped

    with pytest.raises(Stopped):
        write_phenology(open_index_series(folder), tmp_path / "a.tif", replace(SETTINGS, window=16), report=stop)
    assert not list(tmp_path.iterdir())


def test_a_series_without_any_season_is_refused_with_the_reason_and_leaves_nothing(cube, tmp_path):
    days, values = cube
    sparse = open_index_series(write_folder(tmp_path / "ndvi", days[::6], values[::6]))
    with pytest.raises(FeatureError, match=r"No pixel has a season of 2021: fewer valid dates than needed .*6 dates.*--min-dates"):
        write_phenology(sparse, tmp_path / "a.tif", SETTINGS)
    assert [each.name for each in tmp_path.iterdir()] == ["ndvi"]


def test_existing_files_and_wrong_endings_are_refused(folder, tmp_path):
    series = open_index_series(folder)
    (tmp_path / "a.tif").write_bytes(b"mine")
    with pytest.raises(SettingsError, match="exists already"):
        write_phenology(series, tmp_path / "a.tif", SETTINGS)
    with pytest.raises(SettingsError, match=r"must end with \.tif"):
        write_phenology(series, tmp_path / "a.csv", SETTINGS)


def test_scenes_give_the_season_of_their_index(demo, tmp_path):
    series = open_index_series(demo / "dates", index="EVI2")
    assert series.needs_bands
    assert len(series) == 2
    assert series.grid.height * series.grid.width == 9216
    with pytest.raises(FeatureError, match=r"fewer valid dates than needed \(9216 pixels\)"):
        write_phenology(series, tmp_path / "a.tif", replace(SETTINGS, min_dates=4, index="EVI2"))


def test_a_band_that_the_index_needs_is_named(demo, tmp_path, monkeypatch):
    series = replace(open_index_series(demo / "dates"), roles=("B", "G", "R"))
    with pytest.raises(FeatureError, match="needs the band N"):
        write_phenology(series, tmp_path / "a.tif", SETTINGS)


def test_real_rasters_of_a_year_have_seasons_in_summer(shared_data, tmp_path):
    series = open_index_series(shared_data / "phenology" / "mod13q1", crs="EPSG:3301")
    facts = write_phenology(series, tmp_path / "a.tif", replace(SETTINGS, year=2016))
    rows = {row["name"]: row for row in facts["bands"]}
    assert rows["sos"]["valid"] > 0.9 * facts["pixels"]
    assert 80 < rows["sos"]["median"] < 150
    assert rows["sos"]["median"] < rows["sdps"]["median"] < rows["peak"]["median"] < 250


def test_real_arrays_with_cloud_masks_have_seasons(shared_data, tmp_path):
    series = open_index_series(shared_data / "series" / "slovenia_ndvi")
    after_snow = replace(SETTINGS, year=2016, season_start=30)  # two snowy dates in January would be the lowest of the year
    facts = write_phenology(series, tmp_path / "a.tif", after_snow)
    rows = {row["name"]: row for row in facts["bands"]}
    assert rows["sos"]["valid"] > 0.9 * facts["pixels"]
    assert 50 < rows["sos"]["median"] < 130


def test_real_sites_begin_when_their_climate_lets_them(shared_data):
    series = open_index_series(shared_data / "phenology" / "phenofit_MOD13A1.csv")
    wanted = ("IT-Col", "CN-Cha", "ZA-Kru")
    part = replace(series, frame=series.frame[series.frame["id"].isin(wanted) & (series.frame["day"] > "2010-01-01")])
    table = phenology_table(part, SETTINGS)
    sos = table.groupby("id")["sos"].median()
    assert 90 < sos["IT-Col"] < 130
    assert 105 < sos["CN-Cha"] < 145
    assert -110 < sos["ZA-Kru"] < -10
    assert (table["reason"] == "").groupby(table["id"]).mean().min() > 0.6
