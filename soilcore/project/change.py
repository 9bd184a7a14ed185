"""The tasks that compare maps: settings in, facts out, and a run file beside the result."""

from dataclasses import replace

from soilcore.core.files import write_json
from soilcore.core.progress import part, silent
from soilcore.project.chain import check_offset, open_inputs, region_of, without_water
from soilcore.project.steps import run_file


def change(task, report=silent):
    """Compare maps of several dates."""
    from soilcore.mapping.change import MARKER, ChangeSettings, change_maps
    from soilcore.mapping.persistence import PersistenceSettings

    lasting = PersistenceSettings(task.low_max, task.high_min, task.stable_share, task.draws, task.seed)
    settings = ChangeSettings(
        task.out,
        task.dates,
        task.scheme,
        task.edges,
        task.correlation,
        lasting,
        task.level,
        task.window,
        overwrite=task.overwrite,
        false_changes=task.false_changes,
    )
    return change_maps(task.maps, settings, _run_file("change", task, MARKER), report)


def scenario(task, report=silent):
    """Map a saved model with changed predictors."""
    from soilcore.explanation.scenario import MARKER, ScenarioSettings, map_scenario
    from soilcore.features.derived import as_trained
    from soilcore.features.recipe import FeatureRecipe, check_same_scaling
    from soilcore.features.source import FeatureSource
    from soilcore.models.archive import load_model

    model = load_model(task.model_dir)
    recipe = FeatureRecipe.from_dict(model.recipe)
    opened = open_inputs(replace(task.inputs, samples=None, features=as_trained(task.inputs.features, recipe)), part(report, 0, 0.1))
    source = FeatureSource(recipe, opened.scene, opened.covariates, opened.climate, task.date)
    if recipe.needs_scene and source.scene is not None:
        check_offset(task.inputs.scene, source.scene, "A scenario of it would be wrong.")
        check_same_scaling(recipe, source.scene)
    inputs, said = without_water(task.inputs, source.scene)
    settings = ScenarioSettings(
        task.out,
        task.set,
        task.interval,
        task.classes,
        task.correlation,
        task.window,
        task.stride,
        device=task.device,
        overwrite=task.overwrite,
    )
    region = region_of(inputs, source.grid, source.scene)
    facts = map_scenario(model, source, settings, region, _run_file("scenario", task, MARKER), part(report, 0.1, 0.9))
    return {**facts, "assumed": (*opened.assumed, *source.assumed, *said, *facts["assumed"])}


def _run_file(kind, task, name):
    """Writes the run file into the folder of a result before it appears."""

    def write(folder, facts):
        write_json(folder / name, {**run_file(kind, task), "result": facts})

    return write
