"""Quality layers: clouds and their rims are hidden the same way for windows of any size, for places, and for every form of imagery."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.quality import QA_PIXEL, SCL, bad_pixels, widened
from soilcore.data.stored_values import stored_values
from tests.engine.data.product_files import landsat_quality, safe_classes, safe_numbers, write_jp2, write_landsat, write_safe
from tests.engine.rasters import LANDSAT, digital_numbers, landsat_numbers, reflectance, write_raster


def opened(*paths, **options):
    return open_scene(SceneSettings(tuple(map(str, paths)), **options))


def hidden(scene, roles=("B",)):
    """Pixels that the layer hides in a scene where data are everywhere: NaN of a band, whole."""
    return np.isnan(scene.read(Window(0, 0, *scene.grid.shape), roles)[0])


def near(pixels, distance):
    """Pixels within a distance of true ones, by measuring every pair."""
    rows, cols = np.indices(pixels.shape)
    out = np.zeros(pixels.shape, bool)
    for row, col in np.argwhere(pixels):
        out |= (rows - row) ** 2 + (cols - col) ** 2 <= distance**2
    return out


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    return write_safe(tmp_path_factory.mktemp("safe"))


@pytest.mark.parametrize("dilate", [0, 1, 2, 5])
@pytest.mark.parametrize("keep", [(), (5,), (4, 5, 6, 7), (2, 4, 5, 7, 9)])
def test_classes_that_are_not_kept_are_hidden_and_clouds_widened(safe, dilate, keep):
    classes = safe_classes()
    kept = keep or (4, 5, 7)
    spreading = np.isin(classes, [code for code in (3, 8, 9, 10) if code not in kept])
    expected = ~np.isin(classes, kept) | near(spreading, dilate)
    np.testing.assert_array_equal(hidden(opened(safe, dilate=dilate, keep=keep))[4:], np.kron(expected, np.ones((2, 2), bool))[4:])


def test_every_reflective_band_is_hidden_alike(safe):
    scene = opened(safe)
    missing = np.isnan(scene.read(Window(0, 0, 120, 120)))
    assert (missing[:, 6:] == missing[0, 6:]).all()


def test_nothing_is_hidden_where_that_was_not_asked(safe):
    scene = opened(safe, quality="none")
    assert scene.quality is None and scene.quality_kind == "SCL"
    assert not hidden(scene)[4:].any()
    assert any("clouds not hidden: SCL is there" in sentence for sentence in scene.assumed)


def test_what_is_hidden_is_said_with_shares_by_class(safe):
    sentence = next(sentence for sentence in opened(safe).assumed if "hidden by SCL" in sentence)
    classes = safe_classes()
    total = np.count_nonzero(~np.isin(classes, (4, 5, 7)) | near(np.isin(classes, (3, 8, 9, 10)), 2)) / classes.size
    assert sentence.startswith(f"{100 * total:.2g} % of the pixels hidden by SCL (kept: 4 vegetation, 5 bare soil, 7 unclassified")
    assert f"water {100 * np.mean(classes == 6):.2g} %" in sentence and f"cloud, high probability {100 * np.mean(classes == 9):.2g} %" in sentence
    assert any("water hidden with the rest by SCL" in sentence for sentence in opened(safe).assumed)
    assert not any("water hidden" in sentence for sentence in opened(safe, keep=(4, 5, 6, 7)).assumed)


def test_a_scene_under_cloud_is_warned_of(tmp_path):
    scene = opened(write_safe(tmp_path, scl=np.full((60, 60), 9, "uint8")))
    assert [finding.code for finding in scene.findings] == ["hidden-by-clouds"]
    assert hidden(scene).all()


@pytest.mark.parametrize("dilate", [0, 2])
def test_qa_pixel_hides_fill_clouds_shadows_cirrus_and_snow_but_not_water(tmp_path, dilate):
    quality = landsat_quality()
    scene = opened(write_landsat(tmp_path), dilate=dilate)
    spreading = np.isin(quality, (22280, 23888, 54596))
    expected = np.isin(quality, (1, 22280, 23888, 54596, 30048, 21826)) | near(spreading, dilate)
    np.testing.assert_array_equal(hidden(scene), expected)
    assert not hidden(scene)[quality == 21952].any()
    sentence = next(sentence for sentence in scene.assumed if "hidden by QA_PIXEL" in sentence)
    for label in ("fill", "cloud ", "cloud shadow", "cirrus", "snow", "rim of cloud"):
        assert label in sentence


@pytest.mark.parametrize(
    ("number", "bad", "spreads"),
    [
        (21824, False, False),  # clear land
        (21952, False, False),  # clear water
        (0, True, False),
        (1, True, False),  # fill
        (21826, True, False),  # rim of a cloud, as the agency widened it
        (22280, True, True),  # cloud
        (24088, True, True),  # cloud and cloud shadow
        (23888, True, True),  # cloud shadow
        (54596, True, True),  # cirrus
        (30048, True, False),  # snow
        (24216, True, True),  # cloud over water
    ],
)
def test_numbers_of_qa_pixel_as_the_agency_lists_them(number, bad, spreads):
    found = bad_pixels(np.array([number], "uint16"), QA_PIXEL)
    assert (bool(found[0][0]), bool(found[1][0])) == (bad, spreads)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), distance=st.integers(0, 6))
def test_widening_reaches_the_distance_and_no_further(seed, distance):
    random = np.random.default_rng(seed)
    pixels = random.random((random.integers(1, 25), random.integers(1, 25))) < 0.05
    np.testing.assert_array_equal(widened(pixels, distance) if distance else pixels, near(pixels, distance))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_window_changes_what_is_hidden(safe, data):
    scene, whole = _opened_once(safe)
    row, col = data.draw(st.integers(0, 119)), data.draw(st.integers(0, 119))
    window = Window(row, col, data.draw(st.integers(1, 120 - row)), data.draw(st.integers(1, 120 - col)))
    with scene.reader() as reader:
        np.testing.assert_array_equal(reader.hidden(window), whole[window.slices])


_OPENED = []


def _opened_once(safe):
    if not _OPENED:
        scene = opened(safe)
        with scene.reader() as reader:
            _OPENED.append((scene, reader.hidden(Window(0, 0, 120, 120))))
    return _OPENED[0]


def test_a_layer_inside_a_stack_is_used_and_left_out_of_the_bands(tmp_path):
    roles = ("B", "G", "R", "N")
    numbers = digital_numbers(reflectance(roles, 60, 60))
    stack = np.concatenate([numbers, safe_classes()[None].astype("uint16")])
    scene = opened(write_raster(tmp_path / "s.tif", stack, names=("B2", "B3", "B4", "B8", "SCL"), cell=20.0))
    assert scene.roles == roles and scene.quality_kind == SCL
    classes = safe_classes()
    np.testing.assert_array_equal(hidden(scene), ~np.isin(classes, (4, 5, 7)) | near(np.isin(classes, (3, 8, 9, 10)), 2))


def test_a_layer_of_decimal_numbers_is_used_alike(tmp_path):
    values = reflectance(("B", "G", "R", "N"), 60, 60)
    classes = safe_classes().astype(float)
    classes[30, 30] = np.nan
    stack = np.concatenate([values, classes[None]]).astype("float32")
    scene = opened(write_raster(tmp_path / "s.tif", stack, names=("B2", "B3", "B4", "B8", "SCL"), cell=20.0, nodata=np.nan))
    assert hidden(scene)[30, 30]
    np.testing.assert_array_equal(hidden(scene)[40:], (~np.isin(safe_classes(), (4, 5, 7)) | near(safe_classes() == 3, 2))[40:])


def test_a_layer_laid_onto_ten_metres_is_widened_by_as_many_metres(tmp_path):
    numbers = digital_numbers(reflectance(("B", "G", "R", "N"), 120, 120))
    classes = np.kron(safe_classes(), np.ones((2, 2), "uint8"))
    stack = np.concatenate([numbers, classes[None].astype("uint16")])
    scene = opened(write_raster(tmp_path / "s.tif", stack, names=("B2", "B3", "B4", "B8", "SCL")))
    np.testing.assert_array_equal(hidden(scene), ~np.isin(classes, (4, 5, 7)) | near(np.isin(classes, (3, 8, 9, 10)), 4))


def test_a_landsat_stack_with_its_quality_band_is_used_alike(tmp_path):
    numbers = landsat_numbers(reflectance(tuple(LANDSAT), 60, 50))
    stack = np.concatenate([numbers, landsat_quality()[None]])
    scene = opened(write_raster(tmp_path / "s.tif", stack, names=(*LANDSAT.values(), "QA_PIXEL"), cell=30.0))
    assert scene.quality_kind == QA_PIXEL
    expected = (landsat_quality() & 0b111111) != 0
    np.testing.assert_array_equal(hidden(scene), expected | near(np.isin(landsat_quality(), (22280, 23888, 54596)), 2))


def test_loose_files_with_their_classes_are_masked_like_the_product(safe, tmp_path):
    files = [next(safe.rglob(f"*_{band}_10m.jp2")) for band in ("B02", "B03", "B04", "B08")]
    loose = opened(*files, next(safe.rglob("*_SCL_20m.jp2")), offset=-0.1)
    whole = opened(safe).read(Window(0, 0, 120, 120), ("B", "G", "R", "N"))
    np.testing.assert_array_equal(loose.read(Window(0, 0, 120, 120)), whole)


def test_the_layer_alone_does_not_make_the_grid(tmp_path):
    numbers = safe_numbers()
    write_jp2(tmp_path / "T31UFU_20220619T103421_B11_20m.jp2", numbers["S1"], 20)
    write_jp2(tmp_path / "T31UFU_20220619T103421_B12_20m.jp2", numbers["S2"], 20)
    write_jp2(tmp_path / "T31UFU_20220619T103421_SCL_10m.jp2", np.kron(safe_classes(), np.ones((2, 2), "uint8")), 10)
    scene = opened(*sorted(tmp_path.iterdir()), offset=0.0)
    assert scene.grid.shape == (60, 60) and scene.roles == ("S1", "S2")
    assert hidden(scene, ("S1",))[22, 12] and not hidden(scene, ("S1",))[5, 5]


def test_statistics_and_pictures_leave_hidden_pixels_out(safe):
    from soilcore.data.previews import band_statistics, preview

    scene = opened(safe)
    valid = band_statistics(scene).set_index("role").loc["B", "valid"]
    assert valid == pytest.approx(1 - hidden(scene).mean())
    assert (preview(scene, size=120)[..., 3] == 0).mean() == pytest.approx(hidden(scene).mean())


def test_the_scaling_is_judged_with_water_and_shadow(safe):
    scene = opened(safe)
    values, _ = stored_values(scene.grid, scene.files, scene.bands)
    assert np.isfinite(values["B"]).mean() > np.isfinite(scene.read(Window(0, 0, 120, 120), ("B",))).mean()
    assert scene.findings == ()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"quality": "maybe"}, "'maybe' is not known"),
        ({"dilate": -1}, "widened by -1 pixels"),
        ({"dilate": 51}, "Choose 0 to 50"),
        ({"keep": (4, 12)}, "no class 12"),
    ],
)
def test_impossible_answers_are_refused(safe, answers, sentence):
    with pytest.raises(SettingsError, match=sentence):
        opened(safe, **answers)


def test_classes_to_keep_need_a_classification(tmp_path):
    with pytest.raises(SettingsError, match="has Landsat's QA_PIXEL"):
        opened(write_landsat(tmp_path), keep=(4, 5))
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance()), names=["B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"])
    with pytest.raises(SettingsError, match="no scene classification"):
        opened(path, keep=(4, 5))
