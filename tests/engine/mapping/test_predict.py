"""Maps: the model's own predictions, pixel for pixel, however the raster is cut; NaN where there is nothing to say."""

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS, Geod

from soilcore.core.classes import class_scheme
from soilcore.core.errors import ModelError, NotAvailableError, SceneError, SettingsError, Stopped
from soilcore.core.grids import Grid
from soilcore.features.recipe import FeatureRecipe
from soilcore.mapping.predict import MapSettings, predict_map
from soilcore.mapping.styles import class_labels
from soilcore.models.archive import FittedModel
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.stacking import StackingModel
from tests.engine.array_source import NAMES, ArraySource

METRES = Grid(150, 230, Affine(20, 0, 500000, 0, -20, 4000000), CRS.from_epsg(32639))
DEGREES = Grid(150, 230, Affine(0.01, 0, 44, 0, -0.02, 61), CRS.from_epsg(4326))


@dataclass(frozen=True)
class ArrayRegion:
    inside: np.ndarray

    def keep(self, window, bands=None):
        return self.inside[window.slices]


def make_source(grid=METRES):
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[0 : grid.height, 0 : grid.width] / 40
    layers = [0.2 + 0.1 * np.sin(rows), 1500 + 200 * np.cos(cols), np.sin(rows + cols)]
    values = np.stack(layers).astype(np.float32) + rng.normal(0, 0.01, (3, *grid.shape)).astype(np.float32)
    values[1, 20:30, 40:60] = np.nan  # each predictor has a gap of its own
    values[2, 100:110, :5] = np.inf
    values[0, 149, 229] = np.nan
    return ArraySource(grid, values)


def fitted(learner, form="ECe", unit="dS/m"):
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.uniform(0.05, 0.35, 90), rng.uniform(1250, 1750, 90), rng.uniform(-1.2, 1.2, 90)])
    y = np.exp(6 * X[:, 0] + X[:, 2] + rng.normal(0, 0.2, 90))
    import pandas as pd

    learner.fit(pd.DataFrame(X, columns=list(NAMES)), y)
    target = {"column": "ec", "unit": unit, "extract": None, "form": form, "method": "Slavich and Petterson 1993"}
    recipe = FeatureRecipe(columns=NAMES).to_dict()
    return FittedModel(learner, "stacking", recipe, target, envelope={}, scores={}, folds={}, provenance={"created": "2026-01-01T00:00:00Z"})


@pytest.fixture(scope="module")
def model():
    few = {"rf": {"n_estimators": 20}, "xgboost": {"rounds": 30}, "mlp": {"seeds": 2}}
    return fitted(StackingModel(target_transform="log1p", trials=0, parameters=few))


@pytest.fixture(scope="module")
def quick():
    return fitted(TunedRegressor("rf", target_transform="log1p", parameters={"n_estimators": 10}))


