"""In which numbers a network is trained: float32 throughout, or half as wide where that is safe."""

from contextlib import nullcontext

import torch

FLOAT32, BFLOAT16, FLOAT16 = "float32", "mixed bfloat16", "mixed float16"


def choose_precision(asked, device):
    """Numbers a network is trained in on a device, and why they are not the ones asked for.

    Parameters
    ----------
    asked : {"auto", "float32", "amp"}
    device : {"cpu", "cuda", "mps"}

    Returns
    -------
    precision : {"float32", "mixed bfloat16", "mixed float16"}
    note : str
        Empty unless mixed precision was asked for and is not to be had.
    """
    if device == "cuda" and asked != "float32":
        return BFLOAT16 if torch.cuda.is_bf16_supported(including_emulation=False) else FLOAT16, ""
    if asked == "amp":
        return FLOAT32, f"Mixed precision pays on CUDA only; the {device.upper() if device != 'cpu' else 'CPU'} computed in float32."
    return FLOAT32, ""


def narrowed(precision, device):
    """The block in which a network computes in these numbers."""
    if precision == FLOAT32:
        return nullcontext()
    return torch.autocast(device, dtype=torch.bfloat16 if precision == BFLOAT16 else torch.float16)


def gradient_scaler(precision, device):
    """What keeps small gradients from vanishing in float16; does nothing in the other precisions."""
    return torch.amp.GradScaler(device, enabled=precision == FLOAT16)
