"""Layers of trust: bounds, probabilities, applicability and expected error of every pixel, however the raster is cut."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import ModelError, SettingsError, Stopped
from soilcore.core.grids import Grid
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.features.recipe import FeatureRecipe
from soilcore.mapping.layers import KINDS, layer_kind, layer_path, layers_of, number_of, threshold_key
from soilcore.mapping.predict import MapSettings, predict_map
from soilcore.mapping.tiles import style_of
from soilcore.models.archive import FittedModel
from soilcore.models.learner import Learner
from soilcore.models.neighbour_learner import WithNeighbours
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.two_step import TwoStepModel
from soilcore.trust.applicability import AreaOfApplicability, applicability_of, permutation_weights
from soilcore.trust.coverage import coverage_facts, out_of_fold_bounds
from soilcore.trust.expected_error import ExpectedError, expected_error_of
from soilcore.trust.intervals import IntervalSettings, fit_interval, interval_of
from tests.engine.array_source import NAMES, ArraySource

GRID = Grid(150, 230, Affine(20, 0, 500000, 0, -20, 4000000), CRS.from_epsg(32639))
ALIEN = (slice(100, 130), slice(150, 200))
EVERYTHING = {"classes": "usda", "interval": 0.9, "thresholds": (4.0, 2.5), "aoa": True}
ALL_LAYERS = ("value", "class", "lower", "upper", "p_gt_4", "p_gt_2.5", "di", "aoa", "error", "lpd")


def scene(grid=GRID):
    """A land of gentle gradients, with gaps, and a patch whose cover no sample ever saw."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[0 : grid.height, 0 : grid.width] / 40
    layers = np.stack([0.2 + 0.1 * np.sin(rows), 1500 + 200 * np.cos(cols), np.sin(rows + cols)]).astype(np.float32)
    layers += rng.normal(0, 0.01, layers.shape).astype(np.float32)
    if grid is GRID:
        layers[(0, *ALIEN)], layers[(2, *ALIEN)] = 0.9, -3.0
        layers[1, 20:30, 40:60] = np.nan
        layers[0, 149, 229] = np.nan
    return ArraySource(grid, layers)


def samples(n=120, seed=1):
    """Rows, columns, predictors and target at places outside the alien patch."""
    rng, values = np.random.default_rng(seed), scene().values
    rows, cols = rng.integers(0, 90, n), rng.integers(0, 230, n)
    known = np.isfinite(values[:, rows, cols]).all(axis=0)
    rows, cols = rows[known], cols[known]
    X = pd.DataFrame(values[:, rows, cols].T.astype(float), columns=list(NAMES))
    y = np.exp(6 * X["B"] + X["NDVI"] + rng.normal(0, 0.3, len(X))).to_numpy()
    return np.column_stack([500000 + 20 * (cols + 0.5), 4000000 - 20 * (rows + 0.5)]), X, y


def trusted(learner, method="conformal", plane="EPSG:32639"):
    """A model with everything that training stores of trust."""
    places, X, y = samples()
    splits = make_splits(SplitSettings("block", folds=5, block_size=600.0), len(y), coordinates=places)
    evaluation = evaluate(learner, X, y, splits, keep_learners=True)
    area = AreaOfApplicability().fit(X, splits, permutation_weights(evaluation.learners, X, y, splits))
    error = ExpectedError().fit(area.train_di_, np.abs(y - evaluation.out_of_fold[0]))
    learner.fit(X, y, coordinates=places)
    interval = fit_interval(IntervalSettings(method), learner, evaluation, X, area=area)
    told = {"facts": {"error_variogram": None}}
    if method == "conformal":
        told["facts"]["interval"] = coverage_facts(evaluation, out_of_fold_bounds(evaluation, learner=learner, area=area), area=area)
    facts, arrays, learners = (
        {key: value for part in parts for key, value in part.items()}
        for parts in zip(*(one.stored() for one in (area, error, interval)), strict=True)
    )
    target = {"column": "ec", "unit": "dS/m", "extract": None, "form": "ECe", "method": None}
    recipe = FeatureRecipe(columns=NAMES).to_dict()
    return FittedModel(learner, "rf", recipe, target, {}, {}, {}, plane=plane, trust={**facts, **told}, trust_arrays=arrays, trust_learners=learners)


