"""How stored values become reflectance: what is evident is said with numbers, what is not is asked by naming the option."""

import numpy as np
import pytest

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.sensors import scaling_of_sensor, sensor_names
from tests.engine.rasters import LANDSAT, ROLES, SENTINEL_2, digital_numbers, landsat_numbers, reflectance, write_raster

NAMES = list(SENTINEL_2.values())
WORDS = ("blue", "green", "red", "nir", "swir1", "swir2")
SIX = ("B", "G", "R", "N", "S1", "S2")


def opened(path, **options):
    return open_scene(SceneSettings((str(path),), **options))


def codes(scene):
    return [finding.code for finding in scene.findings]


def scaling(scene):
    return pytest.approx(scene.scaling.scale), pytest.approx(scene.scaling.offset)


def desert(offset=0):
    """Bright ground without any dark pixel."""
    return digital_numbers(np.clip(reflectance(height=20, width=20), 0.09, None) + 0.05, offset)


@pytest.mark.parametrize(
    ("tags", "offset"),
    [
        ({"PROCESSING_BASELINE": "03.01"}, 0),
        ({"PROCESSING_BASELINE": "04.00"}, -0.1),
        ({"processing_baseline": "05.11"}, -0.1),
        ({"BOA_ADD_OFFSET": "-1000", "QUANTIFICATION_VALUE": "10000"}, -0.1),
        ({"PROCESSING_BASELINE": "05.11", "earthsearch:boa_offset_applied": "true"}, 0),
        ({"PROCESSING_BASELINE": "05.11", "earthsearch:boa_offset_applied": "false"}, -0.1),
    ],
)
def test_the_offset_of_sentinel_2_follows_metadata_and_never_a_date(tmp_path, tags, offset):
    stored = digital_numbers(reflectance(), round(-offset * 10000))
    scene = opened(write_raster(tmp_path / "S2_20230601.tif", stored, names=NAMES, tags={"ACQUISITION_DATE": "2023-06-01", **tags}))
    assert (scene.scaling.scale, scene.scaling.offset) == (pytest.approx(1e-4), pytest.approx(offset))
    assert scene.sensor == "sentinel-2-l2a"
    assert any("metadata" in sentence for sentence in scene.scaling.evidence)
    assert any("metadata" in sentence for sentence in scene.assumed)


def test_the_baseline_in_a_product_name_counts(tmp_path):
    path = write_raster(tmp_path / "S2A_MSIL2A_20220601T101559_N0400_R065_T32TPS.tif", digital_numbers(reflectance(), 1000), names=NAMES)
    assert opened(path).scaling.offset == pytest.approx(-0.1)


def test_without_metadata_dark_pixels_show_that_no_offset_is_in(tmp_path):
    scene = opened(write_raster(tmp_path / "s.tif", digital_numbers(reflectance()), names=NAMES))
    assert scene.scaling.offset == 0
    assert any("darkest pixels go down to" in sentence for sentence in scene.scaling.evidence)
    assert codes(scene) == []


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_without_metadata_an_offset_left_in_is_asked_with_its_evidence(tmp_path, kind):
    stored = digital_numbers(reflectance(), 1000)
    values = stored if kind == "uint16" else (stored / 10000).astype(kind)
    path = write_raster(tmp_path / "s.tif", values, names=NAMES)
    with pytest.raises(SceneError, match=r"No band of s.tif falls below 0\.10.*B 0\.12.*--offset -0\.1.*--offset 0") as caught:
        opened(path)
    assert [finding.code for finding in caught.value.findings] == ["offset-left-in"]
    taken = opened(path, offset=-0.1)
    np.testing.assert_allclose(taken.read(Window(0, 0, 40, 50)), reflectance(), atol=6e-5)
    kept = opened(path, offset=0.0)
    assert codes(kept) == ["offset-left-in"]


