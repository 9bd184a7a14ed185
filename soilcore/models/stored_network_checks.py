"""Whether what a model folder says of a network can be: windows, months, channels, scales, members. Nothing is built before it was looked at."""

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.core.stored import UNTOUCHED, checked_list, checked_names, checked_number, checked_record, checked_text, checked_whole
from soilcore.models.network_needs import CENTRE, CENTRE_CELLS, IMAGE, WINDOW, least_patch

_MOST_COLUMNS = 10_000_000
_FEWEST_POINTS = 5  # of a spectrum that still leaves the network one block
_HUGE, _MOST_THREADS = 10**12, 100_000
_SETS = ("vegetation", "bare", "water")
_WHOLE_FACTS, _TEXT_FACTS = ("parameters", "members", "batch", "samples"), ("network", "precision", "target", "too_few")


def check_settings(learner):
    """Refuse settings of a learner from a file that training would have refused.

    Parameters
    ----------
    learner : NetworkBase
        Not yet filled.

    Raises
    ------
    ModelError
    """
    checked_whole(learner.jobs, "number of threads", 1, _MOST_THREADS)
    checked_number(learner.smearing, "factor of the back-transformed target", above=0.0)
    if (learner.profile.family == "spectra") == learner.uses_surroundings:
        other = "reads spectra" if learner.uses_surroundings else "reads windows of imagery"
        raise ModelError(f"The model is stored as another kind of network than {learner.name!r}, which {other}. {UNTOUCHED}")


def check_inputs(learner, facts):
    """Refuse a description of the inputs that does not fit the family or the predictors of a learner.

    Parameters
    ----------
    learner : NetworkBase
        With ``n_features_in_``.
    facts : object
        As ``stored`` of its inputs gives them.

    Raises
    ------
    ModelError
    """
    columns = checked_whole(learner.n_features_in_, "number of predictors", 1, _MOST_COLUMNS)
    family = learner.profile.family
    if family == "spectra":
        length = checked_whole(
            checked_record(facts, "description of its inputs", ("length",))["length"], "number of points of a spectrum", _FEWEST_POINTS, _MOST_COLUMNS
        )
        if length != columns:
            raise ModelError(f"The model's network reads {length} points, but the model has {columns} predictors. {UNTOUCHED}")
    elif family == "soilnet":
        checked_record(facts, "description of its inputs", ("layers", "variables"))
        checked_names(facts["layers"], "layers of the window")
        checked_names(facts["variables"], "variables of climate", least=0)
    else:
        checked_record(facts, "description of its inputs", ("layers", "bands", *_SETS, "columns", "ndvi"))
        _check_tables(facts, columns, learner.profile.options.get("parts", "full"))


def _check_tables(facts, columns, parts):
    """Layers and bands of an SS-SoilNet, and its indices among the columns of the table."""
    for name in ("layers", "bands", *_SETS):
        checked_names(facts[name], name, least=0)
    for name, among in (("layers", ("full", "stack")), ("bands", ("full", "stack", "spec_index"))):
        if bool(facts[name]) != (parts in among):
            raise ModelError(f"The model's network has {len(facts[name])} {name}, which this kind of network cannot have. {UNTOUCHED}")
    wanted = sum(len(facts[name]) for name in _SETS)
    for column in checked_list(facts["columns"], "columns of its indices", wanted, wanted):
        checked_whole(column, "column of an index", 0, columns - 1)
    if facts["ndvi"] is not None:
        checked_whole(facts["ndvi"], "column of NDVI", 0, columns - 1)
    elif not {"R", "N"} <= set(facts["bands"]):
        raise ModelError(f"The model's network weighs its branches by NDVI, but names neither its column nor the bands R and N. {UNTOUCHED}")


def check_scalings(inputs):
    """Refuse scalings of another number of channels than the inputs have, or whose limits are none.

    Raises
    ------
    ModelError
    """
    wanted = {"image": "layers", "climate": "variables", "window": "layers", "spectrum": "bands", "indices": "columns"}
    for name, channels in wanted.items():
        scaling = getattr(inputs, name, None)
        if scaling is None:
            continue
        if scaling.shift.size != len(getattr(inputs, channels)):
            raise ModelError(f"The model scales {scaling.shift.size} channels of its {name}, but has {len(getattr(inputs, channels))}. {UNTOUCHED}")
        if not scaling.low < scaling.high:
            raise ModelError(f"The model's scaling of its {name} is limited to {scaling.low:g} to {scaling.high:g}, which holds nothing. {UNTOUCHED}")


