"""The map of a project: what lies on it, the samples with their errors, what is told of a place, and its drivers beside the map's own values."""

import re
import shutil

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

from pages.ui import cached, explore_layers, explore_samples, layers, map_layers, mapping, place_charts, place_panel, routes, session
from tests.app.field import charts, drawn, words


def place_on(path, number=0):
    """Longitude, latitude and value of a mapped pixel."""
    with rasterio.open(path) as raster:
        values = raster.read(1)
        rows, cols = np.nonzero(np.isfinite(values))
        pick = len(rows) // 2 + number
        (lon,), (lat,) = transform(raster.crs, "EPSG:4326", *[[one] for one in raster.xy(rows[pick], cols[pick])])
    return lon, lat, float(values[rows[pick], cols[pick]])


def click(test, project, lon, lat):
    """What the map component tells of a click."""
    test.session_state[f"explore-{project.id}"] = {"last_clicked": {"lat": lat, "lng": lon}}
    test.run()
    assert not test.exception, test.exception
    return test


@pytest.fixture
def opened(field_with_results, monkeypatch):
    """The finished project as a session has it open, with a server that gives tiles."""
    monkeypatch.setattr(routes, "are_served", True)
    work = session.Work(field_with_results.folder.parent, field_with_results)
    for module in (cached, explore_layers, explore_samples, mapping, place_panel):
        monkeypatch.setattr(module, "current_work", lambda: work)
    return mapping.read(field_with_results.part("maps") / "map-1")


def test_a_click_tells_value_interval_class_area_sample_crops_and_drivers(front_door, field_with_results):
    test = front_door("map", project=field_with_results.id)
    assert "Click the map to read a place" in words(test)
    assert '"Interval width"' in drawn(test)["script"]
    lon, lat, value = place_on(field_with_results.part("maps") / "map-1" / "map.tif")
    click(test, field_with_results, lon, lat)
    told = words(test)
    metric = next(one.value for one in test.metric if one.value.endswith("dS/m"))
    assert float(metric.split()[0]) == pytest.approx(value, rel=5e-3)
    assert re.search(r"90 % interval \*\*[\d.]+ dS/m to [\d.]+ dS/m\*\*, [\d.]+ dS/m wide", told), told
    assert "area of applicability" in told
    assert re.search(r"nearest sample \*\*[\d.]+ k?m\*\* away \(row \d+, measured", told), told
    assert "crops" in told
    assert "no cause can be read" in told
    (waterfall,) = [one for one in charts(test) if "waterfall" in one]
    assert "prediction here" in waterfall
    drivers = next(one.value for one in test.dataframe if "contribution" in one.value)
    assert {"feature", "value", "contribution"} <= set(drivers)


def test_a_place_can_be_typed_and_one_beside_the_map_is_said_to_be_empty(front_door, field_with_results):
    test = front_door("map", project=field_with_results.id)
    box = next(one for one in test.text_input if one.label.startswith("Or type"))
    box.set_value("north of here").run()
    assert "two numbers in degrees" in words(test)
    box.set_value("0, 0").run()
    assert "Nothing is mapped here" in words(test)
    assert "nearest sample" in words(test)


def test_everything_of_the_project_is_on_the_map_and_values_side_by_side_share_one_scale(opened, field_with_results, demo):
    shutil.copytree(demo / "truth", field_with_results.folder / "landscape" / "truth")
    shutil.copy(demo / "dem.tif", field_with_results.part("covariates") / "dem.tif")
    shutil.copytree(field_with_results.part("maps") / "map-1", field_with_results.part("maps") / "map-2")
    topics = {topic.key: topic for topic in explore_layers.of(opened, map_layers.of(opened))}
    truth = topics["truth/ece_dS_m/1"]
    assert next(iter(topics)) == "map/value"
    assert truth.twin
    assert {"map/width", "other/map-2", "covariate/dem.tif/dem.tif/1", "truth/clay_pct/1"} <= set(topics)
    linked = [one.linked[1].layer.style for one in (topics["map/value"], truth, topics["other/map-2"])]
    assert len({(style.low, style.high) for style in linked}) == 1
    assert linked[0].high >= truth.values.layer.style.high
    assert topics["map/lower"].linked[0] == topics["map/upper"].linked[0] == "bounds"
    assert truth.forms["classes"].layer.style.entries == topics["map/value"].forms["classes"].layer.style.entries


def test_the_width_of_the_interval_is_upper_minus_lower_bound(opened, field_with_results):
    named = {one.key: one for one in map_layers.of(opened)}
    lon, lat, _ = place_on(opened.value_file)
    values = map_layers.values_at(named.values(), lon, lat)
    assert values["width"] == pytest.approx(values["upper"] - values["lower"])
    assert layers.find(layers.register(named["width"].shown.layer)).value_at(lon, lat) == values["width"]


def test_errors_of_samples_are_predicted_minus_observed_with_a_look_and_a_legend(opened):
    errors = explore_samples.errors_of("plsr-1")
    residuals = errors.table["predicted"] - errors.table["observed"]
    small, large = errors.breaks
    assert len(errors.points) == len(errors.table) == len(residuals)
    assert [number == 4 for number in errors.numbers] == list(residuals > large)
    assert [number == 0 for number in errors.numbers] == list(residuals < -large)
    assert [number == 2 for number in errors.numbers] == list(residuals.abs() <= small)
    assert errors.unit == "dS/m"
    assert len(errors.legend["entries"]) == len(errors.looks) == 5


def test_a_waterfall_adds_up_and_its_axis_is_in_the_unit_of_the_target():
    rows = [{"feature": f"x{number}", "value": 1.0, "contribution": 0.5 / (number + 1)} for number in range(14)]
    base, prediction = 1.0, 1.0 + sum(row["contribution"] for row in rows)
    figure = place_charts.waterfall(rows, base, prediction, "log1p of the target", "dS/m", np.expm1)
    bar = figure.data[0]
    assert sum(bar.x[:-1]) == pytest.approx(prediction)
    assert len(bar.x) == 13
    axis = figure.layout.xaxis
    assert np.expm1(axis.tickvals) == pytest.approx([float(text) for text in axis.ticktext], rel=0.02)
    assert "dS/m" in axis.title.text
