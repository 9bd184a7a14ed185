"""The device shown is the one used."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.models import device
from soilcore.models.pipelines import TunedRegressor
from tests.engine.models.synthetic import linear, table


@pytest.fixture(autouse=True)
def _ask_again():
    device._why_no_cuda.cache_clear()
    yield
    device._why_no_cuda.cache_clear()


def with_build(monkeypatch, cuda, devices):
    import xgboost

    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": cuda})
    monkeypatch.setattr(device, "cuda_devices", lambda: devices)


@pytest.mark.parametrize(("asked", "found"), [("auto", "cuda"), ("cuda", "cuda"), ("cpu", "cpu")])
def test_a_gpu_is_used_where_there_is_one(monkeypatch, asked, found):
    with_build(monkeypatch, cuda=True, devices=1)
    assert device.choose_device(asked) == (found, "")


def test_cuda_without_a_gpu_falls_back_and_says_so(monkeypatch):
    with_build(monkeypatch, cuda=True, devices=0)
    assert device.choose_device("cuda") == ("cpu", "No CUDA device was found; the cpu was used.")
    assert device.choose_device("auto") == ("cpu", "")


def test_cuda_without_the_build_names_the_package_to_install(monkeypatch):
    with_build(monkeypatch, cuda=False, devices=1)
    chosen, note = device.choose_device("cuda")
    assert chosen == "cpu"
    assert "xgboost instead of xgboost-cpu" in note


def test_no_driver_means_no_device(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert device.cuda_devices() == 0


def test_an_unknown_device_is_refused():
    with pytest.raises(SettingsError, match="'tpu'"):
        device.choose_device("tpu")


def test_asking_the_driver_prints_nothing():
    code = "from soilcore.models.device import cuda_devices; assert cuda_devices() >= 0"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_fitted_learner_shows_the_device_it_used_and_why(monkeypatch):
    with_build(monkeypatch, cuda=False, devices=0)
    X = table(30)
    learner = TunedRegressor("xgboost", device="cuda", parameters={"rounds": 5}).fit(X, linear(X))
    assert learner.device_ == "cpu"
    assert "cpu was used" in learner.device_note_
    assert TunedRegressor("ridge", device="cuda", trials=0).fit(X, linear(X)).device_note_ == "ridge runs on the cpu only."
    assert TunedRegressor("xgboost", device="auto", parameters={"rounds": 5}).fit(X, linear(X)).device_note_ in ("",)


@pytest.mark.skipif(device.cuda_devices() == 0, reason="no CUDA device on this machine")
def test_a_gpu_fits_nearly_what_the_cpu_fits_and_predicts_on_the_cpu():
    import xgboost

    if not xgboost.build_info()["USE_CUDA"]:
        pytest.skip("this XGBoost was built without CUDA")
    X = table(200)
    y = linear(X)
    cpu, gpu = (TunedRegressor("xgboost", device=name, trials=0).fit(X, y) for name in ("cpu", "cuda"))
    assert gpu.device_ == "cuda"
    assert np.corrcoef(cpu.predict(X), gpu.predict(X))[0, 1] > 0.99
