"""What somebody sees to whom a map was handed on: one project, nothing to change in it, and no way to another."""

import json
import shutil
from types import SimpleNamespace

import pytest

from pages.ui import viewer_words
from soilcore.mapping.styles import Style
from soilcore.project.act_settings import FieldsTask
from soilcore.project.folder import Project
from tests.app.field import drawn, finished_job, labels, words
from tests.app.test_explore import place_on

SALT = {"unit": "dS/m", "form": "ECe", "column": "ece_dS_m"}


@pytest.fixture
def viewer(front_door):
    """Open the viewer under an address: ``viewer("field")``."""
    return lambda identifier: front_door(view=identifier)


def click(test, project, lon, lat):
    test.session_state[f"viewer-{project.id}-map-1"] = {"last_clicked": {"lat": lat, "lng": lon}}
    test.run()
    assert not test.exception, test.exception
    return test


def test_a_map_is_shown_clicked_and_explained_and_nothing_is_changed(viewer, field_with_results, workspace):
    Project.create(workspace, "Somebody else's")
    before = {path: path.stat().st_mtime_ns for path in field_with_results.folder.rglob("*") if path.is_file()}
    test = viewer(field_with_results.id)
    told = words(test)
    assert test.title[0].value == "Field"
    assert "ECe in dS/m" in told
    assert "In plain words" in told
    assert "of the mapped land is" in told
    assert "Somebody else" not in told
    assert not test.sidebar.children
    assert not test.get("page_link")
    assert not test.get("file_uploader")
    assert not [one for one in test.button if not one.key.startswith("viewer")]
    assert '"Values"' in drawn(test)["script"]
    assert all(link.startswith("../../") for link in drawn(test)["js_links"])
    assert [one for one in test.dataframe if {"class", "share", "area_ha"} <= set(one.value.columns)]

    lon, lat, value = place_on(field_with_results.part("maps") / "map-1" / "map.tif")
    told = words(click(test, field_with_results, lon, lat))
    assert f"{value:.3g} dS/m" in told or f"{value:.2g} dS/m" in told
    assert "The true value is expected" in told or "No sample is like this place" in told
    assert "Nothing is mapped here" in words(click(test, field_with_results, 0.0, 0.0))
    assert {path: path.stat().st_mtime_ns for path in field_with_results.folder.rglob("*") if path.is_file()} == before


def test_fields_and_reports_of_the_map_are_there_to_look_at_and_to_take_away(viewer, field_with_results, demo):
    shutil.copy(demo / "fields.gpkg", field_with_results.part("regions") / "fields.gpkg")
    finished_job(field_with_results, "fields", FieldsTask("maps/map-1/map.tif", "regions/fields.gpkg", "fields/fields-1/fields.gpkg"))
    (field_with_results.part("reports") / "map-1.pdf").write_bytes(b"%PDF-1.7\n")
    test = viewer(field_with_results.id)
    assert {"Fields (GeoPackage)"} <= set(labels(test, "download_button"))
    assert any(label.startswith("Report (PDF)") for label in labels(test, "download_button"))
    test.button_group(key="viewer.part").set_value("fields").run()
    assert not test.exception, test.exception
    assert "Fields, the highest mean first" in words(test)
    assert "Area of each class" not in words(test)
    assert "Fields as CSV" in labels(test, "download_button")


def test_an_address_that_leads_nowhere_says_no_more_than_that(viewer, workspace):
    Project.create(workspace, "Other")
    for identifier in ("gone", "../other", "/etc", "a/b", "..", ".demo-template", ""):
        test = viewer(identifier)
        assert "nothing to look at under this address" in words(test)
        assert "Other" not in words(test)
        assert not test.sidebar.children


def test_a_project_without_a_map_says_so(viewer, workspace):
    Project.create(workspace, "<b>Bare</b>")
    test = viewer("b-bare-b")
    assert "no map yet" in words(test)
    assert test.title[0].value == "\\<b\\>Bare\\</b\\>"


def test_another_page_in_the_address_shows_the_viewer_all_the_same(front_door, field_with_results):
    test = front_door(view=field_with_results.id, project="other", job="x")
    assert "To look at only" in words(test)


def _styles(*names):
    return {name: Style("continuous", unit="dS/m") for name in names}


def test_a_place_unlike_the_samples_gets_a_warning_and_no_advice():
    values = {"value": 2.0, "lower": 1.0, "upper": 3.0, "aoa": 0.0}
    (said,) = viewer_words.of_place(values, _styles(*values), 0.9, SALT)
    assert "neither the value nor its range should be trusted" in said


def test_crops_are_safe_only_where_the_upper_bound_lets_them_be():
    sure = viewer_words.of_place({"value": 1.0, "lower": 0.5, "upper": 1.4}, _styles("value", "lower", "upper"), 0.9, SALT)
    assert "between 0.5 dS/m and 1.4 dS/m in 90 % of such places" in sure[0]
    assert sure[-1].startswith("Safe over the whole range: ")
    unsure = viewer_words.of_place({"value": 1.0, "lower": 0.5, "upper": 90.0}, _styles("value", "lower", "upper"), 0.9, SALT)
    assert "have the soil measured first" in unsure[-1]
    endless = viewer_words.of_place({"value": 1.0, "lower": 0.5, "upper": None}, _styles("value", "lower", "upper"), 0.9, SALT)
    assert "above 0.5 dS/m" in endless[0]
    assert "none is expected" in viewer_words.of_place({"value": 90.0}, _styles("value"), None, SALT)[-1]


def test_other_targets_get_no_advice_about_crops():
    carbon = {"unit": "g/kg", "form": "as-measured", "column": "SOC"}
    said = viewer_words.of_place({"value": 20.0, "lower": 10.0, "upper": 30.0}, _styles("value", "lower", "upper"), 0.9, carbon)
    assert len(said) == 1


def test_a_weak_model_and_foreign_land_are_called_so():
    rows = [{"class": "a", "share": 0.7, "area_ha": 70.0}, {"class": "b", "share": 0.3, "area_ha": 30.0}]
    made = SimpleNamespace(facts={"classes": rows, "interval": {"level": 0.9, "coverage": 0.8}, "aoa_share": 0.4})
    model = json.loads('{"scores": {"r2": 0.02, "rmse": 3.0}, "target": {"unit": "dS/m"}}')
    said = " ".join(viewer_words.of_map(made, model))
    assert "Most of the mapped land is a (70 %, 70 ha). The rest is b (30 %, 30 ha)." in said
    assert "typically 3 dS/m off" in said
    assert "read the map as a sketch" in said
    assert "90 % of cases; at samples left out it did in 80 %" in said
    assert "On 60 % of the land no sample is alike" in said
