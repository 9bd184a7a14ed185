"""The network for spectra: published counts, lengths, initial weights."""

import pytest
import torch

from soilcore.core.errors import ModelError
from soilcore.models.networks import SpectraCNN, count_parameters, most_blocks
from soilcore.models.networks.spectra_cnn import positions_left


@pytest.fixture(scope="module")
def published(oracle):
    return oracle("network_params")["mir_cnn"]


def test_it_has_162401_parameters(published):
    network = SpectraCNN()
    assert count_parameters(network) == published["total"] == 162_401
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(values.numel() for name, values in network.state_dict().items() if not name.endswith(statistics)) == published["total"]


def test_every_block_has_the_published_parameters_and_length(published):
    network = SpectraCNN().eval()
    x = torch.randn(1, 1, 1764)
    for block, expected in zip(network.blocks, published["layers"], strict=False):
        x = block(x)
        assert tuple(x.shape) == (1, expected["filters"], expected["length_out"])
        assert count_parameters(block[0]) == expected["conv"]
        assert count_parameters(block[1]) == expected["batchnorm"]
        assert positions_left(1764, expected["block"]) == expected["length_out"] if isinstance(expected["block"], int) else True
    head = published["layers"][-1]
    assert x.flatten(1).shape[1] == head["flatten"]
    assert [count_parameters(part) for part in (network.hidden[0], network.hidden[1], network.last)] == [
        head["linear1"],
        head["batchnorm"],
        head["linear2"],
    ]


def test_the_count_holds_for_the_published_range_of_lengths_only(published):
    first, last = published["input_lengths_giving_same_count"]
    same = [count_parameters(SpectraCNN(length)) == published["total"] for length in (first - 1, first, last, last + 1)]
    assert same == [False, True, True, False]


def test_other_widths_have_the_published_alternatives(published):
    alternatives = published["alternatives"]
    assert [count_parameters(SpectraCNN(base=base)) for base in (8, 32)] == [alternatives["base=8,bias=False"], alternatives["base=32,bias=False"]]


def test_short_spectra_are_refused_with_the_blocks_they_bear():
    assert (most_blocks(485), most_blocks(484), most_blocks(5), most_blocks(4)) == (5, 4, 1, 0)
    assert SpectraCNN(485).eval()(spectrum=torch.randn(2, 485)).shape == (2,)
    with pytest.raises(ModelError, match=r"484 points.*at most 4 blocks"):
        SpectraCNN(484)
    assert SpectraCNN(484, blocks=4).eval()(spectrum=torch.randn(2, 484)).shape == (2,)


def test_initial_weights_of_the_package_scale_batch_norm_near_zero():
    torch.manual_seed(0)
    usual, package = SpectraCNN(), SpectraCNN(init="mirzai")
    scales = torch.cat([module.weight.detach() for module in package.modules() if isinstance(module, torch.nn.BatchNorm1d)])
    assert all((module.weight == 1).all() for module in usual.modules() if isinstance(module, torch.nn.BatchNorm1d))
    assert abs(float(scales.mean())) < 0.005
    assert 0.017 < float(scales.std()) < 0.023
    bound = (6 / (1 + 0.1**2) / 3) ** 0.5  # Kaiming uniform of the first convolution: three weights per filter
    assert 0.8 * bound < float(usual.blocks[0][0].weight.detach().abs().max()) <= bound


def test_dropout_works_in_training_only():
    torch.manual_seed(0)
    network, x = SpectraCNN(), torch.randn(4, 1764)
    assert not torch.equal(network(spectrum=x), network(spectrum=x))
    network.eval()
    assert torch.equal(network(spectrum=x), network(spectrum=x))
