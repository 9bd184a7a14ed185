"""Searching a catalogue on the imagery page, against a real STAC API on loopback: hits, days to take, download, what cannot be reached."""

import datetime

import pytest

from pages.ui import session
from tests.app.field import drawn, make_field, open_section, words
from tests.app.helpers import until_over, when_over
from tests.stac_server import CogServer, World, stac_api

NEW = {"s2:processing_baseline": "05.10"}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Three days in a catalogue, one of them cloudy."""
    folder = tmp_path_factory.mktemp("catalogue")
    with CogServer(folder / "cogs") as cogs:
        world = World(folder / "cogs", cogs.base, size=60)
        world.add("S2A_may", "2024-05-01", shift=1000, **NEW)
        world.add("S2A_june", "2024-06-01", **NEW, **{"earthsearch:boa_offset_applied": True})
        world.add("S2A_july", "2024-07-04", shift=1000, cloud=80.0, **NEW)
        with stac_api(world.items, folder) as api:
            yield world, api


def table_within(world, count=8):
    """A table of samples within the scenes."""
    west, south, east, north = world.items[0]["bbox"]
    rows = [f"{west + (east - west) * (i + 1) / (count + 1)},{south + (north - south) * (i + 1) / (count + 1)},{i + 1}" for i in range(count)]
    return "lon,lat,ece_dS_m\n" + "\n".join(rows) + "\n"


def searching(test, api, cloud=40, dates=(datetime.date(2024, 4, 1), datetime.date(2024, 8, 1))):
    open_section(test, "search")
    test.selectbox(key="search.catalogue").select("another address").run()
    test.text_input(key="search.address").set_value(api).run()
    test.date_input(key="search.dates").set_value(dates).run()
    test.slider(key="search.cloud").set_value(cloud).run()
    test.number_input(key="search.margin").set_value(0.0).run()
    return search(test)


def search(test):
    """Press the button, wait for the job, and look again."""
    test.button(key="search.start").click().run()
    until_over(test.session_state[session.KEY].job)
    test.run()
    assert not test.exception, test.exception
    return test


def hits(test):
    """Days in the table of hits."""
    return next(list(frame.value["date"]) for frame in test.dataframe if "coverage" in frame.value)


def test_hits_are_chosen_downloaded_by_a_job_and_become_the_dated_scenes(front_door, workspace, demo, catalogue):
    world, api = catalogue
    test = front_door("imagery", project=make_field(workspace, demo, scene=False, table=table_within(world)).id)
    searching(test, api)
    said = words(test).replace("\\", "")
    assert "2 days with images" in said
    assert hits(test) == ["2024-05-01", "2024-06-01"]
    script = drawn(test)["script"]
    assert "Footprints of the hits" in script
    assert "2024-06-01, 10 % clouds" in script
    assert not test.get("image")  # pictures of the catalogue only after a click
    assert hits(open_section(front_door("imagery", project=test.session_state[session.KEY].project.id), "search")) == hits(test)  # after a reload
    test.button(key="search.download").click().run()
    work = when_over(test).session_state[session.KEY]
    assert work.scene_files == (work.job.spec()["settings"]["out"].split("/")[1],)
    table = next(frame.value for frame in test.dataframe if "file" in frame.value)
    assert list(table["date"]) == ["2024-05-01", "2024-06-01"]
    open_section(test, "image")
    assert "2024-06-01" in " ".join(metric.value for metric in test.metric)


def test_what_cannot_be_reached_or_found_is_said_in_one_sentence(front_door, workspace, demo, catalogue):
    world, api = catalogue
    test = front_door("imagery", project=make_field(workspace, demo, scene=False, table=table_within(world)).id)
    searching(test, api, dates=(datetime.date(2019, 1, 1), datetime.date(2019, 2, 1)))
    assert "has no scene" in words(test)
    test.button(key="job.close").click().run()
    assert "has no scene" in test.error[0].value
    test.text_input(key="search.address").set_value("file:///etc").run()
    search(test)
    assert "is no catalogue" in words(test)
    assert test.get("component_instance")


def test_an_area_is_needed_before_there_is_anything_to_search(front_door, workspace, demo):
    test = open_section(front_door("imagery", project=make_field(workspace, demo, scene=False, samples=None).id), "search")
    assert test.button(key="search.start").disabled
    group = next(group for group in test.button_group if "as numbers" in group.options)
    group.set_value("numbers").run()
    test.text_input(key="search.numbers").set_value("8.1, 44.2, 8.4").run()
    assert "Four numbers" in words(test)
    test.text_input(key="search.numbers").set_value("8.1, 44.2, 8.4, 44.5").run()
    assert not test.button(key="search.start").disabled
    assert "Area searched" in drawn(test)["script"]


def test_a_stopped_download_can_be_taken_up_again(front_door, workspace, demo, catalogue):
    from soilcore.core.files import write_json
    from soilcore.core.settings import to_plain
    from soilcore.project.imagery_settings import FetchTask

    world, api = catalogue
    project = make_field(workspace, demo, scene=False, table=table_within(world))
    folder = project.part("jobs") / "20240101-000000-fetch-1"
    folder.mkdir()
    task = FetchTask(api, "scenes/downloaded-1", tuple(world.items[0]["bbox"]), dates=("2024-05-01", "2024-05-02"))
    write_json(folder / "spec.json", {"kind": "fetch", "settings": to_plain(task), "label": "Downloading 1 day", "created": 1.0})
    write_json(folder / "error.json", {"state": "stopped", "message": "Stopped."})
    test = open_section(front_door("imagery", project=project.id), "search")
    assert "was not finished" in words(test)
    test.button(key="search.resume").click().run()
    work = test.session_state[session.KEY]
    assert until_over(work.job).state == "finished"
    assert (project.part("scenes") / "downloaded-1" / "2024-05-01.tif").is_file()
