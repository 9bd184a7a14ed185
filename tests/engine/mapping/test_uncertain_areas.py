"""Areas of classes with their uncertainty: exact expectations, and intervals that follow the assumption on the errors."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS
from scipy.stats import norm

from soilcore.core.classes import class_scheme
from soilcore.core.grids import Grid
from soilcore.mapping.uncertain_areas import UncertainAreas, block_side

GRID = Grid(60, 80, Affine(100, 0, 500000, 0, -100, 4000000), CRS.from_epsg(32639))  # one hectare a pixel
USDA = class_scheme("usda")
ROWS, COLS = (part.ravel() for part in np.indices(GRID.shape))


def areas(above, side=None, grid=GRID):
    made = UncertainAreas(USDA, grid, side)
    made.add(*made.count(ROWS[: above.shape[1]], COLS[: above.shape[1]], above))
    return made


def chances(mean, sd=2.0):
    """Probability of more than each limit for pixels of normal errors."""
    return np.stack([norm.sf(edge, mean, sd) for edge in USDA.edges])


@pytest.fixture(scope="module")
def above():
    return chances(np.random.default_rng(0).uniform(0, 20, ROWS.size))


def column(made, name):
    return np.array([row[name] for row in made.table()])


@pytest.mark.parametrize("side", [None, 1000.0, 100.0])
def test_the_expected_area_is_the_sum_of_the_probabilities(above, side):
    full = np.vstack([np.ones(ROWS.size), above, np.zeros(ROWS.size)]).sum(axis=1)
    np.testing.assert_allclose(column(areas(above, side), "area_ha_expected"), full[:-1] - full[1:], atol=0.002 * ROWS.size)


def test_the_farther_errors_reach_the_wider_the_interval(above):
    widths = [np.sum(column(areas(above, side), "area_ha_high") - column(areas(above, side), "area_ha_low")) for side in (None, 2000.0, 500.0, 100.0)]
    assert (np.diff(widths) < 0).all()
    assert widths[-1] < 0.1 * ROWS.size


def test_pixels_that_err_alike_lie_in_one_class_together():
    """All pixels at 8 +- 2: the class 8 to 16 holds nothing or all of them, with even chances."""
    made = areas(chances(np.full(ROWS.size, 8.0)))
    assert column(made, "area_ha_low")[3] == 0
    assert column(made, "area_ha_high")[3] == pytest.approx(ROWS.size)
    assert column(made, "area_ha_expected")[3] == pytest.approx(ROWS.size / 2, rel=0.02)


def test_independent_pixels_spread_as_the_binomial_says():
    made = areas(chances(np.full(ROWS.size, 8.0)), side=100.0)
    spread = (column(made, "area_ha_high") - column(made, "area_ha_low"))[3]
    assert made.side == 200.0  # 4,800 blocks of one pixel would be more than are drawn
    assert spread == pytest.approx(2 * norm.ppf(0.95) * np.sqrt(ROWS.size / 4 * 4), rel=0.1)


def test_certain_pixels_have_no_interval():
    sure = np.stack([np.full(ROWS.size, 1.0), np.full(ROWS.size, 1.0), np.zeros(ROWS.size), np.zeros(ROWS.size)])
    for side in (None, 500.0):
        for row, area in zip(areas(sure, side).table(), (0, 0, ROWS.size, 0, 0), strict=True):
            assert row["area_ha_expected"] == row["area_ha_low"] == row["area_ha_high"] == area


@pytest.mark.parametrize("side", [None, 700.0])
def test_counting_in_parts_gives_the_same_to_the_last_digit(above, side):
    made = UncertainAreas(USDA, GRID, side)
    for part in np.array_split(np.random.default_rng(1).permutation(ROWS.size), 13):
        made.add(*made.count(ROWS[part], COLS[part], above[:, part]))
    assert made.table() == areas(above, side).table()


def test_on_a_grid_in_degrees_true_areas_count():
    degrees = Grid(60, 80, Affine(0.01, 0, 44, 0, -0.02, 61), CRS.from_epsg(4326))
    sure = np.stack([np.ones(ROWS.size), *np.zeros((3, ROWS.size))])
    total = (degrees.cell_areas_ha() * 80).sum()
    assert column(areas(sure, grid=degrees), "area_ha_expected")[1] == pytest.approx(total, rel=1e-9)
    assert areas(sure, 20_000.0, degrees).side >= 20_000


def test_the_side_of_a_block_has_the_integral_range_of_the_variogram():
    for model, correlation in {
        "spherical": lambda h: np.where(h < 1, 1 - 1.5 * h + 0.5 * h**3, 0),
        "exponential": lambda h: np.exp(-3 * h),
        "matern15": lambda h: (1 + 4.743864518390577 * h) * np.exp(-4.743864518390577 * h),
    }.items():
        h = np.linspace(0, 12, 200_001)
        integral = np.trapezoid(2 * np.pi * h * correlation(h), h)
        assert block_side({"model": model, "range": 500.0, "usable": True}) == pytest.approx(500 * np.sqrt(integral), rel=1e-3)


@pytest.mark.parametrize(
    "variogram", [None, {}, {"model": "exponential", "range": 100.0, "usable": False}, {"model": None, "range": None, "usable": True}]
)
def test_without_a_usable_variogram_all_pixels_go_together(variogram):
    assert block_side(variogram) is None
    assert "all pixels" in UncertainAreas(USDA, GRID, block_side(variogram)).assumption
