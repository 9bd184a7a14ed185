"""The change page in every state: nothing to map, years mapped and compared by a job, what was kept, scenarios and where they may not be asked."""

import json
import shutil
from contextlib import chdir
from functools import partial

import pytest

from pages.ui import change_kept, change_rule, jobs, scenario_sliders, session
from soilcore.core.files import write_json
from soilcore.data.imagery import SceneSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.project.change_settings import ChangeTask, ScenarioTask
from soilcore.project.folder import Project
from soilcore.project.input_settings import InputSettings
from soilcore.project.map_years_settings import MapYearsTask
from soilcore.project.tasks import run_task
from tests.app.field import charts, drawn, field, labels, open_section, shown, words
from tests.app.helpers import button, copy_of, when_over

YEARS = ("2019", "2020", "2021", "2022", "2023")
open_part = partial(open_section, key="change.part")


def inputs(scene):
    return InputSettings(scene=SceneSettings((scene,)), features=FeatureSettings(), mask="water")


@pytest.fixture(scope="module")
def mapped(finished_field, demo, tmp_path_factory):
    """A project with five years mapped and compared and one scenario, by the engine; copied, never changed."""
    project = copy_of(finished_field.folder, tmp_path_factory.mktemp("years"))
    folder = project.part("scenes") / "years-2019-2023"
    folder.mkdir()
    for year in YEARS:
        shutil.copy(demo / "years" / f"{year}.tif", folder)
    with chdir(project.folder):
        asked = {"classes": "usda", "aoa": True, "compare": "changes/all", "correlation": "maps", "false_changes": 0.1}
        run_task("map-years", MapYearsTask("models/plsr-1", "maps/{date}-plsr", inputs("scenes/years-2019-2023"), **asked))
        run_task("scenario", ScenarioTask("models/plsr-1", "scenarios/greener", inputs("scenes/scene.tif"), ("N=+0.01",), classes="usda"))
    return project


@pytest.fixture
def years(workspace, mapped):
    return copy_of(mapped.folder, workspace)


@pytest.fixture
def unmapped(years):
    """The same project before anything was mapped here."""
    for part in ("changes", "scenarios"):
        shutil.rmtree(years.part(part))
    for year in YEARS:
        shutil.rmtree(years.part("maps") / f"{year}-plsr")
    return years


def said(test):
    return words(test).replace("\\", "")


def at_part(front_door, project, name):
    """The page with that part open from the start, as after a job."""
    test = front_door(project=project.id)
    test.session_state["change.part"] = name
    test.switch_page("change.py").run()
    assert not test.exception, test.exception
    return test


def test_without_a_model_the_page_sends_people_to_training(front_door, workspace):
    Project.create(workspace, "Empty")
    assert "Train a model first" in front_door("change", project="empty").info[0].value


def test_without_imagery_of_several_dates_the_page_says_what_to_do(front_door, field_with_results):
    test = front_door("change", project=field_with_results.id)
    assert "no imagery of several dates" in said(test)
    for name, sentence in (("difference", "Nothing is compared yet"), ("lasting", "needs three dates or more"), ("scenario", "No scenario yet")):
        assert sentence in said(open_part(test, name))


def test_one_press_maps_every_year_and_opens_the_difference(front_door, unmapped):
    test = front_door("change", project=unmapped.id)
    assert "Nothing is mapped yet" in said(test)
    pills = next(group for group in test.button_group if group.label == "Dates")
    assert list(pills.value) == list(YEARS)
    pills.set_value(["2019", "2023"]).run()
    button(test, "Map 2 years and compare them").click().run()
    assert not test.exception
    when_over(test)
    assert len(unmapped.items("changes")) == 1
    assert test.session_state["change.part"] == "difference"
    assert field(test, "Comparison").options[0].startswith("2019 to 2023")
    asked = json.loads((unmapped.part("changes") / unmapped.items("changes")[0] / "change.run.json").read_text())["steps"][0]["settings"]
    assert (asked["correlation"], asked["false_changes"]) == ("maps", 0.1)
    test = open_part(test, "years")
    next(group for group in test.button_group if group.label == "Dates").set_value(list(YEARS)).run()
    assert button(test, "Map 3 years and compare all 5")


