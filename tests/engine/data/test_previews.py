"""Pictures and figures of scenes."""

import numpy as np
import pytest
import rasterio

from soilcore.core.errors import SceneError, SettingsError
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.previews import band_histogram, band_statistics, colour_roles, footprint, overlap, preview, thinned, write_picture
from tests.engine.rasters import digital_numbers, reflectance, write_raster

NAMES = ("B", "G", "R", "N", "S1", "S2")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    stored = digital_numbers(reflectance(NAMES, 70, 90), 1000)
    stored[:, :10, :10] = 0
    return open_scene(SceneSettings((write_raster(tmp_path_factory.mktemp("s") / "s.tif", stored, names=NAMES),), offset=-0.1))


def test_a_picture_is_stretched_and_transparent_where_pixels_are_missing(scene):
    picture = preview(scene)
    assert picture.shape == (70, 90, 4) and picture.dtype == np.uint8
    assert (picture[:10, :10, 3] == 0).all() and (picture[10:, 10:, 3] == 255).all()
    assert picture[..., :3].min() == 0 and picture[..., :3].max() == 255
    assert picture[60, 80, :3].mean() < picture[20, 20, :3].mean()  # water is darker than soil


@pytest.mark.parametrize(("size", "shape"), [(1, (1, 1)), (30, (23, 30)), (89, (35, 45)), (90, (70, 90)), (4000, (70, 90))])
def test_a_picture_has_at_most_the_size_asked(scene, size, shape):
    values = thinned(scene, ("R",), size)
    assert values.shape[1:] == shape and max(shape) <= size
    assert np.isin(values[np.isfinite(values)], scene.read(scene_window(scene), ("R",))).all()


def scene_window(scene):
    from soilcore.core.grids import Window

    return Window(0, 0, *scene.grid.shape)


def test_a_band_that_is_not_there_and_an_impossible_size_are_refused(scene):
    with pytest.raises(SceneError, match="no band 'RE1'"):
        preview(scene, ("RE1", "G", "B"))
    with pytest.raises(SettingsError, match="0 pixels"):
        preview(scene, size=0)


@pytest.mark.parametrize(("roles", "chosen"), [(NAMES, ("R", "G", "B")), (("G", "R", "N"), ("N", "R", "G")), (("S1", "S2"), ("S1",) * 3)])
def test_the_colours_follow_the_bands_at_hand(roles, chosen):
    assert colour_roles(roles) == chosen


def test_a_picture_becomes_a_raster_for_tiles(scene, tmp_path):
    write_picture(scene, tmp_path / "colour.tif")
    with rasterio.open(tmp_path / "colour.tif") as dataset:
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, -1), preview(scene))
        assert dataset.colorinterp[3].name == "alpha"
    assert [path.name for path in tmp_path.iterdir()] == ["colour.tif"]


def test_statistics_show_stored_values_and_reflectance(scene):
    table = band_statistics(scene).set_index("role")
    assert list(table.index) == list(NAMES)
    stored = digital_numbers(reflectance(NAMES, 70, 90), 1000)[0].astype(float)
    stored[:10, :10] = np.nan
    assert table.loc["B", "stored_min"] == np.nanmin(stored) and table.loc["B", "stored_max"] == np.nanmax(stored)
    assert table.loc["B", "median"] == pytest.approx(np.nanmedian(stored) * 1e-4 - 0.1)
    assert table.loc["B", "valid"] == pytest.approx(1 - 100 / 6300)


def test_a_histogram_is_the_same_before_and_after_scaling(scene):
    (counts, edges), (again, scaled) = band_histogram(scene, "N", bins=20)
    np.testing.assert_array_equal(counts, again)
    np.testing.assert_allclose(scaled, edges * 1e-4 - 0.1)
    assert 0.99 * 6200 < counts.sum() <= 6200
    with pytest.raises(SceneError, match="no band"):
        band_histogram(scene, "X")


def test_the_footprint_is_a_closed_line_on_earth(scene):
    outline = footprint(scene.grid)
    assert outline[0] == outline[-1]
    longitude, latitude = np.array(outline).T
    assert longitude.min() == pytest.approx(9.0, abs=1e-3) and latitude.max() == pytest.approx(45.15, abs=0.01)


def test_overlap_counts_points_inside_valid_and_by_pixel(scene):
    x = np.array([500055.0, 500155.0, 500156.0, 499000.0, np.nan])
    y = np.full(5, 4999945.0)
    assert overlap(scene, x, y) == {"points": 5, "inside": 3, "valid": 2, "pixels": 2}
