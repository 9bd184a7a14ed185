"""Where a training is: all that is needed to go on from there as if nothing had happened."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from soilcore.core.errors import ModelError
from soilcore.models.training_history import History

_PROBED = 8  # rows of the data that stand for all in the identity


@dataclass
class TrainingState:
    """How far a training has come; between two batches, this, the weights and the optimiser are all there is.

    Every random choice follows from seed, epoch and step, so no generator has a state.
    """

    epoch: int = 0
    step: int = 0  # batches done of this epoch
    losses: float = 0.0  # sum over the rows of these batches
    seconds: float = 0.0  # spent on this epoch before the training was interrupted
    rows: list = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float | None = None
    best_weights: dict = field(default_factory=dict)
    stopped: str = ""
    notes: list = field(default_factory=list)

    def facts(self):
        """JSON values of everything but the weights."""
        return {name: value for name, value in vars(self).items() if name != "best_weights"}


@dataclass(frozen=True)
class Kept:
    """A state that was read: its tensors and its facts."""

    tensors: dict
    facts: dict

    @property
    def finished(self):
        """Whether the training had come to its end."""
        return self.facts["finished"]

    def part(self, name):
        """The tensors of one part: "network", "best" or "optimizer"."""
        return {key.removeprefix(f"{name}/"): values for key, values in self.tensors.items() if key.startswith(f"{name}/")}


def weights_of(network):
    """Copies of all weights and running statistics on the CPU."""
    return {name: values.detach().to("cpu", copy=True, memory_format=torch.contiguous_format) for name, values in network.state_dict().items()}


def identity_of(network, data, target, train, validation, settings):
    """What a checkpoint must have been made of to be gone on from: settings, rows, target, a look at the inputs, and the first weights."""
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    for values in (np.asarray(train, np.int64), np.asarray(validation, np.int64), np.asarray(target, np.float64)):
        digest.update(np.ascontiguousarray(values).tobytes())
    for name, values in sorted(data.batch(np.asarray(train)[:_PROBED]).items()):
        digest.update(f"{name} {np.shape(values)}".encode())
        digest.update(b"" if values is None else np.ascontiguousarray(values, np.float32).tobytes())
    for name, values in weights_of(network).items():
        digest.update(f"{name} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write_state(checkpoint, identity, state, stepper):
    """Keep a training that goes on."""
    optimizer = stepper.optimizer.state_dict()
    tensors = {f"network/{name}": values for name, values in weights_of(stepper.network).items()}
    tensors |= {f"best/{name}": values for name, values in state.best_weights.items()}
    plain = {}
    for index, values in optimizer["state"].items():
        for name, value in values.items():
            if torch.is_tensor(value):
                tensors[f"optimizer/{index}/{name}"] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            else:
                plain[f"{index}/{name}"] = value
    facts = {
        "identity": identity,
        "finished": False,
        "state": state.facts(),
        "size": stepper.size,
        "groups": optimizer["param_groups"],
        "plain": plain,
    }
    checkpoint.write(tensors, facts | {"scaler": stepper.scaler.state_dict()})


def write_finished(checkpoint, identity, network, history):
    """Keep what a training gave; its optimiser is not needed any more."""
    tensors = {f"network/{name}": values for name, values in weights_of(network).items()}
    checkpoint.write(tensors, {"identity": identity, "finished": True, "history": history.to_dict()})


def read_state(checkpoint, identity):
    """What a checkpoint holds of this training.

    Returns
    -------
    kept : Kept or None
        None if there is nothing to go on from.
    note : str
        Why a checkpoint that is there is not used.
    """
    try:
        tensors, facts = checkpoint.read()
    except ModelError:
        return None, "The checkpoint that was there could not be read; training began anew."
    if facts is None:
        return None, ""
    if facts.get("identity") != identity:
        return None, "The checkpoint that was there is of other settings, data or weights; training began anew."
    return Kept(tensors, facts), ""


def finished_history(network, kept):
    """Give the network the weights of a finished training, and return its history."""
    network.load_state_dict(kept.part("network"))
    return History.from_dict(kept.facts["history"])


def resume(state, stepper, kept):
    """Set state, network and optimiser to where the checkpoint was written."""
    facts, notes = kept.facts, state.notes
    for name, value in facts["state"].items():
        setattr(state, name, value)
    notes[:] = dict.fromkeys([*state.notes, *notes])
    state.notes = stepper.notes = notes
    state.best_weights = kept.part("best")
    stepper.size = facts["size"]
    stepper.network.load_state_dict(kept.part("network"))
    if facts["scaler"]:
        stepper.scaler.load_state_dict(facts["scaler"])
    weights = [weight for group in stepper.optimizer.param_groups for weight in group["params"]]
    values = {}
    for name, value in (kept.part("optimizer") | facts["plain"]).items():
        index, _, quantity = name.partition("/")
        values.setdefault(int(index), {})[quantity] = _laid_out_like(value, weights[int(index)])
    stepper.optimizer.load_state_dict({"state": values, "param_groups": facts["groups"]})


def _laid_out_like(value, weight):
    """The optimiser's values in the memory order of their weights: vectorised sums could differ in the last bit otherwise."""
    if not torch.is_tensor(value) or value.shape != weight.shape:
        return value
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)