def test_years_that_are_mapped_can_be_played_and_are_not_mapped_again(front_door, years):
    test = front_door("change", project=years.id)
    given = drawn(test)
    assert "Play the dates" in given["script"] and "nonsaline" in given["script"]
    assert all(link.startswith("../../vendor/") for link in given["js_links"] + given["css_links"])
    assert list(test.dataframe[0].value["label"]) == list(YEARS)
    assert button(test, "Compare the 5 years").disabled and "compared already" in said(test)
    film = next(group for group in test.button_group if group.label == "Show")
    film.set_value("value").run()
    assert "nonsaline" not in drawn(test)["script"] and "dS/m" in drawn(test)["script"]


def test_a_comparison_tells_where_how_much_and_by_which_rule_and_can_be_deleted(front_door, years):
    test = at_part(front_door, years, "difference")
    facts = json.loads((years.part("changes") / "all" / "change.run.json").read_text())["result"]
    assert shown(test, "Mean difference").endswith("dS/m")
    assert shown(test, "Higher").endswith("%")
    assert facts["rule"].split(" is ")[0] in said(test) and "errors correlate" in said(test)
    assert "higher, beyond the interval" in drawn(test)["script"]
    assert len(charts(test)) == 1 and "2019 to 2020" in charts(test)[0]
    assert len(test.dataframe[0].value) == len(facts["steps"]) == 4
    names = labels(test, "download_button")
    assert any(name.startswith("change.tif") for name in names) and "steps.csv (table)" in names
    button(test, "Delete it").click().run()
    assert years.items("changes") == [] and "Nothing is compared yet" in said(test)
    assert (years.part("maps") / "2019-plsr" / "map.tif").is_file()


def test_two_other_dates_can_be_compared_and_a_trend_needs_more(front_door, years):
    with chdir(years.folder):
        run_task("change", ChangeTask(("maps/2019-plsr/map.tif", "maps/2021-plsr/map.tif"), "changes/pair", scheme="usda"))
    test = at_part(front_door, years, "difference")
    assert field(test, "Comparison").options == ["2019 to 2021 · plsr-1 · careful", "2019 to 2023, 5 dates · plsr-1 · few false alarms"]
    assert not charts(test)  # one step only
    field(test, "From").set_value("2021").run()
    assert button(test, "Compare").disabled
    field(test, "To").set_value("2019").run()
    rule = next(group for group in test.button_group if group.label == "A change is told from error")
    assert rule.options == list(change_rule.NAMES.values())
    rule.set_value("maps").run()
    button(test, "Compare").click().run()
    asked = test.session_state[session.KEY].job.spec()["settings"]
    assert (asked["correlation"], asked["false_changes"]) == ("maps", None)
    assert [path.split("/")[1] for path in asked["maps"]] == ["2021-plsr", "2019-plsr"] and asked["scheme"] == "usda"
    test = open_part(test, "lasting")
    assert field(test, "Comparison").options == ["2019 to 2023, 5 dates · plsr-1 · few false alarms"]


def test_what_lasts_is_told_with_labels_matrix_areas_and_how_sure(front_door, years):
    test = at_part(front_door, years, "lasting")
    lasting = json.loads((years.part("changes") / "all" / "change.run.json").read_text())["result"]["persistence"]
    assert {"Stable low", "Persistently high", "Polarisation index", "Rising"} <= {metric.label for metric in test.metric}
    assert "draws from the intervals" in said(test) and "chance" in said(test)
    assert len(charts(test)) == 3
    matrix = next(one.value for one in test.dataframe if "on one date" in one.value)
    for number, name in enumerate(lasting["classes"]):
        stays = lasting["transition_matrix"][number][number]
        assert stays is None or matrix[name][number] == pytest.approx(stays)
    areas = next(one.value for one in test.dataframe if "area_ha_high" in one.value)
    assert len(areas) == 5 * len(lasting["classes"])
    assert "labels.csv (table)" in labels(test, "download_button")
    assert button(test, "Label again").disabled
    field(test, "Low: up to").set_value(1).run()
    assert not button(test, "Label again").disabled


