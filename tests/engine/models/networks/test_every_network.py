"""What every network owes: it can be built again, all of it learns, it fits a few samples, and at rest it always says the same."""

import json
from statistics import variance

import pytest
import torch
from safetensors.torch import load, save

from soilcore.core.errors import ModelError
from soilcore.models.networks import KINDS, build_network, count_parameters
from tests.engine.models.networks.inputs import NETWORKS, inputs_of, small, trained

# A constant added to all keys, or in front of batch norm, is taken away again; the published counts hold these all the same.
WITHOUT_EFFECT = ("global_spatial.key.bias", "hidden.0.bias")


@pytest.mark.parametrize("name", NETWORKS)
def test_one_number_per_sample_and_features_before_it(name):
    network = small(name).eval()
    inputs = inputs_of(network)
    with torch.no_grad():
        predicted, features = network(**inputs), network.features(**inputs)
        assert predicted.shape == (8,)
        assert features.shape == (8, network.last.in_features)
        assert torch.equal(network.finish(features), predicted)
        assert torch.isfinite(predicted).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_parameter(name):
    network = small(name).double()
    inputs = {key: values.double() for key, values in inputs_of(network).items()}
    (network(**inputs) - torch.linspace(0, 1, 8)).square().mean().backward()
    largest = {key: 0.0 if parameter.grad is None else float(parameter.grad.abs().max()) for key, parameter in network.named_parameters()}
    flat = network.settings.get("glam_attention") == "flat"
    idle = [key for key, value in largest.items() if value < 1e-12]
    assert [key for key in idle if flat or not key.endswith(WITHOUT_EFFECT)] == []


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "soilnet-small flat"])
def test_eight_samples_are_learnt_by_heart(name):
    network = small(name)
    target = torch.tensor([0.2, 1.4, 0.7, 0.9, 0.4, 1.1, 0.1, 1.9])
    near_zero = 0.01 * variance(target.tolist())
    rate = {"soilnet": 3e-3, "soilnet-small": 1e-3}.get(network.kind, 1e-2)
    assert trained(network, inputs_of(network), target, 200, rate, enough=near_zero)[-1] < near_zero


@pytest.mark.parametrize("name", NETWORKS)
def test_at_rest_a_sample_is_predicted_the_same_whatever_its_company(name):
    network = small(name)
    inputs = inputs_of(network)
    trained(network, inputs, torch.rand(8), steps=2)
    network.eval()
    with torch.no_grad():
        together, again = network(**inputs), network(**inputs)
        alone = network(**{key: values[2:3] for key, values in inputs.items()})
    assert torch.equal(together, again)
    assert torch.allclose(alone, together[2:3], atol=1e-6)


@pytest.mark.parametrize("name", [name for name in NETWORKS if "spectra" not in name])
def test_windows_and_months_embedded_before_join_to_the_same_features(name):
    network = small(name).eval()
    inputs = inputs_of(network)
    with torch.no_grad():
        expected = network.features(**inputs)
        if network.kind.startswith("soilnet"):
            climate = network.embed_climate(inputs["climate"]) if "climate" in inputs else None
            joined = network.join(network.embed_image(inputs["image"]), climate)
        else:
            around = network.embed_window(inputs.pop("window")) if "window" in inputs else None
            joined = network.join(around, **inputs)
    assert torch.equal(joined, expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_settings_and_tensors_give_the_same_network_again(name):
    network = small(name)
    inputs = inputs_of(network)
    trained(network, inputs, torch.rand(8), steps=2)
    built = build_network(network.kind, json.loads(json.dumps(network.settings)))
    built.load_state_dict(load(save(network.state_dict())))
    assert built.settings == network.settings
    assert torch.equal(built.eval()(**inputs), network.eval()(**inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_inputs_that_are_not_needed_are_ignored(name):
    network = small(name).eval()
    inputs = inputs_of(network)
    assert torch.equal(network(**inputs, something=None), network(**inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_an_input_of_another_shape_is_refused_by_name(name):
    network = small(name)
    inputs = inputs_of(network)
    for key, values in inputs.items():
        with pytest.raises(ModelError, match=repr(key)):
            network(**{**inputs, key: values.unsqueeze(-1)})
        with pytest.raises(ModelError, match=repr(key)):
            network(**{**inputs, key: None})


def test_a_frozen_parameter_is_not_counted():
    network = small("spectra-cnn")
    before = count_parameters(network)
    network.last.bias.requires_grad_(False)
    assert count_parameters(network) == before - 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_usual_settings(kind):
    with torch.device("meta"):
        network = build_network(kind)
        assert network.kind == kind
        assert count_parameters(build_network(kind, network.settings)) == count_parameters(network)


def test_unknown_kinds_and_settings_are_refused_with_the_known_ones():
    with pytest.raises(ModelError, match="spectra-cnn"):
        build_network("cnn")
    with pytest.raises(ModelError, match=r"no setting 'width'.*dropout"):
        build_network("spectra-cnn", {"width": 3})


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("soilnet", {"depth": 34}),
        ("soilnet", {"channels": 0}),
        ("soilnet", {"size": 31}),
        ("soilnet", {"glam_attention": "column"}),
        ("sssoilnet", {"parts": "all"}),
        ("sssoilnet", {"gate": "none"}),
        ("sssoilnet", {"d": 30}),
        ("sssoilnet", {"vegetation": 1}),
        ("sssoilnet", {"output": "exp"}),
        ("sssoilnet-dense", {"size": 20}),
        ("spectra-cnn", {"init": "zeros"}),
        ("spectra-cnn", {"length": 0}),
    ],
)
def test_impossible_settings_are_refused(kind, settings):
    with pytest.raises(ModelError):
        build_network(kind, settings)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; none is here")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_predicts_what_the_cpu_predicts(name):
    network = small(name).eval()
    inputs = inputs_of(network)
    with torch.no_grad():
        here = network(**inputs)
        there = network.cuda()(**{key: values.cuda() for key, values in inputs.items()}).cpu()
    assert torch.allclose(here, there, atol=1e-3)
