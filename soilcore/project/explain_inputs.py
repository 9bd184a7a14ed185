"""What an explanation reads: the samples a model was trained on or others, and the imagery of a pixel or of maps."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError
from soilcore.core.progress import part, silent
from soilcore.core.settings import from_plain
from soilcore.project.chain import check_offset, check_usable, left_out, open_inputs, places_in_plane, region_of, without_water
from soilcore.project.network_inputs import surroundings_for_model

_TRAINING = "the training samples"
_KEPT = "training samples kept with the model"
_IMAGERY_OF_TRAINING = "the imagery of training, because no other was given"
_NAME_THEM = "Name the samples and, where the model reads it, the imagery (SAMPLES, --scene ...)"


@dataclass(frozen=True)
class ToExplain:
    """Samples whose predictions are explained.

    Parameters
    ----------
    X : pandas.DataFrame of shape (n_samples, n_features)
    coordinates : ndarray of float, shape (n_samples, 2), or Surroundings, or None
        Metres on the model's plane; for networks with what lies around the samples.
    of : str
        What they are, in words.
    table : FeatureTable or None
        None for samples that were kept with the model.
    opened : Opened or None
    inputs : InputSettings or None
    training : TrainTask or None
        How the model was trained, where these are its training samples, unchanged.
    said : tuple of str
    """

    X: object
    coordinates: object
    of: str
    table: object = None
    opened: object = None
    inputs: object = None
    training: object = None
    said: tuple[str, ...] = ()


def training_of(model, model_dir):
    """How a model was trained, if every file it was trained on is still where it was, unchanged.

    Parameters
    ----------
    model : FittedModel
    model_dir : path

    Returns
    -------
    TrainTask or None
    why : str
        Why there is none; empty else. A file that a model folder names is opened only after its content was found to be what was hashed in training.
    """
    task, hashes = _recorded(model, model_dir)
    if task is None:
        return None, "the model folder does not say, in a way this version reads, on which files it was trained"
    for name, expected in hashes.items():
        if not Path(name).is_file():
            return None, f"{name!r}, which it was trained on, is not there"
        if fingerprint.of_file(name) != expected:
            return None, f"{name!r} is not the file any more that it was trained on"
    return (task, "") if _names_no_other(task, hashes) else (None, "the model folder names files that it was not trained on")


def with_inputs_of_training(task, model, needs_samples=True):
    """The task with the samples and the imagery of training where it names neither, so that its run file tells what was read.

    Parameters
    ----------
    task : ExplainTask
    model : FittedModel
    needs_samples : bool
        Whether samples are read at all.

    Returns
    -------
    task : ExplainTask
        As it was, where something is named or the files of training are not there.
    said : tuple of str
    """
    inputs = task.inputs
    if inputs.samples is not None or inputs.scene is not None or _names_rasters(inputs.features):
        return task, ()
    training, _ = training_of(model, task.model_dir)
    if training is None:
        return task, ()
    samples = training.inputs.samples if needs_samples else None
    reads_rasters = bool(task.at or task.maps)
    inputs = replace(training.inputs, samples=samples, aoi=inputs.aoi, mask=inputs.mask)
    return replace(task, inputs=inputs), (_IMAGERY_OF_TRAINING,) if reads_rasters else ()


def samples_to_explain(task, model, report=silent):
    """The samples that were asked for, else those of training, else those that were kept with the model.

    Parameters
    ----------
    task : ExplainTask
    model : FittedModel
    report : Report

    Returns
    -------
    ToExplain

    Raises
    ------
    SettingsError
        If the training samples of a network cannot be found: it keeps none.
    """
    if task.inputs.samples is not None:
        inputs, training = _as_in_training(task, model)
        of = f"the samples of {Path(inputs.samples).name}" if training is None else _TRAINING
        return replace(_opened(inputs, model, of, report), training=training)
    training, why = training_of(model, task.model_dir)
    if training is not None:
        return replace(_opened(training.inputs, model, _TRAINING, report), training=training)
    if getattr(model.learner, "uses_surroundings", False):
        raise SettingsError(f"The network keeps no training samples, and {why}. {_NAME_THEM}, or work in the folder it was trained in.")
    return _kept(model, why)


def source_to_explain(task, model, report=silent):
    """Imagery and covariates of a pixel or of maps: those that were given, else those of training.

    Parameters
    ----------
    task : ExplainTask
    model : FittedModel
    report : Report

    Returns
    -------
    source : FeatureSource
    opened : Opened
    region : Region or None
    said : tuple of str
    """
    from soilcore.features.recipe import FeatureRecipe, check_same_scaling
    from soilcore.features.source import FeatureSource

    inputs, said = _rasters(task, model)
    recipe = FeatureRecipe.from_dict(model.recipe)
    inputs = replace(inputs, samples=None, features=_as_trained(inputs, recipe))
    opened = open_inputs(inputs, report)
    source = FeatureSource(recipe, opened.scene, opened.covariates, opened.climate, task.date)
    if recipe.needs_scene and source.scene is not None:
        check_offset(inputs.scene, source.scene, "Predictions from it would be wrong.")
        check_same_scaling(recipe, source.scene)
    inputs, more = without_water(inputs, source.scene)
    return source, opened, region_of(inputs, source.grid, source.scene), (*said, *opened.assumed, *source.assumed, *more)


def _as_in_training(task, model):
    """Inputs as given, with the table read as in training where it is the very file of training; and how the model was trained then."""
    inputs = task.inputs
    trained, hashes = _recorded(model, task.model_dir)
    if trained is None or not Path(inputs.samples).is_file() or fingerprint.of_file(inputs.samples) != hashes[trained.inputs.samples]:
        return inputs, None
    return replace(inputs, table=trained.inputs.table), trained


def _rasters(task, model):
    """Settings that name imagery or covariates."""
    inputs = task.inputs
    if inputs.scene is not None or _names_rasters(inputs.features):
        return inputs, ()
    training, why = training_of(model, task.model_dir)
    if training is None:
        raise SettingsError(f"No imagery was given, and that of training cannot be taken: {why}. Name the image with --scene.")
    return replace(training.inputs, aoi=inputs.aoi, mask=inputs.mask), (_IMAGERY_OF_TRAINING,)


def _names_rasters(features):
    return bool(features.covariates or features.dem or features.distances or features.series)


def _as_trained(inputs, recipe):
    """Derived predictors as the recipe made them; no others, whatever the training looked at."""
    from soilcore.features.derived import as_trained

    return as_trained(inputs.features, recipe)


def _opened(inputs, model, of, report):
    """Predictors of samples as the model's recipe makes them; a target is not needed."""
    from soilcore.features.recipe import FeatureRecipe, check_same_scaling
    from soilcore.features.table import make_table

    recipe = FeatureRecipe.from_dict(model.recipe)
    inputs = replace(inputs, features=_as_trained(inputs, recipe))
    opened = open_inputs(inputs, part(report, 0, 0.7))
    check_usable(opened)
    if recipe.needs_scene and opened.scene is not None:
        check_offset(inputs.scene, opened.scene, "Predictions from it would be wrong.")
        check_same_scaling(recipe, opened.scene)
        recipe = replace(recipe, table_roles=())
    needs_target = opened.samples.target is not None
    table = make_table(recipe, opened.samples, opened.scene, opened.covariates, need_target=needs_target, climate=opened.climate)
    lost = left_out(table, opened.samples)
    table, around, said = surroundings_for_model(model, recipe, table, opened, part(report, 0.7, 0.3))
    coordinates = places_in_plane(model, table) if around is None else around
    return ToExplain(table.X, coordinates, of, table, opened, inputs, said=(*opened.assumed, *lost, *said))


