"""Areas of interest, masks and water: which pixels a map keeps."""

import geopandas
import numpy as np
import pytest
from affine import Affine
from pyproj import CRS
from shapely.geometry import LineString, Point, Polygon, box

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Grid, Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.regions import Region, is_land, water_roles
from tests.engine.rasters import digital_numbers, reflectance, write_raster

GRID = Grid(600, 700, Affine(10.0, 0, 500000.0, 0, -10.0, 5000000.0), CRS.from_epsg(32632))
WHOLE = Window(0, 0, 600, 700)
FIELD = box(500100, 4999000, 501000, 4999800)  # columns 10-99, rows 20-99


def boundary(path, *shapes, crs="EPSG:32632", **options):
    geopandas.GeoDataFrame(geometry=list(shapes), crs=crs).to_file(path, **options)
    return path


def pieces(region, size):
    out = np.zeros(GRID.shape, bool)
    for window in GRID.windows(size):
        out[window.slices] = region.keep(window)
    return out


def test_without_anything_every_pixel_is_kept():
    assert Region(GRID).keep(WHOLE).all()


@pytest.mark.parametrize("name", ["b.gpkg", "b.geojson", "b.shp", "b.fgb"])
def test_pixels_whose_centre_lies_in_a_polygon_are_kept(tmp_path, name):
    keep = Region.open(GRID, boundary(tmp_path / name, FIELD)).keep(WHOLE)
    expected = np.zeros(GRID.shape, bool)
    expected[20:100, 10:100] = True
    np.testing.assert_array_equal(keep, expected)


def test_a_zipped_shapefile_is_read(tmp_path):
    import shutil

    (tmp_path / "in").mkdir()
    boundary(tmp_path / "in" / "field.shp", FIELD)
    packed = shutil.make_archive(str(tmp_path / "field"), "zip", tmp_path / "in")
    assert Region.open(GRID, packed).keep(WHOLE).sum() == 80 * 90


def test_a_boundary_in_degrees_keeps_the_same_pixels(tmp_path):
    path = tmp_path / "b.gpkg"
    corners = np.array(FIELD.segmentize(50).exterior.coords)
    geopandas.GeoDataFrame(geometry=[Polygon(corners)], crs=32632).to_crs(4326).to_file(path)
    assert Region.open(GRID, path).keep(WHOLE).sum() == pytest.approx(80 * 90, abs=10)


def test_several_polygons_holes_and_other_shapes(tmp_path):
    holed = Polygon(FIELD.exterior.coords, [box(500200, 4999200, 500300, 4999300).exterior.coords])
    path = boundary(
        tmp_path / "b.gpkg", holed, box(505000, 4995000, 505100, 4995100), Point(502000, 4998000), LineString([(500000, 5000000), (501000, 4999000)])
    )
    assert Region.open(GRID, path).keep(WHOLE).sum() == 80 * 90 - 100 + 100


@pytest.mark.parametrize("size", [37, 128, 512])
def test_the_kept_pixels_do_not_depend_on_the_window(tmp_path, size):
    random = np.random.default_rng(0)
    triangles = [Polygon(np.column_stack([random.uniform(500000, 507000, 3), random.uniform(4994000, 5000000, 3)])) for _ in range(5)]
    region = Region.open(GRID, boundary(tmp_path / "b.gpkg", *triangles))
    np.testing.assert_array_equal(pieces(region, size), region.keep(WHOLE))


def test_a_boundary_elsewhere_is_refused_with_both_extents(tmp_path):
    with pytest.raises(SceneError, match=r"does not overlap the map.*x 600000 to 600010"):
        Region.open(GRID, boundary(tmp_path / "b.gpkg", box(600000, 4999000, 600010, 4999010)))


def test_a_boundary_that_only_touches_the_edge_is_refused(tmp_path):
    with pytest.raises(SceneError, match="does not overlap"):
        Region.open(GRID, boundary(tmp_path / "b.gpkg", box(499000, 4999000, 500000, 4999010)))


def test_a_boundary_without_reference_system_is_refused(tmp_path):
    geopandas.GeoDataFrame(geometry=[FIELD]).to_file(tmp_path / "b.shp")
    with pytest.raises(SceneError, match="no coordinate reference system"):
        Region.open(GRID, tmp_path / "b.shp")


def test_a_boundary_without_polygons_is_refused(tmp_path):
    with pytest.raises(SceneError, match="holds no polygon, but Point"):
        Region.open(GRID, boundary(tmp_path / "b.gpkg", Point(500500, 4999500)))


@pytest.mark.parametrize("name", ["b.txt", "b.gpkg", "b.geojson", "b.zip", "b.parquet"])
def test_what_is_no_vector_file_is_refused(tmp_path, name):
    (tmp_path / name).write_text("nothing of the kind")
    with pytest.raises(UnreadableError, match="vector file"):
        Region.open(GRID, tmp_path / name)


