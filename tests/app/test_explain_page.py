"""The page of explanations: before there is one, what it starts, and what it shows of real ones, of tables and of networks."""

import json
import shutil

import pytest

from pages.ui import session
from soilcore.core.errors import SettingsError
from soilcore.core.files import write_json
from soilcore.core.settings import to_plain
from soilcore.models.archive import load_model
from soilcore.project import jobs
from soilcore.project.explain_settings import ExplainTask
from soilcore.project.folder import Project
from tests.app.field import charts, drawn, finished_job, labels, open_section, shown, words
from tests.app.helpers import button, copy_of

MODEL = "models/plsr-1"


@pytest.fixture(scope="module")
def explained(finished_field, tmp_path_factory):
    """The finished project with its model really explained, over samples and as maps. Copy it, never change it."""
    workspace = tmp_path_factory.mktemp("explained")
    project = copy_of(finished_field.folder, workspace)
    finished_job(project, "explain", ExplainTask(MODEL, "explanations/one", permutations=2))
    finished_job(project, "explain", ExplainTask(MODEL, "explanations/two", maps=True, summary=False, groups=True, step=2))
    return project


@pytest.fixture
def field(workspace, explained):
    """A copy of it of one's own."""
    return copy_of(explained.folder, workspace)


@pytest.fixture
def started(monkeypatch):
    """Tasks that buttons ask for, as (kind, settings); none is begun."""
    asked = []

    def refuse(folder, kind, settings, label=""):
        asked.append((kind, settings))
        raise SettingsError("Not now.")

    monkeypatch.setattr("soilcore.project.jobs.start_job", refuse)
    return asked


def test_without_a_model_the_page_sends_people_to_training(front_door, workspace):
    Project.create(workspace, "Field")
    assert "Train a model first" in front_door("explain", project="field").info[0].value


def test_before_the_first_explanation_the_page_says_what_there_will_be_and_starts_it(front_door, field_with_results, started):
    test = front_door("explain", project=field_with_results.id)
    assert "was not explained yet" in words(test)
    assert "explain the model first" in words(test)
    assert not charts(test)
    test.toggle(key="explain.importance.plsr-1").set_value(False).run()
    button(test, "Explain the model").click().run()
    ((kind, task),) = started
    assert (kind, task.model_dir, task.permutations, task.summary, task.maps) == ("explain", MODEL, 0, True, False)
    assert task.out.startswith("explanations/")


def test_drivers_are_shown_beside_what_the_model_needs_with_what_attribution_is_not(front_door, field):
    facts = _facts(field, "one")
    test = front_door("explain", project=field.id)
    sizes, needs = charts(test)
    assert "mean size of attributions" in sizes and facts["scale"] in sizes
    assert "R² lost at unseen samples" in needs
    said = words(test)
    assert "no cause can be read" in said
    assert "moves the predictions most" in said
    assert shown(test, "Samples explained") == str(facts["n"])
    assert shown(test, "Exact").startswith("to ")
    assert "attributions.csv (table" in " ".join(labels(test, "download_button"))


def test_samples_and_single_drivers_have_charts_with_tables_behind_them(front_door, field):
    facts = _facts(field, "one")
    test = front_door("explain", project=field.id)
    open_section(test, "samples", "explain.part")
    (swarm,) = charts(test)
    assert "moved the prediction by" in swarm and "lowest" in swarm
    table = test.dataframe[0].value
    assert len(table) == len(facts["beeswarm"]["features"]) * len(facts["beeswarm"]["samples"])
    open_section(test, "dependence", "explain.part")
    first = facts["dependence"][0]
    (points,) = charts(test)
    assert first["feature"] in points
    second = facts["dependence"][1]["feature"]
    test.selectbox(key="explain.driver.one").set_value(second).run()
    assert not test.exception
    assert second in test.dataframe[0].value.columns


def test_maps_of_drivers_are_drawn_with_the_dominant_one_and_can_be_made_anew(front_door, field, started):
    test = front_door("explain", project=field.id)
    open_section(test, "maps", "explain.part")
    facts = _facts(field, "two")["maps"]
    assert "Dominant driver" in drawn(test)["script"]
    said = words(test)
    assert f"{facts['classes'][0]['driver']}" in said and "moves the prediction most on" in said
    assert "A preview" in said
    assert test.dataframe[0].value["share"].sum() == pytest.approx(1)
    files = " ".join(labels(test, "download_button"))
    assert "dominant.tif" in files and "dominant.qml" in files
    test.selectbox(key="explain.maps.step.plsr-1.False").set_value(10).run()
    button(test, "Map the drivers").click().run()
    ((kind, task),) = started
    assert (kind, task.maps, task.summary, task.groups, task.step) == ("explain", True, False, True, 10)
    assert task.inputs.scene.paths == ("scenes/scene.tif",)  # what the map of this model was made of