def test_maps_without_intervals_are_called_a_sketch(front_door, years):
    path = years.part("changes") / "all" / "change.run.json"
    run = json.loads(path.read_text())
    run["result"] |= {"rule": None, "level": None, "persistence": None, "areas_assumption": None}
    for row in (run["result"]["difference"], *run["result"]["steps"]):
        row |= dict.fromkeys(("share_changed", "share_higher", "share_lower", "area_ha_higher", "area_ha_lower"))
    write_json(path, run)
    test = at_part(front_door, years, "difference")
    assert "no prediction intervals" in test.warning[0].value
    assert [metric.label for metric in test.metric] == ["Mean difference"]
    assert "need five dates" in said(open_part(test, "lasting"))


def test_where_no_difference_stands_out_from_error_the_page_says_so(front_door, years):
    path = years.part("changes") / "all" / "change.run.json"
    run = json.loads(path.read_text())
    for row in (run["result"], run["result"]["difference"]):
        row["threshold"] = None
    write_json(path, run)
    test = at_part(front_door, years, "difference")
    assert "stands out from error" in test.info[0].value


def test_a_scenario_is_a_job_and_says_where_it_may_not_be_asked(front_door, years):
    test = at_part(front_door, years, "scenario")
    assert field(test, "Scenario to look at").options == ["N +0.01 · plsr-1"]
    assert {"Mean difference", "Beyond the interval", "Not predicted", "Left the area"} <= {metric.label for metric in test.metric}
    assert "is not predicted, because a changed predictor leaves the range" in said(test)
    assert "not what causes what" in said(test)
    changed = next(box for box in test.multiselect if box.label == "What changes")
    changed.set_value([]).run()
    assert button(test, "Compute the scenario").disabled and "Nothing is changed yet" in said(test)
    next(box for box in test.multiselect if box.label == "What changes").set_value(["S1"]).run()
    slider = next(one for one in test.slider if "S1" in one.label)
    slider.set_value(slider.min).run()
    button(test, "Compute the scenario").click().run()
    asked = test.session_state[session.KEY].job.spec()["settings"]
    assert asked["set"] == [f"S1={slider.min:+.10g}"]
    steps = json.loads((years.part("changes") / "all" / "change.run.json").read_text())["result"]["steps"]
    assert asked["correlation"] == round(max(0.0, min(step["correlation"] for step in steps)), 2)  # as the years tell


def test_sliders_end_where_the_middle_of_the_training_leaves_its_range():
    row = {"min": 2.0, "max": 12.0, "mean": 5.0, "quantiles": {"0.5": 4.0}}
    add, times, put = (scenario_sliders._reach(how, row) for how in "+*=")
    assert (add.low, add.high) == (-2.0, 8.0) and add.start == pytest.approx(1.0)
    assert times.low >= 0.5 and times.high <= 3.0 and put.low == 2.0 and put.high == 12.0
    for reach in (add, times):
        steps = (reach.start - reach.low) / reach.step
        assert steps == pytest.approx(round(steps), abs=1e-6)


def test_stopped_years_keep_the_maps_that_are_finished():
    assert jobs._keeps_what_came({"kind": "map-years", "settings": {}})
    assert not jobs._keeps_what_came({"kind": "scenario", "settings": {}})


def test_results_are_found_by_run_files_that_can_be_read(years, workspace, monkeypatch):
    (years.part("changes") / "other").mkdir()
    work = session.Work(workspace, years)
    monkeypatch.setattr(change_kept, "current_work", lambda: work)
    assert [one.id for one in change_kept.every(change_kept.CHANGES)] == ["all"]
    (years.part("changes") / "all" / "change.run.json").write_text("{")
    assert change_kept.every(change_kept.CHANGES) == []
