"""Fitted networks as plain words, numbers and tensors, and back. Loading builds our own modules and fills them; nothing a file names is run."""

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.models.neural_fitting import check_torch
from soilcore.models.neural_inputs import FAMILIES
from soilcore.models.neural_scaling import TargetScale
from soilcore.models.training_history import History

_EMBEDDING = "embedding_mean"
_LARGEST_SETTING = 100_000  # of a whole number: more channels, points or layers no network of ours has
_UNTOUCHED = "Take an untouched copy of the folder, or train again."


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
        If tensors are missing, unknown, of another shape or type than the network's, or not finite.
    """
    from soilcore.features.surroundings import NetworkNeeds

    check_torch()
    arrays = reader.arrays(learned["arrays"])
    learner.inputs_ = FAMILIES[learner.profile.family].rebuilt(learned["inputs"], arrays)
    learner.scale_ = TargetScale.from_dict(learned["scale"])
    learner.needs_ = None if learned["needs"] is None else NetworkNeeds.from_dict(learned["needs"])
    learner.history_ = tuple(History.from_dict(one) for one in learned["history"])
    learner.facts_ = dict(learned["facts"])
    learner.embedding_mean_ = np.asarray(arrays[_EMBEDDING], float)
    if not learned["members"]:
        raise ModelError(f"The model holds no network. {_UNTOUCHED}")
    options = _checked_options(learner, learned["options"])
    learner.members_ = tuple(_network(learner.profile.kind, options, reader.tensors(name), name) for name in learned["members"])


def _checked_options(learner, options):
    """Arguments of the constructor that a file gives, where they are plain, not absurd, and fit what the model reads."""
    if not isinstance(options, dict):
        raise ModelError(f"The model does not say how its network is built. {_UNTOUCHED}")
    for name, value in options.items():
        numbers = value if isinstance(value, list) else [value]
        if any(not isinstance(one, (bool, int, float, str, type(None))) for one in numbers):
            raise ModelError(f"The model's network has a setting {name} = {value!r}, which is no plain value. {_UNTOUCHED}")
        if any(isinstance(one, (int, float)) and not abs(one) <= _LARGEST_SETTING for one in numbers):
            raise ModelError(f"The model's network has a setting {name} = {value!r}, far beyond any network of ours. {_UNTOUCHED}")
    wanted = learner.inputs_.options
    if differing := [name for name, value in wanted.items() if name in options and options[name] != value]:
        raise ModelError(
            f"The model's network is built for {differing[0]} = {options[differing[0]]!r}, but its inputs ask for {wanted[differing[0]]!r}. {_UNTOUCHED}"
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
        raise ModelError(f"{name} holds a tensor {unknown[0]!r} that this network does not have. {_UNTOUCHED}")
    if missing := sorted(set(expected) - set(tensors)):
        raise ModelError(f"{name} lacks the tensor {missing[0]!r} of this network. {_UNTOUCHED}")
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape or tensor.dtype != expected[key].dtype:
            raise ModelError(
                f"{name}: the tensor {key!r} has shape {tuple(tensor.shape)} and type {tensor.dtype}, but the network needs "
                f"{tuple(expected[key].shape)} and {expected[key].dtype}. {_UNTOUCHED}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{name}: the tensor {key!r} holds values that are no finite numbers. {_UNTOUCHED}")
    with own_randomness("cpu"):
        network = build_network(kind, options)
    network.load_state_dict(tensors)
    return network.eval()