def check_needs(learner):
    """Refuse windows and months that are not those the inputs of a learner read, or that its network cannot work on.

    Parameters
    ----------
    learner : NetworkBase
        With ``inputs_`` and ``needs_``.

    Returns
    -------
    dict of str to int
        Side of each window in cells.

    Raises
    ------
    ModelError
    """
    inputs, needs, family = learner.inputs_, learner.needs_, learner.profile.family
    if (needs is None) != (family == "spectra"):
        said = "names windows, but its network reads spectra" if needs is not None else "does not say which windows its network reads"
        raise ModelError(f"The model {said}. {UNTOUCHED}")
    if needs is None:
        return {}
    found = {need.name: need for need in needs.patches}
    read = {IMAGE: inputs.layers} if family == "soilnet" else {WINDOW: inputs.layers, CENTRE: inputs.bands}
    for name, layers in read.items():
        if layers and (name not in found or found[name].layers != layers):
            given = ", ".join(found[name].layers) if name in found else "none"
            raise ModelError(f"The model's network reads a window {name!r} of {', '.join(layers)}, but its windows give {given}. {UNTOUCHED}")
    for name, need in found.items():
        if name == CENTRE:
            checked_whole(need.size, f"side of the window {name!r}", CENTRE_CELLS, CENTRE_CELLS)
        elif read.get(name) and need.size < (least := least_patch(learner.name)):
            raise ModelError(f"The model's window {name!r} has {need.size} cells per side, but its network needs at least {least}. {UNTOUCHED}")
    variables = getattr(inputs, "variables", ())
    if variables and (needs.sequence is None or needs.sequence.variables != variables):
        raise ModelError(f"The model's network reads months of {', '.join(variables)}, but it asks for other climate. {UNTOUCHED}")
    return {name: need.size for name, need in found.items()}


def check_scale(values):
    """Refuse numbers of the target's scale that no training gives.

    Raises
    ------
    ModelError
    """
    checked_record(values, "scale of the target", ("name", "shift", "spread", "smearing", "highest"))
    checked_text(values["name"], "name of the target's scale")
    checked_number(values["shift"], "shift of the target")
    checked_number(values["spread"], "spread of the target", above=0.0)
    checked_number(values["smearing"], "factor of the back-transformed target", above=0.0)
    if values["highest"] is not None:
        checked_number(values["highest"], "highest target")


def check_embedding(mean, network):
    """Refuse a mean of learned features that is not one finite number per feature of the network.

    Raises
    ------
    ModelError
    """
    width = int(network.last.weight.shape[1])
    if mean.shape != (width,) or not np.isfinite(mean).all():
        raise ModelError(
            f"The model's mean of learned features has shape {mean.shape} or is not finite; the network has {width} features. {UNTOUCHED}"
        )


def check_facts(facts, learner):
    """Refuse facts that pages and reports could not show; those an older model lacks are not asked for.

    Parameters
    ----------
    facts : object
        As `soilcore.models.neural_facts.facts_of` gives them.
    learner : NetworkBase

    Raises
    ------
    ModelError
    """
    checked_record(facts, "description of its network", ())
    for name in _WHOLE_FACTS:
        checked_whole(facts.get(name, 1), f"fact {name!r}", 0, _HUGE)
    for name in _TEXT_FACTS:
        checked_text(facts.get(name, ""), f"fact {name!r}")
    for name in ("stopped", "notes"):
        for one in checked_list(facts.get(name, []), f"facts {name!r}"):
            checked_text(one, f"fact {name!r}")
    for name in ("epochs", "best_epochs"):
        for one in checked_list(facts.get(name, []), f"facts {name!r}"):
            checked_whole(one, f"fact {name!r}", 0, _HUGE)
    checked_number(facts.get("seconds", 0), "fact 'seconds'", least=0)
    if facts.get("vegetated") is not None:
        checked_number(facts["vegetated"], "share of the branch for vegetated ground", least=0, most=1)
    for name, value in checked_record(facts.get("covariate_weights") or {}, "weights of its covariates", ()).items():
        checked_number(value, f"weight of {name!r}")
    if facts.get("attention") is not None:
        _check_attention(facts["attention"])
    if facts.get("measured") is not None:
        _check_measured(facts["measured"])


def _check_attention(attention):
    checked_record(attention, "attention", ("rows", "columns", "values"))
    rows, columns = (checked_names(attention[name], f"{name} of its attention") for name in ("rows", "columns"))
    for row in checked_list(attention["values"], "values of its attention", len(rows), len(rows)):
        for value in checked_list(row, "values of its attention", len(columns), len(columns)):
            checked_number(value, "attention", least=0)


def _check_measured(measured):
    """Errors beside those of a simpler learner."""
    checked_record(measured, "comparison with a simpler learner", ("reference", "words", "train", "held_out", "network_rmse", "reference_rmse"))
    for name in ("reference", "words"):
        checked_text(measured[name], f"{name!r} of its comparison with a simpler learner")
    for name in ("train", "held_out"):
        checked_whole(measured[name], f"number {name!r} of samples", 0, _HUGE)
    for name in ("network_rmse", "reference_rmse"):
        if measured[name] is not None:
            checked_number(measured[name], f"{name!r}", least=0)
