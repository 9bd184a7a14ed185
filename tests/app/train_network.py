"""A small project with a network really trained, mapped and compared: ``python -m tests.app.train_network WORKSPACE DEMO``.

A process of its own, so that torch does not stay in that of the page tests.
"""

import shutil
import sys
from pathlib import Path

from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings, NetworkSettings
from soilcore.project.change_settings import ScenarioTask
from soilcore.project.explain_settings import ExplainTask
from soilcore.project.settings import CompareTask, MapTask, TrainTask
from tests.app.field import finished_job, make_field, work_of

NETWORK = "sssoilnet"


def main(workspace, demo):
    """Make it."""
    project = make_field(workspace, demo)
    shutil.copy(demo / "dem.tif", project.part("covariates") / "dem.tif")
    features = FeatureSettings(bands=True, dem="covariates/dem.tif")
    inputs, splits = work_of(workspace, project).inputs(features=features), SplitSettings("random", 2)
    fit = FitSettings("log1p", trials=0, jobs=1, device="cpu", network=NetworkSettings(epochs=2, patch=9))
    finished_job(project, "train", TrainTask(inputs, NETWORK, f"models/{NETWORK}-1", splits, fit, permutations=0))
    for_map = work_of(workspace, project).inputs(features=FeatureSettings(dem="covariates/dem.tif"), with_samples=False)
    finished_job(project, "map", MapTask(f"models/{NETWORK}-1", "maps/map-1/map.tif", for_map, stride=4, device="cpu"))
    scenario = ScenarioTask(f"models/{NETWORK}-1", "scenarios/greener", for_map, ("N=+0.02",), stride=8, device="cpu")
    finished_job(project, "scenario", scenario)
    drivers = ExplainTask(f"models/{NETWORK}-1", "explanations/maps", maps=True, summary=False, groups=True, places=20, draws=4, device="cpu")
    finished_job(project, "explain", drivers)
    finished_job(project, "compare", CompareTask(inputs, ("mean", NETWORK), splits, fit, predictions=True, permutations=0))
    project.remember(model=f"{NETWORK}-1", map="map-1")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
