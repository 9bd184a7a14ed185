"""What a finished map says at one place: its model made ready for clicks, and the sample that lies nearest."""

import numpy as np


def explainer_of_map(task, model=None):
    """The model of a map over the predictors it was mapped with, ready to explain its pixels.

    Parameters
    ----------
    task : MapTask
        As in the run file of the map, with paths that can be opened from here.
    model : FittedModel, optional
        Read from its folder if not given.

    Returns
    -------
    PixelExplainer

    Raises
    ------
    NotAvailableError
        For networks that read windows.
    SettingsError, SceneError, ModelError
        If the model or an input of the map is gone or is another one now.
    """
    from soilcore.explanation.pixel import PixelExplainer
    from soilcore.models.archive import load_model
    from soilcore.project.explain_inputs import source_to_explain
    from soilcore.project.explain_settings import ExplainTask

    model = load_model(task.model_dir) if model is None else model
    asked = ExplainTask(task.model_dir, out="", inputs=task.inputs, date=task.date, classes=task.classes)
    source, _, region, _ = source_to_explain(asked, model)
    level = {} if task.interval is None else {"level": task.interval}
    return PixelExplainer(model, source, classes=task.classes, region=region, **level)


def nearest_place(longitudes, latitudes, longitude, latitude):
    """Which place lies nearest, and how far off it is along the ellipsoid.

    Parameters
    ----------
    longitudes, latitudes : array-like of float, shape (n,)
        Degrees, WGS 84.
    longitude, latitude : float

    Returns
    -------
    number : int
    distance : float
        Metres.
    """
    from pyproj import Geod

    longitudes, latitudes = np.asarray(longitudes, float), np.asarray(latitudes, float)
    _, _, distances = Geod(ellps="WGS84").inv(longitudes, latitudes, np.full(longitudes.shape, longitude), np.full(latitudes.shape, latitude))
    number = int(np.argmin(distances))
    return number, float(distances[number])
