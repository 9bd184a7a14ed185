"""Training tests leave PyTorch as they found it, and use one thread: tiny networks gain nothing from two."""

import pytest

from soilcore.models.torch_device import torch_threads


@pytest.fixture(autouse=True)
def _one_thread():
    with torch_threads(1):
        yield