def test_the_named_sensor_and_its_dark_pixels_together_are_evident(tmp_path):
    with_offset = opened(write_raster(tmp_path / "s.tif", digital_numbers(reflectance(), 1000), names=NAMES), sensor="sentinel-2-l2a")
    assert with_offset.scaling.offset == -0.1
    assert any("the sensor was named, and no band goes below 1032 (S2)" in sentence for sentence in with_offset.assumed)
    without = opened(write_raster(tmp_path / "t.tif", digital_numbers(reflectance()), names=NAMES), sensor="sentinel-2-l2a")
    assert without.scaling.offset == 0
    removed = opened(tmp_path / "s.tif", sensor="sentinel-2-l2a-harmonized")
    assert removed.scaling.offset == 0


def test_bright_ground_is_asked_too_because_nothing_tells_it_from_an_offset(tmp_path):
    path = write_raster(tmp_path / "s.tif", desert(), names=NAMES)
    with pytest.raises(SceneError, match="--offset"):
        opened(path)
    assert opened(path, offset=0.0).scaling.offset == 0


def test_tags_win_over_inference_and_options_over_tags(tmp_path):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(), 1000), names=NAMES, scaling=(1e-4, -0.1))
    assert (opened(path).scaling.scale, opened(path).scaling.offset) == (1e-4, -0.1)
    assert any("own scale and offset tags" in sentence for sentence in opened(path).assumed)
    assert (opened(path, offset=-0.05).scaling.scale, opened(path, offset=-0.05).scaling.offset) == (1e-4, -0.05)
    assert (opened(path, scale=2e-4).scaling.scale, opened(path, scale=2e-4).scaling.offset) == (2e-4, -0.1)
    both = opened(path, scale=2e-4, offset=0.0)
    assert (both.scaling.scale, both.scaling.offset) == (2e-4, 0.0)
    assert not any("stored value x" in sentence for sentence in both.assumed)


def test_a_zero_of_packed_decimals_is_a_reflectance_and_no_gap(tmp_path):
    numbers = np.round((reflectance() - 0.05) / 1e-4).astype("int16")
    numbers[:, 3, 4] = 0
    numbers[:, 5, 6] = -32768
    scene = opened(write_raster(tmp_path / "s.tif", numbers, names=NAMES, scaling=(1e-4, 0.05), nodata=-32768), sensor="reflectance")
    values = scene.read(Window(0, 0, 40, 50))
    np.testing.assert_allclose(values[:, 3, 4], 0.05, atol=1e-6)
    assert np.isnan(values).all(0).sum() == 1 and np.isnan(values[:, 5, 6]).all()
    assert not any("stored value 0" in sentence for sentence in scene.assumed)


def test_tags_that_name_an_offset_already_removed_are_warned_of(tmp_path):
    scene = opened(write_raster(tmp_path / "s.tif", digital_numbers(reflectance()), names=NAMES, scaling=(1e-4, -0.1)))
    assert "offset-already-removed" in codes(scene)
    assert "--offset 0" in scene.findings[0].fix


def test_bands_with_different_tags_are_asked(tmp_path):
    import rasterio

    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance()), names=NAMES)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = [1e-4] * 5 + [2e-4] * 5
    with pytest.raises(SceneError, match=r"different scale and offset tags.*--scale and --offset"):
        opened(path)
    assert opened(path, scale=1e-4, offset=0.0).scaling.scale == 1e-4


def test_landsat_collection_2_is_known_by_its_numbers(tmp_path):
    stored = landsat_numbers(reflectance(SIX))
    scene = opened(write_raster(tmp_path / "s.tif", stored, names=list(LANDSAT.values()), cell=30.0, nodata=0))
    assert scene.roles == SIX
    assert scene.sensor == "landsat-c2-l2"
    assert (scene.scaling.scale, scene.scaling.offset) == (2.75e-5, -0.2)
    np.testing.assert_allclose(scene.read(Window(0, 0, 40, 50)), reflectance(SIX), atol=2e-5)
    assert any("divided by 10000" in sentence for sentence in scene.scaling.evidence)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_decimals_up_to_one_are_reflectance_already(tmp_path, dtype):
    scene = opened(write_raster(tmp_path / "s.tif", reflectance(SIX).astype(dtype), names=WORDS))
    assert (scene.scaling.scale, scene.scaling.offset) == (1.0, 0.0)
    np.testing.assert_array_equal(scene.read(Window(0, 0, 40, 50)), reflectance(SIX).astype(np.float32))


