"""SoilNet: published counts, shapes, branches, attention."""

import pytest
import torch

from soilcore.core.errors import ModelError
from soilcore.models.networks import SoilNet, build_network, count_parameters
from soilcore.models.networks.glam import GLAM, GlobalChannelAttention, attention_weights
from tests.engine.models.networks.inputs import inputs_of, small


@pytest.fixture(scope="module")
def counts(oracle):
    return oracle("network_params")["soilnet"]


@pytest.fixture(scope="module")
def published():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return SoilNet().eval()


def meta(**settings):
    with torch.device("meta"):
        return SoilNet(**settings)


def test_parts_have_the_published_numbers_of_parameters(published, counts):
    encoder, glam = published.image_encoder, published.image_encoder.glam
    regressor = (published.image_branch, published.climate_branch, published.joint, published.last)
    assert {name: count_parameters(getattr(glam, name)) for name in counts["glam"] if name != "fusion"} | {"fusion": glam.fusion.numel()} == counts[
        "glam"
    ]
    assert count_parameters(glam) == counts["glam_total"]
    assert count_parameters(encoder) - count_parameters(glam) == counts["resnet101_14band_1024"]
    assert count_parameters(published.climate_encoder) == counts["lstm_14_features"]
    assert sum(map(count_parameters, regressor)) == counts["regressor"]
    assert count_parameters(published) == counts["soilnet_total_14_climate"] == 45_146_359


def test_saved_tensors_without_running_statistics_sum_to_the_published_number(published, counts):
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    learnt = [values.numel() for name, values in published.state_dict().items() if not name.endswith(statistics)]
    assert sum(learnt) == counts["soilnet_total_14_climate"]


@pytest.mark.parametrize(
    ("settings", "total"),
    [
        ({"climate": 12}, "soilnet_total_12_climate"),
        ({"climate": 0}, "image_glam_total"),
        ({"climate": 0, "glam": False}, "image_only_total"),
        ({"glam_attention": "flat"}, "soilnet_total_14_climate"),
    ],
)
def test_variants_have_the_published_numbers_of_parameters(settings, total, counts):
    assert count_parameters(meta(**settings)) == counts[total]


def test_the_encoder_of_three_bands_is_the_known_residual_network(counts):
    from soilcore.models.networks.resnet import ResNet

    with torch.device("meta"):
        assert count_parameters(ResNet(3, 1000, glam=False)) == counts["resnet101_3band_1000"]


def test_the_published_network_predicts_and_its_attention_sees_8_by_8(published, counts):
    side = counts["feature_map_after_stage2_for_64px"]
    with torch.no_grad():
        image = torch.rand(1, 14, 64, 64)
        assert published.image_encoder.middle(image).shape == (1, 512, side, side)
        assert published(image=image, climate=torch.rand(1, 61, 14)).shape == (1,)
        assert published.features(image=image, climate=torch.rand(1, 61, 14)).shape == (1, 128)


def test_the_small_network_stays_below_half_a_million_parameters():
    network = build_network("soilnet-small")
    assert network.settings["size"] == 32
    assert network.climate_encoder.memory.hidden_size == 32
    assert network.image_encoder.glam.local_spatial.reduce.out_channels == 8
    assert network.image_encoder.glam.local_spatial.reduce.in_channels == 64
    assert 100_000 < count_parameters(network) < 500_000


def test_only_the_variant_with_attention_leaks():
    assert isinstance(meta().image_encoder.activation, torch.nn.LeakyReLU)
    assert not isinstance(meta(glam=False).image_encoder.activation, torch.nn.LeakyReLU)


def test_softmax_per_row_gives_means_and_over_the_matrix_much_less():
    scores = torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(attention_weights(scores, "row").sum(2), torch.ones(2, 6))
    assert torch.allclose(attention_weights(scores, "flat").sum((1, 2)), torch.ones(2))
    constant = torch.full((2, 16, 4, 4), 3.0)
    rowwise, flat = GlobalChannelAttention(5, "row"), GlobalChannelAttention(5, "flat")
    flat.load_state_dict(rowwise.state_dict())
    assert torch.allclose(rowwise(constant), torch.full_like(constant, 9.0), atol=1e-5)  # value times the mean of equal values
    assert torch.allclose(flat(constant).mean(), torch.tensor(9.0 / 16), atol=1e-5)


def test_the_form_of_the_softmax_changes_the_prediction():
    first, second = small("soilnet-small").eval(), small("soilnet-small flat").eval()
    second.load_state_dict(first.state_dict())
    inputs = inputs_of(first)
    assert not torch.allclose(first(**inputs), second(**inputs), atol=1e-6)


def test_keys_of_the_global_channel_attention_are_used():
    torch.manual_seed(0)
    attention, x = GlobalChannelAttention(5, "row"), torch.randn(1, 16, 4, 4)
    before = attention(x)
    with torch.no_grad():
        attention.key.weight.mul_(-3)
    assert not torch.allclose(before, attention(x))


def test_local_attention_by_hand():
    torch.manual_seed(0)
    glam, x = GLAM(8, 2, 3), torch.randn(1, 8, 4, 4)
    weights = torch.sigmoid(glam.local_channel.conv(x.mean((2, 3))[:, None]))[0, 0]
    assert torch.allclose(glam.local_channel(x), x * (1 + weights)[None, :, None, None], atol=1e-6)


def test_fusion_starts_with_equal_shares():
    torch.manual_seed(0)
    glam, x = GLAM(8, 2, 3), torch.randn(1, 8, 4, 4)
    near = glam.local_spatial(x, glam.local_channel(x))
    far = glam.global_spatial(x, glam.global_channel(x))
    assert torch.allclose(glam(x), (near + x + far) / 3, atol=1e-6)


def test_the_order_and_the_number_of_months_are_free_but_matter():
    network = small("soilnet-small").eval()
    inputs = inputs_of(network)
    longer = network(image=inputs["image"], climate=torch.cat([inputs["climate"], inputs["climate"]], dim=1))
    backwards = network(image=inputs["image"], climate=inputs["climate"].flip(1))
    assert longer.shape == (8,)
    assert not torch.allclose(backwards, network(**inputs), atol=1e-6)


def test_without_climate_there_is_no_climate_embedding_and_small_images_are_refused():
    network = small("soilnet-small image")
    with pytest.raises(ModelError, match="without climate"):
        network.embed_climate(torch.rand(1, 7, 2))
    with pytest.raises(ModelError, match="15 cells"):
        network(image=torch.rand(1, 3, 15, 15))
