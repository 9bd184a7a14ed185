"""Patches are squares of the very pixels a map is made of, whole at borders, and overlap between folds is counted."""

import numpy as np
import pytest

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.grids import Window
from soilcore.data.covariates import open_covariates, parse_covariate
from soilcore.features.patches import Patches, patch_overlap, reflect
from soilcore.features.recipe import CovariateUse, FeatureRecipe
from soilcore.features.source import FeatureSource
from tests.engine.features.worlds import CELL, LEFT, TOP, UTM
from tests.engine.rasters import write_raster


def source_of(tmp_path, *layers, **options):
    paths = [write_raster(tmp_path / f"layer{k}.tif", values.astype("float32"), **options) for k, values in enumerate(layers)]
    stack = open_covariates([parse_covariate(path) for path in paths])
    return FeatureSource(FeatureRecipe(covariates=tuple(CovariateUse(name) for name in stack.names)), covariates=stack)


def numbered(height, width):
    return np.arange(height * width, dtype=float).reshape(height, width)


def place(row, col):
    """The centre of a pixel."""
    return np.array([LEFT + CELL * (col + 0.5)]), np.array([TOP - CELL * (row + 0.5)])


@pytest.mark.parametrize("size", [1, 4, 5, 33])
def test_a_patch_in_the_middle_is_the_window_around_its_point(tmp_path, size):
    values = numbered(90, 80)
    source = source_of(tmp_path, values, -values)
    patch = Patches(source, size).at(*place(44, 41))
    half = size // 2
    around = values[44 - half : 44 - half + size, 41 - half : 41 - half + size]
    np.testing.assert_array_equal(patch.values[0], [around, -around])
    assert patch.at_centre()[0].tolist() == [values[44, 41], -values[44, 41]]
    assert patch.nodata_share[0] == 0 and patch.reflected[0] == 0


@pytest.mark.parametrize(("row", "col"), [(0, 0), (2, 3), (29, 24), (29, 0), (15, 1)])
@pytest.mark.parametrize("size", [7, 8])
def test_at_the_border_a_patch_is_what_numpy_calls_reflected(tmp_path, row, col, size):
    values = numbered(30, 25)
    patch = Patches(source_of(tmp_path, values), size).at(*place(row, col))
    padded = np.pad(values, size, mode="reflect")
    top, left = row + size - size // 2, col + size - size // 2
    np.testing.assert_array_equal(patch.values[0, 0], padded[top : top + size, left : left + size])
    inside = np.pad(np.zeros(values.shape), size, constant_values=1)[top : top + size, left : left + size]
    assert patch.reflected[0] == pytest.approx(inside.mean())


def test_a_raster_smaller_than_the_patch_is_mirrored_as_often_as_needed(tmp_path):
    values = numbered(5, 4)
    patch = Patches(source_of(tmp_path, values), 33).at(*place(2, 1))
    np.testing.assert_array_equal(patch.values[0, 0], np.pad(values, 40, mode="reflect")[26:59, 25:58])
    np.testing.assert_array_equal(reflect(np.arange(-3, 4), 1), np.zeros(7))


def test_the_share_of_cells_that_miss_a_layer_decides_whether_a_patch_is_usable(tmp_path):
    first, second = np.ones((40, 40)), np.ones((40, 40))
    first[:, :20], second[:5] = np.nan, np.nan
    patches = Patches(source_of(tmp_path, first, second), 9)
    x, y = (np.concatenate(axis) for axis in zip(place(20, 30), place(20, 21), place(20, 18), place(4, 30), strict=True))
    found = patches.at(x, y)
    np.testing.assert_allclose(found.nodata_share, [0, 3 / 9, 6 / 9, 5 / 9])
    assert found.usable().tolist() == [True, False, False, False]
    assert found.usable(0.34).tolist() == [True, True, False, False]
    assert np.isnan(found.values[1, 0]).mean() == pytest.approx(3 / 9) and np.isfinite(found.values[1, 1]).all()


