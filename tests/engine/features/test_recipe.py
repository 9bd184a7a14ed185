"""Points and pixels get the same columns from the same recipe."""

import numpy as np
import pytest

from soilcore.core.errors import FeatureError, ModelError
from soilcore.data.covariates import open_covariates, parse_covariate
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.samples import SampleSettings, read_samples
from soilcore.features.recipe import FeatureRecipe, FeatureSettings, check_same_scaling
from soilcore.features.selection import choose_features, parse_roles
from soilcore.features.source import FeatureSource
from soilcore.features.table import make_table


@pytest.fixture(scope="module")
def opened(demo):
    scene = open_scene(SceneSettings((str(demo / "scene.tif"),)))
    samples = read_samples(demo / "samples.csv", SampleSettings(target="ece_dS_m"))
    covariates = open_covariates((parse_covariate(str(demo / "dem.tif")),), grid=scene.grid)
    return scene, samples, covariates


@pytest.mark.parametrize("size", [32, 50, 512])
def test_a_sample_row_equals_the_pixel_under_it(opened, size):
    scene, samples, covariates = opened
    settings = FeatureSettings(bands=True, index_sets=("existing17_lan2025", "novel4_lan2025"), formulas=("MINE=(N-R)/(N+R+B)",))
    recipe, _ = choose_features(settings, samples, scene, covariates)
    at_points = recipe.at_samples(samples, scene, covariates).to_numpy()
    source = FeatureSource(recipe, scene, covariates)
    whole = np.full((len(recipe.names), *scene.grid.shape), np.nan, np.float32)
    with source.reader() as reader:
        for window in scene.grid.windows(size):
            whole[(slice(None), *window.slices)] = reader.read(window)
    rows, cols, inside = scene.grid.rows_cols(samples.x, samples.y, samples.crs)
    assert inside.all()
    np.testing.assert_array_equal(whole[:, rows, cols].T.astype(float), at_points)


def test_the_recipe_survives_the_trip_through_json(opened):
    scene, samples, covariates = opened
    recipe, _ = choose_features(FeatureSettings(bands=True, indices=("NDVI",), formulas=("X=B/G",)), samples, scene, covariates)
    assert FeatureRecipe.from_dict(recipe.to_dict()) == recipe


def test_a_scene_alone_gives_its_bands_and_two_index_sets(opened):
    scene, samples, _ = opened
    recipe, assumed = choose_features(FeatureSettings(), samples, scene)
    assert recipe.bands == scene.roles
    assert len(recipe.indices) == 17 + 4
    assert any("existing17_literature" in sentence for sentence in assumed)


def test_table_bands_with_the_sensor_make_the_same_columns_as_its_scene(opened, tmp_path):
    scene, samples, _ = opened
    stored = (scene.sample(samples.x, samples.y, samples.crs) - scene.scaling.offset) / scene.scaling.scale
    table = samples.table.assign(**{f"dn_{role}": np.round(stored[:, i]) for i, role in enumerate(scene.roles)})
    table.to_csv(tmp_path / "with_bands.csv", index=False)
    with_bands = read_samples(tmp_path / "with_bands.csv", SampleSettings(target="ece_dS_m"))
    roles = tuple(f"dn_{role}={role}" for role in scene.roles)
    settings = FeatureSettings(indices=("NDVI", "SAI"), roles=roles, scale=scene.scaling.scale, offset=scene.scaling.offset)
    from_table, _ = choose_features(settings, with_bands)
    from_scene, _ = choose_features(FeatureSettings(indices=("NDVI", "SAI")), samples, scene)
    np.testing.assert_allclose(from_table.at_samples(with_bands), from_scene.at_samples(samples, scene), rtol=2e-6)


def test_categories_become_columns_and_unknown_ones_are_missing():
    from soilcore.features.recipe import CovariateUse

    recipe = FeatureRecipe(covariates=(CovariateUse("soil", (1, 3)),))
    layer = np.array([1, 3, 7, np.nan], np.float32)
    one, three = recipe.spatial({"soil": layer})
    np.testing.assert_array_equal(one, [1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(three, [0, 1, np.nan, np.nan])
    assert recipe.names == ("soil=1", "soil=3")


def test_a_scene_scaled_otherwise_is_refused(opened, demo):
    scene, samples, _ = opened
    recipe, _ = choose_features(FeatureSettings(), samples, scene)
    check_same_scaling(recipe, scene)
    other = open_scene(SceneSettings((str(demo / "scene.tif"),), scale=1e-4, offset=0.0))
    with pytest.raises(ModelError, match="trained on stored values"):
        check_same_scaling(recipe, other)


def test_a_missing_band_is_named(opened):
    _scene, samples, _ = opened
    with pytest.raises(FeatureError, match="needs the band"):
        choose_features(FeatureSettings(indices=("SAI",), roles=("clay_pct=G",), sensor="reflectance"), samples)


def test_samples_outside_the_scene_are_left_out_and_said(opened, demo, tmp_path):
    scene, samples, _ = opened
    table = samples.table.copy()
    table.loc[table.index[0], "lon"] += 5
    table.to_csv(tmp_path / "moved.csv", index=False)
    moved = read_samples(tmp_path / "moved.csv", SampleSettings(target="ece_dS_m"))
    recipe, _ = choose_features(FeatureSettings(bands=True), moved, scene)
    made = make_table(recipe, moved, scene)
    assert len(made) == len(samples) - 1
    assert [(finding.code, finding.row) for finding in made.dropped] == [("sample-left-out", 2)]


def test_two_predictors_of_one_name_are_refused(opened):
    scene, samples, _ = opened
    with pytest.raises(FeatureError, match="clay_pct"):
        choose_features(FeatureSettings(formulas=("clay_pct=B/G",), columns=("clay_pct",)), samples, scene)


@pytest.mark.parametrize("pair", ["Blue", "=B", "Blue=", ""])
def test_a_role_must_say_column_and_band(pair):
    with pytest.raises(Exception, match="COLUMN=ROLE"):
        parse_roles((pair,))
