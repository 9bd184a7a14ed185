"""Which rows stand in which batch, and the way of a batch to the device. Every random choice follows from seed, epoch and step."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import torch

_ORDER, _CHANCE, _AUGMENTATION = 1, 2, 3  # what a generator is for


def batch_rows(rows, batch, seed, epoch):
    """Rows of every batch of an epoch, in a new order each epoch.

    Parameters
    ----------
    rows : ndarray of int
    batch : int
        Rows per batch; the last one has fewer. A single row would be left to it: the last two share theirs, since batch normalisation
        needs two.
    seed, epoch : int

    Returns
    -------
    list of ndarray
    """
    order = np.random.default_rng([seed, _ORDER, epoch]).permutation(rows)
    batches = [order[start : start + batch] for start in range(0, len(order), batch)]
    if batch > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = np.array_split(np.concatenate(batches[-2:]), 2)
    return batches


def pieces(count, size, least=1):
    """Slices of about equal length, at most `size` long if no piece then has fewer than `least` rows."""
    number = min(-(-count // size), max(1, count // least))
    return [slice(count * part // number, count * (part + 1) // number) for part in range(number)]


def seed_chance(seed, epoch, step):
    """Set PyTorch's random state for one step: dropout then depends on nothing that went before."""
    torch.manual_seed(int(np.random.SeedSequence([seed, _CHANCE, epoch, step]).generate_state(1, np.uint64)[0]))


def training_batch(data, rows, augment, seed, epoch, step):
    """Arrays of one batch, augmented by a generator of its own."""
    batch = data.batch(rows)
    return augment(batch, np.random.default_rng([seed, _AUGMENTATION, epoch, step])) if augment else batch


def on_device(batch, device, channels_last=False):
    """Arrays as float32 tensors on the device; None stays None. Images go with the channels last if that is wished."""
    return {name: None if values is None else _tensor(values, device, channels_last) for name, values in batch.items()}


def _tensor(values, device, channels_last):
    tensor = torch.from_numpy(np.array(values, dtype=np.float32, order="C"))  # a copy: a network may work in place
    if device == "cuda":
        tensor = tensor.pin_memory()  # copied while the GPU computes
    tensor = tensor.to(device, non_blocking=device == "cuda")
    return tensor.to(memory_format=torch.channels_last) if channels_last and tensor.ndim == 4 else tensor


def in_order(make, items, ahead=False):
    """Give ``make(item)`` one after the other, with `ahead` the next one made in a thread while the present one is used.

    On a GPU the cores are idle then. On the CPU they are not.
    """
    if not ahead:
        yield from (make(item) for item in items)
        return
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="batch"))
        coming = None
        for item in items:
            present, coming = coming, pool.submit(make, item)
            if present is not None:
                yield present.result()
        if coming is not None:
            yield coming.result()
