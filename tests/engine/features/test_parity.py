"""Points, windows and patches see the same predictors to the last bit: at seams of blocks, at borders, on pixel edges, whatever is read.

Every test writes real files, makes the recipe's columns at samples, and reads the same pixels again in windows of several sizes.
"""

import numpy as np
import pytest

from soilcore.data.covariates import open_covariates, parse_covariate
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.scene_series import open_scenes
from soilcore.features.patches import Patches
from soilcore.features.recipe import FeatureSettings
from soilcore.features.selection import choose_features
from soilcore.features.source import FeatureSource
from tests.engine.data.product_files import ORIGIN, safe_classes, safe_numbers, write_landsat, write_safe
from tests.engine.features.worlds import DAYS, HEIGHT, LEFT, TOP, UTM, WIDTH, places, read_at, samples_at, write_scene
from tests.engine.rasters import write_raster

SIZES = (7, 512)
SPECTRAL = FeatureSettings(bands=True, indices=("NDVI", "SAI", "CRSI"), formulas=("MINE=(N-R)/(N+R+B)",))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a scene, a scene of another day on another grid, and covariates of every kind and resolution."""
    folder = tmp_path_factory.mktemp("world")
    write_scene(folder / "scene.tif")
    random = np.random.default_rng(11)
    smooth = random.random((190, 200)).cumsum(axis=0).astype("float32")
    smooth[40:44, 50:60] = -9999
    write_raster(folder / "relief.tif", smooth, cell=30.0, origin=(LEFT - 137.0, TOP + 61.0), nodata=-9999)
    write_raster(folder / "fine.tif", random.random((830, 850)).astype("float32"), cell=6.7, origin=(LEFT - 11.3, TOP + 3.1))
    write_raster(folder / "degrees.tif", random.random((70, 90)).astype("float32"), crs="EPSG:4326", transform=_degrees())
    write_raster(folder / "same.tif", random.random((HEIGHT, WIDTH)).astype("float32"), origin=(LEFT, TOP))
    codes = random.choice(np.array([3, 7, 9], "uint8"), (120, 120))
    write_raster(folder / "soil.tif", codes, cell=50.0, origin=(LEFT - 33.0, TOP + 20.0), nodata=0)
    for name, days in (("yearly", ("2021", "2022")), ("dated", (*DAYS[:2], "2022-04-20"))):
        (folder / name).mkdir()
        for k, day in enumerate(days):
            cell, origin = ((10.0, (LEFT, TOP)), (30.0, (LEFT - 47.0, TOP + 85.0)), (23.0, (LEFT - 5.0, TOP + 9.0)))[k]
            shape = (HEIGHT, WIDTH) if cell == 10 else (280, 290)
            write_raster(folder / name / f"{name}_{day}.tif", random.random(shape).astype("float32"), cell=cell, origin=origin)
    return folder


def _degrees():
    from affine import Affine

    return Affine(0.0011, 0, 8.995, 0, -0.0011, 45.16)


def covariates_of(world, *names, grid=None):
    return open_covariates([parse_covariate(str(world / name)) for name in names], grid)


def check_parity(settings, samples, scene=None, covariates=None, climate=None, sizes=SIZES, most_missing=0.6):
    """Rows at samples equal windows and centres of patches, for each date; returns the rows."""
    recipe, _ = choose_features(settings, samples, scene, covariates, climate)
    rows = recipe.at_samples(samples, scene, covariates, climate).to_numpy()
    assert np.isfinite(rows).all(axis=1).mean() > 1 - most_missing, "too little is compared"
    days = samples.table["date"].to_numpy() if "date" in samples.table else np.full(len(samples), None)
    for day in dict.fromkeys(days):
        ours = days == day
        source = FeatureSource(recipe, scene, covariates, climate, date=day)
        _, _, inside = source.grid.rows_cols(samples.x[ours], samples.y[ours], samples.crs)
        assert np.isnan(rows[ours][~inside]).any(axis=1).all(), "a sample outside the map is complete"
        x, y, expected = samples.x[ours][inside], samples.y[ours][inside], rows[ours][inside]
        for size in sizes:
            read = read_at(source, x, y, samples.crs, size)
            done = ~np.isinf(read).any(axis=1)
            assert done.sum() >= min(8, len(done))
            np.testing.assert_array_equal(read[done], expected[done], err_msg=f"windows of {size} on {day}")
        patches = Patches(source, 5).at(x, y, samples.crs)
        np.testing.assert_array_equal(patches.at_centre().astype(float), expected, err_msg=f"patches on {day}")
    return recipe, rows


def dated_samples(days=DAYS):
    x, y = places()
    days = np.resize(np.array(days), len(x))
    return samples_at(x, y, days)


def test_bands_indices_and_formulas(world):
    samples = samples_at(*places())
    recipe, rows = check_parity(SPECTRAL, samples, open_scene(SceneSettings((str(world / "scene.tif"),))))
    assert len(recipe.names) == 14 and np.isnan(rows).any()


def test_places_in_another_reference_system(world):
    from pyproj import Transformer

    x, y = Transformer.from_crs(UTM, 4326, always_xy=True).transform(*places())
    check_parity(SPECTRAL, samples_at(x, y, crs="EPSG:4326"), open_scene(SceneSettings((str(world / "scene.tif"),))), sizes=(64,))


def test_covariates_coarser_finer_shifted_in_degrees_and_categorical(world):
    scene = open_scene(SceneSettings((str(world / "scene.tif"),)))
    covariates = covariates_of(world, "relief.tif", "fine.tif", "degrees.tif", "same.tif", "soil.tif:categorical", grid=scene.grid)
    recipe, rows = check_parity(FeatureSettings(bands=True), samples_at(*places()), scene, covariates)
    assert {"soil=3", "soil=7", "soil=9"} <= set(recipe.names)
    assert set(np.unique(rows[:, recipe.names.index("soil=7")])) >= {0.0, 1.0}


def test_covariates_without_a_scene(world):
    check_parity(FeatureSettings(), samples_at(*places()), covariates=covariates_of(world, "same.tif", "relief.tif"), sizes=(7, 190, 512))


def test_covariates_by_date_and_by_year(world):
    scene = open_scene(SceneSettings((str(world / "scene.tif"),)))
    covariates = covariates_of(world, "yearly", "relief.tif", "dated", grid=scene.grid)
    recipe, _rows = check_parity(FeatureSettings(indices=("NDVI",)), dated_samples(), scene, covariates)
    assert [use.when for use in recipe.covariates] == ["year", "static", "date"]
    assert recipe.names == ("NDVI", "yearly", "relief", "dated")


def test_scenes_of_several_dates_on_grids_of_their_own(world, tmp_path):
    folder = tmp_path / "dates"
    folder.mkdir()
    for k, day in enumerate(DAYS):
        shifted = (LEFT - 35.0, TOP + 27.0) if k == 1 else (LEFT, TOP)
        write_scene(folder / f"{day}.tif", seed=20 + k, origin=shifted, roles=("B", "G", "R", "N", "S1"))
    series = open_scenes(SceneSettings((str(folder),)))
    assert series.when == "date" and len(series.dates) == 3
    samples = dated_samples()
    recipe, _rows = check_parity(SPECTRAL, samples, series, covariates_of(world, "yearly", "dated", grid=series.grid))
    assert recipe.scene_when == "date"
    first, second = (FeatureSource(recipe, series, covariates_of(world, "yearly", "dated", grid=series.grid), date=day) for day in DAYS[:2])
    assert not np.array_equal(read_at(first, samples.x, samples.y, UTM, 512), read_at(second, samples.x, samples.y, UTM, 512), equal_nan=True)


@pytest.mark.parametrize("dilate", [0, 2])
def test_a_product_whose_clouds_are_hidden_with_a_rim(tmp_path, dilate):
    scl = safe_classes(70, 80)
    scl[45:60, 30:50:6], scl[30:33, 20:25], scl[35:38, 50:54] = 9, 8, 3  # clouds across edges of windows
    product = write_safe(tmp_path, safe_numbers(70, 80), scl)
    scene = open_scene(SceneSettings((str(product),), dilate=dilate))
    random = np.random.default_rng(1)
    rows, cols = random.integers(56, 120, 30) + random.choice([0.0, 0.5], 30), random.integers(50, 110, 30) + random.choice([0.0, 0.5], 30)
    samples = samples_at(ORIGIN[0] + 10.0 * cols, ORIGIN[1] - 10.0 * rows, crs="EPSG:32631")
    _, rows_made = check_parity(SPECTRAL, samples, scene, sizes=(7, 40))
    hidden = np.isnan(rows_made).any(axis=1)
    plain = open_scene(SceneSettings((str(product),), quality="none"))
    assert hidden.sum() > np.isnan(plain.sample(samples.x, samples.y, samples.crs)).any(axis=1).sum()


def test_landsat_with_its_quality_layer(tmp_path):
    scene = open_scene(SceneSettings((str(write_landsat(tmp_path)),)))
    random = np.random.default_rng(4)
    samples = samples_at(ORIGIN[0] + 30.0 * random.uniform(0, 50, 60), ORIGIN[1] - 30.0 * random.uniform(0, 60, 60), crs="EPSG:32631")
    check_parity(FeatureSettings(bands=True, indices=("NDVI",)), samples, scene, sizes=(7, 16, 512))


def climate_tables(folder):
    """Two variables over 40 months at twelve places, one file each."""
    import pandas as pd
    from pyproj import Transformer

    folder.mkdir()
    random = np.random.default_rng(8)
    x, y = LEFT + random.uniform(0, 10.0 * WIDTH, 12), TOP - random.uniform(0, 10.0 * HEIGHT, 12)
    lon, lat = Transformer.from_crs(UTM, 4326, always_xy=True).transform(x, y)
    months = pd.period_range("2019-03", periods=40, freq="M").astype(str)
    for name in ("pr", "tmmx"):
        table = pd.DataFrame(random.uniform(0, 30, (12, 40)), columns=months)
        table.insert(0, "id", [f"p{k}" for k in range(12)])
        table.insert(1, "lon", lon)
        table.insert(2, "lat", lat)
        table.to_csv(folder / f"{name}.csv", index=False)
    return str(folder)


def climate_cube(path):
    import xarray as xr

    random = np.random.default_rng(9)
    days = np.arange("2019-03", "2022-07", dtype="datetime64[M]").astype("datetime64[ns]")
    lon, lat = 8.98 + 0.0217 * np.arange(8), 45.17 - 0.0217 * np.arange(9)
    values = random.uniform(0, 30, (len(days), 9, 8)).astype("float32")
    values[:, 4, 3] = np.nan
    data = xr.Dataset({name: (("time", "lat", "lon"), values + k) for k, name in enumerate(("pr", "tmmx"))}, {"time": days, "lat": lat, "lon": lon})
    data.to_netcdf(path, engine="h5netcdf")
    return str(path)


@pytest.mark.parametrize("kind", ["tables", "cube"])
@pytest.mark.parametrize("months", [12, 0])
def test_climate_of_the_months_before_a_date_and_of_all_months(world, tmp_path, kind, months):
    from soilcore.data.climate import open_climate

    climate = open_climate(climate_tables(tmp_path / "climate") if kind == "tables" else climate_cube(tmp_path / "climate.nc"))
    scene = open_scene(SceneSettings((str(world / "scene.tif"),)))
    settings = FeatureSettings(indices=("NDVI",), climate_months=months)
    recipe, rows = check_parity(settings, dated_samples(), scene, climate=climate, sizes=(64,))
    assert recipe.climate_when == ("date" if months else "static")
    assert len(np.unique(rows[np.isfinite(rows[:, 1]), 1])) > (4 if months else 2)


def test_terrain_made_of_an_elevation_model(world, tmp_path, monkeypatch):
    from soilcore.features.derived import derive

    monkeypatch.setenv("SOILCORE_CACHE", str(tmp_path))
    scene = open_scene(SceneSettings((str(world / "scene.tif"),)))
    settings = FeatureSettings(dem=str(world / "relief.tif"), terrain=("slope_deg", "aspect_deg", "profile_curvature"))
    made = derive(settings, scene.grid)
    recipe, _ = check_parity(settings, samples_at(*places()), scene, open_covariates(made.specs, scene.grid), sizes=(7, 512))
    assert recipe.covariates[0].made["kind"] == "terrain" and recipe.covariates[0].unit == "degree"


def covariate_cube(path, days=(), categorical=False):
    """A variable in degrees over the map, south up, packed as integers, with gaps; one date, several, or none."""
    import xarray as xr

    random = np.random.default_rng(12)
    lon, lat = 8.995 + 0.0031 * np.arange(30), 45.085 + 0.0031 * np.arange(30)
    shape = (*((len(days),) if days else ()), 30, 30)
    stored = random.choice(np.array([2, 4, 5]), shape) if categorical else random.integers(0, 3000, shape)
    stored[..., 3:5, 7] = -99
    dims = (*(("time",) if days else ()), "lat", "lon")
    attrs = {"_FillValue": np.int16(-99)} | ({} if categorical else {"scale_factor": 0.1, "units": "mm"})
    coords = {"lat": lat, "lon": lon} | ({"time": np.array(days, "datetime64[ns]")} if days else {})
    data = xr.Dataset({"rain": (dims, stored.astype("int16"), attrs)}, coords)
    data.to_netcdf(path, engine="h5netcdf")
    return str(path)


def test_variables_of_netcdf_files_with_and_without_dates(world, tmp_path):
    scene = open_scene(SceneSettings((str(world / "scene.tif"),)))
    texts = (
        covariate_cube(tmp_path / "still.nc"),
        covariate_cube(tmp_path / "soil.nc", categorical=True) + ":categorical",
        covariate_cube(tmp_path / "monthly.nc", DAYS[:2]),
        covariate_cube(tmp_path / "yearly.nc", ("2021-07-01", "2022-07-01")),
    )
    covariates = open_covariates([parse_covariate(text) for text in texts], scene.grid)
    recipe, rows = check_parity(FeatureSettings(indices=("NDVI",)), dated_samples(DAYS[1:2]), scene, covariates, sizes=(300,))
    assert [use.when for use in recipe.covariates] == ["static", "static", "date", "year"]
    assert recipe.covariates[2].unit == "mm" and np.nanmax(rows[:, 1]) < 300
    assert {"soil=2", "soil=4", "soil=5"} <= set(recipe.names)


def test_distance_to_lines_of_a_vector_file(world, tmp_path, monkeypatch):
    import geopandas as gpd
    from shapely.geometry import LineString

    from soilcore.features.derived import derive

    monkeypatch.setenv("SOILCORE_CACHE", str(tmp_path))
    lines = gpd.GeoDataFrame(geometry=[LineString([(LEFT - 500, TOP - 300), (LEFT + 3000, TOP - 5300)])], crs=UTM)
    lines.to_crs(4326).to_file(tmp_path / "canal.gpkg")
    scene = open_scene(SceneSettings((str(world / "scene.tif"),)))
    settings = FeatureSettings(distances=(str(tmp_path / "canal.gpkg"),))
    made = derive(settings, scene.grid)
    recipe, rows = check_parity(settings, samples_at(*places()), scene, open_covariates(made.specs, scene.grid))
    assert recipe.names[-1] == "distance_canal" and recipe.covariates[0].unit == "m" and np.nanmax(rows[:, -1]) > 1000


def test_seasons_of_a_vegetation_series(world, tmp_path, monkeypatch):
    from soilcore.features.derived import derive

    monkeypatch.setenv("SOILCORE_CACHE", str(tmp_path))
    folder = tmp_path / "ndvi"
    folder.mkdir()
    random = np.random.default_rng(6)
    start = random.uniform(80, 150, (60, 61))
    for day in range(5, 365, 15):
        rise, fall = 1 / (1 + np.exp(-0.07 * (day - start))), 1 / (1 + np.exp(-0.06 * (day - start - 120)))
        values = (0.15 + 0.6 * (rise - fall) + random.normal(0, 0.01, start.shape)).astype("float32")
        values[random.random(start.shape) < 0.1] = np.nan
        write_raster(folder / f"{np.datetime64('2021-01-01') + day}.tif", values, cell=100.0, origin=(LEFT - 230.0, TOP + 170.0), nodata=np.nan)
    scene = open_scene(SceneSettings((str(world / "scene.tif"),)))
    settings = FeatureSettings(series=str(folder), bands=True)
    made = derive(settings, scene.grid)
    recipe, rows = check_parity(settings, samples_at(*places()), scene, open_covariates(made.specs, scene.grid))
    assert recipe.names[-3:] == ("sos", "sdps", "gus") and recipe.covariates[0].made["kind"] == "phenology"
    assert 40 < np.nanmedian(rows[:, -3]) < 160
