"""Scenes: windows and places give the same reflectance, whatever the file is like, and what cannot be used is refused in words."""

import concurrent.futures
import datetime

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.scene_cog import to_cog
from tests.engine.rasters import LANDSAT, ROLES, SENTINEL_2, digital_numbers, landsat_numbers, reflectance, write_raster

WHOLE = Window(0, 0, 40, 50)


def sentinel_2(path, roles=ROLES, offset=0, **options):
    return write_raster(path, digital_numbers(reflectance(roles), offset), names=[SENTINEL_2[role] for role in roles], **options)


def opened(*paths, **options):
    return open_scene(SceneSettings(tuple(map(str, paths)), **options))


def test_reflectance_is_the_stored_value_scaled_in_double_and_rounded_once(tmp_path):
    scene = opened(sentinel_2(tmp_path / "s.tif", offset=1000), offset=-0.1)
    stored = digital_numbers(reflectance(), 1000)
    np.testing.assert_array_equal(scene.read(WHOLE), (stored * 1e-4 - 0.1).astype(np.float32))
    assert scene.read(WHOLE).dtype == np.float32


@pytest.mark.parametrize("order", [ROLES, ROLES[::-1], ("S2", "N", "B", "R", "G", "S1")])
def test_the_order_of_the_bands_does_not_matter(tmp_path, order):
    scene = opened(sentinel_2(tmp_path / "s.tif", order))
    assert scene.roles == order
    wanted = ("B", "N", "S1")
    np.testing.assert_allclose(scene.read(WHOLE, wanted), reflectance(wanted), atol=5.1e-5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_window_is_the_same_part_of_the_whole(tmp_path_factory, data):
    scene = _stack_of_two_resolutions(tmp_path_factory)
    row, col = data.draw(st.integers(0, 699)), data.draw(st.integers(0, 599))
    window = Window(row, col, data.draw(st.integers(1, 700 - row)), data.draw(st.integers(1, 600 - col)))
    np.testing.assert_array_equal(scene.read(window), _WHOLE_OF_TWO[0][(slice(None), *window.slices)])


_WHOLE_OF_TWO, _SCENE_OF_TWO = [], []


def _stack_of_two_resolutions(tmp_path_factory):
    if not _SCENE_OF_TWO:
        folder = tmp_path_factory.mktemp("two")
        fine = reflectance(("B", "N"), 700, 600)
        coarse = reflectance(("S1",), 350, 300, seed=4)
        paths = [write_raster(folder / f"x_{name}.tif", digital_numbers(band)) for name, band in zip(("B02", "B08"), fine, strict=True)]
        paths.append(write_raster(folder / "x_B11.tif", digital_numbers(coarse), cell=20.0, tiled=True, blockxsize=128, blockysize=128))
        scene = opened(*paths)
        _SCENE_OF_TWO.append(scene)
        _WHOLE_OF_TWO.append(scene.read(Window(0, 0, 700, 600)))
    return _SCENE_OF_TWO[0]


def test_coarser_bands_are_interpolated_onto_the_finest_grid_and_that_is_said(tmp_path_factory):
    scene = _stack_of_two_resolutions(tmp_path_factory)
    assert scene.roles == ("B", "N", "S1")
    assert any("bilinear" in sentence and "x_B11.tif" in sentence for sentence in scene.assumed)
    coarse = digital_numbers(reflectance(("S1",), 350, 300, seed=4))[0].astype(float)
    # A fine pixel centre lies a quarter of a coarse pixel from the nearest coarse centre: weights 3/4 and 1/4 in each direction.
    expected = (9 * coarse[10, 20] + 3 * coarse[10, 21] + 3 * coarse[11, 20] + coarse[11, 21]) / 16
    assert scene.read(Window(21, 41, 1, 1), ("S1",))[0, 0, 0] == pytest.approx(expected * 1e-4, rel=1e-5)


def test_places_have_exactly_the_value_of_their_pixel(tmp_path_factory):
    scene = _stack_of_two_resolutions(tmp_path_factory)
    random = np.random.default_rng(1)
    x, y = random.uniform(499900, 506100, 3000), random.uniform(4992900, 5000100, 3000)
    values = scene.sample(x, y, "EPSG:32632")
    rows, cols, inside = scene.grid.rows_cols(x, y)
    assert 2000 < inside.sum() < 3000
    assert np.isnan(values[~inside]).all()
    np.testing.assert_array_equal(values[inside], _WHOLE_OF_TWO[0][:, rows[inside], cols[inside]].T.astype(float))


def test_places_in_another_reference_system_find_their_pixel(tmp_path):
    from pyproj import Transformer

    scene = opened(sentinel_2(tmp_path / "s.tif"))
    x, y = np.array([500005.0, 500255.0, 400000.0]), np.array([4999995.0, 4999755.0, 4999755.0])
    longitude, latitude = Transformer.from_crs(32632, 4326, always_xy=True).transform(x, y)
    np.testing.assert_array_equal(scene.sample(longitude, latitude, "EPSG:4326"), scene.sample(x, y))
    assert np.isnan(scene.sample(x, y)[2]).all()


def test_a_place_without_coordinates_has_no_value(tmp_path):
    assert np.isnan(opened(sentinel_2(tmp_path / "s.tif")).sample([np.nan], [4999995.0])).all()


def _holds(dtype, nodata):
    if nodata is None or not np.issubdtype(np.dtype(dtype), np.integer):
        return True
    return np.isfinite(nodata) and np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max


_KINDS = [
    (dtype, nodata)
    for dtype in ("uint16", "int16", "int32", "float32", "float64")
    for nodata in (None, 0, -9999, 65535, np.nan, -3.4e38)
    if _holds(dtype, nodata)
]


@pytest.mark.parametrize(("dtype", "nodata"), _KINDS)
def test_missing_pixels_become_nan_for_every_kind_of_nodata(tmp_path, dtype, nodata):
    stored = digital_numbers(reflectance(("B", "G", "R"))).astype(dtype)
    stored[:, 3, 4] = 0 if nodata is None else nodata
    scene = opened(write_raster(tmp_path / "s.tif", stored, names=("blue", "green", "red"), nodata=nodata))
    missing = np.isnan(scene.read(WHOLE))
    assert missing[:, 3, 4].all()
    assert missing.sum() == 3


def test_infinite_pixels_are_missing_and_said(tmp_path):
    values = reflectance(("B", "G", "R")).astype("float32")
    values[1, 2, 3], values[2, 0, 0] = np.inf, -np.inf
    scene = opened(write_raster(tmp_path / "s.tif", values, names=("B", "G", "R")))
    assert np.isnan(scene.read(WHOLE)).sum() == 2
    assert any("infinite" in sentence for sentence in scene.assumed)


def test_zero_is_missing_before_the_offset_is_taken_and_that_is_said(tmp_path):
    stored = digital_numbers(reflectance(), 1000)
    stored[:, :5] = 0
    scene = opened(write_raster(tmp_path / "s.tif", stored, names=list(SENTINEL_2.values())), offset=-0.1)
    values = scene.read(WHOLE)
    assert np.isnan(values[:, :5]).all() and np.isfinite(values[:, 5:]).all()
    assert any("12 % of the values are the stored value 0" in sentence for sentence in scene.assumed)


@pytest.mark.parametrize("kind", ["hidden", "alpha"])
def test_pixels_hidden_by_a_mask_or_alpha_band_are_missing(tmp_path, kind):
    hidden = np.zeros((40, 50), bool)
    hidden[7, 8:12] = True
    scene = opened(sentinel_2(tmp_path / "s.tif", ("R", "G", "B"), **{kind: hidden}))
    assert scene.roles == ("R", "G", "B")
    np.testing.assert_array_equal(np.isnan(scene.read(WHOLE)), np.broadcast_to(hidden, (3, 40, 50)))


def test_the_nodata_option_wins_over_the_file(tmp_path):
    stored = digital_numbers(reflectance(("B", "G", "R")))
    stored[0, 1, 1], stored[0, 2, 2] = 7, 9
    path = write_raster(tmp_path / "s.tif", stored, names=("B", "G", "R"), nodata=7)
    assert np.isnan(opened(path).read(WHOLE)[0, [1, 2], [1, 2]]).tolist() == [True, False]
    assert np.isnan(opened(path, nodata=9).read(WHOLE)[0, [1, 2], [1, 2]]).tolist() == [False, True]


def test_readers_of_several_threads_agree(tmp_path):
    scene = opened(sentinel_2(tmp_path / "s.tif"))
    whole = scene.read(WHOLE)

    def read_rows(row):
        with scene.reader() as reader:
            return reader.read(Window(row, 0, 1, 50))[:, 0]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(read_rows, range(40)))
    np.testing.assert_array_equal(np.stack(rows, axis=1), whole)


