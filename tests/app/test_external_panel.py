"""A kept model on another table: what is missing, how the table is asked for, the job, and a result that was really computed."""

import csv
import io
import os
from dataclasses import replace

import pytest

from pages.ui import session
from soilcore.core.settings import from_plain
from soilcore.models.archive import load_model
from soilcore.project import jobs
from soilcore.project.settings import ExternalTask, TrainTask
from tests.app.field import charts, field, finished_job, labels, shown, words
from tests.app.helpers import button, when_over

SECOND = "second.csv"


def table(demo, target="ece_dS_m", more=0.5, rows=slice(0, 24)):
    """Some places of the demo, measured once more."""
    lines = list(csv.DictReader(io.StringIO((demo / "samples.csv").read_text())))[rows]
    for line in lines:
        line[target] = f"{float(line.pop('ece_dS_m')) + more:.3f}"
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


@pytest.fixture
def add(field_with_results, demo):
    """Put a second table beside the one the model was trained on."""

    def put(**how):
        (field_with_results.part("samples") / SECOND).write_text(table(demo, **how))
        return field_with_results

    return put


def score(project):
    """Score the model on the second table here and now."""
    trained = load_model(project.part("models") / "plsr-1").provenance["settings"]
    inputs = from_plain(TrainTask, trained).inputs
    return finished_job(project, "external", ExternalTask("models/plsr-1", replace(inputs, samples=f"samples/{SECOND}")))


def trained_tab(front_door, project):
    test = front_door("model", project=project.id)
    next(one for one in test.button_group if one.key.startswith("model.task")).set_value("Train and keep one").run()
    assert not test.exception, test.exception
    return test


def test_with_one_table_the_panel_says_where_to_bring_another(front_door, field_with_results):
    test = trained_tab(front_door, field_with_results)
    assert "Upload a second one on the Samples page" in words(test)
    assert "Score it there" not in [one.label for one in test.button]


def test_the_button_scores_the_other_table_with_the_images_of_the_training(front_door, add):
    test = trained_tab(front_door, add())
    assert field(test, "Table to score it on").options == [SECOND]
    button(test, "Score it there").click().run()
    assert not test.exception
    job = test.session_state[session.KEY].job
    spec = job.spec()
    jobs.stop_job(job)
    assert spec["kind"] == "external"
    assert spec["settings"]["model_dir"] == "models/plsr-1"
    inputs = spec["settings"]["inputs"]
    assert (inputs["samples"], inputs["table"]["target"]) == (f"samples/{SECOND}", "ece_dS_m")
    assert inputs["scene"]["paths"] == ["scenes/scene.tif"]
    assert "The model predicts ece_dS_m as ECe (extract: paste) in dS/m." in words(test).replace("\\", "")


def test_another_quantity_is_refused_in_the_words_of_the_page(front_door, add):
    project = add(target="lab_value")
    test = trained_tab(front_door, project)
    field(test, "Column that was measured").set_value("lab_value").run()
    button(test, "Score it there").click().run()
    when_over(test, "failed")
    assert "this table holds 'as-measured'" in words(test)
    assert "“Convert to”" in words(test)


def test_a_column_of_another_name_can_be_chosen_with_its_unit(front_door, add):
    test = trained_tab(front_door, add(target="lab_value"))
    field(test, "Column that was measured").set_value("lab_value").run()
    assert field(test, "Its unit").options[0] == "not known"  # nothing is taken over from another column
    field(test, "Its unit").set_value("dS/m").run()
    assert not test.exception
    assert not test.error
    button(test, "Score it there").click().run()
    job = test.session_state[session.KEY].job
    asked = job.spec()["settings"]["inputs"]["table"]
    jobs.stop_job(job)
    assert (asked["target"], asked["unit"]) == ("lab_value", "dS/m")


def test_the_cards_give_the_scores_there_beside_those_of_validation(front_door, add):
    project = add()
    facts = score(project)
    test = front_door("model", project=project.id)  # opens at the result that was computed last
    assert float(shown(test, "R² on this file")) == pytest.approx(facts["r2"], abs=0.006)
    assert shown(test, "Typical error (RMSE)").endswith("dS/m")
    assert shown(test, "Coverage on this file") == f"{100 * facts['coverage_90']:.0f} %"
    assert shown(test, "Inside the area") == f"{100 * facts['aoa_share']:.0f} %"
    assert "in validation" in next(metric.delta for metric in test.metric if metric.label == "R² on this file")
    assert f"{facts['n']} samples" in words(test)


def test_each_sample_is_drawn_with_its_interval_and_can_be_taken_along(front_door, add):
    project = add()
    each = score(project)["predictions"]
    missed = sum(not low <= value <= high for low, value, high in zip(each["lower"], each["observed"], each["upper"], strict=True))
    test = front_door("model", project=project.id)
    chart = next(one for one in charts(test) if "predicted (dS/m)" in one)
    assert f"outside its interval: {missed}" in chart
    behind = next(frame.value for frame in test.dataframe if list(frame.value.columns) == list(each))
    assert behind["row"].tolist() == each["row"]
    assert labels(test, "download_button").count("CSV") >= 2


def test_the_same_places_measured_again_are_no_new_places(front_door, add):
    project = add()
    facts = score(project)
    assert f"{facts['n']} of the {facts['n']} samples have all predictors of a training sample" in facts["warnings"][0]
    assert "they tell of places it knows" in words(front_door("model", project=project.id))


def test_warnings_are_said_in_words(front_door, add):
    project = add(more=0.0)
    facts = score(project)
    test = front_door("model", project=project.id)
    assert "were in the training table" in facts["warnings"][0]
    said = " ".join(warning.value for warning in test.warning)
    assert "the model has seen them, so these scores flatter it." in said


def test_a_table_that_changed_since_says_so(front_door, add):
    project = add()
    score(project)
    later = (project.part("samples") / SECOND).stat().st_mtime + 3600
    os.utime(project.part("samples") / SECOND, (later, later))
    assert "changed after this was computed" in words(front_door("model", project=project.id))


def test_without_the_image_of_the_training_nothing_can_be_started(front_door, add):
    project = add()
    (project.part("scenes") / "scene.tif").rename(project.part("scenes") / "other.tif")
    project.remember(scene_files=["other.tif"])
    test = trained_tab(front_door, project)
    assert "scene.tif of the training is no longer there" in words(test).replace("\\", "")
    assert button(test, "Score it there").disabled
