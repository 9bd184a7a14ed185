"""Explanations as a task and as a command: samples, one pixel, maps; what is found by itself, what is refused, what is left on disk."""

import json
import shutil
from contextlib import chdir
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import rasterio

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError, Stopped
from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.archive import load_model
from soilcore.models.settings import FitSettings
from soilcore.project.explain_settings import ExplainTask
from soilcore.project.run import run_file_again
from soilcore.project.settings import InputSettings, TrainTask
from soilcore.project.tasks import run_task

INDICES = ("NDVI", "RVI", "SI")  # the first two say the same
CONTRACT = {"base", "prediction", "additivity_error", "rows"}


@pytest.fixture(scope="module")
def field(demo, tmp_path_factory):
    """A folder with samples, a scene and a linear model trained there."""
    folder = tmp_path_factory.mktemp("explained")
    for name in ("samples.csv", "scene.tif"):
        shutil.copy(demo / name, folder / name)
    features = FeatureSettings(bands=True, indices=INDICES)
    inputs = InputSettings("samples.csv", SampleSettings(target="ece_dS_m"), SceneSettings(("scene.tif",)), features)
    with chdir(folder):
        run_task("train", TrainTask(inputs, "plsr", "model", SplitSettings("block", 3), FitSettings("log1p", trials=0, jobs=1), permutations=0))
    return folder


@pytest.fixture
def here(field, monkeypatch):
    """The folder of the model as the current one."""
    monkeypatch.chdir(field)
    return field


