"""One model, many dates: each map is what `map` makes of its date, finished ones stay, and what cannot be mapped is said."""

import json
import shutil

import numpy as np
import pytest
import rasterio

from soilcore.core.errors import SceneError, SettingsError, Stopped
from soilcore.data.climate import open_climate
from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureRecipe, FeatureSettings
from soilcore.models.settings import FitSettings
from soilcore.project.input_settings import InputSettings
from soilcore.project.map_years import dates_to_map
from soilcore.project.map_years_settings import MapYearsTask
from soilcore.project.settings import MapTask, TrainTask
from soilcore.project.tasks import run_task


@pytest.fixture(scope="module")
def place(demo, tmp_path_factory):
    """A model, and three years of imagery."""
    folder = tmp_path_factory.mktemp("map-years")
    (folder / "years").mkdir()
    for year in (2019, 2022, 2025):
        shutil.copy(demo / "years" / f"{year}.tif", folder / "years")
    inputs = InputSettings(
        str(demo / "samples.csv"), SampleSettings(target="ece_dS_m"), SceneSettings((str(demo / "scene.tif"),)), FeatureSettings(bands=True)
    )
    fit = FitSettings("log1p", trials=0)
    run_task("train", TrainTask(inputs, "plsr", str(folder / "model"), SplitSettings("random", 3), fit, permutations=0))
    return folder


def asked(place, out, **more):
    scene = SceneSettings((str(place / "years"),))
    return MapYearsTask(str(place / "model"), str(out), InputSettings(scene=scene, mask="water"), **{"classes": "usda", **more})


def values(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_each_year_is_what_map_makes_of_it_and_the_years_are_compared(place, tmp_path):
    task = asked(place, tmp_path / "maps" / "{date}-plsr", compare=str(tmp_path / "change"))
    facts = run_task("map-years", task)
    assert [row["label"] for row in facts["maps"]] == ["2019", "2022", "2025"] and not facts["left_out"]
    assert [row["label"] for row in facts["change"]["maps"]] == ["2019", "2022", "2025"]
    made = tmp_path / "maps" / "2022-plsr" / "map.tif"
    run = json.loads(made.with_suffix(".run.json").read_text())
    alone = MapTask(task.model_dir, str(tmp_path / "alone.tif"), task.inputs, run["steps"][0]["settings"]["date"], classes="usda", interval=0.9)
    run_task("map", alone)
    for key in ("", "_lower", "_class"):
        np.testing.assert_array_equal(values(made.with_name(f"map{key}.tif")), values(tmp_path / f"alone{key}.tif"))
    assert run["steps"][0]["task"] == "map" and run["inputs"] == json.loads((tmp_path / "alone.run.json").read_text())["inputs"]


def test_a_stopped_series_keeps_whole_maps_and_nothing_else(place, tmp_path):
    def stop_in_the_second(done, total, message):
        if message.startswith("2022"):
            raise Stopped

    with pytest.raises(Stopped):
        run_task("map-years", asked(place, tmp_path / "maps"), stop_in_the_second)
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["2019"]
    rest = run_task(
        "map-years", asked(place, tmp_path / "maps", dates=("2022",), beside=(str(tmp_path / "maps/2019/map.tif"),), compare=str(tmp_path / "c"))
    )
    assert [row["label"] for row in rest["change"]["maps"]] == ["2019", "2022"]


def test_a_year_under_cloud_is_left_out_and_said(place, tmp_path):
    cloudy = tmp_path / "years"
    shutil.copytree(place / "years", cloudy)
    with rasterio.open(cloudy / "2022.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as raster:
        pixels = raster.read()
        pixels[:, 1:, :] = 0  # one row of the scene is left, and that is masked
        raster.write(pixels)
    mask = tmp_path / "mask.tif"
    with rasterio.open(cloudy / "2022.tif") as raster:
        profile = {**raster.profile, "count": 1, "dtype": "uint8", "nodata": None}
    inside = np.ones((profile["height"], profile["width"]), np.uint8)
    inside[0] = 0
    with rasterio.open(mask, "w", **profile) as raster:
        raster.write(inside, 1)
    inputs = InputSettings(scene=SceneSettings((str(cloudy),)), mask=str(mask))
    facts = run_task("map-years", MapYearsTask(str(place / "model"), str(tmp_path / "maps"), inputs))
    assert [row["label"] for row in facts["maps"]] == ["2019", "2025"]
    assert [row["label"] for row in facts["left_out"]] == ["2022"]
    assert any(sentence.startswith("2022 left out") for sentence in facts["assumed"])
    with pytest.raises(SceneError, match="Not one of the 1 dates"):
        run_task("map-years", MapYearsTask(str(place / "model"), str(tmp_path / "none"), inputs, ("2022",)))


def test_what_cannot_be_asked_is_refused_in_words(place, demo, tmp_path):
    with pytest.raises(SettingsError, match=r"nothing of 1999 to map. Dates: 2019, 2022, 2025"):
        run_task("map-years", asked(place, tmp_path, dates=("1999",)))
    one = InputSettings(scene=SceneSettings((str(demo / "scene.tif"),)))
    with pytest.raises(SettingsError, match="no dates to map"):
        run_task("map-years", MapYearsTask(str(place / "model"), str(tmp_path), one))
    (tmp_path / "2019").mkdir()
    with pytest.raises(SettingsError, match="exists already"):
        run_task("map-years", asked(place, tmp_path, dates=("2019",)))


def test_a_model_of_climate_alone_has_the_years_its_months_reach(demo):
    climate, recipe = open_climate(str(demo / "climate")), FeatureRecipe(climate=("tmmx_mean",), climate_when="date")
    dates = [one.date for one in dates_to_map(recipe, climate=climate)]
    first, last = (int(str(climate.months[end])[:4]) for end in (0, -1))
    assert dates and int(dates[0]) >= first and int(dates[-1]) <= last
    assert all(climate.reaches(f"{year}-07-01", recipe.climate_months) == (str(year) in dates) for year in range(first, last + 1))
    assert dates_to_map(FeatureRecipe(climate=("tmmx_mean",)), climate=climate) == ()
