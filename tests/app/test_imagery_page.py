"""The imagery page in every state: nothing yet, an image understood, one that leaves a question, broken ones, and what lies beside."""

import re
import shutil

import numpy as np
import pytest
import rasterio

from pages.ui import session
from soilcore.project.folder import Project
from tests.app.field import charts, drawn, field, labels, make_field, open_section, shown, words
from tests.app.helpers import button, when_over


def upload(test, part, *files):
    """Upload files into one part: (name, content) each."""
    several = [(name, content, "image/tiff") for name, content in files]
    test.file_uploader(key=f"{part}.upload").set_value(several if part == "scenes" else several[0]).run()
    assert not test.exception
    return test


def rewritten(scene, out, names=None, crs="same", bands=None):
    """A copy of a scene with other band names, reference system, or fewer bands, and no scaling tags."""
    with rasterio.open(scene) as source:
        bands = bands or list(source.indexes)
        profile = {**source.profile, "count": len(bands), **({} if crs == "same" else {"crs": crs})}
        with rasterio.open(out, "w", **profile) as target:
            target.write(source.read(bands))
            target.descriptions = names or [None] * len(bands)
    return out.read_bytes()


def test_without_a_project_the_page_says_what_to_do(front_door):
    assert "demo or a project first" in front_door("imagery").info[0].value


def test_a_project_without_an_image_asks_for_one(front_door, workspace):
    Project.create(workspace, "Field")
    assert "No image yet" in words(front_door("imagery", project="field"))


def test_the_scene_shows_its_scaling_with_evidence_bands_and_samples(front_door, workspace, demo):
    test = front_door("imagery", project=make_field(workspace, demo).id)
    said = words(test)
    assert "Reflectance = stored value × 0.0001 − 0.1" in said
    assert "UTM zone" in said
    assert "Assumed: " in said
    assert shown(test, "Size") == "96 × 96"
    assert shown(test, "Samples inside the image") == "60 of 60"
    bands = next(frame.value for frame in test.dataframe if "stored_median" in frame.value)
    assert list(bands["role"])[:3] == ["B", "G", "R"]
    assert np.allclose(bands["median"], bands["stored_median"] * 1e-4 - 0.1)
    (histogram,) = charts(test)
    assert "B, stored value" in histogram
    assert "B, reflectance" in histogram
    assert "Band table as CSV" in labels(test, "download_button")


def test_every_picture_and_band_can_be_seen(front_door, workspace, demo):
    test = front_door("imagery", project=make_field(workspace, demo).id)
    for name in ("False colour (vegetation red)", "Shortwave infrared (salt and bare soil)"):
        test.button_group(key="imagery.picture.3").set_value(name).run()
        assert not test.exception
        assert f'"title": "{name}"' in drawn(test)["script"]
    field(test, "Values of one band before and after scaling").select("S2").run()
    assert not test.exception
    assert "S2, reflectance" in charts(test)[0]


def test_extent_and_samples_are_on_the_map_and_those_outside_stand_apart(front_door, workspace, demo):
    table = (demo / "samples.csv").read_text().splitlines()
    head, first = table[0].split(","), dict(zip(table[0].split(","), table[1].split(","), strict=True))
    away = ",".join({**first, "id": "far", "lat": str(float(first["lat"]) + 0.2)}[name] for name in head)
    test = front_door("imagery", project=make_field(workspace, demo, table="\n".join([*table, away])).id)
    script = drawn(test)["script"]
    assert "Extent of the image" in script
    assert "Samples outside the image" in script
    assert script.count("Row ") == 61
    assert shown(test, "Samples inside the image") == "60 of 61"
    links = drawn(test)["js_links"] + drawn(test)["css_links"]
    assert links
    assert all(link.startswith("../../vendor/") for link in links)
    assert re.findall(r"\w+://[^\"'\s]*", script) == []


def test_an_image_of_single_bands_gets_a_small_picture_of_its_own(front_door, workspace, demo, tmp_path):
    project = make_field(workspace, demo, scene=False)
    for number, name in ((1, "B02"), (2, "B03"), (3, "B04")):
        rewritten(demo / "scene.tif", project.part("scenes") / f"{name}.tif", bands=[number])
    project.remember(scene_files=["B02.tif", "B03.tif", "B04.tif"], scene_settings={"scale": 0.0001, "offset": -0.1})
    test = front_door("imagery", project=project.id)
    assert "True colour" in drawn(test)["script"]
    assert len(list((project.folder / ".pictures").glob("*.tif"))) == 1


def test_an_uploaded_scene_is_opened_and_a_table_without_places_is_said(front_door, workspace, demo):
    project = make_field(workspace, demo, scene=False, table="site,ece_dS_m\na,1\nb,2\nc,4\n")
    test = upload(front_door("imagery", project=project.id), "scenes", ("own scene.tif", (demo / "scene.tif").read_bytes()))
    assert test.session_state[session.KEY].scene_files == ("own_scene.tif",)
    assert shown(test, "Bands") == "10"
    assert "no coordinates" in words(test)


