"""Satellite products on the imagery page: recognised with date, tile and baseline, clouds hidden or not, broken ones refused."""

import shutil
import zipfile

import pytest

from pages.ui import session
from tests.app.field import field, make_field, open_section, shown, words
from tests.app.helpers import until_over, when_over
from tests.engine.data.product_files import write_landsat, write_safe


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    """A small zipped Sentinel-2 product."""
    return write_safe(tmp_path_factory.mktemp("safe"), as_zip=True)


def upload(test, path):
    test.file_uploader(key="scenes.upload").set_value([(path.name, path.read_bytes(), "application/octet-stream")]).run()
    assert not test.exception
    return test


def test_a_zipped_safe_says_what_it_is_and_hides_its_clouds(front_door, workspace, demo, safe):
    test = upload(front_door("imagery", project=make_field(workspace, demo, scene=False, samples=None).id), safe)
    said = words(test).replace("\\", "")
    assert "Sentinel-2 Level-2A" in said
    assert "tile 31UFU" in said
    assert "processing baseline 05.10" in said
    assert "Reflectance = stored value × 0.0001 − 0.1" in said
    assert shown(test, "Date") == "2022-06-19"
    assert shown(test, "Left out").endswith("%")
    shares = next(frame.value for frame in test.dataframe if list(frame.value.columns) == ["what", "share"])
    assert "cloud, high probability" in set(shares["what"])
    assert shares["share"].sum() == pytest.approx(float(shown(test, "Left out").split()[0]) / 100, abs=0.006)
    before = next(frame.value for frame in test.dataframe if "stored_median" in frame.value)["valid"].min()
    test.toggle(key="imagery.quality.mask").set_value(False).run()
    assert not test.exception
    after = next(frame.value for frame in test.dataframe if "stored_median" in frame.value)["valid"].min()
    assert after > before
    assert test.session_state[session.KEY].scene_settings.quality == "none"


def test_a_landsat_archive_is_recognised(front_door, workspace, demo, tmp_path):
    path = write_landsat(tmp_path, as_tar=True)
    test = upload(front_door("imagery", project=make_field(workspace, demo, scene=False, samples=None).id), path)
    assert "Landsat Collection 2 Level-2" in words(test)
    assert shown(test, "Bands")


def test_an_archive_of_something_else_is_refused_with_one_sentence(front_door, workspace, demo, tmp_path):
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        archive.writestr("beach.txt", "sun")
    project = make_field(workspace, demo)
    test = upload(front_door("imagery", project=project.id), tmp_path / "holiday.zip")
    assert len(test.error) == 1
    assert project.items("scenes") == ["scene.tif"]
    (tmp_path / "cut.tar").write_bytes(b"not an archive" * 40)
    test = upload(test, tmp_path / "cut.tar")
    assert ".tar but does not hold" in test.error[0].value.replace("\\", "")


def series(workspace, demo):
    """A field whose imagery is the demo's folder of dates."""
    project = make_field(workspace, demo, scene=False)
    shutil.copytree(demo / "dates", project.part("scenes") / "dates")
    project.remember(scene_files=["dates"])
    return project


def test_a_folder_of_dates_is_a_series_whose_dates_can_be_looked_at(front_door, workspace, demo):
    project = series(workspace, demo)
    test = front_door("imagery", project=project.id)
    days = test.select_slider[0].options
    assert len(days) == 2
    assert shown(test, "Date") == days[-1]
    test.select_slider[0].set_value(days[0]).run()
    assert not test.exception
    assert shown(test, "Date") == days[0]
    open_section(test, "dates")
    table = next(frame.value for frame in test.dataframe if "file" in frame.value)
    assert list(table["date"]) == list(days)
    campaigns = next(frame.value for frame in test.dataframe if "campaign" in frame.value)
    assert campaigns["samples"].sum() == 60


def test_a_composite_is_made_by_a_job_of_dates_beside_the_image_and_can_become_it(front_door, workspace, demo):
    project = series(workspace, demo)
    shutil.copy(demo / "scene.tif", project.part("scenes") / "scene.tif")
    project.remember(scene_files=["scene.tif"])
    test = open_section(front_door("imagery", project=project.id), "dates")
    assert "imagery.series.use.dates" in [one.key for one in test.button]
    test.button(key="composite.start").click().run()
    work = when_over(test).session_state[session.KEY]
    assert work.scene_files == ("scene.tif",)
    made = next(name for name in work.data("scenes") if name.startswith("composite-"))
    test.button(key=f"composite.use.{made}").click().run()
    assert not test.exception
    assert work.scene_files == (made,)
    open_section(test, "image")
    assert shown(test, "Size") == "96 × 96"


def test_a_map_of_a_dated_model_asks_for_its_date(front_door, workspace, demo):
    """Through the whole chain: a model of two dates, a map for one of them."""
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.features.recipe import FeatureSettings
    from soilcore.project.settings import TrainTask
    from tests.app.field import finished_job, work_of

    project = series(workspace, demo)
    inputs = work_of(workspace, project).inputs(features=FeatureSettings(bands=True, max_days=400))
    finished_job(project, "train", TrainTask(inputs, "ridge", "models/by-date", SplitSettings("random", folds=2)))
    test = front_door("map", project=project.id)
    dates = field(test, "Date of the map")
    assert len(dates.options) == 2
    dates.select(dates.options[0]).run()
    test.button(key="map.start").click().run()
    work = test.session_state[session.KEY]
    assert work.job.spec()["settings"]["date"] == dates.options[0]
    assert until_over(work.job).state == "finished"
