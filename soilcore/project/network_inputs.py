"""What networks read beside the table: windows and months at the samples, and where unfinished training is kept."""

import shutil
import time
from contextlib import contextmanager, suppress

import numpy as np

from soilcore.core import fingerprint
from soilcore.core.progress import part, silent
from soilcore.core.projection import metric_plane
from soilcore.core.settings import to_plain
from soilcore.features.derived import cache_folder
from soilcore.features.source import FeatureSource
from soilcore.features.surroundings import PlacesElsewhere, layer_recipe, make_surroundings
from soilcore.models.network_needs import is_image_network, network_needs

_KEPT_SECONDS = 30 * 24 * 3600
_NOT_THE_RESULT = ("out", "overwrite", "resume", "permutations", "predictions")


def surroundings_of(names, settings, table, opened, report=silent):
    """Windows and months for every network among some learners.

    Every learner is fitted to the same samples: one that any network cannot use is left out for all.

    Parameters
    ----------
    names : tuple of str
        Learners as typed.
    settings : NetworkSettings
    table : FeatureTable
    opened : Opened
    report : Report

    Returns
    -------
    table : FeatureTable
        The samples that remain.
    surroundings : dict of str to Surroundings
    said : tuple of str
    """
    networks = [name for name in names if is_image_network(name)]
    found, said, cut, keep = {}, [], {}, None
    for number, name in enumerate(networks):
        needs, without = network_needs(name, table.recipe, opened.climate, settings)
        mine = part(report, number / len(networks), 1 / len(networks))
        found[name], usable, lost = make_surroundings(needs, table.recipe, table, opened, mine, cut)
        if settings.pretrain and needs.sequence is not None:
            found[name], more = _with_places_elsewhere(found[name], settings.pretrain_places, table, opened)
            without = (*without, *more)
        keep = usable if keep is None else keep & usable
        said += [*without, *lost]
    if keep is None or keep.all():
        return table, found, tuple(dict.fromkeys(said))
    return table.take(keep), {name: each.take(keep) for name, each in found.items()}, tuple(dict.fromkeys(said))


def _with_places_elsewhere(surroundings, count, table, opened):
    """Windows and months of places of the map that nobody sampled, for networks that first learn without a target."""
    from soilcore.features.map_points import map_points

    recipe = layer_recipe(table.recipe, surroundings.needs.patches[0].layers)
    points = map_points(FeatureSource(recipe, opened.scene if recipe.needs_scene else None, opened.covariates, None, table.latest_day), most=count)
    if points is None:
        return surroundings, ("no place of the map has imagery to learn from without a target",)
    places = np.column_stack([points.x, points.y])
    known = () if table.days is None else np.unique(table.days[~np.isnat(table.days)])
    days = np.resize(known, len(places)) if len(known) else None
    elsewhere = PlacesElsewhere(places, points.crs, days)
    plane = metric_plane(*table.places.T, table.crs)
    found, usable, _ = make_surroundings(surroundings.needs, table.recipe, elsewhere, opened, plane=plane)
    found = found.take(usable)
    return surroundings.with_places_elsewhere(found), (f"pre-training also sees {len(found)} places without samples, spread over the map",)


def surroundings_for_model(model, recipe, table, opened, report=silent):
    """Windows and months of other samples for a fitted network, cut as in its training; for other learners the table as it is.

    Parameters
    ----------
    model : FittedModel
    recipe : FeatureRecipe
    table : FeatureTable
    opened : Opened
    report : Report

    Returns
    -------
    table : FeatureTable
    surroundings : Surroundings or None
    said : tuple of str
    """
    if not getattr(model.learner, "uses_surroundings", False):
        return table, None, ()
    found, usable, said = make_surroundings(model.learner.needs_, recipe, table, opened, report)
    return table.take(usable), found.take(usable), said


@contextmanager
def unfinished_training(task, inputs, resume):
    """Keep what networks have learned while a task runs, so that one that was killed can be taken up again.

    Parameters
    ----------
    task : dataclass
        Its settings; the same settings, inputs and versions find the same place again.
    inputs : dict of str to str
        Hash of every input file.
    resume : bool
        Whether to go on from what is there; else it is begun anew.
    """
    from soilcore.models.checkpoints import keeping_checkpoints
    from soilcore.project.chain import versions

    settings = {name: value for name, value in to_plain(task).items() if name not in _NOT_THE_RESULT}
    shelf = cache_folder() / "training"
    _forget_old(shelf)
    made_of = {"task": type(task).__name__, "settings": settings, "inputs": inputs, "versions": versions()}  # other code may train otherwise
    folder = shelf / fingerprint.of_settings(made_of)[:32]
    with keeping_checkpoints(folder, resume):
        yield


def _forget_old(shelf):
    """Drop what nobody took up again for a month."""
    for folder in shelf.glob("*/"):
        with suppress(OSError):
            if time.time() - max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))) > _KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
