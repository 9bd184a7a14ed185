"""Every K-th pixel: exact for planes, never across gaps, the same however the raster is cut."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Grid
from soilcore.mapping.networks_stride import Lattice, StrideError, check_stride

TRANSFORM, UTM = Affine(10, 0, 0, 0, -10, 0), CRS.from_epsg(32639)


def mapped(truth, valid, stride, window):
    """The map by windows, which pixels were interpolated, how often each was computed."""
    grid = Grid(*truth.shape, TRANSFORM, UTM)
    lattice = Lattice(grid, stride)
    result, between, computed = np.full(truth.shape, np.nan), np.zeros(truth.shape, bool), np.zeros(truth.shape, int)
    for part in grid.windows(window):
        around = lattice.around(part)
        plan = lattice.plan(part, valid[around.slices])
        known = np.where(plan.computed, truth[around.slices], np.nan)
        own = known[plan.inside].copy()
        rows, cols = np.nonzero(plan.between)
        own[rows, cols] = plan.interpolated(lambda r, c, known=known: known[r, c], rows, cols)
        result[part.slices] = own
        between[part.slices] = plan.between
        computed[around.slices] += plan.computed
        assert not (plan.checked & ~plan.between).any()
    return result, between, computed


@pytest.mark.parametrize("shape", [(50, 67), (49, 65), (1, 30), (30, 1), (2, 2), (33, 34)])
@pytest.mark.parametrize("stride", [2, 3, 8])
def test_a_plane_is_mapped_exactly_and_everywhere(shape, stride):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    truth = 3.0 * rows - 2.0 * cols + 5
    result, between, computed = mapped(truth, np.ones(shape, bool), stride, 16)
    np.testing.assert_allclose(result, truth, atol=1e-9)
    if min(shape) > 30:
        assert (computed > 0).mean() < 2.5 / stride**2 + 0.2
        assert between.mean() > 0.7


def test_windows_never_change_the_result():
    rng = np.random.default_rng(0)
    truth, valid = rng.normal(size=(75, 90)), rng.random((75, 90)) > 0.004
    first = mapped(truth, valid, 5, 512)
    for window in (16, 20, 37, 64):
        again = mapped(truth, valid, 5, window)
        np.testing.assert_array_equal(again[0], first[0])
        np.testing.assert_array_equal(again[1], first[1])


def test_nothing_is_interpolated_across_a_gap():
    truth = np.zeros((60, 60))
    truth[:, 31:] = 100.0
    valid = np.ones((60, 60), bool)
    valid[:, 30] = False  # a river one pixel wide between two fields
    result, between, _ = mapped(truth, valid, 8, 32)
    np.testing.assert_array_equal(np.isnan(result), ~valid)
    np.testing.assert_allclose(result[valid], truth[valid], atol=1e-9)
    assert not between[:, 24:32].any()
    assert between[:, :24].mean() > 0.5


def test_the_error_is_measured_on_skipped_pixels():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(128, 128))
    grid = Grid(128, 128, TRANSFORM, UTM)
    lattice, error = Lattice(grid, 4), StrideError()
    everywhere = mapped(truth, np.ones(grid.shape, bool), 4, 128)[0]
    skipped = 0
    for part in grid.windows(32):
        plan = lattice.plan(part, np.ones((lattice.around(part).height, lattice.around(part).width), bool))
        rows, cols = np.nonzero(plan.checked)
        error.add(truth[part.slices][rows, cols], everywhere[part.slices][rows, cols])
        skipped += rows.size
    facts = error.facts()
    assert facts["n"] == skipped
    assert 100 < skipped < 400
    everything = everywhere - truth
    assert facts["rmse"] == pytest.approx(np.sqrt(np.mean(everything[everything != 0] ** 2)), rel=0.2)
    assert facts["rmse"] < facts["p95"] < facts["max"]
    assert StrideError().facts()["n"] == 0


@pytest.mark.parametrize("stride", [0, -1, 65, 2.0, True])
def test_an_impossible_stride_is_refused(stride):
    with pytest.raises(SettingsError, match="1 to 64"):
        check_stride(stride)