def _kept(model, why):
    """The background samples of a model folder."""
    import pandas as pd

    from soilcore.explanation.background import background_of

    kept = background_of(model)
    X = pd.DataFrame(kept.rows, columns=list(model.feature_names))
    said = f"{len(X)} {_KEPT}, because {why}. {_NAME_THEM} to explain others"
    return ToExplain(X, kept.places, _KEPT, said=(said, *([kept.note] if kept.note else ())))


def _recorded(model, model_dir):
    """How a model folder says it was trained, and the sha256 of each file it was trained on; (None, {}) if it does not say. No file is opened."""
    from soilcore.project.settings import TrainTask

    try:
        document = json.loads((Path(model_dir) / "run.json").read_text(encoding="utf-8"))
        hashes, task = document["inputs"], from_plain(TrainTask, model.provenance.get("settings"))
        if task.inputs.samples not in hashes:  # a model that came in an archive: its run file has the places there
            task = from_plain(TrainTask, document["steps"][-1]["settings"])
    except (OSError, ValueError, KeyError, IndexError, TypeError, SettingsError):
        return None, {}
    return (task, hashes) if isinstance(hashes, dict) and task.inputs.samples in hashes else (None, {})


def _names_no_other(task, hashes):
    """Whether every file that the settings name is among those whose content was checked."""
    from soilcore.project.steps import input_files

    return set(input_files(task)) <= set(hashes)
