"""Terrain rasters: like gdaldem's, the same for every window, on the right cells, and honest about what was assumed."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS, Transformer

from soilcore.core.errors import SceneError, SettingsError, Stopped
from soilcore.core.grids import Grid, Window
from soilcore.features.terrain import ATTRIBUTES, TerrainSettings, write_terrain
from soilcore.features.terrain_dem import open_elevation, stored_flat
from tests.engine.rasters import write_raster

UTM = "EPSG:32632"


@pytest.fixture(scope="session")
def gdaldem():
    """Run gdaldem; tests that need it skip where it is not installed, and fail in CI."""
    program = shutil.which("gdaldem")
    if program is None:
        reason = "gdaldem not found; install gdal-bin"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    def run(mode, source, out, *options):
        subprocess.run([program, mode, str(source), str(out), "-q", *options], check=True, capture_output=True)
        return bands_of(out)[0]

    return run


def bands_of(path):
    """Bands of a raster, NaN for no data."""
    with rasterio.open(path) as dataset:
        values = dataset.read()
        return np.where(values == dataset.nodata, np.nan, values) if dataset.nodata is not None else values


def terrain_of(path, out, grid=None, **settings):
    """Bands by name."""
    facts = write_terrain(path, out, TerrainSettings(overwrite=True, **settings), grid=grid)
    return dict(zip((band["name"] for band in facts["bands"]), bands_of(out), strict=True))


def relief(shape=(90, 110), seed=0):
    """Rolling ground with a gap in it."""
    from scipy.ndimage import gaussian_filter

    z = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 4) * 300 + 200
    z[30:34, 50:57] = np.nan
    return z.astype(np.float32)


def worst(ours, theirs):
    """Largest difference; both must be missing at the same places."""
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    return float(np.nanmax(np.abs(ours - theirs)))


@pytest.mark.parametrize("name", ["dem/whitebox_DEM.tif", "imagery/l7_olinda_dem.tif"])
@pytest.mark.parametrize(("slope", "algorithm"), [("horn", "Horn"), ("zt", "ZevenbergenThorne")])
def test_slope_is_that_of_gdaldem_to_1e_4_degrees(shared_data, tmp_path, gdaldem, name, slope, algorithm):
    theirs = gdaldem("slope", shared_data / name, tmp_path / "theirs.tif", "-alg", algorithm)
    ours = terrain_of(shared_data / name, tmp_path / "ours.tif", slope=slope, attributes=("slope_deg",))["slope_deg"]
    assert worst(ours, theirs) < 1e-4


def test_slope_on_the_amazon_is_that_of_gdaldem_once_both_have_the_same_reprojected_raster(shared_data, tmp_path, gdaldem):
    path = shared_data / "imagery" / "s2_12band_amazon_srtm.tif"
    opened = open_elevation(path)
    assert opened.grid.crs.to_epsg() == 32721
    flat = stored_flat(opened, tmp_path / "flat.tif", Window(0, 0, *opened.grid.shape))
    theirs = gdaldem("slope", flat.file.path, tmp_path / "theirs.tif")
    ours = terrain_of(path, tmp_path / "ours.tif", attributes=("slope_deg",))["slope_deg"]
    assert worst(ours, theirs) < 1e-4
    assert np.nanmax(ours) > 10


def test_aspect_is_that_of_gdaldem_where_cells_are_square(shared_data, tmp_path, gdaldem):
    path = shared_data / "imagery" / "l7_olinda_dem.tif"
    theirs = gdaldem("aspect", path, tmp_path / "theirs.tif")
    ours = terrain_of(path, tmp_path / "ours.tif", attributes=("aspect_deg",))["aspect_deg"]
    apart = np.abs(ours - theirs)
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.nanmax(np.minimum(apart, 360 - apart)) < 1e-3


def test_position_within_a_cell_and_a_half_is_that_of_gdaldem(shared_data, tmp_path, gdaldem):
    path = shared_data / "imagery" / "l7_olinda_dem.tif"
    theirs = gdaldem("TPI", path, tmp_path / "theirs.tif")
    ours = terrain_of(path, tmp_path / "ours.tif", attributes=("tpi",), tpi_radius=135.0)["tpi"]
    assert np.nanmax(np.abs(ours - theirs)[1:-1, 1:-1]) < 1e-4


@pytest.mark.parametrize("projection", ["plane", "degrees"])
def test_no_window_changes_a_value(tmp_path, projection):
    place = {"crs": UTM, "transform": Affine(30, 0, 5e5, 0, -20, 5e6)} if projection == "plane" else {}
    if projection == "degrees":
        place = {"crs": "EPSG:4326", "transform": Affine(3e-4, 0, 9.0, 0, -3e-4, 45.0)}
    path = write_raster(tmp_path / "dem.tif", relief(), nodata=-9999.0, **place)
    whole = terrain_of(path, tmp_path / "whole.tif", smooth=1.5, window=512)
    for window in (16, 37, 64):
        cut = terrain_of(path, tmp_path / "cut.tif", smooth=1.5, window=window)
        for name in ATTRIBUTES:
            assert np.array_equal(whole[name], cut[name], equal_nan=True), (name, window)
    assert all(np.isfinite(whole[name]).sum() > 5000 for name in ATTRIBUTES)


def test_the_file_says_what_its_bands_are_and_how_they_were_made(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs=UTM)
    facts = write_terrain(path, tmp_path / "terrain.tif", TerrainSettings(convention="arcgis", smooth=1.0, tpi_radius=50.0))
    with rasterio.open(tmp_path / "terrain.tif") as dataset:
        assert dataset.descriptions == ATTRIBUTES
        assert dataset.units[:5] == ("degree", "degree", "1/(100 m)", "1/(100 m)", "1/(100 m)")
        assert set(dataset.dtypes) == {"float32"}
        assert np.isnan(dataset.nodata)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        told = json.loads(dataset.tags()["SOILCORE_TERRAIN"])
    assert (told["convention"], told["smooth"], told["slope"], told["tpi_radius"], told["plane"]) == ("arcgis", 1.0, "horn", 50.0, UTM)
    values = bands_of(tmp_path / "terrain.tif")
    for band, layer in zip(facts["bands"], values, strict=True):
        assert band["valid"] == np.isfinite(layer).sum()
        assert (band["min"], band["median"], band["max"]) == pytest.approx((np.nanmin(layer), np.nanmedian(layer), np.nanmax(layer)))
    assert facts["cell_m"] == [10.0, 10.0]
    assert any("does not say" in line for line in facts["assumed"])


def test_edges_and_neighbours_of_gaps_are_missing(tmp_path):
    z = relief()
    path = write_raster(tmp_path / "dem.tif", z, crs=UTM)
    made = terrain_of(path, tmp_path / "out.tif")
    missing = np.isnan(np.pad(z, 1, constant_values=np.nan))
    around = np.any([np.roll(missing, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=0)[1:-1, 1:-1]
    for name in ("slope_deg", "profile_curvature", "plan_curvature", "tangential_curvature", "twi"):
        assert np.array_equal(np.isnan(made[name]), around), name
    assert np.array_equal(np.isnan(made["tpi"]), np.isnan(z))


def test_an_elevation_model_in_degrees_is_laid_onto_its_utm_zone_and_that_is_said(tmp_path):
    to_utm = Transformer.from_crs(4326, 32632, always_xy=True)
    lon, lat = np.meshgrid(9 + (np.arange(120) + 0.5) * 3e-4, 60 - (np.arange(100) + 0.5) * 3e-4)
    east, north = to_utm.transform(lon, lat)
    z = (0.1 * (east - east.min()) + 0.05 * (north - north.min())).astype(np.float32)
    path = write_raster(tmp_path / "dem.tif", z, crs="EPSG:4326", transform=Affine(3e-4, 0, 9, 0, -3e-4, 60))
    facts = write_terrain(path, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg", "aspect_deg")))
    slope, aspect = bands_of(tmp_path / "out.tif")
    inner = np.isfinite(slope)
    assert np.median(slope[inner]) == pytest.approx(np.degrees(np.arctan(np.hypot(0.1, 0.05))), abs=0.01)
    assert np.median(aspect[inner]) == pytest.approx(np.degrees(np.arctan2(-0.1, -0.05)) % 360, abs=0.1)
    assert facts["crs"] == "EPSG:32632"
    assert facts["cell_m"][0] == pytest.approx(33.4, abs=0.1)  # the longer side: half as far from east to west at 60 degrees north
    assert any("UTM zone 32N" in line and "degrees" in line for line in facts["assumed"])


def test_web_mercator_is_not_taken_for_metres(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs="EPSG:3857", transform=Affine(60, 0, 1e6, 0, -60, 8.4e6))
    facts = write_terrain(path, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg",)))
    assert facts["cell_m"][0] == pytest.approx(30, abs=0.5)
    assert facts["crs"] == "EPSG:32632"


def test_feet_of_the_plane_and_of_the_elevation_become_metres(tmp_path):
    z = np.tile(np.arange(40.0, dtype=np.float32) * 10, (30, 1))
    path = write_raster(tmp_path / "dem.tif", z, crs="EPSG:2263", transform=Affine(100, 0, 1e6, 0, -100, 2e5))
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ["ft"]
    facts = write_terrain(path, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg", "tpi"), tpi_radius=60.0))
    slope, _ = bands_of(tmp_path / "out.tif")
    assert facts["cell_m"] == pytest.approx([30.48006, 30.48006], abs=1e-4)
    assert slope[5, 5] == pytest.approx(np.degrees(np.arctan(0.1 * 0.3048 / (1200 / 3937))), abs=1e-4)
    assert any("0.3048" in line for line in facts["assumed"])


def test_an_unknown_unit_of_elevation_is_refused(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs=UTM)
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ["furlong"]
    with pytest.raises(SceneError, match="furlong"):
        write_terrain(path, tmp_path / "out.tif")


def test_a_fill_that_the_file_does_not_declare_is_no_cliff(tmp_path):
    z = relief()
    gone = np.isnan(z)
    path = write_raster(tmp_path / "dem.tif", np.where(gone, np.float32(-9999), z), crs=UTM)
    facts = write_terrain(path, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg", "tpi")))
    slope, position = bands_of(tmp_path / "out.tif")
    assert np.array_equal(np.isnan(position), gone)
    assert np.nanmax(slope) < 89
    assert any("-9999" in line for line in facts["assumed"])


def test_a_usual_fill_beside_another_declared_one_is_refused_and_a_deep_sea_is_not(tmp_path):
    z = relief()
    declared = write_raster(tmp_path / "dem.tif", np.where(np.isnan(z), np.float32(-9999), z), crs=UTM, nodata=-32768)
    with pytest.raises(SceneError, match="-9999 m beside ordinary elevations"):
        write_terrain(declared, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg",)))
    assert not (tmp_path / "out.tif").exists()
    trench = np.linspace(-10050, -9950, 400, dtype=np.float32).reshape(20, 20)
    trench[10, 10] = -9999
    deep = write_raster(tmp_path / "sea.tif", trench, crs=UTM, nodata=-32768)
    assert np.isfinite(terrain_of(deep, tmp_path / "sea_out.tif", attributes=("slope_deg",))["slope_deg"]).sum() == 18 * 18


@pytest.mark.parametrize("laid", (False, True))
def test_an_elevation_model_without_a_value_is_refused_and_leaves_nothing(tmp_path, laid):
    path = write_raster(tmp_path / "dem.tif", np.full((20, 20), np.nan, np.float32), crs=UTM)
    grid = None
    if laid:
        with rasterio.open(path) as dataset:
            place = dataset.transform
        grid = Grid(10, 10, Affine(place.a / 2, 0, place.c + place.a, 0, place.e / 2, place.f + place.e), CRS(UTM))
    with pytest.raises(SceneError, match="gives no value of slope_deg"):
        write_terrain(path, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg",)), grid=grid)
    assert [each.name for each in tmp_path.iterdir()] == ["dem.tif"]


def test_elevations_beyond_the_earth_are_refused(tmp_path):
    z = relief()
    z[3, 3] = 65535
    path = write_raster(tmp_path / "dem.tif", z, crs=UTM)
    with pytest.raises(SceneError, match="65535 m"):
        write_terrain(path, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg",)))
    assert [each.name for each in tmp_path.iterdir()] == ["dem.tif"]


def test_the_result_not_the_elevation_is_laid_onto_another_grid(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs=UTM, cell=30.0)
    own = terrain_of(path, tmp_path / "own.tif", attributes=("slope_deg",))["slope_deg"]
    fine = Grid(60, 60, Affine(10, 0, 500600, 0, -10, 4999400), CRS.from_user_input(UTM))
    laid = terrain_of(path, tmp_path / "laid.tif", grid=fine, attributes=("slope_deg",))["slope_deg"]
    # Every third pixel has its centre on that of a cell.
    assert np.allclose(laid[1::3, 1::3], own[20:40, 20:40], atol=1e-5)
    assert np.allclose(laid[1, 2], own[20, 20] + (own[20, 21] - own[20, 20]) / 3, atol=1e-4)


def test_what_lies_under_a_small_grid_is_the_same_whether_the_rest_was_computed_or_not(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief((300, 310)), crs="EPSG:4326", transform=Affine(3e-4, 0, 9.0, 0, -3e-4, 45.0))
    grid = Grid(40, 50, Affine(25, 0, 503200, 0, -25, 4978900), CRS.from_user_input(UTM))
    names = ("slope_deg", "plan_curvature", "tpi")
    part = terrain_of(path, tmp_path / "part.tif", grid=grid, attributes=names, smooth=1.0, window=32)
    full = terrain_of(path, tmp_path / "full.tif", grid=grid, attributes=(*names, "twi"), smooth=1.0, window=64)
    for name in names:
        assert np.isfinite(part[name]).all()
        assert np.array_equal(part[name], full[name])


def test_aspects_on_both_sides_of_north_do_not_average_to_south(tmp_path):
    rows, cols = np.mgrid[:60, :60]
    z = (0.5 * rows + 0.05 * np.where(cols % 2, 1, -1)).astype(np.float32)
    z += (0.02 * np.abs(cols - 30)).astype(np.float32)
    path = write_raster(tmp_path / "dem.tif", z, crs=UTM)
    coarse = Grid(16, 16, Affine(31, 0, 500040, 0, -31, 4999960), CRS.from_user_input(UTM))
    aspect = terrain_of(path, tmp_path / "out.tif", grid=coarse, attributes=("aspect_deg",))["aspect_deg"]
    assert np.isfinite(aspect).all()
    assert np.all(np.minimum(aspect, 360 - aspect) < 15)
    assert aspect.max() < 360


def test_a_grid_elsewhere_is_refused(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs=UTM)
    elsewhere = Grid(40, 40, Affine(10, 0, 600000, 0, -10, 4999000), CRS.from_user_input(UTM))
    with pytest.raises(SceneError, match="does not overlap"):
        write_terrain(path, tmp_path / "out.tif", grid=elsewhere)


def test_cells_may_be_coarser_but_not_finer(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs=UTM)
    facts = write_terrain(path, tmp_path / "out.tif", TerrainSettings(attributes=("slope_deg",), cell=30.0))
    assert facts["cell_m"] == [30.0, 30.0]
    assert bands_of(tmp_path / "out.tif").shape == (1, 30, 37)
    with pytest.raises(SettingsError, match="interpolation"):
        write_terrain(path, tmp_path / "finer.tif", TerrainSettings(cell=5.0))


def test_a_stopped_run_leaves_nothing_and_an_existing_file_is_kept(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs=UTM)
    out = tmp_path / "out.tif"
    out.write_bytes(b"mine")

    def stop(done, total, message):
        if "computing" in message and done > 0.5:
            raise Stopped

    with pytest.raises(SettingsError, match="exists already"):
        write_terrain(path, out)
    with pytest.raises(Stopped):
        write_terrain(path, out, TerrainSettings(window=32, overwrite=True), report=stop)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dem.tif", "out.tif"]
    assert out.read_bytes() == b"mine"


def test_progress_only_grows_and_ends_whole(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief(), crs="EPSG:4326", transform=Affine(3e-4, 0, 9.0, 0, -3e-4, 45.0))
    grid = Grid(40, 50, Affine(25, 0, 500200, 0, -25, 4982900), CRS.from_user_input(UTM))
    shares = []
    write_terrain(path, tmp_path / "out.tif", TerrainSettings(window=32), grid=grid, report=lambda done, total, _: shares.append(done / total))
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"slope": "hill"}, "horn, zt"),
        ({"attributes": ("hillshade",)}, "slope_deg"),
        ({"attributes": ()}, "at least one"),
        ({"attributes": ("twi", "twi")}, "once"),
        ({"smooth": -1.0}, "0 .none. to 50"),
        ({"tpi_radius": float("nan")}, "metres above 0"),
        ({"tpi_radius": 5.0, "attributes": ("tpi",)}, "larger"),
        ({"tpi_radius": 1e5, "attributes": ("tpi",)}, "smaller"),
        ({"window": 3}, "16 to 8192"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(tmp_path, settings, said):
    path = write_raster(tmp_path / "dem.tif", relief(), crs=UTM)
    with pytest.raises(SettingsError, match=said):
        write_terrain(path, tmp_path / "out.tif", TerrainSettings(**settings))
    assert not (tmp_path / "out.tif").exists()


def test_two_columns_of_cells_are_no_terrain(tmp_path):
    path = write_raster(tmp_path / "dem.tif", relief()[:20, :2], crs=UTM)
    with pytest.raises(SceneError, match="at least 3 x 3"):
        write_terrain(path, tmp_path / "out.tif")
