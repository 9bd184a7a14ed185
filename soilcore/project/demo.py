"""The demo project: the synthetic coast with a trained model and its map, made once, copied for each person.

Nothing is shipped as a binary: the template is made on this machine by the same tasks a user would run.
"""

import shutil
from contextlib import chdir
from pathlib import Path

from soilcore.core.errors import SettingsError
from soilcore.core.files import written_whole
from soilcore.core.progress import part, silent
from soilcore.project.folder import Project

TITLE = "Demo: salt on a coastal plain"
TEMPLATE = ".demo-template"
MODEL, MAP = "demo-stack", "demo-map"
SAMPLES = 240  # with the 95 of the paper's campaign, a stack hardly learns this plain: true, but a poor first example
DATES, YEARS, CLIMATE, WATER = "dates-2025", "years-2019-2025", "terraclimate", "water.gpkg"
_PLACES = {
    "samples.csv": "samples/samples.csv",
    "scene.tif": "scenes/scene.tif",
    "dem.tif": "covariates/dem.tif",
    "fields.gpkg": "regions/fields.gpkg",
    "dates": f"scenes/{DATES}",
    "years": f"scenes/{YEARS}",
    "climate": f"climate/{CLIMATE}",
}


def ensure_template(workspace, report=silent):
    """Make the demo project once; later calls return at once.

    Parameters
    ----------
    workspace : path
        Folder that holds projects; the template is hidden in it.
    report : Report

    Returns
    -------
    pathlib.Path
        Folder of the template.
    """
    template = Path(workspace) / TEMPLATE
    if (template / "project.json").is_file():
        return template
    template.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(template) as temporary:
        _make(temporary, report)
    return template


def new_demo(workspace, report=silent):
    """Give somebody a demo project of their own.

    Returns
    -------
    Project
        A copy of the template under a fresh id.
    """
    template = ensure_template(workspace, report)
    project = Project.create(workspace, TITLE)
    _copy(template, project)
    return project


def demo_project(task, report=silent):
    """Give somebody a demo project, as a task."""
    return {"project": new_demo(task.workspace, report).id}


def reset_demo(project):
    """Bring a demo project back to how it started.

    Raises
    ------
    SettingsError
        If the project is not a demo.
    """
    if project.title != TITLE:
        raise SettingsError(f"{project.title!r} is not the demo, so it is not reset.")
    template = ensure_template(project.folder.parent)
    _copy(template, project)


def _copy(template, project):
    with written_whole(project.folder) as temporary:
        shutil.copytree(template, temporary)


def _make(folder, report):
    from soilcore.data.landscape_files import make_coast

    project = Project.create(folder.parent, TITLE, folder=folder)
    scratch = folder / "landscape"
    make_coast(scratch, samples=SAMPLES, report=part(report, 0, 0.2))
    for name, place in _PLACES.items():
        shutil.move(scratch / name, folder / place)
    _write_water(scratch / "truth" / "water.tif", project.part("vectors") / WATER)
    with chdir(folder):  # paths in a project are relative to it, so that it can be moved; only a worker or the command line comes here
        _train(part(report, 0.2, 0.7))
        _map(part(report, 0.9, 0.1))
    project.remember(sample_file="samples.csv", scene_files=["scene.tif"], target="ece_dS_m", model=MODEL, map=MAP, climate=CLIMATE)


def _write_water(raster, out):
    """Sea, canals and ponds as areas, for distances to be measured to."""
    import rasterio
    from geopandas import GeoDataFrame
    from rasterio.features import shapes
    from shapely.geometry import shape

    with rasterio.open(raster) as source:
        water = source.read(1)
        areas = [shape(outline) for outline, _ in shapes(water, mask=water > 0, transform=source.transform)]
        GeoDataFrame(geometry=areas, crs=source.crs).to_file(out, layer="water", driver="GPKG")


def _inputs(samples=None):
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.samples import SampleSettings
    from soilcore.features.recipe import DEFAULT_INDEX_SETS, FeatureSettings
    from soilcore.project.settings import InputSettings

    features = FeatureSettings(bands=True, index_sets=DEFAULT_INDEX_SETS, covariates=("covariates/dem.tif",))
    mask = None if samples else "water"
    return InputSettings(samples, SampleSettings(target="ece_dS_m"), SceneSettings(("scenes/scene.tif",)), features, mask=mask)


def _train(report):
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.models.settings import FitSettings
    from soilcore.project.scoring import train
    from soilcore.project.settings import TrainTask

    task = TrainTask(_inputs("samples/samples.csv"), "stacking", f"models/{MODEL}", SplitSettings("knndm", folds=5), FitSettings("log1p", trials=0))
    train(task, report)


def _map(report):
    from soilcore.project.settings import MapTask
    from soilcore.project.steps import map_model

    map_model(MapTask(f"models/{MODEL}", f"maps/{MAP}/map.tif", _inputs(), classes="usda", interval=0.9, thresholds=(4.0,), aoa=True), report)
