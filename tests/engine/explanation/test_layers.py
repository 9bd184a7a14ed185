"""Attribution maps and pixels: what the rows say, pixel for pixel, as rasters that add up; nothing where a predictor is missing."""

import sys
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import SceneError, SettingsError, Stopped
from soilcore.core.grids import Grid, Window
from soilcore.explanation.background import SAMPLE_PLACES_KEY, background_arrays
from soilcore.explanation.layers import attribution_maps
from soilcore.explanation.pixel import PixelExplainer, explain_pixel
from soilcore.explanation.tabular import explain_rows
from soilcore.features.recipe import FeatureRecipe
from soilcore.mapping.predict import MapSettings, predict_map
from soilcore.mapping.tiles import style_of
from soilcore.models.archive import FittedModel, training_envelope
from soilcore.models.stacking import StackingModel
from tests.engine.array_source import NAMES, ArraySource

GRID = Grid(40, 50, Affine(20, 0, 500000, 0, -20, 4000000), CRS.from_epsg(32639))


@dataclass(frozen=True)
class Left:
    """A region: the left part of the grid."""

    columns: int

    def keep(self, window, bands=None):
        return np.broadcast_to(np.arange(window.col, window.col + window.width) < self.columns, (window.height, window.width))


@pytest.fixture(scope="module")
def source():
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[0 : GRID.height, 0 : GRID.width] / 15
    values = np.stack([0.2 + 0.1 * np.sin(rows), 1500 + 200 * np.cos(cols), np.sin(rows + cols)]).astype(np.float32)
    values += rng.normal(0, 0.01, values.shape).astype(np.float32)
    values[1, 5:10, 8:16] = np.nan
    return ArraySource(GRID, values)


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(np.column_stack([rng.uniform(0.05, 0.35, 60), rng.uniform(1250, 1750, 60), rng.uniform(-1.2, 1.2, 60)]), columns=list(NAMES))
    y = np.exp(6 * X["B"] + X["NDVI"]).to_numpy()
    few = {"rf": {"n_estimators": 8}, "xgboost": {"rounds": 10}, "mlp": {"seeds": 1, "layers": "6"}}
    learner = StackingModel(target_transform="log1p", trials=0, parameters=few).fit(X, y)
    places = np.column_stack([rng.uniform(500000, 501000, 60), rng.uniform(3999200, 4000000, 60)])
    oof = pd.DataFrame({"row": np.arange(60) + 2, "observed": y, "predicted": y * 1.1})
    target = {"column": "ec", "unit": "dS/m", "extract": None, "form": "ECe", "method": None}
    recipe = FeatureRecipe(columns=NAMES).to_dict()
    kept = background_arrays(X, y, places)
    return FittedModel(learner, "stacking", recipe, target, training_envelope(X), {}, {}, oof, plane="EPSG:32639", trust_arrays=kept)


@pytest.fixture(scope="module")
def mapped(model, source, tmp_path_factory):
    out = tmp_path_factory.mktemp("drivers") / "maps"
    return attribution_maps(model, source, out, threads=2, window=32)


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_layers_add_up_to_the_prediction_of_the_map(model, source, mapped, tmp_path):
    predict_map(model, source, MapSettings(str(tmp_path / "salt.tif")))
    total = mapped["base"] + sum(read(path).astype(float) for path in mapped["layers"].values())
    np.testing.assert_allclose(total, read(mapped["prediction"]), atol=1e-5)
    np.testing.assert_allclose(np.expm1(total), read(tmp_path / "salt.tif"), rtol=1e-4)
    assert mapped["additivity_error"] < 1e-9 and mapped["additivity_error_written"] < 1e-5
    assert np.isnan(total[5:10, 8:16]).all() and mapped["valid"] == GRID.height * GRID.width - 40


def test_a_layer_holds_what_the_rows_say(model, source, mapped):
    X = pd.DataFrame(source.values[:, 20, :].T.astype(float), columns=list(NAMES))
    made = explain_rows(model, X)
    for number, name in enumerate(NAMES):
        np.testing.assert_allclose(read(mapped["layers"][name])[20], made.values[:, number], atol=1e-6)
    with rasterio.open(mapped["sampling_error"]) as raster:
        np.testing.assert_allclose(raster.read(1)[20], np.sqrt((made.errors**2).mean(axis=1)), atol=1e-6)


def test_layers_do_not_depend_on_the_windows(model, source, mapped, tmp_path):
    other = attribution_maps(model, source, tmp_path / "maps", threads=1, window=17)
    for name, path in mapped["layers"].items():
        np.testing.assert_array_equal(read(path), read(other["layers"][name]))


def test_the_dominant_driver_is_the_one_with_the_largest_attribution(mapped):
    values = np.stack([read(path) for path in mapped["layers"].values()])
    usable, dominant = np.isfinite(values[0]), read(mapped["dominant"])
    names = [row["driver"] for row in mapped["classes"]]
    largest = np.array(list(mapped["layers"]))[np.abs(values[:, usable]).argmax(axis=0)]
    assert (np.array(names)[dominant[usable]] == largest).all() and (dominant[~usable] == 255).all()
    shares = [row["share"] for row in mapped["classes"]]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1)


