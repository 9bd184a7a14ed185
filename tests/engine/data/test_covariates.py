"""Covariates lie on the reference grid, whatever grid they came on, and places have the value of their pixel."""

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from pyproj import CRS, Transformer

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Grid, Window
from soilcore.data.covariates import CovariateSpec, open_covariates, parse_covariate
from tests.engine.rasters import write_raster

UTM = CRS.from_epsg(32632)


def fine_grid(height=640, width=530, cell=10.0, origin=(500000.0, 5000000.0)):
    return Grid(height, width, Affine(cell, 0, origin[0], 0, -cell, origin[1]), UTM)


def slope_in_degrees(path, **options):
    """A plane over longitude and latitude, so that bilinear interpolation must give the plane itself."""
    longitude, latitude = np.meshgrid(8.9995 + 0.001 * np.arange(100), 45.2 - 0.001 * np.arange(130))
    values = (1000 * (longitude - 9) + 2000 * (latitude - 45)).astype("float32")
    return write_raster(path, values, crs="EPSG:4326", transform=Affine(0.001, 0, 8.999, 0, -0.001, 45.2005), **options), values


def test_a_raster_in_degrees_is_interpolated_onto_a_metric_grid(tmp_path):
    path, _ = slope_in_degrees(tmp_path / "plane.tif")
    grid = fine_grid()
    stack = open_covariates([parse_covariate(path)], grid)
    values = stack.read(Window(0, 0, *grid.shape))[0]
    columns, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    x, y = 500000 + 10 * columns, 5000000 - 10 * rows
    longitude, latitude = Transformer.from_crs(UTM, 4326, always_xy=True).transform(x, y)
    np.testing.assert_allclose(values, 1000 * (longitude - 9) + 2000 * (latitude - 45), atol=0.05)
    assert stack.assumed == ("plane.tif laid onto the grid of the map (bilinear)",)


@pytest.mark.parametrize("size", [64, 190, 512])
@pytest.mark.parametrize("categorical", [False, True])
def test_windows_of_any_size_and_places_agree(tmp_path, size, categorical):
    path, _ = slope_in_degrees(tmp_path / "plane.tif")
    grid = fine_grid()
    stack = open_covariates([CovariateSpec(path, "plane", categorical)], grid)
    whole = stack.read(Window(0, 0, *grid.shape))
    pieces = np.empty_like(whole)
    with stack.reader() as reader:
        for window in grid.windows(size):
            pieces[(slice(None), *window.slices)] = reader.read(window)
    np.testing.assert_array_equal(pieces, whole)
    random = np.random.default_rng(0)
    x, y = random.uniform(499900, 505500, 500), random.uniform(4993500, 5000100, 500)
    rows, cols, inside = grid.rows_cols(x, y)
    sampled = stack.sample(x, y, UTM)
    np.testing.assert_array_equal(sampled[inside, 0], whole[0, rows[inside], cols[inside]].astype(float))
    assert np.isnan(sampled[~inside]).all()


def test_classes_are_never_mixed(tmp_path):
    random = np.random.default_rng(2)
    codes = random.choice(np.array([10, 40, 80], "uint8"), (60, 60))
    path = write_raster(tmp_path / "cover.tif", codes, cell=30.0, nodata=255)
    stack = open_covariates([parse_covariate(f"{path}:categorical")], fine_grid(180, 180))
    assert stack.categories("cover") == (10, 40, 80)
    np.testing.assert_array_equal(stack.read(Window(0, 0, 180, 180))[0], np.kron(codes, np.ones((3, 3))))


def test_missing_pixels_stay_missing_and_do_not_bleed(tmp_path):
    values = np.full((40, 40), 100, "int16")
    values[10:20, 10:20] = -32768
    stack = open_covariates([parse_covariate(write_raster(tmp_path / "dem.tif", values, cell=30.0, nodata=-32768))], fine_grid(120, 120))
    laid = stack.read(Window(0, 0, 120, 120))[0]
    assert np.isnan(laid[35:55, 35:55]).all()
    assert set(np.unique(laid[np.isfinite(laid)])) == {100.0}


def test_outside_its_raster_a_covariate_is_missing(tmp_path):
    stack = open_covariates([parse_covariate(write_raster(tmp_path / "dem.tif", np.ones((10, 10), "float32")))], fine_grid(30, 30))
    laid = stack.read(Window(0, 0, 30, 30))[0]
    assert np.isfinite(laid[:10, :10]).all() and np.isnan(laid[10:, 10:]).all()


def test_scale_and_offset_of_the_file_apply_but_not_to_codes(tmp_path):
    path = write_raster(tmp_path / "t.tif", np.full((5, 5), 30, "int16"), scaling=(0.1, -5.0))
    assert open_covariates([parse_covariate(path)]).read(Window(0, 0, 1, 1))[0, 0, 0] == pytest.approx(-2.0)
    assert open_covariates([parse_covariate(f"{path}:categorical")]).read(Window(0, 0, 1, 1))[0, 0, 0] == 30


def test_without_a_scene_the_first_covariate_is_the_grid_even_in_degrees(tmp_path):
    path, values = slope_in_degrees(tmp_path / "plane.tif")
    other = write_raster(tmp_path / "dem.tif", np.full((400, 400), 7, "float32"), cell=30.0, origin=(499000.0, 5012000.0))
    stack = open_covariates([parse_covariate(path), parse_covariate(other)])
    assert stack.grid.crs.is_geographic and stack.names == ("plane", "dem")
    np.testing.assert_array_equal(stack.read(Window(0, 0, 130, 100), ("plane",))[0], values)
    assert np.nanmax(stack.read(Window(0, 0, 130, 100), ("dem",))) == 7


