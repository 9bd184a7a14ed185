"""Profiles by group: means and medians as defined, and correlations shown only where a profile comes back."""

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.explanation.profiles import SHARED, SeedAttribution, group_profiles

POINTS = 200
AXIS = np.linspace(0, 1, POINTS)


def bump(centre, width=0.05):
    return np.exp(-0.5 * ((AXIS - centre) / width) ** 2)


def seeds_of(shapes, count=30, seeds=3, between=0.3, draws=0.2, seed=0):
    """Attributions of samples whose group has a shape of its own, which samples and draws blur."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(seeds):
        groups = np.repeat(list(shapes), count)
        truth = np.stack([shapes[name] for name in groups])
        of_sample = truth * (1 + between * rng.normal(size=(groups.size, 1))) + between * rng.normal(size=truth.shape)
        made.append(SeedAttribution(np.stack([of_sample + draws * rng.normal(size=truth.shape) for _ in range(2)]).astype(np.float32), groups))
    return made


def test_a_profile_is_the_mean_of_its_samples_and_the_median_of_the_seeds():
    seeds = seeds_of({"a": bump(0.3), "b": bump(0.7)}, count=6)
    found = group_profiles(seeds)
    assert found.names == ("all", "a", "b")
    assert found.counts == (36, 18, 18)
    means = [one.halves.mean(axis=0)[one.groups == "b"].mean(axis=0) for one in seeds]
    np.testing.assert_allclose(found.profiles[2], np.median(means, axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.spread[2], np.std(means, axis=0, ddof=1), rtol=1e-4, atol=1e-7)
    everything = [one.halves.mean(axis=(0, 1)) for one in seeds]
    np.testing.assert_allclose(found.profiles[0], np.median(everything, axis=0), rtol=1e-5, atol=1e-7)


def test_sizes_stay_where_signed_attributions_cancel():
    rng = np.random.default_rng(0)
    signed = rng.choice([-1.0, 1.0], size=(1, 400, 1)) * bump(0.3)
    found = group_profiles([SeedAttribution(np.repeat(signed, 2, axis=0))])
    np.testing.assert_allclose(found.sizes[0], bump(0.3), rtol=1e-6)
    assert np.abs(found.profiles[0]).max() < 0.2


def test_one_odd_seed_does_not_move_a_profile():
    seeds = seeds_of({"a": bump(0.3)}, seeds=5)
    odd = [*seeds[:4], SeedAttribution(seeds[4].halves + 100, seeds[4].groups)]
    assert np.abs(group_profiles(odd).profiles[1] - group_profiles(seeds).profiles[1]).max() < 0.3


def test_correlations_are_those_of_the_true_shapes_where_profiles_come_back():
    shapes = {"a": bump(0.3), "b": 0.8 * bump(0.3) + 0.6 * bump(0.6), "c": bump(0.9) - bump(0.1)}
    found = group_profiles(seeds_of(shapes, count=200))
    assert (found.reliability > 0.8).all()
    assert not found.hidden
    np.testing.assert_allclose(found.correlation[1:, 1:], np.corrcoef(list(shapes.values())), atol=0.05)
    np.testing.assert_allclose(np.diag(found.correlation), 1)
    np.testing.assert_allclose(found.correlation, found.correlation.T)


def test_a_profile_of_noise_is_hidden_with_the_reason_and_so_are_its_correlations():
    """Both are noise: whatever their correlation, it says nothing."""
    found = group_profiles(seeds_of({"a": bump(0.3), "noise": np.zeros(POINTS)}, count=60))
    number = found.names.index("noise")
    assert found.reliability[number] < 0.5
    assert "cannot be repeated" in found.hidden["noise"]
    assert np.isnan(found.correlation[number]).all()
    assert np.isnan(found.correlation[:, number]).all()
    assert np.isfinite(found.correlation[found.names.index("a"), 0])


def test_reliability_is_the_correlation_with_a_profile_of_new_samples_and_draws():
    """Spearman-Brown brings halves to the whole: the same as correlating two independent wholes."""
    shapes = {"a": bump(0.3)}
    told = np.mean([group_profiles(seeds_of(shapes, count=24, seeds=1, between=1.0, seed=2 * n)).reliability[1] for n in range(12)])
    pairs = [
        [group_profiles(seeds_of(shapes, count=24, seeds=1, between=1.0, seed=100 + 2 * n + k)).profiles[1] for k in range(2)] for n in range(12)
    ]
    assert told == pytest.approx(np.mean([np.corrcoef(pair)[0, 1] for pair in pairs]), abs=0.05)


def test_more_samples_and_more_draws_make_a_profile_more_reliable():
    few, many = (group_profiles(seeds_of({"a": bump(0.3)}, count=count, between=1.0, seeds=1)).reliability[1] for count in (8, 100))
    assert few < many
    coarse, fine = (group_profiles(seeds_of({"a": bump(0.3)}, draws=draws, seeds=1)).noise[1] for draws in (1.0, 0.1))
    assert coarse > 5 * fine


def test_too_few_samples_to_halve_are_said():
    seeds = seeds_of({"a": bump(0.3)}, count=20)
    groups = np.array(["a"] * 18 + ["rare"] * 2)
    found = group_profiles([SeedAttribution(one.halves, groups) for one in seeds])
    assert "at least 4" in found.hidden["rare"]
    assert np.isnan(found.reliability[2])
    assert found.counts[2] == 6


def test_a_group_that_some_seeds_lack_and_unknown_groups_are_taken_as_they_are():
    seeds = seeds_of({"a": bump(0.3), "b": bump(0.7)}, count=10)
    only_first = [seeds[0], *(SeedAttribution(one.halves[:, one.groups == "a"], one.groups[one.groups == "a"]) for one in seeds[1:])]
    found = group_profiles(only_first)
    assert found.counts[found.names.index("b")] == 10
    unknown = group_profiles([SeedAttribution(one.halves, np.where(one.groups == "b", "", one.groups)) for one in seeds])
    assert unknown.names == ("all", "a")
    assert unknown.counts[0] == 60
    assert group_profiles([SeedAttribution(one.halves) for one in seeds]).names == ("all",)


def test_a_flat_profile_is_said_to_be_flat():
    found = group_profiles([SeedAttribution(np.zeros((2, 10, POINTS)), np.array(["a"] * 10))])
    assert "flat" in found.hidden["a"]
    assert found.facts()["correlation"] == [[None, None], [None, None]]


def test_facts_are_plain_values_with_the_sentence_on_shared_noise():
    facts = group_profiles(seeds_of({"a": bump(0.3), "noise": np.zeros(POINTS)})).facts()
    assert facts["sentence"] == SHARED
    rows = {row["group"]: row for row in facts["groups"]}
    assert rows["a"]["shown"]
    assert not rows["noise"]["shown"]
    assert rows["noise"]["reason"]
    assert isinstance(facts["correlation"][0][0], float)


def test_nothing_to_explain_and_different_axes_are_refused():
    with pytest.raises(SettingsError, match="no attributions"):
        group_profiles([])
    with pytest.raises(SettingsError, match="one axis"):
        group_profiles([SeedAttribution(np.zeros((2, 4, 5))), SeedAttribution(np.zeros((2, 4, 6)))])
