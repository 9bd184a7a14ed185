"""Flow over a raster: mass is kept, depressions are filled, hand-made and analytical cases come out."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Grid
from soilcore.features.terrain_flow import FLOWS, LEAST_TAN, check_room, drained_area, wetness_index


def relief(shape=(60, 70), seed=0, step=None):
    """Random relief; in whole steps it has level ground and depressions everywhere."""
    z = np.random.default_rng(seed).normal(size=shape).cumsum(0).cumsum(1)
    return (np.round(z / step) * step if step else z).astype(np.float32)


def filled(z):
    """The lowest surface above `z` from which water gets out, by sweeping until nothing changes."""
    known = ~np.isnan(z)
    padded = np.pad(np.where(known, z, -np.inf), 1, constant_values=-np.inf)
    water = np.where(np.isfinite(padded), np.inf, -np.inf)
    while True:
        shifted = [np.roll(water, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        new = np.maximum(padded, np.min(shifted, axis=0))
        if np.array_equal(new, water):
            return np.where(known, water[1:-1, 1:-1], np.nan)
        water = new


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("step", [None, 5.0])
def test_all_area_leaves_the_raster_and_none_is_made(flow, step):
    z = relief(step=step)
    z[20:30, 20:25] = np.nan
    known = np.isfinite(z)
    area, left = drained_area(z, 30.0, 20.0, flow)
    assert left == pytest.approx(known.sum() * 600.0, rel=1e-12)
    assert np.array_equal(np.isfinite(area), known)
    assert np.nanmin(area) == 600.0


@pytest.mark.parametrize("step", [None, 5.0])
def test_depressions_are_filled_to_where_they_spill_and_no_higher(step):
    z = relief(step=step)
    z[5:9, 40:50] = np.nan
    wanted = filled(z)
    drained_area(z, 1.0, 1.0)
    assert np.array_equal(z, wanted.astype(np.float32), equal_nan=True)


def test_a_small_valley_drains_as_drawn_by_hand():
    z = np.array([[9, 8, 9], [8, 5, 8], [9, 4, 9], [9, 1, 9]], np.float32)
    area, left = drained_area(z, 1.0, 1.0, "d8")
    # The third row's flanks fall across the corner to the outlet: 8 over 1.41 is steeper than 5 over 1.
    assert area.tolist() == [[1, 1, 1], [1, 6, 1], [1, 7, 1], [1, 12, 1]]
    assert left == 12


def test_the_steepest_neighbour_is_by_distance_not_by_drop_alone():
    z = np.full((3, 3), 20, np.float32)
    z[1, 1], z[1, 2], z[2, 2] = 10, 5, 4
    area, _ = drained_area(z.copy(), 1.0, 1.0, "d8")
    assert (area[1, 2], area[2, 2]) != (1, 1)
    assert area[1, 2] > area[1, 1]  # 5 over 1 is steeper than 6 over 1.41
    wide, _ = drained_area(z.copy(), 4.0, 1.0, "d8")
    assert wide[2, 2] > wide[1, 1]  # 6 over 4.12 is steeper than 5 over 4


def test_a_pit_fills_and_spills_over_its_lowest_rim():
    z = np.full((7, 7), 9, np.float32)
    z[2:5, 2:5] = 3
    z[3, 5], z[3, 6] = 5, 4
    area, left = drained_area(z, 1.0, 1.0, "d8")
    assert z[3, 3] == 5
    assert area[3, 5] >= 10
    assert left == 49


def test_a_level_plain_drains_to_its_nearest_edges_without_crossing_itself():
    area, left = drained_area(np.zeros((41, 41), np.float32), 10.0, 10.0)
    assert left == pytest.approx(41 * 41 * 100)
    assert area.max() <= 100 * 41 * 41 / 4
    assert area[1:-1, 1:-1].min() >= 100


def test_water_leaves_where_the_sea_is_missing():
    z = np.tile(np.arange(20.0, dtype=np.float32), (9, 1))
    z[:, 0] = np.nan
    area, left = drained_area(z, 1.0, 1.0, "d8")
    assert np.array_equal(area[:, 1], np.full(9, 19.0))
    assert left == 9 * 19


def test_on_a_cone_the_catchment_grows_as_half_the_radius():
    rows, cols = np.mgrid[-60:61, -60:61] * 10.0
    radius = np.hypot(rows, cols)
    area, _ = drained_area((1000 - radius).astype(np.float32), 10.0, 10.0)
    for low, high in ((150, 200), (300, 350), (450, 500)):
        ring = (radius >= low) & (radius < high)
        assert area[ring].mean() / 10 == pytest.approx(radius[ring].mean() / 2, rel=0.12)  # water spread over several cells counts in each
    assert area[60, 60] == 100
    for turned in (area[::-1], area[:, ::-1], area.T):
        assert np.allclose(area, turned, rtol=1e-6)


def test_wetness_is_highest_in_the_valley_and_lowest_on_the_ridge():
    rows, cols = np.mgrid[:80, :81]
    z = (0.3 * np.abs(cols - 40) * 10 + 0.02 * (80 - rows) * 10).astype(np.float32)
    slope = np.full(z.shape, np.degrees(np.arctan(0.3)))
    slope[:, 40] = np.degrees(np.arctan(0.02))
    area, _ = drained_area(z, 10.0, 10.0)
    index = wetness_index(area, slope, 10.0, 10.0)
    inner = index[40:-1]
    assert np.all(inner[:, 40] > inner[:, [20, 60]].max(axis=1) + 2)
    assert np.all(np.diff(inner.mean(axis=0)[:41]) > 0)


def test_wetness_is_the_logarithm_of_area_per_width_over_slope():
    index = wetness_index(np.array([5000.0, 5000.0, np.nan]), np.array([45.0, 0.0, 45.0]), 20.0, -5.0)
    assert index[:2] == pytest.approx([np.log(500), np.log(500 / LEAST_TAN)], rel=1e-6)
    assert np.isnan(index[2])


def test_an_unknown_way_of_flowing_is_refused():
    with pytest.raises(SettingsError, match="multiple, d8"):
        drained_area(relief(), 1.0, 1.0, "rho8")


def test_a_raster_beyond_memory_is_refused_with_its_size_and_what_to_do():
    grid = Grid(60_000, 60_000, Affine(1, 0, 5e5, 0, -1, 5e6), CRS.from_epsg(32632))
    with pytest.raises(SceneError, match=r"72\.0 GB.*Leave out twi"):
        check_room(grid, "national.tif")