def test_a_point_outside_or_without_coordinates_has_an_empty_patch(tmp_path):
    x, y = place(10, 10)
    found = Patches(source_of(tmp_path, numbered(20, 20)), 5).at(np.r_[x - 1e4, np.nan, x], np.r_[y, y, y], UTM)
    assert found.nodata_share.tolist() == [1, 1, 0] and np.isnan(found.values[:2]).all()


def test_patches_do_not_depend_on_which_others_are_cut_with_them(tmp_path):
    random = np.random.default_rng(0)
    source = source_of(tmp_path, random.random((600, 580)))
    x, y = LEFT + random.uniform(0, 5800, 40), TOP - random.uniform(0, 6000, 40)
    for options in ({}, {"cell": 23.0}, {"cell": 4.0}):
        patches = Patches(source, 16, **options)
        together = patches.at(x, y)
        alone = np.concatenate([patches.at(x[k : k + 1], y[k : k + 1]).values for k in range(40)])
        np.testing.assert_array_equal(together.values, alone)
        parts = np.full_like(together.values, np.nan)
        for points, part in patches.parts(x, y):
            parts[points] = part.values
        np.testing.assert_array_equal(parts, together.values)


def test_patches_that_overlap_do_not_read_the_file_again(tmp_path):
    source = source_of(tmp_path, numbered(200, 200))
    reads = []

    class Counting:
        names, grid = source.names, source.grid

        def reader(self):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self, window):
            reads.append(window)
            return source.covariates.read(window)

    random = np.random.default_rng(1)
    found = Patches(Counting(), 65).at(LEFT + random.uniform(0, 2000, 300), TOP - random.uniform(0, 2000, 300))
    assert len(found) == 300 and len(reads) == 1


