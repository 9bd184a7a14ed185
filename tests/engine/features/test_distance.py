"""Distance rasters: exactly those of the geometry library, across windows, reference systems and kinds of features."""

import zipfile

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import CRS, Geod, Transformer

from soilcore.core.errors import SceneError, SettingsError, Stopped, UnreadableError
from soilcore.core.grids import Grid
from soilcore.features.distance import write_distance

UTM = CRS.from_epsg(32650)
LEFT, TOP = 500000.0, 4400000.0


def grid_of(height=60, width=80, cell=10.0):
    return Grid(height, width, Affine(cell, 0, LEFT, 0, -cell, TOP), UTM)


def vector(path, shapes, crs=UTM):
    """Write shapes to a file."""
    geopandas.GeoDataFrame(geometry=list(shapes), crs=crs).to_file(path)
    return path


def measured(path, grid, out, **how):
    """The raster and the facts."""
    facts = write_distance(path, grid, out, overwrite=True, **how)
    with rasterio.open(out) as dataset:
        return dataset.read(1), facts


def centres(grid):
    """Pixel centres as points, shape (rows, cols)."""
    x = LEFT + grid.transform.a * (np.arange(grid.width) + 0.5)
    y = TOP + grid.transform.e * (np.arange(grid.height) + 0.5)
    return shapely.points(*np.meshgrid(x, y))


def scattered(kind, seed=0, count=25, extent=(800.0, 600.0)):
    """Random features over the grid and a little beyond."""
    generator = np.random.default_rng(seed)
    corners = np.column_stack(
        (generator.uniform(LEFT - 100, LEFT + extent[0] + 100, count), generator.uniform(TOP - extent[1] - 100, TOP + 100, count))
    )
    if kind == "points":
        return list(shapely.points(corners))
    if kind == "lines":
        return [shapely.LineString(corner + generator.normal(0, 60, (30, 2)).cumsum(0)) for corner in corners[:8]]
    hole = shapely.Point(LEFT + 400, TOP - 300).buffer(45)
    return [shapely.Point(corner).buffer(reach).difference(hole) for corner, reach in zip(corners, generator.uniform(10, 90, count), strict=True)]


@pytest.mark.parametrize("kind", ["points", "lines", "polygons"])
def test_every_pixel_has_the_distance_that_the_geometry_library_measures(tmp_path, kind):
    shapes, grid = scattered(kind), grid_of()
    values, facts = measured(vector(tmp_path / "v.gpkg", shapes), grid, tmp_path / "out.tif")
    wanted = shapely.distance(centres(grid), shapely.union_all(shapes))
    assert np.abs(values - wanted).max() < 1e-4
    assert np.array_equal(values == 0, wanted == 0)
    assert facts["features"] == {kind: len(shapes)}


def test_windows_meet_without_a_seam(tmp_path):
    grid = grid_of(700, 1100, 2.0)
    shapes = scattered("lines", 3, extent=(2200, 1400)) + scattered("polygons", 4, extent=(2200, 1400))
    values, _ = measured(vector(tmp_path / "v.gpkg", shapes), grid, tmp_path / "out.tif")
    near = np.zeros(values.shape, bool)
    near[509:515, ::3] = near[::3, 509:515] = near[::3, 1021:1027] = True
    tree = shapely.STRtree(shapes)
    _, wanted = tree.query_nearest(centres(grid)[near], return_distance=True, all_matches=False)
    assert np.abs(values[near] - wanted).max() < 1e-4


def test_within_polygons_the_distance_is_0_or_that_to_their_outline(tmp_path):
    lake = shapely.Point(LEFT + 400, TOP - 300).buffer(150).difference(shapely.Point(LEFT + 400, TOP - 300).buffer(40))
    path, grid = vector(tmp_path / "v.geojson", [lake]), grid_of()
    inside = shapely.contains(lake, centres(grid))
    values, facts = measured(path, grid, tmp_path / "out.tif")
    assert np.array_equal(values == 0, inside)
    assert values[30, 40] > 30  # on the island the shore is away
    outline, told = measured(path, grid, tmp_path / "outline.tif", boundary=True)
    assert np.abs(outline - shapely.distance(centres(grid), lake.boundary)).max() < 1e-4
    assert facts["assumed"] != told["assumed"]


def test_overlapping_polygons_and_collections_count_as_one_area(tmp_path):
    square = shapely.box(LEFT + 100, TOP - 400, LEFT + 300, TOP - 200)
    mixed = shapely.GeometryCollection(
        [shapely.box(LEFT + 200, TOP - 300, LEFT + 400, TOP - 100), shapely.LineString([(LEFT, TOP), (LEFT + 90, TOP - 500)])]
    )
    bow = shapely.Polygon([(LEFT + 500, TOP - 300), (LEFT + 700, TOP - 100), (LEFT + 700, TOP - 300), (LEFT + 500, TOP - 100)])
    grid = grid_of()
    values, facts = measured(vector(tmp_path / "v.gpkg", [square, mixed, bow, None]), grid, tmp_path / "out.tif")
    wanted = shapely.distance(centres(grid), shapely.union_all([square, mixed, shapely.make_valid(bow)]))
    assert np.abs(values - wanted).max() < 1e-3
    assert facts["features"] == {"lines": 1, "polygons": 3}