def test_single_band_files_make_the_same_scene_as_a_stack(tmp_path):
    names = {role: f"T32TPS_20220615T101559_{name.replace('B', 'B0') if len(name) == 2 else name}_10m.tif" for role, name in SENTINEL_2.items()}
    paths = [write_raster(tmp_path / names[role], digital_numbers(band)) for role, band in zip(ROLES, reflectance(), strict=True)]
    single, stack = opened(*paths), opened(sentinel_2(tmp_path / "s.tif"))
    assert single.roles == stack.roles == ROLES
    assert single.sensor == "sentinel-2-l2a"
    assert single.date == datetime.date(2022, 6, 15)
    np.testing.assert_array_equal(single.read(WHOLE), stack.read(WHOLE))


def test_the_date_comes_from_tags_before_names(tmp_path):
    path = sentinel_2(tmp_path / "scene_2019-01-02.tif", tags={"ACQUISITION_DATE": "2021-03-17", "TIFFTAG_DATETIME": "2023:01:01 00:00:00"})
    assert opened(path).date == datetime.date(2021, 3, 17)
    assert opened(sentinel_2(tmp_path / "again_20190102.tif")).date == datetime.date(2019, 1, 2)
    assert opened(sentinel_2(tmp_path / "plain.tif", tags={"TIFFTAG_DATETIME": "2023:01:01 00:00:00"})).date == datetime.date(2023, 1, 1)
    assert opened(sentinel_2(tmp_path / "none_1234567890.tif")).date is None


