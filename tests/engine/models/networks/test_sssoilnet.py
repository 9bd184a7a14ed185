"""SS-SoilNet: ablations, gate, attention, identity of covariates."""

import pytest
import torch

from soilcore.core.errors import ModelError
from soilcore.models.networks import SSSoilNet, count_parameters
from soilcore.models.networks.attention import CrossAttention, GroupedCBAM
from soilcore.models.networks.sssoilnet import MODC, IndexResNet, SpatialEncoder
from tests.engine.models.networks.inputs import inputs_of, small, trained

PARTS = ("index", "spec_index", "stack", "full")


@pytest.fixture(scope="module")
def published():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return SSSoilNet().eval()


def full_inputs(n=2):
    torch.manual_seed(1)
    indices = torch.randn(n, 37)
    return {"spectrum": torch.rand(n, 10), "indices": indices, "missing": indices * 0, "ndvi": torch.rand(n), "window": torch.randn(n, 9, 65, 65)}


def test_attention_is_nine_by_twelve_and_its_rows_sum_to_one(published):
    inputs = full_inputs()
    with torch.no_grad():
        predicted, attention, weights, gate = published.attend(**inputs)
        assert torch.equal(predicted, published(**inputs))
    assert attention.shape == (2, 9, 12)
    assert torch.allclose(attention.sum(2), torch.ones(2, 9), atol=1e-6)
    assert (attention > 0).all()
    assert weights.shape == (2, 9)
    assert ((weights > 0) & (weights < 1)).all()
    assert torch.allclose(gate, torch.sigmoid(20 * (inputs["ndvi"] - 0.3)))