@pytest.fixture(scope="module")
def model():
    return trusted(TunedRegressor("rf", target_transform="log1p", parameters={"n_estimators": 20}))


@pytest.fixture(scope="module")
def mapped(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("map") / "salt.tif"
    return predict_map(model, scene(), MapSettings(str(out), threads=2, **EVERYTHING)), out


def read(out, key="value"):
    with rasterio.open(layer_path(out, key)) as raster:
        return raster.read(1)


def tags(out, key):
    with rasterio.open(layer_path(out, key)) as raster:
        return raster.tags(), raster.units[0], raster.descriptions[0], raster.nodata, raster.dtypes[0]


def pixels(source=None):
    table = (source or scene()).values.reshape(3, -1).T
    complete = np.isfinite(table).all(axis=1)
    return table[complete], complete


def test_every_layer_is_there_and_named_in_the_facts(mapped):
    facts, out = mapped
    assert tuple(facts["layers"]) == ALL_LAYERS
    for key, path in facts["layers"].items():
        assert path == str(layer_path(out, key))
        with rasterio.open(path) as raster:
            assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert raster.shape == GRID.shape
    assert {path.name for path in out.parent.iterdir()} >= {"salt_p_gt_2.5.tif", "salt_p_gt_2.5.qml", "salt_p_gt_2.5.sld", "salt_aoa.tif.aux.xml"}


def test_each_layer_is_what_the_objects_of_the_model_say(model, mapped):
    _, out = mapped
    X, complete = pixels()
    z = model.learner.predict_transformed(X.astype(float))
    area, interval = applicability_of(model), interval_of(model)
    di = area.dissimilarity(X)
    lower, upper = interval.bounds(X, z, 0.9, outside=~area.inside(di))
    expected = {
        "value": model.learner.predict(X.astype(float)),
        "lower": model.learner.way_back_(lower),
        "upper": model.learner.way_back_(upper),
        "p_gt_4": interval.exceedance(X, z, np.log1p(4), outside=~area.inside(di)),
        "di": di,
        "aoa": area.inside(di),
        "error": np.where(area.inside(di), expected_error_of(model).rmse(di), np.nan),
        "lpd": area.local_point_density(X),
    }
    for key, values in expected.items():
        np.testing.assert_allclose(read(out, key).ravel()[complete].astype(float), values.astype(float), rtol=2e-5, atol=1e-6, err_msg=key)


def test_where_a_predictor_is_missing_no_layer_says_anything(mapped):
    facts, out = mapped
    missing = ~np.isfinite(scene().values).all(axis=0)
    for key in ALL_LAYERS:
        values, nodata = read(out, key), layer_kind(key).nodata
        empty = np.isnan(values) if np.isnan(nodata) else values == nodata
        assert empty[missing].all(), key
        if key != "error":
            assert not empty[~missing].any(), key
    assert facts["valid"] == (~missing).sum()


@pytest.mark.parametrize(("window", "threads"), [(64, 2), (100, 1), (37, 3)])
def test_windows_and_threads_never_change_a_layer(model, mapped, tmp_path, window, threads):
    facts, out = mapped
    again = predict_map(model, scene(), MapSettings(str(tmp_path / "salt.tif"), window=window, threads=threads, **EVERYTHING))
    for key in ALL_LAYERS:
        np.testing.assert_array_equal(read(tmp_path / "salt.tif", key), read(out, key), err_msg=key)
        style = layer_path(out, key).with_suffix(".qml").name
        assert (tmp_path / style).read_bytes() == (out.parent / style).read_bytes()
    assert again["classes"] == facts["classes"]
    assert again["aoa_share"] == facts["aoa_share"]


def test_land_cover_that_no_sample_saw_lies_outside(mapped):
    facts, out = mapped
    area = read(out, "aoa")
    assert (area[ALIEN] == 0).all()
    everywhere_else = np.ones(GRID.shape, bool)
    everywhere_else[ALIEN] = False
    assert (area[everywhere_else & (area != 255)] == 1).mean() > 0.9
    assert facts["aoa_share"] == pytest.approx((area == 1).sum() / (area != 255).sum())
    assert np.isnan(read(out, "error")[ALIEN]).all()
    assert (read(out, "lpd")[ALIEN] == 0).all()
    assert read(out, "di")[ALIEN].min() > applicability_threshold(out)


def applicability_threshold(out):
    return float(tags(out, "di")[0]["SOILCORE_AOA_THRESHOLD"])


def test_bounds_are_wider_outside_but_hold_the_prediction_everywhere(model, mapped):
    _, out = mapped
    value, lower, upper = (read(out, key) for key in ("value", "lower", "upper"))
    known = np.isfinite(value)
    assert (lower[known] <= value[known]).all()
    assert (value[known] <= upper[known]).all()
    assert (lower[known] >= 0).all()
    factor = interval_of(model).common.outside_factor
    width = np.log1p(upper) - np.log1p(value)
    inside = read(out, "aoa") == 1
    assert width[ALIEN].mean() == pytest.approx(factor * width[inside].mean(), rel=1e-3)


def test_probabilities_agree_with_each_other_and_with_the_bounds(mapped, model):
    _, out = mapped
    low, high, upper, lower = (read(out, key) for key in ("p_gt_2.5", "p_gt_4", "upper", "lower"))
    known = np.isfinite(low)
    assert ((low >= 0) & (low <= 1))[known].all()
    assert (high <= low)[known].all()
    n = interval_of(model).common.n
    assert (high[known & (upper < 4)] <= 0.05 + 1 / n).all()
    assert (high[known & (lower > 4)] >= 0.95 - 1 / n).all()
    assert (known & (upper < 4)).any()


def test_every_layer_says_what_it_is(mapped):
    _, out = mapped
    about, unit, description, _, dtype = tags(out, "lower")
    assert (unit, dtype) == ("dS/m", "float32")
    assert description == "Lower bound of the 90 % prediction interval: ECe (ec)"
    assert about["SOILCORE_INTERVAL_METHOD"] == "conformal"
    assert about["SOILCORE_INTERVAL_LEVEL"] == "0.9"
    assert 0.8 < float(about["SOILCORE_INTERVAL_OBSERVED_COVERAGE"]) <= 1
    assert about["SOILCORE_MODEL"] == "rf"
    assert tags(out, "p_gt_4")[2] == "Probability of more than 4 dS/m: ECe (ec)"
    assert not tags(out, "p_gt_4")[1]
    assert tags(out, "error")[1] == "dS/m"
    assert tags(out, "aoa")[3:] == (255, "uint8")
    assert tags(out, "lpd")[3:] == (-1, "int32")


def test_styles_name_the_area_and_scale_probabilities_from_0_to_1(mapped):
    _, out = mapped
    area = ElementTree.parse(layer_path(out, "aoa").with_suffix(".qml"))
    assert [entry.get("label").split(":")[0] for entry in area.iter("paletteEntry")] == ["outside", "inside"]
    chance = next(ElementTree.parse(layer_path(out, "p_gt_4").with_suffix(".qml")).iter("rasterrenderer"))
    assert (chance.get("classificationMin"), chance.get("classificationMax")) == ("0.0", "1.0")
    with rasterio.open(layer_path(out, "aoa")) as raster:
        assert raster.colormap(1)[1] == (0, 0x72, 0xB2, 255)


def test_the_browser_gets_the_colours_of_the_style_file(mapped):
    _, out = mapped
    for key in ALL_LAYERS:
        style = style_of(layer_path(out, key))
        written = ElementTree.parse(layer_path(out, key).with_suffix(".qml"))
        if style.kind == "classes":
            assert [entry.get("color").lower() for entry in written.iter("paletteEntry")] == [color.lower() for color in style.colors]
            assert [entry.get("label") for entry in written.iter("paletteEntry")] == list(style.labels)
        else:
            renderer = next(written.iter("rasterrenderer"))
            assert (float(renderer.get("classificationMin")), float(renderer.get("classificationMax"))) == (style.low, style.high)
    assert style_of(layer_path(out, "lower")) == replace(style_of(layer_path(out, "upper")))
    assert style_of(layer_path(out, "error")).unit == "dS/m"


def test_the_layers_beside_a_map_are_found_with_their_titles(mapped):
    _, out = mapped
    found = layers_of(out)
    assert sorted(layer.key for layer in found) == sorted(ALL_LAYERS)
    titles = {layer.key: layer.title for layer in found}
    assert titles["upper"] == "Upper bound of the 90 % prediction interval"
    assert titles["p_gt_2.5"] == "Probability of more than 2.5 dS/m"
    assert {layer.key: layer.unit for layer in found}["error"] == "dS/m"
    assert found[0].key == "value"


def test_keys_of_layers_carry_the_value_as_typed():
    assert [threshold_key(value) for value in (4.0, 2.5, 1e6, 1e-7, -1.0)] == ["p_gt_4", "p_gt_2.5", "p_gt_1000000", "p_gt_0.0000001", "p_gt_-1"]
    assert layer_kind("p_gt_2.5").id == "p_gt"
    assert number_of("p_gt_2.5") == "2.5"
    assert layer_kind("p_high").id == "p_high"
    assert all(kind.title for kind in KINDS)


def test_areas_of_classes_come_with_what_they_may_be(mapped):
    facts, _ = mapped
    rows = facts["classes"]
    assert {"class", "lower", "upper", "area_ha", "share", "area_ha_expected", "area_ha_low", "area_ha_high"} == set(rows[0])
    land = facts["valid"] * 0.04
    assert sum(row["area_ha_expected"] for row in rows) == pytest.approx(land)
    assert all(0 <= row["area_ha_low"] <= row["area_ha_high"] <= land for row in rows)
    assert any(row["area_ha_high"] - row["area_ha_low"] > 0.05 * land for row in rows)
    assert "err together" in facts["classes_assumption"]


def test_the_expected_area_above_a_limit_is_the_sum_of_its_probabilities(model, tmp_path):
    facts = predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), classes="usda", thresholds=(2.0, 4.0, 8.0, 16.0)))
    for number, key in enumerate(("p_gt_2", "p_gt_4", "p_gt_8", "p_gt_16"), start=1):
        chances = read(tmp_path / "m.tif", key)
        above = sum(row["area_ha_expected"] for row in facts["classes"][number:])
        assert above == pytest.approx(np.nansum(chances.astype(float)) * 0.04, abs=0.005 * facts["valid"] * 0.04)