def centre(scene):
    """A place in the middle of the scene, in its own system."""
    with rasterio.open(scene) as raster:
        return raster.xy(raster.height // 2, raster.width // 2)


def add_up(facts):
    return facts["base"] + sum(row["contribution"] for row in facts["rows"])


def test_training_samples_are_explained_with_groups_dependence_and_importance_under_the_models_folds(here, ask, tmp_path):
    code, facts = ask("explain", "model", "--out", tmp_path / "e", "--permutations", "2")
    assert code == 0
    assert facts.keys() >= CONTRACT
    assert (facts["of"], facts["n"], facts["kind"]) == ("the training samples", len(load_model("model").out_of_fold), "tabular")
    assert add_up(facts) == pytest.approx(facts["prediction"], abs=1e-9)
    assert facts["additivity_error"] < 1e-6
    assert ["NDVI", "RVI"] in [sorted(row["members"]) for row in facts["group_rows"]]
    swarm = facts["beeswarm"]
    assert len(swarm["contributions"]) == len(swarm["features"]) and len(swarm["contributions"][0]) == len(swarm["samples"])
    assert facts["dependence"][0]["feature"] == facts["rows"][0]["feature"]
    assert facts["importance"]["cv"].startswith("blocks")
    assert facts["importance"]["r2"] == pytest.approx(load_model("model").scores["r2"], abs=1e-6)
    assert "no cause can be read" in facts["text"]
    table = pd.read_csv(tmp_path / "e" / "attributions.csv")
    drivers = [row["feature"] for row in facts["rows"]]
    np.testing.assert_allclose(table["base"] + table[drivers].sum(axis=1), table["prediction"], atol=1e-6)
    run = json.loads((tmp_path / "e" / "explain.run.json").read_text())
    assert run["steps"][0]["task"] == "explain" and run["result"]["n"] == facts["n"]


def test_a_pixel_is_explained_in_the_imagery_of_training_or_in_another(here, hear, tmp_path):
    x, y = centre("scene.tif")
    code, facts, said = hear("explain", "model", "--at", f"{x},{y}", "--out", tmp_path / "a")
    assert code == 0 and "imagery of training" in said
    assert facts.keys() >= CONTRACT
    assert add_up(facts) == pytest.approx(facts["prediction"], abs=1e-6)
    assert facts["lower"] <= facts["value"] <= facts["upper"]
    other = tmp_path / "other.tif"
    shutil.copy("scene.tif", other)
    code, again, said = hear("explain", "model", "--scene", other, "--at", f"{x},{y}", "--out", tmp_path / "b", "--classes", "usda")
    assert (code, again["rows"]) == (0, facts["rows"])
    assert again["class"]["label"]
    assert "imagery of training" not in said


def test_maps_add_up_pixel_by_pixel_with_exact_dependencies_in_one_layer(here, ask, tmp_path):
    code, facts = ask("explain", "model", "--maps", "--groups", "--permutations", "0", "--out", tmp_path / "m")
    assert code == 0
    maps = facts["maps"]
    assert "NDVI, RVI" in maps["layers"]
    read = {name: rasterio.open(path).read(1) for name, path in maps["layers"].items()}
    predicted = rasterio.open(maps["prediction"]).read(1)
    valid = np.isfinite(predicted)
    np.testing.assert_allclose((maps["base"] + sum(read.values()))[valid], predicted[valid], atol=1e-4)
    assert sum(row["share"] for row in maps["classes"]) == pytest.approx(1)
    assert str(tmp_path / "m" / "dominant.qml") in facts["files"]


def test_a_run_file_names_what_was_read_and_makes_the_same_maps_again(here, tmp_path):
    facts = run_task("explain", ExplainTask("model", str(tmp_path / "m"), maps=True, summary=False, step=4))
    before = {path: fingerprint.of_file(path) for path in facts["files"]}
    run = tmp_path / "m" / "explain.run.json"
    assert json.loads(run.read_text())["inputs"].keys() >= {"scene.tif"}
    run_file_again(run, overwrite=True)
    assert {path: fingerprint.of_file(path) for path in facts["files"]} == before


def test_the_file_of_training_is_known_again_wherever_it_lies(here, tmp_path):
    copied = tmp_path / "renamed.csv"
    shutil.copy("samples.csv", copied)
    inputs = InputSettings(str(copied), scene=SceneSettings(("scene.tif",)))
    facts = run_task("explain", ExplainTask("model", str(tmp_path / "e"), inputs, permutations=2, most=10))
    assert (facts["of"], facts["n"]) == ("the training samples", 10)
    assert facts["importance"] is not None
    changed = tmp_path / "changed.csv"
    pd.read_csv(copied).drop(columns="ece_dS_m").iloc[5:25].to_csv(changed, index=False)
    facts = run_task("explain", ExplainTask("model", str(tmp_path / "f"), replace(inputs, samples=str(changed)), permutations=2))
    assert facts["of"] == "the samples of changed.csv"
    assert facts["importance"] is None and "training samples" in facts["importance_note"]


def test_without_its_files_a_model_is_explained_on_the_samples_it_keeps(field, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facts = run_task("explain", ExplainTask(str(field / "model"), "e"))
    assert facts["of"] == "training samples kept with the model"
    assert facts["importance"] is None
    assert any("which it was trained on, is not there" in sentence for sentence in facts["assumed"])
    with pytest.raises(SettingsError, match="Name the image with --scene"):
        run_task("explain", ExplainTask(str(field / "model"), "f", at=(0.0, 0.0)))
    (tmp_path / "samples.csv").write_text("another,table\n1,2\n")
    facts = run_task("explain", ExplainTask(str(field / "model"), "g"))
    assert facts["of"] == "training samples kept with the model"


def test_a_model_folder_cannot_make_others_files_be_read(field, tmp_path, monkeypatch):
    """What the folder says of its training is believed only of files whose content it knew."""
    model = tmp_path / "model"
    shutil.copytree(field / "model", model)
    for name in ("samples.csv", "scene.tif"):
        shutil.copy(field / name, tmp_path / name)
    run = json.loads((model / "run.json").read_text())
    run["inputs"] = {name: value for name, value in run["inputs"].items() if name.endswith(".csv")}
    (model / "run.json").write_text(json.dumps(run))
    monkeypatch.chdir(tmp_path)
    facts = run_task("explain", ExplainTask("model", "e"))
    assert facts["of"] == "training samples kept with the model"
    assert any("not trained on" in sentence for sentence in facts["assumed"])


REFUSED = {
    "no place": ({"at": (1.0,)}, "two numbers"),
    "system without place": ({"at_crs": "EPSG:4326"}, "--at-crs"),
    "nothing": ({"summary": False}, "Nothing is asked for"),
    "outside": ({"at": (0.0, 0.0)}, "lies outside the map"),
    "too few": ({"most": 1}, "3 samples or more"),
    "step": ({"maps": True, "step": 0, "summary": False}, "1 or more"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_explained_is_refused_in_words(here, tmp_path, case):
    asked, message = REFUSED[case]
    with pytest.raises(SettingsError, match=message):
        run_task("explain", ExplainTask("model", str(tmp_path / "e"), **asked))
    assert not list(tmp_path.iterdir())


def test_a_stop_leaves_nothing_behind_and_other_folders_are_not_replaced(here, tmp_path):
    def stop(done, total, message):
        if "attributions" in message:
            raise Stopped

    with pytest.raises(Stopped):
        run_task("explain", ExplainTask("model", str(tmp_path / "e")), stop)
    assert not list(tmp_path.iterdir())
    (tmp_path / "photos").mkdir()
    with pytest.raises(SettingsError, match="holds no explanation"):
        run_task("explain", ExplainTask("model", str(tmp_path / "photos"), overwrite=True))


def test_facts_are_told_as_text(here, tmp_path, capsys):
    from soilcore.project.cli import main

    x, y = centre("scene.tif")
    assert main(["explain", "model", "--at", f"{x},{y}", "--out", str(tmp_path / "e"), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "contribution" in said and "no cause can be read" in said
    assert main(["explain", "model", "--at", "here", "--out", str(tmp_path / "f"), "--quiet"]) == 2
    assert "two numbers" in capsys.readouterr().err