def test_programs_find_style_unit_and_names_in_the_files(mapped):
    layer, dominant = style_of(mapped["layers"]["NDVI"]), style_of(mapped["dominant"])
    assert layer.low == -layer.high and layer.ramp == "blue-orange" and layer.unit == "log1p(dS/m)"
    assert dominant.labels == tuple(row["driver"] for row in mapped["classes"])
    with rasterio.open(mapped["layers"]["NDVI"]) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and np.isnan(raster.nodata)
        assert float(raster.tags()["SOILCORE_SHAP_BASE"]) == mapped["base"]


def test_a_view_a_region_and_a_step_compute_the_same_pixels_only(model, source, mapped, tmp_path):
    view = attribution_maps(model, source, tmp_path / "view", view=Window(10, 20, 12, 18), region=Left(30))
    found = read(view["layers"]["NDVI"])
    np.testing.assert_array_equal(found[:, :10], read(mapped["layers"]["NDVI"])[10:22, 20:30])
    assert np.isnan(found[:, 10:]).all() and view["valid"] == 120
    coarse = attribution_maps(model, source, tmp_path / "coarse", step=5)
    np.testing.assert_array_equal(read(coarse["layers"]["B"]), read(mapped["layers"]["B"])[2::5, 2::5])
    with rasterio.open(coarse["dominant"]) as raster:
        assert raster.transform.a == 100 and raster.shape == (8, 10)
    assert "one pixel of 5 x 5" in coarse["note"] and not mapped["note"]


def test_drivers_with_strange_names_and_groups_get_plain_files_of_their_own(model, source, tmp_path):
    made = attribution_maps(model, source, tmp_path / "maps", groups={"../B/x": ("B",), "B x": ("elevation", "NDVI")}, view=Window(0, 0, 16, 16))
    files = [path.rsplit("/", 1)[1] for path in made["layers"].values()]
    assert files == ["shap_B_x.tif", "shap_B_x_2.tif"]


def test_a_stopped_or_impossible_map_leaves_nothing(model, source, tmp_path):
    def stop(done, total, message):
        if done > 0.3 * total:
            raise Stopped

    for wrong, error in (({"report": stop}, Stopped), ({"region": Left(0)}, SceneError), ({"step": 0}, SettingsError), ({"draws": 1}, SettingsError)):
        with pytest.raises(error):
            attribution_maps(model, source, tmp_path / "maps", window=16, threads=1, **wrong)
    with pytest.raises(SettingsError, match="the grid has 40 x 50"):
        attribution_maps(model, source, tmp_path / "maps", view=Window(30, 0, 20, 10))
    assert not list(tmp_path.iterdir())


def test_a_pixel_tells_its_value_nearest_sample_and_drivers(model, source, mapped):
    x, y = 500000 + 20 * 30.5, 4000000 - 20 * 20.5
    facts = PixelExplainer(model, source, classes="usda").at(x, y)
    assert (facts["row"], facts["col"], facts["valid"]) == (20, 30, True)
    contributions = {row["feature"]: row["contribution"] for row in facts["rows"]}
    for name in NAMES:
        assert contributions[name] == pytest.approx(read(mapped["layers"][name])[20, 30], abs=1e-6)
    assert facts["base"] + sum(contributions.values()) == pytest.approx(facts["prediction"], abs=1e-9)
    assert facts["value"] == pytest.approx(np.expm1(facts["prediction"]), rel=1e-5)
    sizes = [abs(row["contribution"]) for row in facts["rows"]]
    assert sizes == sorted(sizes, reverse=True) and facts["sampling_error"] > 0
    distances = np.hypot(*(model.trust_arrays[SAMPLE_PLACES_KEY] - [x, y]).T)
    assert facts["nearest"]["distance_m"] == pytest.approx(distances.min()) and facts["nearest"]["row"] == distances.argmin() + 2
    assert facts["class"]["label"] and facts["lower"] is None and facts["inside"] is None  # stored without intervals and area


def test_the_first_click_of_a_process_says_the_same_without_any_kernel(model, source, mapped, monkeypatch):
    for kernel in ("explanation.trees_kernel", "explanation.trees_patterns", "explanation.perceptrons_kernel", "models.forest_kernel"):
        monkeypatch.setitem(sys.modules, f"soilcore.{kernel}", None)  # cannot be imported, as if nothing could be compiled
    facts = explain_pixel(model, source, 500000 + 20 * 30.5, 4000000 - 20 * 20.5)
    assert facts["additivity_error"] < 1e-9
    for row in facts["rows"]:
        assert row["contribution"] == pytest.approx(read(mapped["layers"][row["feature"]])[20, 30], abs=1e-6)


def test_a_pixel_without_a_value_says_why_and_a_place_off_the_map_is_refused(model, source):
    at = explain_pixel(model, source, 500000 + 20 * 10.5, 4000000 - 20 * 7.5)
    assert not at["valid"] and "elevation" in at["reason"] and at["rows"] == [] and at["nearest"]["distance_m"] > 0
    masked = explain_pixel(model, source, 500990, 3999990, region=Left(10))
    assert not masked["valid"] and "mask" in masked["reason"]
    with pytest.raises(SettingsError, match="outside the map"):
        explain_pixel(model, source, 51.0, 36.0, "EPSG:4326")


def test_older_models_find_the_nearest_sample_by_their_table(model, source):
    known = model.trust_arrays[SAMPLE_PLACES_KEY]
    table = model.out_of_fold.assign(x=known[:, 0], y=known[:, 1])
    older = replace(model, trust_arrays={}, out_of_fold=table)
    facts = explain_pixel(older, source, *known[7])
    assert facts["nearest"]["distance_m"] < 15 and "stored without background" in facts["note"]