def test_errors_that_reach_less_far_make_areas_surer(model, tmp_path):
    widths = []
    for number, reach in enumerate((None, 900.0, 100.0)):
        variogram = None if reach is None else {"model": "exponential", "range": reach, "nugget": 0.0, "sill": 1.0, "usable": True}
        known = replace(model, trust={**model.trust, "facts": {"error_variogram": variogram}})
        facts = predict_map(known, scene(), MapSettings(str(tmp_path / f"m{number}.tif"), classes="usda", thresholds=(4.0,)))
        widths.append(sum(row["area_ha_high"] - row["area_ha_low"] for row in facts["classes"]))
        assert ("variogram says" in facts["classes_assumption"]) == (reach is not None)
    assert widths[0] > 2 * widths[1] > 2 * widths[2] > 0


def test_one_layer_alone_may_be_asked_for(model, tmp_path):
    facts = predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), thresholds=(3.0,)))
    assert tuple(facts["layers"]) == ("value", "p_gt_3")
    assert facts["aoa_share"] is None
    assert facts["classes"] is None
    assert facts["interval"] is None
    facts = predict_map(model, scene(), MapSettings(str(tmp_path / "n.tif"), interval=0.5))
    assert tuple(facts["layers"]) == ("value", "lower", "upper")
    assert facts["interval"]["level"] == 0.5
    assert facts["interval"]["unbounded"] == 0


