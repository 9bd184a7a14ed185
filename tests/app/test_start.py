"""The frame and the start page: projects, addresses, and what is said when something is missing."""

from pages.ui import guide, session, steps
from soilcore.project import demo
from soilcore.project.folder import Project
from tests.app.helpers import button


def texts(test):
    return " ".join(element.value for kind in (test.markdown, test.caption, test.subheader, test.title) for element in kind)


def test_the_first_visit_explains_itself(front_door):
    test = front_door()
    assert test.title[0].value == "From soil samples to a map"
    assert "No project open" in texts(test)
    assert button(test, "Open the demo").disabled is False


def test_a_new_project_is_open_at_once_and_in_the_address(front_door, workspace):
    test = front_door()
    test.text_input(key="start.title").set_value("North field")
    button(test, "Start a project").click().run()
    assert not test.exception
    assert test.query_params["project"] in ("north-field", ["north-field"])
    assert "**North field**" in texts(test)
    assert (workspace / "north-field" / "project.json").is_file()
    assert test.session_state[session.KEY].project.id == "north-field"


def test_a_project_without_a_name_is_not_made(front_door, workspace):
    test = front_door()
    button(test, "Start a project").click().run()
    assert "name" in test.warning[0].value
    assert list(workspace.iterdir()) == []


def test_a_name_with_markup_is_shown_as_it_stands(front_door):
    test = front_door()
    test.text_input(key="start.title").set_value("<b>*bold*</b>")
    button(test, "Start a project").click().run()
    assert "\\<b\\>\\*bold\\*\\</b\\>" in texts(test)


def test_a_bookmark_opens_its_project_in_a_new_session(front_door, workspace):
    Project.create(workspace, "South field")
    assert "**South field**" in texts(front_door(project="south-field"))


def test_a_bookmark_of_a_deleted_project_says_so(front_door):
    test = front_door(project="gone")
    assert "gone" in test.warning[0].value
    assert "No project open" in texts(test)


def test_a_bookmark_cannot_name_a_path(front_door, workspace):
    for identifier in ("../workspace", "/etc", "a/b", "..", ""):
        test = front_door(project=identifier)
        assert test.session_state[session.KEY].project is None


def test_recent_projects_open_with_one_click(front_door, workspace):
    Project.create(workspace, "Old")
    test = front_door()
    test.button(key="start.open.old").click().run()
    assert test.session_state[session.KEY].project.title == "Old"


def test_a_damaged_project_is_reported_when_it_is_opened(front_door, workspace):
    Project.create(workspace, "Old")
    (workspace / "old" / "project.json").write_text("{")
    test = front_door(project="old")
    assert "project.json" in test.warning[0].value
    assert any("damaged: old" in one.value for one in test.warning)


def test_a_step_whose_inputs_are_missing_is_not_linked(workspace):
    work = session.Work(workspace)
    assert not steps.is_done("start", work)
    work.project = Project.create(workspace, "Field")
    assert steps.is_done("start", work)
    assert not any(steps.is_done(name, work) for name in ("samples", "imagery", "indices", "model", "map"))
    (work.project.part("samples") / "s.csv").write_text("a\n1\n")
    work.choose_samples("s.csv")
    assert steps.is_done("samples", work)


def test_choices_survive_in_the_project_and_paths_stay_relative(workspace):
    work = session.Work(workspace, Project.create(workspace, "Field"))
    (work.project.part("samples") / "s.csv").write_text("a\n1\n")
    (work.project.part("scenes") / "s.tif").write_bytes(b"II*\0")
    from soilcore.data.samples import SampleSettings

    work.choose_samples("s.csv", SampleSettings(target="ec", unit="dS/m"))
    work.choose_scene(["s.tif"], {"sensor": "sentinel-2-l2a"})
    again = session.Work(workspace, work.project)
    assert again.sample_settings == SampleSettings(target="ec", unit="dS/m")
    inputs = again.inputs()
    assert (inputs.samples, inputs.scene.paths, inputs.scene.sensor) == ("samples/s.csv", ("scenes/s.tif",), "sentinel-2-l2a")
    assert again.inputs_here().samples == str(work.project.folder / "samples" / "s.csv")
    (work.project.part("scenes") / "s.tif").unlink()
    assert again.scene_settings is None


def test_every_page_of_the_demo_says_what_to_try_until_it_is_closed(front_door, workspace):
    assert set(guide.TRY) == {step.name for step in steps.available()} - {"start"}
    project = Project.create(workspace, demo.TITLE)
    test = front_door(project=project.id)
    assert "Guided tour" in texts(test)
    test.switch_page("samples.py").run()
    assert guide.TRY["samples"] in texts(test)
    test.button(key="guide.close.samples").click().run()
    assert "Try this" not in texts(test)
    assert project.state()[guide.CLOSED] == ["samples"]
    test.switch_page("start.py").run()
    test.button(key="guide.none").click().run()
    assert set(project.state()[guide.CLOSED]) == set(guide.TRY)
    test.button(key="guide.open").click().run()
    assert guide.CLOSED not in project.state()


def test_own_projects_get_no_hints(front_door, workspace):
    Project.create(workspace, "Field")
    test = front_door("samples", project="field")
    assert "Try this" not in texts(test)


def test_what_a_project_holds_and_the_way_on_are_told(front_door, workspace):
    project = Project.create(workspace, "Field")
    (project.part("samples") / "s.csv").write_text("a\n1\n")
    project.remember(sample_file="s.csv")
    Project.create(workspace, "Older")
    test = front_door(project="field")
    told = texts(test)
    assert "samples · no imagery yet" in told
    assert "no samples yet · no imagery yet" in told
    assert "today" in told
    assert "Go on: choose an image" in [link.proto.label for link in test.get("page_link")]
