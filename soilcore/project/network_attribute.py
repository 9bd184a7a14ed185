"""On what the predictions of a trained network rest: attributions of bands, indices, layers of the window and months of climate."""

from dataclasses import replace

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part, silent
from soilcore.project.chain import check_usable, open_inputs
from soilcore.project.network_inputs import surroundings_for_model


def attribute(task, report=silent):
    """Attributions by expected gradients, summed over the cells of a window; of the samples a model was trained on or of others.

    Parameters
    ----------
    task : NetworkAttributeTask
    report : Report

    Returns
    -------
    dict
        As `soilcore.explanation.networks.network_explanation`, with ``model``, ``target``, ``unit`` and ``assumed``.

    Raises
    ------
    SettingsError
        If the model is no network that reads windows, or too few samples are asked for.
    """
    from soilcore.explanation.networks import network_explanation
    from soilcore.models.archive import load_model

    if task.samples < 3 or task.draws < 2:
        raise SettingsError(f"Attributions need 3 samples and 2 draws or more; got {task.samples} and {task.draws}.")
    model = load_model(task.model_dir)
    if not getattr(model.learner, "uses_surroundings", False):
        raise SettingsError(
            f"{model.name!r} is no network that reads windows of imagery, so it has no attributions by gradients. Name the folder of one."
        )
    table, around, said = _samples(task, model, part(report, 0, 0.2))
    model.learner.device = task.device
    rows = np.sort(np.random.default_rng(task.seed).permutation(len(table))[: task.samples])
    explained = network_explanation(
        model.learner,
        table.X.iloc[rows],
        table.X,
        around.take(rows),
        around,
        draws=task.draws,
        baselines=min(task.baselines, max(1, len(table) // 2)),
        window=task.window,
        seed=task.seed,
        report=part(report, 0.2, 0.8),
    )
    return {"model": model.name, "target": model.target["column"], "unit": model.target["unit"], **explained, "assumed": said}


def _samples(task, model, report):
    """Predictors and surroundings of the samples, cut as in training."""
    from soilcore.features.derived import as_trained
    from soilcore.features.recipe import FeatureRecipe, check_same_scaling
    from soilcore.features.table import make_table

    recipe = FeatureRecipe.from_dict(model.recipe)
    opened = open_inputs(replace(task.inputs, features=as_trained(task.inputs.features, recipe)), report)
    check_usable(opened)
    check_same_scaling(recipe, opened.scene)
    table = make_table(recipe, opened.samples, opened.scene, opened.covariates, climate=opened.climate)
    table, around, lost = surroundings_for_model(model, recipe, table, opened, report)
    return table, around, (*opened.assumed, *lost)