@pytest.fixture(scope="module")
def mapped(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("map") / "salt.tif"
    source = make_source()
    return source, predict_map(model, source, MapSettings(str(out), classes="usda", threads=2)), out


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_every_pixel_is_the_learner_s_own_prediction(model, mapped):
    source, facts, out = mapped
    table = source.values.reshape(3, -1).T
    complete = np.isfinite(table).all(axis=1)
    values = read(out).ravel()
    np.testing.assert_array_equal(np.isfinite(values), complete)
    np.testing.assert_allclose(values[complete], model.learner.predict(table[complete].astype(float)), rtol=1e-5)
    assert facts["valid"] == complete.sum()
    assert facts["pixels"] == 150 * 230


@pytest.mark.parametrize(("window", "threads"), [(64, 2), (100, 1), (512, 4)])
def test_the_window_and_the_threads_never_change_the_map(model, mapped, tmp_path, window, threads):
    source, facts, out = mapped
    again = predict_map(model, source, MapSettings(str(tmp_path / "salt.tif"), classes="usda", window=window, threads=threads))
    for layer in ("salt.tif", "salt_class.tif"):
        np.testing.assert_array_equal(read(tmp_path / layer), read(out.with_name(layer)))
    for style in ("salt.qml", "salt.sld", "salt_class.qml"):
        assert (tmp_path / style).read_bytes() == out.with_name(style).read_bytes()
    assert again["classes"] == facts["classes"]


def test_windows_are_no_larger_than_asked(quick, tmp_path):
    source = make_source()
    predict_map(quick, source, MapSettings(str(tmp_path / "m.tif"), window=64))
    assert max(max(window.height, window.width) for window in source.reads) == 64


def test_the_result_has_the_keys_of_the_contract(mapped):
    _, facts, out = mapped
    assert {"out", "layers", "pixels", "valid", "seconds", "peak_rss_mb", "classes", "aoa_share"} <= set(facts)
    assert facts["aoa_share"] is None
    assert facts["layers"] == {"value": str(out), "class": str(out.with_name("salt_class.tif"))}
    assert [set(row) for row in facts["classes"]] == [{"class", "lower", "upper", "area_ha", "share"}] * 5
    assert facts["peak_rss_mb"] > 20


def test_the_raster_says_what_it_is(mapped):
    _, _, out = mapped
    with rasterio.open(out) as raster:
        assert raster.dtypes == ("float32",)
        assert np.isnan(raster.nodata)
        assert raster.units == ("dS/m",)
        assert raster.descriptions == ("ECe (ec)",)
        assert raster.crs.to_epsg() == 32639
        assert raster.transform == METRES.transform
        tags = raster.tags()
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert tags["SOILCORE_MODEL"] == "stacking"
    assert tags["SOILCORE_TARGET"] == "ec"
    assert tags["SOILCORE_TRANSFORM"] == "log1p"


def test_classes_follow_the_values_and_carry_names_and_colours(mapped, tmp_path):
    _, _, out = mapped
    scheme = class_scheme("usda")
    values, path = read(out), out.with_name("salt_class.tif")
    classes = read(path)
    np.testing.assert_array_equal(classes == 255, np.isnan(values))
    np.testing.assert_array_equal(classes[classes < 255], np.digitize(values[classes < 255].astype(float), scheme.edges))
    with rasterio.open(path) as raster:
        colors = raster.colormap(1)
        assert raster.tags()["SOILCORE_CLASSES"] == "usda"
        assert raster.tags()["SOILCORE_CLASS_EDGES"] == "[2.0, 4.0, 8.0, 16.0]"
        assert raster.nodata == 255
        rasterio.shutil.copy(raster, tmp_path / "seen.vrt", driver="VRT")  # GDAL itself reads the names from the sidecar
    for number, color in enumerate(scheme.colors):
        assert "#{:02x}{:02x}{:02x}".format(*colors[number][:3]) == color
    seen = [element.text for element in ElementTree.parse(tmp_path / "seen.vrt").iter("Category")]
    assert seen == list(scheme.labels)


def test_overviews_of_classes_hold_classes_only(quick, tmp_path):
    grid = Grid(1100, 600, METRES.transform, METRES.crs)
    source = make_source(grid)
    predict_map(quick, source, MapSettings(str(tmp_path / "m.tif"), classes="fao"))
    with rasterio.open(tmp_path / "m_class.tif") as raster:
        assert raster.overviews(1)
        seen = np.unique(raster.read(1, out_shape=(275, 150)))
    assert set(seen) <= {0, 1, 2, 3, 4, 255}


@pytest.mark.parametrize("grid", [METRES, DEGREES])
def test_the_areas_of_the_classes_sum_to_the_land_that_was_mapped(quick, tmp_path, grid):
    source = make_source(grid)
    facts = predict_map(quick, source, MapSettings(str(tmp_path / "m.tif"), classes="usda", window=64))
    values = read(tmp_path / "m.tif")
    if grid is METRES:
        of_row = np.full(150, 20 * 20 / 1e4)
    else:
        geod = Geod(ellps="WGS84")
        of_row = [
            abs(geod.polygon_area_perimeter([0, 0.01, 0.01, 0], [61 - 0.02 * r, 61 - 0.02 * r, 60.98 - 0.02 * r, 60.98 - 0.02 * r])[0]) / 1e4
            for r in range(150)
        ]
    land = float((np.isfinite(values).sum(axis=1) * of_row).sum())
    assert sum(row["area_ha"] for row in facts["classes"]) == pytest.approx(land, rel=1e-9)
    assert sum(row["share"] for row in facts["classes"]) == pytest.approx(1)
    strongly = facts["classes"][-1]
    assert strongly["lower"] == 16
    assert strongly["upper"] is None
    assert strongly["area_ha"] == pytest.approx(float(((values >= 16).sum(axis=1) * of_row).sum()), rel=1e-9)


def test_outside_the_region_there_is_no_value(quick, tmp_path):
    source = make_source()
    inside = np.zeros(METRES.shape, bool)
    inside[30:90, 100:200] = True
    facts = predict_map(quick, source, MapSettings(str(tmp_path / "m.tif"), window=64), region=ArrayRegion(inside))
    np.testing.assert_array_equal(np.isfinite(read(tmp_path / "m.tif")), inside & np.isfinite(source.values).all(axis=0))
    assert facts["valid"] == 60 * 100


def test_style_files_are_xml_that_names_every_class(mapped):
    _, _, out = mapped
    labels = class_labels(class_scheme("usda"))
    qml, sld = (ElementTree.parse(out.with_name(f"salt_class{suffix}")) for suffix in (".qml", ".sld"))
    assert [entry.get("label") for entry in qml.iter("paletteEntry")] == list(labels)
    assert [entry.get("value") for entry in qml.iter("paletteEntry")] == list("01234")
    assert next(qml.iter("rasterrenderer")).get("type") == "paletted"
    entries = list(sld.iter("{http://www.opengis.net/sld}ColorMapEntry"))
    assert [entry.get("label") for entry in entries] == list(labels)
    assert [entry.get("color") for entry in entries] == list(class_scheme("usda").colors)


def test_style_files_of_values_span_the_values(mapped):
    _, _, out = mapped
    low, high = np.nanpercentile(read(out), [2, 98])
    qml, sld = (ElementTree.parse(out.with_suffix(suffix)) for suffix in (".qml", ".sld"))
    renderer = next(qml.iter("rasterrenderer"))
    assert renderer.get("type") == "singlebandpseudocolor"
    assert float(renderer.get("classificationMin")) == pytest.approx(low, rel=0.02)
    assert float(renderer.get("classificationMax")) == pytest.approx(high, rel=0.02)
    values = [float(entry.get("quantity")) for entry in sld.iter("{http://www.opengis.net/sld}ColorMapEntry")]
    assert values == sorted(values)
    assert all(item.get("label").endswith("dS/m") for item in qml.iter("item"))


@pytest.mark.parametrize("share", [0.0, 0.4, 0.91, 0.97])
def test_stopping_at_any_time_leaves_no_file(quick, tmp_path, share):
    def report(done, total, message):
        if done / total >= share:
            raise Stopped

    with pytest.raises(Stopped):
        predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.tif"), classes="usda", window=32), report=report)
    assert list(tmp_path.iterdir()) == []


def test_stopping_keeps_the_older_map(quick, tmp_path):
    predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.tif"), classes="usda"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def report(done, total, message):
        if done / total > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.tif"), overwrite=True, window=32), report=report)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_existing_map_is_replaced_only_when_told(quick, tmp_path):
    settings = MapSettings(str(tmp_path / "m.tif"), classes="usda")
    predict_map(quick, make_source(), settings)
    with pytest.raises(SettingsError, match="--overwrite"):
        predict_map(quick, make_source(), settings)
    predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.tif"), overwrite=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.qml", "m.sld", "m.tif"]  # no classes of an older map beside it


