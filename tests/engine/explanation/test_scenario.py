"""Scenarios: nothing changed is the map itself, a known shift moves it the right way, and nothing is extrapolated in silence."""

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from soilcore.core.errors import FeatureError, SceneError, SettingsError
from soilcore.data.climate import open_climate
from soilcore.data.covariates import open_covariates, parse_covariate
from soilcore.data.imagery import SceneSettings
from soilcore.data.scene_series import open_scenes
from soilcore.explanation.changed_inputs import Change, ChangedSource, changeable, parse_change
from soilcore.explanation.scenario import Envelope, ScenarioSettings, map_scenario
from soilcore.features.recipe import CovariateUse, FeatureRecipe
from soilcore.features.source import FeatureSource
from soilcore.mapping.predict import MapSettings, predict_map
from soilcore.models.archive import load_model


@pytest.fixture(scope="module")
def world(demo, linear_model):
    """A model of the small coast that reads the true depth of the water table beside bands and indices, and the source of its map."""
    scene = open_scenes(SceneSettings((str(demo / "scene.tif"),), trusted=True))
    paths = (demo / "truth" / "water_table_m.tif", demo / "dem.tif")
    stack = open_covariates([parse_covariate(str(path)) for path in paths], grid=scene.grid)
    model = load_model(linear_model)
    return model, FeatureSource(FeatureRecipe.from_dict(model.recipe), scene, stack)


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_no_change_is_the_map_bit_for_bit(world, tmp_path):
    model, source = world
    predict_map(model, source, MapSettings(str(tmp_path / "map.tif"), "usda", interval=0.9, aoa=True))
    changes = ("water_table_m=+0", "S1=*1", "NDVI=-0", "elevation=*1" if "elevation" in source.names else "dem=*1")
    facts = map_scenario(model, source, ScenarioSettings(str(tmp_path / "out"), changes, classes="usda"))
    for key in ("", "_class", "_lower", "_upper", "_di", "_aoa", "_error", "_lpd"):
        for name in ("baseline", "scenario"):
            np.testing.assert_array_equal(read(tmp_path / "out" / f"{name}{key}.tif"), read(tmp_path / f"map{key}.tif"), err_msg=name + key)
    assert (facts["difference"]["mean"], facts["difference"]["share_changed"]) == (0, 0)
    assert (facts["outside_envelope_share"], facts["left_aoa_share"]) == (0, 0)
    assert facts["valid"] == facts["baseline_valid"]


def test_a_deeper_water_table_makes_the_land_fresher_as_in_the_truth(world, demo, tmp_path):
    model, source = world
    depth = read(demo / "truth" / "water_table_m.tif")
    facts = map_scenario(model, source, ScenarioSettings(str(tmp_path / "out"), ("water_table_m=+0.2",), classes="usda"))
    difference = read(facts["layers"]["difference"])
    known = np.isfinite(difference)
    truth = np.exp(1.9 * (np.exp(-(depth + 0.2) / 0.7) - np.exp(-depth / 0.7)))[known]  # the plain's own law: factor of ECe
    assert truth.max() < 1
    assert facts["difference"]["mean"] < 0
    assert np.mean(difference[known] < 0) > 0.95
    assert facts["changes"][0]["columns"] == ("water_table_m",)
    saline = [row for row in facts["classes"] if row["lower"] is not None and row["lower"] >= 4]
    assert sum(row["area_ha_after"] for row in saline) < sum(row["area_ha_before"] for row in saline)


def test_a_linear_model_moves_every_pixel_alike_on_the_scale_it_models(world, tmp_path):
    model, source = world
    facts = map_scenario(model, source, ScenarioSettings(str(tmp_path / "out"), ("water_table_m=+0.1",)))
    before, after = (np.log1p(read(facts["layers"][name]).astype(float)) for name in ("baseline", "scenario"))
    moved = (after - before)[np.isfinite(after) & (before > 0.05) & (after > 0.05)]
    smeared = np.abs(moved - np.median(moved))
    assert np.percentile(smeared, 90) < 0.05 * abs(np.median(moved))