def test_bands_of_one_file_become_covariates_of_their_own(tmp_path):
    values = np.stack([np.full((4, 4), number, "float32") for number in (1, 2)])
    named = open_covariates([parse_covariate(write_raster(tmp_path / "soil.tif", values, names=("sand %", "clay")))])
    assert named.names == ("sand", "clay") and [spec.band for spec in named.specs] == [1, 2]
    plain = open_covariates([parse_covariate(write_raster(tmp_path / "other.tif", values))])
    assert plain.names == ("other_1", "other_2")
    second = open_covariates([CovariateSpec(str(tmp_path / "soil.tif"), "clay_only", band=2)])
    assert second.names == ("clay_only",) and second.read(Window(0, 0, 1, 1)).item() == 2


def test_two_covariates_of_one_name_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    paths = [write_raster(tmp_path / "dem.tif", np.ones((4, 4), "float32")), write_raster(tmp_path / "a" / "dem.tif", np.ones((4, 4), "float32"))]
    with pytest.raises(SettingsError, match=r"Two covariates are called 'dem'.*Rename"):
        open_covariates([parse_covariate(path) for path in paths])


def test_a_raster_that_does_not_reach_the_map_is_refused_with_both_extents(tmp_path):
    path = write_raster(tmp_path / "far.tif", np.ones((4, 4), "float32"), origin=(700000.0, 5000000.0))
    with pytest.raises(SceneError, match=r"does not overlap.*x 700000 to 700040.*the map x 500000 to"):
        open_covariates([parse_covariate(path)], fine_grid())


def test_a_raster_with_a_false_reference_system_gets_the_hint(tmp_path):
    path = write_raster(tmp_path / "dem.tif", np.ones((40, 40), "float32"), crs="EPSG:32719")
    with pytest.raises(SceneError, match=r"would fit if its reference system were the map's \(WGS 84 / UTM zone 32N\)"):
        open_covariates([parse_covariate(path)], fine_grid())


def test_a_covariate_that_is_no_raster_or_not_there_is_refused(tmp_path):
    (tmp_path / "dem.tif").write_text("x")
    with pytest.raises(UnreadableError, match=r"The covariate .* is not a raster"):
        open_covariates([parse_covariate(str(tmp_path / "dem.tif"))])
    with pytest.raises(UnreadableError, match=r"The covariate .* does not exist"):
        open_covariates([parse_covariate(str(tmp_path / "none.tif"))])
    with pytest.raises(SettingsError, match="No covariate"):
        open_covariates([])


def test_amounts_called_classes_are_refused_when_listed(tmp_path):
    random = np.random.default_rng(0)
    halves = open_covariates([parse_covariate(write_raster(tmp_path / "h.tif", random.random((20, 20)).astype("float32")) + ":categorical")])
    with pytest.raises(SceneError, match="no class code"):
        halves.categories("h")
    many = np.arange(400, dtype="int16").reshape(20, 20)
    with pytest.raises(SceneError, match="more than 256 different values"):
        open_covariates([parse_covariate(write_raster(tmp_path / "m.tif", many) + ":categorical")]).categories("m")


@pytest.mark.parametrize(
    ("text", "path", "name", "categorical"),
    [
        ("a/soil map.tif", "a/soil map.tif", "soil_map", False),
        ("a/cover.tif:categorical", "a/cover.tif", "cover", True),
        ("C:\\data\\cover.tif", "C:\\data\\cover.tif", None, False),
    ],
)
def test_a_covariate_is_described_by_its_file_and_kind(text, path, name, categorical):
    spec = parse_covariate(text)
    assert (spec.path, spec.categorical) == (path, categorical)
    assert name is None or spec.name == name


@pytest.mark.parametrize("text", ["a.tif:classes", ":categorical", ""])
def test_a_covariate_text_that_cannot_be_is_refused(text):
    with pytest.raises(SettingsError):
        parse_covariate(text)


def test_the_eight_rasters_of_macedonia_give_the_values_of_its_table(shared_data):
    folder = shared_data / "macedonia"
    stack = open_covariates([parse_covariate(str(path)) for path in sorted((folder / "covs").glob("*.tif"))])
    assert stack.grid.shape == (182, 310) and stack.grid.crs.is_geographic and stack.assumed == ()
    table = pd.read_csv(folder / "SOC_RegMatrix.csv")
    sampled = stack.sample(table.X, table.Y, "EPSG:4326")
    np.testing.assert_allclose(sampled, table[list(stack.names)], rtol=1e-6, atol=1e-9)


def test_the_elevation_of_olinda_fits_its_image_although_its_reference_system_is_written_otherwise(shared_data):
    from soilcore.data.imagery import SceneSettings, open_scene

    folder = shared_data / "imagery"
    roles = tuple((str(number), role) for number, role in enumerate(("B", "G", "R", "N", "S1", "S2"), start=1))
    scene = open_scene(SceneSettings((str(folder / "l7_olinda.tif"),), roles, scale=0.004))
    stack = open_covariates([parse_covariate(str(folder / "l7_olinda_dem.tif"))], scene.grid)
    values = stack.read(Window(0, 0, *scene.grid.shape))
    assert np.isfinite(values).mean() > 0.97
    assert np.nanmin(values) >= -1 and np.nanmax(values) <= 88


def test_a_raster_in_a_local_reference_system_is_refused_over_a_map(shared_data):
    path = str(shared_data / "dem" / "whitebox_DEM.tif")
    with pytest.raises(SceneError, match="local reference system"):
        open_covariates([parse_covariate(path)], fine_grid())
    assert open_covariates([parse_covariate(path)]).grid.shape == (188, 237)
