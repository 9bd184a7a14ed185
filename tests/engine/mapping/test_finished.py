"""A finished map as others read it: what it says of itself, and how likely values are."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from soilcore.core.errors import SceneError
from soilcore.core.grids import Window
from soilcore.mapping.finished import open_map, quantiles_of
from tests.engine.mapping.finished_maps import VARIOGRAM, write_map
from tests.engine.rasters import write_raster

VALUE = np.arange(1.0, 13.0).reshape(3, 4)


def test_a_map_says_its_target_date_interval_and_how_errors_hang_together(tmp_path):
    path = write_map(tmp_path / "map.tif", VALUE, lower=VALUE / 2, upper=VALUE * 2, aoa=1, variogram=VARIOGRAM, SOILCORE_TRANSFORM="log10")
    (tmp_path / "map.run.json").write_text(json.dumps({"steps": [{"settings": {"date": "2025"}}], "result": {"date": "2025-03-17"}}))
    finished = open_map(path)
    assert (finished.form, finished.unit, finished.column, finished.transform, finished.level) == ("ECe", "dS/m", "ece", "log10", 0.9)
    assert finished.date == "2025-03-17" and finished.variogram == VARIOGRAM and finished.has_interval
    assert open_map(path, date="2024").date == "2024"
    with finished.reader(("value", "upper", "di", "aoa")) as read:
        layers = read(Window(1, 1, 2, 3))
    np.testing.assert_array_equal(layers["upper"], 2 * VALUE[1:3, 1:4])
    assert set(layers) == {"value", "upper", "aoa"} and (layers["aoa"] == 1).all()


def test_the_date_is_that_of_the_scene_where_nobody_stated_one(tmp_path):
    path = write_map(tmp_path / "map.tif", VALUE)
    for names, date in ((["S2_20190501.tif"], "2019-05-01"), (["2021.tif"], "2021"), (["scene.tif"], None), (["a_2019.tif", "b_2020.tif"], None)):
        scene = {"inputs": {"scene": {"paths": names}}, "date": None}
        (tmp_path / "map.run.json").write_text(json.dumps({"steps": [{"settings": scene}], "result": {}}))
        assert open_map(path).date == date


@pytest.mark.parametrize("text", ["{", "[]", '{"steps": []}', '{"result": 3, "steps": [1]}'])
def test_a_damaged_run_file_only_means_that_no_date_is_known(tmp_path, text):
    path = write_map(tmp_path / "map.tif", VALUE)
    (tmp_path / "map.run.json").write_text(text)
    assert open_map(path).date is None


def test_layers_on_another_grid_are_refused(tmp_path):
    path = write_map(tmp_path / "map.tif", VALUE, lower=VALUE, upper=VALUE)
    write_map(tmp_path / "map_lower.tif", VALUE, cell=20.0)
    with pytest.raises(SceneError, match="another grid"):
        open_map(path)


def test_another_layer_of_a_map_is_not_taken_for_the_map(tmp_path):
    write_map(tmp_path / "map.tif", VALUE, lower=VALUE, upper=VALUE)
    path = write_map(tmp_path / "other.tif", VALUE, SOILCORE_LAYER="upper", SOILCORE_LAYER_TITLE="Upper bound")
    with pytest.raises(SceneError, match="Upper bound"):
        open_map(path)
    with pytest.raises(SceneError, match="2 bands"):
        open_map(write_raster(tmp_path / "two.tif", np.ones((2, 3, 4), np.float32)) or tmp_path / "two.tif")


@pytest.mark.parametrize(("transform", "there"), [("none", lambda v: v), ("log10", np.log), ("log1p", np.log1p)])
def test_quantiles_meet_the_value_and_its_bounds(transform, there):
    value, lower, upper = np.array([4.0, 6.0]), np.array([2.0, 1.0]), np.array([9.0, 30.0])
    low, middle, high = quantiles_of(value, lower, upper, [0.05, 0.5, 0.95], 0.9, transform)
    np.testing.assert_allclose([low, middle, high], [lower, value, upper])
    third = quantiles_of(value, lower, upper, [0.8], 0.9, transform)[0]
    np.testing.assert_allclose(there(third), there(value) + norm.ppf(0.8) / norm.ppf(0.95) * (there(upper) - there(value)))


def test_quantiles_stay_above_zero_and_endless_bounds_stay_endless():
    low, high = quantiles_of([1.0, 1.0], [0.0, -3.0], [2.0, np.inf], [0.001, 0.999], 0.9)
    assert low[0] == 0 and low[1] < -3
    assert np.isfinite(high[0]) and high[1] == np.inf
    assert quantiles_of([1.0], [1.0], [np.inf], [0.5], 0.9, "log10")[0, 0] == 1.0