def test_ten_thousandths_of_an_unknown_sensor_are_read_as_such(tmp_path):
    scene = opened(write_raster(tmp_path / "s.tif", digital_numbers(reflectance(SIX)).astype("int16"), names=WORDS, cell=3.0))
    assert scene.scaling.scale == 1e-4 and scene.sensor is None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (lambda: (reflectance(SIX) * 255).astype("uint8"), "8-bit values are raw counts"),
        (lambda: (reflectance(SIX) * 100).astype("float32"), "fit no way of storing reflectance"),
        (lambda: (reflectance(SIX) * 1e6).astype("uint32"), "fit no way of storing reflectance"),
    ],
)
def test_values_that_fit_no_known_storage_are_asked_with_their_range(tmp_path, values, sentence):
    with pytest.raises(SceneError, match=rf"values run from .* to .*{sentence}.*--scale and --offset") as caught:
        opened(write_raster(tmp_path / "s.tif", values(), names=WORDS))
    assert "medians" in caught.value.message


@pytest.mark.parametrize("options", [{"sensor": "reflectance"}, {"sensor": "landsat-c2-l2"}, {"scale": 1.0}, {"scale": 1e-4, "offset": -5.0}])
def test_a_scaling_under_which_no_pixel_is_possible_is_refused(tmp_path, options):
    with pytest.raises(SceneError, match=r"would run from .*reflectance lies between 0 and 1"):
        opened(write_raster(tmp_path / "s.tif", digital_numbers(reflectance(SIX)), names=WORDS), **options)


def test_reflectance_above_possible_is_warned_of(tmp_path):
    scene = opened(write_raster(tmp_path / "s.tif", digital_numbers(reflectance(SIX)), names=WORDS), scale=5e-4, offset=0.0)
    assert codes(scene) == ["reflectance-above-possible"]


def test_blue_haze_is_called_top_of_atmosphere(tmp_path):
    hazy = reflectance(SIX) + np.array([0.09, 0.05, 0.03, 0.01, 0, 0])[:, None, None]
    scene = opened(write_raster(tmp_path / "s.tif", digital_numbers(hazy), names=("B2", "B3", "B4", "B8", "B11", "B12")))
    assert codes(scene) == ["top-of-atmosphere"]
    assert "0.11" in scene.findings[0].message


@pytest.mark.parametrize("name", sensor_names())
def test_every_sensor_has_a_scaling(name):
    scale, offset = scaling_of_sensor(name)
    assert scale > 0 >= offset


def test_an_unknown_sensor_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match=r"'modis' is not known.*sentinel-2-l2a.*landsat-c2-l2.*reflectance"):
        scaling_of_sensor("modis")


ROLE_NAMES = [
    (("B02", "B03", "B04", "B8A", "B12"), ("B", "G", "R", "N2", "S2"), 20.0),
    (("b02", "b03", "b04", "b08", "b11"), ("B", "G", "R", "N", "S1"), 10.0),
    (("Blue", "Green", "Red", "NIR", "SWIR 1", "SWIR-2"), SIX, 10.0),
    (("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir16", "swir22"), ROLES, 10.0),
    (("blue", "green", "red", "nir08", "swir16", "swir22"), SIX, 30.0),
    (("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7"), SIX, 30.0),
    (("SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7"), SIX, 30.0),
    (("B2", "B3", "B4", "B5", "B6", "B7"), SIX, 30.0),
    (("B4", "B3", "B2"), ("R", "G", "B"), 10.0),
    (("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"), ("B1", *ROLES[:8], "B9", "S1", "S2"), 10.0),
    (("R", "B", "G"), ("R", "B", "G"), 10.0),
]


