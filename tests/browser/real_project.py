"""A project of real samples: soil carbon of Macedonia with eight covariates, a forest trained on them and its map. The data stay where they are copied to."""

import os
import shutil
from contextlib import chdir
from pathlib import Path

from tests.conftest import ROOT

TITLE = "Soil carbon of Macedonia"
MODEL, MAP = "rf", "stock"


def make_macedonia(workspace):
    """Make the project.

    Parameters
    ----------
    workspace : pathlib.Path
        A temporary folder: the licence of the data does not allow to hand them on.

    Returns
    -------
    Project
    """
    from soilcore.data.sample_set import SampleSettings
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.features.recipe import FeatureSettings
    from soilcore.models.settings import FitSettings
    from soilcore.project.folder import Project
    from soilcore.project.scoring import train
    from soilcore.project.settings import InputSettings, MapTask, TrainTask
    from soilcore.project.steps import map_model

    source = Path(os.environ.get("SOILCORE_SHARED_DATA") or ROOT.parent / "shared" / "data") / "macedonia"
    project = Project.create(workspace, TITLE)
    shutil.copy(source / "dat_train.csv", project.part("samples"))
    for path in sorted((source / "covs").glob("*.tif")):
        shutil.copy(path, project.part("covariates"))
    covariates = tuple(f"covariates/{path.name}" for path in sorted(project.part("covariates").iterdir()))
    settings = SampleSettings(target="OCS", unit="t/ha", x="X", y="Y", crs="EPSG:4326", id="id")
    features = FeatureSettings(covariates=covariates)
    with chdir(project.folder):  # paths in a project are relative to it
        inputs = InputSettings("samples/dat_train.csv", settings, features=features)
        train(TrainTask(inputs, MODEL, f"models/{MODEL}", SplitSettings("block", folds=5), FitSettings("log10", trials=0)))
        map_model(MapTask(f"models/{MODEL}", f"maps/{MAP}/map.tif", InputSettings(features=features), interval=0.9, aoa=True))
    project.remember(
        sample_file="dat_train.csv", sample_settings={"unit": "t/ha", "x": "X", "y": "Y", "crs": "EPSG:4326", "id": "id", "target": "OCS"}
    )
    project.remember(target="OCS", model=MODEL, map=MAP)
    return project