def test_files_of_different_days_are_a_finding(tmp_path):
    one = write_raster(tmp_path / "S2_20220101_B02.tif", digital_numbers(reflectance(("B",))))
    two = write_raster(tmp_path / "S2_20220301_B08.tif", digital_numbers(reflectance(("N",))))
    assert "bands-of-different-dates" in [finding.code for finding in opened(one, two).findings]


def test_the_fingerprint_follows_content_and_reading(tmp_path):
    path = sentinel_2(tmp_path / "s.tif")
    first = opened(path)
    assert first.fingerprint == opened(path).fingerprint and len(first.fingerprint) == 64
    assert opened(path, scale=2e-4, offset=0.0).fingerprint != first.fingerprint
    assert opened(path, roles=(("B2", "G"), ("B3", "B"))).fingerprint != first.fingerprint
    changed = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(seed=5)), names=list(SENTINEL_2.values()))
    assert opened(changed).fingerprint != first.fingerprint


def test_a_large_file_is_fingerprinted_by_parts_of_it_and_the_name_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("soilcore.data.imagery.CHEAP_FINGERPRINT_BYTES", 1000)
    scene = opened(sentinel_2(tmp_path / "s.tif"))
    assert scene.fingerprint.startswith("sampled-")
    assert scene.fingerprint == opened(tmp_path / "s.tif").fingerprint


def test_a_band_without_a_role_keeps_its_name_and_its_values(tmp_path):
    stored = np.concatenate([digital_numbers(reflectance(("B", "G", "R"))), np.full((1, 40, 50), 321, "uint16")])
    stored[3, 0, 0] = 0
    scene = opened(write_raster(tmp_path / "s.tif", stored, names=("blue", "green", "red", "elevation m")))
    assert scene.roles == ("B", "G", "R", "elevation_m")
    elevation = scene.read(WHOLE, ("elevation_m",))[0]
    assert elevation[0, 0] == 0 and elevation[1, 1] == 321


