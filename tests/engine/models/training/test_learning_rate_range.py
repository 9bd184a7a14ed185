"""The range test finds rates at which a network learns and leaves the network alone."""

import copy

import numpy as np
import pytest
import torch

from soilcore.core.errors import SettingsError, Stopped
from soilcore.models.training import train_network
from soilcore.models.training_rates import learning_rate_range
from tests.engine.models.training.tiny import Dense, Line, bits, settings, spectra


def tried(network, **given):
    data, target = spectra(160)
    return learning_rate_range(network, data, target, np.arange(160), settings(), **given)


def test_the_rates_grow_exponentially_from_first_to_last():
    rows = tried(Line(), last=1e-2).rows
    rates = np.array([row["learning_rate"] for row in rows])
    assert len(rows) == 80
    assert rates[[0, -1]] == pytest.approx([1e-6, 1e-2])
    assert np.diff(np.log(rates)) == pytest.approx(np.log(1e4) / 79)


def test_a_network_learns_faster_at_the_suggested_rate_than_at_the_ends():
    network = Dense(dropout=0)
    found = tried(network, last=10.0)
    assert 1e-6 < found.suggestion < found.lowest
    assert f"{found.suggestion:.1g}" in found.sentence
    data, target = spectra(160)
    losses = []
    for rate in (1e-6, found.suggestion, 10.0):
        history = train_network(copy.deepcopy(network), data, target, np.arange(160), [], settings(epochs=5, learning_rate=rate))
        losses.append(history.rows[-1]["loss"])
    assert losses[1] < 0.7 * losses[0]
    assert losses[1] < 0.7 * losses[2]


def test_the_network_and_the_random_state_are_left_alone():
    network = Dense()
    before, chance = bits(network), torch.get_rng_state()
    tried(network)
    assert bits(network) == before
    assert torch.equal(torch.get_rng_state(), chance)
    assert network.training


def test_the_test_ends_where_the_loss_explodes():
    found = tried(Line(), last=1e6, epochs=20)
    assert len(found.rows) < 200
    assert found.rows[-1]["smoothed"] > 4 * min(row["smoothed"] for row in found.rows)
    assert found.suggestion < found.rows[-1]["learning_rate"] / 10


def test_no_rate_is_suggested_where_the_loss_does_not_fall():
    found = tried(Line(), first=1e-12, last=1e-10)
    assert found.suggestion is None
    assert "fell at none of the rates" in found.sentence


def test_few_rows_are_gone_through_more_often():
    data, target = spectra(16)
    assert len(learning_rate_range(Line(), data, target, np.arange(16), settings(), last=1e-3).rows) == 50


def test_the_range_test_can_be_stopped_and_tells_its_rows():
    class Listener:
        def __init__(self):
            self.rows = []

        def __call__(self, done, total, message):
            if done == 10:
                raise Stopped

        def row(self, values):
            self.rows.append(values)

    listener = Listener()
    with pytest.raises(Stopped):
        tried(Line(), report=listener)
    assert [row["step"] for row in listener.rows] == list(range(1, 11))
    assert listener.rows[0]["kind"] == "rate"


def test_rates_that_do_not_grow_are_refused():
    with pytest.raises(SettingsError, match=r"got 0\.1 to 0\.01"):
        tried(Line(), first=0.1, last=0.01)
