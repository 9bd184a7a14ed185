"""The page of fields: what it says of fields, crops, water, carbon and next samples, what it starts, and what it refuses."""

import json
import shutil

import pytest

from pages.ui import advice_water, fields_kept, fields_shapes, session
from pages.ui.plain_words import _clean
from soilcore.project.folder import Project
from tests.app.farm import FIELDS, compute, make_farm
from tests.app.field import drawn, field, labels, words
from tests.app.helpers import button, copy_of, when_over


@pytest.fixture(scope="module")
def computed_farm(tmp_path_factory):
    """A farm for which everything was computed once. Copy it, never change it."""
    return compute(make_farm(tmp_path_factory.mktemp("farm")))


@pytest.fixture
def farm(workspace, computed_farm):
    """A farm of one's own with its results."""
    return copy_of(computed_farm.folder, workspace)


@pytest.fixture
def new_farm(farm):
    """A farm of one's own for which nothing was computed."""
    shutil.rmtree(farm.part("fields"))
    return farm


def show(front_door, project, part=None, shown=None):
    """The page, in one of its parts and for one of the maps."""
    if shown:
        project.remember(map=shown)
    test = front_door("fields", project=project.id)
    if part:
        test.button_group(key="fields.part").set_value(part).run()
        assert not test.exception, test.exception
    return test


def test_without_a_map_the_page_sends_people_to_make_one(front_door, workspace):
    Project.create(workspace, "Empty")
    test = front_door("fields", project="empty")
    assert "Make a map first" in test.info[0].value
    assert not test.selectbox


def test_fields_are_computed_by_a_job_and_shown(front_door, new_farm):
    test = show(front_door, new_farm)
    said = words(test)
    assert "Shows ECe in dS/m, for 2025-03-17, with 90 % intervals" in said
    assert "4 fields, 1 of them off the map" in said
    assert test.multiselect[0].value == ["salt-2019", "salt-2021"]
    button(test, "Compute the fields").click().run()
    work = test.session_state[session.KEY]
    assert work.job is not None
    when_over(test)
    assert "is finished" in words(test) and "Field east has a mean of" in words(test)
    settings = work.job.spec()["settings"]
    assert settings["dates"] == ["2019-03-17", "2021-03-17"] and settings["id_column"] is None
    assert work.state()["shown_fields"] == settings["out"].split("/")[1]


def test_fields_are_ranked_in_words_table_map_and_files_without_computing(front_door, farm):
    test = show(front_door, farm)
    said = words(test)
    assert "differ beyond their intervals" in said and "For 2025-03-17" in said and "90 % intervals" in said
    assert "resemble each other up to 300 m" in said
    table = test.dataframe[0].value
    assert list(table["field"][:3]) == ["east", "middle", "<b>west*"]
    assert set(table["trend"][:3]) == {"↑ rising"}
    shares = table[["nonsaline", "very slightly saline", "slightly saline", "moderately saline", "strongly saline"]][:3]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(100, abs=0.5)
    script = drawn(test)["script"]
    for text in ("Class of the mean", "How unsure: width of the interval", "Like the samples", "Trend", "moderately saline (8 to 16 dS/m)", "Rank"):
        assert text in script, text
    assert "<b>west" not in script  # a name of a file is never markup
    assert "any field can be chosen by name" in script  # for those who do not see the map
    names = labels(test, "download_button")
    assert any(name.startswith("fields.gpkg") for name in names) and any(name.startswith("fields.csv") for name in names)
    assert test.session_state[session.KEY].job is None
    field(test, "One field in full (or click it on the map)").set_value(0).run()
    assert not test.exception
    assert "**Field <b\\>west\\***" in words(test).replace("\\<", "<") and "Rank **3 of 3**" in words(test)


def test_a_field_is_found_under_a_click(computed_farm):
    outlines = fields_shapes.read(computed_farm.part("fields") / "fields-1" / "fields.gpkg")
    assert outlines.at(*_centre(outlines, 1)) == 1
    assert outlines.at(0, 0) is None
    (south, west), (north, east) = outlines.bounds([0, 1, 2])  # the field far off does not decide what is seen
    assert 45.1 < south < north < 45.2 and 8.9 < west < east < 9.1 and outlines.bounds([]) is None
    assert [len(rings) for rings in outlines.rings[2]] == [2, 1]  # two pieces, one with a hole


def _centre(outlines, number):
    point = outlines.frame.iloc[number].centroid
    return point.x, point.y


def test_crops_are_ranked_for_the_map_and_for_each_field(front_door, farm):
    test = show(front_door, farm, "advice")
    said = words(test)
    assert "Cotton is expected to give" in said and "on the map of 2025-03-17" in said and "interval" in said
    assert "Have the soil of a field analysed" in said
    table = test.dataframe[0].value
    assert list(table["Crop"]) == ["Cotton", "Wheat", "Bean, common"] and list(table["yield"]) == sorted(table["yield"], reverse=True)
    test.button_group(key="advice.look.4").set_value("Fields").run()
    best = test.dataframe[0].value
    assert list(best["Field"]) == ["east", "middle", "<b>west*"] and best["Best crop"][0].startswith("Cotton (")
    test.button_group(key="advice.look.4").set_value("Map").run()
    assert not test.exception
    script = drawn(test)["script"]
    assert "Best crop of the field" in script and "Yield of Wheat" in script and "Wheat: low" in script
    names = labels(test, "download_button")
    assert any(name.startswith("yield_cotton.tif (GeoTIFF") for name in names) and any(name.startswith("best_crop.tif") for name in names)
    _try_waters(test, farm)


