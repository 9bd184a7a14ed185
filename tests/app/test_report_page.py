"""The page of the report: what it tells before one is made, making it as jobs, taking it away, and what is out of date."""

import json
import os
import shutil
import zipfile

import pytest

from pages.ui import report_share
from soilcore.project.folder import Project
from tests.app.field import labels, open_section, shown, words
from tests.app.helpers import button, when_over


def open_report(front_door, project):
    return front_door("report", project=project.id)


def test_without_a_model_there_is_nothing_to_tell_and_the_page_says_where_to_go(front_door, workspace):
    test = open_report(front_door, Project.create(workspace, "Bare"))
    assert "Train a model first." in words(test)
    assert not test.button_group


def test_headline_and_limits_come_first_and_everything_can_be_read_before_it_is_made(front_door, field_with_results):
    test = open_report(front_door, field_with_results)
    told = words(test)
    model = json.loads((field_with_results.part("models") / "plsr-1" / "model.json").read_text())
    assert float(shown(test, "R², new places")) == pytest.approx(model["scores"]["r2"], abs=0.006)
    assert "intervals held" in told
    assert told.index("intervals held") < told.index("Limits") < told.index("Nothing was made yet")
    assert "60 samples are few" in told
    assert "--" not in told.replace("---", "")
    tables = [set(one.value.columns) for one in test.dataframe]
    assert {"Check", "result", "detail"} in tables
    assert [one for one in tables if "area (ha)" in one]

    methods = open_section(test, "methods", "report.part")
    paragraph = methods.code[0].value
    assert "partial least squares" in paragraph.lower()
    assert "kNNDM" in paragraph
    assert "https://doi.org/" in words(methods)

    protocol = open_section(test, "protocol", "report.part").table[0].value
    assert {"Overview", "Data", "Model", "Assessment", "Prediction"} == set(protocol.index)
    assert "for you to fill in" in set(protocol["What was done"])

    share = open_section(test, "share", "report.part")
    assert share.code[0].value.endswith(f"?view={field_with_results.id}")
    assert "not a lock" in words(share)

    again = open_section(test, "again", "report.part")
    assert "python -m soilcore run run.json" in again.code[0].value


def test_report_and_archive_are_made_by_jobs_and_taken_away(front_door, field_with_results):
    reports = field_with_results.part("reports")
    test = open_report(front_door, field_with_results)
    button(test, "Report as a page (HTML)").click().run()
    when_over(test)
    page = (reports / "map-1.html").read_text()
    assert "<title>" in page
    assert "map-1.html" in labels(test, "download_button")
    assert "report, opens in any browser" in words(test)

    test.checkbox(key="report.inputs").uncheck().run()
    button(test, "Archive of everything (ZIP)").click().run()
    when_over(test)
    with zipfile.ZipFile(reports / "map-1.zip") as archive:
        names = archive.namelist()
    assert {"run.json", "report.html", "map.html"} <= set(names)
    assert not [name for name in names if name.startswith("scenes/")]
    assert "its map page (HTML)" in labels(test, "download_button")
    assert "rasters that its run file makes again" in words(test)

    run = field_with_results.part("maps") / "map-1" / "map.run.json"
    later = (reports / "map-1.html").stat().st_mtime + 60
    os.utime(run, (later, later))
    assert words(test.run()).count("older than the last result") == 2


def test_a_model_without_a_map_is_reported_alone(front_door, field_with_results):
    shutil.rmtree(field_with_results.part("maps") / "map-1")
    test = open_report(front_door, field_with_results)
    assert "There is no map yet, so the report tells the model alone." in words(test)
    assert "Mapped" not in [one.label for one in test.metric]
    assert "Make one first" in words(open_section(test, "share", "report.part"))


def test_a_damaged_run_file_is_told_in_words(front_door, field_with_results):
    (field_with_results.part("maps") / "map-1" / "map.run.json").write_text("{")
    test = open_report(front_door, field_with_results)
    assert "map.run.json" in words(test)
    assert "Make the result again" in words(test)


def test_the_address_to_look_at_is_the_one_the_browser_used_without_its_page(monkeypatch):
    class Context:
        url = "https://soil.example.org:8443/salt/report"

    monkeypatch.setattr(report_share.st, "context", Context)
    monkeypatch.setattr(report_share.routes, "prefix", lambda: "/salt")
    assert report_share.viewer_address("field-1") == "https://soil.example.org:8443/salt/?view=field-1"
