"""Labels, measures and landscape figures of persistence, against plain counting."""

import itertools
import math

import numpy as np
import pytest

from soilcore.core.classes import class_scheme
from soilcore.core.errors import SettingsError
from soilcore.mapping.persistence import LABELS, Persistence, PersistenceSettings, normal_draws

USDA = class_scheme("usda")
NONE = 255


def made(classes, hectares=None, **settings):
    classes = np.array(classes, np.uint8)
    lasting = Persistence(PersistenceSettings(**settings), USDA, len(classes))
    layers, counted = lasting.of_pixels(classes, np.ones(classes.shape[1]) if hectares is None else np.array(hectares))
    lasting.add(counted)
    return layers, lasting.facts()


def series(*columns):
    return np.array(columns).T


def test_labels_follow_their_order():
    layers, _ = made(
        series(
            [0, 0, 0, 0, 0, 0, 1],  # 6 of 7 low
            [4, 3, 4, 3, 3, 1, 3],  # 6 of 7 high
            [0, 0, 1, 1, 2, 2, 2],
            [2, 2, 2, 1, 1, 0, 0],
            [1, 2, 1, 2, 1, 2, 1],
            [0, 0, 0, 0, 1, 1, 1],  # too seldom low, and Z = 1.94 is no trend
        )
    )
    assert [LABELS[number] for number in layers["label"]] == ["stable_low", "persistent_high", "worsening", "improving", "fluctuating", "fluctuating"]


def test_the_share_that_makes_a_pixel_stable_may_be_reached_exactly():
    layers, _ = made(series([0, 0, 0, 0, 1]))
    assert LABELS[layers["label"][0]] == "stable_low"


def test_fewer_than_five_years_have_no_label():
    layers, facts = made(series([0, 0, 0, 0, NONE, NONE], [0, 0, 0, 0, 0, NONE]))
    assert list(layers["label"]) == [NONE, 0]
    assert np.isnan(layers["entropy"][0])
    assert facts["area_ha"] == pytest.approx(1)


def test_measures_are_those_of_plain_counting():
    one = [0, 0, 2, 2, 2, 1, 4]
    layers, _ = made(series(one))
    shares = np.array([2, 1, 3, 1]) / 7
    assert layers["mode"][0] == 2
    assert layers["persistence"][0] == pytest.approx(3 / 7)
    assert layers["transitions"][0] == sum(a != b for a, b in itertools.pairwise(one))
    assert layers["range"][0] == 4
    assert layers["mean"][0] == pytest.approx(np.mean(one))
    assert layers["entropy"][0] == pytest.approx(-(shares * np.log(shares)).sum() / np.log(5))
    s = sum(np.sign(b - a) for a, b in itertools.combinations(one, 2))
    ties = sum(t * (t - 1) * (2 * t + 5) for t in (2, 3))
    assert layers["s"][0] == s
    assert layers["z"][0] == pytest.approx((s - 1) / math.sqrt((7 * 6 * 19 - ties) / 18))