def test_what_leaves_the_training_range_is_not_predicted_and_counted(world, demo, tmp_path):
    model, source = world
    high = model.envelope["water_table_m"]["max"]
    facts = map_scenario(model, source, ScenarioSettings(str(tmp_path / "out"), ("water_table_m=+0.5",)))
    depth, baseline, scenario = read(demo / "truth" / "water_table_m.tif"), read(facts["layers"]["baseline"]), read(facts["layers"]["scenario"])
    mapped = np.isfinite(baseline)
    beyond = mapped & (depth + np.float32(0.5) > np.float32(high))
    assert beyond.any()
    np.testing.assert_array_equal(np.isnan(scenario[mapped]), beyond[mapped])
    outside = read(facts["layers"]["outside_envelope"])
    np.testing.assert_array_equal(outside[mapped] == 1, beyond[mapped])
    assert np.all(outside[~mapped] == 255)
    assert facts["outside_envelope_share"] == pytest.approx(beyond.sum() / mapped.sum())
    assert facts["outside_envelope_by"] == {"water_table_m": beyond.sum()}


def test_a_scenario_of_which_nothing_remains_is_refused_with_the_range(world, tmp_path):
    model, source = world
    with pytest.raises(SceneError, match=r"(?s)not a single pixel.*water_table_m.*training"):
        map_scenario(model, source, ScenarioSettings(str(tmp_path / "out"), ("water_table_m=+50",)))
    assert not (tmp_path / "out").exists()


def test_pixels_that_leave_the_area_of_applicability_are_flagged(world, tmp_path):
    model, source = world
    facts = map_scenario(model, source, ScenarioSettings(str(tmp_path / "out"), ("water_table_m=*0.6", "RE1=*1.15", "S2=*0.9")))
    before, after, left = (read(facts["layers"][name]) for name in ("baseline_aoa", "scenario_aoa", "left_aoa"))
    both = np.isfinite(read(facts["layers"]["difference"]))
    np.testing.assert_array_equal(left[both] == 1, (before == 1)[both] & (after == 0)[both])
    assert facts["left_aoa_share"] == pytest.approx(np.mean(left[both] == 1))


def test_windows_change_nothing(world, tmp_path):
    model, source = world
    made = [
        map_scenario(model, source, ScenarioSettings(str(tmp_path / str(window)), ("S1=+0.02", "water_table_m=-0.1"), classes="usda", window=window))
        for window in (48, 512)
    ]
    for name in made[0]["layers"]:
        np.testing.assert_array_equal(read(made[0]["layers"][name]), read(made[1]["layers"][name]), err_msg=name)
    assert made[0]["classes"] == made[1]["classes"]
    assert made[0]["outside_envelope_by"] == made[1]["outside_envelope_by"]


def test_indices_follow_their_bands(world):
    model, source = world
    changed = ChangedSource(source, [Change("N", "+", 0.05)], model.envelope)
    assert changed.columns == ("N", "NDVI")
    window = next(source.grid.windows(64))
    with source.reader() as before, changed.reader() as after:
        plain, moved = before.read(window), after.read(window)
    names = list(source.names)
    np.testing.assert_array_equal(moved[names.index("N")], plain[names.index("N")] + np.float32(0.05))
    red, near = plain[names.index("R")], moved[names.index("N")]
    np.testing.assert_allclose(moved[names.index("NDVI")], (near - red) / (near + red), rtol=1e-5)
    for name in set(names) - {"N", "NDVI"}:
        np.testing.assert_array_equal(moved[names.index(name)], plain[names.index(name)])


def test_monthly_climate_moves_its_means_and_factors_its_spread(demo):
    recipe, climate = FeatureRecipe(covariates=(CovariateUse("dem"),), climate=("pr_mean", "pr_sd", "tmmx_mean")), open_climate(demo / "climate")
    source = FeatureSource(recipe, covariates=open_covariates([parse_covariate(str(demo / "dem.tif"))]), climate=climate)
    window = next(source.grid.windows(16))

    def columns(*changes):
        changed = ChangedSource(source, changes, {})
        with changed.reader() as reader:
            return changed.columns, reader.read(window)

    _, plain = columns(Change("pr", "+", 0.0))
    with source.reader() as reader:
        np.testing.assert_array_equal(plain, reader.read(window))
    moved, drier = columns(Change("pr", "*", 0.8))
    assert moved == ("pr_mean", "pr_sd")
    np.testing.assert_allclose(drier[1:3], 0.8 * plain[1:3], rtol=1e-5)
    moved, warmer = columns(Change("tmmx", "+", 2.0))
    assert moved == ("tmmx_mean",)
    np.testing.assert_allclose(warmer[3], plain[3] + 2, rtol=1e-6)
    with pytest.raises(FeatureError, match="seasons"):
        columns(Change("pr", "=", 20.0))


