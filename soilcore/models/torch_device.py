"""Where networks compute: CUDA, Apple's MPS or the CPU; and what is put back when they are done."""

import gc
import os
import warnings
from contextlib import contextmanager

import torch

from soilcore.core.errors import ModelError
from soilcore.models.device import check_device

_REPEATABLE_CUBLAS = ":4096:8"
_NAMES = {"cuda": "CUDA", "mps": "MPS", "cpu": "CPU"}
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


def choose_torch_device(asked):
    """Device a network will compute on, and why it is not the one asked for.

    Parameters
    ----------
    asked : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    device : {"cpu", "cuda", "mps"}
    note : str
        Empty unless another device was asked for.

    Raises
    ------
    SettingsError
        If the name is none of these.
    """
    check_device(asked)
    if asked == "cpu":
        return "cpu", ""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if asked == "auto":
        return next((name for name, found in there.items() if found), "cpu"), ""
    if there[asked]:
        return asked, ""
    return "cpu", f"{_why_absent(asked)}; the CPU was used."


def _why_absent(asked):
    if asked == "cuda" and torch.version.cuda is None:
        return "The installed PyTorch was built without CUDA (install the build for your CUDA version)"
    if asked == "mps" and not torch.backends.mps.is_built():
        return "The installed PyTorch was built without MPS, which Apple computers have"
    return f"No {_NAMES[asked]} device was found"


def device_title(device):
    """Name of the device for people: the graphics card's own name where it has one."""
    if device == "cuda" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return _NAMES.get(device, device)


def free_memory(device):
    """Give the memory that nothing holds any more back to the device."""
    gc.collect()
    if device == "cuda" and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif device == "mps" and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def is_out_of_memory(error):
    """Whether an error says that memory ran out; on the CPU and on MPS it is a RuntimeError known by its words only."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)


@contextmanager
def memory_may_run_out():
    """Go on behind the block where memory ran out in it; the error, which holds all that was computed, is gone by then."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise


@contextmanager
def memory_errors_said(device):
    """Turn an error of the block that says memory ran out into one with a remedy."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        remedy = "Choose a smaller network" + ("" if device == "cpu" else ", or the CPU (device cpu)")
        raise ModelError(f"The network and its optimiser do not fit into the memory of the {device_title(device)}. {remedy}.") from None


@contextmanager
def torch_threads(most=2):
    """Compute on at most so many CPU threads inside the block; the number before is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, most)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_randomness(device):
    """Leave PyTorch's own random states as they were before the block."""
    on_mps = torch.mps.get_rng_state() if device == "mps" else None
    try:
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device == "cuda" else [], device_type="cuda"):
            yield
    finally:
        if on_mps is not None:
            torch.mps.set_rng_state(on_mps)


@contextmanager
def repeatable(wanted, notes):
    """Use operations that give the same bits in every run inside the block; those that have no such form are said in `notes`.

    Parameters
    ----------
    wanted : bool
        False changes nothing.
    notes : list of str
        Filled with a sentence.
    """
    if not wanted:
        yield
        return
    before, warn_only = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", _REPEATABLE_CUBLAS)  # read when the first matrix is multiplied on the GPU
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            torch.use_deterministic_algorithms(True, warn_only=True)
            yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
    _pass_on(heard, notes)


def _pass_on(heard, notes):
    """Say what could not be repeatable; every other warning is given again."""
    unrepeatable = set()
    for warning in heard:
        text = str(warning.message)
        if "deterministic" in text:
            unrepeatable.add(text.split(" does not have")[0].strip())
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if unrepeatable:
        notes.append(f"Not repeatable to the last bit on this device: {', '.join(sorted(unrepeatable))}.")
