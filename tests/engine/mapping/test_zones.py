"""Fields on a map: what part of each pixel they cover, exactly, and how their file is read."""

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS
from shapely.geometry import MultiPolygon, Polygon, box

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Grid
from soilcore.mapping.zones import covered_pixels, pixel_box, read_fields, whole_grid

GRID = Grid(300, 280, Affine(10, 0, 500000, 0, -10, 4000000), CRS.from_epsg(32650))


def coverage(shape, grid=GRID):
    """Covered part of every pixel of the grid."""
    part = np.zeros(grid.shape)
    for window, covered in covered_pixels(shape, grid):
        assert not part[window.slices].any()
        part[window.slices] = covered
    return part


def by_hand(shape, rows, cols, grid=GRID):
    """The same, pixel by pixel."""
    part = np.zeros(grid.shape)
    for row in rows:
        for col in cols:
            left, top = grid.transform @ (col, row) if hasattr(grid.transform, "__matmul__") else grid.transform * (col, row)
            part[row, col] = shape.intersection(box(left, top - 10, left + 10, top)).area / 100
    return part


def test_every_pixel_counts_by_the_part_that_lies_inside():
    rng = np.random.default_rng(1)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
    radius = rng.uniform(60, 120, 40)
    shape = Polygon(np.column_stack([500400.3 + radius * np.cos(angles), 3999600.7 + radius * np.sin(angles)]))
    np.testing.assert_allclose(coverage(shape), by_hand(shape, range(25, 60), range(25, 60)), atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_corners_on_the_lines_between_pixels_and_slivers_are_exact(seed):
    """Outlines whose corners lie on lines and corners of pixels, with holes and touching parts, as drawn on a grid."""
    rng = np.random.default_rng(seed)
    steps = 5.0 if seed % 2 else 10.0
    corners = (500000, 3999760) + steps * rng.integers(0, 25, (7, 2))
    hull = shapely.convex_hull(shapely.multipoints(corners))
    sliver = Polygon([(500000, 3999880), (500120, 3999880.003), (500120, 3999880)])
    shape = shapely.make_valid(shapely.union(hull - box(500040, 3999820, 500060 + seed, 3999850), sliver))
    np.testing.assert_allclose(coverage(shape), by_hand(shape, range(24), range(25)), atol=1e-9)


def test_holes_and_parts_across_blocks_are_exact():
    ring = Polygon(box(502400, 3997300, 502700, 3997600).exterior, [box(502503, 3997411, 502598, 3997522).exterior.coords[::-1]])
    shape = MultiPolygon([ring, box(500012, 3999911, 500019, 3999917)])
    part = coverage(shape)
    assert part.sum() * 100 == pytest.approx(shape.area, rel=1e-12)
    assert part[8, 1] == pytest.approx(0.42)  # a parcel smaller than a pixel
    assert part.max() == 1 and part.min() == 0


def test_what_lies_beyond_the_map_is_cut_off():
    shape = box(499000, 3999955, 500025, 4001000)
    np.testing.assert_allclose(coverage(shape)[:6, :4], [[1, 1, 0.5, 0]] * 4 + [[0.5, 0.5, 0.25, 0], [0, 0, 0, 0]])
    assert pixel_box(shape, GRID) == (0, 0, 5, 3)
    assert not list(covered_pixels(box(0, 0, 10, 10), GRID))


def test_neighbours_share_their_pixels_without_gap_or_overlap():
    left, right = box(500100, 3999000, 500333.3, 3999500), box(500333.3, 3999000, 500600, 3999500)
    np.testing.assert_allclose(coverage(left) + coverage(right), coverage(box(500100, 3999000, 500600, 3999500)), atol=1e-12)


def test_the_whole_grid_is_every_pixel_once():
    part = np.zeros(GRID.shape)
    for window, covered in whole_grid(GRID):
        part[window.slices] += covered
    assert (part == 1).all()
    few = sum(covered.sum() for _, covered in whole_grid(GRID, 5000))
    assert few == pytest.approx(GRID.height * GRID.width, rel=0.03)  # every 5th pixel for 25


def frame(shapes, crs=32650, **columns):
    return geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=crs)


FIELDS = (box(500100, 3999000, 500300, 3999300), box(500300, 3999000, 500700, 3999300))


def test_fields_come_into_the_maps_system_with_their_names_and_true_areas(tmp_path):
    path = tmp_path / "fields.gpkg"
    frame(FIELDS, Field_ID=["north", "south"], use=["a", "a"]).to_crs(4326).to_file(path)
    fields = read_fields(path, GRID)
    assert fields.ids == ("north", "south") and fields.id_column == "Field_ID"
    np.testing.assert_allclose(shapely.area(fields.polygons), [60000, 120000], rtol=1e-6)
    np.testing.assert_allclose(fields.areas_ha, [6, 12], rtol=2e-3)  # on the ellipsoid, not in the plane of the projection
    assert list(fields.columns["use"]) == ["a", "a"]


def test_fields_without_a_usable_name_are_numbered_and_other_features_left_out(tmp_path):
    path = tmp_path / "fields.geojson"
    frame([*FIELDS, shapely.Point(500200, 3999100)], name=["same", "same", "well"]).to_crs(4326).to_file(path, driver="GeoJSON")
    fields = read_fields(path, GRID)
    assert fields.ids == ("1", "2") and fields.id_column is None
    assert any("1 of 3" in remark for remark in fields.remarks)


def test_a_layer_and_a_column_can_be_named(tmp_path):
    path = tmp_path / "farm.gpkg"
    frame([shapely.Point(500200, 3999100)], kind=["well"]).to_file(path, layer="wells")
    frame(FIELDS, block=[7.0, 8.0]).to_file(path, layer="parcels")
    assert read_fields(path, GRID, layer="parcels", id_column="block").ids == ("7", "8")
    with pytest.raises(SettingsError, match="no column 'owner'"):
        read_fields(path, GRID, layer="parcels", id_column="owner")
    with pytest.raises(UnreadableError, match="farms"):
        read_fields(path, GRID, layer="farms")
    with pytest.raises(SceneError, match="Point"):
        read_fields(path, GRID, layer="wells")


def test_fields_elsewhere_or_nowhere_are_refused(tmp_path):
    frame([box(0, 0, 10, 10)]).to_file(tmp_path / "far.gpkg")
    with pytest.raises(SceneError, match="lies on the map"):
        read_fields(tmp_path / "far.gpkg", GRID)
    frame(FIELDS, crs=None).to_file(tmp_path / "none.gpkg")
    with pytest.raises(SceneError, match="reference system"):
        read_fields(tmp_path / "none.gpkg", GRID)


def test_a_crossed_outline_is_mended(tmp_path):
    bow = Polygon([(500100, 3999000), (500300, 3999200), (500300, 3999000), (500100, 3999200)])
    frame([bow]).to_file(tmp_path / "bow.gpkg")
    fields = read_fields(tmp_path / "bow.gpkg", GRID)
    assert coverage(fields.polygons[0]).sum() * 100 == pytest.approx(20000)
    assert fields.areas_ha[0] == pytest.approx(2, rel=2e-3)