def test_the_value_of_a_pixel_does_not_depend_on_what_else_is_mapped(model, mapped, tmp_path):
    predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif")))
    np.testing.assert_array_equal(read(tmp_path / "m.tif"), read(mapped[1]))
    assert (tmp_path / "m.qml").read_bytes() == mapped[1].with_suffix(".qml").read_bytes()


def test_more_than_what_a_logarithm_knows_is_certain(model, tmp_path):
    predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), thresholds=(-1.0,)))
    chances = read(tmp_path / "m.tif", "p_gt_-1")
    assert (chances[np.isfinite(chances)] == 1).all()


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"interval": 90.0}, SettingsError, "0.9 for 90 %"),
        ({"interval": 1.0}, SettingsError, "between 0 and 1"),
        ({"interval": 0.999}, ModelError, "cannot promise 99.9 %.*or less"),
        ({"thresholds": (float("nan"),)}, SettingsError, "threshold must be a number"),
    ],
)
def test_what_is_impossible_is_refused_before_anything_is_computed(model, tmp_path, asked, error, words):
    with pytest.raises(error, match=words):
        predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), **asked))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.5, 0.93, 0.98])
def test_stopping_at_any_time_leaves_no_layer(model, tmp_path, share):
    def report(done, total, message):
        if done / total >= share:
            raise Stopped

    with pytest.raises(Stopped):
        predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), window=64, **EVERYTHING), report=report)
    assert list(tmp_path.iterdir()) == []