def _try_waters(test, farm):
    """The view of water answers at once for any conductivity."""
    test.button_group(key="advice.look.4").set_value("Water").run()
    assert "With water of 1.5 dS/m" in words(test)
    box = next(one for one in test.number_input if one.key == "advice.water.advice-1")
    box.set_value(30.0).run()
    assert "no amount" in words(test) and "Too salty for Cotton, Wheat" in words(test)
    facts = fields_kept._read("stamp of this test", farm.part("fields") / "advice-1" / "advice.run.json").facts
    rows, sentences = advice_water.leaching(facts, 1.5)
    assert [row["part"] for row in rows] == pytest.approx([row["leaching_requirement"] for row in facts["crops"]])
    assert any(sentence in facts["sentences"] for sentence in sentences)


def test_advice_needs_no_boundaries(front_door, new_farm):
    (new_farm.folder / FIELDS).unlink()
    test = show(front_door, new_farm)
    assert "Upload the outlines of your fields" in words(test) and "Choose or upload field boundaries" in words(test)
    test.button_group(key="fields.part").set_value("advice").run()
    start = button(test, "Look at these crops")
    assert not start.disabled
    test.multiselect(key="advice.crops").set_value(["barley"]).run()
    test.number_input(key="advice.water").set_value(2.0).run()
    button(test, "Look at these crops").click().run()
    when_over(test)
    settings = test.session_state[session.KEY].job.spec()["settings"]
    assert (settings["crops"], settings["irrigation_ec"], settings["boundaries"]) == (["barley"], 2.0, None)
    assert "Barley is expected to give" in words(test)


def test_a_map_of_carbon_gets_a_stock_and_no_crops(front_door, farm):
    test = show(front_door, farm, "advice", "carbon")
    said = words(test)
    assert "no advice on crops" in said and "The layer holds 34 t of organic carbon per hectare" in said
    assert not test.multiselect
    assert button(test, "Compute the stock").disabled  # density and depth are asked first
    assert list(test.dataframe[0].value["field"])[:1] != [] and "Stock of the field" in drawn(test)["script"]
    assert any(name.startswith("stock.tif") for name in labels(test, "download_button"))
    test.number_input(key="advice.density").set_value(1.3).run()
    test.number_input(key="advice.depth").set_value(30.0).run()
    assert not button(test, "Compute the stock").disabled


def test_salinity_that_is_not_ece_is_told_the_conversion_and_a_map_without_interval_proposes_no_places(front_door, farm):
    test = show(front_door, farm, "advice", "extract")
    assert "Crop tolerances are known for" in words(test) and "“Convert to” ECe" in words(test)
    assert not test.multiselect
    test.button_group(key="fields.part").set_value("places").run()
    assert not button(test, "Propose places").disabled
    field(test, "Map").set_value("bare").run()
    assert "neither an interval nor a dissimilarity" in words(test) and "not saying how sure it is" in words(test)
    assert "Propose places" not in [one.label for one in test.button]


def test_next_samples_stand_on_the_map_in_a_table_and_in_files(front_door, farm):
    test = show(front_door, farm, "places")
    assert "5 places are proposed for wide intervals" in words(test)
    assert list(test.dataframe[0].value["name"]) == ["S01", "S02", "S03", "S04", "S05"]
    script = drawn(test)["script"]
    assert "S01: map says" in script and "Samples taken" in script and "Dissimilarity to the samples" in script
    names = labels(test, "download_button")
    assert any(name.startswith("next_samples.gpx (waypoints") for name in names) and any(name.startswith("next_samples.gpkg") for name in names)


def test_a_map_without_a_date_is_asked_for_it_once(front_door, new_farm):
    (new_farm.part("maps") / "bare" / "map.run.json").unlink()
    test = show(front_door, new_farm, shown="bare")
    assert "for a date not stated" in words(test) and "A trend needs maps of several dates" in words(test)
    test.date_input[0].set_value("2024-05-01").run()
    assert new_farm.state()["map_dates"] == {"bare": "2024-05-01"}
    assert "for 2024-05-01" in words(test)


def test_boundaries_that_miss_the_map_are_refused_and_not_kept(front_door, new_farm):
    away = {"type": "Polygon", "coordinates": [[[1, 1], [2, 1], [2, 2], [1, 1]]]}
    here = {"type": "Polygon", "coordinates": [[[9.001, 45.151], [9.003, 45.151], [9.003, 45.152], [9.001, 45.151]]]}
    test = show(front_door, new_farm)
    test.file_uploader(key="fields.upload").set_value(("mine.geojson", _collection(away), "application/json")).run()
    assert "No field of" in test.error[0].value
    assert new_farm.items("regions") == ["fields.gpkg"]
    test.file_uploader(key="fields.upload").set_value(("mine.geojson", _collection(here), "application/json")).run()
    assert not test.exception and not test.error
    assert field(test, "Field boundaries").value == "mine.geojson" and "1 fields" in words(test)


def _collection(shape):
    return json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "mine"}, "geometry": shape}]}).encode()


def test_a_result_of_other_boundaries_is_called_out_of_date_and_can_be_removed(front_door, farm):
    (farm.part("fields") / "broken").mkdir()
    (farm.part("fields") / "broken" / "fields.run.json").write_text("{")
    with open(farm.folder / FIELDS, "ab") as stream:
        stream.write(b"\0")
    test = show(front_door, farm)
    assert any("fields.gpkg changed" in warning.value for warning in test.warning)
    assert "cannot be read" in words(test)
    button(test, "Delete it").click().run()
    assert "fields-1" not in farm.items("fields") and "The result was deleted" in words(test)


def test_options_of_the_command_line_have_the_names_of_the_page():
    said = _clean("Its stock needs --bulk-density G_CM3 and --depth CM; map it again with --interval 0.9.")
    assert said == "Its stock needs “Bulk density” and “Thickness of the layer”; map it again with “Interval round every value”."