def test_a_finished_job_opens_its_section_and_a_damaged_explanation_is_passed_over(front_door, field):
    for job, part in (("done-explain", "maps"), ("done-explain", "drivers")):
        newest = [one for one in jobs.jobs_in(field.part("jobs")) if one.spec()["kind"] == "explain"][0 if part == "maps" else 1]
        assert newest.id.startswith(job)
        test = front_door("explain", project=field.id, job=newest.id)
        assert test.session_state["explain.part"] == part
        assert test.session_state[session.KEY].model == "plsr-1"
    (field.folder / "explanations" / "one" / "explain.run.json").write_text("{")
    test = front_door("explain", project=field.id)
    assert "was not explained yet" in words(test)


def test_an_explanation_of_sampled_parts_says_how_far_off_they_may_be(front_door, field):
    facts = _facts(field, "one")
    facts |= {"sampling_error": 0.0123, "exact": False, "how": {"mlp": {"weight": 0.4, "how": "sampled"}, "rf": {"weight": 0.6, "how": "exact"}}}
    facts |= {"importance": None, "importance_note": "Permutation importance was not asked for."}
    _keep(field, "one", ExplainTask(MODEL, "explanations/one", permutations=0), facts)
    test = front_door("explain", project=field.id)
    assert shown(test, "Standard error") == "0.012"
    assert "Permutation importance was not asked for" in words(test)
    assert len(charts(test)) == 1
    open_section(test, "maps", "explain.part")
    assert "mlp must be sampled at every pixel" in words(test)


def test_a_network_is_explained_by_gradients_and_by_where_it_looked(front_door, field, started, monkeypatch):
    """The learner stays on file: what it says of itself is what `describe` stored."""
    model = load_model(field.folder / MODEL)
    described = {
        "network": "sssoilnet",
        "attention": {"rows": ["elevation"], "columns": ["S1", "bare"], "values": [[0.7, 0.3]]},
        "covariate_weights": {"elevation": 0.6},
        "vegetated": 0.4,
    }

    class Described:
        kind = "network"

        def describe(self):
            return described

    monkeypatch.setattr("pages.ui.cached.model", lambda identifier: type("Model", (), {"learner": Described(), "target": model.target})())
    rows = [
        {"input": "indices", "name": name, "feature": name, "mean_abs": 0.1, "share": share, "shown": share > 0.2, "reason": "", "noise": 0.1}
        for name, share in (("SI", 0.5), ("NDVI", 0.3), ("S_1", 0.1))
    ]
    facts = {**{key: value for key, value in _facts(field, "one").items() if key not in ("group_rows", "dependence", "beeswarm")}}
    facts |= {"kind": "network", "rows": rows, "draws": 24, "gap_share": 0.04, "notes": [], "sentences": ["Attributions say what moved them."]}
    facts |= {"importance": None, "importance_note": "It is not computed.", "text": "Attributions say what moved them."}
    facts["climate"] = {"rows": ["1", "0"], "columns": ["pr"], "values": [[0.1], [0.2]]}
    _keep(field, "one", ExplainTask(MODEL, "explanations/one"), facts)
    test = front_door("explain", project=field.id)
    bars, months = charts(test)
    assert "index: SI" in bars and "index: S_1" not in bars
    assert "months before" in months
    assert "Attributions say what moved them" in words(test)
    open_section(test, "attention", "explain.part.network")
    assert "elevation" in charts(test)[0] and "no causal importance" in words(test)
    test.toggle(key="explain.window.plsr-1").set_value(True).run()
    button(test, "Explain again").click().run()
    ((kind, task),) = started
    assert (kind, task.window, task.permutations) == ("explain", True, None)


def _facts(project, name):
    return json.loads((project.folder / "explanations" / name / "explain.run.json").read_text())["result"]


def _keep(project, name, task, facts):
    """Leave what another model would have given; older explanations go."""
    for other in project.items("explanations"):
        if other != name:
            shutil.rmtree(project.folder / "explanations" / other)
    write_json(
        project.folder / "explanations" / name / "explain.run.json", {"steps": [{"task": "explain", "settings": to_plain(task)}], "result": facts}
    )