@pytest.mark.parametrize("offset", [0, 1000])
@pytest.mark.parametrize("kind", ["stack", "files", "masked", "float", "landsat"])
def test_a_converted_scene_reads_the_same_and_asks_nothing(tmp_path, kind, offset):
    scene = _scene_of_kind(tmp_path, kind, offset)
    again = opened(to_cog(scene, tmp_path / "cog" / "scene.tif"))
    assert again.roles == scene.roles and again.sensor == scene.sensor and again.date == scene.date
    assert (again.scaling.scale, again.scaling.offset) == (scene.scaling.scale, scene.scaling.offset)
    np.testing.assert_array_equal(again.read(WHOLE), scene.read(WHOLE))
    assert [path.name for path in (tmp_path / "cog").iterdir()] == ["scene.tif"]


def _scene_of_kind(tmp_path, kind, offset):
    taken = -offset / 10000
    if kind == "landsat":
        names = list(LANDSAT.values())
        return opened(write_raster(tmp_path / "s_20200101.tif", landsat_numbers(reflectance(tuple(LANDSAT))), names=names, nodata=65535, cell=30.0))
    if kind == "files":
        roles = ("B", "N")
        paths = [write_raster(tmp_path / f"{SENTINEL_2[r]}.tif", b) for r, b in zip(roles, digital_numbers(reflectance(roles), offset), strict=True)]
        return opened(*paths, sensor="sentinel-2-l2a", offset=taken)
    if kind == "float":
        values = reflectance().astype("float32") + np.float32(offset / 10000)
        values[0, 0, 0] = np.nan
        return opened(write_raster(tmp_path / "s.tif", values, names=list(SENTINEL_2.values())), offset=taken)
    hidden = np.zeros((40, 50), bool)
    hidden[1, 1] = kind == "masked"
    return opened(sentinel_2(tmp_path / "s.tif", offset=offset, hidden=hidden), offset=taken)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"id,ec\n1,2\n", "is not a raster that is read here"),
        (b"<!DOCTYPE html><html></html>", "is not a raster that is read here"),
        (b"PK\x03\x04" + bytes(60), "archive .* is damaged or cut off"),
        (b"II*\x00" + bytes(200), "damaged or cut off"),
        (b'<VRTDataset rasterXSize="5" rasterYSize="5"></VRTDataset>', "virtual mosaic that points to other files"),
    ],
)
def test_what_is_no_raster_is_refused(tmp_path, content, sentence):
    (tmp_path / "s.tif").write_bytes(content)
    with pytest.raises(UnreadableError, match=sentence):
        opened(tmp_path / "s.tif")


@pytest.mark.parametrize("name", ["/vsicurl/https://example.org/s.tif", "https://example.org/s.tif", "s3://bucket/s.tif"])
def test_an_address_is_refused(name):
    with pytest.raises(UnreadableError, match="is an address, not a file"):
        opened(name)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UnreadableError, match="does not exist"):
        opened(tmp_path / "none.tif")
    with pytest.raises(UnreadableError, match="is a folder"):
        opened(tmp_path)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
@pytest.mark.parametrize("tiled", [True, False])
def test_a_file_cut_off_is_refused_at_once(tmp_path, share, tiled):
    layout = {"tiled": True, "blockxsize": 64, "blockysize": 64} if tiled else {}
    path = write_raster(
        tmp_path / "s.tif", digital_numbers(reflectance(height=300, width=300)), names=list(SENTINEL_2.values()), compress="deflate", **layout
    )
    content = (tmp_path / "s.tif").read_bytes()
    (tmp_path / "s.tif").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(UnreadableError, match="cut off"):
        opened(path)