@pytest.mark.parametrize(("names", "roles", "cell"), ROLE_NAMES)
def test_bands_are_known_by_the_names_people_give_them(tmp_path, names, roles, cell):
    values = np.stack([digital_numbers(reflectance(("R",), seed=seed))[0] for seed in range(len(names))])
    scene = opened(write_raster(tmp_path / "s.tif", values, names=names, cell=cell))
    assert scene.roles == roles
    assert any("bands by their names" in sentence for sentence in scene.assumed)


def test_the_same_numbers_at_10_m_could_be_two_sensors_and_are_asked(tmp_path):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(SIX)), names=("B2", "B3", "B4", "B5", "B6", "B7"))
    with pytest.raises(SceneError, match=r"different colours on Sentinel-2 and on Landsat.*--roles"):
        opened(path)
    assert opened(path, sensor="sentinel-2-l2a").roles == ROLES[:6]
    assert opened(path, roles=tuple(zip(("B2", "B3", "B4", "B5", "B6", "B7"), SIX, strict=True))).roles == SIX


def test_quality_layers_are_left_out_and_said(tmp_path):
    values = np.concatenate([digital_numbers(reflectance(("B", "G", "R"))), np.full((2, 40, 50), 4, "uint16")])
    scene = opened(write_raster(tmp_path / "s.tif", values, names=("B02", "B03", "B04", "SCL", "QA_PIXEL")), sensor="sentinel-2-l2a")
    assert scene.roles == ("B", "G", "R")
    assert any("left out of the bands: SCL, QA_PIXEL" in sentence for sentence in scene.assumed)


@pytest.mark.parametrize(("sensor", "roles"), [("sentinel-2-l2a", ROLES), ("landsat-c2-l2", None)])
def test_unnamed_bands_are_asked_unless_sensor_and_number_tell(tmp_path, sensor, roles):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance()))
    with pytest.raises(SceneError, match=r"not recognised: name them with --roles.*Seen: 10 bands.*1 \(unnamed, uint16\)"):
        opened(path)
    if roles is None:
        with pytest.raises(SceneError, match="not recognised"):
            opened(path, sensor=sensor)
    else:
        scene = opened(path, sensor=sensor)
        assert scene.roles == roles
        assert any("usual order" in sentence for sentence in scene.assumed)


@pytest.mark.parametrize("names", [("B1", "B2", "B3"), ("1", "2", "3"), ("band 1", "band_2", "Band3")])
def test_roles_may_name_bands_by_number(tmp_path, names):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(("R", "B", "G"))))
    assert opened(path, roles=tuple(zip(names, ("R", "B", "G"), strict=True))).roles == ("R", "B", "G")


def test_roles_may_name_some_bands_and_the_rest_follows_its_names(tmp_path):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(("R", "B", "G"))), names=("left", "blue", "green"))
    assert opened(path, roles=(("left", "R"),)).roles == ("R", "B", "G")
    assert opened(path, roles=(("blue", "R"),)).roles == ("left", "R", "G")


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        ((("B9", "B"),), r"'B9', which is not there. Bands: 1 \(blue"),
        ((("4", "B"),), "not there"),
        ((("blue", "B"), ("blue", "G")), "twice"),
        ((("blue", "B"), ("red", "B")), "to two bands"),
        ((("blue", "B+G"),), "cannot be a role"),
    ],
)
def test_roles_that_cannot_be_are_refused(tmp_path, roles, sentence):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(("B", "G", "R"))), names=("blue", "green", "red"))
    with pytest.raises(SettingsError, match=sentence):
        opened(path, roles=roles)


