"""The map page on a map that says how sure it is: layers in groups, cards, areas with uncertainty, files, a click in words."""

import json

import pytest

from pages.ui import session
from soilcore.project import jobs
from tests.app.helpers import button


@pytest.fixture
def with_trust(front_door, field_with_results):
    """The map page on a map with interval, chance of exceedance and area of applicability."""
    return front_door("map", project=field_with_results.id)


def test_a_map_lists_its_layers_in_groups_with_units_in_the_legends(with_trust):
    script = json.loads(with_trust.get("component_instance")[0].proto.json_args)["script"]
    for words in (
        "How sure",
        "Lower bound",
        "Upper bound",
        "Interval width",
        "Chance of more than 4 dS/m",
        "Where to believe it",
        "Expected error",
        "Samples alike",
    ):
        assert words in script, words
    assert "Lower bound of the 90 % prediction interval (dS/m)" in script
    assert "Width of the 90 % prediction interval (dS/m)" in script
    assert "outside: unlike the training samples" in script
    assert "Grey: outside the area of applicability" in script


def test_the_map_says_how_good_how_sure_and_how_much_of_it_to_believe(with_trust, field_with_results):
    facts = json.loads((field_with_results.part("maps") / "map-1" / "map.run.json").read_text())["result"]
    cards = {metric.label: metric.value for metric in with_trust.metric}
    assert cards["Area of applicability"] == f"{100 * facts['aoa_share']:.0f} %"
    assert cards["Interval coverage"] == f"{100 * facts['interval']['coverage']:.0f} %"
    assert "R², places not sampled" in cards


def test_areas_come_with_their_uncertainty_and_every_file_can_be_taken(with_trust):
    table = with_trust.dataframe[-1].value
    assert (table["area_ha_low"] <= table["area_ha_expected"] + 1e-9).all()
    assert (table["area_ha_expected"] <= table["area_ha_high"] + 1e-9).all()
    names = [one.proto.label for one in with_trust.get("download_button")]
    assert any(name.startswith("Everything, ") for name in names)
    for layer in ("lower", "upper", "p_gt_4", "aoa", "di", "error", "lpd"):
        assert any(name.startswith(f"map_{layer}.tif") for name in names), layer


def test_interval_thresholds_and_area_are_asked_for_and_reach_the_job(with_trust):
    test = with_trust
    test.button_group(key="map.level").set_value(0.8)
    box = next(one for one in test.text_input if one.label.startswith("Chance of more than"))
    box.set_value("two").run()
    assert button(test, "Make the map").disabled
    box.set_value("8; 4").run()
    button(test, "Make the map").click().run()
    assert not test.exception
    job = test.session_state[session.KEY].job
    asked = job.spec()["settings"]
    jobs.stop_job(job)
    assert (asked["interval"], asked["thresholds"], asked["aoa"]) == (0.8, [4.0, 8.0], True)