def test_damaged_pixels_are_said_in_words(tmp_path):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(height=300, width=300)), names=list(SENTINEL_2.values()), compress="deflate")
    content = bytearray((tmp_path / "s.tif").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = bytes(5000)
    (tmp_path / "s.tif").write_bytes(content)
    with pytest.raises(UnreadableError, match="damaged"):
        opened(path)


def test_a_virtual_mosaic_is_opened_only_for_who_may_read_its_files(tmp_path):
    from rasterio.shutil import copy

    path = sentinel_2(tmp_path / "s.tif")
    copy(path, tmp_path / "mosaic.vrt", driver="VRT")
    with pytest.raises(UnreadableError, match="points to other files"):
        opened(tmp_path / "mosaic.vrt")
    np.testing.assert_array_equal(opened(tmp_path / "mosaic.vrt", trusted=True).read(WHOLE), opened(path).read(WHOLE))


def test_a_file_beside_the_image_cannot_change_it(tmp_path):
    path = sentinel_2(tmp_path / "s.tif")
    before = opened(path).read(WHOLE)
    bands = "".join(f'<PAMRasterBand band="{number}"><NoDataValue>1500</NoDataValue><Scale>7</Scale></PAMRasterBand>' for number in range(1, 11))
    (tmp_path / "s.tif.aux.xml").write_text(f"<PAMDataset>{bands}</PAMDataset>")
    write_raster(tmp_path / "s.tif.msk", np.zeros((1, 40, 50), "uint8"))
    np.testing.assert_array_equal(opened(path).read(WHOLE), before)


def test_an_image_without_a_place_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(SceneError, match=r"no coordinate reference system.*gdal_edit"):
        opened(sentinel_2(tmp_path / "s.tif", crs=None))


@pytest.mark.parametrize(
    ("crs", "origin", "cell", "sentence"),
    [
        ("EPSG:4326", (500000.0, 5000000.0), 10.0, "look like metres"),
        ("EPSG:32632", (9.0, 45.0), 0.0001, "look like degrees"),
        ("EPSG:32632", (5e8, 5e9), 10.0, "no place on earth"),
    ],
)
def test_coordinates_that_cannot_be_of_the_reference_system_are_refused(tmp_path, crs, origin, cell, sentence):
    with pytest.raises(SceneError, match=f"{sentence}.*gdal_edit"):
        opened(sentinel_2(tmp_path / "s.tif", crs=crs, origin=origin, cell=cell))


def test_a_rotated_grid_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(SceneError, match=r"rotated.*gdalwarp"):
        opened(sentinel_2(tmp_path / "s.tif", transform=Affine(9.8, 1.7, 500000, 1.7, -9.8, 5000000)))


def test_files_of_different_reference_systems_are_refused_by_name(tmp_path):
    one = write_raster(tmp_path / "a_B02.tif", digital_numbers(reflectance(("B",))))
    two = write_raster(tmp_path / "a_B08.tif", digital_numbers(reflectance(("N",))), crs="EPSG:32633")
    with pytest.raises(SceneError, match=r"share one grid.*zone 32N.*a_B08.tif.*zone 33N.*gdalwarp"):
        opened(one, two)


def test_files_that_lie_apart_are_refused_by_name(tmp_path):
    one = write_raster(tmp_path / "a_B02.tif", digital_numbers(reflectance(("B",))))
    two = write_raster(tmp_path / "a_B08.tif", digital_numbers(reflectance(("N",))), origin=(500030.0, 5000000.0))
    with pytest.raises(SceneError, match=r"share one grid.*a_B08.tif"):
        opened(one, two)


def test_a_scene_without_any_valid_pixel_is_refused(tmp_path):
    with pytest.raises(SceneError, match="no valid pixel"):
        opened(write_raster(tmp_path / "s.tif", np.zeros((3, 8, 8), "uint16"), names=("B", "G", "R")))


@pytest.mark.parametrize("options", [{"scale": 0.0}, {"scale": -1.0}, {"scale": float("nan")}, {"offset": float("inf")}, {"sensor": "spot-5"}])
def test_impossible_options_are_refused(tmp_path, options):
    with pytest.raises(SettingsError):
        opened(sentinel_2(tmp_path / "s.tif"), **options)


def test_the_same_file_twice_and_no_file_are_refused(tmp_path):
    path = sentinel_2(tmp_path / "s.tif")
    with pytest.raises(SettingsError, match="given twice"):
        opened(path, path)
    with pytest.raises(SettingsError, match="No image file"):
        opened()


def test_a_band_or_window_that_is_not_there_is_refused(tmp_path):
    scene = opened(sentinel_2(tmp_path / "s.tif"))
    with pytest.raises(SceneError, match="no band 'TIR'"):
        scene.read(WHOLE, ("TIR",))
    with pytest.raises(SceneError, match="does not lie within"):
        scene.read(Window(0, 0, 41, 50))
