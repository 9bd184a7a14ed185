"""Samples of several campaigns join what belongs to their own date; what has none is left out and said; a map is of one stated date."""

import json

import numpy as np
import pytest

from soilcore.core.errors import FeatureError, SceneError, SettingsError
from soilcore.data.covariates import CovariateSpec, open_covariates, parse_covariate
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.scene_series import open_scenes
from soilcore.features.recipe import CovariateUse, FeatureRecipe, FeatureSettings
from soilcore.features.selection import choose_features, parse_units
from soilcore.features.source import FeatureSource
from soilcore.features.table import make_table
from tests.engine.features.worlds import LEFT, TOP, read_at, samples_at, write_scene
from tests.engine.rasters import write_raster

X, Y = LEFT + np.array([25.0, 105.0, 205.0, 305.0]), TOP - np.array([25.0, 105.0, 205.0, 305.0])


@pytest.fixture
def yearly(tmp_path):
    """A covariate that is 19 in 2019 and 21 in 2021, over 40 x 40 pixels."""
    folder = tmp_path / "wetness"
    folder.mkdir()
    for year in (2019, 2021):
        write_raster(folder / f"{year}.tif", np.full((40, 40), year - 2000, "float32"))
    return open_covariates([parse_covariate(str(folder))])


@pytest.fixture
def dated(tmp_path):
    """A covariate of two days in 2020."""
    folder = tmp_path / "ndvi"
    folder.mkdir()
    for number, day in enumerate(("2020-03-01", "2020-09-01")):
        write_raster(folder / f"{day}.tif", np.full((40, 40), number, "float32"))
    return open_covariates([parse_covariate(str(folder))])


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Scenes of 2021 and 2022 over 60 x 60 pixels."""
    folder = tmp_path_factory.mktemp("scenes")
    for k, day in enumerate(("2021-05-01", "2022-05-01")):
        write_scene(folder / f"{day}.tif", seed=k, height=60, width=60, gaps=0)
    return open_scenes(SceneSettings((str(folder),)))


def with_target(samples):
    from dataclasses import replace

    from soilcore.data.sample_set import Target

    return replace(samples, target=Target("ec", np.arange(1.0, len(samples) + 1)))


def test_each_sample_has_the_value_of_its_own_year(yearly):
    samples = samples_at(X, Y, ["2019-02-01", "2021", "03/08/2019", "2021-12-31"])
    recipe, _ = choose_features(FeatureSettings(), samples, covariates=yearly)
    assert recipe.at_samples(samples, covariates=yearly)["wetness"].tolist() == [19, 21, 19, 21]


def test_samples_without_a_raster_of_their_date_are_left_out_and_told_why(yearly):
    samples = with_target(samples_at(X, Y, ["2019-02-01", "2020-02-01", None, "2021-12-31"]))
    recipe, _ = choose_features(FeatureSettings(), samples, covariates=yearly)
    table = make_table(recipe, samples, covariates=yearly)
    assert table.X["wetness"].tolist() == [19, 21] and table.y.tolist() == [1, 4]
    assert [(finding.code, finding.row) for finding in table.dropped] == [("sample-without-its-date", 3), ("sample-without-its-date", 4)]
    assert "the covariate 'wetness' has nothing of the year 2020" in table.dropped[0].message
    assert "it has no date" in table.dropped[1].message
    assert table.days.astype(str).tolist() == ["2019-02-01", "2021-12-31"] and str(table.latest_day) == "2021-12-31"


def test_if_no_sample_has_a_raster_of_its_date_the_dates_there_are_are_named(dated):
    samples = samples_at(X, Y, ["2020-05-01", "2020-06-15", "2020-06-15", None])
    recipe = FeatureRecipe(covariates=(CovariateUse("ndvi", when="date"),))
    with pytest.raises(
        FeatureError, match=r"'ndvi' has nothing of the samples' dates \(2020-05-01 to 2020-06-15\) within 30 days: it has 2020-03-01, 2020-09-01"
    ):
        recipe.at_samples(samples, covariates=dated)


@pytest.mark.parametrize("days", [None, [None] * 4])
def test_samples_without_dates_are_refused_where_something_changes(yearly, days):
    samples = samples_at(X, Y, days)
    with pytest.raises(FeatureError, match=r"'wetness' changes with time, but samples.csv has no dates.*--date"):
        FeatureRecipe(covariates=(CovariateUse("wetness"),)).at_samples(samples, covariates=yearly)


def test_classes_that_change_need_dates_as_well(tmp_path):
    folder = tmp_path / "cover"
    folder.mkdir()
    for year, codes in ((2019, (1, 5)), (2020, (5, 9))):
        write_raster(folder / f"{year}.tif", np.resize(np.array(codes, "uint8"), (40, 40)))
    stack = open_covariates([parse_covariate(f"{folder}:categorical")])
    with pytest.raises(FeatureError, match="changes with time"):
        choose_features(FeatureSettings(), samples_at(X, Y), covariates=stack)
    recipe, _ = choose_features(FeatureSettings(), samples_at(X, Y, ["2019", "2020", "2019", "2020"]), covariates=stack)
    assert set(recipe.covariates[0].categories) <= {1, 5, 9} and recipe.covariates[0].when == "year"


def test_a_map_is_of_the_stated_date(series, yearly):
    recipe = FeatureRecipe(bands=("N",), covariates=(CovariateUse("wetness", when="year"),), scene_when="date")
    of_2021 = FeatureSource(recipe, series, yearly, date="2021-05-11")
    np.testing.assert_array_equal(read_at(of_2021, X, Y, None, 16)[:, 1], 21)
    np.testing.assert_array_equal(read_at(of_2021, X, Y, None, 16)[:, 0], series.scenes[0].sample(X, Y)[:, series.roles.index("N")])
    assert of_2021.assumed == ("imagery of 2021-05-01 taken for 2021-05-11", "wetness of 2021 taken for 2021-05-11")
    with pytest.raises(SceneError, match="2022"):
        FeatureSource(recipe, series, yearly, date="2022-05-11")


def test_without_a_date_a_map_of_what_changes_is_refused(series, yearly):
    recipe = FeatureRecipe(bands=("N",), covariates=(CovariateUse("wetness", when="year"),))
    with pytest.raises(SettingsError, match=r"The imagery \(2021-05-01, 2022-05-01\) changes with time, and so does the covariate 'wetness'.*--date"):
        FeatureSource(recipe, series, yearly)
    with pytest.raises(SettingsError, match=r"'wetness' \(2019, 2021\) changes with time"):
        FeatureSource(recipe, series.scenes[0], yearly)
    with pytest.raises(SettingsError, match="no day"):
        FeatureSource(recipe, series, yearly, date="spring")


def test_a_model_of_a_series_maps_a_single_scene_and_the_other_way_round(series):
    samples = samples_at(X, Y, ["2021-05-01", "2022-05-01"] * 2)
    of_many, _ = choose_features(FeatureSettings(bands=True), samples, series)
    of_one, _ = choose_features(FeatureSettings(bands=True), samples, series.scenes[0])
    assert (of_many.scene_when, of_one.scene_when) == ("date", "static")
    one, many = FeatureSource(of_many, series.scenes[1]), FeatureSource(of_one, series, date="2022-05-02")
    np.testing.assert_array_equal(read_at(one, X, Y, None, 64), read_at(many, X, Y, None, 64))


def test_what_changes_but_is_not_read_needs_no_date(series, yearly):
    recipe = FeatureRecipe(covariates=(CovariateUse("wetness"),))
    source = FeatureSource(recipe, series, yearly, date="2021-05-01")
    assert source.scene is series.scenes[0]
    bands = FeatureRecipe(bands=("N",))
    assert np.isfinite(read_at(FeatureSource(bands, series.scenes[0], yearly), X, Y, None, 64)).all()


def test_bands_from_table_columns_need_no_dates_of_a_series(series):
    samples = samples_at(X, Y, N=[0.1, 0.2, 0.3, 0.4])
    recipe = FeatureRecipe(bands=("N",), table_roles=(("N", "N"),))
    np.testing.assert_allclose(recipe.at_samples(samples, series)["N"], [0.1, 0.2, 0.3, 0.4], rtol=1e-6)
    with pytest.raises(SettingsError, match="--date"):
        FeatureSource(recipe, series)


def test_units_are_recorded_from_the_file_and_as_stated(tmp_path):
    import rasterio

    paths = [write_raster(tmp_path / f"{name}.tif", np.ones((40, 40), "float32")) for name in ("dem", "rain", "ph")]
    with rasterio.open(paths[0], "r+") as dataset:
        dataset.units = ("m",)
    stack = open_covariates([parse_covariate(path) for path in paths])
    recipe, _ = choose_features(FeatureSettings(units=("rain=mm",)), samples_at(X, Y), covariates=stack)
    assert [use.unit for use in recipe.covariates] == ["m", "mm", None]
    with pytest.raises(SettingsError, match=r"'snow', but no covariate has that name. Covariates: dem, rain, ph"):
        choose_features(FeatureSettings(units=("snow=mm",)), samples_at(X, Y), covariates=stack)
    assert parse_units(("a = kg/m2",)) == {"a": "kg/m2"}
    FeatureSource(recipe, covariates=open_covariates([parse_covariate(path) for path in paths], units={"dem": "m", "rain": "mm"}))
    with pytest.raises(FeatureError, match=r"dem in m, the covariate given is in ft.*--unit-of dem=m"):
        FeatureSource(recipe, covariates=open_covariates([parse_covariate(path) for path in paths], units={"dem": "ft"}))
    with pytest.raises(SettingsError, match="'snow', but no covariate"):
        open_covariates([parse_covariate(paths[0])], units={"snow": "mm"})


@pytest.mark.parametrize("text", ["rain", "=mm", "rain=", ""])
def test_a_unit_must_name_covariate_and_unit(text):
    with pytest.raises(SettingsError, match="COVARIATE=UNIT"):
        parse_units((text,))


def test_a_covariate_in_another_unit_or_made_otherwise_is_refused(tmp_path):
    path = write_raster(tmp_path / "slope.tif", np.ones((40, 40), "float32"))
    how = {"kind": "terrain", "source": "a.tif", "slope": "horn"}
    recipe = FeatureRecipe(covariates=(CovariateUse("slope", made=how, unit="degree"),))

    def stack(**options):
        return open_covariates([CovariateSpec(path, "slope", **options)])

    FeatureSource(recipe, covariates=stack())
    FeatureSource(recipe, covariates=stack(unit="degree", made=how | {"source": "b.tif"}))
    with pytest.raises(FeatureError, match="slope in degree, the covariate given is in percent"):
        FeatureSource(recipe, covariates=stack(unit="percent"))
    with pytest.raises(FeatureError, match="slope made with slope 'horn', here it is made with 'zt'"):
        FeatureSource(recipe, covariates=stack(made=how | {"slope": "zt"}))


def test_recipes_of_older_models_are_read():
    older = {
        "bands": ["N"],
        "indices": [],
        "formulas": [["X", "N/R"]],
        "covariates": [{"name": "soil", "categories": [1, 2]}],
        "columns": [],
        "table_roles": [],
        "sensor": "sentinel-2-l2a",
        "scale": 1e-4,
        "offset": -0.1,
    }
    recipe = FeatureRecipe.from_dict(older)
    assert recipe.covariates == (CovariateUse("soil", (1, 2)),) and recipe.climate == () and recipe.scene_when == "static"
    assert recipe.names == ("N", "X", "soil=1", "soil=2")


def test_everything_a_recipe_records_survives_json():
    made = {"kind": "terrain", "slope": "horn", "smooth": 1.5}
    recipe = FeatureRecipe(
        bands=("N",),
        covariates=(CovariateUse("a", (1, 2), "year"), CovariateUse("b", made=made, unit="m")),
        scene_when="date",
        climate=("pr_mean", "pr_sd"),
        climate_when="date",
        climate_months=24,
        max_days=5,
    )
    again = FeatureRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe and again.fingerprint == recipe.fingerprint
    assert recipe.names == ("N", "a=1", "a=2", "b", "pr_mean", "pr_sd")


def test_climate_that_does_not_reach_the_samples_dates_is_refused(tmp_path):
    import pandas as pd

    from soilcore.data.climate import open_climate

    months = pd.period_range("2001-01", periods=24, freq="M").astype(str)
    table = pd.DataFrame(np.ones((1, 24)), columns=months).assign(id="p", lon=9.0, lat=45.15)
    (tmp_path / "climate").mkdir()
    table.to_csv(tmp_path / "climate" / "pr.csv", index=False)
    climate = open_climate(tmp_path / "climate")
    samples = samples_at(X, Y, ["2019-05-01"] * 4)
    recipe, said = choose_features(FeatureSettings(), samples, climate=climate)
    assert "12 months before each sample's date" in said[-1]
    with pytest.raises(FeatureError, match=r"2001-01 to 2002-12.*2019-05-01 to 2019-05-01.*--climate-months 0"):
        recipe.at_samples(samples, climate=climate)
    static, _ = choose_features(FeatureSettings(climate_months=0), samples, climate=climate)
    assert static.at_samples(samples, climate=climate)["pr_mean"].tolist() == [1] * 4
    scene = open_scene(SceneSettings((write_scene(tmp_path / "scene.tif", height=60, width=60),)))
    with pytest.raises(SettingsError, match=r"climate of the 12 months before a date changes with time.*--date"):
        FeatureSource(recipe, scene, climate=climate)
    with pytest.raises(FeatureError, match="--climate"):
        FeatureSource(recipe, scene)
    assert FeatureSource(recipe, scene, climate=climate, date="2003-02-15").date.year == 2003  # 10 of 12 months: the rest is filled
    with pytest.raises(FeatureError, match=r"2001-01 to 2002-12, too little of the 12 months before 2003-03-15.*--date"):
        FeatureSource(recipe, scene, climate=climate, date="2003-03-15")
    assert FeatureSource(static, scene, climate=climate, date="2019-05-01").climate is climate