def test_single_bands_become_one_scene(front_door, workspace, demo, tmp_path):
    project = make_field(workspace, demo, scene=False)
    files = [
        (f"{name}.tif", rewritten(demo / "scene.tif", tmp_path / f"{name}.tif", bands=[number]))
        for number, name in ((1, "B02"), (2, "B03"), (3, "B04"))
    ]
    test = upload(front_door("imagery", project=project.id), "scenes", *files)
    assert len(test.session_state[session.KEY].scene_files) == 3
    assert "B02" in words(test) + " ".join(test.session_state[session.KEY].scene_files)


def test_unnamed_bands_are_asked_for_and_the_answer_is_kept(front_door, workspace, demo, tmp_path):
    project = make_field(workspace, demo, scene=False)
    content = rewritten(demo / "scene.tif", tmp_path / "plain.tif", bands=[1, 2, 3])
    test = upload(front_door("imagery", project=project.id), "scenes", ("plain.tif", content))
    assert "roles of the bands" in test.error[0].value
    assert "--" not in test.error[0].value
    work = test.session_state[session.KEY]
    assert work.scene_files == ("plain.tif",)
    project.remember(scene_settings={"roles": [["1", "B"], ["2", "G"], ["3", "R"]], "scale": 0.0001, "offset": -0.1})
    test.run()
    assert not test.exception
    assert not test.error
    assert shown(test, "Bands") == "3"


def test_a_wrong_answer_is_refused_and_the_image_stays(front_door, workspace, demo):
    test = front_door("imagery", project=make_field(workspace, demo).id)
    next(box for box in test.number_input if box.label == "Scale").set_value(-2.0)
    button(test, "Read it so").click().run()
    assert not test.exception
    assert "scale -2 is impossible" in test.error[0].value.replace("\\", "").lower()
    assert test.session_state[session.KEY].scene_settings.scale is None
    assert shown(test, "Size") == "96 × 96"


def broken(demo):
    whole = (demo / "scene.tif").read_bytes()
    return {
        "cut.tif": whole[: len(whole) // 3],
        "empty.tif": b"",
        "picture.tif": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "beginning.tif": b"II*\0" + bytes(60),
    }


@pytest.mark.parametrize("name", ["cut.tif", "empty.tif", "picture.tif", "beginning.tif"])
def test_a_broken_image_gets_one_sentence_and_the_image_before_stays(front_door, workspace, demo, name):
    project = make_field(workspace, demo)
    test = upload(front_door("imagery", project=project.id), "scenes", (name, broken(demo)[name]))
    assert len(test.error) == 1
    assert shown(test, "Size") == "96 × 96"
    assert project.items("scenes") == ["scene.tif"]


def test_an_image_that_lies_nowhere_is_refused_with_the_remedy(front_door, workspace, demo, tmp_path):
    project = make_field(workspace, demo)
    content = rewritten(demo / "scene.tif", tmp_path / "lost.tif", crs=None)
    test = upload(front_door("imagery", project=project.id), "scenes", ("lost.tif", content))
    assert "reference system" in test.error[0].value
    assert project.items("scenes") == ["scene.tif"]


def test_what_was_understood_is_kept_as_one_file(front_door, workspace, demo):
    project = make_field(workspace, demo)
    test = front_door("imagery", project=project.id)
    test.button(key="imagery.keep").click().run()
    work = when_over(test).session_state[session.KEY]
    assert work.scene_files == ("scene-confirmed.tif",)
    assert "Keeping scene-confirmed.tif** is finished" in words(test).replace("\\", "")
    assert "imagery.keep" not in [one.key for one in test.button]
    with rasterio.open(project.part("scenes") / "scene-confirmed.tif") as raster:
        assert raster.descriptions[:3] == ("B", "G", "R")
        assert raster.offsets[0] == pytest.approx(-0.1)


def test_rasters_and_boundaries_are_kept_and_broken_ones_refused(front_door, workspace, demo):
    project = make_field(workspace, demo)
    test = open_section(front_door("imagery", project=project.id), "predictors")
    test = upload(test, "covariates", ("dem.tif", (demo / "dem.tif").read_bytes()))
    assert project.items("covariates") == ["dem.tif"]
    test = upload(test, "covariates", ("broken.tif", b"II*\0" + bytes(30)))
    assert len(test.error) == 1
    test = upload(open_section(test, "area"), "regions", ("fields.gpkg", (demo / "fields.gpkg").read_bytes()))
    assert project.state()["aoi"] == "fields.gpkg"
    assert field(test, "Area of interest").value == "fields.gpkg"
    test = upload(test, "regions", ("broken.geojson", b"{"))
    assert len(test.error) == 1
    assert (project.items("covariates"), project.items("regions")) == (["dem.tif"], ["fields.gpkg"])


def test_samples_far_away_are_an_error_in_words(front_door, workspace, demo):
    table = "lon,lat,ece_dS_m\n" + "".join(f"{10 + i / 100},{50 + i / 100},{1 + i}\n" for i in range(8))
    test = front_door("imagery", project=make_field(workspace, demo, table=table).id)
    assert "No sample lies inside this image" in words(test)


def test_an_image_that_was_deleted_leaves_the_page_usable(front_door, workspace, demo):
    project = make_field(workspace, demo)
    shutil.rmtree(project.part("scenes"))
    assert "No image yet" in words(front_door("imagery", project=project.id))
