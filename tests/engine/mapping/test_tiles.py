"""Tiles show the raster's own values, at every level; nothing outside it."""

import io
import math

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import Transformer

from soilcore.core.classes import class_scheme
from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.grids import Grid
from soilcore.data.cog import gtiff_profile, write_cog
from soilcore.mapping.ramps import ramp_colors, ramp_names, ramp_stops, rgb_of
from soilcore.mapping.tiles import Style, class_style, layer_bounds, render, style_of, tile_bounds, value_at, value_style

Z, X, Y = 12, 2310, 1560


def write_raster(path, values, transform, crs, nodata=None, **tags):
    values = np.atleast_3d(values.T).T if values.ndim == 2 else values
    grid = Grid(values.shape[1], values.shape[2], transform, crs)
    scratch = path.with_name("scratch.tif")
    with rasterio.open(scratch, "w", **gtiff_profile(grid, len(values), values.dtype, nodata)) as raster:
        raster.write(values)
        raster.update_tags(**tags)
    write_cog(scratch, path, overviews="nearest" if values.dtype == np.uint8 else "average")
    scratch.unlink()
    return path


def pixels_of(png):
    image = Image.open(io.BytesIO(png))
    assert image.size == (256, 256)
    return np.asarray(image.convert("RGBA"))


@pytest.fixture(scope="module")
def mercator(tmp_path_factory):
    """A raster of 512 x 512 pixels that is exactly 2 x 2 tiles of one level, value = column + 1000 x row, with a hole."""
    from pyproj import CRS

    left, _, right, top = tile_bounds(Z, X, Y)
    side = (right - left) / 256
    values = (np.arange(512)[None, :] + 1000 * np.arange(512)[:, None]).astype(np.float32)
    values[40:50, 60:90] = np.nan
    path = tmp_path_factory.mktemp("mercator") / "values.tif"
    return write_raster(path, values, rasterio.Affine(side, 0, left, 0, -side, top), CRS.from_epsg(3857), float("nan")), values


@pytest.fixture(scope="module")
def utm(tmp_path_factory):
    from pyproj import CRS

    rng = np.random.default_rng(1)
    values = np.kron(rng.integers(0, 5, (20, 30)), np.ones((20, 20), int)).astype(np.uint8)
    values[:40, :40] = 255
    transform, crs = rasterio.Affine(20, 0, 400000, 0, -20, 3600000), CRS.from_epsg(32639)
    path = tmp_path_factory.mktemp("utm") / "classes.tif"
    return write_raster(path, values, transform, crs, 255, SOILCORE_CLASSES="usda"), values


def expected_colors(values, style):
    """The ramp at 255 levels, computed without the code under test."""
    levels = np.clip((values - style.low) / (style.high - style.low), 0, 1) * 254
    table = np.array([rgb_of(color) for color in ramp_stops(style.ramp, 255)])
    return table[np.nan_to_num(levels).round().astype(int)]


def test_a_tile_that_falls_on_the_pixels_shows_each_pixel(mercator):
    path, values = mercator
    style = value_style(0, 500_000)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        part = values[256 * dy : 256 * dy + 256, 256 * dx : 256 * dx + 256]
        shown = pixels_of(render(path, style, Z, X + dx, Y + dy))
        hole = np.isnan(part)
        assert (shown[hole][:, 3] == 0).all()
        assert (shown[~hole][:, 3] == 255).all()
        np.testing.assert_array_equal(shown[~hole][:, :3], expected_colors(part, style)[~hole])


def test_a_deeper_tile_repeats_the_pixel_and_invents_none(mercator):
    path, values = mercator
    style = value_style(0, 500_000)
    shown = pixels_of(render(path, style, Z + 3, 8 * X + 3, 8 * Y + 2))  # 32 x 32 pixels, from column 96 and row 64
    part = np.kron(values[64:96, 96:128], np.ones((8, 8)))
    np.testing.assert_array_equal(shown[..., :3], expected_colors(part, style))


