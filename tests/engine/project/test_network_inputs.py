"""What networks read around samples is cut from the pixels that a map is made of, of each sample's own date, for the samples that stay."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.features import surroundings as windows
from soilcore.features.recipe import FeatureSettings
from soilcore.features.surroundings import NetworkNeeds
from soilcore.models.checkpoints import checkpoint_for
from soilcore.models.network_needs import network_needs
from soilcore.models.settings import FitSettings, NetworkSettings
from soilcore.project import scoring
from soilcore.project.chain import feature_table
from soilcore.project.network_inputs import surroundings_of, unfinished_training
from soilcore.project.settings import InputSettings

SMALL = NetworkSettings(patch=9)
IMAGE = NetworkSettings(patch=32)


def inputs_of(demo, scene="scene.tif", **features):
    features.setdefault("dem", str(demo / "dem.tif"))
    return InputSettings(
        str(demo / "samples.csv"), SampleSettings(target="ece_dS_m"), SceneSettings((str(demo / scene),)), FeatureSettings(**features)
    )


def made(inputs, *names, settings=SMALL):
    table, opened, said = feature_table(inputs, models=names)
    return (*surroundings_of(names, settings, table, opened), opened, said)


@pytest.fixture(scope="module")
def of_ss_soilnet(demo):
    return made(inputs_of(demo), "sssoilnet")


def test_the_middle_of_every_window_is_the_sample_s_own_row(of_ss_soilnet):
    table, surroundings, *_ = of_ss_soilnet
    found = surroundings["sssoilnet"]
    batch, needs = found.batch(), {need.name: need for need in found.needs.patches}
    assert len(found) == len(table) and set(batch) == {"window", "centre"}
    for name, values in batch.items():
        size = needs[name].size
        middle = values[:, :, size // 2, size // 2]
        np.testing.assert_array_equal(middle, table.X[list(needs[name].layers)].to_numpy(np.float32))


def test_layers_and_sizes_are_the_published_ones_as_far_as_they_are_at_hand(of_ss_soilnet):
    table, surroundings, said, opened, _ = of_ss_soilnet
    window, centre = surroundings["sssoilnet"].needs.patches
    assert window.layers == ("elevation", "slope_deg", "profile_curvature", "plan_curvature", "LSWI", "NDWI")
    assert centre.layers == opened.scene.roles and centre.size == 3
    assert any("does without sos, gus, sdps" in sentence for sentence in said)
    published, _ = network_needs("sssoilnet", table.recipe, None, NetworkSettings())
    assert published.patches[0].size == 65
    assert {"S_1", "IRECI", "LSWI"} <= set(table.X)


def test_the_coastal_band_of_a_scene_is_the_first_channel_of_soilnet(of_ss_soilnet):
    recipe = of_ss_soilnet[0].recipe
    for band in ("B1", "CA"):
        with_it = replace(recipe, bands=(band, *recipe.bands))
        needs, said = network_needs("soilnet-image", with_it, None, IMAGE)
        assert needs.patches[0].layers[:3] == (band, "B", "G") and not any("without CA" in sentence for sentence in said)
    assert any("without CA" in sentence for sentence in network_needs("soilnet-image", recipe, None, IMAGE)[1])


def test_needs_survive_as_json_values(of_ss_soilnet):
    needs = of_ss_soilnet[1]["sssoilnet"].needs
    assert NetworkNeeds.from_dict(needs.to_dict()) == needs
    assert needs.reach_m(20.0) == 180.0


def test_rows_taken_of_rows_are_the_right_ones(of_ss_soilnet):
    found = of_ss_soilnet[1]["sssoilnet"]
    some = found.take(np.arange(10, 40)).take(np.array([3, 0, 7]))
    np.testing.assert_array_equal(some.batch()["window"], found.batch(np.array([13, 10, 17]))["window"])
    np.testing.assert_array_equal(np.asarray(some), found.coordinates[[13, 10, 17]])
    np.testing.assert_array_equal(some.batch(np.array([2]))["centre"], found.batch(np.array([17]))["centre"])


def test_soilnet_reads_the_months_before_each_sample(demo):
    table, surroundings, _, opened, _ = made(inputs_of(demo, climate=str(demo / "climate")), "soilnet", settings=IMAGE)
    found = surroundings["soilnet"]
    batch = found.batch()
    x, y = table.places.T
    expected, valid = opened.climate.sequence(x, y, table.crs, ids=table.table["id"].to_numpy(), days=table.days)
    assert valid.all() and batch["sequence"].shape[1:] == (61, 14)
    np.testing.assert_array_equal(batch["sequence"], expected)
    assert found.needs.patches[0].layers[-2:] == ("elevation", "slope_deg")


def test_without_climate_soilnet_is_refused_with_the_way_out(demo):
    with pytest.raises(SettingsError, match=r"--climate.*soilnet-image-glam"):
        made(inputs_of(demo), "soilnet", settings=IMAGE)


def test_networks_of_one_comparison_are_fitted_to_the_same_samples(demo):
    table, surroundings, *_ = made(inputs_of(demo), "soilnet-small", "rf", "sssoilnet-stack", "sssoilnet-index", settings=IMAGE)
    assert {len(each) for each in surroundings.values()} == {len(table)}
    assert set(surroundings) == {"soilnet-small", "sssoilnet-stack", "sssoilnet-index"}
    assert surroundings["sssoilnet-index"].batch() == {}


def test_a_sample_gets_the_window_of_its_own_date(demo):
    inputs = inputs_of(demo, scene="dates", max_days=400)
    table, surroundings, _, opened, _ = made(inputs, "sssoilnet")
    assert len(opened.scene.dates) == 2
    need = surroundings["sssoilnet"].needs.patches[1]
    values = surroundings["sssoilnet"].batch()["centre"]
    np.testing.assert_array_equal(values[:, :, 1, 1], table.X[list(need.layers)].to_numpy(np.float32))


def test_a_network_without_a_scene_is_refused(demo):
    with pytest.raises(SettingsError, match="--scene"):
        feature_table(replace(inputs_of(demo, columns=("clay_pct",)), scene=None), models=("sssoilnet",))


def test_what_was_added_for_the_network_is_said_beside_what_the_user_named(demo):
    *_, said = made(inputs_of(demo, indices=("TRSI",)), "sssoilnet")
    assert any("every model of this comparison gets them" in sentence for sentence in said)


def test_pre_training_sees_places_that_share_no_window_with_samples_held_out(demo):
    settings = NetworkSettings(patch=17, pretrain=True, pretrain_places=400)
    table, surroundings, said, *_ = made(inputs_of(demo, climate=str(demo / "climate")), "soilnet-small", settings=settings)
    found = surroundings["soilnet-small"]
    assert any("pre-training also sees" in sentence for sentence in said)
    train = found.take(np.arange(0, len(table), 2))
    held_out, elsewhere = found.coordinates[1::2], train.unlabelled
    assert 0 < len(elsewhere) < len(found.unlabelled)
    apart = np.abs(elsewhere.coordinates[:, None] - held_out[None]).max(axis=2)
    assert apart.min() >= found.reach_m == 340.0
    batch = elsewhere.batch(np.arange(3))
    assert batch["image"].shape[2:] == (17, 17) and np.isfinite(batch["sequence"]).all()


def test_without_pre_training_no_place_is_read_twice(of_ss_soilnet):
    assert of_ss_soilnet[1]["sssoilnet"].unlabelled is None


def test_more_windows_than_the_disk_holds_are_refused_before_they_are_cut():
    with pytest.raises(FeatureError, match="more than is free there"):
        windows._array((10**9, 14, 64, 64))


def test_what_another_version_left_is_not_taken_up_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SOILCORE_CACHE", str(tmp_path))
    for version in ("0.0.1", "0.0.2"):
        monkeypatch.setattr("soilcore.__version__", version)
        for _ in range(2):
            with pytest.raises(KeyError), unfinished_training(SMALL, {"samples.csv": "0"}, resume=True):
                checkpoint_for("a").write({}, {"by": version})
                assert checkpoint_for("a").read()[1] == {"by": version}
                raise KeyError
    assert len([path for path in (tmp_path / "training").iterdir() if path.is_dir()]) == 2


def test_the_device_that_is_stated_is_the_networks_own():
    task = SimpleNamespace(fit=FitSettings(device="cpu"))
    scored = {name: SimpleNamespace(facts={"learner": told}) for name, told in (("rf", None), ("plsr", {}), ("sssoilnet", {"device": "mps"}))}
    assert scoring._device(task, scored) == "mps"
    del scored["sssoilnet"]
    assert scoring._device(task, scored) == "cpu"


@pytest.mark.parametrize(("name", "least"), [("soilnet-image", 32), ("soilnet-small", 16), ("sssoilnet", 9), ("sssoilnet-dense", 21)])
def test_a_window_too_small_for_the_network_is_refused_before_any_is_cut(of_ss_soilnet, name, least):
    recipe = of_ss_soilnet[0].recipe
    recipe = replace(recipe, formulas=(), indices=tuple(each for each in recipe.indices if each in ("NDVI", "LSWI", "NDWI")))
    with pytest.raises(SettingsError, match=f"--patch {least}"):
        network_needs(name, recipe, None, NetworkSettings(patch=least - 1))
    assert network_needs(name, recipe, None, NetworkSettings(patch=least))[0].patches[0].size == least
