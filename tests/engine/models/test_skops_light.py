"""Reading a model must not load torch, which only networks need."""

import subprocess
import sys

import pytest


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_skops_is_imported_without_torch_and_dask():
    pytest.importorskip("skops")
    code = (
        "import sys; from soilcore.models.skops_light import skops_io; skops_io(); print([name for name in ('torch', 'dask') if name in sys.modules])"
    )
    assert run(code) == "[]"


def test_torch_can_be_imported_afterwards():
    pytest.importorskip("torch")
    code = "import sys; from soilcore.models.skops_light import skops_io; skops_io(); import torch; print(torch.tensor([2.0]).item())"
    assert run(code) == "2.0"


def test_skops_still_knows_every_estimator():
    from sklearn.utils import all_estimators

    from soilcore.models.skops_light import skops_io

    known = set(skops_io()._trusted_types.SKLEARN_ESTIMATOR_TYPE_NAMES)
    assert known == {f"{kind.__module__}.{kind.__qualname__}" for _, kind in all_estimators()}
