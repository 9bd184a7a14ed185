"""GradientShap: exact where the answer is known, convergent where it is an average, complete in its sums, and without traces."""

import numpy as np
import pytest
import torch
from torch import nn

from soilcore.core.errors import ModelError, SettingsError, Stopped
from soilcore.explanation import gradient_shap as module
from soilcore.explanation.gradient_shap import gradient_shap
from soilcore.models.networks.spectra_cnn import SpectraCNN


@pytest.fixture(autouse=True)
def _seeded(one_torch_thread):
    torch.manual_seed(0)


class Rows:
    def __init__(self, **arrays):
        self.arrays = {name: np.asarray(values, np.float32) for name, values in arrays.items()}

    def __len__(self):
        return len(next(iter(self.arrays.values())))

    def batch(self, rows):
        return {name: values[rows] for name, values in self.arrays.items()}


class Linear(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights, dtype=torch.float32))

    def forward(self, spectrum):
        return spectrum @ self.weights


class Squares(Linear):
    def forward(self, spectrum):
        return (spectrum**2).sum(1)


class Mixed(Linear):
    """Two explained inputs and one that stays."""

    def forward(self, spectrum, indices, missing):
        return (spectrum @ self.weights) * indices.sum((1, 2)) + missing.sum(1)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_of_a_linear_network_it_is_the_weight_times_the_way_from_the_baseline():
    weights, x, baseline = [1.5, -2.0, 0.25, 0.0], normal(9, 4), np.full((2, 4), 0.3, np.float32)
    found = gradient_shap(Linear(weights), Rows(spectrum=x), {"spectrum": baseline}, ("spectrum",), draws=2)
    np.testing.assert_allclose(found.values("spectrum"), (x - 0.3) * weights, atol=1e-6)
    np.testing.assert_array_equal(found.halves["spectrum"][0], found.halves["spectrum"][1])
    np.testing.assert_allclose(found.predicted, x @ weights, atol=1e-6)
    assert np.abs(found.gap).max() < 1e-6


def test_of_squares_it_converges_to_the_difference_of_squares():
    x, baseline = normal(5, 3), np.repeat(normal(1, 3, seed=1), 2, axis=0)
    truth = x**2 - baseline[0] ** 2
    off = []
    for draws in (8, 512):
        found = gradient_shap(Squares([0.0] * 3), Rows(spectrum=x), {"spectrum": baseline}, ("spectrum",), draws=draws)
        off.append(np.sqrt(np.mean((found.values("spectrum") - truth) ** 2)))
    assert off[1] < 0.1
    assert off[1] < 0.35 * off[0]  # 64 times the draws: an eighth is expected


def test_attributions_add_up_to_the_prediction_less_the_mean_of_the_baselines():
    network, x, baselines = SpectraCNN(length=60, base=4, blocks=2), normal(12, 60), normal(20, 60, seed=1)
    few, many = (gradient_shap(network, Rows(spectrum=x), {"spectrum": baselines}, ("spectrum",), draws=draws) for draws in (10, 1000))
    with torch.no_grad():
        network.eval()
        expected = network(spectrum=torch.from_numpy(baselines)).mean().item()
    np.testing.assert_allclose(many.expected, expected, atol=1e-5)
    assert np.abs(many.gap).mean() < 0.1 * many.predicted.std()
    assert np.abs(many.gap).mean() < 0.4 * np.abs(few.gap).mean()


def test_halves_differ_by_noise_that_falls_with_the_draws():
    network, x, baselines = SpectraCNN(length=60, base=4, blocks=2), normal(6, 60), normal(40, 60, seed=1)

    def noise(draws):
        halves = gradient_shap(network, Rows(spectrum=x), {"spectrum": np.tile(baselines, (2, 1))}, ("spectrum",), draws=draws).halves["spectrum"]
        return np.sqrt(np.mean((halves[0] - halves[1]) ** 2))

    assert noise(400) < 0.5 * noise(25)


