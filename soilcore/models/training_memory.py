"""How many rows a network can work through at once in the memory that is left."""

import sys
from pathlib import Path

import torch

from soilcore.models.torch_device import memory_may_run_out
from soilcore.models.training_batches import on_device

_SHARE = 0.6  # of the free memory; the rest is for what is not counted and for others
_UNCOUNTED = 1.5  # functions that are no modules also keep what they compute
_FALLBACK = 2 << 30


def rows_that_fit(network, data, rows, device, training):
    """Rows whose values fit into the free memory at once, estimated from one row.

    Parameters
    ----------
    network : torch.nn.Module
        On the device.
    data : object
        ``batch(rows)`` gives its inputs.
    rows : ndarray of int
        One of them is tried.
    training : bool
        Whether everything is kept for the way back, and its gradient beside it.

    Returns
    -------
    int
        At least 1.
    """
    needed = _UNCOUNTED * (2 if training else 1) * _bytes_or_all(network, data, rows, device)
    return max(1, int(_SHARE * free_bytes(device) / max(needed, 1)))


def _bytes_or_all(network, data, rows, device):
    """Bytes of one row; without bounds if even one is too much, which the work itself will find out and say."""
    with memory_may_run_out():
        return _bytes_of_one_row(network, on_device(data.batch(rows[:1]), device))
    return float("inf")


def _bytes_of_one_row(network, inputs):
    """Bytes of all values that the parts of a network give for one row, its inputs included."""
    counted = [sum(_bytes(value) for value in inputs.values())]
    leaves = [part for part in network.modules() if not any(True for _ in part.children())]
    hooks = [part.register_forward_hook(lambda _part, _inputs, output: counted.append(_bytes(output))) for part in leaves]
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(**inputs)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return sum(counted)


def _bytes(value):
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(_bytes(item) for item in value) if isinstance(value, (tuple, list)) else 0


def free_bytes(device):
    """Bytes of memory that can still be had on a device."""
    if device == "cuda":
        reserved = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()  # held for PyTorch, used by nothing
        return torch.cuda.mem_get_info()[0] + reserved
    if device == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return _free_bytes_of_the_computer()


def _free_bytes_of_the_computer():
    """What the system could give without moving anything to disk, and no more than a container's limit leaves."""
    if not sys.platform.startswith("linux"):
        return _FALLBACK
    free = [_FALLBACK]
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = [int(line.split()[1]) << 10]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (most := limit.read_text().strip()).isdigit():
        free.append(max(0, int(most) - int(used.read_text())))
    return min(free)
