"""Fixtures of the engine's tests."""

import pytest


@pytest.fixture(scope="module")
def one_torch_thread():
    """PyTorch computes on one thread, from which tiny networks lose nothing, and is left as it was."""
    from soilcore.models.torch_device import torch_threads

    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def small_project(demo, tmp_path_factory):
    """A folder with a ridge model and its map, made on the command line from files that lie elsewhere; copy it, never change it."""
    from soilcore.project.cli import main

    folder = tmp_path_factory.mktemp("small") / "plain-field"
    scene = ["--scene", str(demo / "scene.tif"), "--index-set", "novel4_lan2025"]
    train = [
        "train",
        str(demo / "samples.csv"),
        "--target",
        "ece_dS_m",
        *scene,
        "--model",
        "ridge",
        "--cv",
        "block",
        "--folds",
        "4",
        "--transform",
        "log10",
    ]
    assert main([*train, "--trials", "0", "--permutations", "0", "--out", str(folder / "models" / "line"), "--quiet"]) == 0
    trust = ["--classes", "usda", "--interval", "0.9", "--threshold", "4", "--aoa"]
    drawn = ["map", str(folder / "models" / "line"), "--scene", str(demo / "scene.tif"), *trust, "--date", "2025-03-17"]
    assert main([*drawn, "--out", str(folder / "maps" / "spring" / "map.tif"), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="session")
def linear_model(demo, tmp_path_factory):
    """Folder of a ridge regression of the small coast, of bands, two indices, the true depth of the water table and elevation; made once."""
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.samples import SampleSettings
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.features.recipe import FeatureSettings
    from soilcore.models.settings import FitSettings
    from soilcore.project.settings import InputSettings, TrainTask
    from soilcore.project.tasks import run_task

    folder = tmp_path_factory.mktemp("linear") / "model"
    covariates = (str(demo / "truth" / "water_table_m.tif"), str(demo / "dem.tif"))
    features = FeatureSettings(bands=True, indices=("NDVI", "SI"), covariates=covariates)
    scene = SceneSettings((str(demo / "scene.tif"),), trusted=True)
    inputs = InputSettings(str(demo / "samples.csv"), SampleSettings(target="ece_dS_m"), scene, features)
    run_task("train", TrainTask(inputs, "ridge", str(folder), SplitSettings("random", folds=5), FitSettings("log1p", trials=0), permutations=0))
    return folder
