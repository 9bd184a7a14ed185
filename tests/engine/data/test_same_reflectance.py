"""One scene in all its forms - products of both baselines, folder and zip, catalogue copies with and without the offset, one stack, a cube -
gives one reflectance, to the last bit; and where an offset was left in, it is caught."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError, SceneError
from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.pixels import BandSource, _convert
from soilcore.data.scene_cog import to_cog
from soilcore.features.recipe import FeatureRecipe, check_same_scaling
from tests.engine.data.product_files import SAFE_10M, SAFE_BANDS, SAFE_CRS, safe_classes, safe_numbers, write_cog_file, write_safe
from tests.engine.rasters import write_raster

WHOLE = Window(0, 0, 120, 120)
TEN = tuple(SAFE_BANDS.values())


def opened(*paths, **options):
    return open_scene(SceneSettings(tuple(map(str, paths)), **options))


def bits(scene):
    return scene.read(WHOLE, TEN).view(np.uint32)


def write_copy(folder, baseline, applied, numbers=None, scale_tags=None):
    """Catalogue copy of `safe_numbers`: one cloud-optimised file per band, 10 and 20 m, the metadata as tags."""
    folder.mkdir(parents=True)
    added = 0 if applied == "true" or float(baseline) < 4 else 1000
    tags = {"PROCESSING_BASELINE": baseline, "earthsearch:boa_offset_applied": applied, "PLATFORM": "sentinel-2a", "DATETIME": "2022-06-19T10:41:11Z"}
    for band, role in SAFE_BANDS.items():
        stored = (numbers or safe_numbers())[role]
        stored = np.where(stored == 0, 0, stored + added).astype("uint16")
        cell = 10.0 if role in SAFE_10M.values() else 20.0
        write_cog_file(folder / f"{band}.tif", stored, nodata=0, cell=cell, crs=SAFE_CRS, tags=tags)
    write_cog_file(folder / "SCL.tif", safe_classes(), nodata=0, cell=20.0, crs=SAFE_CRS)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    """The same scene in every form, by name."""
    folder = tmp_path_factory.mktemp("forms")
    return {
        "safe 02.14": opened(write_safe(folder / "a", baseline="02.14")),
        "safe 03.01 zip": opened(write_safe(folder / "b", baseline="03.01", as_zip=True)),
        "safe 05.10": opened(write_safe(folder / "c", baseline="05.10")),
        "safe 05.10 zip": opened(write_safe(folder / "d", baseline="05.10", as_zip=True, tilesize=64)),
        "copy, offset in": opened(*write_copy(folder / "e", "05.10", "false")),
        "copy, offset removed": opened(*write_copy(folder / "f", "05.10", "true")),
        "copy before 04.00": opened(*write_copy(folder / "g", "03.01", "false")),
    }


def test_all_forms_of_a_scene_give_the_same_reflectance_to_the_last_bit(forms):
    expected = bits(forms["safe 05.10"])
    for name, scene in forms.items():
        np.testing.assert_array_equal(bits(scene), expected, err_msg=name)
    assert np.isfinite(forms["safe 05.10"].read(WHOLE, TEN)).mean() > 0.75


def test_the_forms_store_other_numbers(forms):
    assert {scene.scaling.offset for scene in forms.values()} == {0.0, -0.1}
    assert {scene.scaling.decided for scene in forms.values()} == {"metadata"}
    assert {scene.sensor for scene in forms.values()} == {"sentinel-2-l2a"}
    assert all(scene.date.isoformat() == "2022-06-19" for scene in forms.values())
    assert all(scene.findings == () for scene in forms.values())


def test_places_have_the_same_value_in_all_forms(forms):
    random = np.random.default_rng(2)
    x, y = random.uniform(600000, 601200, 60), random.uniform(5698800, 5700000, 60)
    expected = None
    for scene in forms.values():
        values = scene.sample(x, y)[:, [scene.roles.index(role) for role in TEN]]
        expected = values if expected is None else expected
        np.testing.assert_array_equal(values, expected)


def test_every_possible_number_is_the_same_reflectance_with_and_without_the_offset():
    numbers = np.arange(1, 64536, dtype="uint16").reshape(1, -1)
    out = np.empty((2, *numbers.shape), np.float32)
    _convert(numbers, BandSource("B", 0, 1, scale=1 / 10000, offset=0.0), None, out[0])
    _convert(numbers + np.uint16(1000), BandSource("B", 0, 1, scale=1 / 10000, offset=-1000 / 10000), None, out[1])
    np.testing.assert_array_equal(out[0].view(np.uint32), out[1].view(np.uint32))


def test_interpolated_numbers_are_the_same_reflectance_with_and_without_the_offset(tmp_path):
    """Many random neighbourhoods, also with gaps, where the weights are no binary fractions."""
    random = np.random.default_rng(8)
    fine, coarse = (random.integers(1, 9000, (side, side)).astype("uint16") for side in (1000, 500))
    coarse[random.random(coarse.shape) < 0.15] = 0
    values = []
    for offset in (0, 1000):
        tags = {"PROCESSING_BASELINE": "05.10" if offset else "03.01"}
        paths = [
            write_raster(tmp_path / f"{offset}_{band}.tif", np.where(stored == 0, 0, stored + offset).astype("uint16"), cell=cell, tags=tags)
            for band, stored, cell in (("B02", fine, 10.0), ("B08", fine, 10.0), ("B11", coarse, 20.0))
        ]
        scene = opened(*paths, sensor="sentinel-2-l2a")
        values.append(scene.read(Window(0, 0, 1000, 1000), ("S1",)))
    assert 0.7 < np.isfinite(values[0]).mean() < 0.95
    np.testing.assert_array_equal(values[0].view(np.uint32), values[1].view(np.uint32))


def test_one_file_made_of_either_product_gives_the_same_reflectance(forms, tmp_path):
    made = [opened(to_cog(forms[name], tmp_path / f"{number}.tif")) for number, name in enumerate(("safe 03.01 zip", "safe 05.10"))]
    np.testing.assert_array_equal(bits(made[0]), bits(made[1]))


def test_an_offset_left_in_against_the_metadata_is_found(tmp_path):
    shifted = {role: np.where(values == 0, 0, values + 1000).astype("uint16") for role, values in safe_numbers().items()}
    left = {
        "product": opened(write_safe(tmp_path / "safe", shifted, baseline="03.01")),
        "copy said to be without": opened(*write_copy(tmp_path / "copy", "05.10", "true", shifted)),
        "copy of an old baseline": opened(*write_copy(tmp_path / "old", "03.01", "false", shifted)),
    }
    for name, scene in left.items():
        found = [finding for finding in scene.findings if finding.code == "offset-left-in"]
        assert found and found[0].severity == "warning" and "--offset -0.1" in found[0].fix, name
        mended = opened(*scene.paths, offset=-0.1)
        np.testing.assert_array_equal(mended.read(WHOLE, TEN), opened(*left["product"].paths, offset=-0.1).read(WHOLE, TEN))


def test_an_offset_taken_out_twice_is_found(tmp_path):
    lowered = {role: np.where(values == 0, 0, np.maximum(values, 1001) - 1000).astype("uint16") for role, values in safe_numbers().items()}
    scene = opened(write_safe(tmp_path, lowered, baseline="03.01"), offset=-0.1)
    assert "offset-already-removed" in [finding.code for finding in scene.findings]


def test_a_plain_stack_with_the_offset_in_is_refused_until_it_is_said(tmp_path):
    numbers = np.stack([safe_numbers()[role] for role in SAFE_10M.values()])
    path = write_raster(tmp_path / "s.tif", np.where(numbers == 0, 0, numbers + 1000).astype("uint16"), names=("B2", "B3", "B4", "B8"))
    with pytest.raises(SceneError, match=r"offset of 1000 digital numbers \(0\.1\) is most likely still in.*--offset -0\.1") as caught:
        opened(path)
    assert [finding.code for finding in caught.value.findings] == ["offset-left-in"]
    assert opened(path, offset=-0.1).scaling.offset == -0.1


def test_metadata_that_say_the_offset_was_removed_win_over_the_tags_that_still_name_it(tmp_path):
    numbers = np.stack([safe_numbers()[role] for role in SAFE_10M.values()])
    tags = {"PROCESSING_BASELINE": "05.10", "BOA_OFFSET_APPLIED": "true"}
    scene = opened(write_raster(tmp_path / "s.tif", numbers, names=("B2", "B3", "B4", "B8"), scaling=(1e-4, -0.1), tags=tags))
    assert (scene.scaling.scale, scene.scaling.offset, scene.scaling.decided) == (1e-4, 0.0, "metadata")
    assert any("removed already" in sentence for sentence in scene.scaling.evidence)


def recipe_of(scene):
    scaling = scene.scaling
    return FeatureRecipe(bands=("B", "N"), sensor=scene.sensor, scale=scaling.scale, offset=scaling.offset, scaling_by=scaling.decided)


def test_a_model_of_one_form_maps_every_other(forms, tmp_path):
    stack = opened(to_cog(forms["safe 03.01 zip"], tmp_path / "stack.tif"))
    for trained in (*forms.values(), stack):
        for mapped in (*forms.values(), stack):
            check_same_scaling(recipe_of(trained), mapped)


def test_a_copy_named_as_harmonised_is_the_same_instrument(forms, tmp_path):
    numbers = np.stack([safe_numbers()[role] for role in SAFE_10M.values()])
    tags = {"SOILCORE_SENSOR": "sentinel-2-l2a-harmonized", "SOILCORE_SCALING": "0.0001 0.0"}
    stack = opened(write_raster(tmp_path / "s.tif", numbers, names=("B", "G", "R", "N"), scaling=(1e-4, 0.0), tags=tags))
    assert stack.sensor == "sentinel-2-l2a-harmonized"
    check_same_scaling(recipe_of(forms["safe 05.10"]), stack)
    check_same_scaling(recipe_of(stack), forms["safe 05.10"])


@pytest.mark.parametrize("way", ["given", "pixels", "older model"])
def test_an_offset_that_nothing_vouches_for_is_refused(forms, tmp_path, way):
    product = forms["safe 05.10"]
    if way == "older model":
        recipe = FeatureRecipe(bands=("B", "N"), sensor="sentinel-2-l2a", scale=1e-4, offset=0.0)
        with pytest.raises(ModelError, match=r"trained on stored values x 0\.0001 \+ 0.*not both are told by metadata"):
            check_same_scaling(recipe, product)
        return
    numbers = np.stack([safe_numbers()[role] for role in SAFE_10M.values()])
    path = write_raster(tmp_path / "s.tif", numbers, names=("B2", "B3", "B4", "B8"))
    stack = opened(path, offset=0.0) if way == "given" else opened(path)
    assert (stack.scaling.offset, stack.scaling.decided) == (0.0, way)
    for recipe, scene in ((recipe_of(stack), product), (recipe_of(product), stack)):
        with pytest.raises(ModelError, match="not both are told by metadata"):
            check_same_scaling(recipe, scene)
    check_same_scaling(recipe_of(stack), stack)
    kept = opened(to_cog(stack, tmp_path / "kept.tif"))
    assert kept.scaling.decided == way  # a copy made here vouches for no more than what it was made of


def test_another_instrument_is_refused_whatever_its_metadata(forms):
    from dataclasses import replace

    recipe = replace(recipe_of(forms["safe 05.10"]), sensor="landsat-c2-l2")
    with pytest.raises(ModelError, match="Band widths differ"):
        check_same_scaling(recipe, forms["safe 05.10"])
