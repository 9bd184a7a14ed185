"""What a trained network gives for many rows."""

import numpy as np
import torch

from soilcore.core.errors import ModelError
from soilcore.core.progress import silent
from soilcore.models.torch_device import choose_torch_device, free_memory, memory_may_run_out, own_randomness, torch_threads
from soilcore.models.training_batches import on_device
from soilcore.models.training_memory import rows_that_fit

_MOST = 4096  # rows at once; more gain nothing


def predict_network(network, data, rows, device="auto", batch=None, method="forward", report=silent, threads=2):
    """Outputs of a network in evaluation mode: no dropout, running statistics.

    Parameters
    ----------
    network : torch.nn.Module
        Left where and as it was.
    data : object
        ``batch(rows)`` gives the inputs of some rows as dict of str to float32 array.
    rows : array of int
    device : {"auto", "cpu", "cuda", "mps"}
    batch : int, optional
        Most rows at once. Not given: as many as should fit into the memory, at most 4096.
    method : str
        "forward", or another method of the network with the same inputs, such as "features".
    report : Report
    threads : int
        Most CPU threads.

    Returns
    -------
    ndarray of float32, shape (n,) or (n, k)

    Raises
    ------
    ModelError
        If not even one row fits into the memory.
    """
    rows = np.asarray(rows, np.int64)
    device, _ = choose_torch_device(device)
    home, was_training = next(network.parameters()).device, network.training
    with torch_threads(threads), own_randomness(device), torch.no_grad():
        network.to(device).eval()
        try:
            size = min(batch or _MOST, rows_that_fit(network, data, rows, device, training=False)) if len(rows) else 1
            return _in_pieces(network, data, rows, device, size, method, report)
        finally:
            network.to(home).train(was_training)
            if home.type != device:
                free_memory(device)


def _in_pieces(network, data, rows, device, size, method, report):
    outputs, done = [], 0
    while done < len(rows):
        report(done, len(rows), f"Predicted {done} of {len(rows)} rows")
        given = _outputs(network, data, rows[done : done + size], device, method)
        if given is not None:
            outputs.append(given)
            done += len(given)
            continue
        free_memory(device)
        if size == 1:
            raise ModelError(f"Not even one row fits into the memory of the {device.upper()}. Use the CPU (device cpu) or a smaller network.")
        size = -(-min(size, len(rows) - done) // 2)
    return np.concatenate(outputs) if outputs else np.empty(0, np.float32)


def _outputs(network, data, rows, device, method):
    """Outputs of some rows, or None when memory ran out."""
    with memory_may_run_out():
        return getattr(network, method)(**on_device(data.batch(rows), device)).float().cpu().numpy()
    return None
