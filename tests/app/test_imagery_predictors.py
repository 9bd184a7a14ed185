"""Rasters beside the image: cards with pictures, what can be said of them, and rasters made from others by jobs; climate."""

import shutil

import pytest

from pages.ui import session
from tests.app.field import field, make_field, open_section, shown, words
from tests.app.helpers import button, when_over


def said(test):
    return words(test).replace("\\", "")


def pictures(test):
    return len(test.get("image"))


@pytest.fixture
def project(workspace, demo):
    """A field with an elevation model."""
    project = make_field(workspace, demo)
    shutil.copy(demo / "dem.tif", project.part("covariates") / "dem.tif")
    return project


def test_without_rasters_the_part_says_what_they_are_for(front_door, workspace, demo):
    test = open_section(front_door("imagery", project=make_field(workspace, demo).id), "predictors")
    assert "No rasters beside the image yet" in said(test)
    assert "Upload an elevation model above first" in said(test)


def test_a_card_shows_picture_unit_range_and_how_it_was_made(front_door, project):
    test = open_section(front_door("imagery", project=project.id), "predictors")
    assert "dem" in said(test)
    assert "(m)" in said(test)
    assert "uploaded · static · 20 × 20 m" in said(test)
    assert "100 % of the pixels valid" in said(test)
    assert pictures(test) == 1


def test_codes_and_units_are_kept_and_reach_the_model(front_door, project):
    test = open_section(front_door("imagery", project=project.id), "predictors")
    test.text_input(key="covariate.unit.dem-tif.").set_value("dm").run()
    assert "(dm)" in said(test)
    work = test.session_state[session.KEY]
    assert work.state()["units"] == {"dem.tif": "dm"}
    test.toggle(key="covariate.coded.dem-tif.False").set_value(True).run()
    assert not test.exception
    assert work.covariate_path("dem.tif") == "covariates/dem.tif:categorical"
    test.button(key="covariate.remove.dem-tif").click().run()
    assert not test.exception
    assert project.items("covariates") == []
    assert not work.state().get("categorical")
    assert "units" not in work.state()


def test_rasters_of_years_become_one_predictor_by_year(front_door, project, demo):
    test = open_section(front_door("imagery", project=project.id), "predictors")
    files = [(f"wet_{year}.tif", (demo / "dem.tif").read_bytes(), "image/tiff") for year in (2019, 2020, 2021)]
    test.text_input(key="imagery.dated.name").set_value("wet")
    test.file_uploader(key="imagery.dated.files").set_value(files)
    button(test, "Keep as one predictor").click().run()
    assert not test.exception
    assert "wet: 3 rasters, by year, from 2019 to 2021" in said(test)
    assert "by year, 3 from 2019 to 2021" in said(test)
    test.text_input(key="imagery.dated.name").set_value("odd")
    test.file_uploader(key="imagery.dated.files").set_value([("undated.tif", (demo / "dem.tif").read_bytes(), "image/tiff")])
    button(test, "Keep as one predictor").click().run()
    assert "state no date" in test.error[0].value
    assert not (project.part("covariates") / "odd").exists()


def test_a_damaged_raster_is_said_on_its_card_and_can_be_removed(front_door, project):
    (project.part("covariates") / "bad.tif").write_bytes(b"II*\0" + bytes(40))
    test = open_section(front_door("imagery", project=project.id), "predictors")
    assert len(test.error) == 1
    assert "dem" in said(test)
    test.button(key="covariate.remove.bad-tif").click().run()
    assert not test.error
    assert project.items("covariates") == ["dem.tif"]


def test_terrain_and_distance_are_made_by_jobs_and_get_cards(front_door, project, demo):
    shutil.copy(demo / "fields.gpkg", project.part("vectors") / "fields.gpkg")
    test = open_section(front_door("imagery", project=project.id), "predictors")
    test.multiselect(key="terrain.attributes").set_value(["slope_deg", "tpi"]).run()
    test.button(key="terrain.start").click().run()
    when_over(test)
    assert "terrain of dem.tif" in said(test)
    assert "slope_deg" in said(test)
    test.button(key="distance.start").click().run()
    when_over(test)
    assert "distance to fields.gpkg" in said(test)
    work = test.session_state[session.KEY]
    assert set(work.covariates) == {"dem.tif", "terrain.tif", "distance_fields.tif"}
    assert test.button_group(key="imagery.section").value == "predictors"
    test.switch_page("model.py").run()
    assert not test.exception
    assert "rasters" in next(group.options for group in test.button_group if "rasters" in group.options)


def test_every_band_of_a_raster_is_a_predictor_with_its_picture(front_door, project, demo):
    shutil.copy(demo / "scene.tif", project.part("covariates") / "bands.tif")
    test = front_door("imagery", project=project.id)
    test = open_section(test, "predictors")
    assert "B11" in said(test)
    assert pictures(test) == 11


def test_climate_tables_are_recognised_and_joined_to_the_samples(front_door, workspace, demo):
    project = make_field(workspace, demo)
    test = open_section(front_door("imagery", project=project.id), "climate")
    assert "No climate yet" in said(test)
    files = [(f"{name}.csv", (demo / "climate" / f"{name}.csv").read_bytes(), "text/csv") for name in ("pr", "tmmx", "pet")]
    test.file_uploader(key="climate.files").set_value(files)
    button(test, "Keep these files").click().run()
    assert not test.exception
    assert shown(test, "Variables") == "3"
    assert shown(test, "Months missing between") == "0"
    assert shown(test, "Samples with climate") == "60 of 60"
    table = next(frame.value for frame in test.dataframe if "variable" in frame.value)
    assert dict(zip(table["variable"], table["unit"], strict=True))["pr"] == "mm"
    work = test.session_state[session.KEY]
    assert work.climate_source.startswith("climate/climate-")
    test.switch_page("model.py").run()
    assert not test.exception
    assert any("climate" in group.options for group in test.button_group)


def test_a_table_that_is_no_climate_is_refused_and_not_kept(front_door, workspace, demo):
    project = make_field(workspace, demo)
    test = open_section(front_door("imagery", project=project.id), "climate")
    test.file_uploader(key="climate.files").set_value([("a.csv", b"name,colour\nx,red\n", "text/csv")])
    button(test, "Keep these files").click().run()
    assert not test.exception
    assert len(test.error) == 1
    assert project.items("climate") == []


def test_seasons_of_an_uploaded_table_are_shown(front_door, workspace, demo, shared_data):
    project = make_field(workspace, demo, scene=False)
    lines = (shared_data / "phenology" / "phenofit_MOD13A1.csv").read_text(encoding="utf-8").splitlines()
    one_place = [line for line in lines[1:] if "_AT-Neu" in line][:70]  # three years
    (project.part("series") / "mod13a1.csv").write_text("\n".join([lines[0], *one_place]), encoding="utf-8")
    test = open_section(front_door("imagery", project=project.id), "predictors")
    assert field(test, "Series").value == "mod13a1.csv (uploaded)"
    test.button(key="seasons.start-job").click().run()
    when_over(test)
    assert any("sos" in frame.value.columns for frame in test.dataframe)