def test_progress_runs_from_nothing_to_all(quick, tmp_path):
    heard = []
    predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.tif"), window=64), report=lambda done, total, message: heard.append(done / total))
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert heard[-1] == pytest.approx(1)
    assert len(heard) > 10


def test_other_predictors_are_refused_by_name(quick, tmp_path):
    source = make_source()
    other = ArraySource(source.grid, source.values, ("B", "slope", "NDVI"))
    with pytest.raises(ModelError, match=r"missing: elevation; not seen in training: slope"):
        predict_map(quick, other, MapSettings(str(tmp_path / "m.tif")))
    turned = ArraySource(source.grid, source.values, NAMES[::-1])
    with pytest.raises(ModelError, match="another order"):
        predict_map(quick, turned, MapSettings(str(tmp_path / "m.tif")))
    assert list(tmp_path.iterdir()) == []


def test_classes_of_another_quantity_are_refused_with_the_conversion(tmp_path):
    as_measured = fitted(TunedRegressor("ridge"), form="as-measured")
    with pytest.raises(SettingsError, match="--convert ECe"):
        predict_map(as_measured, make_source(), MapSettings(str(tmp_path / "m.tif"), classes="usda"))
    with pytest.raises(SettingsError, match="--convert salt"):
        predict_map(as_measured, make_source(), MapSettings(str(tmp_path / "m.tif"), classes="cn-coastal"))


def test_what_is_not_built_yet_says_so(quick, tmp_path):
    with pytest.raises(NotAvailableError, match="not available yet"):
        predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.tif"), cluster="tcp://host:8786"))


@pytest.mark.parametrize("asked", [{"interval": 0.9}, {"thresholds": (4.0,)}, {"aoa": True}])
def test_a_model_that_was_stored_without_it_says_how_to_get_it(quick, tmp_path, asked):
    with pytest.raises(ModelError, match=r"stored without .* Train the model again"):
        predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.tif"), **asked))
    assert list(tmp_path.iterdir()) == []


def test_a_map_without_a_single_value_is_refused(quick, tmp_path):
    source = make_source()
    nothing = ArraySource(source.grid, np.full_like(source.values, np.nan))
    with pytest.raises(SceneError, match="lacks a predictor"):
        predict_map(quick, nothing, MapSettings(str(tmp_path / "m.tif")))
    with pytest.raises(SceneError, match="area of interest"):
        predict_map(quick, source, MapSettings(str(tmp_path / "m.tif")), region=ArrayRegion(np.zeros(METRES.shape, bool)))
    assert list(tmp_path.iterdir()) == []


def test_a_map_must_be_a_geotiff(quick, tmp_path):
    with pytest.raises(SettingsError, match=r"\.tif"):
        predict_map(quick, make_source(), MapSettings(str(tmp_path / "m.png")))


def test_a_constant_map_has_a_colour(tmp_path):
    learner = TunedRegressor("ridge")
    model = fitted(learner)
    learner.pipeline_.steps[-1][1].coef_[:] = 0
    facts = predict_map(model, make_source(), MapSettings(str(tmp_path / "m.tif")))
    assert facts["valid"] > 0
    ElementTree.parse(tmp_path / "m.qml")
