"""Scores of values and intervals against exact numbers, scikit-learn and the identities they must obey."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.metrics import bootstrap_interval, check_pairs, interval_scores, pinball_loss, regression_scores

CASES = (
    "general",
    "perfect",
    "shifted",
    "scaled",
    "anticorrelated",
    "constant_prediction",
    "constant_observation",
    "zero_in_observation",
)
ORACLE_NAMES = {"r": "pearson_r", "lccc": "ccc"}
NUMBERS = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 3))


def same(value, expected):
    return math.isnan(value) if expected is None else value == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_every_score_equals_exact_arithmetic(oracle, case):
    data = oracle("metrics")["regression"][case]
    scores = regression_scores(data["obs"], data["pred"])
    for name in ("n", "me", "mae", "mse", "rmse", "r2", "r", "lccc", "cb", "rpd", "rpiq", "mape"):
        assert same(scores[ORACLE_NAMES.get(name, name)], data["expected"][name]), name


def test_concordance_squares_the_difference_of_means_unlike_the_paper(oracle):
    data = oracle("metrics")["regression"]["shifted"]
    assert regression_scores(data["obs"], data["pred"])["ccc"] == pytest.approx(0.8)
    assert data["expected"]["lccc_unsquared_paper004_typo"] > 1


def test_scores_on_the_log_scale_are_named_so_and_equal_exact_arithmetic(oracle):
    data = oracle("metrics")["log_space"]
    scores = regression_scores(data["obs"], data["pred"])
    assert same(scores["r2_log10"], data["r2_log10"])
    assert same(scores["ccc_log10"], data["lccc_log10"])
    assert same(scores["rmse"], data["rmse_original"])
    assert same(scores["mape"], data["mape_original"])


@pytest.mark.parametrize(("observed", "predicted"), [([0, 1, 2], [1, 1, 2]), ([1, 2, 3], [-0.1, 2, 3]), ([1, 2, 3], [0, 2, 3])])
def test_the_log_scale_needs_positive_values_on_both_sides(observed, predicted):
    assert math.isnan(regression_scores(observed, predicted)["r2_log10"])


def test_a_column_of_predictions_is_refused_instead_of_broadcast_to_all_pairs():
    observed = np.arange(1.0, 6.0)
    with pytest.raises(ModelError, match=r"\(5, 1\).*ravel"):
        regression_scores(observed, observed.reshape(-1, 1))


@pytest.mark.parametrize(("observed", "predicted"), [([1, 2, 3], [1, 2]), (1.0, 1.0), ([[1, 2]], [[1, 2]])])
def test_other_shapes_are_refused_with_their_shapes(observed, predicted):
    with pytest.raises(ModelError, match=r"\("):
        regression_scores(observed, predicted)


def test_text_is_refused_with_the_text():
    with pytest.raises(ModelError, match="0,12"):
        regression_scores(["0,12", "1"], [1, 2])


def test_pairs_with_a_gap_are_left_out_and_counted():
    scores = regression_scores([1, 2, np.nan, 4, 5], [1, 3, 3, np.inf, 5])
    assert scores["n"] == 3
    assert scores["mae"] == pytest.approx(1 / 3)


def test_without_pairs_every_score_is_undefined():
    scores = regression_scores([np.nan], [1.0])
    assert scores.pop("n") == 0
    assert all(math.isnan(value) for value in scores.values())


def test_a_constant_target_whose_mean_is_not_exact_has_no_r2():
    """0.1 + 0.1 + 0.1 over 3 is not 0.1 in floats, so the sum of squares is not exactly 0."""
    scores = regression_scores([0.1] * 3, [0.1, 0.2, 0.1])
    assert math.isnan(scores["r2"])
    assert math.isnan(scores["pearson_r"])
    assert scores["rpiq"] == 0


def test_a_constant_target_predicted_exactly_has_no_concordance():
    scores = regression_scores([0.1] * 7, [0.1] * 7)
    assert math.isnan(scores["ccc"])
    assert scores["rmse"] == 0


@pytest.mark.filterwarnings("error")
def test_an_absurd_prediction_has_an_infinite_error_and_no_crash():
    scores = regression_scores([1.0, 2.0, 3.0], [1.0, 2.0, 1e300])
    assert scores["rmse"] == np.inf
    assert scores["r2"] == -np.inf


def test_bias_is_positive_when_predictions_are_too_high():
    assert regression_scores([1, 2, 3], [2, 3, 4])["me"] == 1


@st.composite
def pairs(draw):
    n = draw(st.integers(2, 40))
    return [np.array(draw(st.lists(NUMBERS, min_size=n, max_size=n))) for _ in range(2)]


@given(pairs())
@settings(max_examples=200, deadline=None)
def test_the_identities_between_scores_hold(values):
    y, p = values
    scores = regression_scores(y, p)
    near = {"rel": 1e-6, "abs": 1e-6}
    assert scores["mae"] <= scores["rmse"] * (1 + 1e-12)
    assert scores["mse"] == pytest.approx(scores["me"] ** 2 + np.var(p - y), **near)
    if np.ptp(y) > 0.01 and scores["rmse"] > 1e-3:
        assert scores["r2"] == pytest.approx(1 - scores["mse"] / np.var(y), **near)
        assert scores["rpd"] ** 2 == pytest.approx(y.size / ((y.size - 1) * (1 - scores["r2"])), **near)
        if np.ptp(p) > 0.01:
            assert abs(scores["ccc"]) <= abs(scores["pearson_r"]) + 1e-9
            assert scores["cb"] == pytest.approx(scores["ccc"] / scores["pearson_r"]) if abs(scores["pearson_r"]) > 1e-9 else True


@given(pairs())
@settings(max_examples=100, deadline=None)
def test_the_scores_scikit_learn_has_are_the_same(values):
    y, p = values
    scores = regression_scores(y, p)
    near = {"rel": 1e-9, "abs": 1e-9}
    assert scores["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(y, p), **near)
    assert scores["mse"] == pytest.approx(sklearn_metrics.mean_squared_error(y, p), **near)
    assert scores["medae"] == pytest.approx(sklearn_metrics.median_absolute_error(y, p), **near)
    if np.ptp(y) > 0.01:
        assert scores["r2"] == pytest.approx(sklearn_metrics.r2_score(y, p), rel=1e-7, abs=1e-9)


@given(pairs(), st.floats(0.1, 10), st.randoms())
@settings(max_examples=50, deadline=None)
def test_order_and_unit_do_not_change_relative_scores(values, factor, random):
    y, p = values
    order = list(range(y.size))
    random.shuffle(order)
    one, other = regression_scores(y, p), regression_scores(factor * y[order], factor * p[order])
    if np.ptp(y) > 0.01 and one["rmse"] > 1e-3:
        for name in ("r2", "rpd", "ccc"):
            assert other[name] == pytest.approx(one[name], rel=1e-6, abs=1e-6)
        assert other["rmse"] == pytest.approx(factor * one["rmse"], rel=1e-9)


def test_intervals_equal_exact_arithmetic(oracle):
    data = oracle("metrics")["intervals"]
    scores = interval_scores(data["obs"], data["lower"], data["upper"], data["alpha"])
    for name in ("picp", "mpiw", "nmpiw", "ace", "winkler"):
        assert same(scores[name], data["expected"][name]), name


def test_an_infinite_interval_covers_at_infinite_width():
    scores = interval_scores([1.0, 2.0], [-np.inf, 1.5], [np.inf, 2.5], 0.1)
    assert scores["picp"] == 1
    assert scores["mpiw"] == np.inf


def test_swapped_bounds_and_impossible_alphas_are_refused():
    with pytest.raises(ModelError, match=r"1 intervals .* \[3, 2\]"):
        interval_scores([1.0, 2.0], [0.0, 3.0], [2.0, 2.0], 0.1)
    with pytest.raises(SettingsError, match="90"):
        interval_scores([1.0], [0.0], [2.0], 90)


def test_the_true_quantile_has_the_lowest_pinball_loss():
    values = np.random.default_rng(0).gamma(2, size=20_000)
    losses = {shift: pinball_loss(values, np.full(values.size, np.quantile(values, 0.9) + shift), 0.9) for shift in (-0.5, 0, 0.5)}
    assert min(losses, key=losses.get) == 0
    assert pinball_loss([1, 2, 3], [2, 2, 2], 0.5) == pytest.approx(1 / 3)
    assert losses[0.5] == pytest.approx(sklearn_metrics.mean_pinball_loss(values, np.full(values.size, np.quantile(values, 0.9) + 0.5), alpha=0.9))


def test_check_pairs_names_the_argument_with_the_wrong_shape():
    with pytest.raises(ModelError, match=r"observed \(2,\), predicted \(2, 1\)"):
        check_pairs([1, 2], [[1], [2]])


def clustered(rng, blocks=25, per_block=8):
    """Errors shared within a block: 200 samples that are worth about 25."""
    groups = np.repeat(np.arange(blocks), per_block)
    truth = rng.normal(size=blocks)[groups] + 0.3 * rng.normal(size=groups.size)
    return truth, truth + rng.normal(size=blocks)[groups], groups


def test_the_bootstrap_over_blocks_is_wider_than_over_samples_when_errors_are_shared():
    truth, predicted, groups = clustered(np.random.default_rng(1))
    over_blocks = bootstrap_interval(truth, predicted, groups, "rmse")
    over_samples = bootstrap_interval(truth, predicted, None, "rmse")
    assert np.diff(over_blocks) > 1.5 * np.diff(over_samples)


def test_the_bootstrap_over_blocks_covers_the_true_error_and_over_samples_does_not():
    """The true RMSE of the clustered world is 1. Over 400 worlds of 60 blocks, 90 % intervals covered 0.88 by block and 0.42 by sample."""
    worlds = [clustered(rng, blocks=60) for rng in np.random.default_rng(2).spawn(40)]

    def coverage(by_block):
        bounds = [bootstrap_interval(y, p, groups if by_block else None, "rmse", draws=200) for y, p, groups in worlds]
        return np.mean([low <= 1 <= high for low, high in bounds])

    assert coverage(by_block=True) > 0.75
    assert coverage(by_block=False) < 0.65


def test_the_bootstrap_is_repeatable_and_takes_a_function():
    truth, predicted, groups = clustered(np.random.default_rng(3))
    assert bootstrap_interval(truth, predicted, groups, "mae", 7) == bootstrap_interval(truth, predicted, groups, "mae", 7)
    assert bootstrap_interval(truth, predicted, groups, "mae", 7) != bootstrap_interval(truth, predicted, groups, "mae", 8)
    median = bootstrap_interval(truth, predicted, groups, lambda y, p: float(np.median(p - y)))
    assert median[0] < median[1]


def test_the_bootstrap_says_nothing_about_one_block_and_refuses_unknown_scores():
    assert all(math.isnan(bound) for bound in bootstrap_interval([1, 2, 3], [1, 2, 4], [0, 0, 0]))
    with pytest.raises(SettingsError, match="'R2'"):
        bootstrap_interval([1, 2, 3], [1, 2, 4], metric="R2")