def test_on_a_grid_in_degrees_distances_are_metres_on_the_ground(tmp_path):
    grid = Grid(50, 60, Affine(0.002, 0, 116.0, 0, -0.002, 39.0), CRS.from_epsg(4326))
    values, facts = measured(vector(tmp_path / "v.geojson", [shapely.Point(116.05, 38.95)], 4326), grid, tmp_path / "out.tif")
    lon, lat = np.meshgrid(116.0 + 0.002 * (np.arange(60) + 0.5), 39.0 - 0.002 * (np.arange(50) + 0.5))
    _, _, wanted = Geod(ellps="WGS84").inv(lon, lat, np.full(lon.shape, 116.05), np.full(lon.shape, 38.95))
    assert np.abs(values / wanted - 1).max() < 1e-3
    assert facts["crs"] == "EPSG:32650"
    assert any("UTM zone 50N" in line for line in facts["assumed"])


def test_polygons_in_degrees_are_found_on_a_grid_in_degrees(tmp_path):
    grid = Grid(50, 60, Affine(0.002, 0, 116.0, 0, -0.002, 39.0), CRS.from_epsg(4326))
    values, _ = measured(vector(tmp_path / "v.geojson", [shapely.box(116.02, 38.93, 116.06, 38.97)], 4326), grid, tmp_path / "out.tif")
    inside = np.zeros((50, 60), bool)
    inside[15:35, 10:30] = True
    assert np.array_equal(values == 0, inside)


def test_a_vector_file_in_another_reference_system_is_brought_onto_the_grid(tmp_path):
    shapes, grid = scattered("lines"), grid_of()
    here, _ = measured(vector(tmp_path / "here.gpkg", shapes), grid, tmp_path / "here.tif")
    there = geopandas.GeoDataFrame(geometry=shapes, crs=UTM).to_crs(4326)
    there.to_file(tmp_path / "there.geojson")
    again, _ = measured(tmp_path / "there.geojson", grid, tmp_path / "again.tif")
    assert np.abs(here - again).max() < 0.05


def test_long_sides_in_degrees_are_curved_on_the_plane(tmp_path):
    parallel = shapely.LineString([(114.0, 39.7), (120.0, 39.7)])
    values, _ = measured(vector(tmp_path / "v.geojson", [parallel], 4326), grid_of(cell=100.0), tmp_path / "out.tif")
    _, north = Transformer.from_crs(4326, UTM, always_xy=True).transform(117.0, 39.7)
    rows = TOP - 100 * (np.arange(60) + 0.5)
    assert np.abs(values[:, 0] - np.abs(rows - north)).max() < 1  # its two ends alone would put it 4 km farther north


def test_a_grid_in_feet_gives_metres(tmp_path):
    crs = CRS.from_epsg(2263)
    grid = Grid(20, 20, Affine(100, 0, 1e6, 0, -100, 2e5), crs)
    values, _ = measured(vector(tmp_path / "v.gpkg", [shapely.Point(1e6 + 50, 2e5 - 50)], crs), grid, tmp_path / "out.tif")
    assert values[0, 10] == pytest.approx(1000 * 1200 / 3937, rel=1e-6)


def test_a_zipped_shapefile_serves_and_the_file_says_what_it_is(tmp_path):
    vector(tmp_path / "v.shp", scattered("lines"))
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        for part in tmp_path.glob("v.*"):
            if part.suffix != ".zip":
                archive.write(part, part.name)
    values, facts = measured(tmp_path / "v.zip", grid_of(), tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert (dataset.descriptions, dataset.units, dataset.dtypes) == (("distance",), ("m",), ("float32",))
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    band = facts["bands"][0]
    assert (band["valid"], band["min"], band["max"]) == (values.size, pytest.approx(values.min()), pytest.approx(values.max()))


@pytest.mark.parametrize("packed", [False, True])
def test_a_vector_file_that_points_to_another_is_refused(tmp_path, packed):
    vector(tmp_path / "secret.geojson", [shapely.Point(1, 2)], 4326)
    text = f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{tmp_path}/secret.geojson</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
    path = tmp_path / ("v.zip" if packed else "v.geojson")
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("v.shp", text)
    else:
        path.write_text(text)
    with pytest.raises(UnreadableError, match="points to other files"):
        write_distance(path, grid_of(), tmp_path / "out.tif")


def test_files_without_a_system_or_a_shape_are_refused(tmp_path):
    geopandas.GeoDataFrame(geometry=[shapely.Point(1, 2)]).to_file(tmp_path / "nowhere.gpkg")
    with pytest.raises(SceneError, match="no coordinate reference system"):
        write_distance(tmp_path / "nowhere.gpkg", grid_of(), tmp_path / "out.tif")
    vector(tmp_path / "empty.gpkg", [shapely.Point(), None])
    with pytest.raises(SceneError, match="no geometry"):
        write_distance(tmp_path / "empty.gpkg", grid_of(), tmp_path / "out.tif")
    (tmp_path / "text.geojson").write_text("no vector")
    with pytest.raises(UnreadableError, match="vector file"):
        write_distance(tmp_path / "text.geojson", grid_of(), tmp_path / "out.tif")


def test_a_stopped_run_leaves_nothing_and_an_existing_file_is_kept(tmp_path):
    path, out = vector(tmp_path / "v.gpkg", scattered("lines")), tmp_path / "out.tif"
    out.write_bytes(b"mine")

    def stop(done, total, message):
        if "measuring" in message:
            raise Stopped

    with pytest.raises(SettingsError, match="exists already"):
        write_distance(path, grid_of(), out)
    with pytest.raises(Stopped):
        write_distance(path, grid_of(), out, overwrite=True, report=stop)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.tif", "v.gpkg"]
    assert out.read_bytes() == b"mine"