def test_a_missing_boundary_is_refused(tmp_path):
    with pytest.raises(UnreadableError, match="does not exist"):
        Region.open(GRID, tmp_path / "none.gpkg")


def test_a_mask_keeps_what_is_above_zero_and_not_missing(tmp_path):
    mask = np.array([[0, 1], [2, 255]], "uint8")
    path = write_raster(tmp_path / "m.tif", mask, cell=10.0, nodata=255)
    keep = Region.open(GRID, mask=path).keep(WHOLE)
    assert keep[0, 1] and keep[1, 0]
    assert keep.sum() == 2


def test_a_land_cover_keeps_the_codes_that_are_named(tmp_path):
    cover = np.kron(np.array([[10, 40], [80, 40]], "uint8"), np.ones((300, 350), "uint8"))
    path = write_raster(tmp_path / "cover.tif", cover)
    assert Region.open(GRID, mask=f"{path}:40").keep(WHOLE).sum() == 2 * 300 * 350
    assert Region.open(GRID, mask=f"{path}:40,80").keep(WHOLE).sum() == 3 * 300 * 350


def test_a_coarser_mask_in_another_reference_system_is_laid_onto_the_grid(tmp_path):
    path = write_raster(tmp_path / "m.tif", np.ones((50, 50), "uint8"), crs="EPSG:4326", transform=Affine(0.0004, 0, 9.01, 0, -0.0004, 45.14))
    region = Region.open(GRID, mask=path)
    assert 0.02 < region.keep(WHOLE).mean() < 0.9
    np.testing.assert_array_equal(pieces(region, 100), region.keep(WHOLE))


def test_area_and_mask_both_hold(tmp_path):
    path = write_raster(tmp_path / "m.tif", np.tile(np.array([[0, 1]], "uint8"), (600, 350)))
    region = Region.open(GRID, boundary(tmp_path / "b.gpkg", FIELD), path)
    assert region.keep(WHOLE).sum() == 80 * 45


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    names = ("B", "G", "R", "N", "S1", "S2")
    path = write_raster(tmp_path_factory.mktemp("lake") / "s.tif", digital_numbers(reflectance(names)), names=names)
    return open_scene(SceneSettings((path,)))


def test_water_is_left_out(lake):
    keep = Region.open(lake.grid, mask="water", scene=lake).keep(Window(0, 0, 40, 50))
    expected = np.ones((40, 50), bool)
    expected[20:, 25:] = False
    np.testing.assert_array_equal(keep, expected)


def test_bands_already_read_give_the_same_answer(lake):
    region = Region.open(lake.grid, mask="water", scene=lake)
    window = Window(5, 10, 30, 30)
    bands = dict(zip(lake.roles, lake.read(window), strict=True))
    np.testing.assert_array_equal(region.keep(window, bands), region.keep(window))


@pytest.mark.parametrize(
    ("green", "dark", "land"),
    [
        (0.05, 0.01, False),  # clear water
        (0.12, 0.03, False),  # turbid water
        (0.14, 0.36, True),  # bare soil
        (0.50, 0.35, True),  # salt crust: MNDWI above 0, yet bright
        (0.03, -0.001, False),  # deep water after the offset: no index
        (np.nan, 0.3, False),
        (0.1, np.nan, False),
    ],
)
def test_the_rule_tells_water_from_soil_and_salt(green, dark, land):
    assert is_land({"G": np.float32(green), "S1": np.float32(dark)}) == land


def test_without_short_wave_infrared_the_near_infrared_serves():
    assert water_roles(("B", "G", "N")) == ("G", "N")
    assert not is_land({"G": np.float32(0.05), "N": np.float32(0.01)})
    with pytest.raises(SceneError, match="the scene has B, R"):
        water_roles(("B", "R"))


def test_water_needs_a_scene_on_the_same_grid(lake):
    with pytest.raises(SettingsError, match="finds water in the scene"):
        Region.open(GRID, mask="water")
    with pytest.raises(SceneError, match="on the grid of the map"):
        Region.open(GRID, mask="water", scene=lake)


def test_the_rule_finds_the_sea_of_the_synthetic_coast_and_keeps_its_land(demo):
    import rasterio

    scene = open_scene(SceneSettings((str(demo / "scene.tif"),)))
    with rasterio.open(demo / "truth" / "water.tif") as dataset:
        water = dataset.read(1) == 1
    keep = Region.open(scene.grid, mask="water", scene=scene).keep(Window(0, 0, *scene.grid.shape))
    assert (keep & water).sum() / water.sum() < 0.01
    assert (keep & ~water).sum() / (~water).sum() > 0.97
