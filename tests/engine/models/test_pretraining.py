"""Pre-training: images and climates of the same places find each other."""

import math

import numpy as np
import pytest
import torch

from soilcore.core.errors import ModelError
from soilcore.models.networks import build_network
from soilcore.models.pretraining import ContrastivePair, contrastive_losses, pretrain_contrastive
from soilcore.models.training_settings import TrainingSettings

HOW = TrainingSettings(epochs=10, batch=18, learning_rate=3e-3, device="cpu", threads=1)


class Places:
    """Places whose brightness and rainfall follow one hidden gradient; neighbours share a climate."""

    def __init__(self, n=72, same=False):
        generator = np.random.default_rng(0)
        self.hidden = np.linspace(-1, 1, n)
        self.image = (self.hidden[:, None, None, None] + 0.3 * generator.normal(size=(n, 3, 16, 16))).astype(np.float32)
        cell = np.repeat(self.hidden[::2], 2)
        self.climate = np.repeat(np.stack([cell, -cell], axis=1)[:, None, :], 6, axis=1).astype(np.float32) * (not same)

    def batch(self, rows):
        return {"image": self.image[rows], "climate": self.climate[rows]}


def network():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return build_network("soilnet-small", {"channels": 3, "climate": 2, "size": 16})


def test_the_loss_of_unrelated_embeddings_is_that_of_guessing_and_of_matching_ones_zero():
    apart = torch.arange(6.0)
    alike = torch.nn.functional.normalize(torch.ones(6, 2, 8), dim=2)
    assert torch.allclose(contrastive_losses(alike, apart), torch.full((6,), math.log(6)))
    matching = torch.eye(6).unsqueeze(1).expand(6, 2, 6)
    assert (contrastive_losses(matching, apart, temperature=0.01) < 1e-6).all()


def test_places_of_one_climate_are_not_held_against_each_other():
    alike = torch.nn.functional.normalize(torch.ones(6, 2, 8), dim=2)
    losses = contrastive_losses(alike, torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0, 3.0]))
    assert torch.allclose(losses, torch.tensor([math.log(4)] * 3 + [math.log(6)] * 3))


def test_branches_learn_to_find_each_other_and_the_regressor_stays_as_it_was():
    net = network()
    before = {name: values.clone() for name, values in net.state_dict().items()}
    given = pretrain_contrastive(net, Places(), np.arange(0, 72, 2), HOW)
    losses = [row["loss"] for row in given.history.rows]
    assert len(losses) == HOW.epochs
    assert losses[0] < 1.5 * math.log(18)
    assert losses[-1] < 0.75 * losses[0]
    assert not torch.equal(net.image_encoder.last.weight, before["image_encoder.last.weight"])
    assert torch.equal(net.joint.weight, before["joint.weight"])
    assert torch.equal(given.image["last.weight"], net.image_encoder.last.weight)
    assert torch.equal(given.climate["last.weight"], net.climate_encoder.last.weight)


def test_pretraining_repeats_to_the_last_bit():
    first, second = network(), network()
    few = TrainingSettings(epochs=2, batch=12, device="cpu", threads=1)
    for net in (first, second):
        torch.rand(3)  # whatever was drawn in between
        pretrain_contrastive(net, Places(24), np.arange(24), few)
    assert all(torch.equal(values, second.state_dict()[name]) for name, values in first.state_dict().items())


def test_both_branches_and_projections_learn():
    pair, data = ContrastivePair(network()), Places(12)
    inputs = {name: torch.from_numpy(values) for name, values in data.batch(np.arange(12)).items()}
    contrastive_losses(pair(**inputs), torch.arange(12.0)).mean().backward()
    parts = (pair.image_encoder, pair.climate_encoder, pair.project_image, pair.project_climate)
    assert all(any(float(weight.grad.abs().max()) > 0 for weight in part.parameters()) for part in parts)


def test_nothing_to_tell_apart_is_refused():
    with pytest.raises(ModelError, match="climate branch"):
        pretrain_contrastive(build_network("soilnet-small", {"climate": 0}), Places(), np.arange(9), HOW)
    with pytest.raises(ModelError, match="same climate"):
        pretrain_contrastive(network(), Places(same=True), np.arange(9), HOW)