def test_the_transition_matrix_counts_land_and_its_rows_sum_to_one():
    classes = np.random.default_rng(0).integers(0, 5, (7, 200))
    hectares = np.random.default_rng(1).uniform(1, 2, 200)
    _, facts = made(classes, hectares)
    matrix, expected = np.array(facts["transition_matrix"]), np.zeros((5, 5))
    for pixel, area in zip(classes.T, hectares, strict=True):
        for before, after in itertools.pairwise(pixel):
            expected[before, after] += area
    np.testing.assert_allclose(matrix, expected / expected.sum(axis=1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    assert facts["reversion_of_high"] == pytest.approx(1 - matrix[4, 4])


def test_a_land_of_two_lasting_ends_is_polarised_and_more_than_chance_would_make_it():
    rng = np.random.default_rng(3)
    columns = [[0] * 7] * 40 + [[4] * 7] * 40 + [list(rng.permutation([1, 2, 3, 1, 2, 3, 2])) for _ in range(20)]
    _, facts = made(series(*columns))
    assert facts["polarised"] is True
    assert facts["polarisation_index"] == pytest.approx(0.8)
    assert facts["null"]["polarisation_index_permuted_years"] == facts["polarisation_index"]  # years are counted, not their order
    assert facts["null"]["polarisation_index_dealt_anew"] < 0.1


def test_years_that_remember_each_other_persist_more_than_permuted_ones():
    rng = np.random.default_rng(4)
    steps = rng.choice([-1, 0, 1], (12, 400), p=[0.15, 0.7, 0.15])
    classes = np.clip(2 + np.cumsum(steps, axis=0), 0, 4)
    _, facts = made(classes)
    middle = facts["null"]["permuted_years"]["persistence_middle"]
    assert facts["persistence_middle"] > middle["high"]
    assert middle["p"] <= 0.01


def test_every_order_of_few_years_is_in_the_null():
    _, facts = made(np.random.default_rng(5).integers(0, 5, (5, 30)))
    assert facts["null"]["orders"] == math.factorial(5)


def test_how_a_window_is_cut_does_not_change_any_figure():
    classes = np.random.default_rng(6).integers(0, 5, (7, 90)).astype(np.uint8)
    whole, parts = (Persistence(PersistenceSettings(draws=0), USDA, 7) for _ in range(2))
    whole.add(whole.of_pixels(classes, np.full(90, 0.04))[1])
    for start in (0, 20, 50):
        end = {0: 20, 20: 50, 50: 90}[start]
        parts.add(parts.of_pixels(classes[:, start:end], np.full(end - start, 0.04))[1])
    np.testing.assert_equal(whole.facts(), parts.facts())


def limits_of(deviates):
    """The same deviates of the four class limits in every year."""
    return lambda part: np.broadcast_to(np.array(deviates, np.float32)[:, None, None], (4, 7, 1))[:, :, part]


def test_labels_of_narrow_intervals_are_sure_and_of_wide_ones_are_not():
    lasting = Persistence(PersistenceSettings(draws=400), USDA, 7)
    sure, counted = lasting.of_pixels(np.zeros((7, 1), np.uint8), np.ones(1), limits_of([8, 9, 10, 11]))
    unsure, _ = lasting.of_pixels(np.zeros((7, 1), np.uint8), np.ones(1), limits_of([0.2, 0.4, 0.6, 0.8]))
    assert sure["support"][0] == 1
    assert unsure["support"][0] < 0.5
    lasting.add(counted)
    facts = lasting.facts()
    assert facts["monte_carlo"]["share_of_stable_labels"] == 1
    assert facts["monte_carlo"]["share_supported"] == 1


def test_the_support_is_the_binomial_chance_of_independent_years():
    chance = 0.9  # of a low class in a year: 6 or 7 of 7 make the label
    from scipy.stats import binom, norm

    lasting = Persistence(PersistenceSettings(draws=4000), USDA, 7)
    layers, _ = lasting.of_pixels(np.zeros((7, 1), np.uint8), np.ones(1), limits_of([norm.ppf(chance), 20, 21, 22]))
    assert layers["support"][0] == pytest.approx(binom.sf(5, 7, chance), abs=0.03)


def test_draws_have_the_correlation_asked_for_and_come_in_opposite_pairs():
    draws = normal_draws(PersistenceSettings(draws=10_000, correlation=0.7), 3)
    np.testing.assert_allclose(np.corrcoef(draws.T), 0.7 + 0.3 * np.eye(3), atol=0.03)
    np.testing.assert_array_equal(draws[:5000], -draws[5000:])


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"high_min": 5}, "0 to 4"), ({"low_max": 3}, "--low-max"), ({"stable_share": 0.4}, "0.4"), ({"draws": -1}, "-1")],
)
def test_impossible_settings_are_refused(settings, named):
    with pytest.raises(SettingsError, match=named):
        Persistence(PersistenceSettings(**settings), USDA, 7)
