"""Results that were really computed, once for all page tests: small tables, few folds, no tuning, no shuffled targets."""

import numpy as np

from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import DualStepSettings, FitSettings
from soilcore.project.settings import CompareTask, DualStepTask, LearningCurveTask, MapTask, TrainTask
from tests.app.field import finished_job, make_field, work_of

FEW = FeatureSettings(bands=True)
FOLDS, FIT = SplitSettings("knndm", 3), FitSettings("log1p", trials=0)


def make_finished_field(workspace, demo):
    """A comparison of two learners, one of them trained and mapped with everything a map can say, a learning curve."""
    project = make_field(workspace, demo)
    inputs = work_of(workspace, project).inputs(features=FEW)
    finished_job(project, "learning-curve", LearningCurveTask(inputs, "plsr", FOLDS, FIT))
    finished_job(project, "train", TrainTask(inputs, "plsr", "models/plsr-1", FOLDS, FIT, permutations=0))
    for_map = work_of(workspace, project).inputs(with_samples=False)
    more = {"classes": "usda", "interval": 0.9, "thresholds": (4.0,), "aoa": True}
    finished_job(project, "map", MapTask("models/plsr-1", "maps/map-1/map.tif", for_map, **more))
    finished_job(project, "compare", CompareTask(inputs, ("mean", "plsr"), FOLDS, FIT, predictions=True, permutations=0))
    project.remember(model="plsr-1", map="map-1")
    return project


def table_of_extracts(n=160, seed=0):
    """Two predictors and EC of a 1:5 extract, as text."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    ec = np.exp(0.8 * a + 0.3 * rng.normal(size=n))
    return "a,b,ec\n" + "".join(f"{one:.3f},{two:.3f},{value:.3f}\n" for one, two, value in zip(a, b, ec, strict=True))


def make_two_steps(workspace, demo):
    """Two steps beside one regression, on a table without places."""
    settings = {"target": "ec", "unit": "dS/m", "extract": "1:5"}
    project = make_field(workspace, demo, table=table_of_extracts(), scene=False, settings=settings)
    inputs = work_of(workspace, project).inputs(features=FeatureSettings(columns=("a", "b")))
    steps = DualStepSettings(at=1.0, classifier="logistic", regressor="ridge")
    fit = FitSettings("log10", trials=0, jobs=1, dual_step=steps)
    finished_job(project, "dual-step", DualStepTask(inputs, SplitSettings("random", 2), fit, singles=("ridge",)))
    return project