def test_a_far_tile_shows_the_mean_of_what_lies_under_it(mercator):
    path, values = mercator
    style = value_style(0, 600_000, ramp="grey")
    shown = pixels_of(render(path, style, Z - 1, X // 2, Y // 2))
    means = values.reshape(256, 2, 256, 2).mean(axis=(1, 3))
    seen = shown[..., 3] == 255
    assert seen.sum() >= 256 * 256 - 15 * 5
    grey = means / 600_000 * 255
    assert np.abs(shown[..., 0] - grey)[seen & np.isfinite(means)].max() <= 2


@pytest.mark.parametrize("place", [(Z, X - 1, Y), (Z, X + 2, Y), (Z, X, Y + 2), (3, 7, 7)])
def test_outside_the_raster_there_is_no_tile(mercator, place):
    assert render(mercator[0], value_style(0, 1), *place) is None


@pytest.mark.parametrize("levels_up", [3, 5, 7])
def test_a_view_from_afar_shows_the_raster_in_its_place(mercator, levels_up):
    png = render(mercator[0], value_style(0, 1), Z - levels_up, X >> levels_up, Y >> levels_up)
    rows, cols = np.nonzero(pixels_of(png)[..., 3])
    side = 2**levels_up
    assert abs(cols.min() - (X % side) * 256 / side) <= 1
    assert abs(rows.min() - (Y % side) * 256 / side) <= 1
    assert abs(len(set(cols)) - 512 / side) <= 1


def test_a_place_that_cannot_be_is_refused(mercator):
    for place in ((2, 4, 0), (2, 0, -1), (25, 0, 0), (-1, 0, 0)):
        with pytest.raises(SettingsError, match="no tile"):
            render(mercator[0], value_style(0, 1), *place)


def test_the_colour_under_a_place_is_the_class_of_its_pixel(utm):
    path, values = utm
    style = class_style(class_scheme("usda"))
    to_degrees = Transformer.from_crs(32639, 4326, always_xy=True)
    zoom, checked, tiles = 15, 0, {}
    for row in range(10, 400, 20):  # middles of the 20 x 20 pixel patches
        for col in range(10, 600, 40):
            lon, lat = to_degrees.transform(400000 + 20 * (col + 0.5), 3600000 - 20 * (row + 0.5))
            x = (lon + 180) / 360 * 2**zoom
            y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom
            key = int(x), int(y)
            if key not in tiles:
                tiles[key] = render(path, style, zoom, *key)
            value = value_at(path, lon, lat)
            if values[row, col] == 255:
                assert value is None
                continue
            assert value == values[row, col]
            shown = pixels_of(tiles[key])[int(y % 1 * 256), int(x % 1 * 256)]
            assert tuple(shown) == (*rgb_of(style.colors[values[row, col]]), 255)
            checked += 1
    assert checked > 200


def test_classes_seen_from_afar_stay_classes(utm):
    path, _ = utm
    style = class_style(class_scheme("usda"))
    shown = pixels_of(render(path, style, 9, *tile_over(path, 9)))
    seen = shown[shown[..., 3] == 255][:, :3]
    assert len(seen)
    assert {tuple(color) for color in seen.tolist()} <= {rgb_of(color) for color in style.colors}


def tile_over(path, zoom):
    (south, west), (north, east) = layer_bounds(path)
    lon, lat = (west + east) / 2, (south + north) / 2
    return int((lon + 180) / 360 * 2**zoom), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom)


def test_the_value_under_a_place_is_none_outside_and_in_holes(mercator):
    path, values = mercator
    to_degrees = Transformer.from_crs(3857, 4326, always_xy=True)
    with rasterio.open(path) as raster:
        inside, hole, outside = (to_degrees.transform(*raster.xy(row, col)) for row, col in ((5, 7), (45, 70), (-3, 4)))
    assert value_at(path, *inside) == values[5, 7]
    assert value_at(path, *hole) is None
    assert value_at(path, *outside) is None
    assert value_at(path, 0, 90) is None


def test_three_bands_are_shown_as_red_green_and_blue(tmp_path):
    from pyproj import CRS

    left, _, right, top = tile_bounds(14, 9000, 6000)
    side = (right - left) / 256
    bands = np.stack([np.full((256, 256), value, np.uint16) for value in (1000, 2000, 3000)])
    bands[:, :30] = 0
    path = write_raster(tmp_path / "scene.tif", bands, rasterio.Affine(side, 0, left, 0, -side, top), CRS.from_epsg(3857))
    shown = pixels_of(render(path, Style("rgb", 0, 3000, bands=(3, 2, 1)), 14, 9000, 6000))
    assert (shown[:30, :, 3] == 0).all()
    assert (shown[30:] == [255, 170, 85, 255]).all()
    with pytest.raises(SettingsError, match="band 4"):
        render(path, Style("rgb", 0, 1, bands=(4, 2, 1)), 14, 9000, 6000)


def test_a_raster_in_degrees_lies_where_it_should(tmp_path):
    from pyproj import CRS

    values = np.arange(100 * 200, dtype=np.float32).reshape(100, 200)
    path = write_raster(tmp_path / "degrees.tif", values, rasterio.Affine(0.01, 0, 20, 0, -0.01, 42), CRS.from_epsg(4326), float("nan"))
    (south, west), (north, east) = layer_bounds(path)
    np.testing.assert_allclose([south, west, north, east], [41, 20, 42, 22], atol=1e-9)
    assert value_at(path, 20.015, 41.985) == values[1, 1]
    assert render(path, value_style(0, 20000), 8, *tile_over(path, 8)) is not None


def test_a_raster_says_how_it_wants_to_be_coloured(utm, mercator):
    assert style_of(utm[0]) == class_style(class_scheme("usda"))
    path, values = mercator
    style = style_of(path)
    assert style.kind == "continuous"
    low, high = np.nanpercentile(values, [2, 98])
    assert style.low == pytest.approx(low, rel=0.03)
    assert style.high == pytest.approx(high, rel=0.01)


def test_a_file_that_is_no_raster_is_refused_in_words(tmp_path):
    (tmp_path / "text.tif").write_text("not a raster")
    for name in ("text.tif", "absent.tif"):
        with pytest.raises(UnreadableError):
            render(tmp_path / name, value_style(0, 1), 0, 0, 0)


def test_every_ramp_has_256_colours_and_reverses():
    for name in ramp_names():
        colors = ramp_colors(name)
        assert len(colors) == 256
        assert ramp_colors(f"{name}_r") == colors[::-1]
        assert ramp_stops(name, 2) == (colors[0], colors[-1])
    with pytest.raises(SettingsError, match="viridis"):
        ramp_colors("jet")


def test_the_diverging_ramp_is_lightest_in_its_middle():
    brightness = [sum(rgb_of(color)) for color in ramp_colors("blue-orange")]
    assert 120 <= int(np.argmax(brightness)) <= 136
    assert rgb_of(ramp_colors("blue-orange")[0])[2] > rgb_of(ramp_colors("blue-orange")[0])[0]
    assert rgb_of(ramp_colors("blue-orange")[-1])[0] > rgb_of(ramp_colors("blue-orange")[-1])[2]