def test_larger_cells_are_means_of_the_pixels_they_cover(tmp_path):
    values = np.random.default_rng(2).random((60, 66)).astype("float32").astype(float)
    source = source_of(tmp_path, values)
    patch = Patches(source, 20, cell=30.0).at(*place(31, 31))
    coarse = values.reshape(20, 3, 22, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(patch.values[0, 0], coarse[:, :20], rtol=1e-6)  # the point's cell is row 10, column 10
    assert patch.cell == (30.0, 30.0)


def test_cells_that_cut_through_pixels_keep_the_mean_of_a_plane_and_the_sum_of_areas(tmp_path):
    row, col = np.meshgrid(np.arange(90), np.arange(90), indexing="ij")
    source = source_of(tmp_path, 2.0 * row + 3.0 * col)
    patch = Patches(source, 9, cell=25.0).at(*place(45, 45))
    rows, cols = (np.arange(9) + 45.5 // 2.5 - 4 + 0.5) * 2.5 - 0.5, (np.arange(9) + 45.5 // 2.5 - 4 + 0.5) * 2.5 - 0.5
    np.testing.assert_allclose(patch.values[0, 0], 2.0 * rows[:, None] + 3.0 * cols[None], atol=0.51)  # at most a fifth of a pixel is shared unevenly
    fine = Patches(source, 9, cell=4.0).at(*place(45, 45))
    at = (np.arange(9) + 455 // 4 - 4 + 0.5) * 0.4 - 0.5
    np.testing.assert_allclose(fine.values[0, 0], 2.0 * at[:, None] + 3.0 * at[None], rtol=1e-6)


def test_a_cell_known_to_less_than_half_is_missing(tmp_path):
    values = np.ones((30, 30))
    values[:15, :14], values[15:, :16] = np.nan, np.nan
    patch = Patches(source_of(tmp_path, values), 3, cell=100.0).at(*place(15, 15))
    assert np.isnan(patch.values[0, 0][0]).tolist() == [True, False, False]
    assert np.isnan(patch.values[0, 0][2]).tolist() == [True, True, False]


def test_on_a_geographic_grid_cells_are_given_in_metres(tmp_path):
    from affine import Affine

    values = numbered(50, 50)
    source = source_of(tmp_path, values, crs="EPSG:4326", transform=Affine(0.0001, 0, 9.0, 0, -0.0001, 60.0))
    patch = Patches(source, 5, cell=30.0).at([9.0025], [59.9975])
    width, height = patch.cell
    assert height * 111_320 == pytest.approx(30, rel=0.01) and width * 111_320 * np.cos(np.radians(60)) == pytest.approx(30, rel=0.01)
    assert np.isfinite(patch.values).all()


def test_only_named_layers_are_cut_in_their_order(tmp_path):
    source = source_of(tmp_path, np.zeros((9, 9)), np.ones((9, 9)), np.full((9, 9), 2))
    assert Patches(source, 3, names=("layer2", "layer0")).at(*place(4, 4)).at_centre().tolist() == [[2, 0]]
    with pytest.raises(FeatureError, match=r"no predictor 'slope'.*layer0, layer1"):
        Patches(source, 3, names=("slope",))


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": 2.0}, {"size": 5000}, {"size": 3, "cell": 0.0}, {"size": 3, "cell": 1e5}, {"size": 3, "cell": np.nan}]
)
def test_impossible_sizes_are_refused(tmp_path, options):
    source = source_of(tmp_path, np.zeros((9, 9)))
    with pytest.raises(SettingsError, match=r"not possible|does not suit"):
        Patches(source, **options).at(*place(4, 4))


def test_overlap_between_folds_agrees_with_comparing_every_pair():
    random = np.random.default_rng(5)
    xy, folds = random.uniform(0, 8000, (120, 2)), random.integers(0, 5, 120)
    facts = patch_overlap(xy, 650.0, folds)
    apart = np.abs(xy[:, None] - xy[None]).max(axis=2)
    other = folds[:, None] != folds[None]
    close = (apart < 650) & other
    assert facts["overlapping"] == close.any(axis=1).sum() and facts["pairs"] == close.sum()
    assert facts["share"] == pytest.approx(close.any(axis=1).mean()) and facts["tested"] == 120
    assert facts["nearest_m"] == pytest.approx(apart[other].min())
    assert sum(row["pairs"] for row in facts["folds"]) == facts["pairs"] and len(facts["folds"]) == 5


def test_centres_exactly_a_patch_apart_do_not_overlap_and_the_buffer_is_said():
    facts = patch_overlap([[0, 0], [650, 0], [649.9, 5000], [0, 5649.9]], 65 * 10, [0, 1, 0, 1])
    assert facts["overlapping"] == 2 and facts["pairs"] == 2
    assert (facts["buffer_axis_m"], facts["buffer_m"]) == (650, 920)
    assert patch_overlap([[0, 0], [651, 651]], 650, [0, 1])["share"] == 0


def test_samples_left_out_by_a_buffer_do_not_count_as_training():
    xy = [[0, 0], [100, 0], [2000, 0]]
    assert patch_overlap(xy, 650, [([1, 2], [0])])["overlapping"] == 1
    facts = patch_overlap(xy, 650, [([2], [0]), ([], [1])])
    assert facts["overlapping"] == 0 and facts["tested"] == 2 and facts["nearest_m"] == 2000


@pytest.mark.parametrize(
    ("xy", "size", "folds"), [([[0, 0]], -1, [0]), ([[0, np.nan]], 10, [0]), ([[0, 0], [1, 1]], 10, [0]), ([[0, 0]], 10, [([0], [4])])]
)
def test_overlap_needs_places_and_folds_of_all_samples(xy, size, folds):
    with pytest.raises(SettingsError):
        patch_overlap(xy, size, folds)


def test_a_patch_read_by_windows_equals_the_raster_across_block_seams(tmp_path):
    values = np.random.default_rng(7).random((540, 560)).astype("float32")
    source = source_of(tmp_path, values)
    for row, col in ((511, 511), (512, 100), (256, 255)):
        patch = Patches(source, 64).at(*place(row, col))
        window = Window(row - 32, col - 32, 64, 64) if row + 32 <= 540 else None
        if window:
            np.testing.assert_array_equal(patch.values[0, 0], values[window.slices])
    assert patch.values.dtype == np.float32
