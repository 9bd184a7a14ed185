"""The gate of networks: who is better under the same folds, how sure that is, and whether more samples would turn it round."""

import math

import numpy as np
import pytest

from soilcore.evaluation.protocol import Evaluation
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.trust.gate import crossing, network_gate

N = 300


def scored(name, noise, seed=0, folds=10, bias=0.0):
    """Predictions with errors of a known size, under folds that are the same for all."""
    splits = make_splits(SplitSettings("random", folds=folds), N)
    truth = np.random.default_rng(99).normal(size=N)
    predicted = (truth + bias + noise * np.random.default_rng(seed).normal(size=N))[None]
    r2 = 1 - ((predicted[0] - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    rows = tuple({"repeat": 0, "fold": fold, "n_train": train.size, "n_test": test.size} for fold, (train, test) in enumerate(splits.folds()))
    return Evaluation(name, truth, predicted, {"r2": r2}, rows, 1.0, splits)


def curve(*pairs):
    return [{"n": n, "r2": r2} for n, r2 in pairs]


def test_a_network_that_is_clearly_behind_has_too_few_samples():
    (row,) = network_gate(
        {"mean": scored("mean", 0.99, 1), "stacking": scored("stacking", 0.3, 2), "sssoilnet": scored("sssoilnet", 0.7, 3)}, {"sssoilnet"}
    )
    assert row["verdict"] == "behind"
    assert row["against"] == "stacking"
    assert row["samples"] == 270
    assert row["high"] < 0
    assert row["p"] < 0.01
    assert row["sentence"].startswith("Too few samples for this network: with 270 to train on, stacking is better here than sssoilnet")
    assert "10 of 10 folds" in row["sentence"]
    assert row["needed"] is None


def test_a_network_that_is_clearly_ahead_is_said_to_be():
    (row,) = network_gate({"stacking": scored("stacking", 0.7, 2), "sssoilnet": scored("sssoilnet", 0.3, 3)}, {"sssoilnet"})
    assert row["verdict"] == "ahead"
    assert row["low"] > 0
    assert "sssoilnet is better than stacking here" in row["sentence"]


def test_a_difference_within_luck_speaks_for_the_simpler_learner():
    (row,) = network_gate({"rf": scored("rf", 0.5, 2), "soilnet-small": scored("soilnet-small", 0.5, 3)}, {"soilnet-small"})
    assert row["verdict"] == "level"
    assert row["low"] < 0 < row["high"]
    assert "luck" in row["sentence"]
    assert "simpler one is safer" in row["sentence"]


@pytest.mark.parametrize(("noise", "said"), [(0.3, "Use rf"), (2.0, "Neither did rf")])
def test_a_network_without_skill_is_not_compared_further(noise, said):
    (row,) = network_gate({"rf": scored("rf", noise, 2), "soilnet": scored("soilnet", 3.0, 3)}, {"soilnet"})
    assert row["verdict"] == "no-skill"
    assert said in row["sentence"]


def test_every_network_is_set_against_the_best_simpler_learner_and_seeds_count_together():
    everyone = {
        "rf": scored("rf", 0.5, 1),
        "stacking": scored("stacking", 0.3, 2),
        "a": [scored("a", 0.6, seed) for seed in (3, 4)],
        "b": scored("b", 0.1, 5),
    }
    rows = {row["name"]: row for row in network_gate(everyone, {"a", "b"})}
    assert {row["against"] for row in rows.values()} == {"stacking"}
    assert (rows["a"]["verdict"], rows["b"]["verdict"]) == ("behind", "ahead")


def test_there_is_no_gate_without_both_kinds():
    assert network_gate({"rf": scored("rf", 0.5)}, {"soilnet"}) == []
    assert network_gate({"soilnet": scored("soilnet", 0.5)}, {"soilnet"}) == []


def test_curves_tell_how_many_samples_would_be_needed():
    stack, network = curve((50, 0.5), (100, 0.55), (200, 0.6)), curve((50, 0.2), (100, 0.35), (200, 0.5))
    assert crossing(stack, network) == pytest.approx(400, rel=1e-6)  # the gap falls by 0.1 with each doubling
    everyone = {"stacking": scored("stacking", 0.3, 2), "net": scored("net", 0.6, 3)}
    (row,) = network_gate(everyone, {"net"}, {"stacking": stack, "net": network})
    assert row["needed"] == pytest.approx(400, rel=1e-6)
    assert "meet at about 400 training samples" in row["sentence"]


def test_curves_that_do_not_draw_nearer_say_so():
    stack = curve((50, 0.5), (100, 0.6), (200, 0.7))
    assert crossing(stack, curve((50, 0.3), (100, 0.4), (200, 0.5))) == math.inf
    everyone = {"stacking": scored("stacking", 0.3, 2), "net": scored("net", 0.6, 3)}
    (row,) = network_gate(everyone, {"net"}, {"stacking": stack, "net": curve((50, 0.3), (100, 0.38), (200, 0.46))})
    assert row["needed"] is None
    assert "do not draw nearer" in row["sentence"]


def test_two_sizes_are_no_curve():
    assert crossing(curve((50, 0.5), (100, 0.6)), curve((50, 0.3), (100, 0.4))) is None
    assert crossing(curve((50, 0.5), (100, 0.6), (200, 0.6)), curve((60, 0.3), (110, 0.4), (210, 0.4))) is None
