"""Windows for networks: the very patches that samples get, as views; whatever the window, the cell and the border."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from soilcore.core.grids import Grid, Window
from soilcore.features.patches import Patches
from soilcore.features.surroundings import PatchNeed
from soilcore.mapping import networks_windows
from soilcore.mapping.networks_windows import SurfaceCutter, read_once
from tests.engine.array_source import ArraySource

GRID = Grid(47, 61, Affine(10, 0, 500000, 0, -10, 4000000), CRS.from_epsg(32639))


@pytest.fixture
def source():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, *GRID.shape)).astype(np.float32)
    values[1, 10:21, 30:45] = np.nan
    values[2, 40:, :9] = np.nan
    return ArraySource(GRID, values)


def centres(window):
    rows, cols = np.mgrid[window.row : window.row + window.height, window.col : window.col + window.width]
    t = GRID.transform
    return rows.ravel() - window.row, cols.ravel() - window.col, t.a * (cols.ravel() + 0.5) + t.c, t.e * (rows.ravel() + 0.5) + t.f


NEEDS = [
    PatchNeed("odd", ("NDVI", "B"), 9),
    PatchNeed("even", ("elevation",), 8),
    PatchNeed("coarse", ("B", "elevation"), 7, 30.0),
    PatchNeed("uneven", ("elevation", "NDVI"), 6, 25.0),
    PatchNeed("fine", ("NDVI",), 5, 7.0),
    PatchNeed("wider than the raster", ("B",), 101),
]


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.name)
@pytest.mark.parametrize("window", [Window(0, 0, 47, 61), Window(16, 32, 16, 29), Window(46, 60, 1, 1)], ids=str)
def test_every_pixel_gets_the_patch_that_a_sample_at_its_centre_gets(source, need, window):
    rows, cols, x, y = centres(window)
    expected = Patches(source, need.size, need.layers, need.cell).at(x, y)
    with source.reader() as reader:
        features, surfaces = read_once(reader, GRID, window, [SurfaceCutter.of(need, source)], 3)
    np.testing.assert_array_equal(features, source.values[(slice(None), *window.slices)])
    surface = surfaces[need.name]
    patches = surface.patches()
    number = surface.number(rows, cols)
    found = patches.reshape(len(need.layers), -1, need.size, need.size)[:, number] if need.size < 50 else None
    if found is None:
        found = patches[:, number // surface.shape[1], number % surface.shape[1]]
    np.testing.assert_array_equal(found.swapaxes(0, 1), expected.values)
    np.testing.assert_array_equal(surface.usable_pixels()[rows, cols], expected.usable())


def test_patches_are_views_and_the_raster_is_read_once(source):
    needs = NEEDS[:4]
    with source.reader() as reader:
        _, surfaces = read_once(reader, GRID, Window(16, 16, 16, 16), [SurfaceCutter.of(need, source) for need in needs], 3)
    assert len(source.reads) == 1
    for surface in surfaces.values():
        assert np.shares_memory(surface.patches(), surface.values)


def test_a_halo_that_does_not_fit_is_read_in_strips_with_the_same_patches(source, monkeypatch):
    need, window = NEEDS[2], Window(16, 16, 16, 16)
    with source.reader() as reader:
        _, held = read_once(reader, GRID, window, [SurfaceCutter.of(need, source)], 3)
        monkeypatch.setattr(networks_windows, "_HELD_BYTES", 1000)
        features, strips = read_once(reader, GRID, window, [SurfaceCutter.of(need, source)], 3)
    np.testing.assert_array_equal(strips[need.name].values, held[need.name].values)
    np.testing.assert_array_equal(features, source.values[(slice(None), *window.slices)])


def test_coarse_cells_share_one_patch_among_their_pixels(source):
    need = PatchNeed("coarse", ("B",), 7, 30.0)
    with source.reader() as reader:
        _, surfaces = read_once(reader, GRID, Window(0, 0, 30, 30), [SurfaceCutter.of(need, source)], 3)
    rows, cols = (each.ravel() for each in np.mgrid[:30, :30])
    assert np.unique(surfaces["coarse"].number(rows, cols)).size == 100
