"""Fitted networks as plain words, numbers and tensors, and back. Loading builds our own modules and fills them; nothing a file names is run."""

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.core.stored import UNTOUCHED, checked_list, checked_names, checked_record
from soilcore.models.network_needs import IMAGE, WINDOW
from soilcore.models.neural_fitting import MOST_MEMBERS, check_torch
from soilcore.models.neural_inputs import FAMILIES
from soilcore.models.neural_scaling import TargetScale
from soilcore.models.stored_network_checks import check_embedding, check_facts, check_inputs, check_needs, check_scale, check_scalings, check_settings
from soilcore.models.training_history import History

_EMBEDDING = "embedding_mean"
_LARGEST_SETTING = 100_000  # of a whole number: more channels, points or layers no network of ours has
_PARTS = ("options", "members", "inputs", "arrays", "scale", "needs", "history", "facts")


def write_network(learner, writer, prefix):
    """What a `NetworkLearner` or `SpectraNetwork` learned."""
    facts, arrays = learner.inputs_.stored()
    return {
        "options": learner.members_[0].settings,
        "members": [writer.add_tensors(f"{prefix}.member{number}", network.state_dict()) for number, network in enumerate(learner.members_)],
        "inputs": facts,
        "arrays": writer.add_arrays(f"{prefix}.scaling", arrays | {_EMBEDDING: learner.embedding_mean_}),
        "scale": learner.scale_.to_dict(),
        "needs": None if learner.needs_ is None else learner.needs_.to_dict(),
        "history": [history.to_dict() for history in learner.history_],
        "facts": learner.facts_,
    }


def read_network(learner, learned, reader):
    """Give a `NetworkLearner` or `SpectraNetwork` back what it learned.

    Raises
    ------
    ModelError
        If tensors are missing, unknown, of another shape or type than the network's, or not finite; if windows, months, channels, scales, members
        or the course of training are such as no training gives.
    """
    from soilcore.features.surroundings import NetworkNeeds

    check_torch()
    checked_record(learned, "network", _PARTS)
    check_settings(learner)
    arrays = reader.arrays(learned["arrays"])
    check_inputs(learner, learned["inputs"])
    learner.inputs_ = FAMILIES[learner.profile.family].rebuilt(learned["inputs"], arrays)
    check_scalings(learner.inputs_)
    learner.needs_ = None if learned["needs"] is None else NetworkNeeds.from_dict(learned["needs"])
    sizes = check_needs(learner)
    check_scale(learned["scale"])
    learner.scale_ = TargetScale.from_dict(learned["scale"])
    members = _checked_members(learner, learned["members"])
    courses = checked_list(learned["history"], "courses of training", len(members), len(members))
    learner.history_ = tuple(History.from_dict(one) for one in courses)
    check_facts(learned["facts"], learner)
    learner.facts_ = dict(learned["facts"])
    options = _checked_options(learner, learned["options"], sizes)
    learner.members_ = tuple(_network(learner.profile.kind, options, reader.tensors(name), name) for name in members)
    if _EMBEDDING not in arrays:
        raise ModelError(f"The model lacks the mean of its learned features. {UNTOUCHED}")
    learner.embedding_mean_ = np.asarray(arrays[_EMBEDDING], float)
    check_embedding(learner.embedding_mean_, learner.members_[0])


def _checked_members(learner, members):
    """Names of the files of the members: as many as the settings say."""
    if isinstance(members, list) and not members:
        raise ModelError(f"The model holds no network. {UNTOUCHED}")
    files = checked_names(checked_list(members, "networks", 1, MOST_MEMBERS), "files of its networks")
    if len(files) != learner.settings.members:
        raise ModelError(f"The model holds {len(files)} networks, but its settings say {learner.settings.members!r}. {UNTOUCHED}")
    return files


def _checked_options(learner, options, sizes):
    """Arguments of the constructor that a file gives, where they are plain, not absurd, and fit what the model reads."""
    if not isinstance(options, dict):
        raise ModelError(f"The model does not say how its network is built. {UNTOUCHED}")
    for name, value in options.items():
        numbers = value if isinstance(value, list) else [value]
        if any(not isinstance(one, (bool, int, float, str, type(None))) for one in numbers):
            raise ModelError(f"The model's network has a setting {name} = {value!r}, which is no plain value. {UNTOUCHED}")
        if any(isinstance(one, (int, float)) and not abs(one) <= _LARGEST_SETTING for one in numbers):
            raise ModelError(f"The model's network has a setting {name} = {value!r}, far beyond any network of ours. {UNTOUCHED}")
    window = sizes.get({"soilnet": IMAGE, "sssoilnet": WINDOW}.get(learner.profile.family)) if "size" in options else None
    wanted = {**learner.inputs_.options, **learner.profile.options, **({} if window is None else {"size": window})}
    if differing := [name for name, value in wanted.items() if options.get(name) != value]:
        raise ModelError(
            f"The model's network is built for {differing[0]} = {options.get(differing[0])!r}, but its inputs ask for {wanted[differing[0]]!r}. {UNTOUCHED}"
        )
    return options


def _network(kind, options, tensors, name):
    """A network with the tensors of one part; names, shapes and types are compared before anything large is made."""
    import torch

    from soilcore.models.networks import build_network
    from soilcore.models.torch_device import own_randomness

    with own_randomness("cpu"), torch.device("meta"):  # shapes without memory
        expected = build_network(kind, options).state_dict()
    if unknown := sorted(set(tensors) - set(expected)):
        raise ModelError(f"{name} holds a tensor {unknown[0]!r} that this network does not have. {UNTOUCHED}")
    if missing := sorted(set(expected) - set(tensors)):
        raise ModelError(f"{name} lacks the tensor {missing[0]!r} of this network. {UNTOUCHED}")
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape or tensor.dtype != expected[key].dtype:
            raise ModelError(
                f"{name}: the tensor {key!r} has shape {tuple(tensor.shape)} and type {tensor.dtype}, but the network needs "
                f"{tuple(expected[key].shape)} and {expected[key].dtype}. {UNTOUCHED}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{name}: the tensor {key!r} holds values that are no finite numbers. {UNTOUCHED}")
    with own_randomness("cpu"):
        network = build_network(kind, options)
    network.load_state_dict(tensors)
    return network.eval()
