"""The map page on the demo: what it says, what it draws without a server, what it starts, and what it refuses."""

import json
import re
import shutil

import pytest

from pages.ui import explore, map_layers, mapping, maps, session
from soilcore.project import jobs
from soilcore.project.demo import new_demo
from soilcore.project.folder import Project
from tests.app.field import drawn
from tests.app.helpers import button, until_over, when_over


@pytest.fixture
def demo(workspace, demo_template):
    """A demo project of one's own."""
    shutil.copytree(demo_template, workspace / ".demo-template")
    return new_demo(workspace)


def texts(test):
    return " ".join(element.value for kind in (test.markdown, test.caption, test.subheader, test.info) for element in kind)


def test_without_a_project_the_page_says_what_to_do(front_door):
    test = front_door("map")
    assert "demo or a project first" in test.info[0].value
    assert not test.get("component_instance")


def test_without_a_model_the_page_sends_people_to_training(front_door, workspace):
    Project.create(workspace, "Field")
    test = front_door("map", project="field")
    assert "Train a model first" in test.info[0].value


def test_the_demos_map_shows_layers_areas_and_files(front_door, demo):
    test = front_door("map", project=demo.id)
    given = drawn(test)
    assert "ImageOverlay" in given["script"] or "imageOverlay" in given["script"]
    assert "dS/m" in given["script"]
    assert "Area of each class" in texts(test)
    table = test.dataframe[-1].value
    assert table["share"].sum() == pytest.approx(1)
    names = [one.proto.label for one in test.get("download_button")]
    assert any(name.startswith("map.tif") for name in names)
    assert any(name.startswith("map.qml") for name in names)


def test_every_script_and_style_of_the_map_comes_from_the_app(front_door, demo):
    given = drawn(front_door("map", project=demo.id))
    links = given["js_links"] + given["css_links"]
    assert links
    assert all(link.startswith("../../vendor/") for link in links), links
    away = re.findall(r"\w+://[^\"'\s]*", given["script"])
    assert away == [explore.ONLINE["tiles"]]  # laid only where somebody chooses it, as the browser tests see


def test_a_map_is_made_by_a_job_and_becomes_the_one_that_is_shown(front_door, demo):
    test = front_door("map", project=demo.id)
    button(test, "Make the map").click().run()
    assert not test.exception
    work = test.session_state[session.KEY]
    assert work.job is not None
    when_over(test)
    assert len(work.maps) == 2
    assert work.map == work.job.spec()["settings"]["out"].split("/")[1]
    assert "is finished" in texts(test)


def test_a_second_button_press_while_a_job_runs_is_not_possible(front_door, demo):
    test = front_door("map", project=demo.id)
    jobs.start_job(demo.part("jobs"), "demo", {"out": "other", "size": 1024}, "Landscape")
    work = test.session_state[session.KEY]
    work.job = jobs.jobs_in(demo.part("jobs"))[0]
    test.run()
    assert button(test, "Make the map").disabled
    jobs.stop_job(work.job)
    assert until_over(work.job).state == "stopped"


def test_a_deleted_scene_is_named_as_missing(front_door, demo):
    (demo.part("scenes") / "scene.tif").unlink()
    test = front_door("map", project=demo.id)
    assert "needs an image" in texts(test)
    assert button(test, "Make the map").disabled


def test_a_damaged_raster_is_reported_not_a_crash(front_door, demo):
    (demo.part("maps") / "demo-map" / "map.tif").write_bytes(b"II*\0 broken")
    test = front_door("map", project=demo.id)
    assert test.error
    assert not test.exception


def test_without_the_browser_packages_the_one_command_is_named(front_door, demo, monkeypatch):
    monkeypatch.setattr(maps.assets, "are_present", lambda: False)
    test = front_door("map", project=demo.id)
    assert any("python3 -m soilcore setup" in warning.value for warning in test.warning)
    assert "Area of each class" in texts(test)


def test_a_script_from_elsewhere_is_refused():
    from folium import Map
    from folium.plugins import Fullscreen

    strange = Map(tiles=None)
    Fullscreen().add_to(strange)
    with pytest.raises(ValueError, match="Fullscreen"):
        maps.use_vendored(strange, "../..")


def test_a_weak_model_is_called_weak_beside_its_map(front_door, demo):
    path = demo.part("models") / "demo-stack" / "model.json"
    model = json.loads(path.read_text())
    for r2, warned in ((0.03, True), (0.45, False)):
        model["scores"]["r2"] = r2
        path.write_text(json.dumps(model))
        test = front_door("map", project=demo.id)
        assert any("almost nothing" in warning.value for warning in test.warning) is warned
        assert f"{r2:.2g}" in texts(test)


def test_resetting_the_demo_brings_its_model_and_map_back(front_door, demo):
    shutil.rmtree(demo.part("models"))
    shutil.rmtree(demo.part("maps"))
    test = front_door(project=demo.id)
    button(test, "Reset the demo").click().run()
    assert not test.exception
    work = test.session_state[session.KEY]
    assert (work.model, work.map) == ("demo-stack", "demo-map")


def test_a_map_whose_run_file_is_gone_is_still_shown(demo):
    folder = demo.part("maps") / "demo-map"
    (folder / "map.run.json").unlink()
    made = mapping.read(folder)
    assert made.value_file.is_file()
    assert "class" in [one.key for one in map_layers.of(made)]
    assert made.facts == {}


@pytest.mark.parametrize("bounds", [((31.9, 50.9), (32.1, 51.1)), ((-60.0, -170.0), (75.0, 170.0)), ((-0.001, -0.001), (0.001, 0.001))])
def test_the_still_picture_covers_the_layer_with_a_few_tiles(bounds):
    zoom, columns, rows = maps._tiles_over(bounds)
    assert max(len(columns), len(rows)) <= 4
    assert maps._longitude(columns.start, zoom) <= bounds[0][1]
    assert maps._longitude(columns.stop, zoom) >= bounds[1][1]
    assert maps._latitude(rows.stop, zoom) <= bounds[0][0]
    assert maps._latitude(rows.start, zoom) >= bounds[1][0]