def test_a_new_map_takes_the_older_one_s_layers_away(model, tmp_path):
    predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), **EVERYTHING))
    (tmp_path / "m_p_gt_me.tif").write_bytes(b"mine")
    with pytest.raises(SettingsError, match="--overwrite"):
        predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif")))
    for key in set(ALL_LAYERS) - {"p_gt_2.5"}:
        layer_path(tmp_path / "m.tif", key).unlink()
    with pytest.raises(SettingsError, match=r"p_gt_2\.5"):
        predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif")))
    predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), overwrite=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.qml", "m.sld", "m.tif", "m_p_gt_me.tif"]


class WestToEast(Learner):
    """Predicts how far east a place lies, kilometres."""

    uses_coordinates = True

    def __init__(self, target_transform="none", smearing=1.0):
        self.target_transform = target_transform
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report, coordinates):
        self.origin_ = 500.0

    def _predict(self, X, coordinates):
        return coordinates[:, 0] / 1000 - self.origin_


def eastward(plane):
    places, X, y = samples()
    learner = WestToEast().fit(X, y, coordinates=places)
    return FittedModel(learner, "east", FeatureRecipe(columns=NAMES).to_dict(), {"column": "km", "unit": "km"}, {}, {}, {}, plane=plane)


@pytest.mark.parametrize("window", [64, 512])
def test_a_learner_that_knows_places_gets_the_middle_of_each_pixel(tmp_path, window):
    predict_map(eastward("EPSG:32639"), scene(), MapSettings(str(tmp_path / "m.tif"), window=window))
    values = read(tmp_path / "m.tif")
    expected = np.broadcast_to(0.02 * (np.arange(230) + 0.5), GRID.shape)
    np.testing.assert_allclose(values[np.isfinite(values)], expected[np.isfinite(values)], rtol=1e-5)
    with pytest.raises(ModelError, match="--crs"):
        predict_map(eastward(None), scene(), MapSettings(str(tmp_path / "n.tif")))