def test_ablations_read_less_and_share_the_head():
    networks = {part: SSSoilNet(part) for part in PARTS}
    assert [set(networks[part].inputs_needed) for part in PARTS[:2]] == [{"indices", "missing", "ndvi"}, {"indices", "missing", "ndvi", "spectrum"}]
    assert networks["stack"].inputs_needed == networks["full"].inputs_needed
    assert [networks[part].head[0].in_features // 64 for part in PARTS] == [2, 3, 4, 4]
    assert {(network.head[0].out_features, network.head[3].out_features) for network in networks.values()} == {(128, 32)}
    assert count_parameters(networks["stack"]) == count_parameters(networks["full"]) - count_parameters(networks["full"].cross)
    counts = [count_parameters(networks[part]) for part in PARTS]
    assert counts == sorted(counts)


def test_what_a_part_does_not_have_is_not_explained():
    for part, known in (("index", (False, False)), ("spec_index", (False, False)), ("stack", (False, True))):
        network = small(f"sssoilnet {part}").eval()
        _, attention, weights, gate = network.attend(**inputs_of(network))
        assert (attention is not None, weights is not None) == known
        assert gate.shape == (8,)


def test_the_soft_gate_turns_at_the_threshold_and_learns():
    branch = IndexResNet(3, 4, 2, width=8)
    share = branch.share(torch.tensor([-1.0, 0.2, 0.3, 0.4, 1.0, float("nan")]))
    assert share[2] == 0.5
    assert share[5] == 0.5
    assert (share[:5].diff() > 0).all()
    assert torch.allclose(share[1] + share[3], torch.tensor(1.0))
    share.sum().backward()
    assert torch.isfinite(branch.tau.grad)
    assert float(branch.kappa.grad.abs()) > 0


def test_the_hard_gate_lets_one_branch_through():
    torch.manual_seed(0)
    branch = IndexResNet(3, 4, 2, width=8, gate="hard").eval()
    indices, missing, ndvi = torch.randn(2, 5), torch.zeros(2, 5), torch.tensor([0.31, 0.30])
    tokens, share = branch(indices, missing, ndvi)
    assert share.tolist() == [1.0, 0.0]
    assert (tokens[0, 1] == 0).all()
    assert (tokens[1, 0] == 0).all()
    changed = indices.clone()
    changed[:, 0] += 1  # the one index of vegetation only
    again, _ = branch(changed, missing, ndvi)
    assert not torch.allclose(again[0], tokens[0])
    assert torch.equal(again[1], tokens[1])
    assert [name for name, _ in branch.named_parameters() if name in ("tau", "kappa")] == []


def test_both_branches_read_the_water_indices_and_the_mask():
    torch.manual_seed(0)
    branch = IndexResNet(3, 4, 2, width=8).eval()
    indices, missing, ndvi = torch.randn(1, 5), torch.zeros(1, 5), torch.tensor([0.3])
    tokens, _ = branch(indices, missing, ndvi)
    for column in (3, 4):
        for given in (0, 1):
            both = [indices.clone(), missing.clone()]
            both[given][:, column] += 1
            changed, _ = branch(*both, ndvi)
            assert (changed != tokens).any(2).all()


def test_every_covariate_keeps_its_identity():
    torch.manual_seed(0)
    encoder, window = SpatialEncoder(3, 8).eval(), torch.randn(1, 3, 17, 17)
    changed = window.clone()
    changed[:, 1] += torch.randn(17, 17)
    first, second = (encoder.attention(encoder.blocks(encoder.stem(each))).unflatten(1, (3, -1)) for each in (window, changed))
    assert [torch.equal(first[:, layer], second[:, layer]) for layer in range(3)] == [True, False, True]
    assert encoder(window)[0].shape == (1, 3, 8)


def test_a_window_of_65_cells_is_seen_at_9_by_9(published):
    with torch.no_grad():
        assert published.spatial.blocks(published.spatial.stem(torch.randn(1, 9, 65, 65))).shape == (1, 288, 9, 9)


def test_channel_and_place_weights_by_hand():
    torch.manual_seed(0)
    attention, x = GroupedCBAM(1, 8, reduction=4), torch.randn(1, 8, 9, 9)
    mlp = attention.channels
    weighted = x * torch.sigmoid(mlp(x.mean((2, 3))[..., None]) + mlp(x.amax((2, 3))[..., None]))[..., None]
    places = torch.sigmoid(attention.places(torch.cat([weighted.mean(1, keepdim=True), weighted.amax(1, keepdim=True)], dim=1)))
    assert torch.allclose(attention(x), weighted * places, atol=1e-6)


def test_cross_attention_agrees_with_torch():
    torch.manual_seed(0)
    layer = CrossAttention(8, 2, dropout=0.0)
    reference = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key.weight, layer.value.weight]))
        reference.in_proj_bias.copy_(torch.cat([layer.query.bias, torch.zeros(8), layer.value.bias]))
        reference.out_proj.weight.copy_(layer.out.weight)
        reference.out_proj.bias.copy_(layer.out.bias)
    queries, tokens = torch.randn(3, 4, 8), torch.randn(3, 5, 8)
    attended, weights = layer(queries, tokens)
    mixed, expected = reference(layer.norm_query(queries), layer.norm_token(tokens), layer.norm_token(tokens))
    mixed = queries + mixed
    assert torch.allclose(weights, expected, atol=1e-6)
    assert torch.allclose(attended, mixed + layer.forward_part(layer.norm_forward(mixed)), atol=1e-6)


def test_bands_are_told_apart_by_their_wavelength():
    torch.manual_seed(0)
    tokens = MODC(10, 64)(torch.rand(4, 10))
    assert tokens.shape == (4, 10, 64)
    assert count_parameters(MODC(10, 64)) == 16 * (1 + 3 + 5 + 7) + 2 * 64 + 64 * 64 + 64 + 10 * 64


@pytest.mark.parametrize("training", [True, False])
def test_the_mean_of_the_band_tokens_needs_no_tokens(training):
    torch.manual_seed(0)
    module, spectrum = MODC(6, 16), torch.rand(32, 6)
    for _ in range(3):
        module(torch.rand(32, 6))
    module.train(training)
    assert torch.allclose(module.mean_token(spectrum), module(spectrum).mean(1), atol=1e-6)


def test_softplus_is_never_negative_and_a_linear_output_can_be():
    network = small("sssoilnet index")
    inputs = inputs_of(network)
    trained(network, inputs, torch.full((8,), -3.0), steps=40)
    assert (network.eval()(**inputs) >= 0).all()
    linear = SSSoilNet("index", vegetation=5, bare=6, d=16, output="linear", dropout=0.0)
    trained(linear, inputs, torch.full((8,), -3.0), steps=60)
    assert (linear.eval()(**inputs) < -2).all()


def test_windows_of_a_few_cells_are_refused(published):
    with pytest.raises(ModelError, match="8 cells"):
        published(**{**full_inputs(), "window": torch.randn(2, 9, 8, 8)})