def test_two_bands_of_one_role_are_asked(tmp_path):
    path = write_raster(tmp_path / "s.tif", digital_numbers(reflectance(("B", "G", "R"))), names=("blue", "B02", "red"))
    with pytest.raises(SceneError, match=r"'blue' and 'B02' both look like B \(blue\).*--roles"):
        opened(path, sensor="sentinel-2-l2a")


def test_a_sensor_that_lacks_the_bands_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="B12, B8A, which only Sentinel-2 has"):
        opened(write_raster(tmp_path / "s.tif", digital_numbers(reflectance()), names=NAMES), sensor="landsat-c2-l2")


class TestRealImages:
    """What the real files are, worked out from their pixels."""

    def test_patagonia_is_ten_thousandths_without_offset_and_looks_like_top_of_atmosphere(self, shared_data):
        scene = opened(shared_data / "imagery" / "s2_6band_patagonia.tif")
        assert scene.roles == SIX and scene.sensor == "sentinel-2-l2a"
        assert (scene.scaling.scale, scene.scaling.offset) == (1e-4, 0.0)
        assert any("darkest pixels go down to 804 in R" in sentence for sentence in scene.scaling.evidence)
        assert codes(scene) == ["top-of-atmosphere"]
        assert "blue (0.106) than in green (0.084) and red (0.080)" in scene.findings[0].message

    def test_amazon_has_the_offset_left_in_and_asks(self, shared_data):
        path = shared_data / "imagery" / "s2_12band_amazon.tif"
        with pytest.raises(SceneError, match=r"No band of s2_12band_amazon.tif falls below 0\.104.*--offset -0\.1") as caught:
            opened(path)
        assert [finding.code for finding in caught.value.findings] == ["offset-left-in"]
        scene = opened(path, offset=-0.1)
        assert scene.roles == ("B1", *ROLES[:8], "B9", "S1", "S2")
        values = scene.read(Window(0, 0, 237, 247))
        assert 0 < np.nanquantile(values, 0.001) < 0.02
        assert codes(scene) == []

    def test_uttar_pradesh_is_landsat_collection_2(self, shared_data):
        scene = opened(shared_data / "imagery" / "l8_6band_uttar_pradesh.tif")
        assert scene.roles == SIX and scene.sensor == "landsat-c2-l2"
        assert (scene.scaling.scale, scene.scaling.offset, scene.scaling.nodata) == (2.75e-5, -0.2, 65535)
        assert any("from 9688 (2 %, B) to 23401 (98 %)" in sentence for sentence in scene.scaling.evidence)
        values = scene.read(Window(0, 0, 558, 605))
        assert np.isnan(values).mean() == pytest.approx(0.0106, abs=1e-4)
        assert codes(scene) == []

    def test_olinda_is_raw_counts_whose_bands_and_scaling_must_be_said(self, shared_data):
        path = shared_data / "imagery" / "l7_olinda.tif"
        with pytest.raises(SceneError, match=r"--roles.*Seen: 6 bands, pixels of 28.5 m: 1 \(unnamed, uint8\)"):
            opened(path)
        roles = tuple((str(number), role) for number, role in enumerate(SIX, start=1))
        with pytest.raises(SceneError, match=r"values run from 1 to 255 .*8-bit values.*--scale"):
            opened(path, roles=roles)
        assert opened(path, roles=roles, scale=0.004).scaling.scale == 0.004

    def test_modis_without_reference_system_is_refused(self, shared_data):
        with pytest.raises(SceneError, match="no coordinate reference system"):
            opened(shared_data / "phenology" / "mod13q1" / "MOD13Q1_NDVI_2016_001.tif", roles=(("1", "N"),))

    def test_the_synthetic_scene_says_its_offset(self, demo):
        scene = opened(demo / "scene.tif")
        assert scene.roles == ROLES and scene.sensor == "sentinel-2-l2a"
        assert (scene.scaling.scale, scene.scaling.offset) == (1e-4, -0.1)
        assert scene.findings == ()