def test_places_are_carried_into_the_plane_of_the_samples(tmp_path):
    """A raster in degrees, samples in metres of UTM zone 39."""
    degrees = Grid(20, 30, Affine(0.001, 0, 51.0, 0, -0.001, 36.1), CRS.from_epsg(4326))
    predict_map(eastward("EPSG:32639"), scene(degrees), MapSettings(str(tmp_path / "m.tif")))
    values = read(tmp_path / "m.tif")
    assert values[10, 0] == pytest.approx(0.0005 * 111.32 * np.cos(np.radians(36.09)) * 0.9996, abs=0.002)
    assert (np.diff(values, axis=1) > 0.08).all()


@pytest.mark.parametrize("method", ["cv+", "local", "split"])
def test_every_kind_of_interval_can_be_mapped(method, tmp_path):
    known, small_scene = trusted(TunedRegressor("ridge", target_transform="log1p"), method), scene(Grid(60, 70, GRID.transform, GRID.crs))
    for window in (16, 512):
        predict_map(known, small_scene, MapSettings(str(tmp_path / f"{window}.tif"), interval=0.8, thresholds=(4.0,), window=window))
    for key in ("lower", "upper", "p_gt_4"):
        small, large = (read(tmp_path / f"{window}.tif", key) for window in (16, 512))
        np.testing.assert_array_equal(small, large)
        assert np.isfinite(small).all()
    assert tags(tmp_path / "16.tif", "lower")[0]["SOILCORE_INTERVAL_METHOD"] == method


@pytest.mark.parametrize("edges", [(3.0,), (2.0, 5.0)])
def test_two_steps_map_their_own_probabilities_classes_and_entropy(tmp_path, edges):
    _, X, y = samples(400)
    learner = TwoStepModel(edges=edges, classifier="logistic", regressor="ridge", trials=0).fit(X, y)
    model = FittedModel(learner, "dual-step", FeatureRecipe(columns=NAMES).to_dict(), {"column": "ec", "unit": "dS/m"}, {}, {}, {})
    facts = predict_map(model, scene(), MapSettings(str(tmp_path / "m.tif"), thresholds=edges[:1]))
    table, complete = pixels()
    chances = learner.probabilities(table.astype(float))
    out = tmp_path / "m.tif"
    assert {"entropy", "step_class", threshold_key(edges[0])} <= set(facts["layers"])
    np.testing.assert_allclose(read(out, threshold_key(edges[0])).ravel()[complete], chances[:, 1:].sum(axis=1), atol=1e-6)
    key = "p_high" if len(edges) == 1 else "p_class_2"
    np.testing.assert_allclose(read(out, key).ravel()[complete], chances[:, 1], atol=1e-6)
    classes = read(out, "step_class")
    assert (classes.ravel()[~complete] == 255).all()
    assert set(np.unique(classes)) <= {*range(len(edges) + 1), 255}
    assert style_of(layer_path(out, "step_class")).labels[0] == f"up to {edges[0]:g} dS/m"


def test_two_steps_that_know_their_neighbours_map_classes_and_their_own_probabilities(tmp_path):
    places, X, y = samples(300)
    two_steps = TwoStepModel(edges=(3.0,), classifier="logistic", regressor="ridge", trials=0)
    learner = WithNeighbours(two_steps, kinds=("gi-star",)).fit(X, y, coordinates=places)
    recipe = FeatureRecipe(columns=NAMES).to_dict()
    model = FittedModel(learner, "dual-step", recipe, {"column": "ec", "unit": "dS/m"}, {}, {}, {}, plane="EPSG:32639")
    out = tmp_path / "m.tif"
    predict_map(model, scene(), MapSettings(str(out), thresholds=(3.0,)))
    assert style_of(layer_path(out, "step_class")).labels[0] == "up to 3 dS/m"
    assert style_of(layer_path(out, "p_high")).text_of(0.25) == "25 %"
    assert not style_of(layer_path(out, "entropy")).percent
    np.testing.assert_allclose(read(out, threshold_key(3.0)), read(out, "p_high"), atol=1e-6)
