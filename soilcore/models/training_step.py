"""One optimisation step, in as many pieces as the memory asks for."""

import math
from dataclasses import dataclass, field

import torch

from soilcore.core.errors import ModelError
from soilcore.models.torch_device import free_memory, memory_may_run_out
from soilcore.models.training_batches import on_device, pieces
from soilcore.models.training_precision import narrowed


@dataclass
class Stepper:
    """What a step needs; `size`, the rows worked through at once, is halved when memory runs out.

    Parameters
    ----------
    network : torch.nn.Module
    optimizer : torch.optim.Optimizer
    loss : soilcore.models.training_losses.Loss
    scaler : torch.amp.GradScaler
    device, precision : str
    clip : float or None
    channels_last : bool
    size : int
    notes : list of str
        Says what was halved.
    """

    network: object
    optimizer: object
    loss: object
    scaler: object
    device: str
    precision: str
    clip: float | None
    channels_last: bool
    size: int
    notes: list = field(default_factory=list)

    @property
    def least(self):
        """Fewest rows a piece may have: batch normalisation needs two."""
        return 2 if has_batch_norm(self.network) else 1

    def release(self):
        """Let go of what lies on the device, even while an error that is on its way still holds the stepper."""
        self.optimizer = None


def has_batch_norm(network):
    """Whether what a network gives for a row while training depends on the other rows of the batch."""
    return any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in network.modules())


def optimise(stepper, inputs, target):
    """Make one optimisation step.

    Parameters
    ----------
    stepper : Stepper
    inputs : dict of str to ndarray
        Keyword inputs of the network, one row per sample.
    target : ndarray of shape (n,)

    Returns
    -------
    float
        Sum of the rows' losses before the step; NaN or infinite when the network went astray, and then no step was made.

    Raises
    ------
    ModelError
        If not even the fewest rows fit into the memory.
    """
    while True:
        total = _gradients_or_nothing(stepper, inputs, target)
        if total is not None:
            break
        _halve(stepper, len(target))
    if math.isfinite(total):
        _step(stepper, total / len(target))
    stepper.optimizer.zero_grad(set_to_none=True)
    return total


def _gradients_or_nothing(stepper, inputs, target):
    """Add up the gradients of a batch piece by piece; None when memory ran out, with everything as it was before."""
    statistics = [values.clone() for values in stepper.network.buffers()]
    with memory_may_run_out():
        return sum(_gradients(stepper, inputs, target, part) for part in pieces(len(target), stepper.size, stepper.least))
    stepper.optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():
        for values, before in zip(stepper.network.buffers(), statistics, strict=True):
            values.copy_(before)
    free_memory(stepper.device)
    return None


def _gradients(stepper, inputs, target, part):
    """Gradients of the mean of the rows' losses, as far as one piece contributes; the sum of the piece's losses."""
    tensors = on_device({name: None if values is None else values[part] for name, values in inputs.items()}, stepper.device, stepper.channels_last)
    wanted = on_device({"target": target[part]}, stepper.device)["target"]
    with narrowed(stepper.precision, stepper.device):
        outputs = stepper.network(**tensors)
    of_rows = stepper.loss.of_rows(outputs, wanted)
    stepper.scaler.scale(of_rows.sum() / len(target)).backward()
    return float(of_rows.detach().cpu().double().sum())


def _step(stepper, mean):
    stepper.scaler.unscale_(stepper.optimizer)
    slope = stepper.loss.slope(mean)
    weights = [weight for weight in stepper.network.parameters() if weight.grad is not None]
    if slope != 1.0:
        for weight in weights:
            weight.grad.mul_(slope)
    if stepper.clip:
        torch.nn.utils.clip_grad_norm_(weights, stepper.clip)
    stepper.scaler.step(stepper.optimizer)
    stepper.scaler.update()


def _halve(stepper, rows):
    tried = min(stepper.size, rows)
    if tried <= stepper.least:
        raise ModelError(
            f"Not even {tried} row{'s' if tried > 1 else ''} of this network's training fit into the memory of the {stepper.device.upper()}. "
            "Choose a smaller network or smaller windows, or the CPU (device cpu)."
        )
    stepper.size = max(stepper.least, tried // 2)
    stepper.notes.append(smaller_batch_note(tried, stepper.size, stepper.network))


def smaller_batch_note(before, after, network):
    """What is said when fewer rows are worked through at once."""
    note = f"The memory did not suffice for {before} rows at once: {after} were worked through at a time, their gradients added up, so every step is the same."
    if has_batch_norm(network):
        note += f" Batch normalisation takes its mean and spread from {after} rows then, so the result differs a little."
    return note
