"""From a table and imagery to a map through the real readers: what was learnt at the points is what the pixels get."""

import numpy as np
import pytest
import rasterio

from soilcore.core.errors import ModelError
from soilcore.data.covariates import open_covariates, parse_covariate
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.regions import Region
from soilcore.data.samples import SampleSettings, read_samples
from soilcore.features.recipe import FeatureSettings
from soilcore.features.selection import choose_features
from soilcore.features.source import FeatureSource
from soilcore.features.table import make_table
from soilcore.mapping.predict import MapSettings, predict_map
from soilcore.mapping.tiles import style_of, value_at
from soilcore.models.archive import FittedModel
from soilcore.models.pipelines import TunedRegressor


def fitted(table, target):
    learner = TunedRegressor("rf", target_transform="log1p", parameters={"n_estimators": 20}).fit(table.X, table.y)
    about = {"column": target.column, "unit": target.unit, "extract": target.extract, "form": target.form, "method": target.method}
    return FittedModel(learner, "rf", table.recipe.to_dict(), about, {}, {}, {})


@pytest.fixture(scope="module")
def coast(demo):
    scene = open_scene(SceneSettings((str(demo / "scene.tif"),)))
    samples = read_samples(demo / "samples.csv", SampleSettings(target="ece_dS_m"))
    covariates = open_covariates((parse_covariate(str(demo / "dem.tif")),), grid=scene.grid)
    recipe, _ = choose_features(FeatureSettings(bands=True, index_sets=("novel4_lan2025",)), samples, scene, covariates)
    table = make_table(recipe, samples, scene, covariates)
    return scene, covariates, samples, table, fitted(table, samples.target)


def test_the_map_under_each_sample_is_the_prediction_of_its_row(coast, tmp_path):
    scene, covariates, samples, table, model = coast
    out = tmp_path / "map.tif"
    facts = predict_map(model, FeatureSource(table.recipe, scene, covariates), MapSettings(str(out), window=40))
    with rasterio.open(out) as raster:
        values = raster.read(1)
    rows, cols, _ = scene.grid.rows_cols(table.places[:, 0], table.places[:, 1], samples.crs)
    np.testing.assert_array_equal(values[rows, cols], model.learner.predict(table.X).astype(np.float32))
    assert facts["valid"] == np.isfinite(values).sum()


def test_the_click_gives_the_value_of_the_map(coast, tmp_path):
    scene, covariates, samples, table, model = coast
    out = tmp_path / "map.tif"
    predict_map(model, FeatureSource(table.recipe, scene, covariates), MapSettings(str(out), classes="usda"))
    first = samples.table.loc[table.X.index[0]]
    assert value_at(out, first["lon"], first["lat"]) == pytest.approx(model.learner.predict(table.X.iloc[:1])[0], rel=1e-6)
    assert style_of(tmp_path / "map_class.tif").kind == "classes"
    assert style_of(out).unit == "dS/m"


def test_water_is_left_out_of_map_and_areas(coast, tmp_path):
    scene, covariates, _, table, model = coast
    source = FeatureSource(table.recipe, scene, covariates)
    dry = predict_map(
        model, source, MapSettings(str(tmp_path / "dry.tif"), classes="usda"), region=Region.open(scene.grid, mask="water", scene=scene)
    )
    everything = predict_map(model, source, MapSettings(str(tmp_path / "all.tif"), classes="usda"))
    assert 0 < dry["valid"] < everything["valid"]
    assert sum(row["area_ha"] for row in dry["classes"]) == pytest.approx(dry["valid"] * scene.grid.cell_areas_ha()[0])


def test_a_scene_of_another_scaling_is_refused(coast, demo, tmp_path):
    _, covariates, _, table, model = coast
    other = open_scene(SceneSettings((str(demo / "scene.tif"),), scale=1e-4, offset=0.0))
    with pytest.raises(ModelError, match="stored values"):
        predict_map(model, FeatureSource(table.recipe, other, covariates), MapSettings(str(tmp_path / "map.tif")))
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_table_bands_maps_a_real_scene_of_that_sensor(shared_data, tmp_path):
    """Odisha's Landsat bands stand in the table; the scene is Landsat 8 over another salt-affected plain."""
    roles = ("Blue=B", "Green=G", "Red=R", "NIR=N", "SWIR1=S1", "SWIR2=S2")
    samples = read_samples(shared_data / "ec_odisha" / "soil_data_raw.csv", SampleSettings(target="EC", unit="µS/cm"))
    settings = FeatureSettings(index_sets=("novel4_lan2025",), bands=True, roles=roles, sensor="landsat-c2-l2")
    recipe, _ = choose_features(settings, samples)
    table = make_table(recipe, samples)
    scene = open_scene(SceneSettings((str(shared_data / "imagery" / "l8_6band_uttar_pradesh.tif"),)))
    assert scene.sensor == "landsat-c2-l2"
    facts = predict_map(fitted(table, samples.target), FeatureSource(recipe, scene), MapSettings(str(tmp_path / "map.tif")))
    with rasterio.open(tmp_path / "map.tif") as raster:
        values = raster.read(1)
        assert raster.shape == scene.grid.shape
    assert facts["valid"] > 0.9 * facts["pixels"]
    assert table.y.min() <= np.nanmin(values)
    assert np.nanmax(values) <= table.y.max()
