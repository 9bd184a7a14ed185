"""The demo project holds something for every part of the imagery page, without the internet."""

import shutil

import pytest

from soilcore.project.demo import new_demo
from tests.app.field import field, open_section, shown

_LARGEST = 40e6  # bytes on disk; every visitor of a workshop gets a copy


@pytest.fixture
def demo(workspace, demo_template):
    """A demo project of one's own."""
    shutil.copytree(demo_template, workspace / ".demo-template")
    return new_demo(workspace)


def test_dates_climate_and_what_to_measure_to_are_there_at_a_click(front_door, demo):
    test = open_section(front_door("imagery", project=demo.id), "dates")
    tables = {next(iter(frame.value.columns)): frame.value for frame in test.dataframe}
    assert len(tables["date"]) == 12
    assert tables["campaign"]["samples"].sum() == 240
    assert not test.button(key="composite.start").disabled
    open_section(test, "climate")
    assert (shown(test, "Variables"), shown(test, "Months")) == ("14", "61")
    assert shown(test, "Samples with climate") == "240 of 240"
    open_section(test, "predictors")
    assert field(test, "Elevation model").value == "dem.tif"
    assert field(test, "Measure to").value == "water.gpkg"
    assert field(test, "Series").value == "dates-2025 (dated images)"
    for key in ("terrain.start", "distance.start", "seasons.start-job"):
        assert not test.button(key=key).disabled
    assert (demo.state()["scene_files"], demo.state()["model"]) == (["scene.tif"], "demo-stack")


def test_a_copy_of_the_demo_is_small(demo):
    assert sum(path.stat().st_size for path in demo.folder.rglob("*") if path.is_file()) < _LARGEST
