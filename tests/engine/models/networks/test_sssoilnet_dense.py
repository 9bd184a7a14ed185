"""The variant for maps: one pass over a map gives what every window gives by itself."""

import pytest
import torch

from soilcore.core.errors import ModelError
from soilcore.models.networks import SSSoilNetDense
from soilcore.models.networks.sssoilnet_dense import _moving_sum, cells_left
from tests.engine.models.networks.inputs import DENSE, inputs_of, trained


def ready(size, gate="soft", layers=3):
    """A network whose batch norms have seen data, at rest."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = SSSoilNetDense(**(DENSE | {"size": size, "gate": gate, "layers": layers}))
    trained(network, inputs_of(network), torch.rand(8), steps=3)
    return network.eval()


def map_inputs(network, rows, columns, seed=2):
    generator = torch.Generator().manual_seed(seed)
    count = network.index.count
    sides = {"window": (network.settings["layers"], rows + network.halo, columns + network.halo)}
    sides |= {"spectrum": (network.settings["bands"], rows, columns), "indices": (count, rows, columns), "missing": (count, rows, columns)}
    made = {name: torch.randn(1, *shape, generator=generator) for name, shape in sides.items()}
    return {**made, "missing": (made["missing"] > 1).float(), "ndvi": torch.rand(1, rows, columns, generator=generator)}


def one_by_one(network, inputs):
    """The same pixels as samples, each with its own window."""
    size = network.size
    windows = inputs["window"].unfold(2, size, 1).unfold(3, size, 1)[0].permute(1, 2, 0, 3, 4).flatten(0, 1)
    flat = {name: inputs[name][0].flatten(1).T for name in ("spectrum", "indices", "missing")}
    return {**flat, "ndvi": inputs["ndvi"].flatten(), "window": windows}


@pytest.mark.parametrize(("size", "gate"), [(21, "soft"), (22, "hard"), (24, "soft"), (30, "soft"), (65, "soft")])
def test_one_pass_equals_every_window_by_itself(size, gate):
    network = ready(size, gate)
    inputs = map_inputs(network, 9, 7)
    with torch.no_grad():
        dense, features = network.dense(**inputs), network.dense_features(**inputs)
        apart = one_by_one(network, inputs)
        expected, expected_features = network(**apart), network.features(**apart)
    assert dense.shape == (1, 9, 7)
    assert torch.allclose(dense.flatten(), expected, atol=1e-5)
    assert torch.allclose(features[0].flatten(1).T, expected_features, atol=1e-5)
    assert float(expected.std()) > 1e-3


def test_parts_of_a_map_join_without_a_seam():
    network = ready(21)
    inputs = map_inputs(network, 8, 6)
    whole = network.dense(**inputs)
    halves = []
    for start in (0, 4):
        part = {name: values[..., start : start + 4 + (network.halo if name == "window" else 0), :] for name, values in inputs.items()}
        halves.append(network.dense(**part))
    assert torch.allclose(torch.cat(halves, dim=1), whole, atol=1e-6)


def test_many_pixels_are_worked_on_in_chunks(monkeypatch):
    network = ready(21)
    inputs = map_inputs(network, 8, 6)
    whole = network.dense(**inputs)
    monkeypatch.setattr("soilcore.models.networks.sssoilnet_dense._CHUNK", 7)
    assert torch.allclose(network.dense(**inputs), whole, atol=1e-6)


def test_nothing_of_the_published_window_is_cut_off():
    network = ready(65, layers=1)
    inputs = inputs_of(network, n=1)
    window = inputs["window"].requires_grad_()
    network(**inputs).sum().backward()
    reached = window.grad.abs().sum((0, 1)) > 0
    assert reached.any(0)[[0, -1]].all()
    assert reached.any(1)[[0, -1]].all()
    assert cells_left(65) == 12


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12, 13])
@pytest.mark.parametrize("step", [1, 4])
def test_moving_sums_by_doubling(count, step):
    x = torch.randn(2, 60, dtype=torch.float64)
    expected = sum(x[:, k * step : k * step + 60 - (count - 1) * step] for k in range(count))
    total = _moving_sum(x, count, step, 1)
    assert total.shape == expected.shape
    assert torch.allclose(total, expected)


def test_maps_are_made_at_rest_and_of_whole_windows_only():
    network = ready(21)
    inputs = map_inputs(network, 4, 4)
    with pytest.raises(ModelError, match="no whole window"):
        network.dense(**{**inputs, "window": inputs["window"][..., :20, :20]})
    with pytest.raises(ModelError, match="'spectrum'"):
        network.dense(**{**inputs, "spectrum": inputs["spectrum"][..., :3]})
    with pytest.raises(ModelError, match="eval"):
        network.train().dense(**inputs)


def test_a_window_of_another_size_is_refused():
    network = ready(21)
    inputs = inputs_of(network)
    with pytest.raises(ModelError, match="'window'"):
        network(**{**inputs, "window": inputs["window"][..., :20, :20]})
