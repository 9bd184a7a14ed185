"""Fixtures of the engine's tests."""

import pytest


@pytest.fixture(scope="module")
def one_torch_thread():
    """PyTorch computes on one thread, from which tiny networks lose nothing, and is left as it was."""
    from soilcore.models.torch_device import torch_threads

    with torch_threads(1):
        yield