def test_categories_are_set_and_their_columns_follow(demo):
    recipe = FeatureRecipe(covariates=(CovariateUse("land_use", (0, 1, 4)),))
    source = FeatureSource(recipe, covariates=open_covariates([parse_covariate(f"{demo / 'truth' / 'land_use.tif'}:categorical")]))
    changed = ChangedSource(source, [Change("land_use", "=", 4.0)], {})
    window = next(source.grid.windows(96))
    with changed.reader() as reader:
        values = reader.read(window)
    known = np.isfinite(values[0])
    assert known.any()
    assert np.all(values[2][known] == 1)
    assert not np.any(values[:2, known])
    for wrong, named in (
        (Change("land_use", "+", 1.0), "categories"),
        (Change("land_use", "=", 3.0), "0, 1, 4"),
        (Change("land_use=4", "=", 1.0), "land_use=="),
    ):
        with pytest.raises(FeatureError, match=named):
            ChangedSource(source, [wrong], {})


def test_slopes_do_not_follow_a_raised_elevation_and_stop_a_stretched_one():
    made = {"kind": "terrain"}
    recipe = FeatureRecipe(covariates=(CovariateUse("elevation"), CovariateUse("slope_deg", made=made)))

    class Source:
        def __init__(self):
            self.recipe, self.names = recipe, recipe.names

    assert ChangedSource(Source(), [Change("elevation", "+", 1.0)], {}).columns == ("elevation",)
    with pytest.raises(FeatureError, match="slope_deg"):
        ChangedSource(Source(), [Change("elevation", "*", 2.0)], {})


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("dem=+0.5", Change("dem", "+", 0.5)),
        ("dem=-0.5", Change("dem", "+", -0.5)),
        ("pr=*0.9", Change("pr", "*", 0.9)),
        ("use==4", Change("use", "=", 4.0)),
        ("t==-3", Change("t", "=", -3.0)),
        ("NDVI = + 1e-2", Change("NDVI", "+", 0.01)),
    ],
)
def test_changes_are_read_as_they_are_written(text, change):
    assert parse_change(text) == change


@pytest.mark.parametrize("text", ["dem", "dem=5", "=+5", "dem=+", "dem=+x", "dem=*nan", "dem=+inf", ""])
def test_what_is_no_change_is_refused(text):
    with pytest.raises(SettingsError, match="NAME="):
        parse_change(text)


def test_what_may_be_changed_is_listed_with_its_range(world):
    model, source = world
    rows = {row.name: row for row in changeable(source.recipe, model.envelope)}
    assert rows["S1"].kind == "band"
    assert "SI" in rows["B"].columns or "SI" in rows["R"].columns
    assert (rows["water_table_m"].low, rows["water_table_m"].high) == (model.envelope["water_table_m"]["min"], model.envelope["water_table_m"]["max"])
    with pytest.raises(FeatureError, match="water_table_m"):
        ChangedSource(source, [Change("clay", "+", 1.0)], model.envelope)


def test_predictors_that_were_outside_before_and_stay_are_left_alone(world):
    model, source = world
    tight = {name: {"min": row["quantiles"]["0.25"], "max": row["quantiles"]["0.75"]} for name, row in model.envelope.items()}
    still = ChangedSource(source, [Change("S1", "+", 0.0)], tight)
    with Envelope(tight, source, still).opened() as envelope:
        window = next(source.grid.windows(96))
        keep = envelope.keep(window)
    with source.reader() as reader:
        np.testing.assert_array_equal(keep, np.isfinite(reader.read(window)).all(axis=0))


def test_a_model_without_intervals_and_area_still_has_a_difference(world, tmp_path):
    model, source = world
    bare = replace(model, trust={})
    facts = map_scenario(bare, source, ScenarioSettings(str(tmp_path / "out"), ("water_table_m=+0.1",)))
    assert (facts["rule"], facts["left_aoa_share"], facts["difference"]["share_changed"]) == (None, None, None)
    assert len(facts["assumed"]) == 2
    assert json.dumps(facts["note"])
