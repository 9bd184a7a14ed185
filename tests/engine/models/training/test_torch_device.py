"""The device shown is the one used, and mixed precision gives the same result within tolerance."""

import copy
import warnings

import numpy as np
import pytest
import torch

from soilcore.core.errors import ModelError, SettingsError, Stopped
from soilcore.models.torch_device import choose_torch_device, device_title, memory_errors_said, own_randomness, repeatable
from soilcore.models.training import train_network
from soilcore.models.training_losses import choose_loss
from soilcore.models.training_precision import BFLOAT16, FLOAT16, FLOAT32, choose_precision, gradient_scaler
from soilcore.models.training_predict import predict_network
from soilcore.models.training_rates import learning_rate_range
from soilcore.models.training_step import Stepper, optimise
from tests.engine.models.training.tiny import Dense, Images, Line, images, parts, settings, spectra

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine: training on the GPU was not tried")


def test_the_cpu_is_used_when_asked_for():
    assert choose_torch_device("cpu") == ("cpu", "")


def test_auto_takes_the_best_device_there_is_without_a_note():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_torch_device("auto") == (expected, "")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_said(name):
    there = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    chosen, note = choose_torch_device(name)
    assert chosen == (name if there else "cpu")
    assert bool(note) is not there
    assert there or (name.upper() in note and note.endswith("the CPU was used."))


def test_an_unknown_device_is_refused():
    with pytest.raises(SettingsError, match="'tpu'"):
        choose_torch_device("tpu")


def test_mixed_precision_is_for_cuda():
    assert choose_precision("auto", "cpu") == (FLOAT32, "")
    assert choose_precision("float32", "cuda") == (FLOAT32, "")
    assert choose_precision("amp", "mps")[0] == FLOAT32
    assert "CUDA only" in choose_precision("amp", "mps")[1]


def steps(network, precision, count=30):
    """Steps in a precision on the CPU, where PyTorch has mixed precision too; the loss of the last."""
    data, target = images()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    stepper = Stepper(network, optimizer, choose_loss(settings()), gradient_scaler(precision, "cpu"), "cpu", precision, 1.0, False, 24)
    network.train()
    return [optimise(stepper, data.batch(np.arange(48)), target.astype(np.float32)) for _ in range(count)][-1] / 48


@pytest.mark.parametrize("precision", [BFLOAT16, FLOAT16])
def test_mixed_precision_learns_the_same_within_tolerance(precision):
    network = Images()
    narrow = copy.deepcopy(network)
    wide, other = steps(network, FLOAT32), steps(narrow, precision)
    assert other == pytest.approx(wide, abs=0.02)
    assert all(weight.dtype == torch.float32 for weight in narrow.parameters())
    data, target = images()
    first, second = (predict_network(each, data, np.arange(48), "cpu") for each in (network, narrow))
    assert np.abs(first - second).mean() < 0.1 * np.std(target)


def test_a_scaled_step_that_overflows_is_left_out_and_the_scale_lowered():
    network = Line()
    before = copy.deepcopy(network.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    stepper = Stepper(network, optimizer, choose_loss(settings()), scaler, "cpu", FLOAT16, None, False, 8)
    values = {"spectrum": np.full((8, 4), 1e3, np.float32)}
    assert np.isfinite(optimise(stepper, values, np.zeros(8, np.float32)))
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    assert scaler.get_scale() == 2.0**126


def test_what_cannot_be_repeatable_is_said_once_and_other_warnings_pass():
    notes = []
    with pytest.warns(UserWarning, match="something else"), repeatable(True, notes):
        for _ in range(2):
            torch.zeros(4).put_(torch.tensor([1]), torch.tensor([2.0]))
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert len(notes) == 1
    assert notes[0].startswith("Not repeatable to the last bit on this device: put_")
    assert not torch.are_deterministic_algorithms_enabled()


def test_memory_that_does_not_suffice_for_the_weights_is_said():
    with pytest.raises(ModelError, match="do not fit into the memory of the CPU"), memory_errors_said("cpu"):
        torch.empty(1 << 60)
    with pytest.raises(RuntimeError, match="another"), memory_errors_said("cpu"):
        raise RuntimeError("another")


def test_random_states_are_put_back():
    before = torch.get_rng_state()
    with own_randomness("cpu"):
        torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), before)


def test_devices_have_names_for_people():
    assert device_title("cpu") == "CPU"


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "amp"])
def test_a_gpu_learns_nearly_what_the_cpu_learns(precision):
    data, target = images(96)
    cpu, gpu = Images(), Images()
    given = {"epochs": 10, "batch": 16}
    train_network(cpu, data, target, *parts(96), settings(**given))
    history = train_network(gpu, data, target, *parts(96), settings(**given, device="cuda", precision=precision))
    assert history.device == "cuda"
    assert (history.precision == "float32") == (precision == "float32")
    assert next(gpu.parameters()).device.type == "cpu"
    first, second = predict_network(cpu, data, np.arange(96), "cpu"), predict_network(gpu, data, np.arange(96), "cuda")
    assert np.abs(first - second).mean() < 0.2 * np.std(target)
    assert np.corrcoef(first, second)[0, 1] > 0.98


@needs_cuda
def test_a_gpu_repeats_itself_when_asked_to():
    data, target = images()
    networks = [Images(), Images()]
    for network in networks:
        train_network(network, data, target, *parts(48), settings(device="cuda", deterministic=True))
    assert all(torch.equal(values, networks[1].state_dict()[name]) for name, values in networks[0].state_dict().items())


@needs_cuda
def test_the_memory_of_a_gpu_is_given_back_after_training_and_after_stopping():
    def stop(done, total, message):
        if done > 1:
            raise Stopped

    data, target = images()
    train_network(Images(), data, target, *parts(48), settings(device="cuda"))  # the libraries' own workspaces stay
    before = torch.cuda.memory_allocated()
    train_network(Images(), data, target, *parts(48), settings(device="cuda"))
    assert torch.cuda.memory_allocated() == before
    with pytest.raises(Stopped) as held:
        train_network(Images(), data, target, *parts(48), settings(device="cuda"), report=stop)
    assert held.value is not None
    assert torch.cuda.memory_allocated() == before


@needs_cuda
def test_a_gpu_that_is_too_small_is_answered_by_half_the_batch():
    class Blown(Dense):
        """Asks for an eighth of the whole GPU per row, unseen by an estimate from the parts."""

        def forward(self, spectrum):
            rows = len(spectrum) if self.training else 0
            filler = torch.empty(rows, torch.cuda.get_device_properties(0).total_memory // 8, dtype=torch.uint8, device=spectrum.device)
            return super().forward(spectrum) + 0 * filler[:, :1].float().sum()

    data, target = spectra()
    history = train_network(Blown(norm=False), data, target, *parts(80), settings(device="cuda", epochs=1))
    assert history.batch <= 4
    assert "did not suffice" in history.notes[0]


@needs_cuda
def test_the_range_test_runs_on_a_gpu():
    data, target = spectra()
    found = learning_rate_range(Dense(dropout=0), data, target, np.arange(80), settings(device="cuda"))
    assert found.suggestion is not None
