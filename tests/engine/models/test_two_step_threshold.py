"""The search of the threshold finds where the relation changes; tau follows what it is tuned for; classes merge where samples are few."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError
from soilcore.models.transforms import TargetTransform
from soilcore.models.two_step_classes import inner_class_folds, labels_of, merged_edges
from soilcore.models.two_step_threshold import best_tau, candidate_thresholds, hard_labels, search_threshold, smearing_factors, tau_curve


def regime_change(n=300, seed=0):
    """Up to about 1.2 the target follows one line of f1, from 4.5 on another; f0 tells which."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    high = X[:, 0] > 0.3
    ln = np.where(high, np.log(6) + 0.2 * np.tanh(2 * X[:, 1]), np.log(0.9) - 0.2 * np.tanh(2 * X[:, 1])) + 0.03 * rng.normal(size=n)
    return X, np.exp(ln)


def test_the_search_finds_a_planted_change_of_regime():
    X, y = regime_change()
    found = search_threshold(X, y, None, regressor="ridge", jobs=2)
    assert np.mean((y > found["threshold"]) == (y > 2)) > 0.95
    assert {"threshold", "rmse_log", "rmse_log_se", "ccc", "rmse", "n_low", "n_high"} == set(found["curve"][0])
    assert min(row["rmse_log"] for row in found["curve"]) < 0.8 * found["single"]["rmse_log"]
    assert all(row["n_low"] + row["n_high"] == 300 for row in found["curve"])


def test_candidates_leave_five_percent_and_the_fewest_on_both_sides():
    y = np.random.default_rng(0).lognormal(size=1000)
    for fewest, least in ((30, 50), (200, 200)):
        tried = candidate_thresholds(y, fewest)
        assert all(least <= (y > value).sum() <= 1000 - least for value in tried)
    assert {1.0, 2.0, 4.0} <= set(candidate_thresholds(y, 30))


def test_a_table_without_a_possible_threshold_is_refused():
    with pytest.raises(ModelError, match="No threshold leaves 30 of 50 samples on both sides"):
        search_threshold(np.zeros((50, 2)), np.linspace(0.1, 1, 50), None)


def test_tau_follows_its_criterion():
    labels, high = np.array([0, 0, 0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.45, 0.4, 0.9])
    curve = tau_curve(labels, high, np.array([1.0, 1, 1, 1, 3, 3]), np.tile([1.0, 3.0], (6, 1)), miss_cost=5)
    at = {row["tau"]: row for row in curve}
    assert at[0.4]["f1"] == pytest.approx(0.8)
    assert at[0.5]["f1"] == pytest.approx(2 / 3)
    assert at[0.5]["cost"] == pytest.approx(5 / 6)
    assert at[0.4]["rmse"] == pytest.approx(np.sqrt(4 / 6))
    assert best_tau(curve, "f1") == 0.4
    assert best_tau(curve, "cost") == 0.4
    assert best_tau(tau_curve(labels, high, miss_cost=0.1), "cost") == 0.5


def test_a_sample_counts_as_high_from_tau_on():
    high = np.array([0.1, 0.5, 0.8])
    np.testing.assert_array_equal(hard_labels(np.column_stack([1 - high, high]), 0.5), [0, 1, 1])


def test_values_on_an_edge_belong_to_the_class_below():
    np.testing.assert_array_equal(labels_of([0, 2, np.nextafter(2, 3), 4, 4.1], (2, 4)), [0, 0, 1, 1, 2])


def test_small_classes_join_their_smaller_neighbour():
    y = np.repeat([1.0, 3.0, 5.0, 7.0], [100, 40, 5, 60])
    edges, notes = merged_edges(y, (2.0, 4.0, 6.0))
    assert edges == (2.0, 6.0)
    assert "both sides of 4 are one, because one of them has 5 training samples and 30 are needed" in notes[0]


def test_groups_are_dealt_so_that_every_class_is_among_the_others():
    group = np.repeat(np.arange(24), 10)
    labels = (group < 6).astype(int)
    folds = inner_class_folds(labels, group, 0)
    assert all(np.unique(folds[group == one]).size == 1 for one in range(24))
    assert all(labels[folds != fold].sum() > 0 for fold in np.unique(folds))


def test_smearing_makes_means_of_medians_class_by_class():
    rng = np.random.default_rng(0)
    z = rng.normal(scale=0.3, size=20_000)
    labels = np.repeat([0, 1], 10_000)
    z[labels == 1] *= 2
    factors = smearing_factors(np.zeros((20_000, 2)), z, labels, TargetTransform("log10"))
    expected = [np.exp((np.log(10) * sd) ** 2 / 2) for sd in (0.3, 0.6)]
    np.testing.assert_allclose(factors, expected, rtol=0.06)
    np.testing.assert_array_equal(smearing_factors(np.zeros((4, 2)), z[:4], labels[:4], TargetTransform()), [1, 1])