def test_inputs_of_one_draw_share_a_baseline_sample_and_others_stay_those_of_the_sample():
    """With paired baselines the product has one value at all of them; drawn apart, it would have four."""
    network = Mixed([1.0, 1.0])
    x, indices, missing = normal(4, 2), normal(4, 2, 3, seed=1), normal(4, 5, seed=2)
    paired = {"spectrum": np.float32([[2, 0], [4, 0]] * 2), "indices": np.float32([[[1, 0, 0], [1, 0, 0]], [[0.5, 0, 0], [0.5, 0, 0]]] * 2)}
    found = gradient_shap(network, Rows(spectrum=x, indices=indices, missing=missing), paired, ("spectrum", "indices"), draws=600)
    assert found.values("indices").shape == (4, 2, 3)
    np.testing.assert_allclose(found.expected, 4.0 + missing.sum(axis=1), atol=1e-5)
    np.testing.assert_allclose(found.predicted, x.sum(axis=1) * indices.sum(axis=(1, 2)) + missing.sum(axis=1), atol=1e-5)
    assert np.abs(found.gap).max() < 0.6


def test_what_is_kept_of_a_window_is_reduced_part_by_part():
    x, weights = normal(50, 6), [1.0, 2, 3, 4, 5, 6]
    baselines = {"spectrum": normal(10, 6, seed=1)}
    whole = gradient_shap(Linear(weights), Rows(spectrum=x), baselines, ("spectrum",), draws=50)
    reduce = {"spectrum": lambda values: values.sum(axis=1)}
    summed = gradient_shap(Linear(weights), Rows(spectrum=x), baselines, ("spectrum",), draws=50, reduce=reduce)
    np.testing.assert_allclose(summed.values("spectrum"), whole.values("spectrum").sum(axis=1), rtol=1e-5, atol=1e-5)


def test_the_same_seed_gives_the_same_bits_and_leaves_no_trace():
    network, x, baselines = SpectraCNN(length=60, base=4, blocks=2).train(), normal(8, 60), {"spectrum": normal(20, 60, seed=1)}
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    state, torch_state = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    first, again, other = (gradient_shap(network, Rows(spectrum=x), baselines, ("spectrum",), draws=20, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.halves["spectrum"], again.halves["spectrum"])
    assert not np.array_equal(first.halves["spectrum"], other.halves["spectrum"])
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert network.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_dropout_and_batch_norm_are_at_rest():
    network = SpectraCNN(length=60, base=4, blocks=2, dropout=0.9).train()
    x = normal(6, 60)
    one = gradient_shap(network, Rows(spectrum=x), {"spectrum": normal(20, 60, seed=1)}, ("spectrum",), draws=2)
    with torch.no_grad():
        np.testing.assert_allclose(one.predicted, network.eval()(spectrum=torch.from_numpy(x)).numpy(), atol=1e-5)


def test_it_can_be_stopped_and_leaves_the_network_as_it_was():
    network = SpectraCNN(length=60, base=4, blocks=2).train()

    def stop(done, total, message):
        if done:
            raise Stopped

    with pytest.raises(Stopped):
        gradient_shap(network, Rows(spectrum=normal(40, 60)), {"spectrum": normal(4, 60)}, ("spectrum",), draws=50, report=stop)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_memory_that_runs_out_halves_the_samples_at_a_time(monkeypatch):
    class Greedy(Linear):
        largest = 0

        def forward(self, spectrum):
            if len(spectrum) > 8:
                raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")
            Greedy.largest = max(Greedy.largest, len(spectrum))
            return super().forward(spectrum)

    x, baselines = normal(20, 2), {"spectrum": normal(6, 2, seed=1)}
    found = gradient_shap(Greedy([1.0, 2.0]), Rows(spectrum=x), baselines, ("spectrum",), draws=4)
    assert Greedy.largest <= 8
    assert "at a time" in found.notes[0]
    np.testing.assert_allclose(found.predicted, x @ [1.0, 2.0], atol=1e-5)
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    with pytest.raises(ModelError, match="fewer draws"):
        gradient_shap(Greedy([1.0, 2.0]), Rows(spectrum=x), baselines, ("spectrum",), draws=40)


@pytest.mark.parametrize(
    ("draws", "baselines", "explained", "said"),
    [(1, 4, ("spectrum",), "at least 2 draws"), (10, 1, ("spectrum",), "at least 2 training"), (10, 4, (), "at least one input")],
)
def test_what_cannot_be_made_is_refused(draws, baselines, explained, said):
    with pytest.raises(SettingsError, match=said):
        gradient_shap(Linear([1.0]), Rows(spectrum=normal(3, 1)), {"spectrum": normal(baselines, 1)}, explained, draws=draws)


def test_gradients_that_are_no_numbers_are_refused():
    with pytest.raises(ModelError, match="no finite numbers"):
        gradient_shap(Linear([np.nan, 1.0]), Rows(spectrum=normal(3, 2)), {"spectrum": normal(4, 2)}, ("spectrum",), draws=4)
