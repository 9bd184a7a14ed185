"""Places that stand for a map: they lie where a map would have values, with the map's own predictors."""

import numpy as np
import pytest

from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.landscape_files import make_coast
from soilcore.data.regions import Region
from soilcore.features.map_points import map_points
from soilcore.features.recipe import FeatureRecipe
from soilcore.features.source import FeatureSource


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coast")
    make_coast(folder / "demo", size=96, samples=20, dates=1)
    scene = open_scene(SceneSettings((str(folder / "demo" / "scene.tif"),)))
    return FeatureSource(FeatureRecipe(bands=("B", "N"), indices=("NDVI",), scale=scene.scaling.scale, offset=scene.scaling.offset), scene)


def test_points_carry_the_predictors_of_the_pixels_they_lie_in(source):
    points = map_points(source, most=300)
    rows, cols, inside = source.grid.rows_cols(points.x, points.y)
    with source.reader() as reader:
        whole = reader.read(Window(0, 0, 96, 96))
    assert inside.all()
    assert 150 < len(points) <= 500
    np.testing.assert_array_equal(points.X.to_numpy(), whole[:, rows, cols].T)


def test_points_are_spread_over_the_whole_grid_at_one_distance(source):
    rows, cols, _ = source.grid.rows_cols(*(getattr(map_points(source, most=300), axis) for axis in "xy"))
    for places in (rows, cols):
        assert len(set(np.diff(np.unique(places)))) == 1
        assert places.min() < 10 and places.max() > 85


def test_water_holds_no_point_when_water_is_left_out(source):
    region = Region.open(source.grid, mask="water", scene=source.scene)
    points, land = map_points(source), map_points(source, region)
    rows, cols, _ = source.grid.rows_cols(land.x, land.y)
    assert 0 < len(land) < len(points)
    assert region.keep(Window(0, 0, 96, 96))[rows, cols].all()


def test_there_are_no_points_where_nothing_can_be_mapped(source):
    class Nowhere:
        def keep(self, window):
            return np.zeros((window.height, window.width), bool)

    assert map_points(source, Nowhere()) is None
