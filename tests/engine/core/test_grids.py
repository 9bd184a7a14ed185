"""A grid says where pixels are."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from soilcore.core.grids import Grid

UTM = CRS.from_epsg(32650)


def test_a_point_falls_into_the_pixel_that_holds_it():
    grid = Grid(3, 4, Affine(10, 0, 1000, 0, -10, 2000), UTM)
    rows, cols, inside = grid.rows_cols([1000, 1039.99, 1040, 999.9, np.nan], [2000, 1970.01, 1980, 1990, 1990])
    assert inside.tolist() == [True, True, False, False, False]
    assert (rows[:2].tolist(), cols[:2].tolist()) == ([0, 2], [0, 3])


def test_points_in_longitude_and_latitude_are_reprojected():
    grid = Grid(10, 10, Affine(1000, 0, 495000, 0, -1000, 4005000), UTM)
    rows, cols, inside = grid.rows_cols([117.0], [36.15], CRS.from_epsg(4326))
    assert inside[0]
    assert (rows[0], cols[0]) == (4, 5)


def test_windows_cover_every_pixel_once():
    grid = Grid(700, 1030, Affine(10, 0, 0, 0, -10, 0), UTM)
    count = np.zeros(grid.shape, int)
    for window in grid.windows(512):
        count[window.slices] += 1
    assert (count == 1).all()


def test_the_part_of_a_window_lies_where_the_window_lies():
    grid = Grid(100, 100, Affine(10, 0, 1000, 0, -10, 2000), UTM)
    window = list(grid.windows(64))[3]
    assert grid.part(window).bounds == (1640, 1000, 2000, 1360)


def test_area_of_a_projected_pixel():
    grid = Grid(2, 2, Affine(20, 0, 0, 0, -20, 0), UTM)
    np.testing.assert_allclose(grid.cell_areas_ha(), 0.04)


def test_area_of_geographic_pixels_shrinks_with_latitude_as_on_the_ellipsoid():
    small = Grid(2, 1, Affine(0.01, 0, 10, 0, -0.01, 60.01), CRS.from_epsg(4326)).cell_areas_ha()[1]
    equator = Grid(1, 1, Affine(0.01, 0, 10, 0, -0.01, 0.005), CRS.from_epsg(4326)).cell_areas_ha()[0]
    eccentricity_squared = 0.00669438
    assert small / equator == pytest.approx(0.5 / (1 - eccentricity_squared * 0.75) ** 2, rel=1e-3)
